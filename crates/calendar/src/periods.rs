//! Periods that begin with an event, and when they end.

use crate::days::{plus_days, plus_months};
use crate::{Calendar, Place};
use jiff::civil::Date;

/// A length of time as the law names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Days(i64),
    Weeks(i64),
    Months(i64),
}

impl Period {
    /// The last day of a period that an event sets going: the day of the event does not count (§ 187 Abs. 1 BGB);
    /// weeks end on the same weekday, months on the day of the same number or the month's last (§ 188 BGB). Without the
    /// shift to a working day. Nothing beyond the years that exist here.
    pub fn last_day(self, event: Date) -> Option<Date> {
        match self {
            Self::Days(n) => plus_days(event, n),
            Self::Weeks(n) => plus_days(event, n.checked_mul(7)?),
            Self::Months(n) => plus_months(event, n),
        }
    }
}

impl Calendar {
    /// The last day of a period for a declaration or an act: where it would be a Saturday, a Sunday or a public holiday
    /// of the place, the next working day (§ 193 BGB, § 31 Abs. 3 VwVfG, § 108 Abs. 3 AO, § 26 Abs. 3 SGB X).
    pub fn deadline(&self, event: Date, period: Period, place: &Place) -> Option<Date> {
        self.next_working_day(period.last_day(event)?, place)
    }
}
