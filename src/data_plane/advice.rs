//! Why a request failed and what to try next, in one sentence each.

mod called;
mod direct;
mod hostname;
mod names;
mod refused;
mod stale;

pub use hostname::unnamed;
pub use names::alias_fails;

use super::DataPlane;
use super::causes::{self, no_endpoints, nobody_behind_node_ports, other_port, outdated, unready, usable_endpoints};
use super::target::{Scheme, Target};
use super::world::EGRESS_GATEWAY;
use crate::addons::ingress_controller::{refused_for, unserved, unserved_for};
use crate::addons::pending::pending;
use crate::api::core::{Pod, Service, ServicePort};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::msg;
use crate::node::cni::host_port_elsewhere;
use crate::node::kube_proxy::LABEL_SERVICE_PROXY_NAME;
use crate::settings::Provider;
use crate::trace::{Advice, FieldRef, Hop, Place, Reason, Source, Trace, Verdict};
use crate::words::Message;
use std::sync::Arc;

/// What to say about a failed request; `None` for one that went well.
pub(super) fn advise(cluster: &Cluster, trace: &Trace, reason: Option<Reason>) -> Option<Advice> {
    if trace.verdict == Verdict::Delivered {
        return other_name(cluster, trace);
    }
    // Nothing stopped a request that a process answers with an error: its own words say why.
    let decided = deciding_hop(trace, reason.or_else(|| (!trace.arrived()).then_some(Reason::ProcessAnswers))?)?;
    if matches!(decided.reason, Reason::NoSuchName | Reason::IngressNoRule)
        && let Some(advice) = unserved_ingress(cluster, trace, decided)
    {
        return Some(advice);
    }
    if let Some(advice) = unplayed_route(cluster, trace, decided) {
        return Some(advice);
    }
    if let Some(advice) = stale::stale_rules(cluster, trace, decided) {
        return Some(advice);
    }
    if let Some(advice) = dns_outside(cluster, trace, decided).or_else(|| names::service_name(cluster, trace, decided)) {
        return Some(advice);
    }
    if let Some(advice) = names::taken_dns(cluster, trace, decided) {
        return Some(advice);
    }
    if let Some(advice) = without_endpoints(cluster, decided) {
        return Some(advice);
    }
    let (why, next) = words(trace, decided)?;
    let cited = external_ip(cluster, decided).or_else(|| other_proxy(cluster, decided));
    let cited = cited.or_else(|| refused::nearly_allowed(cluster, trace, decided));
    if let Some((next, field)) = cited.or_else(|| local_only(cluster, decided)) {
        return Some(Advice { why, next, because: vec![field] });
    }
    if let Some(advice) = called::amiss(cluster, trace, decided) {
        return Some(advice);
    }
    if let Some(found) = not_running(cluster, decided) {
        return Some(Advice { why, ..found });
    }
    if let Some((next, field)) = other_service_protocol(cluster, trace, decided) {
        return Some(Advice { why, next, because: vec![field] });
    }
    if let Some((next, field)) = of_old_template(cluster, trace, decided).or_else(|| selected_by_chance(cluster, trace, decided))
    {
        return Some(Advice { why, next, because: vec![field] });
    }
    let better = direct::called_directly(cluster, trace, decided);
    let better = better.or_else(|| open_node_ports(cluster, decided)).or_else(|| called_dead_node(cluster, trace, decided));
    Some(Advice { why, next: better.unwrap_or(next), because: blamed(cluster, trace, decided) })
}

