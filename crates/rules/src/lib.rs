//! Turns layered rule sources and facts into a decision with its grounds.
//!
//! Law comes in as texts ([`SourceTree`]), is checked as a whole ([`RuleBook::load`], all findings at once) and is asked
//! with [`RuleSet::decide`], which is total: it can refer to a person, it cannot fail. Nothing here knows a clock, a
//! file, a database or a message; what varies comes in through [`Context`] and [`Facts`].

mod archive;
mod book;
mod compare;
mod contract;
mod coverage;
mod decide;
mod diagnostic;
mod dialect;
mod document;
mod engine;
mod evaluation;
mod gate;
mod german;
mod grammar;
mod host;
mod layers;
mod lint;
mod load;
mod overview;
mod program;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub use archive::{ArchiveError, Archived, Manifest, Restored, form_only_hash};
pub use book::{Declared, DeclaredKind, RuleBook, SourceTree};
pub use compare::{Change, compare};
pub use coverage::{Branch, Coverage};
pub use decide::{ENGINE, Facts};
pub use diagnostic::{Diagnostic, Severity, has_errors, nearest};
pub use evaluation::{Context, EarlierClaim, StopOver};
pub use german::toml as toml_in_german;
pub use grammar::Mode;
pub use layers::{Competence, Periods, RuleSet};
pub use lint::{FieldRead, UsedAs};
pub use overview::{LandOverview, ServiceOverview, Supported};
