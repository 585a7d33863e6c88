//! URIs and URI-references by the grammar of RFC 3986. Only checked, never changed.
//!
//! A fragment is allowed in an absolute URI too: schemas are widely named with one, although
//! section 4.3 of the RFC, which CloudEvents points to for `dataschema`, has none.

use std::net::Ipv6Addr;

/// Whether `text` is a URI with a scheme.
pub(crate) fn is_absolute(text: &str) -> bool {
    parse(text).is_some_and(|kind| kind == Kind::Absolute)
}

/// Whether `text` is a URI or a relative reference.
pub(crate) fn is_reference(text: &str) -> bool {
    parse(text).is_some()
}

#[derive(PartialEq, Eq)]
enum Kind {
    Absolute,
    Relative,
}

fn parse(text: &str) -> Option<Kind> {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let (kind, hierarchy) = split_scheme(text)?;
    let path = match hierarchy.strip_prefix("//") {
        Some(rest) => path_after_authority(rest)?,
        None => hierarchy,
    };
    let is_valid =
        consists_of(path, b":@/") && consists_of(query, b":@/?") && consists_of(fragment, b":@/?");
    is_valid.then_some(kind)
}

/// A colon before the first slash ends a scheme; a relative reference must not have one there.
fn split_scheme(text: &str) -> Option<(Kind, &str)> {
    match text.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('/') => {
            is_scheme(scheme).then_some((Kind::Absolute, rest))
        }
        Some(_) | None => Some((Kind::Relative, text)),
    }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Checks the authority that `text` begins with, and gives the path behind it.
fn path_after_authority(text: &str) -> Option<&str> {
    let (authority, path) = text.split_at(text.find('/').unwrap_or(text.len()));
    let (user, host_and_port) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = split_port(host_and_port)?;
    let is_valid =
        consists_of(user, b":") && is_host(host) && port.bytes().all(|byte| byte.is_ascii_digit());
    is_valid.then_some(path)
}

fn split_port(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with('[') {
        return Some(text.split_once(':').unwrap_or((text, "")));
    }
    let (host, rest) = text.split_at(text.find(']')? + 1);
    if rest.is_empty() {
        Some((host, ""))
    } else {
        Some((host, rest.strip_prefix(':')?))
    }
}

fn is_host(host: &str) -> bool {
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(literal) => literal.parse::<Ipv6Addr>().is_ok() || is_future_address(literal),
        None => consists_of(host, b""),
    }
}

/// `v1.anything`: the RFC leaves room for addresses to come.
fn is_future_address(literal: &str) -> bool {
    literal
        .strip_prefix(['v', 'V'])
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(version, address)| {
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !address.is_empty()
                && !address.contains('%')
                && consists_of(address, b":")
        })
}

/// Whether `text` holds only unreserved characters, sub-delimiters, percent triplets and `more`.
fn consists_of(text: &str, more: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_allowed = match byte {
            b'%' => {
                let digits = [bytes.next(), bytes.next()];
                digits
                    .iter()
                    .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit()))
            }
            b'-' | b'.' | b'_' | b'~' => true,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => true,
            _ => byte.is_ascii_alphanumeric() || more.contains(&byte),
        };
        if !is_allowed {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_uris_are_accepted() {
        for text in [
            "https://example.com/path?query=1#fragment",
            "http://user:pw@example.com:8080/",
            "http://[::1]:80/a",
            "http://[v1.fe:d]/",
            "http://192.0.2.1",
            "http://host:",
            "mailto:someone@example.com",
            "urn:example:animal:ferret:nose",
            "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
            "file:///etc/hosts",
            "tag:example.com,2024:a/b;c=d",
            "a+b-c.d:x",
            "scheme:",
            "s:a?b?c/d#e?f/g",
            "http://ex%41mple.com/%20%ff",
        ] {
            assert!(is_absolute(text), "{text}");
            assert!(is_reference(text), "{text}");
        }
    }

    #[test]
    fn relative_references_are_references_only() {
        for text in [
            "",
            "/",
            "/sensors/tn-1234567/alerts",
            "sensors/1",
            "1-555-123-4567",
            "//example.com/x",
            "./a:b",
            "a/b:c",
            "?query",
            "#fragment",
            "/a@b",
            "cloudevents",
        ] {
            assert!(is_reference(text), "{text}");
            assert!(!is_absolute(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_uri_reference_is_refused() {
        for text in [
            "not a uri <>",
            "/a b",
            "/é",
            "/a\"b",
            "/a\\b",
            "/a^b",
            "/a`b",
            "/{id}",
            "/a|b",
            "/100%",
            "/%4",
            "/%zz",
            "/a#b#c",
            "/a[1]",
            "/a?b[]=1",
            "/a#[b]",
            "1http://example.com",
            ":no-scheme",
            "1-555:2",
            "http://[::1",
            "http://[::1]x",
            "http://[zz]/",
            "http://[::1%25eth0]/",
            "http://[v.a]/",
            "http://a[b]/",
            "http://host:8o/",
            "http://a@b@c/",
            "http://a:1:2/",
            "/\u{0}",
        ] {
            assert!(!is_reference(text), "{text}");
        }
    }
}
