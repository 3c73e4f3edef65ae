//! The bodies of the API. Where a body is a type of `domain`, its shape stands here for the description only, and a
//! test holds the two together.

use domain::{ApplicationId, Decision, Outcome, Reason, berlin_iso};
use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use workflow::{Case, CaseState};

/// The answer to an application that was taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Receipt {
    #[schema(value_type = String, format = Uuid)]
    pub application_id: ApplicationId,
    /// Answers from now on, to whoever holds it.
    #[schema(example = "/api/v1/applications/0192f0c1-7d2a-7b3c-8d4e-5f6071829304?k=3q2-7wAAAAAAAAAAAAAAAA")]
    pub status_url: String,
}

/// Where an application stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatusBody {
    #[schema(value_type = String, format = Uuid)]
    pub application_id: ApplicationId,
    /// accepted, waiting (for a register), referred, correction_needed, hearing, decided, forwarded, withdrawn, closed (decided,
    /// and the remedy period is over), erased, conflict or failed
    #[schema(example = "decided")]
    pub state: String,
    /// With waiting: since when
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<String>,
    /// With correction_needed and hearing: the last day for a supplement or reply
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub reply_until: Option<Date>,
    /// With hearing: what the authority intends, and why
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "granted")]
    pub outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<ReasonShape>)]
    pub reasons: Vec<Reason>,
    /// Without what only officials may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DecisionShape>)]
    pub decision: Option<Decision>,
}

impl StatusBody {
    /// It is in the queue, or on its way: we gave out the link.
    pub(super) fn accepted(application_id: ApplicationId) -> Self {
        Self::known(application_id, "accepted".to_owned(), None)
    }

    /// Where a case stands. Of work inside the house only that a person is at it, and what was said last only where it is
    /// what applies now: a case that waits again has no decision that an earlier form or person had asked for.
    pub(super) fn of(case: &Case, inward: Option<&Decision>) -> Self {
        let state = case.state.outward();
        let applies = |decision: &&Decision| decision.outcome.is_final() || decision.outcome.as_str() == state;
        let wait = case.wait.as_ref();
        let asked = matches!(case.state, CaseState::CorrectionNeeded | CaseState::Hearing);
        Self {
            waiting_since: wait.filter(|_| case.state == CaseState::Waiting).map(|wait| berlin_iso(wait.since)),
            reply_until: wait.filter(|_| asked).and_then(|wait| wait.until),
            ..Self::known(case.application_id, state.to_owned(), inward.filter(applies))
        }
    }

    pub(super) fn known(application_id: ApplicationId, state: String, inward: Option<&Decision>) -> Self {
        let decision = inward.map(Decision::outward);
        Self {
            application_id,
            state,
            waiting_since: None,
            reply_until: None,
            text: None,
            outcome: decision.as_ref().map(|d| d.outcome),
            automatic: decision.as_ref().map(|d| d.automatic),
            reasons: decision.as_ref().map(|d| d.reasons.clone()).unwrap_or_default(),
            decision,
        }
    }
}

/// One application as it is sent.
#[derive(ToSchema)]
#[schema(as = Application)]
#[expect(dead_code, reason = "only its shape is used, in the description")]
pub(super) struct Envelope {
    /// The sender's own key, 1-128 of [A-Za-z0-9._:-]; unique for ever per sender and service
    #[schema(example = "8f3a-2025-001")]
    id: Option<String>,
    #[schema(example = "bewohnerparkausweis")]
    service: String,
    /// Default: the newest form in force
    form_version: Option<String>,
    /// 12-digit Amtlicher Regionalschlüssel, or a configured 8-digit AGS
    #[schema(example = "053150000000")]
    ars: String,
    /// Claimed legal date of receipt, RFC 3339; needs the sender's right
    received_at: Option<String>,
    /// online, counter or post
    channel: Option<String>,
    /// normal, substantiell or hoch
    trust_level: Option<String>,
    /// The form
    #[schema(value_type = Object)]
    data: Value,
    /// Each with kind, source, at and data
    #[schema(value_type = Option<Vec<Object>>)]
    evidence: Option<Vec<Value>>,
    /// Each with name, media_type, sha256 and ref
    #[schema(value_type = Option<Vec<Object>>)]
    attachments: Option<Vec<Value>>,
}

/// One check with its norm.
#[derive(ToSchema)]
#[schema(as = Reason)]
#[expect(dead_code, reason = "only its shape is used, in the description")]
pub(super) struct ReasonShape {
    check: String,
    #[schema(example = "§ 45 Abs. 1b Satz 1 Nr. 2a StVO")]
    norm: String,
    fulfilled: bool,
    text: String,
}

/// A decision as it may leave the house.
#[derive(ToSchema)]
#[schema(as = Decision)]
#[expect(dead_code, reason = "only its shape is used, in the description")]
pub(super) struct DecisionShape {
    application_id: String,
    id: String,
    service: String,
    ars: String,
    decision_no: u32,
    /// granted, partly_granted, refused, referred, correction_needed or forwarded
    outcome: String,
    automatic: bool,
    authority: Option<String>,
    /// regime, permitted_by, decided_at, remedy
    #[schema(value_type = Option<Object>)]
    legal: Value,
    /// Exact numbers as decimal texts
    #[schema(value_type = Object)]
    result: Value,
    reasons: Vec<ReasonShape>,
    #[schema(value_type = Object)]
    reference_dates: Value,
    rule_set: Option<String>,
    form_version: String,
    engine: String,
    notice_id: Option<String>,
    /// With correction_needed: every violation, each with pointer and message
    #[schema(value_type = Option<Vec<Object>>)]
    errors: Value,
    /// The reasons in words of whoever decided, where no machine did
    grounds: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::sample;
    use utoipa::PartialSchema;

    fn properties(schema: impl Serialize) -> Vec<String> {
        let schema = serde_json::to_value(schema).unwrap();
        let mut names: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    }

    #[test]
    fn the_described_decision_is_the_decision() {
        let mut decision = sample::granted();
        decision.errors = sample::correction().errors;
        decision.grounds = Some("Gründe".into());
        let value = serde_json::to_value(decision.outward()).unwrap();
        let mut fields: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        fields.sort();
        assert_eq!(properties(DecisionShape::schema()), fields);
    }

    #[test]
    fn the_described_envelope_has_the_known_fields() {
        let known = workflow::Rejection::UnknownField("x".into()).to_string();
        for name in properties(Envelope::schema()) {
            assert!(known.contains(&name), "{name}");
        }
        assert_eq!(properties(Envelope::schema()).len(), 10);
    }

    #[test]
    fn a_referred_application_shows_neither_proposal_nor_inner_reasons() {
        let referred = sample::referred();
        let body = StatusBody::known(referred.application_id, "referred".into(), Some(&referred));
        let text = serde_json::to_string(&body).unwrap();
        assert!(text.contains(r#""outcome":"referred""#));
        for inner in ["proposal", "gates", "free_text", "gebuehr", "trace", "permitted_by"] {
            assert!(!text.contains(inner), "{inner}: {text}");
        }
    }

    #[test]
    fn before_the_decision_a_link_says_accepted() {
        let id = sample::granted().application_id;
        let text = serde_json::to_string(&StatusBody::accepted(id)).unwrap();
        assert_eq!(text, format!(r#"{{"application_id":"{id}","state":"accepted"}}"#));
    }
}
