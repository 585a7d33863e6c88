use super::*;

impl<V: Clone> Trie<V> {
    /// All texts and values, once it is sure that no node is there for nothing.
    pub(in crate::index) fn checked(&self) -> Vec<(Vec<u8>, &V)> {
        let mut found = Vec::new();
        let mut left = vec![(Vec::new(), &self.root)];
        while let Some((above, node)) = left.pop() {
            let text = [&above[..], &node.label].concat();
            let is_root = above.is_empty() && node.label.is_empty();
            assert!(is_root || !node.label.is_empty());
            assert!(is_root || node.value.is_some() || node.children.len() > 1);
            assert!(node.children.is_sorted_by(|one, next| one.0 < next.0));
            for (first, child) in &node.children {
                assert_eq!(child.label.first(), Some(first));
                left.push((text.clone(), child));
            }
            if let Some(value) = &node.value {
                found.push((text, value));
            }
        }
        found
    }
}

fn of(texts: &[&str]) -> Trie<String> {
    let mut trie = Trie::new();
    for text in texts {
        trie.get_or_insert_with(text, || (*text).to_owned());
        trie.checked();
    }
    trie
}

const TEXTS: &[&str] = &[
    "order.",
    "order.paid",
    "order.paid.eu",
    "order.sent",
    "o",
    "é",
    "è",
    "éa",
    "e\u{301}",
    "日本",
    "日",
    "日曜",
    "",
    "a",
];

#[test]
fn every_beginning_of_a_text_is_found_and_nothing_else() {
    let trie = of(TEXTS);
    let cases = [
        "",
        "o",
        "or",
        "order.",
        "order.pai",
        "order.paid",
        "order.paid.eu.west",
        "order.sense",
        "x",
        "é",
        "è",
        "éa",
        "éab",
        "ê",
        "e",
        "日",
        "日本",
        "日曜日",
        "月",
        "aa",
    ];
    for text in cases {
        let found: Vec<&String> = trie.beginnings_of(text).collect();
        let mut expected: Vec<&&str> = TEXTS
            .iter()
            .filter(|held| text.starts_with(**held))
            .collect();
        expected.sort_by_key(|held| held.len());
        assert_eq!(found, expected, "{text}");
        assert_eq!(trie.get(text).is_some(), TEXTS.contains(&text), "{text}");
    }
}

#[test]
fn texts_come_and_go_in_any_order_and_leave_no_node() {
    let orders: [fn(&mut Vec<&str>); 3] = [
        |_| (),
        |texts| texts.reverse(),
        |texts| texts.sort_unstable(),
    ];
    for order in orders {
        let mut trie = of(TEXTS);
        let mut left = TEXTS.to_vec();
        order(&mut left);
        while let Some(text) = left.pop() {
            assert_eq!(trie.remove(text).as_deref(), Some(text));
            assert_eq!(trie.remove(text), None);
            assert_eq!(trie.checked().len(), left.len());
            assert!(left.iter().all(|text| trie.get(text).is_some()));
        }
        assert!(trie.is_empty());
        assert_eq!(trie.root.children.capacity(), 0);
    }
}

#[test]
fn what_is_between_texts_is_not_held() {
    let mut trie = of(&["abcd", "abef"]);
    for text in ["", "a", "ab", "abc", "abcde", "abe"] {
        assert_eq!(trie.get(text), None, "{text}");
        assert_eq!(trie.get_mut(text), None, "{text}");
        assert_eq!(trie.remove(text), None, "{text}");
    }
    assert_eq!(trie.checked().len(), 2);
}

#[test]
fn a_copy_does_not_see_later_changes() {
    let trie = of(&["ab", "abc", "abd"]);
    let mut copy = trie.clone();
    copy.remove("ab");
    copy.remove("abc");
    copy.get_or_insert_with("x", String::new);
    assert_eq!(trie.checked().len(), 3);
    assert_eq!(copy.checked().len(), 2);
    assert_eq!(trie.beginnings_of("abc").count(), 2);
    assert_eq!(copy.beginnings_of("abc").count(), 0);
}

#[test]
fn texts_that_each_begin_with_the_last_do_not_exhaust_the_stack() {
    let text = "a".repeat(100_000);
    let mut trie = Trie::new();
    let mut length = 0;
    let mut node = &mut trie.root;
    // As inserting them would, which takes a walk from the root for each.
    while length < text.len() {
        length += 1;
        let mut below = Node::new(b"a");
        below.value = Some(length);
        node.children.push((b'a', Arc::new(below)));
        node = Arc::make_mut(&mut node.children[0].1);
    }
    assert_eq!(trie.beginnings_of(&text).count(), text.len());
    assert_eq!(trie.get(&text), Some(&text.len()));
    let mut copy = trie.clone();
    *copy.get_mut(&text).expect("it is there") = 0;
    assert_eq!(copy.remove(&text), Some(0));
    drop(copy);
    assert_eq!(trie.get(&text), Some(&text.len()));
    drop(trie);
}
