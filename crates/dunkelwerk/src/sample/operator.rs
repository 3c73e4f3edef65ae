//! What can be drawn (`docs/howto/beispielantraege.md`).

use super::draw::Draw;
use super::people;
use super::template::{Scope, Template, fields};
use calendar::{plus_days, plus_months};
use domain::Decimal;
use jiff::civil::Date;
use serde_json::{Value, json};
use serde_norway::Value as Yaml;

#[derive(Debug, Clone)]
pub(super) enum Operator {
    OneOf(Vec<(u32, Template)>),
    Maybe {
        permille: i64,
        of: Template,
    },
    /// By how the key of the place begins (the longest counts), else what stands under `sonst`.
    ByPlace(Vec<(String, Template)>),
    /// Steps of a size, with as many decimal places.
    Number {
        low: Decimal,
        steps: i64,
        step: Decimal,
        places: u32,
    },
    Person {
        youngest: i64,
        oldest: i64,
    },
    Birth {
        youngest: i64,
        oldest: i64,
    },
    GivenName,
    FamilyName,
    /// In a street with a sample zone, without one, or either.
    Address {
        zone: Option<bool>,
    },
    /// Days from today on, negative for the past.
    DaysFrom {
        least: i64,
        most: i64,
    },
    PlusDays {
        day: Template,
        days: Template,
    },
    PlusMonths {
        day: Template,
        months: Template,
    },
    FirstOfMonth(Template),
    FirstOfYear(Template),
    Year(Template),
    Earlier(Vec<Template>),
    Later(Vec<Template>),
    MinutesAgo {
        least: i64,
        most: i64,
    },
    Repeat {
        count: Template,
        of: Template,
    },
    Join(Vec<Template>),
    Value(String),
    Text(String),
    Sum(Vec<Template>),
    Product(Vec<Template>),
    Digits(usize),
    Letters(usize),
    Short(Template),
    Iban,
    Uuid,
}

impl Operator {
    /// # Errors
    /// An operator that does not exist or has wrong arguments.
    pub fn read(name: &str, argument: &Yaml) -> Result<Self, String> {
        let wrong = || format!("${name}: die Angabe passt nicht (beispielantraege.md)");
        let one = || Template::read(argument);
        let list = || match argument {
            Yaml::Sequence(items) => items.iter().map(Template::read).collect::<Result<Vec<_>, _>>(),
            _ => Err(wrong()),
        };
        let two = || match <[Template; 2]>::try_from(list()?) {
            Ok(pair) => Ok(pair),
            Err(_) => Err(wrong()),
        };
        let span = |yaml: &Yaml| -> Result<(i64, i64), String> {
            let numbers: Vec<i64> = yaml.as_sequence().into_iter().flatten().filter_map(Yaml::as_i64).collect();
            match numbers.as_slice() {
                [low, high] if low <= high && *low > i64::MIN => Ok((*low, *high)),
                _ => Err(wrong()),
            }
        };
        let field = |key: &str| argument.get(key);
        let count = || argument.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or_else(wrong);
        Ok(match name {
            "aus" => Self::OneOf(list()?.into_iter().map(|template| (1, template)).collect()),
            "gewichtet" => {
                let pairs = argument.as_sequence().ok_or_else(wrong)?.iter().map(|pair| {
                    let weight = pair.get(0).and_then(Yaml::as_u64).and_then(|n| u32::try_from(n).ok());
                    Ok((weight.ok_or_else(wrong)?, Template::read(pair.get(1).ok_or_else(wrong)?)?))
                });
                Self::OneOf(pairs.collect::<Result<_, String>>()?)
            }
            "je_ort" => {
                let mut choices = fields(argument.as_mapping().ok_or_else(wrong)?)?;
                choices.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
                Self::ByPlace(choices)
            }
            "vielleicht" => {
                let permille = argument.get(0).and_then(Yaml::as_i64).ok_or_else(wrong)?;
                Self::Maybe { permille, of: Template::read(argument.get(1).ok_or_else(wrong)?)? }
            }
            "zahl" => number(argument, 0).ok_or_else(wrong)?,
            "betrag" => number(argument, 2).ok_or_else(wrong)?,
            "person" => {
                let (youngest, oldest) = span(field("alter").ok_or_else(wrong)?)?;
                Self::Person { youngest, oldest }
            }
            "geburtsdatum" => {
                let (youngest, oldest) = span(argument)?;
                Self::Birth { youngest, oldest }
            }
            "vorname" => Self::GivenName,
            "familienname" => Self::FamilyName,
            "anschrift" => Self::Address { zone: field("zone").and_then(Yaml::as_bool) },
            "tage_her" => {
                let (least, most) = span(argument)?;
                Self::DaysFrom { least: -most, most: -least }
            }
            "in_tagen" => {
                let (least, most) = span(argument)?;
                Self::DaysFrom { least, most }
            }
            "plus_tage" => {
                let [day, days] = two()?;
                Self::PlusDays { day, days }
            }
            "plus_monate" => {
                let [day, months] = two()?;
                Self::PlusMonths { day, months }
            }
            "monatserster" => Self::FirstOfMonth(one()?),
            "jahresanfang" => Self::FirstOfYear(one()?),
            "jahr" => Self::Year(one()?),
            "frueher" => Self::Earlier(list()?),
            "spaeter" => Self::Later(list()?),
            "minuten_her" => {
                let (least, most) = span(argument)?;
                Self::MinutesAgo { least, most }
            }
            "liste" => {
                let part = |key: &str| Template::read(field(key).ok_or_else(wrong)?);
                Self::Repeat { count: part("anzahl")?, of: part("von")? }
            }
            "verbinde" => Self::Join(list()?),
            "wert" => Self::Value(argument.as_str().ok_or_else(wrong)?.to_owned()),
            "text" => Self::Text(argument.as_str().ok_or_else(wrong)?.to_owned()),
            "plus" => Self::Sum(list()?),
            "mal" => Self::Product(list()?),
            "ziffern" => Self::Digits(count()?),
            "buchstaben" => Self::Letters(count()?),
            "kurz" => Self::Short(one()?),
            "iban" => Self::Iban,
            "uuid" => Self::Uuid,
            _ => return Err(format!("${name} gibt es nicht (beispielantraege.md)")),
        })
    }

