//! What else could change a request and is not played: add-ons configured otherwise, autoscalers, two Services with one address.

use crate::addons::ingress_controller::{Backend, endpoints};
use crate::addons::kubeadm::Addon;
use crate::api::core::{ConfigMap, Pod, Service};
use crate::api::meta::{LabelSelector, Labels, selects};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::data_plane::causes::{Met, takes_packets};
use crate::kubectl::Manifest;
use crate::msg;
use crate::node::kube_proxy::claimants;
use crate::packet::Protocol;
use crate::trace::{Place, Reason, Trace};
use crate::words::Message;
use serde_json::Value;

/// CoreDNS, or kube-proxy, takes part, and a ConfigMap would have it work otherwise.
pub(super) fn configured(cluster: &Cluster, trace: &Trace) -> Vec<Message> {
    let mut notes = Vec::new();
    for addon in Addon::ALL {
        let Some(config) = cluster.store.get::<ConfigMap>("kube-system", addon.name()) else { continue };
        let unplayed = addon.unplayed(config, &cluster.settings);
        let takes_part = trace.hops.iter().any(|hop| match addon {
            Addon::Coredns => hop.at == Place::Coredns,
            Addon::KubeProxy => matches!(hop.at, Place::KubeProxy(_)),
        });
        if takes_part && !unplayed.is_empty() {
            notes.push(msg!("assume.configured", config = addon.name(), said = unplayed.join("; ")));
        }
    }
    notes
}

/// An autoscaler would change how many Pods a Service of the request has. It sets replicas below its least, or above its most,
/// at once, and none that are switched off (`reconcileAutoscaler` of `pkg/controller/podautoscaler`).
pub(super) fn autoscaler(cluster: &Cluster, trace: &Trace, document: &Manifest) -> Option<Message> {
    let spec = document.value.get("spec")?;
    let target = spec.get("scaleTargetRef")?;
    let text = |key: &str| target.get(key).and_then(Value::as_str);
    let (kind, name, namespace) = (text("kind")?, text("name")?, document.namespace.as_str());
    let (replicas, labels) = workload(cluster, kind, namespace, name)?;
    let own = replicas.unwrap_or(1);
    let number = |key: &str| spec.get(key).and_then(Value::as_i64);
    let (least, most) = (number("minReplicas").unwrap_or(1), number("maxReplicas").unwrap_or(i64::from(own)));
    if own == 0 || !concerns(cluster, trace, namespace, labels) {
        return None;
    }
    let id = match i64::from(own) {
        own if own > most => "assume.autoscaler.most",
        own if own < least => "assume.autoscaler.least",
        _ => "assume.autoscaler",
    };
    let (autoscaler, target) = (&document.name, format!("{kind} {name}"));
    let message = msg!("assume.autoscaler", autoscaler = autoscaler, target = target, own = own, least = least, most = most);
    Some(Message { id: id.into(), ..message })
}

/// A scaled workload that is there: its replicas, and the labels of its Pods.
fn workload<'a>(cluster: &'a Cluster, kind: &str, namespace: &str, name: &str) -> Option<(Option<i32>, &'a Labels)> {
    let scales = Kind::ALL.into_iter().find(|own| own.name() == kind && *own != Kind::DaemonSet)?;
    let found = cluster.store.workload(&ObjectRef::new(scales, namespace, name))?;
    Some((found.replicas, &found.template.metadata.labels))
}

/// Whether a request meets what a document changes that rules over one workload (a ScaledObject, whose target is a Deployment where no
/// kind is named; a VerticalPodAutoscaler). Others rule over all.
pub(super) fn reaches(cluster: &Cluster, trace: &Trace, document: &Manifest) -> bool {
    let target = ["/spec/scaleTargetRef", "/spec/targetRef"].into_iter().find_map(|path| document.value.pointer(path));
    let Some(target) = target else { return true };
    let text = |key: &str| target.get(key).and_then(Value::as_str);
    let (kind, name, namespace) = (text("kind").unwrap_or("Deployment"), text("name").unwrap_or_default(), &document.namespace);
    let played = Kind::ALL.into_iter().any(|own| own.name() == kind);
    !played || workload(cluster, kind, namespace, name).is_some_and(|(_, labels)| concerns(cluster, trace, namespace, labels))
}

