//! From texts to findings. Pure.

use std::path::PathBuf;

use sluicegate_resources::{
    CrossFinding, Diagnostic, Located, Manifest, Object, ObjectName, Parsed, Severity,
    check_references, check_resolution, codes, parse,
};

use crate::api::FoundIn;
use crate::config::Config;
use crate::durable;
use crate::manifests::folder::Contents;

/// One file.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Source {
    pub(in crate::cli) file: String,
    contents: Contents,
}

impl Source {
    pub(in crate::cli) fn of((path, contents): (PathBuf, Contents)) -> Self {
        Source {
            file: path.display().to_string(),
            contents,
        }
    }

    pub(in crate::cli) fn text(&self) -> &str {
        match &self.contents {
            Contents::Text(text) => text,
            Contents::Unreadable(_) => "",
        }
    }
}

/// A diagnostic and where it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Finding {
    pub(in crate::cli) file: String,
    pub(in crate::cli) diagnostic: Diagnostic,
    /// The object, when the fault lies within one that has a name.
    pub(in crate::cli) object: Option<FoundIn>,
    /// As people read it.
    pub(in crate::cli) rendered: String,
}

impl Finding {
    pub(in crate::cli) fn new(file: &str, text: &str, diagnostic: Diagnostic) -> Self {
        let rendered = diagnostic.render(file, text);
        Finding {
            file: file.to_owned(),
            diagnostic,
            object: None,
            rendered,
        }
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Report {
    pub(in crate::cli) files: usize,
    pub(in crate::cli) brokers: usize,
    pub(in crate::cli) triggers: usize,
    pub(in crate::cli) broker_configs: usize,
    /// Triggers of `default/default` where no manifest describes it and no settings tell that the
    /// server is not `sluicegate dev`, which has that broker by itself.
    pub(in crate::cli) of_dev_broker: usize,
    /// In order of file and place.
    pub(in crate::cli) findings: Vec<Finding>,
}

impl Report {
    pub(in crate::cli) fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|it| it.diagnostic.severity == severity)
            .count()
    }
}

/// Checks each text by itself, and then what the documents say of each other.
pub(in crate::cli) fn examine(sources: &[Source], config: Option<&Config>) -> Report {
    let parsed: Vec<Parsed> = sources.iter().map(|source| parse(source.text())).collect();
    let mut report = Report {
        files: sources.len(),
        ..Report::default()
    };
    let mut located = Vec::new();
    let mut file_of = Vec::new();
    for (index, (source, parsed)) in sources.iter().zip(&parsed).enumerate() {
        for manifest in &parsed.manifests {
            report.tell_apart(manifest.object.as_ref());
            located.push(Located {
                file: &source.file,
                manifest,
            });
            file_of.push(index);
        }
    }
    let mut cross = check_references(&located);
    match config {
        Some(config) => {
            cross.extend(check_resolution(&located, &config.resolve));
            cross.extend(not_durable(&located, config));
        }
        None => {
            let before = cross.len();
            cross.retain(|found| !names_dev_broker(&found.diagnostic));
            report.of_dev_broker = before - cross.len();
        }
    }
    for (index, (source, parsed)) in sources.iter().zip(&parsed).enumerate() {
        let across = cross
            .iter()
            .filter(|found| file_of.get(found.index) == Some(&index));
        let mut diagnostics = with_objects(source, parsed);
        diagnostics.extend(across.map(|found| {
            let within = located.get(found.index);
            let object = within.and_then(|it| object_of(it.manifest));
            (object, softened(found))
        }));
        diagnostics.sort_by_key(|(_, diagnostic)| diagnostic.span);
        let finding = |(object, it)| Finding {
            object,
            ..Finding::new(&source.file, source.text(), it)
        };
        report.findings.extend(diagnostics.into_iter().map(finding));
    }
    report
}

/// The brokers with which a server that has these settings does not start.
fn not_durable(manifests: &[Located<'_>], config: &Config) -> Vec<CrossFinding> {
    let objects = || manifests.iter().map(|it| it.manifest.object.as_ref());
    let config_of = |name: &ObjectName| {
        objects().find_map(|object| match object {
            Some(Object::BrokerConfig(found)) if found.metadata.name == *name => Some(found),
            _ => None,
        })
    };
    let found = objects().enumerate().filter_map(|(index, object)| {
        let Some(Object::Broker(broker)) = object else {
            return None;
        };
        durable::is_refused(config.profile, broker, config_of).then(|| {
            let message = format!(
                "`profile` is `production`, and this broker keeps events {}",
                durable::WHY
            );
            let mut diagnostic =
                Diagnostic::error(codes::NOT_ALLOWED, message).help(durable::REMEDY);
            diagnostic.span = manifests[index].manifest.places.of("spec.config");
            CrossFinding { index, diagnostic }
        })
    });
    found.collect()
}

impl Report {
    fn tell_apart(&mut self, object: Option<&Object>) {
        match object {
            Some(Object::Broker(_)) => self.brokers += 1,
            Some(Object::Trigger(_)) => self.triggers += 1,
            Some(Object::BrokerConfig(_)) => self.broker_configs += 1,
            None => {}
        }
    }
}

/// What is wrong with a file without a look at others.
pub(in crate::cli) fn alone(source: &Source, parsed: &Parsed) -> Vec<Diagnostic> {
    let each = with_objects(source, parsed).into_iter();
    each.map(|(_, diagnostic)| diagnostic).collect()
}

/// First of the file, then of its documents, each with the object that it lies in.
fn with_objects(source: &Source, parsed: &Parsed) -> Vec<(Option<FoundIn>, Diagnostic)> {
    if let Contents::Unreadable(why) = &source.contents {
        let fault = Diagnostic::error(codes::NOT_YAML, format!("the file {why}"));
        return vec![(None, fault)];
    }
    let of_file = parsed.diagnostics.iter().map(|it| (None, it.clone()));
    let of_documents = parsed.manifests.iter().flat_map(|manifest| {
        let object = object_of(manifest);
        let each = manifest.diagnostics.iter();
        each.map(move |it| (object.clone(), it.clone()))
    });
    of_file.chain(of_documents).collect()
}

fn object_of(manifest: &Manifest) -> Option<FoundIn> {
    let name = manifest.name.as_ref()?;
    Some(FoundIn {
        kind: manifest.kind.clone(),
        namespace: name.namespace.clone(),
        name: name.name.clone(),
    })
}

/// Whether the broker that is missing is the one that `sluicegate dev` has by itself.
fn names_dev_broker(diagnostic: &Diagnostic) -> bool {
    diagnostic.code == codes::NO_SUCH_BROKER && diagnostic.message.contains("'default/default'")
}

/// A broker `default/default` may still be made for a server with settings; others are mistakes.
fn softened(found: &CrossFinding) -> Diagnostic {
    let mut diagnostic = found.diagnostic.clone();
    if names_dev_broker(&diagnostic) {
        diagnostic.severity = Severity::Warning;
        diagnostic.help = Some(
            "`sluicegate dev` has this broker by itself; for `sluicegate run`, write one:  \
             sluicegate new broker default"
                .to_owned(),
        );
    }
    diagnostic
}
