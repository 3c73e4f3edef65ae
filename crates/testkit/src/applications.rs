//! Applications that nothing is wrong with; tests change what they are about.

use serde_json::{Value, json};

/// Names and streets that no other text contains, to look for where they must not be.
pub const SECRET_NAME: &str = "Zwiebelfischer";
pub const SECRET_STREET: &str = "Verschwiegenengasse";

/// A dog in Leipzig, where the tax is assessed automatically; one household for each `id`.
pub fn dog(id: &str) -> Value {
    json!({
        "id": id, "service": "hundesteuer", "form_version": "1", "ars": "147130000000",
        "received_at": "2026-01-12T10:00:00+01:00", "channel": "online",
        "data": {
            "person": { "familienname": format!("{SECRET_NAME} {id}"), "vornamen": "Anna", "geburtsdatum": "1985-04-12" },
            "anschrift": { "strasse": SECRET_STREET, "hausnummer": "12", "plz": "04315", "ort": "Leipzig" },
            "steuerjahr": 2026, "anmeldung_ab": "2026-01-01",
            "hunde": [{
                "name": "Bello", "rasse": "Labrador Retriever", "mischling": false, "geschlecht": "maennlich",
                "geburtsdatum": "2022-05-01", "haltung_seit": "2022-08-01"
            }],
            "bereits_gemeldete_hunde": 0, "befreiung_beantragt": false, "ermaessigung_beantragt": false,
            "besondere_umstaende": ""
        },
        "evidence": []
    })
}

/// A resident of Köln with both registers' evidence; one person for each `id`.
pub fn parking(id: &str) -> Value {
    let person =
        json!({ "familienname": format!("{SECRET_NAME} {id}"), "vornamen": "Anna", "geburtsdatum": "1985-04-12" });
    let at = "2025-03-18T10:00:00+01:00";
    json!({
        "id": id, "service": "bewohnerparkausweis", "form_version": "1", "ars": "053150000000",
        "received_at": at, "channel": "online",
        "data": {
            "person": person,
            "anschrift": {
                "strasse": "Venloer Straße", "hausnummer": "12", "plz": "50823", "ort": "Köln",
                "art_der_wohnung": "haupt", "gemeldet_seit": "2019-06-01"
            },
            "fahrzeug": {
                "kennzeichen": "K-DW 1234", "halter": true, "klasse": "pkw", "laenge_mm": 4109, "masse_kg": 1850,
                "carsharing": false, "wechselnd": false
            },
            "parken": { "monate": 12, "beginn": "2025-04-01", "eigener_stellplatz": false },
            "ermaessigung_beantragt": false, "besondere_umstaende": ""
        },
        "evidence": [
            { "kind": "melderegister", "source": "Melderegister", "at": at, "data": {
                "anschrift": { "strasse": "Venloer Straße", "hausnummer": "12", "plz": "50823", "ort": "Köln" },
                "art": "haupt", "auskunftssperre": false } },
            { "kind": "fahrzeughalter", "source": "Zentrales Fahrzeugregister", "at": at,
              "data": { "kennzeichen": "K-DW 1234", "halter": person } }
        ]
    })
}
