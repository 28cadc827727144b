//! What Kubernetes accepts without a word and yet does not work: selectors that match nothing, ports where nothing listens,
//! Ingresses that nobody serves. Each finding says what, where, and offers a change of the text that mends it.
//!
//! Follows the order of Kubernetes' "Debug Services" page. Judges the running cluster, so Pods made by any controller count.

mod balancer;
mod cut_dns;
mod distribution;
mod elsewhere;
mod forbidden;
mod foreign;
mod governing;
mod image_names;
mod ingress;
mod missing;
mod nameless;
mod never;
mod order;
mod policy;
mod selectors;

use crate::api::core::{Node, Pod, Service, ServicePort};
use crate::api::foreign::annotations::Reader;
use crate::api::meta::{IntOrString, selects};
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Store};
use crate::data_plane::causes::{no_endpoints, usable_endpoints};
use crate::diagnostic::{Diagnostic, Finding, Fix, Severity, Span};
use crate::kubectl::Manifest;
use crate::msg;
use crate::node::images::{self, Listener};
use crate::node::resources::is_told;
use crate::packet::Protocol;
use crate::trace::FieldRef;
use crate::words::Message;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Everything worth saying about the learner's own objects, in the order of the text.
pub fn advise(cluster: &Cluster) -> Vec<Diagnostic> {
    let mut advice = Advice { cluster, found: Vec::new(), offered: BTreeSet::new() };
    let (mut seen, mut unready) = (BTreeSet::new(), BTreeSet::new());
    advice.namespaces_later();
    for document in &cluster.manifests.documents {
        let Some(object) = document.object().filter(|object| seen.insert(object.clone())) else { continue };
        let object = &object;
        advice.listen_annotation(object);
        advice.image_names(object, document);
        advice.made_elsewhere(object, document);
        advice.nameless(object);
        advice.never_runs(object, document);
        advice.not_ready(object, document, &mut unready);
        advice.cut_dns(object, document);
        if object.kind == Kind::StatefulSet {
            advice.governing_service(object);
        }
        match object.kind {
            kind if kind.is_workload() => advice.forbidden(object, document),
            Kind::Service => {
                if let Some(service) = cluster.store.get::<Service>(&object.namespace, &object.name) {
                    advice.service(object, service);
                }
            }
            Kind::Ingress => advice.ingress(object),
            Kind::ConfigMap => advice.addon_config(object),
            Kind::NetworkPolicy => advice.network_policy(object),
            _ => {}
        }
    }
    advice.requests();
    advice.found
}

/// The Pod's spec, or that of the workload's template, as it is written, and its path. Nothing is said of a dump's.
fn pod_spec(kind: Kind, document: &Manifest) -> Option<(&Value, &'static str)> {
    let (pointer, path) = match kind {
        Kind::Pod => ("/spec", "spec"),
        kind if kind.is_workload() => ("/spec/template/spec", "spec.template.spec"),
        _ => return None,
    };
    Some((document.value.pointer(pointer).filter(|_| !document.is_dumped())?, path))
}

pub(super) struct Advice<'a> {
    cluster: &'a Cluster,
    found: Vec<Diagnostic>,
    /// Objects that an earlier finding already offers to add.
    offered: BTreeSet<ObjectRef>,
}

