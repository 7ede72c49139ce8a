//! Messages of a stream in order, none missed without being noticed.
//!
//! A cursor is a consumer that lives in the server for as long as we ask, keeps nothing on disk
//! and wants no acknowledgements. The server numbers what it delivers to it without gaps, so a
//! message lost on the way shows in the next one's number ([`Next::Missed`]) or, where no next
//! one comes, in the server's own count ([`Cursor::standing`]). Then, and after a lost
//! connection, the caller opens a new one where it had got to.
//!
//! Messages come only while a pull is open: at most [`Pull`] of them, and no pull is opened
//! unless [`Cursor::next`] is called.

use super::link::{Link, Trouble};
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::{Batch, Config};
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy};
use async_nats::jetstream::stream::ConsumerErrorKind;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;

/// For how long the server keeps a cursor that nobody asks.
const INACTIVE_MAX: Duration = Duration::from_secs(60);
/// For how long a pull waits for messages in the server.
const PULL_EXPIRES: Duration = Duration::from_secs(2);

/// How much the server may send unasked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pull {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// What comes next.
pub(super) enum Next {
    Message(Box<Numbered>),
    /// Nothing for as long as was waited.
    Nothing,
    /// The pull has ended; all that it brought was handed over.
    Ended,
    /// Messages were lost on the way: open a new cursor.
    Missed,
}

/// A message and where it lies.
pub(super) struct Numbered {
    pub(super) message: Message,
    pub(super) sequence: u64,
    /// How many more the server has for this cursor.
    pub(super) pending: u64,
    /// When the server took it, in nanoseconds since the epoch.
    pub(super) published_ns: i128,
}

/// How far the server says that a cursor has got.
#[derive(Debug, Deserialize)]
pub(super) struct Standing {
    delivered: Delivered,
    #[serde(rename = "num_pending")]
    pub(super) pending: u64,
}

#[derive(Debug, Deserialize)]
struct Delivered {
    consumer_seq: u64,
}

impl Standing {
    /// How many messages were sent to the cursor.
    pub(super) fn sent(&self) -> u64 {
        self.delivered.consumer_seq
    }
}

/// What is sent where there is nothing to say.
#[derive(Serialize)]
struct NoQuestion {}

/// A place in a stream from which messages come in order.
pub(super) struct Cursor {
    consumer: Consumer<Config>,
    pull: Option<Batch>,
    /// How many messages came.
    received: u64,
    /// How often the connection had been lost when this was opened.
    disconnects: u64,
    /// Set where the last pull failed before it brought anything, as it does where one message
    /// is larger than all that was asked for: then one is asked for, whatever its size.
    asks_for_one: bool,
    has_brought: bool,
}

impl Cursor {
    pub(super) async fn open(
        link: &Link,
        stream: &str,
        filter: Option<&str>,
        deliver_policy: DeliverPolicy,
    ) -> Result<Self, Trouble> {
        link.check_admitted()?;
        let disconnects = link.disconnects();
        if !link.is_connected() {
            return Err(Trouble::Away("not connected".to_owned()));
        }
        let config = Config {
            deliver_policy,
            ack_policy: AckPolicy::None,
            filter_subject: filter.unwrap_or_default().to_owned(),
            max_deliver: 1,
            inactive_threshold: INACTIVE_MAX,
            num_replicas: 1,
            memory_storage: true,
            ..Config::default()
        };
        let handle = link.handle(stream).await?;
        let consumer =
            handle.create_consumer(config).await.map_err(|error| match error.kind() {
                ConsumerErrorKind::JetStream(answer) => Trouble::answered(&answer),
                ConsumerErrorKind::TimedOut
                | ConsumerErrorKind::Request
                | ConsumerErrorKind::Other => match link.check_admitted() {
                    Ok(()) => Trouble::Away(error.to_string()),
                    Err(denied) => Trouble::Fatal(denied),
                },
                _ => Trouble::Refused(error.to_string()),
            })?;
        Ok(Self {
            consumer,
            pull: None,
            received: 0,
            disconnects,
            asks_for_one: false,
            has_brought: false,
        })
    }

    /// The sequence at or behind which the first message lies: what a start time comes to.
    pub(super) fn start(&self) -> u64 {
        self.consumer.cached_info().delivered.stream_sequence + 1
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Whether the connection was lost since: what was under way then may never come.
    pub(super) fn is_stale(&self, link: &Link) -> bool {
        self.disconnects != link.disconnects()
    }

    /// The next message, where one comes in time.
    pub(super) async fn next(&mut self, size: Pull, wait: Duration) -> Result<Next, Trouble> {
        if self.pull.is_none() {
            let batch = self.consumer.batch().expires(PULL_EXPIRES);
            let batch = if self.asks_for_one {
                batch.max_messages(1)
            } else {
                batch.max_messages(size.messages).max_bytes(size.bytes)
            };
            let opened = batch.messages().await;
            self.pull = Some(opened.map_err(|error| Trouble::Away(error.to_string()))?);
            self.has_brought = false;
        }
        let Some(pull) = &mut self.pull else { return Ok(Next::Ended) };
        match timeout(wait, pull.next()).await {
            Err(_) => Ok(Next::Nothing),
            Ok(None) => {
                self.pull = None;
                self.asks_for_one = false;
                Ok(Next::Ended)
            }
            Ok(Some(Err(_))) => {
                self.pull = None;
                self.asks_for_one = !self.has_brought && !self.asks_for_one;
                Ok(Next::Ended)
            }
            Ok(Some(Ok(message))) => Ok(self.numbered(message)),
        }
    }

    fn numbered(&mut self, message: Message) -> Next {
        let Ok(info) = message.info() else { return Next::Missed };
        let (sequence, pending) = (info.stream_sequence, info.pending);
        let published_ns = info.published.unix_timestamp_nanos();
        if info.consumer_sequence != self.received + 1 {
            return Next::Missed;
        }
        self.received += 1;
        self.has_brought = true;
        Next::Message(Box::new(Numbered { message, sequence, pending, published_ns }))
    }

    /// What the server says of this cursor.
    pub(super) async fn standing(&self, link: &Link) -> Result<Standing, Trouble> {
        let info = self.consumer.cached_info();
        let subject = format!("CONSUMER.INFO.{}.{}", info.stream_name, info.name);
        link.ask(subject, &NoQuestion {}).await
    }
}
