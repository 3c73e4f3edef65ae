//! The seven competence modes: what a frame of each may open, so that "the last layer wins" never happens by accident.

use crate::diagnostic::{Diagnostic, File};
use crate::grammar::{Frame, FunctionOpening, Instrument, Mode, OpenTo, Opening, Part};
use domain::Level;
use toml::Spanned;

/// What a frame does that its mode does not have.
pub(super) fn findings(file: &File<'_>, frame: &Frame, level: Level) -> Vec<Diagnostic> {
    let mode = *frame.modus.get_ref();
    let mut findings = Vec::new();
    let at_mode = |message: &str| file.error("modus", frame.modus.span(), message);
    match (mode, level) {
        (Mode::LandKommuneSatzung, Level::Muster) | (Mode::BundErsetztDurchLand, Level::Land) => {}
        (_, Level::Land) => findings.push(at_mode("der Rahmen eines Landes hat modus bund_ersetzt_durch_land")),
        (Mode::LandKommuneSatzung, _) => findings.push(at_mode("modus land_kommune_satzung steht unter muster/")),
        (_, Level::Muster) => findings.push(at_mode("unter muster/ steht nur modus land_kommune_satzung")),
        (_, Level::Bund | Level::Kommune) => {}
    }
    match (mode, level, &frame.ersetzbar_durch_land) {
        (Mode::BundErsetztDurchLand, Level::Bund, None) => {
            findings
                .push(at_mode("es fehlt ersetzbar_durch_land = \"<Norm, nach der Landesrecht an die Stelle tritt>\""));
        }
        (Mode::BundErsetztDurchLand, Level::Bund, Some(_)) | (_, _, None) => {}
        (_, _, Some(norm)) => {
            let message = "ersetzbar_durch_land gehört zu modus bund_ersetzt_durch_land unter bund/";
            findings.push(file.error("modus", norm.span(), message));
        }
    }
    if mode == Mode::Programmvereinbarung {
        let automation = frame.automatik.get_ref();
        if automation.gebunden || !automation.erlaubt_durch.is_empty() || automation.oeffnung.is_some() {
            let message =
                "modus programmvereinbarung: Billigkeitsleistungen sind nie gebunden und nie endgültig automatisch";
            findings.push(file.error("modus", frame.automatik.span(), message));
        }
    }
    for parameter in frame.parameter.iter().map(Spanned::get_ref) {
        let open = |o: &Opening| Open {
            to: o.ebene,
            instruments: o.instrument.clone(),
            passed_on: o.darf_delegieren_an.is_some(),
            procedure: parameter.gehoert_zu == Some(Part::Verfahren),
        };
        let refused = parameter.oeffnung.iter().find_map(|opening| refuse(mode, &open(opening)));
        findings.extend(refused.map(|message| file.error("modus", parameter.name.span(), message)));
    }
    for function in frame.funktion.iter().map(Spanned::get_ref) {
        let open = |o: &FunctionOpening| Open {
            to: o.ebene,
            instruments: o.instrument.clone(),
            passed_on: false,
            // What a function is for, only the frame's author knows.
            procedure: true,
        };
        let to_kommune = function.oeffnung.iter().any(|o| o.ebene != OpenTo::Land);
        let code = to_kommune.then_some("Funktionen sind nur Ländern zu öffnen; Kommunen setzen Werte");
        let refused = code.or_else(|| function.oeffnung.iter().find_map(|opening| refuse(mode, &open(opening))));
        findings.extend(refused.map(|message| file.error("modus", function.name.span(), message)));
    }
    findings
}

/// What an opening of a value or function does, as far as a mode bears on it.
struct Open {
    to: OpenTo,
    instruments: Vec<Instrument>,
    passed_on: bool,
    /// Belongs to the procedure, not to the claim.
    procedure: bool,
}

fn refuse(mode: Mode, open: &Open) -> Option<&'static str> {
    let only = |instrument| open.instruments.iter().all(|i| *i == instrument);
    match mode {
        Mode::BundAbschliessend => Some("modus bund_abschliessend: hier darf niemand abweichen"),
        Mode::BundVorgabeLandRvo if open.to != OpenTo::Land || open.passed_on => {
            Some("modus bund_vorgabe_land_rvo: nur das Land selbst darf abweichen")
        }
        Mode::BundVorgabeLandRvo if !only(Instrument::Rechtsverordnung) => {
            Some("modus bund_vorgabe_land_rvo: das Land weicht nur durch Rechtsverordnung ab")
        }
        Mode::BundAnspruchLandVerfahren if !open.procedure => {
            Some("modus bund_anspruch_land_verfahren: geöffnet werden nur Werte mit gehoert_zu = \"verfahren\"")
        }
        Mode::Programmvereinbarung if open.to != OpenTo::Land || !only(Instrument::Richtlinie) => {
            Some("modus programmvereinbarung: nur das Land, nur durch Richtlinie")
        }
        Mode::BundRahmenDelegiert
        | Mode::BundVorgabeLandRvo
        | Mode::BundErsetztDurchLand
        | Mode::LandKommuneSatzung
        | Mode::BundAnspruchLandVerfahren
        | Mode::Programmvereinbarung => None,
    }
}

/// A Land's frame stands for itself only where federal law lets it, by a norm that it names.
pub(super) fn replacement(file: &File<'_>, frame: &Frame, federal: Option<&Frame>) -> Option<Diagnostic> {
    let here = frame.dienst.span();
    let Some(federal) = federal else {
        return Some(file.error("ersetzung", here, "diesen Dienst gibt es weder unter bund/ noch unter muster/"));
    };
    let Some(replaceable) = &federal.ersetzbar_durch_land else {
        let message = "der Rahmen des Bundes lässt kein Landesrecht an seine Stelle treten";
        let help = "zulässig: Abweichungen durch land/<land>/<dienst>/abweichung.toml, wo der Rahmen sie öffnet";
        return Some(file.error("ersetzung", here, message).help(help));
    };
    let norm = replaceable.get_ref();
    match &frame.ersetzt_bundesrecht {
        None => {
            let message = format!("es fehlt ersetzt_bundesrecht = \"{norm}\"");
            Some(file.error("ersetzung", here, message))
        }
        Some(named) if named.get_ref() != norm => {
            let message = format!("der Rahmen des Bundes nennt dafür {norm}");
            Some(file.error("ersetzung", named.span(), message))
        }
        Some(_) => None,
    }
}
