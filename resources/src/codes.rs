//! Every code that a diagnostic of this crate can carry, with its meaning in one sentence.
//!
//! A code is stable: once released it keeps its meaning, and a rule that goes away leaves its code
//! unused. The pages about codes are made from [`ALL`]. W010, W020 and W021 are not here: they
//! belong to the ingress and to delivery. Codes from W101 on are warnings.

macro_rules! codes {
    ($($(#[$attribute:meta])* $name:ident = $code:literal: $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: &str = $code;)*

        /// Each code with its meaning, in ascending order.
        pub const ALL: &[(&str, &str)] = &[$(($code, $meaning)),*];
    };
}

codes! {
    FILTER_SHAPE = "W001": "A filter does not have the shape of a filter: a list of objects with one dialect each.";
    UNKNOWN_FIELD = "W002": "A field that the object does not have.";
    CESQL = "W003": "A CESQL expression that cannot be used.";
    DURATION = "W004": "A duration that is not written as ISO 8601, or that has no fixed length.";
    ATTRIBUTE_NAME = "W005": "A name that no CloudEvents attribute can have.";
    NO_SUCH_BROKER = "W006": "A trigger names a broker that does not exist.";
    UNRESOLVABLE = "W007": "A reference to an object for which this server knows no URL.";
    WRONG_TYPE = "W008": "A value of the wrong type, such as a number where a string belongs.";
    MISSING_FIELD = "W009": "A required field is missing.";
    NOT_YAML = "W011": "The text is not YAML that can be read here.";
    DUPLICATE_OBJECT = "W012": "Two documents describe the same object.";
    UNKNOWN_KIND = "W013": "A kind or an apiVersion that is not served here.";
    FOREIGN_CLASS = "W014": "A broker of a class that is not Sluicegate.";
    IMMUTABLE = "W015": "A field was changed that must stay as it was created.";
    NOT_ALLOWED = "W016": "A value that is out of range or not one of the values allowed.";
    NOT_AVAILABLE = "W017": "Something that this version cannot do.";
    UNKNOWN_ANNOTATION = "W018": "An annotation under `sluicegate.dev/` that does not exist.";
    OBJECT_NAME = "W019": "A name or namespace that Kubernetes would not accept.";
    DESTINATION = "W030": "A destination that is neither a reference nor an absolute http or https URL.";
    BROKER_CHOICE = "W031": "A trigger that does not name exactly one broker of its own namespace.";
    NO_SUCH_CONFIG = "W032": "A broker names a BrokerConfig that does not exist.";
    DUPLICATE_KEY = "W033": "A mapping holds the same key twice.";
    TOO_MANY = "W034": "A document has more findings than are shown.";
    NO_EFFECT = "W101": "Something is written that has no effect here.";
    LEFT_OUT = "W102": "A document of a kind that other programs serve is left out.";
    CLAMPED = "W103": "A delivery setting takes effect only in part.";
    POSSIBLE_LOOP = "W104": "A trigger takes every event, so a reply of its subscriber would come back to it.";
    STAR_IS_A_LETTER = "W105": "A value that is compared letter by letter begins or ends with `*`, which looks like a pattern.";
    NOT_BINDS_TIGHTER = "W106": "A CESQL expression compares what NOT gives, where NOT of the comparison is most likely meant.";
}

/// The meaning of a code of this crate.
///
/// ```
/// assert!(sluicegate_resources::codes::meaning("W004").unwrap().contains("ISO 8601"));
/// ```
pub fn meaning(code: &str) -> Option<&'static str> {
    ALL.iter()
        .find(|(known, _)| *known == code)
        .map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_leave_out_those_of_others() {
        assert!(ALL.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for foreign in ["W010", "W020", "W021"] {
            assert_eq!(meaning(foreign), None);
        }
    }
}
