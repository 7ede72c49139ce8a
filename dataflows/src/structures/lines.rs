//! Lines as their records say: definition, removal and service, each the newest of its kind.
//!
//! `grid.line_status` and those `grid.line` that say `in_service` order together: the newest says
//! whether the line is in service; where none ever said, it is. What a removal is newer than counts
//! for nothing, whenever it arrives. All three are maxima, so arrival order leaves no trace.

use crate::structures::upserts::Upsert;
use gridweaver_model::record::{Line, Version};
use gridweaver_model::{Lookup, Metres, Ppm, Price, Rules, Text, Tick, Watts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A line that is there.
pub struct LineView {
    /// One end.
    pub from: Text,
    /// The other.
    pub to: Text,
    /// What it can carry.
    pub capacity: Watts,
    /// Its length.
    pub length: Option<Metres>,
    /// Lost of what is sent, where the record says so.
    pub loss: Option<Ppm>,
    /// Per MWh sent.
    pub wheeling_price: Price,
    /// Whether it is in service.
    pub in_service: bool,
}

/// What is held of one line.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LineState {
    definition: Option<(Version, Line)>,
    removal: Option<Version>,
    word: Option<(Version, bool)>,
}

impl LineState {
    fn is_removed(&self, version: &Version) -> bool {
        self.removal.as_ref().is_some_and(|removal| removal >= version)
    }

    fn remove(&mut self, version: Version) {
        if self.definition.as_ref().is_some_and(|(held, _)| *held <= version) {
            self.definition = None;
        }
        if self.word.as_ref().is_some_and(|(held, _)| *held <= version) {
            self.word = None;
        }
        self.removal = self.removal.take().max(Some(version));
    }

    fn say(&mut self, version: Version, in_service: bool) -> Upsert {
        if self.is_removed(&version) || self.word.as_ref().is_some_and(|(held, _)| *held >= version)
        {
            return Upsert::Older;
        }
        self.word = Some((version, in_service));
        Upsert::Newest
    }

    fn define(&mut self, version: Version, line: Line) -> Upsert {
        if self.is_removed(&version) {
            return Upsert::Older;
        }
        if let Some(in_service) = line.in_service {
            self.say(version.clone(), in_service);
        }
        if self.definition.as_ref().is_some_and(|(held, _)| *held >= version) {
            return Upsert::Older;
        }
        self.definition = Some((version, line));
        Upsert::Newest
    }
}

/// All lines.
pub struct Lines {
    held: Lookup<Text, LineState>,
    /// Removed lines, by the tick in which they are forgotten.
    ending: BTreeMap<Tick, BTreeSet<Text>>,
    rules: Rules,
}

impl Lines {
    /// No line.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Self { held: Lookup::default(), ending: BTreeMap::new(), rules: rules.clone() }
    }

    /// Offers a `grid.line`.
    pub fn offer_line(&mut self, line: Line, version: Version, very_late: bool) -> Upsert {
        if very_late && !self.held.contains_key(&line.line) {
            return Upsert::Refused;
        }
        let key = line.line.clone();
        if line.is_removed() {
            let tick = self.forgotten_in(&version);
            self.ending.entry(tick).or_default().insert(key.clone());
            self.held.entry(key).or_default().remove(version);
            return Upsert::Newest;
        }
        self.held.entry(key).or_default().define(version, line)
    }

    /// Offers a breaker operation.
    pub fn offer_word(
        &mut self,
        line: &Text,
        version: Version,
        in_service: bool,
        very_late: bool,
    ) -> Upsert {
        if very_late && !self.held.contains_key(line) {
            return Upsert::Refused;
        }
        self.held.entry(line.clone()).or_default().say(version, in_service)
    }

    /// The line as it stands, if it is there.
    #[must_use]
    pub fn get(&self, line: &Text) -> Option<LineView> {
        let state = self.held.get(line)?;
        let (_, line) = state.definition.as_ref()?;
        Some(LineView {
            from: line.from.clone()?,
            to: line.to.clone()?,
            capacity: line.capacity?,
            length: line.length,
            loss: line.loss,
            wheeling_price: line.wheeling_price.unwrap_or_default(),
            in_service: state.word.as_ref().is_none_or(|(_, in_service)| *in_service),
        })
    }

    /// All that is held.
    pub fn state(&self) -> Vec<(Text, LineState)> {
        self.held.iter().map(|(line, state)| (line.clone(), state.clone())).collect()
    }

    /// Takes what was held.
    pub fn restore(&mut self, state: &[(Text, LineState)]) {
        for (line, state) in state {
            if let Some(removal) = &state.removal {
                let tick = self.forgotten_in(removal);
                self.ending.entry(tick).or_default().insert(line.clone());
            }
            self.held.insert(line.clone(), state.clone());
        }
    }

    fn forgotten_in(&self, removal: &Version) -> Tick {
        self.rules.first_ending_at_or_after(removal.time + self.rules.retention)
    }

    /// Forgets the removed lines whose time has come, and returns the next tick that has some. A
    /// removal stays with a line that came back: it still outlives older words.
    pub fn forget(&mut self, tick: Tick) -> Option<Tick> {
        while let Some(entry) = self.ending.first_entry().filter(|entry| *entry.key() <= tick) {
            for key in entry.remove() {
                let gone = self.held.get(&key).is_some_and(|state| {
                    let due = state
                        .removal
                        .as_ref()
                        .is_some_and(|removal| self.forgotten_in(removal) <= tick);
                    due && state.definition.is_none() && state.word.is_none()
                });
                if gone {
                    self.held.remove(&key);
                }
            }
        }
        self.ending.keys().next().copied()
    }
}
