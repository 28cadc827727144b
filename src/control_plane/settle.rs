//! Lets all components work, one after another, until nobody has anything left to do.

use super::controller_manager::pod_control::pass_time;
use super::controller_manager::{node_lifecycle, taint_eviction};
use super::world::{Key, World};
use super::{cloud_controller, controller_manager, ingress, kubelets, scheduler};
use crate::api::ObjectRef;
use crate::api::Resource;
use crate::api::core::{Node, Service};
use crate::cluster::Verb;
use crate::msg;
use crate::words::{Message, natural};
use std::collections::BTreeSet;

/// More rounds than any rollout of 5,000 Pods, one at a time, takes; a guard against controllers that never agree.
const MOST_ROUNDS: u32 = 30_000;

/// Works until the queues are empty. A rollout is played to its end: where ready Pods only count after a while
/// (`minReadySeconds`), that while passes. While a machine is down, only the learner's `wait` moves the time.
pub(crate) fn settle(world: &mut World) {
    node_lifecycle::taint_cordoned(world);
    let began = world.cluster.now;
    work(world);
    for _ in 0..MOST_ROUNDS {
        if taint_eviction::run(world) {
            work(world);
            continue;
        }
        let waits = world.cluster.machines.values().any(|machine| machine.down_since.is_some());
        if waits || !pass_time(world, u64::MAX) {
            break;
        }
        work(world);
    }
    if world.cluster.now > began {
        kubelets::end_in_time(world);
        work(world);
    }
}

fn work(world: &mut World) {
    for _ in 0..MOST_ROUNDS {
        if idle(world) {
            return;
        }
        // Who watches a Pod that is to end sees it at once, and a slice is written long before a replacement's container has started.
        if kubelets::leave(world) {
            slices(world);
            learn(world);
        }
        controller_manager::sync_workloads(world);
        scheduler::run(world);
        kubelets::run(world);
        slices(world);
        cloud_controller::run(world);
        ingress::run(world);
        let learned = learn(world);
        kubelets::end(world);
        if learned {
            kubelets::wake_initializing(world);
        }
    }
}

fn slices(world: &mut World) {
    controller_manager::endpoint_slice::run(world);
    controller_manager::endpoint_slice_mirroring::run(world);
}

fn idle(world: &World) -> bool {
    let queue = &world.queue;
    queue.workloads.is_empty()
        && queue.unscheduled.is_empty()
        && !queue.room
        && queue.kubelet.is_empty()
        && queue.services.is_empty()
        && queue.labels.is_empty()
        && queue.load_balancers.is_empty()
        && queue.mirrored.is_empty()
        && queue.learned.is_empty()
        && queue.records.is_empty()
        && !queue.ingresses
}

/// kube-proxy on every running node writes its rules anew, CoreDNS its records. False: there is nothing to learn.
fn learn(world: &mut World) -> bool {
    let rules: BTreeSet<Key> = std::mem::take(&mut world.queue.learned);
    let records = std::mem::take(&mut world.queue.records);
    if rules.is_empty() && records.is_empty() {
        return false;
    }
    let headless = |world: &World, key: &Key| {
        world.cluster.store.services.get(key).is_some_and(|s| s.spec.cluster_ip == "None" || s.spec.type_ == "ExternalName")
    };
    let routed: Vec<Key> = rules.iter().filter(|key| !headless(world, key)).cloned().collect();
    // Of a Service that is gone, rules and names are taken away; one that is there has more to tell.
    let there = |world: &World, key: &&Key| world.cluster.store.services.contains_key(*key);
    if let Some(first) = routed.iter().find(|key| there(world, key)).or(routed.first()) {
        let gone = !there(world, &first);
        let mut nodes: Vec<String> = world.cluster.store.all::<Node>().map(|node| node.metadata().name.clone()).collect();
        nodes.sort_by(|a, b| natural(a, b));
        for node in nodes {
            if world.cluster.is_up(&node) && world.cluster.machines.get(&node).is_none_or(|m| m.frozen_view.is_none()) {
                let message = words(first, routed.len(), &node, gone);
                world.note(&format!("kube-proxy/{node}"), Verb::WriteRules, service(first), message);
            }
        }
    }
    let named: BTreeSet<Key> = rules.into_iter().filter(|key| headless(world, key)).chain(records).collect();
    if let Some(first) = named.iter().find(|key| there(world, key)).or(named.first()) {
        let (more, service) = (named.len() - 1, &first.1);
        let message = match (there(world, &first), more) {
            (true, 0) => msg!("change.records", service = service),
            (true, _) => msg!("change.recordsMore", service = service, more = more),
            (false, 0) => msg!("change.recordsGone", service = service),
            (false, _) => msg!("change.recordsGoneMore", service = service, more = more),
        };
        world.note("coredns", Verb::WriteRecords, self::service(first), message);
    }
    true
}

fn service(key: &Key) -> ObjectRef {
    ObjectRef::new(<Service as Resource>::KIND, &key.0, &key.1)
}

fn words(first: &Key, count: usize, node: &str, gone: bool) -> Message {
    match (gone, count) {
        (false, 1) => msg!("change.rules", node = node, service = first.1),
        (false, _) => msg!("change.rulesMore", node = node, service = first.1, more = count - 1),
        (true, 1) => msg!("change.rulesGone", node = node, service = first.1),
        (true, _) => msg!("change.rulesGoneMore", node = node, service = first.1, more = count - 1),
    }
}
