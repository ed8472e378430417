//! The log. Fields carry ids, codes and counts; bodies, names, identity numbers and tokens are never logged.

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Left out whatever is asked for: in its debug lines stand addresses as they were sent, identity numbers typed into
/// them included.
const NEVER: &str = "actix_web::types=off";

/// Starts the log on standard error, so that standard output stays free for what commands print.
pub fn start(config: &LogConfig) {
    let filter = EnvFilter::try_new(format!("{},{NEVER}", config.log))
        .unwrap_or_else(|_| EnvFilter::new(format!("info,{NEVER}")));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.log_format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A second start in one process (tests) keeps the first log.
    drop(started);
}