/// An ExternalName Service leads to a server that knows itself by its own name: its certificate bears that one, and its virtual hosts
/// are told apart by it.
fn other_name(cluster: &Cluster, trace: &Trace) -> Option<Advice> {
    let told = |hop: &&Hop| hop.text.id.starts_with("hop.ProcessAnswers.text.server.");
    let args = &trace.hops.iter().find(told)?.text.args;
    let (host, alias) = (args.get("host")?, args.get("alias")?);
    let target = Target::read(&trace.request.target, trace.request.protocol)?;
    let first = target.host.split('.').next().unwrap_or_default();
    let leads = |own: &&Service| {
        own.metadata.name == first && own.spec.external_name.trim_end_matches('.') == alias.trim_end_matches('.')
    };
    let because = cluster
        .store
        .all::<Service>()
        .find(leads)
        .map(|own| FieldRef { object: ObjectRef::of(own), path: "spec.externalName".into() });
    let (why, next) = match target.scheme {
        Scheme::Https => {
            (msg!("advice.otherName", host = host, alias = alias), msg!("advice.otherName.next", host = host, alias = alias))
        }
        _ => (msg!("advice.otherHost", host = host, alias = alias), msg!("advice.otherHost.next", host = host, alias = alias)),
    };
    Some(Advice { why, next, because: because.into_iter().collect() })
}

/// What keeps the container of a Pod from running that traffic reaches all the same, as its readiness does not count: told as it is of
/// any Pod that is not ready.
fn not_running(cluster: &Cluster, decided: &Hop) -> Option<Advice> {
    let stopped = decided.reason == Reason::NothingListens && decided.text.id.ends_with(".stopped");
    let Place::Pod(namespace, name) = &decided.at else { return None };
    let pod = cluster.store.get::<Pod>(namespace, name).filter(|_| stopped)?;
    unready(cluster, pod).filter(|found| !found.because.is_empty())
}

/// A Pod refused that is older than what the text now asks for.
fn of_old_template(cluster: &Cluster, trace: &Trace, decided: &Hop) -> Option<(Message, FieldRef)> {
    let Place::Pod(namespace, name) = &decided.at else { return None };
    // A container that has ended listens on nothing, whatever its template says.
    let listened = decided.reason == Reason::NothingListens && !decided.text.id.ends_with(".ended");
    let to = decided.before.filter(|_| listened)?.dst;
    outdated(cluster, cluster.store.get::<Pod>(namespace, name)?, to.port, trace.request.protocol)
}

/// A Pod refused that a Service's selector fits beside those which it is meant for.
fn selected_by_chance(cluster: &Cluster, trace: &Trace, decided: &Hop) -> Option<(Message, FieldRef)> {
    let Place::Pod(namespace, name) = &decided.at else { return None };
    let listened = decided.reason == Reason::NothingListens && !decided.text.id.ends_with(".ended");
    let to = decided.before.filter(|_| listened)?.dst;
    let sent = trace.hops.iter().rev().find(|hop| hop.reason == Reason::Dnat && hop.after.map(|flow| flow.dst) == Some(to))?;
    let service = sent.objects.iter().find(|object| object.kind == Kind::Service)?;
    let service = cluster.store.get::<Service>(&service.namespace, &service.name)?;
    causes::too_wide(cluster, service, cluster.store.get::<Pod>(namespace, name)?, (to.port, trace.request.protocol))
}

/// The fields that made it so, the one to look at first. A Pod that refuses knows nothing of the Service that sent the packet to
/// this port, so the hop at which the port came in is asked.
fn blamed(cluster: &Cluster, trace: &Trace, decided: &Hop) -> Vec<FieldRef> {
    let mut because = decided.because.clone();
    match decided.reason {
        Reason::NothingListens
            if because.is_empty() && !decided.text.id.ends_with(".stopped") && !decided.text.id.ends_with(".ended") =>
        {
            let to = decided.before.map(|flow| flow.dst);
            let sent = trace.hops.iter().rev().filter(|hop| hop.after.is_some_and(|flow| Some(flow.dst) == to));
            let ports = sent.flat_map(|hop| &hop.because).filter(|field| field.path.ends_with(".targetPort"));
            because.extend(ports.take(1).cloned());
        }
        Reason::IngressBadGateway if because.is_empty() && !decided.text.id.ends_with(".timeout") => {
            let picks = trace.hops.iter().rev().filter(|hop| hop.reason == Reason::IngressPick);
            let service = picks.flat_map(|hop| &hop.objects).find(|object| object.kind == Kind::Service);
            let ports = service.and_then(|service| cluster.store.get::<Service>(&service.namespace, &service.name));
            if let (Some(object), Some(service)) = (service, ports) {
                let path = if service.spec.ports.len() == 1 { "spec.ports[0].targetPort" } else { "spec.ports" };
                because.push(FieldRef { object: object.clone(), path: path.into() });
            }
        }
        Reason::IngressNoEndpoints => {
            let end = if decided.text.id.ends_with(".noPort") { ".service.port" } else { ".service.name" };
            because.sort_by_key(|field| !field.path.ends_with(end));
            let service = decided.objects.iter().find(|object| object.kind == Kind::Service);
            if let (Some(service), "hop.IngressNoEndpoints.text") = (service, &*decided.text.id) {
                because.insert(0, FieldRef { object: service.clone(), path: "spec.selector".into() });
            }
        }
        _ => {}
    }
    because
}

