//! What a store promises of reads that are narrower than a whole case, on both databases.

use crate::rows::{alias, at, document, erased, granted, id};
use crate::store_contract::{contract, migrated};
use std::sync::Arc;
use storage::{AuditRow, Batch, CaseFilter, DocumentRow, Store};

contract!(
    one_thing_of_a_case_is_read_without_the_rest,
    who_looked_is_left_out_of_the_file,
    cases_are_listed_within_places_and_services,
);

async fn one_thing_of_a_case_is_read_without_the_rest(store: Arc<dyn Store>) {
    store.commit(granted("a", "1")).await.unwrap();
    store.commit(alias("second", "a")).await.unwrap();
    store.commit(granted("b", "2")).await.unwrap();
    for name in ["a", "second"] {
        let brief = store.brief(id(name)).await.unwrap().unwrap();
        let case = store.case(id(name)).await.unwrap().unwrap().case;
        assert_eq!((brief.sender.as_str(), brief.case), ("portal", case), "{name}");
    }
    assert_eq!(store.brief(id("nobody")).await.unwrap(), None);
    let of = |kind: &str, key: &str, written| DocumentRow { kind: kind.into(), ..document("a", key, written) };
    let documents = vec![of("hearing", "x", 1), of("hearing", "y", 3), of("person", "z", 2), document("b", "x", 9)];
    store.commit(Batch { documents: documents.clone(), ..Batch::default() }).await.unwrap();
    assert_eq!(store.document(id("a"), id("x").0).await.unwrap().as_ref(), documents.first());
    assert_eq!(store.document(id("a"), id("nothing").0).await.unwrap(), None);
    assert_eq!(store.newest_document(id("a"), "hearing").await.unwrap().as_ref(), documents.get(1));
    assert_eq!(store.newest_document(id("b"), "hearing").await.unwrap(), None);
    let size = |kinds: &'static [&'static str]| store.file_size(id("a"), kinds);
    let bytes = |rows: &[DocumentRow]| rows.iter().map(|row| row.body.len() as i64).sum::<i64>();
    assert_eq!(size(&["hearing", "person"]).await.unwrap(), (3, bytes(&documents[..3])));
    assert_eq!(size(&["person"]).await.unwrap(), (1, bytes(&documents[2..3])));
    assert_eq!((size(&["note"]).await.unwrap(), size(&[]).await.unwrap()), ((0, 0), (0, 0)));
    // The sender of what was erased is known still: who asks is told that it was.
    store.commit(Batch { erased: vec![erased("a")], ..Batch::default() }).await.unwrap();
    assert_eq!(store.brief(id("a")).await.unwrap().unwrap().sender, "portal");
}

fn line(name: &str, actor: &str, action: &str, seconds: i64) -> AuditRow {
    let line = granted(name, name).audit.remove(0);
    AuditRow { at: at(seconds), actor: actor.into(), action: action.into(), ..line }
}

async fn who_looked_is_left_out_of_the_file(store: Arc<dyn Store>) {
    assert_eq!(store.last_change(id("a")).await.unwrap(), None);
    store.commit(granted("a", "1")).await.unwrap();
    let lines = [
        line("a", "Amsel", "command.claim", 1),
        line("a", "Eule", "command.sign", 2),
        line("a", "dunkelwerk", "decided", 2),
        line("b", "Fink", "command.note", 5),
    ];
    for some in lines {
        store.commit(Batch { audit: vec![some], ..Batch::default() }).await.unwrap();
    }
    let first = async || store.last_change(id("a")).await.unwrap().unwrap().actor;
    assert_eq!(first().await, "Eule", "what made the newest version, not what followed from it");
    let looks = (0..3).map(|n| line("a", "Dohle", "read", 3 + n)).collect();
    store.commit(Batch { audit: looks, ..Batch::default() }).await.unwrap();
    assert_eq!(first().await, "Eule", "looking changes nothing");
    let (all, file) = (store.case(id("a")).await.unwrap().unwrap(), store.case_file(id("a")).await.unwrap().unwrap());
    assert_eq!((all.audit.len(), file.audit.len()), (7, 4));
    assert!(file.audit.iter().all(|line| line.action != "read"));
    assert_eq!((all.case, all.decisions), (file.case, file.decisions));
}

async fn cases_are_listed_within_places_and_services(store: Arc<dyn Store>) {
    let cases = [
        ("koeln", "wohngeld", "053150000000", "decided"),
        ("bonn", "kindergeld", "053140000000", "waiting"),
        ("muenchen", "wohngeld", "091620000000", "waiting"),
        ("leipzig", "hundesteuer", "147130000000", "decided"),
    ];
    for (name, service, ars, state) in cases {
        let mut batch = granted(name, name);
        let case = &mut batch.cases[0];
        (case.service, case.ars, case.state) = (service.into(), ars.into(), state.into());
        store.commit(batch).await.unwrap();
    }
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    for (places, services, state, ars, expected) in [
        (texts(&[]), texts(&[]), "", "", "koeln bonn muenchen leipzig"),
        (texts(&["05"]), texts(&[]), "", "", "koeln bonn"),
        (texts(&["05314", "09"]), texts(&[]), "", "", "bonn muenchen"),
        (texts(&["05", "09"]), texts(&["wohngeld", "hundesteuer"]), "", "", "koeln muenchen"),
        (texts(&["05", "09"]), texts(&["wohngeld"]), "waiting", "", "muenchen"),
        (texts(&["05"]), texts(&[]), "", "09", ""),
        (texts(&["%"]), texts(&[]), "", "", ""),
    ] {
        let filter = CaseFilter { places, services, state: text(state), ars: text(ars), service: None };
        let mut wanted: Vec<_> = expected.split_whitespace().map(id).collect();
        wanted.sort();
        for limit in 1..=5 {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = store.cases(&filter, after, limit).await.unwrap();
                seen.extend(page.iter().map(|row| row.application_id));
                after = seen.last().copied();
                if page.is_empty() {
                    break;
                }
            }
            assert_eq!(seen, wanted, "{filter:?}, pages of {limit}");
        }
    }
}
