//! What a process can say of itself: is it consuming, does the store answer, does the broker take results.

use domain::berlin_iso;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The state of one worker process, for readiness.
#[derive(Debug, Default)]
pub struct Health {
    /// Set while nothing can be consumed.
    pub source: Trouble,
    /// Set while a batch is held because the store does not answer.
    pub store: Trouble,
    /// Set while results wait in the outbox.
    pub relay: Trouble,
    /// Set while timers wait for the store.
    pub timer: Trouble,
    pub registers: Registers,
    /// Set while nobody hears the answers that registers give by message.
    pub answers: Trouble,
    /// Set while jobs wait for the store.
    pub jobs: Trouble,
    /// Set while a service or Kommune is parked.
    pub parked: Trouble,
    /// Set while the audit is not chained.
    pub audit: Trouble,
    /// Set while the audit is not witnessed though there is a sink.
    pub witness: Trouble,
}

/// A trouble with its cause, or none.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<Option<String>>);

impl Trouble {
    pub fn set(&self, cause: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause);
    }
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
    /// What an attempt ended with; a trouble is logged as `what` when it begins.
    pub fn note(&self, trouble: Option<String>, what: &str) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = trouble.as_ref().filter(|_| *now != trouble) {
            tracing::warn!(%error, "{what}");
        }
        *now = trouble;
    }
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How registers are doing, by name.
#[derive(Debug, Default)]
pub struct Registers(Mutex<BTreeMap<String, Asking>>);

#[derive(Debug, Default)]
struct Asking {
    /// Since when it does not answer, and why.
    down: Option<(Timestamp, String)>,
    waiting: i64,
    late: Option<Timestamp>,
}

impl Registers {
    /// It does not answer.
    pub fn down(&self, name: &str, now: Timestamp, why: String) {
        let mut all = self.all();
        let asking = all.entry(name.to_owned()).or_default();
        let since = asking.down.as_ref().map_or(now, |(since, _)| *since);
        asking.down = Some((since, why));
    }
    /// It answers.
    pub fn up(&self, name: &str) {
        self.all().entry(name.to_owned()).or_default().down = None;
    }
    /// How many decisions wait for it; `late`: since when, where it takes too long.
    pub fn waiting(&self, name: &str, count: i64, late: Option<Timestamp>) {
        let mut all = self.all();
        let asking = all.entry(name.to_owned()).or_default();
        (asking.waiting, asking.late) = (count, late);
    }
    /// One sentence a register that decisions wait for, without anything that a register said.
    pub fn get(&self) -> Option<String> {
        let all = self.all();
        let each = all.iter().filter(|(_, asking)| asking.waiting > 0).filter_map(|(name, asking)| {
            let count = match asking.waiting {
                1 => "1 decision waits".to_owned(),
                n => format!("{n} decisions wait"),
            };
            match (&asking.down, asking.late) {
                (Some((since, why)), _) => {
                    Some(format!("{name} does not answer since {} ({why}); {count}", berlin_iso(*since)))
                }
                (None, Some(since)) => {
                    let since = berlin_iso(since);
                    Some(format!("{name} has not answered everything since {since}; {count}"))
                }
                (None, None) => None,
            }
        });
        let sentences: Vec<String> = each.collect();
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Asking>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_says_since_when_a_register_is_away_and_how_much_waits() {
        let (first, second): (Timestamp, Timestamp) =
            ("2026-05-04T09:00:00+02:00".parse().unwrap(), "2026-05-04T10:00:00+02:00".parse().unwrap());
        let registers = Registers::default();
        registers.down("melderegister", first, "no connection".into());
        assert_eq!(registers.get(), None, "nobody waits for it");
        registers.down("melderegister", second, "it answers 503".into());
        registers.waiting("melderegister", 7, Some(second));
        let text = "melderegister does not answer since 2026-05-04T09:00:00+02:00 (it answers 503); 7 decisions wait";
        assert_eq!(registers.get().as_deref(), Some(text));
        registers.up("melderegister");
        let text = "melderegister has not answered everything since 2026-05-04T10:00:00+02:00; 7 decisions wait";
        assert_eq!(registers.get().as_deref(), Some(text));
        registers.waiting("melderegister", 7, None);
        assert_eq!(registers.get(), None, "it is working on them");
    }
}
