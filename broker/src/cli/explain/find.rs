//! The triggers of manifests, and what keeps others from being read.

use sluicegate_resources::{
    Diagnostic, Located, Manifest, Object, ObjectName, Parsed, Trigger, check_references, codes,
    parse,
};

use crate::cli::validate::Gathered;
use crate::cli::validate::examine::{Finding, Source, alone};
use crate::manifests::folder::dangling_link;

/// What manifests hold.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that are valid, in order of file and place.
    pub(super) triggers: Vec<Placed>,
    /// The brokers that manifests describe, valid or not.
    pub(super) brokers: Vec<ObjectName>,
    /// The names of the triggers that are not valid.
    pub(super) invalid: Vec<ObjectName>,
    /// Whether something cannot be read that may be any trigger.
    pub(super) has_nameless_faults: bool,
    /// What is wrong with triggers, and with what may be one, as people read it.
    pub(super) faults: Vec<String>,
}

/// A trigger and where it stands.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) trigger: Trigger,
}

impl Found {
    pub(super) fn may_lack_triggers(&self) -> bool {
        self.has_nameless_faults || !self.invalid.is_empty()
    }

    fn invalid(&mut self, name: Option<&ObjectName>) {
        match name {
            Some(name) => self.invalid.push(name.clone()),
            None => self.has_nameless_faults = true,
        }
    }

    fn tell(&mut self, source: &Source, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        let errors = diagnostics.into_iter().filter(Diagnostic::is_error);
        let rendered = errors.map(|it| Finding::new(&source.file, source.text(), it).rendered);
        self.faults.extend(rendered);
    }
}

impl Placed {
    pub(super) fn name(&self) -> &ObjectName {
        &self.trigger.metadata.name
    }

    pub(super) fn broker(&self) -> ObjectName {
        ObjectName {
            namespace: self.name().namespace.clone(),
            name: self.trigger.broker.clone(),
        }
    }

    /// `sluicegate dev` has that one without a manifest.
    pub(super) fn is_of_dev_broker(&self) -> bool {
        self.name().namespace == "default" && self.trigger.broker == "default"
    }

    /// By namespace, broker and name.
    pub(super) fn sort_key(&self) -> (&str, &str, &str) {
        let name = self.name();
        (&name.namespace, &self.trigger.broker, &name.name)
    }
}

/// Reads the triggers. Faults of other objects are left to `validate`: they change no filter.
pub(super) fn find(gathered: &Gathered) -> Found {
    let sources = &gathered.sources;
    let parsed: Vec<Parsed> = sources.iter().map(|source| parse(source.text())).collect();
    let mut found = Found::default();
    let links = gathered.dangling.iter();
    found.faults.extend(
        links.map(|link| Finding::new(&link.display().to_string(), "", dangling_link()).rendered),
    );
    let mut twice = twice(sources, &parsed).into_iter();
    for (source, parsed) in sources.iter().zip(parsed) {
        // What is wrong with the file, and not with a document of it.
        let of_documents = parsed.manifests.iter().map(|it| it.diagnostics.len());
        let of_file = alone(source, &parsed);
        let of_file = &of_file[..of_file.len() - of_documents.sum::<usize>()];
        found.has_nameless_faults |= of_file.iter().any(Diagnostic::is_error);
        found.tell(source, of_file.to_vec());
        for manifest in parsed.manifests {
            let twice = twice.next().flatten();
            take(manifest, twice, source, &mut found);
        }
    }
    found
}

fn take(manifest: Manifest, twice: Option<Diagnostic>, source: &Source, found: &mut Found) {
    match manifest.kind.as_str() {
        "Broker" => return found.brokers.extend(manifest.name),
        "BrokerConfig" => return,
        _ => {}
    }
    let is_refused = manifest.has_errors() || twice.is_some();
    if is_refused {
        found.invalid(manifest.name.as_ref());
        found.tell(source, manifest.diagnostics.into_iter().chain(twice));
    } else if let Some(Object::Trigger(trigger)) = manifest.object {
        found.triggers.push(Placed {
            file: source.file.clone(),
            line: manifest.span.line,
            trigger,
        });
    }
}

/// For each manifest of all files, whether another one before it describes the same object.
fn twice(sources: &[Source], parsed: &[Parsed]) -> Vec<Option<Diagnostic>> {
    let located: Vec<Located<'_>> = sources
        .iter()
        .zip(parsed)
        .flat_map(|(source, parsed)| {
            let manifests = parsed.manifests.iter();
            manifests.map(|manifest| Located {
                file: &source.file,
                manifest,
            })
        })
        .collect();
    let mut twice = vec![None; located.len()];
    for finding in check_references(&located) {
        if finding.diagnostic.code == codes::DUPLICATE_OBJECT
            && let Some(place) = twice.get_mut(finding.index)
        {
            *place = Some(finding.diagnostic);
        }
    }
    twice
}
