//! Everything the server counts, under one registry; `/metrics` shows it.
//!
//! Names and labels are API: they are listed in docs/reference/metrics.md, and a rename needs one
//! release with both. Labels come from small closed sets and from the names of objects, never from
//! events. Handles are made once per broker and per trigger, so that counting an event costs an
//! addition and no look-up.
//!
//! - [`ingress`]: what came in, and what was refused.
//! - [`delivery`]: attempts, replies, dead letters, time from acceptance to delivery.
//! - [`figures`]: what the channels know themselves (the books, what waits), read at each scrape.
//! - [`deduplication`]: duplicates at the door.
//! - [`history`]: histories of events, and what they lack.
//! - [`server`]: the build, reloads.

use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

pub mod deduplication;
pub mod delivery;
pub mod figures;
pub mod history;
pub mod ingress;
pub mod server;

/// The families that the running server holds on to.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// What came in.
    pub ingress: ingress::IngressFamilies,
    /// What went out.
    pub delivery: Arc<delivery::DeliveryFamilies>,
    /// About duplicates at the door.
    pub deduplication: deduplication::DeduplicationFamilies,
    /// About histories of events.
    pub history: history::HistoryFamilies,
    /// About the server itself.
    pub server: server::ServerFamilies,
}

impl Metrics {
    /// Registers every family; `source` is asked for the channels' own figures at each scrape.
    pub fn new(source: Arc<dyn figures::FiguresSource>) -> Self {
        let mut registry = Registry::default();
        let ingress = ingress::IngressFamilies::register(&mut registry);
        let delivery = Arc::new(delivery::DeliveryFamilies::register(&mut registry));
        let deduplication = deduplication::DeduplicationFamilies::register(&mut registry);
        let history = history::HistoryFamilies::register(&mut registry);
        let server = server::ServerFamilies::register(&mut registry);
        registry.register_collector(Box::new(figures::FiguresCollector::new(source)));
        Metrics {
            registry,
            ingress,
            delivery,
            deduplication,
            history,
            server,
        }
    }

    /// The text that a scrape is answered with, in Prometheus' text format 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // A `String` takes any text; the encoder has no other way to fail.
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "cannot encode the metrics");
        }
        as_prometheus_text(&text)
    }
}

/// The media type of [`Metrics::render`].
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Rewrites the headings of OpenMetrics into those of Prometheus' own text format.
///
/// OpenMetrics names a counter's family without `_total`, so it has no room for a gauge
/// `sluicegate_dead_letters` beside a counter `sluicegate_dead_letters_total`; the older format, which
/// every scraper reads, has.
fn as_prometheus_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + 1024);
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        let kind_of = |line: &str| line.rsplit(' ').next().map(str::to_owned);
        match words.as_slice() {
            ["#", "EOF"] => {}
            ["#", "HELP", name, help] => {
                let kind = lines
                    .peek()
                    .and_then(|next| kind_of(next))
                    .unwrap_or_default();
                text.push_str(&format!("# HELP {} {help}\n", classic_name(name, &kind)));
            }
            ["#", "TYPE", name, kind] => {
                let name = classic_name(name, kind);
                let kind = if *kind == "info" { "gauge" } else { kind };
                text.push_str(&format!("# TYPE {name} {kind}\n"));
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

fn classic_name(name: &str, kind: &str) -> String {
    match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_take_the_names_of_their_samples() {
        let open = "# HELP a_events Events.\n# TYPE a_events counter\na_events_total{x=\"y z\"} 3\n\
            # HELP a_depth Depth.\n# TYPE a_depth gauge\na_depth 1\n# HELP a_build Build.\n\
            # TYPE a_build info\na_build_info{v=\"1\"} 1\n# EOF\n";
        let classic = "# HELP a_events_total Events.\n# TYPE a_events_total counter\n\
            a_events_total{x=\"y z\"} 3\n# HELP a_depth Depth.\n# TYPE a_depth gauge\na_depth 1\n\
            # HELP a_build_info Build.\n# TYPE a_build_info gauge\na_build_info{v=\"1\"} 1\n";
        assert_eq!(as_prometheus_text(open), classic);
    }
}
