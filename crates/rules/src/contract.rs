//! The contract between the layers, checked at load: who may set what, by which norm, in which form, within which bounds.
//!
//! This is what a Kommune cannot break: its value either keeps an opening (Öffnungsklausel) of the level above, or it is
//! refused with what would be allowed. `grant` says what is allowed, `delegation` what a Land may pass on.

mod delegation;
mod grant;

pub(crate) use delegation::check_delegations;
pub(crate) use grant::openings_text;

use crate::diagnostic::{Diagnostic, File};
use crate::grammar::{Delegation, Direction, Instrument, Parameter, Per, Setting};
use crate::layers::Versions;
use crate::table::{Cell, Row};
use crate::value::Value;
use domain::{Decimal, LayerNorm, Level};
use grant::{Grant, Grants};
use jiff::civil::Date;
use toml::Spanned;

/// Who wants to set a value.
pub(crate) struct Setter<'a> {
    pub level: Level,
    /// Name for findings, such as „Bayern“ or „Wiesbaden“.
    pub name: &'a str,
    pub base_level: Level,
    pub land_name: &'a str,
    pub delegations: &'a [Spanned<Delegation>],
    /// Values of the layers it may override, the nearest first.
    pub below: &'a [&'a Versions],
}

/// Checks one value against the openings; returns the norms that let it stand.
pub(crate) fn check(
    file: &File<'_>,
    setter: &Setter<'_>,
    parameter: &Parameter,
    setting: &Setting,
    value: &Value,
) -> Result<Vec<LayerNorm>, Box<Diagnostic>> {
    let Grants { grants, drafts } = grant::grants(setter, parameter);
    let here = setting.parameter.as_ref().map_or(setting.norm.span(), Spanned::span);
    let name = parameter.name.get_ref();
    if grants.is_empty() && !drafts.is_empty() {
        let message = format!("{}: „{name}“ stützt sich auf einen Entwurf ({})", setter.name, drafts.join(", "));
        let help = "ein Entwurf öffnet nichts, gleich an welchem Tag; nach der Verkündung status = \"geltend\" setzen";
        return Err(Box::new(file.error("entwurf", here, message).help(help)));
    }
    if grants.is_empty() {
        let message = format!("{} darf „{name}“ nicht setzen: keine Öffnungsklausel", setter.level.title());
        return Err(Box::new(file.error("oeffnung", here, message).help(openings_text(parameter))));
    }
    let allowed = || grant::allowed_text(setter, parameter, &grants, &drafts);
    let Some(instrument) = &setting.instrument else {
        let message = format!("für „{name}“ fehlt instrument (in welcher Form {} es regelt)", setter.name);
        return Err(Box::new(file.error("instrument", here, message).help(allowed())));
    };
    let mut refusals = Vec::new();
    for grant in &grants {
        match refuse(grant, setter, parameter, setting, *instrument.get_ref(), value) {
            None => return Ok(grant.through.clone()),
            Some(refusal) => refusals.push(refusal),
        }
    }
    // The refusal that came nearest to being allowed is the one that helps.
    let nearest = refusals.into_iter().max_by_key(|r| r.rank);
    let (code, message, row) = nearest.map_or(("oeffnung", String::new(), None), |r| (r.code, r.message, r.row));
    let span = match (code, row) {
        ("instrument", _) => instrument.span(),
        ("geltung", _) => setting.ab.span(),
        (_, Some(i)) => setting.zeilen.as_ref().and_then(|z| z.get(i)).map_or(here, Spanned::span),
        (_, None) => setting.wert.as_ref().map_or(here, Spanned::span),
    };
    let finding = file.error(code, span, format!("{}: „{name}“ {message}", setter.name));
    Err(Box::new(finding.help(allowed())))
}

struct Refusal {
    rank: u8,
    code: &'static str,
    message: String,
    row: Option<usize>,
}

fn refuse(
    grant: &Grant<'_>,
    setter: &Setter<'_>,
    parameter: &Parameter,
    setting: &Setting,
    instrument: Instrument,
    value: &Value,
) -> Option<Refusal> {
    let refusal = |rank, code, message, row| Some(Refusal { rank, code, message, row });
    if !grant.instruments.contains(&instrument) {
        let allowed: Vec<&str> = grant.instruments.iter().map(|i| i.title()).collect();
        let message =
            format!("darf nicht durch {} geregelt werden, nur durch {}", instrument.title(), allowed.join(" oder "));
        // Where the Land delegated, the delegation is what the Kommune relied on.
        return refusal(if grant.through.len() > 1 { 2 } else { 1 }, "instrument", message, None);
    }
    if let Some(message) = out_of_force(grant, setting) {
        return refusal(3, "geltung", message, None);
    }
    if let Value::Table(table) = value {
        // Rows are checked in the order they are written, so that the finding names the first.
        let order = |row: &&Row| row.at.rsplit(':').next().and_then(|l| l.parse::<usize>().ok());
        let mut rows: Vec<&Row> = table.rows.iter().collect();
        rows.sort_by_key(order);
        for (i, row) in rows.into_iter().enumerate() {
            let factor = grant.per.and_then(|per| factor(per, table.columns.iter().map(|c| c.name.as_str()), row));
            if let Some(message) = out_of_bounds(grant, &row.value, factor.as_ref()) {
                return refusal(4, "grenze", message, Some(i));
            }
        }
        return None;
    }
    if let Some(message) = out_of_bounds(grant, value, None) {
        return refusal(4, "grenze", message, None);
    }
    let worse = grant.favour_only.then(|| not_in_favour(setter, parameter, setting, value)).flatten();
    worse.and_then(|message| refusal(5, "richtung", message, None))
}

