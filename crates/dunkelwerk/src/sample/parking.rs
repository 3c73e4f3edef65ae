//! Applications for a Bewohnerparkausweis: a person, a street with a zone, a vehicle and what two registers say of them.

use super::people::{self, City, abbreviated};
use super::{Draw, Fault, Make, Service, Variety, Wrong, changed, set, spoil, text, unchanged};
use jiff::ToSpan;
use serde_json::{Value, json};

const KOELN: &str = "053150000000";
/// Hamburg and Düsseldorf publish no price for an application by post.
const NO_PRICE_BY_POST: [&str; 2] = ["020000000000", "051110000000"];

pub(super) const SERVICE: Service = Service { clean, varieties: VARIETIES };

#[rustfmt::skip]
const VARIETIES: &[Variety] = &[
    Variety { weight: 700, kind: "vollstaendig", make: Make::Clean },
    changed(40, "freitext", free_text),
    changed(30, "ohne_nachweis", without_evidence),
    changed(30, "widerspruch", contradicted),
    changed(30, "unvollstaendig", |draw, envelope| spoil(draw, envelope, FAULTS)),
    Variety { weight: 30, kind: "grenzwert", make: Make::In(KOELN, boundary) },
    changed(20, "nicht_halter", not_the_keeper),
    changed(20, "ausserhalb_zone", outside_the_zones),
    Variety { weight: 20, kind: "zweiter_ausweis", make: Make::Followed(second_vehicle) },
    Variety { weight: 20, kind: "dublette", make: Make::Repeated(unchanged) },
    changed(10, "ermaessigung", |_, envelope| set(envelope, "/data/ermaessigung_beantragt", true.into())),
    changed(10, "nebenwohnung", second_home),
    changed(10, "verlaengerung", renewal),
    changed(10, "anderes_fahrzeug", special_vehicle),
    changed(10, "ohne_tarif", term_without_price),
    Variety { weight: 5, kind: "gleiche_id", make: Make::Repeated(other_content) },
    Variety { weight: 5, kind: "unbekannter_ort", make: Make::Elsewhere },
];

fn clean(draw: &mut Draw, ars: &str) -> Value {
    let city = people::city(ars);
    let person = draw.person();
    let registered = draw.address(city);
    let since = draw.days_ago(30, 6000).to_string();
    let vehicle = vehicle(draw, city);
    let begin = draw.today.saturating_add(draw.between(1, 60).days());
    // In Köln a space of one's own rules the permit out.
    let own_space = ars != KOELN && draw.chance(30);

    let mut address = registered.clone();
    if draw.chance(100) {
        set(&mut address, "/strasse", abbreviated(text(&registered, "/strasse")).into());
    }
    set(&mut address, "/art_der_wohnung", "haupt".into());
    set(&mut address, "/gemeldet_seit", since.into());
    let evidence = json!([
        { "kind": "melderegister", "source": "Melderegister", "at": draw.minutes_ago(0, 20),
          "data": { "anschrift": registered, "art": "haupt", "auskunftssperre": false } },
        { "kind": "fahrzeughalter", "source": "Zentrales Fahrzeugregister", "at": draw.minutes_ago(0, 20),
          "data": { "kennzeichen": text(&vehicle, "/kennzeichen"), "halter": person.clone() } },
    ]);
    let data = json!({
        "person": person,
        "anschrift": address,
        "fahrzeug": vehicle,
        "parken": { "monate": draw.pick(terms(ars)), "beginn": begin.to_string(), "eigener_stellplatz": own_space },
        "ermaessigung_beantragt": false,
        "besondere_umstaende": "",
    });
    let mut envelope = draw.envelope("bewohnerparkausweis", ars, data);
    set(&mut envelope, "/evidence", evidence);
    if NO_PRICE_BY_POST.contains(&ars) && text(&envelope, "/channel") == "post" {
        set(&mut envelope, "/channel", "counter".into());
    }
    envelope
}

/// Months that the place has a fee for; most people take a year.
fn terms(ars: &str) -> &'static [i64] {
    match ars {
        KOELN => &[12, 12, 24],
        "064120000000" => &[6, 12, 12, 12, 24],
        "110000000000" => &[24],
        _ => &[12],
    }
}

/// Length in millimetres, permitted mass in kilograms, electric: the size of common models.
#[rustfmt::skip]
const MODELS: [(i64, i64, bool); 18] = [
    (2695, 1150, false), (3571, 1345, false), (3600, 1320, false), (3632, 1530, true), (4053, 1640, false),
    (4074, 1670, false), (4087, 1960, true), (4261, 2260, true), (4284, 1900, false), (4343, 1870, false),
    (4379, 2010, false), (4486, 2110, false), (4515, 2170, true), (4720, 2232, true), (4762, 2150, false),
    (4917, 2330, false), (4962, 2465, false), (4973, 3080, false),
];

