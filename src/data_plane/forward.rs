//! Pods that take no connection themselves and pass packets on: the load balancer of k3s, `rancher/klipper-lb` (ServiceLB).
//!
//! Follows its `entry` script (github.com/k3s-io/klipper-lb) and what k3s puts into its variables (`pkg/cloudprovider/servicelb.go`):
//! in the Pod's network, PREROUTING rewrites what comes for SRC_PORT to DEST_PORT of each of DEST_IPS (inserted one before the other,
//! so the last is asked first), FORWARD drops what comes from outside SRC_RANGES, and POSTROUTING masquerades the rest as the Pod; no
//! process listens. DEST_IPS is the Service's ClusterIP with its port, or, under externalTrafficPolicy Local, the node's address with
//! the node port. Left out: that what comes from DEST_IPS itself is not rewritten.

use super::story::{HopExt, hop};
use super::travel::{Binding, End, Next, Spot, Travel};
use super::world::World;
use crate::api::ObjectRef;
use crate::cluster::Cluster;
use crate::msg;
use crate::netfilter::Cidr;
use crate::netfilter::walk::Hook;
use crate::node::environment::variables;
use crate::node::images::forwards;
use crate::node::kube_proxy::{parse_cidr_sloppy, parse_ip_sloppy};
use crate::packet::{Flow, Protocol, Socket};
use crate::trace::{FieldRef, Place, Reason, Verdict};

/// One port that a Pod passes on.
#[derive(Clone, Debug)]
pub(super) struct Forward {
    pod: usize,
    port: u16,
    protocol: Protocol,
    to: Socket,
    /// From where it takes packets; empty: from everywhere.
    ranges: Vec<Cidr>,
    because: FieldRef,
}

/// What the Pods of the world pass on.
pub(super) fn all(cluster: &Cluster, world: &World) -> Vec<Forward> {
    let mut found = Vec::new();
    for (pod, guest) in world.pods.iter().enumerate() {
        for (index, container) in guest.pod.spec.containers.iter().enumerate().filter(|(_, own)| forwards(&own.image)) {
            let values = variables(container, &guest.pod, &cluster.store);
            let Some(declared) = container.ports.first() else { continue };
            let number =
                |name: &str| values.get(name).map_or(u16::try_from(declared.container_port).ok(), |own| own.parse().ok());
            let (Some(port), Some(to_port)) = (number("SRC_PORT"), number("DEST_PORT")) else { continue };
            let protocol = values.get("DEST_PROTO").map_or(declared.protocol.as_str(), String::as_str);
            let Some(protocol) = Protocol::of_api(protocol) else { continue };
            let ranges = values.get("SRC_RANGES").map(String::as_str).unwrap_or_default();
            let ranges = ranges.split([',', ' ']).filter_map(parse_cidr_sloppy).collect();
            let addresses = values.get("DEST_IPS").map(String::as_str).unwrap_or_default();
            let Some(ip) = addresses.split([',', ' ']).filter_map(parse_ip_sloppy).next_back() else { continue };
            let because = FieldRef { object: ObjectRef::of(guest.pod.as_ref()), path: format!("spec.containers[{index}].env") };
            found.push(Forward { pod, port, protocol, to: Socket::new(ip, to_port), ranges, because });
        }
    }
    found
}

impl Travel<'_> {
    /// A packet has come to a Pod from elsewhere: where it goes on, if the Pod passes it on.
    pub fn forward(&mut self, pod: usize, flow: Flow) -> Option<Next> {
        let world = self.world;
        let fits = |own: &&Forward| own.pod == pod && own.port == flow.dst.port && own.protocol == self.protocol;
        let (own, guest) = (world.forwards.iter().find(fits)?, world.pods.get(pod)?);
        if !own.ranges.is_empty() && !own.ranges.iter().any(|range| range.contains(flow.src.ip)) {
            self.tell.hop(|| {
                let meta = &guest.pod.metadata;
                let text = msg!("hop.Drop.text.forward", pod = meta.name, client = flow.src.ip);
                hop(Place::Pod(meta.namespace.clone(), meta.name.clone()), Reason::Drop, text)
                    .ends(flow)
                    .about(vec![own.because.object.clone()])
                    .because(vec![own.because.clone()])
            });
            return Some(Next::Ends(End::Lost(Verdict::Timeout, Reason::Drop)));
        }
        let known = self.known(Spot::Pod(pod), flow).map(|known| known.translated);
        let after = known.unwrap_or_else(|| Flow { src: Socket::new(guest.ip, self.free_port()), dst: own.to });
        self.tell.hop(|| {
            let meta = &guest.pod.metadata;
            let text = msg!("hop.Dnat.text.forward", pod = meta.name, from = flow.dst, to = own.to);
            hop(Place::Pod(meta.namespace.clone(), meta.name.clone()), Reason::Dnat, text)
                .flow(flow, after)
                .about(vec![own.because.object.clone()])
                .because(vec![own.because.clone()])
        });
        self.bindings.push(Binding { at: Spot::Pod(pod), original: flow, translated: after });
        self.leaving = Some(pod);
        Some(Next::Kernel { node: guest.node, hook: Hook::NatPrerouting, flow: after })
    }

    /// An answer has come to a Pod that passed its question on: what goes back from there.
    pub fn forward_back(&mut self, pod: usize, flow: Flow, binding: Binding) -> Option<(usize, Flow)> {
        let guest = self.world.pods.get(pod)?;
        let after = binding.original.reversed();
        self.tell.hop(|| {
            let meta = &guest.pod.metadata;
            let text = msg!("hop.UndoNat.text.forward", pod = meta.name, from = after.src, to = after.dst);
            hop(Place::Pod(meta.namespace.clone(), meta.name.clone()), Reason::UndoNat, text)
                .flow(flow, after)
                .about(vec![ObjectRef::of(guest.pod.as_ref())])
                .back()
        });
        Some((guest.node, after))
    }
}
