//! Things by name, each under a small number for as long as it is held.
//!
//! A number finds its thing by indexing, where a name must be hashed and compared. It is given
//! again once its name is let go, and depends on arrival: it must never order or name anything
//! that is written. Things stand in blocks, so that one more never moves those that are there.

use gridweaver_model::{Lookup, Text};
use std::ops::{Index, IndexMut};

/// Things of a block.
const BLOCK: usize = 1_024;

/// See the module's documentation.
pub struct Numbered<T> {
    numbers: Lookup<Text, u32>,
    /// All blocks but the last are full.
    blocks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: Lookup::default(), blocks: Vec::new(), free: Vec::new() }
    }
}

impl<T> Numbered<T> {
    /// The number of a name that is held.
    #[must_use]
    pub fn number(&self, name: &Text) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// What is held under a name.
    #[must_use]
    pub fn named(&self, name: &Text) -> Option<&T> {
        self.get(self.number(name)?)
    }

    /// What a number stands for, if it stands for anything now.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        self.blocks.get(number as usize / BLOCK)?.get(number as usize % BLOCK)?.as_ref()
    }

    /// As `get`, to be changed.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.blocks.get_mut(number as usize / BLOCK)?.get_mut(number as usize % BLOCK)?.as_mut()
    }

    /// Holds a thing under a name that is not held; returns its number.
    ///
    /// # Panics
    ///
    /// Where 2^32 things are held.
    pub fn insert(&mut self, name: Text, thing: T) -> u32 {
        let number = match self.free.pop() {
            Some(number) => {
                self.blocks[number as usize / BLOCK][number as usize % BLOCK] = Some(thing);
                number
            }
            None => self.append(thing),
        };
        self.numbers.insert(name, number);
        number
    }

    fn append(&mut self, thing: T) -> u32 {
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let block = self.blocks.len() - 1;
        let number = block * BLOCK + self.blocks[block].len();
        self.blocks[block].push(Some(thing));
        u32::try_from(number).expect("fewer than 2^32 things are held")
    }

    /// Lets a name go, with its number.
    pub fn remove(&mut self, name: &Text) -> Option<T> {
        let number = self.numbers.remove(name)?;
        self.free.push(number);
        self.blocks[number as usize / BLOCK][number as usize % BLOCK].take()
    }

    /// All things, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten().flatten()
    }
}

/// A number that stands for something.
impl<T> Index<u32> for Numbered<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        self.get(number).expect("the number of something that is held")
    }
}

impl<T> IndexMut<u32> for Numbered<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        self.get_mut(number).expect("the number of something that is held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_again_once_its_name_is_let_go() {
        let mut things = Numbered::default();
        let first = things.insert("a".into(), 1);
        let second = things.insert("b".into(), 2);
        assert_eq!((things[first], things[second]), (1, 2));
        assert_eq!(things.remove(&"a".into()), Some(1));
        assert_eq!((things.number(&"a".into()), things.get(first)), (None, None));
        assert_eq!(things.remove(&"a".into()), None);
        assert_eq!(things.insert("c".into(), 3), first);
        assert_eq!(things.named(&"c".into()), Some(&3));
        assert_eq!(things.iter().copied().collect::<Vec<_>>(), [3, 2]);
    }

    #[test]
    fn many_things_are_found_by_name_and_by_number() {
        let mut things = Numbered::default();
        let name = |thing: usize| Text::from(format!("n{thing}"));
        let numbers: Vec<u32> =
            (0..3 * BLOCK).map(|thing| things.insert(name(thing), thing)).collect();
        for (thing, number) in numbers.into_iter().enumerate() {
            assert_eq!((things.number(&name(thing)), things[number]), (Some(number), thing));
        }
    }
}
