//! Links between pages lead somewhere.

use std::fs;
use std::path::Path;

use crate::pages::{Page, all, root};

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut broken = Vec::new();
    let mut links = 0;
    for page in all() {
        for (line, target) in targets(&page) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            links += 1;
            if let Err(why) = follow(&page, target) {
                broken.push(format!("{}:{line}: {target}: {why}", page.path.display()));
            }
        }
    }
    assert!(links > 10, "found only {links} links");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// What `](…)` holds, with its line.
fn targets(page: &Page) -> Vec<(usize, &str)> {
    let mut targets = Vec::new();
    for (line, text) in page.prose() {
        for rest in text.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                targets.push((line, target));
            }
        }
    }
    targets
}

fn follow(page: &Page, target: &str) -> Result<(), String> {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = page.path.parent().unwrap_or(Path::new(""));
    let to = match path {
        "" => root().join(&page.path),
        path => root().join(folder).join(path),
    };
    if !to.exists() {
        return Err("there is no such file".to_owned());
    }
    if heading.is_empty() {
        return Ok(());
    }
    let text = fs::read_to_string(&to).map_err(|error| error.to_string())?;
    let has_heading = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line.trim_start_matches('#').trim()) == heading);
    has_heading
        .then_some(())
        .ok_or_else(|| "the page has no such heading".to_owned())
}

/// The anchor that a heading gets where the pages are read.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn an_anchor_is_the_heading_in_lower_case_with_dashes() {
    for (heading, expected) in [
        ("Try it", "try-it"),
        ("`send TYPE`, and more", "send-type-and-more"),
        ("Works with Knative's YAML", "works-with-knatives-yaml"),
    ] {
        assert_eq!(anchor(heading), expected);
    }
}
