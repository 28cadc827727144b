//! What could change how a request ends and is not played: Gateways and their routes, service meshes, dual stack, probes that a program
//! answers. It is said on its object when it is read, and here on every trace that it could change.

mod annotated;
mod dumped;
mod others;
mod routes;

pub use routes::route_of;

use super::causes::none_ready;
use super::exchange::template_fields;
use crate::addons::pending::pending;
use crate::api::core::{Container, Node, Pod, Service};
use crate::api::discovery::{Endpoint, EndpointSlice};
use crate::api::foreign::{self, Reach};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::kubectl::Manifest;
use crate::msg;
use crate::node::images::{Course, LONG, course, listens, timed, unsure};
use crate::node::kubelet::assumed_probe;
use crate::node::network_policy::{Direction, Policies};
use crate::node::pre_stop;
use crate::node::resources::assumed_room;
use crate::node::security_context::assumed_user;
use crate::trace::{FieldRef, Hop, Place, Reason, Source, Trace, Verdict};
use crate::words::Message;

/// The notes for one trace.
pub(super) fn notes(cluster: &Cluster, trace: &Trace) -> Vec<Message> {
    let mut notes = Vec::new();
    if trace.verdict == Verdict::Rejected {
        return notes;
    }
    let pods = met(cluster, trace);
    kinds(cluster, trace, !pods.is_empty(), &mut notes);
    notes.extend(others::refused_policies(cluster, &pods));
    for pod in pods {
        let meta = &pod.metadata;
        if let Some(mesh) = cluster.mesh_of(pod) {
            notes.push(msg!("assume.sidecar", pod = meta.name, mesh = mesh));
        }
        notes.extend(fields(cluster, pod));
        notes.extend(assumed_init(cluster, pod));
        notes.extend(unsure(pod).filter(|_| refuses(trace, pod)));
        let answers = trace.pod.as_ref().is_some_and(|(_, name)| *name == meta.name);
        notes.extend(assumed_probe(pod).filter(|_| answers));
        notes.extend(ending(pod).filter(|_| answers && !is_dumped(cluster, pod)));
        let claims = !pod.spec.resource_claims.is_empty() && answers && !is_dumped(cluster, pod);
        notes.extend(claims.then(|| msg!("assume.resourceClaims", pod = meta.name)));
        notes.extend(assumed_room(cluster, pod).filter(|_| answers));
        notes.extend(held_by_hook(cluster, pod, trace));
        notes.extend(assumed_user(pod).filter(|_| answers && !is_dumped(cluster, pod)));
    }
    services(cluster, trace, &mut notes);
    notes.extend(annotated::notes(cluster, trace));
    notes.extend(others::configured(cluster, trace));
    notes.extend(others::shared_address(cluster, trace));
    notes.extend(others::refused_for_ipv6(cluster, trace));
    notes.extend(dumped::notes(cluster, trace));
    notes.extend(classes(cluster, trace));
    notes.extend(on_the_host(cluster, trace));
    notes
}

/// Why `trafficDistribution` keeps nothing in its zone: kube-proxy follows hints only where each ready endpoint has one and its own
/// node a zone (`topologyModeFromHints` of `pkg/proxy/topology.go`); an endpoint has none where its node has no zone.
fn without_zone(cluster: &Cluster, trace: &Trace, service: &Service) -> Option<Message> {
    let wish = service.spec.traffic_distribution.as_deref();
    let wish = wish.filter(|wish| matches!(*wish, "PreferClose" | "PreferSameZone"))?;
    let object = ObjectRef::of(service);
    let picks = |hop: &&Hop| hop.reason == Reason::PickEndpoint && hop.objects.contains(&object);
    let hop = trace.hops.iter().find(picks).filter(|hop| !hop.text.id.ends_with(".hinted"))?;
    let (Place::KubeProxy(asked) | Place::Node(asked)) = &hop.at else { return None };
    let own = |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name") == Some(&object.name);
    let slices = cluster.store.in_namespace::<EndpointSlice>(&object.namespace).filter(own);
    let zoneless = |endpoint: &&Endpoint| endpoint.conditions.ready == Some(true) && endpoint.zone.is_none();
    let missing = slices.flat_map(|slice| &slice.endpoints).find(zoneless).and_then(|endpoint| endpoint.node_name.clone());
    let zoned = |node: &&Node| node.metadata.labels.contains_key("topology.kubernetes.io/zone");
    let lost = || cluster.store.get::<Node>("", asked).filter(zoned).is_none().then(|| asked.clone());
    Some(msg!("assume.noZone", service = object.name, wish = wish, node = missing.or_else(lost)?))
}

/// Whether nothing was found to listen in a Pod whose containers run. What keeps to 127.0.0.1 was found.
fn refuses(trace: &Trace, pod: &Pod) -> bool {
    let own = Place::Pod(pod.metadata.namespace.clone(), pod.metadata.name.clone());
    let id = |hop: &Hop| hop.text.id.starts_with("hop.NothingListens.text.assumed");
    trace.hops.iter().any(|hop| hop.reason == Reason::NothingListens && hop.at == own && id(hop))
}

