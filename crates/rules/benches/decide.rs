//! What a decision costs: fifteen checks with their explanation against the same checks in plain Rust, and the same
//! decision with 10 and with 11,000 Kommunen loaded. `cargo bench -p rules` prints times; nothing here can fail.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use domain::{ApplicationId, Ars, ClientId, Decimal, Decision, Digest, ServiceName};
use rules::{Context, Facts, RuleBook, SourceTree};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const CHECKS: usize = 15;
const SERVICES: usize = 10;

fn frame(service: &str) -> String {
    let mut text = format!(
        "dienst = \"{service}\"\ntitel = \"Probe\"\nmodus = \"bund_rahmen_delegiert\"\n[automatik]\nregime = \"vwvfg-35a\"\n\
         gebunden = true\nerlaubt_durch = [{{ norm = \"§ 1\", ab = 2020-01-01, umfang = [\"erteilung\"] }}]\n\
         [[parameter]]\nname = \"gebuehr\"\ntyp = \"euro\"\n[[parameter.wert]]\nab = 2020-01-01\nwert = \"10.00\"\n\
         norm = \"§ 2\"\nquelle = \"erfunden\"\n[[parameter.oeffnung]]\nebene = \"kommune\"\nnorm = \"§ 3\"\n\
         instrument = [\"satzung\"]\nmaximum = \"100.00\"\n"
    );
    for i in 0..CHECKS {
        write!(
            text,
            "[[pruefung]]\nid = \"p{i}\"\nnorm = \"§ {i}\"\nwirkung = \"ablehnung\"\nerfuellt = \"{{wert}} genügt.\"\n\
             nicht_erfuellt = \"{{wert}} genügt nicht.\"\n"
        )
        .unwrap_or_default();
    }
    text
}

fn script() -> String {
    let mut text = "fn entscheide() {\n".to_owned();
    for i in 0..CHECKS {
        writeln!(text, "    pruefe(\"p{i}\", antrag.feld{i} >= {i}, #{{ wert: antrag.feld{i} }});").unwrap_or_default();
    }
    text.push_str("    #{ gebuehr: runde_cent(parameter.gebuehr * antrag.feld0) }\n}\n");
    text
}

/// A law of ten services that a number of Kommunen configure.
fn tree(kommunen: usize) -> SourceTree {
    let mut files = BTreeMap::from([(
        "verfahren.toml".to_owned(),
        "[vwvfg-35a]\ntitel = \"§ 35a VwVfG\"\n[vwvfg-35a.normen]\n".to_owned(),
    )]);
    for s in 0..SERVICES {
        files.insert(format!("bund/dienst{s}/rahmen.toml"), frame(&format!("dienst{s}")));
        files.insert(format!("bund/dienst{s}/2020-01-01.rhai"), script());
    }
    for k in 0..kommunen {
        let ars = ars(k);
        let mut place = format!("ars = \"{ars}\"\nname = \"Ort {k}\"\nebene = \"gemeinde\"\n");
        for s in 0..SERVICES {
            write!(place, "[[zustaendigkeit]]\ndienst = \"dienst{s}\"\nbehoerde = \"Stadt {k}\"\nteam = \"t\"\n")
                .unwrap_or_default();
            let cents = k % 90;
            let value = format!(
                "dienst = \"dienst{s}\"\n[[wert]]\nparameter = \"gebuehr\"\nab = 2024-01-01\nwert = \"1.{cents:02}\"\n\
                 instrument = \"satzung\"\nnorm = \"Satzung\"\nquelle = \"erfunden\"\n"
            );
            files.insert(format!("kommune/{ars}/dienst{s}.toml"), value);
        }
        files.insert(format!("kommune/{ars}/kommune.toml"), place);
    }
    SourceTree { files }
}

fn ars(k: usize) -> String {
    format!("{:02}{:010}", 1 + k % 16, k)
}

fn data() -> Value {
    (0..CHECKS).map(|i| (format!("feld{i}"), json!(i + 1))).collect::<serde_json::Map<_, _>>().into()
}

fn book(kommunen: usize) -> RuleBook {
    let (book, findings) = RuleBook::load(&tree(kommunen));
    book.unwrap_or_else(|| unreachable!("{findings:?}"))
}

fn facts(k: usize) -> Option<Facts> {
    Some(Facts {
        application_id: ApplicationId(uuid::Uuid::nil()),
        id: ClientId::new("1").ok()?,
        service: ServiceName::new("dienst3").ok()?,
        ars: Ars::new(ars(k)).ok()?,
        form_version: "1".into(),
        form_digest: Digest::of(b"form"),
        data: Arc::new(data()),
        decision_no: 1,
    })
}

fn context() -> Context {
    Context::plain(jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 365 * 56))
}

/// The same checks and reasons without layers, scripts or provenance.
fn plain(data: &Value) -> (Vec<(String, bool, String)>, Decimal) {
    let mut reasons = Vec::with_capacity(CHECKS);
    for i in 0..CHECKS {
        let value = data.get(format!("feld{i}")).and_then(Value::as_i64).unwrap_or_default();
        let fulfilled = value >= i as i64;
        let word = if fulfilled { "genügt." } else { "genügt nicht." };
        reasons.push((format!("p{i}"), fulfilled, format!("{value} {word}")));
    }
    let factor = data.get("feld0").and_then(Value::as_i64).unwrap_or_default();
    (reasons, Decimal::new(1000, 2) * Decimal::from(factor))
}

fn decide(book: &RuleBook, facts: &Facts, context: &Context) -> Decision {
    book.decide(black_box(facts), black_box(context))
}

fn one_decision(c: &mut Criterion) {
    let (book, context, data) = (book(10), context(), data());
    let Some(facts) = facts(5) else { return };
    let mut group = c.benchmark_group("fifteen checks");
    group.bench_function("decision with explanation", |b| b.iter(|| decide(&book, &facts, &context)));
    group.bench_function("plain Rust, no explanation", |b| b.iter(|| plain(black_box(&data))));
    group.finish();
}

/// Resident memory of this process, MiB.
#[expect(clippy::disallowed_methods, reason = "what the kernel says of this process")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn scale(c: &mut Criterion) {
    let context = context();
    let mut group = c.benchmark_group("decision by Kommunen loaded");
    for kommunen in [10, 11_000] {
        let tree = tree(kommunen);
        let (files, before, begin) = (tree.files.len(), resident(), Instant::now());
        let (book, _) = RuleBook::load(&tree);
        let Some(book) = book else { return };
        let (seconds, more) = (begin.elapsed().as_secs_f64(), resident().saturating_sub(before));
        println!("{kommunen} Kommunen × {SERVICES} services: {files} files loaded in {seconds:.2} s, {more} MiB more");
        let Some(facts) = facts(kommunen / 2) else { return };
        let id = BenchmarkId::from_parameter(kommunen);
        group.bench_with_input(id, &book, |b, book| b.iter(|| decide(book, &facts, &context)));
    }
    group.finish();
}

criterion_group!(benches, one_decision, scale);
criterion_main!(benches);
