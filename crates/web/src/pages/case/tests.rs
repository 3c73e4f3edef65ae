//! Every kind of case renders, and shows what explains it.

use super::*;
use crate::pages::sample;

fn samples() -> Vec<CasePage> {
    let decisions = [sample::granted(), sample::referred(), sample::correction(), sample::forwarded()];
    let mut views: Vec<CaseView> = decisions.iter().map(|d| sample::case(Some(d))).collect();
    views.push(sample::case(None));
    views.iter().map(page).collect()
}

fn page(view: &CaseView) -> CasePage {
    let course = read(view).unwrap().map(|case| Course::new(&case, None, sample::now()));
    sample::with_names(|names| CasePage::new(view, course, false, &sample::texts(), names)).unwrap()
}

#[test]
fn every_sample_renders_as_a_sound_page() {
    for page in samples() {
        sample::assert_sound(&page.render().unwrap());
    }
}

#[test]
fn a_granted_case_shows_its_chain_of_norms_and_the_right_to_a_person() {
    let html = samples()[0].render().unwrap();
    for expected in [
        "Ihnen wird der Ausweis erteilt.",
        "vollständig automatisch erlassen",
        "Gebühr",
        "100,00",
        "§ 6a Abs. 5a StVG",
        "ZustVO Straßenverkehr NRW",
        "053150000000/zonen.csv:7",
        "sha256:",
        "Widerspruch, 1 Monat",
        "erfüllt",
    ] {
        assert!(html.contains(expected), "{expected}");
    }
}

#[test]
fn a_referred_case_shows_the_gate_with_its_norm_and_no_automatic_notice() {
    let html = samples()[1].render().unwrap();
    for expected in
        ["Besondere Umstände angegeben", "§ 24 Abs. 1 S. 3 VwVfG", "nicht erfüllt", "wird von einem Menschen geprüft"]
    {
        assert!(html.contains(expected), "{expected}");
    }
    assert!(!html.contains("vollständig automatisch erlassen"));
}

#[test]
fn what_applicants_write_is_never_markup() {
    let html = samples()[1].render().unwrap();
    assert!(!html.contains("<script>") && html.contains("script"));
}

#[test]
fn a_correction_names_every_field() {
    let html = samples()[2].render().unwrap();
    assert!(html.contains("/haushalt/0/geburtsdatum") && html.contains("bitte als JJJJ-MM-TT angeben"));
}

#[test]
fn an_unreadable_decision_is_an_error_not_a_page() {
    let mut view = sample::case(Some(&sample::granted()));
    view.decisions[0].decision = b"{".to_vec();
    assert!(sample::with_names(|names| CasePage::new(&view, None, false, &sample::texts(), names)).is_err());
}

#[test]
fn a_case_in_work_shows_holder_deadlines_file_and_way() {
    let (mut view, _) = crate::api::sample::drawn();
    let text = String::from_utf8(view.case.body).unwrap();
    view.case.body =
        text.replace(r#""kind":"control""#, r#""kind":"desk""#).replace("2025-01-16T10", "2025-01-19T10").into();
    let html = page(&view).render().unwrap();
    sample::assert_sound(&html);
    for expected in [
        "Eule seit 16.01.2025, 10:00 Uhr, bis 19.01.2025, 11:00 Uhr",
        "Frist dieses Schritts",
        "19.02.2025",
        "Frist läuft ab am 15.04.2025",
        "Ergänzung",
        "Die Gebühr von 100.00 wurde erlassen",
        "<b>bescheid</b>: weiter",
        "entschieden: erteilt",
        "Anhörung begonnen",
        "2 Schritte)",
        "?blicke=alle",
    ] {
        assert!(html.contains(expected), "{expected}");
    }
}

#[test]
fn a_drawn_case_shows_nothing_of_what_was_decided() {
    let (view, _) = crate::api::sample::drawn();
    let html = page(&view).render().unwrap();
    sample::assert_sound(&html);
    assert!(html.contains("Zur Nachkontrolle gezogen") && html.contains("nachkontrollieren"));
    let body = html.split("<main").nth(1).unwrap();
    for hidden in [
        "erteilt",
        "granted",
        "refused",
        "100",
        "Gebühr",
        "StVG",
        "bescheid",
        "Frist läuft ab",
        "Bescheid abgesandt",
        "Frist dieses Schritts",
        "19.02.2025",
        "Anhörung",
        "Wartet",
        "<td data-head=\"Was\">entschieden",
    ] {
        assert!(!body.contains(hidden), "{hidden}: {body}");
    }
    assert!(body.contains("Ergänzung eingegangen") && body.contains("Register hat geantwortet"), "{body}");
}
