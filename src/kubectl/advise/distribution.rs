//! A `trafficDistribution` that keeps nothing near.

use super::Advice;
use crate::api::ObjectRef;
use crate::api::core::Service;
use crate::data_plane::distribution::distribution;
use crate::diagnostic::Severity;

/// Why it does nothing, apart from what passes: that no endpoint is ready.
const IDLE: [&str; 5] = [
    "object.distribution.annotated",
    "object.distribution.byHand",
    "object.distribution.local",
    "object.distribution.noZones",
    "object.distribution.some",
];

impl Advice<'_> {
    /// As the Service's card has it.
    pub(super) fn distribution(&mut self, object: &ObjectRef, service: &Service) {
        let wish = service.spec.traffic_distribution.as_deref().filter(|_| service.spec.cluster_ip != "None");
        let Some(text) = wish.map(|wish| distribution(self.cluster, service, wish)) else { return };
        if IDLE.contains(&text.id.as_ref()) {
            self.tell(Severity::Info, object, "spec.trafficDistribution", text, None, Vec::new());
        }
    }
}