/// The request meets a Service that selects Pods with these labels, or one of them.
fn concerns(cluster: &Cluster, trace: &Trace, namespace: &str, labels: &Labels) -> bool {
    let met = |object: &ObjectRef| match object.kind {
        Kind::Service => cluster.store.get::<Service>(&object.namespace, &object.name).is_some_and(|service| {
            let selector = &service.spec.selector;
            !selector.is_empty() && selects(selector, labels)
        }),
        Kind::Pod => cluster.store.get::<Pod>(&object.namespace, &object.name).is_some_and(|pod| {
            let own = &pod.metadata.labels;
            !labels.is_empty() && labels.iter().all(|(key, value)| own.get(key) == Some(value))
        }),
        _ => false,
    };
    trace.hops.iter().flat_map(|hop| &hop.objects).any(|object| object.namespace == namespace && met(object))
}

/// Another Service takes packets for an address and port that the request called, too; a Service without endpoints has no such rule.
pub(super) fn shared_address(cluster: &Cluster, trace: &Trace) -> Vec<Message> {
    let mut notes = Vec::new();
    for hop in &trace.hops {
        let protocol = match hop.reason {
            Reason::Lookup => Protocol::Udp,
            Reason::ClusterIP | Reason::ExternalIP | Reason::LoadBalancerIP => trace.request.protocol,
            _ => continue,
        };
        let Some(called) = hop.before.map(|flow| flow.dst) else { continue };
        let all = claimants(&cluster.store, (called.ip, called.port), protocol).into_iter();
        let at = Met::at(cluster, hop);
        let served = all.filter(|(service, port, field)| match &at {
            Some(at) => at.takes(cluster, service, port, field),
            None => takes_packets(cluster, service, port),
        });
        let met = |service: &Service, port: &str| match hop.reason {
            // Of a question to DNS only its way is told: to whose endpoint it went.
            Reason::Lookup => hop.after.is_some_and(|flow| {
                let to = |backend: &Backend| backend.socket.ip == flow.dst.ip;
                endpoints(&cluster.store, service, port).iter().any(to)
            }),
            _ => hop.objects.contains(&ObjectRef::of(service)),
        };
        let (own, others): (Vec<_>, Vec<_>) = served.partition(|(service, port, _)| met(service, &port.name));
        if let (Some((own, ..)), Some((other, ..))) = (own.first(), others.first()) {
            let (own, other) = (&own.metadata.name, &other.metadata.name);
            notes.push(msg!("assume.sharedExternalIP", to = called.to_string(), service = own, other = other));
        }
    }
    notes
}

/// A NetworkPolicy of the text that the API server refuses, and that would select a Pod of the request: it is not in force.
pub(super) fn refused_policies(cluster: &Cluster, pods: &[&Pod]) -> Vec<Message> {
    let mut notes = Vec::new();
    for document in cluster.manifests.documents.iter().filter(|document| document.kind == "NetworkPolicy") {
        let Some(object) = document.object().filter(|object| cluster.refused(object)) else { continue };
        let selector = document.value.pointer("/spec/podSelector").cloned().unwrap_or_default();
        let Ok(selector) = serde_json::from_value::<Option<LabelSelector>>(selector) else { continue };
        let selector = selector.unwrap_or_default();
        let selects = |pod: &&&Pod| {
            pod.metadata.namespace == object.namespace
                && pod.spec.host_network != Some(true)
                && selector.matches(&pod.metadata.labels)
        };
        if let Some(pod) = pods.iter().find(selects) {
            notes.push(msg!("assume.policyRefused", policy = object.name, pod = pod.metadata.name));
        }
    }
    notes
}

/// The Services of the text that a cluster without IPv6 refuses, and that the request asks for.
pub(super) fn refused_for_ipv6(cluster: &Cluster, trace: &Trace) -> Option<Message> {
    let asked = trace.dns.as_ref().filter(|_| trace.pod.is_none())?;
    let six = |document: &Manifest| {
        let spec = document.value.get("spec");
        let families = spec.and_then(|spec| spec.get("ipFamilies")).and_then(Value::as_array);
        let required = spec.and_then(|spec| spec.get("ipFamilyPolicy")).is_some_and(|policy| policy == "RequireDualStack");
        required || families.is_some_and(|families| families.iter().any(|family| family == "IPv6"))
    };
    let documents = cluster.manifests.documents.iter().filter(|document| document.kind == "Service" && six(document));
    let mut objects = documents.filter_map(|document| document.object()).filter(|object| cluster.refused(object));
    let object = objects.find(|object| {
        let name = format!("{}.{}.svc.", object.name, object.namespace);
        asked.searched.iter().any(|searched| searched.starts_with(&name))
    })?;
    let dumped = cluster.manifests.documents.iter().any(|document| document.names(&object) && document.is_dumped());
    Some(match dumped {
        true => msg!("assume.ipv6Only", service = object.name),
        false => msg!("assume.dualStackRefused", service = object.name),
    })
}
