//! The log. Fields carry ids, codes and counts; bodies, names, identity numbers and tokens are never logged.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{LogConfig, LogFormat};
use crate::error::{Code, Error, Result};

/// Left out whatever is asked for: in its debug lines stand addresses as they were sent, identity numbers typed into
/// them included.
const NEVER: &str = "actix_web::types=off";

/// Starts the log on standard error, so that standard output stays free for what commands print; `unless_told` says what is logged when
/// no setting does.
///
/// # Errors
/// [`Code::ConfigurationInvalid`] for a setting that cannot be followed: a log that is silently another one is missed when needed.
pub fn start(config: &LogConfig, unless_told: &str) -> Result<()> {
    let filter = filter(config.log.as_deref().unwrap_or(unless_told))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Colours are for people at a terminal, not for files.
    let builder = builder.with_ansi(std::io::stderr().is_terminal());
    let started = match config.log_format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A second start in one process (tests) keeps the first log.
    drop(started);
    Ok(())
}

fn filter(setting: &str) -> Result<EnvFilter> {
    let misspelt = misspelt_level(setting);
    match EnvFilter::try_new(format!("{setting},{NEVER}")) {
        Ok(filter) if misspelt.is_none() => Ok(filter),
        _ => Err(refused(misspelt.unwrap_or(setting))),
    }
}

fn refused(wrong: &str) -> Error {
    Error::new(Code::ConfigurationInvalid).detail(
        format!(
            "--log says {wrong:?}; write a level (off, error, warn, info, debug, trace) or target=level, with commas between"
        ),
        format!("--log 中的 {wrong:?} 有误；请填写级别（off、error、warn、info、debug、trace）或“目标=级别”，以逗号分隔"),
    )
}

/// A bare word that is no level, or nothing where something should stand. The filter would take a word for a target and log nothing
/// else.
fn misspelt_level(setting: &str) -> Option<&str> {
    let is_word = |directive: &&str| directive.chars().all(|letter| letter.is_alphanumeric() || "_-:".contains(letter));
    let words = setting.split(',').map(str::trim).filter(is_word);
    // Commas within brackets part the fields of a span, not directives.
    words.filter(|_| !setting.contains('[')).find(|word| word.is_empty() || word.parse::<LevelFilter>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_followed_or_refused() {
        for setting in
            ["info", "TRACE", "off", "warn,labour_exchange=debug", "info,labour_exchange[request{route}]=trace"]
        {
            assert!(filter(setting).unwrap().to_string().contains(NEVER), "{setting}");
        }
        for setting in ["inof", "", "info,", "labour_exchange", "info,labour_exchange=loud", "=", "info,[request"] {
            let refused = filter(setting).map(|taken| taken.to_string()).unwrap_err();
            assert_eq!(refused.code, Code::ConfigurationInvalid, "{setting}");
        }
    }
}
