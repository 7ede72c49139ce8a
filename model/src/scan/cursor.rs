//! A place in a line, and the few JSON tokens that the scanner reads there.
//!
//! Every method returns `None` where the text is not surely plain: escapes, control characters,
//! exponents, nested arrays and objects, numbers of more than 18 digits. What it does return is
//! exactly what a JSON reader would; it never skips a byte that it has not looked at.

use super::clock;
use crate::judge::name::Name;

/// A value that is neither an array nor an object.
///
/// Small and flat, so that it travels in two registers: a larger one went through memory for each
/// member of each record, which cost a quarter of the scanner's time.
#[derive(Clone, Copy)]
pub(super) struct Value {
    pub(super) shape: Shape,
    /// Of a number: how many of its digits stand behind the point.
    pub(super) decimals: u8,
    /// Of a text: its length in bytes.
    length: u32,
    /// Of a number: its digits without the point. Of a text: where it begins. Of an instant: the
    /// milliseconds.
    pub(super) digits: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Null = 0,
    False,
    True,
    Text,
    /// A text that spells an instant, kept as its milliseconds.
    Instant,
    Number,
    /// A number with a minus sign, -0 included.
    Negative,
}

impl Value {
    pub(super) const NULL: Self = Self::word(Shape::Null);

    const fn word(shape: Shape) -> Self {
        Self { shape, decimals: 0, length: 0, digits: 0 }
    }

    /// The text in the line that it was read from.
    #[inline]
    pub(super) fn text(self, line: &str) -> Option<&str> {
        let from = usize::try_from(self.digits).ok()?;
        line.get(from..from + self.length as usize)
    }
}

/// As many digits as a u64 holds with room for a rounding.
const MOST_DIGITS: usize = 18;

