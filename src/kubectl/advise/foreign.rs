//! What an object says to controllers that are not played.

use super::Advice;
use crate::addons::kubeadm::Addon;
use crate::api::ObjectRef;
use crate::api::core::{ConfigMap, Service};
use crate::api::foreign::annotations::{Reader, unplayed};
use crate::data_plane::causes::takes_packets;
use crate::diagnostic::Severity;
use crate::msg;
use crate::node::kube_proxy::{addresses, claimants};
use crate::packet::Protocol;

impl Advice<'_> {
    /// A ConfigMap of CoreDNS or kube-proxy that says something else than kubeadm's.
    pub(super) fn addon_config(&mut self, object: &ObjectRef) {
        let addon = Addon::ALL.into_iter().find(|addon| object.namespace == "kube-system" && addon.name() == object.name);
        let Some((addon, config)) = addon.zip(self.store().get::<ConfigMap>(&object.namespace, &object.name)) else { return };
        let unplayed = addon.unplayed(config, &self.cluster.settings);
        if !unplayed.is_empty() {
            let message = msg!("advise.configured", config = addon.name(), said = unplayed.join("; "));
            self.tell(Severity::Info, object, &format!("data.{}", addon.key()), message, None, Vec::new());
        }
    }

    /// Another Service whose rules take the packets for one of its addresses and ports.
    pub(super) fn shared_address(&mut self, object: &ObjectRef, service: &Service) {
        for (ip, field) in addresses(service) {
            let rival = service.spec.ports.iter().find_map(|port| {
                let asked = (ip, u16::try_from(port.port).ok().filter(|_| takes_packets(self.cluster, service, port))?);
                let all = claimants(self.store(), asked, Protocol::of_api(&port.protocol)?).into_iter();
                let mut others = all.filter(|(other, port, _)| takes_packets(self.cluster, other, port));
                others.find_map(|(other, ..)| Some(ObjectRef::of(other)).filter(|other| other != object))
            });
            if let Some(other) = rival {
                let message = msg!("advise.sharedExternalIP", ip = ip, other = other.name);
                self.tell(Severity::Warning, object, &field, message, None, Vec::new());
            }
        }
    }

    /// Annotations and labels that somebody reads who does not run here: one note for each reader.
    pub(super) fn read_elsewhere(&mut self, object: &ObjectRef, readers: &[Reader]) {
        let played = self.cluster.settings.played();
        let Some(meta) = self.store().metadata(object).cloned() else { return };
        for own in readers.iter().flat_map(|reader| unplayed(*reader, &meta, played)) {
            let first = own.keys.split(',').next().unwrap_or_default();
            let part = if meta.annotations.contains_key(first) { "annotations" } else { "labels" };
            let message = match own.with_aws {
                true => msg!("advise.readByAws", keys = own.keys),
                false => msg!("advise.readElsewhere", keys = own.keys, who = own.who),
            };
            self.tell(Severity::Info, object, &format!("metadata.{part}.{first}"), message, None, Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::advise;
    use crate::cluster::Cluster;
    use crate::diagnostic::Finding;
    use crate::kubectl::{SourceFile, read};
    use crate::random::Seed;
    use crate::settings::Settings;
    use std::sync::Arc;

    fn said(text: &str) -> String {
        let (manifests, _) = read(&[SourceFile { name: "x.yaml".into(), text: text.into() }]);
        let cluster = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests)).cluster;
        let said = advise(&cluster).into_iter().filter_map(|found| match found.message {
            Finding::Ours(message) => Some(format!("{} at {}", message.id, found.path)),
            Finding::Upstream(_) => None,
        });
        said.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_others_read_is_noted_where_it_is_written() {
        let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, annotations: \
                       {nginx.ingress.kubernetes.io/auth-url: x, nginx.ingress.kubernetes.io/proxy-body-size: 1m}}\n\
                       spec: {defaultBackend: {service: {name: s, port: {number: 80}}}}\n";
        assert!(said(ingress).contains("advise.readElsewhere at metadata.annotations.nginx.ingress.kubernetes.io/auth-url"));
        let alb = ingress.replace("nginx.ingress.kubernetes.io/auth-url", "alb.ingress.kubernetes.io/scheme");
        assert!(said(&alb).contains("advise.readByAws at metadata.annotations.alb.ingress.kubernetes.io/scheme"));
        let meta = "apiVersion: v1\nkind: Service\nmetadata: {name: s, labels: {istio.io/use-waypoint: w}}\n";
        let service = format!("{meta}spec: {{ports: [{{port: 80}}]}}\n");
        assert!(said(&service).starts_with("advise.readElsewhere at metadata.labels.istio.io/use-waypoint"));
    }

    #[test]
    fn a_corefile_that_is_not_kubeadms_is_noted() {
        let config = |name: &str, key: &str, text: &str| {
            let meta = format!("metadata: {{name: {name}, namespace: kube-system}}");
            said(&format!("apiVersion: v1\nkind: ConfigMap\n{meta}\ndata: {{{key}: \"{text}\"}}\n"))
        };
        assert_eq!(config("coredns", "Corefile", ".:53 { hosts }"), "advise.configured at data.Corefile");
        assert_eq!(config("kube-proxy", "config.conf", "mode: ipvs"), "advise.configured at data.config.conf");
        assert_eq!(config("kube-proxy", "config.conf", "clusterCIDR: 10.244.0.0/16"), "");
        assert_eq!(config("other", "Corefile", ".:53"), "");
    }

    #[test]
    fn two_services_with_one_external_ip_and_port_are_named() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\n\
                   spec: {containers: [{name: c, image: nginx}]}\n---\n";
        let said = |text: &str| {
            let all = said(&format!("{pod}{text}"));
            all.split("; ").filter(|own| own.contains("shared")).collect::<Vec<_>>().join("; ")
        };
        let service = |name: &str, port: u16| {
            let spec = format!("spec: {{externalIPs: [192.0.2.77], selector: {{app: web}}, ports: [{{port: {port}}}]}}");
            format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n{spec}\n---\n")
        };
        let note = "advise.sharedExternalIP at spec.externalIPs[0]";
        assert_eq!(said(&(service("a", 80) + &service("b", 80))), format!("{note}; {note}"));
        assert_eq!(said(&(service("a", 80) + &service("b", 81))), "");
        // One without endpoints takes nothing from the others, wherever it stands.
        let empty = service("a", 80).replace("app: web", "app: nobody");
        assert!(!said(&(empty.clone() + &service("b", 80))).contains("shared"));
        assert_eq!(said(&(empty + &service("b", 80) + &service("c", 80))).matches("advise.shared").count(), 2);
        // An external IP may be another Service's ClusterIP, too, and one that is not in the text.
        let own = "apiVersion: v1\nkind: Service\nmetadata: {name: c}\n\
                   spec: {clusterIP: 10.96.7.7, selector: {app: web}, ports: [{port: 80}]}\n---\n";
        let taken = |ip: &str, port: &str| service("a", 80).replace("192.0.2.77", ip).replace("{port: 80}", port);
        assert_eq!(said(&(taken("10.96.7.7", "{port: 80}") + own)), format!("{note}; advise.sharedExternalIP at spec.clusterIP"));
        assert_eq!(said(&taken("10.96.0.10", "{port: 53, protocol: UDP}")), note);
        assert_eq!(said(&taken("10.96.0.10", "{port: 80}")), "");
    }
}
