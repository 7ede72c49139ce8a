//! An ordered set that knows ranks: a B+-tree whose branches count the keys below each child.
//!
//! Promises: insert, remove, rank and nth each in O(log n) time, iteration in order, and the same
//! answers whatever the history; nothing random, no hashing. One key among 100 000 costs about
//! as much as one in a `BTreeSet`. It holds keys only, each once, and does not shrink its memory
//! below what the tree needs; what a key ranks *for* is the caller's business. With the key
//! (score, submission time, bid id) it is a program's bid ladder: ranks are read, never kept.
//!
//! Invariants: all leaves are equally deep; every node but the root holds at least
//! `ITEMS_MIN` and at most `ITEMS_MAX` items (keys in a leaf, children in a branch); a fence is
//! above every key of the child before it and not above any key of the child after it.

use std::slice;

/// Items of a node: a leaf of small keys is then a few cache lines, a million keys four levels.
const ITEMS_MAX: usize = 48;
/// Two nodes below this join; what they make still fits.
const ITEMS_MIN: usize = ITEMS_MAX / 4;
const _: () = assert!(ITEMS_MIN >= 2 && 2 * ITEMS_MIN <= ITEMS_MAX / 2);

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct OrderStatistics<K> {
    root: Node<K>,
}

#[derive(Clone, Debug)]
enum Node<K> {
    Leaf(Vec<K>),
    Branch(Branch<K>),
}

#[derive(Clone, Debug)]
struct Branch<K> {
    /// Keys below, over all children.
    len: usize,
    children: Vec<Node<K>>,
    /// One between each two children.
    fences: Vec<K>,
}

impl<K> Default for OrderStatistics<K> {
    fn default() -> Self {
        OrderStatistics { root: Node::Leaf(Vec::new()) }
    }
}

impl<K: Ord + Clone> OrderStatistics<K> {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.root.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a key; false where it was there already.
    pub fn insert(&mut self, key: K) -> bool {
        let inserted = self.root.insert(key);
        if self.root.items() > ITEMS_MAX {
            let mut left = std::mem::replace(&mut self.root, Node::Leaf(Vec::new()));
            let (fence, right) = left.split();
            let len = left.len() + right.len();
            let (children, fences) = (vec![left, right], vec![fence]);
            self.root = Node::Branch(Branch { len, children, fences });
        }
        inserted
    }

    /// Takes a key out; false where it was not there.
    pub fn remove(&mut self, key: &K) -> bool {
        let removed = self.root.remove(key);
        if let Node::Branch(branch) = &mut self.root
            && branch.children.len() == 1
            && let Some(only) = branch.children.pop()
        {
            self.root = only;
        }
        removed
    }

    /// The key's rank, from 1; none where it is not there.
    pub fn rank_of(&self, key: &K) -> Option<usize> {
        let mut node = &self.root;
        let mut before = 0;
        loop {
            match node {
                Node::Leaf(keys) => return keys.binary_search(key).ok().map(|at| before + at + 1),
                Node::Branch(branch) => {
                    let at = branch.child_of(key);
                    before += branch.children[..at].iter().map(Node::len).sum::<usize>();
                    node = &branch.children[at];
                }
            }
        }
    }

    /// The key of that rank, from 1; none where the rank is 0 or above the length.
    pub fn nth(&self, rank: usize) -> Option<&K> {
        let mut node = &self.root;
        let mut left = rank.checked_sub(1)?;
        loop {
            match node {
                Node::Leaf(keys) => return keys.get(left),
                Node::Branch(branch) => {
                    node = branch.children.iter().find(|child| {
                        let here = left < child.len();
                        left -= if here { 0 } else { child.len() };
                        here
                    })?;
                }
            }
        }
    }

    /// Whether it holds the key.
    pub fn contains(&self, key: &K) -> bool {
        self.rank_of(key).is_some()
    }

    /// All keys, least first.
    pub fn iter(&self) -> Iter<'_, K> {
        let mut iter = Iter { branches: Vec::new(), keys: [].iter() };
        iter.descend(&self.root);
        iter
    }
}

impl<K> Node<K> {
    /// Keys below.
    fn len(&self) -> usize {
        match self {
            Node::Leaf(keys) => keys.len(),
            Node::Branch(branch) => branch.len,
        }
    }

    /// Keys of a leaf, children of a branch.
    fn items(&self) -> usize {
        match self {
            Node::Leaf(keys) => keys.len(),
            Node::Branch(branch) => branch.children.len(),
        }
    }
}

