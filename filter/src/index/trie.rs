//! Values by text, and for a longer text all values whose text it begins with.
//!
//! ```text
//! order.          (no value)
//! ├─ paid         order.paid
//! │  └─ .eu       order.paid.eu
//! └─ sent         order.sent
//! ```
//!
//! Each node but the root has a value or leads to two nodes at least, so a walk is as long as the text
//! at most, and there are no more than twice as many nodes as values. Texts are divided between
//! bytes, which may be within a character: a text begins with another exactly if its bytes do.
//!
//! Nodes are shared with the copies of a trie; a change copies those on the way to its own. Nothing
//! recurses, since texts of any length may each be the beginning of the next.

use std::sync::Arc;

/// A map from texts to values.
#[derive(Clone)]
pub(crate) struct Trie<V> {
    root: Node<V>,
}

#[derive(Clone)]
struct Node<V> {
    /// What its text has more than that of the node above; empty for the root alone.
    label: Box<[u8]>,
    value: Option<V>,
    /// By the first byte of their labels, in order.
    children: Vec<(u8, Arc<Node<V>>)>,
}

impl<V: Clone> Trie<V> {
    pub(crate) fn new() -> Self {
        Trie {
            root: Node::new(&[]),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.root.value.is_none() && self.root.children.is_empty()
    }

    pub(crate) fn get(&self, text: &str) -> Option<&V> {
        let mut node = &self.root;
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            (node, rest) = node.step(rest)?;
        }
        node.value.as_ref()
    }

    /// The values of all texts that `text` begins with, the shortest first.
    pub(crate) fn beginnings_of<'t>(&'t self, text: &'t str) -> impl Iterator<Item = &'t V> {
        let mut rest = text.as_bytes();
        let walk = std::iter::successors(Some(&self.root), move |node| {
            let (below, left) = node.step(rest)?;
            rest = left;
            Some(below)
        });
        walk.filter_map(|node| node.value.as_ref())
    }

    /// The value of `text`, to be changed; nothing is copied where there is none.
    pub(crate) fn get_mut(&mut self, text: &str) -> Option<&mut V> {
        self.get(text)?;
        self.slot(text).as_mut()
    }

    /// The value of `text`, which `new` makes if there is none.
    pub(crate) fn get_or_insert_with(&mut self, text: &str, new: impl FnOnce() -> V) -> &mut V {
        self.slot(text).get_or_insert_with(new)
    }

    /// Where the value of `text` is, or is to be put at once.
    fn slot(&mut self, text: &str) -> &mut Option<V> {
        let mut node = &mut self.root;
        let mut rest = text.as_bytes();
        while let Some(first) = rest.first() {
            let index = node.place_of(*first).unwrap_or_else(|index| {
                let leaf = Arc::new(Node::new(rest));
                node.children.insert(index, (*first, leaf));
                index
            });
            node = Arc::make_mut(&mut node.children[index].1);
            let shared = shared_beginning(&node.label, rest);
            node.divide_at(shared);
            rest = &rest[shared..];
        }
        &mut node.value
    }

    /// Removes the value of `text`, and nodes that nothing needs any more.
    pub(crate) fn remove(&mut self, text: &str) -> Option<V> {
        self.get(text)?;
        let mut node = &mut self.root;
        let mut rest = text.as_bytes();
        while let Some(first) = rest.first() {
            let index = node.place_of(*first).ok()?;
            rest = rest.strip_prefix(&*node.children[index].1.label)?;
            if rest.is_empty() {
                return node.take_child(index);
            }
            node = Arc::make_mut(&mut node.children[index].1);
        }
        node.value.take()
    }
}

impl<V: Clone> Node<V> {
    fn new(label: &[u8]) -> Self {
        Node {
            label: label.into(),
            value: None,
            children: Vec::new(),
        }
    }

    fn place_of(&self, first: u8) -> Result<usize, usize> {
        let children = &self.children;
        children.binary_search_by_key(&first, |(byte, _)| *byte)
    }

    /// The child on the way of `rest`, and what is left of `rest` behind it.
    fn step<'r>(&self, rest: &'r [u8]) -> Option<(&Node<V>, &'r [u8])> {
        let index = self.place_of(*rest.first()?).ok()?;
        let child = &*self.children[index].1;
        Some((child, rest.strip_prefix(&*child.label)?))
    }

    /// Keeps the first `length` bytes of its label; what was here hangs below with the others.
    fn divide_at(&mut self, length: usize) {
        let (kept, moved) = self.label.split_at(length);
        let Some(first) = moved.first().copied() else {
            return;
        };
        let below = Node {
            label: moved.into(),
            value: self.value.take(),
            children: std::mem::take(&mut self.children),
        };
        self.label = kept.into();
        self.children = vec![(first, Arc::new(below))];
    }

    /// Removes the value of a child, and the nodes that were there for it alone.
    fn take_child(&mut self, index: usize) -> Option<V> {
        let child = Arc::make_mut(&mut self.children[index].1);
        let value = child.value.take();
        if child.children.is_empty() {
            self.children.remove(index);
            self.children.shrink_to_fit();
            self.join_only_child();
        } else {
            child.join_only_child();
        }
        value
    }

    /// Takes the place of its child, where it leads to that one only and has no value of its own.
    fn join_only_child(&mut self) {
        let is_root = self.label.is_empty();
        if is_root || self.value.is_some() || self.children.len() != 1 {
            return;
        }
        for (_, child) in std::mem::take(&mut self.children) {
            let mut child = Arc::unwrap_or_clone(child);
            self.label = [&*self.label, &*child.label].concat().into();
            self.value = child.value.take();
            self.children = std::mem::take(&mut child.children);
        }
    }
}

/// Dropping a chain of nodes one within the other would recurse as deep as the chain.
impl<V> Drop for Node<V> {
    fn drop(&mut self) {
        let mut below = std::mem::take(&mut self.children);
        while let Some((_, node)) = below.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                below.append(&mut node.children);
            }
        }
    }
}

fn shared_beginning(one: &[u8], other: &[u8]) -> usize {
    let pairs = one.iter().zip(other);
    pairs.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests;
