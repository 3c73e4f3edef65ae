//! Who decides where, without being named place by place; what a Land may permit; holidays of the place.

use super::*;

const BUND: &str = "bund/zustaendigkeit.toml";
const NW: &str = "land/nw/zustaendigkeit.toml";
const NOBODY: &str = "ars = \"053150000000\"\nname = \"Köln\"\nebene = \"gemeinde\"\n";
const KOELN: &str = "kommune/053150000000/kommune.toml";

fn office(stelle: &str, name: &str, more: &str) -> String {
    format!(
        "[[zustaendigkeit]]\ndienst = \"probe\"\nstelle = \"{stelle}\"\nbehoerde = \"{name}\"\nteam = \"t\"\n{more}\n"
    )
}

/// The authority for a place, by the files.
fn authority(files: &[(&str, &str)], ars: &str) -> Option<String> {
    let (book, found) = RuleBook::load(&tree(files));
    let book = book.unwrap_or_else(|| panic!("{found:#?}"));
    let set = book.rule_set(&ServiceName::new("probe").unwrap(), &Ars::new(ars).unwrap());
    set.map(|set| set.competence.authority.clone())
}

#[test]
fn the_most_particular_office_decides() {
    let everywhere = office("bund", "Bundesstelle", "");
    let each = office("kommune", "Amt {kommune} ({land})", "");
    let land = [office("land", "Land {land}", ""), office("land", "Bezirk", "schluessel = \"053\"")].concat();
    let unnamed = (KOELN, NOBODY);
    let (koeln, dortmund, bonn, kiel) = ("053150000000", "059130000000", "053140000000", "010020000000");
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(authority(&[(BUND, &everywhere)], koeln), some("Stadt Köln"), "what the Kommune says goes first");
    assert_eq!(authority(&[(BUND, &everywhere), unnamed], koeln), some("Bundesstelle"));
    assert_eq!(authority(&[(BUND, &everywhere), unnamed], kiel), some("Bundesstelle"), "places nobody configured, too");
    assert_eq!(authority(&[(BUND, &each), unnamed], koeln), some("Amt Köln (Nordrhein-Westfalen)"));
    assert_eq!(authority(&[(BUND, &each), unnamed], kiel), None, "nobody knows that Kommune");
    let both = [(BUND, everywhere.as_str()), (NW, &land), unnamed];
    assert_eq!(authority(&both, koeln), some("Bezirk"));
    assert_eq!(authority(&both, bonn), some("Bezirk"));
    assert_eq!(authority(&both, dortmund), some("Land Nordrhein-Westfalen"));
    assert_eq!(authority(&both, kiel), some("Bundesstelle"));
    assert_eq!(authority(&[(BUND, &each), (NW, &land), unnamed], koeln), some("Bezirk"), "the Land before the Bund");
}

#[test]
fn where_nobody_knows_the_office_for_certain_a_person_decides() {
    let place = PLACE.replace("team = \"probe\"", "team = \"probe\"\nbeleg = \"ungeprueft\"");
    let decision = decide(&[(KOELN, &place)], json!({"alter": 20, "beginn": "2026-01-01"}));
    let referral = decision.referral.unwrap();
    assert_eq!((referral.reasons, referral.proposal), (vec![ReferralReason::Competence], Some(Outcome::Granted)));
}

#[test]
fn what_is_wrong_with_a_competence_is_a_finding() {
    let bund = |text: &str| vec![(BUND, text.to_owned())];
    let nw = |text: String| vec![(NW, text)];
    for (files, code, said) in [
        (bund(&office("bund", "B", "").replace("probe", "prob")), "dienst", "diesen Dienst gibt es nicht"),
        (bund(&office("land", "B", "")), "form", "stelle ist hier"),
        (nw(office("bund", "B", "")), "form", "stelle ist hier"),
        (nw(office("land", "B", "schluessel = \"06\"")), "form", "schluessel"),
        (nw(office("kommune", "B", "schluessel = \"051\"")), "form", "schluessel"),
        (nw([office("land", "A", ""), office("land", "B", "")].concat()), "mehrdeutig", "schon eine Stelle"),
        (
            vec![
                ("kommune/053140000000/kommune.toml", NOBODY.replace("05315", "05314")),
                ("kommune/053140000000/probe.toml", "dienst = \"probe\"\n".to_owned()),
            ],
            "zustaendigkeit",
            "niemand zuständig",
        ),
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let found = findings(&files);
        assert!(found.iter().any(|f| f.code == code && f.message.contains(said)), "{code}: {said}\n{found:#?}");
    }
}

