//! Applications that are wrong in every way we know, and what must become of each, however it comes in.

use serde_json::{Value, json};
use testkit::applications::{SECRET_NAME, dog, parking};

/// What must become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Never an application: refused with an HTTP status and a code, or a dead letter with this code as cause.
    Refused(u16, &'static str),
    /// Accepted, and referred because nobody is known to be competent.
    Competence,
    /// Accepted, and answered with every violation of the form.
    Correction,
}

pub struct BadCase {
    pub name: &'static str,
    pub body: Vec<u8>,
    pub fate: Fate,
}

/// The ten wrong fields: pointer, wrong value, title in the form, and what it should have been.
pub fn wrong_fields() -> [(&'static str, Value, &'static str, &'static str); 10] {
    [
        ("/anschrift/hausnummer", json!(12), "Hausnummer", "Text"),
        ("/anschrift/plz", json!(50823), "Postleitzahl", "Text"),
        ("/anschrift/strasse", json!(["Venloer Straße"]), "Straße", "Text"),
        ("/ermaessigung_beantragt", json!("nein"), "Ich beantrage eine Ermäßigung", "ja oder nein (true/false)"),
        ("/fahrzeug/halter", json!(1), "Ich bin Halterin oder Halter des Fahrzeugs", "ja oder nein (true/false)"),
        ("/fahrzeug/laenge_mm", json!("4109"), "Fahrzeuglänge in Millimetern", "ganze Zahl"),
        ("/fahrzeug/masse_kg", json!(1850.5), "Zulässige Gesamtmasse in Kilogramm", "ganze Zahl"),
        ("/parken/monate", json!(null), "Laufzeit in Monaten", "ganze Zahl"),
        ("/person/geburtsdatum", json!(19850412), "Geburtsdatum", "Text"),
        ("/person/vornamen", json!({"erster": "Anna"}), "Vornamen", "Text"),
    ]
}

/// What the ten messages must say, as the decision lists them.
pub fn expected_errors() -> Value {
    let error = |(pointer, _, title, kind): (&str, Value, &str, &str)| json!({ "pointer": pointer, "message": format!("{title}: bitte als {kind} angeben") });
    wrong_fields().into_iter().map(error).collect()
}

fn with(id: &str, pointer: &str, value: Value) -> Vec<u8> {
    let mut envelope = dog(id);
    *envelope.pointer_mut(pointer).unwrap() = value;
    envelope.to_string().into_bytes()
}

/// A good application with a text of its JSON replaced.
fn edited(id: &str, from: &str, to: &str) -> Vec<u8> {
    let text = dog(id).to_string();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

fn ten_wrong_fields(id: &str) -> Vec<u8> {
    let mut envelope = parking(id);
    for (pointer, value, ..) in wrong_fields() {
        *envelope.pointer_mut(&format!("/data{pointer}")).unwrap() = value;
    }
    envelope.to_string().into_bytes()
}

/// All cases; `way` keeps the ids of one test apart from another's.
pub fn bad_cases(way: &str) -> Vec<BadCase> {
    use Fate::{Competence, Correction, Refused};
    let id = |name: &str| format!("{way}-{name}");
    let nested = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let digits = "1234567890".repeat(4);
    let text = "\"besondere_umstaende\":\"\"";
    let year = "\"steuerjahr\":2026";
    let case = |name, fate, body: Vec<u8>| BadCase { name, body, fate };
    let mut invalid_utf8 = edited(&id("utf8"), text, "\"besondere_umstaende\":\"~\"");
    invalid_utf8.iter_mut().filter(|byte| **byte == b'~').for_each(|byte| *byte = 0xff);
    vec![
        case("not JSON", Refused(400, "invalid_json"), b"Guten Tag, ich habe einen Hund.".to_vec()),
        case("cut off", Refused(400, "invalid_json"), dog(&id("cut")).to_string().into_bytes()[..300].to_vec()),
        case(
            "duplicate key",
            Refused(400, "invalid_json"),
            edited(&id("twice"), year, "\"steuerjahr\":2026,\"steuerjahr\":2025"),
        ),
        case(
            "NUL in a text",
            Refused(400, "invalid_json"),
            edited(&id("nul"), text, "\"besondere_umstaende\":\"\\u0000\""),
        ),
        case(
            "NUL as a byte",
            Refused(400, "invalid_json"),
            edited(&id("nul-byte"), text, "\"besondere_umstaende\":\"\0\""),
        ),
        case("invalid UTF-8", Refused(400, "invalid_json"), invalid_utf8),
        case(
            "depth 100",
            Refused(400, "invalid_json"),
            edited(&id("deep"), "\"evidence\":[]", &format!("\"evidence\":{nested}")),
        ),
        case(
            "9 MiB",
            Refused(413, "too_large"),
            with(&id("large"), "/data/besondere_umstaende", "x".repeat(9 << 20).into()),
        ),
        case("a list", Refused(400, "not_an_object"), b"[]".to_vec()),
        case(
            "unknown envelope field",
            Refused(400, "unknown_field"),
            edited(&id("field"), "\"evidence\":[]", "\"sender\":\"x\""),
        ),
        case("a name for a channel", Refused(400, "invalid_field"), with(&id("name"), "/channel", SECRET_NAME.into())),
        case(
            "a name for a field",
            Refused(400, "unknown_field"),
            edited(&id("named"), "\"evidence\":[]", &format!("\"{SECRET_NAME}\":[]")),
        ),
        case("no form", Refused(400, "invalid_field"), with(&id("form"), "/data", json!("Hund"))),
        case(
            "unknown service",
            Refused(400, "unknown_service"),
            with(&id("service"), "/service", "fischereischein".into()),
        ),
        case("malformed ARS", Refused(400, "invalid_ars"), with(&id("ars"), "/ars", "14612000000X".into())),
        case(
            "40-digit number",
            Refused(400, "invalid_json"),
            edited(&id("digits"), year, &format!("\"steuerjahr\":{digits}")),
        ),
        case(
            "40 decimals",
            Refused(400, "invalid_json"),
            edited(&id("decimals"), year, &format!("\"steuerjahr\":0.{digits}")),
        ),
        case("unconfigured ARS", Competence, with(&id("nobody"), "/ars", "160550000000".into())),
        case("ten wrong types", Correction, ten_wrong_fields(&id("ten"))),
    ]
}
