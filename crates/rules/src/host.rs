//! The functions that rules have: German, few, bounded. Reference: `docs/howto/regelsprache.md`.

mod days;
mod numbers;
mod texts;

use crate::document::Node;
use crate::engine::{Dates, Parameters, Proceeding, fail};
use crate::evaluation::{Evaluation, MAX_RECORDS, Recorded};
use crate::table::{Cell, Column};
use crate::value::Value;
use domain::{Decimal, Level, ReferralReason, german};
use jiff::civil::Date;
use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map, NativeCallContext};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The text of one check with its values, in bytes.
const MAX_TEXT: usize = 8 * 1024;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

pub(crate) fn register(engine: &mut Engine) {
    documents(engine);
    checks(engine);
    operators(engine);
    numbers::register(engine);
    days::register(engine);
    texts::register(engine);
}

fn evaluation(context: &NativeCallContext) -> Fallible<Arc<Evaluation>> {
    context.tag().and_then(|tag| tag.clone().try_cast()).ok_or_else(|| fail("keine laufende Entscheidung"))
}

fn documents(engine: &mut Engine) {
    engine.register_indexer_get(|node: &mut Node, field: ImmutableString| node.get(&field).map_err(fail));
    engine.register_indexer_get(|p: &mut Parameters, name: ImmutableString| -> Fallible<Dynamic> {
        p.0.parameter(&name).map_err(fail)?.map_or(Ok(Dynamic::UNIT), |value| Ok(dynamic(&value)))
    });
    engine.register_indexer_get(|d: &mut Dates, name: ImmutableString| -> Fallible<Date> {
        d.0.dates.get(name.as_str()).copied().ok_or_else(|| fail(format!("der Stichtag „{name}“ fehlt")))
    });
    engine.register_indexer_get(|p: &mut Proceeding, name: ImmutableString| -> Fallible<Dynamic> {
        match name.as_str() {
            "kanal" => Ok(p.0.channel.german().into()),
            "vertrauensniveau" => Ok(p.0.trust_level.german().into()),
            "ars" => Ok(p.0.ars.as_str().into()),
            "ags" => Ok(p.0.ars.ags().into()),
            "land" => Ok(p.0.ars.land().short().into()),
            other => Err(fail(format!("vorgang.{other} gibt es nicht"))),
        }
    });
}

fn dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Decimal(d) => Dynamic::from_decimal(*d),
        Value::Int(n) => (*n).into(),
        Value::Date(d) => Dynamic::from(*d),
        Value::Text(t) => t.into(),
        Value::Bool(b) => (*b).into(),
        Value::List(items) => items.iter().map(dynamic).collect::<Array>().into(),
        Value::Table(_) => Dynamic::UNIT,
    }
}

fn checks(engine: &mut Engine) {
    engine.register_fn("pruefe", |context: NativeCallContext, id: &str, fulfilled: bool| {
        check(&context, id, fulfilled, &Map::new())
    });
    engine.register_fn("pruefe", |context: NativeCallContext, id: &str, fulfilled: bool, values: Map| {
        check(&context, id, fulfilled, &values)
    });
    engine.register_fn("nachschlagen", |context: NativeCallContext, table: &str, keys: Map| {
        look_up(&context, table, &keys)?.ok_or_else(|| missing_row(&context, table, &keys))
    });
    engine.register_fn("nachschlagen_oder_leer", |context: NativeCallContext, table: &str, keys: Map| {
        look_up(&context, table, &keys).map(|found| found.unwrap_or(Dynamic::UNIT))
    });
    engine.register_fn("frueher", |context: NativeCallContext, key: &str| -> Fallible<INT> {
        let evaluation = evaluation(&context)?;
        Ok(evaluation.earlier.get(key).map_or(0, |claims| claims.len() as INT))
    });
    engine.register_fn("frueher", |context: NativeCallContext, key: &str, from: Date, to: Date| -> Fallible<INT> {
        let evaluation = evaluation(&context)?;
        let overlapping = |claims: &Vec<crate::EarlierClaim>| claims.iter().filter(|c| c.overlaps(from, to)).count();
        Ok(evaluation.earlier.get(key).map_or(0, |claims| overlapping(claims) as INT))
    });
    // Put in by the loader at the start of every opened function, so that the trace says whose version ran.
    engine.register_fn(crate::program::MARKER, |context: NativeCallContext, name: &str, level: &str| -> Fallible<()> {
        let level = match level {
            "bund" => Level::Bund,
            "muster" => Level::Muster,
            _ => Level::Land,
        };
        evaluation(&context).map(|e| e.ran(name, level))
    });
}

