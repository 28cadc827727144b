//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubehop::cli::main()
}
