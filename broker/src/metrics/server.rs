//! About the server itself: which build it is, and how its last reload went.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use sluicegate_channels::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// Families about the server.
#[derive(Debug)]
pub struct ServerFamilies {
    reloads: Family<ResultLabel, Counter>,
    last_reload_success: Gauge,
    last_reload_at: Gauge<f64, AtomicU64>,
}

impl ServerFamilies {
    /// Makes and registers them.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = ServerFamilies {
            reloads: Family::default(),
            last_reload_success: Gauge::default(),
            last_reload_at: Gauge::default(),
        };
        let build = crate::api::Version::of_this_build();
        let build = Info::new(vec![
            ("version", build.version),
            ("revision", build.revision.unwrap_or_default()),
            ("rustc", build.rustc.unwrap_or_default()),
        ]);
        registry.register("sluicegate_build", "Which build this is", build);
        registry.register(
            "sluicegate_config_reloads",
            "Changes of the manifests that were looked into",
            families.reloads.clone(),
        );
        registry.register(
            "sluicegate_config_last_reload_success",
            "1 when every object of the manifests was valid at the last look, else 0",
            families.last_reload_success.clone(),
        );
        registry.register(
            "sluicegate_config_last_reload_success_timestamp_seconds",
            "When every object was last valid",
            families.last_reload_at.clone(),
        );
        families
    }

    /// Counts one look at changed manifests.
    pub fn reloaded(&self, valid: bool, now: Timestamp) {
        let result = if valid { "success" } else { "failure" };
        self.reloads.get_or_create(&ResultLabel { result }).inc();
        self.last_reload_success.set(i64::from(valid));
        if valid {
            self.last_reload_at.set(super::figures::float(now.0) / 1e3);
        }
    }
}
