//! What an index keeps for each attribute that filters look at.

use std::sync::Arc;

/// Values by the names of attributes, in their order. There are few, as a rule, and a copy copies all
/// pointers.
#[derive(Clone)]
pub(super) struct ByName<T>(Vec<(Arc<str>, Arc<T>)>);

impl<T: Clone> ByName<T> {
    pub(super) fn new() -> Self {
        ByName(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        let index = self.place_of(name).ok()?;
        Some(&*self.0[index].1)
    }

    /// The value of `name`, which `new` makes if there is none.
    pub(super) fn get_or_insert_with(&mut self, name: &Arc<str>, new: fn() -> T) -> &mut T {
        let index = self.place_of(name).unwrap_or_else(|index| {
            self.0.insert(index, (name.clone(), Arc::new(new())));
            index
        });
        Arc::make_mut(&mut self.0[index].1)
    }

    /// Removes the value of `name` if it `is_needless`.
    pub(super) fn remove_if(&mut self, name: &str, is_needless: impl FnOnce(&T) -> bool) {
        if let Ok(index) = self.place_of(name)
            && is_needless(&self.0[index].1)
        {
            self.0.remove(index);
            self.0.shrink_to_fit();
        }
    }

    fn place_of(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(held, _)| (**held).cmp(name))
    }
}
