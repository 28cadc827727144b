//! What Kubernetes accepts without a word and yet does not work: selectors that match nothing, ports where nothing listens,
//! Ingresses that nobody serves. Each finding says what, where, and offers a change of the text that mends it.
//!
//! Follows the order of Kubernetes' "Debug Services" page. Judges the running cluster, so Pods made by any controller count.

mod ingress;
mod missing;

use crate::addons::pending::pending;
use crate::api::core::{Pod, Service, ServicePort};
use crate::api::meta::{IntOrString, Labels, selects};
use crate::api::networking::NetworkPolicy;
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Maker, Store};
use crate::diagnostic::{Diagnostic, Finding, Fix, Severity, Span, distance, is_slip};
use crate::msg;
use crate::node::images::{self, Listener};
use crate::packet::Protocol;
use crate::settings::Provider;
use crate::trace::FieldRef;
use crate::words::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Prefixes of annotations by which cloud providers' own controllers take wishes.
const PROVIDER_ANNOTATIONS: [&str; 5] = [
    "service.beta.kubernetes.io/",
    "service.kubernetes.io/",
    "alb.ingress.kubernetes.io/",
    "cloud.google.com/",
    "networking.gke.io/",
];

/// What the annotation keys above say that is not a provider's wish.
const PLAIN_ANNOTATIONS: [&str; 2] = ["service.kubernetes.io/topology-mode", "service.kubernetes.io/headless"];

