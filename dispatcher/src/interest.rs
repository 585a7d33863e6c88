//! What a trigger can possibly want, for a channel whose server looks at what it hands out.

use sluicegate_channels::{Interest, Wanted, Wish};
use sluicegate_filter::{Filter, Text};

/// Every event that `filter` wants, or cannot tell of, is among these.
pub fn interest(filter: &Filter) -> Interest {
    let Some(needs) = filter.needs() else {
        return Interest::Everything;
    };
    let wishes = needs.into_iter().map(|need| Wish {
        ty: need.ty.map(wanted),
        source: need.source.map(wanted),
    });
    Interest::AnyOf(wishes.collect())
}

fn wanted(text: Text) -> Wanted {
    match text {
        Text::Equals(text) => Wanted::Equal(text),
        Text::StartsWith(text) => Wanted::StartsWith(text),
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_filter::FilterSpec;

    use super::*;

    #[test]
    fn what_a_filter_asks_of_type_and_source_is_its_interest() {
        let all = Filter::compile(&[]).unwrap();
        assert_eq!(interest(&all), Interest::Everything);
        let asks = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let specs = [
            FilterSpec::Prefix(asks("type", "order.")),
            FilterSpec::Exact(asks("source", "/shop")),
        ];
        let wish = Wish {
            ty: Some(Wanted::StartsWith("order.".into())),
            source: Some(Wanted::Equal("/shop".into())),
        };
        let some = Filter::compile(&specs).unwrap();
        assert_eq!(interest(&some), Interest::AnyOf(vec![wish]));
    }
}
