//! A process among several that are one engine: what the first one tells the others of how the run
//! goes on, and what each of them reads.
//!
//! The first process opens outputs and checkpoints as if it were alone, and says where every
//! partition is to be read from. The others open what is theirs there. So no folder needs to be
//! shared, and what `start` means is decided once.

use super::super::connect::{self, ReadTo};
use super::super::play::{job, stop_flag};
use super::super::{Failure, usage};
use anyhow::{Context as _, anyhow};
use bincode::config::standard;
use gridweaver::engine::{Beginning, Checkpoint, Choices, Cluster, Discover, Job, Peers};
use gridweaver::model::{Rules, Tick, Time};
use gridweaver::settings::Settings;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// Several processes as one engine.
#[derive(clap::Args)]
pub(super) struct ClusterArguments {
    /// Processes that are one engine together; each is started with the same configuration
    #[arg(long, value_name = "N", requires_all = ["process", "hosts"])]
    processes: Option<usize>,
    /// Which of them this one is, from 0; the first one writes, and keeps checkpoints
    #[arg(long, value_name = "I", requires = "processes")]
    process: Option<usize>,
    /// A file with the address of each, host:port, one a line. Nothing protects these connections:
    /// keep them within a network that you trust
    #[arg(long, value_name = "FILE", requires = "processes")]
    hosts: Option<PathBuf>,
}

impl ClusterArguments {
    /// This process among the others, where there are any.
    pub(super) fn cluster(&self) -> Result<Option<Cluster>, Failure> {
        let (Some(processes), Some(process), Some(path)) =
            (self.processes, self.process, &self.hosts)
        else {
            return Ok(None);
        };
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("--hosts `{name}`"))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let hosts: Vec<String> = lines.map(str::to_owned).collect();
        if process >= processes {
            return Err(usage(anyhow!(
                "--process {process} of --processes {processes}: they are numbered from 0 to {}",
                processes.saturating_sub(1)
            )));
        }
        if hosts.len() != processes {
            return Err(usage(anyhow!(
                "--hosts `{name}` has {} addresses for --processes {processes}: give one a line, host:port",
                hosts.len()
            )));
        }
        Ok((processes > 1).then_some(Cluster { process, hosts }))
    }
}

/// How the run goes on.
#[derive(Serialize, Deserialize)]
struct Terms {
    checkpoint: Option<Arc<Checkpoint>>,
    rules: Rules,
    open_from: Option<Tick>,
    /// Whether another run follows this one.
    is_prelude: bool,
    chosen: BTreeMap<Time, Choices>,
    written: Option<Time>,
    /// Where each partition is to be read from.
    begins: BTreeMap<String, Beginning>,
}

/// Meets the others as the first process, and keeps of the job what is to be read here.
pub(super) fn lead(
    cluster: &Cluster,
    settings: &Settings,
    job: &mut Job,
    is_prelude: bool,
) -> Result<(), Failure> {
    let begins = job.sources.iter().map(|source| {
        let identity = source.identity().map(str::to_owned);
        (source.name().to_owned(), Beginning { position: source.position(), identity })
    });
    let terms = Terms {
        checkpoint: job.restored.clone(),
        rules: job.rules.clone(),
        open_from: job.open_from,
        is_prelude,
        chosen: job.chosen.clone(),
        written: job.written,
        begins: begins.collect(),
    };
    let terms =
        bincode::serde::encode_to_vec(&terms, standard()).context("the terms of the run")?;
    let (network, _) = cluster.meet(&fingerprint(settings), Some(terms), &*stop_flag()?)?;
    read_own(cluster, job);
    job.peers = Some(Peers {
        cluster: cluster.clone(),
        network,
        finite: connect::have_all_an_end(settings),
        keeps: job.checkpoints.is_some(),
    });
    Ok(())
}

/// Meets the others as one that is not the first; returns what it is to do, and whether another run
/// follows.
pub(super) fn follow(cluster: &Cluster, settings: &Settings) -> Result<(Job, bool), Failure> {
    let (network, terms) = cluster.meet(&fingerprint(settings), None, &*stop_flag()?)?;
    let (terms, _): (Terms, usize) = bincode::serde::decode_from_slice(&terms, standard())
        .context("what process 0 says of how the run goes on")?;
    let read_to = |name: &str| {
        let Beginning { position, identity } = terms.begins.get(name)?.clone();
        Some(ReadTo { position, identity })
    };
    let mut job = job(settings, connect::sources(settings, &read_to)?);
    job.discover = connect::discover(settings);
    read_own(cluster, &mut job);
    // What has come to be in between is found like what comes later.
    job.sources.retain(|source| terms.begins.contains_key(source.name()));
    let here: BTreeSet<&str> = job.sources.iter().map(|source| source.name()).collect();
    let is_missing = |name: &&String| cluster.reads(name) && !here.contains(name.as_str());
    if let Some(missing) = terms.begins.keys().find(is_missing) {
        return Err(usage(anyhow!(
            "process 0 reads `{missing}`, which would be for process {}: its configuration does not name it, or it is not there",
            cluster.process
        )));
    }
    job.rules = terms.rules;
    job.open_from = terms.open_from;
    job.chosen = terms.chosen;
    job.written = terms.written;
    job.restored = terms.checkpoint;
    job.peers = Some(Peers {
        cluster: cluster.clone(),
        network,
        finite: connect::have_all_an_end(settings),
        keeps: true,
    });
    Ok((job, terms.is_prelude))
}

/// Leaves the others what is theirs, also of what is found later.
fn read_own(cluster: &Cluster, job: &mut Job) {
    job.sources.retain(|source| cluster.reads(source.name()));
    job.discover = job.discover.take().map(|mut find| -> Discover {
        let cluster = cluster.clone();
        Box::new(move |is_wanted: &dyn Fn(&str) -> bool| {
            find(&|name: &str| cluster.reads(name) && is_wanted(name))
        })
    });
}

/// What must be the same for all processes.
fn fingerprint(settings: &Settings) -> [u8; 32] {
    let same = (
        env!("CARGO_PKG_VERSION"),
        settings.engine.workers,
        settings.rules(),
        settings.engine.max_record_bytes.0,
    );
    Sha256::digest(format!("{same:?}")).into()
}
