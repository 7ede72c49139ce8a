//! Whom to talk to, and which settings of the client are ours.
//!
//! Settings under `[source.client]` and `[sink.client]` go to librdkafka as they are. Those on
//! which our promises rest are refused, each with its reason; the rest of ours are defaults that
//! the user may override. Nothing else in this crate configures a client.

use super::KafkaError;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as ClientError;
use std::collections::BTreeMap;

/// The greatest `transaction.timeout.ms`, without which the brokers' own limit would be met first.
const TRANSACTION_TIMEOUT_MS: u64 = 300_000;
/// How long an answer may take before its connection is given up and the request sent again.
const SOCKET_TIMEOUT_MS: u64 = 10_000;

/// A Kafka cluster, as the configuration names it.
#[derive(Clone)]
pub struct Cluster {
    brokers: String,
    client: BTreeMap<String, String>,
}

/// What a client is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role<'a> {
    /// It reads committed records, and holds at most so many bytes that nobody took yet.
    Source { queued_bytes_max: usize },
    /// It looks at topics and at what a sink wrote.
    Inspector { isolation: Isolation },
    /// It writes transactions under this id.
    Sink { transactional_id: &'a str },
    /// It writes without transactions.
    Writer,
}

/// Up to where a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Up to the first open transaction, without what was aborted.
    Committed,
    /// All there is.
    Uncommitted,
}

const REFUSED_ALWAYS: &[(&str, &str)] = &[
    ("bootstrap.servers", "name the brokers in `brokers`"),
    ("metadata.broker.list", "name the brokers in `brokers`"),
    ("allow.auto.create.topics", "a misspelt topic must be an error, not a new topic"),
    ("debug", "the client's log tells us which topic is which"),
    ("log_level", "the client's log tells us which topic is which"),
    ("statistics.interval.ms", "nobody reads the client's statistics, they would pile up"),
    ("enable.sasl.oauthbearer.unsecure.jwt", "OAUTHBEARER is not supported"),
];

const REFUSED_OF_SOURCES: &[(&str, &str)] = &[
    ("group.id", "partitions are assigned and offsets kept by the engine, not by a group"),
    ("group.instance.id", "partitions are assigned by the engine, not by a group"),
    ("group.protocol", "partitions are assigned by the engine, not by a group"),
    ("enable.auto.commit", "offsets are kept in checkpoints: committed ones would contradict them"),
    ("auto.commit.enable", "offsets are kept in checkpoints: committed ones would contradict them"),
    ("auto.commit.interval.ms", "offsets are kept in checkpoints"),
    ("enable.auto.offset.store", "offsets are kept in checkpoints"),
    ("auto.offset.reset", "missing records must be an error; choose where to begin with `start`"),
    ("isolation.level", "records of transactions that were aborted must never be read"),
    ("enable.partition.eof", "without it a silent partition can't be told from a slow one"),
    ("fetch.wait.max.ms", "a silent partition could not be told from a slow one in time"),
    ("queued.max.messages.kbytes", "memory is bounded by `in_flight_bytes`"),
    ("check.crcs", "a record that was damaged must never be read"),
];

const REFUSED_OF_SINKS: &[(&str, &str)] = &[
    ("transactional.id", "it is the sink's `transactional_id`"),
    ("enable.idempotence", "without it records are lost, doubled or reordered"),
    ("acks", "a record counts as written when all replicas in sync have it"),
    ("request.required.acks", "a record counts as written when all replicas in sync have it"),
    ("max.in.flight", "it is chosen so that nothing is reordered"),
    ("max.in.flight.requests.per.connection", "it is chosen so that nothing is reordered"),
    ("retries", "a record is sent again until its transaction ends"),
    ("message.send.max.retries", "a record is sent again until its transaction ends"),
    ("message.timeout.ms", "it is the transaction's, `transaction.timeout.ms`"),
    ("delivery.timeout.ms", "it is the transaction's, `transaction.timeout.ms`"),
    ("delivery.report.only.error", "each record's delivery is waited for"),
    ("partitioner", "a key must stay in its partition over restarts"),
    ("queuing.strategy", "records of one key must stay in order"),
];

