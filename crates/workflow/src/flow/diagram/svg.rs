//! The picture as SVG. Presentation attributes only, so that it stands in pages whose policy allows no inline style.

use super::layout::{self, CELL_SIZE, Layout, Run, TITLE, TITLE_SIZE, Tile};
use super::{Line, Picture, Shown, plain};
use std::fmt::Write;

/// Height of a line of notes.
const NOTE: i32 = 18;

pub(super) fn draw(picture: &Picture) -> String {
    let layout = layout::place(picture);
    let notes = notes(picture, layout.width - 16);
    let (width, height) = (layout.width, layout.height + NOTE * i32::try_from(notes.len()).unwrap_or(0) + 4);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flow\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"{CELL_SIZE}\" \
         fill=\"currentColor\">\n<title>Ablauf: {}</title>\n",
        escaped(picture.title)
    );
    if !picture.way.is_empty() {
        let _ = writeln!(out, "<desc>{}</desc>", escaped(&picture.way));
    }
    lines(&mut out, picture, &layout);
    for (i, (shown, tile)) in picture.boxes.iter().zip(&layout.tiles).enumerate() {
        draw_box(&mut out, shown, tile);
        let cells = picture.lines.iter().zip(&layout.runs).filter(|(_, run)| run.from == i && run.has_label);
        cells.for_each(|(line, run)| draw_cell(&mut out, line, run, tile));
    }
    for (i, note) in notes.iter().enumerate() {
        let y = layout.height + NOTE * i32::try_from(i).unwrap_or(0) + 12;
        let _ = writeln!(out, "<text x=\"8\" y=\"{y}\">{}</text>", escaped(note));
    }
    out.push_str("</svg>\n");
    out
}

/// Thin lines below, fainter where there is a way to see; the way above them. Edges are crisp, so that
/// lines do not grow darker where they join.
fn lines(out: &mut String, picture: &Picture, layout: &Layout) {
    let faint = if picture.way.is_empty() { "1" } else { "0.6" };
    for (taken, width, opacity, (length, half)) in [(false, 1, faint, (8, 4)), (true, 4, "1", (11, 6))] {
        let (mut lines, mut heads) = (String::new(), String::new());
        for (_, run) in picture.lines.iter().zip(&layout.runs).filter(|(line, _)| line.taken == taken) {
            let from = layout.tiles.get(run.from).map_or(0, |tile| tile.y + tile.height);
            let Some(to) = layout.tiles.get(run.to) else { continue };
            let (x, y) = (to.entry(), to.y);
            let lane = run.lane.map(|lane| format!("H{lane}V{}", run.end_y)).unwrap_or_default();
            let _ = write!(lines, "M{} {from}V{}{lane}H{x}V{}", run.port, run.start_y, y - length);
            let head = format!("M{x} {y}l-{half} -{length}h{}z", 2 * half);
            if !heads.contains(&head) {
                heads.push_str(&head);
            }
        }
        if !lines.is_empty() {
            let _ = writeln!(
                out,
                "<path d=\"{lines}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"{width}\" \
                 shape-rendering=\"crispEdges\" opacity=\"{opacity}\"/>\n<path d=\"{heads}\" opacity=\"{opacity}\"/>"
            );
        }
    }
}

fn draw_box(out: &mut String, shown: &Shown, tile: &Tile) {
    let Tile { x, y, width, height, .. } = *tile;
    let kind = &shown.step.kind;
    let round = match (kind.ends(), kind.waits()) {
        (true, _) => TITLE / 2,
        (_, true) => 7,
        _ => 0,
    };
    let stroke = match (shown.now, shown.visited) {
        (true, _) => "4",
        (_, true) => "2.5",
        _ => "1",
    };
    let fill = if shown.now { "0.12" } else { "0" };
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\" fill-opacity=\"{fill}\" \
         stroke=\"currentColor\" stroke-width=\"{stroke}\"/>"
    );
    if shown.now {
        let _ = writeln!(out, "<path d=\"M{} {}l9 5.5l-9 5.5z\"/>", x + 7, y + 8);
    }
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" font-size=\"{TITLE_SIZE}\" font-weight=\"600\" text-anchor=\"middle\">{}</text>",
        tile.entry(),
        y + 18,
        escaped(&shown.step.title)
    );
}

fn draw_cell(out: &mut String, line: &Line, run: &Run, tile: &Tile) {
    let ((x, width), top, bottom) = (run.cell, tile.y + TITLE, tile.y + tile.height);
    let side = if x > tile.x { format!("M{x} {top}V{bottom}") } else { String::new() };
    let weight = if line.taken { " font-weight=\"700\"" } else { "" };
    let _ = writeln!(
        out,
        "<path d=\"M{x} {top}h{width}{side}\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.5\"/>\
         <text x=\"{}\" y=\"{}\"{weight} text-anchor=\"middle\">{}</text>",
        x + width / 2,
        top + 14,
        escaped(&line.label)
    );
}

/// What stands below the picture, in lines that are not wider than it.
fn notes(picture: &Picture, width: i32) -> Vec<String> {
    let to = |i: &usize| picture.boxes.get(*i).map_or("", |shown| shown.step.title.as_str());
    let mut lines = vec!["Von außen:".to_owned()];
    for (why, i) in &picture.notes {
        let note = format!(" {why} → {};", plain(to(i)));
        match lines.last_mut() {
            Some(line) if layout::text_width(line, CELL_SIZE) + layout::text_width(&note, CELL_SIZE) <= width => {
                line.push_str(&note);
            }
            _ => lines.push(note.trim_start().to_owned()),
        }
    }
    if let Some(line) = lines.last_mut().filter(|line| line.ends_with(';')) {
        line.pop();
    }
    if !picture.way.is_empty() {
        lines.push("Dicke Linien: der gegangene Weg. ▶: hier steht der Vorgang.".to_owned());
    }
    lines
}

fn escaped(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
