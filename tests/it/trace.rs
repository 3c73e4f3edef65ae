//! One trace an application, from intake over the queue to the published result, as a real OTLP receiver sees it.

use crate::broker::Broker;
use crate::http::{Portal, config};
use crate::otlp::{Otlp, Span};
use testkit::Program;
use testkit::applications::{SECRET_NAME, SECRET_STREET, dog};

const FOREIGN: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const FOREIGN_SPAN: &str = "00f067aa0ba902b7";
const STEPS: [&str; 4] = ["workflow.validate", "rules.decide", "storage.commit", "worker.publish"];

fn span<'s>(spans: &'s [Span], trace: &str, name: &str) -> &'s Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.trace == trace && span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} stands once in the trace");
    found[0]
}

/// The process span of a trace has all its steps, in time.
fn check_process<'s>(spans: &'s [Span], trace: &str) -> &'s Span {
    let process = span(spans, trace, "worker.process");
    for name in STEPS {
        let step = span(spans, trace, name);
        assert_eq!(step.parent, process.id, "{name} belongs to worker.process");
        assert!(process.start <= step.start && step.start <= step.end && step.end <= process.end, "{name} in time");
    }
    process
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_intake_to_the_published_result() {
    let services = testkit::services::alone().await.unwrap();
    let mut otlp = Otlp::start();
    let admin = Broker::connect(&services.broker("AMQP_ADMIN_URL").unwrap()).await;
    admin.purge().await;
    let program = Program::new(&config())
        .unwrap()
        .with("DATABASE_URL", &services.database().await.unwrap())
        .with("AMQP_URL", &services.broker("AMQP_URL_WORKER").unwrap())
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", &otlp.endpoint())
        .with("OTEL_BSP_SCHEDULE_DELAY", "100");
    let serve = program.serve().unwrap();
    let portal = Portal::new(serve.address());
    let foreign = format!("00-{FOREIGN}-{FOREIGN_SPAN}-01");

    let request = portal.application(dog("traced").to_string()).header("traceparent", &foreign);
    let answer = portal.send(request).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    portal.outcome(answer.json()["status_url"].as_str().unwrap()).await;
    let sender = Broker::connect(&services.broker("AMQP_URL_PORTAL_A").unwrap()).await;
    sender.publish(dog("direct").to_string().as_bytes(), Some("portal-a"), &[("traceparent", &foreign)]).await;
    let sink = Broker::connect(&services.broker("AMQP_URL_SINK").unwrap()).await;
    let results = sink.take("dunkelwerk.results", 2).await;
    otlp.wait_for(|spans| {
        let count = |name| spans.iter().filter(|span| span.name == name).count();
        count("http.intake") == 1 && count("worker.process") == 2 && STEPS.iter().all(|step| count(step) == 2)
    });
    let log = serve.log();
    assert!(serve.stop().unwrap().success());

    // By HTTP: intake → process → its steps, the stranger's trace only linked.
    let intake = otlp.spans.iter().find(|span| span.name == "http.intake").unwrap();
    println!("{}", otlp.tree(&intake.trace));
    assert_eq!((intake.parent.as_str(), &intake.links), ("", &vec![FOREIGN.to_owned()]));
    let process = check_process(&otlp.spans, &intake.trace);
    assert_eq!(process.parent, intake.id, "the queue does not break the trace");
    // By AMQP: a trace of its own, the stranger's only linked.
    let other = otlp.spans.iter().find(|span| span.name == "worker.process" && span.trace != intake.trace).unwrap();
    println!("{}", otlp.tree(&other.trace));
    assert_eq!((other.parent.as_str(), &other.links), ("", &vec![FOREIGN.to_owned()]));
    check_process(&otlp.spans, &other.trace);
    assert!(otlp.spans.iter().all(|span| span.trace != FOREIGN), "a stranger chose a trace id");

    // The results go on in the same traces.
    for (id, trace, parent) in [("traced", &intake.trace, &process.id), ("direct", &other.trace, &other.id)] {
        let result = results.iter().find(|message| message.json()["data"]["id"] == id).unwrap();
        assert_eq!(result.header("traceparent"), Some(format!("00-{trace}-{parent}-01")), "{id}");
        assert_eq!(result.properties.content_type().as_ref().map(|t| t.as_str()), Some("application/cloudevents+json"));
        assert_eq!(result.routing_key, "hundesteuer.147130000000.granted");
    }
    // Nobody's name or address is in what leaves for operators.
    let spans: String = otlp.spans.iter().map(|span| span.all.to_string()).collect();
    assert!(spans.contains("hundesteuer"), "attributes were received");
    for private in [SECRET_NAME, SECRET_STREET, "Louisen", "Bello", "1985-04-12"] {
        assert!(!spans.contains(private), "{private} is in a span");
        assert!(!log.contains(private), "{private} is in the log");
    }
    assert!(
        log.lines().all(|line| line.starts_with('{') || line.starts_with("dunkelwerk listens")),
        "JSON logs: {log}"
    );
}