    pub fn draw(&self, draw: &mut Draw, scope: &Scope) -> Result<Option<Value>, String> {
        let drawn = match self {
            Self::OneOf(choices) => {
                let weights: Vec<u32> = choices.iter().map(|(weight, _)| *weight).collect();
                let at = draw.weighted_index(&weights);
                return choices.get(at).map_or(Ok(None), |(_, template)| template.draw(draw, scope));
            }
            Self::ByPlace(choices) => {
                let ars = scope.ars();
                let here = choices.iter().find(|(key, _)| ars.starts_with(key.as_str()));
                let chosen = here.or_else(|| choices.iter().find(|(key, _)| key == "sonst"));
                return chosen.map_or(Ok(None), |(_, template)| template.draw(draw, scope));
            }
            Self::Maybe { permille, of } => {
                return if draw.chance(*permille) { of.draw(draw, scope) } else { Ok(None) };
            }
            Self::Number { low, steps, step, places } => {
                let number = low + *step * Decimal::from(draw.between(0, *steps));
                exact(number, *places)?
            }
            Self::Person { youngest, oldest } => {
                let (given, family) = draw.name();
                json!({ "familienname": family, "vornamen": given, "geburtsdatum": draw.birth(*youngest, *oldest).to_string() })
            }
            Self::Birth { youngest, oldest } => draw.birth(*youngest, *oldest).to_string().into(),
            Self::GivenName => draw.name().0.into(),
            Self::FamilyName => draw.name().1.into(),
            Self::Address { zone } => draw.address(scope.city, &scope.town, *zone),
            Self::DaysFrom { least, most } => {
                let days = draw.between(*least, *most);
                shown(plus_days(draw.today, days))?
            }
            Self::PlusDays { day, days } => shown(plus_days(date(day, draw, scope)?, whole(days, draw, scope)?))?,
            Self::PlusMonths { day, months } => {
                shown(plus_months(date(day, draw, scope)?, whole(months, draw, scope)?))?
            }
            Self::FirstOfMonth(day) => date(day, draw, scope)?.first_of_month().to_string().into(),
            Self::FirstOfYear(day) => date(day, draw, scope)?.first_of_year().to_string().into(),
            Self::Year(day) => date(day, draw, scope)?.year().into(),
            Self::Earlier(days) => shown(dates(days, draw, scope)?.into_iter().min())?,
            Self::Later(days) => shown(dates(days, draw, scope)?.into_iter().max())?,
            Self::MinutesAgo { least, most } => draw.minutes_ago(*least, *most).into(),
            Self::Repeat { count, of } => {
                let count = whole(count, draw, scope)?;
                let items = (0..count).map(|_| of.draw(draw, scope)).collect::<Result<Vec<_>, String>>()?;
                items.into_iter().flatten().collect()
            }
            Self::Join(lists) => {
                let mut all = Vec::new();
                for list in lists {
                    if let Some(Value::Array(items)) = list.draw(draw, scope)? {
                        all.extend(items);
                    }
                }
                Value::Array(all)
            }
            Self::Value(path) => return Ok(Some(scope.get(path).cloned().ok_or_else(|| missing(path))?)),
            Self::Text(pattern) => fill(pattern, scope)?.into(),
            Self::Sum(parts) => {
                let sum = numbers(parts, draw, scope)?.into_iter().try_fold(Decimal::ZERO, Decimal::checked_add);
                exact(sum.ok_or("die Summe ist zu groß")?, 2)?
            }
            Self::Product(parts) => {
                let product = numbers(parts, draw, scope)?.into_iter().try_fold(Decimal::ONE, Decimal::checked_mul);
                exact(product.ok_or("das Produkt ist zu groß")?, 2)?
            }
            Self::Digits(count) => (0..*count).map(|_| char::from(b'0' + draw.below(10))).collect::<String>().into(),
            Self::Letters(count) => (0..*count).map(|_| char::from(b'A' + draw.below(26))).collect::<String>().into(),
            Self::Short(text) => people::abbreviated(&string(text, draw, scope)?).into(),
            Self::Iban => draw.iban().into(),
            Self::Uuid => draw.uuid().into(),
        };
        Ok(Some(drawn))
    }
}

