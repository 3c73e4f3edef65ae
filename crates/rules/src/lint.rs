//! What a script does with names, found without running it: undeclared ones, unreachable functions, divisions that lose
//! cents, and which form fields it reads as what.

use crate::diagnostic::{Diagnostic, File, nearest};
use crate::grammar::{Frame, Type};
use crate::program::{ENTRY, Script, place};
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// Findings of one script; nobody mends more at once, and each costs a walk through the text.
pub(crate) const MAX_FINDINGS: usize = 100;

/// As what a script uses a form field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsedAs {
    Anything,
    Number,
    Text,
    Truth,
    List,
}

/// A form field that a script reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldRead {
    pub file: String,
    pub line: usize,
    pub column: usize,
    /// JSON pointer into `data`; an element of a list is `0`.
    pub pointer: String,
    pub used_as: UsedAs,
}

/// Names that scripts use.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    pub checks: BTreeSet<String>,
    pub parameters: BTreeSet<String>,
    pub fields: BTreeSet<FieldRead>,
}

impl Usage {
    pub fn extend(&mut self, other: Self) {
        self.checks.extend(other.checks);
        self.parameters.extend(other.parameters);
        self.fields.extend(other.fields);
    }
}

/// Looks at one script; findings are added.
///
/// `called` names functions that other scripts may call: of a Land's script those of the base.
pub(crate) fn script(
    frame: &Frame,
    script: Script<'_>,
    ast: &AST,
    called: &[String],
    findings: &mut Vec<Diagnostic>,
) -> Usage {
    let file = File { name: script.file, text: script.text };
    let mut look =
        Look { frame, file: &file, usage: Usage::default(), findings, function: String::new(), names: BTreeMap::new() };
    walk(ast, &mut |function, path| look.node(function, path));
    let usage = look.usage;
    unreachable(frame, &file, ast, called, findings);
    usage
}

struct Look<'l> {
    frame: &'l Frame,
    file: &'l File<'l>,
    usage: Usage,
    findings: &'l mut Vec<Diagnostic>,
    /// The function that is looked at.
    function: String,
    /// Local names that stand for a part of the application, by their pointer.
    names: BTreeMap<String, String>,
}

