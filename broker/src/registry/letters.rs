//! Reads the dead letters of one subscription, page by page, for whoever goes through them.

use sluicegate_channels::{BoxFuture, Channel, DeadLetter, DeadLetterKey};

/// How much further to look where no letter came: so many times the page.
const FURTHER: [usize; 3] = [1, 4, 16];

/// Letters of a subscription after a place, up to `limit`, or a few more. None at the end: a channel
/// leaves out those that it cannot read, so a short page is no end, and where none came it is asked to
/// look further. So a thousand unreadable letters in a row do not hide those behind them.
pub async fn letters_after(
    channel: &dyn Channel,
    subscription: &str,
    after: Option<&DeadLetterKey>,
    limit: usize,
) -> Vec<DeadLetter> {
    let ask = |limit| channel.dead_letters(Some(subscription), after.cloned(), limit);
    looking_further(limit, ask).await
}

async fn looking_further<'a, T>(
    limit: usize,
    ask: impl Fn(usize) -> BoxFuture<'a, Vec<T>>,
) -> Vec<T> {
    for times in FURTHER {
        let page = ask(limit.saturating_mul(times)).await;
        if !page.is_empty() {
            return page;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_without_letters_is_no_end_while_there_are_some_further_on() {
        for (unreadable, expected) in [(0, 64), (10, 54), (64, 192), (300, 724), (1_023, 1)] {
            let ask = |limit: usize| -> BoxFuture<'static, Vec<usize>> {
                Box::pin(async move { (0..limit).skip(unreadable).collect() })
            };
            let page = looking_further(64, ask).await;
            assert_eq!(page.len(), expected, "{unreadable}");
            assert_eq!(page.first(), Some(&unreadable));
        }
        let none = looking_further(64, |_| Box::pin(async { Vec::<()>::new() })).await;
        assert!(none.is_empty());
    }
}
