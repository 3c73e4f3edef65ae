//! Pictures of the shipped workflows and of awkward ones.

use super::layout::{Layout, Run, Tile, place};
use super::*;
use crate::flow::tests::BASE;

const SHARED: &str = include_str!("../../../../../workflows/ablauf/1.toml");
const PARKING: &str = include_str!("../../../../../workflows/bewohnerparkausweis/ablauf/1.toml");

fn flow(text: &str) -> Flow {
    Flow::read("1", text).unwrap()
}

fn visit(step: &str, exit: impl Into<Option<Exit>>) -> Visit {
    Visit { step: step.into(), exit: exit.into() }
}

/// A case that was supplemented and now lies with a person, who took it from the machine.
fn path() -> Vec<Visit> {
    vec![
        visit("formular", Exit::Invalid),
        visit("nachforderung", Exit::Supplied),
        visit("formular", Exit::Valid),
        visit("entscheidung", Exit::Decided),
        visit("bescheid", Exit::Next),
        visit("nachkontrolle", Exit::Next),
        visit("rechtsbehelf", None),
    ]
}

/// Steps and exits drawn from a seed: nothing that a case could run through, but everything that can lie crosswise.
fn drawn(seed: u64) -> Flow {
    let mut state = seed;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % n
    };
    let mut flow = flow(SHARED);
    let (step, end) = (flow.step("leitung").unwrap().clone(), flow.step("ende").unwrap().clone());
    let count = 3 + below(12);
    flow.steps = (0..count).map(|i| Step { id: format!("s{i}"), ..step.clone() }).collect();
    for step in &mut flow.steps {
        let exits = (0..=below(4)).map(|_| (Exit::ALL[below(Exit::ALL.len())], format!("s{}", below(count))));
        step.exits = exits.collect();
    }
    flow.steps.push(end);
    flow
}

fn layouts() -> impl Iterator<Item = Layout> {
    let flows = [SHARED, PARKING, BASE].map(flow).into_iter().chain((0..300).map(drawn));
    flows.map(|flow| place(&Picture::new(&flow, &path(), Some("sachbearbeitung"))))
}

/// The corners of a line, from box to box.
fn corners(layout: &Layout, run: &Run) -> Vec<(i32, i32)> {
    let (from, to) = (&layout.tiles[run.from], &layout.tiles[run.to]);
    let mut all = vec![(run.port, from.y + from.height), (run.port, run.start_y)];
    all.extend(run.lane.iter().flat_map(|lane| [(*lane, run.start_y), (*lane, run.end_y)]));
    all.extend([(to.entry(), run.end_y), (to.entry(), to.y)]);
    all
}

#[test]
fn boxes_lie_apart_and_no_line_runs_through_one() {
    for layout in layouts() {
        let inside = |tile: &Tile, (x, y): (i32, i32), (to_x, to_y): (i32, i32)| {
            x.min(to_x) < tile.x + tile.width
                && x.max(to_x) > tile.x
                && y.min(to_y) < tile.y + tile.height
                && y.max(to_y) > tile.y
        };
        for (i, tile) in layout.tiles.iter().enumerate() {
            let corner = (tile.x + tile.width, tile.y + tile.height);
            assert!(tile.x > 0 && tile.y > 0 && corner.0 < layout.width && corner.1 < layout.height, "{tile:?}");
            let others = layout.tiles.iter().enumerate().filter(|(other, _)| *other != i);
            for (other, tile) in others {
                assert!(!inside(tile, (layout.tiles[i].x, layout.tiles[i].y), corner), "{i} and {other}");
            }
            for run in &layout.runs {
                for pair in corners(&layout, run).windows(2) {
                    assert!(!inside(tile, pair[0], pair[1]), "{run:?} runs through {tile:?}");
                }
            }
        }
    }
    assert!(layouts().take(3).all(|layout| layout.width <= 1000));
}

#[test]
fn lines_to_different_boxes_never_lie_on_one_another() {
    for layout in layouts() {
        let runs: Vec<_> = layout.runs.iter().map(|run| (run, corners(&layout, run))).collect();
        for (i, (run, one)) in runs.iter().enumerate() {
            for (other, two) in runs.iter().skip(i + 1).filter(|(other, _)| other.to != run.to) {
                for (a, b) in one.windows(2).flat_map(|a| two.windows(2).map(move |b| (a, b))) {
                    let span = |p: i32, q: i32| (p.min(q), p.max(q));
                    let both = |(a, b): (i32, i32), (c, d): (i32, i32)| a.max(c) < b.min(d);
                    let (ax, ay) = (span(a[0].0, a[1].0), span(a[0].1, a[1].1));
                    let (bx, by) = (span(b[0].0, b[1].0), span(b[0].1, b[1].1));
                    let upright = ax.0 == ax.1 && bx == ax && both(ay, by);
                    let level = ay.0 == ay.1 && by == ay && both(ax, bx);
                    assert!(!upright && !level, "{run:?} {other:?}: {a:?} {b:?}");
                }
            }
        }
    }
}

