//! `certify`: plays a sender against a partner's receiver and says, for people and for programs, what it does right and what it does wrong.

mod conversation;
mod report;
mod script;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use self::conversation::Conversation;
use self::report::Report;
use super::storage::invalid;
use crate::error::Result;
use crate::webhooks::signature::SigningSecret;

/// Against whom.
#[derive(Debug, Args)]
pub struct Options {
    /// The receiver's URL
    url: String,
    /// The shared secret it checks with (whsec_…), or the private key of its public one (whsk_…)
    #[arg(long, env = "LABOUR_EXCHANGE_WEBHOOK_SECRET", hide_env_values = true)]
    secret: String,
    /// Where the receiver tells the ids of the events that count: GET gives {"events": ["id", …]}. Without it, what lies behind a 2xx is not
    /// checked
    #[arg(long)]
    state_url: Option<String>,
    /// Seconds the receiver may take to answer
    #[arg(long, default_value_t = 15)]
    patience_s: u64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Plays the script and prints the report; exit code 1 when something is wrong.
pub fn run(options: Options) -> Result<ExitCode> {
    let url = reqwest::Url::parse(&options.url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| invalid(format!("{} is no URL", options.url), format!("{} 不是网址", options.url)))?;
    let secret = SigningSecret::parse(&options.secret)
        .map_err(|error| invalid(error.to_string(), "须为 whsec_ 开头的密钥（或 whsk_ 开头的私钥）"))?;
    let patience = Duration::from_secs(options.patience_s.max(1));
    let conversation = Conversation::new(url, secret, options.state_url, patience)?;
    let runtime = tokio::runtime::Runtime::new().map_err(crate::error::Error::internal)?;
    let report = runtime.block_on(script::play(conversation));
    tell(&report, options.json)?;
    Ok(if report.is_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(report: &Report, as_json: bool) -> Result<()> {
    let text = if as_json { serde_json::to_string_pretty(report)? } else { report.lines().join("\n") };
    // Whoever reads through a pipe may have closed it; the exit code says it all the same.
    drop(writeln!(std::io::stdout().lock(), "{text}"));
    Ok(())
}
