//! Sums and differences of calendar days.

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de::Error};

/// The same day `months` later; a day that the target month lacks becomes its last day (§ 188 Abs. 3 BGB). Nothing
/// beyond the years that exist here.
pub fn plus_months(day: Date, months: i64) -> Option<Date> {
    day.checked_add(Span::new().try_months(months).ok()?).ok()
}

/// The day `days` later. Nothing beyond the years that exist here.
pub fn plus_days(day: Date, days: i64) -> Option<Date> {
    day.checked_add(Span::new().try_days(days).ok()?).ok()
}

/// Completed years of life on a day. A year of life is completed at the end of the day before the birthday
/// (§ 187 Abs. 2, § 188 Abs. 2 BGB); on the birthday itself the person has the new age. Who was born on 29 February
/// has it from 1 March of a common year.
pub fn age_on(birth: Date, day: Date) -> i64 {
    let years = i64::from(day.year()) - i64::from(birth.year());
    let reached = (day.month(), day.day()) >= (birth.month(), birth.day());
    years - i64::from(!reached)
}

/// A day of a TOML file, with or without quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Day(pub Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = match toml::Value::deserialize(reader)? {
            toml::Value::Datetime(day) => day.to_string(),
            toml::Value::String(text) => text,
            other => return Err(D::Error::custom(format!("„{other}“ ist kein Datum (JJJJ-MM-TT)"))),
        };
        text.parse().map(Self).map_err(|_| D::Error::custom(format!("„{text}“ ist kein Datum (JJJJ-MM-TT)")))
    }
}

/// Whether a day lies in a span with open or closed ends.
pub(crate) fn within(day: Date, from: Option<Date>, to: Option<Date>) -> bool {
    from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
}
