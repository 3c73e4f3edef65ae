//! One application as it is sent: the envelope of the contract, after it was read strictly.

use crate::{Ars, ClientId, SenderName, ServiceName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// How the applicant reached the authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    #[default]
    Online,
    Counter,
    Post,
}

impl Channel {
    /// The word rules use.
    pub fn german(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Counter => "schalter",
            Self::Post => "post",
        }
    }
}

/// How surely the applicant was identified (§ 3 OZG; TR-03107).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustLevel {
    #[default]
    Normal,
    Substantiell,
    Hoch,
}

impl TrustLevel {
    pub fn german(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Substantiell => "substantiell",
            Self::Hoch => "hoch",
        }
    }
}

/// A proof from a register or another body, counted only from senders trusted for its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub kind: String,
    #[serde(default)]
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    #[serde(default)]
    pub data: Value,
}

/// A file that came along; its content stays where `ref` points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    pub name: String,
    #[serde(default)]
    pub media_type: String,
    #[serde(default)]
    pub sha256: String,
    #[serde(default, rename = "ref")]
    pub reference: String,
}

/// What a sender claims; see the contract for each field.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    pub id: ClientId,
    pub service: ServiceName,
    pub form_version: Option<String>,
    pub ars: Ars,
    pub received_at: Option<Timestamp>,
    pub channel: Option<Channel>,
    pub trust_level: Option<TrustLevel>,
    pub data: Arc<Value>,
    pub evidence: Vec<Evidence>,
    pub attachments: Vec<Attachment>,
}

/// A configured sender and its rights. Identity comes from the credential alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    pub name: SenderName,
    /// SHA-256 (hex) of the HTTP bearer token.
    #[serde(default)]
    pub token_sha256: Option<String>,
    /// The RabbitMQ user whose messages are this sender's.
    #[serde(default)]
    pub amqp_user: Option<String>,
    /// Kinds of evidence that count when they come from this sender.
    #[serde(default)]
    pub trusted_evidence: Vec<String>,
    /// Envelope fields this sender may claim: `received_at`, `channel`, `trust_level`.
    #[serde(default)]
    pub may_claim: Vec<String>,
}

impl Sender {
    /// Stands for every kind of evidence. Only where a person tries the program on own files or on loopback: a
    /// configured sender names its kinds.
    pub const EVERY_KIND: &str = "*";

    /// A sender that may claim everything and whose evidence counts: for trying, never for intake from elsewhere.
    pub fn for_trying(name: SenderName) -> Self {
        Self {
            name,
            token_sha256: None,
            amqp_user: None,
            trusted_evidence: vec![Self::EVERY_KIND.to_owned()],
            may_claim: ["received_at", "channel", "trust_level"].map(str::to_owned).to_vec(),
        }
    }

    /// A sender that may claim nothing and whose evidence does not count: one that is configured no longer.
    pub fn without_rights(name: SenderName) -> Self {
        Self { name, token_sha256: None, amqp_user: None, trusted_evidence: Vec::new(), may_claim: Vec::new() }
    }

    pub fn may_claim(&self, field: &str) -> bool {
        self.may_claim.iter().any(|f| f == field)
    }
    pub fn trusts(&self, kind: &str) -> bool {
        self.trusted_evidence.iter().any(|k| k == kind || k == Self::EVERY_KIND)
    }
}
