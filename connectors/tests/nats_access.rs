//! Who may connect: addresses, passwords, keys, JWTs and certificates, and what is said where one
//! of them is wrong.

#![cfg(feature = "nats")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/nats.rs"]
mod server;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridweaver_connectors::nats::{
    Credentials, NatsError, NatsSource, Servers, SourceOptions, Tls,
};
use gridweaver_connectors::{Batch, Progress, Source, SourceError};
use nkeys::KeyPair;
use server::NatsServer;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn what_is_configured_wrongly_is_said() {
    let server = NatsServer::start();
    let nowhere = format!("nats://me:secret@127.0.0.1:{}", server::free_port());
    let open = |url: &str, stream: &str| {
        NatsSource::open(&Servers::at([url]), stream, &SourceOptions::default()).err().unwrap()
    };
    let error = open(&nowhere, "GRID");
    assert!(matches!(error, NatsError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    let error = open("nats://[", "GRID");
    assert!(matches!(error, NatsError::BadAddress { .. }), "{error}");
    let error = open(&server.url(), "GRID.X");
    assert!(matches!(error, NatsError::BadStreamName { .. }), "{error}");
    let port = server::free_port();
    let plain = NatsServer::start_in(
        tempfile::tempdir().unwrap(),
        port,
        &format!("listen: 127.0.0.1:{port}\n"),
    );
    let error = open(&plain.url(), "GRID");
    assert!(error.to_string().contains("JetStream does not answer"), "{error}");
}

fn with(server: &NatsServer, credentials: Credentials) -> Servers {
    Servers { credentials, ..server.servers() }
}

fn opened(servers: &Servers) -> Result<(), NatsError> {
    NatsSource::open(servers, "GRID", &SourceOptions::default()).map(drop)
}

#[test]
fn a_name_and_a_password_are_shown_to_the_server() {
    let mut server = NatsServer::start_with("authorization { user: grid, password: right }");
    let mut named = Servers::at([format!("nats://grid:right@127.0.0.1:{}", server.port())]);
    let error = opened(&named).unwrap_err();
    assert!(matches!(error, NatsError::NoStream { .. }), "{error}");
    named.urls = vec![named.urls[0].replace("right", "wrong")];
    assert!(matches!(opened(&named), Err(NatsError::Denied { .. })));
    let admin = server::Admin::connect_as("grid", "right", &server.url());
    admin.create("GRID");
    let password = |password: &str| Credentials::UserAndPassword {
        user: "grid".to_owned(),
        password: password.to_owned(),
    };
    opened(&with(&server, password("right"))).unwrap();
    for wrong in [password("wrong"), Credentials::None] {
        let error = opened(&with(&server, wrong)).unwrap_err();
        assert!(matches!(error, NatsError::Denied { .. }), "{error}");
    }
    assert!(!format!("{:?}", password("right")).contains("right"));
    // A password that is changed while running ends it.
    let servers = with(&server, password("right"));
    let mut source = NatsSource::open(&servers, "GRID", &SourceOptions::default()).unwrap();
    let mut batch = Batch::new(10);
    while source.read(&mut batch).unwrap() != Progress::Waiting {}
    let path = server.folder().join("server.conf");
    let changed = fs::read_to_string(&path).unwrap().replace("right", "other");
    fs::write(&path, changed).unwrap();
    server.kill();
    server.start_again();
    let error = loop {
        if let Err(SourceError::Nats(error)) = source.read(&mut batch) {
            break error;
        }
    };
    assert!(matches!(error, NatsError::Denied { .. }), "{error}");
}

#[test]
fn what_is_not_permitted_is_an_error() {
    let server = NatsServer::start_with(
        "authorization { users = [ { user: a, password: b, permissions: { publish: [\"x\"] } } ] }",
    );
    let credentials =
        Credentials::UserAndPassword { user: "a".to_owned(), password: "b".to_owned() };
    let error = opened(&with(&server, credentials)).unwrap_err();
    assert!(matches!(error, NatsError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("STREAM.INFO"), "{error}");
}

#[test]
fn an_nkey_is_shown_to_the_server() {
    let pair = KeyPair::new_user();
    let server = NatsServer::start_with(&format!(
        "authorization {{ users = [ {{ nkey: {} }} ] }}",
        pair.public_key()
    ));
    let file = |name: &str, text: &str| {
        let path = server.folder().join(name);
        fs::write(&path, text).unwrap();
        Credentials::NkeyFile(path)
    };
    let text = format!("# the key of grid\n{}\n{}\n", pair.seed().unwrap(), pair.public_key());
    let error = opened(&with(&server, file("right.nk", &text))).unwrap_err();
    assert!(matches!(error, NatsError::NoStream { .. }), "{error}");
    let other = KeyPair::new_user().seed().unwrap();
    let error = opened(&with(&server, file("other.nk", &other))).unwrap_err();
    assert!(matches!(error, NatsError::Denied { .. }), "{error}");
    let error = opened(&with(&server, file("none.nk", "nothing"))).unwrap_err();
    assert!(matches!(error, NatsError::NoSeed { .. }), "{error}");
    let missing = Credentials::NkeyFile(server.folder().join("missing.nk"));
    let error = opened(&with(&server, missing)).unwrap_err();
    assert!(matches!(error, NatsError::SecretUnreadable { .. }), "{error}");
}

/// A JWT as the NATS tools make it: a header, claims, and the issuer's signature over both.
fn token(issuer: &KeyPair, subject: &KeyPair, claims: &str) -> String {
    let header = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
    let claims = format!(
        r#"{{"jti":"{}","iat":1700000000,"iss":"{}","name":"test","sub":"{}","nats":{claims}}}"#,
        subject.public_key(),
        issuer.public_key(),
        subject.public_key(),
    );
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = issuer.sign(text.as_bytes()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn a_credentials_file_is_shown_to_the_server() {
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let unlimited = r#""subs":-1,"data":-1,"payload":-1"#;
    let limits = format!(
        r#"{{{unlimited},"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1,"mem_storage":-1,"disk_storage":-1,"streams":-1,"consumer":-1}}"#
    );
    let operator_token = token(&operator, &operator, r#"{"type":"operator","version":2}"#);
    let account_claims = format!(r#"{{"limits":{limits},"type":"account","version":2}}"#);
    let account_token = token(&operator, &account, &account_claims);
    let system = KeyPair::new_account();
    // It takes part in JetStream, and may not store anything itself.
    let none = account_claims
        .replace(r#""mem_storage":-1"#, r#""mem_storage":0"#)
        .replace(r#""disk_storage":-1"#, r#""disk_storage":0"#);
    let system_token = token(&operator, &system, &none);
    let server = NatsServer::start_with(&format!(
        "operator: {operator_token}\nsystem_account: {system}\nresolver: MEMORY\n\
         resolver_preload: {{\n{system}: {system_token}\n{account}: {account_token}\n}}",
        system = system.public_key(),
        account = account.public_key(),
    ));
    let credentials = |name: &str, issuer: &KeyPair| {
        let user = KeyPair::new_user();
        let claims = format!(r#"{{"pub":{{}},"sub":{{}},{unlimited},"type":"user","version":2}}"#);
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            token(issuer, &user, &claims),
            user.seed().unwrap(),
        );
        let path = server.folder().join(name);
        fs::write(&path, text).unwrap();
        Credentials::CredentialsFile(path)
    };
    let error = opened(&with(&server, credentials("right.creds", &account))).unwrap_err();
    assert!(matches!(error, NatsError::NoStream { .. }), "{error}");
    let other = KeyPair::new_account();
    let error = opened(&with(&server, credentials("other.creds", &other))).unwrap_err();
    assert!(matches!(error, NatsError::Denied { .. }), "{error}");
    let empty = server.folder().join("empty.creds");
    fs::write(&empty, "").unwrap();
    let error = opened(&with(&server, Credentials::CredentialsFile(empty))).unwrap_err();
    assert!(matches!(error, NatsError::SecretUnreadable { .. }), "{error}");
}

fn openssl(folder: &Path, arguments: &str) {
    let run = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("no openssl ({error}): install it"));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// Makes a certificate authority and certificates for a server and a client.
fn make_certificates(folder: &Path) {
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=ca -days 2"));
    for name in ["server", "client"] {
        openssl(folder, &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
                 -out {name}.pem -days 2 -extfile names"
            )
            .replace("                  ", ""),
        );
    }
}

#[test]
fn the_connection_is_secured_where_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let port = server::free_port();
    let text = format!(
        "listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"FOLDER/store\" }}\n\
         tls {{ cert_file: \"FOLDER/server.pem\", key_file: \"FOLDER/server.key\", \
         ca_file: \"FOLDER/ca.pem\", verify: true }}\n"
    );
    let server = NatsServer::start_in(folder, port, &text);
    let path = |name: &str| Some(server.folder().join(name));
    let whole = Tls {
        ca_file: path("ca.pem"),
        cert_file: path("client.pem"),
        key_file: path("client.key"),
        ..Tls::default()
    };
    let with = |tls| Servers { tls, ..server.servers() };
    let error = opened(&with(whole.clone())).unwrap_err();
    assert!(matches!(error, NatsError::NoStream { .. }), "{error}");
    let without_client = Tls { cert_file: None, key_file: None, ..whole.clone() };
    let error = opened(&with(without_client)).unwrap_err();
    assert!(matches!(error, NatsError::Unreachable { .. }), "{error}");
    let untrusted = Tls { required: true, ca_file: None, ..whole.clone() };
    let error = opened(&with(untrusted)).unwrap_err();
    assert!(matches!(error, NatsError::Unreachable { .. }), "{error}");
    let missing = Tls { ca_file: path("missing.pem"), ..whole.clone() };
    let error = opened(&with(missing)).unwrap_err();
    assert!(matches!(error, NatsError::SecretUnreadable { .. }), "{error}");
    let half = Tls { key_file: None, ..whole };
    let error = opened(&with(half)).unwrap_err();
    assert!(matches!(error, NatsError::HalfCertificate), "{error}");
    let plain = NatsServer::start();
    let wants = Servers { tls: Tls { required: true, ..Tls::default() }, ..plain.servers() };
    let error = opened(&wants).unwrap_err();
    assert!(matches!(error, NatsError::Unreachable { .. }), "{error}");
}
