//! The worker of one trigger.
