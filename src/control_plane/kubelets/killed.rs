//! Containers that are killed again and again for a failing probe, or end by themselves, and start again.

use super::super::dump::keeps_its_settings;
use super::super::world::World;
use super::{EVENTFUL, clock, say, started, unhealthy, warn};
use crate::api::core::{Container, ContainerStateTerminated, Pod, Probe};
use crate::api::time::{seconds_of, timestamp};
use crate::node::images::timed;
use crate::node::kubelet::{Again, ProbeFailure, Standing, running_since, terminated};
use crate::node::pre_stop;
use crate::node::restarts::{Life, RESTARTS};

/// A container that is killed again and again for a failing probe, with the kubelet's Events.
pub(super) fn restarting(
    world: &mut World,
    pod: &Pod,
    container: &Container,
    (kind, why, probe): (&str, &ProbeFailure, &Probe),
    ready: bool,
) -> Standing {
    let (name, meta, now) = (&container.name, &pod.metadata, clock(world));
    let (asks, lasts) = (i64::from(probe.failure_threshold.max(1)), lasts(pod, container, probe));
    if !container.is_sidecar() && matches!(pod.spec.restart_policy.as_str(), "Never" | "OnFailure") {
        return ended_for_good(world, pod, name, (kind, why, asks));
    }
    let fresh = Life { restarts: RESTARTS, ended: now, running: None };
    let dumped = keeps_its_settings(world, pod);
    let life = if dumped { fresh } else { life_so_far(pod, name).map_or(fresh, |life| life.at(now, lasts)) };
    let full_name = format!("{}_{}({})", meta.name, meta.namespace, meta.uid);
    warn(world, pod, "Unhealthy", &unhealthy(kind, why), life.kills().saturating_mul(asks));
    let killed = format!("Container {name} failed {} probe, will be restarted", kind.to_lowercase());
    say(world, pod, "Killing", &killed, life.kills());
    let back_off = format!("Back-off restarting failed container {name} in pod {full_name}");
    warn(world, pod, "BackOff", &back_off, life.back_offs(now, lasts));
    say_started(world, pod, container, life.restarts);
    let written = |seconds: i64| timestamp(u64::try_from(seconds).unwrap_or(0));
    let first = pod.status.start_time.as_deref().and_then(seconds_of).unwrap_or(now);
    let runs = life.running.is_some();
    Standing::Restarting(Box::new(Again {
        restarts: life.restarts,
        ended: ContainerStateTerminated {
            exit_code: 0,
            reason: "Completed".into(),
            started_at: Some(written((life.ended - lasts).max(first))),
            finished_at: Some(written(life.ended)),
            ..ContainerStateTerminated::default()
        },
        running: life.running.map(written),
        message: format!("back-off {} restarting failed container={name} pod={full_name}", life.back_off_text()),
        ready: runs && kind == "Liveness" && ready,
        started: runs && kind == "Liveness",
    }))
}

/// A container killed for a failing probe that does not come back. `computePodActions` of `kuberuntime_manager.go`: under policy Never
/// the whole Pod is ended where nothing else runs in it, in other words than one container. Under OnFailure it is started again; killed a
/// second time it has to wait, and by then has ended well, after which only policy Always starts it (`ShouldContainerBeRestarted` of
/// `pkg/kubelet/container/helpers.go`).
fn ended_for_good(world: &mut World, pod: &Pod, name: &str, (kind, why, asks): (&str, &ProbeFailure, i64)) -> Standing {
    let probe = kind.to_lowercase();
    let (killed, times) = match (pod.spec.restart_policy.as_str(), pod.spec.containers.len()) {
        ("OnFailure", _) => (format!("Container {name} failed {probe} probe, will be restarted"), 2),
        (_, 1) => (format!("Stopping container {name}"), 1),
        _ => (format!("Container {name} failed {probe} probe"), 1),
    };
    warn(world, pod, "Unhealthy", &unhealthy(kind, why), asks * times);
    say(world, pod, "Killing", &killed, times);
    Standing::Ended(0)
}

/// A container whose program ends at once, again and again.
pub(super) fn crashing(world: &mut World, pod: &Pod, container: &Container, code: i32) -> Standing {
    let (name, meta, now) = (&container.name, &pod.metadata, clock(world));
    let fresh = Life { restarts: RESTARTS, ended: now, running: None };
    let mut life = life_so_far(pod, name).map_or(fresh, |life| life.at(now, 0));
    if let Some(since) = life.running.take() {
        life.ended = since;
    }
    let full_name = format!("{}_{}({})", meta.name, meta.namespace, meta.uid);
    let back_off = format!("Back-off restarting failed container {name} in pod {full_name}");
    warn(world, pod, "BackOff", &back_off, life.back_offs(now, 0));
    say_started(world, pod, container, life.restarts);
    let at = timestamp(u64::try_from(life.ended).unwrap_or(0));
    Standing::Restarting(Box::new(Again {
        restarts: life.restarts,
        ended: terminated(container, code, (&at, &at)),
        running: None,
        message: format!("back-off {} restarting failed container={name} pod={full_name}", life.back_off_text()),
        ready: false,
        started: false,
    }))
}

/// A container of which the dump's Pods of the same template could not run: it does the same.
pub(super) fn alike(world: &mut World, pod: &Pod, container: &Container) -> Option<Standing> {
    let shown = world.cluster.container_fails_alike(pod, container)?;
    if shown.reason == "CrashLoopBackOff" {
        return Some(crashing(world, pod, container, shown.code));
    }
    warn(world, pod, "Failed", &format!("Error: {}", shown.reason), 1);
    Some(Standing::Waiting(shown.reason, shown.message, 0))
}

