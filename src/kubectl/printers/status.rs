//! What kubectl makes of a Pod's state, and how it writes ages.

use crate::api::core::{Condition, Container, ContainerStateTerminated, ContainerStatus, Pod};
use crate::api::time::seconds_of;

/// The STATUS column of `kubectl get pods` (`printPod`): phase, unless something more telling is known.
pub fn pod_status(pod: &Pod) -> String {
    let status = &pod.status;
    let over = matches!(status.phase.as_str(), "Succeeded" | "Failed");
    if pod.metadata.deletion_timestamp.is_some() && status.reason == "NodeLost" {
        return "Unknown".into();
    }
    if pod.metadata.deletion_timestamp.is_some() && !over {
        return "Terminating".into();
    }
    let holds = |kind: &str| status.conditions.iter().any(|own| own.type_ == kind && own.status == "True");
    let initializing = initializing(pod).filter(|_| !holds("Initialized"));
    if let Some(reason) = initializing {
        return reason;
    }
    let mut reason = if status.reason.is_empty() { status.phase.clone() } else { status.reason.clone() };
    let gated = |own: &Condition| own.type_ == "PodScheduled" && own.reason == "SchedulingGated";
    if status.conditions.iter().any(gated) {
        reason = "SchedulingGated".into();
    }
    let (mut running, mut error) = (false, String::new());
    for container in status.container_statuses.iter().rev() {
        match (&container.state.waiting, &container.state.terminated) {
            (Some(waiting), _) if !waiting.reason.is_empty() => reason.clone_from(&waiting.reason),
            (_, Some(ended)) => {
                reason = how_ended(ended);
                if ended.exit_code != 0 {
                    error.clone_from(&reason);
                }
            }
            _ => running |= container.ready && container.state.running.is_some(),
        }
    }
    if reason == "Completed" && (running || !error.is_empty()) {
        return match (running && holds("Ready"), error.is_empty()) {
            (true, _) => "Running".into(),
            (false, false) => error,
            (false, true) => "NotReady".into(),
        };
    }
    if reason.is_empty() { "Pending".into() } else { reason }
}

/// `Init:0/2`, `Init:CrashLoopBackOff`: the first init container that has not done its part; `None`: all have.
fn initializing(pod: &Pod) -> Option<String> {
    for (at, container) in pod.status.init_container_statuses.iter().enumerate() {
        let state = &container.state;
        let sidecar = is_sidecar(pod, &container.name) && container.started == Some(true);
        match (&state.terminated, &state.waiting) {
            (Some(ended), _) if ended.exit_code == 0 => {}
            _ if sidecar => {}
            (Some(ended), _) => return Some(format!("Init:{}", how_ended(ended))),
            (_, Some(waiting)) if !matches!(waiting.reason.as_str(), "" | "PodInitializing") => {
                return Some(format!("Init:{}", waiting.reason));
            }
            _ => return Some(format!("Init:{at}/{}", pod.spec.init_containers.len())),
        }
    }
    None
}

/// Whether an init container of this name runs on beside the others.
pub fn is_sidecar(pod: &Pod, name: &str) -> bool {
    let always = |container: &Container| container.name == name && container.restart_policy.as_deref() == Some("Always");
    pod.spec.init_containers.iter().any(always)
}

