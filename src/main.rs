//! The program: reads the command line, starts the log, runs the command.

use std::process::ExitCode;

use clap::Parser;
use labour_exchange::cli::Cli;
use labour_exchange::telemetry;

fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::start(&cli.log);
    cli.run()
}
