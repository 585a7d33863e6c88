//! Whether the server is ready, and what is invalid, for `/readyz`.
//!
//! Ready means: every valid trigger's start is fixed, so that whatever is accepted from now on
//! reaches it. A trigger that could not be subscribed makes the server unready for as long as that
//! lasts, and so does a store that has failed, since only another start brings it back; and so do files
//! that cannot be opened where no other broker is served. Else a broker whose configuration is missing, whose files cannot be opened or whose disk is full does not: it refuses
//! what it is sent, so nothing is lost, and the others serve on. Neither does an invalid manifest, since
//! its last valid version is still served. `/readyz?verbose` tells all of it.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use parking_lot::Mutex;

use crate::admin::Admin;
use crate::manifests::Finding;
use crate::registry::Registry;

/// The phase that the server is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The manifests have not been applied yet.
    Starting,
    /// Everything is served.
    Serving,
    /// Told to stop.
    Stopping,
}

/// The phase, and the faults found at the last look at the manifests.
#[derive(Debug)]
pub struct Readiness {
    phase: Mutex<Phase>,
    findings: ArcSwap<Vec<Finding>>,
}

impl Default for Readiness {
    fn default() -> Self {
        Readiness {
            phase: Mutex::new(Phase::Starting),
            findings: ArcSwap::default(),
        }
    }
}

impl Readiness {
    /// Enters a phase. There is no way back from stopping.
    pub fn enter(&self, phase: Phase) {
        let mut current = self.phase.lock();
        if *current != Phase::Stopping {
            *current = phase;
        }
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.phase.lock()
    }

    /// Shows what the last look at the manifests found.
    pub fn show(&self, findings: Vec<Finding>) {
        self.findings.store(Arc::new(findings));
    }

    /// What the last look at the manifests found.
    pub fn findings(&self) -> Arc<Vec<Finding>> {
        self.findings.load_full()
    }

    /// Whether everything is served, and whatever is accepted reaches each trigger that wants it.
    pub fn is_ready(&self, registry: &Registry) -> bool {
        let table = registry.table();
        self.phase() == Phase::Serving
            && !table.has_unsubscribed()
            && !table.has_failed_store()
            && !table.serves_none_for_its_files()
    }

    fn report(&self, registry: &Registry) -> String {
        let phase = self.phase();
        let mark = |ok: bool| if ok { "[+]" } else { "[-]" };
        let mut text = format!(
            "{}serving {}\n",
            mark(phase == Phase::Serving),
            phase.word()
        );
        let table = registry.table();
        for (name, broker) in &table.brokers {
            let condition = broker.condition();
            let message = condition.message().unwrap_or("ok");
            text.push_str(&format!(
                "{}broker {name} {message}\n",
                mark(condition.is_ready())
            ));
        }
        for (name, condition) in &table.unserved {
            let message = condition.message().unwrap_or_default();
            text.push_str(&format!("[-]broker {name} {message}\n"));
        }
        for (name, view) in &table.triggers {
            let condition = &view.condition;
            let message = condition.message().unwrap_or("ok");
            text.push_str(&format!(
                "{}trigger {name} {message}\n",
                mark(condition.is_ready())
            ));
        }
        for (name, kept) in &table.kept {
            let message = kept.condition.message().unwrap_or_default();
            text.push_str(&format!("[-]trigger {name} {message}\n"));
        }
        let findings = self.findings.load();
        let errors = findings
            .iter()
            .filter(|it| it.diagnostic.is_error())
            .count();
        let noun = if errors == 1 { "error" } else { "errors" };
        text.push_str(&format!("{}manifests {errors} {noun}\n", mark(errors == 0)));
        for finding in findings.iter() {
            if finding.keeps_earlier {
                text.push_str("the last valid version stays in force:\n");
            }
            text.push_str(finding.rendered.trim_end());
            text.push('\n');
        }
        text
    }
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Serving => "ok",
            Phase::Stopping => "stopping",
        }
    }
}

/// Answers `/readyz` and `/readyz?verbose`.
pub(crate) async fn answer(
    State(admin): State<Admin>,
    Query(query): Query<HashMap<String, String>>,
) -> (StatusCode, String) {
    let (status, summary) = match admin.readiness.is_ready(&admin.registry) {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    };
    let is_verbose = query
        .get("verbose")
        .is_some_and(|value| value != "0" && value != "false");
    let details = if is_verbose {
        admin.readiness.report(&admin.registry)
    } else {
        String::new()
    };
    (status, details + summary)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::UNIX_EPOCH;

    use sluicegate_channels::{Clock, Timestamp};

    use super::*;
    use crate::manifests::{Catalog, Contents, Folder};

    fn registry() -> Registry {
        Registry::new(Clock::anchored_at(UNIX_EPOCH))
    }

    #[test]
    fn there_is_no_way_back_from_stopping() {
        let readiness = Readiness::default();
        assert_eq!(readiness.phase(), Phase::Starting);
        readiness.enter(Phase::Serving);
        readiness.enter(Phase::Stopping);
        readiness.enter(Phase::Serving);
        assert_eq!(readiness.phase(), Phase::Stopping);
    }

    #[test]
    fn the_report_tells_the_phase_and_every_fault_as_people_read_it() {
        let readiness = Readiness::default();
        assert_eq!(
            readiness.report(&registry()),
            "[-]serving starting\n[+]manifests 0 errors\n"
        );
        readiness.enter(Phase::Serving);
        let look = |catalog: &mut Catalog, text: &str| {
            let files = BTreeMap::from([("a.yaml".into(), Contents::Text(text.into()))]);
            let folder = Folder {
                files,
                exists: true,
                ..Folder::default()
            };
            catalog.review(&folder, Timestamp(0)).findings
        };
        let valid = "apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
            metadata: {namespace: shop, name: orders}\n";
        let invalid = format!("{valid}sped: {{}}\n");
        let mut catalog = Catalog::new();
        readiness.show(look(&mut catalog, &invalid));
        let report = readiness.report(&registry());
        assert!(
            report.starts_with("[+]serving ok\n[-]manifests 1 error\n"),
            "{report}"
        );
        assert!(
            report.contains("a.yaml:4:1") && report.contains("`sped`"),
            "{report}"
        );
        assert!(
            !report.contains("stays in force"),
            "there was none before: {report}"
        );
        look(&mut catalog, valid);
        readiness.show(look(&mut catalog, &invalid));
        let report = readiness.report(&registry());
        assert!(
            report.contains("the last valid version stays in force:\n"),
            "{report}"
        );
        readiness.show(Vec::new());
        assert_eq!(
            readiness.report(&registry()),
            "[+]serving ok\n[+]manifests 0 errors\n"
        );
    }
}