fn is_dumped(cluster: &Cluster, pod: &Pod) -> bool {
    cluster.origin(&ObjectRef::of(pod)).is_some_and(Manifest::is_dumped)
}

/// A Pod that answers now and whose command soon ends.
fn ending(pod: &Pod) -> Option<Message> {
    let soon = |own: &Container| timed(own).map(|(_, after)| after).filter(|after| after.unsigned_abs() < LONG);
    let (own, after) = pod.spec.containers.iter().find_map(|own| Some((own, soon(own)?)))?;
    Some(msg!("assume.ends", pod = pod.metadata.name, container = own.name, seconds = after))
}

/// A Terminating Pod whose preStop hooks have it serve on, and hooks of which nobody knows what they take.
fn held_by_hook(cluster: &Cluster, pod: &Pod, trace: &Trace) -> Vec<Message> {
    if pod.metadata.deletion_timestamp.is_none() {
        return Vec::new();
    }
    let name = &pod.metadata.name;
    let answers = trace.pod.as_ref().filter(|(_, pod)| pod == name).and(trace.port);
    let open = listens(pod, &cluster.store);
    let container = answers.and_then(|port| open.iter().find(|own| own.port == port).map(|own| &*own.container));
    let ends = pre_stop::ends(pod).into_iter().find(|(own, at)| Some(*own) == container && *at > 0);
    let held = ends.map(|(_, seconds)| msg!("assume.preStop", pod = name, seconds = seconds));
    let unknown = pre_stop::unknown(pod).map(|own| msg!("assume.preStop.unknown", pod = name, container = own.name));
    let refused =
        trace.hops.iter().find(|hop| hop.text.id == "hop.NothingListens.text.ended" && hop.text.args.get("pod") == Some(name));
    let refused = refused.and_then(|hop| hop.text.args.get("container"));
    let ended = refused.map(|own| msg!("assume.preStop.ended", pod = name, container = own));
    held.into_iter().chain(unknown).chain(ended).collect()
}

/// An init container of a Pod whose program nobody here knows: it is assumed to do its part.
fn assumed_init(cluster: &Cluster, pod: &Pod) -> Option<Message> {
    let meta = &pod.metadata;
    let unknown = |container: &&Container| !container.is_sidecar() && course(container, &meta.namespace) == Course::Unknown;
    let container = pod.spec.init_containers.iter().find(unknown)?;
    (!is_dumped(cluster, pod)).then(|| msg!("assume.init", pod = meta.name, container = container.name))
}

/// The kinds that are not played and could change how the request ends; those that nobody here knows in one note.
fn kinds(cluster: &Cluster, trace: &Trace, meets_pods: bool, notes: &mut Vec<Message>) {
    let mut unknown: Vec<&str> = Vec::new();
    // In whichever order they are written, a trace tells of them in one.
    let mut documents: Vec<_> = cluster.manifests.documents.iter().collect();
    documents.sort_by_key(|own| (&own.kind, &own.namespace, &own.name));
    for document in documents {
        let (kind, name) = (document.kind.as_str(), document.name.as_str());
        let alters = match document.reach() {
            Reach::FromOutside => routes::alters(cluster, trace, document),
            Reach::Objects if kind == "HorizontalPodAutoscaler" => {
                notes.extend(others::autoscaler(cluster, trace, document));
                false
            }
            Reach::OfPods => meets_pods,
            Reach::Objects => meets_pods && others::reaches(cluster, trace, document),
            Reach::MakesPods => {
                notes.extend(selecting(cluster, trace, document));
                false
            }
            Reach::Unknown => {
                if !unknown.contains(&kind) {
                    unknown.push(kind);
                }
                false
            }
            Reach::None => false,
        };
        if alters {
            notes.push(match routes::asks_for(trace, document).filter(|_| trace.request.from != Source::Internet) {
                Some(host) => msg!("assume.routeHost", host = host, kind = kind, name = name),
                None => msg!("assume.kindNotPlayed", kind = kind, name = name),
            });
        }
    }
    if !unknown.is_empty() {
        notes.push(msg!("assume.kindUnknown", kinds = unknown.join(", ")));
    }
}

/// A Service that the request meets and that would select the Pods of a workload that is not played.
fn selecting(cluster: &Cluster, trace: &Trace, workload: &Manifest) -> Option<Message> {
    let met = trace.hops.iter().flat_map(|hop| &hop.objects).filter(|object| object.kind == Kind::Service);
    let selects = |service: &&Service| {
        let own = cluster.unplayed_maker(&service.metadata.namespace, &service.spec.selector);
        own.is_some_and(|own| own.kind == workload.kind && own.name == workload.name)
    };
    let mut services = met.filter_map(|object| cluster.store.get::<Service>(&object.namespace, &object.name));
    let service = services.find(selects)?;
    Some(msg!("assume.podsNotPlayed", kind = workload.kind, name = workload.name, service = service.metadata.name))
}

