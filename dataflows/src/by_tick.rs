//! How a view becomes an operator: it is run once for every tick that has input or a timer.
//!
//! Input waits under its tick's capability until the frontier has passed; then the ticks are taken
//! in order, each exactly once, with everything that belongs to it. So a view never sees half a
//! tick, and whatever order its input arrived in is gone unless the view looks at it. A view that
//! must act by time alone (a bid's end, a reading gone stale) returns the next tick in which it
//! wants to be run; the operator holds a capability for it, so downstream cannot run ahead.

use gridweaver_model::Tick;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::ExchangeData;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::vec::{Broadcast, Map};
use timely::dataflow::operators::{Capability, Exchange};

/// A maintained view: plain state that is driven tick by tick and needs no dataflow to be tested.
pub trait View {
    /// What it takes from the records.
    type Row;
    /// What it takes from other views.
    type Change;
    /// What it tells.
    type Out;

    /// Takes all input of one tick and appends what changed. Returns the next tick in which it
    /// must run even without input; a tick not after this one is ignored.
    fn close(
        &mut self,
        tick: Tick,
        rows: Batches<Self::Row>,
        changes: Batches<Self::Change>,
        out: &mut Vec<Self::Out>,
    ) -> Option<Tick>;
}

/// The input of one tick, in the containers that it came in: no row is moved again.
pub type Batches<T> = Vec<Vec<T>>;

/// Sends all items to the first worker, where what must see the whole grid runs.
pub fn to_first<T: ExchangeData>(stream: StreamVec<'_, Tick, T>) -> StreamVec<'_, Tick, T> {
    if stream.scope().peers() == 1 { stream } else { stream.exchange(|_| 0) }
}

/// Sends each row of the batches to the worker that its key's hash names.
pub fn by_key<'scope, T: ExchangeData>(
    batches: StreamVec<'scope, Tick, Vec<T>>,
    hash: impl Fn(&T) -> u64 + 'static,
) -> StreamVec<'scope, Tick, Vec<T>> {
    if batches.scope().peers() == 1 {
        return batches;
    }
    let rows = batches.flat_map(|batch| batch).exchange(hash);
    rows.unary(Pipeline, "batches", |_, _| {
        |input, output| {
            input.for_each_stamp(|capability, data| {
                let mut session = output.session(&capability);
                data.for_each(|rows| session.give(std::mem::take(rows)));
            });
        }
    })
}

/// Sends every item to every worker.
pub fn to_all<T: ExchangeData + Clone>(stream: StreamVec<'_, Tick, T>) -> StreamVec<'_, Tick, T> {
    if stream.scope().peers() == 1 { stream } else { stream.broadcast() }
}

/// What waits for one tick.
struct Waiting<R, C> {
    capability: Capability<Tick>,
    rows: Batches<R>,
    changes: Batches<C>,
}

/// Makes `view` a named operator over the `rows`, which come in batches, and the `changes` that
/// are on this worker. `first`: a tick in which it is run even without input, as it has something
/// to tell that it was restored with.
pub fn by_tick<'scope, V>(
    name: &str,
    view: Rc<RefCell<V>>,
    rows: StreamVec<'scope, Tick, Vec<V::Row>>,
    changes: StreamVec<'scope, Tick, V::Change>,
    first: Option<Tick>,
) -> StreamVec<'scope, Tick, V::Out>
where
    V: View + 'static,
    V::Row: Clone + 'static,
    V::Change: Clone + 'static,
    V::Out: Clone + 'static,
{
    let mut builder = OperatorBuilder::new(name.to_owned(), rows.scope());
    let mut row_input = builder.new_input(rows, Pipeline);
    let mut change_input = builder.new_input(changes, Pipeline);
    let (output, stream) = builder.new_output();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<Vec<V::Out>>>::from(output);
    builder.build(move |initial| {
        let mut waiting: BTreeMap<Tick, Waiting<V::Row, V::Change>> = BTreeMap::new();
        for (capability, first) in initial.iter().zip(first) {
            waiting.insert(first, Waiting::at(capability.delayed(&first)));
        }
        drop(initial);
        let mut told = Vec::new();
        move |frontiers| {
            row_input.for_each_stamp(|capability, data| {
                let capability = capability.retain_least(0);
                let rows = data.flat_map(|batches| batches.drain(..));
                stash(&mut waiting, capability).rows.extend(rows);
            });
            change_input.for_each_stamp(|capability, data| {
                let capability = capability.retain_least(0);
                stash(&mut waiting, capability).changes.extend(data.map(std::mem::take));
            });
            let mut session = output.activate();
            while let Some(entry) = waiting.first_entry() {
                let tick = *entry.key();
                if frontiers.iter().any(|frontier| frontier.less_equal(&tick)) {
                    break;
                }
                let Waiting { capability, rows, changes } = entry.remove();
                let wake = view.borrow_mut().close(tick, rows, changes, &mut told);
                if !told.is_empty() {
                    session.session(&capability).give_container(&mut told);
                    told.clear();
                }
                if let Some(wake) = wake.filter(|wake| *wake > tick) {
                    waiting.entry(wake).or_insert_with(|| Waiting::at(capability.delayed(&wake)));
                }
            }
        }
    });
    stream
}

impl<R, C> Waiting<R, C> {
    fn at(capability: Capability<Tick>) -> Self {
        Self { capability, rows: Vec::new(), changes: Vec::new() }
    }
}

fn stash<R, C>(
    waiting: &mut BTreeMap<Tick, Waiting<R, C>>,
    capability: Option<Capability<Tick>>,
) -> &mut Waiting<R, C> {
    let capability = capability.expect("every message of a view travels under one tick");
    waiting.entry(*capability.time()).or_insert_with(|| Waiting::at(capability))
}
