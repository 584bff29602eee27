//! workerpool-operator

fn main() {}
