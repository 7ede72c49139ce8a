//! The parameters of the command line: `key=value`. What is not of that form is cargo's.

use std::collections::BTreeMap;
use std::str::FromStr;

pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub(crate) fn from_arguments() -> Self {
        let arguments = std::env::args().skip(1);
        let pairs = arguments.filter_map(|argument| {
            let (key, value) = argument.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        });
        Self(pairs.collect())
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// A number, or the usual one where none is given.
    ///
    /// # Panics
    /// Where what is given is no number.
    pub(crate) fn number<N: FromStr>(&self, key: &str, usual: N) -> N {
        let read = |text: &str| {
            text.parse().unwrap_or_else(|_| panic!("`{key}={text}` is no number of its kind"))
        };
        self.text(key).map_or(usual, read)
    }
}
