//! Dead letters page by page, narrowed by a filter.
//!
//! Walks the triggers in order of name, so that a page goes on where the one before ended. A filter
//! may choose few of many: a page ends when enough letters were looked at, however few it has.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use sluicegate_channels::{DeadLetterKey, Position};
use sluicegate_resources::ObjectName;

use super::super::{Admin, bad_call, find};
use super::describe;
use super::tries::Tries;
use crate::api;
use crate::operations::choice::{self, LetterChoice, Meant};
use crate::registry::letters::letters_after;
use crate::registry::{Table, TriggerStore};

const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;
/// Letters that are read at a time, each with its event.
const CHUNK: usize = 64;
/// Letters that are looked at for one page.
const LOOKED_AT_MAX: usize = 2_000;

pub(in super::super) async fn list(
    State(admin): State<Admin>,
    query: Result<Query<api::DeadLetterQuery>, QueryRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => {
            let hint = "parameters: namespace, trigger, broker, reason, since, match, limit, after";
            let said = rejection.body_text();
            return bad_call(
                format!("the query is not what this path takes: {said}"),
                hint,
            );
        }
    };
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return bad_call(format!("limit {limit} is out of range"), "it is 1 to 1000");
    }
    let after = match query.after.as_deref().map(Cursor::parse) {
        Some(None) => {
            return bad_call("after is not a cursor", "pass on `next` as it was given");
        }
        Some(Some(cursor)) => Some(cursor),
        None => None,
    };
    let choice = match LetterChoice::read(&query.filter(), admin.registry.clock().now()) {
        Ok(choice) => choice,
        Err(senseless) => return bad_call(senseless.detail, &senseless.hint),
    };
    let table = admin.registry.table();
    let choice = match find::of_one_trigger(&table, choice) {
        Ok(choice) => choice,
        Err(refused) => return *refused,
    };
    let page = Page {
        choice,
        limit: limit as usize,
        looked_at: 0,
        last: None,
        list: api::List::whole(Vec::new()),
    };
    Json(page.fill(&table, after, &admin).await).into_response()
}

/// A page that is being filled.
struct Page {
    choice: LetterChoice,
    limit: usize,
    looked_at: usize,
    /// The place of the letter that was looked at last.
    last: Option<String>,
    list: api::List<api::DeadLetter>,
}

impl Page {
    async fn fill(
        mut self,
        table: &Table,
        after: Option<Cursor>,
        admin: &Admin,
    ) -> api::List<api::DeadLetter> {
        let mut after = after;
        for store in table.stores() {
            let name = store.trigger;
            let is_behind = after.as_ref().is_none_or(|after| *name >= after.trigger);
            if !is_behind || !self.choice.covers(&store) {
                continue;
            }
            let from = after.take().filter(|after| after.trigger == *name);
            let tries = Tries::of(&store, table, admin);
            if self.take(&store, from.map(|it| it.position), tries).await {
                break;
            }
        }
        self.list
    }

    /// Takes the letters of one trigger; true once the page is full.
    async fn take(
        &mut self,
        store: &TriggerStore<'_>,
        after: Option<Position>,
        tries: Tries<'_>,
    ) -> bool {
        let (name, subscription) = (store.trigger, store.subscription);
        let mut after = after;
        loop {
            let key = after.map(|position| DeadLetterKey {
                subscription: Arc::clone(subscription),
                position,
            });
            let letters = letters_after(&**store.channel, subscription, key.as_ref(), CHUNK);
            let letters = letters.await;
            if letters.is_empty() {
                return false;
            }
            for letter in letters {
                if self.is_full() {
                    // There is at least this one more.
                    self.list.next = self.last.take();
                    return true;
                }
                let position = letter.key.position;
                self.last = Some(Cursor::to_text(name, position));
                after = Some(position);
                self.looked_at += 1;
                match self.choice.judge(&letter) {
                    Meant::Yes => self.list.items.push(describe(name, letter, &tries)),
                    Meant::No => {}
                    Meant::Undecided => self.list.undecided += 1,
                }
            }
        }
    }

    fn is_full(&self) -> bool {
        self.list.items.len() >= self.limit || self.looked_at >= LOOKED_AT_MAX
    }
}

/// Where a page ended: `namespace/name@position`.
struct Cursor {
    trigger: ObjectName,
    position: Position,
}

impl Cursor {
    fn to_text(trigger: &ObjectName, position: Position) -> String {
        format!("{trigger}@{position}")
    }

    fn parse(text: &str) -> Option<Cursor> {
        let (trigger, position) = text.split_once('@')?;
        let (namespace, name) = trigger.split_once('/')?;
        let trigger = ObjectName {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        Some(Cursor {
            trigger,
            position: choice::position(position)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        let trigger = ObjectName {
            namespace: "shop".to_owned(),
            name: "billing".to_owned(),
        };
        for position in [
            Position {
                partition: 0,
                offset: 7,
            },
            Position {
                partition: 3,
                offset: u64::MAX,
            },
        ] {
            let cursor = Cursor::parse(&Cursor::to_text(&trigger, position)).unwrap();
            assert_eq!(
                (cursor.trigger, cursor.position),
                (trigger.clone(), position)
            );
        }
        for text in [
            "",
            "shop@1",
            "shop/billing",
            "shop/billing@x",
            "shop/billing@1:y",
        ] {
            assert!(Cursor::parse(text).is_none(), "{text}");
        }
    }
}
