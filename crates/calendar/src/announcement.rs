//! When a notice counts as announced (Bekanntgabe). The days differ by law and way of sending, and changed over time:
//! they are data in `rules/kalender.toml`.

use crate::days::{Day, plus_days, plus_months, within};
use crate::{Calendar, Place};
use jiff::civil::Date;
use serde::Deserialize;

/// One rule of announcement with its law.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct Announcement {
    /// The way of sending that a service names, such as `vwvfg-post`.
    pub way: String,
    /// First and last day of sending that it holds for.
    from: Date,
    to: Option<Date>,
    rule: Rule,
    pub norm: String,
    pub source: String,
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Rule {
    /// Counted from sending; with `shift`, a fictitious day that is no working day moves to the next one.
    Fiction { days: i64, months: i64, shift: bool },
    /// Known some days after retrieval; not announced where nobody retrieves it in time.
    Retrieval { known_after: i64, retrievable: i64 },
}

/// A rule as it is written: `tage` or `monate` with `verschiebung`, or `nach_abruf` with `abrufbar` (days).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    weg: String,
    ab: Day,
    bis: Option<Day>,
    tage: Option<i64>,
    monate: Option<i64>,
    verschiebung: Option<bool>,
    nach_abruf: Option<i64>,
    abrufbar: Option<i64>,
    norm: String,
    quelle: String,
    hinweis: Option<String>,
}

impl TryFrom<Written> for Announcement {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let counted = (written.tage, written.monate, written.verschiebung);
        let rule = match (counted, written.nach_abruf, written.abrufbar) {
            ((Some(days), None, Some(shift)), None, None) => Rule::Fiction { days, months: 0, shift },
            ((None, Some(months), Some(shift)), None, None) => Rule::Fiction { days: 0, months, shift },
            ((None, None, None), Some(known_after), Some(retrievable)) => Rule::Retrieval { known_after, retrievable },
            _ => {
                let way = written.weg;
                return Err(format!("{way}: tage oder monate mit verschiebung, oder nach_abruf mit abrufbar"));
            }
        };
        Ok(Self {
            way: written.weg,
            from: written.ab.0,
            to: written.bis.map(|day| day.0),
            rule,
            norm: written.norm,
            source: written.quelle,
            note: written.hinweis,
        })
    }
}

/// What happened to a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispatch {
    /// Posted, sent, or provided for retrieval with a notification.
    pub sent: Date,
    /// First retrieval by an authenticated person, where the way of sending knows one.
    pub retrieved: Option<Date>,
}

/// Whether and when a notice counts as announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    On(Date),
    /// Not yet retrieved; it is not announced where nobody retrieves it until the end of this day.
    RetrievableUntil(Date),
    /// Nobody retrieved it in time: it has to be sent again.
    Not,
}

impl Calendar {
    /// The rule for a way of sending on a day.
    pub fn announcement(&self, way: &str, sent: Date) -> Option<&Announcement> {
        self.announcements.iter().find(|rule| rule.way == way && within(sent, Some(rule.from), rule.to))
    }
}

impl Announcement {
    pub(crate) fn fault(&self) -> Option<String> {
        let counts = match self.rule {
            Rule::Fiction { days, months, .. } => days >= 0 && months >= 0,
            Rule::Retrieval { known_after, retrievable } => known_after >= 0 && retrievable > 0,
        };
        let says = !self.way.is_empty() && !self.norm.trim().is_empty() && !self.source.trim().is_empty();
        let ordered = self.to.is_none_or(|to| self.from <= to);
        (!counts || !says || !ordered)
            .then(|| format!("bekanntgabe „{}“: Tage ab 0, norm und quelle nicht leer, bis nicht vor ab", self.way))
    }

    /// Whether both hold for the same way on some day.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let reaches = |a: &Self, b: &Self| a.to.is_none_or(|to| b.from <= to);
        self.way == other.way && reaches(self, other) && reaches(other, self)
    }

    /// When a notice counts as announced, seen from `today`. Nothing beyond the years that exist here.
    pub fn of(&self, dispatch: Dispatch, today: Date, calendar: &Calendar, place: &Place) -> Option<Announced> {
        match self.rule {
            Rule::Fiction { days, months, shift } => {
                let day = plus_days(plus_months(dispatch.sent, months)?, days)?;
                let day = if shift { calendar.next_working_day(day, place)? } else { day };
                Some(Announced::On(day))
            }
            Rule::Retrieval { known_after, retrievable } => {
                let last = plus_days(dispatch.sent, retrievable)?;
                match dispatch.retrieved.filter(|day| *day <= last) {
                    Some(retrieved) => plus_days(retrieved, known_after).map(Announced::On),
                    None if today <= last => Some(Announced::RetrievableUntil(last)),
                    None => Some(Announced::Not),
                }
            }
        }
    }
}
