//! Hundreds of random tamperings with the audit in a real SQLite file, found by `cases verify` at their exact place. Ten
//! thousand more, over rows in memory: crates/audit/src/tests/tampering.rs.

use crate::lives::{all_sampled, long_life, with_registers};
use crate::stage::{Setting, Stage};
use crate::trail::{Thief, program, seal, verify};
use domain::Land;
use sqlx::{Row, SqlitePool};
use std::collections::BTreeMap;
use testkit::applications::{dog, parking};
use workflow::DrawTime;

const TAMPERINGS: usize = 300;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

/// A chained line.
#[derive(Debug, Clone)]
struct Place {
    seq: i64,
    land: String,
    position: i64,
}

impl Place {
    /// How `cases verify` begins to speak of it.
    fn said(&self) -> String {
        format!("{}: entr", Land::from_short(&self.land).unwrap().title())
    }
    /// Whether a line of `cases verify` names exactly this position, alone or as the first of several.
    fn is_in(&self, line: &str) -> bool {
        let rest = line.strip_prefix(&self.said()).unwrap_or_default();
        let number: String =
            rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        number == self.position.to_string()
    }
}

/// One random byte of a column, another one.
async fn flip(pool: &SqlitePool, random: &mut Random, seq: i64, column: &str) {
    let kind: String =
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select typeof({column}) from audit where seq = ?")))
            .bind(seq)
            .fetch_one(pool)
            .await
            .unwrap();
    if kind == "integer" {
        let bits = format!("update audit set {column} = ({column} | ?2) - ({column} & ?2) where seq = ?1");
        let update = sqlx::query(sqlx::AssertSqlSafe(bits)).bind(seq).bind(1_i64 << random.below(63));
        update.execute(pool).await.unwrap();
        return;
    }
    let read = format!("select cast({column} as blob) from audit where seq = ?");
    let mut bytes: Vec<u8> = sqlx::query_scalar(sqlx::AssertSqlSafe(read)).bind(seq).fetch_one(pool).await.unwrap();
    let at = random.below(bytes.len());
    bytes[at] ^= 1 + random.below(255) as u8;
    let update = format!("update audit set {column} = cast(?2 as {kind}) where seq = ?1");
    sqlx::query(sqlx::AssertSqlSafe(update)).bind(seq).bind(bytes).execute(pool).await.unwrap();
}

