//! Several processes that are one engine, as a user starts them.

#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use super::program::{Folder, Ran, Running, free_address};
use std::fmt::Write as _;
use std::time::Duration;

/// Their number, and where they meet.
pub(crate) struct Processes {
    count: usize,
}

impl Processes {
    /// So many, whose hosts are written into the folder.
    pub(crate) fn new(count: usize, folder: &Folder) -> Self {
        let mut hosts = String::new();
        (0..count).for_each(|_| writeln!(hosts, "{}", free_address()).unwrap());
        folder.write("hosts", hosts);
        Self { count }
    }

    /// What one of them is started with, and more.
    pub(crate) fn arguments(&self, process: usize, more: &[&str]) -> Vec<String> {
        let (count, process) = (self.count.to_string(), process.to_string());
        let own = ["--processes", &count, "--process", &process, "--hosts", "hosts"];
        let all = ["run", "run.toml"].iter().chain(&own).chain(more);
        all.map(|argument| (*argument).to_owned()).collect()
    }

    pub(crate) fn spawn(&self, folder: &Folder, process: usize, more: &[&str]) -> Running {
        let arguments = self.arguments(process, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        folder.spawn(&arguments)
    }

    /// Starts all of them.
    pub(crate) fn start(&self, folder: &Folder, more: &[&str]) -> Vec<Running> {
        (0..self.count).map(|process| self.spawn(folder, process, more)).collect()
    }
}

/// Waits for the end of all.
pub(crate) fn finish(running: Vec<Running>) -> Vec<Ran> {
    running.into_iter().map(Running::finish).collect()
}

/// Kills one of them; the others end by themselves, but one that had not met it and waits for the
/// next.
pub(crate) fn kill_one(mut running: Vec<Running>, victim: usize) {
    running[victim].signal_if_there("KILL");
    for (process, mut other) in running.into_iter().enumerate() {
        if !other.ends_within(Duration::from_secs(10)) {
            other.signal("KILL");
        }
        let ran = other.finish();
        assert!(process == victim || ran.code != Some(2), "{ran:?}");
        assert!(!ran.stderr.contains("a bug"), "{ran:?}");
    }
}
