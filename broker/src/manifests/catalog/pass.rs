//! One look of the catalog: what it has seen and found so far.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sluicegate_resources::{Diagnostic, Manifest, ObjectName, Span, codes};

use super::{Finding, Identity, InvalidTrigger, Review};

/// What one look has gathered so far.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// The objects that some document stands for, and where.
    pub(super) seen: BTreeMap<Identity, PathBuf>,
    /// The files of which not everything could be told.
    pub(super) obscure: BTreeSet<PathBuf>,
    pub(super) review: Review,
}

impl Pass {
    pub(super) fn find(
        &mut self,
        file: &Path,
        text: &str,
        object: Option<&Identity>,
        diagnostic: Diagnostic,
        keeps_earlier: bool,
    ) {
        let rendered = diagnostic.render(&file.display().to_string(), text);
        self.review.findings.push(Finding {
            file: file.to_owned(),
            object: object.cloned(),
            diagnostic,
            rendered,
            keeps_earlier,
        });
    }

    /// Those that were seen and are `invalid`, each with its first fault.
    pub(super) fn invalid(
        &self,
        invalid: impl Fn(&Identity) -> bool,
    ) -> BTreeMap<ObjectName, InvalidTrigger> {
        let mut faults = BTreeMap::new();
        let errors = self.review.findings.iter();
        for fault in errors.filter(|it| it.diagnostic.is_error()) {
            if let Some(object) = &fault.object {
                faults.entry(object).or_insert(fault);
            }
        }
        let invalid = self.seen.iter().filter(|(identity, _)| invalid(identity));
        let described = invalid.map(|(identity, file)| {
            let fault = faults.get(identity);
            let described = InvalidTrigger {
                file: file.clone(),
                place: fault.map_or_else(|| file.display().to_string(), |it| it.place()),
                message: fault.map_or_else(String::new, |it| it.diagnostic.message.clone()),
            };
            (identity.name.clone(), described)
        });
        described.collect()
    }

    pub(super) fn find_all(
        &mut self,
        file: &Path,
        text: &str,
        object: Option<&Identity>,
        diagnostics: Vec<Diagnostic>,
        keeps_earlier: bool,
    ) {
        for diagnostic in diagnostics {
            self.find(file, text, object, diagnostic, keeps_earlier);
        }
    }
}

pub(super) fn unreadable(message: &str) -> Diagnostic {
    Diagnostic::error(codes::NOT_YAML, message).help("every object it held stays as it was")
}

pub(super) fn duplicate(identity: &Identity, first: &Path, span: Span) -> Diagnostic {
    let Identity { kind, name } = identity;
    let first = first.display();
    let message = format!("{kind} '{name}' is defined twice; the first is in {first}");
    Diagnostic::error(codes::DUPLICATE_OBJECT, message)
        .at(span)
        .help("remove one of the two, or give this one another name")
}

/// What a document is to us.
pub(super) enum Told {
    /// One of our objects, valid or not.
    Ours(Identity),
    /// Another program's.
    Foreign,
    /// Wrong in a way that hides which object it is.
    Unknown,
}

pub(super) fn of_ours(manifest: &Manifest) -> Told {
    if manifest.object.is_none() && !manifest.has_errors() {
        return Told::Foreign;
    }
    let kind = manifest.kind.as_str();
    match &manifest.name {
        Some(name) if matches!(kind, "Broker" | "Trigger" | "BrokerConfig") => {
            Told::Ours(Identity {
                kind: kind.to_owned(),
                name: name.clone(),
            })
        }
        Some(_) | None => Told::Unknown,
    }
}
