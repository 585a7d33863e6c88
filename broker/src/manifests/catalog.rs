//! Which objects are in force, decided object by object.
//!
//! A [`Catalog`] is fed the folder as it is (again and again) and keeps, for each Broker, Trigger and
//! BrokerConfig, the last version that was valid. Its rules (design: reload is per object):
//!
//! - an object that is present but invalid keeps its last valid version; at first sight it is absent;
//! - a change of an immutable field is invalid;
//! - a file that cannot be read, or that is not YAML, or of which a document can't be told to be some
//!   object, keeps all its objects; what can be read of it is in force all the same;
//! - while the folder itself cannot be read, everything stays as it was;
//! - a file, or an object of a file, that is gone counts as deleted after [`GONE_AFTER`]; in another
//!   file it is the same object;
//! - of two objects with one name the first (by file name, then place) stands, the second is invalid;
//! - documents of kinds that other programs serve are nobody's objects here.
//!
//! Pure: no I/O; time is handed in. What it leaves out: references between objects, which whoever
//! runs them judges, since a Trigger may come before its Broker.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluicegate_channels::Timestamp;
use sluicegate_resources::{
    Broker, BrokerConfig, Diagnostic, Manifest, Object, ObjectName, Trigger, check_update,
};

use super::folder::{Contents, Folder, dangling_link};
use super::parsing::Parsing;

mod pass;
mod review;

use pass::{Pass, Told, duplicate, of_ours, unreadable};
pub use review::{Finding, Identity, InvalidTrigger, Review};

/// How long an object may be missing before it counts as deleted: editors save by rename.
pub const GONE_AFTER: Duration = Duration::from_millis(500);

/// The objects in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    /// By namespace and name.
    pub brokers: BTreeMap<ObjectName, Broker>,
    /// By namespace and name.
    pub triggers: BTreeMap<ObjectName, Trigger>,
    /// Where each trigger stands.
    pub trigger_files: BTreeMap<ObjectName, PathBuf>,
    /// By namespace and name.
    pub broker_configs: BTreeMap<ObjectName, BrokerConfig>,
    /// Triggers that are there, invalid, and have no earlier version to go by.
    pub invalid_triggers: BTreeMap<ObjectName, InvalidTrigger>,
    /// Whether there may be more objects than can be told: the folder or a file in it cannot be read.
    pub is_obscure: bool,
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
    parsing: Parsing,
    /// Of the last look.
    invalid_triggers: BTreeMap<ObjectName, InvalidTrigger>,
    is_obscure: bool,
}

impl Catalog {
    /// Empty: nothing is in force.
    pub fn new() -> Self {
        Self::default()
    }

