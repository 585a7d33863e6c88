//! The Broker.

use crate::delivery::read_delivery;
use crate::destination::read_reference;
use crate::metadata::{no_effect, read_header};
use crate::text::quoted;
use crate::trigger::refuse_own_annotations;
use crate::yaml::{Field, Mapping, Value};
use crate::{DeliverySpec, Diagnostic, KReference, Metadata, codes};

/// The annotation that names a broker's class.
pub const CLASS_ANNOTATION: &str = "eventing.knative.dev/broker.class";

/// The class of brokers that are served here. A broker without the annotation is of this class.
pub const CLASS: &str = "Sluicegate";

/// A Broker of `eventing.knative.dev/v1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// Name, namespace, annotations.
    pub metadata: Metadata,
    /// The annotation `eventing.knative.dev/broker.class`.
    pub class: Option<String>,
    /// `spec.config`
    pub config: Option<KReference>,
    /// `spec.delivery`
    pub delivery: DeliverySpec,
}

/// Reads a broker from its document, `apiVersion` and `kind` already read.
pub(crate) fn read_broker(document: &mut Mapping<'_>) -> Option<Broker> {
    let header = read_header(document);
    check_annotations(&header.annotations);
    let mut config = None;
    let mut delivery = DeliverySpec::default();
    if let Some(mut spec) = document.field("spec").and_then(|field| field.mapping()) {
        config = spec
            .field("config")
            .and_then(|field| read_config_reference(&field, header.namespace()));
        if let Some(field) = spec.field("delivery") {
            delivery = read_delivery(&field, header.namespace());
        }
        spec.finish();
    }
    let metadata = header.metadata?;
    Some(Broker {
        class: metadata.annotations.get(CLASS_ANNOTATION).cloned(),
        metadata,
        config,
        delivery,
    })
}

fn check_annotations(annotations: &[(&str, Field<'_>)]) {
    refuse_own_annotations(annotations, &[]);
    for (name, field) in annotations {
        match *name {
            CLASS_ANNOTATION => check_class(field),
            "kafka.eventing.knative.dev/external.topic" => {
                no_effect(field, "brokers here do not use a topic of Kafka");
            }
            _ => {}
        }
    }
}

fn check_class(field: &Field<'_>) {
    // A value that is not a string is reported with the other annotations.
    let Value::Scalar(class) = &field.node().value else {
        return;
    };
    if class.is_string() && class.text != CLASS {
        let message = format!(
            "broker class {} is not served here: only {}",
            quoted(&class.text),
            quoted(CLASS)
        );
        field.findings().report(
            Diagnostic::error(codes::FOREIGN_CLASS, message)
                .at(field.span())
                .help(format!(
                    "the class of a broker cannot change: delete the broker and create it again with\n  {CLASS_ANNOTATION}: {CLASS}"
                )),
        );
    }
}

fn read_config_reference(field: &Field<'_>, namespace: &str) -> Option<KReference> {
    let config = read_reference(field, namespace)?;
    match (config.api_version.as_str(), config.kind.as_str()) {
        (crate::broker_config::API_VERSION, "BrokerConfig") => Some(config),
        ("v1", "ConfigMap") => {
            field.refuse(
                codes::NOT_AVAILABLE,
                format!(
                    "`{}` names a ConfigMap, which this version does not read",
                    field.path()
                ),
                "write its settings as a BrokerConfig of sluicegate.dev/v1alpha1 and name that",
            );
            None
        }
        (api_version, kind) => {
            field.refuse(
                codes::NOT_ALLOWED,
                format!(
                    "`{}` must name a BrokerConfig of {}; this is {} of {}",
                    field.path(),
                    crate::broker_config::API_VERSION,
                    quoted(kind),
                    quoted(api_version)
                ),
                format!(
                    "  config:\n    apiVersion: {}\n    kind: BrokerConfig\n    name: {}",
                    crate::broker_config::API_VERSION,
                    config.name
                ),
            );
            None
        }
    }
}
