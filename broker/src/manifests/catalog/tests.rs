//! The rules of the catalog, one by one; time is handed in.

use super::*;

const START: Timestamp = Timestamp(1_000_000);

fn trigger(name: &str, subscriber: &str) -> String {
    format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Trigger\n\
         metadata: {{namespace: shop, name: {name}}}\n\
         spec: {{broker: orders, filter: {{attributes: {{type: a}}}}, \
         subscriber: {{uri: http://{subscriber}/}}}}\n"
    )
}

/// Valid but for a field that there is not.
fn invalid(name: &str) -> String {
    trigger(name, "bad").replace("broker: orders,", "broker: orders, sped: 1,")
}

fn of_broker(name: &str, broker: &str) -> String {
    trigger(name, "a").replace("broker: orders", &format!("broker: {broker}"))
}

#[test]
fn a_link_to_nothing_is_a_warning_that_holds_up_nothing() {
    let link = PathBuf::from("gone.yaml");
    let folder = Folder {
        exists: true,
        dangling: [link.clone()].into(),
        ..Folder::default()
    };
    let review = Catalog::new().review(&folder, START);
    assert!(!review.has_errors());
    assert_eq!(review.findings.len(), 1);
    assert_eq!(review.findings[0].file, link);
    assert_eq!(review.findings[0].diagnostic.code, "W101");
}

/// A catalog that is shown one folder after another.
#[derive(Default)]
struct Shown {
    catalog: Catalog,
    now: Duration,
}

impl Shown {
    fn after(millis: u64, files: &[(&str, &str)]) -> (Self, Review) {
        let mut shown = Shown::default();
        let review = shown.look(millis, files);
        (shown, review)
    }

    /// Looks `millis` after the look before.
    fn look(&mut self, millis: u64, files: &[(&str, &str)]) -> Review {
        let contents = |text: &str| Contents::Text(text.into());
        self.look_at(
            millis,
            files.iter().map(|(name, text)| (*name, contents(text))),
        )
    }

    fn look_at<'a>(
        &mut self,
        millis: u64,
        files: impl IntoIterator<Item = (&'a str, Contents)>,
    ) -> Review {
        let files = files.into_iter();
        let folder = Folder {
            files: files.map(|(name, it)| (PathBuf::from(name), it)).collect(),
            exists: true,
            ..Folder::default()
        };
        self.look_in(millis, &folder)
    }

    fn look_in(&mut self, millis: u64, folder: &Folder) -> Review {
        self.now += Duration::from_millis(millis);
        self.catalog.review(folder, START + self.now)
    }

    /// The triggers in force with the host of their subscriber.
    fn in_force(&self) -> Vec<(String, String)> {
        let triggers = self.catalog.objects().triggers.into_iter();
        triggers
            .map(|(name, it)| (name.name, it.subscriber.to_string()))
            .collect()
    }

    #[track_caller]
    fn assert_in_force(&self, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, host)| ((*name).to_owned(), format!("http://{host}/")))
            .collect();
        assert_eq!(self.in_force(), expected);
    }
}

fn codes_of(review: &Review) -> Vec<&'static str> {
    review
        .findings
        .iter()
        .map(|it| it.diagnostic.code)
        .collect()
}

#[test]
fn what_is_valid_is_in_force_and_a_second_look_changes_nothing() {
    let files = [
        ("a.yaml", trigger("x", "one")),
        ("b.yaml", trigger("y", "two")),
    ];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, &**text)).collect();
    let (mut shown, review) = Shown::after(0, &files);
    assert!(review.changed && !review.has_errors());
    shown.assert_in_force(&[("x", "one"), ("y", "two")]);
    let review = shown.look(1, &files);
    assert!(!review.changed);
    assert_eq!(review.look_again_at, None);
}

