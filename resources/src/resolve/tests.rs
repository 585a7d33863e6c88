use super::*;

fn map(entries: &[(&str, &str)]) -> Result<ResolveMap, String> {
    let owned = |(key, url): &(&str, &str)| ((*key).to_owned(), (*url).to_owned());
    ResolveMap::new(entries.iter().map(owned).collect())
}

fn service(namespace: &str, name: &str, uri: Option<&str>) -> Destination {
    Destination {
        reference: Some(KReference {
            api_version: "v1".into(),
            kind: "Service".into(),
            namespace: namespace.into(),
            name: name.into(),
        }),
        uri: uri.map(str::to_owned),
    }
}

fn alone(uri: &str) -> Destination {
    Destination {
        reference: None,
        uri: Some(uri.into()),
    }
}

#[track_caller]
fn assert_resolves(map: &ResolveMap, destination: &Destination, expected: &str) {
    let shown = match map.resolve(destination) {
        Ok(uri) => uri.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(shown, expected, "{destination}");
}

#[test]
fn the_entry_that_names_most_answers() {
    // From the least to the most particular, so that order can't be what decides.
    let map = map(&[
        ("v1/Service/*/*", "http://any/{namespace}/{name}"),
        ("v1/Service/*/billing", "http://by-name/{namespace}"),
        ("v1/Service/shop/*", "http://by-namespace/{name}"),
        ("v1/Service/shop/billing", "http://localhost:3001"),
        (
            "serving.knative.dev/v1/Service/*/*",
            "http://{name}.{namespace}.example",
        ),
    ])
    .expect("a map");
    for (destination, expected) in [
        (service("shop", "billing", None), "http://localhost:3001/"),
        (service("shop", "audit", None), "http://by-namespace/audit"),
        (service("lab", "billing", None), "http://by-name/lab"),
        (service("lab", "audit", None), "http://any/lab/audit"),
        // CP-39
        (
            service("shop", "billing", Some("/events")),
            "http://localhost:3001/events",
        ),
        (
            service("lab", "audit", Some("x?y=1")),
            "http://any/lab/x?y=1",
        ),
        (alone("https://example.com/a?b"), "https://example.com/a?b"),
        (
            alone("/a"),
            "cannot use the URI of /a: it is relative, and there is no `ref` it could be relative to",
        ),
    ] {
        assert_resolves(&map, &destination, expected);
    }
    let mut knative = service("shop", "billing", None);
    if let Some(reference) = &mut knative.reference {
        reference.api_version = "serving.knative.dev/v1".into();
    }
    assert_resolves(&map, &knative, "http://billing.shop.example/");
}

#[test]
fn what_the_map_does_not_answer_is_asked_of_the_server() {
    let map = map(&[("v1/Service/shop/billing", "http://mapped/")]).expect("a map");
    let known = |reference: &KReference| {
        let url = format!("http://own/{}/", reference.name);
        (reference.name != "gone").then(|| url.parse().expect("a URL"))
    };
    for (destination, expected) in [
        (service("shop", "billing", None), Ok("http://mapped/")),
        (
            service("shop", "other", Some("x")),
            Ok("http://own/other/x"),
        ),
        (
            service("shop", "gone", None),
            Err("cannot resolve Service shop/gone: this server is not in a cluster"),
        ),
    ] {
        let resolved = map.resolve_with(&destination, known);
        assert_eq!(
            resolved
                .map(|uri| uri.to_string())
                .map_err(|error| error.to_string()),
            expected.map(str::to_owned).map_err(str::to_owned)
        );
    }
}

#[test]
fn malformed_entries_are_refused_with_the_reason() {
    let shape = "must be version/Kind/namespace/name or group/version/Kind/namespace/name, with * for any namespace or name";
    for (key, url, expected) in [
        ("Service/shop/billing", "http://x", format!("the key 'Service/shop/billing' {shape}")),
        ("a/b/v1/Service/shop/x", "http://x", format!("the key 'a/b/v1/Service/shop/x' {shape}")),
        ("v1/service/shop/x", "http://x", format!("the key 'v1/service/shop/x' {shape}")),
        ("v1/Service/Shop/x", "http://x", format!("the key 'v1/Service/Shop/x' {shape}")),
        ("v1/Service/shop/x*", "http://x", format!("the key 'v1/Service/shop/x*' {shape}")),
        ("v1/Service//x", "http://x", format!("the key 'v1/Service//x' {shape}")),
        ("", "http://x", format!("the key '' {shape}")),
        (
            "v1/Service/a/b",
            "localhost",
            "the URL 'localhost' of 'v1/Service/a/b' must begin with http:// or https://".into(),
        ),
        (
            "v1/Service/a/b",
            "ftp://x",
            "the URL 'ftp://x' of 'v1/Service/a/b' is neither http nor https".into(),
        ),
        (
            "v1/Service/a/b",
            "http://u:p@x/",
            "the URL 'http://u:p@x/' of 'v1/Service/a/b' holds a user name or password".into(),
        ),
        (
            "v1/Service/a/b",
            "http://{host}/",
            "the URL 'http://{host}/' of 'v1/Service/a/b' has braces around something other than namespace and name".into(),
        ),
    ] {
        assert_eq!(map(&[(key, url)]), Err(expected));
    }
    assert_eq!(
        map(&[
            ("v1/Service/a/*", "http://x"),
            ("v1/Service/a/*", "http://y")
        ]),
        Err("the key 'v1/Service/a/*' is written twice".into())
    );
}

#[test]
fn an_overlaid_entry_replaces_the_one_of_the_same_key_alone() {
    let settings = map(&[
        ("v1/Service/shop/billing", "http://settings-billing"),
        ("v1/Service/shop/*", "http://settings-any"),
    ]);
    let one_run = map(&[("v1/Service/shop/billing", "http://one-run")]);
    let both = settings
        .expect("a map")
        .overlaid_with(one_run.expect("a map"));
    assert_resolves(&both, &service("shop", "billing", None), "http://one-run/");
    assert_resolves(
        &both,
        &service("shop", "audit", None),
        "http://settings-any/",
    );
}
