//! What a Land may pass on to its Kommunen: only what it was given to pass on, and never more of it.

use super::grant::{bound, openings_text, parsed};
use crate::diagnostic::{Diagnostic, File};
use crate::grammar::{Delegation, OpenTo, Opening, Parameter};
use domain::Decimal;
use toml::Spanned;

/// All delegations of a Land for one service; `find` gives the declared parameter.
pub(crate) fn check_delegations<'f>(
    file: &File<'_>,
    delegations: &[Spanned<Delegation>],
    find: impl Fn(&str) -> Option<&'f Parameter>,
    unknown: impl Fn(&Spanned<String>) -> Diagnostic,
) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (i, delegation) in delegations.iter().map(Spanned::get_ref).enumerate() {
        match find(delegation.parameter.get_ref()) {
            Some(parameter) => findings.extend(check_one(file, parameter, delegation)),
            None => findings.push(unknown(&delegation.parameter)),
        }
        let earlier = delegations.iter().take(i).map(Spanned::get_ref);
        if earlier.filter(|other| overlap(other, delegation)).count() > 0 {
            let message = format!("„{}“ ist für dieselbe Zeit schon weitergegeben", delegation.parameter.get_ref());
            let finding = file.error("mehrdeutig", delegation.ab.span(), message);
            findings
                .push(finding.help("je Parameter und Tag genau eine Delegation; beenden Sie die frühere mit bis = …"));
        }
    }
    findings
}

fn overlap(a: &Delegation, b: &Delegation) -> bool {
    let before = |a: &Delegation, b: &Delegation| a.bis.is_some_and(|end| end.0 < b.ab.get_ref().0);
    a.parameter.get_ref() == b.parameter.get_ref() && a.an == b.an && !before(a, b) && !before(b, a)
}

fn check_one(file: &File<'_>, parameter: &Parameter, delegation: &Delegation) -> Vec<Diagnostic> {
    let name = parameter.name.get_ref();
    let passes_on = |o: &&Opening| o.ebene == OpenTo::Land && o.darf_delegieren_an == Some(delegation.an);
    let Some(parent) = parameter.oeffnung.iter().find(passes_on) else {
        let message = format!("„{name}“ darf das Land nicht weitergeben: keine Öffnungsklausel mit darf_delegieren_an");
        return vec![file.error("delegation", delegation.parameter.span(), message).help(openings_text(parameter))];
    };
    let by = format!("nach {}", parent.norm);
    let mut findings = Vec::new();
    if delegation.instrument.iter().any(|i| !parent.instrument.contains(i)) {
        let allowed: Vec<&str> = parent.instrument.iter().map(|i| i.title()).collect();
        let message = format!("„{name}“ darf nur durch {} geregelt werden", allowed.join(" oder "));
        findings.push(file.error("instrument", delegation.parameter.span(), message).help(by.clone()));
    }
    let from = delegation.ab.get_ref().0;
    if let Some(start) = parent.ab.filter(|start| from < start.0) {
        let message = format!("„{name}“ ist ab {from} weitergegeben; die Ermächtigung gilt erst ab {}", start.0);
        findings.push(file.error("geltung", delegation.ab.span(), message).help(by.clone()));
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
                findings.push(file.error("verengung", own_span, message).help(by.clone()));
            }
            (Some(_), _) => {}
        }
    }
    findings
}
