//! The shape of a path: `/`, `/{namespace}/{broker}`, or neither.
//!
//! Names follow RFC 1123, so nothing is ever percent-decoded: an escaped name is no broker's name.

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// `/`
    Default,
    /// `/{namespace}/{broker}`, with or without a slash behind it.
    Broker { namespace: &'a str, broker: &'a str },
}

impl<'a> Target<'a> {
    /// Reads a path, without its query. None when it has another shape.
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        if path == "/" {
            return Some(Target::Default);
        }
        let inner = path.strip_prefix('/')?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let (namespace, broker) = inner.split_once('/')?;
        (is_name(namespace) && is_name(broker)).then_some(Target::Broker { namespace, broker })
    }
}

/// Whether `name` may be the name of an object: 1 to 253 of a-z, 0-9, `-` and `.`. The finer rules
/// are the directory's, which knows no object that breaks them.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_root_or_two_names() {
        let broker = |namespace, broker| Some(Target::Broker { namespace, broker });
        for (path, expected) in [
            ("/", Some(Target::Default)),
            ("/shop/orders", broker("shop", "orders")),
            ("/shop/orders/", broker("shop", "orders")),
            ("/a-1/b.c", broker("a-1", "b.c")),
            ("/shop", None),
            ("/shop/", None),
            ("//", None),
            ("//orders", None),
            ("/shop/orders//", None),
            ("/shop/orders/more", None),
            ("/Shop/orders", None),
            ("/sh%6fp/orders", None),
            ("shop/orders", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(Target::parse(path), expected, "{path}");
        }
    }
}
