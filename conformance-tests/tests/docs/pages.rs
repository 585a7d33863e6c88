//! The pages as tests read them: lines, tables, code blocks.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders without pages of ours.
const SKIPPED: [&str; 3] = ["target", ".git", ".github"];

/// One page of Markdown.
pub(crate) struct Page {
    /// Relative to the root of the repository.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A fenced block of code.
pub(crate) struct Block {
    /// The line of its fence, from 1.
    pub(crate) line: usize,
    /// What stands behind the fence.
    pub(crate) language: String,
    pub(crate) text: String,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .parent()
        .expect("every crate has a folder of its own below the root")
        .to_owned()
}

/// Every page of the repository.
pub(crate) fn all() -> Vec<Page> {
    let pages: Vec<Page> = files("md").iter().map(|path| read(path)).collect();
    assert!(pages.len() > 5, "found only {} pages", pages.len());
    pages
}

/// The page at `path`, relative to the root.
pub(crate) fn page(path: &str) -> Page {
    read(&root().join(path))
}

fn read(path: &Path) -> Page {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let path = path.strip_prefix(root()).unwrap_or(path).to_owned();
    Page { path, text }
}

/// Every file of the repository whose name ends in `.extension`.
pub(crate) fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("the repository can be read");
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && !SKIPPED.iter().any(|skipped| name == *skipped) {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

impl Page {
    /// The fenced blocks.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_inside = false;
        for (index, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), is_inside) {
                (Some(_), true) => is_inside = false,
                (Some(language), false) => {
                    is_inside = true;
                    blocks.push(Block {
                        line: index + 1,
                        language: language.trim().to_owned(),
                        text: String::new(),
                    });
                }
                (None, true) => {
                    let block = blocks.last_mut().expect("a block was begun");
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, false) => {}
            }
        }
        assert!(!is_inside, "{:?}: a block does not end", self.path);
        blocks
    }

    /// The lines outside of blocks, with their numbers from 1.
    pub(crate) fn prose(&self) -> Vec<(usize, &str)> {
        let mut is_inside = false;
        let mut prose = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                is_inside = !is_inside;
            } else if !is_inside {
                prose.push((index + 1, line));
            }
        }
        prose
    }

    /// The cells of each row of a table whose first cell begins with a word in backticks.
    pub(crate) fn rows(&self) -> Vec<Vec<&str>> {
        self.prose()
            .iter()
            .filter(|(_, line)| line.starts_with("| `"))
            .map(|(_, line)| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect()
    }
}

/// Every word in backticks of a line or a cell.
pub(crate) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