#[test]
fn the_rule_set_of_a_wide_office_comes_back_from_its_archive() {
    let wide = office("bund", "Bundesstelle", "");
    let book = RuleBook::load(&tree(&[(BUND, &wide), (KOELN, NOBODY)])).0.unwrap();
    let (service, ars) = (ServiceName::new("probe").unwrap(), Ars::new("010020000000").unwrap());
    let set = book.rule_set(&service, &ars).unwrap().clone();
    let hash = set.hash(&Digest::of(b"form"));
    let kept = book.archive(&service, &ars, Some(&set), "form");
    let bodies: std::collections::BTreeMap<String, Vec<u8>> = kept.into_iter().map(|a| (a.hash, a.body)).collect();
    let restored = RuleBook::restore(&hash, &mut |hash| bodies.get(hash).cloned()).unwrap();
    assert_eq!(restored.rules.rule_set(&service, &ars).unwrap().competence.authority, "Bundesstelle");
    let nw = book.rule_set(&service, &Ars::new("053150000000").unwrap()).unwrap().hash(&Digest::of(b"form"));
    assert_ne!(hash, nw, "another Land may deviate");
}

#[test]
fn a_land_permits_only_where_the_frame_lets_it_and_in_that_form() {
    let closed =
        FRAME.replace("erlaubt_durch = [{ norm = \"§ 1 Probe\", ab = 2020-01-01, umfang = [\"erteilung\"] }]\n", "");
    let open = closed.replace(
        "gebunden = true",
        "gebunden = true\noeffnung = { ebene = \"land\", norm = \"§ 35a VwVfG\", instrument = [\"rechtsverordnung\"] }",
    );
    let path = "land/nw/probe/abweichung.toml";
    let land = |status: &str, form: &str| {
        format!(
            "dienst = \"probe\"\nland = \"nw\"\n[automatik]\nstatus = \"{status}\"\nerlaubt_durch = \
             [{{ norm = \"§ 5 LandVO\", ab = 2026-01-01, instrument = \"{form}\", umfang = [\"erteilung\"] }}]\n"
        )
    };
    let data = json!({"alter": 20, "beginn": "2026-01-01"});
    let in_force = land("geltend", "rechtsverordnung");
    let granted = decide(&[(FRAME_PATH, &open), (path, &in_force)], data.clone());
    assert_eq!(granted.outcome, Outcome::Granted);
    assert_eq!(granted.legal.unwrap().permitted_by.as_deref(), Some("§ 5 LandVO"));
    let early = |context: &mut Context| context.decided_at = "2025-12-31T11:00:00Z".parse().unwrap();
    for decision in [
        decide(&[(FRAME_PATH, &open)], data.clone()),
        decide(&[(FRAME_PATH, &open), (path, &land("entwurf", "rechtsverordnung"))], data.clone()),
        decide_with(&[(FRAME_PATH, &open), (path, &in_force)], data.clone(), early),
    ] {
        assert_eq!(decision.referral.unwrap().reasons, [ReferralReason::NoPermittingNorm]);
    }
    let refused = |frame: &str, text: &str| findings(&[(FRAME_PATH, frame), (path, text)]);
    let codes = |found: Vec<Diagnostic>| found.iter().map(|f| f.code).collect::<Vec<_>>();
    assert_eq!(codes(refused(&closed, &in_force)), ["oeffnung"]);
    assert_eq!(codes(refused(&open, &land("geltend", "satzung"))), ["instrument"]);
}

