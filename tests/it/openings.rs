//! From every shipped opening: overrides that it permits are taken, overrides that it forbids are refused.
//!
//! Reads the frames as plain TOML, without the loader's types, so that both would have to be wrong in the same way.

use crate::repository::overlay;
use domain::Decimal;
use rules::{RuleBook, SourceTree};
use toml::{Table, Value};

const FORMS: [&str; 5] = ["gesetz", "rechtsverordnung", "satzung", "richtlinie", "festsetzung"];
/// A place that nobody configured, in a Land that says nothing of its own about any service, so that only the opening
/// under test speaks.
const ARS: &str = "100429990000";

struct Opening {
    service: String,
    folder: String,
    parameter: Table,
    opening: Table,
}

fn text<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
    table.get(key).and_then(Value::as_str)
}

fn list<'t>(table: &'t Table, key: &str) -> Vec<&'t str> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn shipped() -> Vec<Opening> {
    let mut all = Vec::new();
    for (path, content) in &overlay(&["rules"]).files {
        if !path.ends_with("/rahmen.toml") || path.starts_with("land/") {
            continue;
        }
        let frame: Table = toml::from_str(content).unwrap();
        let service = text(&frame, "dienst").unwrap().to_owned();
        let tables = |table: &Table, key: &str| -> Vec<Table> {
            let items = table.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            items.into_iter().map(|item| item.as_table().cloned().unwrap()).collect()
        };
        for parameter in tables(&frame, "parameter") {
            for opening in tables(&parameter, "oeffnung") {
                let folder = path.trim_end_matches("rahmen.toml").to_owned();
                all.push(Opening { service: service.clone(), folder, parameter: parameter.clone(), opening });
            }
        }
    }
    all
}

/// The shipped rules with the given files more.
fn tree(opening: &Opening, files: &[(String, String)]) -> SourceTree {
    let mut tree = overlay(&["rules"]);
    let says_something = |path: &String| path.starts_with("land/sl/") && path != "land/sl/zustaendigkeit.toml";
    assert!(!tree.files.keys().any(|path| says_something(path) || path.contains(ARS)), "the place must be free");
    let place = format!(
        "ars = \"{ARS}\"\nname = \"Neustadt\"\nebene = \"gemeinde\"\n[[zustaendigkeit]]\ndienst = \"{}\"\n\
         behoerde = \"Stadt Neustadt\"\nteam = \"t\"\n",
        opening.service
    );
    tree.files.insert(format!("kommune/{ARS}/kommune.toml"), place);
    tree.files.extend(files.iter().cloned());
    tree
}

/// A value of the parameter's kind: at a bound, beyond it, or any.
fn literal(opening: &Opening, number: Option<Decimal>) -> String {
    let kind = |name: &str| match name {
        "euro" | "zahl" | "anteil" => format!("\"{}\"", number.unwrap_or(Decimal::ONE)),
        "ganzzahl" => number.unwrap_or(Decimal::ONE).trunc().to_string(),
        "datum" => "2024-01-01".to_owned(),
        "wahrheitswert" => "true".to_owned(),
        "auswahl" => {
            let allowed = list(&opening.opening, "erlaubt");
            format!("\"{}\"", allowed.first().copied().unwrap_or(list(&opening.parameter, "werte")[0]))
        }
        "liste" => "[]".to_owned(),
        _ => "\"a\"".to_owned(),
    };
    let Some("tabelle") = text(&opening.parameter, "typ") else {
        return format!("wert = {}", kind(text(&opening.parameter, "typ").unwrap()));
    };
    let basis = opening.opening.get("je").and_then(|je| je.get("basis")).map_or(1, |b| b.as_integer().unwrap());
    let keys = opening.parameter["schluessel"].as_array().unwrap();
    let cells: Vec<String> = keys.iter().map(|key| format!("{} = {basis}", key["name"].as_str().unwrap())).collect();
    format!("zeilen = [{{ {}, wert = {} }}]", cells.join(", "), kind(text(&opening.parameter, "inhalt").unwrap()))
}

/// A file of the level that sets the parameter in a form from a day on.
fn setting(opening: &Opening, level: &str, form: &str, from: &str, value: &str) -> (String, String) {
    let head = format!("dienst = \"{}\"\n", opening.service);
    let name = text(&opening.parameter, "name").unwrap();
    let body = format!(
        "[[wert]]\nparameter = \"{name}\"\nab = {from}\n{value}\ninstrument = \"{form}\"\nnorm = \"n\"\nquelle = \"q\"\n"
    );
    match level {
        "land" => (format!("land/sl/{}/abweichung.toml", opening.service), format!("{head}land = \"sl\"\n{body}")),
        _ => (format!("kommune/{ARS}/{}.toml", opening.service), format!("{head}{body}")),
    }
}

