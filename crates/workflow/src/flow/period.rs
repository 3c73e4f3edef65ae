//! Lengths of time as workflow files write them and people read them.

use calendar::Period;

/// The longest that a file may name, in its unit; keeps every day within the years that exist here.
const MOST: i64 = 9999;

/// `14 Tage`, `6 Wochen`, `1 Monat`; nothing where it is none, or is no time at all.
pub(super) fn read(text: &str) -> Option<Period> {
    let (number, unit) = text.split_once(' ')?;
    let number = number.parse().ok().filter(|n| (1..=MOST).contains(n))?;
    Some(match unit {
        "Tag" | "Tage" => Period::Days(number),
        "Woche" | "Wochen" => Period::Weeks(number),
        "Monat" | "Monate" => Period::Months(number),
        _ => return None,
    })
}

/// The same in German.
pub(super) fn german(period: Period) -> String {
    let (number, one, many) = match period {
        Period::Days(n) => (n, "Tag", "Tage"),
        Period::Weeks(n) => (n, "Woche", "Wochen"),
        Period::Months(n) => (n, "Monat", "Monate"),
    };
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in ["1 Tag", "14 Tage", "1 Woche", "6 Wochen", "1 Monat", "3 Monate"] {
            assert_eq!(german(read(text).unwrap()), text);
        }
        for text in ["", "14", "0 Tage", "-1 Tage", "10000 Tage", "14 tage", "14  Tage", "2 Jahre", "ein Tag"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
