//! A real NATS server for a test: its own port and folder, killed when dropped.
//!
//! It can be killed, stopped, started again on what it stored, and put back to an older copy of
//! that. [`Admin`] does to its streams what an operator or another program would.

#![allow(dead_code, reason = "each test file uses a part of it")]

#[allow(clippy::duplicate_mod, reason = "each who includes it has a range of its own")]
#[path = "ports.rs"]
mod ports;

use async_nats::jetstream::{self, stream::Config};
use gridweaver_connectors::nats::Servers;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A running `nats-server`.
pub(crate) struct NatsServer {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl NatsServer {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one with these lines in its configuration; `FOLDER` in them is its folder.
    pub(crate) fn start_with(lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let text = format!(
            "listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"FOLDER/store\" }}\n{lines}\n"
        );
        Self::start_in(folder, port, &text)
    }

    /// Starts one in a folder that holds certificates or keys already.
    pub(crate) fn start_in(folder: TempDir, port: u16, text: &str) -> Self {
        let text = text.replace("FOLDER", folder.path().to_str().unwrap());
        fs::write(folder.path().join("server.conf"), text).unwrap();
        let process = spawn(folder.path());
        let server = Self { folder, port, process };
        server.wait_until_ready();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn servers(&self) -> Servers {
        Servers::at([self.url()])
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::connect(&self.url())
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                let mut line = String::new();
                if BufReader::new(stream).read_line(&mut line).is_ok() && line.contains("INFO") {
                    return;
                }
            }
            thread::sleep(Duration::from_millis(10));
        }
        let log = fs::read_to_string(self.folder().join("log")).unwrap_or_default();
        panic!("the NATS server does not get ready:\n{log}");
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.process = spawn(self.folder());
        self.wait_until_ready();
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    fn store(&self) -> PathBuf {
        self.folder().join("store")
    }

    /// Stops the server, copies what it stored and starts it again.
    pub(crate) fn copy_store(&mut self) -> TempDir {
        self.signal("-TERM");
        self.process.wait().unwrap();
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&self.store(), copy.path());
        self.start_again();
        copy
    }

    /// Kills the server, and puts a copy in the place of what it stored.
    pub(crate) fn put_back(&mut self, copy: &TempDir) {
        self.kill();
        fs::remove_dir_all(self.store()).unwrap();
        copy_folder(copy.path(), &self.store());
        self.start_again();
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spawn(folder: &Path) -> Child {
    let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    // The package puts it where only root's path leads.
    let program = match Path::new("/usr/sbin/nats-server") {
        path if path.exists() => path,
        _ => Path::new("nats-server"),
    };
    Command::new(program)
        .arg("-c")
        .arg(folder.join("server.conf"))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("no nats-server ({error}): run scripts/services start nats"))
}

fn copy_folder(from: &Path, to: &Path) {
    let source = from.join(".");
    fs::create_dir_all(to).unwrap();
    assert!(Command::new("cp").arg("-a").args([&source, to]).status().unwrap().success());
}

pub(crate) fn free_port() -> u16 {
    ports::free_port(26_000..30_000)
}

/// Somebody who can do everything to the streams of a server.
pub(crate) struct Admin {
    runtime: Runtime,
    pub(crate) context: jetstream::Context,
}

impl Admin {
    pub(crate) fn connect(url: &str) -> Self {
        Self::connect_with(async_nats::ConnectOptions::new(), url)
    }

    pub(crate) fn connect_as(user: &str, password: &str, url: &str) -> Self {
        let options = async_nats::ConnectOptions::new();
        Self::connect_with(options.user_and_password(user.to_owned(), password.to_owned()), url)
    }

    fn connect_with(options: async_nats::ConnectOptions, url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let context =
            runtime.block_on(async { jetstream::new(options.connect(url).await.unwrap()) });
        Self { runtime, context }
    }

    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// A stream that takes `<name in lower case>.>`.
    pub(crate) fn create(&self, stream: &str) {
        self.create_with(stream, Config::default());
    }

    pub(crate) fn create_with(&self, stream: &str, config: Config) {
        let mut config = Config { name: stream.to_owned(), ..config };
        if config.subjects.is_empty() {
            config.subjects = vec![format!("{}.>", stream.to_lowercase())];
        }
        self.wait(self.context.create_stream(config)).unwrap();
    }

