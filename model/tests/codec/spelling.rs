//! One record in many spellings: members in any order, space, unknown members, escapes, other
//! forms of the same number, instants with an offset.
//!
//! A plain spelling uses only what producers write every day; the scanner must take it.

use gridweaver_model::Record;
use gridweaver_model::encode::encode;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A small generator with a printable seed: splitmix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

type Members = BTreeMap<String, Box<RawValue>>;

/// Writes a record in a way of its own.
pub(crate) fn spell(record: &Record, dice: &mut Dice, plain: bool) -> Vec<u8> {
    let mut line = vec![];
    encode(record, &mut line);
    let members: Members = serde_json::from_slice(&line).expect("an object");
    let mut out = vec![];
    object(&members, dice, plain, &mut out);
    out
}

fn object(members: &Members, dice: &mut Dice, plain: bool, out: &mut Vec<u8>) {
    let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
    for place in (1..names.len()).rev() {
        names.swap(place, dice.below(place + 1));
    }
    out.push(b'{');
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            sign(b',', dice, plain, out);
        }
        if dice.one_in(8) {
            unknown(dice, plain, out);
            sign(b',', dice, plain, out);
        }
        text(name, dice, plain, out);
        sign(b':', dice, plain, out);
        value(name, members[*name].get(), dice, plain, out);
    }
    space(dice, plain, out);
    out.push(b'}');
}

fn value(name: &str, raw: &str, dice: &mut Dice, plain: bool, out: &mut Vec<u8>) {
    match raw.as_bytes()[0] {
        b'{' => object(&serde_json::from_str(raw).expect("a member"), dice, plain, out),
        b'"' => {
            let value: String = serde_json::from_str(raw).expect("a member");
            let is_time = ["time", "start", "end"].contains(&name);
            let value = if is_time { instant(&value, dice) } else { value };
            text(&value, dice, plain, out);
        }
        b'-' | b'0'..=b'9' if name == "sequence" => {
            let quote = if dice.one_in(2) { "\"" } else { "" };
            let zeros = if !quote.is_empty() && !plain { "000" } else { "" };
            out.extend_from_slice(format!("{quote}{zeros}{raw}{quote}").as_bytes());
        }
        b'-' | b'0'..=b'9' => number(raw, dice, plain, out),
        _ => out.extend_from_slice(raw.as_bytes()),
    }
}

/// The same decimal with zeros behind it or, where it need not be plain, with an exponent.
fn number(raw: &str, dice: &mut Dice, plain: bool, out: &mut Vec<u8>) {
    let mut spelled = raw.to_owned();
    if dice.one_in(3) {
        spelled.push_str(if raw.contains('.') { "0" } else { ".00" });
    }
    if !plain && dice.one_in(2) {
        let decimals = spelled.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let digits = spelled.replace('.', "");
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", digits.as_str()),
        };
        let digits = digits.trim_start_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        spelled = match dice.below(3) {
            0 => format!("{sign}{digits}e-{decimals}"),
            1 if digits != "0" => format!("{sign}{digits}00E-{}", decimals + 2),
            _ => format!("{sign}0.000{digits}e+{}", digits.len() as i64 + 3 - decimals as i64)
                .replace("+-", "-"),
        };
    }
    out.extend_from_slice(spelled.as_bytes());
}

/// The same instant, which has three decimals, with more or with an offset.
fn instant(text: &str, dice: &mut Dice) -> String {
    let stamp = text.trim_end_matches('Z');
    match dice.below(5) {
        0 => format!("{stamp}999Z"),
        1 => format!("{stamp}+00:00"),
        2 => format!("{stamp}-00:00").replace('T', "t"),
        3 => text.replace(".000Z", "Z"),
        _ => text.to_owned(),
    }
}

fn text(text: &str, dice: &mut Dice, plain: bool, out: &mut Vec<u8>) {
    let quoted = serde_json::to_string(text).expect("a string");
    if plain || !dice.one_in(4) {
        out.extend_from_slice(quoted.as_bytes());
        return;
    }
    out.push(b'"');
    for unit in text.encode_utf16() {
        out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
    }
    out.push(b'"');
}

fn unknown(dice: &mut Dice, plain: bool, out: &mut Vec<u8>) {
    let plain_ones: [&[u8]; 4] = [
        br#""note":"x""#,
        br#""datacontenttype":"application/json""#,
        br#""x":null"#,
        br#""":-1.5"#,
    ];
    let others: [&[u8]; 4] =
        [br#""x":[1,{"node":2}]"#, br#""y":"\ud83d\ude00\"""#, br#""z":1e400"#, br#""\u0000":{}"#];
    let choice = dice.below(4);
    out.extend_from_slice(if plain { plain_ones[choice] } else { others[choice] });
}

fn sign(sign: u8, dice: &mut Dice, plain: bool, out: &mut Vec<u8>) {
    if !plain {
        space(dice, plain, out);
    }
    out.push(sign);
    space(dice, plain, out);
}

fn space(dice: &mut Dice, plain: bool, out: &mut Vec<u8>) {
    let choices: [&[u8]; 4] = [b"", b" ", b"\t", b" \r\n "];
    out.extend_from_slice(choices[dice.below(if plain { 2 } else { 4 })]);
}
