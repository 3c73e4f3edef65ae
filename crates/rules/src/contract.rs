//! The contract between the layers, checked at load: who may set what, by which norm, in which form, within which bounds.
//!
//! This is what a Kommune cannot break: its value either keeps an opening (Öffnungsklausel) of the level above, or it is
//! refused with what would be allowed.

use crate::diagnostic::{Diagnostic, File};
use crate::grammar::{Delegation, Instrument, OpenTo, Opening, Parameter, Per, Setting};
use crate::table::{Cell, Row};
use crate::value::Value;
use domain::{Decimal, LayerNorm, Level, json};
use jiff::civil::Date;
use toml::Spanned;

/// What one opening (or a Land's delegation) allows.
#[derive(Debug, Clone)]
struct Grant<'a> {
    through: Vec<LayerNorm>,
    instruments: &'a [Instrument],
    minimum: Option<Decimal>,
    maximum: Option<Decimal>,
    allowed: &'a [String],
    per: Option<&'a Per>,
    from: Option<Date>,
    to: Option<Date>,
}

/// Who wants to set a value.
pub(crate) struct Setter<'a> {
    pub level: Level,
    /// Name for findings, such as „Bayern“ or „Wiesbaden“.
    pub name: &'a str,
    pub base_level: Level,
    pub land_name: &'a str,
    pub delegations: &'a [Spanned<Delegation>],
}

/// Checks one value against the openings; returns the norms that let it stand.
pub(crate) fn check(
    file: &File<'_>,
    setter: &Setter<'_>,
    parameter: &Parameter,
    setting: &Setting,
    value: &Value,
) -> Result<Vec<LayerNorm>, Box<Diagnostic>> {
    let grants = grants(setter, parameter);
    let here = setting.parameter.as_ref().map_or(setting.norm.span(), Spanned::span);
    let name = parameter.name.get_ref();
    if grants.is_empty() {
        let message = format!("{} darf „{name}“ nicht setzen: keine Öffnungsklausel", setter.level.title());
        return Err(Box::new(file.error("oeffnung", here, message).help(openings_text(parameter))));
    }
    let Some(instrument) = &setting.instrument else {
        let message = format!("für „{name}“ fehlt instrument (in welcher Form {} es regelt)", setter.name);
        return Err(Box::new(file.error("instrument", here, message).help(allowed_text(setter, &grants))));
    };
    let mut refusals = Vec::new();
    for grant in &grants {
        match refuse(grant, setting, *instrument.get_ref(), value) {
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
    Err(Box::new(finding.help(allowed_text(setter, &grants))))
}

struct Refusal {
    rank: u8,
    code: &'static str,
    message: String,
    row: Option<usize>,
}

fn refuse(grant: &Grant<'_>, setting: &Setting, instrument: Instrument, value: &Value) -> Option<Refusal> {
    let refusal = |rank, code, message, row| Some(Refusal { rank, code, message, row });
    if !grant.instruments.contains(&instrument) {
        let allowed: Vec<&str> = grant.instruments.iter().map(|i| i.title()).collect();
        let message =
            format!("darf nicht durch {} geregelt werden, nur durch {}", instrument.title(), allowed.join(" oder "));
        // Where the Land delegated, the delegation is what the Kommune relied on.
        return refusal(if grant.through.len() > 1 { 2 } else { 1 }, "instrument", message, None);
    }
    let from = setting.ab.get_ref().0;
    if grant.from.is_some_and(|start| from < start) || grant.to.is_some_and(|end| from > end) {
        let start = grant.from.map_or(String::new(), |d| format!(" ab {d}"));
        let message = format!("gilt ab {from}; die Ermächtigung gilt erst{start}");
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
    out_of_bounds(grant, value, None).and_then(|message| refusal(4, "grenze", message, None))
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
            return Some(format!("ist mit {number}{per} höher als zulässig ({maximum}{})", per_text(grant)));
        }
        if let Some(minimum) = grant.minimum.filter(|min| number * basis < *min * units) {
            return Some(format!("ist mit {number}{per} niedriger als zulässig ({minimum}{})", per_text(grant)));
        }
    }
    match value {
        Value::Text(text) if !grant.allowed.is_empty() && !grant.allowed.contains(text) => {
            Some(format!("darf nicht „{text}“ sein; zulässig: {}", grant.allowed.join(", ")))
        }
        _ => None,
    }
}

fn per_text(grant: &Grant<'_>) -> String {
    grant.per.map_or(String::new(), |per| format!(" je {} {}", per.basis, per.schluessel))
}

fn grants<'a>(setter: &Setter<'a>, parameter: &'a Parameter) -> Vec<Grant<'a>> {
    let name = parameter.name.get_ref();
    let wanted = match setter.level {
        Level::Land => OpenTo::Land,
        Level::Kommune => OpenTo::Kommune,
        Level::Bund | Level::Muster => return Vec::new(),
    };
    let norm = |level, norm: &String| LayerNorm { level, norm: norm.clone() };
    let direct = parameter.oeffnung.iter().filter(|o| o.ebene == wanted).map(|o| from_opening(setter.base_level, o));
    let mut grants: Vec<Grant<'a>> = direct.collect();
    if wanted == OpenTo::Kommune {
        for delegation in setter.delegations.iter().map(Spanned::get_ref) {
            if delegation.parameter.get_ref() != name || delegation.an != OpenTo::Kommune {
                continue;
            }
            let parents = parameter.oeffnung.iter().filter(|o| o.darf_delegieren_an == Some(OpenTo::Kommune));
            for parent in parents {
                grants.push(Grant {
                    through: vec![norm(setter.base_level, &parent.norm), norm(Level::Land, &delegation.norm)],
                    instruments: &delegation.instrument,
                    minimum: stricter(bound(delegation.minimum.as_ref()), parsed(parent.minimum.as_ref()), true),
                    maximum: stricter(bound(delegation.maximum.as_ref()), parsed(parent.maximum.as_ref()), false),
                    allowed: &parent.erlaubt,
                    per: delegation.je.as_ref().or(parent.je.as_ref()),
                    from: Some(delegation.ab.0),
                    to: delegation.bis.map(|d| d.0),
                });
            }
        }
    }
    grants
}

fn from_opening(base_level: Level, opening: &Opening) -> Grant<'_> {
    Grant {
        through: vec![LayerNorm { level: base_level, norm: opening.norm.clone() }],
        instruments: &opening.instrument,
        minimum: parsed(opening.minimum.as_ref()),
        maximum: parsed(opening.maximum.as_ref()),
        allowed: &opening.erlaubt,
        per: opening.je.as_ref(),
        from: opening.ab.map(|d| d.0),
        to: opening.bis.map(|d| d.0),
    }
}

