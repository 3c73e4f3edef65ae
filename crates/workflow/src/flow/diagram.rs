//! Pictures of a workflow, with the way that a case took through it: Mermaid for documents, SVG for pages.

mod layout;
mod mermaid;
mod route;
mod svg;
#[cfg(test)]
mod tests;

use super::{Exit, Flow, Step, StepId, period};
use std::collections::BTreeSet;

/// A step that a case left, in the order of its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub step: StepId,
    /// How; nothing where something from outside took the case away.
    pub exit: Option<Exit>,
}

impl Flow {
    /// A Mermaid flowchart. The way is thick, `now_at` is marked; steps that this version does not have are left out.
    pub fn mermaid(&self, path: &[Visit], now_at: Option<&str>) -> String {
        mermaid::draw(&Picture::new(self, path, now_at))
    }

    /// The same as one `<svg>` element, to stand alone or in a page: no script, no style, no id, no font of its own.
    /// Its class is `flow`; it takes the colour of the text around it.
    pub fn svg(&self, path: &[Visit], now_at: Option<&str>) -> String {
        svg::draw(&Picture::new(self, path, now_at))
    }
}

/// What both kinds of picture show.
struct Picture<'f> {
    title: &'f str,
    boxes: Vec<Shown<'f>>,
    /// By the box that they leave, in the order of the file.
    lines: Vec<Line>,
    /// Where a case goes from wherever it waits: why, to which box.
    notes: Vec<(String, usize)>,
    /// The way in words; empty where there is none.
    way: String,
}

struct Shown<'f> {
    step: &'f Step,
    visited: bool,
    now: bool,
}

/// From one box to another, by their numbers.
struct Line {
    from: usize,
    to: usize,
    /// Empty where there is nothing to tell apart.
    label: String,
    taken: bool,
    /// No exit of the workflow: something from outside took the case there.
    outside: bool,
}

impl<'f> Picture<'f> {
    fn new(flow: &'f Flow, path: &[Visit], now_at: Option<&str>) -> Self {
        let place = |id: &str| flow.steps.iter().position(|step| step.id == id);
        let way = Way::new(flow, path, now_at);
        let mut lines = Vec::new();
        for (from, step) in flow.steps.iter().enumerate() {
            for (exit, to) in &step.exits {
                let taken = way.exits.contains(&(step.id.as_str(), *exit));
                let label = label(step, *exit);
                lines.extend(place(to).map(|to| Line { from, to, label, taken, outside: false }));
            }
            for (_, to) in way.jumps.iter().filter(|(id, _)| *id == step.id) {
                let label = "von außen".to_owned();
                lines.extend(place(to).map(|to| Line { from, to, label, taken: true, outside: true }));
            }
            if step.exits.len() == 1 && lines.iter().filter(|line| line.from == from).count() == 1 {
                lines.iter_mut().filter(|line| line.from == from).for_each(|line| line.label.clear());
            }
        }
        let shown = |step: &'f Step| Shown {
            step,
            visited: path.iter().any(|visit| visit.step == step.id),
            now: now_at == Some(step.id.as_str()),
        };
        Self {
            title: &flow.title,
            boxes: flow.steps.iter().map(shown).collect(),
            lines,
            notes: notes(flow).into_iter().filter_map(|(why, to)| Some((why, place(to)?))).collect(),
            way: in_words(flow, path, now_at),
        }
    }
}

/// The way of a case.
#[derive(Default)]
struct Way<'p> {
    /// By the name of the step.
    exits: BTreeSet<(&'p str, Exit)>,
    /// From one step to another by no exit.
    jumps: BTreeSet<(&'p str, &'p str)>,
}

impl<'p> Way<'p> {
    fn new(flow: &Flow, path: &'p [Visit], now_at: Option<&'p str>) -> Self {
        let mut way = Self::default();
        let next = path.iter().skip(1).map(|visit| Some(visit.step.as_str())).chain([now_at]);
        for (visit, next) in path.iter().zip(next) {
            let id = visit.step.as_str();
            let exit = visit.exit.and_then(|exit| flow.step(id)?.exits.get_key_value(&exit));
            match (exit, next) {
                (Some((exit, to)), next) if next.is_none_or(|next| next == to) => {
                    way.exits.insert((id, *exit));
                }
                (_, Some(next)) => {
                    way.jumps.insert((id, next));
                }
                _ => (),
            }
        }
        way
    }
}

fn notes(flow: &Flow) -> Vec<(String, &str)> {
    let to = &flow.interrupts;
    let mut notes = vec![
        ("Rücknahme".to_owned(), to.withdrawal.as_str()),
        ("Änderung des Antrags".to_owned(), to.amendment.as_str()),
        ("Mensch verlangt".to_owned(), to.person.as_str()),
        ("Wiederaufnahme".to_owned(), to.reopening.as_str()),
    ];
    notes.extend(flow.fiction.as_ref().map(|fiction| {
        let months = period::german(calendar::Period::Months(fiction.months));
        (format!("Genehmigungsfiktion, {months} ({})", fiction.norm), fiction.next.as_str())
    }));
    notes
}

/// For who does not see the picture.
fn in_words(flow: &Flow, path: &[Visit], now_at: Option<&str>) -> String {
    let steps = path.iter().filter_map(|visit| {
        let step = flow.step(&visit.step)?;
        let exit = visit.exit.map_or_else(|| "von außen".to_owned(), |exit| label(step, exit));
        Some(format!("{} ({exit})", step.title))
    });
    let steps: Vec<String> = steps.collect();
    let way = (!steps.is_empty()).then(|| format!("Gegangen: {}.", steps.join(", ")));
    let now = now_at.and_then(|id| flow.step(id)).map(|step| format!("Jetzt: {}.", step.title));
    way.into_iter().chain(now).collect::<Vec<_>>().join(" ")
}

fn label(step: &Step, exit: Exit) -> String {
    match (exit, step.deadline) {
        (Exit::Deadline, Some(deadline)) => format!("Frist {}", period::german(deadline)),
        _ => exit.german().to_owned(),
    }
}

impl Exit {
    /// For people.
    pub fn german(self) -> &'static str {
        match self {
            Self::Valid => "gültig",
            Self::Invalid => "ungültig",
            Self::Answered => "beantwortet",
            Self::Decided => "entschieden",
            Self::Referred => "vorgelegt",
            Self::Forwarded => "abgegeben",
            Self::Correction => "Nachforderung",
            Self::Hearing => "Anhörung",
            Self::Supplied => "ergänzt",
            Self::Heard => "geäußert",
            Self::Signed => "gezeichnet",
            Self::Returned => "zurückgegeben",
            Self::Objection => "Widerspruch",
            Self::Deadline => "Frist vorbei",
            Self::Next => "weiter",
            Self::Otherwise => "sonst",
        }
    }
}

/// Text of a file on one line, without what no XML may hold.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}
