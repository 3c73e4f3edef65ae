//! Tables with several keys, each matched exactly or by bound. Built once, looked up without allocation per row.

use crate::grammar::{Key, Match, Parameter, Type};
use crate::value::Value;
use domain::{Decimal, json};
use jiff::civil::Date;
use std::collections::BTreeMap;
use toml::Value as Toml;

/// A cell of a key column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Number(Decimal),
    Text(String),
}

impl Cell {
    fn read(value: &Toml, how: Match) -> Result<Self, String> {
        match value {
            Toml::Integer(n) => Ok(Self::Number(Decimal::from(*n))),
            Toml::String(text) => Ok(Self::from_text(text, how)),
            Toml::Boolean(b) => Ok(Self::Text(b.to_string())),
            other => Err(format!("{other} kann kein Schlüssel sein")),
        }
    }
    /// A text that looks like a number is one, so that a table and a form field are read the same way. In an exact column
    /// one with a leading zero is a key, such as an AGS or a postcode.
    pub fn from_text(text: &str, how: Match) -> Self {
        let digits = text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        let number = json::decimal(text).filter(|_| how != Match::Genau || !digits);
        number.map_or_else(|| Self::Text(text.to_owned()), Self::Number)
    }
    /// The same kind of cell: only those can be compared.
    fn comparable(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Number(_), Self::Number(_)) | (Self::Text(_), Self::Text(_)))
    }
    pub fn len(&self) -> usize {
        match self {
            Self::Number(_) => size_of::<Decimal>(),
            Self::Text(text) => text.len(),
        }
    }
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Number(d) => d.normalize().to_string().into(),
            Self::Text(t) => t.clone().into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub keys: Vec<Cell>,
    pub value: Value,
    /// First and last day of the row, where the table has the columns `ab` and `bis`.
    pub from: Option<Date>,
    pub to: Option<Date>,
    /// `file:line`.
    pub at: String,
    /// `beleg = "ungeprueft"` in this row.
    pub unverified: bool,
}

impl Row {
    fn on(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
    fn overlaps(&self, other: &Self) -> bool {
        let before = |a: &Self, b: &Self| a.to.zip(b.from).is_some_and(|(end, start)| end < start);
        !before(self, other) && !before(other, self)
    }
}

/// All rows use the same key columns, which are a subset of what the frame declares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub columns: Vec<Column>,
    /// How many of the columns, from the first on, match exactly.
    exact: usize,
    /// Sorted by their keys.
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub name: String,
    pub how: Match,
}

/// A raw row with the place where it stands.
pub(crate) type RawRow = (BTreeMap<String, Toml>, String);

