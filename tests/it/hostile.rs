//! Hundreds of scripts that mean harm, each in a process of its own: refused, or referred, small and quick.

use crate::repository::{read, root};
use rules::{RuleBook, SourceTree};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::Program;

const FRAME: &str = r#"
dienst = "probe"
titel = "Probe"
modus = "bund_rahmen_delegiert"
[automatik]
regime = "vwvfg-35a"
gebunden = true
erlaubt_durch = [{ norm = "§ 1 Probe", ab = 2020-01-01, umfang = ["erteilung", "ablehnung"] }]
[stichtage]
beginn = "/beginn"
[[parameter]]
name = "gebuehr"
typ = "euro"
  [[parameter.wert]]
  ab = 2020-01-01
  wert = "10.00"
  norm = "§ 2 Probe"
  quelle = "erfunden"
[[parameter]]
name = "tabelle"
typ = "tabelle"
inhalt = "text"
schluessel = [{ name = "k", art = "genau" }]
  [[parameter.wert]]
  ab = 2020-01-01
  zeilen = [{ k = "a", wert = "b" }, { k = "c", wert = "d" }]
  norm = "§ 3 Probe"
  quelle = "erfunden"
[[funktion]]
name = "betrag"
  [[funktion.oeffnung]]
  ebene = "land"
  norm = "§ 4 Probe"
  instrument = ["rechtsverordnung"]
[[pruefung]]
id = "alt_genug"
norm = "§ 5 Probe"
wirkung = "ablehnung"
erfuellt = "Sie sind {alter} Jahre alt. {a}{b}{c}"
nicht_erfuellt = "Sie sind erst {alter} Jahre alt."
"#;

const PLACE: &str = "ars = \"053150000000\"\nname = \"Köln\"\nebene = \"gemeinde\"\n[[zustaendigkeit]]\n\
                     dienst = \"probe\"\nbehoerde = \"Stadt Köln\"\nteam = \"probe\"\n";

/// Memory of one child, KiB, and a limit of time against hanging only.
const MAX_KIB: u64 = 64 * 1024;
const HANG_MICROS: u64 = 5_000_000;

pub struct Script {
    pub name: String,
    pub text: String,
    /// What must become of it, from its second line.
    pub safe: String,
}

/// Frame and script as another service.
pub fn service(name: &str, script: &str) -> [String; 2] {
    [FRAME.replace("dienst = \"probe\"", &format!("dienst = \"{name}\"")), script.to_owned()]
}

/// Names of the scripts that no rule book takes.
pub fn refused_at_load(corpus: &[Script]) -> BTreeSet<String> {
    let load = |script: &Script| {
        let files = files(&script.text).into_iter().map(|(path, text)| (path.to_owned(), text)).collect();
        RuleBook::load(&SourceTree { files }).0.is_none()
    };
    // On a thread with the stack of the program's own.
    let work = std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(8 * 1024 * 1024);
        let thread =
            builder.spawn_scoped(scope, || corpus.iter().filter(|s| load(s)).map(|s| s.name.clone()).collect());
        thread.unwrap().join()
    });
    work.unwrap()
}

pub fn corpus() -> Vec<Script> {
    let entries = fs::read_dir(root().join("tests/hostile")).unwrap();
    let mut scripts: Vec<Script> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
            let safe = text.lines().nth(1).and_then(|line| line.strip_prefix("// safe: ")).map(str::to_owned);
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            Script { safe: safe.unwrap_or_else(|| panic!("{name}: its second line is // safe: …")), name, text }
        })
        .collect();
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    scripts
}

fn files(script: &str) -> BTreeMap<&'static str, String> {
    let procedures = read("rules/verfahren.toml");
    BTreeMap::from([
        ("verfahren.toml", procedures),
        ("kalender.toml", read("rules/kalender.toml")),
        ("bund/probe/rahmen.toml", FRAME.to_owned()),
        ("bund/probe/2020-01-01.rhai", script.to_owned()),
        ("kommune/053150000000/kommune.toml", PLACE.to_owned()),
    ])
}

/// What the child said: each script that was tried, and the summary; nothing where it died.
fn trial(program: &Program, script: &str) -> Option<(Vec<Value>, Value)> {
    let data = json!({"alter": 30, "beginn": "2026-12-01", "name": "Anna", "liste": [1, 2, 3]});
    let input = serde_json::to_vec(&json!({"files": files(script), "data": data})).unwrap();
    let output = program.run(&["rules", "trial"], &input).unwrap();
    let lines: Vec<Value> =
        output.stdout.split(|b| *b == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect();
    let (summary, tried) = lines.split_last()?;
    (output.status.success() && summary.get("peak_kib").is_some()).then(|| (tried.to_vec(), summary.clone()))
}

/// What is wrong with the fate of a script, if anything.
fn judge(script: &Script, tried: &[Value], summary: &Value) -> Option<String> {
    let refused = !summary["refused"].as_array().unwrap().is_empty();
    let fate = tried.first();
    let outcome = fate.map_or("none", |f| f["outcome"].as_str().unwrap());
    let reasons = fate.map_or("[]".to_owned(), |f| f["reasons"].to_string());
    let fine = match script.safe.as_str() {
        "refused" => refused,
        "not-final" => refused || outcome == "referred",
        "rule-error" => refused || reasons == "[\"rule_error\"]",
        "bounded" => true,
        other => panic!("{}: unknown fate {other}", script.name),
    };
    let (peak, micros) = (summary["peak_kib"].as_u64().unwrap(), summary["micros"].as_u64().unwrap());
    match () {
        () if !fine => Some(format!("{}: {outcome} {reasons}, but should be {}", script.name, script.safe)),
        () if peak > MAX_KIB => Some(format!("{}: {peak} KiB", script.name)),
        () if micros > HANG_MICROS => Some(format!("{}: {micros} µs", script.name)),
        () => None,
    }
}

#[test]
fn no_hostile_script_hurts_or_decides() {
    let corpus = corpus();
    assert!(corpus.len() >= 70, "the corpus was not found");
    let program = Program::new("").unwrap();
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(script) = corpus.get(next.fetch_add(1, Ordering::Relaxed)) {
                    results.lock().unwrap().push((script, trial(&program, &script.text)));
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let mut wrong = Vec::new();
    let (mut refused, mut slowest, mut largest) = (0, (0, ""), (0, ""));
    for (script, result) in &results {
        let Some((tried, summary)) = result else {
            wrong.push(format!("{}: the process died", script.name));
            continue;
        };
        refused += usize::from(!summary["refused"].as_array().unwrap().is_empty());
        slowest = slowest.max((summary["micros"].as_u64().unwrap(), &script.name));
        largest = largest.max((summary["peak_kib"].as_u64().unwrap(), &script.name));
        wrong.extend(judge(script, tried, summary));
    }
    println!(
        "{} hostile scripts, {refused} refused at load; slowest {slowest:?} µs, largest {largest:?} KiB",
        results.len()
    );
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), results.len(), wrong.join("\n"));
}

#[test]
fn the_trial_itself_decides_a_harmless_script() {
    let script = "fn entscheide() { pruefe(\"alt_genug\", antrag.alter >= 16, #{ alter: antrag.alter }); \
                  #{ b: betrag(parameter.gebuehr) } }\nfn betrag(x) { x }";
    let (tried, summary) = trial(&Program::new("").unwrap(), script).unwrap();
    assert_eq!((tried[0]["outcome"].as_str(), summary["refused"].as_array().unwrap().len()), (Some("granted"), 0));
}