impl<K: Ord + Clone> Node<K> {
    fn insert(&mut self, key: K) -> bool {
        match self {
            Node::Leaf(keys) => match keys.binary_search(&key) {
                Ok(_) => false,
                Err(at) => {
                    keys.insert(at, key);
                    true
                }
            },
            Node::Branch(branch) => branch.insert(key),
        }
    }

    fn remove(&mut self, key: &K) -> bool {
        match self {
            Node::Leaf(keys) => {
                let found = keys.binary_search(key);
                found.map(|at| keys.remove(at)).is_ok()
            }
            Node::Branch(branch) => branch.remove(key),
        }
    }

    /// Keeps the first half of its items and gives the rest, with the fence between them.
    fn split(&mut self) -> (K, Node<K>) {
        match self {
            Node::Leaf(keys) => {
                let right = keys.split_off(keys.len() / 2);
                (right[0].clone(), Node::Leaf(right))
            }
            Node::Branch(branch) => {
                let half = branch.children.len() / 2;
                let children = branch.children.split_off(half);
                let fences = branch.fences.split_off(half);
                let fence = branch.fences.pop().expect("a branch has two children");
                let len = children.iter().map(Node::len).sum();
                branch.len -= len;
                (fence, Node::Branch(Branch { len, children, fences }))
            }
        }
    }

    /// Takes in all of the node after it, which is as deep.
    fn join(&mut self, fence: K, right: Node<K>) {
        match (self, right) {
            (Node::Leaf(keys), Node::Leaf(mut more)) => keys.append(&mut more),
            (Node::Branch(branch), Node::Branch(mut more)) => {
                branch.len += more.len;
                branch.children.append(&mut more.children);
                branch.fences.push(fence);
                branch.fences.append(&mut more.fences);
            }
            (Node::Leaf(_), Node::Branch(_)) | (Node::Branch(_), Node::Leaf(_)) => {
                unreachable!("neighbours are equally deep")
            }
        }
    }
}

impl<K: Ord + Clone> Branch<K> {
    fn child_of(&self, key: &K) -> usize {
        self.fences.partition_point(|fence| fence <= key)
    }

    fn insert(&mut self, key: K) -> bool {
        let at = self.child_of(&key);
        let inserted = self.children[at].insert(key);
        self.len += usize::from(inserted);
        if self.children[at].items() > ITEMS_MAX {
            self.split_child(at);
        }
        inserted
    }

    fn remove(&mut self, key: &K) -> bool {
        let at = self.child_of(key);
        let removed = self.children[at].remove(key);
        self.len -= usize::from(removed);
        if self.children[at].items() < ITEMS_MIN {
            self.refill(at);
        }
        removed
    }

    fn split_child(&mut self, at: usize) {
        let (fence, right) = self.children[at].split();
        self.fences.insert(at, fence);
        self.children.insert(at + 1, right);
    }

    /// Joins a child that is too small to a neighbour, and splits them evenly if that is too much.
    fn refill(&mut self, at: usize) {
        let left = at.min(self.children.len() - 2);
        let fence = self.fences.remove(left);
        let right = self.children.remove(left + 1);
        self.children[left].join(fence, right);
        if self.children[left].items() > ITEMS_MAX {
            self.split_child(left);
        }
    }
}

/// Keys of an [`OrderStatistics`], least first.
#[derive(Clone, Debug)]
pub struct Iter<'a, K> {
    /// What is left of each branch on the way down.
    branches: Vec<slice::Iter<'a, Node<K>>>,
    keys: slice::Iter<'a, K>,
}

impl<'a, K> Iter<'a, K> {
    fn descend(&mut self, mut node: &'a Node<K>) {
        loop {
            match node {
                Node::Leaf(keys) => {
                    self.keys = keys.iter();
                    return;
                }
                Node::Branch(branch) => {
                    let mut children = branch.children.iter();
                    node = children.next().expect("a branch has two children");
                    self.branches.push(children);
                }
            }
        }
    }
}

impl<'a, K> Iterator for Iter<'a, K> {
    type Item = &'a K;

    fn next(&mut self) -> Option<&'a K> {
        loop {
            if let Some(key) = self.keys.next() {
                return Some(key);
            }
            match self.branches.last_mut()?.next() {
                Some(node) => self.descend(node),
                None => drop(self.branches.pop()),
            }
        }
    }
}

