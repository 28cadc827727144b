//! A Service's selector that matches no Pod: what was to make such Pods and did not, or which labels come nearest.

use super::{listener, selected};
use crate::api::core::{Pod, Service};
use crate::api::meta::{Labels, selects};
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Maker};
use crate::diagnostic::{distance, is_slip};
use crate::msg;
use crate::packet::Protocol;
use crate::trace::{Advice, FieldRef};
use crate::words::Message;

/// Why no Pod of the Service's namespace carries the labels of its selector, which has some.
pub fn no_pods(cluster: &Cluster, service: &Service) -> Advice {
    let (namespace, selector) = (&service.metadata.namespace, &service.spec.selector);
    let why = msg!("explain.selector.none", service = service.metadata.name, selector = pairs(selector), namespace = namespace);
    // A selector that matches what would make Pods is right: to blame is why that made none.
    if let Some(maker) = cluster.maker(namespace, selector) {
        let (next, because) = made_none(cluster, maker);
        return Advice { why, next, because };
    }
    if let Some(own) = cluster.unplayed_maker(namespace, selector) {
        let next = msg!("advice.unplayedMaker.next", kind = own.kind, name = own.name);
        return Advice { why, next, because: Vec::new() };
    }
    let mut because = vec![FieldRef { object: ObjectRef::of(service), path: "spec.selector".into() }];
    let (next, also) = nearest(cluster, service);
    because.extend(also);
    Advice { why, next, because }
}

/// A Service's selector fits a Pod that refuses its port and one of another controller that takes it: a label that tells them apart.
pub fn too_wide(cluster: &Cluster, service: &Service, refuses: &Pod, to: (u16, Protocol)) -> Option<(Message, FieldRef)> {
    let owners = &refuses.metadata.owner_references;
    let takes = |pod: &&Pod| {
        let another =
            pod.metadata.name != refuses.metadata.name && (owners.is_empty() || pod.metadata.owner_references != *owners);
        another && listener(cluster, pod, to.0, to.1).is_ok()
    };
    let other = selected(cluster, service).into_iter().find(takes)?;
    let own = &refuses.metadata.labels;
    let (key, value) = other.metadata.labels.iter().find(|(key, value)| !is_made(key) && own.get(*key) != Some(value))?;
    let next = msg!(
        "advice.tooWide.next",
        service = service.metadata.name,
        selector = pairs(&service.spec.selector),
        pod = refuses.metadata.name,
        other = other.metadata.name,
        port = to.0,
        label = format!("{key}: {value}")
    );
    Some((next, FieldRef { object: ObjectRef::of(service), path: "spec.selector".into() }))
}

/// Labels that controllers give their Pods.
const MADE: [&str; 5] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "apps.kubernetes.io/pod-index",
    "statefulset.kubernetes.io/pod-name",
];

/// Whether a controller gives its Pods this label: another Pod of the same template need not have it.
pub fn is_made(label: &str) -> bool {
    MADE.contains(&label)
}

/// `app=web,tier=front`
fn pairs(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// What made no Pods: why, and the fields to blame.
pub fn made_none(cluster: &Cluster, maker: Maker) -> (Message, Vec<FieldRef>) {
    let at = |object: ObjectRef, path: &str| vec![FieldRef { object, path: path.into() }];
    match maker {
        Maker::Idle(own) => {
            // The text is to blame for what it says, not for what was done to the cluster since.
            let written = cluster.origin(&own).is_some_and(|manifest| manifest.value["spec"]["replicas"] == 0);
            let next = msg!("advice.noReplicas.next", kind = own.kind, name = own.name);
            (next, if written { at(own, "spec.replicas") } else { Vec::new() })
        }
        Maker::Forbidden(own, lack) => {
            let next = msg!("advice.forbidden.next", kind = own.kind, name = own.name, message = lack.text);
            (next, at(own, &format!("spec.template.spec.{}", lack.field)))
        }
        Maker::Waiting(own) => (msg!("advice.madeNone.next", kind = own.kind, name = own.name), at(own, "")),
        Maker::Refused(own) => (msg!("advice.refused.next", kind = own.kind, name = own.name), at(own, "")),
        // The text that names it is not what deleted it.
        Maker::Deleted(own) => match owner_elsewhere(cluster, &own).filter(|_| own.kind == Kind::Pod) {
            Some((kind, owner)) => (msg!("advice.deleted.owned.next", pod = own.name, kind = kind, owner = owner), Vec::new()),
            None => (msg!("advice.deleted.next", kind = own.kind, name = own.name), Vec::new()),
        },
    }
}

/// Kind and name of a Pod's controller that is in the real cluster and not in its dump.
fn owner_elsewhere<'a>(cluster: &'a Cluster, pod: &ObjectRef) -> Option<(&'a str, &'a str)> {
    let mut told = cluster.manifests.documents.iter().filter(|told| told.is_dumped() && told.names(pod));
    cluster.absent_owner(told.next()?)
}

/// Whether a selector's value may mean a Pod's own, which is another: it is mistyped, one is the other cut short (`cart`,
/// `cartservice`), or the Pod's is the Service's own name.
pub fn may_mean(service: &str, value: &str, own: &str) -> bool {
    let (short, long) = if value.len() < own.len() { (value, own) } else { (own, value) };
    is_slip(distance(own, value), own, value) || short.len() > 2 && long.starts_with(short) || own == service
}

/// The same labels in another namespace, or the Pod whose labels come nearest.
fn nearest(cluster: &Cluster, service: &Service) -> (Message, Option<FieldRef>) {
    let (name, selector) = (&service.metadata.name, &service.spec.selector);
    let at = |pod: &Pod, path: &str| Some(FieldRef { object: ObjectRef::of(pod), path: path.into() });
    if let Some(pod) = cluster.store.all::<Pod>().find(|pod| selects(selector, &pod.metadata.labels)) {
        let next = msg!("explain.selector.elsewhere.next", namespace = pod.metadata.namespace, service = name);
        return (next, at(pod, "metadata.namespace"));
    }
    let alike = |pod: &Pod| {
        let labels = &pod.metadata.labels;
        let equal = selector.iter().filter(|(key, value)| labels.get(*key) == Some(value)).count();
        let near = |(key, value): &(&String, &String)| labels.get(*key).is_some_and(|own| may_mean(name, value, own));
        let swapped = selector.values().filter(|value| labels.values().any(|own| own == *value)).count();
        (equal, selector.iter().filter(near).count(), swapped)
    };
    let pods = cluster.store.in_namespace::<Pod>(&service.metadata.namespace).filter(|pod| alike(pod) > (0, 0, 0));
    // The first of equally near Pods, so that the answer does not depend on how many there are.
    let nearest = pods.fold(None, |best: Option<&Pod>, pod| match best {
        Some(held) if alike(held) >= alike(pod) => Some(held),
        _ => Some(pod),
    });
    match nearest {
        Some(pod) => {
            let mut labels = pod.metadata.labels.clone();
            // A controller's own mark, which no Service should select by.
            labels.retain(|key, _| !is_made(key));
            let next = msg!("explain.selector.near.next", pod = pod.metadata.name, labels = pairs(&labels));
            (next, at(pod, "metadata.labels"))
        }
        None => (msg!("explain.selector.none.next", selector = pairs(selector)), None),
    }
}
