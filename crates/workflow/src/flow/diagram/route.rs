//! Where the lines go. All lines to one box join, so that whoever follows one arrives at one box only.
//!
//! A line crosses no box: it runs in the gaps between rows, and where it passes rows in a lane beside them, forward on the
//! right, back on the left.

use super::layout::{Run, Tile};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// From one lane to the next, from one track of a gap to the next, and what keeps two lines apart.
const LANE: i32 = 14;
const TRACK: i32 = 8;
const APART: i32 = 8;
/// Above the first track of a gap, and below the last one, where the arrowheads are.
const ABOVE: i32 = 9;
const BELOW: i32 = 15;

/// Gives a lane to every line that passes rows: as near to them as it can be, short ones first.
pub(super) fn lanes(tiles: &[Tile], runs: &mut [Run], rows: usize) {
    let mut spans: BTreeMap<(usize, Ordering), (usize, usize)> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.way() != Ordering::Equal) {
        let (low, high) = (run.start.min(run.end), run.start.max(run.end));
        let span = spans.entry((run.to, run.way())).or_insert((low, high));
        *span = (span.0.min(low), span.1.max(high));
    }
    let mut spans: Vec<_> = spans.into_iter().collect();
    spans.sort_by_key(|(_, (low, high))| high - low);

    // How far out each gap (even) and row (odd) is taken, on each side.
    let mut taken: BTreeMap<(Ordering, usize), i32> = BTreeMap::new();
    for row in 0..rows {
        let width = tiles.iter().filter(|tile| tile.row == row).map(|tile| (tile.x + tile.width).abs()).max();
        for side in [Ordering::Less, Ordering::Greater] {
            taken.insert((side, 2 * row + 1), width.unwrap_or(0));
        }
    }
    for ((to, side), (low, high)) in spans {
        let passed = 2 * low..=2 * high;
        let sign = if side == Ordering::Less { -1 } else { 1 };
        let mut out = passed.clone().filter_map(|at| taken.get(&(side, at))).max().unwrap_or(&0) + LANE;
        // What goes down into the row at its lower end.
        let below = tiles.iter().enumerate().filter(|(i, tile)| *i != to && tile.row == high);
        let below: Vec<i32> = below.map(|(_, tile)| tile.entry()).collect();
        while below.iter().any(|entry| (entry - sign * out).abs() < APART) {
            out += APART;
        }
        passed.for_each(|at| {
            taken.insert((side, at), out);
        });
        let own = runs.iter_mut().filter(|run| run.to == to && run.way() == side);
        own.for_each(|run| run.lane = Some(sign * out));
    }
}

/// Where each line leaves its cell: straight above its box, else in the middle, but away from what else is in the gap.
pub(super) fn ports(tiles: &[Tile], runs: &mut [Run]) {
    let lanes: Vec<(usize, usize, usize, i32)> = runs
        .iter()
        .filter_map(|run| Some((run.to, run.start.min(run.end), run.start.max(run.end), run.lane?)))
        .collect();
    for run in runs {
        let entries = tiles.iter().enumerate().filter(|(_, tile)| tile.row == run.start);
        let entries = entries.map(|(i, tile)| (i, tile.entry()));
        let passing = lanes.iter().filter(|(_, low, high, _)| (*low..=*high).contains(&run.start));
        let others: Vec<i32> = entries
            .chain(passing.map(|(to, _, _, x)| (*to, *x)))
            .filter_map(|(to, x)| (to != run.to).then_some(x))
            .collect();
        let (left, width) = run.cell;
        let within = left + APART..=left + width - APART;
        let straight = tiles.get(run.to).map(Tile::entry).filter(|_| run.way() == Ordering::Equal);
        let aim = straight.filter(|x| within.contains(x)).unwrap_or(left + width / 2);
        let free = |x: &i32| within.contains(x) && others.iter().all(|other| (other - x).abs() >= APART);
        let mut near = (0..6).flat_map(|n| [aim + n * APART, aim - n * APART]);
        run.port = near.find(free).unwrap_or(aim);
    }
}

/// All lines to one box within one gap.
#[derive(Debug, Default)]
struct Wire {
    to: usize,
    /// Where they come from above or go on there, and the same below.
    up: BTreeSet<i32>,
    down: BTreeSet<i32>,
    level: i32,
}

impl Wire {
    fn ends(&self) -> (i32, i32) {
        let all = || self.up.iter().chain(&self.down).copied();
        (all().min().unwrap_or(0), all().max().unwrap_or(0))
    }

    fn meets(&self, other: &Self) -> bool {
        let ((left, right), (from, to)) = (self.ends(), other.ends());
        left < to + APART && from < right + APART
    }

    /// How bad it is to lie above another: lines that cross, and lines that would lie on one another.
    fn cost_above(&self, below: &Self) -> usize {
        let crossed =
            |ups: &BTreeSet<i32>, (left, right): (i32, i32)| ups.iter().filter(|x| left < **x && **x < right).count();
        let same = |x: &i32| below.up.iter().any(|up| (up - x).abs() < APART);
        let on_one_another = self.down.iter().filter(|x| same(x)).count();
        crossed(&self.down, below.ends()) + crossed(&below.up, self.ends()) + 10 * on_one_another
    }
}

/// Gives every line its heights, relative to the top of its gaps; the heights of all gaps.
pub(super) fn tracks(tiles: &[Tile], runs: &mut [Run], rows: usize) -> Vec<i32> {
    let mut heights = Vec::new();
    for gap in 0..=rows {
        let mut wires = wires(gap, tiles, runs);
        order(&mut wires);
        let mut done: Vec<Wire> = Vec::new();
        for mut wire in wires {
            let above = done.iter().filter(|other| other.meets(&wire)).map(|other| other.level + 1);
            wire.level = above.max().unwrap_or(0);
            done.push(wire);
        }
        for wire in &done {
            let y = ABOVE + wire.level * TRACK;
            runs.iter_mut().filter(|run| run.to == wire.to && run.start == gap).for_each(|run| run.start_y = y);
            runs.iter_mut().filter(|run| run.to == wire.to && run.end == gap).for_each(|run| run.end_y = y);
        }
        heights.push(done.iter().map(|wire| ABOVE + wire.level * TRACK + BELOW).max().unwrap_or(0));
    }
    heights
}

fn wires(gap: usize, tiles: &[Tile], runs: &[Run]) -> Vec<Wire> {
    let mut wires: BTreeMap<usize, Wire> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.start == gap || run.end == gap) {
        let wire = wires.entry(run.to).or_insert_with(|| Wire { to: run.to, ..Wire::default() });
        if run.start == gap {
            wire.up.insert(run.port);
            let on = if run.way() == Ordering::Less { &mut wire.up } else { &mut wire.down };
            on.extend(run.lane);
        }
        if run.end == gap {
            wire.down.extend(tiles.get(run.to).map(Tile::entry));
            let on = if run.way() == Ordering::Less { &mut wire.down } else { &mut wire.up };
            on.extend(run.lane);
        }
    }
    wires.into_values().collect()
}

/// Orders the wires of a gap from top to bottom: neighbours change places as long as that helps.
fn order(wires: &mut [Wire]) {
    for _ in 0..wires.len() {
        for at in 1..wires.len() {
            if let Some([above, below]) = wires.get_mut(at - 1..=at)
                && below.cost_above(above) < above.cost_above(below)
            {
                std::mem::swap(above, below);
            }
        }
    }
}
