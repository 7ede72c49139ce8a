//! Topics as a sink: one transaction for each tick.
//!
//! - The records of a tick and its `dispatch.tick_closed`, which goes to the sink's tick topic,
//!   are in one transaction: a reader of committed records sees all of a tick or nothing.
//! - Opening takes the transactional id over. Whoever had it before writes nothing more from then
//!   on, whatever it was doing; what it left open is aborted.
//! - A commit that brings no answer is tried again for as long as its transaction can live. Then
//!   its client is given up, and it is read back whether the tick is there: written once, never
//!   twice. Where the tick topic holds a tick that is neither this one nor the one before,
//!   another engine has written it, and this sink ends.
//! - A transaction that lived longer than it may was aborted by the brokers, which call its client
//!   fenced from then on, as if another engine had taken over. That client is given up too.
//! - A cluster that is away is waited for, up to ten minutes.
//!
//! One case is left to whoever runs the engines: where a second one has just taken over and
//! written nothing yet, and this one had to give up its client, this one takes back over and the
//! second ends. Nothing is lost or doubled by it.

use super::cluster::{Isolation, Role};
use super::producer::{Producer, Setback};
use super::reader::{ANSWER_WITHIN, Reader};
use super::records::{Routes, TICK_CLOSED};
use super::{Cluster, KafkaError, ticks};
use crate::{Guarantee, Sink, SinkError};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long one tick is tried to be written.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long an abort may take before its client is given up.
const ABORT_WITHIN: Duration = Duration::from_secs(20);
/// How long it is waited before what failed is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Where a sink writes.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Where records go.
    pub topic: String,
    /// Where records of these types go instead.
    pub topics: BTreeMap<String, String>,
    /// Where the ends of ticks go: a topic of one partition, for this sink alone. Else
    /// `<topic>.ticks`.
    pub tick_topic: Option<String>,
    /// What names this sink to the brokers, over restarts. No two that run at once have the same.
    pub transactional_id: String,
}

/// Topics that are written to.
pub struct KafkaSink {
    name: String,
    cluster: Cluster,
    routes: Routes,
    transactional_id: String,
    /// `None` once it was given up.
    producer: Option<Producer>,
    /// The last tick that was committed.
    last_tick_closed: Option<Vec<u8>>,
    /// Records whose tick is not closed yet.
    open: Vec<Record>,
    /// Whole ticks that are not committed yet.
    closed: VecDeque<Tick>,
    has_failed: bool,
}

/// A sink, and how far it had got.
pub struct Opened {
    /// The sink.
    pub sink: KafkaSink,
    /// The last `dispatch.tick_closed` that was committed.
    pub last_tick_closed: Option<Vec<u8>>,
}

struct Record {
    topic: String,
    key: String,
    value: Vec<u8>,
}

/// The records of a tick; its `dispatch.tick_closed` is the last.
struct Tick(Vec<Record>);

/// What the tick topic says of a tick whose commit brought no answer.
enum Found {
    Written,
    NotWritten,
}

impl KafkaSink {
    /// Takes over the transactional id and reads back how far its last owner got. `name` is the
    /// sink's, as its ticks bear it.
    ///
    /// # Errors
    /// Where the cluster can't be reached or refuses us, a topic is not there, the tick topic has
    /// more than one partition or holds anything but this sink's ticks.
    pub fn open(
        name: &str,
        cluster: &Cluster,
        options: &SinkOptions,
    ) -> Result<Opened, KafkaError> {
        let routes = routes(name, options)?;
        let mut sink = Self {
            name: name.to_owned(),
            cluster: cluster.clone(),
            routes,
            transactional_id: options.transactional_id.clone(),
            producer: None,
            last_tick_closed: None,
            open: Vec::new(),
            closed: VecDeque::new(),
            has_failed: false,
        };
        // A setting that is refused is so before anything is asked.
        cluster.configuration(sink.role())?;
        let reader = Reader::open(cluster, Role::Inspector { isolation: Isolation::Committed })?;
        ticks::check_one_partition(&reader, &sink.routes.tick_topic)?;
        for topic in sink.routes.all() {
            reader.partition_count(topic)?;
        }
        drop(reader);
        // What is not ours is found before anyone is fenced.
        sink.read_mark()?;
        sink.own(Instant::now() + ANSWER_WITHIN)?;
        sink.last_tick_closed = sink.read_mark()?;
        let last_tick_closed = sink.last_tick_closed.clone();
        Ok(Opened { sink, last_tick_closed })
    }

