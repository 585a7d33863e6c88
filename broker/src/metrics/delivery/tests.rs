use prometheus_client::encoding::text::encode;

use super::*;

const AT: sluicegate_channels::Position = sluicegate_channels::Position {
    partition: 0,
    offset: 1,
};

fn name(name: &str) -> ObjectName {
    ObjectName {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}

/// Counts everything that can be counted of a trigger.
fn count_everything(handles: &DeliveryHandles) {
    for status in [
        None,
        Some(100),
        Some(200),
        Some(302),
        Some(404),
        Some(503),
        Some(999),
    ] {
        for reason in Reason::ALL {
            handles.attempt(status, reason, Duration::from_millis(1));
        }
    }
    handles.delivered(Duration::from_secs(1));
    for reply in [
        ReplyReport::Accepted {
            cause: AT,
            positions: &[AT; 3],
        },
        ReplyReport::Rejected { detail: "" },
        ReplyReport::Loop { detail: "" },
        ReplyReport::Ignored202,
        ReplyReport::NotAnEvent,
    ] {
        handles.reply(&reply);
    }
    for reason in ["exhausted", "refused", "shed"] {
        handles.dead_letter(reason);
    }
}

#[test]
fn a_trigger_that_is_gone_leaves_no_series_and_takes_no_other_with_it() {
    let mut registry = Registry::default();
    let families = Arc::new(DeliveryFamilies::register(&mut registry));
    let scrape = || {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    };
    let lines_of = |text: &str, trigger: &str| {
        let label = format!("trigger=\"{trigger}\"");
        text.lines().filter(|line| line.contains(&label)).count()
    };
    count_everything(&families.handles(&name("kept")));
    let before = scrape();
    count_everything(&families.handles(&name("gone")));
    let both = scrape();
    assert_eq!(lines_of(&both, "gone"), lines_of(&both, "kept"));
    families.remove(&name("gone"));
    assert_eq!(lines_of(&scrape(), "gone"), 0);
    assert_eq!(scrape().lines().count(), before.lines().count());
}

#[test]
fn a_reply_counts_its_events() {
    let mut registry = Registry::default();
    let families = Arc::new(DeliveryFamilies::register(&mut registry));
    families.handles(&name("x")).reply(&ReplyReport::Accepted {
        cause: AT,
        positions: &[AT; 3],
    });
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let line = "sluicegate_replies_total{namespace=\"shop\",trigger=\"x\",result=\"accepted\"} 3";
    assert!(text.lines().any(|it| it == line), "{text}");
}
