//! Which requests a Gateway, or a route to one, could change. Such kinds lead in from outside; a route whose parent is a Service (GAMMA,
//! "Gateway API for Service Mesh") changes what calls that Service, in whatever namespace the route stands; one outside the
//! Service's namespace speaks only for callers from its own.

use crate::api::core::Service;
use crate::api::foreign::{Reach, lists_host};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::data_plane::Target;
use crate::kubectl::Manifest;
use crate::trace::{Hop, Place, Source, Trace};
use serde_json::Value;
use std::sync::Arc;

/// Whether a request could end differently where the document is served.
pub(super) fn alters(cluster: &Cluster, trace: &Trace, document: &Manifest) -> bool {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_string);
    let spec = document.value.get("spec").unwrap_or(&Value::Null);
    // Istio's waypoints stand inside the mesh; the Services that use one carry a label.
    if document.kind == "Gateway" && text(spec, "gatewayClassName").is_some_and(|class| class.ends_with("-waypoint")) {
        return false;
    }
    let outside = trace.request.from == Source::Internet || asks_for(trace, document).is_some();
    let parents = spec.get("parentRefs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if parents.is_empty() {
        return outside;
    }
    parents.iter().any(|parent| {
        if text(parent, "kind").as_deref() != Some("Service") {
            return outside;
        }
        let namespace = text(parent, "namespace").unwrap_or_else(|| document.namespace.clone());
        let speaks = namespace == document.namespace || caller(cluster, trace) == Some(document.namespace.as_str());
        let service = ObjectRef::new(Kind::Service, &namespace, &text(parent, "name").unwrap_or_default());
        speaks && calls(cluster, trace, &service)
    })
}

/// A route, or what stands before one, that lists a host and is not played: nobody here answers to it.
pub fn route_of<'a>(cluster: &'a Cluster, host: &str) -> Option<&'a Manifest> {
    let leads = |document: &&Arc<Manifest>| match document.reach() {
        Reach::FromOutside => lists_host(&document.value, host),
        // A VirtualService may be bound to a gateway.
        Reach::OfPods => document.kind == "VirtualService" && lists_host(&document.value, host),
        _ => false,
    };
    cluster.manifests.documents.iter().find(leads).map(Arc::as_ref)
}

/// The host of a request that leads in from outside and is listed there: the one that is asked for, or one behind it (CNAME).
pub(super) fn asks_for(trace: &Trace, document: &Manifest) -> Option<String> {
    let target = Target::read(&trace.request.target, trace.request.protocol).map(|target| target.host);
    let answers = trace.dns.iter().flat_map(|dns| &dns.answers).filter(|record| record.kind == "CNAME");
    let aliases = answers.map(|record| record.data.trim_end_matches('.').to_string());
    let from_outside = document.reach() == Reach::FromOutside;
    target.into_iter().chain(aliases).find(|host| from_outside && lists_host(&document.value, host))
}

/// Whether a Service is called: by its name or address, not by its Pods' (as an Ingress controller does).
fn calls(cluster: &Cluster, trace: &Trace, service: &ObjectRef) -> bool {
    let other = |hop: &&Hop| !matches!(hop.at, Place::IngressController(..));
    let met = trace.hops.iter().filter(other).any(|hop| hop.objects.contains(service));
    let there = cluster.store.get::<Service>(&service.namespace, &service.name);
    there.is_some() && met
}

/// The namespace of the Pod that calls.
fn caller<'a>(cluster: &'a Cluster, trace: &'a Trace) -> Option<&'a str> {
    match &trace.request.from {
        Source::Pod(namespace, _) => Some(namespace),
        Source::Workload(object) => cluster.pod_meant_by(object).map(|pod| pod.metadata.namespace.as_str()),
        Source::Internet | Source::Node(_) => None,
    }
}
