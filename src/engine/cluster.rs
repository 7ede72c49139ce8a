//! Several processes as one engine: who they are, what each reads, and how they meet.
//!
//! Every process is given the same list of addresses and its own number in it. It listens at its own
//! address and connects to those before it. Once all have met, the first one hands the others what
//! the run goes on from; then timely takes the connections over. A process that ends, however, ends
//! all: they are started again together.

use super::EngineError;
use gridweaver_dataflows::row::key_hash;
use gridweaver_model::Text;
use std::any::Any;
use std::io::{self, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;
use timely::communication::allocator::ProcessBuilder;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::{AllocatorBuilder, Config, Hooks};

/// A process among those of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its number, from 0. The first one writes.
    pub process: usize,
    /// Where each of them listens, `host:port`.
    pub hosts: Vec<String>,
}

/// Connections to all other processes, by their numbers.
pub struct Network {
    process: usize,
    sockets: Vec<Option<TcpStream>>,
}

/// Why the processes do not come together.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// Nobody can be heard.
    #[error("process {process} can't listen at {host}: {cause}; name an address of this machine that is free, in line {} of the hosts", process + 1)]
    Listen {
        /// Which process.
        process: usize,
        /// Its address.
        host: String,
        /// Why not.
        cause: io::Error,
    },
    /// A connection broke before all had met.
    #[error(
        "process {process} at {host} is gone before all have met ({cause}): start all processes again"
    )]
    Gone {
        /// The other one.
        process: usize,
        /// Its address.
        host: String,
        /// What happened.
        cause: io::Error,
    },
    /// Another one would decide otherwise.
    #[error(
        "process {process} at {host} has another {what} than this one: give all processes the same configuration, and the same number of --workers and --processes"
    )]
    Differs {
        /// The other one.
        process: usize,
        /// Its address.
        host: String,
        /// What is not the same.
        what: &'static str,
    },
    /// It was asked to end while it waited.
    #[error("asked to stop before all processes had met")]
    Stopped,
}

/// What a connection begins with.
const MAGIC: &[u8; 16] = b"gridweaver-peers";
/// How long after one try the next is made.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// After how long it is told for whom it is waited.
const PATIENCE: Duration = Duration::from_secs(5);

impl Cluster {
    /// Whether this process reads a partition. Those of one stream go round the processes.
    #[must_use]
    pub fn reads(&self, partition: &str) -> bool {
        let (stream, number) = partition.rsplit_once('/').unwrap_or((partition, "0"));
        let number: u64 = number.parse().unwrap_or_default();
        let turn = key_hash(&Text::from(stream)).wrapping_add(number);
        turn % self.hosts.len() as u64 == self.process as u64
    }

    /// Whether this is the process that writes.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.process == 0
    }

    /// Meets the others, and hands out `terms` or takes those of the first process.
    /// `fingerprint`: must be the same for all; a name for what differs, where it does. `stop`:
    /// raised where they are not to be waited for any more.
    ///
    /// # Errors
    /// Where one is gone before all have met, or would decide otherwise, or this one is to stop.
    pub fn meet(
        &self,
        fingerprint: &[u8; 32],
        terms: Option<Vec<u8>>,
        stop: &AtomicBool,
    ) -> Result<(Network, Vec<u8>), ClusterError> {
        let own = &self.hosts[self.process];
        let listener = TcpListener::bind(own).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listener = listener.map_err(|cause| ClusterError::Listen {
            process: self.process,
            host: own.clone(),
            cause,
        })?;
        let mut sockets: Vec<Option<TcpStream>> = self.hosts.iter().map(|_| None).collect();
        for (other, socket) in sockets.iter_mut().enumerate().take(self.process) {
            *socket = Some(self.connect(other, fingerprint, stop)?);
        }
        let mut waiting = Waiting::new(stop);
        while let Some(missing) = sockets.iter().skip(self.process + 1).position(Option::is_none) {
            match self.accept(&listener, fingerprint)? {
                Some((other, socket)) => sockets[other] = Some(socket),
                None => waiting.go_on(&self.place(self.process + 1 + missing))?,
            }
        }
        let mut taken = Vec::new();
        for (other, socket) in sockets.iter_mut().enumerate() {
            let Some(socket) = socket else { continue };
            if let Some(terms) = &terms {
                put(socket, terms).map_err(|cause| self.gone(other, cause))?;
            } else if other == 0 {
                taken = get(socket).map_err(|cause| self.gone(other, cause))?;
            }
        }
        let terms = terms.unwrap_or(taken);
        Ok((Network { process: self.process, sockets }, terms))
    }

    /// Connects to a process before this one, however long it is not there.
    fn connect(
        &self,
        other: usize,
        fingerprint: &[u8; 32],
        stop: &AtomicBool,
    ) -> Result<TcpStream, ClusterError> {
        let mut waiting = Waiting::new(stop);
        let mut socket = loop {
            match TcpStream::connect(&self.hosts[other]) {
                Ok(socket) => break socket,
                Err(error) => waiting.go_on(&format!("{} ({error})", self.place(other)))?,
            }
        };
        self.introduce(&mut socket, fingerprint).map_err(|cause| self.gone(other, cause))?;
        let theirs = hear(&mut socket).map_err(|cause| self.gone(other, cause))?;
        self.compare(other, &theirs, fingerprint)?;
        Ok(socket)
    }

    /// Takes the connection of a process behind this one; of somebody else it takes nothing.
    fn accept(
        &self,
        listener: &TcpListener,
        fingerprint: &[u8; 32],
    ) -> Result<Option<(usize, TcpStream)>, ClusterError> {
        let Ok((mut socket, _)) = listener.accept() else { return Ok(None) };
        let heard = socket.set_nonblocking(false);
        let heard = heard.and_then(|()| socket.set_read_timeout(Some(PATIENCE)));
        let Ok(theirs) = heard.and_then(|()| hear(&mut socket)) else { return Ok(None) };
        let other = theirs.process;
        if other <= self.process || other >= self.hosts.len() {
            return Ok(None);
        }
        let introduced = socket.set_read_timeout(None);
        let introduced = introduced.and_then(|()| self.introduce(&mut socket, fingerprint));
        introduced.map_err(|cause| self.gone(other, cause))?;
        self.compare(other, &theirs, fingerprint)?;
        Ok(Some((other, socket)))
    }

    fn introduce(&self, socket: &mut TcpStream, fingerprint: &[u8; 32]) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let mut text = MAGIC.to_vec();
        text.extend((self.process as u64).to_be_bytes());
        text.extend((self.hosts.len() as u64).to_be_bytes());
        text.extend(fingerprint);
        socket.write_all(&text)
    }

    fn compare(
        &self,
        other: usize,
        theirs: &Introduction,
        fingerprint: &[u8; 32],
    ) -> Result<(), ClusterError> {
        let what = if theirs.processes != self.hosts.len() {
            "number of processes"
        } else if theirs.fingerprint != *fingerprint {
            "version or configuration"
        } else {
            return Ok(());
        };
        let host = self.hosts[other].clone();
        Err(ClusterError::Differs { process: other, host, what })
    }

    /// What names a process to a person.
    fn place(&self, process: usize) -> String {
        format!("process {process} at {}", self.hosts[process])
    }

    fn gone(&self, other: usize, cause: io::Error) -> ClusterError {
        ClusterError::Gone { process: other, host: self.hosts[other].clone(), cause }
    }
}

