//! The URIs that a destination may have: checks, and resolution of a relative one.
//!
//! Kept as text until it is resolved, because `http::Uri` neither knows relative references nor
//! refuses user information and fragments.

use http::Uri;

/// Longest URI, in bytes.
const BYTES_MAX: usize = 8 << 10;

/// Why a text cannot be the URI of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UriFault {
    #[error("is relative, and there is no `ref` it could be relative to")]
    Relative,
    #[error("is absolute; beside `ref` it must be relative")]
    Absolute,
    #[error("is neither http nor https")]
    Scheme,
    #[error("has no host")]
    Host,
    #[error("holds a user name or password")]
    UserInfo,
    #[error("has a fragment")]
    Fragment,
    #[error("holds {0:?}, which a URI can't")]
    Character(char),
    #[error("holds a % that is not followed by two hexadecimal digits")]
    Percent,
    #[error("is longer than 8 KiB")]
    TooLong,
    #[error("is not a URI")]
    Malformed,
}

/// Checks an absolute http or https URL.
pub(crate) fn check_absolute(text: &str) -> Result<(), UriFault> {
    parse_absolute(text).map(drop)
}

/// Parses an absolute http or https URL without user information and fragment.
pub(crate) fn parse_absolute(text: &str) -> Result<Uri, UriFault> {
    check_characters(text)?;
    let parts = Parts::of(text);
    let scheme = parts.scheme.ok_or(UriFault::Relative)?;
    if !["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(UriFault::Scheme);
    }
    check_authority(parts.authority.ok_or(UriFault::Host)?)?;
    text.parse().map_err(|_| UriFault::Malformed)
}

/// Checks a relative reference.
pub(crate) fn check_relative(text: &str) -> Result<(), UriFault> {
    check_characters(text)?;
    let parts = Parts::of(text);
    if parts.scheme.is_some() {
        return Err(UriFault::Absolute);
    }
    parts.authority.map_or(Ok(()), check_authority)
}

/// Resolves `relative` against `base` by RFC 3986, section 5.2. Both without fragments.
pub(crate) fn resolve(base: &Uri, relative: &str) -> Result<Uri, UriFault> {
    check_relative(relative)?;
    let base = base.to_string();
    let base = Parts::of(&base);
    let relative = Parts::of(relative);
    let authority = relative.authority.or(base.authority).unwrap_or_default();
    let (path, query) = if relative.authority.is_some() || relative.path.starts_with('/') {
        (without_dots(relative.path), relative.query)
    } else if relative.path.is_empty() {
        (base.path.to_owned(), relative.query.or(base.query))
    } else {
        (
            without_dots(&merged(base.path, relative.path)),
            relative.query,
        )
    };
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let scheme = base.scheme.unwrap_or("http");
    parse_absolute(&format!("{scheme}://{authority}{path}{query}"))
}

/// The parts of a URI reference (RFC 3986, appendix B), fragment excluded.
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (rest, query) = match text.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (text, None),
        };
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                (Some(authority), path)
            }
            None => (None, rest),
        };
        Parts {
            scheme,
            authority,
            path,
            query,
        }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn check_characters(text: &str) -> Result<(), UriFault> {
    if text.len() > BYTES_MAX {
        return Err(UriFault::TooLong);
    }
    if text.contains('#') {
        return Err(UriFault::Fragment);
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?[]@!$&'()*+,;=%".contains(c);
    if let Some(character) = text.chars().find(|c| !is_allowed(*c)) {
        return Err(UriFault::Character(character));
    }
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err(UriFault::Percent);
    }
    Ok(())
}

fn check_authority(authority: &str) -> Result<(), UriFault> {
    if authority.contains('@') {
        return Err(UriFault::UserInfo);
    }
    let host_and_port: http::uri::Authority = authority.parse().map_err(|_| match authority {
        "" => UriFault::Host,
        _ => UriFault::Malformed,
    })?;
    if host_and_port.host().is_empty() {
        return Err(UriFault::Host);
    }
    // `http` takes any text after the colon for a port until it is asked for the number.
    let has_port = !authority.ends_with(']') && authority.rsplit_once(':').is_some();
    if has_port && host_and_port.port_u16().is_none_or(|port| port == 0) {
        return Err(UriFault::Malformed);
    }
    Ok(())
}

/// RFC 3986, 5.2.3; the base has an authority.
fn merged(base: &str, relative: &str) -> String {
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{relative}")
}

/// RFC 3986, 5.2.4, for a path that is empty or begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    kept.iter()
        .fold(String::new(), |path, segment| path + "/" + segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_references_resolve_as_rfc_3986_says() {
        // The examples of section 5.4, as far as they have neither scheme nor fragment.
        for (relative, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("g;x", "http://a/b/c/g;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("../../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            (".g", "http://a/b/c/.g"),
            ("g..", "http://a/b/c/g.."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ] {
            let base: Uri = "http://a/b/c/d;p?q".parse().expect("a URI");
            let resolved = resolve(&base, relative).map(|uri| uri.to_string());
            assert_eq!(resolved.as_deref(), Ok(expected), "{relative}");
        }
        let base: Uri = "http://localhost:3001".parse().expect("a URI");
        assert_eq!(
            resolve(&base, "/events").expect("resolves").to_string(),
            "http://localhost:3001/events"
        );
        assert_eq!(
            resolve(&base, "events").expect("resolves").to_string(),
            "http://localhost:3001/events"
        );
    }

    #[test]
    fn absolute_urls_are_checked_to_the_last_part() {
        for (text, expected) in [
            ("http://localhost:3000", Ok(())),
            ("HTTPS://example.com/a%20b?c=d", Ok(())),
            ("http://[::1]:8080/x", Ok(())),
            ("http://[::1]", Ok(())),
            ("/events", Err(UriFault::Relative)),
            ("", Err(UriFault::Relative)),
            ("localhost:3000/x", Err(UriFault::Scheme)),
            ("ftp://example.com", Err(UriFault::Scheme)),
            ("kafka:topic", Err(UriFault::Scheme)),
            ("http:", Err(UriFault::Host)),
            ("http://", Err(UriFault::Host)),
            ("http:///path", Err(UriFault::Host)),
            ("http://:80/", Err(UriFault::Host)),
            ("http://a:b@c/", Err(UriFault::UserInfo)),
            ("http://c/#x", Err(UriFault::Fragment)),
            ("http://c/a b", Err(UriFault::Character(' '))),
            ("http://c/ü", Err(UriFault::Character('ü'))),
            ("http://c/%2", Err(UriFault::Percent)),
            ("http://c/%zz", Err(UriFault::Percent)),
            ("http://c:99999/", Err(UriFault::Malformed)),
            ("http://c:0/", Err(UriFault::Malformed)),
            ("http://c:/", Err(UriFault::Malformed)),
        ] {
            assert_eq!(check_absolute(text), expected, "{text}");
        }
        assert_eq!(
            check_absolute(&format!("http://c/{}", "a".repeat(BYTES_MAX))),
            Err(UriFault::TooLong)
        );
    }
}
