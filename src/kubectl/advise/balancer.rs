//! What a Service says of its load balancer in vain, and a load balancer that it waits for in vain.

use super::Advice;
use crate::addons::aws;
use crate::addons::pending::pending;
use crate::api::ObjectRef;
use crate::api::core::Service;
use crate::diagnostic::Severity;
use crate::kubectl::Manifest;
use crate::msg;
use crate::settings::Provider;

impl Advice<'_> {
    /// Of a text somebody has written the API server keeps no status (`PrepareForCreate` of `pkg/registry/core/service/strategy.go`); and the
    /// AWS Load Balancer Controller takes a target type that it does not know for `instance`.
    pub(super) fn balancer(&mut self, object: &ObjectRef, service: &Service) {
        let origin = self.cluster.origin(object).filter(|manifest| !manifest.is_dumped());
        let status = origin.and_then(|manifest: &Manifest| manifest.value.pointer("/status/loadBalancer/ingress")?.as_array());
        if status.is_some_and(|list| !list.is_empty()) {
            self.tell(Severity::Info, object, "status.loadBalancer", msg!("advise.statusDropped"), None, Vec::new());
        }
        let serves = self.cluster.settings.load_balancer.provider == Provider::Aws && service.spec.type_ == "LoadBalancer";
        if let Some((key, value)) = aws::unknown_target_type(&service.metadata.annotations).filter(|_| serves) {
            let text = msg!("advise.targetType", value = value);
            self.tell(Severity::Info, object, &format!("metadata.annotations.{key}"), text, None, Vec::new());
        }
        if let Some((why, next, field)) = pending(self.cluster, service) {
            self.tell(Severity::Info, object, &field.path, why, Some(next), Vec::new());
        }
        self.other_address(object, service);
    }

    /// A cloud that has not the address that a Service asks for gives it another one here.
    fn other_address(&mut self, object: &ObjectRef, service: &Service) {
        let dumped = self.cluster.origin(object).is_some_and(Manifest::is_dumped);
        let (wish, balancer) = (&service.spec.load_balancer_ip, &self.cluster.settings.load_balancer);
        let given = service.status.load_balancer.ingress.iter().map(|at| &at.ip).find(|ip| !ip.is_empty());
        if let Some(given) = given.filter(|given| !wish.is_empty() && *given != wish && !dumped)
            && balancer.provider == Provider::Cloud
        {
            let message = msg!("advise.otherAddress", service = object.name, wish = wish, given = given, pool = balancer.pool);
            self.tell(Severity::Warning, object, "spec.loadBalancerIP", message, None, Vec::new());
        }
    }
}
