//! NATS JetStream, as the configuration names it.

use super::history::{Address, From};
use super::{Begins, OpenedSink};
use crate::commands::{Failure, usage};
use anyhow::{Context as _, anyhow};
use gridweaver::connectors::nats::{
    Credentials, NatsFeed, NatsSink, NatsSource, Servers, SinkOptions, SourceOptions, Start, Tls,
    is_there, visit_ticks_from_the_end,
};
use gridweaver::connectors::{Feed, Source};
use gridweaver::settings::{NatsAccess, Settings, SinkSettings, SourceSettings, Start as Wanted};
use std::fs;

fn servers(access: &NatsAccess<'_>, settings: &Settings) -> Result<Servers, Failure> {
    let path = |path: &str| settings.path(path);
    let credentials = match (access.credentials_file, access.nkey_file, access.user) {
        (None, None, None) => Credentials::None,
        (Some(file), None, None) => Credentials::CredentialsFile(path(file)),
        (None, Some(file), None) => Credentials::NkeyFile(path(file)),
        (None, None, Some(user)) => {
            let password = match (access.password, access.password_file) {
                (Some(password), None) => password.to_owned(),
                (None, Some(file)) => {
                    let file = path(file);
                    let text = fs::read_to_string(&file)
                        .with_context(|| format!("the password file `{}`", file.display()))
                        .map_err(usage)?;
                    text.trim_end().to_owned()
                }
                _ => {
                    return Err(usage(anyhow!(
                        "the user `{user}` of NATS needs one of password and password_file"
                    )));
                }
            };
            Credentials::UserAndPassword { user: user.to_owned(), password }
        }
        _ => {
            return Err(usage(anyhow!(
                "NATS is told who we are by one of credentials_file, nkey_file and user: keep one"
            )));
        }
    };
    let file = |file: &Option<String>| file.as_deref().map(path);
    let tls = Tls {
        required: access.tls.required,
        first: access.tls.first,
        ca_file: file(&access.tls.ca_file),
        cert_file: file(&access.tls.cert_file),
        key_file: file(&access.tls.key_file),
    };
    Ok(Servers { urls: access.servers.to_vec(), credentials, tls })
}

/// Opens a stream where it was read to.
pub(super) fn source(
    source: &SourceSettings,
    settings: &Settings,
    begins: &Begins<'_>,
) -> Result<Box<dyn Source>, Failure> {
    let (SourceSettings::Nats { stream, subject, start, .. }, Some(access)) =
        (source, source.nats_access())
    else {
        return Err(usage(anyhow!("no source from NATS")));
    };
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let read_to = begins(&NatsSource::name_of(stream));
    let start = match (&read_to, start) {
        (Some(read_to), _) => Start::Sequence(read_to.position),
        (None, Wanted::Beginning) => Start::Beginning,
        (None, Wanted::End) => Start::End,
        (None, Wanted::Time(time)) => Start::Time(time.0),
    };
    let options = SourceOptions {
        start,
        subject: subject.clone(),
        identity: read_to.and_then(|read_to| read_to.identity),
        record_bytes_max: bytes(settings.engine.max_record_bytes.0),
        ..SourceOptions::default()
    };
    Ok(Box::new(NatsSource::open(&servers(&access, settings)?, stream, &options)?))
}

/// A stream as far as it reaches now.
pub(super) fn history(
    address: &Address<'_>,
    settings: &Settings,
) -> Result<Box<dyn Source>, Failure> {
    if address.until.is_some() {
        return Err(usage(anyhow!(
            "nats://…/{}: a stream is read to where it ends now; leave until= out, or bound the ticks with --until",
            address.name
        )));
    }
    let urls: Vec<String> =
        address.servers.iter().map(|server| format!("nats://{server}")).collect();
    let configured = settings.source.iter().filter_map(SourceSettings::nats_access);
    let mut configured =
        configured.filter(|access| access.servers.iter().any(|known| urls.contains(known)));
    let servers = match configured.next() {
        Some(access) => servers(&access, settings)?,
        None => Servers::at(urls),
    };
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let options = SourceOptions {
        start: match address.from {
            From::Beginning => Start::Beginning,
            From::Position(sequence) => Start::Sequence(sequence),
            From::Time(time) => Start::Time(time.0),
        },
        is_finite: true,
        record_bytes_max: bytes(settings.engine.max_record_bytes.0),
        ..SourceOptions::default()
    };
    Ok(Box::new(NatsSource::open(&servers, address.name, &options)?))
}

/// What a `[[source]]` would read, without reading it.
pub(super) fn look_at_source(
    source: &SourceSettings,
    settings: &Settings,
) -> Result<String, Failure> {
    let (SourceSettings::Nats { stream, .. }, Some(access)) = (source, source.nats_access()) else {
        return Ok(String::new());
    };
    if is_there(&servers(&access, settings)?, stream)? {
        return Ok(format!("the stream {stream}"));
    }
    Err(Failure::Run(anyhow!("the stream `{stream}` is not there: create it, or name another")))
}

/// Whether an output's server is reached, without writing to it.
pub(super) fn look_at_sink(sink: &SinkSettings, settings: &Settings) -> Result<String, Failure> {
    let (SinkSettings::Nats { stream, .. }, Some(access)) = (sink, sink.nats_access()) else {
        return Ok(String::new());
    };
    let is_there = is_there(&servers(&access, settings)?, stream)?;
    let what = if is_there { "" } else { ", to be created" };
    Ok(format!("the stream {stream}{what}"))
}

/// Opens an output where it was left.
pub(super) fn sink(
    name: &str,
    sink: &SinkSettings,
    settings: &Settings,
    was_written: bool,
) -> Result<OpenedSink, Failure> {
    let (SinkSettings::Nats { stream, subject_prefix, .. }, Some(access)) =
        (sink, sink.nats_access())
    else {
        return Err(usage(anyhow!("no output to NATS")));
    };
    let servers = servers(&access, settings)?;
    let options =
        SinkOptions { may_create: !was_written, ..SinkOptions::new(stream, subject_prefix) };
    let opened = NatsSink::open(name, &servers, &options)?;
    let (stream, prefix) = (stream.clone(), subject_prefix.clone());
    Ok(OpenedSink {
        sink: Box::new(opened.sink),
        place: format!("the stream `{stream}`"),
        last_tick_closed: opened.last_tick_closed,
        next: opened.records_of_next.into_iter().next(),
        ticks: Box::new(move |wants_more| {
            visit_ticks_from_the_end(&servers, &stream, &prefix, wants_more).map_err(Failure::from)
        }),
    })
}

/// What an output brings from now on, as a reader gets it.
pub(super) fn written(
    sink: &SinkSettings,
    settings: &Settings,
) -> Result<Vec<Box<dyn Source>>, Failure> {
    let (SinkSettings::Nats { stream, .. }, Some(access)) = (sink, sink.nats_access()) else {
        return Ok(Vec::new());
    };
    let options = SourceOptions { start: Start::End, ..SourceOptions::default() };
    Ok(vec![Box::new(NatsSource::open(&servers(&access, settings)?, stream, &options)?)])
}

/// The writing end of a source's stream.
pub(super) fn feed(source: &SourceSettings, settings: &Settings) -> Result<Box<dyn Feed>, Failure> {
    let (SourceSettings::Nats { stream, subject, .. }, Some(access)) =
        (source, source.nats_access())
    else {
        return Err(usage(anyhow!("no source from NATS")));
    };
    Ok(Box::new(NatsFeed::open(&servers(&access, settings)?, stream, subject.as_deref())?))
}
