//! Risk settings: sample draws, risk flags and stop switches. A file of its own with a right of its own, outside
//! `rules/`; nothing of it leaves the house (§ 88 Abs. 5 S. 4 AO as the pattern).

use crate::case::Case;
use domain::{ApplicationId, Ars, Decimal, Digest, Land, Secret, ServiceName, berlin_iso, json};
use jiff::Timestamp;
use rules::StopOver;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What brings an application to a person although the law files would let a machine decide.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Risk {
    pub sample: Vec<Draw>,
    pub flag: Vec<Flag>,
    pub stop: Vec<Stop>,
}

/// Where a setting holds: all given conditions must match, none given means everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Short name such as `nw`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub land: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ars: Option<String>,
}

/// A share of applications that a person checks. Of several that match, the largest share holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    #[serde(default, rename = "where")]
    pub place: Place,
    /// Such as "0.02"; text, because a number would come through a binary float.
    #[serde(with = "domain::decimal_text")]
    pub share: Decimal,
    /// Whether a person looks before the notice goes out, or a second time after it.
    #[serde(default)]
    pub time: DrawTime,
}

/// See [`Draw::time`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrawTime {
    #[default]
    Before,
    After,
}

/// A condition on the application's data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// JSON pointer (RFC 6901) into `data`.
    pub field: String,
    /// The field has one of these values, as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// The field is a number above this one.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "domain::decimal_text::optional")]
    pub above: Option<Decimal>,
}

/// What an authority wants to look at; its name is for people with the right only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    pub name: String,
    #[serde(default, rename = "where")]
    pub place: Place,
    #[serde(rename = "when")]
    pub condition: Condition,
}

/// A stop switch: everything that matches goes to people from now on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    #[serde(default, rename = "where")]
    pub place: Place,
    /// A group of applicants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Condition>,
    /// Only where a computed result is above an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<StopOver>,
    pub reason: String,
    /// Who set it and when, where it was set while the program ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Stop {
    /// What is wrong with it: a switch that would stop nothing.
    pub fn fault(&self, known: &dyn Fn(&str) -> bool) -> Option<String> {
        let empty = self.reason.trim().is_empty().then(|| "a reason is missing".to_owned());
        self.place.fault(known).or_else(|| self.group.as_ref().and_then(Condition::fault)).or(empty)
    }
    /// For the person who gets the case.
    pub(crate) fn hint(&self) -> String {
        let since = self.since.map(|at| format!(" seit {}", berlin_iso(at))).unwrap_or_default();
        let by = self.by.as_ref().map(|by| format!(" durch {by}")).unwrap_or_default();
        format!("Automatik angehalten{since}{by}: {}", self.reason)
    }
}

/// The switches among these that stop an application, whatever it comes to or above an amount.
pub(crate) fn stopping<'s>(
    stops: impl IntoIterator<Item = &'s Stop>,
    service: &ServiceName,
    ars: &Ars,
    data: &Value,
) -> Vec<&'s Stop> {
    let covers =
        |stop: &&Stop| stop.place.covers(service, ars) && stop.group.as_ref().is_none_or(|group| group.holds(data));
    stops.into_iter().filter(covers).collect()
}

impl Place {
    fn covers(&self, service: &ServiceName, ars: &Ars) -> bool {
        self.service.as_ref().is_none_or(|s| s == service.as_str())
            && self.land.as_ref().is_none_or(|l| Land::from_short(l) == Some(ars.land()))
            && self.ars.as_ref().is_none_or(|a| a == ars.as_str())
    }

    /// What is wrong with it: a place that does not exist would match nothing, silently.
    fn fault(&self, known: &dyn Fn(&str) -> bool) -> Option<String> {
        let service = self.service.as_ref().filter(|s| !known(s)).map(|s| format!("service \"{s}\" does not exist"));
        let land = self.land.as_ref().filter(|l| Land::from_short(l).is_none());
        let ars = self.ars.as_ref().filter(|a| Ars::new((*a).clone()).is_err());
        service
            .or(land.map(|l| format!("land \"{l}\": write nw, by, …")))
            .or(ars.map(|a| format!("ars \"{a}\" is no 12-digit ARS")))
    }
}

impl Condition {
    fn holds(&self, data: &Value) -> bool {
        let Some(value) = data.pointer(&self.field) else { return false };
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let number = || json::decimal(&text);
        self.one_of.contains(&text) || self.above.is_some_and(|limit| number().is_some_and(|n| n > limit))
    }
    fn fault(&self) -> Option<String> {
        let empty = self.one_of.is_empty() && self.above.is_none();
        (empty || !self.field.starts_with('/'))
            .then(|| "a condition needs field = \"/…\" and one_of = [\"…\"] or above = \"…\"".to_owned())
    }
}

impl Risk {
    /// The first setting that would do nothing; `known` tells whether a service exists.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn check(&self, known: &dyn Fn(&str) -> bool) -> Result<(), String> {
        let share = |draw: &Draw| {
            (draw.share < Decimal::ZERO || draw.share > Decimal::ONE)
                .then(|| "share must lie between \"0\" and \"1\"".to_owned())
        };
        let draws = self.sample.iter().map(|d| ("[[sample]]", d.place.fault(known).or_else(|| share(d))));
        let flags = self.flag.iter().map(|f| ("[[flag]]", f.place.fault(known).or_else(|| f.condition.fault())));
        let stops = self.stop.iter().map(|s| ("[[stop]]", s.fault(known)));
        match draws.chain(flags).chain(stops).find_map(|(what, fault)| Some((what, fault?))) {
            Some((what, fault)) => Err(format!("{what} {fault}; it would do nothing")),
            None => Ok(()),
        }
    }

    /// Whether the keyed draw takes this application before its notice. Reproducible with the key, and the sender cannot
    /// choose the id that is drawn by.
    pub(crate) fn sampled(&self, secret: &Secret, id: ApplicationId, service: &ServiceName, ars: &Ars) -> bool {
        self.drawn(DrawTime::Before, &secret.mac([id.0.as_bytes().as_slice()]), service, ars)
    }

    /// The same for a decision, after its notice.
    pub(crate) fn drawn_after(&self, secret: &Secret, case: &Case, decision_no: u32) -> bool {
        let id = case.application_id.0;
        let draw = secret.mac([id.as_bytes().as_slice(), b"after", &decision_no.to_be_bytes()]);
        self.drawn(DrawTime::After, &draw, &case.service, &case.ars)
    }

    fn drawn(&self, time: DrawTime, drawn: &Digest, service: &ServiceName, ars: &Ars) -> bool {
        let draws = self.sample.iter().filter(|draw| draw.time == time && draw.place.covers(service, ars));
        let Some(share) = draws.map(|draw| draw.share).max() else { return false };
        // 48 bits are finer than any share that somebody writes, and exact in a decimal.
        let head = drawn.0.iter().take(6).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Decimal::from(head) < share * Decimal::from(1_u64 << 48)
    }

    pub(crate) fn flagged(&self, service: &ServiceName, ars: &Ars, data: &Value) -> bool {
        self.flag.iter().any(|flag| flag.place.covers(service, ars) && flag.condition.holds(data))
    }
}

#[cfg(test)]
mod tests;
