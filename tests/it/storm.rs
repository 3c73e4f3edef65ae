//! Failure storms on a clock that tests set: what is parked and what is not, how one application at a time finds out whether it is
//! over, and that nothing is lost meanwhile.

use crate::incidents::broken;
use crate::stage::{SECRET, Setting, Stage, databases, new_id};
use audit::Keys;
use domain::{ApplicationId, Secret};
use serde_json::{Value, json};
use storage::{FailureFilter, FailureRow, ParkRow};
use testkit::applications::{dog, parking};
use worker::{Disposition, StormSettings};

pub const LEIPZIG: &str = "147130000000";
pub const DRESDEN: &str = "146120000000";
pub const KOELN: &str = "053150000000";
const HAMBURG: &str = "020000000000";

/// A dog for which the broken rule fails.
pub fn failing(id: &str, ars: &str) -> Value {
    let mut application = dog(id);
    application["ars"] = ars.into();
    application
}

/// And one that it decides or refers as ever.
pub fn fine(id: &str, ars: &str) -> Value {
    let mut application = failing(id, ars);
    application["data"]["bereits_gemeldete_hunde"] = 1.into();
    application
}

fn keys() -> Keys {
    Keys::new(&Secret::new(SECRET))
}

impl Stage {
    pub async fn arrives(&self, application: &Value) -> (ApplicationId, Disposition) {
        let id = new_id();
        (id, self.send_as("portal", application, Some(id)).await)
    }

    /// So many applications that fail.
    pub async fn fails(&self, name: &str, ars: &str, count: usize) {
        for n in 0..count {
            let (_, disposition) = self.arrives(&failing(&format!("{name}{n}"), ars)).await;
            assert_eq!(disposition, Disposition::Ack, "{name}{n} is decided");
        }
    }

    pub async fn parked(&self) -> Vec<(Option<String>, Option<String>, String)> {
        self.store.parked().await.unwrap().into_iter().map(|row| (row.service, row.ars, row.by)).collect()
    }

    pub async fn kept(&self) -> Vec<FailureRow> {
        let filter = FailureFilter { cause: Some("parked".into()), state: Some("open".into()), ..Default::default() };
        self.store.failures(&filter, None, 1_000).await.unwrap()
    }

    /// The role timer looks, so often that whatever follows has happened.
    pub async fn looks(&self) {
        for _ in 0..4 {
            worker::work_jobs_once(&self.pipeline).await.unwrap();
        }
    }

    pub async fn state(&self, id: ApplicationId) -> String {
        self.store.status(id).await.unwrap().unwrap().state
    }

    /// Applications that came, in whatever form they are there.
    pub async fn there(&self) -> usize {
        let cases: i64 = self.store.overview(self.now()).await.unwrap().lines.iter().map(|line| line.count).sum();
        let applications = |row: &FailureRow| row.body.windows(9).any(|text| text == b"\"service\"");
        usize::try_from(cases).unwrap() + self.kept().await.iter().filter(|row| applications(row)).count()
    }

    pub async fn said(&self, action: &str) -> Vec<(String, Value)> {
        let rows = self.store.unchained(0, 100_000).await.unwrap();
        let lines = rows.into_iter().filter_map(|row| row.entry).filter(|entry| entry.action == action);
        lines.map(|entry| (entry.actor, serde_json::from_slice(&entry.payload).unwrap())).collect()
    }
}

