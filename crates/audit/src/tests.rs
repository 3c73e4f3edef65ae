//! Sinks that were tampered with, and what lies behind the last checkpoint. Tampering with the store: `tampering.rs`.

mod made;
mod tampering;

use super::*;
use made::{Made, POSITION};

#[test]
fn a_made_store_is_intact() {
    let made = Made::new();
    let found = made.check();
    assert_eq!(found.faults, [], "{found:?}");
    assert_eq!((found.entries, found.applications), (made.lines() as u64, made::APPLICATIONS as u64));
    assert!(found.unwitnessed > 0 && found.waiting == 2, "there is a tail: {found:?}");
}

#[test]
fn a_tampered_sink_is_found_at_its_line() {
    let made = Made::new();
    let lines: Vec<&str> = made.sink.iter().map(String::as_str).collect();
    let key = made.signer.public_key();
    let read = |lines: &[&str]| {
        let mut witness = Witness::default();
        lines.iter().find_map(|line| witness.follow(line, &key).err())
    };
    assert_eq!(read(&lines), None);
    assert_eq!(read(&[&lines[..2], &lines[3..]].concat()), Some(CheckpointError::Order(3)));
    assert_eq!(read(&[lines[0], lines[2], lines[1]]), Some(CheckpointError::Order(2)));
    let flipped = lines[0].replacen("\"first\":1", "\"first\":2", 1);
    assert_eq!(read(&[&flipped]), Some(CheckpointError::Signature(1)));
    let foreign = Signer::new(&Secret::new(b"another")).line(None, Timestamp::UNIX_EPOCH, &Default::default()).0;
    assert_eq!(read(&[&foreign]), Some(CheckpointError::Signature(1)));
    // Half a line that a crash left between two whole ones.
    assert_eq!(read(&[lines[0], &lines[1][..40], lines[1], lines[2]]), None);
}

#[test]
fn whoever_goes_on_with_a_sink_finds_what_was_done_to_it_without_checking_every_signature() {
    let made = Made::new();
    let key = made.signer.public_key();
    let read = |lines: &[String], known: Option<Mark>| {
        let mut trail = Trail::new(known);
        lines.iter().try_for_each(|line| trail.follow(line))?;
        trail.close(&key).map(|()| trail)
    };
    let whole = read(&made.sink, None).unwrap();
    let end = whole.end().unwrap();
    assert_eq!((end.number, whole.lost()), (made.sink.len() as u64, None));
    assert_eq!(read(&made.sink, Some(end)).unwrap().lost(), None);
    // Emptied, or cut: the line that the store remembers is not there.
    assert_eq!(read(&[], Some(end)).unwrap().lost(), Some(end));
    let cut = &made.sink[..made.sink.len() - 1];
    assert_eq!(read(cut, Some(end)).unwrap().lost(), Some(end));
    // Any line changed, and all digests behind it made anew: only the last signature is wrong.
    let mut forged = made.sink[..2].to_vec();
    let mut first: Checkpoint = serde_json::from_str(&forged[0]).unwrap();
    first.at = Timestamp::UNIX_EPOCH;
    forged[0] = serde_json::to_string(&first).unwrap();
    assert_eq!(read(&forged, None).unwrap_err(), CheckpointError::Order(2));
    let mut second: Checkpoint = serde_json::from_str(&forged[1]).unwrap();
    second.previous = Some(Digest::of(forged[0].as_bytes()));
    forged[1] = serde_json::to_string(&second).unwrap();
    assert_eq!(read(&forged, None).unwrap_err(), CheckpointError::Signature(2));
    // The other sink of somebody with the same secret: whole, but not of this store.
    let (other, mark) = made.signer.line(None, Timestamp::UNIX_EPOCH, &Default::default());
    assert_eq!(read(&[other], Some(end)).unwrap().lost(), Some(end));
    assert!(mark.number == 1 && mark.digest != end.digest);
}

#[test]
fn what_lies_behind_the_last_checkpoint_is_the_tail() {
    let made = Made::new();
    let whole = made.check();
    for cut in 1..=whole.unwitnessed {
        let mut store = made.clone();
        store.cut(cut as usize);
        let found = store.check();
        // The end of the chain is only as long as somebody says; but an application without its line is still found.
        let of_chain = found.faults.iter().find(|fault| !matches!(fault, Fault::Stored { .. }));
        assert_eq!((found.unwitnessed, of_chain), (whole.unwitnessed - cut, None), "{found:?}");
    }
    // One more, and the sink knows better.
    let mut store = made.clone();
    store.cut(whole.unwitnessed as usize + 1);
    let found = store.check();
    assert!(matches!(found.faults[0], Fault::Missing { position, to, .. } if position == to), "{found:?}");
    // Waiting entries are counted; forged ones among them are named.
    let mut store = made.clone();
    let waiting = store.tables[0].iter_mut().rfind(|row| row[POSITION].is_empty()).unwrap();
    waiting[made::PAYLOAD] = b"{}".to_vec();
    let (land, id) = (made::land(waiting).unwrap(), made::number(&waiting[made::SEQ]).unwrap());
    let found = store.check();
    assert_eq!((found.waiting, found.faults.contains(&Fault::Forged { land, id })), (1, true), "{found:?}");
}

#[test]
fn any_action_word_is_chained_and_says_what_its_payload_says() {
    let keys = Keys::new(&Secret::new(b"a master secret of thirty-two bytes"));
    let witness = Witness::default();
    let mut verifier = Verifier::new(&keys, &witness, Land::HH);
    let mut last = Link::START;
    for action in ["read", "erased", "", "Prüfvermerk", "export.csv/2026"] {
        let entry = Entry {
            land: Land::HH,
            application_id: ApplicationId(uuid::Uuid::nil()),
            at: Timestamp::UNIX_EPOCH,
            actor: "Amsel",
            action,
            payload: b"no object",
        };
        let commitment = keys.commitment(&entry);
        last = keys.link(Land::HH, &last, &commitment);
        let (position, head) = (last.position, Some(last.head));
        verifier.row(&Row { position, entry: Some(entry), commitment: Some(commitment), head });
    }
    assert_eq!(verifier.finish(), Report { entries: 5, unwitnessed: 5, ..Report::default() });
}
