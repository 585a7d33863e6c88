//! What of an object must stay as it was created.

use crate::broker::CLASS;
use crate::text::quoted;
use crate::{Broker, BrokerConfig, Diagnostic, KReference, Object, Places, Trigger, codes};

/// Checks a change of an object: of a broker everything but `spec.delivery` stays, of a trigger
/// `spec.broker`, of a configuration the kind of channel. Nothing is found when the two are not the same object.
///
/// `places` are those of the new version's manifest; without them the findings have no place.
pub fn check_update(old: &Object, new: &Object, places: &Places) -> Vec<Diagnostic> {
    if old.name() != new.name() {
        return Vec::new();
    }
    match (old, new) {
        (Object::Broker(old), Object::Broker(new)) => check_broker(old, new, places),
        (Object::Trigger(old), Object::Trigger(new)) => check_trigger(old, new, places),
        (Object::BrokerConfig(old), Object::BrokerConfig(new)) => check_config(old, new, places),
        (Object::Broker(_) | Object::Trigger(_) | Object::BrokerConfig(_), _) => Vec::new(),
    }
}

fn check_broker(old: &Broker, new: &Broker, places: &Places) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    // Without the annotation a broker is ours, so adding it changes nothing.
    let class = |broker: &Broker| broker.class.clone().unwrap_or_else(|| CLASS.to_owned());
    if class(old) != class(new) {
        let (old, new) = (quoted(&class(old)), quoted(&class(new)));
        findings.push(Diagnostic {
            span: places.of("metadata.annotations"),
            ..changed("the class of a broker", &old, &new)
        });
    }
    if old.config != new.config {
        let (old, new) = (show_config(&old.config), show_config(&new.config));
        findings.push(Diagnostic {
            span: places.of("spec.config"),
            ..changed("`spec.config` of a broker", &old, &new)
        });
    }
    let help = "delete the broker and create it again: what it holds in memory goes with it, what it keeps on disk is there \
                again";
    findings.into_iter().map(|one| one.help(help)).collect()
}

fn check_trigger(old: &Trigger, new: &Trigger, places: &Places) -> Vec<Diagnostic> {
    if old.broker == new.broker {
        return Vec::new();
    }
    let written = ["spec.broker", "spec.brokerRef"];
    let path = written.into_iter().find(|path| places.has(path));
    let finding = Diagnostic {
        span: places.of(path.unwrap_or("spec")),
        ..changed(
            "the broker of a trigger",
            &quoted(&old.broker),
            &quoted(&new.broker),
        )
    };
    vec![finding.help("delete the trigger and create it again, or give the new one another name")]
}

/// A broker that runs cannot take what it holds to a channel of another kind.
fn check_config(old: &BrokerConfig, new: &BrokerConfig, places: &Places) -> Vec<Diagnostic> {
    let (old, new) = (old.channel.kind(), new.channel.kind());
    if old == new {
        return Vec::new();
    }
    let finding = Diagnostic {
        span: places.of("spec.channel"),
        ..changed("the channel of a BrokerConfig", old, new)
    };
    vec![finding.help(
        "write a BrokerConfig of another name, and a broker that names it; or start the server \
         again, which leaves behind what the old channel holds",
    )]
}

fn changed(what: &str, old: &str, new: &str) -> Diagnostic {
    let message = format!("{what} cannot change: it was {old} and is now {new}");
    Diagnostic::error(codes::IMMUTABLE, message)
}

