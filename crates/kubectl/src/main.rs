//! `kubectl workerpool`: the plugin for people.

fn main() -> std::process::ExitCode {
    kubectl_workerpool::main(std::env::args_os().collect())
}
