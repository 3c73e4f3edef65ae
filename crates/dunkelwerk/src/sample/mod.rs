//! Made-up applications for `demo` and load tests: as varied as a city's portal sees them, the same for the same seed.
//!
//! What they look like stands in `workflows/<service>/beispiel.yaml` ([`Example`]; format: `docs/howto/beispielantraege.md`).
//! Nothing here knows a service, a fee or a rule, and nothing reads a clock, a file or real data: names, addresses and
//! plates are drawn from lists. Start at [`Generator::next`].

mod draw;
mod example;
mod operator;
mod people;
mod template;

pub use example::{Example, examples};

use domain::{Ars, ServiceName};
use draw::Draw;
use example::{How, Variety};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use template::Scope;

/// A place where somebody is competent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    pub ars: String,
    pub name: String,
}

impl Spot {
    /// The Land as folders name it, such as `nw`.
    fn land(&self) -> &'static str {
        Ars::new(self.ars.clone()).map_or("", |ars| ars.land().short())
    }
}

/// One application, and what is special about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub envelope: Value,
    /// Such as `vollstaendig`, `freitext` or `dublette`: what the applicant did, not what becomes of it.
    pub kind: Arc<str>,
}

/// An endless stream of samples. Same seed, time, examples and places: same stream.
#[derive(Debug)]
pub struct Generator {
    draw: Draw,
    streams: Vec<Stream>,
}

impl Generator {
    /// Services without an example, a place or a weight stay out.
    pub fn new(
        seed: u64,
        now: Timestamp,
        examples: BTreeMap<ServiceName, Example>,
        places: &dyn Fn(&ServiceName) -> Vec<Spot>,
    ) -> Self {
        let stream = |(service, example): (ServiceName, Example)| {
            let places = example.weighted(places(&service));
            Stream { service, example, places, earlier: Vec::new() }
        };
        let streams = examples.into_iter().map(stream);
        let drawn = |s: &Stream| s.example.weight > 0 && s.places.iter().any(|(_, weight)| *weight > 0);
        let streams = streams.filter(drawn).collect();
        Self { draw: Draw::new(seed, now), streams }
    }

    /// The next application.
    ///
    /// # Errors
    /// An example that asks for what it did not draw, with the place in its file.
    pub fn next(&mut self) -> Result<Sample, String> {
        let weights: Vec<u32> = self.streams.iter().map(|stream| stream.example.weight).collect();
        let at = self.draw.weighted_index(&weights);
        let stream = self.streams.get_mut(at).ok_or("no service has an example and a place")?;
        stream.next(&mut self.draw).map_err(|e| format!("workflows/{}/beispiel.yaml: {e}", stream.service))
    }
}

/// Clean applications that are kept to come back to.
const KEPT: usize = 256;

/// The applications of one service.
#[derive(Debug)]
struct Stream {
    service: ServiceName,
    example: Example,
    places: Vec<(Spot, u32)>,
    /// What complete applications drew, and what came of it.
    earlier: Vec<(Scope, Value)>,
}

impl Stream {
    fn next(&mut self, draw: &mut Draw) -> Result<Sample, String> {
        let weights: Vec<u32> = self.example.varieties.iter().map(|v| v.weight).collect();
        let variety = self.example.varieties.get(draw.weighted_index(&weights)).cloned().ok_or("sorten is empty")?;
        let old = match variety.how {
            How::New => None,
            How::Repeated | How::Followed => self.take_earlier(draw, variety.how),
        };
        let (scope, mut envelope) = match (variety.how, old) {
            (How::Repeated, Some((scope, envelope))) => (scope, envelope),
            (How::Followed, Some((mut scope, _))) => {
                variety.remember.iter().try_for_each(|(name, value)| scope.remember(draw, name, value))?;
                let envelope = self.envelope(draw, &scope)?;
                (scope, envelope)
            }
            (How::New | How::Repeated | How::Followed, _) => self.fresh(draw, &variety)?,
        };
        for (pointer, template) in &variety.set {
            match template.draw(draw, &scope)? {
                Some(Value::Null) | None => remove(&mut envelope, pointer),
                Some(value) => set(&mut envelope, pointer, value)?,
            }
        }
        spoil(draw, &mut envelope, &variety.faults)?;
        if variety.is_clean() {
            self.keep(draw, (scope, envelope.clone()));
        }
        Ok(Sample { envelope, kind: variety.kind })
    }

    /// An earlier complete application. For a follow-up it is taken, not copied: what the applicant has stays known.
    fn take_earlier(&mut self, draw: &mut Draw, how: How) -> Option<(Scope, Value)> {
        if self.earlier.is_empty() {
            return None;
        }
        let at = draw.index(self.earlier.len());
        if how == How::Followed { Some(self.earlier.swap_remove(at)) } else { self.earlier.get(at).cloned() }
    }

