//! Where the boxes go: in rows from top to bottom, as the file orders them. Lengths are those of the picture (px).
//!
//! A line to a step further down in the file goes forward and makes its row lie below; every other line goes back. Ends
//! stand together in the last row. Each exit is a cell at the lower edge of its box, so that labels never meet lines.

use super::{Picture, Shown, route};
use std::cmp::Ordering;

/// Height of a title, and of the cells below it.
pub(super) const TITLE: i32 = 27;
pub(super) const CELL: i32 = 20;
/// Size of their letters.
pub(super) const TITLE_SIZE: i32 = 14;
pub(super) const CELL_SIZE: i32 = 12;
const BETWEEN: i32 = 24;
const MARGIN: i32 = 8;

/// The whole picture, its left upper corner at (0, 0).
pub(super) struct Layout {
    pub width: i32,
    pub height: i32,
    /// As the boxes and the lines of the picture are ordered.
    pub tiles: Vec<Tile>,
    pub runs: Vec<Run>,
}

/// A box.
#[derive(Debug, Default)]
pub(super) struct Tile {
    /// From the top, from 0.
    pub row: usize,
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

impl Tile {
    /// Where lines to it end.
    pub fn entry(&self) -> i32 {
        self.x + self.width / 2
    }
}

/// A line: from its cell down into a gap between two rows, perhaps along a lane to another gap, then down to its box.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub from: usize,
    pub to: usize,
    /// The gap below its box and the gap above the box that it goes to; gap n lies above row n.
    pub start: usize,
    pub end: usize,
    /// Left edge and width of its cell.
    pub cell: (i32, i32),
    pub has_label: bool,
    /// Where it leaves the box, and its lane where the gaps differ.
    pub port: i32,
    pub lane: Option<i32>,
    /// Where it lies in both gaps.
    pub start_y: i32,
    pub end_y: i32,
}

impl Run {
    /// A line that goes on in the same gap is equal, one forward greater, one back less.
    pub fn way(&self) -> Ordering {
        self.end.cmp(&self.start)
    }
}

pub(super) fn place(picture: &Picture) -> Layout {
    let rows = rows(picture);
    let tile = |(shown, row): (&Shown, &usize)| Tile { row: *row, ..Tile::default() }.sized(shown, picture);
    let mut tiles: Vec<Tile> = picture.boxes.iter().zip(&rows).map(tile).collect();
    let mut runs: Vec<Run> = picture.lines.iter().map(|line| run(line, &rows)).collect();
    let count = rows.iter().max().map_or(0, |row| row + 1);
    for row in 0..count {
        spread(row, &mut tiles, &mut runs);
    }
    route::lanes(&tiles, &mut runs, count);
    route::ports(&tiles, &mut runs);
    let gaps = route::tracks(&tiles, &mut runs, count);
    let height = stack(&mut tiles, &mut runs, &gaps);
    let width = push_right(&mut tiles, &mut runs);
    Layout { width, height, tiles, runs }
}

/// The row of each box.
fn rows(picture: &Picture) -> Vec<usize> {
    let mut rows = vec![0; picture.boxes.len()];
    // Lines are ordered by where they begin, so each box is final before it pushes others down.
    for line in picture.lines.iter().filter(|line| line.to > line.from && !line.outside) {
        let below = rows.get(line.from).map_or(0, |row| row + 1);
        if let Some(row) = rows.get_mut(line.to) {
            *row = below.max(*row);
        }
    }
    let ends = |shown: &Shown| shown.step.kind.ends();
    let others = rows.iter().zip(&picture.boxes).filter(|(_, shown)| !ends(shown));
    let last = others.map(|(row, _)| row + 1).max().unwrap_or(0);
    rows.iter_mut().zip(&picture.boxes).filter(|(_, shown)| ends(shown)).for_each(|(row, _)| *row = last);
    rows
}

fn run(line: &super::Line, rows: &[usize]) -> Run {
    let row = |i: usize| rows.get(i).copied().unwrap_or_default();
    let width = if line.label.is_empty() { 0 } else { cell_width(&line.label) };
    Run {
        from: line.from,
        to: line.to,
        start: row(line.from) + 1,
        end: row(line.to),
        cell: (0, width),
        has_label: width > 0,
        ..Run::default()
    }
}

