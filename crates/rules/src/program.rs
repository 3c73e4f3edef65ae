//! Scripts merged over the layers: a Land's function takes the place of the opened one and may call the original.

use crate::coverage::Coverage;
use crate::diagnostic::{Diagnostic, File, has_errors};
use crate::dialect;
use crate::engine::{MAX_SCRIPT, engine, globals};
use crate::german;
use crate::grammar::Frame;
use crate::lint::{self, Usage};
use domain::Level;
use rhai::{AST, Engine, Module, Position, Scope, ScriptFuncDef, Shared};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

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

/// A program with what is known about it without running it.
pub(crate) struct Compiled {
    pub program: Program,
    pub usage: Usage,
    pub warnings: Vec<Diagnostic>,
}

/// One script file with the level that wrote it.
#[derive(Clone, Copy)]
pub(crate) struct Script<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub level: Level,
}

/// Compiles components, base and Land script into one program; all findings at once.
pub(crate) fn compile(
    frame: &Frame,
    shared: &[Script<'_>],
    base: Script<'_>,
    land: Option<Script<'_>>,
    declared: &[String],
    coverage: Option<&Arc<Coverage>>,
) -> Result<Compiled, Vec<Diagnostic>> {
    let mut engine = engine(coverage);
    let mut findings = Vec::new();
    let mut usage = Usage::default();
    let mut common = AST::empty();
    for script in shared {
        let ast = compile_one(&engine, frame, *script, coverage)?;
        let offered: Vec<String> = names(&ast).into_iter().map(|(name, _)| name).collect();
        usage.extend(lint::script(frame, *script, &ast, &offered, &mut findings));
        findings.extend(taken_twice(*script, &ast, &common));
        findings.extend(opened_by_frame(frame, *script, &ast));
        common = common.merge(&ast);
    }
    let own = compile_one(&engine, frame, base, coverage)?;
    usage.extend(lint::script(frame, base, &own, &[], &mut findings));
    findings.extend(taken_twice(base, &own, &common));
    let base_ast = common.merge(&own);
    let base_names = names(&base_ast);
    if !names(&own).contains(&(ENTRY.to_owned(), 0)) {
        let file = File { name: base.file, text: base.text };
        findings.push(file.error("skript", 0..0, format!("die Funktion {ENTRY}() fehlt")));
    }
    let module = Module::eval_ast_as_new(Scope::new(), &base_ast, &engine)
        .map_err(|e| vec![File { name: base.file, text: base.text }.error("skript", 0..0, e.to_string())])?;
    engine.register_static_module(base.level.folder(), module.into());
    let ast = match land {
        None => base_ast,
        Some(script) => {
            let land_ast = compile_one(&engine, frame, script, coverage)?;
            let called: Vec<String> = base_names.iter().map(|(name, _)| name.clone()).collect();
            usage.extend(lint::script(frame, script, &land_ast, &called, &mut findings));
            findings.extend(unopened(frame, script, &land_ast, &base_names, declared));
            base_ast.merge(&land_ast)
        }
    };
    if has_errors(&findings) {
        return Err(findings);
    }
    Ok(Compiled { program: Program { engine, ast }, usage, warnings: findings })
}

/// A frame cannot open what a component has: no Land replaces it.
fn opened_by_frame(frame: &Frame, script: Script<'_>, ast: &AST) -> Vec<Diagnostic> {
    let file = File { name: script.file, text: script.text };
    let is_open = |name: &str| frame.funktion.iter().any(|f| f.get_ref().name.get_ref() == name);
    let opened = ast.iter_fn_def().filter(|f| is_open(&f.name));
    opened
        .map(|f| {
            let (line, column) = place(f.body.start_position());
            let message = format!("{}() gehört einem Baustein; ein Rahmen kann sie keinem Land öffnen", f.name);
            file.error_at("oeffnung", line, column, message)
        })
        .collect()
}

/// Functions of a script that an earlier one has already: a component never replaces, and is never replaced.
fn taken_twice(script: Script<'_>, ast: &AST, earlier: &AST) -> Vec<Diagnostic> {
    let file = File { name: script.file, text: script.text };
    let taken = names(earlier);
    let twice = ast.iter_fn_def().filter(|f| taken.iter().any(|(name, _)| *name == f.name.as_str()));
    twice
        .map(|f| {
            let (line, column) = place(f.body.start_position());
            let message = format!("die Funktion {}() gibt es schon in einem Baustein", f.name);
            file.error_at("mehrdeutig", line, column, message)
        })
        .collect()
}

fn names(ast: &AST) -> BTreeSet<(String, usize)> {
    ast.iter_functions().map(|f| (f.name.to_owned(), f.params.len())).collect()
}

fn compile_one(
    engine: &Engine,
    frame: &Frame,
    script: Script<'_>,
    coverage: Option<&Arc<Coverage>>,
) -> Result<AST, Vec<Diagnostic>> {
    let file = File { name: script.file, text: script.text };
    if script.text.len() > MAX_SCRIPT {
        return Err(vec![file.error("skript", 0..0, format!("das Skript ist länger als {MAX_SCRIPT} Bytes"))]);
    }
    if let Some(finding) = dialect::text(&file) {
        return Err(vec![finding]);
    }
    let parse = |text: &str| {
        engine.compile_with_scope(&globals(), text).map_err(|e| {
            let (line, column) = place(e.position());
            vec![file.error_at("skript", line, column, german::script(e.err_type()))]
        })
    };
    let ast = parse(script.text)?;
    if !ast.statements().is_empty() {
        return Err(vec![file.error("skript", 0..0, "außerhalb von Funktionen darf nichts stehen")]);
    }
    let refused = dialect::check(script, &ast);
    if !refused.is_empty() {
        return Err(refused);
    }
    let mut markers = opened(frame, script, &ast);
    markers.extend(coverage.into_iter().flat_map(|coverage| coverage.markers(script.file, script.text, &ast)));
    parse(&with_markers(script.text, markers))
}

/// Text to put in after a place of a script, by line and column (1-based).
pub(crate) type Marker = (usize, usize, String);

/// A call at the start of every opened function, so that the trace says whose version ran.
fn opened(frame: &Frame, script: Script<'_>, ast: &AST) -> Vec<Marker> {
    let opened = |name: &str| frame.funktion.iter().any(|f| f.get_ref().name.get_ref() == name);
    let marker = |function: &&Shared<ScriptFuncDef>| {
        let (line, column) = place(function.body.start_position());
        (line, column, format!(" {MARKER}(\"{}\", \"{}\");", function.name, script.level.folder()))
    };
    ast.iter_fn_def().filter(|f| opened(&f.name)).map(|f| marker(&f)).collect()
}

/// The script with markers; lines stay where they are.
fn with_markers(text: &str, mut markers: Vec<Marker>) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    // From the end of each line on, so that earlier columns stay right.
    markers.sort();
    for (line, column, marker) in markers.into_iter().rev() {
        if let Some(text) = lines.get_mut(line.saturating_sub(1)) {
            let at = text.char_indices().nth(column).map_or(text.len(), |(i, _)| i);
            text.insert_str(at, &marker);
        }
    }
    lines.join("\n")
}

pub(crate) fn place(position: Position) -> (usize, usize) {
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
