//! workerpool-worker

fn main() {}
