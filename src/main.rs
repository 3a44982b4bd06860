//! The `paydrill` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    paydrill::cli::main()
}
