//! The reference worker: see `workerpool-worker --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    filter_worker::cli::main()
}
