//! `rules test|coverage|explain|overview|diff|simulate`: what rule authors do beside `check`.

use crate::cli::{RulesCoverage, RulesDiff, RulesExplain, RulesSimulate, RulesTest, Sources};
use crate::config::Config;
use crate::decide::{instant, read, trial_office};
use crate::failure::Failure;
use crate::{load, operate, output, rules_check};
use authoring::{Earlier, LegalCase, evaluate, read_cases, trusted};
use domain::{Decision, Secret, Sender};
use rules::{RuleBook, ServiceOverview, SourceTree};
use std::path::Path;
use std::sync::Arc;

/// Stored applications read at once.
const PAGE: u32 = 500;

fn cases(tree: &SourceTree) -> Result<Vec<LegalCase>, Failure> {
    let (cases, errors) = read_cases(&tree.files);
    errors.iter().for_each(|error| output::error(error));
    if errors.is_empty() { Ok(cases) } else { Err(Failure::Findings) }
}

/// `rules test`
pub fn test(mut config: Config, arguments: &RulesTest) -> Result<(), Failure> {
    let tree = load::rule_files(&config, &arguments.sources)?;
    let office = trial_office(&mut config, &arguments.sources)?;
    let filter = &arguments.filter;
    let (mut passed, mut failed) = (0, 0);
    for case in cases(&tree)?.iter().filter(|case| case.file.contains(filter) || case.name.contains(filter)) {
        let differences = case.decide(&office).map_or_else(|why| vec![why], |decision| case.differences(&decision));
        if differences.is_empty() {
            passed += 1;
            continue;
        }
        failed += 1;
        output::line(&format!("{}:{}: {}", case.file, case.line, case.name));
        differences.iter().for_each(|difference| output::line(&format!("    {difference}")));
        output::line(&format!("    Quelle: {}", case.source));
    }
    output::line(&format!("{passed} Fälle stimmen, {failed} nicht"));
    if passed + failed == 0 {
        return Err(Failure::Usage(format!("kein Fall enthält „{filter}“; Fälle stehen in …/faelle/*.yaml")));
    }
    if failed == 0 { Ok(()) } else { Err(Failure::Findings) }
}

/// `rules coverage`
pub fn coverage(mut config: Config, arguments: &RulesCoverage) -> Result<(), Failure> {
    let tree = load::rule_files(&config, &arguments.sources)?;
    let mut office = trial_office(&mut config, &arguments.sources)?;
    let (book, _, branches) = RuleBook::load_for_coverage(&tree);
    office.rules = book.ok_or(Failure::Findings)?;
    let decisions: Vec<Decision> = cases(&tree)?.iter().filter_map(|case| case.decide(&office).ok()).collect();
    let files = authoring::coverage(&office.rules, &branches, &decisions);
    let (mut touched, mut total) = (0, 0);
    for (name, file) in &files {
        touched += file.touched;
        total += file.total;
        output::line(&format!(
            "{:>5} %  {:>3} von {:>3}  {name}",
            share(file.touched, file.total),
            file.touched,
            file.total
        ));
        for missing in &file.missing {
            output::line(&format!("         {name}:{}: {}", missing.line, missing.what));
        }
    }
    output::line(&format!("{:>5} %  {touched} von {total}, {} Fälle", share(touched, total), decisions.len()));
    if touched * 100 < arguments.min * total { Err(Failure::Findings) } else { Ok(()) }
}

/// Per cent, rounded down, so that 100 means all.
fn share(part: usize, of: usize) -> usize {
    (part * 100).checked_div(of).unwrap_or(100)
}

