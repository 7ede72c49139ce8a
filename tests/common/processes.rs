//! Several processes that are one engine, as a user starts them.

#![allow(dead_code, reason = "each test file uses a part of its helpers")]

use super::program::{Folder, Ran, Running, free_address, http_answer, wait_until};
use std::net::TcpStream;
use std::time::Duration;

/// Where they meet, and where each shows how it stands.
pub(crate) struct Processes {
    hosts: Vec<String>,
    shown_at: Vec<String>,
}

impl Processes {
    /// So many, whose hosts are written into the folder.
    pub(crate) fn new(count: usize, folder: &Folder) -> Self {
        let addresses = || (0..count).map(|_| free_address()).collect::<Vec<_>>();
        let (hosts, shown_at) = (addresses(), addresses());
        folder.write("hosts", hosts.join("\n"));
        Self { hosts, shown_at }
    }

    /// What one of them is started with, and more.
    pub(crate) fn arguments(&self, process: usize, more: &[&str]) -> Vec<String> {
        let (count, number) = (self.hosts.len().to_string(), process.to_string());
        let own = ["run", "run.toml", "--processes", &count, "--process", &number];
        let own = own.into_iter().chain(["--hosts", "hosts"]).chain(more.iter().copied());
        let shown_at = self.shown_at.get(process);
        let shown_at = shown_at.map(|address| format!("--set=http.listen={address}"));
        own.map(str::to_owned).chain(shown_at).collect()
    }

    pub(crate) fn spawn(&self, folder: &Folder, process: usize, more: &[&str]) -> Running {
        let arguments = self.arguments(process, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        folder.spawn(&arguments)
    }

    /// Starts all of them.
    pub(crate) fn start(&self, folder: &Folder, more: &[&str]) -> Vec<Running> {
        (0..self.hosts.len()).map(|process| self.spawn(folder, process, more)).collect()
    }

    /// Waits until one listens for the others.
    pub(crate) fn wait_for(&self, process: usize) {
        wait_until("that it listens", || TcpStream::connect(&self.hosts[process]).is_ok());
    }

    /// Waits until all have met and read.
    pub(crate) fn wait_until_they_run(&self) {
        wait_until("that all run", || {
            self.shown_at.iter().all(|address| {
                let answer = http_answer(address, "/readyz");
                !answer.is_empty() && !answer.contains("not running")
            })
        });
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
