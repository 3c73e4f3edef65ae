//! The sandbox: a raw rhai engine that has only what is listed here and in `host`, each thing bounded.
//!
//! Scripts are semi-trusted. rhai's own packages are never loaded (a default engine lets one line allocate gigabytes
//! in a native call); what is missing here does not exist for a script. Limits end a script with an error, and an
//! error in a rule refers to a person.

use crate::coverage::Coverage;
use crate::document::{Node, Root};
use crate::evaluation::Evaluation;
use crate::host;
use rhai::{Dynamic, Engine, EvalAltResult, OptimizationLevel, Position, Scope};
use std::sync::Arc;

/// Operations one evaluation may take. A decision of fifteen checks takes about two thousand.
const MAX_OPERATIONS: u64 = 100_000;
/// Nested calls, and nested expressions in each: together they bound the stack (measured: 32 × 36 overflow 2 MiB).
/// Spelled out, because rhai's own defaults differ between debug and release builds.
const MAX_CALLS: usize = 20;
const MAX_EXPRESSION_DEPTH: usize = 28;
const MAX_STRING: usize = 8 * 1024;
pub(crate) const MAX_ARRAY: usize = 1_000;
const MAX_MAP: usize = 200;
const MAX_VARIABLES: usize = 128;
const MAX_FUNCTIONS: usize = 256;
/// Script text; longer ones are refused at load.
pub(crate) const MAX_SCRIPT: usize = 256 * 1024;

/// What a script may read. They are declared here so that any other name is an error when the script is loaded.
pub(crate) const GLOBALS: [&str; 5] = ["antrag", "nachweise", "parameter", "stichtag", "vorgang"];

/// Keywords that a bounded dialect has no use for.
const DISABLED: [&str; 19] = [
    "..",
    "..=",
    "eval",
    "import",
    "export",
    "while",
    "loop",
    "do",
    "until",
    "try",
    "catch",
    "throw",
    "Fn",
    "call",
    "curry",
    "is_shared",
    "print",
    "debug",
    "type_of",
];

#[derive(Clone)]
pub(crate) struct Parameters(pub Arc<Evaluation>);
#[derive(Clone)]
pub(crate) struct Dates(pub Arc<Evaluation>);
#[derive(Clone)]
pub(crate) struct Proceeding(pub Arc<Evaluation>);

/// An engine with nothing but the host functions.
pub(crate) fn engine(coverage: Option<&Arc<Coverage>>) -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_allow_shadowing(true);
    engine.set_allow_anonymous_fn(false);
    // Built-in operators would answer `() < 5` with false; with this off our own operators are asked first.
    engine.set_fast_operators(false);
    engine.set_max_operations(MAX_OPERATIONS);
    engine.set_max_call_levels(MAX_CALLS);
    engine.set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH);
    engine.set_max_string_size(MAX_STRING);
    engine.set_max_array_size(MAX_ARRAY);
    engine.set_max_map_size(MAX_MAP);
    engine.set_max_variables(MAX_VARIABLES);
    engine.set_max_functions(MAX_FUNCTIONS);
    engine.set_max_modules(0);
    for symbol in DISABLED {
        engine.disable_symbol(symbol);
    }
    engine.on_print(|_| {});
    engine.on_debug(|_, _, _| {});
    #[allow(deprecated, reason = "the only way to give functions shared read-only names; checked by tests")]
    engine.on_var(|name, index, context| {
        // A local variable has an index; only names that are none reach the globals.
        if index != 0 || !GLOBALS.contains(&name) {
            return Ok(None);
        }
        let Some(evaluation) = context.tag().clone().try_cast::<Arc<Evaluation>>() else { return Ok(None) };
        Ok(Some(global(name, evaluation)))
    });
    host::register(&mut engine);
    if let Some(coverage) = coverage.cloned() {
        engine.register_fn(crate::coverage::BRANCH, move |number: rhai::INT| {
            coverage.ran(usize::try_from(number).unwrap_or(usize::MAX));
        });
    }
    engine
}

fn global(name: &str, evaluation: Arc<Evaluation>) -> Dynamic {
    let node = |evaluation, root| Dynamic::from(Node { evaluation, root, pointer: String::new() });
    match name {
        "antrag" => node(evaluation, Root::Application),
        "nachweise" => node(evaluation, Root::Evidence),
        "parameter" => Dynamic::from(Parameters(evaluation)),
        "stichtag" => Dynamic::from(Dates(evaluation)),
        _ => Dynamic::from(Proceeding(evaluation)),
    }
}

/// Names the parser may know without a `let`.
pub(crate) fn globals() -> Scope<'static> {
    let mut scope = Scope::new();
    for name in GLOBALS {
        scope.push_constant(name, ());
    }
    scope
}

pub(crate) fn fail(text: impl Into<String>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(text.into()), Position::NONE).into()
}
