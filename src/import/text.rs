//! Files as text, compressed or not, and numbers as they stand in them.

use super::ImportError;
use gridweaver_model::decimal::{self, OutOfRange};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads a whole file, decompressed by the ending of its name. Bytes that are no UTF-8 occur in
/// the comments of old files only, and are replaced.
pub(super) fn read(path: &Path) -> Result<String, ImportError> {
    let bytes = read_bytes(path)
        .map_err(|cause| ImportError::Unreadable { path: path.to_owned(), cause })?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes)?,
        Some("zst") => zstd::Decoder::new(file)?.read_to_end(&mut bytes)?,
        _ => file.read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// A number as other programs write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number<'a> {
    /// A decimal number, in a form that [`decimal::scaled`] reads.
    Finite(&'a str),
    /// `Inf` or `-Inf`.
    Infinite { is_negative: bool },
    /// `NaN`.
    Undefined,
}

impl<'a> Number<'a> {
    /// Reads `1`, `-1.5`, `+.5`, `1.`, `1e-3`, `Inf`, `-Inf`, `NaN`.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        if unsigned.eq_ignore_ascii_case("inf") {
            return Some(Self::Infinite { is_negative: text.starts_with('-') });
        }
        if unsigned.eq_ignore_ascii_case("nan") {
            return Some(Self::Undefined);
        }
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = is_digits(whole)
            && is_digits(fraction)
            && whole.len() + fraction.len() > 0
            && is_digits(exponent)
            && !exponent.is_empty();
        is_number.then(|| Self::Finite(text.strip_prefix('+').unwrap_or(text)))
    }

    /// The number times `10^decimals`, rounded half away from zero; `limit` bounds it.
    pub(super) fn scaled(self, decimals: u32, limit: u64) -> Result<i64, &'static str> {
        match self {
            Self::Finite(text) => {
                decimal::scaled(text, decimals, limit).map_err(|OutOfRange| "is out of range")
            }
            Self::Infinite { .. } => Err("must be finite"),
            Self::Undefined => Err("must be a number"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_in_every_form_and_nothing_else() {
        for (text, watts) in [
            ("1", 1_000_000),
            ("-1.5", -1_500_000),
            ("+.5", 500_000),
            ("7.", 7_000_000),
            ("1e-3", 1_000),
            ("1.0000005E+0", 1_000_001),
        ] {
            assert_eq!(Number::parse(text).unwrap().scaled(6, 1_000_000), Ok(watts), "{text}");
        }
        assert_eq!(Number::parse("-Inf"), Some(Number::Infinite { is_negative: true }));
        assert_eq!(Number::parse("nan"), Some(Number::Undefined));
        for text in ["", "-", ".", "1/3", "1e", "1d3", "0x1", "1,5", "--1", "NA", "٣"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
