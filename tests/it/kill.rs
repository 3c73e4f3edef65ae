//! Nothing is lost and nothing is decided twice: two workers, killed with -9 in the middle of transactions, while broker
//! and database are killed and restarted, counted by a sink that shares no code with the product.
//!
//! The same test is what must catch the sabotaged builds of `tests/sabotage` (`DUNKELWERK_BIN` names the program).

use crate::traffic::{Sink, Traffic};
use crate::workers::{Worker, World};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Kills of each worker while it holds unacknowledged messages and an open transaction.
const KILLS: usize = 5;
/// Applications a sender; both senders use the same ids.
const EACH: u32 = 14_000;
/// A generous limit: after the last kill everything must be decided within this time.
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_decided_twice_whatever_dies() {
    let world = World::fresh("kill").await;
    let traffic = Traffic::start(&world, EACH).await;
    let mut workers = [Worker::start(&world, "w1"), Worker::start(&world, "w2")];
    let begun = Instant::now();
    for round in 0..KILLS {
        for worker in &mut workers {
            let moment = worker.freeze_in_transaction(&world).await;
            println!("round {} {}: {moment}; kill -9", round + 1, worker.name);
            worker.kill();
            worker.restart(&world);
        }
        if round == 1 {
            println!("kill -9 RabbitMQ, restart");
            world.services(&["kill", "rabbitmq"]);
            tokio::time::sleep(Duration::from_millis(500)).await;
            world.services(&["restart", "rabbitmq"]);
        }
        if round == 3 {
            println!("kill -9 PostgreSQL, restart");
            world.services(&["kill", "postgres"]);
            tokio::time::sleep(Duration::from_millis(500)).await;
            world.services(&["restart", "postgres"]);
        }
    }
    let sent = traffic.finish().await;
    println!("{} messages confirmed, {} distinct applications", sent.messages, sent.distinct.len());
    let expected = sent.distinct.len() as i64;
    workers.iter_mut().for_each(|worker| worker.supervise(&world));
    let quiet = world.wait_until_quiet(expected, PATIENCE).await;
    println!("quiet after {:.1} s: {quiet:?}", begun.elapsed().as_secs_f64());
    for worker in &mut workers {
        worker.stop();
    }

    // Nothing lost, nothing invented: exactly the applications that the broker confirmed have a case.
    let cases = world.cases().await;
    let decided: BTreeSet<(String, String)> = cases.iter().map(|c| (c.sender.clone(), c.client_id.clone())).collect();
    let lost: Vec<_> = sent.distinct.difference(&decided).take(5).collect();
    assert!(lost.is_empty(), "lost: {} of {expected}, such as {lost:?}", sent.distinct.difference(&decided).count());
    assert_eq!(decided.difference(&sent.distinct).count(), 0, "cases without an application");
    assert_eq!(cases.len(), decided.len(), "two cases of one application");
    assert!(cases.iter().all(|c| c.decisions == 1), "an application without or with two decisions");

    // The sink: every decision arrived under exactly one id, every copy with the same bytes.
    let sink = Sink::drain(&world).await;
    println!("sink: {} results, {} tasks, {} copies", sink.results.len(), sink.tasks.len(), sink.copies);
    assert_eq!(sink.different_copies, 0, "copies of a message differ");
    let mut notices: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, application) in &sink.results {
        assert!(notices.insert(application, id).is_none(), "two results of application {application}");
    }
    let missing = cases.iter().filter(|c| !notices.contains_key(c.application_id.as_str())).count();
    assert_eq!(missing, 0, "decided, but no result reached the sink");
    for case in cases.iter().filter(|c| c.notice_id.is_some()) {
        let id = notices.get(case.application_id.as_str()).copied();
        assert_eq!(id, case.notice_id.as_deref(), "the result carries another notice id");
    }
    let tasks: BTreeSet<&String> = sink.tasks.values().collect();
    let referred = cases.iter().filter(|c| c.state == "referred").count();
    assert_eq!((tasks.len(), sink.tasks.len()), (referred, referred), "a referred case needs exactly one task");
    assert_eq!(world.queue_length("dunkelwerk.applications").await, 0);
    assert_eq!(world.queue_length("dunkelwerk.dead").await, 0, "nobody is a dead letter here");
}