#[test]
fn an_invalid_object_is_absent_at_first_sight_and_keeps_its_last_valid_version_later() {
    let (mut shown, review) = Shown::after(0, &[("a.yaml", &invalid("x"))]);
    assert!(review.has_errors() && !review.changed);
    assert!(!review.findings[0].keeps_earlier);
    shown.assert_in_force(&[]);

    assert!(shown.look(1, &[("a.yaml", &trigger("x", "one"))]).changed);
    let review = shown.look(1, &[("a.yaml", &invalid("x"))]);
    assert!(review.has_errors() && !review.changed);
    let finding = &review.findings[0];
    assert!(finding.keeps_earlier);
    let name = &finding.object.as_ref().unwrap().name;
    assert_eq!(name.to_string(), "shop/x");
    assert!(finding.rendered.contains("a.yaml:"), "{}", finding.rendered);
    // However long it stays invalid.
    shown.look(3_600_000, &[("a.yaml", &invalid("x"))]);
    shown.assert_in_force(&[("x", "one")]);
}

#[test]
fn an_invalid_object_takes_no_other_with_it() {
    let (mut shown, _) = Shown::after(0, &[("a.yaml", &trigger("x", "one"))]);
    let both = format!("{}---\n{}", invalid("x"), trigger("y", "two"));
    let review = shown.look(1, &[("a.yaml", &both)]);
    assert!(review.changed && review.has_errors());
    shown.assert_in_force(&[("x", "one"), ("y", "two")]);
}

#[test]
fn a_change_of_an_immutable_field_is_refused_and_the_earlier_version_kept() {
    let (mut shown, _) = Shown::after(0, &[("a.yaml", &of_broker("x", "orders"))]);
    let review = shown.look(1, &[("a.yaml", &of_broker("x", "others"))]);
    assert_eq!(codes_of(&review), [sluicegate_resources::codes::IMMUTABLE]);
    assert!(review.findings[0].keeps_earlier && !review.changed);
    let objects = shown.catalog.objects();
    assert_eq!(objects.triggers.values().next().unwrap().broker, "orders");
}

#[test]
fn a_file_that_cannot_be_read_or_is_not_yaml_keeps_all_its_objects() {
    let both = format!("{}---\n{}", trigger("x", "one"), trigger("y", "two"));
    let broken = [
        Contents::Unreadable("cannot be read: permission denied".to_owned()),
        Contents::Text("a: [".into()),
        Contents::Text(format!("{}---\nkind: [", trigger("x", "one")).into()),
    ];
    for contents in broken {
        let (mut shown, _) = Shown::after(0, &[("a.yaml", &both)]);
        for _ in 0..2 {
            let review = shown.look_at(60_000, [("a.yaml", contents.clone())]);
            assert!(review.has_errors() && !review.changed, "{contents:?}");
            assert!(review.findings[0].keeps_earlier, "{contents:?}");
            assert_eq!(review.look_again_at, None, "{contents:?}");
        }
        shown.assert_in_force(&[("x", "one"), ("y", "two")]);
    }
}

#[test]
fn what_can_be_read_of_a_broken_file_is_in_force() {
    let (mut shown, _) = Shown::after(0, &[("a.yaml", &trigger("x", "one"))]);
    let broken = format!("{}---\n: [", trigger("x", "two"));
    assert!(shown.look(1, &[("a.yaml", &broken)]).changed);
    shown.assert_in_force(&[("x", "two")]);
}

#[test]
fn an_object_that_moved_out_of_a_file_that_cannot_be_read_is_no_duplicate() {
    let (mut shown, _) = Shown::after(0, &[("a.yaml", &trigger("x", "one"))]);
    let unreadable = Contents::Unreadable("cannot be read".to_owned());
    let moved = Contents::Text(trigger("x", "two").into());
    let review = shown.look_at(1, [("a.yaml", unreadable), ("b.yaml", moved)]);
    assert_eq!(review.findings.len(), 1, "{:?}", review.findings);
    shown.assert_in_force(&[("x", "two")]);
}

