//! When the containers of a Pod end that was deleted: what their preStop hooks take, and who waits for whom.
//!
//! Imitates `killContainer` of `pkg/kubelet/kuberuntime/kuberuntime_container.go` and `kuberuntime_termination_order.go`: all containers
//! are told to end at once, each after its own hook, which runs for no longer than the grace period; a sidecar waits for all others
//! and for the sidecars after it. Read is what only waits: the `sleep` action, and commands that begin with `sleep`; of other hooks
//! nobody here knows what they take: their containers are taken as ended at once.

use crate::api::core::{Container, Pod};
use serde_json::Value;

/// Commands of a script that take no time and end nothing.
const QUICK: [&str; 5] = ["echo", "date", "touch", "true", "set"];

/// Programs that tell another to end, and return.
const SIGNALS: [&str; 8] = ["kill", "killall", "pkill", "exit", "nginx", "httpd", "apachectl", "true"];

/// How long a hook takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hook {
    /// Seconds until it ends the program, or has run.
    seconds: i64,
    /// Nothing in it may take longer.
    known: bool,
}

const NONE: Hook = Hook { seconds: 0, known: true };

/// Which containers of a Pod run, and how many seconds after its deletion each ends.
pub fn ends(pod: &Pod) -> Vec<(&str, i64)> {
    let own = |container: &Container| holds(pod, container);
    let mut all: Vec<(&str, i64)> =
        pod.spec.containers.iter().filter(|one| runs(pod, one)).map(|one| (one.name.as_str(), own(one))).collect();
    let mut before = all.iter().map(|(_, at)| *at).max().unwrap_or(0);
    for sidecar in pod.spec.init_containers.iter().rev().filter(|one| one.is_sidecar() && runs(pod, one)) {
        before = before.max(own(sidecar));
        all.push((&sidecar.name, before));
    }
    all
}

/// For how many seconds a container runs on after it was told to end: what its own hook takes, within the grace period.
pub fn holds(pod: &Pod, container: &Container) -> i64 {
    let grace = pod.spec.termination_grace_period_seconds.unwrap_or(30).max(0);
    of_container(container).seconds.clamp(0, grace)
}

/// For how many seconds a Pod stays after it was deleted: until its last container ends.
pub fn seconds(pod: &Pod) -> i64 {
    ends(pod).into_iter().map(|(_, at)| at).max().unwrap_or(0)
}

/// The first running container of whose hook nobody knows here what it takes.
pub fn unknown(pod: &Pod) -> Option<&Container> {
    let mut all = pod.spec.containers.iter().chain(pod.spec.init_containers.iter().filter(|one| one.is_sidecar()));
    all.find(|one| runs(pod, one) && !of_container(one).known)
}

fn runs(pod: &Pod, container: &Container) -> bool {
    let mut all = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    all.any(|status| status.name == container.name && status.state.running.is_some())
}

fn of_container(container: &Container) -> Hook {
    let hook = &container.lifecycle["preStop"];
    if let Some(seconds) = hook["sleep"]["seconds"].as_i64() {
        return Hook { seconds, known: true };
    }
    let words = hook["exec"]["command"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        // A TCP connection is no handler (`Run` of `pkg/kubelet/lifecycle/handlers.go`).
        [] => Hook { known: !hook["httpGet"].is_object(), ..NONE },
        [program, flag, script, ..] if is_shell(program) && flag.ends_with('c') => of_script(script),
        [program, rest @ ..] if base(program) == "sleep" => Hook { seconds: total(rest), known: true },
        [program, ..] => Hook { known: is_brief(base(program)), ..NONE },
    }
}

fn is_brief(program: &str) -> bool {
    QUICK.contains(&program) || SIGNALS.contains(&program)
}

/// The sleeps before the first command that may end something.
fn of_script(script: &str) -> Hook {
    let mut seconds: i64 = 0;
    for command in script.replace("&&", ";").split([';', '\n']) {
        let mut words = command.split_whitespace();
        match words.next().map(base) {
            Some("sleep") if !command.contains('&') => {
                seconds = seconds.saturating_add(total(&words.collect::<Vec<_>>()));
            }
            Some("sleep") | None => {}
            Some(word) if QUICK.contains(&word) => {}
            Some(word) => return Hook { seconds, known: SIGNALS.contains(&word) },
        }
    }
    Hook { seconds, known: true }
}

