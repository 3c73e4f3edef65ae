//! The contract's words as pages say them.

use domain::{Outcome, ReferralReason};

/// The outcome as the end of "wurde …".
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Granted => "erteilt",
        Outcome::PartlyGranted => "teilweise erteilt",
        Outcome::Refused => "abgelehnt",
        Outcome::Referred => "beim Menschen",
        Outcome::CorrectionNeeded => "Nachforderung",
        Outcome::Forwarded => "weitergeleitet",
    }
}

/// The outcome behind a contract word.
pub(super) fn outcome_of(word: &str) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|o| o.as_str() == word)
}

/// A contract word for an outcome, or the word itself where a newer program wrote it.
pub(super) fn outcome_word(word: &str) -> String {
    outcome_of(word).map_or_else(|| word.to_owned(), |o| outcome(o).to_owned())
}

pub(super) fn state(word: &str) -> String {
    match word {
        "decided" => "entschieden",
        "referred" => "einem Menschen vorgelegt",
        "correction_needed" => "wartet auf berichtigte Angaben",
        "forwarded" => "an die zuständige Stelle weitergeleitet",
        "conflict" => "Kennung schon mit anderem Inhalt vergeben",
        other => other,
    }
    .to_owned()
}

pub(super) fn reason(word: &str) -> String {
    ReferralReason::from_word(word).map_or_else(|| word.to_owned(), |reason| reason.german().to_owned())
}

pub(super) fn action(word: &str) -> String {
    match word {
        "decided" => "entschieden",
        "received" => "eingegangen",
        "referred" => "vorgelegt",
        "duplicate" => "Dublette erkannt",
        "conflict" => "Kennung mit anderem Inhalt wiederholt",
        other => other,
    }
    .to_owned()
}

/// The text of a service that the applicant reads after this outcome.
pub(super) fn notice_text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Granted | Outcome::PartlyGranted => "erteilung",
        Outcome::Refused => "ablehnung",
        Outcome::Referred => "vorlage",
        Outcome::CorrectionNeeded => "nachforderung",
        Outcome::Forwarded => "weiterleitung",
    }
}
