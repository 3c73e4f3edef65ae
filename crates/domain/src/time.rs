//! Legal days: an instant belongs to the calendar day it has in Germany.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

// Built in at compile time, so that no time zone file of the machine can change a decision.
static BERLIN: TimeZone = jiff::tz::get!("Europe/Berlin");

/// The German calendar day of an instant.
pub fn berlin_date(at: Timestamp) -> Date {
    at.to_zoned(BERLIN.clone()).date()
}

/// The first instant of a German calendar day; the end of time for days beyond all years.
pub fn berlin_start(day: Date) -> Timestamp {
    day.to_zoned(BERLIN.clone()).map_or(Timestamp::MAX, |start| start.timestamp())
}

/// An instant as RFC 3339 with the German offset, to the second.
pub fn berlin_iso(at: Timestamp) -> String {
    at.to_zoned(BERLIN.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_evening_utc_is_already_the_next_day_in_germany() {
        let at: Timestamp = "2025-01-14T23:30:00Z".parse().unwrap();
        assert_eq!(berlin_date(at).to_string(), "2025-01-15");
        assert_eq!(berlin_iso(at), "2025-01-15T00:30:00+01:00");
    }

    #[test]
    fn a_day_starts_at_german_midnight_in_winter_in_summer_and_when_the_clocks_change() {
        for (day, start) in [
            ("2026-01-15", "2026-01-14T23:00:00Z"),
            ("2026-03-29", "2026-03-28T23:00:00Z"),
            ("2026-03-30", "2026-03-29T22:00:00Z"),
            ("2026-10-25", "2026-10-24T22:00:00Z"),
            ("2026-10-26", "2026-10-25T23:00:00Z"),
        ] {
            assert_eq!(berlin_start(day.parse().unwrap()), start.parse().unwrap(), "{day}");
        }
    }
}
