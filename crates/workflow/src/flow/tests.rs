//! Reading, over one workflow that has every kind of step and is in order.

mod check;

use super::*;

pub(super) const BASE: &str = r#"titel  = "Probe"
beginn = "formular"

[unterbrechung]
ruecknahme     = "zurueckgenommen"
aenderung      = "formular"
mensch         = "sachbearbeitung"
wiederaufnahme = "sachbearbeitung"

[genehmigungsfiktion]
monate = 3
norm   = "§ 42a VwVfG"
vorwarnung_tage = 14
quelle = "erfunden"
weiter = "bescheid"

[[schritt]]
id = "formular"
art = "formular"
titel = "Formular prüfen"
weiter = { gueltig = "register", ungueltig = "nachforderung" }

[[schritt]]
id = "register"
art = "register"
titel = "Register fragen"
register = "melderegister"
nachweis = "melderegister"
frage = { familienname = "/person/familienname" }
wenn = [{ feld = "/person/familienname" }]
frist = "14 Tage"
erinnerung = "1 Woche"
weiter = { beantwortet = "entscheidung", frist = "sachbearbeitung", sonst = "entscheidung" }

[[schritt]]
id = "entscheidung"
art = "entscheidung"
titel = "Regeln auswerten"
weiter = { entschieden = "bescheid", vorgelegt = "sachbearbeitung", abgegeben = "abgabe" }

[[schritt]]
id = "sachbearbeitung"
art = "sachbearbeitung"
titel = "Sachbearbeitung"
team = "leitung"
frist = "6 Wochen"
weiter = { entschieden = "gegenzeichnung", abgegeben = "abgabe", frist = "sachbearbeitung", nachforderung = "nachforderung", anhoerung = "anhoerung" }

[[schritt]]
id = "gegenzeichnung"
art = "gegenzeichnung"
titel = "Gegenzeichnung"
wenn = [
  { ergebnis = ["abgelehnt", "teilweise"], automatisch = false },
  { wiederaufgenommen = true, betrag = { wert = "gebuehr", ueber = "1000.00" } },
]
frist = "2 Wochen"
weiter = { gezeichnet = "bescheid", zurueck = "sachbearbeitung", frist = "sachbearbeitung", sonst = "bescheid" }

[[schritt]]
id = "nachforderung"
art = "nachforderung"
titel = "Angaben nachfordern"
frist = "1 Monat"
pausiert = true
weiter = { ergaenzt = "formular", frist = "sachbearbeitung" }

[[schritt]]
id = "anhoerung"
art = "anhoerung"
titel = "Anhörung"
frist = "2 Wochen"
weiter = { geaeussert = "sachbearbeitung", frist = "sachbearbeitung" }

[[schritt]]
id = "bescheid"
art = "bescheid"
titel = "Bescheid"
weiter = { weiter = "veroeffentlichung" }

[[schritt]]
id = "veroeffentlichung"
art = "veroeffentlichung"
titel = "Weitersagen"
thema = "probe.bewilligt"
weiter = { weiter = "nachkontrolle" }

[[schritt]]
id = "nachkontrolle"
art = "nachkontrolle"
titel = "Stichprobe"
weiter = { weiter = "rechtsbehelf" }

[[schritt]]
id = "rechtsbehelf"
art = "rechtsbehelf"
titel = "Rechtsbehelfsfrist"
weiter = { widerspruch = "sachbearbeitung", frist = "ende" }

[[schritt]]
id = "abgabe"
art = "abgabe"
titel = "Abgabe"

[[schritt]]
id = "ende"
art = "ende"
titel = "Abgeschlossen"

[[schritt]]
id = "zurueckgenommen"
art = "ende"
titel = "Zurückgenommen"
"#;

/// The base with one piece of its text exchanged.
fn with(old: &str, new: &str) -> String {
    assert_eq!(BASE.matches(old).count(), 1, "{old}");
    BASE.replace(old, new)
}

/// What reading and checking say; the form has /person/familienname only.
fn findings(text: &str) -> Vec<FlowError> {
    let lacking = |pointer: &str| (pointer != "/person/familienname").then(|| "probe/form/1.schema.json".to_owned());
    Flow::read("1", text).map_or_else(|faults| faults, |flow| flow.faults(lacking))
}

fn messages(text: &str) -> Vec<String> {
    findings(text).into_iter().map(|fault| fault.message).collect()
}

