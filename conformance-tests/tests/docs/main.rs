//! The pages, held against the program and the sources that they speak of.
//!
//! What a page lists and the program does not know, or the other way round, fails here, so that
//! the reference needs no proofreading after a change. What it leaves out: whether a sentence is
//! true.

mod codes;
mod commands;
mod decisions;
mod links;
mod metrics;
mod names;
mod pages;
mod requirements;
mod settings;
mod yaml;
