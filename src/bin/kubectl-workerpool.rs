//! `kubectl workerpool`: the plugin for people.

fn main() -> std::process::ExitCode {
    workerpool::plugin::main(std::env::args_os().collect())
}
