//! A TCP proxy before a broker that can hold records back, the answers to commits, or everything.
//!
//! It knows of the protocol only what it takes to find them: each request and each answer is a
//! length and so many bytes; a request begins with its kind, its version and a number that its
//! answer begins with.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// The kind of the request that brings records.
const PRODUCE: i16 = 0;
/// The kind of the request that ends a transaction.
const END_TRANSACTION: i16 = 26;

#[derive(Default)]
struct Doors {
    /// Whether answers to the ends of transactions wait.
    are_commits_held: bool,
    /// Whether requests to end a transaction are lost.
    are_commits_lost: bool,
    /// Whether records wait.
    are_records_held: bool,
    /// Whether everything waits.
    is_all_held: bool,
    /// How many answers or requests were held or lost.
    held: usize,
}

/// The proxy; it lets everything through until told otherwise.
#[derive(Clone)]
pub(crate) struct Proxy {
    port: u16,
    doors: Arc<(Mutex<Doors>, Condvar)>,
}

impl Proxy {
    /// Listens, before a broker that may not be there yet.
    pub(crate) fn start(broker_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), doors: Arc::default() };
        let shared = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(broker) = TcpStream::connect(("127.0.0.1", broker_port)) {
                    shared.join(&client, &broker);
                }
            }
        });
        proxy
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn hold_commits(&self, are_held: bool) {
        self.change(|doors| doors.are_commits_held = are_held);
    }

    pub(crate) fn lose_commits(&self, are_lost: bool) {
        self.change(|doors| doors.are_commits_lost = are_lost);
    }

    pub(crate) fn hold_records(&self, are_held: bool) {
        self.change(|doors| doors.are_records_held = are_held);
    }

    pub(crate) fn hold_all(&self, is_held: bool) {
        self.change(|doors| doors.is_all_held = is_held);
    }

    pub(crate) fn held(&self) -> usize {
        self.doors.0.lock().unwrap().held
    }

    pub(crate) fn wait_until_held(&self) {
        let doors = self.doors.0.lock().unwrap();
        let waited = self
            .doors
            .1
            .wait_timeout_while(doors, Duration::from_secs(20), |doors| doors.held == 0);
        assert!(!waited.unwrap().1.timed_out(), "nothing came by that is held");
    }

    fn change(&self, change: impl FnOnce(&mut Doors)) {
        let mut doors = self.doors.0.lock().unwrap();
        doors.held = 0;
        change(&mut doors);
        self.doors.1.notify_all();
    }

    fn join(&self, client: &TcpStream, broker: &TcpStream) {
        client.set_nodelay(true).unwrap();
        broker.set_nodelay(true).unwrap();
        // The numbers of requests whose answers may be held.
        let commits: Arc<Mutex<BTreeSet<[u8; 4]>>> = Arc::default();
        let ends =
            |from: &TcpStream, to: &TcpStream| (from.try_clone().unwrap(), to.try_clone().unwrap());
        let (from, to) = ends(client, broker);
        let (proxy, numbers) = (self.clone(), Arc::clone(&commits));
        std::thread::spawn(move || {
            carry(from, to, |request| proxy.lets_request_pass(request, &numbers));
        });
        let (from, to) = ends(broker, client);
        let proxy = self.clone();
        std::thread::spawn(move || carry(from, to, |answer| proxy.hold_answer(answer, &commits)));
    }

    fn lets_request_pass(&self, request: &[u8], commits: &Mutex<BTreeSet<[u8; 4]>>) -> bool {
        let is = |kind: i16| request.len() >= 8 && request[..2] == kind.to_be_bytes();
        let (are_records, is_commit) = (is(PRODUCE), is(END_TRANSACTION));
        let mut doors = self.doors.0.lock().unwrap();
        if are_records && doors.are_records_held {
            doors.held += 1;
            self.doors.1.notify_all();
        }
        let waits = |doors: &mut Doors| doors.is_all_held || are_records && doors.are_records_held;
        let mut doors = self.doors.1.wait_while(doors, waits).unwrap();
        if is_commit {
            commits.lock().unwrap().insert(request[4..8].try_into().unwrap());
        }
        if is_commit && doors.are_commits_lost {
            doors.held += 1;
            self.doors.1.notify_all();
            return false;
        }
        true
    }

    fn hold_answer(&self, answer: &[u8], commits: &Mutex<BTreeSet<[u8; 4]>>) -> bool {
        let mut doors = self.doors.0.lock().unwrap();
        let number: Option<[u8; 4]> = answer.get(..4).map(|number| number.try_into().unwrap());
        let is_commit = number.is_some_and(|number| commits.lock().unwrap().remove(&number));
        if is_commit && doors.are_commits_held {
            doors.held += 1;
            self.doors.1.notify_all();
        }
        let waits = |doors: &mut Doors| doors.is_all_held || is_commit && doors.are_commits_held;
        drop(self.doors.1.wait_while(doors, waits).unwrap());
        true
    }
}

/// Carries what is allowed to pass, piece by piece, until one side has gone.
fn carry(mut from: TcpStream, mut to: TcpStream, passes: impl FnMut(&[u8]) -> bool) {
    // Whichever side goes first, the other is told.
    drop(carry_all(&mut from, &mut to, passes));
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

fn carry_all(
    from: &mut TcpStream,
    to: &mut TcpStream,
    mut passes: impl FnMut(&[u8]) -> bool,
) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let mut piece = vec![0; u32::from_be_bytes(length) as usize];
        from.read_exact(&mut piece)?;
        if passes(&piece) {
            to.write_all(&[&length, piece.as_slice()].concat())?;
        }
    }
}
