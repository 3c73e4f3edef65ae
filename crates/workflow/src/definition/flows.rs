//! The workflows of a service, from its own folder or the one that all share.

use super::{File, WorkflowError};
use crate::flow::{Flow, FlowError};
use crate::validate::Form;
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All versions that a service names, by their days, read and checked; what is wrong goes to `errors`.
pub(super) fn load(
    folder: &str,
    file: &File,
    forms: &[(Date, Arc<Form>)],
    files: &BTreeMap<String, String>,
    errors: &mut Vec<WorkflowError>,
) -> Vec<(Date, Arc<Flow>)> {
    let mut error = |file: &str, message: String| errors.push(WorkflowError { file: file.to_owned(), message });
    let definition = format!("{folder}workflow.toml");
    let mut flows = Vec::new();
    for entry in &file.ablauf {
        let shared = format!("ablauf/{}.toml", entry.version);
        let own = format!("{folder}{shared}");
        let Some((path, text)) = files.get_key_value(&own).or_else(|| files.get_key_value(&shared)) else {
            error(&own, format!("diese Datei fehlt, und {shared} für alle Dienste auch"));
            continue;
        };
        match flow(&entry.version, text, folder, file, forms) {
            Ok(flow) => flows.push((entry.ab, Arc::new(flow))),
            Err(Fault::Flow(faults)) => faults.iter().for_each(|fault| error(path, fault.to_string())),
            Err(Fault::Way(step)) => error(
                &definition,
                format!(
                    "{path} sagt beim Schritt „{step}“ nicht, wie bekannt gegeben wird: schreiben Sie dort oder hier \
                     bekanntgabe = \"…\" mit einem Weg aus rules/kalender.toml"
                ),
            ),
        }
    }
    let first = file.ablauf.iter().map(|entry| entry.ab).min();
    if file.formular.iter().any(|form| first.is_none_or(|first| form.ab < first)) {
        let message = "ein Formular gilt vor dem ersten Ablauf: setzen Sie unter [[ablauf]] ab nicht später";
        error(&definition, message.into());
    }
    flows.sort_by_key(|(from, _)| *from);
    flows
}

enum Fault {
    Flow(Vec<FlowError>),
    /// A notice without a way out of the house, at this step.
    Way(String),
}

fn flow(version: &str, text: &str, folder: &str, file: &File, forms: &[(Date, Arc<Form>)]) -> Result<Flow, Fault> {
    let mut flow = Flow::read(version, text).map_err(Fault::Flow)?;
    let lacking = |pointer: &str| {
        let (_, form) = forms.iter().find(|(_, form)| !form.has_field(pointer))?;
        Some(format!("{folder}form/{}.schema.json", form.version))
    };
    let faults = flow.faults(lacking);
    if !faults.is_empty() {
        return Err(Fault::Flow(faults));
    }
    flow.announce(file.bekanntgabe.as_deref().unwrap_or_default()).map_err(Fault::Way)?;
    Ok(flow)
}

#[cfg(test)]
mod tests {
    use crate::WorkflowBook;
    use crate::flow::Kind;
    use domain::ServiceName;
    use std::collections::BTreeMap;

    const SHARED: &str = include_str!("../../../../workflows/ablauf/1.toml");
    const FORM: &str = r#"{"type":"object","properties":{"frei":{"type":"string"}}}"#;
    const HEAD: &str = "dienst = \"probe\"\ntitel = \"Probe\"\nbekanntgabe = \"sgbx-post\"\n";
    const REST: &str = "[[formular]]\nversion = \"1\"\nab = 2020-01-01\n[freitext]\nfelder = [\"/frei\"]\n";

    fn files(workflow: &str, flows: &[(&str, &str)]) -> BTreeMap<String, String> {
        let flows = flows.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let own =
            [("probe/workflow.toml".to_owned(), workflow.to_owned()), ("probe/form/1.schema.json".into(), FORM.into())];
        flows.chain(own).collect()
    }

