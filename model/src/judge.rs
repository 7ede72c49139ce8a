//! The strict way in: every refusal has a reason and names what is wrong.
//!
//! A line is judged in the order of the contract: that it is one JSON object (`not_json`), all of
//! its envelope (`bad_envelope`), its type (`unknown_type`), all of its data (`bad_data`). A name
//! that the contract lists may stand once, whatever its values; names that it does not list are
//! ignored, however often they come, but must be sound JSON. The text of a refusal is for a
//! person and depends on the line alone.
//!
//! [`decode`] is what readers call: the scanner first, and the judge for what the scanner does
//! not take. Both read by the same rules, those of `contract`, from the same decimal text.

pub(crate) mod contract;
pub(crate) mod name;
mod object;

use crate::{Data, Reason, Record, scan};
use contract::{Fault, Kind};
use name::Name;
use object::Object;

/// How deep a record may nest; the record itself is level 1.
const DEEPEST: usize = 64;

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.name())]
pub struct Refusal {
    /// The reason, as it is counted.
    pub reason: Reason,
    /// The attribute or field, and what is wrong with it.
    pub detail: String,
}

impl Refusal {
    fn because(reason: Reason) -> impl FnOnce(Fault) -> Self {
        move |fault| Self { reason, detail: format!("{} {}", fault.name.text(), fault.what) }
    }
}

/// Reads one record, at most `max_bytes` long: fast where the scanner takes it, else strictly.
///
/// # Errors
/// The reason why the line is no record.
pub fn decode(line: &[u8], max_bytes: usize) -> Result<Record, Refusal> {
    match std::str::from_utf8(line) {
        Ok(text) => decode_text(text, max_bytes),
        Err(_) => judge(line, max_bytes),
    }
}

/// [`decode`] of a line that is known to be UTF-8: a reader that checks whole blocks saves the
/// check of each line.
///
/// # Errors
/// The reason why the line is no record.
pub fn decode_text(line: &str, max_bytes: usize) -> Result<Record, Refusal> {
    if line.len() <= max_bytes
        && let Some(record) = scan::scan(line)
    {
        return Ok(record);
    }
    judge(line.as_bytes(), max_bytes)
}

/// Reads one record strictly.
///
/// # Errors
/// The reason why the line is no record: the first that applies, in the order of the contract.
pub fn judge(line: &[u8], max_bytes: usize) -> Result<Record, Refusal> {
    let object =
        object(line, max_bytes).map_err(|detail| Refusal { reason: Reason::NotJson, detail })?;
    let (envelope, type_name) =
        contract::envelope(&object).map_err(Refusal::because(Reason::BadEnvelope))?;
    object.once(Name::Data).map_err(Refusal::because(Reason::BadEnvelope))?;
    let Some(kind) = Kind::of(&type_name) else {
        let detail = format!("type {type_name:?} is not one that is read");
        return Err(Refusal { reason: Reason::UnknownType, detail });
    };
    let data = data(&object, kind).map_err(Refusal::because(Reason::BadData))?;
    Ok(Record { envelope, data })
}

fn object(line: &[u8], max_bytes: usize) -> Result<Object<'_>, String> {
    if line.len() > max_bytes {
        return Err(format!("{} bytes, more than the limit of {max_bytes}", line.len()));
    }
    let text = std::str::from_utf8(line)
        .map_err(|error| format!("invalid UTF-8 at byte {}", error.valid_up_to()))?;
    Object::parse(text, DEEPEST)
}

fn data(object: &Object<'_>, kind: Kind) -> Result<Data, Fault> {
    match object.object(Name::Data)? {
        Some(fields) => contract::data(kind, &fields),
        None if kind == Kind::Watermark => Ok(Data::Watermark),
        None => Err(Fault::new(Name::Data, "is missing")),
    }
}
