//! Scripts merged over the layers: a Land's function takes the place of the opened one and may call the original.

use crate::diagnostic::{Diagnostic, File};
use crate::engine::{MAX_SCRIPT, engine, globals};
use crate::grammar::{Frame, Type};
use domain::Level;
use rhai::{AST, ASTNode, Engine, Expr, Module, Position, Scope};
use std::collections::BTreeSet;
use std::fmt;

/// Host function that the loader calls at the start of every opened function.
pub(crate) const MARKER: &str = "schicht_laeuft";

/// The entry point of every script.
pub(crate) const ENTRY: &str = "entscheide";

/// A compiled script set for one span of time.
pub(crate) struct Program {
    pub engine: Engine,
    pub ast: AST,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Program")
    }
}

/// One script file with the level that wrote it.
#[derive(Clone, Copy)]
pub(crate) struct Script<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub level: Level,
}

/// Compiles base and Land script into one program; all findings at once.
pub(crate) fn compile(
    frame: &Frame,
    base: Script<'_>,
    land: Option<Script<'_>>,
    declared: &[String],
) -> Result<Program, Vec<Diagnostic>> {
    let mut engine = engine();
    let base_ast = compile_one(&engine, frame, base)?;
    let base_names = names(&base_ast);
    let mut findings = lint(frame, base, &base_ast);
    if !base_names.contains(&(ENTRY.to_owned(), 0)) {
        let file = File { name: base.file, text: base.text };
        findings.push(file.error("skript", 0..0, format!("die Funktion {ENTRY}() fehlt")));
    }
    let module = Module::eval_ast_as_new(Scope::new(), &base_ast, &engine)
        .map_err(|e| vec![File { name: base.file, text: base.text }.error("skript", 0..0, e.to_string())])?;
    engine.register_static_module(base.level.folder(), module.into());
    let ast = match land {
        None => base_ast,
        Some(script) => {
            let land_ast = compile_one(&engine, frame, script)?;
            findings.extend(lint(frame, script, &land_ast));
            findings.extend(unopened(frame, script, &land_ast, &base_names, declared));
            base_ast.merge(&land_ast)
        }
    };
    if findings.is_empty() { Ok(Program { engine, ast }) } else { Err(findings) }
}

fn names(ast: &AST) -> BTreeSet<(String, usize)> {
    ast.iter_functions().map(|f| (f.name.to_owned(), f.params.len())).collect()
}

fn compile_one(engine: &Engine, frame: &Frame, script: Script<'_>) -> Result<AST, Vec<Diagnostic>> {
    let file = File { name: script.file, text: script.text };
    if script.text.len() > MAX_SCRIPT {
        return Err(vec![file.error("skript", 0..0, format!("das Skript ist länger als {MAX_SCRIPT} Bytes"))]);
    }
    let parse = |text: &str| {
        engine.compile_with_scope(&globals(), text).map_err(|e| {
            let (line, column) = place(e.position());
            vec![file.error_at("skript", line, column, format!("das Skript ist nicht lesbar: {}", e.err_type()))]
        })
    };
    let ast = parse(script.text)?;
    if !ast.statements().is_empty() {
        return Err(vec![file.error("skript", 0..0, "außerhalb von Funktionen darf nichts stehen")]);
    }
    parse(&with_markers(frame, script, &ast))
}

/// The script with a marker call at the start of every opened function; lines stay where they are.
fn with_markers(frame: &Frame, script: Script<'_>, ast: &AST) -> String {
    let opened = |name: &str| frame.funktion.iter().any(|f| f.get_ref().name.get_ref() == name);
    let mut places: Vec<(usize, usize, String)> = Vec::new();
    for function in ast.iter_fn_def().filter(|f| opened(&f.name)) {
        let (line, column) = place(function.body.start_position());
        places.push((line, column, format!(" {MARKER}(\"{}\", \"{}\");", function.name, script.level.folder())));
    }
    let mut lines: Vec<String> = script.text.split('\n').map(str::to_owned).collect();
    // From the end of each line on, so that earlier columns stay right.
    places.sort();
    for (line, column, marker) in places.into_iter().rev() {
        if let Some(text) = lines.get_mut(line.saturating_sub(1)) {
            let at = text.char_indices().nth(column).map_or(text.len(), |(i, _)| i);
            text.insert_str(at, &marker);
        }
    }
    lines.join("\n")
}

