//! A made-up town: whom the Melderegister and the Fahrzeugregister know, and where they contradict an applicant. The same
//! number is always the same person, so that tests apply for whom the registers answer.
#![allow(clippy::indexing_slicing, reason = "every index is taken modulo the length")]

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::LazyLock;

/// How many people there are.
pub const SIZE: u32 = 10_000;

const FAMILIES: [&str; 31] = [
    "Abendroth",
    "Birnstiel",
    "Czernowsky",
    "Dreesbach",
    "Eulenpesch",
    "Fassbender",
    "Grünewald",
    "Hülsmann",
    "Iltgen",
    "Jüssenhoven",
    "Kürten",
    "Lützenkirchen",
    "Müngersdorf",
    "Niederwipper",
    "Oellers",
    "Pützfeld",
    "Quirrenbach",
    "Rübsamen",
    "Sülzbach",
    "Türk",
    "Uedelhoven",
    "Vussem",
    "Wüllenweber",
    "Xylander",
    "Yorck",
    "Zündorf",
    "Ähren",
    "Özdemir",
    "Übach",
    "Groß",
    "Weißweiler",
];
const GIVEN: [&str; 12] = [
    "Anna Maria",
    "Bedirhan",
    "Clara",
    "Dmitri",
    "Élodie",
    "Fatma",
    "Günther",
    "Hatice",
    "Ingeborg",
    "Jörg",
    "Käthe",
    "Łukasz",
];
/// Streets with a zone in Köln.
const STREETS: [(&str, &str); 4] = [
    ("Venloer Straße", "50823"),
    ("Aachener Straße", "50674"),
    ("Severinstraße", "50678"),
    ("Neusser Straße", "50733"),
];

/// What is wrong with somebody, so that a person has to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quirk {
    /// The Melderegister knows nobody of that name and birthday.
    Unknown,
    /// The Melderegister has another address.
    Moved,
    /// Auskunftssperre.
    Blocked,
    /// The car belongs to somebody else.
    OtherKeeper,
    /// The Fahrzeugregister does not know the plate.
    UnknownPlate,
}

impl Quirk {
    /// One in fifty of each.
    pub fn of(n: u32) -> Option<Self> {
        match n % 50 {
            7 => Some(Self::Unknown),
            13 => Some(Self::Moved),
            23 => Some(Self::Blocked),
            31 => Some(Self::OtherKeeper),
            41 => Some(Self::UnknownPlate),
            _ => None,
        }
    }
}

/// Somebody with a car.
#[derive(Debug, Clone)]
pub struct Person {
    pub familienname: &'static str,
    pub vornamen: &'static str,
    pub geburtsdatum: Date,
    pub strasse: &'static str,
    pub hausnummer: String,
    pub plz: &'static str,
    pub kennzeichen: String,
}

impl Person {
    /// The person of a number below [`SIZE`]: nobody else was born on that day.
    pub fn of(n: u32) -> Self {
        let at = n as usize;
        let (strasse, plz) = STREETS[at % STREETS.len()];
        let letter = |i: usize| char::from(b'A' + u8::try_from(i % 26).unwrap_or_default());
        Self {
            familienname: FAMILIES[at % FAMILIES.len()],
            vornamen: GIVEN[at / 7 % GIVEN.len()],
            geburtsdatum: date(1950, 1, 1).saturating_add(i64::from(n).days()),
            strasse,
            hausnummer: format!("{}", 1 + at % 180),
            plz,
            kennzeichen: format!("K-{}{} {}", letter(at), letter(at / 26), 1 + at % 9_999),
        }
    }

    /// As forms and registers write it.
    pub fn name(&self) -> Value {
        json!({ "familienname": self.familienname, "vornamen": self.vornamen, "geburtsdatum": self.geburtsdatum })
    }

    pub fn address(&self) -> Value {
        json!({ "strasse": self.strasse, "hausnummer": self.hausnummer, "plz": self.plz, "ort": "Köln" })
    }
}

/// Numbers by what registers are asked with.
static BY_NAME: LazyLock<HashMap<String, u32>> =
    LazyLock::new(|| (0..SIZE).map(|n| (Person::of(n).name().to_string(), n)).collect());
static BY_PLATE: LazyLock<HashMap<String, u32>> =
    LazyLock::new(|| (0..SIZE).map(|n| (Person::of(n).kennzeichen, n)).collect());

/// What the Melderegister has under a question; nothing where it knows nobody.
pub fn resident(question: &Value) -> Option<Value> {
    let text = |name: &str| question.get(name).cloned().unwrap_or_default();
    let name = json!({
        "familienname": text("familienname"), "vornamen": text("vornamen"), "geburtsdatum": text("geburtsdatum"),
    });
    let n = *BY_NAME.get(&name.to_string())?;
    let quirk = Quirk::of(n);
    let lives = Person::of(if quirk == Some(Quirk::Moved) { n + 1 } else { n });
    let blocked = quirk == Some(Quirk::Blocked);
    let data = json!({ "anschrift": lives.address(), "art": "haupt", "auskunftssperre": blocked });
    (quirk != Some(Quirk::Unknown)).then_some(data)
}

/// What the Fahrzeugregister has under a plate.
pub fn keeper(question: &Value) -> Option<Value> {
    let plate = question.get("kennzeichen")?.as_str()?;
    let n = *BY_PLATE.get(plate)?;
    let quirk = Quirk::of(n);
    let keeper = Person::of(if quirk == Some(Quirk::OtherKeeper) { n + 1 } else { n });
    (quirk != Some(Quirk::UnknownPlate)).then(|| json!({ "kennzeichen": plate, "halter": keeper.name() }))
}
