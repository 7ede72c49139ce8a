//! Ports for a test's own servers. They lie below those that the system gives to clients: none of
//! these takes one in the time that a server needs to start, or to start again.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// One of a range that nobody listens at and that was not given out before. Who includes this file
/// has a range of its own.
pub(crate) fn free_port(range: Range<u16>) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let length = u32::from(range.end - range.start);
    // Test binaries that run one after the other do not begin at the same place.
    let begin = std::process::id().wrapping_mul(61);
    loop {
        let step = NEXT.fetch_add(1, Ordering::SeqCst);
        let port = range.start + u16::try_from(begin.wrapping_add(step) % length).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
