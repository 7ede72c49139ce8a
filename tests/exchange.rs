//! The exchange of snapshots, in every interleaving that loom finds: `cargo test --test exchange`.
//!
//! It is the library's own file, over loom's primitives. A mutex stands in for arc-swap, whose
//! promise (a pointer is exchanged as one) is not what is tested here; what is tested is what is
//! built on it: no edit is lost, a reader sees whole edits only and never goes back.
#![allow(dead_code, reason = "the test uses a part of the file that it includes")]

#[path = "../src/library/topology/exchange.rs"]
mod exchange;

/// In the place of the library's `sync`.
mod sync {
    use std::ops::Deref;
    use std::sync::Arc;

    pub(super) struct Published<S>(loom::sync::Mutex<Arc<S>>);

    struct Held<S>(Arc<S>);

    impl<S> Deref for Held<S> {
        type Target = Arc<S>;
        fn deref(&self) -> &Arc<S> {
            &self.0
        }
    }

    impl<S> Published<S> {
        pub(super) fn new(first: S) -> Self {
            Self(loom::sync::Mutex::new(Arc::new(first)))
        }
        pub(super) fn load(&self) -> impl Deref<Target = Arc<S>> {
            Held(Arc::clone(&self.0.lock().unwrap()))
        }
        pub(super) fn store(&self, next: S) {
            *self.0.lock().unwrap() = Arc::new(next);
        }
    }

    pub(super) struct Turn<W>(loom::sync::Mutex<W>);

    impl<W> Turn<W> {
        pub(super) fn new(working: W) -> Self {
            Self(loom::sync::Mutex::new(working))
        }
        pub(super) fn take<R>(&self, work: impl FnOnce(&mut W) -> R) -> R {
            work(&mut self.0.lock().unwrap())
        }
    }
}

use exchange::Exchange;
use std::sync::Arc;
use sync::{Published, Turn};

/// Two figures that every edit raises together.
type Pair = (u32, u32);

fn raise(pair: &mut Pair) -> u32 {
    pair.0 += 1;
    pair.1 += 1;
    pair.0
}

#[test]
fn no_edit_is_lost_and_readers_see_whole_edits_in_order() {
    loom::model(|| {
        let exchange = Arc::new(Exchange::new((0, 0), (0, 0)));
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let exchange = Arc::clone(&exchange);
                loom::thread::spawn(move || {
                    let mine = exchange.update(raise, |pair| *pair);
                    assert!(exchange.read().0 >= mine, "a writer reads what it wrote");
                })
            })
            .collect();
        let first = exchange.read_owned();
        let second = exchange.read_owned();
        assert!(first.0 == first.1 && second.0 == second.1, "half of an edit");
        assert!(first.0 <= second.0, "a reader went back");
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(*exchange.read_owned(), (2, 2), "an edit was lost");
    });
}

/// What the exchange must not be: the snapshot is published after the writer's turn.
#[test]
#[should_panic(expected = "an edit was lost")]
fn publishing_after_the_turn_is_found_out() {
    loom::model(|| {
        let working = Arc::new((Turn::new(0_u32), Published::new(0_u32)));
        let update = |shared: &(Turn<u32>, Published<u32>)| {
            let next = shared.0.take(|count| {
                *count += 1;
                *count
            });
            shared.1.store(next);
        };
        let other = Arc::clone(&working);
        let writer = loom::thread::spawn(move || update(&other));
        update(&working);
        writer.join().unwrap();
        assert_eq!(**working.1.load(), 2, "an edit was lost");
    });
}
