//! What kubectl makes of a Pod's state, and how it writes ages.

use crate::api::core::Pod;
use crate::api::time::seconds_of;

/// The STATUS column of `kubectl get pods`: phase, unless something more telling is known.
pub fn pod_status(pod: &Pod) -> String {
    let status = &pod.status;
    let mut reason = if status.reason.is_empty() { status.phase.clone() } else { status.reason.clone() };
    for container in status.container_statuses.iter().rev() {
        if let Some(waiting) = container.state.waiting.as_ref().filter(|waiting| !waiting.reason.is_empty()) {
            reason.clone_from(&waiting.reason);
        }
    }
    let over = matches!(status.phase.as_str(), "Succeeded" | "Failed");
    if pod.metadata.deletion_timestamp.is_some() {
        if status.reason == "NodeLost" {
            return "Unknown".into();
        }
        if !over {
            return "Terminating".into();
        }
    }
    if reason.is_empty() { "Pending".into() } else { reason }
}

/// How many containers are ready, and how many there are.
pub fn ready_containers(pod: &Pod) -> (usize, usize) {
    let running = |status: &&crate::api::core::ContainerStatus| status.ready && status.state.running.is_some();
    (pod.status.container_statuses.iter().filter(running).count(), pod.spec.containers.len())
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
}
