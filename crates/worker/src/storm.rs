//! Failure storms: where most applications of a service fail in a Kommune within a short time, it is parked there before all of
//! them fail; where that happens in several Kommunen, or most fail in many of them together, the service is.

use crate::parking::{self, Known, Parked, STORM};
use crate::pipeline::Pipeline;
use domain::Decimal;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use storage::{Committed, ParkRow, StoreError};

/// When it is a storm, and how long it is waited out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StormSettings {
    /// The time that is looked back on.
    pub seconds: u32,
    /// Failures in it at least: fewer are no storm, whatever their share.
    pub count: u32,
    /// More than this share of what was tried in it, such as "0.5".
    #[serde(with = "domain::decimal_text")]
    pub share: Decimal,
    /// Kommunen in which a service must be parked, or fail at all, for it to be parked everywhere.
    pub places: usize,
    /// How long before one application is tried again.
    pub pause_minutes: i64,
    /// The longest such time; each failed trial doubles it up to here.
    pub longest_pause_minutes: i64,
}

impl Default for StormSettings {
    /// Twenty failures in a minute are no coincidence where more than half fails; three Kommunen have no fault in common but
    /// the service. A quarter of an hour is what a quick correction takes, four hours what nobody at night needs to hurry for.
    fn default() -> Self {
        let share = Decimal::new(5, 1);
        Self { seconds: 60, count: 20, share, places: 3, pause_minutes: 15, longest_pause_minutes: 240 }
    }
}

impl StormSettings {
    /// A limit that makes no sense.
    pub fn fault(&self) -> Option<&'static str> {
        if self.seconds == 0 || self.count == 0 || self.places == 0 {
            return Some("seconds, count and places must be at least 1");
        }
        if self.share < Decimal::ZERO || self.share >= Decimal::ONE {
            return Some("share must lie between \"0\" and less than \"1\": more than it has to fail");
        }
        let pauses = self.pause_minutes < 1 || self.longest_pause_minutes < self.pause_minutes;
        pauses.then_some("pause_minutes must be at least 1, and longest_pause_minutes no less")
    }
}

/// A service and a place.
type Pair = (String, String);

/// How many windows are kept at most before those that say nothing any more are dropped.
const WINDOWS: usize = 10_000;

/// What one process sees of storms.
#[derive(Debug, Default)]
pub(crate) struct Storm {
    pub settings: StormSettings,
    pub known: Known,
    windows: Mutex<BTreeMap<Pair, Window>>,
    /// Under which parkings nothing was released, and when that was asked.
    pub unreleased: Mutex<Option<(Parked, Instant)>>,
}

/// Where it storms: a service in a place, or everywhere.
#[derive(Debug, PartialEq, Eq)]
struct Gust {
    service: String,
    ars: Option<String>,
    failed: u64,
    all: u64,
    /// Kommunen where something failed.
    places: usize,
}

/// How applications went, by second: second, tried, failed.
#[derive(Debug, Default)]
struct Window(VecDeque<(i64, u64, u64)>);

impl Window {
    fn add(&mut self, second: i64, tried: u64, failed: u64) {
        match self.0.back_mut() {
            Some((last, all, bad)) if *last >= second => (*all, *bad) = (*all + tried, *bad + failed),
            Some(_) | None => self.0.push_back((second, tried, failed)),
        }
    }
    fn forget(&mut self, before: i64) {
        while self.0.front().is_some_and(|(second, _, _)| *second <= before) {
            self.0.pop_front();
        }
    }
    fn sums(&self) -> (u64, u64) {
        self.0.iter().fold((0, 0), |(all, bad), (_, tried, failed)| (all + tried, bad + failed))
    }
}

/// How an application went: service, place, whether it failed.
pub(crate) type Outcome<'a> = (&'a str, &'a str, bool);

/// Outcomes that need no rules: a violated form, and what another authority has to decide.
pub(crate) const UNREAD: [&str; 2] = ["correction_needed", "forwarded"];

/// How the rules did in a batch. What waits, or was decided without them, says nothing of them.
pub(crate) fn outcomes(committed: &Committed) -> Vec<Outcome<'_>> {
    let decided = committed.decisions().iter().filter(|decision| !decision.context.is_empty());
    let decided: HashSet<_> = decided.map(|decision| decision.application_id).collect();
    let failed: HashSet<_> = committed.failures().iter().filter_map(|failure| failure.application_id).collect();
    let read = committed.cases().iter().filter(|case| !UNREAD.contains(&case.outcome.as_str()));
    let cases = read.filter(|case| decided.contains(&case.application_id));
    cases.map(|case| (case.service.as_str(), case.ars.as_str(), failed.contains(&case.application_id))).collect()
}