impl Advice<'_> {
    fn store(&self) -> &Store {
        &self.cluster.store
    }

    fn span(&self, object: &ObjectRef, path: &str) -> Option<Span> {
        self.cluster.manifests.locate(&FieldRef { object: object.clone(), path: path.to_string() })
    }

    /// The span of a value that really stands there, not of its nearest parent.
    fn written(&self, object: &ObjectRef, path: &str) -> Option<Span> {
        let documents = self.cluster.manifests.documents.iter().rev();
        let document = documents.into_iter().find(|document| document.names(object))?;
        document.spans.get(path).cloned()
    }

    fn tell(
        &mut self,
        severity: Severity,
        object: &ObjectRef,
        path: &str,
        message: Message,
        help: Option<Message>,
        fixes: Vec<Fix>,
    ) {
        self.found.push(Diagnostic {
            severity,
            span: self.span(object, path),
            object: Some(object.clone()),
            path: path.to_string(),
            message: Finding::Ours(message),
            help,
            fixes,
        });
    }

    /// The annotation by which a Pod, or the template of its workload, says what listens.
    fn listen_annotation(&mut self, object: &ObjectRef) {
        let template = if object.kind == Kind::Pod { "" } else { "spec.template." };
        let Some(json) = self.cluster.origin(object).map(|manifest| &manifest.value) else { return };
        let pod = if template.is_empty() { json } else { &json["spec"]["template"] };
        let Some(text) = pod["metadata"]["annotations"][images::LISTEN].as_str() else { return };
        let wrong = images::unreadable_listens(text);
        if !wrong.is_empty() {
            let path = format!("{template}metadata.annotations.{}", images::LISTEN);
            let message = msg!("advise.listen", annotation = images::LISTEN, part = wrong.join(", "));
            self.tell(Severity::Warning, object, &path, message, Some(msg!("advise.listen.help")), Vec::new());
        }
    }

    fn service(&mut self, object: &ObjectRef, service: &Service) {
        // A hostname in the status of a dump: its provider has read them, and what they ask for is played.
        let named = service.status.load_balancer.ingress.iter().any(|at| !at.hostname.is_empty());
        let heard = service.spec.type_ == "LoadBalancer" && !named;
        let readers = [Reader::Service, Reader::Ingress, Reader::Balancer];
        self.read_elsewhere(object, if heard { &readers } else { &readers[..2] });
        self.shared_address(object, service);
        self.balancer(object, service);
        let spec = &service.spec;
        if spec.type_ == "ExternalName" {
            return;
        }
        self.distribution(object, service);
        if spec.selector.is_empty() {
            self.no_selector(object, service);
            return;
        }
        let chosen =
            |pod: &&Arc<Pod>| pod.metadata.namespace == object.namespace && selects(&spec.selector, &pod.metadata.labels);
        let pods: Vec<Arc<Pod>> = self.store().pods.values().filter(chosen).cloned().collect();
        if pods.is_empty() {
            if !self.cluster.pods_are_absent(&object.namespace, &object.name) {
                self.no_pods(object, service);
            }
            return;
        }
        for (index, port) in spec.ports.iter().enumerate() {
            self.target_port(object, index, port, &pods, spec.cluster_ip == "None");
        }
    }

    /// Nobody makes endpoints for it, and nobody has written any. A dump may just lack its slices.
    fn no_selector(&mut self, object: &ObjectRef, service: &Service) {
        let dumped = self.cluster.origin(object).is_some_and(Manifest::is_dumped);
        let served = (0..service.spec.ports.len()).any(|at| !usable_endpoints(self.cluster, service, at).is_empty());
        if let Some(found) = no_endpoints(self.cluster, service, 0).filter(|_| !dumped && !served) {
            self.tell(Severity::Warning, object, "spec", found.why, Some(found.next), Vec::new());
        }
    }

    /// What Pods ask of nodes that kubehop has made up is not played: said once, at the first that asks.
    fn requests(&mut self) {
        if self.store().all::<Node>().all(|node| is_told(self.cluster, node, "cpu") && is_told(self.cluster, node, "memory")) {
            return;
        }
        for document in &self.cluster.manifests.documents {
            let Some(object) = document.object().filter(|object| self.store().contains(object)) else { continue };
            let mut fields = document.spans.keys();
            let asks = |path: &str| path.ends_with(".cpu") || path.ends_with(".memory");
            let of_node = |path: &&String| path.contains("].resources.") && asks(path);
            if let Some((path, _)) = fields.find(of_node).and_then(|path| path.rsplit_once('.')) {
                let path = path.to_string();
                return self.tell(Severity::Info, &object, &path, msg!("advise.requests"), None, Vec::new());
            }
        }
    }

    fn target_port(&mut self, object: &ObjectRef, index: usize, port: &ServicePort, pods: &[Arc<Pod>], headless: bool) {
        let path = format!("spec.ports[{index}].targetPort");
        match &port.target_port {
            IntOrString::String(name) => self.named_port(object, (&path, port), name, pods),
            IntOrString::Int(number) => {
                let number = if *number == 0 { port.port } else { *number };
                let protocol = Protocol::of_api(&port.protocol).unwrap_or_default();
                let open = |wanted: i32| {
                    let listens = pods.iter().flat_map(|pod| images::listens(pod, self.store()));
                    let fits = |own: &Listener| own.protocol == protocol && !own.loopback_only && i32::from(own.port) == wanted;
                    { listens }.any(|own| fits(&own))
                };
                let differs = headless && number != port.port;
                if differs && open(port.port) && !open(number) {
                    // Callers by name reach the Pods all the same.
                    let message = msg!("advise.headlessTarget", service = object.name, port = port.port, target = number);
                    return self.tell(Severity::Warning, object, &path, message, None, Vec::new());
                }
                let reached = pods.is_empty() || open(number);
                self.numbered_port(object, index, port, number, pods);
                if differs && reached {
                    let message = msg!("advise.headlessPort", service = object.name, port = port.port, target = number);
                    self.tell(Severity::Info, object, &path, message, None, Vec::new());
                }
            }
        }
    }

    fn named_port(&mut self, object: &ObjectRef, (path, port): (&str, &ServicePort), name: &str, pods: &[Arc<Pod>]) {
        let ports: Vec<(&str, Option<Protocol>)> = pods
            .iter()
            .flat_map(|pod| pod.spec.containers.iter().chain(pod.spec.init_containers.iter().filter(|own| own.is_sidecar())))
            .flat_map(|container| &container.ports)
            .map(|port| (port.name.as_str(), Protocol::of_api(&port.protocol)))
            .filter(|(name, _)| !name.is_empty())
            .collect();
        let wanted = Protocol::of_api(&port.protocol);
        if ports.contains(&(name, wanted)) {
            return;
        }
        if let Some((own, wanted)) = ports.iter().find(|(own, _)| *own == name).and_then(|(_, own)| Some(((*own)?, wanted?))) {
            let (own, wanted) = (own.api_name(), wanted.api_name());
            let message = msg!("advise.namedPortProtocol", service = object.name, name = name, own = own, wanted = wanted);
            let help = msg!("explain.pod.portProtocol.next", name = name);
            return self.tell(Severity::Warning, object, path, message, Some(help), Vec::new());
        }
        let names: BTreeSet<&str> = ports.iter().map(|(name, _)| *name).collect();
        let message = msg!("advise.noNamedPort", name = name, service = object.name);
        let (help, fixes) = if names.is_empty() {
            (msg!("advise.noPortNames"), Vec::new())
        } else {
            let fix = |better: &&str| {
                self.written(object, path).map(|span| Fix {
                    label: msg!("advise.fix.value", from = name, to = better),
                    span: Some(span),
                    text: better.to_string(),
                })
            };
            let list = names.iter().copied().collect::<Vec<_>>().join(", ");
            (msg!("advise.portNames", names = list), names.iter().filter_map(fix).collect())
        };
        self.tell(Severity::Warning, object, path, message, Some(help), fixes);
    }

    fn numbered_port(&mut self, object: &ObjectRef, index: usize, port: &ServicePort, number: i32, pods: &[Arc<Pod>]) {
        let protocol = Protocol::of_api(&port.protocol).unwrap_or_default();
        let listens = |pod: &Arc<Pod>| images::listens(pod, self.store());
        let (all, others): (Vec<Listener>, Vec<Listener>) =
            pods.iter().flat_map(listens).partition(|listener| listener.protocol == protocol);
        let there: Vec<&Listener> = all.iter().filter(|listener| i32::from(listener.port) == number).collect();
        let path = format!("spec.ports[{index}].targetPort");
        if there.iter().any(|listener| !listener.loopback_only) {
            self.some_refuse(object, &path, u16::try_from(number).unwrap_or_default(), protocol, pods);
            return;
        }
        if let Some(own) = there.first() {
            let message = match own.basis.assumption() {
                Some(_) => msg!("advise.loopbackOnly.assumed", service = object.name, port = number),
                None => msg!("advise.loopbackOnly", service = object.name, port = number),
            };
            self.tell(Severity::Warning, object, &path, message, Some(msg!("advise.loopbackOnly.help")), Vec::new());
            return;
        }
        let open: BTreeSet<u16> = all.iter().filter(|it| !it.loopback_only).map(|it| it.port).collect();
        let list = open.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let others: BTreeSet<String> =
            others.iter().filter(|it| !it.loopback_only).map(|it| format!("{}/{}", it.port, it.protocol.api_name())).collect();
        let told = if protocol == Protocol::Tcp && others.is_empty() {
            number.to_string()
        } else {
            format!("{number}/{}", protocol.api_name())
        };
        let message = match pods.iter().any(|pod| images::unsure(pod).is_some()) {
            true => msg!("advise.nothingListens.assumed", service = object.name, port = told),
            false => msg!("advise.nothingListens", service = object.name, port = told),
        };
        let help = if !open.is_empty() {
            msg!("advise.listensOn", ports = list)
        } else if !others.is_empty() {
            msg!("advise.listensOn", ports = others.into_iter().collect::<Vec<_>>().join(", "))
        } else {
            msg!("advise.opensNothing")
        };
        let fix = |better: &u16| {
            let label = msg!("advise.fix.targetPort", port = better);
            if let Some(span) = self.written(object, &path) {
                return Some(Fix { label, span: Some(span), text: better.to_string() });
            }
            let after = self.written(object, &format!("spec.ports[{index}].port"))?;
            let mut end = after.clone();
            (end.line, end.column) = (after.end_line, after.end_column);
            let key = self.column_of_port(object, index)?;
            Some(Fix { label, span: Some(end), text: format!("\n{}targetPort: {better}", " ".repeat(key)) })
        };
        let fixes = open.iter().filter_map(fix).collect();
        self.tell(Severity::Warning, object, &path, message, Some(help), fixes);
    }

    /// How far the keys of a port's mapping are indented: the value `80` of `- port: 80` stands behind its key.
    fn column_of_port(&self, object: &ObjectRef, index: usize) -> Option<usize> {
        let value = self.written(object, &format!("spec.ports[{index}].port"))?;
        usize::try_from(value.column).ok()?.checked_sub(1 + "port: ".len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Diagnostic> {
        let file = crate::kubectl::SourceFile { name: "d.yaml".into(), text: text.into() };
        let (manifests, _) = crate::kubectl::read(&[file]);
        let cluster = Cluster::new(crate::settings::Settings::default(), crate::random::Seed(1));
        advise(&cluster.apply(std::sync::Arc::new(manifests)).cluster)
    }

    #[test]
    fn a_service_without_selector_needs_a_slice_that_somebody_writes() {
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {type: NodePort, ports: [{port: 80}]}\n---\n";
        let [only] = &found(service)[..] else { panic!("{:?}", found(service)) };
        assert_eq!((only.severity, &only.help), (Severity::Warning, &Some(msg!("advice.noSelector.next", service = "db"))));
        let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
                     metadata: {name: db, labels: {kubernetes.io/service-name: db}}\naddressType: IPv4\n\
                     endpoints: [{addresses: [192.0.2.1]}]\nports: [{port: 80}]\n";
        assert_eq!(found(&(service.to_string() + slice)), []);
        let alias =
            "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {type: ExternalName, externalName: db.example.com}\n";
        assert_eq!(found(alias), []);
    }

    #[test]
    fn a_distribution_that_keeps_nothing_near_is_said_to_do_so() {
        let node = |zone: &str| format!("apiVersion: v1\nkind: Node\nmetadata: {{name: worker{zone}}}\n---\n");
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: d, labels: {app: d}}\nspec: {containers: [{name: c, image: nginx}]}\n---\n\
                    apiVersion: v1\nkind: Service\nmetadata: {name: d}\n\
                    spec: {trafficDistribution: PreferClose, selector: {app: d}, ports: [{port: 80}]}\n";
        let said = |text: &str| found(text).into_iter().map(|own| (own.path, own.message)).collect::<Vec<_>>();
        let bare = msg!("object.distribution.noZones", wish = "PreferClose", nodes = "worker");
        assert_eq!(said(&(node("") + text)), [("spec.trafficDistribution".to_string(), Finding::Ours(bare))]);
        assert_eq!(said(&(node(", labels: {topology.kubernetes.io/zone: a}") + text)), []);
        assert_eq!(said(&text.replace("image: nginx", "image: nginx, readinessProbe: {tcpSocket: {port: 81}}")).len(), 1);
    }

    #[test]
    fn a_status_that_somebody_has_written_is_said_to_be_dropped() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: d, labels: {app: d}}\nspec: {containers: [{name: c, image: nginx}]}\n---\n\
                    apiVersion: v1\nkind: Service\nmetadata: {name: d}\nspec: {type: LoadBalancer, selector: {app: d}, ports: [{port: 80}]}\n\
                    status: {loadBalancer: {ingress: [{ip: 203.0.113.200, ipMode: VIP}]}}\n";
        let said: Vec<_> = found(text).into_iter().map(|own| (own.path, own.message)).collect();
        assert_eq!(said, [("status.loadBalancer".to_string(), Finding::Ours(msg!("advise.statusDropped")))]);
    }

    #[test]
    fn a_port_of_udp_is_not_the_port_of_tcp_with_the_same_number() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: d, labels: {app: d}, annotations: {kubehop.dev/listen: 53/udp}}\n\
                    spec: {containers: [{name: c, image: d}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: d}\n\
                    spec: {selector: {app: d}, ports: [{port: 53}]}\n";
        let found = found(text);
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(only.help, Some(msg!("advise.listensOn", ports = "53/UDP")));
    }
}
