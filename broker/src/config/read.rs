//! Reads `sluicegate.yaml`, key by key, reporting everything that is wrong.

use std::io;
use std::path::{Path, PathBuf};

use sluicegate_resources::yaml::{Findings, Mapping, documents};
use sluicegate_resources::{ChannelConfig, Diagnostic, codes, read_dead_letters, read_retention};

use super::{AdminConfig, Config, DATA, Profile};
use crate::manifests::folder::{Contents, read_file};

mod sections;
mod together;
mod values;

pub(crate) use values::listen_address;

use sections::{
    read_delivery, read_history, read_ingress, read_limits, read_shutdown, read_timeouts,
};
use values::{address, admin_section, base_url, default_channel, path, resolve, set};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the settings {}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The text is not valid settings.
    #[error("{rendered}")]
    Invalid {
        /// Every fault, with its line and a caret.
        rendered: String,
        /// The same as data.
        diagnostics: Vec<Diagnostic>,
    },
}

pub(super) fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = match read_file(path) {
        Contents::Text(text) => text,
        Contents::Unreadable(why) => {
            return Err(ConfigError::Unreadable {
                path: path.to_owned(),
                why,
            });
        }
    };
    let folder = folder_of(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    parse(&text, &path.display().to_string(), &folder)
}

fn folder_of(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    Ok(absolute.parent().map(Path::to_owned).unwrap_or_default())
}

pub(super) fn parse(text: &str, file: &str, folder: &Path) -> Result<Config, ConfigError> {
    let findings = Findings::default();
    let documents = documents(text);
    findings.extend(documents.fault);
    let mut config = Config::default();
    config.manifests = folder.join(&config.manifests);
    config.data = Some(folder.join(DATA));
    match documents.list.as_slice() {
        [] => {}
        [document] => {
            if let Some(root) = Mapping::of(document, &findings) {
                read_root(root, &mut config, folder);
            }
            // A value that was refused is not in force, so nothing can be said of it and others.
            if !findings.has_errors() {
                findings.extend(together::faults(&config, document));
            }
        }
        [_, second, ..] => findings.report(
            Diagnostic::error(
                codes::NOT_YAML,
                "the settings are one document; this is a second",
            )
            .at(second.root.span)
            .help("manifests stand in the folder that `manifests` names"),
        ),
    }
    let diagnostics = findings.into_sorted();
    if !diagnostics.iter().any(Diagnostic::is_error) {
        return Ok(config);
    }
    let rendered: Vec<_> = diagnostics.iter().map(|it| it.render(file, text)).collect();
    Err(ConfigError::Invalid {
        rendered: rendered.join("\n"),
        diagnostics,
    })
}

fn read_root(mut root: Mapping<'_>, config: &mut Config, folder: &Path) {
    let profiles = [
        ("standard", Profile::Standard),
        ("production", Profile::Production),
    ];
    let profile = root.field("profile");
    set(
        &mut config.profile,
        profile.and_then(|it| it.one_of(&profiles)),
    );
    set(
        &mut config.listen,
        root.field("listen").and_then(|it| address(&it)),
    );
    if let Some(url) = root.field("url").and_then(|it| base_url(&it)) {
        config.url = Some(url);
    }
    if let Some(admin) = root.field("admin").and_then(|it| admin_section(&it)) {
        read_admin(admin, &mut config.admin);
    }
    set(
        &mut config.manifests,
        root.field("manifests").and_then(|it| path(&it, folder)),
    );
    let data = root.field("data").and_then(|it| path(&it, folder));
    let channel = root
        .field("defaultChannel")
        .and_then(|it| default_channel(&it));
    set(&mut config.default_channel, channel);
    config.data = match (data, &config.default_channel) {
        (Some(data), _) => Some(data),
        (None, ChannelConfig::Disk(_)) => Some(folder.join(DATA)),
        // Who keeps events in memory may have no folder to write to.
        (None, ChannelConfig::Memory(_) | ChannelConfig::Nats(_)) => None,
    };
    if let Some(retention) = root.field("retention").and_then(|it| read_retention(&it)) {
        config.retention = retention.or(config.retention);
    }
    if let Some(letters) = root
        .field("deadLetters")
        .and_then(|it| read_dead_letters(&it))
    {
        config.dead_letters = letters.or(config.dead_letters);
    }
    set(
        &mut config.resolve,
        root.field("resolve").and_then(|it| resolve(&it)),
    );
    if let Some(ingress) = root.field("ingress").and_then(|it| it.mapping()) {
        read_ingress(ingress, config);
    }
    if let Some(history) = root.field("history").and_then(|it| it.mapping()) {
        read_history(history, &mut config.history);
    }
    if let Some(limits) = root.field("limits").and_then(|it| it.mapping()) {
        read_limits(limits, config);
    }
    if let Some(timeouts) = root.field("timeouts").and_then(|it| it.mapping()) {
        read_timeouts(timeouts, config);
    }
    if let Some(delivery) = root.field("delivery").and_then(|it| it.mapping()) {
        read_delivery(delivery, config);
    }
    if let Some(shutdown) = root.field("shutdown").and_then(|it| it.mapping()) {
        read_shutdown(shutdown, config);
    }
    root.finish();
    config.sender.limits = config.limits;
}

fn read_admin(mut admin: Mapping<'_>, config: &mut AdminConfig) {
    set(
        &mut config.listen,
        admin.field("listen").and_then(|it| address(&it)),
    );
    if let Some(hosts) = admin.field("allowedHosts").and_then(|it| it.list()) {
        config.allowed_hosts = hosts
            .iter()
            .filter_map(|host| host.text().map(str::to_owned))
            .collect();
    }
    admin.finish();
}