impl Cluster {
    /// A cluster: brokers as `host:port`, and settings for the client library.
    ///
    /// # Errors
    /// Where there are no brokers, or a setting is refused whatever the client is for.
    pub fn new(brokers: &[String], client: BTreeMap<String, String>) -> Result<Self, KafkaError> {
        if brokers.is_empty() || brokers.iter().any(|broker| broker.trim().is_empty()) {
            return Err(KafkaError::NoBrokers);
        }
        refuse(&client, REFUSED_ALWAYS)?;
        for name in ["sasl.mechanism", "sasl.mechanisms"] {
            let mechanism = client.get(name).map(|value| value.to_ascii_uppercase());
            if matches!(mechanism.as_deref(), Some("GSSAPI" | "OAUTHBEARER")) {
                let reason = "only PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are built in";
                return Err(KafkaError::RefusedSetting { setting: name.to_owned(), reason });
            }
        }
        Ok(Self { brokers: brokers.join(","), client })
    }

    /// The brokers, as they stand in errors.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// How long a transaction may stay open before the brokers abort it.
    pub(super) fn transaction_timeout_ms(&self) -> u64 {
        let given = self.client.get("transaction.timeout.ms");
        given.and_then(|text| text.parse().ok()).unwrap_or(TRANSACTION_TIMEOUT_MS)
    }

    /// The whole configuration of a client.
    pub(super) fn configuration(&self, role: Role<'_>) -> Result<ClientConfig, KafkaError> {
        match role {
            Role::Source { .. } => refuse(&self.client, REFUSED_OF_SOURCES)?,
            Role::Sink { .. } | Role::Writer => refuse(&self.client, REFUSED_OF_SINKS)?,
            // A sink's or a source's own: refused there.
            Role::Inspector { .. } => {}
        }
        let mut config = ClientConfig::new();
        self.defaults(role, &mut config);
        for (name, value) in &self.client {
            config.set(name, value);
        }
        self.ours(role, &mut config);
        config.create_native_config().map_err(|error| bad_setting(&error))?;
        Ok(config)
    }

    /// What the user may choose otherwise.
    fn defaults(&self, role: Role<'_>, config: &mut ClientConfig) {
        // Whom the brokers see in their logs.
        config.set("client.id", "gridweaver");
        // A broker that hangs is noticed within this; the request then goes to whoever leads by
        // then. Below the transaction's timeout, as the library demands.
        let socket_timeout_ms = match role {
            Role::Sink { .. } => SOCKET_TIMEOUT_MS.min(self.transaction_timeout_ms()),
            _ => SOCKET_TIMEOUT_MS,
        };
        config.set("socket.timeout.ms", socket_timeout_ms.to_string());
        // After an outage reading and writing go on within about a second, not within ten.
        config.set("reconnect.backoff.max.ms", "1000");
        // A tick is small and waited for: it leaves at once instead of after 5 ms.
        config.set("linger.ms", "0");
    }

