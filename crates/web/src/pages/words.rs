//! The contract's words as pages say them.

use domain::{Outcome, ReferralReason};
use workflow::CaseState;

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

/// What a line of the history says of a decision.
pub(super) fn decided(outcome: Outcome) -> String {
    match outcome {
        Outcome::Granted | Outcome::PartlyGranted | Outcome::Refused => {
            format!("entschieden: {}", self::outcome(outcome))
        }
        Outcome::Referred => "einem Menschen vorgelegt".to_owned(),
        Outcome::CorrectionNeeded => "Berichtigung verlangt".to_owned(),
        Outcome::Forwarded => "weitergeleitet".to_owned(),
    }
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
        "failed" => "nicht verarbeitbar",
        other => CaseState::ALL.iter().find(|state| state.as_str() == other).map_or(other, |state| state.german()),
    }
    .to_owned()
}

/// A kind of work.
pub(super) fn work(word: &str) -> String {
    match word {
        "desk" => "entscheiden",
        "countersign" => "gegenzeichnen",
        "control" => "nachkontrollieren",
        other => other,
    }
    .to_owned()
}

/// What kind of document it is.
pub(super) fn document(word: &str) -> String {
    match word {
        "supplement" => "Ergänzung",
        "amendment" => "Änderung",
        "withdrawal" => "Rücknahme",
        "objection" => "Rechtsbehelf",
        "person" => "Verlangen nach einem Menschen",
        "hearing_reply" => "Äußerung in der Anhörung",
        "retrieved" => "Abruf des Bescheids",
        "answer" => "Auskunft eines Registers",
        "note" => "Vermerk",
        "draft" => "Entwurf",
        "hearing" => "Anhörungsschreiben",
        "control" => "Nachkontrolle",
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
        "read" => "angesehen",
        "erased" => "gelöscht (Aufbewahrungsfrist)",
        "register.answered" => "Register hat geantwortet",
        "timer.reminder" => "erinnert",
        "timer.follow_up" => "Wiedervorlage",
        "timer.escalation" => "vor Fristablauf gewarnt",
        "timer.fiction" => "gilt als erteilt (Genehmigungsfiktion)",
        "timer.deadline" => "Frist abgelaufen",
        "failure.edited" => "als Störung geändert und noch einmal versucht",
        "failure.cancelled" => "als Störung aufgegeben",
        "timer.paused" => "die Fristen ruhen noch",
        other => match other.split_once('.') {
            Some(("command", word)) if command(word) != word => command(word),
            Some(("message", kind)) => return format!("{} eingegangen", document(kind)),
            _ => other,
        },
    }
    .to_owned()
}

fn command(word: &str) -> &str {
    match word {
        "claim" => "in Bearbeitung genommen",
        "release" => "aus der Bearbeitung gegeben",
        "assign" => "zugewiesen",
        "follow_up" => "Wiedervorlage gesetzt",
        "note" => "Vermerk geschrieben",
        "draft" => "Entwurf gespeichert",
        "decide" => "von Hand entschieden",
        "sign" => "gegengezeichnet",
        "return" => "nicht gegengezeichnet, zurückgegeben",
        "request_correction" => "Angaben nachgefordert",
        "hear" => "Anhörung begonnen",
        "forward" => "an andere Stelle abgegeben",
        "pause" => "Fristen angehalten",
        "resume" => "Fristen laufen weiter",
        "extend" => "Frist verlängert",
        "extend_fiction" => "Frist der Genehmigungsfiktion verlängert",
        "reopen" => "wieder aufgenommen",
        "pick" => "zur Nachkontrolle ausgewählt",
        "close" => "beendet, die Entscheidung steht",
        "take" => "aus dem automatischen Ablauf genommen",
        "judge" => "nachkontrolliert",
        "retry" => "noch einmal der Maschine gegeben",
        "migrate" => "auf andere Fassung des Ablaufs gebracht",
        other => other,
    }
}

