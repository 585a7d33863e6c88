//! The Rust sources of a crate, tests left out.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct Source {
    pub(crate) path: PathBuf,
    text: String,
}

/// Every source below `folder` but `tests.rs` and what lies in a folder `tests`.
pub(crate) fn code_of(folder: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut ahead = vec![folder.to_owned()];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources can be read") {
            let path = entry.expect("a folder of sources can be read").path();
            if path.file_stem().is_some_and(|stem| stem == "tests") {
                continue;
            }
            if path.is_dir() {
                ahead.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source is UTF-8");
                sources.push(Source { path, text });
            }
        }
    }
    sources
}

impl Source {
    /// The lines that hold code, numbered from 1, up to the tests at the end of the file. A `//`
    /// within a string cuts its line short: what is looked for does not stand behind an address.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .enumerate()
            .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or(line)))
            .filter(|(_, line)| !line.trim().is_empty())
    }
}
