//! What every writing to a cluster shares: a client, and waiting until what it took is there.
//!
//! A thread of the client's own takes in what was delivered: nobody waits longer than the
//! brokers do.

use super::KafkaError;
use super::cluster::bad_setting;
use super::reader::{Trouble, trouble};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one call of the client may take before it is looked at the time again.
const CALL_WAITS: Duration = Duration::from_secs(2);

/// A client that writes.
pub(super) struct Producer {
    client: ThreadedProducer<Deliveries>,
    sent: u64,
}

/// Why something was not written.
#[derive(Debug)]
pub(super) enum Setback {
    /// Someone else owns the transactional id now.
    Fenced,
    /// It will never be written.
    Refused {
        /// To where.
        topic: Option<String>,
        /// Why, and what to do.
        reason: String,
        /// Whether for lack of rights.
        is_denied: bool,
    },
    /// The transaction can't be committed; aborted, it may be tried again.
    Abortable(String),
    /// There was no answer in time, or the client can't go on: what the brokers hold is unknown.
    Unknown(String),
}

impl Setback {
    /// The error of one who writes to a topic without transactions.
    pub(super) fn into_error(self, topic: &str, brokers: &str) -> KafkaError {
        let action = format!("write to topic `{topic}`");
        let (topic, brokers) = (topic.to_owned(), brokers.to_owned());
        match self {
            Self::Refused { reason, is_denied: true, .. } => {
                KafkaError::Denied { action, brokers, reason }
            }
            Self::Refused { reason, .. } => KafkaError::Unwritable { topic, reason },
            Self::Abortable(reason) | Self::Unknown(reason) => {
                KafkaError::Unreachable { action, brokers, reason }
            }
            Self::Fenced => {
                let reason = "the brokers have forgotten this client; start again".to_owned();
                KafkaError::Unwritable { topic, reason }
            }
        }
    }
}

impl Producer {
    pub(super) fn open(config: &ClientConfig) -> Result<Self, KafkaError> {
        let client = config
            .create_with_context(Deliveries::default())
            .map_err(|error| bad_setting(&error))?;
        Ok(Self { client, sent: 0 })
    }

    /// Takes the transactional id over: whoever had it is fenced, what was open is aborted.
    pub(super) fn own_transactions(&self, deadline: Instant) -> Result<(), Setback> {
        self.until(deadline, |client| client.init_transactions(CALL_WAITS))
    }

    pub(super) fn begin(&self) -> Result<(), Setback> {
        self.client.begin_transaction().map_err(|error| self.setback(&error))
    }

    /// Tries until it is committed or can't be any more. Calling again is sound where a call
    /// timed out: the client goes on with the same commit.
    pub(super) fn commit(&self, deadline: Instant) -> Result<(), Setback> {
        self.until(deadline, |client| client.commit_transaction(CALL_WAITS))
    }

    pub(super) fn abort(&self, deadline: Instant) -> Result<(), Setback> {
        self.until(deadline, |client| client.abort_transaction(CALL_WAITS))
    }

