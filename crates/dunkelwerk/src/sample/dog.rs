//! Registrations of dogs for the Hundesteuer: a household, its dogs and since when it keeps them.
//!
//! The tax year is always the year of `now`; in a year the rules have no rates for (today all but 2026) people decide.

use super::people;
use super::{Draw, Fault, Make, Service, Variety, Wrong, changed, set, spoil, text, unchanged};
use jiff::{ToSpan, civil::Date};
use serde_json::{Value, json};

pub(super) const SERVICE: Service = Service { clean, varieties: VARIETIES };

#[rustfmt::skip]
const VARIETIES: &[Variety] = &[
    Variety { weight: 560, kind: "vollstaendig", make: Make::Clean },
    changed(60, "mehrere_hunde", several),
    Variety { weight: 40, kind: "zweiter_hund", make: Make::Followed(one_more) },
    changed(80, "mischling", crossbreed),
    changed(30, "listenhund", listed),
    changed(15, "unbekannte_rasse", rare_breed),
    changed(30, "welpe", puppy),
    changed(20, "unterjaehrig", this_year),
    changed(20, "befreiung", |_, envelope| set(envelope, "/data/befreiung_beantragt", true.into())),
    changed(15, "ermaessigung", |_, envelope| set(envelope, "/data/ermaessigung_beantragt", true.into())),
    changed(40, "freitext", free_text),
    changed(40, "unvollstaendig", |draw, envelope| spoil(draw, envelope, FAULTS)),
    Variety { weight: 10, kind: "widerspruch", make: Make::Followed(one_more_uncounted) },
    changed(10, "widerspruch", wrong_first_day),
    Variety { weight: 20, kind: "dublette", make: Make::Repeated(unchanged) },
    Variety { weight: 5, kind: "gleiche_id", make: Make::Repeated(other_content) },
    Variety { weight: 5, kind: "unbekannter_ort", make: Make::Elsewhere },
];

/// Names of breeds that the rules know as unambiguous and on no list.
#[rustfmt::skip]
const BREEDS: [&str; 20] = [
    "Labrador Retriever", "Golden Retriever", "Deutscher Schäferhund", "Dackel", "Beagle", "Border Collie", "Pudel",
    "Australian Shepherd", "Französische Bulldogge", "Havaneser", "Jack Russell Terrier", "Malteser", "Mops", "Shih Tzu",
    "Chihuahua", "Cocker Spaniel", "Berner Sennenhund", "Magyar Vizsla", "Yorkshire Terrier", "Zwergschnauzer",
];
const LISTED: [&str; 4] = ["American Staffordshire Terrier", "Bullterrier", "Pitbull-Terrier", "Bull Terrier"];
const RARE: [&str; 6] = ["Shiba Inu", "Elo", "Podenco", "Eurasier", "Galgo Español", "Schafpudel"];
const PARENTS: [&str; 5] =
    ["Labrador / Schäferhund", "Dackel / Terrier", "Pudel / Malteser", "Podenco / unbekannt", "unbekannt"];

#[rustfmt::skip]
const FEMALE: [&str; 14] = [
    "Luna", "Bella", "Emma", "Nala", "Amy", "Lotte", "Frieda", "Kira", "Mila", "Maja", "Paula", "Wilma", "Çiçek", "Lucy",
];
#[rustfmt::skip]
const MALE: [&str; 14] = [
    "Bello", "Balu", "Rocky", "Max", "Charlie", "Oskar", "Anton", "Sam", "Bruno", "Rex", "Buddy", "Karlsson", "Möhre", "Waldi",
];

fn clean(draw: &mut Draw, ars: &str) -> Value {
    let city = people::city(ars);
    // Saxony's municipalities have not said with which month the tax begins: only whole years can be decided there.
    let whole_year = ars.starts_with("14") || draw.chance(700);
    let since = if whole_year { before_this_year(draw) } else { in_this_year(draw) };
    let breed = draw.pick(&BREEDS);
    let dog = dog(draw, breed, since);
    let address = if draw.chance(500) { draw.address(city) } else { draw.address_elsewhere(city) };
    let data = json!({
        "person": draw.person(),
        "anschrift": address,
        "steuerjahr": draw.today.year(),
        "anmeldung_ab": "",
        "hunde": [dog],
        "bereits_gemeldete_hunde": if draw.chance(40) { 1 } else { 0 },
        "befreiung_beantragt": false,
        "ermaessigung_beantragt": false,
        "besondere_umstaende": "",
    });
    let mut envelope = draw.envelope("hundesteuer", ars, data);
    settle(draw, &mut envelope);
    envelope
}

