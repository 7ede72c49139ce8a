//! Where the NATS servers are, and how they know us.
//!
//! Secrets are read from files when a connection is made and appear in no error and no debug
//! text. An address may hold `user:password@`; it is shown without.

use super::NatsError;
use async_nats::{ConnectOptions, ServerAddr};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the server is asked for a sign of life; it is given up after three.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// The longest pause between two attempts to connect again.
const RECONNECT_DELAY_MAX_MS: u64 = 1000;

/// The servers of one NATS system.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    /// `nats://host:port` or `tls://host:port`: any of them will do.
    pub urls: Vec<String>,
    /// Who we are.
    pub credentials: Credentials,
    /// How the connection is secured.
    pub tls: Tls,
}

/// Who we are to the server.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody in particular, or whom the address names.
    #[default]
    None,
    /// A `.creds` file: a JWT and its seed.
    CredentialsFile(PathBuf),
    /// A file with an nkey seed (`SU…`).
    NkeyFile(PathBuf),
    /// A name and a password.
    UserAndPassword {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("None"),
            Self::CredentialsFile(path) => write!(formatter, "CredentialsFile({path:?})"),
            Self::NkeyFile(path) => write!(formatter, "NkeyFile({path:?})"),
            Self::UserAndPassword { user, .. } => write!(formatter, "UserAndPassword({user:?})"),
        }
    }
}

/// How the connection is secured.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Whether a connection without TLS is refused. A `tls://` address, a `ca_file` and a
    /// `cert_file` say so too.
    pub required: bool,
    /// Whether TLS begins before the server's greeting (its `handshake_first`).
    pub first: bool,
    /// Who may have signed the server's certificate, besides those that the system trusts (PEM).
    pub ca_file: Option<PathBuf>,
    /// Our certificate (PEM), where the server wants one; with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Its private key (PEM).
    pub key_file: Option<PathBuf>,
}

impl Servers {
    /// The servers at these addresses, without credentials or TLS.
    pub fn at(urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { urls: urls.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    pub(super) fn addresses(&self) -> Result<Vec<ServerAddr>, NatsError> {
        if self.urls.is_empty() {
            return Err(NatsError::BadAddress { server: String::new() });
        }
        let parsed = |url: &String| {
            url.parse().map_err(|_| NatsError::BadAddress { server: without_password(url) })
        };
        self.urls.iter().map(parsed).collect()
    }

    /// What the client library needs to know; reads the files of secrets.
    pub(super) fn options(&self) -> Result<ConnectOptions, NatsError> {
        let options = self.identified(ConnectOptions::new())?;
        let options = self.tls.applied(options)?;
        Ok(options
            .name("gridweaver")
            .connection_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            // A server that is away for an hour is no reason to end.
            .max_reconnects(None)
            .reconnect_delay_callback(|attempts| {
                let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(10);
                Duration::from_millis((1 << doublings).min(RECONNECT_DELAY_MAX_MS))
            }))
    }

    fn identified(&self, options: ConnectOptions) -> Result<ConnectOptions, NatsError> {
        match &self.credentials {
            Credentials::None => {
                let addresses = self.addresses()?;
                let named = addresses.iter().find(|address| address.has_user_pass());
                let pair =
                    named.and_then(|address| Some((address.username()?, address.password()?)));
                Ok(match pair {
                    Some((user, password)) => {
                        options.user_and_password(user.to_owned(), password.to_owned())
                    }
                    None => options,
                })
            }
            Credentials::CredentialsFile(path) => {
                let unreadable = |cause| NatsError::SecretUnreadable {
                    what: "credentials file",
                    path: path.clone(),
                    cause,
                };
                let text = fs::read_to_string(path).map_err(unreadable)?;
                options.credentials(&text).map_err(unreadable)
            }
            Credentials::NkeyFile(path) => Ok(options.nkey(read_seed(path)?)),
            Credentials::UserAndPassword { user, password } => {
                Ok(options.user_and_password(user.clone(), password.clone()))
            }
        }
    }
}

impl Tls {
    fn applied(&self, options: ConnectOptions) -> Result<ConnectOptions, NatsError> {
        let mut options = options;
        let is_needed = self.required || self.ca_file.is_some() || self.cert_file.is_some();
        if is_needed {
            options = options.require_tls(true);
        }
        if self.first {
            options = options.tls_first();
        }
        if let Some(path) = &self.ca_file {
            check_readable("file of trusted certificates", path)?;
            options = options.add_root_certificates(path.clone());
        }
        match (&self.cert_file, &self.key_file) {
            (Some(certificate), Some(key)) => {
                check_readable("certificate", certificate)?;
                check_readable("private key", key)?;
                options = options.add_client_certificate(certificate.clone(), key.clone());
            }
            (None, None) => {}
            _ => return Err(NatsError::HalfCertificate),
        }
        Ok(options)
    }
}

fn check_readable(what: &'static str, path: &Path) -> Result<(), NatsError> {
    let unreadable = |cause| NatsError::SecretUnreadable { what, path: path.to_owned(), cause };
    fs::File::open(path).map(drop).map_err(unreadable)
}

/// The seed of an nkey file, which may hold comments and the public key besides.
fn read_seed(path: &Path) -> Result<String, NatsError> {
    let unreadable =
        |cause| NatsError::SecretUnreadable { what: "nkey file", path: path.to_owned(), cause };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let is_seed = |line: &&str| line.starts_with("SU");
    let seed = text.lines().map(str::trim).find(is_seed);
    seed.map(str::to_owned).ok_or_else(|| NatsError::NoSeed { path: path.to_owned() })
}

impl fmt::Display for Servers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, url) in self.urls.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(formatter, "{separator}{}", without_password(url))?;
        }
        Ok(())
    }
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => url.to_owned(),
    }
}
