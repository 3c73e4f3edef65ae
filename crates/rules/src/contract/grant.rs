//! What the level above allows: an opening of the frame, or an opening that a Land passed on.

use super::Setter;
use crate::grammar::{Instrument, OpenTo, Opening, Parameter, Per, Status};
use domain::{Decimal, LayerNorm, Level, json};
use jiff::civil::Date;
use toml::Spanned;

/// What one opening (or a Land's delegation) allows.
#[derive(Debug, Clone)]
pub(super) struct Grant<'a> {
    pub through: Vec<LayerNorm>,
    pub instruments: &'a [Instrument],
    pub minimum: Option<Decimal>,
    pub maximum: Option<Decimal>,
    pub allowed: &'a [String],
    pub per: Option<&'a Per>,
    pub favour_only: bool,
    pub from: Option<Date>,
    pub to: Option<Date>,
}

/// What is in force, and the norms of drafts, which open nothing.
pub(super) struct Grants<'a> {
    pub grants: Vec<Grant<'a>>,
    pub drafts: Vec<&'a str>,
}

pub(super) fn grants<'a>(setter: &Setter<'a>, parameter: &'a Parameter) -> Grants<'a> {
    let mut found = Grants { grants: Vec::new(), drafts: Vec::new() };
    let wanted = match setter.level {
        Level::Land => OpenTo::Land,
        Level::Kommune => OpenTo::Kommune,
        Level::Bund | Level::Muster => return found,
    };
    for opening in parameter.oeffnung.iter().filter(|o| o.ebene == wanted) {
        match opening.status {
            Status::Geltend => found.grants.push(from_opening(setter.base_level, opening)),
            Status::Entwurf => found.drafts.push(&opening.norm),
        }
    }
    if wanted == OpenTo::Kommune {
        delegated(setter, parameter, &mut found);
    }
    found
}

fn delegated<'a>(setter: &Setter<'a>, parameter: &'a Parameter, found: &mut Grants<'a>) {
    let norm = |level, norm: &String| LayerNorm { level, norm: norm.clone() };
    let passes_on = |o: &&Opening| o.ebene == OpenTo::Land && o.darf_delegieren_an == Some(OpenTo::Kommune);
    for delegation in setter.delegations.iter().map(Spanned::get_ref) {
        if delegation.parameter.get_ref() != parameter.name.get_ref() || delegation.an != OpenTo::Kommune {
            continue;
        }
        for parent in parameter.oeffnung.iter().filter(passes_on) {
            if delegation.status == Status::Entwurf {
                found.drafts.push(&delegation.norm);
                continue;
            }
            if parent.status == Status::Entwurf {
                found.drafts.push(&parent.norm);
                continue;
            }
            let (minimum, maximum) = (bound(delegation.minimum.as_ref()), bound(delegation.maximum.as_ref()));
            let (from, to) = (parent.ab.map(|d| d.0), parent.bis.map(|d| d.0));
            found.grants.push(Grant {
                through: vec![norm(setter.base_level, &parent.norm), norm(Level::Land, &delegation.norm)],
                instruments: &delegation.instrument,
                minimum: stricter(minimum, parsed(parent.minimum.as_ref()), Decimal::max),
                maximum: stricter(maximum, parsed(parent.maximum.as_ref()), Decimal::min),
                allowed: &parent.erlaubt,
                per: delegation.je.as_ref().or(parent.je.as_ref()),
                favour_only: parent.nur_guenstiger,
                from: stricter(Some(delegation.ab.get_ref().0), from, Date::max),
                to: stricter(delegation.bis.map(|d| d.0), to, Date::min),
            });
        }
    }
}

fn from_opening(base_level: Level, opening: &Opening) -> Grant<'_> {
    Grant {
        through: vec![LayerNorm { level: base_level, norm: opening.norm.clone() }],
        instruments: &opening.instrument,
        minimum: parsed(opening.minimum.as_ref()),
        maximum: parsed(opening.maximum.as_ref()),
        allowed: &opening.erlaubt,
        per: opening.je.as_ref(),
        favour_only: opening.nur_guenstiger,
        from: opening.ab.map(|d| d.0),
        to: opening.bis.map(|d| d.0),
    }
}

pub(super) fn parsed(text: Option<&String>) -> Option<Decimal> {
    text.and_then(|t| json::decimal(t))
}
pub(super) fn bound(text: Option<&Spanned<String>>) -> Option<Decimal> {
    text.and_then(|t| json::decimal(t.get_ref()))
}
fn stricter<T>(a: Option<T>, b: Option<T>, of: fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(of(a, b)),
        (one, other) => one.or(other),
    }
}

impl Grant<'_> {
    pub fn per_text(&self) -> String {
        self.per.map_or(String::new(), |per| format!(" je {} {}", per.basis, per.schluessel))
    }

    fn text(&self) -> String {
        let instruments: Vec<&str> = self.instruments.iter().map(|i| i.title()).collect();
        let per = self.per_text();
        let bounds = match (self.minimum, self.maximum) {
            (Some(min), Some(max)) => format!(" von {min} bis {max}{per}"),
            (None, Some(max)) => format!(" bis {max}{per}"),
            (Some(min), None) => format!(" ab {min}{per}"),
            (None, None) => String::new(),
        };
        let favour = if self.favour_only { " nur zugunsten der Antragstellenden" } else { "" };
        let span = match (self.from, self.to) {
            (Some(from), Some(to)) => format!(", von {from} bis {to}"),
            (Some(from), None) => format!(", ab {from}"),
            (None, Some(to)) => format!(", bis {to}"),
            (None, None) => String::new(),
        };
        let norms: Vec<String> = self.through.iter().map(|t| format!("{} ({})", t.norm, t.level.title())).collect();
        let norms = norms.join(" in Verbindung mit ");
        format!("durch {}{bounds}{favour} nach {norms}{span}", instruments.join(" oder "))
    }
}

pub(super) fn allowed_text(
    setter: &Setter<'_>,
    parameter: &Parameter,
    grants: &[Grant<'_>],
    drafts: &[&str],
) -> String {
    let mut text = format!("zulässig: {}", grants.iter().map(Grant::text).collect::<Vec<_>>().join(", oder "));
    let delegated = grants.iter().any(|g| g.through.len() > 1);
    let could_be = parameter.oeffnung.iter().any(|o| o.darf_delegieren_an == Some(OpenTo::Kommune));
    if !drafts.is_empty() {
        text.push_str(&format!("; noch Entwurf und ohne Wirkung: {}", drafts.join(", ")));
    } else if setter.level == Level::Kommune && could_be && !delegated {
        text.push_str(&format!("; {} hat das nicht an seine Kommunen weitergegeben", setter.land_name));
    }
    text
}

/// For whom a parameter is open at all.
pub(crate) fn openings_text(parameter: &Parameter) -> String {
    if parameter.oeffnung.is_empty() {
        return "der Rahmen öffnet diesen Wert niemandem".into();
    }
    let open = |o: &Opening| format!("{} nach {}", if o.ebene == OpenTo::Land { "Land" } else { "Kommune" }, o.norm);
    let each: Vec<String> = parameter.oeffnung.iter().map(open).collect();
    format!("geöffnet ist er für: {}", each.join("; "))
}
