//! Every YAML block of the pages is valid, and gives no warning.

use std::fs;
use std::path::Path;

use sluicegate_conformance::harness::scratch_folder;

use crate::commands::{said, sluicegate};
use crate::pages::all;

/// What settings are checked with, since a check of nothing fails.
const MANIFEST: &str =
    "apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {name: default}\n";

#[test]
fn every_yaml_block_is_valid() {
    let folder = scratch_folder("docs").expect("tests have a folder of their own");
    let manifest = folder.join("manifest.yaml");
    fs::write(&manifest, MANIFEST).expect("the folder was just made");
    let mut blocks = 0;
    let mut invalid = Vec::new();
    for page in all() {
        for block in page.blocks() {
            if block.language != "yaml" {
                continue;
            }
            blocks += 1;
            let file = folder.join("block.yaml");
            fs::write(&file, &block.text).expect("the folder was just made");
            let fault = if block.text.contains("apiVersion:") {
                check(&[&file])
            } else {
                check(&[Path::new("--config"), &file, &manifest])
            };
            if let Some(fault) = fault {
                invalid.push(format!("{}:{}\n{fault}", page.path.display(), block.line));
            }
        }
    }
    fs::remove_dir_all(folder).ok();
    assert!(blocks > 4, "found only {blocks} blocks");
    assert!(invalid.is_empty(), "{}", invalid.join("\n"));
}

fn check(arguments: &[&Path]) -> Option<String> {
    let words = ["validate", "--deny-warnings"].map(Path::new);
    let output = sluicegate(words.iter().chain(arguments));
    (!output.status.success()).then(|| said(&output))
}
