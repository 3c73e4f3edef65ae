//! Exact values as German readers write them. Rules, explanations and pages all show them so.

use jiff::civil::Date;

const MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// `15.01.2025`
pub fn day(day: Date) -> String {
    day.strftime("%d.%m.%Y").to_string()
}

/// `Januar 2025`
pub fn month(day: Date) -> String {
    let name = usize::try_from(day.month() - 1).ok().and_then(|at| MONTHS.get(at)).unwrap_or(&"");
    format!("{name} {}", day.year())
}

/// `1.234,50` from `1234.50`; nothing where the text is no number with decimal places. Whole numbers stay as they are:
/// they may be years or keys.
pub fn decimal(text: &str) -> Option<String> {
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = unsigned.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(fraction)).then(|| format!("{sign}{},{fraction}", grouped(whole)))
}

/// `1.234.567` from `1234567`.
pub fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('.');
        }
        out.push(digit);
    }
    out
}

/// A text that is a day or a number with decimal places, as German readers write it; another one as it is. A key such
/// as `03241001` could be read as a day, too, and stays.
pub fn text(text: &str) -> String {
    let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    date.map(day).or_else(|| decimal(text)).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_german() {
        let shown = ["1234.50", "-1000000.00", "0.0000304", "2026", "2025-01-15", "03241001", "1.2.3", "8%"].map(text);
        assert_eq!(shown, ["1.234,50", "-1.000.000,00", "0,0000304", "2026", "15.01.2025", "03241001", "1.2.3", "8%"]);
        assert_eq!(month("2044-03-01".parse().unwrap()), "März 2044");
    }
}
