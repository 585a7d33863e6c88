//! Which brokers a server for production must not have: one rule for who starts one and who checks its
//! manifests. `defaultChannel` is judged with the settings.

use sluicegate_resources::{Broker, BrokerConfig, ObjectName};

use crate::config::Profile;

/// What it means for the events of such a broker.
pub(crate) const WHY: &str = "in memory only, where what is accepted is lost with the process";
/// What to do about it.
pub(crate) const REMEDY: &str =
    "put them on disk with a BrokerConfig, or leave `profile` out of the settings";

/// Whether this broker may not be served under `profile`, because its configuration keeps events in
/// memory.
pub(crate) fn is_refused<'a>(
    profile: Profile,
    broker: &Broker,
    config_of: impl FnOnce(&ObjectName) -> Option<&'a BrokerConfig>,
) -> bool {
    let is_in_memory = || {
        let reference = broker.config.as_ref()?;
        let name = ObjectName {
            namespace: reference.namespace.clone(),
            name: reference.name.clone(),
        };
        let config = config_of(&name)?;
        Some(config.channel.is_in_memory())
    };
    profile == Profile::Production && is_in_memory().unwrap_or(false)
}
