//! Dated values of any level: read by type, checked against the contract, kept without overlap.

use super::*;

impl<'a> Loader<'a> {
    /// Values of a Land or Kommune: each must keep the contract.
    pub(super) fn settings(
        &mut self,
        file: &File<'_>,
        folder: &str,
        setter: &Setter<'_>,
        frame: &Frame,
        settings: &[Spanned<Setting>],
        into: &mut Versions,
    ) {
        for spanned in settings {
            let setting = spanned.get_ref();
            let Some(name) = &setting.parameter else {
                self.findings.push(file.error("form", spanned.span(), "parameter = \"…\" fehlt"));
                continue;
            };
            let Some(parameter) = find(frame, name.get_ref()) else {
                self.findings.push(unknown_parameter(file, name, frame));
                continue;
            };
            let Some(value) = self.read(file, folder, parameter, setting) else { continue };
            match contract::check(file, setter, parameter, setting, &value) {
                Ok(through) => self.insert(file, parameter, setting, setter.level, through, value, into),
                Err(finding) => self.findings.push(*finding),
            }
        }
        self.finish(into);
        for parameter in frame.parameter.iter().map(Spanned::get_ref) {
            let name = parameter.name.get_ref();
            let of_it = settings.iter().filter(|s| s.get_ref().parameter.as_ref().is_some_and(|p| p.get_ref() == name));
            self.findings.extend(gaps(file, parameter, of_it, into, setter.below));
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one call site each; a struct would only rename the arguments")]
    pub(super) fn add(
        &mut self,
        file: &File<'_>,
        folder: &str,
        parameter: &Parameter,
        setting: &Setting,
        level: Level,
        through: Vec<domain::LayerNorm>,
        into: &mut Versions,
    ) {
        if let Some(value) = self.read(file, folder, parameter, setting) {
            self.insert(file, parameter, setting, level, through, value, into);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one call site each; a struct would only rename the arguments")]
    pub(super) fn insert(
        &mut self,
        file: &File<'_>,
        parameter: &Parameter,
        setting: &Setting,
        level: Level,
        through: Vec<domain::LayerNorm>,
        value: Value,
        into: &mut Versions,
    ) {
        let versions = into.0.entry(parameter.name.get_ref().clone()).or_default();
        let from = setting.ab.get_ref().0;
        let to = setting.bis.map(|d| d.0);
        if setting.norm.get_ref().trim().is_empty() || setting.quelle.trim().is_empty() {
            self.findings.push(file.error("norm", setting.norm.span(), "jeder Wert nennt seine Norm und seine Quelle"));
        }
        if to.is_some_and(|to| to < from) {
            self.findings.push(file.error("geltung", setting.ab.span(), "bis liegt vor ab"));
        }
        let clash = versions.iter().find(|v| {
            let other_ends_before = v.to.is_some_and(|end| end < from);
            let this_ends_before = to.is_some_and(|end| end < v.from);
            v.from == from
                || (v.to.is_some() && !other_ends_before && v.from < from)
                || (to.is_some() && !this_ends_before && from < v.from)
        });
        if let Some(other) = clash {
            let message = format!(
                "„{}“ ist mehrdeutig: für {} gilt auf derselben Ebene schon ein Wert ab {}",
                parameter.name.get_ref(),
                from,
                other.from
            );
            let finding = file.error("mehrdeutig", setting.ab.span(), message);
            self.findings.push(finding.help("je Ebene und Tag genau ein Wert; beenden Sie den früheren mit bis = …"));
        }
        versions.push(Version {
            from,
            to,
            value,
            level,
            norm: setting.norm.get_ref().clone(),
            source: setting.quelle.clone(),
            through,
            support: setting.support,
        });
    }

    pub(super) fn read(
        &mut self,
        file: &File<'_>,
        folder: &str,
        parameter: &Parameter,
        setting: &Setting,
    ) -> Option<Value> {
        let here = setting.parameter.as_ref().map_or(setting.norm.span(), Spanned::span);
        if parameter.typ == Type::Tabelle {
            let rows: Vec<RawRow> = match (&setting.zeilen, &setting.datei) {
                (Some(rows), None) => {
                    let at = |row: &Spanned<_>| format!("{}:{}", file.name, file.line(row.span().start));
                    rows.iter().map(|row| (row.get_ref().clone(), at(row))).collect()
                }
                (None, Some(name)) => self.csv(file, folder, name)?,
                (Some(_), Some(_)) | (None, None) => {
                    let message = "eine Tabelle braucht zeilen = [ … ] oder datei = \"tabellen/….csv\"";
                    self.findings.push(file.error("wert", here, message));
                    return None;
                }
            };
            return Table::read(parameter, &rows)
                .map_err(|(row, message)| {
                    let span = setting.zeilen.as_ref().and_then(|z| z.get(row)).map_or(here, Spanned::span);
                    self.findings.push(file.error("tabelle", span, message));
                })
                .ok()
                .map(|table| Value::Table(Arc::new(table)));
        }
        let Some(value) = &setting.wert else {
            self.findings.push(file.error("wert", here, "wert = … fehlt"));
            return None;
        };
        Value::read(parameter, value.get_ref())
            .map_err(|message| self.findings.push(file.error("typ", value.span(), message)))
            .ok()
    }

    pub(super) fn csv(&mut self, file: &File<'_>, folder: &str, name: &Spanned<String>) -> Option<Vec<RawRow>> {
        let path = format!("{folder}{}", name.get_ref());
        let Some(text) = self.tree.files.get(&path) else {
            self.findings.push(file.error("datei", name.span(), format!("{path} fehlt")));
            return None;
        };
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let records: Result<Vec<BTreeMap<String, String>>, _> = reader.deserialize().collect();
        let records = records
            .map_err(|e| {
                let line = e.position().map_or(1, |p| usize::try_from(p.line()).unwrap_or(1));
                let csv = File { name: &path, text };
                self.findings.push(csv.error_at("tabelle", line, 1, "diese Zeile passt nicht zur Kopfzeile"));
            })
            .ok()?;
        let cells = |row: BTreeMap<String, String>| row.into_iter().map(|(k, v)| (k, toml::Value::String(v))).collect();
        Some(records.into_iter().enumerate().map(|(i, row)| (cells(row), format!("{path}:{}", i + 2))).collect())
    }

    /// Sorts versions by their start.
    pub(super) fn finish(&mut self, versions: &mut Versions) {
        for list in versions.0.values_mut() {
            list.sort_by_key(|v| v.from);
        }
    }
}

/// Days between two values on which none holds: an error, because nobody decides such a thing on purpose.
pub(super) fn gaps<'s>(
    file: &File<'_>,
    parameter: &Parameter,
    settings: impl Iterator<Item = &'s Spanned<Setting>>,
    own: &Versions,
    below: &[&Versions],
) -> Vec<Diagnostic> {
    let name = parameter.name.get_ref();
    let layers = || std::iter::once(own).chain(below.iter().copied());
    let mut findings = Vec::new();
    for setting in settings.map(Spanned::get_ref).filter(|_| parameter.pflicht) {
        let Some(after) = setting.bis.and_then(|end| end.0.tomorrow().ok()) else { continue };
        if layers().any(|versions| versions.on(name, after).is_some()) {
            continue;
        }
        let starts = layers().flat_map(|versions| versions.0.get(name)).flatten().map(|version| version.from);
        if let Some(next) = starts.filter(|start| *start > after).min() {
            let message = format!("für „{name}“ gilt ab {after} kein Wert, erst wieder ab {next}");
            let finding = file.error("luecke", setting.ab.span(), message);
            findings.push(finding.help("den Wert bis zum Tag vor dem nächsten gelten lassen oder die Lücke füllen"));
        }
    }
    findings
}

pub(super) fn find<'f>(frame: &'f Frame, name: &str) -> Option<&'f Parameter> {
    frame.parameter.iter().map(Spanned::get_ref).find(|p| p.name.get_ref() == name)
}

pub(super) fn unknown_parameter(file: &File<'_>, name: &Spanned<String>, frame: &Frame) -> Diagnostic {
    let known: Vec<&str> = frame.parameter.iter().map(|p| p.get_ref().name.get_ref().as_str()).collect();
    let message = format!("den Parameter „{}“ kennt der Rahmen nicht", name.get_ref());
    let meant = crate::diagnostic::nearest(name.get_ref(), known.iter().copied());
    let meant = meant.map_or(String::new(), |word| format!("meinten Sie „{word}“? "));
    file.error("nicht_erklaert", name.span(), message).help(format!("{meant}Erklärt sind: {}", known.join(", ")))
}
