//! The causes of an error, from what a caller sees down to what happened.
//!
//! It leaves out what an I/O error wraps: that one leaves itself out of its chain.

use std::error::Error;
use std::iter;

/// As deep as any walk along causes goes: no library nests deeper, and a chain that runs in a
/// circle still ends.
pub(crate) const CAUSES_MAX: usize = 16;

/// `error`, its source, the source of that, and so on.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| error.source()).take(CAUSES_MAX)
}

/// The last of the causes, whose words say most: those above it add how it was reached.
pub(crate) fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error above `depth` others.
    #[derive(Debug, thiserror::Error)]
    #[error("{depth} below")]
    struct Nested {
        depth: usize,
        source: Option<Box<Nested>>,
    }

    fn nested(depth: usize) -> Nested {
        (0..=depth)
            .fold(None, |source, depth| {
                Some(Nested {
                    depth,
                    source: source.map(Box::new),
                })
            })
            .expect("the range is not empty")
    }

    #[test]
    fn the_innermost_cause_is_found_and_no_walk_goes_on_for_ever() {
        for (depth, expected) in [(0, "0 below"), (3, "0 below"), (20, "5 below")] {
            assert_eq!(
                innermost(&nested(depth)).to_string(),
                expected,
                "of {depth}"
            );
        }
        assert_eq!(causes(&nested(20)).count(), CAUSES_MAX);
    }
}