    /// Hands one record to the client, waiting for room. Without a partition, its key chooses.
    pub(super) fn send(
        &mut self,
        topic: &str,
        partition: Option<i32>,
        key: &str,
        value: &[u8],
        deadline: Instant,
    ) -> Result<(), Setback> {
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        record.partition = partition;
        loop {
            match self.client.send(record) {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(());
                }
                Err((error, returned)) => {
                    let code = error.rdkafka_error_code();
                    if code != Some(Code::QueueFull) || Instant::now() >= deadline {
                        return Err(match code {
                            Some(code) => self.delivery_setback(topic, code),
                            None => self.setback(&error),
                        });
                    }
                    record = returned;
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    /// Whether anything failed that was sent until now.
    pub(super) fn check(&self) -> Result<(), Setback> {
        let failed = self.client.client().context().lock().failed.take();
        failed.map_or(Ok(()), |(topic, code)| Err(self.delivery_setback(&topic, code)))
    }

    /// Waits until everything that was sent is there, or the first that failed.
    pub(super) fn wait_until_delivered(&self, deadline: Instant) -> Result<(), Setback> {
        let deliveries = self.client.client().context();
        let mut state = deliveries.lock();
        state.awaited = Some(self.sent);
        loop {
            if let Some((topic, code)) = state.failed.take() {
                drop(state);
                return Err(self.delivery_setback(&topic, code));
            }
            if state.delivered >= self.sent {
                state.awaited = None;
                drop(state);
                self.settle(deadline);
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Setback::Abortable(deliveries.complaint_of(&state)));
            }
            let waited = deliveries.news.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the client has cleared up after what was delivered, which is a moment after it says
    /// so: a commit that comes before waits 100 ms for news that were heard already.
    fn settle(&self, deadline: Instant) {
        while self.client.in_flight_count() > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Forgets what became of an aborted transaction.
    pub(super) fn forget(&self) {
        self.client.client().context().lock().failed = None;
    }

    fn until(
        &self,
        deadline: Instant,
        call: impl Fn(&ThreadedProducer<Deliveries>) -> Result<(), ClientError>,
    ) -> Result<(), Setback> {
        loop {
            let Err(error) = call(&self.client) else {
                return Ok(());
            };
            let may_pass = match &error {
                ClientError::Transaction(error) => {
                    error.is_retriable() && !error.txn_requires_abort() && !error.is_fatal()
                }
                // Not everything is delivered yet.
                ClientError::Flush(_) => true,
                _ => false,
            };
            if !may_pass || Instant::now() >= deadline {
                return Err(self.setback(&error));
            }
            if let Some(refused) = self.refusal() {
                return Err(refused);
            }
            // Some answers come at once.
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What an error of the client means.
    fn setback(&self, error: &ClientError) -> Setback {
        let codes = [error.rdkafka_error_code(), self.fatal_code()];
        if codes.into_iter().flatten().any(is_fenced) {
            return Setback::Fenced;
        }
        if let Some(refused) = self.refusal() {
            return refused;
        }
        if let Some(code) = error.rdkafka_error_code()
            && trouble(code) == Some(Trouble::Denied)
        {
            let reason = error.to_string();
            return Setback::Refused { topic: None, reason, is_denied: true };
        }
        let complaint = self.client.client().context().complaint();
        match error {
            ClientError::Transaction(cause) if cause.txn_requires_abort() => {
                Setback::Abortable(cause.to_string())
            }
            other => Setback::Unknown(complaint.unwrap_or_else(|| other.to_string())),
        }
    }

    /// What it means that a record was not delivered.
    fn delivery_setback(&self, topic: &str, code: Code) -> Setback {
        if is_fenced(code) || self.fatal_code().is_some_and(is_fenced) {
            return Setback::Fenced;
        }
        let is_denied = trouble(code) == Some(Trouble::Denied);
        let advice = match code {
            Code::MessageSizeTooLarge => {
                "raise `message.max.bytes` in the client settings and `max.message.bytes` of the topic"
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
                "it was deleted: create it again"
            }
            Code::PolicyViolation | Code::InvalidRecord | Code::InvalidTimestamp => {
                "correct the settings of the topic"
            }
            _ if is_denied => "correct the access rights in the cluster",
            _ if self.fatal_code().is_some() => return Setback::Unknown(code.to_string()),
            _ => return Setback::Abortable(code.to_string()),
        };
        let reason = format!("{code}; {advice}");
        Setback::Refused { topic: Some(topic.to_owned()), reason, is_denied }
    }

    fn fatal_code(&self) -> Option<Code> {
        self.client.client().fatal_error().map(|(code, _)| code)
    }

    /// Whether the cluster refuses us.
    fn refusal(&self) -> Option<Setback> {
        let state = self.client.client().context().lock();
        let (code, reason) = state.complaint.as_ref()?;
        let is_denied = trouble(*code) == Some(Trouble::Denied);
        is_denied.then(|| Setback::Refused { topic: None, reason: reason.clone(), is_denied })
    }
}

fn is_fenced(code: Code) -> bool {
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch)
}

/// What became of what was sent.
#[derive(Default)]
struct Deliveries {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// How many records have an outcome.
    delivered: u64,
    /// How many somebody waits for. Only they are woken: to be woken by each record would cost more
    /// than to write it.
    awaited: Option<u64>,
    /// The first one that was not delivered: to where, and why.
    failed: Option<(String, Code)>,
    complaint: Option<(Code, String)>,
}

impl Deliveries {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complaint(&self) -> Option<String> {
        self.lock().complaint.as_ref().map(|(_, reason)| reason.clone())
    }

    fn complaint_of(&self, state: &State) -> String {
        let complaint = state.complaint.as_ref().map(|(_, reason)| reason.clone());
        complaint.unwrap_or_else(|| "it does not answer".to_owned())
    }
}

impl ClientContext for Deliveries {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, error: ClientError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        if code != Code::AllBrokersDown {
            self.lock().complaint = Some((code, reason.to_owned()));
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut state = self.lock();
        state.delivered += 1;
        if let Err((error, message)) = result
            && state.failed.is_none()
        {
            let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
            state.failed = Some((message.topic().to_owned(), code));
        }
        let is_news = state.failed.is_some()
            || state.awaited.is_some_and(|awaited| state.delivered >= awaited);
        drop(state);
        if is_news {
            self.news.notify_all();
        }
    }
}