fn check(context: &NativeCallContext, id: &str, fulfilled: bool, values: &Map) -> Fallible<bool> {
    let evaluation = evaluation(context)?;
    let checks = &evaluation.rules.base.frame.pruefung;
    let declared = checks.iter().map(|c| c.get_ref()).find(|c| c.id.get_ref() == id);
    let declared = declared.ok_or_else(|| fail(format!("die Prüfung „{id}“ steht nicht im Rahmen")))?;
    let text = fill(if fulfilled { &declared.erfuellt } else { &declared.nicht_erfuellt }, values)?;
    evaluation.spend(text.len()).map_err(fail)?;
    let mut record = evaluation.record();
    if record.checks.len() >= MAX_RECORDS {
        return Err(fail("zu viele Prüfungen in einer Entscheidung"));
    }
    record.checks.push(Recorded { id: id.to_owned(), fulfilled, text });
    Ok(fulfilled)
}

/// A text with its `{places}` filled, in one pass: what is filled in is never read as a place again.
fn fill(template: &str, values: &Map) -> Fallible<String> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        match after.split_once('}').and_then(|(name, after)| Some((values.get(name)?, after))) {
            Some((value, after)) => {
                text.push_str(&shown(value));
                rest = after;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
        if text.len() > MAX_TEXT {
            return Err(fail("der Text einer Prüfung ist zu lang"));
        }
    }
    text.push_str(rest);
    Ok(text)
}

/// A value inside a German sentence.
fn shown(value: &Dynamic) -> String {
    if let Some(day) = value.clone().try_cast::<Date>() {
        return german::day(day);
    }
    match (value.as_decimal(), value.as_int()) {
        (Ok(d), _) => german::text(&d.to_string()),
        (_, Ok(n)) => n.to_string(),
        _ => value.clone().into_string().unwrap_or_default(),
    }
}

fn cells(keys: &Map) -> BTreeMap<String, Cell> {
    let cell = |value: &Dynamic| match (value.as_int(), value.as_decimal()) {
        (Ok(n), _) => Some(Cell::Number(Decimal::from(n))),
        (_, Ok(d)) => Some(Cell::Number(d)),
        _ => value.as_bool().map(|b| b.to_string()).or_else(|_| value.clone().into_string()).ok().map(Cell::Text),
    };
    keys.iter().filter_map(|(name, value)| Some((name.to_string(), cell(value)?))).collect()
}

fn look_up(context: &NativeCallContext, name: &str, keys: &Map) -> Fallible<Option<Dynamic>> {
    let evaluation = evaluation(context)?;
    let Some(value) = evaluation.parameter(name).map_err(fail)? else { return Ok(None) };
    let Value::Table(table) = value else { return Err(fail(format!("„{name}“ ist keine Tabelle"))) };
    let keys = cells(keys);
    let Some(declared) = evaluation.rules.base.parameter(name) else { return Ok(None) };
    if let Some(unknown) = keys.keys().find(|key| !declared.schluessel.iter().any(|d| d.name == **key)) {
        return Err(fail(format!("die Tabelle „{name}“ hat keine Spalte „{unknown}“")));
    }
    let size: usize = keys.iter().map(|(name, cell)| name.len() + cell.len()).sum();
    let text_key = |column: &Column| match keys.get(&column.name) {
        Some(Cell::Text(text)) => Some(Cell::from_text(text, column.how)),
        other => other.cloned(),
    };
    let day = evaluation.day_of(declared).map_err(fail)?;
    let afford = |rows: usize| evaluation.spend(size + rows / 16).map_err(fail);
    let Some(row) = table.find(day, text_key, afford)? else { return Ok(None) };
    let columns: Vec<String> = table.columns.iter().map(|c| c.name.clone()).collect();
    if !evaluation.table_row(name, &keys, row, &columns) {
        return Err(fail("zu viele Tabellenzugriffe in einer Entscheidung"));
    }
    Ok(Some(dynamic(&row.value)))
}

