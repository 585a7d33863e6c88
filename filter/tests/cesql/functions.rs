use serde_json::json;

use crate::{NONE, check};

const EVALUATION: &[&str] = &["functionEvaluation"];

#[test]
fn text_is_measured_and_changed_by_characters() {
    check(
        &json!({}),
        &[
            ("LENGTH('')", json!(0), NONE),
            ("LENGTH('größe🙂')", json!(6), NONE),
            ("LENGTH(-12)", json!(3), NONE),
            ("LENGTH(FALSE)", json!(5), NONE),
            ("LOWER('GRÖßE 1')", json!("größe 1"), NONE),
            ("UPPER('größe 1')", json!("GRÖSSE 1"), NONE),
            ("TRIM(' a b ')", json!("a b"), NONE),
            ("TRIM('\t\n\u{a0}\u{3000}a\u{2028}')", json!("a"), NONE),
            ("TRIM('\u{200b}a\u{1}')", json!("\u{200b}a\u{1}"), NONE),
            ("TRIM(CONCAT(' ', 'a', ' '))", json!("a"), NONE),
            ("TRIM('')", json!(""), NONE),
        ],
    );
}

#[test]
fn texts_are_joined() {
    check(
        &json!({}),
        &[
            ("CONCAT()", json!(""), NONE),
            ("CONCAT('a')", json!("a"), NONE),
            ("CONCAT('a', 1, TRUE)", json!("a1true"), NONE),
            ("CONCAT_WS('-')", json!(""), NONE),
            ("CONCAT_WS('-', 'a')", json!("a"), NONE),
            ("CONCAT_WS('-', 'a', '', 'b')", json!("a--b"), NONE),
            ("CONCAT_WS(0, 1, 2)", json!("102"), NONE),
            ("CONCAT('a', 1 / 0)", json!(""), &["math"]),
            (
                "CONCAT(absent, 1 / 0)",
                json!(""),
                &["missingAttribute", "math"],
            ),
            (
                "CONCAT_WS(absent, 'a', 1 / 0)",
                json!(""),
                &["missingAttribute", "math"],
            ),
        ],
    );
}

#[test]
fn left_and_right_keep_so_many_characters() {
    check(
        &json!({}),
        &[
            ("LEFT('größe', 3)", json!("grö"), NONE),
            ("LEFT('größe', 0)", json!(""), NONE),
            ("LEFT('größe', 5)", json!("größe"), NONE),
            ("LEFT('größe', 6)", json!("größe"), NONE),
            ("LEFT('größe', -1)", json!("größe"), EVALUATION),
            ("RIGHT('größe', 3)", json!("öße"), NONE),
            ("RIGHT('größe', 0)", json!(""), NONE),
            ("RIGHT('größe', 6)", json!("größe"), NONE),
            ("RIGHT('größe', -1)", json!("größe"), EVALUATION),
            ("LEFT(12345, '2')", json!("12"), NONE),
            ("LEFT('a', 'b')", json!(""), &["cast"]),
            ("LEFT('größe', -2147483648)", json!("größe"), EVALUATION),
            ("CONCAT(LEFT('größe', -1))", json!(""), EVALUATION),
        ],
    );
}

#[test]
fn substring_counts_from_one_or_from_the_end() {
    check(
        &json!({}),
        &[
            ("SUBSTRING('größe', 1)", json!("größe"), NONE),
            ("SUBSTRING('größe', 3)", json!("öße"), NONE),
            ("SUBSTRING('größe', 5)", json!("e"), NONE),
            ("SUBSTRING('größe', 6)", json!(""), EVALUATION),
            ("SUBSTRING('größe', 0)", json!(""), NONE),
            ("SUBSTRING('größe', -1)", json!("e"), NONE),
            ("SUBSTRING('größe', -5)", json!("größe"), NONE),
            ("SUBSTRING('größe', -6)", json!(""), EVALUATION),
            ("SUBSTRING('größe', -2147483648)", json!(""), EVALUATION),
            ("SUBSTRING('', 0)", json!(""), NONE),
            ("SUBSTRING('', 1)", json!(""), EVALUATION),
            ("SUBSTRING('größe', 2, 2)", json!("rö"), NONE),
            ("SUBSTRING('größe', -3, 2)", json!("öß"), NONE),
            ("SUBSTRING('größe', 4, 100)", json!("ße"), NONE),
            ("SUBSTRING('größe', 2, 0)", json!(""), NONE),
            ("SUBSTRING('größe', 2, -1)", json!(""), EVALUATION),
            ("SUBSTRING('größe', 0, 3)", json!(""), NONE),
            ("SUBSTRING('größe', 0, -1)", json!(""), EVALUATION),
            ("SUBSTRING('größe', 6, 1)", json!(""), EVALUATION),
            (
                "SUBSTRING('größe', 'a', 1 / 0)",
                json!(""),
                &["cast", "math"],
            ),
            ("SUBSTRING(12345, '2', '3')", json!("234"), NONE),
        ],
    );
}

#[test]
fn abs_of_the_smallest_integer_is_the_largest_with_an_error() {
    check(
        &json!({}),
        &[
            ("ABS(-5)", json!(5), NONE),
            ("ABS('5')", json!(5), NONE),
            ("ABS(-2147483647)", json!(i32::MAX), NONE),
            ("ABS(-2147483648)", json!(i32::MAX), &["math"]),
            ("ABS(-2147483648) > 0", json!(false), &["math"]),
            ("ABS('a')", json!(0), &["cast"]),
        ],
    );
}

#[test]
fn a_function_is_known_by_its_name_in_any_case_and_its_number_of_arguments() {
    let missing: &[&str] = &["missingFunction"];
    check(
        &json!({}),
        &[
            ("length('a')", json!(1), NONE),
            ("Is_Int ('a')", json!(false), NONE),
            ("CONCAT_WS()", json!(false), missing),
            ("LENGTH()", json!(false), missing),
            ("LENGTH('a', 'b')", json!(false), missing),
            ("SUBSTRING('a')", json!(false), missing),
            ("SUBSTRING('a', 1, 1, 1)", json!(false), missing),
            ("REVERSE('a')", json!(false), missing),
            ("REVERSE(1 / 0)", json!(false), missing),
            ("REVERSE('a') + 1", json!(0), missing),
            ("TRUE OR REVERSE('a')", json!(true), NONE),
        ],
    );
}
