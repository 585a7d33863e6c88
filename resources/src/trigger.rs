//! The Trigger.

use std::num::NonZeroU32;

use sluicegate_filter::FilterSpec;

use crate::delivery::read_delivery;
use crate::destination::{read_destination, read_reference};
use crate::metadata::{Header, read_header, read_object_name};
use crate::text::quoted;
use crate::yaml::{Field, Mapping};
use crate::{DeliverySpec, Destination, Diagnostic, Metadata, codes};

mod annotations;
mod filters;

pub(crate) use annotations::refuse_own_annotations;

/// A Trigger of `eventing.knative.dev/v1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// Name, namespace, annotations.
    pub metadata: Metadata,
    /// The name of a Broker in the same namespace: `spec.broker`, or what `spec.brokerRef` names.
    pub broker: String,
    /// The filters in effect, joined by AND: `filters` when it is not empty, else `filter`.
    pub filters: Vec<FilterSpec>,
    /// Where to send.
    pub subscriber: Destination,
    /// `spec.delivery`
    pub delivery: DeliverySpec,
    /// What annotations under `sluicegate.dev/` say.
    pub settings: TriggerSettings,
}

/// Settings for which Knative has no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerSettings {
    /// `sluicegate.dev/start`
    pub start: StartAt,
    /// `sluicegate.dev/max-in-flight`, 1 to 10,000, default 64.
    pub in_flight_max: NonZeroU32,
    /// `sluicegate.dev/paused`
    pub paused: bool,
}

/// Where a new trigger begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StartAt {
    /// `latest`
    #[default]
    Latest,
    /// `earliest`
    Earliest,
    /// A time, in milliseconds since the Unix epoch.
    Time(u64),
}

impl Default for TriggerSettings {
    fn default() -> Self {
        const IN_FLIGHT: NonZeroU32 = NonZeroU32::new(64).expect("not zero");
        TriggerSettings {
            start: StartAt::default(),
            in_flight_max: IN_FLIGHT,
            paused: false,
        }
    }
}

/// Reads a trigger from its document, `apiVersion` and `kind` already read.
pub(crate) fn read_trigger(document: &mut Mapping<'_>) -> Option<Trigger> {
    let header = read_header(document);
    let settings = annotations::read_settings(&header.annotations);
    let mut spec = document.required("spec")?.mapping()?;
    let broker = read_broker_name(&mut spec, &header);
    annotations::check_foreign(&header, broker.as_deref());
    let filters = filters::read_filters(&mut spec);
    let subscriber = spec
        .required("subscriber")
        .and_then(|field| read_destination(&field, header.namespace()));
    let delivery = spec
        .field("delivery")
        .map(|field| read_delivery(&field, header.namespace()))
        .unwrap_or_default();
    let (findings, span) = (spec.findings(), spec.span());
    spec.finish();
    if filters.as_ref().is_some_and(Vec::is_empty) && !findings.has_errors() {
        findings.report(possible_loop().at(span));
    }
    Some(Trigger {
        metadata: header.metadata?,
        broker: broker?,
        filters: filters?,
        subscriber: subscriber?,
        delivery,
        settings,
    })
}

/// `spec.broker`, or `spec.brokerRef` when it names a broker of the same namespace.
fn read_broker_name(spec: &mut Mapping<'_>, header: &Header<'_>) -> Option<String> {
    match (spec.field("broker"), spec.field("brokerRef")) {
        (Some(name), None) => read_object_name(&name),
        (None, Some(reference)) => read_broker_reference(&reference, header),
        (Some(_), Some(reference)) => {
            reference.findings().report(
                Diagnostic::error(
                    codes::BROKER_CHOICE,
                    format!(
                        "`{}` and `{}` are both given",
                        spec.path_of("broker"),
                        reference.path()
                    ),
                )
                .at(reference.key_span())
                .help("keep `broker`"),
            );
            None
        }
        (None, None) => {
            let help = "name a broker of the trigger's namespace, such as   broker: default";
            spec.findings().report(spec.missing("broker").help(help));
            None
        }
    }
}

fn read_broker_reference(field: &Field<'_>, header: &Header<'_>) -> Option<String> {
    let broker = read_reference(field, header.namespace())?;
    if broker.kind != "Broker" || broker.api_version != crate::manifest::EVENTING_API_VERSION {
        field.refuse(
            codes::BROKER_CHOICE,
            format!(
                "`{}` must name a Broker of {}; this is {} of {}",
                field.path(),
                crate::manifest::EVENTING_API_VERSION,
                quoted(&broker.kind),
                quoted(&broker.api_version)
            ),
            format!("write   broker: {}", broker.name),
        );
        return None;
    }
    if header.metadata.is_some() && broker.namespace != header.namespace() {
        field.refuse(
            codes::BROKER_CHOICE,
            format!(
                "`{}` names a broker of namespace {}; the trigger is in {}",
                field.path(),
                quoted(&broker.namespace),
                quoted(header.namespace())
            ),
            "put the trigger into the broker's namespace; its subscriber may be in another",
        );
        return None;
    }
    Some(broker.name)
}

fn possible_loop() -> Diagnostic {
    Diagnostic::warning(
        codes::POSSIBLE_LOOP,
        "this trigger takes every event: events that its subscriber replies with come back to it until the hop limit",
    )
    .help("let it take only what it needs:\n  filters:\n    - exact: {type: order.paid}")
}
