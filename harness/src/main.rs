//! The program `kernsnap`. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    kernsnap::cli::main()
}
