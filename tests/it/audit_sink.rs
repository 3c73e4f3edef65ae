//! A sink that is not the one of the store any more is noticed by the running service: it adds nothing, goes on chaining,
//! and says what to do.

use anyhow::Result;
use sqlx::SqlitePool;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use testkit::applications::dog;
use testkit::{Program, Running};

const PATIENCE: Duration = Duration::from_secs(30);

/// A program with its files.
struct World {
    program: Program,
    client: reqwest::Client,
}

impl World {
    fn new() -> Result<Self> {
        Ok(Self { program: Program::new("")?, client: reqwest::Client::new() })
    }
    fn sink(&self) -> PathBuf {
        self.program.folder().join("dunkelwerk-audit.ndjson")
    }
    fn checkpoints(&self) -> usize {
        std::fs::read_to_string(self.sink()).unwrap_or_default().lines().count()
    }
    async fn apply(&self, running: &Running, id: &str) -> Result<()> {
        let url = format!("{}/api/v1/applications", running.address());
        let answer = self.client.post(url).bearer_auth("demo").json(&dog(id)).send().await?;
        assert_eq!(answer.status(), 202);
        Ok(())
    }
    async fn pool(&self) -> Result<SqlitePool> {
        let url = format!("sqlite://{}", self.program.folder().join("dunkelwerk.db").display());
        Ok(SqlitePool::connect(&url).await?)
    }
    async fn chained(&self) -> Result<i64> {
        let pool = self.pool().await?;
        let count = sqlx::query_scalar("select count(*) from audit where position > 0").fetch_one(&pool).await?;
        pool.close().await;
        Ok(count)
    }
    /// What the role `timer` says of itself, once it is what somebody waits for.
    async fn health(&self, running: &Running, wanted: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let url = format!("{}/readyz", running.address());
            let text = self.client.get(url).send().await?.text().await?;
            if text.contains(wanted) {
                return Ok(());
            }
            assert!(begun.elapsed() < PATIENCE, "waited for {wanted:?}: {text}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    /// Serves until an application is witnessed.
    async fn witnessed(&self, id: &str) -> Result<()> {
        let before = self.checkpoints();
        let running = self.program.serve()?;
        self.apply(&running, id).await?;
        let begun = Instant::now();
        while self.checkpoints() == before {
            assert!(begun.elapsed() < PATIENCE, "{}", running.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(running.stop()?.success());
        Ok(())
    }
    fn verified(&self) -> (String, Option<i32>) {
        crate::trail::verify(&self.program)
    }
}

#[tokio::test]
async fn an_emptied_sink_is_noticed_at_start_and_heals_when_it_is_put_back() -> Result<()> {
    let world = World::new()?;
    world.witnessed("a").await?;
    let kept = std::fs::read(world.sink())?;
    std::fs::write(world.sink(), "")?;
    let running = world.program.serve()?;
    world.health(&running, "was emptied or exchanged. Put the file back").await?;
    world.apply(&running, "b").await?;
    let begun = Instant::now();
    while world.chained().await? < 2 {
        assert!(begun.elapsed() < PATIENCE, "chaining waits for the sink: {}", running.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(std::fs::read(world.sink())?, b"", "nothing is added to a sink that is refused");
    std::fs::write(world.sink(), kept)?;
    world.health(&running, "{\"role\":\"timer\",\"ready\":true,\"degraded\":false").await?;
    assert!(running.stop()?.success());
    let (text, status) = world.verified();
    assert!(status == Some(0) && text.contains("2 entries verified") && text.contains("0 not witnessed"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_sink_that_is_emptied_or_removed_under_way_takes_nothing_more() -> Result<()> {
    let world = World::new()?;
    world.witnessed("a").await?;
    let kept = std::fs::read(world.sink())?;
    let running = world.program.serve()?;
    for (i, tamper) in ["emptied", "removed", "longer"].into_iter().enumerate() {
        world.apply(&running, &format!("before-{tamper}")).await?;
        let begun = Instant::now();
        while world.checkpoints() < i + 2 {
            assert!(begun.elapsed() < PATIENCE, "{}", running.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let whole = std::fs::read(world.sink())?;
        match tamper {
            "emptied" => std::fs::write(world.sink(), "")?,
            "removed" => std::fs::remove_file(world.sink())?,
            _ => std::fs::write(world.sink(), [whole.as_slice(), &kept].concat())?,
        }
        world.apply(&running, &format!("after-{tamper}")).await?;
        world.health(&running, "takes no line").await?;
        if tamper == "longer" {
            // Read again, it is still not the one that the store remembers.
            world.health(&running, "was tampered with: checkpoint line 5 does not follow").await?;
        }
        std::fs::write(world.sink(), whole)?;
        world.health(&running, "{\"role\":\"timer\",\"ready\":true,\"degraded\":false").await?;
    }
    assert!(running.stop()?.success());
    let (text, status) = world.verified();
    assert!(status == Some(0) && text.contains("7 entries verified"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_store_that_was_set_back_is_noticed_at_start() -> Result<()> {
    let world = World::new()?;
    world.witnessed("a").await?;
    let (database, copy) = (world.program.folder().join("dunkelwerk.db"), world.program.folder().join("copy.db"));
    let pool = world.pool().await?;
    sqlx::query("pragma wal_checkpoint(truncate)").execute(&pool).await?;
    pool.close().await;
    std::fs::copy(&database, &copy)?;
    world.witnessed("b").await?;
    let checkpoints = world.checkpoints();
    for more in ["dunkelwerk.db-wal", "dunkelwerk.db-shm"] {
        let _ = std::fs::remove_file(world.program.folder().join(more));
    }
    std::fs::copy(&copy, &database)?;
    let running = world.program.serve()?;
    world.health(&running, "witnesses entry 2 of Sachsen, but the store does not have it").await?;
    assert_eq!(world.checkpoints(), checkpoints);
    assert!(running.stop()?.success());
    let (text, status) = world.verified();
    assert!(status == Some(1) && text.starts_with("Sachsen: entry 2 is missing\n"), "{text}");
    // Another entry in the lost one's place is not what was witnessed.
    let running = world.program.serve()?;
    world.apply(&running, "c").await?;
    let begun = Instant::now();
    while world.chained().await? < 2 {
        assert!(begun.elapsed() < PATIENCE, "{}", running.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(running.stop()?.success());
    let running = world.program.serve()?;
    world.health(&running, "witnesses entry 2 of Sachsen, but the store does not have it").await?;
    assert!(running.stop()?.success());
    let (text, status) = world.verified();
    assert!(
        status == Some(1) && text.contains("Sachsen: entry 2 is not the one that a checkpoint witnessed"),
        "{text}"
    );
    Ok(())
}
