//! A resolv.conf that the kubelet has to cut.

use super::Advice;
use crate::addons::coredns::resolver::ResolvConf;
use crate::api::core::Pod;
use crate::api::{Kind, ObjectRef};
use crate::cluster::dns_service;
use crate::diagnostic::Severity;
use crate::kubectl::Manifest;
use crate::msg;

impl Advice<'_> {
    /// More name servers or search domains than a resolv.conf may have.
    pub(super) fn cut_dns(&mut self, object: &ObjectRef, document: &Manifest) {
        let path = if object.kind == Kind::Pod { "spec.dnsConfig" } else { "spec.template.spec.dnsConfig" };
        if document.value.pointer(&format!("/{}", path.replace('.', "/"))).is_none() {
            return;
        }
        let cluster = self.cluster;
        let own = cluster.store.get::<Pod>(&object.namespace, &object.name).filter(|_| object.kind == Kind::Pod);
        let Some(pod) = own.or_else(|| cluster.pods_of(object).next()) else { return };
        let dns = dns_service(&cluster.store.services).map_or("", |service| &service.spec.cluster_ip);
        for said in ResolvConf::cuts(pod, dns) {
            let field = if said.starts_with("Nameserver") { "nameservers" } else { "searches" };
            let message = msg!("advise.dnsCut", pod = pod.metadata.name, said = said);
            self.tell(Severity::Warning, object, &format!("{path}.{field}"), message, None, Vec::new());
        }
    }
}
