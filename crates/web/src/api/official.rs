//! Which official is asking, and how much of a case they may see.

use super::sender;
use crate::problem::Problem;
use axum::http::HeaderMap;
use domain::Digest;
use std::sync::Arc;
use workflow::{Case, Office, Official, Right, WorkKind};

/// The official by their credential; see [`sender::known`].
pub(super) fn known(office: &Office, headers: &HeaderMap) -> Result<Arc<Official>, Problem> {
    let token = sender::bearer(headers).ok_or(Problem::Unauthorized)?;
    let hash = Digest::of(token.as_bytes()).hex();
    office.official_by_token(&hash).cloned().ok_or(Problem::Unauthorized)
}

/// Rights that need the content of cases.
const CONTENT: [Right; 4] = [Right::Decide, Right::Countersign, Right::Lead, Right::Control];

/// How much of a case an official may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    Whole,
    /// Nothing of what was decided: they are to judge it again without knowing.
    Blind,
    /// Where it stands, no content.
    Operation,
}

impl Sight {
    /// Nothing where the case is none of theirs: for them it is not there.
    pub(super) fn of(official: &Official, case: &Case) -> Option<Self> {
        let drawn = case.work.as_ref().is_some_and(|work| work.kind == WorkKind::Control);
        if !official.covers(case.service.as_str(), &case.ars) {
            None
        } else if drawn && official.may(Right::Control) {
            Some(Self::Blind)
        } else if CONTENT.into_iter().any(|right| official.may(right)) {
            Some(Self::Whole)
        } else {
            official.may(Right::Operate).then_some(Self::Operation)
        }
    }

    /// The word of the API and of the audit.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Blind => "blind",
            Self::Operation => "operation",
        }
    }
}

/// The right that a kind of work asks for.
pub(super) fn right_for(kind: WorkKind) -> Right {
    match kind {
        WorkKind::Desk => Right::Decide,
        WorkKind::Countersign => Right::Countersign,
        WorkKind::Control => Right::Control,
    }
}

/// The kinds of work that an official may know of; who leads gives all of it out.
pub(super) fn kinds(official: &Official) -> Vec<WorkKind> {
    let all = [WorkKind::Desk, WorkKind::Countersign, WorkKind::Control];
    all.into_iter().filter(|kind| official.may(right_for(*kind)) || official.may(Right::Lead)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sample::{drawn, official};

    #[test]
    fn sight_follows_places_rights_and_whether_it_is_drawn() {
        let (_, drawn) = drawn();
        let mut plain = drawn.clone();
        plain.work = None;
        for (rights, of_plain, of_drawn) in [
            (vec![], None, None),
            (vec![Right::Decide], Some(Sight::Whole), Some(Sight::Whole)),
            (vec![Right::Countersign], Some(Sight::Whole), Some(Sight::Whole)),
            (vec![Right::Lead], Some(Sight::Whole), Some(Sight::Whole)),
            (vec![Right::Control], Some(Sight::Whole), Some(Sight::Blind)),
            (vec![Right::Decide, Right::Lead, Right::Control, Right::Operate], Some(Sight::Whole), Some(Sight::Blind)),
            (vec![Right::Operate], Some(Sight::Operation), Some(Sight::Operation)),
        ] {
            let official = official(&rights);
            let seen = (Sight::of(&official, &plain), Sight::of(&official, &drawn));
            assert_eq!(seen, (of_plain, of_drawn), "{rights:?}");
            let elsewhere = Official { places: vec!["09".into()], ..official.clone() };
            let otherwise = Official { services: vec!["wohngeld".into()], ..official };
            assert_eq!((Sight::of(&elsewhere, &plain), Sight::of(&otherwise, &plain)), (None, None));
        }
    }
}