/// Everything worth saying about the learner's own objects, in the order of the text.
pub fn advise(cluster: &Cluster) -> Vec<Diagnostic> {
    let mut advice = Advice { cluster, found: Vec::new(), offered: BTreeSet::new() };
    let mut seen = BTreeSet::new();
    for document in &cluster.manifests.documents {
        let Some(object) = document.object().filter(|object| seen.insert(object.clone())) else { continue };
        let object = &object;
        advice.listen_annotation(object);
        match object.kind {
            Kind::Service => {
                if let Some(service) = cluster.store.get::<Service>(&object.namespace, &object.name) {
                    advice.service(object, service);
                }
            }
            Kind::Ingress => advice.ingress(object),
            Kind::NetworkPolicy => advice.network_policy(object),
            _ => {}
        }
    }
    advice.requests();
    advice.found
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
        self.provider_annotations(object, &service.metadata.annotations, heard);
        if let Some((why, next, field)) = pending(&self.cluster.settings, service) {
            self.tell(Severity::Info, object, &field.path, why, Some(next), Vec::new());
        }
        let spec = &service.spec;
        if spec.selector.is_empty() || spec.type_ == "ExternalName" {
            return;
        }
        let chosen =
            |pod: &&Arc<Pod>| pod.metadata.namespace == object.namespace && selects(&spec.selector, &pod.metadata.labels);
        let pods: Vec<Arc<Pod>> = self.store().pods.values().filter(chosen).cloned().collect();
        if pods.is_empty() {
            self.no_pods(object, service);
            return;
        }
        for (index, port) in spec.ports.iter().enumerate() {
            self.target_port(object, index, port, &pods, spec.cluster_ip == "None");
        }
    }

    /// What a policy does to a Pod that uses its node's network is its CNI plugin's own choice.
    fn network_policy(&mut self, object: &ObjectRef) {
        let Some(policy) = self.store().get::<NetworkPolicy>(&object.namespace, &object.name) else { return };
        let on_host = |pod: &&Pod| pod.spec.host_network == Some(true) && policy.spec.pod_selector.matches(&pod.metadata.labels);
        let Some(pod) = self.store().in_namespace::<Pod>(&object.namespace).find(on_host) else { return };
        let message = msg!("advise.policyHostNetwork", policy = object.name, pod = pod.metadata.name);
        self.tell(Severity::Info, object, "spec.podSelector", message, None, Vec::new());
    }

    /// What Pods ask of their nodes is not played: said once, at the first that asks.
    fn requests(&mut self) {
        for document in &self.cluster.manifests.documents {
            let Some(object) = document.object().filter(|object| self.store().contains(object)) else { continue };
            let mut fields = document.spans.keys();
            if let Some(path) = fields.find(|path| path.ends_with("].resources.requests")).cloned() {
                return self.tell(Severity::Info, &object, &path, msg!("advise.requests"), None, Vec::new());
            }
        }
    }

    fn no_pods(&mut self, object: &ObjectRef, service: &Service) {
        let selector = &service.spec.selector;
        let text = pairs(selector);
        let message = match service.spec.cluster_ip.as_str() {
            // A headless Service is nothing but its Pods' addresses under a name.
            "None" => msg!("advise.noPodsHeadless", service = object.name, selector = text),
            _ => msg!("advise.noPods", service = object.name, selector = text),
        };
        let maker = self.cluster.maker(&object.namespace, selector);
        if let Some(maker) = maker {
            // The selector is right: nothing about it is to be changed.
            let (help, fix) = self.made_none(maker);
            self.tell(Severity::Warning, object, "spec.selector", message, help, fix.into_iter().collect());
            return;
        }
        let labels = self.free_labels(object, selector);
        if let Some((key, wrong, right)) = near_miss(selector, &labels) {
            let path = format!("spec.selector.{key}");
            let fixes = self.written(object, &path).map(|span| Fix {
                label: msg!("advise.fix.value", from = format!("{key}: {wrong}"), to = format!("{key}: {right}")),
                span: Some(span),
                text: right.clone(),
            });
            let help = msg!("advise.didYouMean", label = format!("{key}={right}"));
            self.tell(Severity::Warning, object, &path, message, Some(help), fixes.into_iter().collect());
            return;
        }
        let elsewhere = self.store().all::<Pod>().find(|pod| selects(selector, &pod.metadata.labels));
        if let Some(namespace) = elsewhere.map(|pod| pod.metadata.namespace.clone()) {
            let help = msg!("advise.otherNamespace", namespace = namespace, own = object.namespace);
            self.tell(Severity::Warning, object, "spec.selector", message, Some(help), Vec::new());
            return;
        }
        let fix = missing::workload(service, &mut self.offered);
        self.tell(
            Severity::Warning,
            object,
            "spec.selector",
            message,
            Some(msg!("advise.addWorkload", selector = text)),
            fix.into_iter().collect(),
        );
    }

    /// The labels of everything the learner's workloads would make.
    fn own_labels(&self, namespace: &str) -> Vec<Labels> {
        use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
        let store = self.store();
        let mut all: Vec<Labels> = Vec::new();
        all.extend(store.in_namespace::<Deployment>(namespace).map(|it| it.spec.template.metadata.labels.clone()));
        all.extend(store.in_namespace::<StatefulSet>(namespace).map(|it| it.spec.template.metadata.labels.clone()));
        all.extend(store.in_namespace::<DaemonSet>(namespace).map(|it| it.spec.template.metadata.labels.clone()));
        let bare = |set: &&ReplicaSet| set.metadata.owner_references.is_empty();
        all.extend(store.in_namespace::<ReplicaSet>(namespace).filter(bare).map(|it| it.spec.template.metadata.labels.clone()));
        let bare = |pod: &&Pod| pod.metadata.owner_references.is_empty();
        all.extend(store.in_namespace::<Pod>(namespace).filter(bare).map(|it| it.metadata.labels.clone()));
        all
    }

    /// Those of [`Advice::own_labels`] that a Service may have been meant for: where several pairs stand in its selector and one
    /// is wholly different, what another Service selects already is that one's.
    fn free_labels(&self, object: &ObjectRef, selector: &Labels) -> Vec<Labels> {
        let others: Vec<&Service> = self.store().in_namespace(&object.namespace).collect();
        let taken = |labels: &Labels| {
            let by = |other: &&Service| {
                other.metadata.name != object.name
                    && !other.spec.selector.is_empty()
                    && selects(&other.spec.selector, labels)
                    && !selector
                        .iter()
                        .all(|(key, value)| labels.get(key).is_some_and(|own| is_slip(distance(value, own), value, own)))
            };
            others.iter().any(by)
        };
        let mut labels = self.own_labels(&object.namespace);
        labels.retain(|own| !taken(own));
        labels
    }

    /// Why what would make the Pods has made none, and the change that lets it.
    fn made_none(&self, maker: Maker) -> (Option<Message>, Option<Fix>) {
        match maker {
            Maker::Idle(workload) => {
                let span = self.written(&workload, "spec.replicas");
                let label = msg!("advise.fix.value", from = "replicas: 0", to = "replicas: 1");
                let fix = span.map(|span| Fix { label, span: Some(span), text: "1".into() });
                (Some(msg!("advise.scaledToZero", kind = workload.kind, name = workload.name)), fix)
            }
            Maker::Waiting(workload) => (Some(msg!("advise.madeNone", kind = workload.kind, name = workload.name)), None),
            Maker::Deleted(workload) => (Some(msg!("advise.deleted", kind = workload.kind, name = workload.name)), None),
            // The reason is told elsewhere.
            Maker::Refused(_) => (None, None),
        }
    }

    fn target_port(&mut self, object: &ObjectRef, index: usize, port: &ServicePort, pods: &[Arc<Pod>], headless: bool) {
        let path = format!("spec.ports[{index}].targetPort");
        match &port.target_port {
            IntOrString::String(name) => self.named_port(object, &path, name, pods),
            IntOrString::Int(number) => {
                let number = if *number == 0 { port.port } else { *number };
                self.numbered_port(object, index, port, number, pods);
                if headless && number != port.port {
                    let message = msg!("advise.headlessPort", service = object.name, port = port.port, target = number);
                    self.tell(Severity::Info, object, &path, message, None, Vec::new());
                }
            }
        }
    }

    fn named_port(&mut self, object: &ObjectRef, path: &str, name: &str, pods: &[Arc<Pod>]) {
        let names: BTreeSet<&str> = pods
            .iter()
            .flat_map(|pod| &pod.spec.containers)
            .flat_map(|container| &container.ports)
            .map(|port| port.name.as_str())
            .filter(|name| !name.is_empty())
            .collect();
        if names.contains(name) {
            return;
        }
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
        let listens = |pod: &Arc<Pod>| images::listens(pod, self.store().all::<Service>());
        let (all, others): (Vec<Listener>, Vec<Listener>) =
            pods.iter().flat_map(listens).partition(|listener| listener.protocol == protocol);
        let there: Vec<&Listener> = all.iter().filter(|listener| i32::from(listener.port) == number).collect();
        let path = format!("spec.ports[{index}].targetPort");
        if there.iter().any(|listener| !listener.loopback_only) {
            return;
        }
        if !there.is_empty() {
            let message = msg!("advise.loopbackOnly", service = object.name, port = number);
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
        let message = msg!("advise.nothingListens", service = object.name, port = told);
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

    pub(super) fn provider_annotations(&mut self, object: &ObjectRef, annotations: &Labels, heard: bool) {
        if self.cluster.settings.load_balancer.provider == Provider::Aws || !heard {
            return;
        }
        let wish = |key: &&String| {
            PROVIDER_ANNOTATIONS.iter().any(|prefix| key.starts_with(prefix))
                && !PLAIN_ANNOTATIONS.iter().any(|plain| key.starts_with(plain))
        };
        let wishes: Vec<&String> = annotations.keys().filter(wish).collect();
        if !wishes.is_empty() {
            let message = msg!("advise.annotations", count = wishes.len());
            self.tell(Severity::Info, object, "metadata.annotations", message, None, Vec::new());
        }
    }
}

/// `app=web,tier=front`
fn pairs(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// A selector that differs from some Pods' labels in just one value, and not by much: key, wrong value, right value.
fn near_miss(selector: &Labels, all: &[Labels]) -> Option<(String, String, String)> {
    let mut best: BTreeMap<usize, (String, String, String)> = BTreeMap::new();
    for labels in all {
        let wrong: Vec<(&String, &String)> = selector.iter().filter(|(key, value)| labels.get(*key) != Some(value)).collect();
        let [(key, value)] = wrong.as_slice() else { continue };
        let Some(right) = labels.get(*key) else { continue };
        let distance = distance(value, right);
        // A selector of several pairs that agrees in all others is near, however different the last one is.
        if is_slip(distance, value, right) || selector.len() > 1 {
            best.entry(distance).or_insert_with(|| (key.to_string(), value.to_string(), right.clone()));
        }
    }
    best.into_values().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Labels {
        text.split(',').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn a_misspelt_value_is_a_near_miss_and_another_app_is_not() {
        let near = near_miss(&labels("app=wbe"), &[labels("app=web")]);
        assert_eq!(near, Some(("app".into(), "wbe".into(), "web".into())));
        assert_eq!(near_miss(&labels("app=payments"), &[labels("app=web")]), None);
    }

    #[test]
    fn a_port_of_udp_is_not_the_port_of_tcp_with_the_same_number() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: d, labels: {app: d}, annotations: {kubehop.dev/listen: 53/udp}}\n\
                    spec: {containers: [{name: c, image: d}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: d}\n\
                    spec: {selector: {app: d}, ports: [{port: 53}]}\n";
        let file = crate::kubectl::SourceFile { name: "d.yaml".into(), text: text.into() };
        let (manifests, _) = crate::kubectl::read(&[file]);
        let cluster = Cluster::new(crate::settings::Settings::default(), crate::random::Seed(1))
            .apply(std::sync::Arc::new(manifests))
            .cluster;
        let found = advise(&cluster);
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(only.help, Some(msg!("advise.listensOn", ports = "53/UDP")));
    }

    /// What is found in a text.
    fn found(text: &str) -> Vec<Diagnostic> {
        let file = crate::kubectl::SourceFile { name: "d.yaml".into(), text: text.into() };
        let (manifests, _) = crate::kubectl::read(&[file]);
        let cluster = Cluster::new(crate::settings::Settings::default(), crate::random::Seed(1));
        advise(&cluster.apply(std::sync::Arc::new(manifests)).cluster)
    }

    fn deployment(name: &str, labels: &str, replicas: u32) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  selector: {{matchLabels: \
             {{{labels}}}}}\n  template:\n    metadata: {{labels: {{{labels}}}}}\n    spec: {{containers: [{{name: c, image: nginx}}]}}\n---\n"
        )
    }

    fn service(name: &str, labels: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec:\n  selector:\n    {}\n  ports: [{{port: 80}}]\n---\n",
            labels.replace(", ", "\n    ")
        )
    }

    #[test]
    fn a_selector_that_matches_a_workload_of_no_replicas_is_right_and_stays() {
        let app = deployment("counter", "app: counter, tier: app", 1);
        let redis = deployment("redis", "app: counter, tier: db", 0);
        let all = found(&format!("{app}{redis}{}", service("redis", "app: counter, tier: db")));
        let [only] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(only.help, Some(msg!("advise.scaledToZero", kind = Kind::Deployment, name = "redis")));
        let [fix] = only.fixes.as_slice() else { panic!("{:?}", only.fixes) };
        assert_eq!((fix.text.as_str(), fix.span.as_ref().map(|span| span.line)), ("1", Some(15)));
    }

    #[test]
    fn a_selector_is_not_bent_to_pods_that_another_service_selects() {
        let app = deployment("counter", "app: counter, tier: app", 1);
        let text =
            format!("{app}{}{}", service("counter", "app: counter, tier: app"), service("redis", "app: counter, tier: db"));
        let all = found(&text);
        let [only] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(only.help, Some(msg!("advise.addWorkload", selector = "app=counter,tier=db")));
        // Without the other Service, those Pods may well be the ones that are meant.
        let all = found(&format!("{app}{}", service("redis", "app: counter, tier: db")));
        assert_eq!(all[0].help, Some(msg!("advise.didYouMean", label = "tier=app")));
    }

    #[test]
    fn another_short_name_is_no_misspelling() {
        let all = found(&format!("{}{}", deployment("db", "app: db", 1), service("web", "app: web")));
        assert_eq!(all[0].help, Some(msg!("advise.addWorkload", selector = "app=web")));
    }
}