    pub(crate) fn publish(&self, subject: &str, payload: impl Into<Vec<u8>>) -> u64 {
        let payload: Vec<u8> = payload.into();
        self.wait(async {
            let answer = self.context.publish(subject.to_owned(), payload.into()).await.unwrap();
            answer.await.unwrap().sequence
        })
    }

    /// Publishes records `r<from>` to `r<to - 1>` on one subject.
    pub(crate) fn publish_range(&self, subject: &str, range: std::ops::Range<u64>) {
        self.publish_all(subject, range.map(|number| format!("r{number}")));
    }

    /// Publishes records on one subject, in order.
    pub(crate) fn publish_all(&self, subject: &str, payloads: impl IntoIterator<Item = String>) {
        self.wait(async {
            let mut answers = Vec::new();
            for payload in payloads {
                let payload = payload.into();
                answers.push(self.context.publish(subject.to_owned(), payload).await.unwrap());
                if answers.len() == 256 {
                    for answer in answers.drain(..) {
                        answer.await.unwrap();
                    }
                }
            }
            for answer in answers {
                answer.await.unwrap();
            }
        });
    }

    pub(crate) fn stream(&self, stream: &str) -> jetstream::stream::Stream {
        self.wait(self.context.get_stream(stream)).unwrap()
    }

    pub(crate) fn purge(&self, stream: &str) {
        let stream = self.stream(stream);
        self.wait(async { stream.purge().await }).unwrap();
    }

    pub(crate) fn delete(&self, stream: &str) {
        self.wait(self.context.delete_stream(stream)).unwrap();
    }

    pub(crate) fn delete_message(&self, stream: &str, sequence: u64) {
        self.wait(self.stream(stream).delete_message(sequence)).unwrap();
    }

    pub(crate) fn last_sequence(&self, stream: &str) -> u64 {
        self.stream(stream).cached_info().state.last_sequence
    }

    /// Everything in a stream: subjects and payloads.
    pub(crate) fn content(&self, stream: &str) -> Vec<(String, String)> {
        let handle = self.stream(stream);
        let state = &handle.cached_info().state;
        let sequences = state.first_sequence..=state.last_sequence;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        self.wait(async {
            let mut records = Vec::new();
            for sequence in sequences {
                let record = handle.get_raw_message(sequence).await.unwrap();
                records.push((record.subject.to_string(), text(&record.payload)));
            }
            records
        })
    }
}

/// Stands between a client and a server, and can keep what the server says from the client.
pub(crate) struct Proxy {
    port: u16,
    holds: Arc<AtomicBool>,
    /// Connections of an earlier generation are cut.
    generation: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) fn before(server: &NatsServer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (holds, generation) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let behind = server.port();
        let (held, current) = (Arc::clone(&holds), Arc::clone(&generation));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", behind)))
                else {
                    continue;
                };
                let pairs = [
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), None),
                    (server, client, Some(Arc::clone(&held))),
                ];
                for (from, to, held) in pairs {
                    let current = Arc::clone(&current);
                    thread::spawn(move || pass_on(from, to, held.as_deref(), &current));
                }
            }
        });
        Self { port, holds, generation }
    }

    pub(crate) fn servers(&self) -> Servers {
        Servers::at([format!("nats://127.0.0.1:{}", self.port)])
    }

    /// From now on the client hears nothing, until [`Proxy::let_go`].
    pub(crate) fn hold_answers(&self) {
        self.holds.store(true, Ordering::SeqCst);
    }

    pub(crate) fn let_go(&self) {
        self.holds.store(false, Ordering::SeqCst);
    }

    /// Cuts every connection; what was held is lost.
    pub(crate) fn cut(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, held: Option<&AtomicBool>, now: &AtomicU64) {
    let generation = now.load(Ordering::SeqCst);
    let mut buffer = vec![0; 64 * 1024];
    from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    'connection: while now.load(Ordering::SeqCst) == generation {
        let length = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        };
        while held.is_some_and(|held| held.load(Ordering::SeqCst)) {
            if now.load(Ordering::SeqCst) != generation {
                break 'connection;
            }
            thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    drop(from.shutdown(std::net::Shutdown::Both));
    drop(to.shutdown(std::net::Shutdown::Both));
}
