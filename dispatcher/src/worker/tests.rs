mod bench;
mod breaker;
mod dead_letters;
mod replies;
mod retries;
mod stopping;
mod windows;
