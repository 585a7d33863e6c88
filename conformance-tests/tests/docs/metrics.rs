//! docs/reference/metrics.md lists every metric, with its type and its labels.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sluicegate_conformance::event::Event;
use sluicegate_conformance::harness::{Server, Setup};
use sluicegate_conformance::subscriber::{Answer, Subscriber};
use tokio::time::{Instant, sleep};

use crate::pages::{page, quoted};

/// How long a metric may take to appear.
const PATIENCE: Duration = Duration::from_secs(20);

/// The type and the labels of each metric; labels are known once there is a sample.
type Metrics = BTreeMap<String, (String, Option<BTreeSet<String>>)>;

#[tokio::test]
async fn every_metric_is_listed_with_its_type_and_labels() {
    let listed = listed();
    let subscriber = Subscriber::start().await.expect("loopback has free ports");
    let reply = Event::new("1", "/docs", "docs.reply");
    subscriber.script("/reply", Answer::reply(&reply));
    subscriber.script("/refuse", Answer::status(400));
    // Of a channel on disk there is most to tell.
    let on_disk = Setup::new().settings("defaultChannel: disk\n");
    let server = Server::start(on_disk.manifest("docs.yaml", objects(&subscriber))).await;
    let event = Event::new("1", "/docs", "docs.asked");
    server.accept("/docs/broker", &event).await;

    let began = Instant::now();
    loop {
        let scraped = scraped(&server).await;
        let names = |metrics: &Metrics| metrics.keys().cloned().collect::<BTreeSet<_>>();
        if names(&scraped) == names(&listed) {
            compare(&listed, &scraped);
            return;
        }
        if began.elapsed() > PATIENCE {
            assert_eq!(names(&listed), names(&scraped));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// A trigger whose subscriber replies, and one whose subscriber refuses.
fn objects(subscriber: &Subscriber) -> String {
    let trigger = |name: &str| {
        let uri = subscriber.url(&format!("/{name}"));
        format!(
            "---\napiVersion: eventing.knative.dev/v1\nkind: Trigger\n\
             metadata: {{name: {name}, namespace: docs}}\n\
             spec:\n  broker: broker\n  filters: [{{exact: {{type: docs.asked}}}}]\n  \
             subscriber: {{uri: {uri}}}\n"
        )
    };
    "apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
     metadata: {name: broker, namespace: docs}\n"
        .to_owned()
        + &trigger("reply")
        + &trigger("refuse")
}

fn compare(listed: &Metrics, scraped: &Metrics) {
    let mut with_labels = 0;
    for (name, (kind, labels)) in scraped {
        let (listed_kind, listed_labels) = &listed[name];
        assert_eq!(listed_kind, kind, "{name}");
        if labels.is_some() {
            with_labels += 1;
            assert_eq!(listed_labels, labels, "{name}");
        }
    }
    assert!(
        with_labels + 1 >= scraped.len(),
        "only {with_labels} had samples"
    );
}

/// What the page says.
fn listed() -> Metrics {
    let page = page("docs/reference/metrics.md");
    let rows = page.rows();
    let listed = rows.iter().filter_map(|row| {
        let name = quoted(row[0]).next()?.to_owned();
        let labels = row[2].split(',').map(|label| label.trim().to_owned());
        let labels = labels.filter(|label| !label.is_empty()).collect();
        Some((name, (row[1].to_owned(), Some(labels))))
    });
    listed.collect()
}

/// What a scrape says.
async fn scraped(server: &Server) -> Metrics {
    let answer = server.admin().get("/metrics").await;
    let answer = answer.unwrap_or_else(|error| panic!("no scrape: {error}"));
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let mut metrics = Metrics::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest
                .split_once(' ')
                .expect("a heading has a name and a type");
            name.clone_into(&mut current);
            metrics.insert(current.clone(), (kind.to_owned(), None));
        } else if !line.starts_with('#') {
            let metric = metrics.get_mut(&current).expect("samples follow a heading");
            metric.1 = Some(labels(line));
        }
    }
    metrics
}

/// The names of a sample's labels; a histogram's bound is none of ours.
fn labels(sample: &str) -> BTreeSet<String> {
    let inner = sample
        .split_once('{')
        .and_then(|(_, rest)| rest.rsplit_once('}'));
    let pairs = inner.map_or("", |(inner, _)| inner).split("\",");
    pairs
        .filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()))
        .filter(|name| name != "le")
        .collect()
}
