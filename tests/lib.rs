//! One test package for the whole: see `it/main.rs`. Here stands only what its two programs share.

#[path = "registers/population.rs"]
pub mod population;
