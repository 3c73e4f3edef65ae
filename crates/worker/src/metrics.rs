//! Figures for Prometheus. Labels never carry a person's data.

use domain::{ApplicationId, Outcome};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::collections::HashSet;
use storage::Committed;
use workflow::Event;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Decided {
    pub service: String,
    pub land: String,
    pub outcome: String,
    pub automatic: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Word {
    pub reason: String,
}

/// A register by its name.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Named {
    pub register: String,
}

impl From<&str> for Named {
    fn from(register: &str) -> Self {
        Self { register: register.to_owned() }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Answered {
    pub register: String,
    pub found: String,
}

/// What is open, by what it is.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct What {
    pub what: &'static str,
}

/// All of a worker's figures; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub applications: Family<Decided, Counter>,
    pub referrals: Family<Word, Counter>,
    pub dead_letters: Family<Word, Counter>,
    pub parked: Counter,
    pub duplicates: Counter,
    pub conflicts: Counter,
    pub published: Counter,
    pub raced: Counter,
    pub redelivered: Counter,
    pub open: Family<What, Gauge>,
    pub questions: Family<Named, Gauge>,
    pub answers: Family<Answered, Counter>,
    pub questions_refused: Family<Named, Counter>,
    pub late_answers: Counter,
    pub woken: Counter,
    pub queue_age: Histogram,
    pub decision: Histogram,
    pub commit: Histogram,
    pub batch: Histogram,
}