/// How long somebody is waited for, which is told once.
struct Waiting<'a> {
    since: Instant,
    is_told: bool,
    stop: &'a AtomicBool,
}

impl<'a> Waiting<'a> {
    fn new(stop: &'a AtomicBool) -> Self {
        Self { since: Instant::now(), is_told: false, stop }
    }

    fn go_on(&mut self, whom: &str) -> Result<(), ClusterError> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(ClusterError::Stopped);
        }
        if !self.is_told && self.since.elapsed() > PATIENCE {
            self.is_told = true;
            tracing::warn!("waits for {whom}");
        }
        thread::sleep(TRY_AGAIN_AFTER);
        Ok(())
    }
}

/// What a process says first.
struct Introduction {
    process: usize,
    processes: usize,
    fingerprint: [u8; 32],
}

fn hear(socket: &mut TcpStream) -> io::Result<Introduction> {
    let magic: [u8; 16] = read(socket)?;
    if magic != *MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no gridweaver"));
    }
    let process = number(socket)?;
    let processes = number(socket)?;
    Ok(Introduction { process, processes, fingerprint: read(socket)? })
}

fn read<const N: usize>(socket: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    socket.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn number(socket: &mut TcpStream) -> io::Result<usize> {
    let number = u64::from_be_bytes(read(socket)?);
    usize::try_from(number).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn put(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    socket.write_all(&(bytes.len() as u64).to_be_bytes())?;
    socket.write_all(bytes)
}

fn get(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = number(socket)? as u64;
    let mut bytes = Vec::new();
    socket.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

type Built = (Vec<AllocatorBuilder>, Box<dyn Any + Send>);

/// What timely runs on: the connections, or the threads of this process alone.
pub(super) fn build(network: Option<Network>, workers: usize) -> Result<Built, EngineError> {
    let Some(Network { process, sockets }) = network else {
        return Config::Process(workers).try_build().map_err(EngineError::Workers);
    };
    let hooks = Hooks::default();
    let threads =
        ProcessBuilder::new_typed_vector(workers, hooks.refill.clone(), hooks.spill.clone());
    let built = initialize_networking_from_sockets(threads, sockets, process, workers, hooks);
    let (allocators, guard) = built.map_err(|error| EngineError::Workers(error.to_string()))?;
    Ok((allocators.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partitions_of_a_topic_go_round_the_processes() {
        let hosts = vec![String::new(); 3];
        let process = |process| Cluster { process, hosts: hosts.clone() };
        for topic in ["kafka/grid", "nats/GRID", "file/day.jsonl"] {
            for partition in 0..9 {
                let name = |partition| format!("{topic}/{partition}");
                let own = |partition: i32| {
                    (0..3).filter(|one| process(*one).reads(&name(partition))).collect::<Vec<_>>()
                };
                assert_eq!(own(partition).len(), 1, "each is read once");
                assert_eq!(own(partition), own(partition + 3));
            }
        }
    }
}
