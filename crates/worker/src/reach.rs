//! How far an order reaches: to what lies in the places and services of who gave it. Which failures it takes is not enough: a
//! message that is changed may belong elsewhere then.

use crate::failures::{Named, meant};
use crate::pipeline::Pipeline;
use serde::Deserialize;
use serde_json::Value;
use storage::{JobRow, StoreError};

/// As the filter of a job has it.
#[derive(Debug, Deserialize)]
pub(crate) struct Reach {
    /// Beginnings of ARS; empty: anywhere.
    #[serde(default)]
    places: Vec<String>,
    /// Empty: all.
    #[serde(default)]
    services: Vec<String>,
}

impl Reach {
    /// Where it cannot be read it reaches nowhere.
    pub fn of(job: &JobRow) -> Self {
        let filter: Option<Value> = serde_json::from_slice(&job.filter).ok().filter(Value::is_object);
        let nowhere = || Self { places: vec!["-".to_owned()], services: Vec::new() };
        filter.and_then(|filter| serde_json::from_value(filter).ok()).unwrap_or_else(nowhere)
    }

    fn is_everywhere(&self) -> bool {
        self.places.is_empty() && self.services.is_empty()
    }

    fn holds(&self, service: &str, ars: &str) -> bool {
        let place = self.places.is_empty() || self.places.iter().any(|place| ars.starts_with(place.as_str()));
        place && (self.services.is_empty() || self.services.iter().any(|own| own == service))
    }

    /// Whether it reaches to where a message belongs: to its case's service and place, or to what it says of itself. What
    /// cannot be found is within no limits.
    pub async fn covers(&self, pipeline: &Pipeline, sender: Option<&str>, body: &[u8]) -> Result<bool, StoreError> {
        if self.is_everywhere() {
            return Ok(true);
        }
        let named = Named::read(&(pipeline.office)(), sender, body);
        let place = match named.about {
            None if named.speaks => None,
            None => named.service.zip(named.ars),
            Some(case) => {
                let Some(id) = meant(pipeline, case).await? else { return Ok(false) };
                let case = pipeline.store.dossiers(&[id]).await?.pop().flatten().map(|dossier| dossier.case);
                match case {
                    Some(case) => Some((case.service, case.ars)),
                    None => pipeline.store.kept(id).await?.map(|kept| (kept.service, kept.ars)),
                }
            }
        };
        Ok(place.is_some_and(|(service, ars)| self.holds(&service, &ars)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::FailureFilter;

    fn reach(filter: &[u8]) -> Reach {
        let at = jiff::Timestamp::UNIX_EPOCH;
        Reach::of(&JobRow {
            job_id: uuid::Uuid::nil(),
            action: "edit".into(),
            filter: filter.to_vec(),
            patch: None,
            by: "Technik".into(),
            begun_at: at,
            total: 0,
            done: 0,
            failed: 0,
            ended_at: None,
        })
    }

    #[test]
    fn an_order_reaches_where_its_filter_does_and_nowhere_where_that_is_unreadable() {
        let filter = FailureFilter {
            cause: Some("unknown_service".into()),
            places: vec!["05315".into(), "09".into()],
            services: vec!["wohngeld".into()],
            ..FailureFilter::default()
        };
        let some = reach(crate::jobs::words(&filter).to_string().as_bytes());
        assert!(!some.is_everywhere());
        assert!(some.holds("wohngeld", "053150000000") && some.holds("wohngeld", "091620000000"));
        assert!(!some.holds("wohngeld", "053140000000") && !some.holds("kindergeld", "053150000000"));
        assert!(reach(b"{}").is_everywhere());
        for unreadable in [b"[]".as_slice(), b"{", br#"{"places":"05"}"#] {
            let none = reach(unreadable);
            assert!(!none.is_everywhere() && !none.holds("wohngeld", "053150000000"));
        }
    }
}
