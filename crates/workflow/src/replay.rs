//! A stored decision made again from its archived rule set: the same bytes, or the difference.

use crate::decode;
use crate::effects::{Decided, Stored};
use crate::step::form_violated;
use crate::validate::Form;
use domain::{ApplicationId, Ars, ClientId};
use rules::{ArchiveError, Context, Facts, Restored, RuleBook};
use std::collections::HashMap;
use std::sync::Arc;

/// A decision as the store has it.
#[derive(Debug, Clone)]
pub struct Replay<'r> {
    pub application_id: ApplicationId,
    pub client_id: &'r str,
    pub ars: &'r str,
    pub form_version: &'r str,
    pub rule_set: Option<&'r str>,
    pub decision_no: u32,
    pub raw: &'r [u8],
    /// The form's data, where they are not the application's own.
    pub data: Option<&'r [u8]>,
    pub stored: Stored,
}

/// Why a decision was not met again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("the stored {0} cannot be read")]
    Unreadable(&'static str),
    #[error("the stored {0} is not what the archived rules decide")]
    Different(&'static str),
}

/// Restored rule sets that are kept at once; each holds compiled scripts.
const MAX_RESTORED: usize = 256;

/// A restored rule set with its compiled form.
type Ready = Arc<(Restored, Arc<Form>)>;

/// Replays decisions; a rule set is restored once.
#[derive(Debug, Default)]
pub struct Replayer {
    restored: HashMap<String, Result<Ready, ArchiveError>>,
}

impl Replayer {
    /// Decides again and compares byte for byte. What no rules decided is not compared: it has no context.
    ///
    /// # Errors
    /// What differs, or why it cannot be decided again.
    pub fn replay(
        &mut self,
        row: &Replay<'_>,
        fetch: &mut dyn FnMut(&str) -> Option<Vec<u8>>,
    ) -> Result<(), ReplayError> {
        if row.stored.context.is_empty() {
            return Ok(());
        }
        let context: Context =
            serde_json::from_slice(&row.stored.context).map_err(|_| ReplayError::Unreadable("context"))?;
        let ars = Ars::new(row.ars).map_err(|_| ReplayError::Unreadable("application"))?;
        let id = ClientId::new(row.client_id).map_err(|_| ReplayError::Unreadable("application"))?;
        let read = decode::read(row.raw, Some(row.client_id), |_| Some(ars.clone()))
            .map_err(|_| ReplayError::Unreadable("application"))?;
        let mut facts = Facts {
            application_id: row.application_id,
            id,
            service: read.envelope.service.clone(),
            ars,
            form_version: row.form_version.to_owned(),
            form_digest: domain::Digest::of(&[]),
            data: match row.data {
                Some(data) => Arc::new(domain::json::parse(data).map_err(|_| ReplayError::Unreadable("data"))?),
                None => read.envelope.data,
            },
            decision_no: row.decision_no,
        };
        let decision = match row.rule_set {
            // Nobody was competent: that needs no rules.
            None => RuleBook::default().decide(&facts, &context),
            Some(hash) => {
                let restored = self.restored(hash, fetch)?;
                let (restored, form) = &*restored;
                facts.form_digest = form.digest();
                match form.validate(&facts.data) {
                    Ok(_) => restored.rules.decide(&facts, &context),
                    Err(errors) => {
                        facts.data = Arc::default();
                        form_violated(&facts, &errors)
                    }
                }
            }
        };
        let again = Decided::new(decision, context.decided_at, Some(&context), None).stored;
        match () {
            () if again.decision != row.stored.decision => Err(ReplayError::Different("decision")),
            () if again.trace != row.stored.trace => Err(ReplayError::Different("trace")),
            () if again.context != row.stored.context => Err(ReplayError::Different("context")),
            () => Ok(()),
        }
    }

    fn restored(&mut self, hash: &str, fetch: &mut dyn FnMut(&str) -> Option<Vec<u8>>) -> Result<Ready, ArchiveError> {
        if let Some(known) = self.restored.get(hash) {
            return known.clone();
        }
        let restored = RuleBook::restore(hash, fetch).and_then(|restored| {
            // The version's name stands in the application, not in the schema.
            let form = Form::compile("archived", &restored.form).map_err(ArchiveError::Unreadable)?;
            Ok(Arc::new((restored, Arc::new(form))))
        });
        if self.restored.len() >= MAX_RESTORED {
            self.restored.clear();
        }
        self.restored.insert(hash.to_owned(), restored.clone());
        restored
    }
}