#[test]
fn the_base_is_in_order_and_read_as_written() {
    assert_eq!(findings(BASE), []);
    let flow = Flow::read("1", BASE).unwrap();
    assert_eq!((flow.version.as_str(), flow.title.as_str(), flow.start.as_str()), ("1", "Probe", "formular"));
    assert_eq!(flow.interrupts.withdrawal, "zurueckgenommen");
    assert_eq!(flow.fiction.as_ref().map(|fiction| fiction.months), Some(3));
    let register = flow.step("register").unwrap();
    assert_eq!((register.line, register.pauses), (23, false));
    assert_eq!((register.deadline, register.reminder), (Some(Period::Days(14)), Some(Period::Weeks(1))));
    assert_eq!(register.exits[&Exit::Otherwise], "entscheidung");
    let Kind::Register(lookup) = &register.kind else { panic!("{register:?}") };
    assert_eq!((lookup.register.as_str(), lookup.evidence.as_str()), ("melderegister", "melderegister"));
    assert_eq!(lookup.question["familienname"], "/person/familienname");
    let sign = flow.step("gegenzeichnung").unwrap();
    let [refused, large] = sign.when.as_slice() else { panic!("{sign:?}") };
    assert_eq!(refused.outcome, [Outcome::Refused, Outcome::PartlyGranted]);
    assert_eq!((refused.automatic, large.reopened), (Some(false), Some(true)));
    assert_eq!(large.above, Some(("gebuehr".to_owned(), Decimal::from(1000))));
    assert!(flow.step("nachforderung").unwrap().pauses);
    assert_eq!(flow.step("sachbearbeitung").unwrap().kind, Kind::Desk { team: Some("leitung".into()) });
    assert_eq!(flow.step("veroeffentlichung").unwrap().kind, Kind::Publish { topic: "probe.bewilligt".into() });
    let kinds: Vec<&str> = flow.steps.iter().map(|step| step.kind.as_str()).collect();
    assert!(read::KINDS.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}

#[test]
fn a_way_in_the_step_stands_before_that_of_the_service() {
    let mut flow = Flow::read("1", BASE).unwrap();
    assert_eq!(flow.announce(""), Err("bescheid".to_owned()));
    flow.announce("sgbx-post").unwrap();
    assert_eq!(flow.ways().collect::<Vec<_>>(), ["sgbx-post"]);
    flow.announce("ao-post").unwrap();
    assert_eq!(flow.ways().collect::<Vec<_>>(), ["sgbx-post"]);
    let text = with("titel = \"Bescheid\"", "titel = \"Bescheid\"\nbekanntgabe = \"ozg-postfach\"");
    assert_eq!(Flow::read("1", &text).unwrap().ways().collect::<Vec<_>>(), ["ozg-postfach"]);
}

#[test]
fn what_is_no_workflow_is_said_with_its_line() {
    for (old, new, expected) in [
        ("beginn", "anfang", "Zeile 2: unbekannter Schlüssel `anfang`, möglich sind `titel`, `beginn`, "),
        ("monate = 3", "monate = drei", "Zeile 11: Text steht in Anführungszeichen"),
        ("monate = 3", "monate = 0", "Zeile 10: [genehmigungsfiktion] braucht monate ab 1 und norm und quelle"),
        ("id = \"formular\"\n", "", "Zeile 17: ein Schritt: es fehlt der Schlüssel `id`"),
        ("art = \"formular\"\n", "", "Zeile 17: Schritt „formular“: es fehlt der Schlüssel `art`"),
        ("weiter = \"bescheid\"", "weiter = \"x\"", "genehmigungsfiktion.weiter nennt den Schritt „x“"),
        (
            "weiter = { gueltig = \"register\", ",
            "weiter = { ",
            "Zeile 17: Schritt „formular“: zur Art „formular“ gehört",
        ),
    ] {
        let found = findings(&with(old, new)).first().unwrap().to_string();
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn every_wrong_step_says_what_is_wrong_with_it_at_once() {
    let text = BASE
        .replace("art = \"formular\"", "art = \"prüfung\"")
        .replace("frist = \"14 Tage\"", "frist = \"14 tage\"\nthema = \"x\"")
        .replace("\"abgelehnt\", ", "\"nein\", ")
        .replace("\"1000.00\"", "\"viel\"")
        .replace("id = \"ende\"", "id = \"Ende\"")
        .replace("gezeichnet", "gesehen")
        .replace("thema = \"probe.bewilligt\"", "thema = \"Probe!\"");
    let kinds = read::KINDS.join(", ");
    let found = messages(&text);
    let expected = [
        format!("Schritt „formular“: die Art „prüfung“ gibt es nicht; möglich sind {kinds}"),
        "Schritt „register“: frist = \"14 tage\": schreiben Sie etwa \"14 Tage\", \"6 Wochen\" oder \"1 Monat\"".into(),
        "Schritt „register“: thema gehört nicht zur Art „register“: nehmen Sie den Schlüssel heraus".into(),
        "Schritt „gegenzeichnung“: ".into(),
        "Schritt „veroeffentlichung“: zur Art „veroeffentlichung“ gehört der Schlüssel thema, aus kleinen \
         Buchstaben, Ziffern, - und Punkten dazwischen"
            .into(),
        "Schritt „Ende“: die id besteht aus kleinen Buchstaben, Ziffern, - und _; am Anfang ein Buchstabe".into(),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.starts_with(expected.as_str()), "{found}\n{expected}");
    }
    assert!(found[3].contains("gesehen") && found[3].contains("gezeichnet"), "{}", found[3]);
}

#[test]
fn the_howto_names_every_kind_with_its_exits() {
    let howto = include_str!("../../../../docs/howto/ablauf.md");
    for step in Flow::read("1", BASE).unwrap().steps {
        let kind = step.kind.as_str();
        let row = howto.lines().find(|line| line.starts_with(&format!("| `{kind}` |")));
        let row = row.unwrap_or_else(|| panic!("{kind} has no row"));
        let (must, may) = step.kind.exits();
        for exit in must.iter().chain(may) {
            assert!(row.contains(&format!("`{}`", exit.as_str())), "{kind} lacks {exit:?}: {row}");
        }
    }
}
