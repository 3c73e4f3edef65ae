//! Public holidays by place. Which days are holidays is Land law, in some places the municipality's.

use crate::Calendar;
use crate::days::{Day, plus_days, within};
use domain::{Ars, Land};
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Deserializer, de::Error};

/// Where an act is done or a declaration is received: the holidays of that place count, not those of where the
/// applicant lives (§ 193 BGB).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    land: Land,
    /// Eight digits.
    ags: String,
}

impl Place {
    /// Somewhere in a Land that has no municipal holidays.
    pub fn of_land(land: Land) -> Self {
        Self { land, ags: format!("{}000000", land.code()) }
    }
}

impl From<&Ars> for Place {
    fn from(ars: &Ars) -> Self {
        Self { land: ars.land(), ags: ars.ags() }
    }
}

/// A public holiday with its law.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct Holiday {
    pub name: String,
    when: When,
    /// Where; everywhere in Germany where nothing is named.
    places: Vec<Where>,
    from: Option<Date>,
    to: Option<Date>,
    pub norm: String,
    pub source: String,
    pub note: Option<String>,
}

/// How the day is found in a year.
#[derive(Debug, Clone, Copy)]
enum When {
    /// Month and day.
    On((i8, i8)),
    /// Days after Easter Sunday.
    Easter(i64),
    /// The last Wednesday before a month and day.
    WednesdayBefore((i8, i8)),
    Once(Date),
}

/// A holiday as it is written: one of `am`, `ostern`, `mittwoch_vor`, `tag`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    am: Option<MonthDay>,
    ostern: Option<i64>,
    mittwoch_vor: Option<MonthDay>,
    tag: Option<Day>,
    #[serde(default)]
    orte: Vec<Where>,
    ab: Option<Day>,
    bis: Option<Day>,
    norm: String,
    quelle: String,
    hinweis: Option<String>,
}

impl TryFrom<Written> for Holiday {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let when = match (written.am, written.ostern, written.mittwoch_vor, written.tag) {
            (Some(day), None, None, None) => When::On(day.0),
            (None, Some(offset), None, None) => When::Easter(offset),
            (None, None, Some(day), None) => When::WednesdayBefore(day.0),
            (None, None, None, Some(day)) => When::Once(day.0),
            _ => return Err(format!("{}: genau eines von am, ostern, mittwoch_vor und tag", written.name)),
        };
        Ok(Self {
            name: written.name,
            when,
            places: written.orte,
            from: written.ab.map(|day| day.0),
            to: written.bis.map(|day| day.0),
            norm: written.norm,
            source: written.quelle,
            note: written.hinweis,
        })
    }
}

struct MonthDay((i8, i8));

impl<'de> Deserialize<'de> for MonthDay {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;
        // A leap year, so that 29 February could be named.
        let day = format!("2000-{text}").parse::<Date>();
        day.map(|day| Self((day.month(), day.day())))
            .map_err(|_| D::Error::custom(format!("„{text}“ ist kein Tag (MM-TT)")))
    }
}

/// A Land (`nw`), or everything whose AGS begins with these digits (`09761000`, `091`).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Where {
    Land(Land),
    Ags(String),
}

impl<'de> Deserialize<'de> for Where {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;
        if let Some(land) = Land::from_short(&text) {
            return Ok(Self::Land(land));
        }
        let digits = (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if digits {
            Ok(Self::Ags(text))
        } else {
            Err(D::Error::custom(format!("„{text}“ ist weder Land noch AGS")))
        }
    }
}

impl Holiday {
    pub(crate) fn fault(&self) -> Option<String> {
        let says = [&self.name, &self.norm, &self.source].iter().all(|text| !text.trim().is_empty());
        let ordered = self.from.zip(self.to).is_none_or(|(from, to)| from <= to);
        let near = !matches!(self.when, When::Easter(offset) if offset.abs() > 366);
        (!says || !ordered || !near).then(|| {
            format!(
                "feiertag „{}“: name, norm und quelle nicht leer, bis nicht vor ab, ostern ein Tag des Jahres",
                self.name
            )
        })
    }

    /// Its day in a year.
    fn day(&self, year: i16) -> Option<Date> {
        match self.when {
            When::On((month, day)) => Date::new(year, month, day).ok(),
            When::Easter(offset) => plus_days(easter_sunday(year)?, offset),
            When::WednesdayBefore((month, day)) => {
                let day = Date::new(year, month, day).ok()?;
                day.nth_weekday(-1, Weekday::Wednesday).ok()
            }
            When::Once(day) => (day.year() == year).then_some(day),
        }
    }

    fn holds_in(&self, place: &Place) -> bool {
        let covers = |wanted: &Where| match wanted {
            Where::Land(land) => *land == place.land,
            Where::Ags(digits) => place.ags.starts_with(digits),
        };
        self.places.is_empty() || self.places.iter().any(covers)
    }
}

impl Calendar {
    /// The public holidays that fall on a day in a place.
    pub fn holidays_on<'c>(&'c self, day: Date, place: &'c Place) -> impl Iterator<Item = &'c Holiday> {
        let falls = move |holiday: &&Holiday| {
            within(day, holiday.from, holiday.to) && holiday.day(day.year()) == Some(day) && holiday.holds_in(place)
        };
        self.holidays.iter().filter(falls)
    }

    /// Neither Saturday nor Sunday nor public holiday (§ 193 BGB, § 31 Abs. 3 VwVfG).
    pub fn is_working_day(&self, day: Date, place: &Place) -> bool {
        !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && self.holidays_on(day, place).next().is_none()
    }

    /// The day itself where it is a working day, else the next one. Nothing at the end of the years that exist here.
    pub fn next_working_day(&self, day: Date, place: &Place) -> Option<Date> {
        let mut day = day;
        while !self.is_working_day(day, place) {
            day = day.tomorrow().ok()?;
        }
        Some(day)
    }
}

/// Easter Sunday of the Gregorian calendar: the anonymous algorithm, as in J. Meeus, "Astronomical Algorithms",
/// 2nd ed. (1998), ch. 8. The names of the steps are the book's.
pub(crate) fn easter_sunday(year: i16) -> Option<Date> {
    let year = i32::from(year);
    let a = year % 19;
    let (b, c) = (year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    let (month, day) = (n / 31, n % 31 + 1);
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}