#[test]
fn the_way_is_what_the_case_went() {
    let flow = flow(SHARED);
    let path = path();
    let Way { exits: taken, jumps } = Way::new(&flow, &path, Some("sachbearbeitung"));
    assert_eq!(taken.len(), 6);
    assert!(taken.contains(&("formular", Exit::Invalid)) && !taken.contains(&("rechtsbehelf", Exit::Objection)));
    assert_eq!(jumps.into_iter().collect::<Vec<_>>(), [("rechtsbehelf", "sachbearbeitung")]);
    // An exit that the workflow does not have is no exit, and where a case came to is true.
    let odd = [visit("leitung", Exit::Hearing), visit("bescheid", Exit::Valid)];
    let Way { exits: taken, jumps } = Way::new(&flow, &odd, Some("ende"));
    assert_eq!(taken.len(), 0);
    assert_eq!(jumps.into_iter().collect::<Vec<_>>(), [("bescheid", "ende"), ("leitung", "bescheid")]);
}

#[test]
fn mermaid_shows_steps_deadlines_and_the_way() {
    let text = flow(SHARED).mermaid(&path(), Some("sachbearbeitung"));
    for line in [
        "flowchart TD",
        "    accTitle: Antrag mit Sachbearbeitung",
        "    s0[\"Formular prüfen\"]",
        "    s2(\"▶ Sachbearbeitung\")",
        "    s11([\"Abgeschlossen\"])",
        "    s0 ==>|\"ungültig\"| s5",
        "    s1 -->|\"vorgelegt\"| s2",
        "    s2 -->|\"Frist 6 Wochen\"| s3",
        "    s7 ==> s8",
        "    s9 ==>|\"von außen\"| s2",
        "    s9 -->|\"Frist vorbei\"| s11",
        "    outside([\"von außen\"]) -.->|\"Rücknahme\"| s12",
        "    class s2 now",
        "    class s0,s1,s5,s7,s8,s9 visited",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is missing:\n{text}");
    }
    assert!(!flow(SHARED).mermaid(&[], None).contains("==>"));
}

#[test]
fn svg_says_the_way_without_colour_and_in_words() {
    let svg = flow(SHARED).svg(&path(), Some("sachbearbeitung"));
    assert!(svg.starts_with("<svg ") && svg.contains("<title>Ablauf: Antrag mit Sachbearbeitung</title>"), "{svg}");
    let way = "<desc>Gegangen: Formular prüfen (ungültig), Angaben nachfordern (ergänzt), Formular prüfen (gültig), \
               Regeln auswerten (entschieden), Bescheid bekannt geben (weiter), Stichprobe ziehen (weiter), \
               Rechtsbehelfsfrist (von außen). Jetzt: Sachbearbeitung.</desc>";
    assert!(svg.contains(way), "{svg}");
    assert!(svg.contains("Frist 6 Wochen") && svg.contains(" font-weight=\"700\" text-anchor=\"middle\">ungültig<"));
    assert!(svg.contains("Von außen: Rücknahme → Zurückgenommen;"), "{svg}");
    // A page takes it as it is.
    for refused in ["style", "<script", " id=", "url(", "#", "href"] {
        assert!(!svg.contains(refused), "{refused}:\n{svg}");
    }
    let bare = flow(SHARED).svg(&[], None);
    assert!(!bare.contains("<desc>") && !bare.contains("stroke-width=\"4\"") && !bare.contains('▶'), "{bare}");
}

#[test]
fn the_same_steps_lie_in_the_same_place_whatever_way_a_case_went() {
    let flow = flow(PARKING);
    let at = |path: &[Visit], now| {
        let layout = place(&Picture::new(&flow, path, now));
        layout.tiles.iter().map(|tile| (tile.row, tile.width)).collect::<Vec<_>>()
    };
    let went = [visit("formular", Exit::Valid), visit("melderegister", Exit::Deadline)];
    assert_eq!(at(&[], None), at(&went, Some("sachbearbeitung")));
}

#[test]
fn texts_of_the_file_stay_texts() {
    let text = SHARED.replace("Regeln auswerten", "</title><script>&\\\"#\\u0007\\nx");
    let flow = flow(&text);
    let svg = flow.svg(&[], None);
    assert!(svg.contains("&lt;/title&gt;&lt;script&gt;&amp;&quot;# x</text>"), "{svg}");
    let mermaid = flow.mermaid(&[], None);
    assert!(mermaid.contains("[\"#lt;/title#gt;#lt;script#gt;#amp;#quot;#35; x\"]"), "{mermaid}");
}

#[test]
fn a_step_may_go_to_itself_and_a_closed_case_back() {
    let flow = flow(SHARED);
    let layout = place(&Picture::new(&flow, &[visit("ende", None)], Some("sachbearbeitung")));
    let to_itself = layout.runs.iter().find(|run| run.from == run.to).unwrap();
    assert!(to_itself.lane.unwrap() < layout.tiles[to_itself.to].x);
    let end = flow.steps.iter().position(|step| step.id == "ende").unwrap();
    let back = layout.runs.iter().find(|run| run.from == end).unwrap();
    assert!(back.start_y > layout.tiles[end].y && back.end_y < back.start_y && back.start_y < layout.height);
}
