//! One attempt, as the worker sees it: an event goes out, an answer or a failure comes back.
