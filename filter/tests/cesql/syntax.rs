use sluicegate_filter::cesql::{Expression, ExpressionError};

fn refused(text: &str) -> ExpressionError {
    match Expression::parse(text) {
        Ok(expression) => panic!("{text:?} was read as {expression}"),
        Err(error) => error,
    }
}

/// Whoever shows it shows a sentence.
#[test]
fn an_error_holds_little_of_the_text_and_no_control_characters() {
    let long = "9".repeat(4_000);
    for text in [
        "type 'x\u{1b}[2J\n'".to_owned(),
        format!("type '{long}'"),
        format!("type = {long}"),
        format!("f{long}(1)"),
        format!("a_{long} = 1"),
    ] {
        let problem = refused(&text).problem;
        assert!(problem.len() < 200, "{problem}");
        assert!(!problem.contains(char::is_control), "{problem:?}");
    }
    let unknown = Expression::parse(&format!("{}(1)", "F".repeat(4_000))).expect("it is read");
    let problem = unknown.check_condition().unwrap_err().problem;
    assert!(problem.len() < 200, "{problem}");
}

#[test]
fn an_error_says_what_is_wrong_points_there_and_says_what_to_do() {
    // The text, the part at fault, and a word of the problem and of the remedy.
    let cases = [
        ("", "", "value is missing", "attribute"),
        ("   ", "", "value is missing", "attribute"),
        ("type =", "", "at the end", "literal"),
        ("type = AND x", "AND", "value is missing", "literal"),
        ("type == 'a'", "==", "no operator `==`", "`=`"),
        ("a => 1", "=>", "no operator `=>`", "`>=`"),
        ("a =< 1", "=<", "no operator `=<`", "`<=`"),
        ("a = = 1", "=", "value is missing", "literal"),
        ("subject IS NULL", "IS", "operator is missing", "NOT EXISTS"),
        ("(subject is not null)", "is", "missing before", "EXISTS x"),
        (
            "a BETWEEN 1 AND 5",
            "BETWEEN",
            "operator",
            ">= 1 AND x <= 5",
        ),
        ("type LIK 'a%'", "LIK", "operator", "did you mean LIKE?"),
        ("a = 1 adn b = 2", "adn", "operator", "did you mean AND?"),
        ("a STARTSWITH 'b'", "STARTSWITH", "operator", "'text%'"),
        ("a contains 'b'", "contains", "operator", "'%text%'"),
        ("a ~ 'b'", "~", "no meaning", "LIKE"),
        ("a = 1 # b", "#", "no meaning", "comments"),
        ("a = 1;", ";", "no meaning", "leave it out"),
        ("type: 'a'", ":", "no meaning", "`=`"),
        ("type = ‘a’", "‘", "no meaning", "straight quotes"),
        ("type = “a”", "“", "no meaning", "straight quotes"),
        ("a IN ['b']", "[", "no meaning", "parentheses"),
        ("data.amount > 100", ".", "no meaning", "never the data"),
        ("Data.amount > 100", ".", "no meaning", "never the data"),
        ("metadata.amount > 1", ".", "no meaning", "no parts"),
        ("type = 'a' 'b'", "'b'", "operator is missing", "quote"),
        ("type = 'it''s'", "'s'", "operator is missing", "\\'"),
        ("type = order.paid", ".", "no meaning", "'order.paid'"),
        ("a && b", "&", "no meaning", "AND"),
        ("a || b", "|", "no meaning", "OR"),
        ("!a", "!", "no meaning", "NOT"),
        ("a = 1.5", ".", "no meaning", "fraction"),
        ("größe = 1", "ö", "no meaning", "quotes"),
        ("a = 'b", "'b", "does not end", "close it with '"),
        (r"a = 'b\'", r"'b\'", "does not end", r"\'"),
        ("(a", "(", "not closed", "`)`"),
        ("ABC(", "", "value is missing", "attribute"),
        ("LENGTH('a'", "(", "not closed", "`)`"),
        ("a)", ")", "never opened", "`(`"),
        ("(a b)", "b", "missing before", "joined"),
        ("x LIKE 123", "123", "pattern in quotes", "'%.paid'"),
        ("x LIKE y", "y", "pattern in quotes", "="),
        ("x LIKE ('a')", "(", "pattern in quotes", "text"),
        ("x IN 'a'", "'a'", "set in parentheses", "('a', 'b')"),
        ("x IN ()", "()", "empty", "at least one"),
        ("x IN ('a',)", ")", "value is missing", "literal"),
        ("x NOT = 1", "NOT", "LIKE or IN", "in front"),
        (
            "EXISTS 'subject'",
            "'subject'",
            "name of an attribute",
            "without quotes",
        ),
        (
            "EXISTS (subject)",
            "(",
            "name of an attribute",
            "parentheses",
        ),
        ("EXISTS", "", "name of an attribute", "EXISTS subject"),
        (
            "my_ext = 1",
            "my_ext",
            "no event can carry",
            "letters and digits",
        ),
        (
            "EXISTS my_ext",
            "my_ext",
            "no event can carry",
            "letters and digits",
        ),
        (
            "LOG10(1)",
            "LOG10",
            "not the name of a function",
            "underscores",
        ),
        ("_F(1)", "_F", "not the name of a function", "letter"),
        ("2147483648", "2147483648", "32 bits", "-2147483648"),
        ("- 2147483648", "2147483648", "32 bits", "2147483647"),
        ("-2147483649", "-2147483649", "32 bits", "quotes"),
        ("+ 5", "+", "sign", "leave it out"),
        ("+x", "+", "sign", "leave it out"),
        ("AND", "AND", "value is missing", "literal"),
        ("LIKE 'a'", "LIKE", "value is missing", "literal"),
    ];
    for (text, part, problem, remedy) in cases {
        let error = refused(text);
        assert_eq!(
            text.get(error.span.start..error.span.end),
            Some(part),
            "{text}: {error}"
        );
        assert!(error.problem.contains(problem), "{text}: {}", error.problem);
        assert!(error.remedy.contains(remedy), "{text}: {}", error.remedy);
        assert!(error.caret(text).ends_with('^'), "{text}");
    }
}

