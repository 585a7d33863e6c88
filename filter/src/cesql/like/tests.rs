use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn like(text: &str, pattern: &str) -> bool {
    Pattern::new(pattern).matches(text)
}

#[test]
fn a_pattern_matches_the_whole_text() {
    let matching = [
        ("", ""),
        ("", "%"),
        ("", "%%"),
        ("order.paid", "order.paid"),
        ("order.paid", "order.%"),
        ("order.paid", "%.paid"),
        ("order.paid", "%"),
        ("order.paid", "%er.p%"),
        ("order.paid", "o%r%d"),
        ("order.paid", "_rder_pai_"),
        ("order.paid", "%_______"),
        ("order.paid", "__________"),
        ("ab", "%a%b%"),
        ("aab", "%ab"),
        ("aaab", "a%ab"),
        ("abcabd", "%ab_"),
        ("xabcabdx", "%ab_x"),
        ("xabcabdx", "%a_d%"),
        ("größe", "gr__e"),
        ("größe", "%ö_e"),
        ("100%", "100\\%"),
        ("a_b", "a\\_b"),
        ("a\\b", "a\\b"),
        ("a\\", "a\\"),
        ("a\\%", "a\\\\%"),
        ("line\nbreak", "line%"),
        ("line\nbreak", "line_break"),
    ];
    for (text, pattern) in matching {
        assert!(like(text, pattern), "{text:?} LIKE {pattern:?}");
    }
    let other = [
        ("", "_"),
        ("a", ""),
        ("order.paid", "order"),
        ("order.paid", "paid"),
        ("order.paid", "Order.%"),
        ("order.paid", "_________"),
        ("order.paid", "___________"),
        ("order.paid", "%___________"),
        ("aba", "ab%ba"),
        ("a", "a%a"),
        ("ab", "%b%a%"),
        ("100", "100\\%"),
        ("1000", "100\\%"),
        ("a.b", "a\\_b"),
        ("größe", "gr_e"),
    ];
    for (text, pattern) in other {
        assert!(!like(text, pattern), "{text:?} LIKE {pattern:?}");
    }
}

#[test]
fn a_piece_with_gaps_may_be_longer_than_a_word() {
    for length in [63, 64, 65, 127, 128, 129, 500] {
        let piece = format!("{}_{}", "a".repeat(length - 2), "b");
        let text = format!("xx{}cb", "a".repeat(length));
        assert!(like(&text, &format!("%{piece}%")), "{length}");
        assert!(like(&text, &format!("%{piece}")), "{length}");
        let short = format!("xx{}cb", "a".repeat(length - 3));
        assert!(!like(&short, &format!("%{piece}%")), "{length}");
    }
}

/// By trying everything, for short texts.
fn by_trying(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', after @ ..] => (0..=text.len()).any(|skip| by_trying(&text[skip..], after)),
        ['\\', wanted @ ('%' | '_'), after @ ..] => {
            text.first() == Some(wanted) && by_trying(&text[1..], after)
        }
        ['_', after @ ..] => !text.is_empty() && by_trying(&text[1..], after),
        [wanted, after @ ..] => text.first() == Some(wanted) && by_trying(&text[1..], after),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_pattern_agrees_with_trying_everything(
        text in "[abé%_\\\\]{0,12}",
        pattern in "[abé%%__\\\\]{0,10}",
    ) {
        let characters: Vec<char> = text.chars().collect();
        let wanted: Vec<char> = pattern.chars().collect();
        prop_assert_eq!(like(&text, &pattern), by_trying(&characters, &wanted));
    }
}

fn time(text: &str, pattern: &Pattern) -> Duration {
    let start = now();
    assert!(!std::hint::black_box(pattern).matches(std::hint::black_box(text)));
    start.elapsed()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this measures the machine: paused time would show nothing"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Runs that both lengths are given at least, and at most.
const RUNS: std::ops::Range<usize> = 5..500;

/// I4. Growth with the square, the usual fault, would be fourfold. A neighbour on the machine makes
/// runs longer and never shorter, so the shortest count, and it is tried again until both had a quiet
/// moment.
#[test]
fn a_text_twice_as_long_takes_about_twice_the_time() {
    let hundred = "a%".repeat(100) + "b";
    let patterns = [
        hundred.clone(),
        format!("%{hundred}"),
        format!("%{}b%", "a".repeat(500)),
        format!("%{}_b%", "a".repeat(500)),
        format!("{}c", "%a_".repeat(100)),
    ];
    let text = "a".repeat(256 * 1024);
    let (half_text, _) = text.split_at(128 * 1024);
    for pattern in patterns {
        let pattern = Pattern::new(&pattern);
        let (mut half, mut whole) = (Duration::MAX, Duration::MAX);
        let shows_it = (1..=RUNS.end).any(|run| {
            half = half.min(time(half_text, &pattern));
            whole = whole.min(time(&text, &pattern));
            run >= RUNS.start && whole < half * 3 + Duration::from_micros(200)
        });
        let pattern = pattern.source();
        assert!(
            shows_it,
            "{pattern}: {half:?}, {whole:?} for twice the text"
        );
    }
}
