//! The subject of a record, which records are ours, and which names NATS allows.

use super::NatsError;
use gridweaver_model::decision::{Event, TICK_OPENED};
use memchr::memchr;
use serde::Deserialize;
use std::borrow::Cow;

pub(super) use gridweaver_model::decision::TICK_CLOSED;

/// How every record of ours begins, up to its id.
const RECORD_BEGINS: &[u8] = br#"{"specversion":"1.0","id":""#;
/// What comes behind the id, up to the type.
const RECORD_GOES_ON: &[u8] = br#"","source":"gridweaver","type":""#;
/// The key of a record that is about no region.
const NO_KEY: &str = "_";

/// The subjects of everything that is written: exactly those, so that the stream can stand
/// beside one that takes the input.
pub(super) fn subjects(prefix: &str) -> Vec<String> {
    let types = Event::TYPE_NAMES.into_iter().chain([TICK_OPENED, TICK_CLOSED]);
    types.map(|kind| format!("{prefix}.{kind}.*")).collect()
}

/// Where the records lie that end a tick.
pub(super) fn tick_subject(prefix: &str) -> String {
    format!("{prefix}.{TICK_CLOSED}.{NO_KEY}")
}

/// The type of a record that this program wrote, as far as its envelope tells.
pub(super) fn type_of_ours(record: &[u8]) -> Option<&str> {
    let rest = record.strip_prefix(RECORD_BEGINS)?;
    let rest = rest[memchr(b'"', rest)?..].strip_prefix(RECORD_GOES_ON)?;
    std::str::from_utf8(&rest[..memchr(b'"', rest)?]).ok()
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    region: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    bid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    island: Option<Cow<'a, str>>,
}

/// The subject that a record is published on.
pub(super) fn subject_of(prefix: &str, record: &[u8]) -> Result<String, serde_json::Error> {
    let Envelope { kind, data } = serde_json::from_slice(record)?;
    let key = data.and_then(|data| match &*kind {
        "dr.bid_status" => data.bid,
        "topology.violation" => data.subject,
        "topology.island_changed" | "dispatch.cascade_cleared" => data.island,
        TICK_CLOSED | TICK_OPENED => None,
        _ => data.region,
    });
    let key = key.as_deref().filter(|key| !key.is_empty()).unwrap_or(NO_KEY);
    let key = key.replace(|letter| !is_allowed(letter), "_");
    Ok(format!("{prefix}.{kind}.{key}"))
}

/// Whether the letter may be in one part of a subject.
fn is_allowed(letter: char) -> bool {
    !matches!(letter, '.' | '*' | '>') && !letter.is_whitespace() && !letter.is_control()
}

pub(super) fn check_stream_name(stream: &str) -> Result<(), NatsError> {
    let is_fit = |letter: char| is_allowed(letter) && !matches!(letter, '/' | '\\');
    if stream.is_empty() || !stream.chars().all(is_fit) {
        return Err(NatsError::BadStreamName { stream: stream.to_owned() });
    }
    Ok(())
}

/// Checks a subject with wildcards.
pub(super) fn check_pattern(subject: &str) -> Result<(), NatsError> {
    let bad = |reason| Err(NatsError::BadSubject { subject: subject.to_owned(), reason });
    let mut parts = subject.split('.').peekable();
    while let Some(part) = parts.next() {
        match part {
            "" => return bad("a part between its `.` is empty"),
            "*" => {}
            ">" if parts.peek().is_none() => {}
            part if part.chars().all(is_allowed) => {}
            _ => return bad("`*` and `>` stand alone, `>` at the end, and there are no spaces"),
        }
    }
    Ok(())
}

/// Checks the beginning of subjects.
pub(super) fn check_prefix(prefix: &str) -> Result<(), NatsError> {
    check_pattern(prefix)?;
    if prefix.contains(['*', '>']) {
        let reason = "the subjects of what is written begin with it, so it has no `*` or `>`";
        return Err(NatsError::BadSubject { subject: prefix.to_owned(), reason });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{check_pattern, subject_of};

    #[test]
    fn the_key_is_what_the_record_is_about() {
        let subject = |kind: &str, data: &str| {
            let text = format!(r#"{{"id":"1","type":"{kind}","data":{data}}}"#);
            subject_of("grid", text.as_bytes()).unwrap()
        };
        let data = r#"{"region":"north","bid":"b 1","subject":"l.1","island":"n>1","x":[1]}"#;
        assert_eq!(subject("dispatch.plan_created", data), "grid.dispatch.plan_created.north");
        assert_eq!(subject("dr.bid_status", data), "grid.dr.bid_status.b_1");
        assert_eq!(subject("topology.violation", data), "grid.topology.violation.l_1");
        assert_eq!(subject("topology.island_changed", data), "grid.topology.island_changed.n_1");
        assert_eq!(subject("dispatch.cascade_cleared", data), "grid.dispatch.cascade_cleared.n_1");
        assert_eq!(subject("dispatch.tick_closed", data), "grid.dispatch.tick_closed._");
        for nothing in ["{}", "null", r#"{"region":null}"#, r#"{"region":""}"#] {
            assert_eq!(subject("audit.entry", nothing), "grid.audit.entry._");
        }
        let odd = r#"{"region":"a*\t\u00a0\"é\\"}"#;
        assert_eq!(subject("audit.entry", odd), "grid.audit.entry.a___\"é\\");
    }

    #[test]
    fn patterns_are_checked() {
        for good in ["a", "a.b", "a.*", "a.>", "*.b", ">"] {
            assert!(check_pattern(good).is_ok(), "{good}");
        }
        for bad in ["", "a.", ".a", "a..b", "a b", "a.>.b", "a*", "a.b>"] {
            assert!(check_pattern(bad).is_err(), "{bad}");
        }
    }
}
