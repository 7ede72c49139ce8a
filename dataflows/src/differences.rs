//! Between views, which tell changes, and differential collections, which hold differences.
//!
//! A differential operator may send updates of several ticks under one capability, and those of
//! one tick in several messages. [`told`] sends each on under its own tick and nets a tick's
//! updates by key, so that the views behind it see whole ticks and one change a key.

use crate::by_tick::{Batches, View, by_tick, to_first};
use crate::change::Change;
use differential_dataflow::{AsCollection, VecCollection};
use gridweaver_model::Tick;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::ExchangeData;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::generic::operator::empty;

/// The differences that `read` finds in the items of a stream.
pub(crate) fn collection<'scope, I: 'static, D: differential_dataflow::Data>(
    items: StreamVec<'scope, Tick, I>,
    read: impl Fn(I) -> Option<(D, isize)> + 'static,
) -> VecCollection<'scope, Tick, D, isize> {
    let differences: StreamVec<'scope, Tick, (D, Tick, isize)> =
        items.unary(Pipeline, "Differences", move |_, _| {
            move |input, output| {
                input.for_each_stamp(|capability, data| {
                    let Some(tick) = capability.least().copied() else { return };
                    let mut session = output.session(&capability);
                    for item in data.flat_map(|batch| batch.drain(..)) {
                        if let Some((row, difference)) = read(item) {
                            session.give((row, tick, difference));
                        }
                    }
                });
            }
        });
    differences.as_collection()
}

/// What a collection's differences come to, key by key: `tell` is given the key, its new value if
/// it has one, and by how much its number of values grew.
pub(crate) fn told<'scope, K, V>(
    name: &str,
    rows: VecCollection<'scope, Tick, (K, V), isize>,
    tell: fn(K, Option<V>, isize) -> Option<Change>,
) -> StreamVec<'scope, Tick, Change>
where
    K: ExchangeData + Ord + Clone,
    V: ExchangeData + Clone + Ord,
{
    let scope = rows.inner.scope();
    let by_own_tick: StreamVec<'scope, Tick, (K, V, isize)> =
        rows.inner.unary(Pipeline, "ByOwnTick", move |_, _| {
            move |input, output| {
                input.for_each_stamp(|capability, data| {
                    let mut ticks: BTreeMap<Tick, Vec<(K, V, isize)>> = BTreeMap::new();
                    for ((key, value), tick, difference) in data.flat_map(|batch| batch.drain(..)) {
                        ticks.entry(tick).or_default().push((key, value, difference));
                    }
                    for (tick, mut rows) in ticks {
                        let capability = capability.delayed(&tick, output.output_index());
                        output.session(&capability).give_container(&mut rows);
                    }
                });
            }
        });
    let view = Rc::new(RefCell::new(Net { tell }));
    by_tick(name, view, empty(scope), to_first(by_own_tick), None)
}

/// Nets a tick's differences by key.
struct Net<K, V> {
    tell: fn(K, Option<V>, isize) -> Option<Change>,
}

impl<K: Ord, V: Ord> View for Net<K, V> {
    type Row = ();
    type Change = (K, V, isize);
    type Out = Change;

    fn close(
        &mut self,
        _: Tick,
        _: Batches<()>,
        changes: Batches<(K, V, isize)>,
        out: &mut Vec<Change>,
    ) -> Option<Tick> {
        // A difference and its opposite may come apart: first each value is netted, then each key.
        let mut values: BTreeMap<(K, V), isize> = BTreeMap::new();
        for (key, value, difference) in changes.into_iter().flatten() {
            *values.entry((key, value)).or_default() += difference;
        }
        let mut keys: BTreeMap<K, (Option<V>, isize)> = BTreeMap::new();
        for ((key, value), difference) in values.into_iter().filter(|(_, net)| *net != 0) {
            let entry = keys.entry(key).or_insert((None, 0));
            entry.1 += difference;
            if difference > 0 {
                entry.0 = Some(value);
            }
        }
        let tell = self.tell;
        out.extend(keys.into_iter().filter_map(|(key, (value, growth))| tell(key, value, growth)));
        None
    }
}