fn delegation(opening: &Opening, form: &str, from: &str) -> (String, String) {
    let (service, name) = (&opening.service, text(&opening.parameter, "name").unwrap());
    let text = format!(
        "dienst = \"{service}\"\nland = \"sl\"\n[[delegation]]\nparameter = \"{name}\"\nan = \"kommune\"\nnorm = \"VO\"\n\
         ab = {from}\ninstrument = [\"{form}\"]\n"
    );
    (format!("land/sl/{service}/abweichung.toml"), text)
}

struct Trial {
    what: String,
    fine: bool,
    files: Vec<(String, String)>,
}

fn trials(opening: &Opening) -> Vec<Trial> {
    let level = text(&opening.opening, "ebene").unwrap();
    let forms = list(&opening.opening, "instrument");
    let bound = |key: &str| text(&opening.opening, key).map(|t| t.parse::<Decimal>().unwrap());
    let (least, most) = (bound("minimum"), bound("maximum"));
    let inside = least.or(most);
    let from = opening.opening.get("ab").map_or("2024-01-01".to_owned(), ToString::to_string);
    let cent: Decimal = "0.01".parse().unwrap();
    let step = if text(&opening.parameter, "typ") == Some("ganzzahl") { Decimal::ONE } else { cent };
    let mut trials = Vec::new();
    let mut add = |what: &str, fine: bool, files: Vec<(String, String)>| {
        trials.push(Trial { what: what.to_owned(), fine, files });
    };
    let value = literal(opening, inside);
    for form in FORMS {
        add(&format!("by {form}"), forms.contains(&form), vec![setting(opening, level, form, &from, &value)]);
    }
    if let Some(least) = least {
        add("at the minimum", true, vec![setting(opening, level, forms[0], &from, &literal(opening, Some(least)))]);
        let below = literal(opening, Some(least - step));
        add("below the minimum", false, vec![setting(opening, level, forms[0], &from, &below)]);
    }
    if let Some(most) = most {
        add("at the maximum", true, vec![setting(opening, level, forms[0], &from, &literal(opening, Some(most)))]);
        let above = literal(opening, Some(most + step));
        add("above the maximum", false, vec![setting(opening, level, forms[0], &from, &above)]);
    }
    if opening.opening.contains_key("ab") {
        add("before it is in force", false, vec![setting(opening, level, forms[0], "1999-12-31", &value)]);
    }
    add("of another type", false, vec![setting(opening, level, forms[0], &from, "wert = [[1]]")]);
    add("of an unknown parameter", false, {
        let (path, text) = setting(opening, level, forms[0], &from, &value);
        vec![(path, text.replacen("parameter = \"", "parameter = \"un", 1))]
    });
    let other = if level == "land" { "kommune" } else { "land" };
    let open_to_other = |o: &Opening| {
        let all = o.parameter["oeffnung"].as_array().unwrap();
        all.iter().any(|one| one.get("ebene").and_then(Value::as_str) == Some(other))
    };
    if !open_to_other(opening) {
        add("by the wrong level", false, vec![setting(opening, other, forms[0], &from, &value)]);
    }
    if text(&opening.opening, "darf_delegieren_an") == Some("kommune") {
        for form in FORMS {
            let passed = vec![delegation(opening, form, &from), setting(opening, "kommune", form, &from, &value)];
            if form != "festsetzung" {
                add(&format!("passed on by {form}"), forms.contains(&form), passed);
            }
        }
    }
    trials
}

#[test]
fn every_shipped_opening_takes_what_it_permits_and_refuses_the_rest() {
    let openings = shipped();
    let (mut taken, mut refused, mut wrong) = (0, 0, Vec::new());
    for opening in &openings {
        for trial in trials(opening) {
            let (book, findings) = RuleBook::load(&tree(opening, &trial.files));
            match (trial.fine, book.is_some()) {
                (true, true) => taken += 1,
                (false, false) => refused += 1,
                _ => {
                    let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
                    let name = text(&opening.parameter, "name").unwrap();
                    wrong.push(format!(
                        "{}{name}, {}: {:?}\n{}",
                        opening.folder,
                        trial.what,
                        trial.files,
                        texts.join("\n")
                    ));
                }
            }
        }
    }
    println!("{} openings: {taken} overrides taken, {refused} refused", openings.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(taken >= openings.len() && refused > 4 * openings.len(), "{taken} {refused}");
}
