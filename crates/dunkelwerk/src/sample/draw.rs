//! Chance that repeats: every number, day, id and envelope head of a sample comes from here.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value};

/// Where everything that is drawn comes from.
#[derive(Debug)]
pub(super) struct Draw {
    pub random: SplitMix64,
    now: Timestamp,
    pub today: Date,
    count: u64,
}

impl Draw {
    pub(super) fn new(seed: u64, now: Timestamp) -> Self {
        // Standard time all year: never a day ahead of the legal day that the rules see.
        let today = Offset::constant(1).to_datetime(now).date();
        Self { random: SplitMix64(seed), now, today, count: 0 }
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        (self.random.next() % (len.max(1) as u64)) as usize
    }
    /// Both ends included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.random.next() % (high - low + 1).max(1) as u64) as i64
    }
    pub(super) fn chance(&mut self, permille: i64) -> bool {
        self.between(1, 1000) <= permille
    }
    /// One of a list, which is never empty here.
    pub(super) fn pick<T: Copy + Default>(&mut self, list: &[T]) -> T {
        let at = self.index(list.len());
        list.get(at).copied().unwrap_or_default()
    }
    pub(super) fn weighted<'a, T>(&mut self, list: &'a [T], weight: impl Fn(&T) -> u32) -> Option<&'a T> {
        let total: u32 = list.iter().map(&weight).sum();
        let mut left = self.between(1, total.into());
        list.iter().find(|item| {
            left -= i64::from(weight(item));
            left <= 0
        })
    }
    pub(super) fn days_ago(&mut self, least: i64, most: i64) -> Date {
        self.today.saturating_sub(self.between(least, most).days())
    }
    pub(super) fn minutes_ago(&mut self, least: i64, most: i64) -> String {
        let second = self.now.as_second() - 60 * self.between(least, most);
        Timestamp::from_second(second).unwrap_or(self.now).display_with_offset(Offset::constant(1)).to_string()
    }
    pub(super) fn id(&mut self) -> String {
        self.count += 1;
        format!("demo-{:06}", self.count)
    }

    pub(super) fn envelope(&mut self, service: &str, ars: &str, data: Value) -> Value {
        let mut envelope = Map::new();
        envelope.insert("id".into(), self.id().into());
        envelope.insert("service".into(), service.into());
        envelope.insert("ars".into(), ars.into());
        if self.chance(700) {
            envelope.insert("form_version".into(), "1".into());
        }
        if self.chance(100) {
            envelope.insert("received_at".into(), self.minutes_ago(60, 20 * 60).into());
        }
        let channel = match self.between(1, 100) {
            1..=88 => "online",
            89..=96 => "counter",
            _ => "post",
        };
        envelope.insert("channel".into(), channel.into());
        if channel == "online" {
            envelope.insert("trust_level".into(), "substantiell".into());
        }
        envelope.insert("data".into(), data);
        Value::Object(envelope)
    }
}

/// Sebastiano Vigna's public-domain `splitmix64.c` (<https://prng.di.unimi.it/splitmix64.c>), after Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014). Repeatable, and good for nothing secret.
#[derive(Debug)]
pub(super) struct SplitMix64(pub u64);

impl SplitMix64 {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
