//! Worked deadlines (D1 to D8), Easter, places.

use super::holidays::easter_sunday;
use super::*;
use domain::{Ars, Land};
use jiff::civil::Date;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn calendar() -> Calendar {
    toml::from_str(include_str!("../../../rules/kalender.toml")).unwrap()
}

/// Announced on a day, and the last day of the month for a remedy.
fn month_after(way: &str, dispatch: Dispatch, place: &Place) -> (Date, Date) {
    let calendar = calendar();
    let rule = calendar.announcement(way, dispatch.sent).unwrap();
    let Some(Announced::On(known)) = rule.of(dispatch, dispatch.sent, &calendar, place) else { panic!("{way}") };
    (known, calendar.deadline(known, Period::Months(1), place).unwrap())
}

fn sent(text: &str) -> Dispatch {
    Dispatch { sent: day(text), retrieved: None }
}

#[test]
fn worked_deadlines() {
    let nw = Place::of_land(Land::NW);
    let cases = [
        ("D1", "vwvfg-post", sent("2025-08-06"), &nw, "2025-08-10", "2025-09-10"),
        ("D2", "ao-post", sent("2025-08-06"), &nw, "2025-08-11", "2025-09-11"),
        ("D3", "vwvfg-post", sent("2026-01-05"), &nw, "2026-01-09", "2026-02-09"),
        ("D4", "ozg-postfach", sent("2026-08-14"), &nw, "2026-08-18", "2026-09-18"),
        (
            "D5",
            "vwvfg-abruf",
            Dispatch { sent: day("2026-09-01"), retrieved: Some(day("2026-09-03")) },
            &nw,
            "2026-09-04",
            "2026-10-05",
        ),
        ("D8", "vwvfg-post", sent("2024-12-02"), &nw, "2024-12-05", "2025-01-06"),
    ];
    for (name, way, dispatch, place, known, end) in cases {
        assert_eq!(month_after(way, dispatch, place), (day(known), day(end)), "{name}");
    }
    for land in [Land::BW, Land::BY, Land::ST] {
        let end = month_after("vwvfg-post", sent("2024-12-02"), &Place::of_land(land)).1;
        assert_eq!(end, day("2025-01-07"), "D8 in {}", land.title());
    }
    let fiction = calendar().deadline(day("2026-11-30"), Period::Months(3), &nw);
    assert_eq!(fiction, Some(day("2027-03-01")), "D7: Genehmigungsfiktion");
}

#[test]
fn what_nobody_retrieves_is_not_announced() {
    let (calendar, place) = (calendar(), Place::of_land(Land::NW));
    let rule = calendar.announcement("vwvfg-abruf", day("2026-09-01")).unwrap();
    let of = |retrieved: Option<&str>, today: &str| {
        let dispatch = Dispatch { sent: day("2026-09-01"), retrieved: retrieved.map(day) };
        rule.of(dispatch, day(today), &calendar, &place).unwrap()
    };
    assert_eq!(of(None, "2026-09-11"), Announced::RetrievableUntil(day("2026-09-11")));
    assert_eq!(of(None, "2026-09-12"), Announced::Not, "D6: the period ends with day 10, 24:00");
    assert_eq!(of(Some("2026-09-11"), "2026-09-20"), Announced::On(day("2026-09-12")));
    assert_eq!(of(Some("2026-09-12"), "2026-09-20"), Announced::Not);
}

#[test]
fn abroad_a_month_counts() {
    let known = month_after("ao-post-ausland", sent("2026-01-30"), &Place::of_land(Land::NW)).0;
    assert_eq!(known, day("2026-03-02"), "28 February 2026 is a Saturday");
}

#[test]
fn easter_of_the_published_tables() {
    for sunday in ["1818-03-22", "2023-04-09", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25"] {
        assert_eq!(easter_sunday(day(sunday).year()), Some(day(sunday)));
    }
}

#[test]
fn some_holidays_are_those_of_a_town() {
    let calendar = calendar();
    let holiday = |text: &str, ars: &str| {
        let place = Place::from(&Ars::new(ars).unwrap());
        calendar.holidays_on(day(text), &place).next().is_some()
    };
    for (text, ars, is) in [
        ("2025-08-08", "097610000000", true),
        ("2025-08-08", "095640000000", false),
        ("2025-08-15", "091620000000", true),
        ("2025-08-15", "097610000000", true),
        ("2025-08-15", "095640000000", false),
        ("2025-06-19", "145215138690", false),
        ("2017-10-31", "110000000000", true),
        ("2018-10-31", "110000000000", false),
        ("2018-10-31", "020000000000", true),
        ("2025-05-08", "110000000000", true),
        ("2018-03-08", "110000000000", false),
        ("2022-03-08", "130030000000", false),
        ("2023-03-08", "130030000000", true),
        ("2024-11-20", "146120000000", true),
        ("2025-11-19", "146120000000", true),
        ("2025-11-19", "091620000000", false),
        ("2024-12-24", "146120000000", false),
    ] {
        assert_eq!(holiday(text, ars), is, "{text} in {ars}");
    }
}

#[test]
fn months_end_where_the_month_ends() {
    assert_eq!(plus_months(day("2024-01-31"), 1), Some(day("2024-02-29")));
    assert_eq!(plus_months(day("2025-05-01"), 24), Some(day("2027-05-01")));
    for beyond in [i64::MAX, i64::MIN, 7_304_485, 2_000_000_000] {
        assert_eq!((plus_months(day("2025-05-01"), beyond), plus_days(day("2025-05-01"), beyond)), (None, None));
    }
    assert_eq!(Period::Weeks(i64::MAX).last_day(day("2025-05-01")), None);
}

#[test]
fn a_leap_day_child_completes_its_year_at_the_end_of_28_february() {
    assert_eq!(age_on(day("2008-02-29"), day("2026-02-28")), 17);
    assert_eq!(age_on(day("2008-02-29"), day("2026-03-01")), 18);
    assert_eq!(age_on(day("2008-02-29"), day("2028-02-29")), 20);
}

#[test]
fn a_calendar_with_a_mistake_is_refused() {
    let base = "[[feiertag]]\nname = \"X\"\nnorm = \"n\"\nquelle = \"q\"\n";
    for wrong in ["am = \"13-01\"", "am = \"1.1.\"", "orte = [\"nrw\"]\nam = \"01-01\"", "", "tag = 5"] {
        assert!(toml::from_str::<Calendar>(&format!("{base}{wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn the_shipped_calendar_says_nothing_twice_and_faults_are_named() {
    assert_eq!(calendar().faults(), Vec::<String>::new());
    let rule = "[[bekanntgabe]]\nweg = \"post\"\nab = 2025-01-01\ntage = 4\nverschiebung = false\nnorm = \"n\"\nquelle = \"q\"\n";
    let of = |text: &str| toml::from_str::<Calendar>(text).unwrap().faults().len();
    assert_eq!(of(rule), 0);
    assert_eq!(of(&rule.repeat(2)), 1);
    assert_eq!(of(&rule.replace("tage = 4", "tage = -4")), 1);
    assert_eq!(of(&rule.replace("norm = \"n\"", "norm = \"\"")), 1);
    assert_eq!(of("[[feiertag]]\nname = \"\"\nam = \"01-01\"\nnorm = \"n\"\nquelle = \"q\"\n"), 1);
}
