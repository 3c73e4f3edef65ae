//! One test package for the whole: see `it/main.rs`.
