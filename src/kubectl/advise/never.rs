//! Pods that never run, or run and never get ready, told once for each workload: in the words, and at the field, with which a trace that fails on them tells it.
//!
//! What the reader or the API server says of the text already (an image's name, a node that is not there), and what a person did to the
//! running cluster, is left to them.

use super::{Advice, pod_spec};
use crate::api::core::{Condition, Node, Pod, Taint};
use crate::api::{Kind, ObjectRef};
use crate::control_plane::scheduler::placement::selects_node;
use crate::control_plane::scheduler::tolerates;
use crate::data_plane::causes::unready;
use crate::diagnostic::Severity;
use crate::kubectl::Manifest;
use crate::node::kubelet::{has_ended, is_ready, waiting};
use crate::trace;
use std::collections::BTreeSet;

impl Advice<'_> {
    /// The first Pod of a workload that the scheduler or the kubelet keeps from running, or from getting ready, for a reason that lasts.
    pub(super) fn never_runs(&mut self, object: &ObjectRef, document: &Manifest) {
        if pod_spec(object.kind, document).is_none() {
            return;
        }
        let cluster = self.cluster;
        let bare = cluster.store.get::<Pod>(&object.namespace, &object.name).filter(|_| object.kind == Kind::Pod);
        let pods = bare.into_iter().chain(cluster.pods_of(object));
        let Some(found) = { pods }.find_map(|pod| self.lasting(pod)) else { return };
        // An init container waits, perhaps only for another Pod that is not ready yet.
        let settled = |pod: &Pod| has_ended(pod) || is_ready(pod) || self.lasting(pod).is_some();
        if found.why.id == "explain.pod.init.waits" && !self.store().all::<Pod>().all(settled) {
            return;
        }
        let path = found.because.first().map_or("spec", |field| field.path.as_str());
        let path = if object.kind == Kind::Pod { path.to_string() } else { format!("spec.template.{path}") };
        self.tell(Severity::Warning, object, &path, found.why, Some(found.next), Vec::new());
    }

    /// A dump's Pod that runs and is not ready, once for what made it: the probe that keeps it so.
    pub(super) fn not_ready(&mut self, object: &ObjectRef, document: &Manifest, told: &mut BTreeSet<ObjectRef>) {
        let pod = self.store().get::<Pod>(&object.namespace, &object.name);
        let Some(pod) = pod.filter(|_| object.kind == Kind::Pod && document.is_dumped()) else { return };
        let found = unready(self.cluster, pod).filter(|found| found.why.id == "explain.pod.unready.probe");
        let Some((found, field)) = found.and_then(|found| Some((found.clone(), found.because.into_iter().next()?))) else {
            return;
        };
        let maker = pod.metadata.owner_references.iter().find(|owner| owner.controller == Some(true));
        let maker =
            maker.and_then(|own| Some(ObjectRef::new(Kind::find(&own.api_version, &own.kind)?, &object.namespace, &own.name)));
        if told.insert(maker.unwrap_or_else(|| object.clone())) {
            self.tell(Severity::Warning, object, &field.path, found.why, Some(found.next), Vec::new());
        }
    }

    /// Why a Pod is kept from running, or from getting ready; `None`: it is ready, or on its way.
    fn lasting(&self, pod: &Pod) -> Option<trace::Advice> {
        let (status, up) = (&pod.status, |node: &str| self.cluster.is_up(node));
        let held = if pod.metadata.deletion_timestamp.is_some() {
            false
        } else if status.phase == "Failed" {
            status.reason == "NodePorts"
        } else if pod.spec.node_name.is_empty() {
            let said = |own: &Condition| own.type_ == "PodScheduled" && own.status == "False";
            // A node without power that would not take the Pod with power either is no reason for its waiting.
            let needed = |node: &Node| !up(&node.metadata.name) && would_take(pod, node);
            status.conditions.iter().any(said) && !self.store().all::<Node>().any(needed)
        } else {
            let told = |reason: &str| matches!(reason, "" | "InvalidImageName");
            up(&pod.spec.node_name) && !is_ready(pod) && waiting(pod).is_none_or(|(_, reason)| !told(reason))
        };
        // Without a word of the kubelet's the container only waits for its turn, or for its probe's.
        let unready = unready(self.cluster, pod).filter(|_| held)?;
        let never = waiting(pod).is_some() || pod.status.phase != "Running";
        let found = Some(unready).filter(|own| never || matches!(&*own.why.id, "explain.pod.gate" | "explain.pod.probe"))?;
        let image = found.because.first().is_some_and(|field| field.path.ends_with(".image"));
        let told = image && found.why.id == "explain.pod.waiting.said";
        // That its node is not there was said when the text was applied.
        (!matches!(&*found.why.id, "explain.pod.waiting" | "explain.pod.noNode") && !told).then_some(found)
    }
}

/// Whether a node would take the Pod, as far as labels and taints go that did not come with its loss of power.
fn would_take(pod: &Pod, node: &Node) -> bool {
    let lost = |taint: &Taint| matches!(taint.key.as_str(), "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable");
    let guards = node.spec.taints.iter().filter(|taint| taint.effect != "PreferNoSchedule" && !lost(taint));
    selects_node(&pod.spec, node) && guards.into_iter().all(|taint| tolerates(&pod.spec.tolerations, taint))
}

