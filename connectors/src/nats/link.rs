//! One connection to NATS, the thread that keeps it, and questions to the JetStream API.
//!
//! Sources and sinks are called by one thread of the engine and wait in it; what the connection
//! needs meanwhile (signs of life, connecting again) is done by a thread of its own.

use super::description::Description;
use super::{NatsError, Servers};
use async_nats::connection::State;
use async_nats::jetstream::context::{ContextBuilder, RequestErrorKind};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use async_nats::jetstream::{self, ErrorCode, message::StreamMessage};
use async_nats::{Client, ClientError, ConnectErrorKind, Event, ServerError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};

/// How long an answer may take before the question counts as lost.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How many acknowledgements the client library may wait for, those given up included.
const ACKNOWLEDGEMENTS_MAX: usize = 4096;

/// Why a question got no good answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nothing was heard, or the server is busy with itself: asking again may help.
    Away(String),
    /// There is no such stream, consumer or message.
    Missing,
    /// The server said no.
    Refused(String),
    /// Asking again is no use.
    Fatal(NatsError),
}

impl Trouble {
    /// What the server's own answer means.
    pub(super) fn answered(error: &jetstream::Error) -> Self {
        const MISSING: [ErrorCode; 3] = [
            ErrorCode::STREAM_NOT_FOUND,
            ErrorCode::CONSUMER_NOT_FOUND,
            ErrorCode::NO_MESSAGE_FOUND,
        ];
        // What a cluster says while it has no leader or is starting.
        const PASSING: [ErrorCode; 5] = [
            ErrorCode::CLUSTER_NOT_AVAILABLE,
            ErrorCode::CLUSTER_INCOMPLETE,
            ErrorCode::STREAM_OFFLINE,
            ErrorCode::CONSUMER_OFFLINE,
            ErrorCode::RAFT_GENERAL,
        ];
        if MISSING.contains(&error.error_code()) {
            Self::Missing
        } else if PASSING.contains(&error.error_code()) {
            Self::Away(error.to_string())
        } else {
            Self::Refused(error.to_string())
        }
    }

    /// The error where a question about a stream was the only attempt.
    pub(super) fn into_error(self, link: &Link, action: &'static str, stream: &str) -> NatsError {
        match self {
            Self::Away(reason) => link.unreachable(&reason),
            Self::Missing => NatsError::NoStream { stream: stream.to_owned() },
            Self::Refused(reason) => {
                NatsError::Refused { action, stream: stream.to_owned(), reason }
            }
            Self::Fatal(error) => error,
        }
    }
}

impl From<NatsError> for Trouble {
    fn from(error: NatsError) -> Self {
        Self::Fatal(error)
    }
}

/// What the connection has met since it was made.
#[derive(Default)]
struct Record {
    disconnects: AtomicU64,
    /// The last thing that a server complained about.
    complaint: Mutex<Option<String>>,
    /// Why we are not let in (any more).
    denial: Mutex<Option<String>>,
}

impl Record {
    fn note(&self, event: Event) {
        let denied = |text: String| *lock(&self.denial) = Some(text);
        match event {
            Event::Disconnected => {
                self.disconnects.fetch_add(1, Ordering::SeqCst);
            }
            Event::ServerError(ServerError::AuthorizationViolation) => {
                denied(ConnectErrorKind::AuthorizationViolation.to_string());
            }
            Event::ServerError(ServerError::Other(text)) => {
                if text.to_lowercase().contains("permissions violation") {
                    denied(text);
                } else {
                    *lock(&self.complaint) = Some(text);
                }
            }
            Event::ClientError(ClientError::Other(text)) => {
                let kinds =
                    [ConnectErrorKind::AuthorizationViolation, ConnectErrorKind::Authentication];
                if kinds.iter().any(|kind| kind.to_string() == text) {
                    denied(text);
                } else {
                    *lock(&self.complaint) = Some(text);
                }
            }
            _ => {}
        }
    }
}

fn lock(text: &Mutex<Option<String>>) -> std::sync::MutexGuard<'_, Option<String>> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection to NATS.
pub(super) struct Link {
    /// There until the link is dropped.
    runtime: Option<Runtime>,
    thread: Handle,
    client: Client,
    context: jetstream::Context,
    servers: String,
    record: Arc<Record>,
}

