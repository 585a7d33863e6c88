//! The Broker.
use crate::{DeliverySpec, KReference, Metadata};

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
