//! Keeps web pages from driving the admin API.
//!
//! A page in a browser on this machine can send requests to loopback. Two headers that it cannot
//! forge tell it from a person's own tools: `Host`, which names what the page believes it talks to
//! (so a name that was rebound to 127.0.0.1 shows itself), and `Origin`, which names the page. So a
//! host must be an IP address, `localhost`, or a name that the configuration allows, and an origin,
//! where there is one, must be the admin listener itself. Addresses are safe as hosts: rebinding
//! needs a name.
//!
//! What it leaves out: who may ask. The listener stands on loopback unless the configuration names
//! another address, and there is no authentication yet.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::{Problem, Refusal};

/// Which names the admin listener may be called by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Names besides `localhost` and addresses; compared without case.
    pub allowed_hosts: Vec<String>,
}

impl Guard {
    /// Says what is wrong with the request's headers, if anything.
    fn fault(&self, headers: &HeaderMap, target: Option<&Authority>) -> Option<String> {
        let host = match (headers.get(HOST), target) {
            (Some(host), _) => parse(host),
            (None, target) => target.cloned(),
        };
        let Some(host) = host else {
            return Some("the Host header is missing or malformed".to_owned());
        };
        if !self.allows(host.host()) {
            return Some(format!(
                "Host {:?} is not a name of this listener",
                host.host()
            ));
        }
        let origin = headers.get(ORIGIN)?;
        let own = origin
            .to_str()
            .ok()
            .and_then(|origin| {
                origin
                    .strip_prefix("http://")
                    .or(origin.strip_prefix("https://"))
            })
            .is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_str()));
        (!own).then(|| format!("Origin {origin:?} is not this listener"))
    }

    fn allows(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self
                .allowed_hosts
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(host))
    }
}

fn parse(host: &HeaderValue) -> Option<Authority> {
    let authority: Authority = host.to_str().ok()?.parse().ok()?;
    (!authority.as_str().contains('@')).then_some(authority)
}

/// Answers 403 to a request that a web page could have sent.
pub(super) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    match guard.fault(request.headers(), request.uri().authority()) {
        None => next.run(request).await,
        Some(detail) => forbidden(detail),
    }
}

fn forbidden(detail: String) -> Response {
    let hint = "ask by address or as localhost, without an Origin of another site; further names go \
                into admin.allowedHosts";
    super::refuse(Refusal::new(Problem::Foreign, detail).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(host: Option<&str>, origin: Option<&str>) -> bool {
        let guard = Guard {
            allowed_hosts: vec!["sluicegate.shop.svc".to_owned()],
        };
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(HOST, host.parse().unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        guard.fault(&headers, None).is_none()
    }

    #[test]
    fn addresses_localhost_and_allowed_names_are_hosts_of_ours() {
        for host in [
            "127.0.0.1:8081",
            "127.0.0.1",
            "[::1]:8081",
            "localhost:8081",
            "LOCALHOST",
            "10.1.2.3:8081",
            "sluicegate.shop.svc",
            "Sluicegate.Shop.Svc:8081",
        ] {
            assert!(verdict(Some(host), None), "{host}");
        }
    }

    #[test]
    fn a_name_that_was_rebound_is_refused() {
        for host in [
            "attacker.example",
            "localhost.attacker.example:8081",
            "a@127.0.0.1",
            "",
        ] {
            assert!(!verdict(Some(host), None), "{host}");
        }
        assert!(!verdict(None, None), "no host at all");
    }

    #[test]
    fn a_page_of_another_origin_is_refused_even_by_the_right_host() {
        assert!(verdict(
            Some("127.0.0.1:8081"),
            Some("http://127.0.0.1:8081")
        ));
        for origin in [
            "http://attacker.example",
            "null",
            "http://127.0.0.1:3000",
            "file://",
        ] {
            assert!(!verdict(Some("127.0.0.1:8081"), Some(origin)), "{origin}");
        }
    }
}