#[test]
fn while_the_folder_cannot_be_read_everything_stays() {
    let (mut shown, _) = Shown::after(0, &[("a.yaml", &trigger("x", "one"))]);
    // Missing already, but not for long enough.
    shown.look(1, &[]);
    let fault = Folder {
        fault: Some("cannot read the folder /m: permission denied".to_owned()),
        exists: true,
        ..Folder::default()
    };
    let review = shown.look_in(10_000, &fault);
    assert!(review.findings[0].keeps_earlier && !review.changed);
    let message = &review.findings[0].diagnostic.message;
    assert_eq!(message, "cannot read the folder /m: permission denied");
    let review = shown.look(1, &[]);
    assert!(review.look_again_at.is_some(), "the wait begins anew");
    shown.assert_in_force(&[("x", "one")]);
}

#[test]
fn what_is_gone_counts_as_deleted_after_half_a_second_and_not_before() {
    let (mut shown, _) = Shown::after(0, &[("a.yaml", &trigger("x", "one"))]);
    let review = shown.look(100, &[]);
    assert!(!review.changed && !review.has_errors());
    let gone_at = START + shown.now + GONE_AFTER;
    assert_eq!(review.look_again_at, Some(gone_at));
    let review = shown.look(499, &[]);
    assert_eq!(
        (review.changed, review.look_again_at),
        (false, Some(gone_at))
    );
    shown.assert_in_force(&[("x", "one")]);
    let review = shown.look(1, &[]);
    assert_eq!((review.changed, review.look_again_at), (true, None));
    shown.assert_in_force(&[]);
}

#[test]
fn the_next_look_is_when_the_first_of_several_will_count_as_deleted() {
    let both = [
        ("a.yaml", &*trigger("x", "one")),
        ("b.yaml", &*trigger("y", "two")),
    ];
    let (mut shown, _) = Shown::after(0, &both);
    let first = shown.look(1, &both[1..]).look_again_at;
    assert_eq!(shown.look(300, &[]).look_again_at, first);
}

#[test]
fn a_save_by_rename_is_an_edit_in_place() {
    let (mut shown, _) = Shown::after(0, &[("a.yaml", &trigger("x", "one"))]);
    assert!(!shown.look(1, &[]).changed);
    let review = shown.look(400, &[("a.yaml", &trigger("x", "two"))]);
    assert!(review.changed && review.look_again_at.is_none());
    // The wait before does not count towards the next one.
    shown.look(1, &[]);
    shown.look(400, &[]);
    shown.assert_in_force(&[("x", "two")]);
}

#[test]
fn an_object_in_another_file_is_the_same_object() {
    let (mut shown, _) = Shown::after(0, &[("a.yaml", &trigger("x", "one"))]);
    let review = shown.look(1, &[("b.yaml", &trigger("x", "one"))]);
    assert!(!review.changed && !review.has_errors());
    // It belongs to the new file now, and keeps its version when that is broken.
    let review = shown.look(60_000, &[("b.yaml", "a: [")]);
    assert!(review.findings[0].keeps_earlier);
    shown.assert_in_force(&[("x", "one")]);
    // And being invalid there, too.
    shown.look(1, &[("c.yaml", &invalid("x"))]);
    shown.look(60_000, &[("c.yaml", "a: [")]);
    shown.assert_in_force(&[("x", "one")]);
}

#[test]
fn of_two_with_one_name_the_first_stands_even_when_it_is_invalid() {
    let (first, second) = (trigger("x", "one"), trigger("x", "two"));
    let (mut shown, review) = Shown::after(0, &[("a.yaml", &first), ("b.yaml", &second)]);
    let duplicate = sluicegate_resources::codes::DUPLICATE_OBJECT;
    assert_eq!(codes_of(&review), [duplicate]);
    assert_eq!(review.findings[0].file, Path::new("b.yaml"));
    let message = &review.findings[0].diagnostic.message;
    assert!(message.contains("a.yaml"), "{message}");
    shown.assert_in_force(&[("x", "one")]);

    let review = shown.look(1, &[("a.yaml", &invalid("x")), ("b.yaml", &second)]);
    assert!(codes_of(&review).contains(&duplicate));
    shown.assert_in_force(&[("x", "one")]);
    // The first goes, and the second is at once what there is of it.
    let review = shown.look(1, &[("b.yaml", &second)]);
    assert!(review.changed && !review.has_errors());
    shown.assert_in_force(&[("x", "two")]);
}