impl Look<'_> {
    fn node(&mut self, function: &str, path: &[ASTNode]) {
        if self.function != function {
            self.names.clear();
            self.function = function.to_owned();
        }
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(x, _, _))) => self.stands_for(x.0.as_str(), &x.1, ""),
            Some(ASTNode::Stmt(Stmt::For(x, _))) => self.stands_for(x.0.as_str(), &x.2.expr, "/0"),
            Some(ASTNode::Stmt(Stmt::FnCall(call, position)) | ASTNode::Expr(Expr::FnCall(call, position))) => {
                self.call(call, *position);
            }
            Some(ASTNode::Expr(expr @ Expr::Dot(..))) => self.dot(expr, path),
            _ => {}
        }
    }

    /// `let hund = antrag.hund;` and `for hund in antrag.hunde`: the name stands for that part from here on.
    fn stands_for(&mut self, name: &str, expr: &Expr, element: &str) {
        match self.pointer(expr) {
            Some((pointer, _)) => _ = self.names.insert(name.to_owned(), format!("{pointer}{element}")),
            None => _ = self.names.remove(name),
        }
    }

    /// The part of the application that an expression is, and where its last name stands.
    fn pointer(&self, expr: &Expr) -> Option<(String, Position)> {
        let (root, names) = chain(expr)?;
        let mut pointer = if root == "antrag" { String::new() } else { self.names.get(root)?.clone() };
        for (name, _) in &names {
            pointer.push('/');
            pointer.push_str(name);
        }
        Some((pointer, names.last().map_or(expr.position(), |(_, position)| *position)))
    }

    fn error(&mut self, code: &'static str, position: Position, message: String) {
        if self.findings.len() >= MAX_FINDINGS {
            return;
        }
        let (line, column) = place(position);
        self.findings.push(self.file.error_at(code, line, column, message));
    }

    /// A name that the frame does not have, with the one that was probably meant.
    fn undeclared<'k>(
        &mut self,
        position: Position,
        message: String,
        name: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        let known: Vec<&str> = known.collect();
        let meant = nearest(name, known.iter().copied()).map(|word| format!("meinten Sie „{word}“? "));
        let help = format!("{}Erklärt sind: {}", meant.unwrap_or_default(), known.join(", "));
        let before = self.findings.len();
        self.error("nicht_erklaert", position, message);
        if let Some(finding) = self.findings.get_mut(before) {
            finding.help = Some(help);
        }
    }

    fn parameter(&self, name: &str) -> Option<Type> {
        self.frame.parameter.iter().map(|p| p.get_ref()).find(|p| p.name.get_ref() == name).map(|p| p.typ)
    }

    fn call(&mut self, call: &FnCallExpr, position: Position) {
        let first = match call.args.first() {
            Some(Expr::StringConstant(name, _)) => Some(name.to_string()),
            _ => None,
        };
        match (call.name.as_str(), first) {
            ("pruefe", Some(name)) => {
                if !self.frame.pruefung.iter().any(|c| *c.get_ref().id.get_ref() == name) {
                    let known = self.frame.pruefung.iter().map(|c| c.get_ref().id.get_ref().as_str());
                    let message = format!("die Prüfung „{name}“ ist im Rahmen nicht erklärt");
                    self.undeclared(position, message, &name, known);
                }
                self.usage.checks.insert(name);
            }
            ("nachschlagen" | "nachschlagen_oder_leer", Some(name)) => {
                if self.parameter(&name) != Some(Type::Tabelle) {
                    self.error("nicht_erklaert", position, format!("die Tabelle „{name}“ ist im Rahmen nicht erklärt"));
                }
                self.usage.parameters.insert(name);
            }
            ("pruefe" | "nachschlagen" | "nachschlagen_oder_leer", None) => {
                let message = format!("{}() braucht als Erstes den Namen als Text", call.name);
                self.error("nicht_erklaert", position, message);
            }
            ("/", _) if call.args.len() == 2 && call.args.iter().all(|arg| self.is_whole(arg)) => {
                let message = "hier werden zwei ganze Zahlen geteilt; machen Sie eine mit euro(…) zur Dezimalzahl";
                self.error("ganzzahl", position, message.into());
            }
            _ => {}
        }
    }

    /// Whether an expression is a whole number for certain.
    fn is_whole(&self, expr: &Expr) -> bool {
        const WHOLE: [&str; 6] = ["anzahl", "alter_am", "jahr", "monat", "tag", "frueher"];
        match expr {
            Expr::IntegerConstant(..) => true,
            Expr::FnCall(call, _) => WHOLE.contains(&call.name.as_str()),
            Expr::Dot(..) => chain(expr).is_some_and(|(root, names)| {
                let name = names.first().map_or("", |(name, _)| name);
                root == "parameter" && self.parameter(name) == Some(Type::Ganzzahl)
            }),
            _ => false,
        }
    }

    fn dot(&mut self, expr: &Expr, path: &[ASTNode]) {
        let Some((root, names)) = chain(expr) else { return };
        let Some((name, position)) = names.first() else { return };
        match root {
            "parameter" => {
                self.usage.parameters.insert((*name).to_owned());
                if self.parameter(name).is_none() {
                    let known = self.frame.parameter.iter().map(|p| p.get_ref().name.get_ref().as_str());
                    self.undeclared(*position, format!("parameter.{name} ist im Rahmen nicht erklärt"), name, known);
                }
            }
            "stichtag" => {
                if !matches!(*name, "antrag" | "entscheidung") && !self.frame.stichtage.contains_key(*name) {
                    self.error("nicht_erklaert", *position, format!("stichtag.{name} ist im Rahmen nicht erklärt"));
                }
            }
            _ => {
                let Some((pointer, position)) = self.pointer(expr) else { return };
                let (line, column) = place(position);
                let used_as = path
                    .len()
                    .checked_sub(2)
                    .and_then(|i| path.get(i))
                    .map_or(UsedAs::Anything, |parent| use_by(parent, expr));
                let file = self.file.name.to_owned();
                self.usage.fields.insert(FieldRead { file, line, column, pointer, used_as });
            }
        }
    }
}

/// Every node of every function, with the name of the function and the nodes above.
///
/// rhai walks functions one after the other without saying where one begins; their places tell.
pub(crate) fn walk(ast: &AST, look: &mut dyn FnMut(&str, &[ASTNode<'_>])) {
    let spans: Vec<_> = ast
        .iter_fn_def()
        .map(|f| (place(f.body.start_position()), place(f.body.end_position()), f.name.as_str()))
        .collect();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        let at = path.first().map_or((0, 0), |node| place(node.position()));
        let inside = spans.iter().find(|(start, end, _)| *start <= at && at <= *end);
        look(inside.map_or("", |(_, _, name)| name), path);
        true
    });
}