    fn errors(files: &BTreeMap<String, String>) -> Vec<String> {
        WorkflowBook::load(files).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_service_has_the_shared_workflow_or_its_own_by_version_and_day() {
        let own = SHARED.replace("Antrag mit Sachbearbeitung", "Eigener");
        let later = "[[ablauf]]\nversion = \"1\"\nab = 2020-01-01\n[[ablauf]]\nversion = \"2\"\nab = 2027-01-01\n";
        let texts = [("ablauf/1.toml", SHARED), ("probe/ablauf/2.toml", own.as_str())];
        let service = ServiceName::new("probe".to_owned()).unwrap();
        let book = WorkflowBook::load(&files(&format!("{HEAD}{later}{REST}"), &texts)).unwrap();
        let probe = book.get(&service).unwrap();
        assert_eq!(probe.flow_versions().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(probe.flow("2").unwrap().title, "Eigener");
        assert!(probe.flow("3").is_none());
        let on = |day: &str| probe.flow_on(day.parse().unwrap()).map(|flow| flow.version.clone());
        let days = [on("2019-12-31"), on("2020-01-01"), on("2026-12-31"), on("2027-01-01")];
        assert_eq!(days.map(Option::unwrap), ["1", "1", "1", "2"], "what came before all of them goes by the first");

        let both = [("ablauf/1.toml", SHARED), ("probe/ablauf/1.toml", own.as_str())];
        let book = WorkflowBook::load(&files(&format!("{HEAD}{REST}"), &both)).unwrap();
        let flow = book.get(&service).unwrap().flow("1").unwrap();
        assert_eq!(flow.title, "Eigener");
        assert_eq!(flow.step("bescheid").unwrap().kind, Kind::Notice { way: "sgbx-post".into() });
    }

    #[test]
    fn what_is_missing_is_said_where_it_belongs() {
        let workflow = format!("{HEAD}{REST}");
        let missing = "probe/ablauf/1.toml: diese Datei fehlt, und ablauf/1.toml für alle Dienste auch";
        assert_eq!(errors(&files(&workflow, &[])), [missing]);

        let no_way = workflow.replace("bekanntgabe = \"sgbx-post\"\n", "");
        let expected = "probe/workflow.toml: ablauf/1.toml sagt beim Schritt „bescheid“ nicht, wie bekannt gegeben wird: \
                        schreiben Sie dort oder hier bekanntgabe = \"…\" mit einem Weg aus rules/kalender.toml";
        assert_eq!(errors(&files(&no_way, &[("ablauf/1.toml", SHARED)])), [expected]);

        let late = workflow.replace("ab = 2020-01-01", "ab = 2019-01-01");
        let expected =
            "probe/workflow.toml: ein Formular gilt vor dem ersten Ablauf: setzen Sie unter [[ablauf]] ab nicht später";
        assert_eq!(errors(&files(&late, &[("ablauf/1.toml", SHARED)])), [expected]);

        let condition = SHARED.replace("{ wiederaufgenommen = true }", "{ feld = \"/preis\" }");
        let expected =
            "ablauf/1.toml: Zeile 42: Schritt „gegenzeichnung“: das Feld /preis fehlt in probe/form/1.schema.json";
        assert_eq!(errors(&files(&workflow, &[("ablauf/1.toml", &condition)])), [expected]);
    }

    #[test]
    fn what_is_wrong_with_the_shared_workflow_is_said_once() {
        let shared = SHARED.replace("beginn = \"formular\"", "beginn = \"x\"");
        let mut files = files(&format!("{HEAD}{REST}"), &[("ablauf/1.toml", &shared)]);
        files.insert("zweite/workflow.toml".into(), format!("{HEAD}{REST}").replace("probe", "zweite"));
        files.insert("zweite/form/1.schema.json".into(), FORM.into());
        assert_eq!(errors(&files), ["ablauf/1.toml: beginn nennt den Schritt „x“, den es nicht gibt"]);
    }
}
