//! Registers that are away while applications come in: intake stays open, nothing is decided on what is missing, and
//! everything is decided by itself once they are back. With the real program and real servers.

use crate::broker::Broker;
use crate::standin::{Town, Way};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(180);
/// Questions that a register may have answered without being heard, per time that it or the program is killed.
const UNHEARD: usize = 8 * 2;

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_decisions_wait_for_registers_and_none_is_lost_when_they_die_once_more() {
    const PEOPLE: u32 = 5_000;
    let services = testkit::services::alone().await.unwrap();
    Broker::connect(&services.broker("AMQP_ADMIN_URL").unwrap()).await.purge().await;
    let (database, broker) = (services.database().await.unwrap(), services.broker("AMQP_URL").unwrap());
    let mut town = Town::new(Way::Http, Some((&database, &broker)), None).await;
    town.register.control(json!({ "down": true })).await;

    let begun = Instant::now();
    town.apply(0..PEOPLE).await;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{PEOPLE} applications accepted in {seconds:.1} s, registers away");
    town.until_waiting(PEOPLE.into(), PATIENCE).await;
    assert!(town.store.replayable(None, 1).await.unwrap().is_empty(), "decided on missing data");
    let detail = town.readiness(|detail| detail.contains("5000 decisions wait")).await;
    println!("readiness: {detail}");
    assert!(detail.starts_with("melderegister does not answer since "), "{detail}");
    assert!(detail.contains("503 Service Unavailable"), "{detail}");
    let metrics = town.portal().get("/metrics").await.text;
    assert!(metrics.contains("dunkelwerk_questions_waiting{register=\"melderegister\"} 5000"), "{metrics}");

    town.register.control(json!({})).await;
    let first = town.until_done(1, PATIENCE).await;
    let draining = Instant::now();
    town.until_done(1_500, PATIENCE).await;
    town.register.kill();
    let detail = town.readiness(|detail| detail.contains("no connection")).await;
    println!("killed in the middle: {detail}");
    // What had been answered before is still decided.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = town.counts().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(town.counts().await, before, "decided while the registers were dead");
    let pause = draining.elapsed();
    town.register.again();
    let rest = town.until_done(PEOPLE.into(), PATIENCE).await;
    println!(
        "back: first decision after {:.1} s; drained in {:.1} s before and {:.1} s after they were killed ({} decided by then)",
        first.as_secs_f64(),
        pause.as_secs_f64(),
        rest.as_secs_f64(),
        before.iter().filter(|(outcome, _)| *outcome != "waiting").map(|(_, count)| count).sum::<i64>(),
    );
    town.everybody_is_served(PEOPLE).await;
    town.readiness(str::is_empty).await;
    asked_once(&town, 2 * PEOPLE as usize, UNHEARD);
    town.stop();
}

/// Every question was answered, and hardly any twice.
fn asked_once(town: &Town, questions: usize, unheard: usize) {
    let answered = town.register.answered();
    let twice: usize = answered.values().sum::<usize>() - answered.len();
    println!("{} questions answered, {twice} of them a second time", answered.len());
    assert_eq!(answered.len(), questions);
    assert!(twice <= unheard, "{twice} answers too many");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_registers_and_program_may_die_just_as_well() {
    const PEOPLE: u32 = 500;
    let mut town = Town::new(Way::Http, None, None).await;
    town.register.control(json!({ "down": true })).await;
    town.apply(0..PEOPLE).await;
    town.until_waiting(PEOPLE.into(), PATIENCE).await;
    assert!(town.store.replayable(None, 1).await.unwrap().is_empty(), "decided on missing data");
    // Slow enough that questions are under way when the program is killed.
    town.register.control(json!({ "slow_ms": 20 })).await;
    town.until_done(100, PATIENCE).await;
    town.kill_program();
    println!("kill -9 of the program at {:?}", town.counts().await);
    // What it had under way is left alone for a minute.
    let rest = town.until_done(PEOPLE.into(), PATIENCE).await;
    println!("the rest took {:.1} s", rest.as_secs_f64());
    town.everybody_is_served(PEOPLE).await;
    // A round whose answers were not committed is asked again.
    asked_once(&town, 2 * PEOPLE as usize, 2 * 128);
    town.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn by_message_questions_wait_in_the_queue_and_only_the_register_is_believed() {
    const PEOPLE: u32 = 500;
    let services = testkit::services::alone().await.unwrap();
    let admin = Broker::connect(&services.broker("AMQP_ADMIN_URL").unwrap()).await;
    admin.purge().await;
    let (database, broker) = (services.database().await.unwrap(), services.broker("AMQP_URL_WORKER").unwrap());
    let user = services.broker("AMQP_URL_REGISTER").unwrap();
    let mut town = Town::new(Way::Amqp, Some((&database, &broker)), Some(user.clone())).await;
    town.register.control(json!({ "down": true })).await;
    town.apply(0..PEOPLE).await;
    town.until_waiting(PEOPLE.into(), PATIENCE).await;
    assert!(town.store.replayable(None, 1).await.unwrap().is_empty(), "decided on missing data");

    let register = Broker::connect(&user).await;
    let question = town.store.open_questions("melderegister", jiff::Timestamp::MAX, 1).await.unwrap().remove(0);
    let forged = |id: &str| {
        let data = json!({ "anschrift": {}, "art": "haupt", "auskunftssperre": false });
        let at = jiff::Timestamp::now().to_string();
        json!({ "question_id": id, "found": true, "data": data, "source": "ich", "at": at }).to_string()
    };
    let id = question.question_id.to_string();
    admin.answer(forged(&id).as_bytes(), Some("admin")).await;
    register.answer(forged(&id).as_bytes(), None).await;
    register.answer(br#"{"found": true, "found": true}"#, Some("register")).await;
    register.answer(forged(&id.replace(&id[..8], "00000000")).as_bytes(), Some("register")).await;
    let dead = admin.take("dunkelwerk.dead", 3).await;
    let mut causes: Vec<_> = dead.iter().map(|letter| letter.header("x-dunkelwerk-cause").unwrap()).collect();
    causes.sort();
    assert_eq!(causes, ["foreign_answer", "foreign_answer", "unreadable_answer"]);
    assert_eq!(town.counts().await.get("waiting"), Some(&500), "nobody else is believed");

    town.register.control(json!({ "slow_ms": 20 })).await;
    town.until_done(100, PATIENCE).await;
    let late = town.portal().get("/metrics").await.text;
    assert!(late.contains("dunkelwerk_late_answers_total 1"), "{late}");
    town.kill_program();
    println!("kill -9 of the program at {:?}", town.counts().await);
    let rest = town.until_done(PEOPLE.into(), PATIENCE).await;
    println!("the rest took {:.1} s", rest.as_secs_f64());
    town.everybody_is_served(PEOPLE).await;
    asked_once(&town, 2 * PEOPLE as usize, 2 * 128);
    town.stop();
    let mut results: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let waiting = admin.depths().await.into_iter().find(|(queue, _)| *queue == "dunkelwerk.results").unwrap().1;
    for message in admin.take("dunkelwerk.results", waiting as usize).await {
        let id = message.properties.message_id().as_ref().unwrap().to_string();
        results.entry(message.json()["subject"].to_string()).or_default().insert(id);
    }
    assert_eq!(results.len(), PEOPLE as usize, "a result each");
    assert!(results.values().all(|ids| ids.len() == 1), "two results of one application");
    assert!(
        admin.depths().await.iter().all(|(queue, left)| *left == 0 || queue.ends_with("tasks")),
        "something is left"
    );
}
