//! Which branches of scripts ran: for authors of legal cases, never in production.
//!
//! A book loaded for coverage has a marker call at the start of every block; everything else is the same path.

use crate::program::{Marker, place};
use rhai::{AST, ASTNode, Expr, Stmt};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Host function at the start of every block.
pub(crate) const BRANCH: &str = "zweig_laeuft";

/// A block of a script: a function's body, one side of an `if`, the body of a `for`, an arm of a `switch`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Branch {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

/// The branches of all scripts, and which of them ran.
#[derive(Debug, Default)]
pub struct Coverage(Mutex<Vec<(Branch, bool)>>);

impl Coverage {
    fn branches(&self) -> MutexGuard<'_, Vec<(Branch, bool)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All branches, in the order of files and lines, with whether they ran.
    pub fn report(&self) -> BTreeMap<Branch, bool> {
        let mut report: BTreeMap<Branch, bool> = BTreeMap::new();
        for (branch, ran) in self.branches().iter() {
            *report.entry(branch.clone()).or_default() |= ran;
        }
        report
    }

    pub(crate) fn ran(&self, number: usize) {
        if let Some((_, ran)) = self.branches().get_mut(number) {
            *ran = true;
        }
    }

    /// A marker for every block that is written with braces.
    pub(crate) fn markers(&self, file: &str, text: &str, ast: &AST) -> Vec<Marker> {
        let mut places: Vec<(usize, usize)> = ast.iter_fn_def().map(|f| place(f.body.start_position())).collect();
        ast.walk(&mut |path: &[ASTNode]| {
            let blocks: Vec<_> = match path.last() {
                Some(ASTNode::Stmt(Stmt::If(flow, _))) => vec![flow.body.position(), flow.branch.position()],
                Some(ASTNode::Stmt(Stmt::For(x, _))) => vec![x.2.body.position()],
                Some(ASTNode::Stmt(Stmt::Block(block))) => vec![block.position()],
                Some(ASTNode::Expr(Expr::Stmt(block))) => vec![block.position()],
                _ => Vec::new(),
            };
            places.extend(blocks.into_iter().filter(|p| !p.is_none()).map(place));
            true
        });
        // An `else if` is no block of its own: its `if` counts.
        let brace = |(line, column): &(usize, usize)| {
            let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            line.chars().nth(column.saturating_sub(1)) == Some('{')
        };
        places.retain(brace);
        places.sort_unstable();
        places.dedup();
        let mut branches = self.branches();
        let mut marker = |(line, column): (usize, usize)| {
            branches.push((Branch { file: file.to_owned(), line, column }, false));
            (line, column, format!(" {BRANCH}({});", branches.len() - 1))
        };
        places.into_iter().map(&mut marker).collect()
    }
}
