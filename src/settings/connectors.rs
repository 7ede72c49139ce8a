//! `[[source]]` and `[[sink]]`: where records come from, and where decisions go.

use super::quantity::Scalar;
use gridweaver_model::Time;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use std::collections::BTreeMap;

/// `[[source]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SourceSettings {
    /// Files.
    File {
        /// Names and globs; `-` is standard input.
        paths: Vec<String>,
        /// Whether to wait for more.
        #[serde(default)]
        follow: bool,
    },
    /// Topics of a Kafka cluster.
    Kafka {
        /// Where to find the cluster: `host:port`.
        brokers: Vec<String>,
        /// Topics by name.
        #[serde(default)]
        topics: Vec<String>,
        /// Topics by a regular expression.
        topic_pattern: Option<String>,
        /// Where a partition begins that no checkpoint knows.
        #[serde(default)]
        start: Start,
        /// Where refused records go besides the dead-letter file.
        dead_letter_topic: Option<String>,
        /// What is handed to the client as it is.
        #[serde(default)]
        client: Client,
    },
    /// A stream of NATS JetStream.
    Nats {
        /// `nats://host:port` or `tls://host:port`: any of them will do.
        servers: Vec<String>,
        /// A `.creds` file.
        credentials_file: Option<String>,
        /// A file with an nkey seed.
        nkey_file: Option<String>,
        /// A name, with a password.
        user: Option<String>,
        /// The password.
        password: Option<String>,
        /// A file that holds it.
        password_file: Option<String>,
        /// How the connection is secured.
        #[serde(default)]
        tls: NatsTls,
        /// The stream.
        stream: String,
        /// Only records under this subject.
        subject: Option<String>,
        /// Where to begin without a checkpoint.
        #[serde(default)]
        start: Start,
    },
}

impl SourceSettings {
    /// Of a NATS source, where that is and who we are there.
    #[must_use]
    pub fn nats_access(&self) -> Option<NatsAccess<'_>> {
        let Self::Nats {
            servers,
            credentials_file,
            nkey_file,
            user,
            password,
            password_file,
            tls,
            ..
        } = self
        else {
            return None;
        };
        Some(NatsAccess {
            servers,
            credentials_file: credentials_file.as_deref(),
            nkey_file: nkey_file.as_deref(),
            user: user.as_deref(),
            password: password.as_deref(),
            password_file: password_file.as_deref(),
            tls,
        })
    }
}

/// `[[sink]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SinkSettings {
    /// A file.
    File {
        /// Its path; `-` is standard output.
        path: String,
        /// Which records; empty: all.
        #[serde(default)]
        types: Vec<String>,
    },
    /// Topics of a Kafka cluster.
    Kafka {
        /// Where to find the cluster: `host:port`.
        brokers: Vec<String>,
        /// Where records go.
        topic: String,
        /// Where records of some types go instead.
        #[serde(default)]
        topics: BTreeMap<String, String>,
        /// What names the sink to the cluster, over restarts.
        transactional_id: String,
        /// Where the ends of ticks go.
        tick_topic: Option<String>,
        /// Which records; empty: all.
        #[serde(default)]
        types: Vec<String>,
        /// What is handed to the client as it is.
        #[serde(default)]
        client: Client,
    },
    /// A stream of NATS JetStream.
    Nats {
        /// `nats://host:port` or `tls://host:port`: any of them will do.
        servers: Vec<String>,
        /// A `.creds` file.
        credentials_file: Option<String>,
        /// A file with an nkey seed.
        nkey_file: Option<String>,
        /// A name, with a password.
        user: Option<String>,
        /// The password.
        password: Option<String>,
        /// A file that holds it.
        password_file: Option<String>,
        /// How the connection is secured.
        #[serde(default)]
        tls: NatsTls,
        /// The stream.
        stream: String,
        /// What subjects begin with.
        subject_prefix: String,
        /// Which records; empty: all.
        #[serde(default)]
        types: Vec<String>,
    },
}

impl SinkSettings {
    /// Which records it takes; empty: all.
    #[must_use]
    pub fn types(&self) -> &[String] {
        let (Self::File { types, .. } | Self::Kafka { types, .. } | Self::Nats { types, .. }) =
            self;
        types
    }

    /// Of a NATS sink, where that is and who we are there.
    #[must_use]
    pub fn nats_access(&self) -> Option<NatsAccess<'_>> {
        let Self::Nats {
            servers,
            credentials_file,
            nkey_file,
            user,
            password,
            password_file,
            tls,
            ..
        } = self
        else {
            return None;
        };
        Some(NatsAccess {
            servers,
            credentials_file: credentials_file.as_deref(),
            nkey_file: nkey_file.as_deref(),
            user: user.as_deref(),
            password: password.as_deref(),
            password_file: password_file.as_deref(),
            tls,
        })
    }
}

/// Settings of a client, each as text.
pub(super) type Client = BTreeMap<String, Scalar>;

/// Where NATS is, and who we are there.
#[derive(Clone, Copy, Debug)]
pub struct NatsAccess<'a> {
    /// Its addresses.
    pub servers: &'a [String],
    /// A `.creds` file.
    pub credentials_file: Option<&'a str>,
    /// A file with an nkey seed.
    pub nkey_file: Option<&'a str>,
    /// A name, with a password.
    pub user: Option<&'a str>,
    /// The password.
    pub password: Option<&'a str>,
    /// A file that holds it.
    pub password_file: Option<&'a str>,
    /// How the connection is secured.
    pub tls: &'a NatsTls,
}

/// How a connection to NATS is secured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NatsTls {
    /// Whether a connection without TLS is refused.
    pub required: bool,
    /// Whether TLS begins before the server's greeting.
    pub first: bool,
    /// Who may have signed the server's certificate (PEM).
    pub ca_file: Option<String>,
    /// Our certificate (PEM).
    pub cert_file: Option<String>,
    /// Its private key (PEM).
    pub key_file: Option<String>,
}

/// Where a partition begins that no checkpoint knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With its first record.
    #[default]
    Beginning,
    /// Behind its last one.
    End,
    /// With the first record that was taken in at this time or later.
    Time(Time),
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "checkpoint" | "beginning" => Ok(Self::Beginning),
            "end" => Ok(Self::End),
            _ => Time::parse(&text).map(Self::Time).ok_or_else(|| {
                D::Error::custom(format!(
                    "`{text}` is no start: \"checkpoint\", \"beginning\", \"end\" or a time such as \"2026-01-01T00:00:00Z\""
                ))
            }),
        }
    }
}
