//! Where an event is published, and which subjects a server hands out to a subscription.
//!
//! ```text
//!   sluicegate.default.orders.e.7a.com.example.order.placed
//!   └──── the broker's ─────┘   │  └── type, at its dots ──┘
//!                               source, as one of 256
//! ```
//!
//! A server compares subjects token by token, so the type stands last and is taken apart at its
//! dots: a type that begins with `com.example.` is `*.com.example.>`. The source is one token of 256,
//! whatever it is, because a server keeps every subject of a stream in memory, and sources may be
//! without number.
//!
//! What a server hands out is a superset: types that are very long are cut, and sources share a
//! token. The subject decides nothing; attributes are read from the message's headers.

use sluicegate_event::Event;

use super::names::{cut, digest, spelled};
use crate::contract::{Interest, Wanted, Wish};

/// How many tokens of a type stand in a subject, and how long they may be together; what is behind
/// them is one token, a digest.
const TYPE_TOKENS_MAX: usize = 16;
const TYPE_BYTES_MAX: usize = 192;

/// With more subjects than these a subscription is handed everything: a server looks at each of
/// them for each event.
const SUBJECTS_MAX: usize = 128;

const ANY_SOURCE: &str = "*";
const ANY_REST: &str = ">";

/// Where `event` is published. `root` is what all events of the broker stand below.
pub fn of(root: &str, event: &Event) -> String {
    let source = source_token(event.source());
    format!("{root}.{source}.{}", type_tokens(event.ty()).join("."))
}

/// The subjects that a subscription of that interest is handed; none of them means all. No two of
/// them overlap, which a server would refuse. `None` where it wants nothing.
pub fn wanted(root: &str, interest: &Interest) -> Option<Vec<String>> {
    let wishes = match interest {
        Interest::Everything => return Some(Vec::new()),
        Interest::AnyOf(wishes) if wishes.is_empty() => return None,
        Interest::AnyOf(wishes) => wishes,
    };
    let patterns = apart(wishes.iter().map(Pattern::of).collect());
    // Two that overlap in part cannot both be told: without sources none do.
    let patterns = patterns.or_else(|| {
        let of_types = wishes.iter().map(|wish| Pattern::of(wish).of_any_source());
        apart(of_types.collect())
    });
    let patterns = patterns.unwrap_or_default();
    let is_everything = patterns.iter().any(Pattern::is_everything);
    if is_everything || patterns.len() > SUBJECTS_MAX {
        return Some(Vec::new());
    }
    Some(patterns.iter().map(|it| it.subject(root)).collect())
}

/// A subject below the root, of which only the source may be `*` and only the end `>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    source: String,
    /// Without the `>`.
    ty: Vec<String>,
    /// Whether there may be, and must be, more tokens behind these.
    goes_on: bool,
}

impl Pattern {
    fn of(wish: &Wish) -> Self {
        let source = match &wish.source {
            Some(Wanted::Equal(source)) => source_token(source),
            Some(Wanted::StartsWith(_)) | None => ANY_SOURCE.to_owned(),
        };
        let (ty, goes_on) = match &wish.ty {
            Some(Wanted::Equal(ty)) => (type_tokens(ty), false),
            Some(Wanted::StartsWith(start)) => (whole_tokens(start), true),
            None => (Vec::new(), true),
        };
        Pattern {
            source,
            ty,
            goes_on,
        }
    }

    fn of_any_source(mut self) -> Self {
        ANY_SOURCE.clone_into(&mut self.source);
        self
    }

    fn is_everything(&self) -> bool {
        self.source == ANY_SOURCE && self.ty.is_empty() && self.goes_on
    }

    /// Whether every subject of `other` is one of this.
    fn covers(&self, other: &Pattern) -> bool {
        let source = self.source == ANY_SOURCE || self.source == other.source;
        let ty = if self.goes_on {
            let is_longer = other.ty.len() > self.ty.len();
            other.ty.starts_with(&self.ty) && (is_longer || other.goes_on)
        } else {
            self.ty == other.ty && !other.goes_on
        };
        source && ty
    }

    /// Whether there is a subject of both.
    fn overlaps(&self, other: &Pattern) -> bool {
        let is_any = [self, other].iter().any(|it| it.source == ANY_SOURCE);
        if !is_any && self.source != other.source {
            return false;
        }
        let of_any_source = [self, other].map(|it| it.clone().of_any_source());
        let [first, second] = &of_any_source;
        first.covers(second) || second.covers(first)
    }

    fn subject(&self, root: &str) -> String {
        let rest = self.goes_on.then_some(ANY_REST);
        let ty = self.ty.iter().map(String::as_str).chain(rest);
        let ty: Vec<&str> = ty.collect();
        format!("{root}.{}.{}", self.source, ty.join("."))
    }
}

/// Those that no other covers; `None` if two of them overlap nevertheless.
fn apart(mut patterns: Vec<Pattern>) -> Option<Vec<Pattern>> {
    patterns.sort();
    patterns.dedup();
    let mut kept: Vec<Pattern> = Vec::new();
    for pattern in patterns {
        if kept.iter().any(|it| it.covers(&pattern)) {
            continue;
        }
        kept.retain(|it| !pattern.covers(it));
        if kept.iter().any(|it| it.overlaps(&pattern)) {
            return None;
        }
        kept.push(pattern);
    }
    Some(kept)
}

fn source_token(source: &str) -> String {
    format!("{:02x}", digest(source) & 0xff)
}

/// The tokens of a type. Whether one of them is cut depends on nothing behind it, so that a
/// beginning of the type has the same tokens.
fn type_tokens(ty: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = ty;
    let mut bytes = 0;
    loop {
        let (part, behind) = match rest.split_once('.') {
            Some((part, behind)) => (part, Some(behind)),
            None => (rest, None),
        };
        let token = spelled(part);
        bytes += token.len();
        if tokens.len() == TYPE_TOKENS_MAX || bytes > TYPE_BYTES_MAX {
            tokens.push(cut(rest));
            return tokens;
        }
        tokens.push(token);
        match behind {
            Some(behind) => rest = behind,
            None => return tokens,
        }
    }
}

/// The tokens that every type which begins so begins with, leaving out the last, which may go on.
fn whole_tokens(start: &str) -> Vec<String> {
    let Some((whole, _)) = start.rsplit_once('.') else {
        return Vec::new();
    };
    let mut tokens = type_tokens(whole);
    let parts = whole.split('.').count();
    let is_cut = tokens.last().is_some_and(|last| last.starts_with("=~"));
    if is_cut {
        // What was cut differs from type to type.
        tokens.pop();
    }
    debug_assert!(is_cut || tokens.len() == parts);
    tokens
}

#[cfg(test)]
mod tests;
