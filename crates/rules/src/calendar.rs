//! Days for rules: pure calendar arithmetic on the proleptic Gregorian calendar, no clock, no time zone.

use jiff::{Span, civil::Date};

/// Adds calendar months; a day that the target month lacks becomes its last day (§ 188 Abs. 3 BGB).
pub(crate) fn plus_months(day: Date, months: i64) -> Option<Date> {
    day.checked_add(Span::new().try_months(months).ok()?).ok()
}

pub(crate) fn plus_days(day: Date, days: i64) -> Option<Date> {
    day.checked_add(Span::new().try_days(days).ok()?).ok()
}

/// Completed years of life on a day. A year of life is completed at the end of the day before the birthday
/// (§ 187 Abs. 2, § 188 Abs. 2 BGB); on the birthday itself the person has the new age. Who was born on 29 February
/// has it from 1 March of a common year.
pub(crate) fn age_on(birth: Date, day: Date) -> i64 {
    let years = i64::from(day.year()) - i64::from(birth.year());
    let reached = (day.month(), day.day()) >= (birth.month(), birth.day());
    years - i64::from(!reached)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn months_end_where_the_month_ends() {
        assert_eq!(plus_months(day("2024-01-31"), 1), Some(day("2024-02-29")));
        assert_eq!(plus_months(day("2025-05-01"), 24), Some(day("2027-05-01")));
        for beyond in [i64::MAX, i64::MIN, 7_304_485, 2_000_000_000] {
            assert_eq!((plus_months(day("2025-05-01"), beyond), plus_days(day("2025-05-01"), beyond)), (None, None));
        }
    }

    #[test]
    fn a_leap_day_child_completes_its_year_at_the_end_of_28_february() {
        assert_eq!(age_on(day("2008-02-29"), day("2026-02-28")), 17);
        assert_eq!(age_on(day("2008-02-29"), day("2026-03-01")), 18);
        assert_eq!(age_on(day("2008-02-29"), day("2028-02-29")), 20);
    }
}
