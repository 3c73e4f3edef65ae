//! A part of an example: written out, or drawn.

use super::draw::Draw;
use super::operator::Operator;
use super::{Spot, people};
use serde_json::{Map, Value, json};
use serde_norway::{Mapping, Value as Yaml};
use std::collections::BTreeMap;

/// What a field is filled from.
#[derive(Debug, Clone)]
pub(super) enum Template {
    Written(Value),
    Object(Vec<(String, Template)>),
    List(Vec<Template>),
    Drawn(Box<Operator>),
}

impl Template {
    /// # Errors
    /// An operator that does not exist or has wrong arguments.
    pub fn read(yaml: &Yaml) -> Result<Self, String> {
        match yaml {
            Yaml::Mapping(mapping) => match operator(mapping) {
                Some((name, argument)) => Ok(Self::Drawn(Box::new(Operator::read(name, argument)?))),
                None => fields(mapping).map(Self::Object),
            },
            Yaml::Sequence(items) => items.iter().map(Self::read).collect::<Result<_, _>>().map(Self::List),
            scalar => json(scalar).map(Self::Written),
        }
    }

    /// Nothing where an optional part stays out.
    ///
    /// # Errors
    /// A name that nothing was drawn for, or a value of the wrong kind.
    pub fn draw(&self, draw: &mut Draw, scope: &Scope) -> Result<Option<Value>, String> {
        match self {
            Self::Written(value) => Ok(Some(value.clone())),
            Self::Object(fields) => {
                let mut object = Map::new();
                for (name, template) in fields {
                    if let Some(value) = template.draw(draw, scope)? {
                        object.insert(name.clone(), value);
                    }
                }
                Ok(Some(Value::Object(object)))
            }
            Self::List(items) => {
                let drawn: Vec<Option<Value>> =
                    items.iter().map(|item| item.draw(draw, scope)).collect::<Result<_, String>>()?;
                Ok(Some(drawn.into_iter().flatten().collect()))
            }
            Self::Drawn(operator) => operator.draw(draw, scope),
        }
    }
}

/// `{ $name: argument }`.
fn operator(mapping: &Mapping) -> Option<(&str, &Yaml)> {
    let (name, argument) = mapping.iter().next().filter(|_| mapping.len() == 1)?;
    Some((name.as_str()?.strip_prefix('$')?, argument))
}

/// The fields of a mapping in the order in which they are written.
pub(super) fn fields(mapping: &Mapping) -> Result<Vec<(String, Template)>, String> {
    let field = |(name, value): (&Yaml, &Yaml)| {
        let name = name.as_str().ok_or("ein Feldname ist kein Text")?.to_owned();
        let template = Template::read(value).map_err(|e| format!("{name}: {e}"))?;
        Ok((name, template))
    };
    mapping.iter().map(field).collect()
}

/// A value as it stands.
pub(super) fn json(yaml: &Yaml) -> Result<Value, String> {
    serde_json::to_value(yaml).map_err(|e| e.to_string())
}

/// What was drawn for this application.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    values: BTreeMap<String, Value>,
    pub city: people::City,
    pub town: String,
}

impl Scope {
    pub fn new(draw: &Draw, spot: &Spot) -> Self {
        let city = people::city(&spot.ars);
        let town = if city.name.is_empty() { spot.name.clone() } else { city.name.to_owned() };
        let postcode = city.streets.first().map_or("", |(_, postcode)| postcode);
        let place =
            json!({ "ars": spot.ars, "name": town, "land": spot.land(), "plz": postcode, "kennzeichen": city.plate });
        let values = [("ort".to_owned(), place), ("heute".to_owned(), draw.today.to_string().into())];
        Self { values: values.into(), city, town }
    }

    pub fn ars(&self) -> String {
        self.values.get("ort").and_then(|place| place.get("ars")).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Draws and keeps; what stays out is not there afterwards.
    ///
    /// # Errors
    /// Those of drawing, with the name.
    pub fn remember(&mut self, draw: &mut Draw, name: &str, template: &Template) -> Result<(), String> {
        match template.draw(draw, self).map_err(|e| format!("merke.{name}: {e}"))? {
            Some(value) => _ = self.values.insert(name.to_owned(), value),
            None => _ = self.values.remove(name),
        }
        Ok(())
    }

    /// What stands under `person.vornamen`.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let value = self.values.get(first)?;
        if rest.is_empty() { Some(value) } else { value.pointer(&format!("/{}", rest.replace('.', "/"))) }
    }
}
