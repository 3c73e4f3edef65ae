//! Names and identifiers, each checked once where it enters.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Why a name or id was refused; the text says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct IdError {
    pub what: &'static str,
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Refuses what does not keep the rule in the error's text.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                let allowed: fn(char) -> bool = $allowed;
                if text.is_empty() || text.len() > $max || !text.chars().all(allowed) {
                    return Err(IdError { what: $what, rule: $rule });
                }
                Ok(Self(text))
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $type {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A folder in `workflows/`, such as `bewohnerparkausweis`.
    ServiceName, "service", "1-64 of [a-z0-9-]", 64,
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
);
name!(
    /// Who sent it: the name that the configuration gives to a credential, never a field of the message.
    SenderName, "sender", "1-64 of [A-Za-z0-9._-]", 64,
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
);
name!(
    /// The sender's own key of an application; unique for ever per sender and service.
    ClientId, "id", "1-128 of [A-Za-z0-9._:-]", 128,
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-')
);

/// The server's key of an application (UUIDv7): what URLs, `message-id` of results and notice ids use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApplicationId(pub Uuid);

impl ApplicationId {
    /// The stable id of the notice of one decision: UUIDv5 of application and decision number, so that a
    /// recipient recognises a copy however often it is sent.
    pub fn notice(self, decision_no: u32) -> NoticeId {
        NoticeId(Uuid::new_v5(&self.0, format!("decision/{decision_no}").as_bytes()))
    }
}

impl From<Uuid> for ApplicationId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for ApplicationId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::parse_str(text).map(Self).map_err(|_| IdError { what: "application_id", rule: "a UUID" })
    }
}

/// The id of one notice, stable over every copy; see [`ApplicationId::notice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeId(pub Uuid);

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_keep_the_contract() {
        assert!(ClientId::new("8f3a:1_x.y-Z").is_ok());
        assert!(ClientId::new("").is_err());
        assert!(ClientId::new("a b").is_err());
        assert!(ClientId::new("x".repeat(129)).is_err());
    }

    #[test]
    fn a_notice_id_is_stable_and_differs_by_decision() {
        let id = ApplicationId(Uuid::from_u128(7));
        assert_eq!(id.notice(1), id.notice(1));
        assert_ne!(id.notice(1), id.notice(2));
    }
}
