//! kubectl-workerpool

fn main() {}
