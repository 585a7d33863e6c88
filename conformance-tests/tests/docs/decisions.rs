//! Decisions have a number each, which the sources name them by.

use std::path::Path;

use crate::pages::all;

#[test]
fn every_decision_has_a_number_of_its_own_and_none_is_left_out() {
    let pages = all();
    let folder = Path::new("docs/decisions");
    let decisions = pages.iter().filter(|it| it.path.starts_with(folder));
    let mut numbers = Vec::new();
    for decision in decisions {
        let name = decision.path.file_name().and_then(|it| it.to_str());
        let number = name.and_then(|it| it.split('-').next()).unwrap_or("");
        let title = format!("# {number}: ");
        assert!(
            decision.text.starts_with(&title),
            "{:?} does not begin with {title:?}",
            decision.path
        );
        numbers.push(number.to_owned());
    }
    let expected: Vec<String> = (1..=numbers.len()).map(|it| format!("{it:04}")).collect();
    assert_eq!(numbers, expected);
}
