//! `programs`: the demand-response programs that exist, each as its newest record says.

use crate::by_tick::{Batches, View};
use crate::change::{Change, Program};
use crate::refused::refused;
use crate::row::Row;
use crate::saved::{Piece, Restored, Saved, Share};
use crate::structures::upserts::{Upsert, Upserts};
use gridweaver_model::{Data, Rules, Text, Tick};
use std::collections::BTreeSet;

/// The state of `programs`.
pub struct Programs {
    rules: Rules,
    held: Upserts<Text, Program>,
    touched: BTreeSet<Text>,
}

impl Programs {
    /// No program.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self { rules: rules.clone(), held: Upserts::new(rules), touched: BTreeSet::new() }
    }
}

impl View for Programs {
    type Row = Row;
    type Change = Change;
    type Out = Change;

    fn close(
        &mut self,
        tick: Tick,
        rows: Batches<Row>,
        _: Batches<Change>,
        out: &mut Vec<Change>,
    ) -> Option<Tick> {
        let (late, on_time): (Vec<Row>, Vec<Row>) =
            rows.into_iter().flatten().partition(|row| row.origin.is_some());
        for row in on_time.into_iter().chain(late) {
            let Data::Program(data) = row.record.data else { continue };
            let details = match (data.is_removed(), data.region, data.capacity) {
                (false, Some(region), Some(capacity)) => {
                    Some(Program { region, capacity, max_price: data.max_price })
                }
                _ => None,
            };
            let (key, version) = (data.program, row.record.envelope.version);
            match self.held.offer(key.clone(), version, details, row.origin.is_some()) {
                Upsert::Newest => {
                    self.touched.insert(key);
                }
                Upsert::Older => {}
                Upsert::Refused => out.extend(refused(row.origin, &key, &self.rules)),
            }
        }
        for program in std::mem::take(&mut self.touched) {
            let details = self.held.get(&program).cloned().map(Box::new);
            out.push(Change::Program { program, details });
        }
        self.held.forget(tick)
    }
}

impl Saved for Programs {
    fn save(&self) -> Piece {
        Piece::Programs(self.held.state())
    }

    fn restore(&mut self, restored: &Restored, _: Share) {
        for piece in &restored.pieces {
            let Piece::Programs(programs) = piece else { continue };
            self.touched.append(&mut self.held.restore(programs));
        }
    }
}