fn show_config(config: &Option<KReference>) -> String {
    let show = |reference: &KReference| quoted(&reference.to_string());
    config.as_ref().map_or_else(|| "absent".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(old: &str, new: &str) -> String {
        let read = |text: &str| crate::parse(text).manifests.remove(0);
        let (before, after) = (read(old), read(new));
        let objects = (before.object.expect("valid"), after.object.expect("valid"));
        let found = check_update(&objects.0, &objects.1, &after.places);
        let rendered: Vec<String> = found.iter().map(|one| one.render("f.yaml", new)).collect();
        rendered.join("\n")
    }

    const BROKER: &str = "apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {name: b}\n";
    const CONFIG: &str = "apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig";
    const TRIGGER: &str =
        "apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {name: t}\n";
    const REST: &str = "  subscriber: {uri: http://s/}\n";

    #[test]
    fn everything_of_a_broker_but_its_delivery_stays() {
        let with = |spec: &str| format!("{BROKER}spec: {spec}\n");
        let ours = BROKER.replace(
            "{name: b}",
            "\n  name: b\n  annotations: {eventing.knative.dev/broker.class: Sluicegate}",
        );
        let fast = with(&format!("{{config: {{{CONFIG}, name: fast}}}}"));
        let slow = with(&format!("{{config: {{{CONFIG}, name: slow}}}}"));
        assert_eq!(checked(BROKER, &with("{delivery: {retry: 3}}")), "");
        assert_eq!(checked(BROKER, &ours), "");
        assert_eq!(checked(&fast, &fast), "");
        let help = "help: delete the broker and create it again: what it holds in memory goes with it, what it keeps on disk is there \
                again";
        assert_eq!(
            checked(&fast, &slow),
            format!(
                "error[W015]: `spec.config` of a broker cannot change: it was 'BrokerConfig default/fast' and is now 'BrokerConfig default/slow'\n  --> f.yaml:4:8\n4 | spec: {{config: {{{CONFIG}, name: slow}}}}\n  |        ^^^^^^\n{help}"
            )
        );
        assert_eq!(
            checked(&fast, BROKER),
            format!(
                "error[W015]: `spec.config` of a broker cannot change: it was 'BrokerConfig default/fast' and is now absent\n  --> f.yaml\n{help}"
            )
        );
    }

    #[test]
    fn the_kind_of_channel_of_a_config_stays_and_all_else_may_change() {
        let with = |spec: &str| {
            format!(
                "apiVersion: sluicegate.dev/v1alpha1\nkind: BrokerConfig\nmetadata: {{name: c}}\nspec:\n  {spec}\n"
            )
        };
        let disk = with("channel: {disk: {}}");
        let more = with("channel: {disk: {bufferBytes: 8Mi}}\n  retention: {maxAge: P1D}");
        assert_eq!(checked(&disk, &more), "");
        let refused = checked(&disk, &with("channel: {memory: {}}"));
        assert!(
            refused.starts_with("error[W015]: the channel of a BrokerConfig cannot change: it was disk and is now memory\n  --> f.yaml:5:3\n"),
            "{refused}"
        );
    }

    #[test]
    fn the_class_of_a_broker_stays() {
        let Object::Broker(broker) = crate::parse(BROKER)
            .manifests
            .remove(0)
            .object
            .expect("valid")
        else {
            panic!("a broker");
        };
        let foreign = Broker {
            class: Some("Kafka".to_owned()),
            ..broker.clone()
        };
        let found = check_update(
            &Object::Broker(foreign),
            &Object::Broker(broker),
            &Places::default(),
        );
        assert_eq!(
            found[0].message,
            "the class of a broker cannot change: it was 'Kafka' and is now 'Sluicegate'"
        );
    }

    #[test]
    fn the_broker_of_a_trigger_stays_however_it_is_written() {
        let with = |broker: &str| format!("{TRIGGER}spec:\n  {broker}\n{REST}");
        let reference = |name: &str| {
            with(&format!(
                "brokerRef: {{apiVersion: eventing.knative.dev/v1, kind: Broker, name: {name}}}"
            ))
        };
        assert_eq!(checked(&with("broker: a"), &with("broker: a")), "");
        // T29: a reference is held to the same rule.
        assert_eq!(checked(&with("broker: a"), &reference("a")), "");
        assert_eq!(
            checked(&with("broker: a"), &with("broker: b")),
            "error[W015]: the broker of a trigger cannot change: it was 'a' and is now 'b'\n  --> f.yaml:5:3\n5 |   broker: b\n  |   ^^^^^^\nhelp: delete the trigger and create it again, or give the new one another name"
        );
        assert!(checked(&with("broker: a"), &reference("b")).contains("f.yaml:5:3"));
    }

    #[test]
    fn other_objects_are_not_versions_of_each_other() {
        let other = TRIGGER.replace("name: t", "name: u");
        let with = |head: &str, broker: &str| format!("{head}spec:\n  broker: {broker}\n{REST}");
        assert_eq!(checked(&with(TRIGGER, "a"), &with(&other, "b")), "");
    }
}
