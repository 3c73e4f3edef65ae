//! Each switch alone: place, group, amount, share.

use super::*;
use serde_json::json;

fn service() -> ServiceName {
    ServiceName::new("hundesteuer").unwrap()
}

fn ars(text: &str) -> Ars {
    Ars::new(text).unwrap()
}

fn risk(text: &str) -> Risk {
    toml::from_str(text).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn a_stop_covers_service_land_kommune_group_and_amount() {
    let koeln = ars("053150000000");
    let data = json!({"hund": {"rasse": "x"}, "anzahl": 3});
    let stops = |text: &str| {
        let risk = risk(&format!("[[stop]]\nreason = \"r\"\n{text}"));
        stopping(&risk.stop, &service(), &koeln, &data).into_iter().map(|stop| stop.amount.clone()).collect::<Vec<_>>()
    };
    for (text, stopped) in [
        ("", true),
        ("where = { service = \"hundesteuer\" }", true),
        ("where = { service = \"wohngeld\" }", false),
        ("where = { land = \"nw\" }", true),
        ("where = { land = \"by\" }", false),
        ("where = { ars = \"053150000000\" }", true),
        ("where = { ars = \"053140000000\" }", false),
        ("where = { service = \"hundesteuer\", land = \"by\" }", false),
        ("group = { field = \"/hund/rasse\", one_of = [\"x\", \"y\"] }", true),
        ("group = { field = \"/hund/rasse\", one_of = [\"z\"] }", false),
        ("group = { field = \"/anzahl\", above = \"2\" }", true),
        ("group = { field = \"/anzahl\", above = \"3\" }", false),
    ] {
        assert_eq!(stops(text), if stopped { vec![None] } else { vec![] }, "{text}");
    }
    let over = StopOver { result: "steuer".into(), above: "500".parse().unwrap() };
    assert_eq!(stops("amount = { result = \"steuer\", above = \"500\" }"), [Some(over)]);
}

#[test]
fn a_share_is_drawn_by_key_and_the_largest_holds() {
    let risk = risk("[[sample]]\nshare = \"0.1\"\n[[sample]]\nwhere = { land = \"nw\" }\nshare = \"0.5\"\n");
    let drawn = |secret: &Secret, place: &str| {
        let id = |n| ApplicationId(uuid::Uuid::from_u128(n));
        (0..4_000).filter(|n| risk.sampled(secret, id(*n), &service(), &ars(place))).collect::<Vec<_>>()
    };
    let (one, other) = (Secret::new(b"one"), Secret::new(b"other"));
    let (nw, by) = (drawn(&one, "053150000000"), drawn(&one, "091620000000"));
    assert!((1_900..2_100).contains(&nw.len()) && (340..460).contains(&by.len()), "{} {}", nw.len(), by.len());
    assert_eq!(nw, drawn(&one, "053150000000"), "the same key draws the same");
    assert_ne!(nw, drawn(&other, "053150000000"), "another key draws others");
    assert!(by.iter().all(|n| nw.contains(n)), "a larger share takes what a smaller one takes");
}

#[test]
fn a_setting_that_would_do_nothing_is_refused() {
    let known = |name: &str| name == "hundesteuer";
    for text in [
        "[[stop]]\nreason = \"r\"\nwhere = { service = \"hundesteuern\" }",
        "[[stop]]\nreason = \"r\"\nwhere = { land = \"nrw\" }",
        "[[stop]]\nreason = \"r\"\nwhere = { ars = \"0531\" }",
        "[[stop]]\nreason = \"r\"\ngroup = { field = \"/a\" }",
        "[[flag]]\nname = \"f\"\nwhen = { field = \"a\", one_of = [\"x\"] }",
        "[[sample]]\nshare = \"1.5\"",
    ] {
        assert!(risk(text).check(&known).is_err(), "{text}");
    }
    assert!(toml::from_str::<Risk>("[[stop]]\nreason = \"r\"\nlnad = \"nw\"").is_err(), "a typo is no condition");
    for float in ["[[sample]]\nshare = 0.1", "[[flag]]\nname = \"f\"\nwhen = { field = \"/a\", above = 0.1 }"] {
        assert!(toml::from_str::<Risk>(float).is_err(), "{float}: never through a float");
    }
    assert_eq!(risk("[[flag]]\nname = \"f\"\nwhen = { field = \"/a\", one_of = [\"x\"] }").check(&known), Ok(()));
}

#[test]
fn a_flag_looks_at_the_data() {
    let risk = risk("[[flag]]\nname = \"viele\"\nwhen = { field = \"/anzahl\", above = \"9\" }\n");
    let koeln = ars("053150000000");
    assert!(risk.flagged(&service(), &koeln, &json!({"anzahl": 10})));
    assert!(!risk.flagged(&service(), &koeln, &json!({"anzahl": 9})) && !risk.flagged(&service(), &koeln, &json!({})));
}
