//! Things by name, each under a small number for as long as it is held.
//!
//! A number finds its thing by indexing, where a name must be hashed and compared. It is given
//! again once its name is let go, and depends on arrival: it must never order or name anything
//! that is written. Things stand in blocks, so that one more never moves those that are there. A
//! name stands beside its thing, which is where whoever looks it up goes next, and only there.

use foldhash::fast::FixedState;
use gridweaver_model::Text;
use hashbrown::HashTable;
use std::hash::BuildHasher as _;
use std::ops::{Index, IndexMut};

/// Things of a block.
const BLOCK: usize = 1_024;

/// All but the last are full.
type Blocks<T> = Vec<Vec<Option<Named<T>>>>;

/// See the module's documentation.
pub struct Numbered<T> {
    /// By the hashes of their names.
    numbers: HashTable<u32>,
    blocks: Blocks<T>,
    free: Vec<u32>,
}

struct Named<T> {
    name: Text,
    thing: T,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: HashTable::new(), blocks: Vec::new(), free: Vec::new() }
    }
}

impl<T> Numbered<T> {
    /// The number of a name that is held.
    #[must_use]
    pub fn number(&self, name: &Text) -> Option<u32> {
        self.numbers.find(hash(name), |number| bears(&self.blocks, *number, name)).copied()
    }

    /// The name that a number stands for.
    ///
    /// # Panics
    ///
    /// Where it stands for none.
    #[must_use]
    pub fn name(&self, number: u32) -> &Text {
        &held(&self.blocks, number).expect("the number of something that is held").name
    }

    /// What is held under a name.
    #[must_use]
    pub fn named(&self, name: &Text) -> Option<&T> {
        self.get(self.number(name)?)
    }

    /// What a number stands for, if it stands for anything now.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        held(&self.blocks, number).map(|named| &named.thing)
    }

    /// As `get`, to be changed.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let block = self.blocks.get_mut(number as usize / BLOCK)?;
        block.get_mut(number as usize % BLOCK)?.as_mut().map(|named| &mut named.thing)
    }

    /// Holds a thing under a name that is not held; returns its number.
    ///
    /// # Panics
    ///
    /// Where 2^32 things are held.
    pub fn insert(&mut self, name: Text, thing: T) -> u32 {
        let hashed = hash(&name);
        let named = Named { name, thing };
        let number = match self.free.pop() {
            Some(number) => {
                self.blocks[number as usize / BLOCK][number as usize % BLOCK] = Some(named);
                number
            }
            None => self.append(named),
        };
        let blocks = &self.blocks;
        self.numbers.insert_unique(hashed, number, |number| {
            hash(&held(blocks, *number).expect("a number that stands for something").name)
        });
        number
    }

    fn append(&mut self, named: Named<T>) -> u32 {
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let block = self.blocks.len() - 1;
        let number = block * BLOCK + self.blocks[block].len();
        self.blocks[block].push(Some(named));
        u32::try_from(number).expect("fewer than 2^32 things are held")
    }

    /// Lets a name go, with its number.
    pub fn remove(&mut self, name: &Text) -> Option<T> {
        let is_it = |number: &u32| bears(&self.blocks, *number, name);
        let (number, _) = self.numbers.find_entry(hash(name), is_it).ok()?.remove();
        self.free.push(number);
        let named = self.blocks[number as usize / BLOCK][number as usize % BLOCK].take();
        named.map(|named| named.thing)
    }

    /// All things with their names, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &T)> {
        self.blocks.iter().flatten().flatten().map(|named| (&named.name, &named.thing))
    }
}

fn hash(name: &Text) -> u64 {
    FixedState::default().hash_one(name.as_str())
}

fn held<T>(blocks: &Blocks<T>, number: u32) -> Option<&Named<T>> {
    blocks.get(number as usize / BLOCK)?.get(number as usize % BLOCK)?.as_ref()
}

fn bears<T>(blocks: &Blocks<T>, number: u32, name: &Text) -> bool {
    held(blocks, number).is_some_and(|named| named.name == *name)
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
        assert_eq!(things.name(second), "b");
        assert_eq!(things.remove(&"a".into()), Some(1));
        assert_eq!((things.number(&"a".into()), things.get(first)), (None, None));
        assert_eq!(things.remove(&"a".into()), None);
        assert_eq!(things.insert("c".into(), 3), first);
        assert_eq!(things.named(&"c".into()), Some(&3));
        assert_eq!(
            things.iter().map(|(name, thing)| (name.as_str(), *thing)).collect::<Vec<_>>(),
            [("c", 3), ("b", 2)]
        );
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
