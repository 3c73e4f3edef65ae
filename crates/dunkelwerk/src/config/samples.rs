//! The samples of `deploy/` name every setting there is, and no other.

use super::*;
use serde::de::DeserializeOwned;
use workflow::{Condition, Deputy, Draw, Flag, Place, Stop};

const SETTINGS: &str = include_str!("../../../../deploy/dunkelwerk.toml");
const RISK: &str = include_str!("../../../../deploy/risk.toml");

/// A sample with what is commented out in it.
fn whole(sample: &str) -> toml::Table {
    let word =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let key = |line: &str| line.split_once('=').is_some_and(|(key, _)| word(key.trim_end()));
    let lines = sample.lines().map(|line| line.strip_prefix("# ").unwrap_or(line));
    let lines: Vec<&str> = lines.filter(|line| line.starts_with('[') || key(line)).collect();
    toml::from_str(&lines.join("\n")).unwrap()
}

/// The keys of a table, or of all tables of a list.
fn named(sample: &toml::Table, path: &[&str]) -> BTreeSet<String> {
    let Some((first, rest)) = path.split_first() else { return sample.keys().cloned().collect() };
    match sample.get(*first) {
        Some(toml::Value::Table(table)) => named(table, rest),
        Some(toml::Value::Array(list)) => {
            list.iter().filter_map(toml::Value::as_table).flat_map(|table| named(table, rest)).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The keys that a type reads: an unknown one is refused with those that are known.
fn keys<T: DeserializeOwned>() -> BTreeSet<String> {
    let error = toml::from_str::<T>("no_such_key = 0").err().unwrap().to_string();
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_sample_of_settings_names_every_key() {
    let sample = whole(SETTINGS);
    let told = |path: &[&str]| named(&sample, path);
    assert_eq!(told(&[]), keys::<File>());
    assert_eq!(told(&["limits"]), keys::<Limits>());
    assert_eq!(told(&["storm"]), keys::<StormSettings>());
    assert_eq!(told(&["sender"]), keys::<Sender>());
    assert_eq!(told(&["official"]), keys::<Official>());
    assert_eq!(told(&["official", "deputy"]), keys::<Deputy>());
    assert_eq!(told(&["register"]), keys::<RegisterSettings>());
    assert!(sample.try_into::<File>().is_ok());
}

#[test]
fn the_sample_of_settings_is_read_and_shows_the_defaults() {
    let file: File = toml::from_str(SETTINGS).unwrap();
    assert_eq!(file.storm, StormSettings::default());
    let (limits, default) = (file.limits, Limits::default());
    assert_eq!((limits.backdating_days, limits.failure_days), (default.backdating_days, default.failure_days));
}

#[test]
fn the_sample_of_risk_settings_names_every_key() {
    let sample = whole(RISK);
    let told = |path: &[&str]| named(&sample, path);
    assert_eq!(told(&[]), keys::<Risk>());
    assert_eq!(told(&["sample"]), keys::<Draw>());
    assert_eq!(told(&["sample", "where"]), keys::<Place>());
    assert_eq!(told(&["flag"]), keys::<Flag>());
    assert_eq!(&told(&["flag", "when"]) | &told(&["stop", "group"]), keys::<Condition>());
    // Who set it and since when is for switches that are set while the program runs.
    let mut switch = keys::<Stop>();
    assert!(switch.remove("since") && switch.remove("by"));
    assert_eq!(told(&["stop"]), switch);
    assert!(sample.try_into::<Risk>().is_ok());
}
