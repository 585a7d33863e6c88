//! Each property finds a planted defect, and not by its corpus alone.
//!
//! A property that held for anything would look just like one that holds.

use sluicegate_event::{Decoded, Encode, decode, encode};
use sluicegate_filter::Filter;
use sluicegate_filter::cesql::{ErrorKind, Expression, Value};
use sluicegate_fuzz::{
    cesql_evaluate, cesql_parse, http_binary, http_structured, manifests, stored,
};

use crate::EXECUTIONS;
use crate::corpus::Corpus;
use crate::run::{SEED, short_run};

/// The short run of the ordinary tests finds the defect. It is always the same run: what a seed finds
/// of a rare defect, another may miss.
fn found(target: &str, defect: &str, check: impl Fn(&[u8])) -> usize {
    let corpus = Corpus::read(target);
    match short_run(target, &corpus, SEED, EXECUTIONS, check) {
        Ok(ran) => panic!("{target}: {defect}: not found, {ran:?}"),
        Err(failure) => failure.execution,
    }
}

/// It finds the defect with an input that it makes, where no input of the corpus shows it.
fn found_by_chance(target: &str, defect: &str, check: impl Fn(&[u8])) {
    let replayed = Corpus::read(target).all().count();
    let execution = found(target, defect, check);
    assert!(execution > replayed, "{target}: {defect} is in the corpus");
}

#[test]
fn a_broken_parser_or_printer_is_found() {
    use cesql_parse::{Subject, check};
    let ours = Subject::OURS;

    let panics = Subject {
        parse: |text| {
            assert!(!text.contains("'%)"), "planted");
            Expression::parse(text)
        },
        ..ours
    };
    found_by_chance("cesql_parse", "a panic at `'%)`", |it| check(it, &panics));
    let points_past_the_end = Subject {
        parse: |text| {
            Expression::parse(text).map_err(|mut error| {
                error.span.end += usize::from(text.contains("é"));
                error
            })
        },
        ..ours
    };
    found("cesql_parse", "a place past the end", |it| {
        check(it, &points_past_the_end);
    });
    let forgets_parentheses = Subject {
        print: |expression| expression.to_string().replace("-(", "- "),
        ..ours
    };
    found("cesql_parse", "forgotten parentheses", |it| {
        check(it, &forgets_parentheses);
    });
}

#[test]
fn a_broken_evaluator_is_found() {
    use cesql_evaluate::{Subject, check};
    use sluicegate_filter::Outcome;
    let ours = Subject::OURS;

    let matches_despite_errors = Subject {
        decide: |expression, event| match expression.evaluate(event).value {
            Value::Boolean(true) => Outcome::Match,
            _ => expression.decide(event),
        },
        ..ours
    };
    found("cesql_evaluate", "a match despite an error", |it| {
        check(it, &matches_despite_errors);
    });
    let loses_errors = Subject {
        evaluate: |expression, event| {
            let mut evaluation = expression.evaluate(event);
            let is_told = evaluation.errors.len() < 4;
            evaluation
                .errors
                .retain(|error| is_told || error.kind == ErrorKind::Math);
            evaluation
        },
        ..ours
    };
    found_by_chance("cesql_evaluate", "errors lost where they are many", |it| {
        check(it, &loses_errors);
    });
    let prints_another = Subject {
        print: |expression| expression.to_string().replace("NOT LIKE", "LIKE"),
        ..ours
    };
    found("cesql_evaluate", "NOT LIKE printed as LIKE", |it| {
        check(it, &prints_another);
    });
}

#[test]
fn a_broken_reader_of_manifests_is_found() {
    use manifests::{Subject, check};
    let ours = Subject::OURS;

    let loses_a_filter = Subject {
        compile: |specs| match specs {
            [_, others @ ..] if !others.is_empty() => Filter::compile(others),
            _ => Filter::compile(specs),
        },
        ..ours
    };
    found("manifests", "the first of several filters lost", |it| {
        check(it, &loses_a_filter);
    });
    let loses_what_is_edited = Subject {
        insert: |set, key, filter| {
            let len = set.len();
            set.insert(key, filter);
            if set.len() == len {
                set.remove(key);
            }
        },
        ..ours
    };
    found("manifests", "a filter lost when it is edited", |it| {
        check(it, &loses_what_is_edited);
    });
    let loses_documents = Subject {
        parse: |text| {
            let mut parsed = sluicegate_resources::parse(text);
            for manifest in &mut parsed.manifests {
                manifest.object = manifest.object.take().filter(|_| !text.contains('~'));
            }
            parsed
        },
        ..ours
    };
    found_by_chance("manifests", "a document lost in silence", |it| {
        check(it, &loses_documents);
    });
}

