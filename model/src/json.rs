//! Writing JSON field by field, in the order in which it is asked, with exact decimals.
//!
//! A general serialiser writes floats with exponents (`1e-6`); the contract forbids that for MW.

use crate::{Ppm, Price, Time, Watts, decimal};

/// Writes the fields of one object; [`JsonWriter::end`] closes it.
pub struct JsonWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> JsonWriter<'a> {
    /// Opens an object at the end of `out`.
    pub fn object(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Closes the object.
    pub fn end(self) {
        self.out.push(b'}');
    }

    /// Begins a field; whatever is appended next is its value.
    pub fn field(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A text.
    pub fn text(&mut self, name: &str, value: &str) {
        write_text(self.field(name), value);
    }

    /// A text or null.
    pub fn optional_text(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    /// `null`.
    pub fn null(&mut self, name: &str) {
        self.field(name).extend_from_slice(b"null");
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &str, value: bool) {
        self.field(name).extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A whole number.
    pub fn integer(&mut self, name: &str, value: i128) {
        decimal::write(self.field(name), value, 0);
    }

    /// `value / 10^decimals`.
    pub fn scaled(&mut self, name: &str, value: i128, decimals: u32) {
        decimal::write(self.field(name), value, decimals);
    }

    /// Watts as MW.
    pub fn megawatts(&mut self, name: &str, value: Watts) {
        self.scaled(name, value.0.into(), 6);
    }

    /// A price or score per MWh.
    pub fn price(&mut self, name: &str, value: Price) {
        self.scaled(name, value.0.into(), 3);
    }

    /// A fraction of one.
    pub fn fraction(&mut self, name: &str, value: Ppm) {
        self.scaled(name, value.0.into(), 6);
    }

    /// An instant as RFC 3339.
    pub fn time(&mut self, name: &str, value: Time) {
        let out = self.field(name);
        out.push(b'"');
        value.write(out);
        out.push(b'"');
    }

    /// An array of texts.
    pub fn texts<T: AsRef<str>>(&mut self, name: &str, values: impl IntoIterator<Item = T>) {
        self.array(name, values, |out, value| write_text(out, value.as_ref()));
    }

    /// An array; `write` appends each element.
    pub fn array<T>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, T),
    ) {
        let out = self.field(name);
        out.push(b'[');
        let mut first = true;
        for value in values {
            if !first {
                out.push(b',');
            }
            first = false;
            write(out, value);
        }
        out.push(b']');
    }

    /// An object within this one.
    pub fn nested(&mut self, name: &str, write: impl FnOnce(&mut JsonWriter<'_>)) {
        let mut inner = JsonWriter::object(self.field(name));
        write(&mut inner);
        inner.end();
    }

    /// An array of objects.
    pub fn objects<T>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut JsonWriter<'_>, T),
    ) {
        self.array(name, values, |out, value| {
            let mut inner = JsonWriter::object(out);
            write(&mut inner, value);
            inner.end();
        });
    }
}

/// Appends a JSON string: quotes, backslashes and control characters escaped, all else as it is.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_reads_back(text in ".*") {
            let mut out = vec![];
            write_text(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn fields_come_in_the_order_asked() {
        let mut out = vec![];
        let mut object = JsonWriter::object(&mut out);
        object.megawatts("mw", Watts(1_500_000));
        object.null("none");
        object.texts("list", ["a", "b"]);
        object.nested("inner", |inner| inner.boolean("yes", true));
        object.end();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"mw":1.5,"none":null,"list":["a","b"],"inner":{"yes":true}}"#
        );
    }
}
