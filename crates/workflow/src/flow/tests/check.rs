//! Everything that the check refuses, as its author reads it.

use super::{messages, with};

#[track_caller]
fn finds(old: &str, new: &str, expected: &[&str]) {
    assert_eq!(messages(&with(old, new)), expected);
}

#[test]
fn every_named_step_exists_and_names_are_unique() {
    finds("beginn = \"formular\"", "beginn = \"start\"", &["beginn nennt den Schritt „start“, den es nicht gibt"]);
    finds(
        "aenderung      = \"formular\"",
        "aenderung = \"x\"",
        &["unterbrechung.aenderung nennt den Schritt „x“, den es nicht gibt"],
    );
    finds(
        "weiter = \"bescheid\"",
        "weiter = \"x\"",
        &["genehmigungsfiktion.weiter nennt den Schritt „x“, den es nicht gibt"],
    );
    finds(
        "weiter = { weiter = \"veroeffentlichung\" }",
        "weiter = { weiter = \"x\" }",
        &["Schritt „bescheid“: der Ausgang weiter führt zu „x“; diesen Schritt gibt es nicht"],
    );
    finds(
        "id = \"zurueckgenommen\"",
        "id = \"ende\"",
        &[
            "unterbrechung.ruecknahme nennt den Schritt „zurueckgenommen“, den es nicht gibt",
            "Schritt „ende“: diesen Namen hat schon ein anderer Schritt; jeder braucht seinen eigenen",
        ],
    );
}

#[test]
fn a_withdrawal_ends_and_who_wants_a_person_gets_one() {
    finds(
        "ruecknahme     = \"zurueckgenommen\"",
        "ruecknahme = \"bescheid\"",
        &[
            "unterbrechung.ruecknahme nennt „bescheid“; wer seinen Antrag zurücknimmt, ist fertig: nennen Sie einen Schritt \
           der Art ende oder abgabe",
        ],
    );
    finds(
        "mensch         = \"sachbearbeitung\"",
        "mensch = \"entscheidung\"",
        &[
            "unterbrechung.mensch nennt „entscheidung“; wer einen Menschen verlangt, bekommt einen: nennen Sie einen Schritt \
           der Art sachbearbeitung",
        ],
    );
}

#[test]
fn a_step_has_the_exits_of_its_kind_and_otherwise_where_it_has_a_condition() {
    finds(
        ", ungueltig = \"nachforderung\"",
        "",
        &["Schritt „formular“: zur Art „formular“ gehört der Ausgang ungueltig: schreiben Sie weiter = { \
           ungueltig = \"…\" }"],
    );
    finds(
        "weiter = { weiter = \"nachkontrolle\" }",
        "weiter = { weiter = \"nachkontrolle\", gezeichnet = \"ende\" }",
        &["Schritt „veroeffentlichung“: die Art „veroeffentlichung“ hat den Ausgang gezeichnet nicht; möglich: weiter"],
    );
    finds(
        "art = \"abgabe\"",
        "art = \"abgabe\"\nweiter = { weiter = \"ende\" }",
        &["Schritt „abgabe“: die Art „abgabe“ hat den Ausgang weiter nicht; möglich: keiner"],
    );
    finds(
        ", sonst = \"entscheidung\"",
        "",
        &["Schritt „register“: er hat eine Bedingung: sagen Sie mit dem Ausgang sonst, wie es ohne ihn weitergeht"],
    );
    finds(
        "wenn = [{ feld = \"/person/familienname\" }]\n",
        "",
        &[
            "Schritt „register“: er wird immer gegangen: nehmen Sie den Ausgang sonst heraus oder schreiben Sie wenn dazu",
        ],
    );
    finds(
        "titel = \"Abgabe\"",
        "titel = \"Abgabe\"\nwenn = [{ automatisch = true }]",
        &["Schritt „abgabe“: ein Ende hat keine Bedingung: nehmen Sie wenn heraus"],
    );
}

