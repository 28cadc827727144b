//! Network policies that say less than they seem to.

use super::Advice;
use crate::api::ObjectRef;
use crate::api::core::{ContainerPort, Pod};
use crate::api::meta::IntOrString;
use crate::api::networking::{NetworkPolicy, NetworkPolicyPort};
use crate::diagnostic::Severity;
use crate::msg;
use crate::packet::Protocol;

impl Advice<'_> {
    /// What a policy does to a Pod that uses its node's network is its CNI plugin's own choice; and ports that it names.
    pub(super) fn network_policy(&mut self, object: &ObjectRef) {
        let Some(policy) = self.store().get::<NetworkPolicy>(&object.namespace, &object.name) else { return };
        let policy = policy.clone();
        let selects = |pod: &&Pod| policy.spec.pod_selector.matches(&pod.metadata.labels);
        let cluster = self.cluster;
        let selected: Vec<&Pod> = cluster.store.in_namespace::<Pod>(&object.namespace).filter(selects).collect();
        if let Some(pod) = selected.iter().find(|pod| pod.spec.host_network == Some(true)) {
            let message = msg!("advise.policyHostNetwork", policy = object.name, pod = pod.metadata.name);
            self.tell(Severity::Info, object, "spec.podSelector", message, None, Vec::new());
        }
        let all: Vec<&Pod> = cluster.store.all::<Pod>().collect();
        let ingress = policy.spec.ingress.iter().map(|rule| &rule.ports).enumerate();
        let egress = policy.spec.egress.iter().map(|rule| &rule.ports).enumerate();
        for (rules, pods, list) in [("ingress", &selected, ingress.collect::<Vec<_>>()), ("egress", &all, egress.collect())] {
            for (at, ports) in list {
                for (index, port) in ports.iter().enumerate() {
                    self.named_by_nobody(object, &format!("spec.{rules}[{at}].ports[{index}].port"), port, pods);
                }
            }
        }
    }

    /// A rule's port by name is that of the Pod that is called: where no such Pod has the name, the entry allows nothing.
    fn named_by_nobody(&mut self, object: &ObjectRef, path: &str, port: &NetworkPolicyPort, pods: &[&Pod]) {
        let Some(IntOrString::String(name)) = &port.port else { return };
        let protocol = Protocol::of_api(port.protocol.as_deref().unwrap_or("TCP"));
        let own = |pod: &&Pod| {
            let sidecars = pod.spec.init_containers.iter().filter(|own| own.is_sidecar());
            let ports = pod.spec.containers.iter().chain(sidecars).flat_map(|container| &container.ports);
            ports.cloned().collect::<Vec<ContainerPort>>()
        };
        let ports: Vec<ContainerPort> = pods.iter().flat_map(own).collect();
        let fits = |own: &ContainerPort| own.name == *name && Protocol::of_api(&own.protocol) == protocol;
        if pods.is_empty() || ports.iter().any(fits) {
            return;
        }
        let message = match path.starts_with("spec.egress") {
            true => msg!("advise.policyPort.egress", policy = object.name, name = name),
            false => msg!("advise.policyPort", policy = object.name, name = name),
        };
        let mut names: Vec<&str> = ports.iter().map(|own| own.name.as_str()).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(8);
        let help = match names.is_empty() {
            true => msg!("advise.policyPort.help"),
            false => msg!("advise.policyPort.names.help", names = names.join(", ")),
        };
        self.tell(Severity::Warning, object, path, message, Some(help), Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::super::advise;
    use crate::cluster::Cluster;
    use crate::diagnostic::Finding;
    use crate::random::Seed;
    use crate::settings::Settings;
    use std::sync::Arc;

    #[test]
    fn a_port_that_no_selected_pod_names_is_told() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: s, labels: {app: s}}\n\
                    spec: {containers: [{name: c, image: nginx, ports: [{name: web, containerPort: 80}]}]}\n---\n\
                    apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n\
                    spec: {podSelector: {matchLabels: {app: s}}, ingress: [{ports: [{port: wbe}, {port: web}, {port: 81}]}]}\n";
        let file = crate::kubectl::SourceFile { name: "d.yaml".into(), text: text.into() };
        let (manifests, _) = crate::kubectl::read(&[file]);
        let found = advise(&Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests)).cluster);
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert!(matches!(&only.message, Finding::Ours(text) if text.id == "advise.policyPort"));
        assert_eq!(only.path, "spec.ingress[0].ports[0].port");
    }
}
