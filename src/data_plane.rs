//! All nodes programmed: sends one request through the cluster, rule by rule, wire by wire, and back.
//!
//! [`DataPlane::program`] takes a cluster as it stands; [`DataPlane::send`] gives the whole story of a request,
//! [`DataPlane::verdict`] only how it ends, by the same code. Kernels remember clients (session affinity)
//! from request to request, and open connections ([`Request::keep_alive`]).
//! Each node's rules are written when its kernel first sees a packet.
//!
//! Left out: latency, loss, bandwidth, window sizes; one request has one answer.

mod absent;
mod advice;
mod alb;
mod back;
mod balancer;
pub mod causes;
pub mod distribution;
mod exchange;
mod forward;
pub mod growth;
mod health_check;
mod host_port;
mod ingress;
mod kept;
mod kernel;
mod names;
mod outside;
mod owners;
mod policy;
mod process;
mod serve;
mod story;
mod target;
mod told;
mod travel;
mod unplayed;
mod unselected;
mod verdicts;
mod world;

pub use advice::{alias_fails, unnamed};
pub use target::{Scheme, Target};
pub use unplayed::route_of;
pub use unselected::unselected;
pub use world::EGRESS_GATEWAY;

use crate::addons::coredns::Zone;
use crate::addons::ingress_controller::{Router, refused_hosts};
use crate::api::core::Node;
use crate::cluster::Cluster;
use crate::node::environment::{Call, Nameless, Stale, calls, late, nameless, stale, unfilled};
use crate::node::images::Listener;
use crate::node::kube_proxy::ProxyConfig;
use crate::node::kube_proxy::iptables::MASQUERADE_MARK;
use crate::packet::Protocol;
use crate::random::{Random, Seed};
use crate::trace::{DnsResult, Request, Source, Trace, Verdict};
use crate::words::Message;
use exchange::{Aim, Exchange, Outcome};
use kept::Kept;
use kernel::Kernel;
use std::collections::BTreeMap;
use std::sync::Arc;
use story::Story;
use travel::Binding;
use verdicts::Verdicts;
use world::{Guest, World};

/// Calls inside calls go no deeper.
const DEEPEST_CALL: usize = 5;
/// Calls that one request sets off, all together.
const MOST_CALLS: usize = 200;

/// What answers names and HTTP, as it stands.
#[derive(Clone, Debug)]
struct Parts {
    zone: Zone,
    router: Router,
}

/// What was looked up once and stays; by Pod.
#[derive(Clone, Debug, Default)]
struct Caches {
    listeners: Vec<Option<Arc<[Open]>>>,
    environments: BTreeMap<usize, Arc<Environment>>,
    /// Of the last request.
    aim: Option<Arc<Aim>>,
    /// How such requests ended.
    verdicts: Verdicts,
    /// Room for what machines remember of a connection.
    bindings: Vec<Binding>,
}

/// An open port, and what the program behind it understands.
#[derive(Clone, Debug)]
struct Open {
    listener: Listener,
    http: bool,
    tls: bool,
}

impl Open {
    fn takes(&self, port: u16, protocol: Protocol) -> bool {
        self.listener.port == port && self.listener.protocol == protocol
    }
}

/// Whom a Pod's variables name.
#[derive(Clone, Debug)]
struct Environment {
    calls: Vec<Call>,
    /// Names that nobody has.
    nameless: Vec<Nameless>,
    /// Variables of Services that came after the Pod.
    late: Vec<Call>,
    /// Variables that have kept their values, and would have others now.
    stale: Vec<Stale>,
    /// Why references in variables stay unfilled.
    unfilled: Vec<Message>,
}

impl Environment {
    /// Whether nothing in it names anybody to call.
    fn is_silent(&self) -> bool {
        self.calls.is_empty()
            && self.nameless.is_empty()
            && self.late.is_empty()
            && self.stale.is_empty()
            && self.unfilled.is_empty()
    }
}

/// All that happened to one request, in numbers.
#[derive(Clone, Debug)]
pub struct Recording {
    outcome: Outcome,
    story: Story,
    /// The requests that the reached Pod made in turn; `None`: it made none, because it is calling already.
    calls: Option<Vec<Recording>>,
}

impl Recording {
    /// How the request ended.
    pub fn verdict(&self) -> Verdict {
        self.outcome.verdict
    }
}

/// A cluster's network, ready to carry requests.
#[derive(Clone, Debug)]
pub struct DataPlane {
    world: Arc<World>,
    parts: Arc<Parts>,
    kernels: Vec<Kernel>,
    caches: Caches,
    /// Connections that stay open.
    kept: Vec<Kept>,
}

impl DataPlane {
    /// Programs every node of the cluster.
    pub fn program(cluster: &Cluster) -> DataPlane {
        let store = Arc::new(cluster.store.clone());
        let world = World::of(cluster);
        let kernel = |machine: &world::Machine| {
            let view = cluster.machines.get(&machine.name).and_then(|machine| machine.frozen_view.clone());
            let node = cluster.store.get::<Node>("", &machine.name).cloned().unwrap_or_default();
            let config = ProxyConfig::of(&node, world.pod_range, world.service_range);
            Kernel::new(config, cluster.settings.mode, view.unwrap_or_else(|| Arc::clone(&store)))
        };
        let kernels = world.nodes.iter().map(kernel).collect();
        let parts = Parts {
            zone: Zone::of(&store).owning(refused_hosts(cluster)),
            router: Router::of(&store, &cluster.settings.ingress),
        };
        DataPlane { world: Arc::new(world), parts: Arc::new(parts), kernels, caches: Caches::default(), kept: Vec::new() }
    }