fn total(times: &[&str]) -> i64 {
    times.iter().map(|word| duration(word)).fold(0, i64::saturating_add)
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

    fn hook(hook: &str) -> Hook {
        let text = format!("{{name: web, lifecycle: {{preStop: {hook}}}}}");
        of_container(&serde_yaml::from_str(&text).unwrap())
    }

    fn known(seconds: i64) -> Hook {
        Hook { seconds, known: true }
    }

    #[test]
    fn a_hook_that_waits_holds_its_container() {
        assert_eq!(hook("{sleep: {seconds: 15}}"), known(15));
        assert_eq!(hook("{exec: {command: [sleep, '20']}}"), known(20));
        assert_eq!(hook("{exec: {command: [/bin/sleep, 1m]}}"), known(60));
        assert_eq!(hook("{exec: {command: [/bin/sh, -c, sleep 10 && nginx -s quit]}}"), known(10));
        assert_eq!(hook("{exec: {command: [sh, -c, sleep 5; kill -QUIT 1]}}"), known(5));
        assert_eq!(hook("{exec: {command: [bash, -ec, 'echo bye; sleep 5; sleep 2.5']}}"), known(7));
    }

    #[test]
    fn a_hook_that_ends_the_program_first_holds_nothing() {
        assert_eq!(hook("{exec: {command: [nginx, -s, quit]}}"), known(0));
        assert_eq!(hook("{exec: {command: [sh, -c, nginx -s quit; sleep 30]}}"), known(0));
        assert_eq!(hook("{exec: {command: [sh, -c, sleep 30 &]}}"), known(0));
        assert_eq!(hook("{tcpSocket: {port: 80}}"), known(0));
    }

    #[test]
    fn what_another_program_or_a_request_takes_is_not_known() {
        let unknown = |seconds| Hook { seconds, known: false };
        assert_eq!(hook("{exec: {command: [/drain.sh]}}"), unknown(0));
        assert_eq!(hook("{exec: {command: [sh, -c, 'sleep 5; /drain.sh; sleep 9']}}"), unknown(5));
        assert_eq!(hook("{httpGet: {path: /stop, port: 80}}"), unknown(0));
    }

    fn ended(spec: &str) -> Vec<(String, i64)> {
        let statuses = |names: &[&str]| {
            let all: Vec<String> = names.iter().map(|name| format!("{{name: {name}, state: {{running: {{}}}}}}")).collect();
            all.join(", ")
        };
        let (main, inits) = (statuses(&["a", "b"]), statuses(&["first", "second"]));
        let text = format!("spec: {spec}\nstatus: {{containerStatuses: [{main}], initContainerStatuses: [{inits}]}}");
        let pod: Pod = serde_yaml::from_str(&text).unwrap();
        ends(&pod).into_iter().map(|(name, at)| (name.to_string(), at)).collect()
    }

    #[test]
    fn each_container_ends_after_its_own_hook_within_the_grace_period() {
        let spec = "{terminationGracePeriodSeconds: 40, containers: [{name: a, lifecycle: {preStop: {sleep: {seconds: 60}}}}, \
                    {name: b, lifecycle: {preStop: {sleep: {seconds: 10}}}}, {name: never-ran}]}";
        assert_eq!(ended(spec), [("a".to_string(), 40), ("b".to_string(), 10)]);
    }

    #[test]
    fn a_sidecar_ends_after_the_others_the_last_one_first() {
        let sidecar = |name: &str, seconds: i64| {
            format!("{{name: {name}, restartPolicy: Always, lifecycle: {{preStop: {{sleep: {{seconds: {seconds}}}}}}}}}")
        };
        let spec = format!(
            "{{initContainers: [{}, {}], containers: [{{name: a, lifecycle: {{preStop: {{sleep: {{seconds: 10}}}}}}}}]}}",
            sidecar("first", 5),
            sidecar("second", 20)
        );
        assert_eq!(ended(&spec), [("a".to_string(), 10), ("second".to_string(), 20), ("first".to_string(), 20)]);
    }
}
