//! What a process can say of itself: is it consuming, does the store answer, does the broker take results.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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
    /// Registers that do not answer.
    pub registers: Troubles,
    /// Set while jobs wait for the store.
    pub jobs: Trouble,
    /// Set while a service or Kommune is parked.
    pub parked: Trouble,
    /// Set while the audit is not chained or not witnessed.
    pub audit: Trouble,
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
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Troubles by name.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<BTreeMap<String, String>>);

impl Troubles {
    pub fn set(&self, name: &str, cause: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), cause);
    }
    pub fn clear(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
    /// One sentence with all of them.
    pub fn get(&self) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each: Vec<String> = all.iter().map(|(name, cause)| format!("{name}: {cause}")).collect();
        (!each.is_empty()).then(|| each.join("; "))
    }
}