/// A container that is killed again and again because its postStart hook fails (`startContainer` of `kuberuntime_container.go`).
pub(super) fn unhooked(world: &mut World, pod: &Pod, container: &Container) -> Standing {
    let standing = crashing(world, pod, container, 0);
    if let Standing::Restarting(again) = &standing {
        let kills = 1 + i64::from(again.restarts);
        warn(world, pod, "FailedPostStartHook", "PostStartHook failed", kills);
        say(world, pod, "Killing", "FailedPostStartHook", kills);
    }
    standing
}

/// What the kubelet has said of a container's starts by now; of the first ones nothing until the Pod is there.
fn say_started(world: &mut World, pod: &Pod, container: &Container, restarts: i32) {
    if pod.status.pod_ip.is_empty() || world.cluster.store.pods.len() > EVENTFUL {
        return;
    }
    for (reason, text) in started(container) {
        say(world, pod, reason, &text, 1 + i64::from(restarts));
    }
}

/// A container whose program ends by itself after a while, with this code after so many seconds; `None`: it runs as any other.
/// `again`: it is started again then.
pub(super) fn lasting(
    world: &mut World,
    pod: &Pod,
    container: &Container,
    (code, lasts): (i32, i64),
    again: bool,
) -> Option<Standing> {
    let (name, meta, now) = (&container.name, &pod.metadata, clock(world));
    if !again {
        let status = pod.status.container_statuses.iter().find(|status| status.name == *name);
        let ended = status.is_some_and(|status| status.state.terminated.is_some());
        let since = running_since(pod, container).and_then(seconds_of);
        let over = ended || since.is_some_and(|since| since.saturating_add(lasts) <= now);
        return over.then_some(Standing::Ended(code));
    }
    let before = timed_so_far(pod, container)?;
    let life = before.at(now, lasts);
    if life == before && life.running.is_some() {
        return None;
    }
    let full_name = format!("{}_{}({})", meta.name, meta.namespace, meta.uid);
    let said = life.back_offs(now, lasts);
    if said > 0 {
        let back_off = format!("Back-off restarting failed container {name} in pod {full_name}");
        warn(world, pod, "BackOff", &back_off, said);
    }
    say_started(world, pod, container, life.restarts);
    let written = |seconds: i64| timestamp(u64::try_from(seconds).unwrap_or(0));
    let unprobed = container.readiness_probe.is_none() && container.startup_probe.is_none();
    Some(Standing::Restarting(Box::new(Again {
        restarts: life.restarts,
        ended: terminated(container, code, (&written(life.ended.saturating_sub(lasts)), &written(life.ended))),
        running: life.running.map(written),
        message: format!("back-off {} restarting failed container={name} pod={full_name}", life.back_off_text()),
        ready: life.running.is_some() && unprobed,
        started: life.running.is_some() && container.startup_probe.is_none(),
    })))
}

/// Where a container stood that ends by itself; `None`: it has not been started yet.
fn timed_so_far(pod: &Pod, container: &Container) -> Option<Life> {
    let mut statuses = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    let status = statuses.find(|status| status.name == container.name)?;
    let running = running_since(pod, container).and_then(seconds_of);
    let last = status.last_state.terminated.as_ref().and_then(|ended| seconds_of(ended.finished_at.as_deref()?));
    Some(Life { restarts: status.restart_count, ended: last.or(running)?, running })
}

/// How many seconds a container runs that fails this probe: until it has failed often enough, and its preStop hook is done.
fn lasts(pod: &Pod, container: &Container, probe: &Probe) -> i64 {
    let asks = i64::from(probe.failure_threshold.max(1)) - 1;
    let runs = (i64::from(probe.initial_delay_seconds) + asks * i64::from(probe.period_seconds)).max(1);
    runs.saturating_add(pre_stop::holds(pod, container))
}

/// When the next container of those that are killed again and again is started or killed, in virtual seconds.
pub(crate) fn next_turn(world: &World) -> Option<u64> {
    let mut next: Option<u64> = None;
    for pod in world.cluster.store.pods.values().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
        for container in &pod.spec.containers {
            if let Some((_, lasts)) = timed(container) {
                let turn = timed_so_far(pod, container).map(|life| life.turns(lasts));
                next = sooner(world, pod, turn, next);
                continue;
            }
            let Some(life) = life_so_far(pod, &container.name) else { continue };
            // While both fail, it is the startup probe that kills.
            let probe = container.startup_probe.as_ref().or(container.liveness_probe.as_ref());
            next = sooner(world, pod, probe.map(|probe| life.turns(lasts(pod, container, probe))), next);
        }
    }
    next
}

/// The earlier of two moments, of which the first is on the clock of the Pod's kubelet and counts only if that runs.
fn sooner(world: &World, pod: &Pod, at: Option<i64>, next: Option<u64>) -> Option<u64> {
    let at = at.and_then(|at| u64::try_from(at).ok()?.checked_sub(world.cluster.epoch));
    let runs = world.cluster.is_up(&pod.spec.node_name) && !keeps_its_settings(world, pod);
    at.filter(|at| runs && *at > world.cluster.now && next.is_none_or(|next| *at < next)).or(next)
}

/// Where a container stood when it was looked at last, if it was killed before.
fn life_so_far(pod: &Pod, container: &str) -> Option<Life> {
    let mut statuses = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    let status = statuses.find(|status| status.name == container)?;
    let ended = status.last_state.terminated.as_ref()?.finished_at.as_deref().and_then(seconds_of)?;
    let running = status.state.running.as_ref().and_then(|running| seconds_of(running.started_at.as_deref()?));
    Some(Life { restarts: status.restart_count.max(RESTARTS), ended, running })
}
