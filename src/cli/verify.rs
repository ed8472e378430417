//! `verify`: what is stored twice is recomputed from its source and compared; nothing is mended.

use std::process::ExitCode;

use super::storage;
use crate::agreements;
use crate::config::StorageConfig;
use crate::db::{DbConnection, Id, snapshot};
use crate::dispatches::{outcomes, tally};
use crate::error::Result;
use crate::events::log;
use crate::quotas::accounts;

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
const CHECKS: &[Check] = &[
    Check { name: "event chains / 事件链", run: event_chains },
    Check { name: "places and their ledger / 名额与台账", run: places },
    Check { name: "tallies / 统计数", run: tallies },
    Check { name: "agreement documents / 协议文本", run: documents },
];

/// Runs every check on one snapshot per check; exit code 1 when something is wrong.
pub fn run(config: &StorageConfig) -> Result<ExitCode> {
    let mut connection = storage::up_to_date(config)?;
    let mut sound = true;
    for check in CHECKS {
        let Outcome { examined, differences } = snapshot(&mut connection, check.run)?;
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

fn places(connection: &mut DbConnection) -> Result<Outcome> {
    let told = |(account, reserved, consumed, entered_reserved, entered_consumed): (Id, i64, i64, i64, i64)| {
        format!(
            "account {account} counts {reserved} reserved and {consumed} consumed, its entries give {entered_reserved} and {entered_consumed}"
        )
    };
    let mut differences: Vec<String> = accounts::differences(connection)?.into_iter().map(told).collect();
    let taken = |(quota, filled, taken): (Id, i64, i64)| {
        format!("quota {quota} counts {filled} places filled, its placements take {taken}")
    };
    differences.extend(outcomes::differences(connection)?.into_iter().map(taken));
    Ok(Outcome { examined: accounts::count(connection)?, differences })
}

fn tallies(connection: &mut DbConnection) -> Result<Outcome> {
    of_every_agreement(connection, |connection, id| Ok((1, tally::differences(connection, id)?)))
}

fn documents(connection: &mut DbConnection) -> Result<Outcome> {
    of_every_agreement(connection, agreements::store::versions::differences)
}

fn of_every_agreement(
    connection: &mut DbConnection,
    check: impl Fn(&mut DbConnection, Id) -> Result<(u64, Vec<String>)>,
) -> Result<Outcome> {
    let mut outcome = Outcome { examined: 0, differences: Vec::new() };
    for id in agreements::store::every_id(connection)? {
        let (examined, differences) = check(connection, id)?;
        outcome.examined += examined;
        outcome.differences.extend(differences.into_iter().map(|difference| format!("agreement {id} {difference}")));
    }
    Ok(outcome)
}