#[test]
fn spaces_tabs_and_line_ends_divide_words_and_mean_nothing_else() {
    let one_line = Expression::parse("type = 'a' AND x IN (1, 2)").expect("it is an expression");
    for text in [
        "type='a'AND x IN(1,2)",
        "  type\t=\r\n'a'\nAND x IN ( 1 , 2 )  ",
        "TYPE = \"a\" and X in (+1, 02)",
        "((type) = 'a') AND (x IN ((1), 2))",
    ] {
        let expression = Expression::parse(text).expect("it is an expression");
        assert_eq!(expression.to_string(), one_line.to_string());
        assert_eq!(expression.text(), text);
    }
    assert_eq!(refused("type\u{a0}= 'a'").span.start, 4);
}

#[test]
fn an_expression_prints_with_no_parentheses_but_those_it_needs() {
    let cases = [
        ("((1 + 2)) * (3)", "(1 + 2) * 3"),
        ("(1 * 2) + 3", "1 * 2 + 3"),
        ("1 - (2 - 3)", "1 - (2 - 3)"),
        ("(1 - 2) - 3", "(1 - 2) - 3"),
        ("-(5)", "- 5"),
        ("- -5", "--5"),
        ("not (a = b)", "NOT (a = b)"),
        ("(not a) = b", "NOT a = b"),
        ("not (x like 'a')", "NOT (x LIKE 'a')"),
        ("x <> 1", "x != 1"),
        ("x not in ('a', \"it's\")", r"x NOT IN ('a', 'it\'s')"),
        (r#"x = "\'""#, r#"x = "\'""#),
        ("length ( x )", "LENGTH(x)"),
    ];
    for (text, printed) in cases {
        let expression = Expression::parse(text).expect("it is an expression");
        assert_eq!(expression.to_string(), printed);
    }
}