fn new_year(draw: &Draw) -> Date {
    draw.today.first_of_year()
}

fn before_this_year(draw: &mut Draw) -> Date {
    new_year(draw).saturating_sub(draw.between(1, 2000).days())
}

fn in_this_year(draw: &mut Draw) -> Date {
    let passed = i64::from(draw.today.day_of_year()) - 1;
    new_year(draw).saturating_add(draw.between(0, passed).days())
}

/// A dog that was at least eight weeks old when it came.
fn dog(draw: &mut Draw, breed: &str, since: Date) -> Value {
    let born = since.saturating_sub(draw.between(56, 1500).days());
    let (name, sex) = if draw.chance(500) { (draw.pick(&FEMALE), "weiblich") } else { (draw.pick(&MALE), "maennlich") };
    let mut dog = json!({
        "name": name,
        "rasse": breed,
        "mischling": false,
        "geschlecht": sex,
        "geburtsdatum": born.to_string(),
        "haltung_seit": since.to_string(),
    });
    if draw.chance(850) {
        // 276 is Germany in ISO 11784.
        set(&mut dog, "/chipnummer", format!("276{:012}", draw.between(0, 999_999_999_999)).into());
    }
    if draw.chance(100) {
        set(&mut dog, "/gefaehrlichkeit_festgestellt", "keine".into());
    }
    dog
}

/// Sets the day from which the form wants the registration: when the first dog came, or New Year.
fn settle(draw: &Draw, envelope: &mut Value) {
    let dogs = envelope.pointer("/data/hunde").and_then(Value::as_array);
    // ISO dates sort like the days they name.
    let first = dogs.into_iter().flatten().map(|dog| text(dog, "/haltung_seit")).min().unwrap_or_default();
    let from = first.to_owned().max(new_year(draw).to_string());
    set(envelope, "/data/anmeldung_ab", from.into());
}

fn keep(draw: &mut Draw, envelope: &mut Value, dogs: Vec<Value>) {
    set(envelope, "/data/hunde", dogs.into());
    settle(draw, envelope);
}

/// Two dogs, seldom three; they came together.
fn several(draw: &mut Draw, envelope: &mut Value) {
    let since = before_this_year(draw);
    let number = if draw.chance(200) { 3 } else { 2 };
    let mut dogs = Vec::new();
    for _ in 0..number {
        let breed = draw.pick(&BREEDS);
        dogs.push(dog(draw, breed, since));
    }
    keep(draw, envelope, dogs);
    set(envelope, "/data/bereits_gemeldete_hunde", 0.into());
}

/// The household has one more dog than it said earlier.
fn one_more(draw: &mut Draw, envelope: &mut Value) {
    let dogs = envelope.pointer("/data/hunde").and_then(Value::as_array).map_or(0, Vec::len);
    let before = envelope.pointer("/data/bereits_gemeldete_hunde").and_then(Value::as_u64).unwrap_or_default();
    let (breed, since) = (draw.pick(&BREEDS), before_this_year(draw));
    let another = dog(draw, breed, since);
    keep(draw, envelope, vec![another]);
    set(envelope, "/data/bereits_gemeldete_hunde", (before + dogs as u64).into());
}

fn one_more_uncounted(draw: &mut Draw, envelope: &mut Value) {
    one_more(draw, envelope);
    set(envelope, "/data/bereits_gemeldete_hunde", 0.into());
}

fn crossbreed(draw: &mut Draw, envelope: &mut Value) {
    set(envelope, "/data/hunde/0/rasse", draw.pick(&["Mischling", "Labrador-Mischling", "Terrier-Mix"]).into());
    set(envelope, "/data/hunde/0/mischling", true.into());
    if draw.chance(700) {
        set(envelope, "/data/hunde/0/eltern_rasse", draw.pick(&PARENTS).into());
    }
}

/// A breed of the lists; some owners add the finding or a passed test.
fn listed(draw: &mut Draw, envelope: &mut Value) {
    set(envelope, "/data/hunde/0/rasse", draw.pick(&LISTED).into());
    if draw.chance(300) {
        let finding = draw.pick(&["kategorie_1", "kategorie_2", "im_einzelfall"]);
        set(envelope, "/data/hunde/0/gefaehrlichkeit_festgestellt", finding.into());
    }
    if draw.chance(400) {
        set(envelope, "/data/hunde/0/wesenstest_bestanden", true.into());
    }
}

