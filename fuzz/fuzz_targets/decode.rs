//! Any bytes: no panic, the scanner takes nothing that the judge does not take equal, and what is
//! read is written and read again as the same record.
//!
//! `cargo +nightly fuzz run decode -- -dict=fuzz/decode.dict fuzz/seeds/decode`

#![no_main]

use gridweaver_model::encode::encode;
use gridweaver_model::judge::judge;
use gridweaver_model::scan::scan;
use gridweaver_model::{Reason, decode};
use libfuzzer_sys::fuzz_target;

const MAX_BYTES: usize = 4096;

fuzz_target!(|line: &[u8]| {
    let judged = judge(line, MAX_BYTES);
    assert_eq!(decode(line, MAX_BYTES), judged);
    if let Some(record) = std::str::from_utf8(line).ok().and_then(scan) {
        assert!(
            line.len() > MAX_BYTES || judged == Ok(record),
            "the scanner takes what is refused"
        );
    }
    match judged {
        Ok(record) => {
            let mut again = vec![];
            encode(&record, &mut again);
            assert_eq!(judge(&again, usize::MAX), Ok(record.clone()));
            assert_eq!(decode(&again, usize::MAX), Ok(record));
        }
        Err(refusal) => assert!(refusal.reason <= Reason::BadData && !refusal.detail.is_empty()),
    }
});