/// `rules explain`
pub fn explain(mut config: Config, arguments: &RulesExplain) -> Result<(), Failure> {
    let at = instant(arguments.at.as_deref())?;
    let bytes = read(&arguments.file)?;
    let office = trial_office(&mut config, &arguments.sources)?;
    let decision = evaluate(&office, &trusted(), &bytes, at, &Earlier::new())
        .map_err(|rejection| Failure::Usage(format!("{}: {rejection}", arguments.file)))?;
    let definition = office.workflows.get(&decision.service);
    let title = definition.map_or_else(|| decision.service.to_string(), |d| d.title.clone());
    let texts = definition.map(|d| d.texts.clone()).unwrap_or_default();
    let set = office.rules.rule_set(&decision.service, &decision.ars);
    let describe = |parameter: &str| set.and_then(|set| set.description(parameter)).map(str::to_owned);
    let text = authoring::explain(&decision, &title, &texts, &describe, !arguments.outward);
    output::line(text.trim_end());
    Ok(())
}

/// The rules of one folder; findings are printed.
fn book(config: &Config, folder: &Path) -> Result<RuleBook, Failure> {
    let sources = Sources { rules: vec![folder.to_owned()], workflows: None };
    let tree = load::rule_files(config, &sources)?;
    let (book, findings) = RuleBook::load(&tree);
    let errors = findings.iter().filter(|f| f.severity == rules::Severity::Error);
    errors.for_each(|finding| output::error(&rules_check::text(&tree, finding)));
    book.ok_or(Failure::Findings)
}

/// `rules overview`
pub fn overview(config: &Config, sources: &Sources) -> Result<(), Failure> {
    let office = load::office(config, sources, Vec::new(), &Secret::new(b"overview"))?;
    let title = |service: &ServiceOverview| {
        let definition = office.workflows.get(&service.service);
        definition.map_or_else(|| service.service.to_string(), |definition| definition.title.clone())
    };
    let regime = |service: &ServiceOverview| {
        let title = office.rules.procedure_title(service.regime);
        title.unwrap_or(service.regime.as_str()).to_owned()
    };
    output::line(authoring::overview(&office.rules.overview(), &title, &regime).trim_end());
    Ok(())
}

/// `rules diff`
pub fn diff(config: &Config, arguments: &RulesDiff) -> Result<(), Failure> {
    let changes = rules::compare(&book(config, &arguments.old)?, &book(config, &arguments.new)?);
    changes.iter().for_each(|change| output::line(&change.to_string()));
    output::line(&format!("{} Änderungen", changes.len()));
    Ok(())
}

/// `rules simulate`
pub async fn simulate(mut config: Config, arguments: &RulesSimulate) -> Result<(), Failure> {
    let at = instant(arguments.at.as_deref())?;
    let old = trial_office(&mut config, &arguments.sources)?;
    let sources = Sources { rules: vec![arguments.new.clone()], workflows: arguments.sources.workflows.clone() };
    let new = trial_office(&mut config, &sources)?;
    let mut pairs = Vec::new();
    let mut both = |place: &str, envelope: &[u8], sender: &Arc<Sender>| {
        let decide = |office| evaluate(office, sender, envelope, at, &Earlier::new());
        match (decide(&old), decide(&new)) {
            (Ok(before), Ok(after)) => pairs.push((before, after)),
            (Err(why), _) | (_, Err(why)) => output::error(&format!("{place}: {why}")),
        }
    };
    for file in &arguments.files {
        let text = read(file)?;
        let sender = trusted();
        let progress = output::progress(text.len());
        for (number, line) in text.split(|b| *b == b'\n').enumerate().filter(|(_, l)| !l.trim_ascii().is_empty()) {
            both(&format!("{file}:{}", number + 1), line, &sender);
            progress.inc(line.len() as u64 + 1);
        }
        progress.finish_and_clear();
    }
    if arguments.stored {
        let store = storage::open(&operate::database_url(&config)).await?;
        let mut after = None;
        loop {
            let rows = store.replayable(after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.decision.application_id, last.decision.decision_no));
            for row in &rows {
                let id = row.application.application_id.to_string();
                both(&id, &row.application.raw, &trusted());
            }
        }
    }
    let simulation = authoring::simulate(pairs.into_iter());
    output::line(simulation.text().trim_end());
    if let Some(file) = &arguments.html {
        output::write(file, &[simulation.html()])
            .map_err(|e| Failure::Unreachable(format!("{file} cannot be written: {e}")))?;
    }
    Ok(())
}