impl Tile {
    fn sized(mut self, shown: &Shown, picture: &Picture) -> Self {
        let labels = picture.lines.iter().filter(|line| !line.label.is_empty());
        let own = labels.filter(|line| picture.boxes.get(line.from).is_some_and(|from| std::ptr::eq(from, shown)));
        let cells: i32 = own.clone().map(|line| cell_width(&line.label)).sum();
        // Room for the mark of where the case stands, so that the picture is the same everywhere.
        self.width = cells.max(text_width(&super::plain(&shown.step.title), TITLE_SIZE) + 40);
        self.height = TITLE + if own.count() > 0 { CELL } else { 0 };
        self
    }
}

/// With room for bold letters.
fn cell_width(label: &str) -> i32 {
    text_width(label, CELL_SIZE) * 11 / 10 + 12
}

/// Orders a row by where its lines come from, and centres it over 0. Rows above are already there.
fn spread(row: usize, tiles: &mut [Tile], runs: &mut [Run]) {
    let members = tiles.iter().enumerate().filter(|(_, tile)| tile.row == row);
    let mut members: Vec<(i32, usize)> = members.map(|(i, _)| (pull(i, row, runs), i)).collect();
    members.sort_unstable();
    let width = |i: usize| tiles.get(i).map_or(0, |tile| tile.width);
    let all: i32 = members.iter().map(|(_, i)| width(*i) + BETWEEN).sum();
    let mut x = (BETWEEN - all) / 2;
    for (_, i) in members {
        let Some(tile) = tiles.get_mut(i) else { continue };
        tile.x = x;
        // Back to the left, forward to the right: as their lanes lie.
        let mut own: Vec<&mut Run> = runs.iter_mut().filter(|run| run.from == i).collect();
        own.sort_by_key(|run| run.way());
        let cells: i32 = own.iter().map(|run| run.cell.1).sum();
        let spare = (tile.width - cells) / i32::try_from(own.len()).unwrap_or(1).max(1);
        for run in own {
            run.cell = (x, run.cell.1 + spare);
            x += run.cell.1;
        }
        x = tile.x + tile.width + BETWEEN;
    }
}

/// The middle of the cells above from which lines come.
fn pull(i: usize, row: usize, runs: &[Run]) -> i32 {
    let from = runs.iter().filter(|run| run.to == i && run.start <= row);
    let (sum, count) = from.fold((0, 0), |(sum, count), run| (sum + run.cell.0 + run.cell.1 / 2, count + 1));
    if count == 0 { i32::MAX } else { sum / count }
}

/// Puts rows and gaps under each other; the height of all. Before, lines lie relative to the top of their gaps.
fn stack(tiles: &mut [Tile], runs: &mut [Run], gaps: &[i32]) -> i32 {
    let mut y = MARGIN;
    for (row, gap) in gaps.iter().enumerate() {
        runs.iter_mut().filter(|run| run.start == row).for_each(|run| run.start_y += y);
        runs.iter_mut().filter(|run| run.end == row).for_each(|run| run.end_y += y);
        y += gap;
        let members = || tiles.iter().filter(|tile| tile.row == row);
        let height = members().map(|tile| tile.height).max().unwrap_or(0);
        tiles.iter_mut().filter(|tile| tile.row == row).for_each(|tile| tile.y = y);
        y += height;
    }
    y + MARGIN
}

/// Moves everything so that nothing lies left of the picture; its width.
fn push_right(tiles: &mut [Tile], runs: &mut [Run]) -> i32 {
    let lanes = || runs.iter().filter_map(|run| run.lane);
    let left = tiles.iter().map(|tile| tile.x).chain(lanes()).min().unwrap_or(0) - MARGIN;
    let right = tiles.iter().map(|tile| tile.x + tile.width).chain(lanes()).max().unwrap_or(0) + MARGIN;
    for tile in tiles {
        tile.x -= left;
    }
    for run in runs {
        run.cell.0 -= left;
        run.port -= left;
        run.lane = run.lane.map(|lane| lane - left);
    }
    right - left
}

/// About how wide a text is in a usual sans-serif: nobody here knows the font of the reader.
pub(super) fn text_width(text: &str, size: i32) -> i32 {
    let hundredths = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'I' => 32,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '-' | '/' => 40,
        'm' | 'w' | 'M' | 'W' | '→' => 92,
        c if c.is_uppercase() => 70,
        _ => 60,
    };
    text.chars().map(hundredths).sum::<i32>() * size / 100
}
