//! Agreement with software that nobody of this project wrote (`tests/oracles`).

use crate::repository::{files, office, read};
use authoring::{Earlier, evaluate, trusted};
use calendar::{Calendar, Place};
use domain::{Land, Outcome};
use jiff::civil::{Date, date};
use serde_json::Value;
use std::collections::BTreeSet;

/// Rows of a file, rows that agree, rows decided automatically.
fn agreement(file: &str, result: &str) -> (usize, usize, usize) {
    let office = office();
    let at = "2026-11-22T12:00:00Z".parse().unwrap();
    let (mut rows, mut automatic) = (0, 0);
    let mut differ = Vec::new();
    for line in read(&format!("tests/oracles/{file}")).lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let envelope = serde_json::to_vec(&row["application"]).unwrap();
        let decision = evaluate(&office, &trusted(), &envelope, at, &Earlier::new()).unwrap();
        let proposal = decision.referral.as_ref().map_or(Some(decision.outcome), |referral| referral.proposal);
        let found = (decision.result.get(result).cloned(), proposal.map(Outcome::as_str));
        if found != (Some(row["expected"][result].clone()), row["expected"]["outcome"].as_str()) {
            differ.push(format!("{}: {} but {found:?}", row["id"], row["expected"]));
        }
        rows += 1;
        automatic += usize::from(decision.automatic);
    }
    println!("{file}: {rows} rows, {} agree, {automatic} decided automatically", rows - differ.len());
    assert!(differ.is_empty(), "{} of {rows} differ:\n{}", differ.len(), differ.join("\n"));
    (rows, rows - differ.len(), automatic)
}

#[test]
fn housing_benefit_and_maintenance_advance_agree_with_gettsim() {
    for (file, result, expected) in [
        ("wohngeld_formula.jsonl", "wohngeld_monat", 280),
        ("wohngeld_gross.jsonl", "wohngeld_monat", 75),
        ("unterhaltsvorschuss.jsonl", "unterhaltsvorschuss_monat", 100),
    ] {
        let (rows, agree, automatic) = agreement(file, result);
        assert_eq!((rows, agree), (expected, expected), "{file}");
        assert!(automatic * 10 >= rows * 9, "{file}: only {automatic} of {rows} automatically");
    }
}

#[test]
fn land_wide_holidays_are_those_of_the_package() {
    let calendar: Calendar = toml::from_str(&files("rules")["kalender.toml"]).unwrap();
    let mut ours = BTreeSet::new();
    for land in Land::ALL {
        let place = Place::of_land(*land);
        let mut day = date(2024, 1, 1);
        while day < date(2026, 1, 1) {
            for holiday in calendar.holidays_on(day, &place) {
                ours.insert((day, land.short().to_uppercase(), holiday.name.clone()));
            }
            day = day.tomorrow().unwrap();
        }
    }
    let text = read("tests/oracles/holidays.csv");
    let row = |line: &str| -> (Date, String, String) {
        let mut cells = line.split(';');
        let mut cell = || cells.next().unwrap().to_owned();
        (cell().parse().unwrap(), cell(), cell())
    };
    let theirs: BTreeSet<_> = text.lines().skip(1).map(row).collect();
    println!("{} holidays", theirs.len());
    assert_eq!(theirs.len(), 349);
    assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), Vec::<&(Date, String, String)>::new(), "only ours");
    assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), Vec::<&(Date, String, String)>::new(), "only theirs");
}
