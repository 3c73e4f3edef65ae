//! What both databases ask with the same text about cases: lists, timers, questions, early messages, retention.

use crate::StoreError;
use crate::columns::Moment;
use crate::failures::unparked;
use crate::rows::{
    CaseFilter, CaseRow, CaseView, ControlFigures, EarlyRow, QuestionRow, ReplayRow, TaskFilter, TaskRow,
    WaitingQuestions,
};
use domain::ApplicationId;
use jiff::Timestamp;
use uuid::Uuid;

/// What retention deletes of the applications that `$is` compares with. `$any` begins, `$end` ends a comparison with them and
/// with the ids under which more came for them: again, or with another content. Conflicts go last: they lead to other rows.
macro_rules! erasure {
    ($is:literal, $any:literal, $end:literal) => {
        [
            concat!("delete from decisions where application_id ", $is),
            concat!("delete from documents where application_id ", $is),
            concat!("delete from questions where application_id ", $is),
            concat!("delete from tasks where application_id ", $is),
            erasure!("outbox", $is, $any, $end),
            erasure!("failures", $is, $any, $end),
            concat!("delete from conflicts where original ", $is),
        ]
    };
    ($table:literal, $is:literal, $any:literal, $end:literal) => {
        concat!(
            "delete from ",
            $table,
            " where application_id ",
            $any,
            "(select application_id from conflicts where original ",
            $is,
            " union all select alias from aliases where application_id ",
            $is,
            ")",
            $end
        )
    };
}
pub(crate) use erasure;

/// The open questions of a register that are due, longest due first.
macro_rules! due_questions {
    (all $lock:literal) => {
        concat!(
            "select * from questions where register = $1 and next_at <= $2 order by next_at, question_id limit $3",
            $lock
        )
    };
    (unparked $lock:literal) => {
        concat!(
            "select * from questions where register = $1 and next_at <= $2 and ",
            unparked!("questions", "$2"),
            " order by next_at, question_id limit $3",
            $lock
        )
    };
}

/// Whether anything is parked at all: to look past it costs something where many questions wait.
const PARKED: &str = "select exists (select 1 from parked where lifted_at is null and (until is null or until > $1))";

