//! The program `kubectl-workerpool`, which kubectl runs as a plugin.

fn main() -> std::process::ExitCode {
    kubectl_workerpool::main(std::env::args_os().collect())
}
