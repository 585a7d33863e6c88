use super::*;
use crate::api::EventFilter;

/// 1970-01-02T00:00:00Z.
const NOW: Timestamp = Timestamp(24 * 3_600 * 1_000);

#[test]
fn what_is_since_a_time_to_come_is_refused_and_told_what_time_it_is() {
    let since = |text: &str| Some(text.parse().unwrap());
    for (text, is_sensible) in [
        ("1970-01-02T00:00:00Z", true),
        ("1970-01-01T23:00:00Z", true),
        ("1h", true),
        ("1970-01-02T00:00:01Z", false),
        ("2970-01-01T00:00:00Z", false),
    ] {
        let events = EventFilter {
            since: since(text),
            // Said of the two together it would be about the wrong one.
            until: since("1970-01-01T23:30:00Z").filter(|_| !is_sensible),
            ..EventFilter::default()
        };
        let letters = LetterFilter {
            since: since(text),
            ..LetterFilter::default()
        };
        let refusals = [
            EventChoice::read(&events, NOW).err(),
            LetterChoice::read(&letters, NOW).err(),
        ];
        for refused in refusals {
            assert_eq!(refused.is_none(), is_sensible, "{text}: {refused:?}");
            if let Some(Senseless { detail, .. }) = refused {
                let says = detail.contains("is in the future; it is 1970-01-02T00:00:00");
                assert!(says, "{detail}");
            }
        }
    }
}
