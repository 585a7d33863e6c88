//! What a delivery goes by.

use std::sync::Arc;

use http::HeaderValue;

use crate::plan::{Plan, Target};

/// A plan whose subscriber is resolved, with what every send needs made once.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) plan: Arc<Plan>,
    /// Shared, so that whether two are the same is seen without reading them.
    pub(super) subscriber: Arc<Target>,
    pub(super) namespace: HeaderValue,
}

impl Assignment {
    /// None while the subscriber is unresolved.
    pub(crate) fn new(plan: Arc<Plan>) -> Option<Self> {
        let subscriber = Arc::new(plan.subscriber.clone()?);
        // A namespace is a DNS label wherever it was validated; one that is none can't be said in
        // a header, and is then not worth refusing to deliver.
        let namespace = HeaderValue::from_str(&plan.trigger.namespace)
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        Some(Assignment {
            plan,
            subscriber,
            namespace,
        })
    }

    /// The same subscriber by another plan: an edit while an attempt runs counts for what follows it.
    pub(super) fn by(&self, plan: Arc<Plan>) -> Self {
        Assignment {
            plan,
            subscriber: Arc::clone(&self.subscriber),
            namespace: self.namespace.clone(),
        }
    }
}