fn how_ended(ended: &ContainerStateTerminated) -> String {
    match (ended.reason.as_str(), ended.signal) {
        ("", 0) => format!("ExitCode:{}", ended.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_string(),
    }
}

/// How many containers are ready, and how many there are; those init containers count that a dump shows running on as sidecars.
pub fn ready_containers(pod: &Pod) -> (usize, usize) {
    let running = |status: &&ContainerStatus| status.ready && status.state.running.is_some();
    let sidecars = pod.status.init_container_statuses.iter().filter(|status| is_sidecar(pod, &status.name));
    let (all, ready) = (sidecars.clone().count(), sidecars.filter(|status| status.ready).count());
    let own = pod.status.container_statuses.iter().filter(running).count();
    (own + ready, pod.spec.containers.len() + all)
}

/// The AGE column: how long ago a timestamp is, at virtual second `now` (`duration.HumanDuration`).
pub fn age(timestamp: Option<&str>, now: u64) -> String {
    let Some(since) = timestamp.and_then(seconds_of) else { return "<unknown>".into() };
    let seconds = i64::try_from(now).unwrap_or(i64::MAX) - since;
    human_duration(seconds)
}

fn human_duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let two = |first: i64, first_unit: &str, second: i64, second_unit: &str| match second {
        0 => format!("{first}{first_unit}"),
        _ => format!("{first}{first_unit}{second}{second_unit}"),
    };
    match () {
        () if seconds < -1 => "<invalid>".into(),
        () if seconds < 0 => "0s".into(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 24 * 8 => two(hours / 24, "d", hours % 24, "h"),
        () if hours < 24 * 365 * 2 => format!("{}d", hours / 24),
        () if hours < 24 * 365 * 8 => two(hours / 24 / 365, "y", hours / 24 % 365, "d"),
        () => format!("{}y", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_written_as_kubectl_writes_them() {
        for (seconds, text) in
            [(0, "0s"), (119, "119s"), (120, "2m"), (185, "3m5s"), (3600, "60m"), (3 * 3600 + 60, "3h1m"), (200_000, "2d7h")]
        {
            assert_eq!(human_duration(seconds), text);
        }
    }

    #[test]
    fn the_status_column_says_what_kubectl_says() {
        let status = |spec: &str, status: &str| {
            let pod: Pod = serde_yaml::from_str(&format!("spec: {spec}\nstatus: {status}")).unwrap();
            let (ready, all) = ready_containers(&pod);
            format!("{ready}/{all} {}", pod_status(&pod))
        };
        let one = "{containers: [{name: a}]}";
        let ended =
            |exit: i32, reason: &str| format!("{{name: a, state: {{terminated: {{exitCode: {exit}, reason: '{reason}'}}}}}}");
        assert_eq!(
            status(one, &format!("{{phase: Succeeded, containerStatuses: [{}]}}", ended(0, "Completed"))),
            "0/1 Completed"
        );
        assert_eq!(status(one, &format!("{{phase: Failed, containerStatuses: [{}]}}", ended(3, ""))), "0/1 ExitCode:3");
        let runs = "{name: b, ready: true, state: {running: {}}}";
        let both = format!("{{phase: Running, containerStatuses: [{}, {runs}]}}", ended(0, "Completed"));
        assert_eq!(status("{containers: [{name: a}, {name: b}]}", &both), "1/2 NotReady");
        let init = "{initContainers: [{name: i}, {name: j}], containers: [{name: a}]}";
        let waits = "containerStatuses: [{name: a, state: {waiting: {reason: PodInitializing}}}]";
        let first = |state: &str| format!("{{phase: Pending, initContainerStatuses: [{{name: i, state: {state}}}], {waits}}}");
        assert_eq!(status(init, &first("{running: {}}")), "0/1 Init:0/2");
        assert_eq!(status(init, &first("{waiting: {reason: CrashLoopBackOff}}")), "0/1 Init:CrashLoopBackOff");
        assert_eq!(status(init, &first("{terminated: {exitCode: 1, reason: Error}}")), "0/1 Init:Error");
        let sidecar = "{initContainers: [{name: i, restartPolicy: Always}], containers: [{name: a}]}";
        let beside = format!(
            "{{phase: Running, initContainerStatuses: [{{name: i, started: true, ready: true, state: {{running: {{}}}}}}], containerStatuses: [{}]}}",
            runs.replace("name: b", "name: a")
        );
        assert_eq!(status(sidecar, &beside), "2/2 Running");
    }
}
