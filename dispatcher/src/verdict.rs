//! The one table: what an answer or a failure means.
