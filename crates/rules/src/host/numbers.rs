//! Exact numbers and statutory rounding.

use super::Fallible;
use crate::engine::fail;
use domain::{Decimal, json};
use rhai::{Engine, INT};
use rust_decimal::RoundingStrategy;

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("euro", |d: Decimal| d);
    engine.register_fn("euro", |n: INT| Decimal::from(n));
    engine
        .register_fn("euro", |text: &str| json::decimal(text).ok_or_else(|| fail(format!("„{text}“ ist kein Betrag"))));
    engine.register_fn("runde_cent", |d: Decimal| cents(d));
    engine.register_fn("runde_cent", |n: INT| cents(Decimal::from(n)));
    // Statutory rounding: the law says which, so each has its own name. Half away from zero is the commercial rule.
    for (name, how) in [
        ("runde_euro", RoundingStrategy::MidpointAwayFromZero),
        ("runde_euro_ab", RoundingStrategy::ToNegativeInfinity),
        ("runde_euro_auf", RoundingStrategy::ToPositiveInfinity),
    ] {
        engine.register_fn(name, move |amount: Decimal| amount.round_dp_with_strategy(0, how));
        engine.register_fn(name, |whole: INT| Decimal::from(whole));
    }
    engine.register_fn("runde_cent_ab", |d: Decimal| to_cents(d, RoundingStrategy::ToNegativeInfinity));
    engine.register_fn("runde_cent_auf", |d: Decimal| to_cents(d, RoundingStrategy::ToPositiveInfinity));
    engine.register_fn("runde", |d: Decimal, places: INT| at_place(d, places, RoundingStrategy::MidpointAwayFromZero));
    engine.register_fn("abschneiden", |d: Decimal, places: INT| at_place(d, places, RoundingStrategy::ToZero));
    engine.register_fn("min", |a: INT, b: INT| a.min(b));
    engine.register_fn("max", |a: INT, b: INT| a.max(b));
    engine.register_fn("min", |a: Decimal, b: Decimal| a.min(b));
    engine.register_fn("max", |a: Decimal, b: Decimal| a.max(b));
}

/// Commercial rounding (half away from zero) to two places, which are then always shown.
fn cents(amount: Decimal) -> Decimal {
    to_cents(amount, RoundingStrategy::MidpointAwayFromZero)
}

fn to_cents(amount: Decimal, how: RoundingStrategy) -> Decimal {
    let mut rounded = amount.round_dp_with_strategy(2, how);
    rounded.rescale(2);
    rounded
}

fn at_place(number: Decimal, places: INT, how: RoundingStrategy) -> Fallible<Decimal> {
    let places = u32::try_from(places).ok().filter(|places| *places <= Decimal::MAX_SCALE);
    let places = places.ok_or_else(|| fail("so viele Nachkommastellen gibt es nicht"))?;
    Ok(number.round_dp_with_strategy(places, how))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_round_half_up_and_are_shown() {
        assert_eq!(cents("76.5".parse().unwrap()).to_string(), "76.50");
        assert_eq!(cents("0.125".parse().unwrap()).to_string(), "0.13");
    }

    #[test]
    fn places_are_cut_or_rounded() {
        let number: Decimal = "-1.00000000005".parse().unwrap();
        let cut = |places| at_place(number, places, RoundingStrategy::ToZero).map(|d| d.to_string());
        assert_eq!(cut(10).unwrap(), "-1.0000000000");
        let rounded = at_place(number, 10, RoundingStrategy::MidpointAwayFromZero).unwrap();
        assert_eq!(rounded.to_string(), "-1.0000000001");
        assert!(cut(-1).is_err() && cut(29).is_err());
    }
}
