//! `serve`: the API until it is told to stop, and then without breaking a request that is under way.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::storage;
use crate::app::{self, State};
use crate::clock::Clock;
use crate::config::{ServerConfig, StorageConfig};
use crate::db::DbConnection;
use crate::error::{Error, Result};
use crate::jobs;
use crate::regions::atlas;

/// How long an idle connection is kept open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How the server listens.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    server: ServerConfig,
}

/// Serves until SIGTERM or SIGINT.
pub fn run(config: &StorageConfig, options: &Options) -> Result<()> {
    let url = storage::public_url(config)?;
    check_atlas()?;
    let location = storage::location(config)?;
    let keys = storage::keys(config, &location)?;
    let readers = options.server.database_readers;
    let mut state = State::open(location, readers, keys, url, Clock::System)?;
    state.limits = options.server.limits();
    actix_web::rt::System::new().block_on(serve(state, config, &options.server))
}

fn check_atlas() -> Result<()> {
    let defects = atlas().defects();
    let Some(first) = defects.first() else { return Ok(()) };
    Err(storage::invalid(
        format!(
            "{} rows of the region table cannot be used, the first at line {}: {}; install the program again",
            defects.len(),
            first.line,
            first.reason
        ),
        format!(
            "行政区划表有 {} 行无法使用，首个在第 {} 行：{}；请重新安装程序",
            defects.len(),
            first.line,
            first.reason
        ),
    ))
}

/// Serves this state until SIGTERM or SIGINT.
pub async fn serve(state: State, storage: &StorageConfig, config: &ServerConfig) -> Result<()> {
    let draining = state.draining.clone();
    actix_web::rt::spawn(jobs::work::run(state.clone()));
    actix_web::rt::spawn(reload_when_told(state.clone(), storage.clone()));
    let mut server = HttpServer::new(move || app::app(&state))
        .client_request_timeout(Duration::from_secs(config.request_timeout_s))
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(config.shutdown_timeout_s)
        .disable_signals();
    if config.workers > 0 {
        server = server.workers(config.workers);
    }
    let server = server.bind(config.listen).map_err(|cause| {
        storage::invalid(
            format!("cannot listen on {} ({cause}); choose another address with --listen", config.listen),
            format!("无法监听 {}（{cause}）；请用 --listen 更换地址", config.listen),
        )
    })?;
    for address in server.addrs() {
        println!("listening on http://{address}");
        tracing::info!(%address, "listening");
    }
    // Whoever started the server may wait for that line through a pipe, or have closed it: neither stops the server.
    drop(std::io::stdout().flush());
    let server = server.run();
    let pause = Duration::from_secs(config.drain_s);
    actix_web::rt::spawn(stop_when_told(server.handle(), draining, pause));
    server.await.map_err(Error::internal)
}

/// Takes over the signing keys of the key file at each SIGHUP. A file that cannot be used changes nothing.
async fn reload_when_told(state: State, config: StorageConfig) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::error!("SIGHUP cannot be heard; start the server again after the keys have changed");
        return;
    };
    while hangup.recv().await.is_some() {
        let (known, file) = (state.clone(), config.clone());
        let work =
            move |connection: &mut DbConnection| known.reload_token_keys(&storage::existing_keys(&file, connection)?);
        match state.db.read(work).await {
            Ok(()) => tracing::info!("signing keys taken over from the key file"),
            Err(error) => {
                let told = error.detail.map(|detail| detail.en).unwrap_or_default();
                tracing::error!(error = error.code.as_str(), told, "signing keys not taken over; those in use stay");
            }
        }
    }
}

/// Says "not ready" first, so that balancers send nothing more; then stops taking requests and finishes those under way.
/// A second signal ends the pause.
async fn stop_when_told(
    server: ServerHandle,
    draining: std::sync::Arc<std::sync::atomic::AtomicBool>,
    pause: Duration,
) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be heard; stop the server by ending the process");
        return;
    };
    let at_terminal = tokio::select! { _ = terminate.recv() => false, _ = interrupt.recv() => true };
    draining.store(true, Ordering::Release);
    tracing::info!("stopping: not ready for new work");
    // At a terminal no balancer is looking.
    if !at_terminal {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    server.stop(true).await;
    tracing::info!("stopped");
}
