//! A Service's selector that matches no Pod: which workload was meant, and why it has none.

use super::{Advice, missing};
use crate::api::ObjectRef;
use crate::api::core::{Pod, Service};
use crate::api::meta::{Labels, selects};
use crate::cluster::Maker;
use crate::data_plane::causes::{self, may_mean};
use crate::diagnostic::{Fix, Severity, distance, is_slip};
use crate::msg;
use crate::node::images;
use crate::packet::Protocol;
use crate::trace::FieldRef;
use crate::words::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Advice<'_> {
    /// No Pod has these labels.
    pub(super) fn no_pods(&mut self, object: &ObjectRef, service: &Service) {
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
        if let Some(own) = self.cluster.unplayed_maker(&object.namespace, selector) {
            let help = msg!("advice.unplayedMaker.next", kind = own.kind, name = own.name);
            self.tell(Severity::Warning, object, "spec.selector", message, Some(help), Vec::new());
            return;
        }
        let labels = self.free_labels(object, selector);
        if let Some((key, wrong, right)) = near_miss(&object.name, selector, &labels) {
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
        // What another Service selects already is that one's.
        let is_free = |next: &Message| labels.iter().any(|own| next.args.get("labels") == Some(&pairs(own)));
        let near = Some(causes::no_pods(self.cluster, service).next).filter(|next| next.id == "explain.selector.near.next");
        let help = near.filter(is_free).unwrap_or_else(|| msg!("advise.addWorkload", selector = text));
        self.tell(Severity::Warning, object, "spec.selector", message, Some(help), fix.into_iter().collect());
    }

    /// Some of the Pods listen on the port that a Service sends to, and one of another workload surely does not.
    pub(super) fn some_refuse(&mut self, object: &ObjectRef, path: &str, port: u16, protocol: Protocol, pods: &[Arc<Pod>]) {
        let (store, cluster) = (self.store(), self.cluster);
        let refuses = |pod: &&Arc<Pod>| {
            let all = images::listens(pod, store);
            let takes = all.iter().any(|own| own.port == port && own.protocol == protocol);
            !all.is_empty() && !takes && images::unsure(pod).is_none()
        };
        let Some(service) = store.get::<Service>(&object.namespace, &object.name) else { return };
        let Some(pod) = pods.iter().find(refuses) else { return };
        let Some((help, _)) = causes::too_wide(cluster, service, pod, (port, protocol)) else { return };
        let message = msg!("advise.someRefuse", service = object.name, pod = pod.metadata.name, port = port);
        self.tell(Severity::Warning, object, path, message, Some(help), Vec::new());
    }

    /// The labels of everything the learner's workloads would make.
    fn own_labels(&self, namespace: &str) -> Vec<Labels> {
        let store = self.store();
        let makers = store.workloads().filter(|own| own.meta.namespace == namespace && own.is_topmost());
        let made = makers.map(|own| own.template.metadata.labels.clone());
        let bare = |pod: &&Pod| pod.metadata.owner_references.is_empty();
        made.chain(store.in_namespace::<Pod>(namespace).filter(bare).map(|it| it.metadata.labels.clone())).collect()
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
                let field = FieldRef { object: workload.clone(), path: "spec.replicas".into() };
                let span = self.written(&workload, &field.path).filter(|_| !self.cluster.was_scaled(&field));
                let label = msg!("advise.fix.value", from = "replicas: 0", to = "replicas: 1");
                let fix = span.map(|span| Fix { label, span: Some(span), text: "1".into() });
                (Some(msg!("advise.scaledToZero", kind = workload.kind, name = workload.name)), fix)
            }
            Maker::Forbidden(workload, lack) => {
                let help = msg!("advice.forbidden.next", kind = workload.kind, name = workload.name, message = lack.text);
                (Some(help), None)
            }
            Maker::Waiting(workload) => (Some(msg!("advise.madeNone", kind = workload.kind, name = workload.name)), None),
            Maker::Deleted(workload) => (Some(msg!("advise.deleted", kind = workload.kind, name = workload.name)), None),
            // The reason is told elsewhere.
            Maker::Refused(_) => (None, None),
        }
    }
}

