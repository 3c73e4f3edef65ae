//! Legal days, as pure functions over data: public holidays by place, ends of periods, days of announcement.
//!
//! What the law says stands in `rules/kalender.toml`, with norm and source; here is only how days are counted. Nothing
//! reads a clock: every day is an argument. Start at [`Calendar`].

mod announcement;
mod days;
mod holidays;
mod periods;

#[cfg(test)]
mod tests;

pub use announcement::{Announced, Announcement, Dispatch};
pub use days::{age_on, plus_days, plus_months};
pub use holidays::{Holiday, Place};
pub use periods::Period;

use serde::Deserialize;

/// `rules/kalender.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Public holidays; one of a name may stand several times with other places and years.
    #[serde(default, rename = "feiertag")]
    pub holidays: Vec<Holiday>,
    /// When a notice counts as announced, by way of sending.
    #[serde(default, rename = "bekanntgabe")]
    pub announcements: Vec<Announcement>,
}

impl Calendar {
    /// What contradicts itself or says nothing, as German sentences.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (i, rule) in self.announcements.iter().enumerate() {
            faults.extend(rule.fault());
            let again = self.announcements.iter().skip(i + 1).find(|other| rule.meets(other));
            faults.extend(again.map(|_| format!("für den Weg „{}“ gelten an einem Tag zwei Regeln", rule.way)));
        }
        faults.extend(self.holidays.iter().filter_map(Holiday::fault));
        faults
    }
}
