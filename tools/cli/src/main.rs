//! The `unilith` command: composes an operating system for an application, builds and runs it.
//!
//! This crate parses arguments and prints; the work is done by the crates that it calls.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod error;
mod output;
mod project;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let result = match cli.command {
        args::Command::Build(args) => commands::build::build(&args),
        args::Command::Run(args) => commands::run::run(&args),
        args::Command::New(args) => commands::new::new(&args),
        args::Command::Libs(args) => commands::libs::libs(&args),
        args::Command::Config(args) => commands::config::config(&args),
        args::Command::Menu(args) => commands::menu::menu(&args),
        args::Command::Kconfig(args) => commands::kconfig::kconfig(&args),
        args::Command::Graph(args) => commands::graph::graph(&args),
        args::Command::Size(args) => commands::size::size(&args),
        args::Command::Doctor(args) => commands::doctor::doctor(&args),
        args::Command::Test(args) => commands::test::test(&args),
        args::Command::Bench(args) => commands::bench::bench(&args),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            output::say(format_args!("error: {}", error.to_string().trim_end()));
            ExitCode::from(error.status())
        }
    }
}