    /// What our promises rest on.
    fn ours(&self, role: Role<'_>, config: &mut ClientConfig) {
        config.set("bootstrap.servers", &self.brokers);
        match role {
            Role::Source { queued_bytes_max } => {
                reads(Isolation::Committed, config);
                // The memory of what was fetched and not yet taken: the library stops fetching
                // above it. One answer may come on top of it.
                let kilobytes = (queued_bytes_max / 1024).clamp(1, 2_097_151);
                config.set("queued.max.messages.kbytes", kilobytes.to_string());
                // The library needs about half a kilobyte for each record besides its bytes, which
                // the limit above does not count: of small ones fewer are fetched ahead.
                let records = (queued_bytes_max / 1024).clamp(1000, 100_000);
                if !self.client.contains_key("queued.min.messages") {
                    config.set("queued.min.messages", records.to_string());
                }
                // How soon fetching goes on once there is room again; a whole second else. Who reads at
                // full speed empties the queue within a few ms.
                if !self.client.contains_key("fetch.queue.backoff.ms") {
                    config.set("fetch.queue.backoff.ms", "1");
                }
                let fetch_bytes = queued_bytes_max.clamp(64 * 1024, 1024 * 1024);
                if !self.client.contains_key("max.partition.fetch.bytes")
                    && !self.client.contains_key("fetch.message.max.bytes")
                {
                    config.set("fetch.message.max.bytes", fetch_bytes.to_string());
                }
            }
            Role::Inspector { isolation } => reads(isolation, config),
            Role::Sink { transactional_id } => {
                writes(config);
                // Whoever opens it last owns it; what an earlier owner left open is aborted.
                config.set("transactional.id", transactional_id);
                // Long enough to outlast a minute without a broker, or a slow restart of one, with
                // the transaction whole. An engine that died holds readers up for as long, unless
                // it is started again: that aborts it at once. The brokers allow 15 minutes.
                let timeout_ms = self.transaction_timeout_ms().to_string();
                config.set("transaction.timeout.ms", &timeout_ms);
                // A record is tried for as long as its transaction can live.
                config.set("message.timeout.ms", &timeout_ms);
            }
            Role::Writer => {
                writes(config);
                // As long as a transaction would be tried.
                config.set("message.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string());
            }
        }
    }
}

/// The settings of every client that reads.
fn reads(isolation: Isolation, config: &mut ClientConfig) {
    // The library assigns no partition without a group. This one is never joined and commits
    // nothing.
    config.set("group.id", "gridweaver");
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    // Records that are gone are an error: skipping them in silence would decide on less.
    config.set("auto.offset.reset", "error");
    config.set(
        "isolation.level",
        match isolation {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        },
    );
    // Tells a partition that was read to its end from one that is slow to answer.
    config.set("enable.partition.eof", "true");
    // The brokers answer a connection's requests in turn: the question where a silent partition
    // ends waits for as long as a fetch may.
    config.set("fetch.wait.max.ms", "50");
    // What was damaged on its way or on a disk is an error.
    config.set("check.crcs", "true");
    config.set("allow.auto.create.topics", "false");
    // At this level the library logs the id of each topic, which it tells nowhere else.
    config.set("debug", "metadata");
    config.set_log_level(RDKafkaLogLevel::Debug);
}

/// The settings of every client that writes.
fn writes(config: &mut ClientConfig) {
    // Retries neither double nor reorder; it implies `acks=all`, and says so.
    config.set("enable.idempotence", "true");
    config.set("acks", "all");
    // As the brokers' own clients do it: a hash of the key alone, so a key keeps its partition
    // over restarts for as long as the topic keeps its number of partitions.
    config.set("partitioner", "murmur2");
    config.set("allow.auto.create.topics", "false");
    // Outages would be told on standard error, line by line; our errors tell them.
    config.set_log_level(RDKafkaLogLevel::Emerg);
}

fn refuse(
    client: &BTreeMap<String, String>,
    refused: &[(&str, &'static str)],
) -> Result<(), KafkaError> {
    match refused.iter().find(|(name, _)| client.contains_key(*name)) {
        Some((name, reason)) => {
            Err(KafkaError::RefusedSetting { setting: (*name).to_owned(), reason })
        }
        None => Ok(()),
    }
}

/// What the library says of a setting; its value may be a secret and is left out.
pub(super) fn bad_setting(error: &ClientError) -> KafkaError {
    match error {
        ClientError::ClientConfig(_, reason, setting, _) => {
            KafkaError::BadSetting { setting: setting.clone(), reason: reason.clone() }
        }
        ClientError::ClientCreation(reason) => KafkaError::BadSettings { reason: reason.clone() },
        other => KafkaError::BadSettings { reason: other.to_string() },
    }
}