fn vehicle(draw: &mut Draw, city: City) -> Value {
    let camper = draw.chance(20);
    let (length, mass, electric) = if camper { (5340, 3140, false) } else { draw.pick(&MODELS) };
    json!({
        "kennzeichen": plate(draw, city, electric),
        "halter": true,
        "klasse": if camper { "wohnmobil" } else { "pkw" },
        "laenge_mm": length,
        "masse_kg": mass,
        "carsharing": false,
        "wechselnd": false,
    })
}

/// At most eight characters; without the letters that make up combinations nobody gets.
fn plate(draw: &mut Draw, city: City, electric: bool) -> String {
    const LETTERS: [char; 16] = ['B', 'C', 'D', 'E', 'F', 'G', 'L', 'M', 'P', 'R', 'T', 'U', 'V', 'W', 'X', 'Y'];
    let mut letters = draw.pick(&LETTERS).to_string();
    if draw.chance(850) {
        letters.push(draw.pick(&LETTERS));
    }
    let ending = if electric {
        "E"
    } else if draw.chance(15) {
        "H"
    } else {
        ""
    };
    let room = 8_usize.saturating_sub(city.plate.chars().count() + letters.len() + ending.len());
    let most = if room >= 4 { 9999 } else { 999 };
    format!("{}-{letters} {}{ending}", city.plate, draw.between(1, most))
}

const FREE_TEXT: [&str; 12] = [
    "Ich bin schwerbehindert (Merkzeichen G) und brauche einen Parkplatz in der Nähe der Wohnung.",
    "Das Fahrzeug wird nächste Woche umgemeldet, das neue Kennzeichen reiche ich nach.",
    "Bitte den alten Ausweis meiner verstorbenen Mutter löschen.",
    "Wir ziehen zum Monatsende innerhalb der Zone um.",
    "Mein Mann ist im Schichtdienst in der Klinik, wir finden nachts keinen Parkplatz.",
    "Ich habe die Gebühr schon letztes Jahr doppelt bezahlt, bitte verrechnen.",
    "Der Ausweis soll bitte an die Adresse meiner Betreuerin gehen.",
    "Ich bin Pflegekraft und habe wechselnde Einsatzorte.",
    "Die Straße ist wegen der Baustelle bis Herbst gesperrt – gilt der Ausweis auch nebenan?",
    "Bitte rufen Sie mich an, ich komme mit dem Formular nicht zurecht.",
    "Ich nutze das Auto gemeinsam mit meiner Nachbarin.",
    "Mein Wagen steht gerade in der Werkstatt, ich fahre einen Ersatzwagen.",
];

fn free_text(draw: &mut Draw, envelope: &mut Value) {
    set(envelope, "/data/besondere_umstaende", draw.pick(&FREE_TEXT).into());
}

fn without_evidence(draw: &mut Draw, envelope: &mut Value) {
    let kept = draw.pick::<&[&str]>(&[&["fahrzeughalter"], &["fahrzeughalter"], &["melderegister"], &[]]);
    if let Some(Value::Array(evidence)) = envelope.get_mut("evidence") {
        evidence.retain(|one| kept.contains(&text(one, "/kind")));
    }
}

/// A register says something else about the home or the keeper.
fn contradicted(draw: &mut Draw, envelope: &mut Value) {
    let city = people::city(text(envelope, "/ars"));
    let home = "/evidence/0/data/anschrift";
    let keeper = "/evidence/1/data/halter";
    match draw.between(1, 6) {
        1 | 2 => set(envelope, home, draw.address_elsewhere(city)),
        3 => {
            let number =
                format!("{}0", text(envelope, "/data/anschrift/hausnummer").trim_end_matches(char::is_alphabetic));
            set(envelope, &format!("{home}/hausnummer"), number.into());
        }
        4 => {
            let name = draw.family_name(text(envelope, "/data/person/familienname"));
            set(envelope, &format!("{keeper}/familienname"), name.into());
        }
        5 => set(envelope, keeper, draw.person()),
        _ => set(envelope, "/evidence/1/data/kennzeichen", plate(draw, city, false).into()),
    }
}

/// The last and first millimetre of each step of Köln's tariff.
fn boundary(draw: &mut Draw, envelope: &mut Value) {
    set(envelope, "/data/fahrzeug/laenge_mm", draw.pick(&[4109, 4110, 4709, 4710, 5600, 5601]).into());
}

/// A company car or one of the family; some send the keeper's consent along.
fn not_the_keeper(draw: &mut Draw, envelope: &mut Value) {
    const COMPANIES: [&str; 4] =
        ["Rheinland Leasing GmbH", "Elbe Pflegedienst gGmbH", "Fuhrpark Süd AG", "Malerbetrieb Öztürk e. K."];
    let keeper = if draw.chance(600) { json!({ "firma": draw.pick(&COMPANIES) }) } else { draw.person() };
    set(envelope, "/data/fahrzeug/halter", false.into());
    set(envelope, "/evidence/1/data/halter", keeper);
    if draw.chance(400) {
        let sha256: String = (0..4).map(|_| format!("{:016x}", draw.random.next())).collect();
        let name = "ueberlassungsnachweis.pdf";
        let reference = format!("demo:/{}/{name}", text(envelope, "/id"));
        let attachment = json!({ "name": name, "media_type": "application/pdf", "sha256": sha256, "ref": reference });
        set(envelope, "/attachments", json!([attachment]));
    }
}

