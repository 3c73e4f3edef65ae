//! Which Land and which Kommunen set law of their own, and how well it is supported: for authorities that want to see
//! what is there before they rely on it.

use crate::book::RuleBook;
use crate::grammar::{Instrument, Status, Support};
use crate::layers::{Base, RuleSet, Versions};
use crate::value::Value;
use domain::{Land, Regime, ServiceName};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many values stand on what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Supported {
    pub official: usize,
    pub secondary: usize,
    /// Invented, for trying.
    pub sample: usize,
    pub unverified: usize,
    /// Their author does not say.
    pub unknown: usize,
}

impl Supported {
    fn add(&mut self, versions: &Versions) {
        for version in versions.0.values().flatten() {
            let rows = match &version.value {
                Value::Table(table) => table.rows.as_slice(),
                _ => &[],
            };
            let count = match version.support {
                // One row is enough: whoever needs it is referred.
                _ if rows.iter().any(|row| row.unverified) => &mut self.unverified,
                Some(Support::Amtlich) => &mut self.official,
                Some(Support::Sekundaer) => &mut self.secondary,
                Some(Support::Beispiel) => &mut self.sample,
                Some(Support::Ungeprueft) => &mut self.unverified,
                None => &mut self.unknown,
            };
            *count += 1;
        }
    }

    pub fn total(self) -> usize {
        self.official + self.secondary + self.sample + self.unverified + self.unknown
    }
}

/// A service as the Bund or the model ordinance has it.
#[derive(Debug, Clone)]
pub struct ServiceOverview {
    pub service: ServiceName,
    pub regime: Regime,
    /// Norms of the frame that permit automatic decisions.
    pub permitted_by: Vec<String>,
    pub draft: bool,
    pub values: Supported,
    /// Länder that set anything, and those where somebody is configured.
    pub lands: BTreeMap<Land, LandOverview>,
}

/// What a Land and its Kommunen set.
#[derive(Debug, Clone, Default)]
pub struct LandOverview {
    /// Its statute takes the place of federal law.
    pub own_frame: bool,
    /// Values of the Land, by the form it uses.
    pub values: Supported,
    /// What it passes on to its Kommunen, by parameter.
    pub delegations: Vec<String>,
    /// Norms by which it opens automatic decisions.
    pub automation: Vec<String>,
    /// Kommunen where the service is configured, and those with values of their own.
    pub places: usize,
    pub places_with_values: usize,
    pub of_places: Supported,
}

impl LandOverview {
    /// Whether Land or Kommunen say anything of their own.
    pub fn says_anything(&self) -> bool {
        self.own_frame
            || self.values.total() + self.of_places.total() + self.delegations.len() + self.automation.len() > 0
    }
}

impl RuleBook {
    /// Every service with what the levels set.
    pub fn overview(&self) -> Vec<ServiceOverview> {
        self.sets.iter().filter_map(|(service, places)| self.of_service(service, places.all())).collect()
    }

    fn of_service<'b>(
        &'b self,
        service: &ServiceName,
        sets: impl Iterator<Item = &'b Arc<RuleSet>>,
    ) -> Option<ServiceOverview> {
        let sets: Vec<&Arc<RuleSet>> = sets.collect();
        let common = sets.iter().find(|set| !set.base.own_frame).or(sets.first())?;
        let frame = &common.base.frame;
        let automation = frame.automatik.get_ref();
        let mut values = Supported::default();
        values.add(&common.base.own);
        let mut lands: BTreeMap<Land, LandOverview> = BTreeMap::new();
        for set in &sets {
            let Some(land) = set.base.land else { continue };
            let line = lands.entry(land).or_insert_with(|| of_land(&set.base));
            line.of_places.add(&set.of_kommune);
            line.places_with_values += usize::from(!set.of_kommune.0.is_empty());
        }
        for ars in self.places(service) {
            lands.entry(ars.land()).or_default().places += 1;
        }
        Some(ServiceOverview {
            service: service.clone(),
            regime: automation.regime,
            permitted_by: automation.erlaubt_durch.iter().map(|norm| norm.norm.clone()).collect(),
            draft: frame.status == Status::Entwurf,
            values,
            lands,
        })
    }
}

fn of_land(base: &Base) -> LandOverview {
    let mut values = Supported::default();
    values.add(if base.own_frame { &base.own } else { &base.of_land });
    let forms = |forms: &[Instrument]| forms.iter().map(|form| form.title()).collect::<Vec<_>>().join(", ");
    let delegations = base.delegations.iter().map(|delegation| {
        let delegation = delegation.get_ref();
        format!("{} durch {} ({})", delegation.parameter.get_ref(), forms(&delegation.instrument), delegation.norm)
    });
    let applies = base.applies_by.iter().map(|norm| norm.norm.clone());
    let own = base.own_frame.then_some(&base.frame.automatik.get_ref().erlaubt_durch);
    let permits = base.permissions.iter().chain(own.into_iter().flatten()).map(|norm| norm.norm.clone());
    LandOverview {
        own_frame: base.own_frame,
        values,
        delegations: delegations.collect(),
        automation: applies.chain(permits).collect(),
        ..LandOverview::default()
    }
}