/// What could not be done.
pub(super) fn failure_kind(word: &str) -> String {
    match word {
        "message" => "Nachricht",
        "case" => "Vorgang",
        "question" => "Frage an ein Register",
        "rule" => "Regel",
        other => other,
    }
    .to_owned()
}

/// Why it could not be done.
pub(super) fn cause(word: &str) -> String {
    match word {
        "rule_error" => "Eine Regel bricht ab",
        "rule_incomplete" => "Eine Regel hat nicht alles geprüft",
        "no_flow" => "Die Fassung des Ablaufs ist nicht geladen",
        "broken_case" => "Der gespeicherte Vorgang ist nicht lesbar",
        "question_refused" => "Das Register lehnt die Frage ab",
        "parked" => "Aufgehoben, solange der Dienst angehalten ist",
        "unknown_sender" => "Absender unbekannt",
        "unknown_service" => "Dienst unbekannt",
        "unknown_form_version" => "Fassung des Formulars unbekannt",
        "unknown_field" => "Unbekanntes Feld im Umschlag",
        "invalid_field" => "Ein Feld des Umschlags fehlt oder ist falsch",
        "invalid_ars" => "Regionalschlüssel falsch oder nicht eingerichtet",
        "invalid_json" | "empty" | "not_an_object" | "too_large" => "Nachricht nicht lesbar",
        "unknown_case" => "Nachricht zu einem Vorgang, den es für den Absender nicht gibt",
        "case_refused" => "Der Vorgang nimmt die Nachricht nicht an",
        "store_refused" => "Die Datenbank nimmt den Antrag nicht an",
        "attempts_exhausted" => "Die Bearbeitung ist immer wieder abgebrochen",
        "unreadable_answer" | "foreign_answer" => "Antwort eines Registers nicht verwendbar",
        other => other,
    }
    .to_owned()
}

/// Why a storm parked something; what it is not known to say stays as it is.
pub(super) fn storm(cause: &str) -> String {
    let words: Vec<&str> = cause.split_whitespace().collect();
    match words.as_slice() {
        [failed, "of", all, "applications", "failed", "within", seconds, "s"] => {
            format!("{failed} von {all} Anträgen sind binnen {seconds} Sekunden gescheitert")
        }
        ["storms", "in", count, "Kommunen:", places @ ..] => {
            format!("gehäufte Fehler in {count} Kommunen: {}", places.join(" "))
        }
        _ => cause.to_owned(),
    }
}

/// What an order over failures does.
pub(super) fn job_action(word: &str) -> String {
    match word {
        "retry" => "noch einmal versuchen",
        "cancel" => "aufgeben",
        "edit" => "ändern und noch einmal versuchen",
        "probe" => "einen Antrag versuchen",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_command_and_message_has_german_words() {
        for known in CaseState::ALL {
            assert_ne!(state(known.as_str()), known.as_str());
        }
        let words = |error: serde_json::Error| -> Vec<String> {
            error.to_string().split('`').skip(3).step_by(2).map(str::to_owned).collect()
        };
        let commands =
            words(serde_json::from_value::<workflow::Command>(serde_json::json!({ "command": "x" })).unwrap_err());
        assert!(commands.len() > 20, "{commands:?}");
        for word in commands {
            assert!(!action(&format!("command.{word}")).contains(&word), "{word}");
        }
        for kind in ["supplement", "amendment", "withdrawal", "objection", "person", "hearing_reply", "retrieved"] {
            assert!(action(&format!("message.{kind}")).ends_with("eingegangen"));
            assert_ne!(document(kind), kind);
        }
        for known in ["failure.edited", "failure.cancelled"] {
            assert_ne!(action(known), known);
        }
        assert_eq!(storm("storms in 3 Kommunen: 05, 06"), "gehäufte Fehler in 3 Kommunen: 05, 06");
        // What a newer program writes is shown as it is.
        assert_eq!(storm("a rule broke off"), "a rule broke off");
        assert_eq!(
            (action("command.x.y"), action("new"), document("new")),
            ("command.x.y".into(), "new".into(), "new".into())
        );
    }
}
