//! How long preStop hooks hold a Pod that is to end.
//!
//! Imitates `killContainer` of `pkg/kubelet/kuberuntime/kuberuntime_container.go`: a container's hook runs before it is told to end, and
//! for no longer than the grace period. Read is what only waits: the `sleep` action, and commands that begin with `sleep`; other hooks
//! are assumed to take no time. A Pod stays here until its first container ends: from then on it serves no more.

use crate::api::core::{Container, Pod};
use serde_json::Value;

/// Commands of a script that take no time and end nothing.
const QUICK: [&str; 5] = ["echo", "date", "touch", "true", "set"];

/// For how many seconds all containers of a Pod run on after it was deleted.
pub fn seconds(pod: &Pod) -> i64 {
    let grace = pod.spec.termination_grace_period_seconds.unwrap_or(30).max(0);
    let running = |container: &&Container| {
        let own = pod.status.container_statuses.iter().find(|status| status.name == container.name);
        own.is_some_and(|status| status.state.running.is_some())
    };
    let held = pod.spec.containers.iter().filter(running).map(of_container).min();
    held.unwrap_or(0).clamp(0, grace)
}

fn of_container(container: &Container) -> i64 {
    let hook = &container.lifecycle["preStop"];
    if let Some(seconds) = hook["sleep"]["seconds"].as_i64() {
        return seconds;
    }
    let words = hook["exec"]["command"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        [program, flag, script, ..] if is_shell(program) && flag.ends_with('c') => of_script(script),
        [program, rest @ ..] if base(program) == "sleep" => rest.iter().map(|word| duration(word)).fold(0, i64::saturating_add),
        _ => 0,
    }
}

/// The sleeps before the first command that may end something.
fn of_script(script: &str) -> i64 {
    let mut seconds: i64 = 0;
    for command in script.replace("&&", ";").split([';', '\n']) {
        let mut words = command.split_whitespace();
        match words.next().map(base) {
            Some("sleep") if !command.contains('&') => {
                seconds = words.map(duration).fold(seconds, i64::saturating_add);
            }
            Some(word) if !QUICK.contains(&word) => break,
            _ => {}
        }
    }
    seconds
}

fn is_shell(program: &str) -> bool {
    matches!(base(program), "sh" | "bash" | "ash" | "dash")
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// What `sleep` takes: a number, with a unit or without; a fraction of a second counts as none.
fn duration(word: &str) -> i64 {
    if word == "infinity" {
        return i64::MAX;
    }
    let number = word.trim_end_matches(['s', 'm', 'h']);
    let unit = if word.ends_with('m') {
        60
    } else if word.ends_with('h') {
        3600
    } else {
        1
    };
    number.split('.').next().and_then(|whole| whole.parse::<i64>().ok()).unwrap_or(0).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(hook: &str) -> i64 {
        let text = format!("{{name: web, lifecycle: {{preStop: {hook}}}}}");
        of_container(&serde_yaml::from_str(&text).unwrap())
    }

    #[test]
    fn a_hook_that_waits_holds_its_container() {
        assert_eq!(held("{sleep: {seconds: 15}}"), 15);
        assert_eq!(held("{exec: {command: [sleep, '20']}}"), 20);
        assert_eq!(held("{exec: {command: [/bin/sleep, 1m]}}"), 60);
        assert_eq!(held("{exec: {command: [/bin/sh, -c, sleep 10 && nginx -s quit]}}"), 10);
        assert_eq!(held("{exec: {command: [bash, -ec, 'echo bye; sleep 5; sleep 2.5']}}"), 7);
    }

    #[test]
    fn a_hook_that_ends_the_program_first_holds_nothing() {
        assert_eq!(held("{exec: {command: [nginx, -s, quit]}}"), 0);
        assert_eq!(held("{exec: {command: [sh, -c, nginx -s quit; sleep 30]}}"), 0);
        assert_eq!(held("{exec: {command: [sh, -c, sleep 30 &]}}"), 0);
        assert_eq!(held("{httpGet: {path: /stop, port: 80}}"), 0);
    }

    #[test]
    fn no_hook_runs_longer_than_the_grace_period() {
        let pod = |hooks: &str| {
            let text = "spec: {terminationGracePeriodSeconds: 40, containers: [{name: a, lifecycle: {preStop: {sleep: {seconds: A}}}}, \
                 {name: b, lifecycle: {preStop: {sleep: {seconds: B}}}}]}\nstatus: {containerStatuses: [{name: a, state: {running: {}}}, \
                 {name: b, state: {running: {}}}]}\n";
            let (a, b) = hooks.split_once(' ').unwrap();
            seconds(&serde_yaml::from_str(&text.replace('A', a).replace('B', b)).unwrap())
        };
        assert_eq!(pod("60 90"), 40);
        // The Pod is not ready from the moment on at which its first container has ended.
        assert_eq!(pod("10 30"), 10);
    }
}
