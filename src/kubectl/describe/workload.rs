//! Deployments, ReplicaSets, ReplicationControllers, StatefulSets, DaemonSets.

use super::{Page, or_none, pairs, pod, written_date};
use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, ReplicationController, StatefulSet};
use crate::api::core::{Condition, Pod, PodTemplateSpec};
use crate::api::meta::{LabelSelector, ObjectMeta};
use crate::api::quantity::Quantity;
use crate::api::{ObjectRef, Resource};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn deployment(page: &mut Page, deployment: &Deployment) {
    let (meta, spec, status) = (&deployment.metadata, &deployment.spec, &deployment.status);
    page.name_and_namespace(meta);
    page.line(format!("CreationTimestamp:\t{}", written_date(meta.creation_timestamp.as_deref())));
    page.labels_and_annotations(meta);
    page.line(format!("Selector:\t{}", selector_text(&spec.selector)));
    page.line(format!(
        "Replicas:\t{} desired | {} updated | {} total | {} available | {} unavailable",
        spec.replicas.unwrap_or(1),
        status.updated_replicas,
        status.replicas,
        status.available_replicas,
        status.unavailable_replicas
    ));
    page.line(format!("StrategyType:\t{}", spec.strategy.type_));
    page.line(format!("MinReadySeconds:\t{}", spec.min_ready_seconds));
    if let Some(pace) = &spec.strategy.rolling_update {
        let text = |value: &Option<crate::api::meta::IntOrString>| value.as_ref().map(ToString::to_string).unwrap_or_default();
        page.line(format!(
            "RollingUpdateStrategy:\t{} max unavailable, {} max surge",
            text(&pace.max_unavailable),
            text(&pace.max_surge)
        ));
    }
    pod::template(page, &ObjectRef::of(deployment), &spec.template);
    conditions(page, &status.conditions);
    replica_sets(page, deployment);
    page.events(deployment);
}

/// The ReplicaSet of the present template, and the others.
fn replica_sets(page: &mut Page, deployment: &Deployment) {
    let cluster = page.cluster;
    let own = |set: &&ReplicaSet| controls(&deployment.metadata, &set.metadata);
    let mut sets: Vec<&ReplicaSet> =
        cluster.store.in_namespace::<ReplicaSet>(&deployment.metadata.namespace).filter(own).collect();
    if sets.is_empty() {
        return;
    }
    sets.sort_by_key(|set| (set.metadata.creation_timestamp.clone(), set.metadata.name.clone()));
    let same = |template: &PodTemplateSpec| {
        let mut plain = template.clone();
        plain.metadata.labels.remove("pod-template-hash");
        plain == deployment.spec.template
    };
    let newest = sets.iter().position(|set| same(&set.spec.template));
    let shown = |set: &ReplicaSet| {
        format!("{} ({}/{} replicas created)", set.metadata.name, set.status.replicas, set.spec.replicas.unwrap_or(1))
    };
    let old = sets.iter().enumerate().filter(|(at, _)| Some(*at) != newest).map(|(_, set)| shown(set));
    page.line(format!("OldReplicaSets:\t{}", or_none(old.collect::<Vec<_>>().join(", "))));
    let new = newest.and_then(|at| sets.get(at)).map(|set| shown(set)).unwrap_or_default();
    page.line(format!("NewReplicaSet:\t{}", or_none(new)));
}

fn controls(owner: &ObjectMeta, owned: &ObjectMeta) -> bool {
    let controller = owned.owner_references.iter().find(|reference| reference.controller == Some(true));
    controller.is_some_and(|reference| reference.uid == owner.uid && reference.name == owner.name)
}

pub(super) fn replica_set(page: &mut Page, set: &ReplicaSet) {
    replicas(page, set, &ObjectRef::of(set));
    page.events(set);
}

/// Of its owner, kubectl says nothing.
pub(super) fn replication_controller(page: &mut Page, controller: &ReplicationController) {
    let mut set = ReplicaSet::from(controller);
    set.metadata.owner_references.clear();
    replicas(page, &set, &ObjectRef::of(controller));
    page.events(controller);
}

/// `describeReplicaSet`; of a ReplicationController the same.
fn replicas(page: &mut Page, set: &ReplicaSet, object: &ObjectRef) {
    page.name_and_namespace(&set.metadata);
    page.line(format!("Selector:\t{}", or_none(selector_text(&set.spec.selector))));
    page.labels_and_annotations(&set.metadata);
    page.controlled_by(&set.metadata);
    page.line(format!("Replicas:\t{} current / {} desired", set.status.replicas, set.spec.replicas.unwrap_or(1)));
    pods_status(page, set, &set.spec.selector);
    pod::template(page, object, &set.spec.template);
    conditions(page, &set.status.conditions);
}

fn conditions(page: &mut Page, conditions: &[Condition]) {
    if !conditions.is_empty() {
        page.line("Conditions:\n  Type\tStatus\tReason\n  ----\t------\t------");
    }
    for condition in conditions {
        page.line(format!("  {} \t{}\t{}", condition.type_, condition.status, condition.reason));
    }
}

