//! Settings: command-line options, each with its environment variable and limit.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// Where the data and the keys lie.
#[derive(Debug, Clone, Args)]
pub struct StorageConfig {
    /// Database: sqlite:PATH (embedded, the default) or postgres://…
    #[arg(long, env = "LABOUR_EXCHANGE_DATABASE", default_value = "sqlite:data/exchange.db", global = true)]
    pub database: String,
    /// Key file, made at first start with mode 0600; keep it apart from the database and its backups
    #[arg(long, env = "LABOUR_EXCHANGE_KEY_FILE", default_value = "data/keys.json", global = true)]
    pub key_file: PathBuf,
    /// Address under which clients reach the exchange: issuer of tokens and base of problem types
    #[arg(long, env = "LABOUR_EXCHANGE_PUBLIC_URL", default_value = "http://127.0.0.1:8080", global = true)]
    pub public_url: String,
}

/// Most bytes of a file sent for import, unless the operator says otherwise.
const IMPORT_BYTES_MAX: usize = 5 * 1024 * 1024;

/// How the server listens.
#[derive(Debug, Clone, Args)]
pub struct ServerConfig {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "LABOUR_EXCHANGE_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: std::net::SocketAddr,
    /// HTTP workers; 0 means one per core
    #[arg(long, env = "LABOUR_EXCHANGE_WORKERS", default_value_t = 0)]
    pub workers: usize,
    /// Database threads that read
    #[arg(long, env = "LABOUR_EXCHANGE_DATABASE_READERS", default_value_t = 2)]
    pub database_readers: usize,
    /// Seconds a client may take to send the head of a request, and again for its body
    #[arg(long, env = "LABOUR_EXCHANGE_REQUEST_TIMEOUT_S", default_value_t = 30)]
    pub request_timeout_s: u64,
    /// Tokens one client may ask for in a minute; 0 means no limit
    #[arg(long, env = "LABOUR_EXCHANGE_TOKENS_PER_CLIENT", default_value_t = 10)]
    pub tokens_per_client: u32,
    /// Tokens that may be asked for from one address in a minute, by whomever; 0 means no limit
    #[arg(long, env = "LABOUR_EXCHANGE_TOKENS_PER_PEER", default_value_t = 10)]
    pub tokens_per_peer: u32,
    /// Most bytes of a file sent for import
    #[arg(long, env = "LABOUR_EXCHANGE_IMPORT_BYTES_MAX", default_value_t = IMPORT_BYTES_MAX)]
    pub import_bytes_max: usize,
    /// Reading calls of one client in a minute; 0 means no limit
    #[arg(long, env = "LABOUR_EXCHANGE_READS_PER_CLIENT", default_value_t = 6_000)]
    pub reads_per_client: u32,
    /// Writing calls of one client in a minute; 0 means no limit
    #[arg(long, env = "LABOUR_EXCHANGE_WRITES_PER_CLIENT", default_value_t = 3_000)]
    pub writes_per_client: u32,
    /// Calls of many rows (rosters, claims, observations …) of one client in a minute; 0 means no limit
    #[arg(long, env = "LABOUR_EXCHANGE_BULK_PER_CLIENT", default_value_t = 120)]
    pub bulk_per_client: u32,
    /// A proxy stands in front: the last address of X-Forwarded-For is who asks. Never set this without one
    #[arg(long, env = "LABOUR_EXCHANGE_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// Webhooks may go to addresses inside, to any port and without TLS: to try things out on one machine. Never set this on a real exchange
    #[arg(long, env = "LABOUR_EXCHANGE_WEBHOOK_ALLOW_PRIVATE")]
    pub webhook_allow_private: bool,
    /// Seconds a server told to stop (SIGTERM) goes on while /readyz says 503, so that balancers turn away first
    #[arg(long, env = "LABOUR_EXCHANGE_DRAIN_S", default_value_t = 3)]
    pub drain_s: u64,
    /// Seconds a stopping server gives to requests under way
    #[arg(long, env = "LABOUR_EXCHANGE_SHUTDOWN_TIMEOUT_S", default_value_t = 20)]
    pub shutdown_timeout_s: u64,
}

/// What a client may take of the server's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a body may take to arrive.
    pub body: Duration,
    /// Token requests of one client in a minute; 0 for no limit.
    pub tokens_per_client: u32,
    /// Token requests of one address in a minute; 0 for no limit.
    pub tokens_per_peer: u32,
    /// Most bytes of a file sent for import.
    pub import_bytes: usize,
    /// Reading calls of one client in a minute; 0 for no limit.
    pub reads_per_client: u32,
    /// Writing calls of one client in a minute; 0 for no limit.
    pub writes_per_client: u32,
    /// Calls of many rows of one client in a minute; 0 for no limit.
    pub bulk_per_client: u32,
    /// Whether a proxy stands in front and says in X-Forwarded-For who asks.
    pub behind_proxy: bool,
}

/// What holds where nobody sets anything: a server always does.
impl Default for Limits {
    fn default() -> Self {
        Self {
            body: Duration::from_secs(30),
            tokens_per_client: 10,
            tokens_per_peer: 10,
            import_bytes: IMPORT_BYTES_MAX,
            reads_per_client: 0,
            writes_per_client: 0,
            bulk_per_client: 0,
            behind_proxy: false,
        }
    }
}

impl ServerConfig {
    /// The limits set here.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        Limits {
            body: Duration::from_secs(self.request_timeout_s),
            tokens_per_client: self.tokens_per_client,
            tokens_per_peer: self.tokens_per_peer,
            import_bytes: self.import_bytes_max,
            reads_per_client: self.reads_per_client,
            writes_per_client: self.writes_per_client,
            bulk_per_client: self.bulk_per_client,
            behind_proxy: self.behind_proxy,
        }
    }
}

/// How the log is written.
#[derive(Debug, Clone, Args)]
pub struct LogConfig {
    /// Form of the log
    #[arg(long, env = "LABOUR_EXCHANGE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Human, global = true)]
    pub log_format: LogFormat,
    /// What is logged, in the words of tracing's EnvFilter [default: info while serving, warn for every other command]
    #[arg(long, env = "LABOUR_EXCHANGE_LOG", global = true)]
    pub log: Option<String>,
}

/// Forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line for people.
    Human,
    /// One JSON object a line for programs.
    Json,
}
