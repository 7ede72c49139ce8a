//! What a live run shows over HTTP: `/metrics`, `/healthz`, `/readyz`.
//!
//! | path | answer |
//! | --- | --- |
//! | `/healthz` | 200 while the process runs |
//! | `/readyz` | 200 while all is open and event time goes on; 503 says why not |
//! | `/metrics` | figures in the text format of Prometheus |

mod metrics;

use crate::engine::Watch;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A server that answers until it is dropped.
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Answers at `listen` (`host:port`) for the run that `watch` shows.
///
/// # Errors
/// Where the address can't be listened at.
pub fn serve(listen: &str, watch: Arc<Watch>) -> io::Result<Server> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel();
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(watch);
    let answer = async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let until_stopped = async {
            let _ = stopped.await;
        };
        axum::serve(listener, routes).with_graceful_shutdown(until_stopped).await
    };
    let thread = std::thread::Builder::new().name("http".to_owned()).spawn(move || {
        if let Err(error) = runtime.block_on(answer) {
            tracing::warn!("HTTP is no longer answered: {error}");
        }
    })?;
    Ok(Server { stop: Some(stop), thread: Some(thread) })
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn ready(State(watch): State<Arc<Watch>>) -> (StatusCode, String) {
    let board = watch.board();
    match (board.is_running, board.stalled) {
        (true, None) => (StatusCode::OK, "ready\n".to_owned()),
        (true, Some(stalled)) => (StatusCode::SERVICE_UNAVAILABLE, stalled + "\n"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not running\n".to_owned()),
    }
}

async fn metrics(State(watch): State<Arc<Watch>>) -> impl IntoResponse {
    match metrics::text(watch) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text)
        }
        Err(error) => {
            let kind = "text/plain; charset=utf-8";
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, kind)], error.to_string())
        }
    }
}
