//! A Pod behind a Service that a network policy keeps a client from, while another one answers it.

use crate::api::ObjectRef;
use crate::api::core::{Pod, Service};
use crate::cluster::Cluster;
use crate::data_plane::causes::usable_endpoints;
use crate::msg;
use crate::node::kube_proxy::parse_ip_sloppy;
use crate::node::network_policy::{Conversation, Direction, Near, Policies, Ruling};
use crate::packet::Protocol;
use crate::trace::{FieldRef, Source, Trace};
use crate::words::Message;

/// The policy that would drop what the client sends to this endpoint, told for a Pod as client, whose address stays on the way to a
/// Pod. Nothing keeps a Pod from its own node or itself.
pub(super) fn by_policy(
    cluster: &Cluster,
    service: &Service,
    at: usize,
    pod: &Pod,
    trace: &Trace,
) -> Option<(Message, Vec<FieldRef>)> {
    let policies = Policies::of(&cluster.store);
    let client = match &trace.request.from {
        Source::Pod(namespace, name) => cluster.store.get::<Pod>(namespace, name),
        Source::Workload(workload) => cluster.pod_meant_by(workload).map(AsRef::as_ref),
        _ => None,
    };
    let on_host = |pod: &Pod| pod.spec.host_network == Some(true);
    let client = client.filter(|client| !policies.is_empty() && !on_host(client) && client.metadata != pod.metadata)?;
    let named = |name: &str| *name == pod.metadata.name;
    let usable = usable_endpoints(cluster, service, at);
    let (_, port) = usable.iter().find(|(own, _)| own.target_ref.as_ref().is_some_and(|target| named(&target.name)))?;
    let protocol = Protocol::of_api(&service.spec.ports.get(at)?.protocol)?;
    let ends = [(client, pod, Direction::Egress), (pod, client, Direction::Ingress)];
    ends.into_iter().filter(|(own, ..)| !on_host(own)).find_map(|(own, other, direction)| {
        if on_host(other) && other.spec.node_name == own.spec.node_name {
            return None;
        }
        let address = parse_ip_sloppy(&other.status.pod_ip)?;
        let peer = Some(other).filter(|other| !on_host(other));
        let talk = Conversation { pod: own, direction, address, peer, port: *port, protocol };
        let Ruling::Denied(near) = policies.judge(&talk) else { return None };
        let (Near::Empty(policy) | Near::Nobody(policy) | Near::Namespace(policy, _) | Near::Port(policy, _)) = near;
        let because = vec![FieldRef { object: ObjectRef::of(policy), path: "spec.podSelector".into() }];
        let (to, from, name) = (&pod.metadata.name, &client.metadata.name, &policy.metadata.name);
        Some((msg!("explain.idle.policy", policy = name, client = from, port = port, pod = to), because))
    })
}