    /// The objects in force.
    pub fn objects(&self) -> Objects {
        let mut objects = Objects {
            invalid_triggers: self.invalid_triggers.clone(),
            is_obscure: self.is_obscure,
            ..Objects::default()
        };
        for known in self.known.values() {
            match known.object.clone() {
                Object::Broker(it) => drop(objects.brokers.insert(it.metadata.name.clone(), it)),
                Object::Trigger(it) => {
                    let name = &it.metadata.name;
                    let file = known.file.clone();
                    objects.trigger_files.insert(name.clone(), file);
                    objects.triggers.insert(name.clone(), it);
                }
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
            pass.find(
                Path::new("."),
                "",
                None,
                unreadable(fault),
                !self.known.is_empty(),
            );
            for known in self.known.values_mut() {
                known.missing_since = None;
            }
            self.is_obscure = true;
            return pass.review;
        }
        let parses_before = self.parsing.parses();
        for (file, contents) in &folder.files {
            self.take_file(file, contents, &mut pass);
        }
        for link in &folder.dangling {
            pass.find(link, "", None, dangling_link(), false);
        }
        self.parsing.keep_those_in(folder);
        pass.review.parsed = self.parsing.parses() - parses_before;
        // A folder that is not there may yet be mounted.
        self.is_obscure = !folder.exists || !pass.obscure.is_empty();
        let invalid = |it: &Identity| it.kind == "Trigger" && !self.known.contains_key(it);
        self.invalid_triggers = pass.invalid(invalid);
        self.sweep(&pass.seen, &pass.obscure, now, &mut pass.review);
        pass.review
    }

    fn take_file(&mut self, file: &Path, contents: &Contents, pass: &mut Pass) {
        let text = match contents {
            Contents::Text(text) => text,
            Contents::Unreadable(why) => {
                let fault = unreadable(&format!("the file {why}"));
                pass.find(file, "", None, fault, self.holds_any_of(file));
                pass.obscure.insert(file.to_owned());
                return;
            }
        };
        let parsed = self.parsing.of(file, text);
        if parsed.diagnostics.iter().any(Diagnostic::is_error) {
            pass.obscure.insert(file.to_owned());
        }
        let is_wrong =
            !parsed.diagnostics.is_empty() || parsed.manifests.iter().any(Manifest::has_errors);
        let held_any = is_wrong && self.holds_any_of(file);
        for diagnostic in &parsed.diagnostics {
            pass.find(file, text, None, diagnostic.clone(), held_any);
        }
        for manifest in &parsed.manifests {
            let diagnostics = || manifest.diagnostics.clone();
            match of_ours(manifest) {
                Told::Ours(identity) => self.take_object(file, text, identity, manifest, pass),
                Told::Foreign => pass.find_all(file, text, None, diagnostics(), false),
                Told::Unknown => {
                    // It may be any of the objects that this file held.
                    pass.obscure.insert(file.to_owned());
                    pass.find_all(file, text, None, diagnostics(), held_any);
                }
            }
        }
    }

    /// Looks at everything in force: asked only where something is wrong.
    fn holds_any_of(&self, file: &Path) -> bool {
        self.known.values().any(|known| known.file == file)
    }

    fn take_object(
        &mut self,
        file: &Path,
        text: &str,
        identity: Identity,
        manifest: &Manifest,
        pass: &mut Pass,
    ) {
        if let Some(first) = pass.seen.get(&identity) {
            let diagnostic = duplicate(&identity, first, manifest.span);
            let stands = self.known.contains_key(&identity);
            return pass.find(file, text, Some(&identity), diagnostic, stands);
        }
        pass.seen.insert(identity.clone(), file.to_owned());
        let mut diagnostics = manifest.diagnostics.clone();
        let known = self.known.get_mut(&identity);
        if let (Some(known), Some(object)) = (&known, &manifest.object) {
            diagnostics.extend(check_update(&known.object, object, &manifest.places));
        }
        let is_invalid = diagnostics.iter().any(Diagnostic::is_error);
        let keeps_earlier = is_invalid && known.is_some();
        pass.find_all(file, text, Some(&identity), diagnostics, keeps_earlier);
        match &manifest.object {
            Some(object) if !is_invalid => self.put(identity, object, file, pass),
            Some(_) | None => {
                if let Some(known) = known {
                    known.missing_since = None;
                    known.file = file.to_owned();
                }
            }
        }
    }

    /// An object that says the same costs a comparison, and no copy.
    fn put(&mut self, identity: Identity, object: &Object, file: &Path, pass: &mut Pass) {
        if let Some(earlier) = self.known.get_mut(&identity)
            && earlier.object == *object
        {
            file.clone_into(&mut earlier.file);
            earlier.missing_since = None;
            return;
        }
        let known = Known {
            object: object.clone(),
            file: file.to_owned(),
            missing_since: None,
        };
        self.known.insert(identity, known);
        pass.review.changed = true;
    }

    /// Notes what is missing, and ends what has been for long enough.
    fn sweep(
        &mut self,
        seen: &BTreeMap<Identity, PathBuf>,
        obscure: &BTreeSet<PathBuf>,
        now: Timestamp,
        review: &mut Review,
    ) {
        self.known.retain(|identity, known| {
            if seen.contains_key(identity) {
                return true;
            }
            if obscure.contains(&known.file) {
                known.missing_since = None;
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

#[cfg(test)]
mod tests;