/// One module of reads for a pool type and its connection; `$texts!` makes rows with a text `value` of the JSON array in a
/// parameter, `$lock` passes over rows that another transaction holds.
macro_rules! reads {
    ($database:ident, $pool:ty, $connection:ty, $texts:ident, $lock:literal) => {
        pub(crate) mod $database {
            use super::*;

            /// Nothing that is read after the case is older than it, so a step over a version knows all that led to it.
            pub(crate) async fn case(
                pool: &$pool,
                id: ApplicationId,
                looks: bool,
            ) -> Result<Option<CaseView>, StoreError> {
                let id: Uuid =
                    sqlx::query_scalar("select coalesce((select application_id from aliases where alias = $1), $1)")
                        .bind(id.0)
                        .fetch_one(pool)
                        .await?;
                let case = sqlx::query_as("select * from cases where application_id = $1").bind(id);
                let application = sqlx::query_as("select * from applications where application_id = $1").bind(id);
                let (Some(case), Some(application)) =
                    (case.fetch_optional(pool).await?, application.fetch_optional(pool).await?)
                else {
                    return Ok(None);
                };
                let decisions = sqlx::query_as("select * from decisions where application_id = $1 order by decision_no");
                let documents = sqlx::query_as("select * from documents where application_id = $1 order by at, key");
                let task = sqlx::query_as("select * from tasks where application_id = $1");
                let audit = sqlx::query_as(
                    "select * from audit where application_id = $1 and ($2 or action <> 'read') order by at, seq",
                );
                Ok(Some(CaseView {
                    application,
                    case,
                    decisions: decisions.bind(id).fetch_all(pool).await?,
                    documents: documents.bind(id).fetch_all(pool).await?,
                    task: task.bind(id).fetch_optional(pool).await?,
                    audit: audit.bind(id).bind(looks).fetch_all(pool).await?,
                }))
            }

            /// `replace` finds a whole word of the list in both dialects.
            pub(crate) async fn tasks(
                pool: &$pool,
                filter: &TaskFilter,
                offset: u32,
                limit: u32,
            ) -> Result<Vec<TaskRow>, StoreError> {
                let rows = sqlx::query_as(concat!(
                    "select * from tasks where (cast($1 as text) is null or \
                     replace(',' || reasons || ',', ',' || cast($1 as text) || ',', '') <> ',' || reasons || ',') \
                     and service = coalesce(cast($2 as text), service) \
                     and kind = coalesce(cast($3 as text), kind) \
                     and (cast($4 as text) is null or claimed_by = $4) \
                     and ($5 is null or due_at <= $5) \
                     and (cast($6 as text) is null or exists (select 1 from ",
                    $texts!("$6"),
                    " as prefix where substr(tasks.ars, 1, length(prefix.value)) = prefix.value)) \
                     and (cast($9 as text) is null or service in (select one.value from ",
                    $texts!("$9"),
                    " as one)) and (cast($10 as text) is null or kind in (select one.value from ",
                    $texts!("$10"),
                    " as one)) and ($11 is null or claimed_until > $11) \
                     and (not $12 or exists (select 1 from cases c \
                     where c.application_id = tasks.application_id and length(c.body) > 0)) \
                     order by opened_at, application_id limit $7 offset $8"
                ));
                let rows = rows.bind(&filter.reason).bind(&filter.service).bind(&filter.kind).bind(&filter.claimed_by);
                let rows = rows.bind(filter.overdue_at.map(Moment));
                let rows = rows.bind(list(&filter.ars)).bind(i64::from(limit)).bind(i64::from(offset));
                let rows = rows.bind(list(&filter.services)).bind(list(&filter.kinds)).bind(filter.held_at.map(Moment));
                let rows = rows.bind(filter.with_body);
                Ok(rows.fetch_all(pool).await?)
            }

            pub(crate) async fn cases(
                pool: &$pool,
                filter: &CaseFilter,
                after: Option<ApplicationId>,
                limit: u32,
            ) -> Result<Vec<CaseRow>, StoreError> {
                // The index answers which ones, so that no body is read of those that are not wanted.
                let rows = sqlx::query_as(concat!(
                    "select * from cases where application_id in (select application_id from cases \
                     where application_id > $1 \
                     and service = coalesce(cast($2 as text), service) \
                     and state = coalesce(cast($3 as text), state) \
                     and substr(ars, 1, length(cast($4 as text))) = $4 \
                     and (cast($6 as text) is null or exists (select 1 from ",
                    $texts!("$6"),
                    " as prefix where substr(cases.ars, 1, length(prefix.value)) = prefix.value)) \
                     and (cast($7 as text) is null or service in (select one.value from ",
                    $texts!("$7"),
                    " as one)) order by application_id limit $5) order by application_id"
                ));
                let after = after.map_or(Uuid::nil(), |id| id.0);
                let rows = rows.bind(after).bind(&filter.service).bind(&filter.state);
                let ars = filter.ars.as_deref().unwrap_or_default();
                let rows = rows.bind(ars).bind(i64::from(limit));
                Ok(rows.bind(list(&filter.places)).bind(list(&filter.services)).fetch_all(pool).await?)
            }

            pub(crate) async fn replayable(
                pool: &$pool,
                after: Option<(ApplicationId, i32)>,
                limit: u32,
            ) -> Result<Vec<ReplayRow>, StoreError> {
                let rows = sqlx::query_as(
                    "select a.*, d.decision_no, d.notice_id, d.rule_set, d.decided_at, d.decision, d.trace, d.context, \
                     d.data from decisions d join applications a on a.application_id = d.application_id \
                     where (d.application_id, d.decision_no) > ($1, $2) \
                     order by d.application_id, d.decision_no limit $3",
                );
                let (id, number) = after.map_or((Uuid::nil(), i32::MIN), |(id, number)| (id.0, number));
                Ok(rows.bind(id).bind(number).bind(i64::from(limit)).fetch_all(pool).await?)
            }

            pub(crate) async fn due(
                pool: &$pool,
                now: Timestamp,
                limit: u32,
            ) -> Result<Vec<ApplicationId>, StoreError> {
                let ids = sqlx::query_scalar(
                    "select application_id from cases where wake_at <= $1 order by wake_at, application_id limit $2",
                );
                let ids: Vec<Uuid> = ids.bind(Moment(now)).bind(i64::from(limit)).fetch_all(pool).await?;
                Ok(ids.into_iter().map(ApplicationId).collect())
            }

            pub(crate) async fn put_off(
                pool: &$pool,
                id: ApplicationId,
                until: Timestamp,
            ) -> Result<(), StoreError> {
                let update = sqlx::query("update cases set wake_at = $2 where application_id = $1 and wake_at < $2");
                update.bind(id.0).bind(Moment(until)).execute(pool).await?;
                Ok(())
            }

            pub(crate) async fn open_questions(
                pool: &$pool,
                register: &str,
                now: Timestamp,
                limit: u32,
            ) -> Result<Vec<QuestionRow>, StoreError> {
                let parked: bool = sqlx::query_scalar(PARKED).bind(Moment(now)).fetch_one(pool).await?;
                let rows = sqlx::query_as(if parked { due_questions!(unparked "") } else { due_questions!(all "") });
                Ok(rows.bind(register).bind(Moment(now)).bind(i64::from(limit)).fetch_all(pool).await?)
            }

            /// The same for who is about to put them: other transactions do not get them until this one ends.
            pub(crate) async fn held_questions(
                tx: &mut $connection,
                register: &str,
                now: Timestamp,
                limit: u32,
            ) -> Result<Vec<QuestionRow>, StoreError> {
                let parked: bool = sqlx::query_scalar(PARKED).bind(Moment(now)).fetch_one(&mut *tx).await?;
                let rows = sqlx::query_as(if parked { due_questions!(unparked $lock) } else { due_questions!(all $lock) });
                Ok(rows.bind(register).bind(Moment(now)).bind(i64::from(limit)).fetch_all(tx).await?)
            }

            pub(crate) async fn waiting_questions(pool: &$pool) -> Result<Vec<WaitingQuestions>, StoreError> {
                let rows = sqlx::query_as(
                    "select register, count(*) as count, min(asked_at) as oldest, \
                     (select t.trouble from questions t where t.register = questions.register \
                     and t.trouble is not null order by t.next_at desc, t.question_id limit 1) as trouble \
                     from questions group by register order by register",
                );
                Ok(rows.fetch_all(pool).await?)
            }

            /// The update changes nothing: without it nothing would be given back of a row that is there.
            pub(crate) async fn keep_early(pool: &$pool, row: &EarlyRow) -> Result<EarlyRow, StoreError> {
                let kept = sqlx::query_as(
                    "insert into early (key, sender, service, client_id, body, traceparent, arrived_at) \
                     values ($1, $2, $3, $4, $5, $6, $7) on conflict (key) do update set key = early.key returning *",
                )
                .bind(row.key)
                .bind(&row.identity.sender)
                .bind(&row.identity.service)
                .bind(&row.identity.client_id)
                .bind(&row.body)
                .bind(&row.traceparent)
                .bind(Moment(row.arrived_at));
                Ok(kept.fetch_one(pool).await?)
            }

            pub(crate) async fn ripe_early(pool: &$pool, limit: u32) -> Result<Vec<EarlyRow>, StoreError> {
                let rows = sqlx::query_as(
                    "select e.* from early e join applications a on a.sender = e.sender \
                     and a.service = e.service and a.client_id = e.client_id order by e.arrived_at, e.key limit $1",
                );
                Ok(rows.bind(i64::from(limit)).fetch_all(pool).await?)
            }

            pub(crate) async fn stale_early(
                pool: &$pool,
                before: Timestamp,
                limit: u32,
            ) -> Result<Vec<EarlyRow>, StoreError> {
                let rows = sqlx::query_as(
                    "select * from early e where arrived_at < $1 and not exists (select 1 from applications a \
                     where a.sender = e.sender and a.service = e.service and a.client_id = e.client_id) \
                     order by arrived_at, key limit $2",
                );
                Ok(rows.bind(Moment(before)).bind(i64::from(limit)).fetch_all(pool).await?)
            }

            pub(crate) async fn controls(
                pool: &$pool,
                service: Option<&str>,
            ) -> Result<Vec<ControlFigures>, StoreError> {
                let rows = sqlx::query_as(
                    "select service, rule_set, count(*) as drawn, count(agreed) as judged, \
                     count(case when not agreed then 1 end) as disagreed, \
                     count(case when agreed is null then judged_at end) as overtaken from controls \
                     where service = coalesce(cast($1 as text), service) \
                     group by service, rule_set order by service, rule_set nulls first",
                );
                Ok(rows.bind(service).fetch_all(pool).await?)
            }
        }
    };
}

/// Texts as a JSON array; nothing where it does not matter.
fn list(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| serde_json::Value::from(words).to_string())
}

macro_rules! postgres_texts {
    ($parameter:literal) => {
        concat!("json_array_elements_text(cast(", $parameter, " as json))")
    };
}
pub(crate) use postgres_texts;
macro_rules! sqlite_texts {
    ($parameter:literal) => {
        concat!("json_each(", $parameter, ")")
    };
}
pub(crate) use sqlite_texts;
reads!(postgres, sqlx::PgPool, sqlx::PgConnection, postgres_texts, " for update skip locked");
reads!(sqlite, sqlx::SqlitePool, sqlx::SqliteConnection, sqlite_texts, "");
