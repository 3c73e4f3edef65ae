//! Made-up applications for `demo` and load tests: as varied as a city's portal sees them, the same for the same seed.
//!
//! A service is a clean application ([`Service::clean`]) and a table of varieties that say what is different about it.
//! Nothing here knows fees or decides anything, and nothing reads a clock, a file or real data: names, addresses and
//! plates are drawn from lists, streets from the sample zones of `rules/kommune`. Start at [`Generator::next`].

mod dog;
mod draw;
mod parking;
mod people;

use draw::Draw;
use jiff::Timestamp;
use serde_json::Value;

/// The ARS of the places that each service may be asked of, from the rule book; a service without a place stays out.
#[derive(Debug, Clone, Default)]
pub struct Places {
    pub parking: Vec<String>,
    pub dogs: Vec<String>,
}

/// One application, and what is special about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub envelope: Value,
    /// Such as `vollstaendig`, `freitext` or `dublette`: what the applicant did, not what becomes of it.
    pub kind: &'static str,
}

/// An endless stream of samples. Same seed, time and places: same stream.
#[derive(Debug)]
pub struct Generator {
    draw: Draw,
    parking: Stream,
    dogs: Stream,
}

impl Generator {
    pub fn new(seed: u64, now: Timestamp, places: Places) -> Self {
        Self {
            draw: Draw::new(seed, now),
            parking: Stream { service: &parking::SERVICE, places: places.parking, earlier: Vec::new() },
            dogs: Stream { service: &dog::SERVICE, places: places.dogs, earlier: Vec::new() },
        }
    }

    /// The next application: two of three are for parking.
    pub fn next(&mut self) -> Sample {
        let dogs = !self.dogs.places.is_empty() && (self.parking.places.is_empty() || self.draw.chance(333));
        let stream = if dogs { &mut self.dogs } else { &mut self.parking };
        stream.next(&mut self.draw)
    }
}

/// A change to an envelope that makes a variety of it.
type Change = fn(&mut Draw, &mut Value);

/// What can be asked for.
#[derive(Debug)]
struct Service {
    /// An application in the place with this ARS that nothing is wrong with.
    clean: fn(&mut Draw, &str) -> Value,
    varieties: &'static [Variety],
}

#[derive(Debug)]
struct Variety {
    /// Relative to the other varieties of the service.
    weight: u32,
    kind: &'static str,
    make: Make,
}

#[derive(Debug, Clone, Copy)]
enum Make {
    Clean,
    Changed(Change),
    /// Changed, and in this place if it is configured.
    In(&'static str, Change),
    /// Sent to a place nobody configured.
    Elsewhere,
    /// An earlier clean application once more under its own id.
    Repeated(Change),
    /// Another application of an earlier applicant.
    Followed(Change),
}

const fn changed(weight: u32, kind: &'static str, change: Change) -> Variety {
    Variety { weight, kind, make: Make::Changed(change) }
}

/// Clean applications that are kept to come back to.
const KEPT: usize = 256;

/// Well-formed ARS of Kiel, Bremen, Rostock and Erfurt, which have no rules yet.
const ELSEWHERE: [&str; 4] = ["010020000000", "040110000000", "130030000000", "160510000000"];

/// The applications of one service.
#[derive(Debug)]
struct Stream {
    service: &'static Service,
    places: Vec<String>,
    earlier: Vec<Value>,
}

impl Stream {
    fn next(&mut self, draw: &mut Draw) -> Sample {
        let varieties = self.service.varieties;
        let Some(Variety { kind, make, .. }) = draw.weighted(varieties, |v| v.weight) else {
            return self.clean(draw);
        };
        let envelope = match *make {
            Make::Clean => return self.clean(draw),
            Make::Repeated(_) | Make::Followed(_) if self.earlier.is_empty() => return self.clean(draw),
            Make::Changed(change) => {
                let place = self.place(draw);
                self.changed(draw, &place, change)
            }
            Make::In(ars, change) => {
                let place = self.places.iter().find(|place| *place == ars).cloned();
                let place = place.unwrap_or_else(|| self.place(draw));
                self.changed(draw, &place, change)
            }
            Make::Elsewhere => {
                let place = self.elsewhere(draw);
                (self.service.clean)(draw, &place)
            }
            Make::Repeated(change) => {
                let at = draw.index(self.earlier.len());
                let mut envelope = self.earlier.get(at).cloned().unwrap_or_default();
                change(draw, &mut envelope);
                envelope
            }
            Make::Followed(change) => {
                let at = draw.index(self.earlier.len());
                // Taken, not copied: what this applicant already has stays known exactly.
                let mut envelope = self.earlier.swap_remove(at);
                set(&mut envelope, "/id", draw.id().into());
                change(draw, &mut envelope);
                envelope
            }
        };
        Sample { envelope, kind }
    }

