//! Parameter values, read by their declared type. Money and shares are decimal text, never a binary float.

use crate::grammar::{Parameter, Type};
use crate::table::Table;
use domain::{Decimal, json};
use jiff::civil::Date;
use std::sync::Arc;
use toml::Value as Toml;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Decimal(Decimal),
    Int(i64),
    Date(Date),
    Text(String),
    Bool(bool),
    List(Vec<Value>),
    Table(Arc<Table>),
}

impl Value {
    /// Reads a scalar or list; the error is a German sentence.
    pub fn read(parameter: &Parameter, value: &Toml) -> Result<Self, String> {
        match parameter.typ {
            Type::Liste => match value {
                Toml::Array(items) => items.iter().map(element).collect::<Result<_, _>>().map(Self::List),
                other => Err(format!("„{other}“ ist keine Liste")),
            },
            Type::Auswahl => match value.as_str() {
                Some(text) if parameter.werte.iter().any(|w| w == text) => Ok(Self::Text(text.to_owned())),
                _ => Err(format!("{value} ist nicht vorgesehen; möglich sind {}", parameter.werte.join(", "))),
            },
            Type::Tabelle => Err("eine Tabelle braucht zeilen = [ … ] oder datei = \"tabellen/….csv\"".into()),
            scalar => Self::read_scalar(scalar, value),
        }
    }

    pub fn read_scalar(typ: Type, value: &Toml) -> Result<Self, String> {
        let wrong = |expected: &str| Err(format!("{value} ist {expected}"));
        match (typ, value) {
            (Type::Euro | Type::Zahl | Type::Anteil, Toml::String(text)) => match json::decimal(text) {
                Some(d) => Ok(Self::Decimal(d)),
                None => wrong("keine Dezimalzahl; schreiben Sie zum Beispiel \"30.70\""),
            },
            (Type::Euro | Type::Zahl | Type::Anteil, _) => {
                wrong("kein genauer Betrag; schreiben Sie ihn als Text, zum Beispiel \"30.70\"")
            }
            (Type::Ganzzahl, Toml::Integer(n)) => Ok(Self::Int(*n)),
            (Type::Ganzzahl, _) => wrong("keine ganze Zahl"),
            (Type::Datum, Toml::Datetime(d)) => d.to_string().parse().map(Self::Date).or_else(|_| wrong("kein Tag")),
            (Type::Datum, Toml::String(text)) => text.parse().map(Self::Date).or_else(|_| wrong("kein Tag")),
            (Type::Datum, _) => wrong("kein Datum (JJJJ-MM-TT)"),
            (Type::Wahrheitswert, Toml::Boolean(b)) => Ok(Self::Bool(*b)),
            (Type::Wahrheitswert, _) => wrong("weder true noch false"),
            (Type::Text | Type::Auswahl, Toml::String(text)) => Ok(Self::Text(text.clone())),
            (Type::Text | Type::Auswahl, _) => wrong("kein Text"),
            (Type::Liste | Type::Tabelle, _) => wrong("kein einzelner Wert"),
        }
    }

    /// For comparison with bounds.
    pub fn number(&self) -> Option<Decimal> {
        match self {
            Self::Decimal(d) => Some(*d),
            Self::Int(n) => Some(Decimal::from(*n)),
            Self::Date(_) | Self::Text(_) | Self::Bool(_) | Self::List(_) | Self::Table(_) => None,
        }
    }

    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Decimal(d) => d.to_string().into(),
            Self::Int(n) => n.to_string().into(),
            Self::Date(d) => d.to_string().into(),
            Self::Text(t) => t.clone().into(),
            Self::Bool(b) => (*b).into(),
            Self::List(items) => items.iter().map(Self::json).collect(),
            // The row that was used is recorded apart.
            Self::Table(table) => format!("Tabelle mit {} Zeilen", table.len()).into(),
        }
    }
}

fn element(value: &Toml) -> Result<Value, String> {
    match value {
        Toml::Integer(n) => Ok(Value::Int(*n)),
        Toml::String(text) => Ok(Value::Text(text.clone())),
        other => Err(format!("{other} kann nicht in einer Liste stehen; möglich sind Text und ganze Zahlen")),
    }
}
