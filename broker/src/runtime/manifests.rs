//! Looks at the manifest folder, again and again, and hands what is in force to the operator.

use std::path::{Path, PathBuf};

use sluicegate_channels::{Clock, Timestamp};
use sluicegate_resources::Severity;

use crate::manifests::follow::Follow;
use crate::manifests::{Catalog, Finding, FolderReader, Look, Objects, Review};
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::Operator;

/// The folder, what is in force of it, and when to look again.
#[derive(Debug)]
pub(super) struct ManifestLoop {
    path: PathBuf,
    clock: Clock,
    follow: Follow,
    reader: FolderReader,
    catalog: Catalog,
    findings: Vec<Finding>,
    look_again_at: Option<Timestamp>,
}

impl ManifestLoop {
    /// Reads the folder for the first time; nothing is applied yet.
    pub(super) async fn new(path: &Path, clock: Clock) -> (Self, Review) {
        // Watched before it is read, so that no change falls between the two.
        let follow = Follow::new(path);
        let (reader, _) = look(path, FolderReader::new(path), Look::Thorough).await;
        let mut catalog = Catalog::new();
        let review = catalog.review(reader.folder(), clock.now());
        let manifests = ManifestLoop {
            path: path.to_owned(),
            clock,
            follow,
            reader,
            catalog,
            findings: Vec::new(),
            look_again_at: None,
        };
        (manifests, review)
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// What is in force.
    pub(super) fn objects(&self) -> Objects {
        self.catalog.objects()
    }

    pub(super) fn folder_exists(&self) -> bool {
        self.reader.folder().exists
    }

    /// Waits until another look is worthwhile, and says how much of one. Cancel safe.
    pub(super) async fn changed(&mut self) -> Look {
        let deadline = self.look_again_at.map(|at| self.clock.instant_of(at));
        self.follow.changed(deadline).await
    }

    /// Looks at the folder; applies what changed, and says whether anything had.
    pub(super) async fn look(
        &mut self,
        how: Look,
        operator: &mut Operator,
        readiness: &Readiness,
        metrics: &Metrics,
    ) -> bool {
        let folder_before = self.reader.folder_id().cloned();
        let reader = std::mem::replace(&mut self.reader, FolderReader::new(&self.path));
        let (reader, differs) = look(&self.path, reader, how).await;
        self.reader = reader;
        if self.reader.folder_id() != folder_before.as_ref() {
            self.follow.renew();
        }
        let now = self.clock.now();
        let is_due = self.look_again_at.is_some_and(|at| at <= now);
        if differs || is_due {
            let review = self.catalog.review(self.reader.folder(), now);
            self.take(review, operator, readiness, metrics).await;
        } else if operator.has_unfinished() {
            operator.apply(&self.catalog.objects()).await;
        }
        differs || is_due
    }

    /// Shows what a look found, and applies it where it changed anything.
    pub(super) async fn take(
        &mut self,
        review: Review,
        operator: &mut Operator,
        readiness: &Readiness,
        metrics: &Metrics,
    ) {
        let valid = !review.has_errors();
        metrics.server.reloaded(valid, self.clock.now());
        self.look_again_at = review.look_again_at;
        self.log(&review);
        readiness.show(review.findings.clone());
        self.findings = review.findings;
        let objects = self.catalog.objects();
        operator.apply(&objects).await;
        tracing::info!(
            valid,
            brokers = objects.brokers.len(),
            triggers = objects.triggers.len(),
            changed = review.changed,
            parsed = review.parsed,
            "sluicegate.reload"
        );
    }

    /// One line for each fault that was not there at the look before.
    fn log(&self, review: &Review) {
        for finding in review
            .findings
            .iter()
            .filter(|it| !self.findings.contains(it))
        {
            let place = finding.place();
            let message = &finding.diagnostic.message;
            let help = finding.diagnostic.help.as_deref().map(in_one_line);
            let code = finding.diagnostic.code;
            match finding.diagnostic.severity {
                Severity::Error if finding.keeps_earlier => tracing::error!(
                    code,
                    help,
                    "{place}: {message}; the last valid version stays in force"
                ),
                Severity::Error => tracing::error!(code, help, "{place}: {message}"),
                Severity::Warning => tracing::warn!(code, help, "{place}: {message}"),
            }
        }
    }
}

/// A log line has no room to draw: of a drawing, what stands below its carets is kept.
fn in_one_line(help: &str) -> String {
    let lines: Vec<&str> = help.lines().map(str::trim).collect();
    let is_carets = |line: &&str| !line.is_empty() && line.chars().all(|it| it == '^');
    let drawn = lines.iter().rposition(is_carets).map_or(0, |at| at + 1);
    let said: Vec<String> = lines.iter().skip(drawn).map(|line| spaced(line)).collect();
    said.join("; ")
}

fn spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The findings as people read them.
pub(super) fn render(review: &Review) -> String {
    let rendered: Vec<_> = review
        .findings
        .iter()
        .map(|it| it.rendered.as_str())
        .collect();
    rendered.join("\n")
}

/// Files are read where blocking is allowed.
async fn look(path: &Path, mut reader: FolderReader, how: Look) -> (FolderReader, bool) {
    let looked = tokio::task::spawn_blocking(move || {
        let differs = reader.look(how);
        (reader, differs)
    });
    looked.await.unwrap_or_else(|error| {
        let why = format!("cannot read the folder {}: {error}", path.display());
        (FolderReader::failed(path, &why), true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_on_a_line() {
        for (help, line) in [
            ("write a list", "write a list"),
            (
                "in the expression\n  type =\n        ^\nwrite a value",
                "write a value",
            ),
            (
                "add it      →  a: b\n   or say    →  --map",
                "add it → a: b; or say → --map",
            ),
        ] {
            assert_eq!(in_one_line(help), line);
        }
    }
}