pub(super) fn stateful_set(page: &mut Page, set: &StatefulSet) {
    page.name_and_namespace(&set.metadata);
    page.line(format!("CreationTimestamp:\t{}", written_date(set.metadata.creation_timestamp.as_deref())));
    page.line(format!("Selector:\t{}", selector_text(&set.spec.selector)));
    page.labels_and_annotations(&set.metadata);
    page.line(format!("Replicas:\t{} desired | {} total", set.spec.replicas.unwrap_or(1), set.status.replicas));
    page.line(format!("Update Strategy:\t{}", set.spec.update_strategy.type_));
    if let Some(partition) = set.spec.update_strategy.rolling_update.as_ref().and_then(|pace| pace.partition) {
        page.line(format!("  Partition:\t{partition}"));
    }
    pods_status(page, set, &set.spec.selector);
    pod::template(page, &ObjectRef::of(set), &set.spec.template);
    claims(page, &ObjectRef::of(set));
    page.events(set);
}

/// `describeVolumeClaimTemplates`; the templates are read as they are written.
fn claims(page: &mut Page, set: &ObjectRef) {
    let cluster = page.cluster;
    let templates = cluster.origin(set).and_then(|manifest| manifest.value.pointer("/spec/volumeClaimTemplates")?.as_array());
    let Some(templates) = templates.filter(|templates| !templates.is_empty()) else {
        return page.line("Volume Claims:\t<none>");
    };
    page.line("Volume Claims:");
    for claim in templates {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let (meta, spec) = (&claim["metadata"], &claim["spec"]);
        // `GetPersistentVolumeClaimClass`
        let class = &meta["annotations"]["volume.beta.kubernetes.io/storage-class"];
        let class = if class.is_string() { class } else { &spec["storageClassName"] };
        page.line(format!("  Name:\t{}", text(&meta["name"])));
        page.line(format!("  StorageClass:\t{}", text(class)));
        for (title, map) in [("Labels", &meta["labels"]), ("Annotations", &meta["annotations"])] {
            let sorted: BTreeMap<_, _> = map.as_object().into_iter().flatten().collect();
            let pairs: Vec<String> = sorted.into_iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
            page.list(&format!("  {title}"), &pairs);
        }
        let capacity = Quantity::of(&spec["resources"]["requests"]["storage"]);
        page.line(format!("  Capacity:\t{}", capacity.map_or_else(|| "<default>".into(), |own| own.to_string())));
        let modes: Vec<String> = spec["accessModes"].as_array().into_iter().flatten().map(text).collect();
        page.line(format!("  Access Modes:\t[{}]", modes.join(" ")));
    }
}

pub(super) fn daemon_set(page: &mut Page, set: &DaemonSet) {
    let status = &set.status;
    page.name_and_namespace(&set.metadata);
    page.line(format!("Selector:\t{}", selector_text(&set.spec.selector)));
    page.line(format!("Node-Selector:\t{}", pairs(&set.spec.template.spec.node_selector)));
    page.labels_and_annotations(&set.metadata);
    page.line(format!("Desired Number of Nodes Scheduled: {}", status.desired_number_scheduled));
    page.line(format!("Current Number of Nodes Scheduled: {}", status.current_number_scheduled));
    page.line(format!("Number of Nodes Scheduled with Up-to-date Pods: {}", status.updated_number_scheduled));
    page.line(format!("Number of Nodes Scheduled with Available Pods: {}", status.number_available));
    page.line(format!("Number of Nodes Misscheduled: {}", status.number_misscheduled));
    pods_status(page, set, &set.spec.selector);
    pod::template(page, &ObjectRef::of(set), &set.spec.template);
    page.events(set);
}

fn pods_status<R: Resource>(page: &mut Page, owner: &R, selector: &LabelSelector) {
    let meta = owner.metadata();
    let own = |pod: &&Pod| controls(meta, &pod.metadata) && selector.matches(&pod.metadata.labels);
    let pods: Vec<&Pod> = page.cluster.store.in_namespace::<Pod>(&meta.namespace).filter(own).collect();
    let count = |phase: &str| pods.iter().filter(|pod| pod.status.phase == phase).count();
    let (running, waiting, succeeded, failed) = (count("Running"), count("Pending"), count("Succeeded"), count("Failed"));
    page.line(format!("Pods Status:\t{running} Running / {waiting} Waiting / {succeeded} Succeeded / {failed} Failed"));
}

/// `app=web,tier in (a,b),!old`, by key: `labels.Selector.String`.
pub(super) fn selector_text(selector: &LabelSelector) -> String {
    let mut parts: Vec<(String, String)> =
        selector.match_labels.iter().map(|(key, value)| (key.clone(), format!("{key}={value}"))).collect();
    for need in &selector.match_expressions {
        let mut values = need.values.clone();
        values.sort();
        let (key, values) = (&need.key, values.join(","));
        let text = match need.operator.as_str() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.clone(),
            _ => format!("!{key}"),
        };
        parts.push((key.clone(), text));
    }
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",")
}
