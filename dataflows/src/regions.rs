//! `regions`: what is declared for regions: reserves, energy prices, shortfalls, and limits
//! between two of them. Each is the newest of its key; what is told is net.

use crate::by_tick::{Batches, View};
use crate::change::Change;
use crate::refused::refused;
use crate::row::Row;
use crate::saved::{Piece, Restored, Saved, Share};
use crate::structures::upserts::{Upsert, Upserts, UpsertsState, earlier};
use gridweaver_model::{Data, Price, Rules, Text, Tick, Watts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The state of `regions`.
pub struct Regions {
    rules: Rules,
    reserves: Upserts<Text, Watts>,
    prices: Upserts<Text, Price>,
    shortfalls: Upserts<Text, Watts>,
    limits: Upserts<(Text, Text), Watts>,
    touched: BTreeSet<Key>,
}

/// All that is declared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RegionsState {
    reserves: UpsertsState<Text, Watts>,
    prices: UpsertsState<Text, Price>,
    shortfalls: UpsertsState<Text, Watts>,
    limits: UpsertsState<(Text, Text), Watts>,
}

/// What a record is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Reserve(Text),
    Price(Text),
    Shortfall(Text),
    Limit(Text, Text),
}

impl Regions {
    /// Nothing is declared.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            reserves: Upserts::new(rules),
            prices: Upserts::new(rules),
            shortfalls: Upserts::new(rules),
            limits: Upserts::new(rules),
            touched: BTreeSet::new(),
        }
    }

    fn fold(&mut self, row: Row, out: &mut Vec<Change>) {
        let (version, late) = (row.record.envelope.version, row.origin.is_some());
        let (key, outcome) = match row.record.data {
            Data::Reserve(data) => {
                let key = data.region;
                let outcome = self.reserves.offer(key.clone(), version, Some(data.reserve), late);
                (Key::Reserve(key), outcome)
            }
            Data::EnergyPrice(data) => {
                let key = data.region;
                let outcome = self.prices.offer(key.clone(), version, Some(data.price), late);
                (Key::Price(key), outcome)
            }
            Data::Shortfall(data) => {
                let (key, value) = (data.region, Some(data.shortfall));
                let outcome = self.shortfalls.offer(key.clone(), version, value, late);
                (Key::Shortfall(key), outcome)
            }
            Data::InterfaceLimit(data) => {
                let value = data.live_limit();
                let key = (data.from_region, data.to_region);
                let outcome = self.limits.offer(key.clone(), version, value, late);
                (Key::Limit(key.0, key.1), outcome)
            }
            _ => return,
        };
        match outcome {
            Upsert::Newest => {
                self.touched.insert(key);
            }
            Upsert::Older => {}
            Upsert::Refused => out.extend(refused(row.origin, key.subject(), &self.rules)),
        }
    }

    fn told(&self, key: Key) -> Change {
        match key {
            Key::Reserve(region) => {
                let reserve = self.reserves.get(&region).copied().unwrap_or_default();
                Change::Reserve { region, reserve }
            }
            Key::Price(region) => {
                let price = self.prices.get(&region).copied();
                let price = price.unwrap_or(self.rules.dispatch.energy_price);
                Change::EnergyPrice { region, price }
            }
            Key::Shortfall(region) => {
                let shortfall = self.shortfalls.get(&region).copied().unwrap_or_default();
                Change::Declared { region, shortfall }
            }
            Key::Limit(from, to) => {
                let limit = self.limits.get(&(from.clone(), to.clone())).copied();
                Change::Limit { from, to, limit }
            }
        }
    }
}

impl Key {
    fn subject(&self) -> &Text {
        match self {
            Self::Reserve(region) | Self::Price(region) | Self::Shortfall(region) => region,
            Self::Limit(from, _) => from,
        }
    }
}

impl View for Regions {
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
            self.fold(row, out);
        }
        for key in std::mem::take(&mut self.touched) {
            out.push(self.told(key));
        }
        let forgets = [self.reserves.forget(tick), self.prices.forget(tick)];
        let forgets = forgets.into_iter().fold(self.shortfalls.forget(tick), earlier);
        earlier(forgets, self.limits.forget(tick))
    }
}

impl Saved for Regions {
    fn save(&self) -> Piece {
        Piece::Regions(RegionsState {
            reserves: self.reserves.state(),
            prices: self.prices.state(),
            shortfalls: self.shortfalls.state(),
            limits: self.limits.state(),
        })
    }

    fn restore(&mut self, restored: &Restored, _: Share) {
        for piece in &restored.pieces {
            let Piece::Regions(state) = piece else { continue };
            let reserves = self.reserves.restore(&state.reserves).into_iter().map(Key::Reserve);
            let prices = self.prices.restore(&state.prices).into_iter().map(Key::Price);
            let shortfalls = self.shortfalls.restore(&state.shortfalls).into_iter();
            let limits = self.limits.restore(&state.limits).into_iter();
            self.touched.extend(reserves.chain(prices));
            self.touched.extend(shortfalls.map(Key::Shortfall));
            self.touched.extend(limits.map(|(from, to)| Key::Limit(from, to)));
        }
    }
}