#[test]
fn a_broken_reader_or_writer_of_binary_messages_is_found() {
    use http_binary::{Subject, check};
    let ours = Subject::OURS;

    let drops_an_attribute = Subject {
        decode: |headers, body, limits| {
            let mut decoded = decode(headers, body, limits)?;
            if let Decoded::One(event) = &mut decoded
                && event
                    .attribute("amount")
                    .is_some_and(|value| value != "250")
            {
                event.remove_extension("amount");
            }
            Ok(decoded)
        },
        ..ours
    };
    found("http_binary", "a dropped attribute", |it| {
        check(it, &drops_an_attribute);
    });
    let writes_another = Subject {
        encode: |event, how, headers| {
            let body = encode(event, how, headers);
            if event.ty().len() == "order.paid".len() + 1 {
                headers.remove("ce-subject");
            }
            body
        },
        ..ours
    };
    found_by_chance("http_binary", "an attribute that is not written", |it| {
        check(it, &writes_another);
    });
}

#[test]
fn a_broken_reader_or_writer_of_structured_messages_is_found() {
    use http_structured::{Subject, check};
    use sluicegate_event::AttributeType;
    let ours = Subject::OURS;

    let loses_a_type = Subject {
        encode: |event, how, headers| {
            let mut event = event.clone();
            if let Some(text) = event.attribute("amount").map(str::to_owned) {
                drop(event.set_extension("amount", &text, AttributeType::String));
            }
            encode(&event, how, headers)
        },
        ..ours
    };
    found("http_structured", "an integer written as text", |it| {
        check(it, &loses_a_type);
    });
    let loses_a_member = Subject {
        encode_batch: |events| {
            let wanted = events.iter().take(2);
            sluicegate_event::json_format::to_json_batch(wanted)
        },
        ..ours
    };
    found("http_structured", "the third of a batch is lost", |it| {
        check(it, &loses_a_member);
    });
    let writes_another = Subject {
        encode: |event, how, headers| {
            let is_struck = event.ty().len() == "order.paid".len() + 1;
            let omit: &[&str] = if is_struck { &["amount", "ext"] } else { &[] };
            encode(event, Encode { omit, ..how }, headers)
        },
        ..ours
    };
    found_by_chance(
        "http_structured",
        "an attribute that is not written",
        |it| {
            check(it, &writes_another);
        },
    );
}

#[test]
fn a_broken_reader_or_writer_of_a_store_is_found() {
    use sluicegate_event::stored::{decode, encode};
    use stored::{Subject, check};
    let ours = Subject::OURS;

    let panics = Subject {
        decode: |bytes| {
            let is_struck = bytes.windows(2).any(|pair| pair == [0x32, 0x80]);
            assert!(!is_struck, "planted");
            decode(bytes)
        },
        ..ours
    };
    found_by_chance("stored", "a panic at a long JSON value", |it| {
        check(it, &panics);
    });
    let reads_on_past_the_end = Subject {
        decode: |bytes| {
            let end = bytes.iter().rposition(|byte| *byte != 0x30);
            let whole = end.map_or(0, |end| (end + 2).min(bytes.len()));
            decode(bytes.slice(..whole))
        },
        ..ours
    };
    found("stored", "what is behind the end passed over", |it| {
        check(it, &reads_on_past_the_end);
    });
    let loses_an_attribute = Subject {
        encode: |event, out| {
            let mut event = event.clone();
            event.remove_extension("ext");
            encode(&event, out);
        },
        ..ours
    };
    found_by_chance("stored", "an attribute that is not written", |it| {
        check(it, &loses_an_attribute);
    });
}
