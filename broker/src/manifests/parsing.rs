//! What the manifest files say, parsed once for as long as they say it.
//!
//! An edit of one file among thousands brings all of them to the catalog again; only the edited one is
//! parsed. What a file says is known by its whole text, which the folder holds anyway: no stamp and no
//! hash that could be wrong about it. Which files need not even be read is the reader's business.
//!
//! Bounded: as many texts as there are files, of [`TEXT_BYTES_MAX`] together; what is beyond that is
//! parsed each time. A file that is gone is forgotten at the next look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluicegate_resources::Parsed;

use super::folder::{Contents, Folder};

/// Text whose parsed form is kept: far more than ten thousand triggers take.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// Parses files, and remembers what came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Parsing {
    files: BTreeMap<PathBuf, Remembered>,
    text_bytes: usize,
    parses: u64,
}

#[derive(Clone, Debug)]
struct Remembered {
    /// Shared with the folder.
    text: Arc<str>,
    parsed: Arc<Parsed>,
}

impl Parsing {
    /// What the file says.
    pub(super) fn of(&mut self, file: &Path, text: &Arc<str>) -> Arc<Parsed> {
        if let Some(known) = self.files.get_mut(file)
            && known.text == *text
        {
            // It may have been read again, and the folder holds the newer copy.
            known.text = Arc::clone(text);
            return Arc::clone(&known.parsed);
        }
        self.forget(file);
        self.parses += 1;
        let parsed = Arc::new(sluicegate_resources::parse(text));
        if self.text_bytes + text.len() <= TEXT_BYTES_MAX {
            self.text_bytes += text.len();
            let remembered = Remembered {
                text: Arc::clone(text),
                parsed: Arc::clone(&parsed),
            };
            self.files.insert(file.to_owned(), remembered);
        }
        parsed
    }

    /// Forgets the files that the folder does not have any more.
    pub(super) fn keep_those_in(&mut self, folder: &Folder) {
        let gone: Vec<_> = self
            .files
            .keys()
            .filter(|file| !matches!(folder.files.get(*file), Some(Contents::Text(_))))
            .cloned()
            .collect();
        for file in gone {
            self.forget(&file);
        }
    }

    /// How many texts were parsed so far.
    pub(super) fn parses(&self) -> u64 {
        self.parses
    }

    fn forget(&mut self, file: &Path) {
        if let Some(forgotten) = self.files.remove(file) {
            self.text_bytes -= forgotten.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows the files to `parsing`, and says how many were parsed for it.
    fn look(parsing: &mut Parsing, files: &[(&str, &str)]) -> u64 {
        let before = parsing.parses();
        let folder = Folder {
            files: files
                .iter()
                .map(|(file, text)| ((*file).into(), Contents::Text((*text).into())))
                .collect(),
            exists: true,
            ..Folder::default()
        };
        for (file, text) in files {
            let parsed = parsing.of(Path::new(file), &Arc::from(*text));
            assert_eq!(*parsed, sluicegate_resources::parse(text));
        }
        parsing.keep_those_in(&folder);
        parsing.parses() - before
    }

    #[test]
    fn only_what_says_something_new_is_parsed() {
        let mut parsing = Parsing::default();
        assert_eq!(look(&mut parsing, &[("a", "kind: A"), ("b", "kind: [")]), 2);
        assert_eq!(look(&mut parsing, &[("a", "kind: A"), ("b", "kind: [")]), 0);
        assert_eq!(look(&mut parsing, &[("a", "kind: B"), ("b", "kind: [")]), 1);
        // Under another name it is another file.
        assert_eq!(look(&mut parsing, &[("c", "kind: B"), ("b", "kind: [")]), 1);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut parsing = Parsing::default();
        look(&mut parsing, &[("a", "kind: A"), ("b", "kind: B")]);
        look(&mut parsing, &[("b", "kind: BB")]);
        assert_eq!((parsing.files.len(), parsing.text_bytes), (1, 8));
        let unreadable = Folder {
            files: [("b".into(), Contents::Unreadable(String::new()))].into(),
            exists: true,
            ..Folder::default()
        };
        parsing.keep_those_in(&unreadable);
        assert_eq!((parsing.files.len(), parsing.text_bytes), (0, 0));
    }

    #[test]
    fn what_is_beyond_the_bound_is_parsed_each_time() {
        let mut parsing = Parsing {
            text_bytes: TEXT_BYTES_MAX - 7,
            ..Parsing::default()
        };
        assert_eq!(look(&mut parsing, &[("a", "kind: A"), ("b", "kind: B")]), 2);
        assert_eq!(look(&mut parsing, &[("a", "kind: A"), ("b", "kind: B")]), 1);
        assert_eq!(parsing.text_bytes, TEXT_BYTES_MAX);
    }
}
