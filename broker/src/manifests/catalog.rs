//! Which objects are in force, decided object by object.
//!
//! A [`Catalog`] is fed the folder as it is (again and again) and keeps, for each Broker, Trigger and
//! BrokerConfig, the last version that was valid. Its rules (design: reload is per object):
//!
//! - an object that is present but invalid keeps its last valid version; at first sight it is absent;
//! - a change of an immutable field is invalid;
//! - a file that cannot be read, or that is not YAML, keeps all its objects;
//! - a file, or an object of a file, that is gone counts as deleted after [`GONE_AFTER`];
//! - of two objects with one name the first (by file name, then place) stands, the second is invalid.
//!
//! Pure: no I/O; time is handed in. What it leaves out: references between objects, which whoever
//! runs them judges, since a Trigger may come before its Broker.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluicegate_channels::Timestamp;
use sluicegate_resources::{
    Broker, BrokerConfig, Diagnostic, Object, ObjectName, Severity, Trigger, check_update,
};

use super::folder::{Contents, Folder};

/// How long an object may be missing before it counts as deleted: editors save by rename.
pub const GONE_AFTER: Duration = Duration::from_millis(500);

/// What an object is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// `Broker`, `Trigger` or `BrokerConfig`.
    pub kind: String,
    /// Namespace and name.
    pub name: ObjectName,
}

/// A diagnostic and the file it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// The object, when the fault lies within one that has a name.
    pub object: Option<Identity>,
    /// What is wrong.
    pub diagnostic: Diagnostic,
    /// The finding as people read it, with the line and a caret.
    pub rendered: String,
    /// Whether an earlier valid version of the object stays in force.
    pub keeps_earlier: bool,
}

/// The objects in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    /// By namespace and name.
    pub brokers: BTreeMap<ObjectName, Broker>,
    /// By namespace and name.
    pub triggers: BTreeMap<ObjectName, Trigger>,
    /// By namespace and name.
    pub broker_configs: BTreeMap<ObjectName, BrokerConfig>,
}

/// The result of one look at the folder.
#[derive(Clone, Debug, Default)]
pub struct Review {
    /// Errors and warnings, in order of file and place.
    pub findings: Vec<Finding>,
    /// Whether the set in force changed.
    pub changed: bool,
    /// Something is missing and will count as deleted then, unless it comes back.
    pub look_again_at: Option<Timestamp>,
}

impl Review {
    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.diagnostic.severity == Severity::Error)
    }
}

#[derive(Clone, Debug)]
struct Known {
    object: Object,
    file: PathBuf,
    missing_since: Option<Timestamp>,
}

/// Keeps the last valid version of every object.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    known: BTreeMap<Identity, Known>,
}

impl Catalog {
    /// Empty: nothing is in force.
    pub fn new() -> Self {
        Self::default()
    }

    /// The objects in force.
    pub fn objects(&self) -> Objects {
        let mut objects = Objects::default();
        for known in self.known.values() {
            match known.object.clone() {
                Object::Broker(it) => drop(objects.brokers.insert(it.metadata.name.clone(), it)),
                Object::Trigger(it) => drop(objects.triggers.insert(it.metadata.name.clone(), it)),
                Object::BrokerConfig(it) => {
                    drop(objects.broker_configs.insert(it.metadata.name.clone(), it));
                }
            }
        }
        objects
    }

    /// Takes in the folder as it is at `now`.
    pub fn review(&mut self, folder: &Folder, now: Timestamp) -> Review {
        let mut pass = Pass::default();
        if let Some(fault) = &folder.fault {
            // Nothing is known about any file: everything stays as it is.
            pass.find_file_fault(Path::new("."), fault, self);
            for known in self.known.values_mut() {
                known.missing_since = None;
            }
            return pass.review;
        }
        for (file, contents) in &folder.files {
            self.take_file(file, contents, &mut pass);
        }
        self.sweep(&pass.seen, now, &mut pass.review);
        pass.review
    }

    fn take_file(&mut self, file: &Path, contents: &Contents, pass: &mut Pass) {
        let text = match contents {
            Contents::Text(text) => text,
            Contents::Unreadable(why) => {
                pass.find_file_fault(file, why, self);
                return self.keep_all_of(file, pass);
            }
        };
        let parsed = sluicegate_resources::parse(text);
        let broken = parsed
            .diagnostics
            .iter()
            .any(|it| it.severity == Severity::Error);
        for diagnostic in parsed.diagnostics {
            let keeps_earlier = self.known.values().any(|known| known.file == file);
            pass.find(file, text, None, diagnostic, keeps_earlier);
        }
        for manifest in parsed.manifests {
            let identity = manifest.name.clone().map(|name| Identity {
                kind: manifest.kind.clone(),
                name,
            });
            self.take_manifest(file, text, identity, manifest, pass);
        }
        if broken {
            self.keep_all_of(file, pass);
        }
    }

