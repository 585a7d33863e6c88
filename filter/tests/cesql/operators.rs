use serde_json::json;

use crate::{NONE, check};

#[test]
fn literals_stand_for_themselves() {
    check(
        &json!({}),
        &[
            ("TRUE", json!(true), NONE),
            ("fAlSe", json!(false), NONE),
            ("0", json!(0), NONE),
            ("007", json!(7), NONE),
            ("2147483647", json!(2147483647), NONE),
            ("-2147483648", json!(i32::MIN), NONE),
            ("+12", json!(12), NONE),
            ("'It is Paid'", json!("It is Paid"), NONE),
            ("\"It is Paid\"", json!("It is Paid"), NONE),
            ("''", json!(""), NONE),
            ("'größe 🙂'", json!("größe 🙂"), NONE),
            (r"'it\'s'", json!("it's"), NONE),
            (r#""it\"s""#, json!("it\"s"), NONE),
            (r#"'say "so"'"#, json!("say \"so\""), NONE),
            (r"'a\b\\'", json!(r"a\b\\"), NONE),
            (r#"'\"'"#, json!("\\\""), NONE),
        ],
    );
}

#[test]
fn arithmetic_is_of_integers_and_rounds_towards_zero() {
    check(
        &json!({}),
        &[
            ("7 + 5", json!(12), NONE),
            ("7-5", json!(2), NONE),
            ("7 -5", json!(2), NONE),
            ("7 - -5", json!(12), NONE),
            ("7--5", json!(12), NONE),
            ("7 + +5", json!(12), NONE),
            ("6 * 7", json!(42), NONE),
            ("7 / 2", json!(3), NONE),
            ("-7 / 2", json!(-3), NONE),
            ("7 / -2", json!(-3), NONE),
            ("7 % 3", json!(1), NONE),
            ("-7 % 3", json!(-1), NONE),
            ("7 % -3", json!(1), NONE),
            ("- 5", json!(-5), NONE),
            ("--5", json!(5), NONE),
            ("---5", json!(-5), NONE),
            ("-(2 + 3)", json!(-5), NONE),
        ],
    );
}

#[test]
fn division_by_zero_and_what_leaves_32_bits_are_math_errors() {
    let math: &[&str] = &["math"];
    check(
        &json!({}),
        &[
            ("1 / 0", json!(0), math),
            ("1 % 0", json!(0), math),
            ("2147483647 + 1", json!(0), math),
            ("-2147483648 - 1", json!(0), math),
            ("65536 * 32768", json!(0), math),
            ("65536 * -32768", json!(i32::MIN), NONE),
            ("-2147483648 / -1", json!(0), math),
            ("-2147483648 % -1", json!(0), NONE),
            ("--2147483648", json!(0), math),
            ("2147483647 + 0", json!(i32::MAX), NONE),
            ("1 / 0 + 5", json!(0), math),
            ("1 / 0 + 1 % 0", json!(0), &["math", "math"]),
        ],
    );
}

#[test]
fn what_binds_tighter_comes_first_and_equals_go_left_to_right() {
    check(
        &json!({}),
        &[
            ("2 + 3 * 4", json!(14), NONE),
            ("(2 + 3) * 4", json!(20), NONE),
            ("2 * 3 + 4", json!(10), NONE),
            ("20 - 5 - 3", json!(12), NONE),
            ("20 - (5 - 3)", json!(18), NONE),
            ("100 / 10 / 5", json!(2), NONE),
            ("100 / (10 / 5)", json!(50), NONE),
            ("2 + 3 > 4", json!(true), NONE),
            ("1 = 1 AND 2 = 2", json!(true), NONE),
            ("3 > 2 = TRUE", json!(true), NONE),
            // Left to right: AND does not bind tighter than OR or XOR.
            ("TRUE OR TRUE AND FALSE", json!(false), NONE),
            ("TRUE OR (TRUE AND FALSE)", json!(true), NONE),
            ("TRUE XOR TRUE AND FALSE", json!(false), NONE),
            ("TRUE XOR (TRUE AND FALSE)", json!(true), NONE),
            ("FALSE AND TRUE XOR TRUE", json!(true), NONE),
            // NOT binds tighter than what compares.
            ("NOT TRUE = FALSE", json!(true), NONE),
            ("NOT FALSE LIKE 'tr%'", json!(true), NONE),
            ("NOT 'false' IN ('true')", json!(true), NONE),
            ("NOT NOT TRUE", json!(true), NONE),
            ("NOT EXISTS id", json!(false), NONE),
            // LIKE and IN bind tighter than all operators but the unary ones.
            ("10 + 5 IN (5)", json!(11), NONE),
            ("5 IN (1, 5) AND 'a' LIKE 'a'", json!(true), NONE),
            ("-5 IN (-5)", json!(true), NONE),
            ("-5 LIKE '-_'", json!(true), NONE),
            ("'a' LIKE 'a' LIKE 'true'", json!(true), NONE),
            ("'a' NOT LIKE 'a' NOT IN (TRUE)", json!(true), NONE),
        ],
    );
}

#[test]
fn logic_asks_no_further_than_it_must() {
    let math: &[&str] = &["math"];
    check(
        &json!({}),
        &[
            ("TRUE AND TRUE", json!(true), NONE),
            ("TRUE AND FALSE", json!(false), NONE),
            ("FALSE OR FALSE", json!(false), NONE),
            ("FALSE OR TRUE", json!(true), NONE),
            ("TRUE XOR TRUE", json!(false), NONE),
            ("FALSE XOR TRUE", json!(true), NONE),
            ("FALSE AND 1 / 0 = 0", json!(false), NONE),
            ("TRUE OR 1 / 0 = 0", json!(true), NONE),
            ("TRUE AND 1 / 0 = 0", json!(false), math),
            ("FALSE OR 1 / 0 = 0", json!(false), math),
            ("FALSE XOR 1 / 0 = 0", json!(false), math),
            ("TRUE XOR 1 / 0 = 0", json!(false), math),
            // It goes on after what it did not ask.
            ("FALSE AND 1 / 0 = 0 OR TRUE", json!(true), NONE),
            ("TRUE OR 1 / 0 = 0 AND FALSE", json!(false), NONE),
            // An error is never made good.
            ("1 / 0 = 0 OR TRUE", json!(false), math),
            ("1 / 0 = 0 AND 1 % 0 = 0", json!(false), math),
            ("1 / 0 = 0 XOR TRUE", json!(false), math),
            ("1 / 0 = 0 OR 1 % 0 = 0", json!(false), &["math", "math"]),
        ],
    );
}

#[test]
fn order_is_that_of_integers() {
    check(
        &json!({}),
        &[
            ("1 < 2", json!(true), NONE),
            ("2 < 2", json!(false), NONE),
            ("2 <= 2", json!(true), NONE),
            ("3 <= 2", json!(false), NONE),
            ("2 > 1", json!(true), NONE),
            ("2 > 2", json!(false), NONE),
            ("2 >= 2", json!(true), NONE),
            ("1 >= 2", json!(false), NONE),
            ("'9' < '10'", json!(true), NONE),
            ("FALSE < TRUE", json!(true), NONE),
            ("'a' < 'b'", json!(false), &["cast", "cast"]),
        ],
    );
}

#[test]
fn equality_is_that_of_the_type_on_the_right() {
    check(
        &json!({}),
        &[
            ("1 = 1", json!(true), NONE),
            ("1 != 1", json!(false), NONE),
            ("1 <> 2", json!(true), NONE),
            ("'a' = 'a'", json!(true), NONE),
            ("'a' = 'A'", json!(false), NONE),
            ("'01' = 1", json!(true), NONE),
            ("1 = '01'", json!(false), NONE),
            ("1 = '1'", json!(true), NONE),
            ("'tRuE' = TRUE", json!(true), NONE),
            ("TRUE = 'tRuE'", json!(false), NONE),
            ("FALSE = 'false'", json!(true), NONE),
            ("2 = TRUE", json!(true), NONE),
            ("TRUE = 2", json!(false), NONE),
            ("'a' = 1", json!(false), &["cast"]),
            ("'a' != 1", json!(false), &["cast"]),
            ("'a' = TRUE", json!(false), &["cast"]),
        ],
    );
}

#[test]
fn like_takes_a_pattern_for_the_whole_text() {
    check(
        &json!({}),
        &[
            ("'order.paid' LIKE 'order.%'", json!(true), NONE),
            ("'order.paid' like '%.made'", json!(false), NONE),
            ("'order.paid' NOT LIKE 'order.%'", json!(false), NONE),
            ("'order.paid' LIKE 'Order.%'", json!(false), NONE),
            ("'order.paid' LIKE 'order_paid'", json!(true), NONE),
            (r"'order.paid' LIKE 'order\_paid'", json!(false), NONE),
            (r"'100%' LIKE '100\%'", json!(true), NONE),
            (r"'it\'s' LIKE '%\'s'", json!(true), NONE),
            (r"'a\b' LIKE 'a\b'", json!(true), NONE),
            ("'(a|b)*' LIKE '(a|b)*'", json!(true), NONE),
            ("'' LIKE ''", json!(true), NONE),
            ("'' LIKE '%'", json!(true), NONE),
            ("'🙂' LIKE '_'", json!(true), NONE),
            ("1234 LIKE '12%'", json!(true), NONE),
            ("TRUE LIKE 'true'", json!(true), NONE),
            // LIKE binds tighter than the division.
            ("1 / 0 LIKE '0'", json!(1), NONE),
            ("(1 / 0) LIKE '0'", json!(false), &["math"]),
            ("(1 / 0) NOT LIKE 'x'", json!(false), &["math"]),
        ],
    );
}

#[test]
fn in_casts_its_members_to_the_type_on_the_left() {
    check(
        &json!({"region": "eu"}),
        &[
            ("region IN ('us', 'eu')", json!(true), NONE),
            ("region NOT IN ('us', 'eu')", json!(false), NONE),
            ("region IN ('EU')", json!(false), NONE),
            ("'x' IN (region)", json!(false), NONE),
            ("5 IN (1, 2 + 3)", json!(true), NONE),
            ("5 IN ('05')", json!(true), NONE),
            ("'5' IN (5)", json!(true), NONE),
            ("'05' IN (5)", json!(false), NONE),
            ("TRUE IN ('TRUE')", json!(true), NONE),
            ("TRUE IN (7)", json!(true), NONE),
            ("'TRUE' IN (TRUE)", json!(false), NONE),
            ("1 IN (1, 1 / 0)", json!(true), NONE),
            ("1 IN (1 / 0, 1)", json!(false), &["math"]),
            ("1 IN ('a', 1)", json!(false), &["cast"]),
            ("1 NOT IN ('a', 'b')", json!(false), &["cast", "cast"]),
            ("absent IN (1 / 0)", json!(false), &["missingAttribute"]),
        ],
    );
}