    fn role(&self) -> Role<'_> {
        Role::Sink { transactional_id: &self.transactional_id }
    }

    fn read_mark(&self) -> Result<Option<Vec<u8>>, KafkaError> {
        ticks::last(&self.cluster, &self.routes.tick_topic, &self.name)
    }

    /// Takes the transactional id over with a new client.
    fn own(&mut self, deadline: Instant) -> Result<(), KafkaError> {
        let producer = Producer::open(&self.cluster.configuration(self.role())?)?;
        producer.own_transactions(deadline).map_err(|setback| self.failure(setback))?;
        self.producer = Some(producer);
        ticks::wait_until_settled(&self.cluster, &self.routes.tick_topic)
    }

    /// What is left to say where nothing can be done.
    fn failure(&self, setback: Setback) -> KafkaError {
        let action = format!("write to topic `{}`", self.routes.topic);
        let brokers = self.cluster.brokers().to_owned();
        match setback {
            Setback::Fenced => {
                KafkaError::Fenced { transactional_id: self.transactional_id.clone() }
            }
            Setback::Refused { reason, is_denied: true, .. } => {
                KafkaError::Denied { action, brokers, reason }
            }
            Setback::Refused { topic, reason, .. } => KafkaError::Unwritable {
                topic: topic.unwrap_or_else(|| self.routes.topic.clone()),
                reason,
            },
            Setback::Abortable(reason) | Setback::Unknown(reason) => {
                KafkaError::Unreachable { action, brokers, reason }
            }
        }
    }

    /// Gathers the records of ticks.
    fn gather(&mut self, text: &[u8]) -> Result<(), KafkaError> {
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let route = self.routes.route(line).map_err(|reason| KafkaError::BadLine {
                topic: self.routes.topic.clone(),
                reason,
            })?;
            self.open.push(Record { topic: route.topic, key: route.key, value: line.to_vec() });
            if route.is_tick_closed {
                self.closed.push_back(Tick(std::mem::take(&mut self.open)));
            }
        }
        Ok(())
    }

    /// Writes all whole ticks, in order.
    fn write_all(&mut self) -> Result<(), KafkaError> {
        if !self.open.is_empty() {
            let reason = format!("its tick does not end with `{TICK_CLOSED}`");
            return Err(KafkaError::BadLine { topic: self.routes.topic.clone(), reason });
        }
        while let Some(tick) = self.closed.pop_front() {
            self.write(&tick)?;
            self.last_tick_closed = tick.0.into_iter().next_back().map(|record| record.value);
        }
        Ok(())
    }

    /// Writes one tick, once, however often it takes.
    fn write(&mut self, tick: &Tick) -> Result<(), KafkaError> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let setback = match self.try_to_write(tick) {
                Ok(()) => return Ok(()),
                Err(setback) => setback,
            };
            match setback {
                Setback::Abortable(_) if Instant::now() < give_up => {}
                Setback::Unknown(_) if Instant::now() < give_up => {
                    if let Found::Written = self.find(tick, give_up)? {
                        return Ok(());
                    }
                }
                other => return Err(self.failure(other)),
            }
            std::thread::sleep(RETRY_AFTER);
        }
    }

    /// One transaction. Where it says that it was abortable, it was aborted; where it says that it
    /// was fenced, it was not for its age.
    fn try_to_write(&mut self, tick: &Tick) -> Result<(), Setback> {
        let life = Duration::from_millis(self.cluster.transaction_timeout_ms());
        let deadline = Instant::now() + life;
        match self.write_until(tick, deadline) {
            Err(Setback::Fenced) if Instant::now() >= deadline => {
                Err(Setback::Unknown("its transaction lived too long".to_owned()))
            }
            written => written,
        }
    }

    fn write_until(&mut self, tick: &Tick, deadline: Instant) -> Result<(), Setback> {
        let Some(producer) = &mut self.producer else {
            return Err(Setback::Unknown("its client was given up".to_owned()));
        };
        producer.begin()?;
        let written = send_all(producer, tick, deadline).and_then(|()| producer.commit(deadline));
        if let Err(Setback::Abortable(reason)) = written {
            producer.abort(Instant::now() + ABORT_WITHIN)?;
            producer.forget();
            return Err(Setback::Abortable(reason));
        }
        written
    }

    /// Gives up the client and finds out, with a new one, whether the tick was written.
    fn find(&mut self, tick: &Tick, give_up: Instant) -> Result<Found, KafkaError> {
        self.producer = None;
        loop {
            match self.find_once(tick) {
                Err(KafkaError::Unreachable { .. }) if Instant::now() < give_up => {
                    std::thread::sleep(RETRY_AFTER);
                }
                other => return other,
            }
        }
    }

    fn find_once(&mut self, tick: &Tick) -> Result<Found, KafkaError> {
        // Whoever has written since is not fenced for it.
        self.compare(tick, self.read_mark()?.as_deref())?;
        self.own(Instant::now() + ANSWER_WITHIN)?;
        // The transaction is aborted or committed now, and stays it.
        self.compare(tick, self.read_mark()?.as_deref())
    }

    fn compare(&self, tick: &Tick, mark: Option<&[u8]>) -> Result<Found, KafkaError> {
        let own = tick.0.last().map(|record| record.value.as_slice());
        if mark == self.last_tick_closed.as_deref() {
            Ok(Found::NotWritten)
        } else if mark == own {
            Ok(Found::Written)
        } else {
            Err(self.failure(Setback::Fenced))
        }
    }

    fn check(&self) -> Result<(), KafkaError> {
        if self.has_failed {
            return Err(KafkaError::FailedBefore { topic: self.routes.topic.clone() });
        }
        Ok(())
    }
}

