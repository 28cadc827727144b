//! The command line, for teachers, docs CI and scripts. It follows kubectl's habits.
//!
//! Exit status: 0 all well; 1 the answer is bad news; 2 the call itself is unreadable, and then nothing is on standard output.

mod args;
mod check;
mod explain;
mod grade;
mod load;
mod output;
mod trace;

use args::{Cli, Command};
use clap::Parser;
use output::Out;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Exit status 0.
    Well,
    /// Exit status 1.
    BadNews,
}

impl Outcome {
    fn of(well: bool) -> Outcome {
        if well { Outcome::Well } else { Outcome::BadNews }
    }

    fn and(self, other: Outcome) -> Outcome {
        if self == Outcome::BadNews { self } else { other }
    }
}

/// Reads the program's arguments and carries them out.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Out::new(cli.lang);
    let outcome = match cli.command {
        Command::Check(args) => check::check(&args, &mut out),
        Command::Get(args) => check::get(&args, &mut out),
        Command::Describe(args) => check::describe(&args, &mut out),
        Command::Trace(args) => trace::trace(&args, &mut out),
        Command::Explain(args) => explain::explain(&args, &mut out),
        Command::Rules(args) => check::rules(&args, &mut out),
        Command::Dig(args) => check::dig(&args, &mut out),
        Command::Grade(args) => grade::grade(&args, &mut out),
        Command::Lessons(args) => grade::lessons(&args, &mut out),
    };
    match outcome {
        Ok(Outcome::Well) => ExitCode::SUCCESS,
        Ok(Outcome::BadNews) => ExitCode::from(1),
        Err(unreadable) => {
            out.error(&output::escaped(&format!("error: {unreadable}")));
            ExitCode::from(2)
        }
    }
}