/// `a.b.c` as its root and its names; nothing where a call or an index stands in between.
fn chain(expr: &Expr) -> Option<(&str, Vec<(&str, Position)>)> {
    match expr {
        Expr::Variable(variable, _, _) => Some((variable.1.as_str(), Vec::new())),
        Expr::Dot(pair, _, _) => {
            let Expr::Variable(variable, _, _) = &pair.lhs else { return None };
            let mut names = Vec::new();
            let mut rest = &pair.rhs;
            loop {
                match rest {
                    Expr::Property(p, position) => {
                        names.push((p.2.as_str(), *position));
                        return Some((variable.1.as_str(), names));
                    }
                    Expr::Dot(inner, _, _) => {
                        let Expr::Property(p, position) = &inner.lhs else { return None };
                        names.push((p.2.as_str(), *position));
                        rest = &inner.rhs;
                    }
                    _ => return None,
                }
            }
        }
        _ => None,
    }
}

/// As what the expression around it takes a field.
fn use_by(parent: &ASTNode<'_>, field: &Expr) -> UsedAs {
    match parent {
        ASTNode::Expr(Expr::And(..) | Expr::Or(..)) | ASTNode::Stmt(Stmt::If(..)) => UsedAs::Truth,
        ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)) => use_by_call(call, field),
        _ => UsedAs::Anything,
    }
}

fn use_by_call(call: &FnCallExpr, field: &Expr) -> UsedAs {
    let is_field = |arg: &Expr| arg.position() == field.position();
    let other = call.args.iter().find(|arg| !is_field(arg));
    let first = call.args.first().is_some_and(is_field);
    match (call.name.as_str(), other) {
        ("!", _) => UsedAs::Truth,
        ("datum" | "normal" | "gleich", _) => UsedAs::Text,
        ("anzahl", _) => UsedAs::List,
        ("enthaelt", _) if first => UsedAs::List,
        ("<" | "<=" | ">" | ">=" | "==" | "!=", Some(Expr::IntegerConstant(..) | Expr::DynamicConstant(..))) => {
            UsedAs::Number
        }
        ("==" | "!=", Some(Expr::StringConstant(..))) => UsedAs::Text,
        ("==" | "!=", Some(Expr::BoolConstant(..))) => UsedAs::Truth,
        ("-" | "*" | "/", Some(Expr::IntegerConstant(..) | Expr::DynamicConstant(..))) => UsedAs::Number,
        _ => UsedAs::Anything,
    }
}

/// Functions that neither the entry point nor an opening leads to.
fn unreachable(frame: &Frame, file: &File<'_>, ast: &AST, called: &[String], findings: &mut Vec<Diagnostic>) {
    let mut calls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    walk(ast, &mut |function, path| {
        if let Some(ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _))) = path.last() {
            calls.entry(function.to_owned()).or_default().insert(call.name.to_string());
        }
    });
    let opened = frame.funktion.iter().map(|f| f.get_ref().name.get_ref().as_str());
    let mut open: Vec<String> = opened.chain([ENTRY]).map(str::to_owned).chain(called.iter().cloned()).collect();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    while let Some(name) = open.pop() {
        if reached.insert(name.clone()) {
            open.extend(calls.get(name.as_str()).into_iter().flatten().cloned());
        }
    }
    for function in ast.iter_fn_def().filter(|f| !reached.contains(f.name.as_str())) {
        let (line, column) = place(function.body.start_position());
        let message = format!("{}() wird nirgends aufgerufen", function.name);
        findings.push(file.error_at("unerreichbar", line, column, message).warning());
    }
}

/// What the frame declares and no script of the service uses.
pub(crate) fn unused(frame: &Frame, file: &File<'_>, usage: &Usage) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let own = frame.pruefung.iter().map(|c| c.get_ref()).filter(|c| c.origin.is_none()).map(|c| &c.id);
    for check in own.filter(|id| !usage.checks.contains(id.get_ref())) {
        let message = format!("die Prüfung „{}“ nimmt kein Skript vor", check.get_ref());
        findings.push(file.error("nie_geprueft", check.span(), message).warning());
    }
    let own = frame.parameter.iter().map(|p| p.get_ref()).filter(|p| p.origin.is_none()).map(|p| &p.name);
    for parameter in own {
        if !usage.parameters.contains(parameter.get_ref()) {
            let message = format!("den Parameter „{}“ liest kein Skript", parameter.get_ref());
            findings.push(file.error("nie_gelesen", parameter.span(), message).warning());
        }
    }
    findings
}
