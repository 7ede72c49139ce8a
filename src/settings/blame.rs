//! Where in a configuration an error is, and what to do about it: the line, the key with its table,
//! and for a key or value that there is not the nearest that there is.

/// A name as like as this is taken for a slip of the pen.
const LIKENESS_LEAST: f64 = 0.8;

/// An error with its line and key.
pub(super) fn located(text: &str, error: &toml::de::Error) -> String {
    let message = advised(error.message());
    let Some(span) = error.span() else { return message };
    let start = span.start + deeper(text.get(span.start..).unwrap_or_default(), error.message());
    let line = text.get(..start).unwrap_or(text).matches('\n').count() + 1;
    match keys(text).find(|key| key.line == line) {
        Some(key) => format!("line {line}, {}: {message}", key.name),
        None => format!("line {line}: {message}"),
    }
}

/// The line of a key such as `engine.tick`; of tables that there are several of, such as
/// `[[sink]]`, in the one with this number, from 1.
#[must_use]
pub fn line_of(text: &str, name: &str, number: usize) -> Option<usize> {
    keys(text).find(|key| key.name == name && key.number == number).map(|key| key.line)
}

/// A key as it stands in a text.
struct Key {
    /// With its table's name.
    name: String,
    /// Which of the tables of this name, from 1.
    number: usize,
    /// From 1.
    line: usize,
}

/// The keys of a text, one a line: enough for the configurations that people write.
fn keys(text: &str) -> impl Iterator<Item = Key> {
    let mut table = String::new();
    let mut tables: Vec<String> = Vec::new();
    text.lines().zip(1..).filter_map(move |(content, line)| {
        let content = content.trim();
        let (name, number) = match content.strip_prefix('[') {
            Some(rest) => {
                table = rest.trim_start_matches('[').split(']').next()?.trim().to_owned();
                tables.push(table.clone());
                (table.clone(), tables.iter().filter(|name| **name == table).count())
            }
            None => {
                let key = key_of(content)?;
                let number = tables.iter().filter(|name| **name == table).count().max(1);
                let name = if table.is_empty() { key.into() } else { format!("{table}.{key}") };
                (name, number)
            }
        };
        Some(Key { name, number, line })
    })
}

fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    let is_key = !key.is_empty() && !key.starts_with('#') && !key.contains(char::is_whitespace);
    is_key.then_some(key)
}

/// Of a table with a `kind` only its head is told: how much further down stands the key or value
/// that is named.
fn deeper(table: &str, message: &str) -> usize {
    let named = |start: &str| message.trim().strip_prefix(start)?.split('`').next();
    let (key, value) = (named("unknown field `"), named("unknown variant `"));
    let text = message.trim().strip_prefix("invalid type: string \"");
    let text = text.and_then(|rest| rest.split('"').next());
    let value = value.or(text).map(|value| format!("\"{value}\""));
    let mut at = 0;
    for (index, line) in table.split_inclusive('\n').enumerate() {
        if index > 0 && line.trim_start().starts_with('[') {
            return 0;
        }
        let is_value = |value: &String| key_of(line).is_some() && line.contains(value.as_str());
        if (key.is_some() && key_of(line) == key) || value.as_ref().is_some_and(is_value) {
            return at;
        }
        at += line.len();
    }
    0
}

/// What is wrong, in our words, with what to do.
pub(super) fn advised(message: &str) -> String {
    let message = message.trim();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let [name, known @ ..] = quoted.as_slice() else {
        return plain(message);
    };
    if message.starts_with("missing field") {
        return format!("`{name}` is missing: add it");
    }
    let what = match message {
        _ if message.starts_with("unknown field") => "key",
        _ if message.starts_with("unknown variant") => "value",
        _ => return plain(message),
    };
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest {
        Some(nearest) if likeness(nearest) >= LIKENESS_LEAST => {
            format!("there is no {what} `{name}` here; did you mean `{nearest}`?")
        }
        Some(_) => {
            format!("there is no {what} `{name}` here; there are: {}", known.join(", "))
        }
        None => format!("there is no {what} `{name}` here: remove it"),
    }
}

/// Without the names that only programmers know.
fn plain(message: &str) -> String {
    if message == "duplicate key" {
        return "it is there twice: remove one".to_owned();
    }
    let message = message.replace("a sequence", "a list such as [\"a\", \"b\"]");
    let number = "a whole number, not below 0";
    message
        .replace("expected usize", &format!("expected {number}"))
        .replace("expected u64", &format!("expected {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_what_there_is_not() {
        let fields = "expected one of `tick`, `lateness`";
        let slip = advised(&format!("unknown field `latenes`, {fields}"));
        assert_eq!(slip, "there is no key `latenes` here; did you mean `lateness`?");
        let foreign = advised(&format!("unknown field `colour`, {fields}"));
        assert_eq!(foreign, "there is no key `colour` here; there are: tick, lateness");
        let kind = advised("unknown variant `pulsar`, expected `file`");
        assert_eq!(kind, "there is no value `pulsar` here; there are: file");
        assert_eq!(advised("missing field `paths`"), "`paths` is missing: add it");
        assert_eq!(advised("`four` is no duration"), "`four` is no duration");
    }

    #[test]
    fn lines_are_those_of_the_table_that_is_meant() {
        let text = "a = 1\n[engine]\n# tick = \"1s\"\ntick = \"4s\"\n[[sink]]\npath = \"a\"\n\n[[sink]]\nkind = \"file\"\npath = \"b\"\n";
        assert_eq!(line_of(text, "a", 1), Some(1));
        assert_eq!(line_of(text, "engine.tick", 1), Some(4));
        assert_eq!(line_of(text, "sink.path", 1), Some(6));
        assert_eq!(line_of(text, "sink", 2), Some(8));
        assert_eq!(line_of(text, "sink.path", 2), Some(10));
        assert_eq!(line_of(text, "sink.path", 3), None);
    }
}