impl Metrics {
    /// Registers every figure under `dunkelwerk_…`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            applications: Family::default(),
            referrals: Family::default(),
            dead_letters: Family::default(),
            parked: Counter::default(),
            duplicates: Counter::default(),
            conflicts: Counter::default(),
            published: Counter::default(),
            raced: Counter::default(),
            redelivered: Counter::default(),
            open: Family::default(),
            questions: Family::default(),
            answers: Family::default(),
            questions_refused: Family::default(),
            late_answers: Counter::default(),
            woken: Counter::default(),
            // Queue age from 1 ms to about nine hours, decisions from 10 µs, commits from 0.5 ms.
            queue_age: Histogram::new(exponential_buckets(0.001, 2.0, 25)),
            decision: Histogram::new(exponential_buckets(0.000_01, 2.0, 14)),
            commit: Histogram::new(exponential_buckets(0.000_5, 2.0, 16)),
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
        };
        let mut counter = |name: &str, help: &str, m: &Counter| registry.register(name, help, m.clone());
        counter("dunkelwerk_duplicates", "Applications that were the same again", &metrics.duplicates);
        counter("dunkelwerk_conflicts", "Other contents under an id that was taken", &metrics.conflicts);
        counter("dunkelwerk_published", "Messages confirmed by the broker", &metrics.published);
        counter("dunkelwerk_raced", "Batches evaluated again because another worker was first", &metrics.raced);
        counter("dunkelwerk_parked", "Messages kept because their service is parked", &metrics.parked);
        counter("dunkelwerk_redelivered", "Deliveries that came a second time", &metrics.redelivered);
        counter(
            "dunkelwerk_late_answers",
            "Answers of registers to questions that were not open",
            &metrics.late_answers,
        );
        counter("dunkelwerk_cases_woken", "Cases stepped because their timer had come", &metrics.woken);
        let applications = metrics.applications.clone();
        registry.register("dunkelwerk_applications", "Applications by service, Land and outcome", applications);
        registry.register("dunkelwerk_referrals", "Referrals by reason", metrics.referrals.clone());
        registry.register("dunkelwerk_dead_letters", "Dead letters by cause", metrics.dead_letters.clone());
        registry.register("dunkelwerk_open", "What is open in the store, by what it is", metrics.open.clone());
        let questions = metrics.questions.clone();
        registry.register("dunkelwerk_questions_waiting", "Open questions by register", questions);
        registry.register("dunkelwerk_answers", "Answers of registers that were used", metrics.answers.clone());
        let refused = metrics.questions_refused.clone();
        registry.register("dunkelwerk_questions_refused", "Questions that a register refused", refused);
        let mut seconds = |name: &str, help: &str, m: &Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, m.clone());
        };
        seconds("dunkelwerk_queue_age", "Time from intake to the start of processing", &metrics.queue_age);
        seconds("dunkelwerk_decision", "Time of one evaluation", &metrics.decision);
        seconds("dunkelwerk_commit", "Time of one transaction", &metrics.commit);
        registry.register("dunkelwerk_batch_size", "Applications in one transaction", metrics.batch.clone());
        metrics
    }

    /// Counts what a batch of arriving applications came to.
    pub(crate) fn arrived(&self, events: &[Option<Event>], committed: &Committed) {
        for event in events.iter().flatten() {
            match event {
                Event::Received { .. } => {}
                Event::Repeated { .. } => _ = self.duplicates.inc(),
                Event::Collided { .. } => _ = self.conflicts.inc(),
            }
        }
        self.count(committed, |_| true);
    }

    /// Counts what was decided on cases that were there. A case that only goes on is no decision.
    pub(crate) fn decided(&self, committed: &Committed) {
        let decided: HashSet<ApplicationId> = committed.decisions().iter().map(|row| row.application_id).collect();
        self.count(committed, |id| decided.contains(&id));
    }

    fn count(&self, committed: &Committed, counts: impl Fn(ApplicationId) -> bool) {
        for case in committed.cases().iter().filter(|case| counts(case.application_id)) {
            let land = domain::Ars::new(case.ars.clone()).map_or("", |ars| ars.land().short());
            let labels = Decided {
                service: case.service.clone(),
                land: land.to_owned(),
                outcome: case.outcome.clone(),
                automatic: (case.automatic && case.outcome != Outcome::Referred.as_str()).to_string(),
            };
            self.applications.get_or_create(&labels).inc();
        }
        let tasks = committed.tasks().iter().filter(|task| counts(task.application_id));
        for reason in tasks.flat_map(|task| &task.reasons) {
            self.referrals.get_or_create(&Word { reason: reason.clone() }).inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const OPERATE: &str = include_str!("../../../docs/howto/operate.md");

    /// Every figure with the names of its labels, such as `dunkelwerk_answers_total{register,found}`.
    fn made() -> BTreeSet<String> {
        let mut registry = Registry::default();
        // Every field is named: a new one with labels must be counted once here, or it is not printed.
        let Metrics {
            applications,
            referrals,
            dead_letters,
            parked: _,
            duplicates: _,
            conflicts: _,
            published: _,
            raced: _,
            redelivered: _,
            questions,
            answers,
            questions_refused,
            late_answers: _,
            woken: _,
            queue_age: _,
            decision: _,
            commit: _,
            batch: _,
        } = Metrics::register(&mut registry);
        let word = String::new;
        let decided = Decided { service: word(), land: word(), outcome: word(), automatic: word() };
        applications.get_or_create(&decided).inc();
        referrals.get_or_create(&Word { reason: word() }).inc();
        dead_letters.get_or_create(&Word { reason: word() }).inc();
        questions.get_or_create(&Named::from("")).inc();
        answers.get_or_create(&Answered { register: word(), found: word() }).inc();
        questions_refused.get_or_create(&Named::from("")).inc();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        types.map(|(name, kind)| figure(&text, name, kind)).collect()
    }

    fn figure(text: &str, name: &str, kind: &str) -> String {
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let labels = text.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix('{')?.split_once('}'));
        let labels = labels.map(|(labels, _)| labels.split(',').filter_map(|label| Some(label.split_once('=')?.0)));
        match labels.map(|labels| labels.collect::<Vec<_>>().join(",")) {
            Some(labels) => format!("{name}{{{labels}}}"),
            None => name,
        }
    }

    #[test]
    fn operators_read_of_every_figure_and_of_no_other() {
        let cells = OPERATE.lines().filter_map(|line| line.strip_prefix("| `dunkelwerk_")?.split_once(" |"));
        let cells: Vec<String> = cells.map(|(cell, _)| format!("`dunkelwerk_{cell}")).collect();
        let told = cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned);
        assert_eq!(told.collect::<BTreeSet<_>>(), made());
    }
}
