//! The names of the contract: every attribute and payload field that is read, as one small enum.
//!
//! Producers write the same names in the same order, so the scanner guesses the next one and
//! compares it at a stroke; where the guess fails a name is looked up by its length first, as only
//! a handful share one. Names that are not here are ignored by both readers, however often they
//! come.

macro_rules! names {
    ($($length:literal { $($name:ident = $text:literal),+ $(,)? })+) => {
        /// An attribute or a payload field.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Name {
            $($(#[doc = $text] $name,)+)+
        }

        impl Name {
            const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// The name on the wire.
            pub(crate) const fn text(self) -> &'static str {
                match self {
                    $($(Self::$name => $text,)+)+
                }
            }

            /// The name that a text spells, if it is one of the contract's.
            #[inline]
            pub(crate) fn of(text: &[u8]) -> Option<Self> {
                match text.len() {
                    $($length => match text {
                        $(text if text == $text.as_bytes() => Some(Self::$name),)+
                        _ => None,
                    },)+
                    _ => None,
                }
            }
        }
    };
}

names! {
    2 { Id = "id", To = "to", Mw = "mw" }
    3 { Bid = "bid", End = "end" }
    4 { Node = "node", Type = "type", Time = "time", Data = "data", Line = "line", From = "from",
        Label = "name", Loss = "loss" }
    5 { Price = "price", Start = "start", Order = "order" }
    6 { Source = "source", Region = "region", MaxMw = "max_mw", MinMw = "min_mw",
        Status = "status" }
    7 { LoadMw = "load_mw", Program = "program", Quality = "quality", Removed = "removed" }
    8 { Sequence = "sequence", NoticeS = "notice_s", LimitMw = "limit_mw",
        Latitude = "latitude" }
    9 { LengthKm = "length_km", MaxPrice = "max_price", MinRunS = "min_run_s",
        ToRegion = "to_region", Longitude = "longitude" }
    10 { InService = "in_service", ReserveMw = "reserve_mw" }
    11 { Specversion = "specversion", Participant = "participant", Reliability = "reliability",
         CapacityMw = "capacity_mw", FromRegion = "from_region" }
    12 { AvailableMw = "available_mw", ShortfallMw = "shortfall_mw",
         DeliveredMw = "delivered_mw" }
    13 { GenerationMw = "generation_mw", InstructedMw = "instructed_mw",
         Correlationid = "correlationid" }
    14 { WheelingPrice = "wheeling_price" }
}

/// More than there are names.
pub(crate) const NAMES: usize = 64;
const _: () = assert!((Name::WheelingPrice as usize) < NAMES);

impl Name {
    /// The name that usually stands behind this one: a guess that saves the reading of most names.
    #[inline]
    pub(crate) fn usual_next(self) -> Self {
        match self {
            Self::Specversion => Self::Id,
            Self::Id => Self::Source,
            Self::Source => Self::Type,
            Self::Type => Self::Time,
            Self::Time => Self::Sequence,
            Self::Sequence | Self::Correlationid => Self::Data,
            Self::Node => Self::GenerationMw,
            Self::GenerationMw => Self::LoadMw,
            Self::LoadMw => Self::AvailableMw,
            Self::AvailableMw => Self::Quality,
            Self::Bid => Self::Participant,
            Self::Participant => Self::Program,
            Self::Program => Self::Price,
            Self::Price => Self::MinMw,
            Self::MinMw => Self::MaxMw,
            Self::MaxMw => Self::Start,
            Self::Start => Self::End,
            Self::End => Self::Reliability,
            Self::Line => Self::From,
            Self::From => Self::To,
            Self::To => Self::CapacityMw,
            Self::Order => Self::Status,
            Self::InstructedMw => Self::DeliveredMw,
            Self::FromRegion => Self::ToRegion,
            Self::ToRegion => Self::LimitMw,
            _ => Self::Specversion,
        }
    }

    /// The length of this name where `text` begins with it and a closing quote.
    #[inline]
    pub(crate) fn begins(self, text: &[u8; 16]) -> Option<usize> {
        let spelling = &SPELLINGS[self as usize];
        let found = u128::from_le_bytes(*text) & spelling.mask;
        (found == spelling.text).then_some(spelling.length)
    }
}

/// A name and its closing quote as one number, to be compared at a stroke.
struct Spelling {
    text: u128,
    mask: u128,
    length: usize,
}

static SPELLINGS: [Spelling; NAMES] = {
    let mut spellings = [const { Spelling { text: 1, mask: 0, length: 0 } }; NAMES];
    let mut at = 0;
    while at < Name::ALL.len() {
        spellings[Name::ALL[at] as usize] = spelling(Name::ALL[at].text().as_bytes());
        at += 1;
    }
    spellings
};

const fn spelling(name: &[u8]) -> Spelling {
    let (mut text, mut mask) = ([0; 16], [0; 16]);
    let mut at = 0;
    while at <= name.len() {
        text[at] = if at < name.len() { name[at] } else { b'"' };
        mask[at] = 0xff;
        at += 1;
    }
    let (text, mask) = (u128::from_le_bytes(text), u128::from_le_bytes(mask));
    Spelling { text, mask, length: name.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_by_its_text() {
        for name in Name::ALL {
            let text = name.text();
            assert_eq!(Name::of(text.as_bytes()), Some(*name));
            let mut quoted = [b'x'; 16];
            quoted[..text.len()].copy_from_slice(text.as_bytes());
            assert_eq!(name.begins(&quoted), None);
            quoted[text.len()] = b'"';
            assert_eq!(name.begins(&quoted), Some(text.len()));
            quoted[0] ^= 1;
            assert_eq!(name.begins(&quoted), None);
        }
        assert_eq!(Name::of(b"nodes"), None);
        assert_eq!(Name::of(b""), None);
    }
}
