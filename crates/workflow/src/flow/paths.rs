//! The paths through a workflow: each ends, none runs in a circle, no notice leaves before a decision.

use super::check::of;
use super::{Exit, Flow, FlowError, Kind, Step};
use std::collections::BTreeSet;

/// What speaks against the paths of a workflow of which every named step exists.
pub(super) fn faults(flow: &Flow) -> Vec<FlowError> {
    let mut faults = Vec::new();
    let reached = closure(flow, starts(flow), |_| true);
    let undecided = closure(flow, undecided_starts(flow), |exit| exit != Exit::Decided);
    let untold = untold(flow);
    let ending = ending(flow);
    for step in &flow.steps {
        if !reached.contains(step.id.as_str()) {
            faults.push(of(
                step,
                "kein Weg führt dorthin: nennen Sie ihn als Ausgang eines anderen, oder nehmen Sie ihn heraus",
            ));
        }
        if !ending.contains(step.id.as_str()) {
            faults.push(of(step, "kein Weg führt von dort zu einem Schritt der Art ende oder abgabe"));
        }
        if untold.contains(step.id.as_str()) && (step.kind.ends() || step.kind == Kind::Remedy) {
            faults.push(of(
                step,
                "was ein Mensch entscheidet, kommt ohne Bescheid dorthin; davor gehört die Art bescheid",
            ));
        }
        if needs_decision(&step.kind) && undecided.contains(step.id.as_str()) {
            faults.push(of(step, "ein Weg führt ohne Entscheidung dorthin; davor gehört der Ausgang entschieden"));
        }
    }
    if let Some(circle) = circle(flow) {
        let names: Vec<&str> = circle.iter().map(|step| step.id.as_str()).collect();
        let message = format!("im Kreis ohne Warten: {}; dazwischen gehört ein Schritt, der wartet", names.join(" → "));
        faults.extend(circle.first().map(|step| of(step, &message)));
    }
    faults
}

/// Where the head of the file lets a case begin or go on.
fn named(flow: &Flow) -> Vec<&str> {
    let to = &flow.interrupts;
    [&flow.start, &to.withdrawal, &to.amendment, &to.person, &to.reopening].map(String::as_str).to_vec()
}

/// Where a case can come from outside.
fn starts(flow: &Flow) -> Vec<&str> {
    named(flow).into_iter().chain(flow.fiction.iter().map(|fiction| fiction.next.as_str())).collect()
}

/// Where a case has no decision, or one that no longer holds. A fiction is one by law.
fn undecided_starts(flow: &Flow) -> Vec<&str> {
    let again = flow.steps.iter().flat_map(|step| {
        // What nobody signed in time is not decided.
        let unsigned = matches!(step.kind, Kind::Countersign { .. }).then_some(Exit::Deadline);
        [Exit::Objection, Exit::Returned].into_iter().chain(unsigned).map(|exit| step.exits.get(&exit))
    });
    named(flow).into_iter().chain(again.flatten().map(String::as_str)).collect()
}

/// Where a case can come that a person decided and that had no notice yet.
fn untold(flow: &Flow) -> BTreeSet<&str> {
    let desks = flow.steps.iter().filter(|step| matches!(step.kind, Kind::Desk { .. }));
    let mut open: Vec<&str> = desks.filter_map(|desk| desk.exits.get(&Exit::Decided)).map(String::as_str).collect();
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        let step = flow.step(id).filter(|step| !matches!(step.kind, Kind::Notice { .. } | Kind::Desk { .. }));
        if let Some(step) = step.filter(|_| reached.insert(id)) {
            let decided = step.exits.iter().filter(|(exit, _)| !matches!(exit, Exit::Returned | Exit::Deadline));
            open.extend(decided.map(|(_, to)| to.as_str()));
        }
    }
    reached
}

/// All steps that can be reached over exits that count.
fn closure<'f>(flow: &'f Flow, mut open: Vec<&'f str>, counts: impl Fn(Exit) -> bool) -> BTreeSet<&'f str> {
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        if let Some(step) = flow.step(id).filter(|_| reached.insert(id)) {
            open.extend(step.exits.iter().filter(|(exit, _)| counts(**exit)).map(|(_, to)| to.as_str()));
        }
    }
    reached
}

/// The steps from which a case can come to an end.
fn ending(flow: &Flow) -> BTreeSet<&str> {
    let mut ending = BTreeSet::new();
    loop {
        let before = ending.len();
        for step in &flow.steps {
            if step.kind.ends() || step.exits.values().any(|to| ending.contains(to.as_str())) {
                ending.insert(step.id.as_str());
            }
        }
        if ending.len() == before {
            return ending;
        }
    }
}

/// Whether a case can leave a step by an exit at once. An answer may already be there, a condition fail.
fn at_once(step: &Step, exit: Exit) -> bool {
    !step.kind.waits() || matches!(exit, Exit::Otherwise | Exit::Answered)
}

/// Steps that a case would run through for ever, in their order.
fn circle(flow: &Flow) -> Option<Vec<&Step>> {
    let next = |step: &'_ Step| {
        let exits = step.exits.iter().filter(|(exit, _)| at_once(step, **exit));
        exits.map(|(_, to)| to.clone()).collect::<Vec<_>>()
    };
    // What only leads to where it stops is no circle; what is left is one, or leads into one.
    let mut left: Vec<&Step> = flow.steps.iter().collect();
    loop {
        let names: BTreeSet<&str> = left.iter().map(|step| step.id.as_str()).collect();
        let before = left.len();
        left.retain(|step| next(step).iter().any(|to| names.contains(to.as_str())));
        if left.len() == before {
            break;
        }
    }
    let mut path: Vec<&Step> = vec![left.first()?];
    loop {
        let to = next(path.last()?);
        let step = left.iter().find(|step| to.contains(&step.id))?;
        if let Some(begin) = path.iter().position(|seen| seen.id == step.id) {
            return Some(path.split_off(begin));
        }
        path.push(step);
    }
}

/// Whether a step is about a decision that there must be.
fn needs_decision(kind: &Kind) -> bool {
    matches!(kind, Kind::Notice { .. } | Kind::Remedy | Kind::Countersign { .. })
}
