//! What the last look at the manifests found.

use axum::Json;
use axum::extract::State;

use super::Admin;
use crate::api::{Config, Finding, FoundIn};
use crate::manifests;

pub(super) async fn show(State(admin): State<Admin>) -> Json<Config> {
    let findings = admin.readiness.findings();
    Json(Config {
        folder: Some(admin.manifests.to_string()),
        valid: !findings.iter().any(|found| found.diagnostic.is_error()),
        findings: findings.iter().map(finding).collect(),
    })
}

fn finding(found: &manifests::Finding) -> Finding {
    let object = found.object.as_ref().map(|object| FoundIn {
        kind: object.kind.clone(),
        namespace: object.name.namespace.clone(),
        name: object.name.name.clone(),
    });
    Finding {
        object,
        keeps_earlier: Some(found.keeps_earlier),
        ..Finding::new(
            &found.file.display().to_string(),
            &found.diagnostic,
            &found.rendered,
        )
    }
}
