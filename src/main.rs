//! The program: reads the command line and runs the command.

use std::process::ExitCode;

use clap::Parser;
use labour_exchange::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
