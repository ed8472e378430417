//! `demo`: the main job with sample data, played through the API over an empty database, and then served.

use std::net::TcpListener;

use clap::Args;

use super::storage;
use crate::config::{ServerConfig, StorageConfig};
use crate::demo::{self, Setting};
use crate::error::Result;
use crate::webhooks::guard::Guard;

/// The settings' own defaults: a demonstration never touches the database or the keys of a real exchange by leaving them out.
const REAL_DATABASE: &str = "sqlite:data/exchange.db";
const REAL_URL: &str = "http://127.0.0.1:8080";

/// How the demonstration runs.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    server: ServerConfig,
    /// End when everything has been played; exit code 1 unless every figure is as planned
    #[arg(long, env = "LABOUR_EXCHANGE_DEMO_ONCE")]
    once: bool,
}

/// Plays, and serves on unless told otherwise; gives whether everything came out as planned.
pub fn run(config: &StorageConfig, options: &Options) -> Result<bool> {
    let mut config = config.clone();
    if config.database == REAL_DATABASE {
        let folder = demo::fresh_folder();
        config.database = format!("sqlite:{}", folder.join("exchange.db").display());
        config.key_file = folder.join("keys.json");
        println!("database {}", config.database);
    }
    let listener = TcpListener::bind(options.server.listen).map_err(|cause| {
        let listen = options.server.listen;
        storage::invalid(
            format!("cannot listen on {listen} ({cause}); choose another address with --listen"),
            format!("无法监听 {listen}（{cause}）；请用 --listen 更换地址"),
        )
    })?;
    if config.public_url == REAL_URL {
        let address = listener.local_addr().map_err(crate::error::Error::internal)?;
        config.public_url = format!("http://{address}");
    }
    let location = storage::location(&config)?;
    let setting = Setting {
        keys: storage::keys(&config, &location)?,
        location,
        listener,
        public_url: storage::public_url(&config)?.to_owned(),
        workers: options.server.workers,
        readers: options.server.database_readers,
        once: options.once,
        webhook_guard: Guard { allow_private: options.server.webhook_allow_private },
    };
    actix_web::rt::System::new().block_on(demo::run(setting))
}
