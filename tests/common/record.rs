//! Records as lines.
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use gridweaver::model::Time;

/// A record; `rest` is what follows its time, such as `"data":{…}`.
pub(crate) fn line(source: &str, id: &str, type_name: &str, time_ms: i64, rest: &str) -> String {
    let identity = format!(r#""specversion":"1.0","id":"{id}","source":"{source}""#);
    let time = Time(time_ms);
    format!(r#"{{{identity},"type":"{type_name}","time":"{time}",{rest}}}"#)
}
