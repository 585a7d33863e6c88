//! The workspace as cargo describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Workspace {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    workspace_root: PathBuf,
    resolve: Resolve,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a manifest asks for, optional or not, on any platform.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev`, `build`, or none for what the crate itself links.
    kind: Option<String>,
    pub(crate) optional: bool,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

impl Workspace {
    /// Asks cargo, with every feature on. Only for the platform that the tests run on: the
    /// dependencies of others need not have been downloaded.
    pub(crate) fn read() -> Self {
        let cargo = std::env::var("CARGO").expect("cargo says where it is when it runs tests");
        let output = Command::new(cargo)
            .args([
                "metadata",
                "--format-version",
                "1",
                "--locked",
                "--all-features",
            ])
            .args(["--filter-platform", &host()])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo metadata: {said}");
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints its documented JSON")
    }

    pub(crate) fn root(&self) -> &Path {
        &self.workspace_root
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }

    pub(crate) fn member(&self, name: &str) -> &Package {
        self.members()
            .find(|member| member.name == name)
            .unwrap_or_else(|| panic!("the workspace has no {name}"))
    }

    /// What a crate's own manifest links, tests apart.
    pub(crate) fn uses(&self, name: &str) -> impl Iterator<Item = &str> {
        self.member(name)
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind.is_none())
            .map(|dependency| &*dependency.name)
    }

    /// Every crate that a crate links, directly or through others.
    pub(crate) fn reaches(&self, name: &str) -> BTreeSet<&str> {
        let nodes: BTreeMap<&str, &Node> = self
            .resolve
            .nodes
            .iter()
            .map(|node| (&*node.id, node))
            .collect();
        let names: BTreeMap<&str, &str> = self
            .packages
            .iter()
            .map(|package| (&*package.id, &*package.name))
            .collect();
        let mut seen = BTreeSet::new();
        let mut ahead = vec![&*self.member(name).id];
        while let Some(id) = ahead.pop() {
            for edge in &nodes[id].deps {
                let is_linked = edge.dep_kinds.iter().any(|kind| kind.kind.is_none());
                if is_linked && seen.insert(&*edge.pkg) {
                    ahead.push(&edge.pkg);
                }
            }
        }
        seen.into_iter().map(|id| names[id]).collect()
    }
}

impl Package {
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path
            .parent()
            .expect("a manifest lies in a folder")
    }
}

/// The platform of the compiler at hand.
fn host() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc)
        .arg("-vV")
        .output()
        .expect("rustc starts");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("rustc -vV names its host")
        .to_owned()
}
