//! A flowchart in the language of Mermaid, as documents and repositories show it.

use super::{Picture, plain};
use std::fmt::Write;

/// Boxes are called by their number: a name like `end` would be a word of the language.
pub(super) fn draw(picture: &Picture) -> String {
    let mut out = format!("flowchart TD\n    accTitle: {}\n", plain(picture.title));
    if !picture.way.is_empty() {
        let _ = writeln!(out, "    accDescr: {}", plain(&picture.way));
    }
    for (i, shown) in picture.boxes.iter().enumerate() {
        let kind = &shown.step.kind;
        let (open, close) = match (kind.ends(), kind.waits()) {
            (true, _) => ("([", "])"),
            (_, true) => ("(", ")"),
            _ => ("[", "]"),
        };
        let mark = if shown.now { "▶ " } else { "" };
        let _ = writeln!(out, "    s{i}{open}\"{mark}{}\"{close}", quoted(&shown.step.title));
    }
    for line in &picture.lines {
        let arrow = if line.taken { "==>" } else { "-->" };
        let label = if line.label.is_empty() { String::new() } else { format!("|\"{}\"|", quoted(&line.label)) };
        let _ = writeln!(out, "    s{} {arrow}{label} s{}", line.from, line.to);
    }
    for (i, (why, to)) in picture.notes.iter().enumerate() {
        let from = if i == 0 { "outside([\"von außen\"])" } else { "outside" };
        let _ = writeln!(out, "    {from} -.->|\"{}\"| s{to}", quoted(why));
    }
    let boxes = |counts: &dyn Fn(&super::Shown) -> bool| {
        let boxes = picture.boxes.iter().enumerate().filter(|(_, shown)| counts(shown));
        boxes.map(|(i, _)| format!("s{i}")).collect::<Vec<_>>().join(",")
    };
    let visited = boxes(&|shown| shown.visited && !shown.now);
    let now = boxes(&|shown| shown.now);
    for (class, width, boxes) in [("visited", 3, visited), ("now", 5, now)] {
        if !boxes.is_empty() {
            let _ = writeln!(out, "    classDef {class} stroke-width:{width}px\n    class {boxes} {class}");
        }
    }
    out
}

/// Inside quotation marks.
fn quoted(text: &str) -> String {
    let text = plain(text).replace('#', "#35;").replace('"', "#quot;");
    text.replace('&', "#amp;").replace('<', "#lt;").replace('>', "#gt;")
}