/// The fields of a Pod that are not played and decide where it runs or what its name is, as they are written.
fn fields(cluster: &Cluster, pod: &Pod) -> Vec<Message> {
    let own = FieldRef { object: ObjectRef::of(pod), path: String::new() };
    let written = template_fields(cluster, own).into_iter().find_map(|field| cluster.origin(&field.object));
    let Some(manifest) = written else { return Vec::new() };
    let path = if manifest.kind == "Pod" { "/spec" } else { "/spec/template/spec" };
    let Some(spec) = manifest.value.pointer(path) else { return Vec::new() };
    let present = foreign::POD_FIELDS.into_iter().filter(|field| spec.get(*field).is_some());
    present.map(|field| msg!("assume.fieldNotPlayed", field = field, pod = pod.metadata.name)).collect()
}

/// The Services that it meets and that wait for somebody who serves their `loadBalancerClass`.
fn classes(cluster: &Cluster, trace: &Trace) -> Vec<Message> {
    let mut notes = Vec::new();
    let objects = trace.hops.iter().flat_map(|hop| &hop.objects).filter(|object| object.kind == Kind::Service);
    for object in objects {
        let Some(service) = cluster.store.get::<Service>(&object.namespace, &object.name) else { continue };
        let why = pending(cluster, service).map(|(why, ..)| why).filter(|why| why.id == "pending.class");
        notes.extend(why.filter(|why| !notes.contains(why)));
    }
    notes
}

/// Both ends may be Pods of the host's network that policies select, or of whom they speak: what becomes of that is the CNI
/// plugin's own choice.
fn on_the_host(cluster: &Cluster, trace: &Trace) -> Option<Message> {
    let policies = Policies::of(&cluster.store);
    if policies.is_empty() {
        return None;
    }
    let find = |(namespace, name): &(String, String)| cluster.store.get::<Pod>(namespace, name);
    let source = match &trace.request.from {
        Source::Pod(namespace, name) => cluster.store.get::<Pod>(namespace, name),
        Source::Workload(workload) => cluster.pod_meant_by(workload).map(AsRef::as_ref),
        _ => None,
    };
    let judged = trace.hops.iter().any(|hop| hop.reason == Reason::Policy);
    let ends = [(source, Direction::Egress), (trace.pod.as_ref().and_then(find), Direction::Ingress)];
    let is_one = |(pod, direction): &(&Pod, Direction)| {
        let told = judged && *direction == Direction::Egress;
        pod.spec.host_network == Some(true) && (told || policies.isolating(pod, *direction).next().is_some())
    };
    let (pod, _) = ends.into_iter().filter_map(|(pod, direction)| Some((pod?, direction))).find(is_one)?;
    Some(msg!("assume.policyHostNetwork", pod = pod.metadata.name))
}

/// The Pods that the request meets.
fn met<'a>(cluster: &'a Cluster, trace: &Trace) -> Vec<&'a Pod> {
    let mut pods: Vec<&Pod> = Vec::new();
    for hop in &trace.hops {
        let Place::Pod(namespace, name) = &hop.at else { continue };
        let found = cluster.store.get::<Pod>(namespace, name);
        pods.extend(found.filter(|pod| !pods.iter().any(|other| other.metadata == pod.metadata)));
    }
    pods
}

/// The Services that it meets and that ask for IPv6, too, or for hints by topology, or whose Pods are not ready by a guess alone.
fn services(cluster: &Cluster, trace: &Trace, notes: &mut Vec<Message>) {
    let objects = trace.hops.iter().flat_map(|hop| &hop.objects).filter(|object| object.kind == Kind::Service);
    for object in objects {
        let Some(service) = cluster.store.get::<Service>(&object.namespace, &object.name) else { continue };
        let spec = &service.spec;
        let six = spec.ip_families.iter().any(|family| family == "IPv6");
        let dual = six || spec.ip_family_policy.as_deref().is_some_and(|policy| policy != "SingleStack");
        let hints = foreign::topology_mode(&service.metadata.annotations).is_some();
        let dual = dual.then(|| msg!("assume.dualStack", service = object.name));
        let hints = hints.then(|| msg!("assume.topologyMode", service = object.name));
        let unready = none_ready(cluster, service).filter(|_| trace.verdict != Verdict::Delivered);
        let guess = unready.filter(|advice| advice.next.id == "explain.pod.probe.assumed.next");
        let guess = guess.and_then(|advice| Some(msg!("assume.listens", image = advice.next.args.get("image")?)));
        for note in [dual, hints, guess, without_zone(cluster, trace, service)].into_iter().flatten() {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
}
