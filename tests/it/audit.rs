//! The chain over the audit in a running service: chained and witnessed at once, and tampering found by `cases verify`.

use anyhow::Result;
use serde_json::Value;
use sqlx::{Executor, SqlitePool};
use std::time::Duration;
use testkit::Program;
use testkit::applications::dog;

const PORT_WAIT: Duration = Duration::from_secs(20);

/// What `cases verify` prints, and its exit status.
fn verify(program: &Program) -> (String, Option<i32>) {
    let output = program.run(&["cases", "verify"], b"").unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

async fn chained(pool: &SqlitePool) -> i64 {
    sqlx::query_scalar("select count(*) from audit where position > 0").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn what_is_decided_is_chained_and_witnessed_and_tampering_is_named() -> Result<()> {
    let program = Program::new("")?;
    let running = program.serve()?;
    let client = reqwest::Client::new();
    for i in 0..40 {
        let url = format!("{}/api/v1/applications", running.address());
        let mut application = dog(&format!("a{i}"));
        if i % 2 == 0 {
            application["ars"] = Value::from("053150000000");
        }
        let answer = client.post(url).bearer_auth("demo").json(&application).send().await?;
        assert_eq!(answer.status(), 202);
    }
    let url = format!("sqlite://{}", program.folder().join("dunkelwerk.db").display());
    let pool = SqlitePool::connect(&url).await?;
    let begun = std::time::Instant::now();
    while chained(&pool).await < 40 {
        assert!(begun.elapsed() < PORT_WAIT, "only {} of 40 entries were chained", chained(&pool).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(running.stop()?.success());
    let (text, status) = verify(&program);
    println!("{text}");
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.starts_with("40 entries verified up to checkpoint ")
            && text.ends_with("after it 0 not witnessed, 0 not chained; 40 applications compared: intact\n"),
        "{text}"
    );

    pool.execute("create table kept as select commitment as c from audit where land = 'nw' and position = 5").await?;
    for (tamper, mend, said) in [
        (
            "update audit set payload = cast(replace(cast(payload as text), 'referred', 'granted') as blob) where land = 'nw' and position = 7",
            "update audit set payload = cast(replace(cast(payload as text), 'granted', 'referred') as blob) where land = 'nw' and position = 7",
            "Nordrhein-Westfalen: entry 7 was changed",
        ),
        (
            "update audit set position = null where land = 'sn' and position = 3",
            "update audit set position = 3 where land = 'sn' and position is null",
            "Sachsen: entry 3 is missing",
        ),
        (
            "update audit set land = 'be', position = 1 where land = 'sn' and position = 20",
            "update audit set land = 'sn', position = 20 where land = 'be'",
            "Berlin: entry 1 was changed\nSachsen: entry 20 is missing",
        ),
        (
            "update audit set land = 'n' || char(200) where land = 'sn' and position = 20",
            "update audit set land = 'sn' where land = 'n' || char(200)",
            "is no audit entry",
        ),
        (
            "update audit set actor = cast(x'ff' as text) where land = 'sn' and position = 20",
            "update audit set actor = 'dunkelwerk' where land = 'sn' and position = 20",
            "Sachsen: entry 20 was changed",
        ),
        (
            "update audit set at = 'yesterday' where land = 'nw' and position = 1",
            "update audit set at = (select decided_at from decisions d where d.application_id = audit.application_id) where land = 'nw' and position = 1",
            "Nordrhein-Westfalen: entry 1 was changed",
        ),
        (
            "insert into audit (land, application_id, at, actor, action, payload, commitment) \
             select land, application_id, at, actor, 'granted', payload, commitment from audit where land = 'nw' and position = 1",
            "delete from audit where action = 'granted'",
            "was not written by this program",
        ),
        (
            "insert into audit (land, application_id, at, actor, action, payload, commitment) \
             select land, application_id, at, actor, action, payload, commitment from audit where land = 'nw' and position = 2",
            "delete from audit where position is null",
            "was not written by this program",
        ),
        (
            "update audit set position = -seq where land = 'sn' and position = 20",
            "update audit set position = 20 where land = 'sn' and position < 0",
            "was kept out of the chain",
        ),
        (
            "update audit set position = 9223372036854775807 where land = 'sn' and position = 20",
            "update audit set position = 20 where land = 'sn' and position > 1000",
            "Sachsen: entries 20 to 9223372036854775806 are missing",
        ),
        (
            "update audit set commitment = x'00' where land = 'nw' and position = 5",
            "update audit set commitment = (select c from kept) where land = 'nw' and position = 5",
            "Nordrhein-Westfalen: entry 5 was changed",
        ),
    ] {
        let done = pool.execute(tamper).await?;
        assert_eq!(done.rows_affected(), 1, "{tamper}");
        let (text, status) = verify(&program);
        assert_eq!(status, Some(1), "{tamper}\n{text}");
        assert!(text.contains(said), "{tamper}\n{text}");
        pool.execute(mend).await?;
        assert_eq!(verify(&program).1, Some(0), "{mend}");
    }
    let sink = program.folder().join("dunkelwerk-audit.ndjson");
    let lines = std::fs::read_to_string(&sink)?;
    std::fs::write(&sink, "")?;
    let (text, status) = verify(&program);
    assert!(status == Some(1) && text.contains("was taken, but the sink is without it"), "{text}");
    pool.execute("update audit_witness set digest = x'00'").await?;
    let (text, status) = verify(&program);
    assert!(status == Some(1) && text.contains("table audit_witness holds no checkpoint"), "{text}");
    // Whoever has database and sink can empty both.
    pool.execute("delete from audit_witness").await?;
    let (text, status) = verify(&program);
    assert!(status == Some(0) && text.contains("consistent, but nothing witnesses it"), "{text}");
    std::fs::write(&sink, lines.replacen("\"first\":1", "\"first\":2", 1))?;
    let (text, status) = verify(&program);
    assert!(status == Some(1) && text.contains("checkpoint line 1 has no valid signature"), "{text}");
    Ok(())
}
