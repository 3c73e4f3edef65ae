//! What an operator may stop or park: no more than what lies in their places and services.

use crate::problem::Problem;
use domain::Land;
use workflow::{Office, Official, Refusal};

/// A service, the beginning of an ARS, or both; nothing named means everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope<'a> {
    pub service: Option<&'a str>,
    pub ars: Option<&'a str>,
}

impl Scope<'_> {
    /// Whether some of it is an official's.
    pub fn touches(self, official: &Official) -> bool {
        let place = |own: &String| self.ars.is_none_or(|ars| ars.starts_with(own.as_str()) || own.starts_with(ars));
        let service = self.service.is_none_or(|name| has(&official.services, name));
        (official.services.is_empty() || service) && official.places.iter().any(place)
    }

    /// Whether all of it is.
    fn is_within(self, official: &Official) -> bool {
        let place = match self.ars {
            Some(ars) => official.places.iter().any(|own| ars.starts_with(own.as_str())),
            None => Land::ALL.iter().all(|land| has(&official.places, land.code())),
        };
        place && (official.services.is_empty() || self.service.is_some_and(|name| has(&official.services, name)))
    }

    /// Refuses what is wider than what is theirs.
    pub fn must_be_within(self, official: &Official) -> Result<(), Problem> {
        match self.is_within(official) {
            true => Ok(()),
            false => Err(Problem::refused(Refusal::Forbidden("this is wider than your places and services"))),
        }
    }
}

fn has(words: &[String], word: &str) -> bool {
    words.iter().any(|own| own == word)
}

/// Refuses a service that there is not: nothing would ever be under it.
pub(super) fn must_exist(office: &Office, service: Option<&str>) -> Result<(), Problem> {
    let known: Vec<&str> = office.workflows.names().map(|name| name.as_str()).collect();
    match service.filter(|name| !known.contains(name)) {
        None => Ok(()),
        Some(odd) => {
            let text = format!("service: there is no \"{odd:.64}\"; known are {}", known.join(", "));
            Err(Problem::refused(Refusal::Invalid(text)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sample::official;
    use workflow::Right;

    fn scope<'a>(service: Option<&'a str>, ars: Option<&'a str>) -> Scope<'a> {
        Scope { service, ars }
    }

    #[test]
    fn nobody_stops_more_than_what_is_theirs() {
        let koeln = official(&[Right::Operate]);
        let parking = Official { services: vec!["bewohnerparkausweis".into()], ..koeln.clone() };
        let everywhere = Official { places: Official::machine().places, ..koeln.clone() };
        for (official, service, ars, within, touches) in [
            (&koeln, None, Some("05315"), true, true),
            (&koeln, None, Some("053150000000"), true, true),
            (&koeln, Some("wohngeld"), Some("05315"), true, true),
            (&koeln, None, Some("05"), false, true),
            (&koeln, None, Some("053"), false, true),
            (&koeln, Some("wohngeld"), None, false, true),
            (&koeln, None, None, false, true),
            (&koeln, None, Some("09"), false, false),
            (&parking, None, Some("05315"), false, true),
            (&parking, Some("bewohnerparkausweis"), Some("05315"), true, true),
            (&parking, Some("wohngeld"), Some("05315"), false, false),
            (&everywhere, None, None, true, true),
            (&everywhere, Some("wohngeld"), None, true, true),
        ] {
            let scope = scope(service, ars);
            assert_eq!((scope.is_within(official), scope.touches(official)), (within, touches), "{scope:?}");
        }
        let nowhere = Official { places: Vec::new(), ..everywhere };
        assert!(!scope(None, None).is_within(&nowhere) && !scope(None, None).touches(&nowhere));
    }
}
