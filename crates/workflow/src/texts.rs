//! `texte.toml`: what pages and notices of a service say.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;
use std::collections::BTreeMap;

/// Texts by name, in the order in which they are written: results are shown in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts(Vec<(String, String)>);

impl Texts {
    pub fn get(&self, name: &str) -> Option<&String> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, text)| text)
    }

    /// Results with their titles (`ergebnis_<name>`): first those that have one, in its order; the title of another one
    /// is nothing.
    pub fn results<'r>(&self, result: &'r BTreeMap<String, Value>) -> Vec<(&'r str, Option<String>, &'r Value)> {
        let titles: Vec<(&str, &String)> =
            self.0.iter().filter_map(|(name, text)| Some((name.strip_prefix("ergebnis_")?, text))).collect();
        let titled = titles.iter().filter_map(|(name, title)| {
            let (name, value) = result.get_key_value(*name)?;
            Some((name.as_str(), Some((*title).clone()), value))
        });
        let rest = result.iter().filter(|(name, _)| titles.iter().all(|(titled, _)| titled != name));
        titled.chain(rest.map(|(name, value)| (name.as_str(), None, value))).collect()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Texts {
    fn from(texts: [(&str, &str); N]) -> Self {
        Self(texts.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec())
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(reader)?;
        let text = |(name, value): (String, toml::Value)| match value {
            toml::Value::String(text) => Ok((name, text)),
            other => Err(D::Error::custom(format!("{name}: „{other}“ ist kein Text"))),
        };
        table.into_iter().map(text).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_their_titles() {
        let texts: Texts = toml::from_str("ergebnis_z = \"Z\"\nvorlage = \"v\"\nergebnis_a = \"A\"\n").unwrap();
        let result = ["a", "m", "z"].map(|name| (name.to_owned(), Value::from(name))).into();
        let shown: Vec<(&str, Option<String>)> = texts.results(&result).into_iter().map(|(n, t, _)| (n, t)).collect();
        assert_eq!(shown, [("z", Some("Z".into())), ("a", Some("A".into())), ("m", None)]);
        assert!(toml::from_str::<Texts>("a = 1").is_err());
    }
}
