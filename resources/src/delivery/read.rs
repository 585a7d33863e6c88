//! Reading and checking a delivery spec.

use std::time::Duration;

use crate::delivery::{BackoffPolicy, DeliverySpec, Format};
use crate::destination::read_destination;
use crate::yaml::{Field, show_duration};
use crate::{Diagnostic, codes};

/// The longest attempt: a hung subscriber must not hold its place for hours.
const TIMEOUT_MAX: Duration = Duration::from_secs(15 * 60);

/// The longest wait of any kind. Far beyond use; it keeps arithmetic with times in range.
const WAIT_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The ceiling of waits where `backoffMax` is not given.
const BACKOFF_MAX_DEFAULT: Duration = Duration::from_secs(10 * 60);

const ONE_MILLISECOND: Duration = Duration::from_millis(1);

/// Reads `spec.delivery` of an object in `namespace`. What is wrong is reported and left out.
pub(crate) fn read_delivery(field: &Field<'_>, namespace: &str) -> DeliverySpec {
    let Some(mut delivery) = field.mapping() else {
        return DeliverySpec::default();
    };
    let backoff_delay = delivery.field("backoffDelay");
    let spec = DeliverySpec {
        dead_letter_sink: delivery
            .field("deadLetterSink")
            .and_then(|field| read_destination(&field, namespace)),
        retry: delivery.field("retry").and_then(|field| {
            let retries = field.integer(0..=u64::from(u32::MAX))?;
            u32::try_from(retries).ok()
        }),
        backoff_policy: delivery.field("backoffPolicy").and_then(|field| {
            field.one_of(&[
                ("linear", BackoffPolicy::Linear),
                ("exponential", BackoffPolicy::Exponential),
            ])
        }),
        backoff_delay: backoff_delay
            .as_ref()
            .and_then(|field| field.duration(Duration::ZERO..=WAIT_MAX)),
        backoff_max: delivery
            .field("backoffMax")
            .and_then(|field| field.duration(ONE_MILLISECOND..=WAIT_MAX)),
        timeout: delivery
            .field("timeout")
            .and_then(|field| field.duration(ONE_MILLISECOND..=TIMEOUT_MAX)),
        retry_after_max: delivery
            .field("retryAfterMax")
            .and_then(|field| field.duration(Duration::ZERO..=WAIT_MAX)),
        format: delivery
            .field("format")
            .and_then(|field| field.one_of(&[("binary", Format::Binary), ("json", Format::Json)])),
    };
    delivery.finish();
    if let Some(field) = backoff_delay {
        warn_of_odd_delay(&field, &spec);
    }
    spec
}

fn warn_of_odd_delay(field: &Field<'_>, spec: &DeliverySpec) {
    let Some(delay) = spec.backoff_delay else {
        return;
    };
    let ceiling = spec.backoff_max.unwrap_or(BACKOFF_MAX_DEFAULT);
    let problem = if delay.is_zero() {
        "is zero, which would retry without pause; the default delay is used".to_owned()
    } else if delay > ceiling {
        let ceiling = show_duration(ceiling);
        format!("is longer than `backoffMax`, so that every wait is {ceiling}")
    } else {
        return;
    };
    let message = format!("`{}` {problem}", field.path());
    field
        .findings()
        .report(Diagnostic::warning(codes::CLAMPED, message).at(field.span()));
}