impl<'a, K: Ord + Clone> IntoIterator for &'a OrderStatistics<K> {
    type Item = &'a K;
    type IntoIter = Iter<'a, K>;

    fn into_iter(self) -> Iter<'a, K> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    //! The tree against a `BTreeSet` under seeded churn, its invariants checked on the way.

    use super::*;
    use std::collections::BTreeSet;

    fn next(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    /// Checks a node between two fences and gives its depth.
    fn check<K: Ord>(node: &Node<K>, low: Option<&K>, high: Option<&K>, root: bool) -> usize {
        assert!(node.items() <= ITEMS_MAX && (root || node.items() >= ITEMS_MIN));
        let Node::Branch(branch) = node else {
            let Node::Leaf(keys) = node else { unreachable!() };
            assert!(keys.is_sorted());
            assert!(keys.iter().all(|key| low <= Some(key) && high.is_none_or(|high| key < high)));
            return 0;
        };
        assert_eq!(branch.len, branch.children.iter().map(Node::len).sum::<usize>());
        assert_eq!(branch.fences.len() + 1, branch.children.len());
        let bound = |at: usize| branch.fences.get(at);
        let depths = branch.children.iter().enumerate().map(|(at, child)| {
            let low = at.checked_sub(1).map_or(low, bound);
            check(child, low, bound(at).or(high), false)
        });
        let depths: BTreeSet<usize> = depths.collect();
        assert_eq!(depths.len(), 1, "leaves are not equally deep");
        1 + depths.first().expect("a branch has children")
    }

    fn agree(tree: &OrderStatistics<u64>, twin: &BTreeSet<u64>) {
        check(&tree.root, None, None, true);
        assert_eq!(tree.len(), twin.len());
        assert!(tree.iter().eq(twin), "the order differs");
        for (at, key) in twin.iter().enumerate() {
            assert_eq!((tree.rank_of(key), tree.nth(at + 1)), (Some(at + 1), Some(key)));
        }
        assert_eq!((tree.nth(0), tree.nth(twin.len() + 1)), (None, None));
    }

    /// Grows to about `keys`, shrinks to none, `span` values to choose from.
    fn churn(seed: u64, keys: usize, span: u64) {
        let mut state = seed;
        let (mut tree, mut twin) = (OrderStatistics::new(), BTreeSet::new());
        for step in 0..4 * keys {
            let key = next(&mut state) % span;
            let grows = next(&mut state) % 4 < if step < 2 * keys { 3 } else { 1 };
            if grows {
                assert_eq!(tree.insert(key), twin.insert(key), "seed {seed}");
            } else {
                assert_eq!(tree.remove(&key), twin.remove(&key), "seed {seed}");
            }
            assert_eq!(tree.contains(&key), twin.contains(&key), "seed {seed}");
            if step % (keys / 2) == 0 {
                agree(&tree, &twin);
            }
        }
        while let Some(key) = twin.pop_first() {
            assert!(tree.remove(&key));
            if twin.len() % (keys / 4) == 0 {
                agree(&tree, &twin);
            }
        }
        assert!(tree.is_empty() && tree.iter().next().is_none());
    }

    #[test]
    fn churn_agrees_with_a_btree_set() {
        for seed in 1..=20 {
            churn(seed, 60, 100);
            churn(seed, 1_500, 2_000);
        }
        churn(21, 20_000, 1_000_000);
    }

    #[test]
    fn keys_in_order_and_in_reverse_agree() {
        let (mut tree, mut twin) = (OrderStatistics::new(), BTreeSet::new());
        for key in (0..5_000).chain((5_000..10_000).rev()) {
            assert!(tree.insert(key) && twin.insert(key));
        }
        agree(&tree, &twin);
        for key in (2_500..7_500).rev() {
            assert!(tree.remove(&key) && twin.remove(&key));
        }
        agree(&tree, &twin);
    }

    #[test]
    fn a_ladder_ranks_by_score_then_time_then_bid() {
        let mut ladder = OrderStatistics::new();
        for key in [(62, 5, "b"), (62, 4, "c"), (-3, 9, "z"), (62, 5, "a")] {
            assert!(ladder.insert(key));
        }
        assert!(!ladder.insert((62, 5, "a")));
        assert_eq!(ladder.rank_of(&(62, 5, "b")), Some(4));
        assert_eq!(ladder.nth(1), Some(&(-3, 9, "z")));
        assert_eq!(ladder.rank_of(&(62, 6, "a")), None);
    }
}
