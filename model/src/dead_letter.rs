//! What could not be read: nothing is dropped in silence.

use crate::json::JsonWriter;
use base64::Engine as _;
use serde::{Deserialize, Serialize};

/// Why a record was refused. The variants stand in the order in which they are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Not one JSON object, nested too deeply, or over the size limit.
    NotJson,
    /// An attribute missing, empty, too long, given twice, out of range or of the wrong type.
    BadEnvelope,
    /// A type that is not read here.
    UnknownType,
    /// A payload field missing, given twice, of the wrong type, out of range, or contradictory.
    BadData,
    /// Too late to be applied.
    Late,
    /// Too far ahead of the wall clock.
    Future,
}

impl Reason {
    /// Every reason, in the order in which they are tested.
    pub const ALL: [Self; 6] = [
        Self::NotJson,
        Self::BadEnvelope,
        Self::UnknownType,
        Self::BadData,
        Self::Late,
        Self::Future,
    ];

    /// The reason on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::BadEnvelope => "bad_envelope",
            Self::UnknownType => "unknown_type",
            Self::BadData => "bad_data",
            Self::Late => "late",
            Self::Future => "future",
        }
    }
}

/// One refused record, as it goes to the dead-letter output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// `<connector>/<topic or path>/<partition>`.
    pub source: String,
    /// Its place in the partition: the byte offset of a line, a Kafka offset, a stream sequence.
    pub offset: u64,
    /// Why.
    pub reason: Reason,
    /// What exactly, for a person.
    pub detail: String,
    /// The record as it came.
    pub raw: Vec<u8>,
}

impl DeadLetter {
    /// Appends the letter as one line of JSON, with its newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = JsonWriter::object(out);
        object.text("source", &self.source);
        object.integer("offset", self.offset.into());
        object.text("reason", self.reason.name());
        object.text("detail", &self.detail);
        if let Ok(text) = std::str::from_utf8(&self.raw) {
            object.text("raw", text);
            object.text("raw_encoding", "utf8");
        } else {
            object.text("raw", &base64::engine::general_purpose::STANDARD.encode(&self.raw));
            object.text("raw_encoding", "base64");
        }
        object.end();
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_travel_as_base64() {
        let letter = DeadLetter {
            source: "file/a.jsonl/0".into(),
            offset: 7,
            reason: Reason::NotJson,
            detail: "invalid UTF-8".into(),
            raw: vec![0xff, b'{'],
        };
        let mut out = vec![];
        letter.write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"source\":\"file/a.jsonl/0\",\"offset\":7,\"reason\":\"not_json\",\
             \"detail\":\"invalid UTF-8\",\"raw\":\"/3s=\",\"raw_encoding\":\"base64\"}\n"
        );
    }
}