/// Sends the records of a tick and waits until they are there: a commit that had to wait for
/// them would take longer.
fn send_all(producer: &mut Producer, tick: &Tick, deadline: Instant) -> Result<(), Setback> {
    for record in &tick.0 {
        producer.send(&record.topic, None, &record.key, &record.value, deadline)?;
    }
    producer.wait_until_delivered(deadline)
}

/// Which record goes where; refuses what would mix ticks with records.
fn routes(sink: &str, options: &SinkOptions) -> Result<Routes, KafkaError> {
    let bad =
        |reason: &str| KafkaError::BadOptions { sink: sink.to_owned(), reason: reason.into() };
    let topic = options.topic.clone();
    let tick_topic = options.tick_topic.clone().unwrap_or_else(|| format!("{topic}.ticks"));
    if topic.is_empty() || tick_topic.is_empty() {
        return Err(bad("a topic has no name: set `topic`"));
    }
    if options.transactional_id.is_empty() {
        return Err(bad("`transactional_id` is empty: give it one of its own"));
    }
    if options.topics.contains_key(TICK_CLOSED) {
        return Err(bad("`dispatch.tick_closed` goes to `tick_topic`: set that instead"));
    }
    if topic == tick_topic || options.topics.values().any(|topic| *topic == tick_topic) {
        return Err(bad("its tick topic is also one for records: name another `tick_topic`"));
    }
    Ok(Routes { topic, topics: options.topics.clone(), tick_topic })
}

impl Sink for KafkaSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Transactional
    }

    fn append(&mut self, tick_text: &[u8]) -> Result<(), SinkError> {
        self.check()?;
        let gathered = self.gather(tick_text);
        self.has_failed = gathered.is_err();
        Ok(gathered?)
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        self.check()?;
        let written = self.write_all();
        self.has_failed = written.is_err();
        Ok(written?)
    }
}
