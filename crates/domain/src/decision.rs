//! One decision as the contract has it, and what of it may leave the house.

use crate::{ApplicationId, Ars, ClientId, NoticeId, ServiceName, Trace};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What became of an application. `Referred` is an ordinary outcome, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Granted,
    PartlyGranted,
    Refused,
    Referred,
    CorrectionNeeded,
    Forwarded,
}

impl Outcome {
    pub const ALL: [Self; 6] =
        [Self::Granted, Self::PartlyGranted, Self::Refused, Self::Referred, Self::CorrectionNeeded, Self::Forwarded];
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::PartlyGranted => "partly_granted",
            Self::Refused => "refused",
            Self::Referred => "referred",
            Self::CorrectionNeeded => "correction_needed",
            Self::Forwarded => "forwarded",
        }
    }
    /// The word for pages and rule authors.
    pub fn german(self) -> &'static str {
        match self {
            Self::Granted => "erteilt",
            Self::PartlyGranted => "teilweise",
            Self::Refused => "abgelehnt",
            Self::Referred => "vorgelegt",
            Self::CorrectionNeeded => "nachforderung",
            Self::Forwarded => "weitergeleitet",
        }
    }
    /// Whether it ends the matter with a notice (Bescheid).
    pub fn is_final(self) -> bool {
        matches!(self, Self::Granted | Self::PartlyGranted | Self::Refused)
    }
}

/// The law under which a machine may decide: § 35a VwVfG, § 31a SGB X or § 155 Abs. 4 AO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Regime {
    #[serde(rename = "vwvfg-35a")]
    Vwvfg35a,
    #[serde(rename = "sgbx-31a")]
    Sgbx31a,
    #[serde(rename = "ao-155-4")]
    Ao155,
}

impl Regime {
    /// The word of the contract, and the section of `rules/verfahren.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vwvfg35a => "vwvfg-35a",
            Self::Sgbx31a => "sgbx-31a",
            Self::Ao155 => "ao-155-4",
        }
    }
}

macro_rules! referral_reasons {
    ($($name:ident $word:literal $german:literal),* $(,)?) => {
        /// Why a person decides: the closed list of the contract. Several may stand.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ReferralReason { $($name),* }
        impl ReferralReason {
            pub const ALL: &'static [ReferralReason] = &[$(Self::$name),*];
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)* _ => None }
            }
            /// For the caseworker pages.
            pub fn german(self) -> &'static str {
                match self { $(Self::$name => $german),* }
            }
        }
    };
}
referral_reasons! {
    FreeText "free_text" "Besondere Umstände angegeben",
    Attachment "attachment" "Unerwartete Anlage",
    EvidenceMissing "evidence_missing" "Nachweis fehlt",
    EvidenceConflict "evidence_conflict" "Nachweis widerspricht den Angaben",
    RegisterUnavailable "register_unavailable" "Register nicht erreichbar",
    Discretion "discretion" "Ermessen oder Beurteilungsspielraum",
    NoPermittingNorm "no_permitting_norm" "Keine Norm erlaubt die automatische Entscheidung",
    RefusalNeedsPerson "refusal_needs_person" "Ablehnung nur durch einen Menschen",
    HearingNeeded "hearing_needed" "Anhörung nötig",
    SpecialCategoryData "special_category_data" "Besondere Kategorien personenbezogener Daten",
    TrustLevel "trust_level" "Vertrauensniveau zu niedrig",
    Competence "competence" "Zuständigkeit ungeklärt",
    NotConfigured "not_configured" "Wert nicht konfiguriert",
    RuleError "rule_error" "Fehler in einer Regel",
    RuleConflict "rule_conflict" "Regeln widersprechen sich",
    OnceOnly "once_only" "Schon einmal beantragt",
    Sample "sample" "Zufallsstichprobe",
    Risk "risk" "Risikohinweis",
    StopSwitch "stop_switch" "Automatik angehalten",
    Backdated "backdated" "Eingang weit zurückdatiert",
    Rule "rule" "Prüfung verlangt einen Menschen",
    PersonRequested "person_requested" "Mensch verlangt",
}

/// One check with its norm, as a citizen reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub check: String,
    pub norm: String,
    pub fulfilled: bool,
    pub text: String,
}

/// A closed gate: why no automatic act was allowed. For officials only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub reason: ReferralReason,
    pub norm: String,
    pub text: String,
}

/// Why and to whom a case was referred. For officials only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referral {
    pub reasons: Vec<ReferralReason>,
    /// Ids of the checks that asked for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    pub queue: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Outcome>,
    pub gates: Vec<Gate>,
}

/// The legal record of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legal {
    pub regime: Regime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permitted_by: Option<String>,
    /// End of machine processing (§ 155 Abs. 4 S. 4 AO), RFC 3339.
    pub decided_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// A form violation: pointer, and a German sentence with the field's title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormError {
    pub pointer: String,
    pub message: String,
}

/// One decision with its reasons. Serialises with a fixed field order: same input and rules give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub application_id: ApplicationId,
    pub id: ClientId,
    pub service: ServiceName,
    pub ars: Ars,
    pub decision_no: u32,
    pub outcome: Outcome,
    pub automatic: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal: Option<Legal>,
    pub result: BTreeMap<String, Value>,
    pub reasons: Vec<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Referral>,
    pub reference_dates: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<String>,
    pub form_version: String,
    pub engine: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_id: Option<NoticeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FormError>,
    /// The reasons in words of whoever decided, where no machine did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounds: Option<String>,
    /// The official who decided. Stays in the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
}

impl Decision {
    /// What may leave the house (results exchange, portal, citizen): while a person decides, nothing of the
    /// machine's proposal, amounts, checks or inner reasons (guarantee 11, § 88 Abs. 5 AO).
    pub fn outward(&self) -> Self {
        let mut out = Self { trace: None, decided_by: None, ..self.clone() };
        if out.outcome == Outcome::Referred {
            out.referral = None;
            out.result.clear();
            out.reasons.clear();
            if let Some(legal) = &mut out.legal {
                legal.permitted_by = None;
                legal.remedy = None;
            }
        }
        out
    }
}
