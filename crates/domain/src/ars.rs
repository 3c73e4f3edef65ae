//! The Amtlicher Regionalschlüssel (ARS): Land 2, Regierungsbezirk 1, Kreis 2, Gemeindeverband 4, Gemeinde 3 digits.
//!
//! The level of a key cannot be read off its trailing zeros (Hamburg is Land, Kreis and Gemeinde at once), so it is
//! always said apart, in `kommune.toml`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Twelve digits, the first two a Land (01-16).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ars(String);

/// The text is no ARS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "ars must be the 12-digit Amtlicher Regionalschlüssel (or an 8-digit AGS that is configured), such as 053150000000"
)]
pub struct ArsError;

impl Ars {
    /// Refuses anything but twelve digits that begin with a Land.
    pub fn new(text: impl Into<String>) -> Result<Self, ArsError> {
        let text = text.into();
        let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        if !digits || Land::from_code(text.get(..2).unwrap_or_default()).is_none() {
            return Err(ArsError);
        }
        Ok(Self(text))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    pub fn land(&self) -> Land {
        // INVARIANT: `new` accepted only keys that begin with a Land.
        self.0.get(..2).and_then(Land::from_code).unwrap_or(Land::SH)
    }
    /// The eight-digit AGS: without Regionalverband.
    pub fn ags(&self) -> String {
        format!("{}{}", self.0.get(..5).unwrap_or_default(), self.0.get(9..).unwrap_or_default())
    }
}

impl TryFrom<String> for Ars {
    type Error = ArsError;
    fn try_from(text: String) -> Result<Self, ArsError> {
        Self::new(text)
    }
}
impl From<Ars> for String {
    fn from(ars: Ars) -> String {
        ars.0
    }
}
impl fmt::Display for Ars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! laender {
    ($($name:ident $code:literal $short:literal $title:literal),* $(,)?) => {
        /// The sixteen Länder with their code (first two digits of the ARS).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Land { $($name),* }
        impl Land {
            pub const ALL: &'static [Land] = &[$(Land::$name),*];
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
            /// From the folder name under `rules/land/`, such as `nw`.
            pub fn from_short(short: &str) -> Option<Self> {
                match short { $($short => Some(Self::$name),)* _ => None }
            }
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
            pub fn short(self) -> &'static str {
                match self { $(Self::$name => $short),* }
            }
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
        }
    };
}
laender! {
    SH "01" "sh" "Schleswig-Holstein", HH "02" "hh" "Hamburg", NI "03" "ni" "Niedersachsen", HB "04" "hb" "Bremen",
    NW "05" "nw" "Nordrhein-Westfalen", HE "06" "he" "Hessen", RP "07" "rp" "Rheinland-Pfalz",
    BW "08" "bw" "Baden-Württemberg", BY "09" "by" "Bayern", SL "10" "sl" "Saarland", BE "11" "be" "Berlin",
    BB "12" "bb" "Brandenburg", MV "13" "mv" "Mecklenburg-Vorpommern", SN "14" "sn" "Sachsen",
    ST "15" "st" "Sachsen-Anhalt", TH "16" "th" "Thüringen",
}

/// Who set a rule. `Muster` is a model ordinance where no federal law exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Bund,
    Muster,
    Land,
    Kommune,
}

impl Level {
    /// The German word for findings and pages.
    pub fn title(self) -> &'static str {
        match self {
            Self::Bund => "Bund",
            Self::Muster => "Muster",
            Self::Land => "Land",
            Self::Kommune => "Kommune",
        }
    }
    pub fn folder(self) -> &'static str {
        match self {
            Self::Bund => "bund",
            Self::Muster => "muster",
            Self::Land => "land",
            Self::Kommune => "kommune",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ars_names_its_land_and_ags() {
        let koeln = Ars::new("053150000000").unwrap();
        assert_eq!((koeln.land(), koeln.ags().as_str()), (Land::NW, "05315000"));
        assert_eq!(Ars::new("145215138690").unwrap().ags(), "14521690");
    }

    #[test]
    fn malformed_keys_are_refused() {
        for bad in ["", "05315000", "0531500000000", "05315000000x", "990000000000", "000000000000"] {
            assert_eq!(Ars::new(bad), Err(ArsError), "{bad}");
        }
    }
}
