//! What was called amiss, in the words that `explain` has for it: a port that the Service has not, a Service that an Ingress or a name
//! means and that is not there, a host or path without a rule, a backend that refuses its controller.

use super::Target;
use crate::api::core::{Pod, Service};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::data_plane::causes::{listener, no_rule, no_service, other_backend_port, other_port, silent};
use crate::msg;
use crate::packet::Protocol;
use crate::trace::{Advice, Hop, Reason, Source, Trace};

/// What to say of a request that called something that is not there.
pub(super) fn amiss(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<Advice> {
    let variant = hop.text.id.rsplit('.').next().unwrap_or_default();
    match (hop.reason, variant) {
        (_, "ping") => None,
        (Reason::NoRule, "hostname" | "proxy") => None,
        (Reason::NoRule | Reason::Reject, "rewritten") => Some(endpoint_is_a_service(cluster, trace, hop)),
        (Reason::NoRule | Reason::Reject | Reason::NoNeighbour, _) | (Reason::Drop, "unallocated") => {
            port_of_address(cluster, trace, hop)
        }
        (Reason::LoadBalancerNoBackend, "port") => {
            let (next, field) = other_port(service_of(cluster, hop)?, i32::from(hop.before?.dst.port));
            Some(Advice { why: hop.text.clone(), next, because: vec![field] })
        }
        (Reason::IngressNoEndpoints, "noService" | "albNoService") => {
            let object = service_named(hop)?;
            let found = no_service(&cluster.store, &object.namespace, &object.name);
            Some(Advice { why: hop.text.clone(), next: found.next, because: super::blamed(cluster, trace, hop) })
        }
        (Reason::IngressNoEndpoints, "noPort") => {
            let next = other_backend_port(service_of(cluster, hop)?, hop.text.args.get("port")?);
            Some(Advice { why: hop.text.clone(), next, because: super::blamed(cluster, trace, hop) })
        }
        (Reason::IngressNoRule, _) => {
            let arg = |name: &str| hop.text.args.get(name).map(String::as_str).unwrap_or_default();
            let outside = trace.request.from == Source::Internet;
            let (next, because) = no_rule(&cluster.store, (arg("host"), arg("path")), outside);
            Some(Advice { why: hop.text.clone(), next, because })
        }
        (Reason::IngressBadGateway, "text") => refuses_its_controller(cluster, trace, hop),
        _ => None,
    }
}

fn service_named(hop: &Hop) -> Option<&ObjectRef> {
    hop.objects.iter().find(|object| object.kind == Kind::Service)
}

fn service_of<'a>(cluster: &'a Cluster, hop: &Hop) -> Option<&'a Service> {
    service_named(hop).and_then(|object| cluster.store.get::<Service>(&object.namespace, &object.name))
}

/// An EndpointSlice names an address in the range of Services, where no process is: the next rule would have to rewrite the packet again.
fn endpoint_is_a_service(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Advice {
    let to = hop.before.map(|flow| flow.dst);
    let sent = trace.hops.iter().rev().find(|own| own.reason == Reason::Dnat && own.after.map(|flow| flow.dst) == to);
    let because = sent.map(|own| own.because.clone()).unwrap_or_default();
    let owns = |service: &&Service| to.is_some_and(|to| service.spec.cluster_ip == to.ip.to_string());
    let next = match cluster.store.all::<Service>().find(owns) {
        Some(other) => msg!("advice.endpointIsService.next", service = other.metadata.name),
        None => msg!("advice.endpointInRange.next"),
    };
    Advice { why: hop.text.clone(), next, because }
}

/// The address is a Service's, or nobody's.
fn port_of_address(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<Advice> {
    let to = hop.before?.dst;
    let (ip, why) = (to.ip.to_string(), hop.text.clone());
    let brought = |service: &&Service| {
        let announced = service.status.load_balancer.ingress.iter().any(|at| at.ip == ip);
        service.has_rules() && (announced || service.spec.external_ips.contains(&ip))
    };
    let mut services = cluster.store.all::<Service>();
    let own = services.find(|service| service.spec.cluster_ip == ip);
    let Some(service) = own.or_else(|| cluster.store.all::<Service>().find(brought)) else {
        let no_rule = hop.reason == Reason::NoRule || hop.text.id.ends_with(".unallocated");
        return no_rule.then(|| Advice { why, next: msg!("advice.noService.next"), because: Vec::new() });
    };
    let called = Target::read(&trace.request.target, trace.request.protocol)?.protocol;
    let fits = |protocol: &str| Protocol::of_api(protocol) == Some(called);
    let number = i32::from(to.port);
    if service.spec.ports.iter().any(|port| port.port == number && fits(&port.protocol)) {
        return None;
    }
    let (next, field) = other_port(service, number);
    // The same number for another protocol has words of its own.
    let other = service.spec.ports.iter().any(|port| port.port == number);
    (!other).then(|| Advice { why, next, because: vec![field] })
}

/// What the controller's own connection met: nothing listens in the Pod that it picked.
fn refuses_its_controller(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<Advice> {
    let (ip, port) = hop.text.args.get("backend")?.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let pod = cluster.store.all::<Pod>().find(|pod| pod.status.pod_ip == ip && pod.spec.host_network != Some(true))?;
    let others = listener(cluster, pod, port, Protocol::Tcp).err()?;
    let mut found = silent(cluster, pod, port, Protocol::Tcp, &others);
    let mut because = super::blamed(cluster, trace, hop);
    because.append(&mut found.because);
    Some(Advice { because, ..found })
}
