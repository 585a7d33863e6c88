//! How well a stream keeps what it has acknowledged, judged by what its servers say of themselves.
//!
//! A server acknowledges before it syncs unless it is told otherwise, and says so nowhere but in its
//! monitoring data. What is not proved counts as absent: the class is what the remaining facts
//! support, and each fact that is missing is named with its remedy.

use std::time::Duration;

use crate::DurabilityClass;

/// From how many replicas on one may be lost: with two neither can decide alone.
const REPLICAS_MIN: usize = 3;

/// What is known of a stream and of the servers that hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Whether it lies in files, rather than in the memory of its servers.
    pub is_in_files: bool,
    /// How many servers are to hold it.
    pub replicas: usize,
    /// The servers that hold it.
    pub servers: Vec<ServerFacts>,
}

/// What is known of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its name.
    pub name: String,
    /// When it syncs.
    pub syncs: Syncs,
}

/// When a server syncs what it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// Before it acknowledges.
    Always,
    /// So often.
    Every(Duration),
    /// Nobody knows: it was not asked, or did not answer.
    Unknown,
}

/// What is made of the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The class.
    pub class: DurabilityClass,
    /// What a better one lacks, a sentence for each.
    pub missing: Vec<String>,
}

impl Facts {
    /// The class that these support.
    pub fn judge(&self) -> Verdict {
        if !self.is_in_files {
            let missing = "the stream lies in memory: make one with storage: file";
            return Verdict {
                class: DurabilityClass::Memory,
                missing: vec![missing.to_owned()],
            };
        }
        let mut missing = Vec::new();
        for server in &self.servers {
            match server.syncs {
                Syncs::Always => {}
                Syncs::Every(interval) => missing.push(format!(
                    "server {} syncs every {interval:?}: set sync_interval: always in its \
                     jetstream section",
                    server.name
                )),
                Syncs::Unknown => missing.push(format!(
                    "nobody knows when server {} syncs: give its address under monitoring",
                    server.name
                )),
            }
        }
        if self.servers.len() < self.replicas {
            missing.push(format!(
                "{} of {} servers that hold the stream are known",
                self.servers.len(),
                self.replicas
            ));
        }
        let class = match () {
            () if !missing.is_empty() || self.servers.is_empty() => DurabilityClass::Process,
            () if self.replicas >= REPLICAS_MIN => DurabilityClass::Replicated,
            () => DurabilityClass::Disk,
        };
        if self.replicas < REPLICAS_MIN {
            missing.push(format!(
                "the stream has {} of the {REPLICAS_MIN} replicas with which one may be lost",
                self.replicas
            ));
        }
        Verdict { class, missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_MINUTES: Syncs = Syncs::Every(Duration::from_secs(120));

    fn judged(replicas: usize, syncs: &[Syncs]) -> (DurabilityClass, Vec<String>) {
        let servers = ["one", "two", "three"].into_iter().zip(syncs);
        let facts = Facts {
            is_in_files: true,
            replicas,
            servers: servers
                .map(|(name, syncs)| ServerFacts {
                    name: name.to_owned(),
                    syncs: syncs.clone(),
                })
                .collect(),
        };
        let verdict = facts.judge();
        (verdict.class, verdict.missing)
    }

    #[test]
    fn what_is_not_proved_counts_as_absent() {
        use DurabilityClass::{Disk, Process, Replicated};
        use Syncs::{Always, Unknown};
        let cases: &[(usize, &[Syncs], DurabilityClass)] = &[
            (1, &[Always], Disk),
            (1, &[TWO_MINUTES], Process),
            (1, &[Unknown], Process),
            (1, &[], Process),
            (2, &[Always, Always], Disk),
            (3, &[Always, Always, Always], Replicated),
            (3, &[Always, Always], Process),
            (3, &[Always, TWO_MINUTES, Always], Process),
            (3, &[Always, Always, Unknown], Process),
        ];
        for (replicas, syncs, class) in cases {
            let (judged, missing) = judged(*replicas, syncs);
            assert_eq!(judged, *class, "{replicas} {syncs:?}");
            let is_best = *class == Replicated;
            assert_eq!(missing.is_empty(), is_best, "{missing:?}");
        }
        let in_memory = Facts {
            is_in_files: false,
            replicas: 3,
            servers: Vec::new(),
        };
        assert_eq!(in_memory.judge().class, DurabilityClass::Memory);
    }

    #[test]
    fn what_is_missing_is_said_with_its_remedy() {
        let (_, missing) = judged(3, &[Syncs::Always, TWO_MINUTES, Syncs::Unknown]);
        assert_eq!(
            missing,
            [
                "server two syncs every 120s: set sync_interval: always in its jetstream section",
                "nobody knows when server three syncs: give its address under monitoring",
            ]
        );
    }
}
