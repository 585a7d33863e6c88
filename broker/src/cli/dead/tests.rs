use clap::Parser;

use super::*;
use crate::cli::{Cli, Verb};

fn parse(words: &[&str]) -> Result<DeadVerb, clap::Error> {
    let all = ["sluicegate", "dead"].iter().chain(words);
    match Cli::try_parse_from(all)?.verb {
        Verb::Dead(args) => Ok(args.verb),
        other => panic!("{other:?}"),
    }
}

fn redrive_request(words: &[&str]) -> Result<LettersRequest, Failure> {
    match parse(&[&["redrive"], words].concat()).unwrap() {
        DeadVerb::Redrive(args) => request(&args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_filter_and_a_pace_become_a_request() {
    let words = [
        "--trigger",
        "shop/billing",
        "--reason",
        "loop",
        "--since",
        "1h",
        "--match",
        "amount > 100",
        "--rate",
        "50/s",
        "--limit",
        "7",
        "--dry-run",
    ];
    let request = serde_json::to_value(redrive_request(&words).unwrap()).unwrap();
    assert_eq!(
        request,
        serde_json::json!({
            "letters": {"namespace": "shop", "trigger": "billing", "reasons": ["loop"],
                "since": "PT1H", "match": "amount > 100"},
            "conduct": {"perSecond": 50.0, "limit": 7, "dryRun": true},
        })
    );
}

#[test]
fn to_mean_everything_must_be_said() {
    let refused = redrive_request(&["--rate", "5"]).unwrap_err();
    assert!(refused.to_string().contains("--all"), "{refused}");
    assert_eq!(
        redrive_request(&["--all"]).unwrap(),
        LettersRequest::default()
    );
    assert!(redrive_request(&["-n", "shop"]).is_err());
    let of_shop = redrive_request(&["--all", "-n", "shop"]).unwrap();
    assert_eq!(of_shop.letters.namespace.as_deref(), Some("shop"));
}

#[test]
fn a_letter_is_named_as_it_is_listed() {
    let named = letter("shop/billing/0:17").unwrap();
    assert_eq!(
        (named.trigger.to_string(), &*named.position),
        ("shop/billing".to_owned(), "0:17")
    );
    for text in [
        "17",
        "billing/17",
        "shop/billing/x",
        "shop/billing/1/2",
        "Shop/billing/1",
        "",
    ] {
        assert!(letter(text).is_err(), "{text}");
    }
}

#[test]
fn a_name_and_a_filter_exclude_each_other() {
    let name = "shop/billing/17";
    for words in [
        &["redrive", name, "--all"][..],
        &["redrive", name, "--reason", "loop"],
        &["redrive", "--all", "--since", "1h"],
        &["redrive", "--reason", "odd"],
        &["redrive", "--since", "yesterday", "--all"],
        &["redrive", "--match", "amount >", "--all"],
        &["redrive", "--rate", "0", "--all"],
        &["redrive", "--limit", "0", "--all"],
        &["ls", "billing", "--trigger", "audit"],
    ] {
        assert!(parse(words).is_err(), "{words:?}");
    }
    for words in [
        &["redrive", name, name][..],
        &["discard", name, "-o", "json"],
    ] {
        assert!(parse(words).is_ok(), "{words:?}");
    }
}

#[test]
fn a_trigger_in_place_of_a_letter_is_told_its_flag() {
    for text in ["billing", "shop/billing"] {
        let told = letter(text).unwrap_err();
        assert!(told.ends_with(&format!("say --trigger {text}")), "{told}");
    }
    for text in ["", "17/", "shop/billing/1/2"] {
        assert!(!letter(text).unwrap_err().contains("--trigger"), "{text}");
    }
}

#[test]
fn how_to_go_about_it_is_for_what_flags_choose() {
    let name = "shop/billing/17";
    for (words, told) in [
        (&["redrive", name, "--dry-run"][..], Some("--dry-run")),
        (&["redrive", name, "--rate", "5"], Some("--rate")),
        (&["redrive", name, "--limit", "5"], Some("--limit")),
        (&["redrive", name, "--detach"], Some("--detach")),
        (&["redrive", name], None),
    ] {
        let DeadVerb::Redrive(args) = parse(words).unwrap() else {
            panic!("{words:?}")
        };
        assert_eq!(of_filters_only(&args.conduct), told, "{words:?}");
    }
}