fn missing(path: &str) -> String {
    format!("{path} steht nicht unter merke")
}

fn number(argument: &Yaml, places: u32) -> Option<Operator> {
    let part = |at: usize| argument.get(at).and_then(decimal);
    let (low, high) = (part(0)?, part(1)?);
    let smallest = Decimal::new(1, places);
    let step = part(2).unwrap_or(smallest);
    let steps = i64::try_from((high.checked_sub(low)?.checked_div(step)?).trunc()).ok().filter(|steps| *steps >= 0)?;
    Some(Operator::Number { low, steps, step, places })
}

fn decimal(yaml: &Yaml) -> Option<Decimal> {
    domain::json::decimal(&serde_json::to_value(yaml).ok()?.to_string())
}

/// A JSON number that is exactly this decimal.
fn exact(number: Decimal, places: u32) -> Result<Value, String> {
    let text = number.round_dp(places).normalize().to_string();
    text.parse().map(Value::Number).map_err(|_| format!("{text} is no number"))
}

fn shown(day: Option<Date>) -> Result<Value, String> {
    day.map(|day| day.to_string().into()).ok_or_else(|| "dieser Tag liegt außerhalb des Kalenders".to_owned())
}

fn string(template: &Template, draw: &mut Draw, scope: &Scope) -> Result<String, String> {
    match template.draw(draw, scope)? {
        Some(Value::String(text)) => Ok(text),
        other => Err(format!("{other:?} ist kein Text")),
    }
}

fn date(template: &Template, draw: &mut Draw, scope: &Scope) -> Result<Date, String> {
    let text = string(template, draw, scope)?;
    text.parse().map_err(|_| format!("{text} ist kein Tag"))
}

fn dates(templates: &[Template], draw: &mut Draw, scope: &Scope) -> Result<Vec<Date>, String> {
    templates.iter().map(|template| date(template, draw, scope)).collect()
}

fn whole(template: &Template, draw: &mut Draw, scope: &Scope) -> Result<i64, String> {
    let drawn = template.draw(draw, scope)?;
    drawn.as_ref().and_then(Value::as_i64).ok_or_else(|| format!("{drawn:?} ist keine ganze Zahl"))
}

fn numbers(templates: &[Template], draw: &mut Draw, scope: &Scope) -> Result<Vec<Decimal>, String> {
    let number = |template: &Template| {
        let drawn = template.draw(draw, scope)?;
        let number = drawn.as_ref().and_then(|value| domain::json::decimal(&value.to_string()));
        number.ok_or_else(|| format!("{drawn:?} ist keine Zahl"))
    };
    templates.iter().map(number).collect()
}

/// A text with `{paths}` filled.
fn fill(pattern: &str, scope: &Scope) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (path, after) = after.split_once('}').ok_or_else(|| format!("{pattern}: die Klammer ist offen"))?;
        text.push_str(before);
        match scope.get(path).ok_or_else(|| missing(path))? {
            Value::String(value) => text.push_str(value),
            other => text.push_str(&other.to_string()),
        }
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}