#[test]
fn who_waits_has_a_deadline_and_is_reminded_before_it() {
    finds(
        "frist = \"6 Wochen\"\n",
        "",
        &["Schritt „sachbearbeitung“: er wartet: sagen Sie mit frist = \"…\", wie lange höchstens"],
    );
    let late = |reminder: &str, deadline: &str| {
        let text = with("erinnerung = \"1 Woche\"", &format!("erinnerung = \"{reminder}\""));
        messages(&text.replace("frist = \"14 Tage\"", &format!("frist = \"{deadline}\"")))
    };
    for (reminder, deadline) in [("2 Wochen", "14 Tage"), ("4 Wochen", "1 Monat"), ("2 Monate", "59 Tage")] {
        let message = format!(
            "Schritt „register“: die Erinnerung nach {reminder} kommt nicht immer vor dem Ende der Frist von {deadline}"
        );
        assert_eq!(late(reminder, deadline), [message]);
    }
    for (reminder, deadline) in [("27 Tage", "1 Monat"), ("12 Wochen", "3 Monate"), ("1 Monat", "32 Tage")] {
        assert_eq!(late(reminder, deadline), [""; 0], "{reminder} {deadline}");
    }
    finds(
        "titel = \"Bescheid\"",
        "titel = \"Bescheid\"\nfrist = \"1 Tag\"\npausiert = true",
        &[
            "Schritt „bescheid“: die Art „bescheid“ wartet nicht: nehmen Sie frist heraus",
            "Schritt „bescheid“: die Art „bescheid“ wartet nicht: nehmen Sie pausiert heraus",
        ],
    );
    finds(
        "titel = \"Rechtsbehelfsfrist\"",
        "titel = \"Rechtsbehelfsfrist\"\nfrist = \"1 Monat\"",
        &["Schritt „rechtsbehelf“: die Art „rechtsbehelf“ endet nach dem Gesetz: nehmen Sie frist heraus"],
    );
}

#[test]
fn questions_and_conditions_read_fields_that_the_form_has() {
    finds(
        "frage = { familienname = \"/person/familienname\" }",
        "frage = { familienname = \"/person/name\" }",
        &["Schritt „register“: das Feld /person/name fehlt in probe/form/1.schema.json"],
    );
    finds(
        "feld = \"/person/familienname\"",
        "feld = \"person\"",
        &["Schritt „register“: das Feld „person“ beginnt nicht mit /: schreiben Sie etwa /person/familienname"],
    );
}

#[test]
fn every_step_is_on_a_way_from_the_beginning_to_an_end() {
    finds(
        ", anhoerung = \"anhoerung\"",
        "",
        &[
            "Schritt „anhoerung“: kein Weg führt dorthin: nennen Sie ihn als Ausgang eines anderen, oder nehmen Sie ihn heraus",
        ],
    );
    let endless = "[[schritt]]\nid = \"a\"\nart = \"anhoerung\"\ntitel = \"A\"\nfrist = \"1 Tag\"\n\
                   weiter = { geaeussert = \"a\", frist = \"a\" }\n";
    let text = with("anhoerung = \"anhoerung\"", "anhoerung = \"a\"").replace("\"anhoerung\", frist", "\"a\", frist");
    let found = messages(&format!("{text}\n{endless}"));
    assert!(
        found.contains(&"Schritt „a“: kein Weg führt von dort zu einem Schritt der Art ende oder abgabe".to_owned()),
        "{found:?}"
    );
}

#[test]
fn no_case_runs_in_a_circle() {
    // An answer may already be there: asking again and again is a circle, waiting for the deadline is none.
    finds(
        "beantwortet = \"entscheidung\"",
        "beantwortet = \"formular\"",
        &["Schritt „formular“: im Kreis ohne Warten: formular → register; dazwischen gehört ein Schritt, der wartet"],
    );
    finds(
        "sonst = \"entscheidung\"",
        "sonst = \"register\"",
        &["Schritt „register“: im Kreis ohne Warten: register; dazwischen gehört ein Schritt, der wartet"],
    );
    finds(
        ", frist = \"sachbearbeitung\", sonst = \"entscheidung\"",
        ", frist = \"register\", sonst = \"entscheidung\"",
        &[],
    );
}

#[test]
fn nothing_is_announced_or_signed_before_there_is_a_decision() {
    let early = |id: &str| {
        format!("Schritt „{id}“: ein Weg führt ohne Entscheidung dorthin; davor gehört der Ausgang entschieden")
    };
    finds(
        "vorgelegt = \"sachbearbeitung\"",
        "vorgelegt = \"gegenzeichnung\"",
        &[&early("gegenzeichnung"), &early("bescheid"), &early("rechtsbehelf")],
    );
    finds(
        "widerspruch = \"sachbearbeitung\"",
        "widerspruch = \"bescheid\"",
        &[&early("bescheid"), &early("rechtsbehelf")],
    );
    // A fiction is a decision by law: the base goes on from it with the notice.
    finds("weiter = \"bescheid\"", "weiter = \"rechtsbehelf\"", &[]);
    // What nobody signed in time is not decided, and what a person decided needs a notice.
    finds(
        "zurueck = \"sachbearbeitung\", frist = \"sachbearbeitung\"",
        "zurueck = \"sachbearbeitung\", frist = \"bescheid\"",
        &[&early("bescheid"), &early("rechtsbehelf")],
    );
    let untold = "was ein Mensch entscheidet, kommt ohne Bescheid dorthin; davor gehört die Art bescheid";
    finds("gezeichnet = \"bescheid\"", "gezeichnet = \"ende\"", &[&format!("Schritt „ende“: {untold}")]);
}