#[test]
fn of_two_with_one_name_in_one_file_the_upper_stands() {
    let both = format!("{}---\n{}", trigger("x", "one"), trigger("x", "two"));
    let (shown, review) = Shown::after(0, &[("a.yaml", &both)]);
    assert!(review.has_errors());
    shown.assert_in_force(&[("x", "one")]);
}

#[test]
fn a_document_that_hides_which_object_it_is_keeps_all_of_its_file() {
    let named = trigger("x", "one");
    let hidden = [
        named.replace("name: x", "nam: x"),
        named.replace("kind: Trigger", "kind: Triger"),
        named.replace("kind: Trigger\n", ""),
    ];
    for hidden in hidden {
        let (mut shown, _) = Shown::after(0, &[("a.yaml", &named)]);
        for _ in 0..2 {
            let review = shown.look(60_000, &[("a.yaml", &hidden)]);
            assert!(review.has_errors() && !review.changed, "{hidden}");
        }
        shown.assert_in_force(&[("x", "one")]);
        // The document behind it is an edit of its object, not a second one of its name.
        let both = format!("{hidden}---\n{}", trigger("x", "two"));
        let review = shown.look(1, &[("a.yaml", &both)]);
        assert!(review.changed, "{hidden}: {:?}", review.findings);
        shown.assert_in_force(&[("x", "two")]);
    }
}

#[test]
fn documents_of_other_programs_are_nobodys_objects_and_no_duplicates() {
    let service = |api: &str| {
        format!("apiVersion: {api}\nkind: Service\nmetadata: {{namespace: shop, name: x}}\n---\n")
    };
    let text = service("v1") + &service("serving.knative.dev/v1") + &trigger("x", "one");
    let (shown, review) = Shown::after(0, &[("a.yaml", &text), ("b.yaml", &service("v1"))]);
    assert!(!review.has_errors(), "{:?}", review.findings);
    shown.assert_in_force(&[("x", "one")]);
}

#[test]
fn a_deleted_object_that_comes_back_may_differ_in_what_was_immutable() {
    let (mut shown, _) = Shown::after(0, &[("a.yaml", &of_broker("x", "orders"))]);
    shown.look(0, &[]);
    shown.look(500, &[]);
    let review = shown.look(1, &[("a.yaml", &of_broker("x", "others"))]);
    assert!(review.changed && !review.has_errors());
}

#[test]
fn one_file_that_is_edited_among_five_thousand_is_one_parse() {
    let texts: Vec<_> = (0..5_000)
        .map(|number| {
            (
                format!("{number}.yaml"),
                trigger(&format!("t{number}"), "one"),
            )
        })
        .collect();
    let mut files: Vec<_> = texts
        .iter()
        .map(|(file, text)| (file.as_str(), text.as_str()))
        .collect();
    let (mut shown, review) = Shown::after(0, &files);
    assert_eq!(review.parsed, 5_000);
    let edited = trigger("t7", "two");
    files[7].1 = &edited;
    let review = shown.look(1, &files);
    assert!(review.changed && !review.has_errors());
    assert_eq!(review.parsed, 1);
    let review = shown.look(1, &files);
    assert_eq!((review.parsed, review.changed), (0, false));
    let hosts: Vec<_> = shown.in_force().into_iter().map(|(_, host)| host).collect();
    let is_new = |host: &&String| *host == "http://two/";
    assert_eq!(
        (hosts.len(), hosts.iter().filter(is_new).count()),
        (5_000, 1)
    );
    // What a file does not say any more is told again at each look, parsed or not.
    let wrong = invalid("t7");
    files[7].1 = &wrong;
    for expected in [1, 0] {
        let review = shown.look(1, &files);
        assert_eq!((review.parsed, review.findings.len()), (expected, 1));
    }
}