fn rare_breed(draw: &mut Draw, envelope: &mut Value) {
    set(envelope, "/data/hunde/0/rasse", draw.pick(&RARE).into());
}

/// Nine to sixteen weeks old and here since its eighth week or later.
fn puppy(draw: &mut Draw, envelope: &mut Value) {
    let age = draw.between(63, 112);
    let born = draw.today.saturating_sub(age.days());
    let since = draw.days_ago(0, age - 56);
    let breed = draw.pick(&BREEDS);
    let mut puppy = dog(draw, breed, since);
    set(&mut puppy, "/geburtsdatum", born.to_string().into());
    keep(draw, envelope, vec![puppy]);
}

fn this_year(draw: &mut Draw, envelope: &mut Value) {
    let (breed, since) = (draw.pick(&BREEDS), in_this_year(draw));
    let dog = dog(draw, breed, since);
    keep(draw, envelope, vec![dog]);
}

/// The first day named is not the one that follows from the dogs.
fn wrong_first_day(draw: &mut Draw, envelope: &mut Value) {
    let later = text(envelope, "/data/anmeldung_ab").parse().unwrap_or(draw.today);
    let later = later.saturating_add(draw.between(1, 20).days());
    set(envelope, "/data/anmeldung_ab", later.to_string().into());
}

const FREE_TEXT: [&str; 8] = [
    "Der Hund ist ein ausgebildeter Assistenzhund, Nachweis liegt vor.",
    "Wir haben den Hund nur zur Pflege, er gehört meiner Schwester in Polen.",
    "Unser alter Hund ist im Januar gestorben, bitte gleichzeitig abmelden.",
    "Ich beziehe Bürgergeld und kann nicht alles auf einmal zahlen.",
    "Der Hund kommt aus dem Tierheim, das genaue Geburtsdatum ist unbekannt.",
    "Der Hund lebt abwechselnd bei mir und bei meiner früheren Partnerin.",
    "Ich bin Jägerin, der Hund hat die Brauchbarkeitsprüfung.",
    "Bitte die Steuer vom Konto meines Sohnes abbuchen.",
];

fn free_text(draw: &mut Draw, envelope: &mut Value) {
    set(envelope, "/data/besondere_umstaende", draw.pick(&FREE_TEXT).into());
}

/// Sent again under the same id after a second look at the dog.
fn other_content(_: &mut Draw, envelope: &mut Value) {
    let field = "/data/hunde/0/geschlecht";
    let other = if text(envelope, field) == "weiblich" { "maennlich" } else { "weiblich" };
    set(envelope, field, other.into());
}

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    ("/data/person/geburtsdatum", &[Wrong::Missing, Wrong::Text("3.5.71"), Wrong::Text("1971-13-05")]),
    ("/data/person/vornamen", &[Wrong::Missing, Wrong::Text("")]),
    ("/data/anschrift/plz", &[Wrong::Text("1099"), Wrong::Number(1099), Wrong::Missing]),
    ("/data/anschrift/strasse", &[Wrong::Missing, Wrong::Text("")]),
    ("/data/steuerjahr", &[Wrong::Text("dieses Jahr"), Wrong::Number(26), Wrong::Missing]),
    ("/data/anmeldung_ab", &[Wrong::Text("ab sofort"), Wrong::Text("01/2026"), Wrong::Missing]),
    ("/data/hunde/0/rasse", &[Wrong::Missing, Wrong::Text("")]),
    ("/data/hunde/0/mischling", &[Wrong::Text("weiß nicht"), Wrong::Missing]),
    ("/data/hunde/0/geschlecht", &[Wrong::Text("Rüde"), Wrong::Text("w"), Wrong::Missing]),
    ("/data/hunde/0/geburtsdatum", &[Wrong::Text("ca. 3 Jahre"), Wrong::Missing]),
    ("/data/hunde/0/chipnummer", &[Wrong::Text("276-0981"), Wrong::Text("keine")]),
    ("/data/hunde/0/haltung_seit", &[Wrong::Text("Ostern"), Wrong::Missing]),
    ("/data/bereits_gemeldete_hunde", &[Wrong::Text("keiner"), Wrong::Number(-1), Wrong::Missing]),
    ("/data/befreiung_beantragt", &[Wrong::Text("nein"), Wrong::Missing]),
    ("/data/besondere_umstaende", &[Wrong::Missing]),
];
