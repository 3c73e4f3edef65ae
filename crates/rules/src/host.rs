//! The functions that rules have: German, few, bounded. Reference: `docs/howto/regelsprache.md`.

use crate::calendar::{age_on, plus_days, plus_months};
use crate::document::Node;
use crate::engine::{Dates, Parameters, Proceeding, fail};
use crate::evaluation::{Evaluation, MAX_RECORDS, Recorded};
use crate::table::Cell;
use crate::value::Value;
use domain::{Decimal, Level, ReferralReason, json};
use jiff::civil::Date;
use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map, NativeCallContext};
use rust_decimal::RoundingStrategy;
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
    numbers(engine);
    days(engine);
    lists_and_texts(engine);
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
            "ars" => Ok(p.0.rules.ars.as_str().into()),
            "land" => Ok(p.0.rules.ars.land().short().into()),
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
        return day.strftime("%d.%m.%Y").to_string();
    }
    match (value.as_decimal(), value.as_int()) {
        (Ok(d), _) => d.to_string().replace('.', ","),
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
    evaluation.spend(size + table.len() / 16).map_err(fail)?;
    let text_key = |name: &str| match keys.get(name) {
        // A text that looks like a number is one: house numbers and postcodes in tables are read the same way.
        Some(Cell::Text(text)) => Some(json::decimal(text).map_or_else(|| Cell::Text(text.clone()), Cell::Number)),
        other => other.cloned(),
    };
    let day = evaluation.day_of(declared).map_err(fail)?;
    let Some(row) = table.find(day, text_key) else { return Ok(None) };
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

fn numbers(engine: &mut Engine) {
    engine.register_fn("euro", |d: Decimal| d);
    engine.register_fn("euro", |n: INT| Decimal::from(n));
    engine
        .register_fn("euro", |text: &str| json::decimal(text).ok_or_else(|| fail(format!("„{text}“ ist kein Betrag"))));
    engine.register_fn("runde_cent", |d: Decimal| cents(d));
    engine.register_fn("runde_cent", |n: INT| cents(Decimal::from(n)));
    // Statutory rounding: the law says which, so each has its own name. Half away from zero is the commercial rule.
    for (name, how) in [
        ("runde_euro", RoundingStrategy::MidpointAwayFromZero),
        ("runde_euro_ab", RoundingStrategy::ToNegativeInfinity),
        ("runde_euro_auf", RoundingStrategy::ToPositiveInfinity),
    ] {
        engine.register_fn(name, move |amount: Decimal| amount.round_dp_with_strategy(0, how));
        engine.register_fn(name, |whole: INT| Decimal::from(whole));
    }
    engine.register_fn("runde_cent_ab", |d: Decimal| to_cents(d, RoundingStrategy::ToNegativeInfinity));
    engine.register_fn("runde_cent_auf", |d: Decimal| to_cents(d, RoundingStrategy::ToPositiveInfinity));
    engine.register_fn("min", |a: INT, b: INT| a.min(b));
    engine.register_fn("max", |a: INT, b: INT| a.max(b));
    engine.register_fn("min", |a: Decimal, b: Decimal| a.min(b));
    engine.register_fn("max", |a: Decimal, b: Decimal| a.max(b));
}

/// Commercial rounding (half away from zero) to two places, which are then always shown.
fn cents(amount: Decimal) -> Decimal {
    to_cents(amount, RoundingStrategy::MidpointAwayFromZero)
}

fn to_cents(amount: Decimal, how: RoundingStrategy) -> Decimal {
    let mut rounded = amount.round_dp_with_strategy(2, how);
    rounded.rescale(2);
    rounded
}

fn days(engine: &mut Engine) {
    let none = |text: String| move || fail(text.clone());
    engine.register_type_with_name::<Date>("Datum");
    engine.register_fn("datum", |text: &str| text.parse::<Date>().map_err(|_| fail(format!("„{text}“ ist kein Tag"))));
    engine.register_fn("datum_aus", |year: INT, month: INT, day: INT| -> Fallible<Date> {
        let parts = (i16::try_from(year), i8::try_from(month), i8::try_from(day));
        let (Ok(year), Ok(month), Ok(day)) = parts else { return Err(fail("kein Tag")) };
        Date::new(year, month, day).map_err(|_| fail(format!("{year}-{month}-{day} ist kein Tag")))
    });
    engine.register_fn("plus_monate", move |d: Date, n: INT| plus_months(d, n).ok_or_else(none("kein Tag".into())));
    let none = |text: String| move || fail(text.clone());
    engine.register_fn("plus_tage", move |d: Date, n: INT| plus_days(d, n).ok_or_else(none("kein Tag".into())));
    engine.register_fn("monatserster", |d: Date| d.first_of_month());
    engine.register_fn("monatsletzter", |d: Date| d.last_of_month());
    engine.register_fn("jahr", |d: Date| INT::from(d.year()));
    engine.register_fn("monat", |d: Date| INT::from(d.month()));
    engine.register_fn("tag", |d: Date| INT::from(d.day()));
    engine.register_fn("alter_am", |birth: Date, day: Date| age_on(birth, day));
    engine.register_fn("==", |a: Date, b: Date| a == b);
    engine.register_fn("!=", |a: Date, b: Date| a != b);
}

fn lists_and_texts(engine: &mut Engine) {
    engine.register_fn("angegeben", |value: Dynamic| -> bool {
        if value.is_unit() {
            return false;
        }
        if let Ok(text) = value.as_immutable_string_ref() {
            return !text.trim().is_empty();
        }
        value.as_array_ref().map_or(true, |list| !list.is_empty())
    });
    engine.register_fn("anzahl", |list: &mut Array| list.len() as INT);
    engine.register_fn("enthaelt", |context: NativeCallContext, list: &mut Array, wanted: &str| -> Fallible<bool> {
        evaluation(&context)?.spend(list.len() + wanted.len()).map_err(fail)?;
        Ok(list.iter().any(|item| item.as_immutable_string_ref().is_ok_and(|text| text.as_str() == wanted)))
    });
    engine.register_fn("enthaelt", |context: NativeCallContext, list: &mut Array, wanted: INT| -> Fallible<bool> {
        evaluation(&context)?.spend(list.len()).map_err(fail)?;
        Ok(list.iter().any(|item| item.as_int() == Ok(wanted)))
    });
    engine.register_fn("normal", |context: NativeCallContext, text: &str| -> Fallible<String> {
        // Umlauts and case folding cost several steps a character.
        evaluation(&context)?.spend(text.len() * 4).map_err(fail)?;
        Ok(plain(text))
    });
}

/// A name or street as it is compared: lower case, without umlauts and double spaces, „str.“ written out.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars().flat_map(char::to_lowercase) {
        match c {
            'ä' => out.push_str("ae"),
            'ö' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            c if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    if let Some(stem) = out.strip_suffix("str.") {
        return format!("{stem}strasse");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streets_compare_however_they_are_written() {
        assert_eq!(plain("  Aachener  Straße "), "aachener strasse");
        assert_eq!(plain("Aachener Str."), plain("AACHENER STRASSE"));
        assert_eq!(plain("Königsallee"), "koenigsallee");
    }

    #[test]
    fn cents_round_half_up_and_are_shown() {
        assert_eq!(cents("76.5".parse().unwrap()).to_string(), "76.50");
        assert_eq!(cents("0.125".parse().unwrap()).to_string(), "0.13");
    }
}