#[cfg(test)]
mod tests {
    use super::super::advise;
    use crate::cluster::{Action, Cluster};
    use crate::diagnostic::{Finding, Severity};
    use crate::random::Seed;
    use crate::settings::Settings;
    use std::sync::Arc;

    fn cluster(text: &str) -> Cluster {
        let file = crate::kubectl::SourceFile { name: "d.yaml".into(), text: text.into() };
        let (manifests, _) = crate::kubectl::read(&[file]);
        Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests)).cluster
    }

    /// Id and path of each warning.
    fn found(cluster: &Cluster) -> Vec<(String, String)> {
        let warnings = advise(cluster).into_iter().filter(|found| found.severity == Severity::Warning);
        let id = |message| match message {
            Finding::Ours(text) => text.id.to_string(),
            other => panic!("{other:?}"),
        };
        warnings.map(|found| (id(found.message), found.path)).collect()
    }

    fn deployment(spec: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 3\n  selector: {{matchLabels: {{app: web}}}}\n  \
             template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{{spec}}}\n"
        )
    }

    fn pod(name: &str, spec: &str) -> String {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n---\n")
    }

    #[test]
    fn a_workload_whose_pods_never_run_is_told_once_at_the_field_to_blame() {
        let cases = [
            (
                "securityContext: {runAsNonRoot: true}, containers: [{name: c, image: nginx}]",
                "explain.pod.waiting.root.assumed",
                "securityContext.runAsNonRoot",
            ),
            (
                "containers: [{name: c, image: nginx, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, secret: {secretName: absent}}]",
                "explain.pod.waiting.said",
                "volumes[0]",
            ),
            ("containers: [{name: c, image: 'python:3'}]", "ends.interpreter", "containers[0].image"),
            ("containers: [{name: c, image: 'mysql:8'}]", "ends.said", "containers[0].env"),
            (
                "containers: [{name: c, image: nginx, resources: {limits: {nvidia.com/gpu: 1}}}]",
                "explain.pod.pending",
                "containers[0].resources.limits.nvidia.com/gpu",
            ),
            (
                "containers: [{name: c, image: nginx, lifecycle: {postStart: {httpGet: {path: /, port: 81}}}}]",
                "explain.pod.waiting.said",
                "containers[0].lifecycle.postStart",
            ),
            (
                "containers: [{name: c, image: nginx, readinessProbe: {tcpSocket: {port: 81}}}]",
                "explain.pod.probe",
                "containers[0].readinessProbe",
            ),
            (
                "readinessGates: [{conditionType: example.com/x}], containers: [{name: c, image: nginx}]",
                "explain.pod.gate",
                "readinessGates[0].conditionType",
            ),
            ("containers: [{name: c, image: nginx}, {name: d, image: httpd}]", "ends.port", "containers[1]"),
            (
                "hostNetwork: true, nodeSelector: {kubernetes.io/hostname: node-1}, containers: [{name: c, image: nginx}]",
                "ends.nodePort",
                "containers[0]",
            ),
        ];
        for (spec, id, path) in cases {
            let told = found(&cluster(&deployment(spec)));
            assert_eq!(told, [(id.to_string(), format!("spec.template.spec.{path}"))], "{spec}");
        }
    }

    #[test]
    fn the_kubelet_refuses_a_pod_whose_host_port_is_taken() {
        let spec = "nodeName: node-2, containers: [{name: c, image: nginx, ports: [{containerPort: 80, hostPort: 8080}]}]";
        let told = found(&cluster(&(pod("first", spec) + &pod("second", spec))));
        assert_eq!(told, [("explain.pod.failed".to_string(), "spec.nodeName".to_string())]);
    }

    #[test]
    fn an_image_name_that_no_kubelet_reads_is_told_once() {
        let told = found(&cluster(&deployment("containers: [{name: c, image: 'nginx:a b'}]")));
        assert_eq!(told, [("advise.imageName".to_string(), "spec.template.spec.containers[0].image".to_string())]);
    }

    #[test]
    fn pods_on_their_way_and_what_a_person_did_are_no_faults_of_the_text() {
        let slow = pod(
            "slow",
            "initContainers: [{name: i, image: busybox, command: [sleep, '20']}], containers: [{name: c, image: nginx}]",
        );
        assert_eq!(found(&cluster(&slow)), []);
        let nowhere = "nodeSelector: {disk: ssd}, containers: [{name: c, image: nginx}]";
        let down = cluster(&deployment(nowhere)).act(&Action::NodeDown("node-1".into())).cluster;
        for waited in [down.clone(), down.act(&Action::Wait(400)).cluster] {
            let told: Vec<String> = found(&waited).into_iter().map(|(id, _)| id).collect();
            assert_eq!(told, ["explain.pod.pending"], "no node has the label, with or without power");
        }
        let down = cluster(&deployment("containers: [{name: c, image: nginx}]"));
        let down = down.act(&Action::NodeDown("node-1".into())).cluster.act(&Action::Wait(400)).cluster;
        assert_eq!(found(&down), []);
    }
}
