//! Column types with one Rust value and two database forms, so that a row is mapped once for both databases.

use domain::ApplicationId;
use jiff::{Timestamp, civil::Date};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Database, Decode, Encode, Type};
use time::OffsetDateTime;
use uuid::Uuid;

/// An instant: `timestamptz` in PostgreSQL, microseconds since 1970 in SQLite; UTC, microseconds in both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(pub(crate) Timestamp);

/// A column type or nothing: a row's optional field has no conversion of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Maybe<T>(Option<T>);

/// A day: `date` in PostgreSQL, `2025-05-01` in SQLite.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Day(pub(crate) Date);

/// Words of the contract in one text column, comma between them.
#[derive(Debug, Clone)]
pub(crate) struct Words(pub(crate) Vec<String>);

/// The database form of a column type: `$postgres` and `$sqlite` are types that the driver knows.
macro_rules! column {
    ($column:ty, postgres $postgres:ty, sqlite $sqlite:ty) => {
        impl Type<Postgres> for $column {
            fn type_info() -> PgTypeInfo {
                <$postgres as Type<Postgres>>::type_info()
            }
            fn compatible(ty: &PgTypeInfo) -> bool {
                <$postgres as Type<Postgres>>::compatible(ty)
            }
        }
        impl PgHasArrayType for $column {
            fn array_type_info() -> PgTypeInfo {
                <$postgres as PgHasArrayType>::array_type_info()
            }
        }
        impl Encode<'_, Postgres> for $column {
            fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
                Encode::<Postgres>::encode(<$postgres>::try_from(self)?, buffer)
            }
        }
        impl Decode<'_, Postgres> for $column {
            fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
                <$postgres as Decode<Postgres>>::decode(value)?.try_into().map_err(Into::into)
            }
        }
        impl Type<Sqlite> for $column {
            fn type_info() -> SqliteTypeInfo {
                <$sqlite as Type<Sqlite>>::type_info()
            }
            fn compatible(ty: &SqliteTypeInfo) -> bool {
                <$sqlite as Type<Sqlite>>::compatible(ty)
            }
        }
        impl Encode<'_, Sqlite> for $column {
            fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
                Encode::<Sqlite>::encode(<$sqlite>::try_from(self)?, buffer)
            }
        }
        impl Decode<'_, Sqlite> for $column {
            fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
                <$sqlite as Decode<Sqlite>>::decode(value)?.try_into().map_err(Into::into)
            }
        }
    };
}

column!(Moment, postgres OffsetDateTime, sqlite i64);
column!(Day, postgres time::Date, sqlite String);
column!(Words, postgres String, sqlite String);

impl<D: Database, T> Type<D> for Maybe<T>
where
    Option<T>: Type<D>,
{
    fn type_info() -> D::TypeInfo {
        <Option<T> as Type<D>>::type_info()
    }
    fn compatible(ty: &D::TypeInfo) -> bool {
        <Option<T> as Type<D>>::compatible(ty)
    }
}
impl<'r, D: Database, T> Decode<'r, D> for Maybe<T>
where
    Option<T>: Decode<'r, D>,
{
    fn decode(value: D::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Decode::<D>::decode(value).map(Self)
    }
}
impl From<Maybe<Moment>> for Option<Timestamp> {
    fn from(moment: Maybe<Moment>) -> Self {
        moment.0.map(Timestamp::from)
    }
}
impl From<Maybe<Uuid>> for Option<ApplicationId> {
    fn from(id: Maybe<Uuid>) -> Self {
        id.0.map(ApplicationId)
    }
}

impl TryFrom<&Moment> for OffsetDateTime {
    type Error = time::error::ComponentRange;
    fn try_from(moment: &Moment) -> Result<Self, Self::Error> {
        Self::from_unix_timestamp_nanos(i128::from(moment.0.as_microsecond()) * 1_000)
    }
}
impl TryFrom<OffsetDateTime> for Moment {
    type Error = jiff::Error;
    fn try_from(at: OffsetDateTime) -> Result<Self, Self::Error> {
        Timestamp::from_nanosecond(at.unix_timestamp_nanos()).map(Self)
    }
}
impl From<&Moment> for i64 {
    fn from(moment: &Moment) -> Self {
        moment.0.as_microsecond()
    }
}
impl TryFrom<i64> for Moment {
    type Error = jiff::Error;
    fn try_from(micros: i64) -> Result<Self, Self::Error> {
        Timestamp::from_microsecond(micros).map(Self)
    }
}
impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        moment.0
    }
}

impl TryFrom<&Day> for time::Date {
    type Error = BoxDynError;
    fn try_from(day: &Day) -> Result<Self, Self::Error> {
        let month = time::Month::try_from(u8::try_from(day.0.month())?)?;
        Ok(Self::from_calendar_date(day.0.year().into(), month, u8::try_from(day.0.day())?)?)
    }
}
impl TryFrom<time::Date> for Day {
    type Error = BoxDynError;
    fn try_from(day: time::Date) -> Result<Self, Self::Error> {
        let (year, month) = (i16::try_from(day.year())?, i8::try_from(u8::from(day.month()))?);
        Ok(Self(Date::new(year, month, i8::try_from(day.day())?)?))
    }
}
impl From<&Day> for String {
    fn from(day: &Day) -> Self {
        day.0.to_string()
    }
}
impl TryFrom<String> for Day {
    type Error = jiff::Error;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<&Words> for String {
    fn from(words: &Words) -> Self {
        words.0.join(",")
    }
}
impl From<String> for Words {
    fn from(text: String) -> Self {
        Self(text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }
}
impl From<Words> for Vec<String> {
    fn from(words: Words) -> Self {
        words.0
    }
}