impl Link {
    /// Connects, or says why not: what can't be reached at the start is not waited for.
    pub(super) fn connect(servers: &Servers) -> Result<Self, NatsError> {
        let addresses = servers.addresses()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nats")
            .enable_all()
            .build()
            .map_err(|cause| NatsError::NoThread { cause })?;
        let record = Arc::new(Record::default());
        let events = Arc::clone(&record);
        let options = servers.options()?.event_callback(move |event| {
            events.note(event);
            async {}
        });
        let connected = runtime.block_on(options.connect(addresses));
        let servers = servers.to_string();
        let client = connected.map_err(|error| match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                NatsError::Denied { servers: servers.clone(), reason: error.to_string() }
            }
            _ => NatsError::Unreachable { servers: servers.clone(), reason: error.to_string() },
        })?;
        let thread = runtime.handle().clone();
        let context = {
            let _entered = thread.enter();
            ContextBuilder::new()
                .timeout(ANSWER_TIMEOUT)
                .max_ack_inflight(ACKNOWLEDGEMENTS_MAX)
                .build(client.clone())
        };
        Ok(Self { runtime: Some(runtime), thread, client, context, servers, record })
    }

    /// Waits in the caller's thread for what the future brings.
    pub(super) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.thread.block_on(future)
    }

    /// What to wait with where the future borrows the link's owner.
    pub(super) fn thread(&self) -> Handle {
        self.thread.clone()
    }

    pub(super) fn context(&self) -> &jetstream::Context {
        &self.context
    }

    pub(super) fn message_bytes_max(&self) -> usize {
        self.client.max_payload()
    }

    /// A text that no other run makes.
    pub(super) fn unique_text(&self) -> String {
        self.client.new_inbox().replace("_INBOX.", "")
    }

    /// How often the connection was lost.
    pub(super) fn disconnects(&self) -> u64 {
        self.record.disconnects.load(Ordering::SeqCst)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// An error where the server will not have us (any more).
    pub(super) fn check_admitted(&self) -> Result<(), NatsError> {
        match &*lock(&self.record.denial) {
            Some(reason) => {
                Err(NatsError::Denied { servers: self.servers.clone(), reason: reason.clone() })
            }
            None => Ok(()),
        }
    }

    pub(super) fn unreachable(&self, reason: &str) -> NatsError {
        if let Err(denied) = self.check_admitted() {
            return denied;
        }
        let reason = match &*lock(&self.record.complaint) {
            Some(complaint) => format!("{reason} ({complaint})"),
            None => reason.to_owned(),
        };
        NatsError::Unreachable { servers: self.servers.clone(), reason }
    }

    /// Asks the JetStream API.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        subject: String,
        question: &impl Serialize,
    ) -> Result<T, Trouble> {
        self.check_admitted()?;
        if !self.is_connected() {
            return Err(Trouble::Away("not connected".to_owned()));
        }
        match self.context.request(subject, question).await {
            Ok(Response::Ok(answer)) => Ok(answer),
            Ok(Response::Err { error }) => Err(Trouble::answered(&error)),
            Err(error) => match error.kind() {
                RequestErrorKind::NoResponders => {
                    Err(Trouble::Away("JetStream does not answer: is it enabled?".to_owned()))
                }
                _ => {
                    self.check_admitted()?;
                    Err(Trouble::Away(error.to_string()))
                }
            },
        }
    }

    /// What the server says of a stream; with the sequences that were deleted from it where
    /// these are asked for.
    pub(super) async fn describe(
        &self,
        stream: &str,
        with_deleted: bool,
    ) -> Result<Description, Trouble> {
        #[derive(Serialize)]
        struct Question {
            deleted_details: bool,
        }
        let question = Question { deleted_details: with_deleted };
        self.ask(format!("STREAM.INFO.{stream}"), &question).await
    }

    /// The record at a sequence.
    pub(super) async fn record(
        &self,
        stream: &str,
        sequence: u64,
    ) -> Result<StreamMessage, Trouble> {
        let handle = self.handle(stream).await?;
        handle.get_raw_message(sequence).await.map_err(|error| raw_trouble(&error))
    }

    /// The last record on a subject.
    pub(super) async fn last_on(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<StreamMessage, Trouble> {
        let handle = self.handle(stream).await?;
        let asked = handle.raw_message_builder().last_by_subject(subject).send();
        asked.await.map_err(|error| raw_trouble(&error))
    }

    pub(super) async fn handle(&self, stream: &str) -> Result<Stream<()>, Trouble> {
        let handle = self.context.get_stream_no_info(stream).await;
        handle.map_err(|error| Trouble::Refused(error.to_string()))
    }
}

fn raw_trouble(error: &async_nats::jetstream::stream::RawMessageError) -> Trouble {
    match error.kind() {
        RawMessageErrorKind::NoMessageFound => Trouble::Missing,
        RawMessageErrorKind::JetStream(answer) => Trouble::answered(&answer),
        RawMessageErrorKind::InvalidSubject => Trouble::Refused(error.to_string()),
        RawMessageErrorKind::Other => Trouble::Away(error.to_string()),
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // A look-up of a name that hangs must not hold up the one who drops us.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
