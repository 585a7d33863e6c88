//! ARCHITECTURE.md's map shows the crates that there are.

use std::collections::BTreeSet;
use std::fs;

use crate::workspace::Workspace;

#[test]
fn the_map_lists_each_crate_and_nothing_else() {
    let workspace = Workspace::read();
    let folders: BTreeSet<String> = workspace
        .members()
        .filter_map(|member| member.folder().file_name())
        .map(|folder| folder.to_string_lossy().into_owned())
        .collect();
    let page = workspace.root().join("ARCHITECTURE.md");
    let text = fs::read_to_string(&page).expect("ARCHITECTURE.md stands beside Cargo.toml");
    assert_eq!(listed(&text), folders, "the map of {}", page.display());
}

/// The first column of the first table whose rows begin with a folder: "| `event/` | … |".
fn listed(text: &str) -> BTreeSet<String> {
    text.lines()
        .map(|line| {
            line.strip_prefix("| `")
                .and_then(|rest| rest.split_once('`'))
        })
        .skip_while(Option::is_none)
        .map_while(|row| row)
        .map(|(folder, _)| folder.trim_end_matches('/').to_owned())
        .collect()
}

#[test]
fn the_map_is_the_first_table_of_folders() {
    let text = "# Map\n\n| folder | what |\n|---|---|\n| `a/` | x |\n| `b` | y |\n\n| `c/` | z |\n";
    assert_eq!(
        listed(text),
        BTreeSet::from(["a".to_owned(), "b".to_owned()])
    );
}