#[test]
fn holidays_are_those_of_the_place_of_the_application() {
    let script = r#"
fn entscheide() {
    pruefe("alt_genug", true, #{ alter: 1 });
    let tag = datum("2025-08-08");
    #{ frei: feiertag(tag), werktag: werktag(tag), naechster: naechster_werktag(tag), ende: frist_monate(datum("2025-07-08"), 1),
       wochen: frist_wochen(datum("2025-08-01"), 1), tage: frist_tage(datum("2025-08-06"), 2), ags: vorgang.ags,
       monate: monate_zwischen(datum("2025-11-30"), datum("2026-02-01")) }
}
fn betrag(x) { x }
"#;
    let calendar = include_str!("../../../../rules/kalender.toml");
    let wide = office("bund", "B", "");
    let files = [(BUND, wide.as_str()), (BASE_PATH, script), ("kalender.toml", calendar)];
    let book = RuleBook::load(&tree(&files)).0.unwrap();
    let of = |ars: &str| {
        let facts = Facts {
            application_id: ApplicationId(uuid::Uuid::from_u128(1)),
            id: ClientId::new("1").unwrap(),
            service: ServiceName::new("probe").unwrap(),
            ars: Ars::new(ars).unwrap(),
            form_version: "1".into(),
            form_digest: Digest::of(b"form"),
            data: Arc::new(json!({})),
            decision_no: 1,
        };
        book.decide(&facts, &Context::plain("2026-11-01T11:00:00Z".parse().unwrap())).result
    };
    let (augsburg, munich) = (of("097610000000"), of("091620000000"));
    assert_eq!((&augsburg["frei"], &augsburg["werktag"]), (&json!(true), &json!(false)));
    assert_eq!((&munich["frei"], &munich["werktag"]), (&json!(false), &json!(true)));
    for end in ["naechster", "ende", "wochen", "tage"] {
        assert_eq!((&augsburg[end], &munich[end]), (&json!("2025-08-11"), &json!("2025-08-08")), "{end}");
    }
    assert_eq!((&augsburg["ags"], &augsburg["monate"]), (&json!("09761000"), &json!("3")));
}

const FRAME_PATH: &str = "bund/probe/rahmen.toml";
const BASE_PATH: &str = "bund/probe/2020-01-01.rhai";

#[test]
fn whoever_is_named_for_a_place_goes_before_whoever_stands_for_all() {
    let each = office("kommune", "Amt {kommune}", "");
    let kreis = "ars = \"053340000000\"\nname = \"Kreis\"\nebene = \"kreis\"\ngemeinden = [\"053140000000\"]\n\
                 [[zustaendigkeit]]\ndienst = \"probe\"\nbehoerde = \"Kreisamt\"\nteam = \"t\"\n";
    let bonn = NOBODY.replace("05315", "05314").replace("Köln", "Bonn");
    let files = [
        (BUND, each.as_str()),
        ("kommune/053140000000/kommune.toml", &bonn),
        ("kommune/053340000000/kommune.toml", kreis),
        (KOELN, NOBODY),
    ];
    assert_eq!(authority(&files, "053140000000").as_deref(), Some("Kreisamt"));
    assert_eq!(authority(&files, "053150000000").as_deref(), Some("Amt Köln"));
}

#[test]
fn an_office_for_a_part_of_a_land_leaves_the_rest_to_the_bund() {
    let everywhere = office("bund", "Bundesstelle", "");
    let part = office("land", "Bezirk", "schluessel = \"051\"");
    let files = [(BUND, everywhere.as_str()), (NW, &part), (KOELN, NOBODY)];
    assert_eq!(authority(&files, "051110000000").as_deref(), Some("Bezirk"));
    assert_eq!(authority(&files, "053150000000").as_deref(), Some("Bundesstelle"));
    let same = [office("land", "A", ""), office("land", "B", "schluessel = \"05\"")].concat();
    let found = findings(&[(NW, same.as_str())]);
    assert!(found.iter().any(|f| f.code == "mehrdeutig"), "{found:#?}");
}

#[test]
fn a_wide_office_is_replayed_also_where_its_key_is_a_place() {
    let part = office("land", "Region", "schluessel = \"05334\"");
    let kreis = NOBODY.replace("053150000000", "053340000000");
    let files = [(NW, part.as_str()), ("kommune/053340000000/kommune.toml", &kreis)];
    let book = RuleBook::load(&tree(&files)).0.unwrap();
    let (service, ars) = (ServiceName::new("probe").unwrap(), Ars::new("053340008008").unwrap());
    let set = book.rule_set(&service, &ars).unwrap().clone();
    let hash = set.hash(&Digest::of(b"form"));
    let kept = book.archive(&service, &ars, Some(&set), "form");
    let bodies: std::collections::BTreeMap<String, Vec<u8>> = kept.into_iter().map(|a| (a.hash, a.body)).collect();
    let restored = RuleBook::restore(&hash, &mut |hash| bodies.get(hash).cloned()).unwrap();
    assert_eq!(restored.rules.rule_set(&service, &ars).unwrap().competence.authority, "Region");
}
