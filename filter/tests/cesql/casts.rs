use serde_json::json;

use crate::{NONE, check};

#[test]
fn a_text_is_an_integer_if_it_is_digits_with_or_without_a_sign() {
    let cast: &[&str] = &["cast"];
    check(
        &json!({}),
        &[
            ("INT('12')", json!(12), NONE),
            ("INT('+12')", json!(12), NONE),
            ("INT('-12')", json!(-12), NONE),
            ("INT('0012')", json!(12), NONE),
            ("INT('-2147483648')", json!(i32::MIN), NONE),
            ("INT('2147483648')", json!(0), cast),
            ("INT('-2147483649')", json!(0), cast),
            ("INT('')", json!(0), cast),
            ("INT('-')", json!(0), cast),
            ("INT(' 12')", json!(0), cast),
            ("INT('1.0')", json!(0), cast),
            ("INT('0x10')", json!(0), cast),
            ("INT('true')", json!(0), cast),
            ("INT('١')", json!(0), cast),
        ],
    );
}

#[test]
fn a_text_is_a_boolean_if_it_spells_one_in_any_case() {
    let cast: &[&str] = &["cast"];
    check(
        &json!({}),
        &[
            ("BOOL('true')", json!(true), NONE),
            ("BOOL('TrUe')", json!(true), NONE),
            ("BOOL('FALSE')", json!(false), NONE),
            ("BOOL('')", json!(false), cast),
            ("BOOL('1')", json!(false), cast),
            ("BOOL('yes')", json!(false), cast),
            ("BOOL(' true')", json!(false), cast),
        ],
    );
}

#[test]
fn every_other_cast_succeeds() {
    check(
        &json!({}),
        &[
            ("INT(TRUE)", json!(1), NONE),
            ("INT(FALSE)", json!(0), NONE),
            ("INT(7)", json!(7), NONE),
            ("BOOL(0)", json!(false), NONE),
            ("BOOL(-1)", json!(true), NONE),
            ("BOOL(TRUE)", json!(true), NONE),
            ("STRING(TRUE)", json!("true"), NONE),
            ("STRING(FALSE)", json!("false"), NONE),
            ("STRING(-2147483648)", json!("-2147483648"), NONE),
            ("STRING(007)", json!("7"), NONE),
            ("STRING('a')", json!("a"), NONE),
        ],
    );
}

#[test]
fn is_int_and_is_bool_say_whether_a_cast_would_succeed() {
    check(
        &json!({}),
        &[
            ("IS_INT('12')", json!(true), NONE),
            ("IS_INT(12)", json!(true), NONE),
            ("IS_INT(TRUE)", json!(true), NONE),
            ("IS_INT('twelve')", json!(false), NONE),
            ("IS_BOOL('False')", json!(true), NONE),
            ("IS_BOOL(12)", json!(true), NONE),
            ("IS_BOOL('no')", json!(false), NONE),
            ("IS_INT(absent)", json!(false), &["missingAttribute"]),
        ],
    );
}

#[test]
fn operators_cast_what_they_are_given() {
    let cast: &[&str] = &["cast"];
    check(
        &json!({}),
        &[
            ("'5' + TRUE", json!(6), NONE),
            ("-'5'", json!(-5), NONE),
            ("-TRUE", json!(-1), NONE),
            ("'true' AND 1", json!(true), NONE),
            ("0 OR 'FALSE'", json!(false), NONE),
            ("'TRUE' XOR 0", json!(true), NONE),
            ("'a' + 1", json!(0), cast),
            ("1 + 'a'", json!(0), cast),
            ("'a' * 'b'", json!(0), &["cast", "cast"]),
            ("-'a'", json!(0), cast),
            ("'a' AND TRUE", json!(false), cast),
            ("TRUE AND 'a'", json!(false), cast),
            ("'a' OR TRUE", json!(false), cast),
            ("FALSE OR 'a'", json!(false), cast),
            ("TRUE XOR 'a'", json!(false), cast),
        ],
    );
}

/// As the specification's own cases have it; a failed cast is `false`, and its opposite `true`.
#[test]
fn not_takes_no_integer_and_turns_a_failed_cast_around() {
    check(
        &json!({}),
        &[
            ("NOT 'true'", json!(false), NONE),
            ("NOT 'False'", json!(true), NONE),
            ("NOT 1", json!(true), &["cast"]),
            ("NOT 0", json!(true), &["cast"]),
            ("NOT 'a'", json!(true), &["cast"]),
            ("NOT BOOL(1)", json!(false), NONE),
            ("NOT 1 AND TRUE", json!(false), &["cast"]),
            ("NOT (1 / 0 = 0)", json!(false), &["math"]),
        ],
    );
}
