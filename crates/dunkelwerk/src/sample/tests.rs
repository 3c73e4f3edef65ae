//! What a demo and a load test rely on.

use super::draw::SplitMix64;
use super::*;
use std::collections::BTreeSet;

const PARKING: &str = r#"
gewicht: 2
orte: { "053150000000": 6 }
merke:
  person: { $person: { alter: [18, 85] } }
  adresse: { $anschrift: { zone: true } }
  beginn: { $in_tagen: [1, 40] }
umschlag:
  received_at: { $vielleicht: [100, { $minuten_her: [60, 1200] }] }
  channel: online
daten:
  person: { $wert: person }
  adresse: { $wert: adresse }
  kurz: { $kurz: { $wert: adresse.strasse } }
  beginn: { $wert: beginn }
  ende: { $plus_monate: [{ $monatserster: { $wert: beginn } }, { $aus: [12, 24] }] }
  kennzeichen: { $text: "{ort.kennzeichen}-{person.familienname} 1" }
  miete: { $betrag: [300, 900, 0.50] }
  halb: { $mal: [{ $zahl: [1, 9] }, 0.5] }
  kinder: { $liste: { anzahl: { $zahl: [0, 3] }, von: { geboren: { $geburtsdatum: [0, 17] } } } }
  iban: { $iban: {} }
  kennung: { $uuid: {} }
  bezirk: { $je_ort: { "05": nw, "053150000000": koeln, sonst: anderswo } }
  besonderes: ""
sorten:
  - { sorte: vollstaendig, gewicht: 700 }
  - { sorte: freitext, gewicht: 100, setze: { /data/besonderes: { $aus: [Härtefall] }, /data/miete: null } }
  - { sorte: kind, gewicht: 50, merke: { person: { $person: { alter: [14, 14] } } } }
  - { sorte: anderswo, gewicht: 50, ort: unbekannt }
  - { sorte: dublette, gewicht: 50, wie: wiederholt }
  - { sorte: folgeantrag, gewicht: 50, wie: folge }
  - { sorte: unvollstaendig, gewicht: 50, verderbe: { /data/beginn: [null, bald], /data/person/vornamen: [null, ""] } }
"#;

fn generator(seed: u64, text: &str) -> Result<Generator, String> {
    let examples = examples(&BTreeMap::from([("parken/beispiel.yaml".to_owned(), text.to_owned())]))?;
    let spot = |ars: &str, name: &str| Spot { ars: ars.to_owned(), name: name.to_owned() };
    let places = move |_: &ServiceName| {
        vec![spot("053150000000", "Köln"), spot("110000000000", "Berlin"), spot("059580000000", "Neustadt")]
    };
    Ok(Generator::new(seed, "2026-11-22T02:00:33.5Z".parse().unwrap(), examples, &places))
}

fn samples(seed: u64, number: usize) -> Vec<Sample> {
    let mut generator = generator(seed, PARKING).unwrap();
    (0..number).map(|_| generator.next().unwrap()).collect()
}

#[test]
fn the_same_seed_gives_the_same_applications() {
    assert_eq!(samples(7, 2000), samples(7, 2000));
    assert_ne!(samples(7, 20), samples(8, 20));
}

#[test]
fn what_is_written_is_drawn() {
    let (mut kinds, mut towns) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for sample in samples(42, 4000) {
        let text = |pointer: &str| sample.envelope.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        *kinds.entry(sample.kind.to_string()).or_default() += 1;
        assert_eq!((text("/ars").len(), text("/channel")), (12, "online"));
        assert_eq!(sample.envelope["data"].get("miete").is_none(), &*sample.kind == "freitext");
        if &*sample.kind != "vollstaendig" {
            continue;
        }
        *towns.entry(text("/data/adresse/ort").to_owned()).or_default() += 1;
        let (begin, end): (jiff::civil::Date, jiff::civil::Date) =
            (text("/data/beginn").parse().unwrap(), text("/data/ende").parse().unwrap());
        assert!(begin > jiff::civil::date(2026, 11, 22) && end.day() == 1 && end.year() > begin.year());
        assert!(!text("/data/kurz").contains("traße"), "{}", text("/data/kurz"));
        let district = match text("/ars") {
            "053150000000" => "koeln",
            "059580000000" => "nw",
            _ => "anderswo",
        };
        assert_eq!(text("/data/bezirk"), district);
        let rent = sample.envelope["data"]["miete"].to_string();
        assert!(!rent.contains('.') || rent.ends_with(".5"), "{rent}");
        assert!(text("/data/iban").parse::<iban::Iban>().is_ok(), "{}", text("/data/iban"));
        assert!(text("/data/kennzeichen").contains('-') && text("/data/kennung").len() == 36);
    }
    let share = |kind: &str| kinds[kind] * 1000 / 4000;
    assert!((620..780).contains(&share("vollstaendig")), "{kinds:?}");
    assert!(kinds.len() == 7 && kinds.values().all(|count| *count > 80), "{kinds:?}");
    assert!(towns["Köln"] > 4 * towns["Neustadt"] && towns["Neustadt"] > 100, "{towns:?}");
}

#[test]
fn a_repetition_keeps_its_id_and_a_follow_up_its_person() {
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut people = BTreeSet::new();
    let (mut repeated, mut followed) = (0, 0);
    for sample in samples(3, 2000) {
        let id = sample.envelope["id"].as_str().unwrap().to_owned();
        let person = sample.envelope["data"]["person"].to_string();
        match &*sample.kind {
            "dublette" => {
                if let Some(before) = known.get(&id) {
                    assert_eq!(*before, sample.envelope);
                    repeated += 1;
                }
            }
            "folgeantrag" if people.contains(&person) => followed += 1,
            _ => assert!(!known.contains_key(&id)),
        }
        people.insert(person);
        known.insert(id, sample.envelope);
    }
    assert!(repeated > 50 && followed > 50, "{repeated} {followed}");
}

#[test]
fn a_mistake_in_an_example_is_named() {
    for (from, to, said) in [
        ("$kurz", "$kruz", "$kruz gibt es nicht"),
        ("$zahl: [0, 3]", "$zahl: viele", "$zahl"),
        ("merke: { person: { $p", "merke: { persn: { $p", "merke.persn"),
        ("gewicht: 2\n", "gewicht: 2\nfarbe: rot\n", "farbe"),
    ] {
        let error = generator(1, &PARKING.replace(from, to)).map(|_| ()).unwrap_err();
        assert!(error.starts_with("workflows/parken/beispiel.yaml: ") && error.contains(said), "{error}");
    }
    let mut unknown = generator(1, &PARKING.replace("$wert: beginn", "$wert: anfang")).unwrap();
    let error = (0..5).find_map(|_| unknown.next().err()).unwrap();
    assert!(error.contains("anfang steht nicht unter merke"), "{error}");
}

#[test]
fn the_numbers_are_those_of_the_published_algorithm() {
    let mut random = SplitMix64(1_234_567);
    let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
    assert_eq!(expected.map(|_| random.next()), expected);
}
