//! Init containers: those that end, fail, stay, wait for others, or run on as sidecars.

use super::*;
use crate::kubectl::printers::pod_status;

/// `kubectl get pods`: STATUS of the only Pod.
fn status(cluster: &Cluster) -> String {
    let [pod] = pods(cluster)[..] else { panic!("{:?}", pods(cluster).len()) };
    pod_status(pod)
}

fn pod(init: &str, rest: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  initContainers: [{init}]\n  containers: [{{name: c, image: nginx}}]\n{rest}---\n"
    )
}

#[test]
fn a_pod_starts_when_its_init_containers_have_ended_well() {
    let wait =
        |name: &str| format!("{{name: {name}, image: busybox, command: [sh, -c, 'until nslookup {name}; do sleep 2; done']}}");
    let text = pod(&format!("{}, {}", wait("one"), wait("two")), "");
    let service =
        |name: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}\n---\n");
    let none = with(&text);
    assert_eq!(status(&none), "Init:0/2");
    assert_eq!(pods(&none)[0].status.phase, "Pending");
    let one = apply(&none, &format!("{text}{}", service("one"))).cluster;
    assert_eq!(status(&one), "Init:1/2");
    let initialized = pods(&one)[0].status.conditions.iter().find(|own| own.type_ == "Initialized").unwrap();
    assert_eq!(initialized.message, "containers with incomplete status: [two]");
    let both = apply(&one, &format!("{text}{}{}", service("one"), service("two"))).cluster;
    assert_eq!((status(&both).as_str(), is_ready(pods(&both)[0])), ("Running", true));
    // A name that goes later stops nobody.
    let later = apply(&both, &text).cluster;
    assert_eq!(status(&act(&later, "wait 60s").cluster), "Running");
}

#[test]
fn a_server_as_an_init_container_never_ends_and_a_failing_one_is_started_again() {
    let text = pod("{name: i, image: nginx}", "");
    assert_eq!(status(&act(&with(&text), "wait 3600s").cluster), "Init:0/1");
    let fails = "{name: i, image: busybox, command: [sh, -c, 'exit 3']}";
    let again = with(&pod(fails, ""));
    assert_eq!(status(&again), "Init:CrashLoopBackOff");
    let restarts = |cluster: &Cluster| pods(cluster)[0].status.init_container_statuses[0].restart_count;
    assert_eq!((restarts(&again), restarts(&act(&again, "wait 700s").cluster)), (1, 7));
    let once = with(&pod(fails, "  restartPolicy: Never\n"));
    assert_eq!((status(&once).as_str(), pods(&once)[0].status.phase.as_str()), ("Init:Error", "Failed"));
}

#[test]
fn a_connection_is_waited_for_until_the_service_has_an_endpoint() {
    let init = "{name: i, image: busybox, command: [sh, -c, 'until nc -z db 5432; do sleep 1; done']}";
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {selector: {app: db}, ports: [{port: 5432}]}\n---\n";
    let text = format!("{}{service}", pod(init, ""));
    let alone = with(&text);
    assert_eq!(status(&alone), "Init:0/1");
    let db = "apiVersion: v1\nkind: Pod\nmetadata: {name: db, labels: {app: db}}\nspec: {containers: [{name: c, image: postgres, env: [{name: POSTGRES_PASSWORD, value: x}]}]}\n";
    let served = apply(&alone, &format!("{text}{db}")).cluster;
    assert!(pods(&served).iter().all(|pod| is_ready(pod)));
}

#[test]
fn a_sidecar_counts_for_its_pods_readiness() {
    let sidecar = |port: u16| {
        let probe = format!("readinessProbe: {{tcpSocket: {{port: {port}}}}}");
        pod(&format!("{{name: p, image: redis, restartPolicy: Always, {probe}}}"), "")
    };
    assert!(is_ready(pods(&with(&sidecar(6379)))[0]));
    let cluster = with(&sidecar(6380));
    let ready = pods(&cluster)[0].status.conditions.iter().find(|own| own.type_ == "ContainersReady").unwrap();
    assert_eq!((ready.status.as_str(), ready.message.as_str()), ("False", "containers with unready status: [p]"));
    assert_eq!(status(&cluster), "Running");
}

#[test]
fn a_container_whose_command_ends_is_started_again_or_leaves_its_pod_completed() {
    let pod = |command: &str, policy: &str| {
        let container = format!("{{name: c, image: busybox, command: {command}}}");
        with(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{restartPolicy: {policy}, containers: [{container}]}}\n"
        ))
    };
    for (command, policy, expected) in [
        ("[echo, hi]", "Always", "CrashLoopBackOff"),
        ("[sh, -c, 'exit 1']", "OnFailure", "CrashLoopBackOff"),
        ("[echo, hi]", "OnFailure", "Completed"),
        ("['true']", "Never", "Completed"),
        ("['false']", "Never", "Error"),
        ("[sh, -c, 'echo hi && sleep 3600']", "Always", "Running"),
    ] {
        assert_eq!(status(&pod(command, policy)), expected, "{command} {policy}");
    }
}