/// A node was called at a port that it does not open: where a Pod has opened it, or those that the node opens.
fn open_node_ports(cluster: &Cluster, hop: &Hop) -> Option<Message> {
    let refused = hop.reason == Reason::NothingListens && hop.text.id.ends_with(".node");
    let open = |service: &Arc<Service>| {
        let proxied = !service.metadata.labels.contains_key(LABEL_SERVICE_PROXY_NAME);
        let own = service.spec.ports.iter().filter(|port| port.node_port != 0 && proxied);
        own.map(|port| format!("{}/{} ({})", port.node_port, port.protocol, service.metadata.name)).collect::<Vec<_>>()
    };
    let host_port = hop.before.filter(|_| refused).and_then(|flow| host_port_elsewhere(&cluster.store, flow.dst.port.into()));
    if host_port.is_some() {
        return host_port;
    }
    if refused && let Some(next) = nobody_behind_node_ports(cluster) {
        return Some(next);
    }
    let ports: Vec<String> = cluster.store.services.values().filter(|_| refused).flat_map(open).take(6).collect();
    (!ports.is_empty()).then(|| msg!("advice.nodePort.open.next", ports = ports.join(", ")))
}

/// A node without power: called by its own address, which no controller moves elsewhere, or chosen among a Service's endpoints.
fn called_dead_node(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<Message> {
    let to = hop.before.filter(|_| hop.reason == Reason::NodeDown)?.dst.ip.to_string();
    let host = Target::read(&trace.request.target, trace.request.protocol)?.host;
    let node = cluster.store.nodes.values().find(|node| node.status.addresses.iter().any(|own| own.address == to));
    if let Some(node) = node.filter(|node| host == node.metadata.name || host == to) {
        return Some(msg!("advice.nodeDown.direct.next", node = node.metadata.name));
    }
    if trace.hops.iter().any(|hop| hop.reason == Reason::Established) {
        return Some(msg!("advice.nodeDown.established.next"));
    }
    let asked = |service: &Arc<Service>| service.status.load_balancer.ingress.iter().any(|own| own.ip == to);
    if cluster.settings.load_balancer.provider == Provider::Metallb && cluster.store.services.values().any(asked) {
        return Some(msg!("advice.nodeDown.metallb.next"));
    }
    // A load balancer's own address, and what it sends to, is told of with its health checks.
    let of_pod = cluster.store.pods.values().any(|pod| pod.status.pod_ip == to);
    let balanced = trace.hops.iter().any(|hop| matches!(hop.at, Place::LoadBalancer(..)));
    (of_pod && !balanced).then(|| msg!("advice.nodeDown.endpoint.next"))
}

/// Nobody announces an external address: somebody has to bring its packets to a node. One that a Service asks its load balancer for, and
/// does not get, is nobody's.
fn external_ip(cluster: &Cluster, hop: &Hop) -> Option<(Message, FieldRef)> {
    let unrouted = hop.reason == Reason::NoRoute;
    let flow = hop.before.filter(|_| unrouted || hop.reason == Reason::NoRule)?;
    let to = flow.dst.ip.to_string();
    let asks = |service: &&Arc<Service>| {
        let listed = service.metadata.annotations.iter().filter(|(key, _)| key.ends_with("/loadBalancerIPs"));
        service.spec.load_balancer_ip == to || { listed }.any(|(_, value)| value.split(',').any(|ip| ip.trim() == to))
    };
    let mut asking = cluster.store.services.values().filter(|service| unrouted && asks(service));
    if let Some((why, _, field)) = asking.find_map(|service| pending(cluster, service)) {
        return Some((why, field));
    }
    let services = cluster.store.services.values();
    let listing: Vec<_> = services.filter(|service| service.spec.external_ips.contains(&to)).collect();
    let Some(service) = listing.iter().find(|service| service.has_rules()) else {
        let service = listing.first()?;
        let field = FieldRef { object: ObjectRef::of(service.as_ref()), path: "spec.externalIPs".into() };
        let kind = if service.spec.type_ == "ExternalName" { "ExternalName" } else { "headless" };
        return Some((msg!("advice.externalIp.ignored.next", service = service.metadata.name, kind = kind, ip = to), field));
    };
    if !unrouted {
        return None;
    }
    // Who calls from inside needs no route: the rules of its own node would take the packet, if the Service had the port.
    if flow.src.ip == EGRESS_GATEWAY {
        return Some(other_port(service, i32::from(flow.dst.port)));
    }
    let field = FieldRef { object: ObjectRef::of(service.as_ref()), path: "spec.externalIPs".into() };
    Some((msg!("advice.externalIp.next", ip = to), field))
}

/// kube-proxy leaves a Service with this label to another proxy, whichever value it has; none runs here.
fn other_proxy(cluster: &Cluster, hop: &Hop) -> Option<(Message, FieldRef)> {
    let to = hop.before?.dst;
    let (ip, port) = (to.ip.to_string(), i32::from(to.port));
    let of_node = hop.reason == Reason::NothingListens && hop.text.id.ends_with(".node");
    let no_rule = matches!(hop.reason, Reason::NoRule | Reason::Reject | Reason::Drop);
    let left = |service: &&Arc<Service>| {
        let spec = &service.spec;
        let called = no_rule && spec.cluster_ip == ip || of_node && spec.ports.iter().any(|own| own.node_port == port);
        called && service.metadata.labels.contains_key(LABEL_SERVICE_PROXY_NAME)
    };
    let service = cluster.store.services.values().find(left)?;
    let field = FieldRef { object: ObjectRef::of(service.as_ref()), path: "metadata.labels".into() };
    Some((msg!("advice.otherProxy.next", service = service.metadata.name, label = LABEL_SERVICE_PROXY_NAME), field))
}

/// Under policy Local only some nodes take the packet: which, or what lets a caller inside in.
fn local_only(cluster: &Cluster, hop: &Hop) -> Option<(Message, FieldRef)> {
    let field = hop.because.first().filter(|_| hop.text.id == "hop.Drop.text.noLocal")?;
    let service = cluster.store.get::<Service>(&field.object.namespace, &field.object.name)?;
    let (name, mut nodes) = (&service.metadata.name, Vec::new());
    for at in 0..service.spec.ports.len() {
        nodes.extend(usable_endpoints(cluster, service, at).into_iter().filter_map(|(endpoint, _)| endpoint.node_name.clone()));
    }
    nodes.sort();
    nodes.dedup();
    let here = hop.text.args.get("node").cloned().unwrap_or_default();
    if field.path.ends_with("internalTrafficPolicy") {
        return Some((msg!("advice.noLocal.internal.next", service = name, node = here), field.clone()));
    }
    let next = msg!("advice.noLocal.nodes.next", service = name, nodes = nodes.join(", "));
    (!nodes.is_empty()).then(|| (next, field.clone()))
}

/// A Service's port without endpoints: why it has none. The words tell of the Service's endpoints alone: no node is down, and no
/// traffic policy keeps anybody out.
fn without_endpoints(cluster: &Cluster, hop: &Hop) -> Option<Advice> {
    let told =
        ["hop.Reject.text", "hop.IngressNoEndpoints.text", "hop.LoadBalancerNoBackend.text", "hop.NoRoute.text.unannounced"];
    let told = told.contains(&&*hop.text.id) || hop.text.id.ends_with(".targets") || hop.text.id.ends_with(".alb");
    let object = hop.objects.iter().find(|object| told && object.kind == Kind::Service)?;
    let service = cluster.store.get::<Service>(&object.namespace, &object.name)?;
    let port = hop.before.map_or(0, |flow| i32::from(flow.dst.port));
    let called = |own: &ServicePort| own.port == port || own.node_port == port;
    let lost = |at: &usize| no_endpoints(cluster, service, *at).is_some();
    // An Ingress's own address has other ports than its backend.
    let at = service.spec.ports.iter().position(called).filter(lost).or_else(|| (0..service.spec.ports.len()).find(lost))?;
    no_endpoints(cluster, service, at)
}

/// The Pod's DNS policy keeps it from CoreDNS, which would know a Service of that name.
fn dns_outside(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<Advice> {
    let asked = trace.hops.iter().find(|hop| hop.reason == Reason::Lookup && !hop.because.is_empty())?;
    let host = Target::read(&trace.request.target, trace.request.protocol)?.host;
    let first = host.split('.').next().unwrap_or_default();
    let known = hop.reason == Reason::NoSuchName && cluster.store.services.keys().any(|(_, name)| name == first);
    known.then(|| Advice { why: asked.text.clone(), next: msg!("advice.dnsPolicy.next"), because: asked.because.clone() })
}

/// The host is one of a route that is not played.
fn unplayed_route(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<Advice> {
    if !matches!(hop.reason, Reason::NoSuchName | Reason::IngressNoRule) {
        return None;
    }
    let asked = hop.text.args.get("host").cloned();
    let host = asked.or_else(|| Target::read(&trace.request.target, trace.request.protocol).map(|target| target.host))?;
    let route = super::route_of(cluster, &host)?;
    let next = msg!("advice.route.next", host = host, kind = route.kind, name = route.name);
    Some(Advice { why: hop.text.clone(), next, because: Vec::new() })
}

/// The Service has this port, but for another protocol.
fn other_service_protocol(cluster: &Cluster, trace: &Trace, hop: &Hop) -> Option<(Message, FieldRef)> {
    let ping = hop.text.id.ends_with(".ping");
    let to = hop.before.filter(|_| matches!(hop.reason, Reason::NoRule | Reason::Reject) && !ping)?.dst;
    let ip = to.ip.to_string();
    let service = cluster.store.services.values().find(|service| service.spec.cluster_ip == ip)?;
    let called = Target::read(&trace.request.target, trace.request.protocol)?.protocol;
    let without_rule = hop.reason == Reason::NoRule || hop.text.id.ends_with(".port");
    causes::other_service_protocol(service, i32::from(to.port), called).filter(|_| without_rule)
}

/// What to say about a request that arrived, and whose Pod then cannot reach what it calls in turn.
pub(super) fn of_calls(trace: &Trace) -> Option<Advice> {
    let (caller, call) = (trace.pod.as_ref()?, trace.calls.iter().find(|call| call.advice.is_some())?);
    let inner = call.advice.clone()?;
    if inner.why.id == "advice.call" {
        return Some(inner);
    }
    let why = msg!("advice.call", pod = caller.1, target = call.request.target);
    Some(Advice { why, ..inner })
}

/// An Ingress that nobody serves would take the name that DNS does not know.
fn unserved_ingress(cluster: &Cluster, trace: &Trace, decided: &Hop) -> Option<Advice> {
    let asked = decided.text.args.get("host").cloned();
    let host = asked.or_else(|| Some(Target::read(&trace.request.target, trace.request.protocol)?.host))?;
    let Some((ingress, lists)) = unserved_for(cluster, &host) else {
        let (why, next, because) = refused_for(cluster, &host)?;
        return Some(Advice { why, next, because });
    };
    // Only a name that an Ingress lists is told to a Pod, which asks for Services first of all, or past a controller that answers.
    let outside = matches!(trace.request.from, Source::Internet | Source::Node(_)) && decided.reason == Reason::NoSuchName;
    if !lists && !outside {
        return None;
    }
    let (why, next, because) = unserved(cluster, ingress);
    Some(Advice { why, next, because })
}

fn deciding_hop(trace: &Trace, reason: Reason) -> Option<&Hop> {
    // Behind an Ingress controller that gives up waiting stands the policy that dropped its packet.
    let dropped = trace.hops.iter().rev().find(|hop| hop.reason == Reason::Policy && hop.after.is_none());
    if reason == Reason::IngressBadGateway && dropped.is_some() {
        return dropped;
    }
    trace.hops.iter().rev().find(|hop| hop.reason == reason || (reason == Reason::Conntrack && hop.reason == Reason::Drop))
}

fn words(trace: &Trace, hop: &Hop) -> Option<(Message, Message)> {
    let why = hop.text.clone();
    let variant = hop.text.id.rsplit('.').next().unwrap_or_default();
    let service = hop.objects.iter().find(|object| object.kind == Kind::Service);
    let service = service.map(|service| service.name.clone()).unwrap_or_default();
    let target = &trace.request.target;
    let next = match (hop.reason, variant) {
        (Reason::Reject | Reason::NoRule | Reason::LoadBalancerNoBackend, "ping") => msg!("advice.ping.next"),
        (Reason::Established, _) => msg!("advice.established.next"),
        (Reason::Reject, "port") | (Reason::Drop, "unallocated") => msg!("advice.noRule.next"),
        (Reason::Reject, _) => msg!("advice.noEndpoints.next", service = service),
        (Reason::Drop, "noLocal") => msg!("advice.noLocal.next", service = service),
        (Reason::Drop, "sourceRange") | (Reason::LoadBalancerNoBackend, "sourceRange") => {
            msg!("advice.sourceRange.next", service = service, client = hop.text.args.get("client").cloned().unwrap_or_default())
        }
        (Reason::Drop, "forward") => {
            msg!("advice.forwardRange.next", client = hop.text.args.get("client").cloned().unwrap_or_default())
        }
        (Reason::Drop, "invalid") | (Reason::Conntrack, _) => msg!("advice.answerLost.next"),
        (Reason::LoadBalancerNoBackend, "listener") => {
            let ports = hop.text.args.get("ports").map(String::as_str).unwrap_or_default();
            msg!("advice.listener.next", ports = ports)
        }
        (Reason::LoadBalancerNoBackend, "port") => msg!("advice.loadBalancerPort.next", service = service),
        (Reason::LoadBalancerNoBackend, "nodePort") => msg!("advice.loadBalancerNodePort.next", service = service),
        (Reason::LoadBalancerNoBackend, _) => msg!("advice.loadBalancer.next", service = service),
        (Reason::NoRoute, "internalAlb") => msg!("advice.internalAlb.next"),
        (Reason::NoRoute, "internal") => msg!("advice.internal.next", service = service),
        (Reason::NoRoute, "unannounced") => msg!("advice.loadBalancer.next", service = service),
        (Reason::NoRoute, "podRange") => msg!("advice.noNeighbour.next"),
        (Reason::NoRoute, "privateNetwork") => msg!("advice.privateNetwork.next"),
        (Reason::NoRoute, "private") => msg!("advice.privateNodes.next"),
        (Reason::NoRoute, _) if hop.before.is_some_and(|flow| flow.src.ip == EGRESS_GATEWAY) => msg!("advice.outgoing.next"),
        (Reason::NoRoute, _) => msg!("advice.noRoute.next"),
        (Reason::NoRule, _) => msg!("advice.noRule.next"),
        (Reason::NodeDown, _) => msg!("advice.nodeDown.next"),
        (Reason::NoNeighbour, _) if hop.text.id.contains(".wire") => msg!("advice.outgoing.next"),
        (Reason::NoNeighbour, _) => msg!("advice.noNeighbour.next"),
        (Reason::NothingListens, "node") => msg!("advice.nodePort.next"),
        (Reason::NothingListens, "primary") => {
            let arg = |name: &str| hop.text.args.get(name).map(String::as_str).unwrap_or_default();
            let port = arg("to").rsplit(':').next().unwrap_or_default();
            msg!("advice.nodePort.primary.next", to = format!("{}:{port}", arg("ip")))
        }
        (Reason::NothingListens, "ownMachine") => msg!("advice.ownMachine.next"),
        (Reason::NothingListens, "outside") => msg!("advice.outside.next"),
        (Reason::NothingListens, "loopback") => msg!("advice.loopback.next"),
        (Reason::NothingListens, "stopped") => {
            let pod = hop.text.args.get("pod").cloned().unwrap_or_default();
            msg!("advice.stopped.next", pod = pod)
        }
        (Reason::NothingListens, "ended") => {
            msg!("advice.ended.next", container = hop.text.args.get("container").cloned().unwrap_or_default())
        }
        (Reason::NothingListens, _) if other_protocol(hop) => msg!("advice.protocol.next"),
        (Reason::NothingListens, _) => match hop.text.args.get("ports") {
            Some(ports) => msg!("advice.targetPort.ports.next", ports = ports),
            None => msg!("advice.targetPort.next"),
        },
        (Reason::NoSuchName | Reason::NoAddress, _) => msg!("advice.name.next", target = target),
        (Reason::DnsSilent, _) => msg!("advice.dns.next"),
        (Reason::IngressNoRule, _) => msg!("advice.ingressRule.next"),
        (Reason::IngressBadGateway, "timeout") => msg!("advice.gatewayTimeout.next"),
        (Reason::IngressBadGateway, _) => msg!("advice.badGateway.next"),
        (Reason::IngressRule, "action") => msg!("advice.albAction.next"),
        (Reason::IngressNoEndpoints, "albNoAction" | "albTargetGroup") => {
            msg!("explain.ingress.noAction.next", action = hop.text.args.get("action").cloned().unwrap_or_default())
        }
        (Reason::IngressNoEndpoints, "externalName") => msg!("explain.ingress.externalName.next", service = service),
        (Reason::IngressNoEndpoints, "resource") => msg!("explain.ingress.backend.next"),
        (Reason::IngressNoEndpoints, _) => msg!("advice.ingressBackend.next", service = service),
        (Reason::IngressRedirect, "action") => msg!("advice.albRedirect.next"),
        (Reason::IngressRedirect, _) => msg!("advice.redirect.next"),
        (Reason::ProcessAnswers, "healthCheck") => msg!("advice.healthCheck.next", service = service),
        (Reason::ProcessAnswers, "path") => msg!("advice.proxyHealth.next"),
        (Reason::ProcessAnswers, "kubelet" | "plain") => msg!("advice.kubelet.next"),
        (Reason::Rejected, "target" | "port" | "letters") => msg!("advice.rejectedTarget.next"),
        (Reason::Rejected, "podIPv6") => msg!("advice.ipv6.next"),
        (Reason::Rejected, _) => msg!("advice.rejected.next"),
        (Reason::Policy, variant) => policy(hop, variant),
        _ => return None,
    };
    Some((why, next))
}

/// A network policy dropped it: which rule would let it through.
fn policy(hop: &Hop, variant: &str) -> Message {
    let arg = |name: &str| hop.text.args.get(name).cloned().unwrap_or_default();
    let (pod, peer, port, outward) = (arg("pod"), arg("peer"), arg("port"), hop.text.id.contains(".egress"));
    match variant {
        _ if hop.text.id.contains(".node") => msg!("advice.policy.node.next", pod = pod, peer = peer),
        "icmp" => msg!("advice.policy.icmp.next", pod = pod),
        "port" => msg!("advice.policy.port.next", policy = arg("policy"), port = port),
        "namespace" => msg!("advice.policy.namespace.next", policy = arg("policy"), namespace = arg("namespace")),
        // A Pod stands with its name before its address; a server outside is an address alone.
        "dns" if peer.contains('(') => msg!("advice.policy.dns.next", pod = pod),
        _ if outward => msg!("advice.policy.egress.next", pod = pod, peer = peer),
        _ => msg!("advice.policy.next", pod = pod, peer = peer),
    }
}

/// Whether the program listens on the very port, by another protocol: `53/TCP` was called, `53/UDP` is open.
fn other_protocol(hop: &Hop) -> bool {
    let arg = |name: &str| hop.text.args.get(name).map(String::as_str).unwrap_or_default();
    let number = arg("port").split_once('/').map(|(number, _)| number);
    let numbers = arg("ports").split(", ").filter_map(|port| port.split_once('/'));
    number.is_some_and(|number| numbers.into_iter().any(|(open, _)| open == number))
}
