//! Init containers, one after another: which have done their part, and what the first of the others does.
//!
//! Imitates `findNextInitContainerToRun` and `computeInitContainerActions` of `pkg/kubelet/kuberuntime/kuberuntime_container.go`.
//! How a program's run goes is judged by `node::images::course`. A loop that waits for others asks the cluster's DNS and the endpoints
//! behind an address, not the rules on its node: a policy or a stopped kube-proxy keeps none back.

use super::super::dump::keeps_its_settings;
use super::super::world::World;
use super::killed::{alike, crashing};
use super::{standing, unmade};
use crate::addons::coredns::{Zone, resolver::resolve};
use crate::api::core::{Container, Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::cluster::{Cluster, dns_service};
use crate::node::images::{self, Course, LONG, Listener, Wanted, course};
use crate::node::kubelet::{Standing, has_done_its_part};

/// How the init containers of a Pod stand whose volumes are there.
pub(super) fn standings(world: &mut World, pod: &Pod, ip: &str, listeners: &[Listener]) -> Vec<Standing> {
    let done = pod.status.conditions.iter().any(|own| own.type_ == "Initialized" && own.status == "True");
    let (mut found, mut blocked) = (Vec::new(), false);
    for container in &pod.spec.init_containers {
        let shown = if done || blocked { None } else { alike(world, pod, container) };
        let one = match container.is_sidecar() {
            _ if blocked => Standing::Waiting("PodInitializing", String::new(), 0),
            _ if shown.is_some() => shown.unwrap_or(Standing::Starting),
            true => standing(world, pod, container, ip, listeners),
            false if done || keeps_its_settings(world, pod) => Standing::Ended(0),
            false => run(world, pod, container),
        };
        blocked |= !done && !has_done_its_part(container, &one);
        found.push(one);
    }
    found
}

fn run(world: &mut World, pod: &Pod, container: &Container) -> Standing {
    if let Some(unmade) = unmade(world, pod, container) {
        return unmade;
    }
    match course(container, &pod.metadata.namespace) {
        Course::Stays | Course::Ends(_, LONG..) => Standing::Starting,
        Course::Unknown | Course::Ends(0, _) => Standing::Ended(0),
        Course::Ends(code, _) if pod.spec.restart_policy == "Never" => Standing::Ended(code),
        Course::Ends(code, _) => crashing(world, pod, container, code),
        Course::Waits(wanted) if wanted.iter().all(|one| holds(&world.cluster, pod, one)) => Standing::Ended(0),
        Course::Waits(_) => Standing::Starting,
    }
}

/// Whether what an init container waits for is there: its name resolves, and somebody takes a connection.
fn holds(cluster: &Cluster, pod: &Pod, wanted: &Wanted) -> bool {
    let address = match wanted.host.parse::<std::net::Ipv4Addr>() {
        Ok(address) => address.to_string(),
        Err(_) => {
            let answers = dns_answers(cluster).then(|| resolve(&Zone::of(&cluster.store), pod, &wanted.host, "A").answers);
            let Some(answer) = answers.into_iter().flatten().find(|record| record.kind == "A") else { return false };
            answer.data
        }
    };
    let Some(port) = wanted.port else { return true };
    let mut services = cluster.store.all::<Service>();
    if let Some(service) = services.find(|service| service.spec.cluster_ip == address) {
        let own =
            |one: &&crate::api::core::ServicePort| one.port == i32::from(port) && matches!(one.protocol.as_str(), "" | "TCP");
        return service.spec.ports.iter().find(own).is_some_and(|own| has_endpoint(cluster, service, &own.name));
    }
    match cluster.store.all::<Pod>().find(|pod| pod.status.pod_ip == address) {
        Some(other) => {
            let runs = other.status.phase == "Running";
            runs && images::listens(other, &cluster.store).iter().any(|listener| listener.port == port && !listener.loopback_only)
        }
        // Somebody outside, who answers.
        None => true,
    }
}

/// Whether CoreDNS has a ready Pod.
fn dns_answers(cluster: &Cluster) -> bool {
    dns_service(&cluster.store.services).is_some_and(|service| {
        let port = service.spec.ports.iter().find(|port| port.port == 53);
        port.is_some_and(|port| has_endpoint(cluster, service, &port.name))
    })
}

fn has_endpoint(cluster: &Cluster, service: &Service, port: &str) -> bool {
    let meta = &service.metadata;
    let own = |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name") == Some(&meta.name);
    let mut slices = cluster.store.in_namespace::<EndpointSlice>(&meta.namespace).filter(own);
    slices.any(|slice| {
        let known = slice.ports.iter().any(|own| own.name.as_deref().unwrap_or_default() == port);
        known && slice.endpoints.iter().any(|endpoint| endpoint.conditions.ready != Some(false))
    })
}
