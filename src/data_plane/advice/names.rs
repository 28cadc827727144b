//! What to try where a name has no address, though it has to do with a Service.

use super::hostname;
use crate::addons::ingress_controller::endpoints;
use crate::addons::pending::pending;
use crate::api::ObjectRef;
use crate::api::core::Service;
use crate::cluster::{Cluster, Store};
use crate::data_plane::causes::{no_endpoints, no_node, no_pods, none_ready, of_cluster_dns, selected};
use crate::data_plane::target::Target;
use crate::diagnostic::{distance, is_slip};
use crate::kubectl::Manifest;
use crate::msg;
use crate::node::kube_proxy::claimants;
use crate::packet::Protocol;
use crate::trace::{Advice, FieldRef, Hop, Place, Reason, Trace};
use crate::words::Message;
use std::sync::Arc;

/// A name that DNS does not know, and that still has to do with a Service: a headless one without Pods, one whose name works in
/// Pods only, or a misspelt one.
pub fn service_name(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<Advice> {
    let host = Target::read(&trace.request.target, trace.request.protocol)?.host;
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if !matches!(hop.reason, Reason::NoSuchName | Reason::NoAddress) {
        return None;
    }
    let named = |service: &&Arc<Service>| {
        let short = format!("{}.{}", service.metadata.name, service.metadata.namespace);
        host == service.metadata.name || host == short || host.starts_with(&format!("{short}.svc"))
    };
    let of_pod = || of_cluster_dns(&cluster.store, &host).filter(|_| hop.at == Place::PublicDns);
    let advice = |next, because| Some(Advice { why: hop.text.clone(), next, because });
    if trace.request.target.contains("...") {
        return advice(msg!("advice.name.cut.next", name = host), Vec::new());
    }
    let Some(service) = cluster.store.services.values().find(named).map(Arc::as_ref).or_else(of_pod) else {
        if let Some(found) = no_node(&cluster.store, &host).filter(|_| hop.at == Place::PublicDns) {
            return Some(found);
        }
        if let Some((next, field)) = hostname::pod_name(cluster, trace, &host).filter(|_| hop.at != Place::PublicDns) {
            return advice(next, vec![field]);
        }
        let first = host.split('.').next().filter(|_| hop.at != Place::PublicDns)?;
        let namespace = host.split('.').nth(1);
        let refused = |document: &&Arc<Manifest>| {
            document.kind == "Service" && document.name == first && namespace.is_none_or(|own| own == document.namespace)
        };
        let refused = cluster.manifests.documents.iter().filter(refused).filter_map(|document| document.object());
        if let Some(object) = { refused }.find(|object| cluster.refused(object)) {
            let because = vec![FieldRef { object, path: String::new() }];
            return advice(msg!("advice.name.refused.next", name = first), because);
        }
        let names = cluster.store.services.values().map(|service| service.metadata.name.as_str());
        let (_, name) =
            names.map(|name| (distance(first, name), name)).filter(|(away, name)| is_slip(*away, first, name)).min()?;
        return advice(msg!("advice.name.near.next", name = name), hop.because.clone());
    };
    if service.spec.type_ == "ExternalName" && hop.at != Place::PublicDns {
        let because = vec![FieldRef { object: ObjectRef::of(service), path: "spec.externalName".into() }];
        let (why, next) = alias_fails(&cluster.store, service);
        return Some(Advice { why, next, because });
    }
    let name = &service.metadata.name;
    let outside = hop.at == Place::PublicDns;
    match nameless(cluster, service) {
        Some(found) if outside && waits_for_pods(service) => {
            // Two things are amiss, and adding Pods mends but one of them.
            Some(Advice { why: msg!("advice.name.outside.headless.why", service = name), ..found })
        }
        _ if outside => match pending(cluster, service) {
            Some((why, next, field)) => Some(Advice { why, next, because: vec![field] }),
            None => advice(msg!("advice.name.outside.next", service = name), Vec::new()),
        },
        missing => missing,
    }
}

/// Another Service has the address and port of the cluster's DNS, and the rules sent the question to it.
pub fn taken_dns(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<Advice> {
    let asked = trace.hops.iter().find(|own| hop.reason == Reason::DnsSilent && own.reason == Reason::Lookup)?;
    let (server, to) = (asked.before?.dst, asked.after?.dst);
    let all = claimants(&cluster.store, (server.ip, server.port), Protocol::Udp);
    let went = |service: &Service, port: &str| endpoints(&cluster.store, service, port).iter().any(|own| own.socket.ip == to.ip);
    let (service, _, field) = all.iter().find(|(service, port, field)| field != "spec.clusterIP" && went(service, &port.name))?;
    let (server, name) = (server.ip, &service.metadata.name);
    let because = vec![FieldRef { object: ObjectRef::of(*service), path: field.clone() }];
    let why = msg!("advice.dns.taken", server = server, service = name);
    Some(Advice { why, next: msg!("advice.dns.taken.next", server = server, service = name), because })
}

/// Why nobody stands behind a headless Service's name.
fn nameless(cluster: &Cluster, service: &Service) -> Option<Advice> {
    let headless = service.spec.cluster_ip == "None";
    let absent = cluster.pods_are_absent(&service.metadata.namespace, &service.metadata.name);
    match selected(cluster, service).is_empty() && !service.spec.selector.is_empty() && !absent {
        _ if !headless => None,
        true => Some(no_pods(cluster, service)),
        false => none_ready(cluster, service).or_else(|| no_endpoints(cluster, service, 0)),
    }
}

/// Why the name of an ExternalName Service has no address: it is an address itself, leads in a circle, or to an unknown name.
/// In words, and what to try.
pub fn alias_fails(store: &Store, service: &Service) -> (Message, Message) {
    let (name, alias) = (&service.metadata.name, &service.spec.external_name);
    let next = msg!("explain.name.alias.next", service = name);
    if alias.parse::<std::net::IpAddr>().is_ok() {
        return (msg!("explain.name.aliasAddress", service = name, alias = alias), next);
    }
    let follow = |from: &Service| {
        let mut labels = from.spec.external_name.trim_end_matches('.').split('.');
        let (name, namespace, svc) = (labels.next()?, labels.next()?, labels.next()?);
        store.get::<Service>(namespace, name).filter(|to| svc == "svc" && to.spec.type_ == "ExternalName")
    };
    let mut at = follow(service);
    for _ in 0..8 {
        at = at.and_then(follow);
    }
    match at {
        Some(_) => (msg!("explain.name.aliasCircle", service = name, alias = alias), next),
        None => (msg!("explain.name.alias", service = name, alias = alias), whole_name(store, service).unwrap_or(next)),
    }
}

/// The alias is a Service's name as Pods may shorten it: DNS completes no alias.
fn whole_name(store: &Store, service: &Service) -> Option<Message> {
    let mut labels = service.spec.external_name.trim_end_matches('.').split('.');
    let (name, namespace, rest) = (labels.next()?, labels.next(), labels.next().is_none_or(|svc| svc == "svc"));
    let namespace = namespace.unwrap_or(&service.metadata.namespace);
    let there = rest && labels.next().is_none() && store.get::<Service>(namespace, name).is_some();
    there.then(|| {
        let whole = format!("{name}.{namespace}.svc.cluster.local");
        msg!("explain.name.aliasShort.next", service = service.metadata.name, whole = whole)
    })
}

/// Only ready Pods give a headless Service's name an address.
fn waits_for_pods(service: &Service) -> bool {
    !service.spec.selector.is_empty() && !service.spec.publish_not_ready_addresses
}