pub(super) struct Cursor<'a> {
    /// The length of the whole line.
    length: usize,
    /// What is still to be read.
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Self { length: line.len(), rest: line }
    }

    /// The next byte, 0 at the end: no token holds a 0.
    #[inline(always)]
    pub(super) fn peek(&self) -> u8 {
        self.rest.first().copied().unwrap_or(0)
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Option<()> {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                Some(())
            }
            _ => None,
        }
    }

    #[inline(always)]
    pub(super) fn skip_space(&mut self) {
        // Nearly always there is none.
        if self.peek() <= b' ' {
            let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            let count = self.rest.iter().take_while(is_space).count();
            self.rest = self.rest.get(count..).unwrap_or_default();
        }
    }

    /// A sign between tokens, and the space around it.
    #[inline(always)]
    fn sign(&mut self, sign: u8) -> Option<()> {
        if self.expect(sign).is_none() {
            self.skip_space();
            self.expect(sign)?;
        }
        self.skip_space();
        Some(())
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads an object; `take` reads each member's value. The names are expected in their usual
    /// order from `first` on, and read letter by letter where that guess fails.
    #[inline(always)]
    pub(super) fn object(
        &mut self,
        first: Name,
        mut take: impl FnMut(&mut Self, Option<Name>) -> Option<()>,
    ) -> Option<()> {
        self.sign(b'{')?;
        if self.expect(b'}').is_some() {
            return Some(());
        }
        let mut guess = first;
        loop {
            let name = self.name(guess)?;
            guess = name.map_or(guess, Name::usual_next);
            self.sign(b':')?;
            take(self, name)?;
            if self.sign(b',').is_none() {
                return self.expect(b'}');
            }
        }
    }

    /// A member's name; the inner `None` where the contract does not know it.
    #[inline(always)]
    fn name(&mut self, guess: Name) -> Option<Option<Name>> {
        if let [b'"', rest @ ..] = self.rest
            && let Some(window) = rest.first_chunk()
            && let Some(length) = guess.begins(window)
        {
            self.rest = rest.get(length + 1..)?;
            return Some(Some(guess));
        }
        Some(Name::of(self.string()?))
    }

    #[inline(always)]
    pub(super) fn value(&mut self) -> Option<Value> {
        Some(match self.peek() {
            b'"' => {
                let from = self.length - self.rest.len() + 1;
                let length = u32::try_from(self.string()?.len()).ok()?;
                Value { shape: Shape::Text, decimals: 0, length, digits: from as u64 }
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.literal(b"true", Shape::True)?,
            b'f' => self.literal(b"false", Shape::False)?,
            b'n' => self.literal(b"null", Shape::Null)?,
            _ => return None,
        })
    }

    /// A value that is probably an instant.
    #[inline(always)]
    pub(super) fn instant(&mut self) -> Option<Value> {
        if let [b'"', rest @ ..] = self.rest
            && let Some((time, rest)) = clock::instant(rest)
        {
            self.rest = rest;
            let digits = u64::try_from(time.0).ok()?;
            return Some(Value { shape: Shape::Instant, decimals: 0, length: 0, digits });
        }
        self.value()
    }

    fn literal(&mut self, word: &[u8], shape: Shape) -> Option<Value> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(Value::word(shape))
    }

    /// A string without escapes: what stands between its quotes.
    #[inline(always)]
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let (text, rest) = self.rest.split_at_checked(plain_length(self.rest))?;
        self.rest = rest;
        self.expect(b'"')?;
        Some(text)
    }

    #[inline(always)]
    fn number(&mut self) -> Option<Value> {
        let shape = match self.expect(b'-') {
            Some(()) => Shape::Negative,
            None => Shape::Number,
        };
        let leading_zero = self.peek() == b'0';
        let before = self.rest.len();
        let mut digits = self.digits(0);
        let whole = before - self.rest.len();
        if whole == 0 || (whole > 1 && leading_zero) {
            return None;
        }
        let mut decimals = 0;
        if self.expect(b'.').is_some() {
            let before = self.rest.len();
            digits = self.digits(digits);
            decimals = before - self.rest.len();
            if decimals == 0 {
                return None;
            }
        }
        if whole + decimals > MOST_DIGITS {
            return None;
        }
        Some(Value { shape, decimals: u8::try_from(decimals).ok()?, length: 0, digits })
    }

    /// Reads digits on top of a value. Too many wrap around; the caller counts them.
    #[inline(always)]
    fn digits(&mut self, mut value: u64) -> u64 {
        while let [digit, rest @ ..] = self.rest
            && digit.is_ascii_digit()
        {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.rest = rest;
        }
        value
    }
}

/// How many bytes stand before the first that ends a plain string: a quote, a backslash or a
/// control character; all where there is none.
#[inline(always)]
fn plain_length(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut rest = text;
    // Eight bytes at a time: a lane's high bit is set where its byte is below 0x20, or is zero
    // after the xor. Borrows make false marks only above a true one; the lowest is taken.
    while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * 0x22);
        let slash = word ^ (ONES * 0x5c);
        let marks = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let marks = marks & HIGHS;
        if marks != 0 {
            return text.len() - rest.len() + (marks.trailing_zeros() / 8) as usize;
        }
        rest = behind;
    }
    let ends = |byte: &u8| matches!(byte, 0..=0x1f | b'"' | b'\\');
    text.len() - rest.len() + rest.iter().position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_string_ends_at_the_first_byte_that_is_not_plain() {
        for length in 0..40 {
            for end in [b'"', b'\\', 0, 0x1f] {
                for filler in [b'a', b' ', b'!', 0x7f, 0x80, 0xff, b'#', b'[', b']', 0xa2, 0xdc] {
                    let mut bytes = vec![filler; length];
                    bytes.push(end);
                    bytes.extend_from_slice(b"\"\\\0\"tail!");
                    assert_eq!(plain_length(&bytes), length, "{filler:#x} {end:#x}");
                    assert_eq!(plain_length(&bytes[..length]), length);
                }
            }
        }
    }
}
