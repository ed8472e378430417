//! `verify-statement`: a statement's package checked with nothing but itself.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::error::{Code, Error, Result};
use crate::statements::package::Package;
use crate::statements::verifying::verify;

/// Which package.
#[derive(Debug, Args)]
pub struct Options {
    /// The zip file, as GET …/statements/{id}/package gives it
    file: PathBuf,
    /// Thumbprint (RFC 7638) of a key that may have signed; may stand several times. Without any, every key is taken and told
    #[arg(long = "trust", value_name = "THUMBPRINT")]
    trusted: Vec<String>,
}

/// Prints what holds and what does not; exit code 1 when something does not.
pub fn run(options: Options) -> Result<ExitCode> {
    let refused = |why: String, zh: &str| Error::new(Code::ConfigurationInvalid).detail(why, zh.to_owned());
    let name = options.file.display().to_string();
    let bytes = std::fs::read(&options.file)
        .map_err(|error| refused(format!("{name} cannot be read: {error}"), "无法读取文件"))?;
    let package = Package::read(&bytes).map_err(|why| refused(format!("{name}: {why}"), "不是对账单核验包"))?;
    let verdict = verify(&package, &BTreeSet::from_iter(options.trusted));
    for line in &verdict.sound {
        println!("ok    {line}");
    }
    for line in &verdict.faults {
        println!("WRONG {line}");
    }
    let sound = verdict.faults.is_empty();
    println!(
        "{}",
        if sound {
            "the statement is what it says / 核验通过"
        } else {
            "do not rely on this statement / 核验未通过"
        }
    );
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