fn row(service: &str, ars: Option<&str>, by: &str) -> (Option<String>, Option<String>, String) {
    (Some(service.into()), ars.map(str::to_owned), by.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_parks_one_service_in_one_place_until_one_application_goes_well() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, broken()).await;
        stage.set("2026-05-04T09:00:00+02:00");
        let (before, _) = stage.arrives(&fine("before", LEIPZIG)).await;
        stage.fails("a", LEIPZIG, 19).await;
        stage.fails("k", KOELN, 10).await;
        assert_eq!(stage.parked().await, [], "{database}: nineteen are no storm");
        stage.fails("b", LEIPZIG, 1).await;
        assert_eq!(stage.parked().await, [row("hundesteuer", Some(LEIPZIG), "storm")], "{database}");
        let why = stage.pipeline.health.parked.get().unwrap();
        let begin = format!("hundesteuer in {LEIPZIG} is parked since ");
        assert!(why.starts_with(&begin) && !why.contains("storm") && !why.contains("20 of 21"), "whoever asks: {why}");
        assert_eq!(stage.store.parked().await.unwrap()[0].cause, "20 of 21 applications failed within 60 s");

        // What arrives is kept: accepted, not decided; and so is what is said about a case there.
        let (kept, disposition) = stage.arrives(&failing("kept", LEIPZIG)).await;
        assert!(matches!(disposition, Disposition::Parked(_)), "{database}: {disposition:?}");
        assert_eq!(stage.state(kept).await, "accepted");
        let (kept_well, _) = stage.arrives(&fine("kept-well", LEIPZIG)).await;
        let said = stage.say(before, "person", json!({})).await;
        assert!(matches!(said, Disposition::Parked(_)), "{database}: {said:?}");
        let row_of_case = stage.kept().await.into_iter().find(|row| row.application_id == Some(before)).unwrap();
        assert_eq!((row_of_case.service.as_deref(), row_of_case.ars.as_deref()), (Some("hundesteuer"), Some(LEIPZIG)));
        // Others go on: the same service elsewhere, another service anywhere.
        let elsewhere = stage.apply(&fine("elsewhere", KOELN)).await;
        let other = stage.apply(&parking("other")).await;
        assert_eq!((stage.view(elsewhere).await.decisions.len(), stage.view(other).await.decisions.len()), (1, 1));
        assert_eq!((stage.kept().await.len(), stage.there().await), (3, 35), "{database}: nothing is lost");

        stage.set("2026-05-04T09:14:59+02:00");
        stage.looks().await;
        assert_eq!(stage.kept().await.len(), 3, "{database}: it is waited out");
        stage.put_in_force(&Setting::default());
        stage.set("2026-05-04T09:15:00+02:00");
        stage.looks().await;
        assert_eq!((stage.parked().await, stage.kept().await.len()), (Vec::new(), 0), "{database}");
        assert!(!stage.view(kept).await.decisions.is_empty() && !stage.view(kept_well).await.decisions.is_empty());
        let documents = stage.view(before).await.documents.len();
        assert_eq!((documents, stage.there().await), (1, 35), "{database}: what was said is heard");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failed_trial_doubles_the_pause_and_a_good_one_lifts() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, broken()).await;
        stage.set("2026-05-04T00:00:00+02:00");
        stage.fails("a", LEIPZIG, 20).await;
        for n in 0..8 {
            stage.arrives(&failing(&format!("kept{n}"), LEIPZIG)).await;
        }
        // 15, 30, 60, 120, 240 minutes, and no longer.
        for (time, left) in [("00:15", 7), ("00:45", 6), ("01:45", 5), ("03:45", 4), ("07:45", 3), ("11:45", 2)] {
            stage.set(&format!("2026-05-04T{time}:00+02:00"));
            stage.looks().await;
            assert_eq!(stage.kept().await.len(), left, "{database} {time}: one is tried at a time");
            let ParkRow { since, cause, .. } = stage.store.parked().await.unwrap().remove(0);
            assert_eq!(since, stage.now(), "{database} {time}: {cause}");
            let told = cause.strip_prefix("an application that was tried failed: rule_error, failure ").unwrap();
            let failure = stage.store.failure(told.parse().unwrap()).await.unwrap().unwrap();
            assert!(failure.detail.contains("out of bounds"), "{database} {time}: who may see it looks there");
        }
        assert_eq!(stage.there().await, 28, "{database}");
        let (last, _) = stage.arrives(&failing("last", LEIPZIG)).await;

        stage.put_in_force(&Setting::default());
        stage.set("2026-05-04T15:44:59+02:00");
        stage.looks().await;
        assert_eq!(
            (stage.kept().await.len(), stage.parked().await.len()),
            (3, 1),
            "{database}: four hours are not over"
        );
        stage.set("2026-05-04T15:45:00+02:00");
        stage.looks().await;
        assert_eq!((stage.kept().await.len(), stage.parked().await), (0, Vec::new()), "{database}");
        assert_eq!(stage.pipeline.health.parked.get(), None);
        assert_ne!(stage.state(last).await, "accepted");
        assert_eq!(stage.view(last).await.application.observed_at.to_string(), "2026-05-04T09:45:00Z", "when it came");
        assert_eq!(stage.there().await, 29, "{database}");
        let parked = stage.said("parked").await;
        assert!(
            parked.len() == 7 && parked.iter().all(|(by, what)| by == "storm" && what["ars"] == LEIPZIG),
            "{parked:?}"
        );
        let lifted = stage.said("lifted").await;
        assert_eq!((lifted.len(), lifted[0].0.as_str()), (1, "dunkelwerk"), "{database}");
        // The first twenty were decided by a broken rule: that is for an operator to order.
        let filter = FailureFilter { cause: Some("rule_error".into()), ..FailureFilter::default() };
        let job = stage.order(worker::Action::Retry, filter).await;
        assert_eq!((job.done, job.failed), (26, 0), "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn storms_in_three_places_park_the_service_and_no_other() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, broken()).await;
        stage.set("2026-05-04T09:00:00+02:00");
        for ars in [LEIPZIG, DRESDEN] {
            stage.fails(ars, ars, 20).await;
        }
        assert_eq!(stage.parked().await.len(), 2, "{database}");
        stage.apply(&fine("free", HAMBURG)).await;
        stage.fails(KOELN, KOELN, 20).await;
        let parked = stage.parked().await;
        assert_eq!(parked.len(), 4, "{database}: {parked:?}");
        assert!(parked.contains(&row("hundesteuer", None, "storm")), "{database}: {parked:?}");
        let (kept, disposition) = stage.arrives(&fine("kept", HAMBURG)).await;
        assert!(matches!(disposition, Disposition::Parked(_)), "{database}");
        let other = stage.apply(&parking("other")).await;
        assert_eq!(stage.view(other).await.decisions.len(), 1, "{database}: another service goes on");
        // One application stands for the whole service.
        stage.put_in_force(&Setting::default());
        stage.set("2026-05-04T09:15:00+02:00");
        stage.looks().await;
        assert_eq!(stage.parked().await, [], "{database}");
        assert_ne!(stage.state(kept).await, "accepted");
        assert_eq!(stage.said("lifted").await.len(), 16 + 3, "{database}: in every Land, and in each place");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_parks_stays_so_until_it_is_lifted_or_its_time_has_come() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        stage.set("2026-05-04T09:00:00+02:00");
        let park = |service: Option<&str>, ars: Option<&str>, hours: Option<i64>| ParkRow {
            service: service.map(str::to_owned),
            ars: ars.map(str::to_owned),
            since: stage.now(),
            until: hours.map(|hours| stage.now().checked_add(jiff::SignedDuration::from_hours(hours)).unwrap()),
            cause: "Satzung wird geprüft".into(),
            by: "Technik".into(),
            lifted_at: None,
        };
        let rows = [park(Some("hundesteuer"), None, None), park(None, Some("05315"), Some(2))];
        for row in &rows {
            worker::park(&*stage.store, &keys(), row, stage.now()).await.unwrap();
        }
        stage.looks().await;
        let (dog_id, first) = stage.arrives(&dog("hund")).await;
        let (permit_id, second) = stage.arrives(&parking("koeln")).await;
        let expected = "Satzung wird geprüft";
        for disposition in [first, second] {
            assert!(matches!(&disposition, Disposition::Parked(kept) if kept.why.ends_with(expected)), "{database}");
        }
        stage.set("2026-05-04T11:00:00+02:00");
        stage.looks().await;
        assert_eq!(stage.parked().await, [row("hundesteuer", None, "Technik")], "{database}: two hours are over");
        assert_ne!(stage.state(permit_id).await, "accepted");
        stage.set("2026-05-20T11:00:00+02:00");
        stage.looks().await;
        assert_eq!(stage.state(dog_id).await, "accepted", "{database}: nothing tries what an operator parked");
        let what = (Some("hundesteuer"), None);
        let lifted = worker::lift(&*stage.store, &keys(), what, ("Technik", "geprüft"), stage.now()).await.unwrap();
        assert_eq!(lifted, 1);
        stage.looks().await;
        assert_ne!(stage.state(dog_id).await, "accepted", "{database}");
        let actors: Vec<String> = stage.said("lifted").await.into_iter().map(|(by, _)| by).collect();
        assert_eq!(actors.iter().filter(|by| *by == "Technik").count(), 16, "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_over_what_is_still_parked_changes_nothing() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, broken()).await;
        stage.set("2026-05-04T09:00:00+02:00");
        stage.fails("a", LEIPZIG, 20).await;
        stage.arrives(&fine("kept", LEIPZIG)).await;
        let filter = FailureFilter { cause: Some("parked".into()), ..FailureFilter::default() };
        let job = stage.order(worker::Action::Retry, filter).await;
        assert_eq!((job.done, job.failed), (0, 1), "{database}");
        let row = stage.kept().await.remove(0);
        assert!(row.outcome.as_deref().unwrap().contains("is parked by storm since"), "{row:?}");
        assert_eq!((row.times, stage.there().await), (2, 21), "{database}");
    }
}

#[test]
fn the_limits_of_a_storm_are_settings() {
    let read = |text: &str| toml::from_str::<StormSettings>(text);
    assert_eq!(read("").unwrap(), StormSettings::default());
    let changed =
        read("seconds = 30\ncount = 5\nshare = \"0.25\"\nplaces = 2\npause_minutes = 1\nlongest_pause_minutes = 8\n");
    assert_eq!(changed.unwrap().fault(), None);
    assert!(read("share = 0.5").is_err() && read("sekunden = 1").is_err());
    for nonsense in [
        "seconds = 0",
        "count = 0",
        "places = 0",
        "share = \"1\"",
        "share = \"-1\"",
        "pause_minutes = 0",
        "longest_pause_minutes = 1",
    ] {
        assert!(read(nonsense).unwrap().fault().is_some(), "{nonsense}");
    }
}