fn missing_row(context: &NativeCallContext, name: &str, keys: &Map) -> Box<EvalAltResult> {
    let mut wanted: Vec<String> = keys.iter().map(|(k, v)| format!("{k} = {}", shown(v))).collect();
    wanted.iter_mut().for_each(shorten);
    let text = format!("In der Tabelle „{name}“ steht keine Zeile für {}.", wanted.join(", "));
    if let Ok(evaluation) = evaluation(context) {
        evaluation.record().missing = Some((ReferralReason::NotConfigured, text.clone()));
    }
    fail(text)
}

/// For messages: the beginning says enough.
pub(crate) fn shorten(text: &mut String) {
    const SHOWN: usize = 400;
    if let Some((at, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(at);
        text.push('…');
    }
}

fn operators(engine: &mut Engine) {
    engine.register_fn("!", |b: bool| !b);
    engine.register_fn("-", |n: INT| n.checked_neg().ok_or_else(|| fail("Überlauf")));
    engine.register_fn("-", |d: Decimal| -d);
    engine.register_fn("/", |_: INT, _: INT| -> Fallible<INT> {
        Err(fail("Division zweier ganzer Zahlen: erst mit euro(…) zur Dezimalzahl machen"))
    });
    // One function for every pair of types: rhai answers a comparison that it does not know with false.
    engine.register_fn("<", |a: Dynamic, b: Dynamic| compare("<", &a, &b).map(Ordering::is_lt));
    engine.register_fn("<=", |a: Dynamic, b: Dynamic| compare("<=", &a, &b).map(Ordering::is_le));
    engine.register_fn(">", |a: Dynamic, b: Dynamic| compare(">", &a, &b).map(Ordering::is_gt));
    engine.register_fn(">=", |a: Dynamic, b: Dynamic| compare(">=", &a, &b).map(Ordering::is_ge));
    engine.register_iterator::<Array>();
}

/// The order of two numbers, days or texts.
fn compare(operator: &str, a: &Dynamic, b: &Dynamic) -> Fallible<Ordering> {
    if a.is_unit() || b.is_unit() {
        return Err(fail(format!("Vergleich „{operator}“ mit einem fehlenden Wert")));
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return Ok(a.cmp(&b));
    }
    if let (Ok(a), Ok(b)) = (a.as_immutable_string_ref(), b.as_immutable_string_ref()) {
        return Ok(a.as_str().cmp(b.as_str()));
    }
    match (a.clone().try_cast::<Date>(), b.clone().try_cast::<Date>()) {
        (Some(a), Some(b)) => Ok(a.cmp(&b)),
        _ => Err(fail(format!("Vergleich „{operator}“ von {} und {}", kind(a), kind(b)))),
    }
}

fn number(value: &Dynamic) -> Option<Decimal> {
    value.as_int().map(Decimal::from).or_else(|_| value.as_decimal()).ok()
}

fn kind(value: &Dynamic) -> &'static str {
    match () {
        () if number(value).is_some() => "Zahl",
        () if value.is_string() => "Text",
        () if value.is_bool() => "Wahrheitswert",
        () if value.is_array() => "Liste",
        () if value.clone().is::<Date>() => "Tag",
        () => "etwas anderem",
    }
}