/// What somebody does, the places where it is found, and where it may be found, too.
async fn tamper(
    pool: &SqlitePool,
    random: &mut Random,
    chains: &BTreeMap<String, Vec<Place>>,
) -> (String, Vec<Place>, Vec<Place>) {
    let lands: Vec<&String> = chains.keys().collect();
    let chain = &chains[lands[random.below(lands.len())]];
    let place = chain[random.below(chain.len())].clone();
    let (land, position, seq) = (&place.land, place.position, place.seq);
    let columns = "application_id, at, actor, action, payload, commitment, land, position, head";
    let run = async |sql: String| {
        let done = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(pool).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
        sql
    };
    let (done, places) = match random.below(7) {
        0 | 1 => {
            let all = ["application_id", "at", "actor", "action", "payload", "commitment", "land", "position", "head"];
            let column = all[random.below(all.len())];
            // Whoever can write the database can take its index away.
            run("drop index audit_chain".to_owned()).await;
            flip(pool, random, seq, column).await;
            let new = "select coalesce(position, 0) from audit where seq = ?";
            let new: i64 = sqlx::query_scalar(new).bind(seq).fetch_one(pool).await.unwrap();
            let beside = Place { position: new, ..place.clone() };
            let done = format!("flip in {column} of {place:?}");
            return (done, vec![place], vec![beside]);
        }
        2 => (run(format!("delete from audit where seq = {seq}")).await, vec![place]),
        // Whoever numbers everything behind anew, too, and links it by what hashes there are.
        3 => {
            let mut done = run(format!("delete from audit where seq = {seq}")).await;
            // Two steps, because positions are unique.
            for step in ["set position = -position", "set position = -position - 1, head = randomblob(32)"] {
                let sign = if step.contains('1') { "<" } else { ">" };
                let from = if step.contains('1') { -position } else { position };
                done += &run(format!("update audit {step} where land = '{land}' and position {sign} {from}")).await;
            }
            (done, vec![place])
        }
        4 => {
            let other = chain[(position as usize + random.below(chain.len() - 1)) % chain.len()].clone();
            let swap = "update audit set (application_id, at, actor, action, payload, commitment) = \
                        (select application_id, at, actor, action, payload, commitment from kept where kept.seq <> audit.seq)";
            run(format!("create table kept as select * from audit where seq in ({seq}, {})", other.seq)).await;
            let done = run(format!("{swap} where seq in ({seq}, {})", other.seq)).await;
            (done, vec![place, other])
        }
        // A second one at the same position; the index that forbids it is gone first.
        5 => {
            run("drop index audit_chain".to_owned()).await;
            let actor = ["actor", "'somebody'"][random.below(2)];
            let new = columns.replacen("actor", actor, 1);
            (run(format!("insert into audit ({columns}) select {new} from audit where seq = {seq}")).await, vec![place])
        }
        _ => {
            let done = run(format!("delete from audit where land = '{land}' and position >= {position}")).await;
            (done, vec![place])
        }
    };
    (done, places, Vec::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_tamperings_with_a_file_are_found_exactly_where_they_were_done() {
    let program = program("sqlite://dunkelwerk.db");
    let file = program.folder().join("dunkelwerk.db");
    let url = format!("sqlite://{}", file.display());
    let stage = Stage::new(&url, with_registers(all_sampled(DrawTime::Before))).await;
    long_life(&stage).await;
    for i in 0..30 {
        stage.apply(&dog(&format!("dog-{i}"))).await;
        stage.apply(&parking(&format!("car-{i}"))).await;
    }
    seal(&stage, Some(&program.folder().join("checkpoints.ndjson"))).await;
    drop(stage);
    let pool = SqlitePool::connect(&url).await.unwrap();
    sqlx::query("pragma wal_checkpoint(truncate)").execute(&pool).await.unwrap();
    let rows =
        sqlx::query("select seq, land, position from audit order by land, position").fetch_all(&pool).await.unwrap();
    pool.close().await;
    let mut chains: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for row in rows {
        let place = Place { seq: row.get(0), land: row.get(1), position: row.get(2) };
        chains.entry(place.land.clone()).or_default().push(place);
    }
    let whole = std::fs::read(&file).unwrap();
    let restore = || {
        for more in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{more}", file.display()));
        }
        std::fs::write(&file, &whole).unwrap();
    };
    restore();
    assert_eq!(verify(&program).1, Some(0), "{}", verify(&program).0);
    let mut random = Random(9);
    for number in 0..TAMPERINGS {
        let pool = SqlitePool::connect(&url).await.unwrap();
        let (done, places, beside) = tamper(&pool, &mut random, &chains).await;
        pool.close().await;
        let (text, status) = verify(&program);
        assert_eq!(status, Some(1), "{number}: {done}\n{text}");
        for place in &places {
            assert!(text.lines().any(|line| place.is_in(line)), "{number}: {done}\n{place:?}\n{text}");
        }
        let first = text.lines().find(|line| places.iter().any(|place| line.starts_with(&place.said())));
        assert!(
            places.iter().chain(&beside).any(|place| place.is_in(first.unwrap())),
            "{number}: the first one blamed: {done}\n{text}"
        );
        restore();
    }
    assert_eq!(verify(&program).1, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_behind_the_last_checkpoint_is_reported_as_the_tail() {
    let program = program("sqlite://dunkelwerk.db");
    let url = format!("sqlite://{}", program.folder().join("dunkelwerk.db").display());
    let stage = Stage::new(&url, Setting::default()).await;
    stage.set("2026-01-12T10:00+01:00");
    stage.apply(&dog("witnessed")).await;
    seal(&stage, Some(&program.folder().join("checkpoints.ndjson"))).await;
    stage.apply(&dog("chained-1")).await;
    stage.apply(&dog("chained-2")).await;
    seal(&stage, None).await;
    let waiting = stage.apply(&dog("waiting")).await;
    let (text, status) = verify(&program);
    assert_eq!(status, Some(0), "{text}");
    let said =
        "after it 2 not witnessed, 1 not chained (oldest 2026-01-12T09:00:00Z); 4 applications compared: intact\n";
    assert!(text.starts_with("3 entries verified up to checkpoint 1 (") && text.ends_with(said), "{text}");
    // Cut off, it is shorter; that it was longer only the applications know.
    let thief = Thief::new(&url).await;
    thief.does("delete from audit where position is null or position = 3").await;
    let (text, status) = verify(&program);
    assert!(status == Some(1) && text.contains("after it 1 not witnessed, 0 not chained"), "{text}");
    assert!(text.contains(&format!("application {waiting}: what was sent has no audit entry")), "{text}");
}
