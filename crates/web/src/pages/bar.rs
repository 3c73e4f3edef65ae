//! A bar picture of outcome shares, drawn on the server in percent, so that it needs no script and fits every width.
//!
//! Colour never stands alone: every outcome has its own pattern, wide segments carry their share, and the table under
//! the picture has every number.

use super::{format, words};
use domain::Outcome;

/// Narrower segments have no room for their share.
const LABEL_FROM_PER_MILLE: i64 = 120;

pub(super) struct Bar {
    pub segments: Vec<Segment>,
    /// The picture in words.
    pub description: String,
}

pub(super) struct Segment {
    pub outcome: &'static str,
    /// Percent with a point, as SVG wants it.
    pub x: String,
    pub width: String,
    pub middle: String,
    pub label: Option<String>,
}

impl Bar {
    pub(super) fn new(title: &str, counts: &[(Outcome, i64)]) -> Self {
        let whole: i64 = counts.iter().map(|(_, n)| n).sum();
        let mut segments = Vec::new();
        let mut said = Vec::new();
        let mut before = 0;
        for (outcome, n) in counts.iter().filter(|(_, n)| *n > 0) {
            let share = format::share(*n, whole);
            said.push(format!("{} {share}", words::outcome(*outcome)));
            segments.push(Segment {
                outcome: outcome.as_str(),
                x: percent(before, whole),
                width: percent(*n, whole),
                middle: percent(before * 2 + n, whole * 2),
                label: (n * 1_000 / whole.max(1) >= LABEL_FROM_PER_MILLE).then_some(share),
            });
            before += n;
        }
        Self { segments, description: format!("{title}: {}", said.join(", ")) }
    }
}

/// `12.34%`
fn percent(part: i64, whole: i64) -> String {
    let hundredths = i128::from(part) * 10_000 / i128::from(whole.max(1));
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_follow_each_other_and_only_wide_ones_are_labelled() {
        let bar = Bar::new("Dienst", &[(Outcome::Granted, 9), (Outcome::Refused, 0), (Outcome::Referred, 1)]);
        let drawn: Vec<_> = bar.segments.iter().map(|s| (s.x.as_str(), s.width.as_str(), s.label.is_some())).collect();
        assert_eq!(drawn, [("0.00%", "90.00%", true), ("90.00%", "10.00%", false)]);
        assert_eq!(bar.description, "Dienst: erteilt 90,0\u{202f}%, beim Menschen 10,0\u{202f}%");
        assert!(Bar::new("leer", &[]).segments.is_empty());
    }
}