/// `app=web,tier=front`
fn pairs(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// A Service's selector that differs from some Pods' labels in just one value, and not by much: key, wrong value, right value.
fn near_miss(service: &str, selector: &Labels, all: &[Labels]) -> Option<(String, String, String)> {
    let mut best: BTreeMap<usize, (String, String, String)> = BTreeMap::new();
    for labels in all {
        let wrong: Vec<(&String, &String)> = selector.iter().filter(|(key, value)| labels.get(*key) != Some(value)).collect();
        let [(key, value)] = wrong.as_slice() else { continue };
        let Some(right) = labels.get(*key) else { continue };
        // A selector of several pairs that agrees in all others is near, however different the last one is.
        if may_mean(service, value, right) || selector.len() > 1 {
            best.entry(distance(value, right)).or_insert_with(|| (key.to_string(), value.to_string(), right.clone()));
        }
    }
    best.into_values().next()
}

#[cfg(test)]
mod tests {
    use super::super::advise;
    use super::*;
    use crate::api::Kind;
    use crate::cluster::Cluster;
    use crate::diagnostic::Diagnostic;

    fn labels(text: &str) -> Labels {
        text.split(',').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn a_misspelt_value_is_a_near_miss_and_another_app_is_not() {
        let near = near_miss("w", &labels("app=wbe"), &[labels("app=web")]);
        assert_eq!(near, Some(("app".into(), "wbe".into(), "web".into())));
        assert_eq!(near_miss("w", &labels("app=payments"), &[labels("app=web")]), None);
    }

    #[test]
    fn a_value_cut_short_and_the_services_own_name_are_near() {
        let pods = [labels("app=redis-cart"), labels("app=cartservice")];
        let meant = Some(("app".into(), "cart".into(), "cartservice".into()));
        assert_eq!(near_miss("basket", &labels("app=cart"), &pods), meant);
        let meant = Some(("app".into(), "basket".into(), "cartservice".into()));
        assert_eq!(near_miss("cartservice", &labels("app=basket"), &pods), meant);
        assert_eq!(near_miss("cartservice", &labels("app=db"), &pods[..1]), None);
    }

    #[test]
    fn a_whole_applications_broken_selector_means_the_pods_that_no_other_service_selects() {
        let text = std::fs::read_to_string("tests/fixtures/applications/boutique.yaml").expect("an application");
        let broken = text.replace("  selector:\n    app: cartservice\n  ports", "  selector:\n    app: cart\n  ports");
        let all = found(&broken);
        let of_cart = all.iter().find(|found| found.path == "spec.selector.app").unwrap_or_else(|| panic!("{all:?}"));
        assert_eq!(of_cart.help, Some(msg!("advise.didYouMean", label = "app=cartservice")));
        let [fix] = of_cart.fixes.as_slice() else { panic!("{:?}", of_cart.fixes) };
        assert_eq!(fix.text, "cartservice");
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
    fn a_workload_that_is_not_played_is_what_the_selector_means() {
        let job =
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: es}\nspec: {template: {metadata: {labels: {app: es}}}}\n---\n";
        let operated =
            "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: k8s}\nspec: {replicas: 2}\n---\n";
        let near = deployment("operator", "part: prometheus", 1);
        for (maker, kind, name, labels) in
            [(job, "Job", "es", "app: es"), (operated, "Prometheus", "k8s", "instance: k8s, part: prometheus")]
        {
            let all = found(&format!("{maker}{near}{}", service("web", labels)));
            let help = all.iter().filter(|found| found.severity == Severity::Warning).find_map(|found| found.help.clone());
            assert_eq!(help, Some(msg!("advice.unplayedMaker.next", kind = kind, name = name)));
        }
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