    /// Programs the nodes anew after a change; kernels keep what they remember of clients and of open connections.
    pub fn reprogram(&self, cluster: &Cluster) -> DataPlane {
        let mut next = DataPlane::program(cluster);
        for kernel in &mut next.kernels {
            let same = |old: &&Kernel| old.config.node_name == kernel.config.node_name;
            if let Some(old) = self.kernels.iter().find(same) {
                kernel.follows(old);
            }
        }
        let runs = |node: &str| cluster.machines.get(node).is_none_or(|machine| machine.frozen_view.is_none());
        let running = |node: &str| runs(node).then_some(&cluster.store);
        next.kept = kept::moved_all(&self.kept, &self.world, &next.world, running);
        next
    }

    /// The clients close the connections that they have open ([`Request::keep_alive`]).
    pub fn hang_up(&mut self) {
        self.kept.clear();
    }

    /// A node's rules as text, whole by themselves; `None`: no such node.
    pub fn rules_text(&self, node: &str) -> Option<String> {
        self.kernels.iter().find(|kernel| kernel.config.node_name == node).map(Kernel::text)
    }

    /// Sends a request and tells everything that happens.
    pub fn send(&mut self, cluster: &Cluster, request: &Request) -> Trace {
        let recording = self.record(cluster, request);
        self.tell(cluster, request, recording)
    }

    /// Sends a request and keeps everything that happens; [`DataPlane::tell`] puts it into words.
    pub fn record(&mut self, cluster: &Cluster, request: &Request) -> Recording {
        self.recorded(cluster, request, &mut Vec::new(), &mut 0)
    }

    /// What DNS says of a name to a Pod, or to anybody in namespace `default`, by the packets with which a request begins; and why
    /// no answer came, where none did.
    ///
    /// # Errors
    /// Why nobody can ask so: no such Pod, or one that does not run.
    pub fn dig(
        &mut self,
        cluster: &Cluster,
        from: Option<&Source>,
        name: &str,
        kind: &str,
    ) -> Result<(DnsResult, Option<Message>), Message> {
        let mut story = Story::kept();
        names::dig(&mut self.carrying(cluster, Seed(1), &mut story), from, name, kind)
    }

    fn carrying<'a>(&'a mut self, cluster: &'a Cluster, seed: Seed, tell: &'a mut Story) -> Exchange<'a> {
        Exchange {
            cluster,
            world: &self.world,
            kernels: &mut self.kernels,
            parts: &self.parts,
            caches: &mut self.caches,
            kept: &mut self.kept,
            random: Random::new(seed),
            tell,
        }
    }

    fn exchange(&mut self, cluster: &Cluster, request: &Request, tell: &mut Story) -> Outcome {
        self.carrying(cluster, request.seed, tell).send(request)
    }

    fn pod_name(&self, pod: usize) -> Option<(String, String)> {
        let meta = &self.world.pods.get(pod)?.pod.metadata;
        Some((meta.namespace.clone(), meta.name.clone()))
    }

    fn recorded(&mut self, cluster: &Cluster, request: &Request, callers: &mut Vec<usize>, count: &mut usize) -> Recording {
        let mut story = Story::kept();
        let outcome = self.exchange(cluster, request, &mut story);
        let calls = outcome.pod.and_then(|pod| self.call_on(cluster, pod, request, callers, count));
        Recording { outcome, story, calls }
    }

    /// The requests that the reached Pod makes in turn. A Pod of a workload that is already calling does not call again: `None`.
    fn call_on(
        &mut self,
        cluster: &Cluster,
        pod: usize,
        request: &Request,
        callers: &mut Vec<usize>,
        count: &mut usize,
    ) -> Option<Vec<Recording>> {
        let world = Arc::clone(&self.world);
        let guest = world.pods.get(pod)?;
        let same_owner = |other: &usize| {
            world.pods.get(*other).is_some_and(|other| {
                let (a, b) = (&other.pod.metadata, &guest.pod.metadata);
                *a == *b
                    || (!a.owner_references.is_empty() && a.namespace == b.namespace && a.owner_references == b.owner_references)
            })
        };
        if callers.len() >= DEEPEST_CALL || callers.iter().any(same_owner) {
            return None;
        }
        let environment = self.caches.environments.entry(pod).or_insert_with(|| {
            Arc::new(Environment {
                calls: calls(&guest.pod, cluster),
                nameless: nameless(&guest.pod, cluster),
                late: late(&guest.pod, cluster),
                stale: stale(&guest.pod, cluster),
                unfilled: unfilled(&guest.pod, cluster).into_iter().map(|(_, why)| why).collect(),
            })
        });
        if environment.calls.is_empty() {
            return Some(Vec::new());
        }
        let environment = Arc::clone(environment);
        let mut recordings = Vec::new();
        callers.push(pod);
        for (index, call) in environment.calls.iter().enumerate() {
            *count += 1;
            if *count > MOST_CALLS {
                break;
            }
            recordings.push(self.recorded(cluster, &inner_request(guest, call, request, index), callers, count));
        }
        callers.pop();
        Some(recordings)
    }
}

/// The request that a Pod makes because of a variable, while it answers another.
fn inner_request(guest: &Guest, call: &Call, request: &Request, index: usize) -> Request {
    let meta = &guest.pod.metadata;
    let mut random = Random::new(Seed(request.seed.0 ^ (index as u64 + 1).wrapping_mul(0x9E37_79B9)));
    Request {
        from: Source::Pod(meta.namespace.clone(), meta.name.clone()),
        target: call.target.clone(),
        seed: Seed(random.next_u64()),
        ..Request::default()
    }
}

#[cfg(test)]
mod tests;