    fn clean(&mut self, draw: &mut Draw) -> Sample {
        let place = self.place(draw);
        let envelope = (self.service.clean)(draw, &place);
        if self.earlier.len() < KEPT {
            self.earlier.push(envelope.clone());
        } else {
            let at = draw.index(KEPT);
            if let Some(old) = self.earlier.get_mut(at) {
                *old = envelope.clone();
            }
        }
        Sample { envelope, kind: "vollstaendig" }
    }

    fn changed(&self, draw: &mut Draw, place: &str, change: Change) -> Value {
        let mut envelope = (self.service.clean)(draw, place);
        change(draw, &mut envelope);
        envelope
    }

    fn place(&self, draw: &mut Draw) -> String {
        let place = draw.weighted(&self.places, |ars| people::city(ars).weight).cloned();
        place.unwrap_or_else(|| self.elsewhere(draw))
    }

    fn elsewhere(&self, draw: &mut Draw) -> String {
        let unknown: Vec<&str> = ELSEWHERE.into_iter().filter(|ars| self.places.iter().all(|p| p != ars)).collect();
        // Should all of them be configured one day, an unused key of Schleswig-Holstein still is not.
        if unknown.is_empty() { "019990000000".to_owned() } else { draw.pick(&unknown).to_owned() }
    }
}

/// A field, and what people put there instead.
type Fault = (&'static str, &'static [Wrong]);

#[derive(Debug, Clone, Copy)]
enum Wrong {
    Missing,
    Text(&'static str),
    Number(i64),
}

/// Breaks two to five different fields.
fn spoil(draw: &mut Draw, envelope: &mut Value, faults: &[Fault]) {
    let mut left: Vec<&Fault> = faults.iter().collect();
    for _ in 0..draw.between(2, 5) {
        let at = draw.index(left.len());
        let (pointer, wrongs) = left.swap_remove(at);
        match draw.weighted(wrongs, |_| 1) {
            Some(Wrong::Text(text)) => set(envelope, pointer, (*text).into()),
            Some(Wrong::Number(number)) => set(envelope, pointer, (*number).into()),
            Some(Wrong::Missing) | None => remove(envelope, pointer),
        }
    }
}

/// Sets a field of an object; the object must be there.
fn set(envelope: &mut Value, pointer: &str, value: Value) {
    if let Some((object, key)) = pointer.rsplit_once('/')
        && let Some(Value::Object(fields)) = envelope.pointer_mut(object)
    {
        fields.insert(key.to_owned(), value);
    }
}

fn remove(envelope: &mut Value, pointer: &str) {
    if let Some((object, key)) = pointer.rsplit_once('/')
        && let Some(Value::Object(fields)) = envelope.pointer_mut(object)
    {
        fields.remove(key);
    }
}

fn text<'a>(envelope: &'a Value, pointer: &str) -> &'a str {
    envelope.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn unchanged(_: &mut Draw, _: &mut Value) {}

#[cfg(test)]
mod tests;
