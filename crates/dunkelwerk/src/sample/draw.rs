//! Chance that repeats: every number, day, id and envelope head of a sample comes from here.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

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
    pub(super) fn below(&mut self, bound: u8) -> u8 {
        (self.random.next() % u64::from(bound.max(1))) as u8
    }
    /// One of a list, which is never empty here.
    pub(super) fn pick<T: Copy + Default>(&mut self, list: &[T]) -> T {
        let at = self.index(list.len());
        list.get(at).copied().unwrap_or_default()
    }
    pub(super) fn weighted_index(&mut self, weights: &[u32]) -> usize {
        let total: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
        let mut left = self.between(1, total);
        weights
            .iter()
            .position(|weight| {
                left -= i64::from(*weight);
                left <= 0
            })
            .unwrap_or_default()
    }
    pub(super) fn minutes_ago(&mut self, least: i64, most: i64) -> String {
        let second = self.now.as_second() - 60 * self.between(least, most);
        Timestamp::from_second(second).unwrap_or(self.now).display_with_offset(Offset::constant(1)).to_string()
    }
    pub(super) fn id(&mut self) -> String {
        self.count += 1;
        format!("demo-{:06}", self.count)
    }

    /// How applications come in, as portals report it.
    pub(super) fn channel(&mut self) -> &'static str {
        match self.between(1, 100) {
            1..=88 => "online",
            89..=96 => "counter",
            _ => "post",
        }
    }

    /// Somebody of so many completed years of life.
    pub(super) fn birth(&mut self, youngest: i64, oldest: i64) -> Date {
        let years = self.between(youngest, oldest);
        // The day itself would be the birthday; 364 days further back is the day before the next one.
        self.today.saturating_sub(years.years()).saturating_sub(self.between(0, 364).days())
    }

    /// A made-up German account with valid check digits (ISO 7064, mod 97).
    pub(super) fn iban(&mut self) -> String {
        let account: u128 = (0..18).fold(0, |number, _| number * 10 + u128::from(self.below(10)));
        // "DE00" behind the account, letters as two digits (D = 13, E = 14).
        let check = 98 - (account * 1_000_000 + 131_400) % 97;
        format!("DE{check:02}{account:018}")
    }

    /// Looks like a UUID of version 4.
    pub(super) fn uuid(&mut self) -> String {
        let (high, low) = (self.random.next(), self.random.next());
        let bytes = uuid::Uuid::from_u64_pair(high, low).into_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
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
