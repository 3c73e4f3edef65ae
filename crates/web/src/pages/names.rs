//! German names of services and places, for pages that otherwise only know keys.

use domain::{Ars, Regime, ServiceName};
use workflow::Office;

/// Looks names up. Functions, so that a page can be made in a test without law files.
pub(super) struct Names<'a> {
    pub service: &'a dyn Fn(&str) -> Option<String>,
    pub place: &'a dyn Fn(&str) -> Option<String>,
    pub regime: &'a dyn Fn(Regime) -> Option<String>,
}

impl Names<'_> {
    /// Title of a service, or its key where it is no longer configured.
    pub(super) fn service(&self, key: &str) -> String {
        (self.service)(key).unwrap_or_else(|| key.to_owned())
    }
    /// Name of a place with its ARS.
    pub(super) fn place(&self, ars: &str) -> String {
        (self.place)(ars).map_or_else(|| format!("ARS {ars}"), |name| format!("{name} ({ars})"))
    }
    /// Title of a regime, or its key where the law files no longer name it.
    pub(super) fn regime(&self, regime: Regime) -> String {
        (self.regime)(regime).unwrap_or_else(|| regime.as_str().to_owned())
    }
}

/// Calls something with the names of an office.
pub(super) fn with_names<T>(office: &Office, use_names: impl FnOnce(&Names<'_>) -> T) -> T {
    let service = |key: &str| {
        let name = ServiceName::new(key).ok()?;
        office.workflows.get(&name).map(|definition| definition.title.clone())
    };
    let place = |ars: &str| office.rules.place_name(&Ars::new(ars).ok()?).map(str::to_owned);
    let regime = |regime| office.rules.procedure_title(regime).map(str::to_owned);
    use_names(&Names { service: &service, place: &place, regime: &regime })
}
