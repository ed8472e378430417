//! `verify`: what is stored twice is recomputed from its source and compared; nothing is mended.

use std::process::ExitCode;

use super::storage;
use crate::config::StorageConfig;
use crate::db::DbConnection;
use crate::error::Result;
use crate::events::log;

/// One check.
struct Check {
    name: &'static str,
    run: fn(&mut DbConnection) -> Result<Outcome>,
}

/// What a check found.
struct Outcome {
    /// How many things it looked at.
    examined: u64,
    /// What is not as it should be, one line each.
    differences: Vec<String>,
}

/// Every check, in the order they are run.
const CHECKS: &[Check] = &[Check { name: "event chains / 事件链", run: event_chains }];

/// Runs every check on one snapshot per check; exit code 1 when something is wrong.
pub fn run(config: &StorageConfig) -> Result<ExitCode> {
    let mut connection = storage::up_to_date(config)?;
    let mut sound = true;
    for check in CHECKS {
        let Outcome { examined, differences } = (check.run)(&mut connection)?;
        println!("{}: {examined} examined, {} differences", check.name, differences.len());
        for difference in &differences {
            println!("  {difference}");
        }
        sound &= differences.is_empty();
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn event_chains(connection: &mut DbConnection) -> Result<Outcome> {
    let (examined, broken) = log::verify(connection)?;
    let told = |broken: log::Broken| format!("chain {} entry {}: {}", broken.chain_id, broken.sequence, broken.reason);
    Ok(Outcome { examined, differences: broken.into_iter().map(told).collect() })
}
