//! Service × Land as a table in Markdown: who sets law of their own, and how well it is supported.

use domain::Land;
use rules::{LandOverview, ServiceOverview, Supported};
use std::fmt::Write;

/// The tables of all services; `title` names a service, `regime` a procedure.
pub fn overview(
    services: &[ServiceOverview],
    title: &dyn Fn(&ServiceOverview) -> String,
    regime: &dyn Fn(&ServiceOverview) -> String,
) -> String {
    let mut out = String::new();
    for service in services {
        let _ = writeln!(out, "## {} (`{}`)\n", title(service), service.service);
        let permitted = match (service.draft, service.permitted_by.as_slice()) {
            (true, _) => "Entwurf: nie automatisch".to_owned(),
            (false, []) => "keine Norm des Rahmens erlaubt die automatische Entscheidung".to_owned(),
            (false, norms) => format!("automatisch nach {}", norms.join(", ")),
        };
        let _ = writeln!(out, "Verfahren: {}; {permitted}. Rahmen: {}.\n", regime(service), shown(service.values));
        let rows: Vec<(&Land, &LandOverview)> = service.lands.iter().filter(|(_, land)| land.says_anything()).collect();
        if !rows.is_empty() {
            out.push_str("| Land | Recht des Landes | Kommunen mit eigenen Werten | Automatik durch das Land |\n|---|---|---|---|\n");
        }
        for (land, line) in &rows {
            let automation = if line.automation.is_empty() { "–".to_owned() } else { line.automation.join(", ") };
            let _ = writeln!(out, "| {} | {} | {} | {automation} |", land.title(), of_land(line), of_places(line));
        }
        let quiet = Land::ALL.iter().filter(|land| !rows.iter().any(|(row, _)| row == land)).map(|land| land.title());
        let quiet: Vec<&str> = quiet.collect();
        let places: usize = service.lands.values().map(|land| land.places).sum();
        match (rows.is_empty(), quiet.is_empty()) {
            (true, _) => out.push_str("Kein Land und keine Kommune setzt eigenes Recht.\n"),
            (false, false) => _ = writeln!(out, "\nOhne eigenes Recht: {}.", quiet.join(", ")),
            (false, true) => {}
        }
        let _ = writeln!(out, "\nEingetragene Orte: {places}.\n");
    }
    out.trim_end().to_owned() + "\n"
}

fn of_land(line: &LandOverview) -> String {
    let mut parts = Vec::new();
    if line.own_frame {
        parts.push(format!("eigenes Gesetz: {}", shown(line.values)));
    } else if line.values.total() > 0 {
        parts.push(shown(line.values));
    }
    parts.extend(line.delegations.iter().map(|delegation| format!("gibt weiter: {delegation}")));
    if parts.is_empty() { "–".to_owned() } else { parts.join("; ") }
}

fn of_places(line: &LandOverview) -> String {
    match line.places_with_values {
        0 => "–".to_owned(),
        places => format!("{places} von {}: {}", line.places, shown(line.of_places)),
    }
}

/// `12 Werte (3 amtlich, 9 sekundär)`
fn shown(values: Supported) -> String {
    let kinds = [
        (values.official, "amtlich"),
        (values.secondary, "sekundär"),
        (values.unverified, "ungeprüft"),
        (values.sample, "Beispiel"),
        (values.unknown, "ohne Angabe"),
    ];
    let kinds = kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let kinds: Vec<String> = kinds.collect();
    match values.total() {
        0 => "keine Werte".to_owned(),
        1 => format!("1 Wert ({})", kinds.join(", ")),
        total => format!("{total} Werte ({})", kinds.join(", ")),
    }
}
