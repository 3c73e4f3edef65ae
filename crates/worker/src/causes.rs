//! Why something could not be done, by stable words: all that this crate gives. Messages that cannot be read have the words of
//! `workflow::Rejection`, steps that are refused those of `workflow::Refusal`. docs/errors/README.md explains each.

macro_rules! causes {
    ($($name:ident $word:literal)*) => {
        $(pub(crate) const $name: &str = $word;)*
        /// All of them.
        pub const CAUSES: &[&str] = &[$($word),*];
    };
}

causes! {
    ATTEMPTS_EXHAUSTED "attempts_exhausted"
    STORE_REFUSED "store_refused"
    UNKNOWN_CASE "unknown_case"
    CASE_REFUSED "case_refused"
    UNREADABLE_ANSWER "unreadable_answer"
    FOREIGN_ANSWER "foreign_answer"
    PARKED "parked"
    RULE_ERROR "rule_error"
    RULE_INCOMPLETE "rule_incomplete"
    QUESTION_REFUSED "question_refused"
    BROKEN_CASE "broken_case"
}