impl Storm {
    pub fn new(settings: StormSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Notes how applications went; where it storms. A service storms as a whole where more than half of all that is tried of
    /// it fails, in several Kommunen, though in none of them often enough.
    fn note(&self, outcomes: &[Outcome<'_>], now: Timestamp) -> Vec<Gust> {
        let mut sums: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
        for (service, ars, failed) in outcomes {
            let (tried, bad) = sums.entry((service, ars)).or_default();
            (*tried, *bad) = (*tried + 1, *bad + u64::from(*failed));
        }
        let second = now.as_second();
        let before = second - i64::from(self.settings.seconds);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut gusts, mut failing) = (Vec::new(), BTreeSet::new());
        for ((service, ars), (tried, failed)) in sums {
            let window = windows.entry((service.to_owned(), ars.to_owned())).or_default();
            window.forget(before);
            window.add(second, tried, failed);
            let (all, bad) = window.sums();
            if failed > 0 && self.storms(bad, all) {
                let (service, ars) = (service.to_owned(), Some(ars.to_owned()));
                gusts.push(Gust { service, ars, failed: bad, all, places: 1 });
            } else if failed > 0 {
                failing.insert(service);
            }
        }
        for service in failing {
            let mut gust = Gust { service: service.to_owned(), ars: None, failed: 0, all: 0, places: 0 };
            let from = (service.to_owned(), String::new());
            for (_, window) in windows.range_mut(from..).take_while(|((own, _), _)| own == service) {
                window.forget(before);
                let (all, bad) = window.sums();
                // That one is parked by itself.
                if !self.storms(bad, all) {
                    (gust.all, gust.failed) = (gust.all + all, gust.failed + bad);
                    gust.places += usize::from(bad > 0);
                }
            }
            if gust.places >= self.settings.places && self.storms(gust.failed, gust.all) {
                gusts.push(gust);
            }
        }
        if windows.len() > WINDOWS {
            windows.retain(|_, window| {
                window.forget(before);
                !window.0.is_empty()
            });
        }
        gusts
    }

    /// Whether so many failures of so many are a storm.
    fn storms(&self, failed: u64, all: u64) -> bool {
        let share = self.settings.share * Decimal::from(all);
        failed >= u64::from(self.settings.count) && Decimal::from(failed) > share
    }

    /// What was parked begins anew.
    fn forget(&self, gust: &Gust) {
        let is_of = |(service, ars): &Pair| *service == gust.service && gust.ars.as_ref().is_none_or(|own| own == ars);
        self.windows.lock().unwrap_or_else(PoisonError::into_inner).retain(|pair, _| !is_of(pair));
    }
}

impl Pipeline {
    /// Notes how applications went, and parks what a storm goes over. Where the store does not answer, the next ones do it.
    pub(crate) async fn weather(&self, outcomes: &[Outcome<'_>]) {
        for gust in self.storm.note(outcomes, (self.runtime.clock)()) {
            match self.storm_over(&gust).await {
                Ok(()) => self.storm.forget(&gust),
                Err(error) => tracing::warn!(%error, "a storm is parked later"),
            }
        }
    }

    async fn storm_over(&self, gust: &Gust) -> Result<(), StoreError> {
        let now = (self.runtime.clock)();
        let (service, ars) = (Some(gust.service.as_str()), gust.ars.as_deref());
        let rows = self.store.parked().await?;
        let own: Vec<&ParkRow> =
            rows.iter().filter(|row| row.by == STORM && row.service.as_deref() == service).collect();
        let holds = |row: &ParkRow| row.until.is_some_and(|until| now < until);
        let known: Vec<&&ParkRow> = own.iter().filter(|row| row.ars.is_none() || row.ars.as_deref() == ars).collect();
        if known.iter().any(|row| holds(row)) {
            // What was under way when it was parked, or another process was first.
            return Ok(());
        }
        let StormSettings { seconds, pause_minutes, .. } = self.storm.settings;
        let mut cause = format!("{} of {} applications failed within {seconds} s", gust.failed, gust.all);
        if ars.is_none() {
            cause = format!("{cause} in {} Kommunen", gust.places);
        }
        let pause = known.iter().map(|row| self.doubled(row)).max().unwrap_or(pause_minutes);
        self.park_for(service, ars, cause, pause).await?;
        let still = own.iter().filter(|row| holds(row)).filter_map(|row| row.ars.as_deref());
        let places: BTreeSet<&str> = still.chain(ars).collect();
        if places.len() >= self.storm.settings.places && own.iter().all(|row| row.ars.is_some()) && ars.is_some() {
            let names: Vec<&str> = places.iter().copied().collect();
            let cause = format!("storms in {} Kommunen: {}", names.len(), names.join(", "));
            self.park_for(service, None, cause, pause_minutes).await?;
        }
        self.read_parked().await;
        Ok(())
    }

    /// How many minutes the next pause has, after one that did not help.
    pub(crate) fn doubled(&self, row: &ParkRow) -> i64 {
        let last = row.until.map_or(0, |until| (until.as_second() - row.since.as_second()) / 60);
        let StormSettings { pause_minutes, longest_pause_minutes, .. } = self.storm.settings;
        (last * 2).clamp(pause_minutes, longest_pause_minutes.max(pause_minutes))
    }

    /// Parks because of a storm for some minutes.
    pub(crate) async fn park_for(
        &self,
        service: Option<&str>,
        ars: Option<&str>,
        cause: String,
        minutes: i64,
    ) -> Result<(), StoreError> {
        let now = (self.runtime.clock)();
        let row = ParkRow {
            service: service.map(str::to_owned),
            ars: ars.map(str::to_owned),
            since: now,
            until: Some(now.checked_add(minutes.minutes()).unwrap_or(now)),
            cause,
            by: STORM.to_owned(),
            lifted_at: None,
        };
        parking::park(&*self.store, (self.office)().audit_keys(), &row, now).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn gusts(storm: &Storm, failed: usize, fine: usize, second: i64) -> Vec<(u64, u64)> {
        let outcomes: Vec<Outcome<'_>> = (0..failed + fine).map(|i| ("wohngeld", "05", i < failed)).collect();
        storm.note(&outcomes, at(second)).into_iter().map(|gust| (gust.failed, gust.all)).collect()
    }

    #[test]
    fn it_is_a_storm_from_twenty_failures_on_that_are_more_than_half() {
        assert_eq!(gusts(&Storm::default(), 19, 0, 0), []);
        assert_eq!(gusts(&Storm::default(), 20, 0, 0), [(20, 20)]);
        assert_eq!(gusts(&Storm::default(), 20, 20, 0), [], "half is not more than half");
        assert_eq!(gusts(&Storm::default(), 21, 20, 0), [(21, 41)]);
    }

    #[test]
    fn what_is_a_minute_old_does_not_count() {
        let storm = Storm::default();
        assert_eq!(gusts(&storm, 10, 0, 0), []);
        assert_eq!(gusts(&storm, 9, 0, 59), []);
        assert_eq!(gusts(&storm, 10, 0, 60), [], "the first ten are over");
        assert_eq!(gusts(&storm, 1, 0, 61), [(20, 20)]);
        let gust = |ars: &str| Gust { service: "wohngeld".into(), ars: Some(ars.into()), failed: 0, all: 0, places: 1 };
        storm.forget(&gust("09"));
        assert_eq!(gusts(&storm, 1, 0, 61), [(21, 21)], "that was another one");
        storm.forget(&gust("05"));
        assert_eq!(gusts(&storm, 19, 0, 62), []);
    }

    #[test]
    fn one_place_is_not_another_and_what_goes_well_parks_nothing() {
        let storm = Storm::default();
        let here: Vec<Outcome<'_>> = (0..19).map(|_| ("wohngeld", "05", true)).collect();
        let there: Vec<Outcome<'_>> = (0..19).map(|_| ("wohngeld", "09", true)).collect();
        assert!(storm.note(&here, at(0)).is_empty() && storm.note(&there, at(0)).is_empty());
        assert_eq!(gusts(&storm, 1, 0, 0), [(20, 20)]);
        assert_eq!(gusts(&storm, 0, 1, 0), [], "a success is no reason to park");
    }

    /// So many failures and others in each of so many Kommunen, one after the other: how often the service stormed.
    fn spread(places: usize, failed: usize, fine: usize) -> usize {
        let storm = Storm::default();
        let of = |place: usize| -> Vec<Gust> {
            let ars = format!("{place:012}");
            let outcomes: Vec<Outcome<'_>> = (0..failed + fine).map(|i| ("wohngeld", &*ars, i < failed)).collect();
            let gusts = storm.note(&outcomes, at(0));
            gusts.iter().filter(|gust| gust.ars.is_none()).for_each(|gust| storm.forget(gust));
            gusts
        };
        let gusts: Vec<Gust> = (0..places).flat_map(of).collect();
        assert!(gusts.iter().all(|gust| gust.ars.is_none() && gust.places >= 3), "{gusts:?}");
        gusts.len()
    }

    #[test]
    fn a_service_storms_where_little_fails_in_each_of_many_kommunen() {
        assert_eq!(spread(4, 5, 0), 1, "twenty failures in four Kommunen");
        assert_eq!(spread(1_000, 5, 4), 250, "every twenty");
        assert_eq!(spread(4, 5, 5), 0, "half is not more than half");
        assert_eq!(spread(3, 6, 0), 0, "eighteen are no storm");
        assert_eq!(spread(2, 19, 0), 0, "two Kommunen have more in common than the service");
    }

    #[test]
    fn a_storm_in_one_kommune_does_not_count_for_its_service() {
        let storm = Storm::default();
        let one = |ars, failed| storm.note(&vec![("wohngeld", ars, true); failed], at(0));
        assert_eq!(one("05", 1).len() + one("09", 1).len(), 0);
        let gusts = one("02", 30);
        assert_eq!(gusts.iter().map(|gust| gust.ars.as_deref()).collect::<Vec<_>>(), [Some("02")]);
        assert_eq!(one("05", 1), [], "its failures are no reason to park the others");
    }

    #[test]
    fn windows_that_say_nothing_any_more_are_dropped() {
        let storm = Storm::default();
        for i in 0..=WINDOWS {
            storm.note(&[("wohngeld", &i.to_string(), false)], at(0));
        }
        storm.note(&[("wohngeld", "05", false)], at(100));
        assert_eq!(storm.windows.lock().unwrap().len(), 1);
    }
}