    fn take_manifest(
        &mut self,
        file: &Path,
        text: &str,
        identity: Option<Identity>,
        manifest: sluicegate_resources::Manifest,
        pass: &mut Pass,
    ) {
        let Some(identity) = identity else {
            for diagnostic in manifest.diagnostics {
                pass.find(file, text, None, diagnostic, false);
            }
            // It may be any of the objects that this file held: none of them is known to be gone.
            return self.keep_all_of(file, pass);
        };
        if let Some(first) = pass.seen.get(&identity).cloned() {
            let diagnostic = duplicate(&identity, &first, manifest.span);
            pass.find(file, text, Some(&identity), diagnostic, true);
            return;
        }
        pass.seen.insert(identity.clone(), file.to_owned());
        let mut diagnostics = manifest.diagnostics;
        let known = self.known.get(&identity);
        if let (Some(known), Some(object)) = (known, &manifest.object) {
            diagnostics.extend(check_update(&known.object, object, &manifest.places));
        }
        let invalid = diagnostics.iter().any(|it| it.severity == Severity::Error);
        for diagnostic in diagnostics {
            pass.find(
                file,
                text,
                Some(&identity),
                diagnostic,
                invalid && known.is_some(),
            );
        }
        match manifest.object {
            Some(object) if !invalid => self.put(identity, object, file, pass),
            Some(_) | None => {
                if let Some(known) = self.known.get_mut(&identity) {
                    known.missing_since = None;
                    known.file = file.to_owned();
                }
            }
        }
    }

    fn put(&mut self, identity: Identity, object: Object, file: &Path, pass: &mut Pass) {
        let known = Known {
            object,
            file: file.to_owned(),
            missing_since: None,
        };
        let unchanged = self
            .known
            .get(&identity)
            .is_some_and(|earlier| earlier.object == known.object);
        self.known.insert(identity, known);
        pass.review.changed |= !unchanged;
    }

    /// Marks every object that `file` was known to hold as seen, so that none counts as deleted.
    fn keep_all_of(&mut self, file: &Path, pass: &mut Pass) {
        for (identity, known) in &mut self.known {
            if known.file == file && !pass.seen.contains_key(identity) {
                known.missing_since = None;
                pass.seen.insert(identity.clone(), file.to_owned());
            }
        }
    }

    fn sweep(&mut self, seen: &BTreeMap<Identity, PathBuf>, now: Timestamp, review: &mut Review) {
        self.known.retain(|identity, known| {
            if seen.contains_key(identity) {
                return true;
            }
            let gone_at = *known.missing_since.get_or_insert(now) + GONE_AFTER;
            if gone_at <= now {
                review.changed = true;
                return false;
            }
            let look_again_at = review.look_again_at.get_or_insert(gone_at);
            *look_again_at = (*look_again_at).min(gone_at);
            true
        });
    }
}

/// What one look has gathered so far.
#[derive(Debug, Default)]
struct Pass {
    seen: BTreeMap<Identity, PathBuf>,
    review: Review,
}

impl Pass {
    fn find(
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

    fn find_file_fault(&mut self, file: &Path, why: &str, catalog: &Catalog) {
        let keeps_earlier = catalog.known.values().any(|known| known.file == file);
        let diagnostic = Diagnostic {
            code: sluicegate_resources::codes::NOT_YAML,
            severity: Severity::Error,
            message: format!("the file {why}"),
            span: None,
            label: None,
            help: Some("every object it held stays as it was".to_owned()),
        };
        self.find(file, "", None, diagnostic, keeps_earlier);
    }
}

fn duplicate(identity: &Identity, first: &Path, span: sluicegate_resources::Span) -> Diagnostic {
    let Identity { kind, name } = identity;
    Diagnostic {
        code: sluicegate_resources::codes::DUPLICATE_OBJECT,
        severity: Severity::Error,
        message: format!(
            "{kind} '{name}' is defined twice; the first is in {}",
            first.display()
        ),
        span: Some(span),
        label: None,
        help: Some("remove one of the two, or give this one another name".to_owned()),
    }
}

