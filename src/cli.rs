//! The command line: serving, and everything the operator does beside HTTP.
//!
//! Every setting has an option and an environment variable. What a command makes goes to standard output as JSON (or as the bare
//! thing asked for: a token, a document); the log and problems go to standard error. Exit codes: 0 done, 1 refused or not in order,
//! 2 a wrong setting.

mod client;
mod demo;
mod keys;
mod migrate;
mod openapi;
mod operator;
mod party;
mod sandbox;
mod serve;
mod storage;
mod token;
mod verify;
mod verify_statement;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{LogConfig, StorageConfig};
use crate::error::{Code, Error, Place, Result};
use crate::telemetry;

const EXAMPLES: &str = "Examples:
  labour-exchange operator init --name 运营方 --key-out operator.jwk.json
  labour-exchange party add --name 邵阳县人社局 --kind authority --region 430523
  labour-exchange client new-key --out origin.jwk.json > origin.public.jwk.json
  labour-exchange client add --party ID --public-key origin.public.jwk.json
  labour-exchange serve --database postgres://exchange@localhost/exchange --public-url https://exchange.example.cn
  curl -H \"Authorization: Bearer $(labour-exchange token --client ID)\" http://127.0.0.1:8080/v1/parties";

/// The labour exchange (劳务协作履约对账): agreements, quotas, dispatches, arrivals and retention, reconciled row by row between both sides.
#[derive(Debug, Parser)]
#[command(name = "labour-exchange", version, about, after_help = EXAMPLES, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    storage: StorageConfig,
    #[command(flatten)]
    log: LogConfig,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until SIGTERM or Ctrl-C
    Serve(serve::Options),
    /// Play the main job with sample data over an empty database, through the API, and serve it
    Demo(demo::Options),
    /// Serve a sandbox: four partners with their keys ready-made, and a clock that is moved over the API
    Sandbox(sandbox::Options),
    /// Bring the database schema up to date and print what ran
    Migrate,
    /// Print the OpenAPI document
    Openapi,
    /// Set up the operator
    #[command(subcommand)]
    Operator(operator::Command),
    /// Register parties
    #[command(subcommand)]
    Party(party::Command),
    /// Make keys, register and revoke clients
    #[command(subcommand)]
    Client(client::Command),
    /// Exchange the keys that sign access tokens
    #[command(subcommand)]
    Keys(keys::Command),
    /// Print an access token of a client, signed here with the key file: for local work
    Token(token::Options),
    /// Recompute what can be recomputed and name every difference; exit code 1 when there is one
    Verify,
    /// Check a monthly statement's package without a database; exit code 1 when it is not what it says
    VerifyStatement(verify_statement::Options),
}

impl Cli {
    /// Starts the log and runs the command; how the process should end.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.execute() {
            Ok(code) => code,
            Err(error) => {
                eprintln!("{}", told(&error));
                let wrong_setting = error.code == Code::ConfigurationInvalid;
                ExitCode::from(if wrong_setting { 2 } else { 1 })
            }
        }
    }

    fn execute(self) -> Result<ExitCode> {
        // Who looks at a command wants its answer; who looks at a server wants to know what it does.
        let unless_told = if matches!(self.command, Command::Serve(_) | Command::Sandbox(_)) { "info" } else { "warn" };
        telemetry::start(&self.log, unless_told)?;
        let storage = &self.storage;
        match self.command {
            Command::Serve(options) => serve::run(storage, &options)?,
            Command::Demo(options) => {
                let as_planned = demo::run(storage, &options)?;
                return Ok(if as_planned { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Command::Sandbox(options) => sandbox::run(storage, &options)?,
            Command::Migrate => migrate::run(storage)?,
            Command::Openapi => openapi::run(),
            Command::Operator(command) => operator::run(storage, &command)?,
            Command::Party(command) => party::run(storage, command)?,
            Command::Client(command) => client::run(storage, command)?,
            Command::Keys(command) => keys::run(storage, &command)?,
            Command::Token(options) => token::run(storage, &options)?,
            Command::Verify => return verify::run(storage),
            Command::VerifyStatement(options) => return verify_statement::run(options),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A problem for the person at the terminal: what, where and the remedy, in both languages.
fn told(error: &Error) -> String {
    let definition = error.code.definition();
    let (mut en, mut zh) = (definition.title_en.to_owned(), definition.title_zh.to_owned());
    if let Some(detail) = &error.detail {
        en = format!("{en}: {}", detail.en);
        zh = format!("{zh}：{}", detail.zh);
    }
    if let Some(cause) = &error.cause {
        en = format!("{en} ({cause})");
    }
    let mut lines =
        vec![format!("error: {en}. {}", definition.remedy_en), format!("错误：{zh}。{}", definition.remedy_zh)];
    for fault in &error.faults {
        let place = match &fault.place {
            Place::Body { pointer } => pointer.trim_start_matches("#/"),
            Place::Parameter { name, .. } => name,
        };
        lines.push(format!("  {place}: {} / {}", fault.detail.en, fault.detail.zh));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_option_is_well_formed_and_every_setting_has_a_variable() {
        let command = Cli::command();
        command.clone().debug_assert();
        let serve = command.find_subcommand("serve").unwrap();
        for argument in command.get_arguments().chain(serve.get_arguments()) {
            let id = argument.get_id().as_str();
            if !matches!(id, "help" | "version") {
                assert!(argument.get_env().is_some(), "{id} has no environment variable");
                assert!(argument.get_help().is_some(), "{id} has no help");
            }
        }
    }

    #[test]
    fn a_problem_is_told_in_both_languages_with_its_remedy() {
        let error = Error::new(Code::ConfigurationInvalid).detail("the key file is gone", "密钥文件不存在");
        let told = told(&error);
        assert!(told.contains("the key file is gone"), "{told}");
        assert!(told.contains("密钥文件不存在"), "{told}");
        assert_eq!(told.lines().count(), 2);
    }
}
