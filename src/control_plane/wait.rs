//! What time alone changes: probes that were to wait, restarts, deadlines, nodes that are given up, Pods that are driven away.

use super::controller_manager::deployment_status::deadlines;
use super::controller_manager::pod_control::{makers, next_available, pass_time};
use super::controller_manager::{daemon_set, node_lifecycle, pod_gc, taint_eviction};
use super::dump::keeps_its_settings;
use super::events;
use super::kubelets::{self, next_asked, next_deadline, next_end, next_shown, next_turn};
use super::settle::settle;
use super::world::World;
use crate::api::core::{ContainerStatus, Node, Pod, Service};
use crate::api::{Kind, ObjectRef};
use crate::cluster::{LOAD_BALANCER_NOTICES, Verb, moment};
use crate::msg;

/// What lies further ahead, in seconds, is not waited for by anybody who looks: a program that sleeps for an hour. A rollout's
/// usual deadline, ten minutes, is nearer.
const SOON: u64 = 900;

/// Whether something changes soon by time alone. A container that cannot be made or started is tried again and again, and counted;
/// one that waits for others before it is not.
pub(super) fn is_restless(world: &World) -> bool {
    let cluster = &world.cluster;
    let end = cluster.now.saturating_add(SOON);
    let soon = |at: Option<u64>| at.is_some_and(|at| at > cluster.now && at <= end);
    let stuck = |status: &ContainerStatus| status.state.waiting.as_ref().is_some_and(|own| own.reason != "PodInitializing");
    let tries = |pod: &Pod| {
        let mut statuses = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
        cluster.is_up(&pod.spec.node_name) && !keeps_its_settings(world, pod) && statuses.any(stuck)
    };
    !next_stages(world, end, true).is_empty()
        || cluster.store.all::<Pod>().any(tries)
        || [next_turn(world), next_deadline(world), daemon_set::next_try(world)].into_iter().any(soon)
        || [next_end(world).map(|(at, _)| at), next_asked(world).map(|(at, _)| at)].into_iter().any(soon)
        || soon(next_available(world).map(|(at, _)| at))
        || deadlines(world).into_iter().any(|(at, _)| soon(Some(at)))
}

/// Something that lies in the future of a node without power, of one that does not exist, or of a dump's Pods.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    BalancerNotices,
    Lost,
    /// A Pod no longer bears its node's taint.
    Evicts,
    /// Its Pods are collected.
    Collects,
    /// A Pod that a dump shows Terminating ends.
    Ends,
}

/// A controller makes collected Pods again and again; so many in one wait are enough to see it.
const MOST_COLLECTED: usize = 10_000;

/// Looks at everything that changes by time alone.
fn look_again(world: &mut World) {
    kubelets::look_again(world);
    let now = world.cluster.now;
    let due = deadlines(world).into_iter().filter(|(at, _)| *at <= now).map(|(_, deployment)| deployment);
    world.queue.workloads.extend(due);
    world.queue.workloads.extend(daemon_set::failing(world));
    let refused = makers(world, |namespace, spec| world.cluster.lacks(namespace, spec, None).is_some());
    world.queue.workloads.extend(refused);
    settle(world);
}

/// Of a long wait, so many of its last seconds are played restart by restart.
const WATCHED: u64 = 3600;

/// Lets seconds pass: what falls into them happens at its own moment.
pub(super) fn wait(world: &mut World, seconds: u64) {
    let end = world.cluster.now.saturating_add(seconds);
    settle(world);
    let mut collected = 0;
    loop {
        let stages = next_stages(world, end, collected < MOST_COLLECTED);
        // What falls together with a stage is looked at after it, at the end.
        let now = world.cluster.now;
        let first = stages.first().map(|(at, ..)| *at);
        let free = |at: &u64| *at > now && first.map_or(*at <= end, |stage| *at < stage);
        let turn = next_turn(world).filter(|at| free(at) && *at > end.saturating_sub(WATCHED));
        let late = deadlines(world).into_iter().map(|(at, _)| at).filter(free).min();
        let overdue = next_deadline(world).filter(free);
        let again = daemon_set::next_try(world).filter(|at| free(at) && *at > end.saturating_sub(WATCHED));
        let change = late.into_iter().chain(again).chain(turn).chain(overdue).min();
        if pass_time(world, change.or(first).unwrap_or(end)) {
            settle(world);
            continue;
        }
        if let Some(at) = change {
            world.cluster.now = at;
            look_again(world);
            continue;
        }
        let Some(at) = first else { break };
        world.cluster.now = at;
        for (_, stage, node) in stages {
            match stage {
                Stage::BalancerNotices => balancer_notices(world, &node),
                Stage::Lost => node_lifecycle::lose(world, &node),
                // Settling carries it out.
                Stage::Evicts => {}
                Stage::Collects => collected += pod_gc::collect(world, &node),
                Stage::Ends => {
                    let due = next_shown(world).into_iter().filter(|(at, _)| *at <= world.cluster.now + 1);
                    let due: Vec<_> = due.map(|(_, pod)| pod).collect();
                    world.queue.kubelet.extend(due);
                }
            }
            settle(world);
        }
    }
    // What began meanwhile may have been played beyond it to its own end.
    world.cluster.now = world.cluster.now.max(end);
    look_again(world);
    events::expire(world);
}

/// What comes next to lost or missing nodes after the present and not after `end`: all that falls on one moment, in order.
fn next_stages(world: &World, end: u64, collects: bool) -> Vec<(u64, Stage, String)> {
    let now = world.cluster.now;
    let astray = if collects { pod_gc::next(world) } else { None };
    let mut stages: Vec<_> = astray.into_iter().map(|(at, node)| (at, Stage::Collects, node)).collect();
    stages.extend(next_shown(world).into_iter().map(|(at, _)| (at, Stage::Ends, String::new())));
    stages.extend(taint_eviction::next(world).map(|at| (at, Stage::Evicts, String::new())));
    for (node, machine) in &world.cluster.machines {
        let Some(down) = machine.down_since else { continue };
        let noticed = down.saturating_add(moment(LOAD_BALANCER_NOTICES));
        for (at, stage) in [(noticed, Stage::BalancerNotices), (node_lifecycle::lost_at(down), Stage::Lost)] {
            stages.extend(u64::try_from(at).ok().map(|at| (at, stage, node.clone())));
        }
    }
    stages.retain(|(at, ..)| *at > now && *at <= end);
    stages.sort();
    let first = stages.first().map(|(at, ..)| *at);
    stages.retain(|(at, ..)| Some(*at) == first);
    stages
}

fn balancer_notices(world: &mut World, node: &str) {
    let served = world.cluster.store.all::<Service>().find(|service| !service.status.load_balancer.ingress.is_empty());
    if served.is_some() && world.cluster.store.get::<Node>("", node).is_some() {
        let object = ObjectRef::new(Kind::Node, "", node);
        world.note("load-balancer", Verb::Notice, object, msg!("change.balancerNotices", node = node));
    }
}