fn parsed(text: Option<&String>) -> Option<Decimal> {
    text.and_then(|t| json::decimal(t))
}
fn bound(text: Option<&Spanned<String>>) -> Option<Decimal> {
    text.and_then(|t| json::decimal(t.get_ref()))
}
fn stricter(a: Option<Decimal>, b: Option<Decimal>, lower: bool) -> Option<Decimal> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if lower { a.max(b) } else { a.min(b) }),
        (one, other) => one.or(other),
    }
}

/// A Land's delegation must itself rest on an opening that may be passed on, and may only narrow it.
pub(crate) fn check_delegation(file: &File<'_>, parameter: &Parameter, delegation: &Delegation) -> Vec<Diagnostic> {
    let name = parameter.name.get_ref();
    let span = delegation.parameter.span();
    let passes_on = |o: &&Opening| o.ebene == OpenTo::Land && o.darf_delegieren_an == Some(delegation.an);
    let Some(parent) = parameter.oeffnung.iter().find(passes_on) else {
        let message = format!("„{name}“ darf das Land nicht weitergeben: keine Öffnungsklausel mit darf_delegieren_an");
        return vec![file.error("delegation", span, message).help(openings_text(parameter))];
    };
    let mut findings = Vec::new();
    if delegation.instrument.iter().any(|i| !parent.instrument.contains(i)) {
        let allowed: Vec<&str> = parent.instrument.iter().map(|i| i.title()).collect();
        let message = format!("„{name}“ darf nur durch {} geregelt werden", allowed.join(" oder "));
        findings.push(file.error("instrument", span.clone(), message).help(format!("nach {}", parent.norm)));
    }
    for (own, limit, word, widens) in [
        (&delegation.maximum, &parent.maximum, "Höchstmaß", Decimal::gt as fn(&Decimal, &Decimal) -> bool),
        (&delegation.minimum, &parent.minimum, "Mindestmaß", Decimal::lt),
    ] {
        let Some(own_span) = own.as_ref().map(Spanned::span) else { continue };
        match (bound(own.as_ref()), parsed(limit.as_ref())) {
            (None, _) => findings.push(file.error("wert", own_span, "das ist keine Dezimalzahl")),
            (Some(own), Some(limit)) if widens(&own, &limit) => {
                let message = format!("das Land darf „{name}“ nur enger fassen: {word} {own} geht über {limit} hinaus");
                findings.push(file.error("verengung", own_span, message).help(format!("nach {}", parent.norm)));
            }
            (Some(_), _) => {}
        }
    }
    findings
}

fn allowed_text(setter: &Setter<'_>, grants: &[Grant<'_>]) -> String {
    let each: Vec<String> = grants.iter().map(grant_text).collect();
    let delegated = grants.iter().any(|g| g.through.len() > 1);
    let hint = match setter.level {
        Level::Kommune if !delegated && setter.delegations.is_empty() => {
            format!("; {} hat nichts an seine Kommunen weitergegeben", setter.land_name)
        }
        Level::Bund | Level::Muster | Level::Land | Level::Kommune => String::new(),
    };
    format!("zulässig: {}{hint}", each.join(", oder "))
}

fn grant_text(grant: &Grant<'_>) -> String {
    let instruments: Vec<&str> = grant.instruments.iter().map(|i| i.title()).collect();
    let bounds = match (grant.minimum, grant.maximum) {
        (Some(min), Some(max)) => format!(" von {min} bis {max}{}", per_text(grant)),
        (None, Some(max)) => format!(" bis {max}{}", per_text(grant)),
        (Some(min), None) => format!(" ab {min}{}", per_text(grant)),
        (None, None) => String::new(),
    };
    let norms: Vec<String> = grant.through.iter().map(|t| format!("{} ({})", t.norm, t.level.title())).collect();
    format!("durch {}{bounds} nach {}", instruments.join(" oder "), norms.join(" in Verbindung mit "))
}

fn openings_text(parameter: &Parameter) -> String {
    if parameter.oeffnung.is_empty() {
        return "der Rahmen öffnet diesen Wert niemandem".into();
    }
    let open = |o: &Opening| format!("{} nach {}", if o.ebene == OpenTo::Land { "Land" } else { "Kommune" }, o.norm);
    let each: Vec<String> = parameter.oeffnung.iter().map(open).collect();
    format!("geöffnet ist er für: {}", each.join("; "))
}