fn place(position: Position) -> (usize, usize) {
    (position.line().unwrap_or(1), position.position().unwrap_or(1))
}

/// A Land may redefine opened functions and add private helpers, nothing else.
fn unopened(
    frame: &Frame,
    script: Script<'_>,
    ast: &AST,
    base: &BTreeSet<(String, usize)>,
    declared: &[String],
) -> Vec<Diagnostic> {
    let file = File { name: script.file, text: script.text };
    let mut findings = Vec::new();
    for function in ast.iter_fn_def() {
        let (line, column) = place(function.body.start_position());
        let finding = |message: String| file.error_at("oeffnung", line, column, message);
        let key = (function.name.to_string(), function.params.len());
        let is_open = frame.funktion.iter().any(|f| f.get_ref().name.get_ref() == function.name.as_str());
        if base.contains(&key) && !is_open {
            findings.push(finding(format!("die Funktion {}() hat niemand geöffnet", function.name)));
        } else if is_open && !base.contains(&key) {
            let message = format!("{}() hat andere Parameter als das Original", function.name);
            findings.push(finding(message));
        } else if is_open && !declared.iter().any(|name| name == function.name.as_str()) {
            let message =
                format!("{}() ersetzt das Original; in abweichung.toml fehlt dazu [[funktion]]", function.name);
            findings.push(finding(message));
        } else if !is_open && !function.access.is_private() {
            let message = format!("{}() ist neu: Hilfsfunktionen eines Landes sind private fn", function.name);
            findings.push(finding(message));
        }
    }
    findings
}

/// Names that scripts use must be declared in the frame.
fn lint(frame: &Frame, script: Script<'_>, ast: &AST) -> Vec<Diagnostic> {
    let file = File { name: script.file, text: script.text };
    let mut findings = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(expr)) = path.last() {
            findings.extend(undeclared(frame, &file, expr));
        }
        true
    });
    findings
}

fn undeclared(frame: &Frame, file: &File<'_>, expr: &Expr) -> Option<Diagnostic> {
    let declared = |name: &str, table: bool| {
        let mut parameters = frame.parameter.iter().map(|p| p.get_ref());
        parameters.any(|p| p.name.get_ref() == name && (!table || p.typ == Type::Tabelle))
    };
    match expr {
        Expr::FnCall(call, position) => {
            let at = |message: String| {
                let (line, column) = place(*position);
                Some(file.error_at("nicht_erklaert", line, column, message))
            };
            let named = |what: &str, known: &dyn Fn(&str) -> bool| match call.args.first() {
                Some(Expr::StringConstant(name, _)) if known(name) => None,
                Some(Expr::StringConstant(name, _)) => at(format!("{what} „{name}“ ist im Rahmen nicht erklärt")),
                _ => at(format!("{}() braucht als Erstes den Namen als Text", call.name)),
            };
            match call.name.as_str() {
                "pruefe" => {
                    named("die Prüfung", &|name| frame.pruefung.iter().any(|c| c.get_ref().id.get_ref() == name))
                }
                "nachschlagen" | "nachschlagen_oder_leer" => named("die Tabelle", &|name| declared(name, true)),
                _ => None,
            }
        }
        Expr::Dot(pair, _, _) => {
            let Expr::Variable(variable, _, _) = &pair.lhs else { return None };
            let property = match &pair.rhs {
                Expr::Property(p, position) => Some((&p.2, *position)),
                Expr::Dot(inner, _, _) => match &inner.lhs {
                    Expr::Property(p, position) => Some((&p.2, *position)),
                    _ => None,
                },
                _ => None,
            };
            let (name, position) = property?;
            let known = match variable.1.as_str() {
                "parameter" => declared(name, false),
                "stichtag" => {
                    matches!(name.as_str(), "antrag" | "entscheidung") || frame.stichtage.contains_key(name.as_str())
                }
                _ => true,
            };
            let (line, column) = place(position);
            let message = || format!("{}.{name} ist im Rahmen nicht erklärt", variable.1);
            (!known).then(|| file.error_at("nicht_erklaert", line, column, message()))
        }
        _ => None,
    }
}
