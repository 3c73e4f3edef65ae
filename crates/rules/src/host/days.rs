//! Calendar days, holidays, periods: no clock, no time zone.

use super::{Fallible, evaluation};
use crate::engine::fail;
use calendar::{Calendar, Period, Place, age_on, plus_days, plus_months};
use jiff::civil::Date;
use rhai::{Engine, EvalAltResult, INT, NativeCallContext};

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Date>("Datum");
    engine.register_fn("datum", |text: &str| text.parse::<Date>().map_err(|_| fail(format!("„{text}“ ist kein Tag"))));
    engine.register_fn("datum_aus", |year: INT, month: INT, day: INT| -> Fallible<Date> {
        let parts = (i16::try_from(year), i8::try_from(month), i8::try_from(day));
        let (Ok(year), Ok(month), Ok(day)) = parts else { return Err(fail("kein Tag")) };
        Date::new(year, month, day).map_err(|_| fail(format!("{year}-{month}-{day} ist kein Tag")))
    });
    engine.register_fn("plus_monate", move |d: Date, n: INT| plus_months(d, n).ok_or_else(no_day));
    engine.register_fn("plus_tage", move |d: Date, n: INT| plus_days(d, n).ok_or_else(no_day));
    engine.register_fn("monate_zwischen", |from: Date, to: Date| {
        let months = |day: Date| INT::from(day.year()) * 12 + INT::from(day.month());
        months(to) - months(from)
    });
    engine.register_fn("monatserster", |d: Date| d.first_of_month());
    engine.register_fn("monatsletzter", |d: Date| d.last_of_month());
    engine.register_fn("monatsname", |d: Date| domain::german::month(d));
    engine.register_fn("jahr", |d: Date| INT::from(d.year()));
    engine.register_fn("monat", |d: Date| INT::from(d.month()));
    engine.register_fn("tag", |d: Date| INT::from(d.day()));
    engine.register_fn("alter_am", |birth: Date, day: Date| age_on(birth, day));
    engine.register_fn("==", |a: Date, b: Date| a == b);
    engine.register_fn("!=", |a: Date, b: Date| a != b);
    periods(engine);
}

/// Days that depend on the holidays of the application's place. § 193 BGB means the place of the declaration: that is the
/// same for the office of a Kommune; an office for a whole Land has no place of its own here.
fn periods(engine: &mut Engine) {
    engine.register_fn("feiertag", |context: NativeCallContext, day: Date| -> Fallible<bool> {
        at_place(&context, |calendar, place| Some(calendar.holidays_on(day, place).next().is_some()))
    });
    engine.register_fn("werktag", |context: NativeCallContext, day: Date| -> Fallible<bool> {
        at_place(&context, |calendar, place| Some(calendar.is_working_day(day, place)))
    });
    engine.register_fn("naechster_werktag", |context: NativeCallContext, day: Date| -> Fallible<Date> {
        at_place(&context, |calendar, place| calendar.next_working_day(day, place))
    });
    for (name, period) in [
        ("frist_tage", Period::Days as fn(i64) -> Period),
        ("frist_wochen", Period::Weeks),
        ("frist_monate", Period::Months),
    ] {
        engine.register_fn(name, move |context: NativeCallContext, event: Date, length: INT| -> Fallible<Date> {
            at_place(&context, |calendar, place| calendar.deadline(event, period(length), place))
        });
    }
}

fn at_place<T>(context: &NativeCallContext, ask: impl Fn(&Calendar, &Place) -> Option<T>) -> Fallible<T> {
    let evaluation = evaluation(context)?;
    let calendar = evaluation.rules.base.calendar.as_ref().ok_or_else(|| fail("rules/kalender.toml fehlt"))?;
    evaluation.spend(calendar.holidays.len()).map_err(fail)?;
    ask(calendar, &Place::from(&evaluation.ars)).ok_or_else(no_day)
}

fn no_day() -> Box<EvalAltResult> {
    fail("kein Tag")
}
