//! Tools for people who write law: legal cases, coverage, explanation, difference and simulation.
//!
//! Pure: it is handed texts and an [`workflow::Office`], and answers with findings and texts. Nothing here decides
//! differently from production: every tool goes through `Office::step`.

mod cases;
mod coverage;
mod drift;
mod evaluate;
mod explain;
mod overview;
mod simulate;

pub use cases::{LegalCase, read_cases};
pub use coverage::{FileCoverage, Missing, coverage};
pub use drift::drift;
pub use evaluate::{Earlier, evaluate, trusted};
pub use explain::explain;
pub use overview::overview;
pub use simulate::{Simulation, simulate};
