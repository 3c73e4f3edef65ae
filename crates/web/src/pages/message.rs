//! Pages that only say something: nothing here, not open, not reachable.

use super::render;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    title: &'static str,
    text: &'static str,
    /// Whether a link to the first page helps.
    way_back: bool,
}

/// Nothing at this address.
pub(crate) fn not_found() -> Response {
    let text =
        "Unter dieser Adresse gibt es nichts. Vielleicht ist der Link unvollständig, oder den Vorgang gibt es nicht.";
    render(StatusCode::NOT_FOUND, &MessagePage { title: "Seite nicht gefunden", text, way_back: true })
}

/// Pages are closed where anybody could reach them.
pub(super) fn closed() -> Response {
    let text = "Die Seiten zeigen personenbezogene Daten. Solange es keine Anmeldung gibt, antworten sie nur auf dem \
                Rechner selbst, unter http://localhost oder http://127.0.0.1. Die Schnittstelle unter /api ist davon nicht betroffen.";
    render(StatusCode::NOT_FOUND, &MessagePage { title: "Seiten sind hier nicht geöffnet", text, way_back: false })
}

/// The store does not answer. Its own words go to the log, not to the page.
pub(super) fn store_failed(error: &impl std::fmt::Display) -> Response {
    tracing::warn!(error = %error, "a page could not be read from the store");
    let text = "Die Datenbank antwortet gerade nicht. Bitte laden Sie die Seite in einigen Sekunden neu. \
                Anträge werden weiterhin angenommen.";
    render(StatusCode::SERVICE_UNAVAILABLE, &MessagePage { title: "Gerade nicht erreichbar", text, way_back: true })
}

/// Something stored cannot be read.
pub(super) fn unreadable() -> Response {
    let text = "Dieser Vorgang ist gespeichert, aber nicht lesbar. Der Fehler steht im Protokoll des Dienstes.";
    render(StatusCode::INTERNAL_SERVER_ERROR, &MessagePage { title: "Vorgang nicht lesbar", text, way_back: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::StoreError;

    #[test]
    fn every_message_is_a_page_with_its_status() {
        let failed = store_failed(&StoreError::Unavailable("x".into()));
        let statuses = [not_found().status(), closed().status(), failed.status(), unreadable().status()];
        assert_eq!(statuses.map(|s| s.as_u16()), [404, 404, 503, 500]);
    }
}
