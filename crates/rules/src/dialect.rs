//! What scripts may be made of. Everything that could forge a trace, hide a check or grow without bound is refused when
//! the script is loaded; what is left is bounded by the engine's limits and by `Evaluation::spend`.

use crate::coverage::BRANCH;
use crate::diagnostic::{Diagnostic, File};
use crate::engine::{GLOBALS, engine};
use crate::lint::{MAX_FINDINGS, walk};
use crate::program::{ENTRY, MARKER, Script, place};
use domain::Level;
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, ScriptFuncDef, Stmt};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// rhai counts lines and columns up to 65,535; markers need them exact.
const MAX_LINES: usize = 5_000;
const MAX_LINE: usize = 1_000;
/// Names of variables, properties and keys: rhai's size limits do not count them.
const MAX_NAME: usize = 64;
const MAX_PARAMETERS: usize = 16;

/// Names of host functions; a script's function of the same name would take their place.
static HOST: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let signatures = engine(None).gen_fn_signatures(false);
    signatures.iter().filter_map(|s| s.split('(').next()).map(|name| name.trim().to_owned()).collect()
});

/// What is wrong with the text before it is parsed.
pub(crate) fn text(file: &File<'_>) -> Option<Diagnostic> {
    let strange = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_bidirectional(c);
    if let Some(at) = file.text.find(strange) {
        let message = "Steuerzeichen haben in einem Skript nichts zu suchen";
        return Some(file.error("dialekt", at..at + 1, message));
    }
    if file.text.lines().count() > MAX_LINES {
        return Some(file.error("dialekt", 0..0, format!("ein Skript hat höchstens {MAX_LINES} Zeilen")));
    }
    let long = file.text.lines().position(|line| line.chars().nth(MAX_LINE).is_some())?;
    Some(file.error_at("dialekt", long + 1, 1, format!("eine Zeile hat höchstens {MAX_LINE} Zeichen")))
}

/// Characters that make a text look like another one.
fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// What is wrong with the parsed script.
pub(crate) fn check(script: Script<'_>, ast: &AST) -> Vec<Diagnostic> {
    let file = File { name: script.file, text: script.text };
    let mut look = Look { file: &file, level: script.level, findings: Vec::new() };
    for function in ast.iter_fn_def() {
        look.function(function);
    }
    walk(ast, &mut |_, path| look.node(path));
    look.findings
}

struct Look<'l> {
    file: &'l File<'l>,
    level: Level,
    findings: Vec<Diagnostic>,
}

impl Look<'_> {
    fn refuse(&mut self, position: Position, message: impl Into<String>) {
        if self.findings.len() < MAX_FINDINGS {
            let (line, column) = place(position);
            self.findings.push(self.file.error_at("dialekt", line, column, message));
        }
    }

    fn function(&mut self, function: &ScriptFuncDef) {
        let at = function.body.start_position();
        let name = function.name.as_str();
        if HOST.contains(name) || GLOBALS.contains(&name) || [MARKER, BRANCH].contains(&name) {
            self.refuse(at, format!("{name}() ist vergeben; eigene Funktionen heißen anders"));
        }
        if name == ENTRY && function.access.is_private() {
            self.refuse(at, format!("{ENTRY}() ist nicht private"));
        }
        if function.this_type.is_some() {
            self.refuse(at, "Funktionen gehören zu keinem Typ");
        }
        if function.params.len() > MAX_PARAMETERS {
            self.refuse(at, format!("eine Funktion hat höchstens {MAX_PARAMETERS} Parameter"));
        }
        self.name(at, name);
        for parameter in &function.params {
            self.local(at, parameter);
        }
    }

    /// A name that the script gives.
    fn local(&mut self, at: Position, name: &str) {
        if GLOBALS.contains(&name) {
            self.refuse(at, format!("„{name}“ ist vergeben; der Name darf nichts anderes bedeuten"));
        }
        self.name(at, name);
    }

    fn name(&mut self, at: Position, name: &str) {
        if name.chars().count() > MAX_NAME {
            self.refuse(at, format!("ein Name hat höchstens {MAX_NAME} Zeichen"));
        }
    }

    fn node(&mut self, path: &[ASTNode<'_>]) {
        match path.last() {
            Some(ASTNode::Stmt(stmt)) => self.statement(stmt),
            Some(ASTNode::Expr(expr)) => self.expression(expr),
            _ => {}
        }
    }

    fn statement(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Var(x, _, at) => self.local(*at, x.0.as_str()),
            Stmt::For(x, at) => {
                self.local(*at, x.0.as_str());
                if let Some(counter) = &x.1 {
                    self.local(*at, counter.as_str());
                }
            }
            Stmt::Assignment(x) => match &x.1.lhs {
                Expr::Variable(variable, _, at) if GLOBALS.contains(&variable.1.as_str()) => {
                    self.refuse(*at, format!("„{}“ lässt sich nicht ändern", variable.1));
                }
                Expr::Variable(..) => {}
                other => {
                    let message = "zugewiesen wird nur einer Variablen; bauen Sie Liste oder Map im Ganzen neu";
                    self.refuse(other.position(), message);
                }
            },
            Stmt::FnCall(call, at) => self.call(call, *at),
            _ => {}
        }
    }

    fn expression(&mut self, expr: &Expr) {
        match expr {
            Expr::FnCall(call, at) => self.call(call, *at),
            Expr::MethodCall(call, at) => self.refuse(*at, format!("schreiben Sie {0}(x) statt x.{0}()", call.name)),
            Expr::ThisPtr(at) => self.refuse(*at, "this gibt es nicht"),
            Expr::Property(name, at) => self.name(*at, &name.2),
            Expr::Map(entries, at) => {
                for (name, _) in &entries.0 {
                    self.name(*at, name.as_str());
                }
            }
            Expr::Index(pair, _, at) => {
                if matches!(&pair.lhs, Expr::Variable(v, _, _) if GLOBALS.contains(&v.1.as_str())) {
                    self.refuse(*at, "schreiben Sie das Feld mit einem Punkt: antrag.feld");
                }
            }
            Expr::Variable(variable, short, at) => {
                let local = short.is_some() || variable.0.is_some();
                if !variable.2.is_empty() || (!local && !GLOBALS.contains(&variable.1.as_str())) {
                    self.refuse(*at, format!("„{}“ ist keine Variable", variable.1));
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, at: Position) {
        if [MARKER, BRANCH].contains(&call.name.as_str()) {
            self.refuse(at, format!("{}() ruft nur das Programm auf", call.name));
        }
        if call.capture_parent_scope {
            self.refuse(at, "eine Funktion sieht nur ihre Parameter");
        }
        let to_the_layer_below = self.level == Level::Land && call.namespace.path.len() == 1;
        if !call.namespace.is_empty() && !to_the_layer_below {
            self.refuse(at, "nur das Skript eines Landes ruft mit bund:: oder muster:: das Original auf");
        }
    }
}
