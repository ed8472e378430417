//! `migrate`: the schema of this program, nothing else.

use super::storage;
use crate::config::StorageConfig;
use crate::error::Result;

/// Runs what is pending and prints the name of each migration that ran.
pub fn run(config: &StorageConfig) -> Result<()> {
    let ran = storage::location(config)?.migrate()?;
    for name in &ran {
        println!("{name}");
    }
    if ran.is_empty() {
        eprintln!("the schema is up to date / 数据库结构已是最新");
    }
    Ok(())
}