    fn fresh(&self, draw: &mut Draw, variety: &Variety) -> Result<(Scope, Value), String> {
        let weights: Vec<u32> = self.places.iter().map(|(_, weight)| *weight).collect();
        let drawn = self.places.get(draw.weighted_index(&weights)).map(|(spot, _)| spot.clone());
        let spot = match variety.place.as_deref() {
            None => drawn,
            Some("unbekannt") => Some(self.elsewhere(draw)),
            Some(ars) => self.places.iter().find(|(spot, _)| spot.ars == ars).map(|(spot, _)| spot.clone()).or(drawn),
        };
        let mut scope = Scope::new(draw, &spot.ok_or("no place")?);
        let overridden =
            |name: &String| variety.remember.iter().find(|(other, _)| other == name).map(|(_, value)| value);
        for (name, value) in &self.example.remember {
            scope.remember(draw, name, overridden(name).unwrap_or(value))?;
        }
        let envelope = self.envelope(draw, &scope)?;
        Ok((scope, envelope))
    }

    fn envelope(&self, draw: &mut Draw, scope: &Scope) -> Result<Value, String> {
        let mut envelope = Map::new();
        envelope.insert("id".into(), draw.id().into());
        envelope.insert("service".into(), self.service.as_str().into());
        envelope.insert("ars".into(), scope.ars().into());
        let channel = draw.channel();
        envelope.insert("channel".into(), channel.into());
        if channel == "online" {
            envelope.insert("trust_level".into(), "substantiell".into());
        }
        for (name, template) in &self.example.envelope {
            match template.draw(draw, scope)? {
                Some(Value::Null) | None => _ = envelope.remove(name),
                Some(value) => _ = envelope.insert(name.clone(), value),
            }
        }
        let data = self.example.data.draw(draw, scope)?;
        envelope.insert("data".into(), data.unwrap_or_else(|| json!({})));
        Ok(Value::Object(envelope))
    }

    fn keep(&mut self, draw: &mut Draw, application: (Scope, Value)) {
        if self.earlier.len() < KEPT {
            self.earlier.push(application);
        } else if let Some(old) = self.earlier.get_mut(draw.index(KEPT)) {
            *old = application;
        }
    }

    /// A well-formed key that nobody configured.
    fn elsewhere(&self, draw: &mut Draw) -> Spot {
        loop {
            let land = draw.between(1, 16);
            let ars = format!("{land:02}999{:07}", draw.between(0, 9_999_999));
            if Ars::new(ars.clone()).is_ok() && self.places.iter().all(|(spot, _)| spot.ars != ars) {
                return Spot { ars, name: "Musterstadt".to_owned() };
            }
        }
    }
}

/// Breaks two to five different fields.
fn spoil(draw: &mut Draw, envelope: &mut Value, faults: &[(String, Vec<Value>)]) -> Result<(), String> {
    let mut left: Vec<&(String, Vec<Value>)> = faults.iter().collect();
    let count = if faults.is_empty() { 0 } else { draw.between(2, 5) };
    for _ in 0..count {
        if left.is_empty() {
            break;
        }
        let (pointer, wrongs) = left.swap_remove(draw.index(left.len()));
        match wrongs.get(draw.index(wrongs.len())) {
            Some(Value::Null) | None => remove(envelope, pointer),
            Some(value) => set(envelope, pointer, value.clone())?,
        }
    }
    Ok(())
}

/// Sets a field of an object or an entry of a list, which must be there.
fn set(envelope: &mut Value, pointer: &str, value: Value) -> Result<(), String> {
    let (parent, key) = pointer.rsplit_once('/').ok_or_else(|| format!("{pointer} is no JSON pointer"))?;
    match envelope.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.insert(key.to_owned(), value);
            Ok(())
        }
        Some(Value::Array(items)) if key.parse().is_ok_and(|at: usize| at < items.len()) => {
            if let Some(item) = key.parse().ok().and_then(|at: usize| items.get_mut(at)) {
                *item = value;
            }
            Ok(())
        }
        // A list that is shorter this time has nothing to change.
        Some(Value::Array(_)) => Ok(()),
        _ if parent.split('/').any(|part| part.parse::<usize>().is_ok()) => Ok(()),
        _ => Err(format!("{parent} is neither object nor list")),
    }
}

fn remove(envelope: &mut Value, pointer: &str) {
    if let Some((object, key)) = pointer.rsplit_once('/')
        && let Some(Value::Object(fields)) = envelope.pointer_mut(object)
    {
        fields.remove(key);
    }
}

#[cfg(test)]
mod tests;