/// A value holds only as long as what it rests on.
fn out_of_force(grant: &Grant<'_>, setting: &Setting) -> Option<String> {
    let (from, to) = (setting.ab.get_ref().0, setting.bis.map(|day| day.0));
    if let Some(start) = grant.from.filter(|start| from < *start) {
        return Some(format!("gilt ab {from}; die Ermächtigung gilt erst ab {start}"));
    }
    let end = grant.to?;
    match to {
        Some(to) if to <= end => None,
        Some(to) => Some(format!("gilt bis {to}; die Ermächtigung endet am {end}")),
        None => Some(format!("gilt ohne Ende; die Ermächtigung endet am {end}, also bis = {end} dazuschreiben")),
    }
}

/// "Only in the applicant's favour": compared with every value below that the setting would replace.
fn not_in_favour(setter: &Setter<'_>, parameter: &Parameter, setting: &Setting, value: &Value) -> Option<String> {
    let name = parameter.name.get_ref();
    let (from, to) = (setting.ab.get_ref().0, setting.bis.map(|day| day.0));
    let own = value.number()?;
    let versions = || setter.below.iter().flat_map(|versions| versions.0.get(name)).flatten();
    // Where a value below begins, and where one ends and another comes back.
    let turns = versions().flat_map(|version| [Some(version.from), version.to.and_then(|end| end.tomorrow().ok())]);
    let within = |day: &Date| *day > from && to.is_none_or(|to| *day <= to);
    for day in std::iter::once(from).chain(turns.flatten().filter(within)) {
        let Some(below) = setter.below.iter().find_map(|versions| versions.on(name, day)) else {
            if day > from {
                continue;
            }
            return Some(format!("darf nur günstiger sein als der Wert darunter, doch am {day} gibt es keinen"));
        };
        let limit = below.value.number()?;
        let worse = match parameter.guenstiger {
            Some(Direction::Niedriger) => own > limit,
            Some(Direction::Hoeher) => own < limit,
            None => true,
        };
        if worse {
            let word = if own > limit { "höher" } else { "niedriger" };
            return Some(format!(
                "ist mit {own} {word} als {limit} ({}, ab {}); zugelassen ist nur, was günstiger ist",
                below.norm, below.from
            ));
        }
    }
    None
}

/// (units, basis) by which a bound grows: 24 months at a bound for 12 allow twice as much.
fn factor<'a>(per: &Per, mut columns: impl Iterator<Item = &'a str>, row: &Row) -> Option<(Decimal, Decimal)> {
    let column = columns.position(|c| c == per.schluessel)?;
    match row.keys.get(column) {
        Some(Cell::Number(units)) => Some((*units, Decimal::from(per.basis))),
        Some(Cell::Text(_)) | None => None,
    }
}

fn out_of_bounds(grant: &Grant<'_>, value: &Value, factor: Option<&(Decimal, Decimal)>) -> Option<String> {
    if let Some(number) = value.number() {
        // Compared by multiplication, never by a rounded quotient.
        let (units, basis) = factor.copied().unwrap_or((Decimal::ONE, Decimal::ONE));
        let per = factor.map_or(String::new(), |(units, _)| format!(" für {units}"));
        if let Some(maximum) = grant.maximum.filter(|max| number * basis > *max * units) {
            return Some(format!("ist mit {number}{per} höher als zulässig ({maximum}{})", grant.per_text()));
        }
        if let Some(minimum) = grant.minimum.filter(|min| number * basis < *min * units) {
            return Some(format!("ist mit {number}{per} niedriger als zulässig ({minimum}{})", grant.per_text()));
        }
    }
    let forbidden = |text: &String| !grant.allowed.is_empty() && !grant.allowed.contains(text);
    match value {
        Value::Text(text) if forbidden(text) => {
            Some(format!("darf nicht „{text}“ sein; zulässig: {}", grant.allowed.join(", ")))
        }
        Value::List(items) => items.iter().find_map(|item| out_of_bounds(grant, item, factor)),
        _ => None,
    }
}
