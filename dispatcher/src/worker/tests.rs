mod bench;
mod breaker;
mod dead_letters;
mod overdue;
mod replies;
mod retries;
mod stopping;
mod windows;