impl Table {
    /// Reads rows; the error names the row and is a German sentence.
    pub fn read(parameter: &Parameter, raw: &[RawRow]) -> Result<Self, (usize, String)> {
        let declared = &parameter.schluessel;
        let used = |key: &&Key| raw.first().is_some_and(|(row, _)| row.contains_key(&key.name));
        let columns: Vec<Column> =
            declared.iter().filter(used).map(|k| Column { name: k.name.clone(), how: k.art }).collect();
        if raw.is_empty() {
            return Err((0, "die Tabelle hat keine Zeile".into()));
        }
        let mut rows: Vec<(usize, Row)> = Vec::with_capacity(raw.len());
        for (i, (cells, at)) in raw.iter().enumerate() {
            let row = read_row(parameter, &columns, cells, at).map_err(|e| (i, e))?;
            if row.from.zip(row.to).is_some_and(|(from, to)| to < from) {
                return Err((i, "bis liegt vor ab".into()));
            }
            rows.push((i, row));
        }
        // Exact columns first: a lookup then looks at the rows with its keys only.
        let exact = |how: Match| usize::from(how != Match::Genau);
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.sort_by_key(|i| columns.get(*i).map_or(0, |column| exact(column.how)));
        let columns: Vec<Column> = order.iter().filter_map(|i| columns.get(*i).cloned()).collect();
        for (_, row) in &mut rows {
            row.keys = order.iter().filter_map(|i| row.keys.get(*i).cloned()).collect();
        }
        rows.sort_by(|(_, a), (_, b)| a.keys.cmp(&b.keys));
        for same in rows.chunk_by(|(_, a), (_, b)| a.keys == b.keys) {
            if let Some(i) = twice(same) {
                return Err((i, "dieselben Schlüssel stehen für dieselben Tage schon in einer anderen Zeile".into()));
            }
        }
        let exact = columns.iter().take_while(|column| column.how == Match::Genau).count();
        Ok(Self { columns, exact, rows: rows.into_iter().map(|(_, row)| row).collect() })
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows whose exact columns have the wanted cells.
    fn candidates(&self, wanted: &[Cell]) -> &[Row] {
        let order = |row: &Row| row.keys.iter().take(self.exact).cmp(wanted.iter().take(self.exact));
        let start = self.rows.partition_point(|row| order(row).is_lt());
        let rest = self.rows.get(start..).unwrap_or_default();
        let end = rest.partition_point(|row| order(row).is_eq());
        rest.get(..end).unwrap_or_default()
    }

    /// The row in force for these keys, or nothing. `key` gives the cell of a column; `afford` pays for the rows that are
    /// looked at.
    ///
    /// # Errors
    /// That of `afford`.
    pub fn find<E>(
        &self,
        day: Date,
        key: impl Fn(&Column) -> Option<Cell>,
        afford: impl FnOnce(usize) -> Result<(), E>,
    ) -> Result<Option<&Row>, E> {
        let Some(wanted) = self.columns.iter().map(key).collect::<Option<Vec<Cell>>>() else { return Ok(None) };
        let candidates = self.candidates(&wanted);
        afford(candidates.len())?;
        let fits = |row: &&Row| {
            self.columns.iter().zip(&row.keys).zip(&wanted).all(|((column, cell), wanted)| match column.how {
                Match::Genau => cell == wanted,
                Match::Bis => wanted.comparable(cell) && wanted <= cell,
                Match::Ab => wanted.comparable(cell) && cell <= wanted,
            })
        };
        // Of the rows that fit, the nearest: column by column the smallest `bis` and the largest `ab`.
        let nearest = candidates.iter().filter(|row| row.on(day)).filter(fits).min_by(|a, b| {
            let by_column = self.columns.iter().zip(a.keys.iter().zip(&b.keys));
            by_column
                .map(|(column, (a, b))| match column.how {
                    Match::Genau | Match::Bis => a.cmp(b),
                    Match::Ab => b.cmp(a),
                })
                .find(|order| order.is_ne())
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        Ok(nearest)
    }
}

/// Of rows with the same keys, one that holds on a day of another one.
fn twice(rows: &[(usize, Row)]) -> Option<usize> {
    let pairs = rows.iter().enumerate().flat_map(|(i, a)| rows.iter().skip(i + 1).map(move |b| (a, b)));
    pairs.filter(|((_, a), (_, b))| a.overlaps(b)).map(|((i, _), (j, _))| *i.max(j)).next()
}

fn read_row(
    parameter: &Parameter,
    columns: &[Column],
    cells: &BTreeMap<String, Toml>,
    at: &str,
) -> Result<Row, String> {
    let about = |name: &str| matches!(name, "ab" | "bis" | "beleg");
    let known = |name: &String| *name == "wert" || about(name) || parameter.schluessel.iter().any(|k| k.name == *name);
    if let Some(name) = cells.keys().find(|name| !known(name)) {
        let names: Vec<&str> = parameter.schluessel.iter().map(|k| k.name.as_str()).collect();
        return Err(format!(
            "die Spalte „{name}“ gibt es nicht; möglich sind {}, ab, bis, beleg und wert",
            names.join(", ")
        ));
    }
    if cells.keys().filter(|name| !about(name)).count() != columns.len() + 1 {
        return Err("alle Zeilen einer Fassung brauchen dieselben Spalten und die Spalte wert".into());
    }
    let keys = columns
        .iter()
        .map(|c| {
            cells
                .get(&c.name)
                .ok_or_else(|| format!("die Spalte „{}“ fehlt", c.name))
                .and_then(|cell| Cell::read(cell, c.how))
        })
        .collect::<Result<_, _>>()?;
    let value = cells.get("wert").ok_or("die Spalte „wert“ fehlt")?;
    let value = Value::read_scalar(parameter.inhalt.unwrap_or(Type::Text), value)?;
    let day = |name: &str| match cells.get(name) {
        None => Ok(None),
        Some(Toml::String(text)) if text.is_empty() => Ok(None),
        Some(cell) => match Value::read_scalar(Type::Datum, cell)? {
            Value::Date(day) => Ok(Some(day)),
            _ => Err(format!("„{cell}“ ist kein Tag")),
        },
    };
    let unverified = match cells.get("beleg").map(|cell| cell.as_str().unwrap_or_default()) {
        None | Some("" | "amtlich" | "sekundaer" | "beispiel") => false,
        Some("ungeprueft") => true,
        Some(other) => {
            return Err(format!("beleg „{other}“ gibt es nicht; möglich: amtlich, sekundaer, beispiel, ungeprueft"));
        }
    };
    Ok(Row { keys, value, from: day("ab")?, to: day("bis")?, at: at.to_owned(), unverified })
}
