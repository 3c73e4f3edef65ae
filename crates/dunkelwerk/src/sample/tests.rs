//! What a demo and a load test rely on.

use super::draw::SplitMix64;
use super::*;
use serde_json::{Map, json};
use std::collections::{BTreeMap, HashMap};

fn places() -> Places {
    let list = |ars: &[&str]| ars.iter().map(|a| (*a).to_owned()).collect();
    Places {
        parking: list(&[
            "020000000000",
            "051110000000",
            "053150000000",
            "064120000000",
            "110000000000",
            "099990000000",
        ]),
        dogs: list(&["020000000000", "053150000000", "064120000000", "146120000000", "147130000000"]),
    }
}

fn samples(seed: u64, number: usize) -> Vec<Sample> {
    let mut generator = Generator::new(seed, "2026-11-22T02:00:33.5Z".parse().unwrap(), places());
    (0..number).map(|_| generator.next()).collect()
}

fn required(schema: &Value, data: &Value, at: &str) {
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(data.get(name.as_str().unwrap()).is_some(), "{at}/{name} is missing");
    }
    for (name, part) in schema["properties"].as_object().into_iter().flatten() {
        match data.get(name) {
            Some(Value::Array(items)) => items.iter().for_each(|item| required(&part["items"], item, name)),
            Some(value) => required(part, value, name),
            None => {}
        }
    }
    let closed = schema["additionalProperties"] == json!(false);
    for name in data.as_object().into_iter().flat_map(Map::keys).filter(|_| closed) {
        assert!(schema["properties"].get(name).is_some(), "{at}/{name} is no field");
    }
}

#[test]
fn the_same_seed_gives_the_same_applications() {
    assert_eq!(samples(7, 2000), samples(7, 2000));
    assert_ne!(samples(7, 20), samples(8, 20));
}

#[test]
fn a_clean_application_has_every_field_its_form_requires() {
    let form = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let parking = form(include_str!("../../../../workflows/bewohnerparkausweis/form/1.schema.json"));
    let dogs = form(include_str!("../../../../workflows/hundesteuer/form/1.schema.json"));
    for sample in samples(1, 3000).iter().filter(|s| s.kind != "unvollstaendig") {
        let envelope = &sample.envelope;
        let schema = if envelope["service"] == "hundesteuer" { &dogs } else { &parking };
        required(schema, &envelope["data"], sample.kind);
        assert_eq!(envelope["ars"].as_str().unwrap().len(), 12);
        if sample.kind == "vollstaendig" && envelope["service"] == "bewohnerparkausweis" {
            assert_eq!(envelope["evidence"].as_array().unwrap().len(), 2);
        }
    }
}

#[test]
fn the_spread_is_about_that_of_a_city() {
    let mut kinds: BTreeMap<(bool, &str), f64> = BTreeMap::new();
    let mut services: BTreeMap<bool, f64> = BTreeMap::new();
    for sample in samples(42, 10_000) {
        let dogs = sample.envelope["service"] == "hundesteuer";
        *kinds.entry((dogs, sample.kind)).or_default() += 1.0;
        *services.entry(dogs).or_default() += 1.0;
    }
    assert!((0.30..0.37).contains(&(services[&true] / 10_000.0)));
    let expected = [
        (false, "vollstaendig", 0.68..0.74),
        (false, "freitext", 0.03..0.05),
        (false, "ohne_nachweis", 0.02..0.04),
        (false, "widerspruch", 0.02..0.04),
        (false, "unvollstaendig", 0.02..0.04),
        (false, "grenzwert", 0.02..0.04),
        (false, "zweiter_ausweis", 0.012..0.03),
        (false, "dublette", 0.012..0.03),
        (false, "gleiche_id", 0.001..0.012),
        (false, "unbekannter_ort", 0.001..0.012),
        (true, "vollstaendig", 0.52..0.60),
        (true, "mischling", 0.06..0.10),
        (true, "zweiter_hund", 0.02..0.06),
    ];
    for (dogs, kind, range) in expected {
        let share = kinds[&(dogs, kind)] / services[&dogs];
        assert!(range.contains(&share), "{kind}: {share}");
    }
}

#[test]
fn an_id_comes_again_only_where_it_is_meant_to() {
    let mut seen: HashMap<String, Value> = HashMap::new();
    for sample in samples(3, 10_000) {
        let id = sample.envelope["id"].as_str().unwrap().to_owned();
        match sample.kind {
            "dublette" => assert_eq!(seen[&id], sample.envelope),
            "gleiche_id" => assert_ne!(seen[&id], sample.envelope),
            kind => assert!(seen.insert(id.clone(), sample.envelope).is_none(), "{kind} {id}"),
        }
    }
}

#[test]
fn without_places_there_are_still_applications() {
    let mut generator = Generator::new(1, "2026-01-01T00:00:00Z".parse().unwrap(), Places::default());
    for _ in 0..500 {
        assert!(ELSEWHERE.contains(&generator.next().envelope["ars"].as_str().unwrap()));
    }
}

#[test]
fn the_random_numbers_are_those_of_the_reference() {
    let mut random = SplitMix64(1_234_567);
    let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
    assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
}