fn outside_the_zones(draw: &mut Draw, envelope: &mut Value) {
    let registered = draw.address_elsewhere(people::city(text(envelope, "/ars")));
    for field in ["strasse", "hausnummer", "plz", "ort"] {
        let value = registered.get(field).cloned().unwrap_or_default();
        set(envelope, &format!("/data/anschrift/{field}"), value);
    }
    set(envelope, "/evidence/0/data/anschrift", registered);
}

/// The same person in the same home for the same time, with another car.
fn second_vehicle(draw: &mut Draw, envelope: &mut Value) {
    let vehicle = vehicle(draw, people::city(text(envelope, "/ars")));
    set(envelope, "/evidence/1/data/kennzeichen", text(&vehicle, "/kennzeichen").into());
    set(envelope, "/data/fahrzeug", vehicle);
}

fn second_home(_: &mut Draw, envelope: &mut Value) {
    set(envelope, "/data/anschrift/art_der_wohnung", "neben".into());
    set(envelope, "/evidence/0/data/art", "neben".into());
}

fn renewal(draw: &mut Draw, envelope: &mut Value) {
    let number = format!("BP-{}-{:06}", i64::from(draw.today.year()) - 1, draw.between(1, 99_999));
    set(envelope, "/data/bestehender_ausweis", number.into());
}

fn special_vehicle(draw: &mut Draw, envelope: &mut Value) {
    match draw.between(1, 4) {
        1 => set(envelope, "/data/fahrzeug/klasse", "krad".into()),
        2 => set(envelope, "/data/fahrzeug/klasse", "lkw".into()),
        3 => set(envelope, "/data/fahrzeug/carsharing", true.into()),
        _ => set(envelope, "/data/fahrzeug/wechselnd", true.into()),
    }
}

fn term_without_price(draw: &mut Draw, envelope: &mut Value) {
    set(envelope, "/data/parken/monate", draw.pick(&[3, 9, 18, 36]).into());
}

/// Sent again under the same id after a second thought.
fn other_content(_: &mut Draw, envelope: &mut Value) {
    let field = "/data/parken/eigener_stellplatz";
    let own_space = envelope.pointer(field) == Some(&Value::Bool(true));
    set(envelope, field, (!own_space).into());
}

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    ("/data/person/familienname", &[Wrong::Missing, Wrong::Text("")]),
    ("/data/person/geburtsdatum", &[Wrong::Missing, Wrong::Text("12.04.1985"), Wrong::Text("1985-02-30"), Wrong::Number(1985)]),
    ("/data/anschrift/hausnummer", &[Wrong::Missing, Wrong::Number(12)]),
    ("/data/anschrift/plz", &[Wrong::Text("5082"), Wrong::Text("D-50823"), Wrong::Number(50823)]),
    ("/data/anschrift/art_der_wohnung", &[Wrong::Text("Hauptwohnsitz"), Wrong::Missing]),
    ("/data/anschrift/gemeldet_seit", &[Wrong::Text("2019"), Wrong::Text("seit Juni"), Wrong::Missing]),
    ("/data/fahrzeug/kennzeichen", &[Wrong::Text("k dw 1234"), Wrong::Text("K-DW-1234"), Wrong::Text("K-DW 0815"), Wrong::Missing]),
    ("/data/fahrzeug/halter", &[Wrong::Text("ja"), Wrong::Missing]),
    ("/data/fahrzeug/klasse", &[Wrong::Text("Kombi"), Wrong::Text("PKW"), Wrong::Missing]),
    ("/data/fahrzeug/laenge_mm", &[Wrong::Text("4,28 m"), Wrong::Number(0), Wrong::Number(428_400), Wrong::Missing]),
    ("/data/fahrzeug/masse_kg", &[Wrong::Text("1,9 t"), Wrong::Number(190_000), Wrong::Missing]),
    ("/data/parken/monate", &[Wrong::Text("ein Jahr"), Wrong::Number(0), Wrong::Number(120), Wrong::Missing]),
    ("/data/parken/beginn", &[Wrong::Text("sofort"), Wrong::Text("1.4.2026"), Wrong::Missing]),
    ("/data/telefon", &[Wrong::Text("0221 4711"), Wrong::Text("+49 170 0000000")]),
    ("/data/ermaessigung_beantragt", &[Wrong::Text("nein"), Wrong::Missing]),
    ("/data/besondere_umstaende", &[Wrong::Missing]),
];
