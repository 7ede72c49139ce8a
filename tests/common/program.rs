//! The program itself, run as a user runs it.
#![allow(dead_code, reason = "each test file uses a part of its helpers")]

#[allow(clippy::duplicate_mod, reason = "each who includes it has a range of its own")]
#[path = "../../connectors/tests/common/ports.rs"]
mod ports;

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

/// The program: the one that was built with the tests, or what `GRIDWEAVER_BINARY` names.
pub(crate) fn binary() -> PathBuf {
    let named = std::env::var_os("GRIDWEAVER_BINARY").map(PathBuf::from);
    named.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_gridweaver")))
}

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl fmt::Debug for Ran {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout[..self.stdout.len().min(2_000)]);
        let (code, stderr) = (self.code, &self.stderr);
        write!(formatter, "exit code {code:?}\nstdout: {stdout}\nstderr: {stderr}")
    }
}

impl Ran {
    /// The run's standard output, which must have gone well and without a complaint.
    pub(crate) fn well(self) -> Vec<u8> {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout
    }

    /// The one line of a run that failed with this code; each of `named` stands in it.
    pub(crate) fn complains(self, code: i32, named: &[&str]) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.matches('\n').count(), 1, "one line: {}", self.stderr);
        assert!(self.stderr.starts_with("gridweaver: "), "{}", self.stderr);
        for name in named {
            assert!(self.stderr.contains(name), "no «{name}» in {}", self.stderr);
        }
        assert!(self.stdout.is_empty(), "an error is not data: {self:?}");
        self.stderr
    }
}

/// A folder of its own, in which the program is run.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ran { code: output.status.code(), stdout: output.stdout, stderr }
    }

    /// With this on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ran { code: output.status.code(), stdout: output.stdout, stderr }
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        Running(self.command(arguments).spawn().unwrap())
    }

    /// Makes a named pipe.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success(), "mkfifo {}", path.display());
        path
    }
}

impl Drop for Folder {
    /// Of a test that fails it is kept, for whoever looks for the cause.
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.disable_cleanup(true);
            eprintln!("its folder is kept: {}", self.path().display());
        }
    }
}

/// A run under way; killed where its test fails.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: impl AsRef<OsStr>) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").arg("-s").arg(name).arg(id).status().unwrap();
        assert!(sent.success());
    }

    /// The same, unless it has ended.
    pub(crate) fn signal_if_there(&mut self, name: &str) {
        if self.0.try_wait().unwrap().is_none() {
            self.signal(name);
        }
    }

    /// Whether it ends in that time.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        let begun = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            if begun.elapsed() > time {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// What `/proc` tells of its memory, such as `VmRSS:`, in bytes.
    pub(crate) fn memory_bytes(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let number = line.split_whitespace().nth(1).unwrap();
        number.parse::<u64>().unwrap() * 1_024
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Ran {
        let mut stdout = Vec::new();
        let mut stderr = String::new();
        if let Some(mut pipe) = self.0.stdout.take() {
            pipe.read_to_end(&mut stdout).unwrap();
        }
        if let Some(mut pipe) = self.0.stderr.take() {
            pipe.read_to_string(&mut stderr).unwrap();
        }
        let code = self.0.wait().unwrap().code();
        Ran { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already unless its test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something holds; it must within a minute.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} never came");
        thread::sleep(Duration::from_millis(5));
    }
}

/// An address that nobody listens at.
pub(crate) fn free_address() -> String {
    format!("127.0.0.1:{}", ports::free_port(30_000..32_000))
}

/// The answer to a request, with its status line; nothing where nobody answers.
pub(crate) fn http_answer(address: &str, path: &str) -> String {
    let mut text = String::new();
    if let Ok(mut stream) = TcpStream::connect(address) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: grid\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_to_string(&mut text).unwrap();
    }
    text
}
