//! Containers that probes kill or that end by themselves, and how often they are started again.

use super::configuration::CONFIGURED;
use super::*;

#[test]
fn a_probe_of_a_port_where_nothing_listens_keeps_the_pod_unready() {
    let probe = "readinessProbe: {tcpSocket: {port: 9999}}, name: web, image: nginx";
    let cluster = with(&WEB.replace("name: web, image: nginx", probe));
    assert_eq!((addresses(&cluster, "web").0.len(), addresses(&cluster, "web").1), (0, 3));
    let event = cluster.store.events.values().find(|event| event.reason == "Unhealthy").unwrap();
    assert!(event.message.starts_with("Readiness probe failed: dial tcp 10.244."), "{}", event.message);
}

#[test]
fn a_failing_liveness_probe_kills_the_container_again_and_again() {
    let cluster = with(&WEB.replace("image: nginx", "image: nginx, livenessProbe: {tcpSocket: {port: 9999}}"));
    let status = &pods(&cluster)[0].status.container_statuses[0];
    assert_eq!((status.state.waiting.as_ref().unwrap().reason.as_str(), status.restart_count), ("CrashLoopBackOff", 1));
    let said = |reason: &str| cluster.store.events.values().find(|event| event.reason == reason).unwrap().message.clone();
    assert_eq!(said("Killing"), "Container web failed liveness probe, will be restarted");
    assert!(said("BackOff").starts_with("Back-off restarting failed container web in pod web-"), "{}", said("BackOff"));
}

#[test]
fn a_liveness_probe_of_an_unknown_port_name_kills_nothing() {
    let cluster = with(&WEB.replace("image: nginx", "image: nginx, livenessProbe: {tcpSocket: {port: nowhere}}"));
    assert_eq!(addresses(&cluster, "web").0.len(), 3);
    let event = cluster.store.events.values().find(|event| event.reason == "Unhealthy").unwrap();
    let text = "Liveness probe errored and resulted in unknown state: strconv.Atoi: parsing \"nowhere\": invalid syntax";
    assert_eq!(event.message, text);
}

#[test]
fn a_container_that_is_killed_again_and_again_counts_its_restarts_over_time() {
    // Each run lasts two further probes, as the program ends as soon as it is told to; it backs off for 10 s, 20 s, 40 s, at last five minutes.
    let cluster = with(&WEB.replace("image: nginx", "image: nginx, livenessProbe: {tcpSocket: {port: 9999}}"));
    let status = |cluster: &Cluster| pods(cluster)[0].status.container_statuses[0].clone();
    let ended = status(&cluster).last_state.terminated.unwrap();
    assert_eq!((ended.exit_code, ended.reason.as_str()), (0, "Completed"));
    let age = |cluster: &Cluster| cluster.now;
    assert_eq!((status(&cluster).restart_count, age(&cluster)), (1, 0));
    let early = act(&cluster, "wait 9s").cluster;
    assert_eq!((status(&early).restart_count, status(&early).state.running), (1, None));
    // Without a readiness probe it is ready while it runs.
    let again = act(&early, "wait 1s").cluster;
    assert_eq!((status(&again).restart_count, status(&again).ready, addresses(&again, "web").0.len()), (2, true, 3));
    let late = act(&again, "wait 20s").cluster;
    assert_eq!((status(&late).restart_count, status(&late).state.waiting.unwrap().reason.as_str()), (2, "CrashLoopBackOff"));
    assert!(status(&late).state.waiting.unwrap().message.starts_with("back-off 20s restarting failed container=web"));
    assert_eq!(addresses(&late, "web").0.len(), 0);
    // While its Pod was there, the rollout was done: it no longer has a deadline.
    let web = late.store.get::<crate::api::apps::Deployment>("default", "web").unwrap();
    assert_eq!(web.status.conditions.iter().find(|own| own.type_ == "Progressing").unwrap().reason, "NewReplicaSetAvailable");
    assert_eq!(late.store, act(&cluster, "wait 30s").cluster.store);
    // Five runs and 310 s of waiting, then a start every 320 s.
    let hour = act(&late, "wait 4000s").cluster;
    assert_eq!(status(&hour).restart_count, 17);
    assert_eq!(status(&hour), status(&act(&cluster, "wait 4030s").cluster));
}

#[test]
fn a_container_that_a_probe_kills_has_ended_well_where_a_good_end_is_not_started_again() {
    let pod = |policy: &str| {
        let probe = "livenessProbe: {tcpSocket: {port: 9999}, periodSeconds: 3, failureThreshold: 1}";
        let spec = format!("restartPolicy: {policy}, containers: [{{name: web, image: nginx, {probe}}}]");
        with(&format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{{spec}}}"))
    };
    let again = "Container web failed liveness probe, will be restarted";
    for (policy, killed, times) in [("Never", "Stopping container web", 1), ("OnFailure", again, 2)] {
        let cluster = pod(policy);
        assert_eq!(pods(&cluster)[0].status.phase, "Succeeded", "{policy}");
        let said = cluster.store.events.values().find(|event| event.reason == "Killing").unwrap();
        assert_eq!((said.message.as_str(), said.count), (killed, times));
    }
    // It runs for the second in which the probe asks, and no grace period longer.
    let killed = act(&pod("Always"), "wait 11s").cluster;
    let status = &pods(&killed)[0].status.container_statuses[0];
    assert_eq!((status.restart_count, status.state.waiting.as_ref().unwrap().reason.as_str()), (2, "CrashLoopBackOff"));
}

/// How often the first Pod's Event of this reason has been said.
fn count(cluster: &Cluster, reason: &str) -> i32 {
    cluster.store.events.values().find(|event| event.reason == reason).map_or(0, |event| event.count)
}

#[test]
fn the_kubelets_events_repeat_as_time_passes() {
    let unready = with(&WEB.replace("image: nginx", "image: nginx, readinessProbe: {tcpSocket: {port: 9999}}"));
    assert_eq!(count(&unready, "Unhealthy"), 1);
    assert_eq!(count(&act(&unready, "wait 30s").cluster, "Unhealthy"), 4);
    // The recorder says 25 things of one Pod (four were its start), then one every five minutes.
    assert_eq!(count(&act(&unready, "wait 900s").cluster, "Unhealthy"), 24);
    let killed = with(&WEB.replace("image: nginx", "image: nginx, livenessProbe: {tcpSocket: {port: 9999}}"));
    assert_eq!((count(&killed, "Killing"), count(&killed, "BackOff")), (2, 1));
    let ends = with(&WEB.replace("image: nginx", "image: busybox, command: [sh, -c, exit 1]"));
    assert_eq!((count(&ends, "BackOff"), count(&act(&ends, "wait 130s").cluster, "BackOff")), (1, 4));
    let unmounted = act(&with(CONFIGURED), "wait 10s").cluster;
    assert_eq!(count(&unmounted, "FailedMount"), 5);
}

/// Phase, restarts and what the only container does: since when it runs, or why it does not.
fn course(cluster: &Cluster) -> (String, i32, String) {
    let status = &cluster.store.get::<Pod>("default", "p").unwrap().status;
    let own = &status.container_statuses[0];
    let runs = own.state.running.as_ref().map(|running| running.started_at.clone().unwrap());
    let waits = own.state.waiting.as_ref().map(|waiting| format!("{} {}", waiting.reason, waiting.message));
    let ended = own.state.terminated.as_ref().map(|ended| format!("{} {}", ended.exit_code, ended.reason));
    (status.phase.clone(), own.restart_count, runs.or(waits).or(ended).unwrap_or_default())
}

/// The pace of `doBackOff` of `pkg/kubelet/kuberuntime`: at once, then after 10, 20, 40 seconds.
#[test]
fn a_command_that_ends_after_a_while_runs_until_then_and_is_started_ever_more_rarely() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {restartPolicy: Always, containers: [{name: c, image: busybox, command: [sleep, '5']}]}\n";
    let cluster = with(text);
    let at = |seconds: u64| {
        let mut passing = cluster.clone();
        passing = act(&passing, &format!("wait {seconds}s")).cluster;
        let (phase, restarts, what) = course(&passing);
        (phase, restarts, what.split(" failed").next().unwrap().to_string())
    };
    let running = |since: u64, restarts| ("Running".to_string(), restarts, crate::api::time::timestamp(since));
    assert_eq!([at(4), at(9)], [running(0, 0), running(5, 1)]);
    assert_eq!(at(10), ("Running".into(), 1, "CrashLoopBackOff back-off 10s restarting".into()));
    assert_eq!(at(24), running(20, 2));
    assert_eq!(at(46), running(45, 3));
    assert_eq!(at(180), ("Running".into(), 5, "CrashLoopBackOff back-off 2m40s restarting".into()));
    // Second by second as at once.
    let steps = (0..60).fold(cluster.clone(), |cluster, _| act(&cluster, "wait 1s").cluster);
    assert_eq!(course(&steps), course(&act(&cluster, "wait 60s").cluster));
    let once = with(&text.replace("Always", "Never"));
    assert_eq!(course(&act(&once, "wait 4s").cluster).0, "Running");
    assert_eq!(course(&act(&once, "wait 9s").cluster), ("Succeeded".into(), 0, "0 Completed".into()));
    let late = act(&once, "wait 9s").cluster;
    let status = &late.store.get::<Pod>("default", "p").unwrap().status;
    let ended = status.container_statuses[0].state.terminated.as_ref().unwrap();
    assert_eq!(ended.finished_at.as_deref(), Some(crate::api::time::timestamp(5).as_str()));
}

#[test]
fn two_pods_of_a_nodes_network_cannot_listen_on_one_port() {
    let pod = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{hostNetwork: true, nodeName: node-1, containers: [{{name: c, image: nginx}}]}}\n---\n"
        )
    };
    let cluster = with(&[pod("a"), pod("p")].concat());
    let first = cluster.store.get::<Pod>("default", "a").unwrap();
    assert!(crate::node::kubelet::is_ready(first));
    assert!(course(&cluster).2.starts_with("CrashLoopBackOff"), "{:?}", course(&cluster));
    // Once the port is free, the next start succeeds.
    let freed = act(&act(&cluster, "pod/a delete").cluster, "wait 10m").cluster;
    assert!(crate::node::kubelet::is_ready(freed.store.get::<Pod>("default", "p").unwrap()));
}

#[test]
fn a_command_that_sleeps_for_an_hour_is_started_again_after_it_at_once() {
    let pod = |time: &str| {
        with(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: busybox, command: [sleep, '{time}']}}]}}\n"
        ))
    };
    let after = |cluster: &Cluster, time: &str| course(&act(cluster, &format!("wait {time}")).cluster);
    let hour = pod("3600");
    assert_eq!(after(&hour, "3599s"), course(&hour));
    let later = act(&hour, "wait 10h").cluster;
    assert_eq!((course(&later).1, count(&later, "BackOff"), is_ready(pods(&later)[0])), (10, 0, true));
    assert_eq!(course(&act(&pod("1d"), "wait 25h").cluster).1, 1);
    assert_eq!(after(&pod("infinity"), "720h").1, 0);
}

#[test]
fn arguments_without_a_program_cannot_be_started() {
    let cluster = with(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: python, args: [-m, http.server]}]}\n",
    );
    let status = pods(&cluster)[0].status.container_statuses[0].clone();
    let ended = status.last_state.terminated.unwrap();
    assert_eq!(
        (ended.reason.as_str(), ended.exit_code, ended.started_at.as_deref()),
        ("StartError", 128, Some("1970-01-01T00:00:00Z"))
    );
    assert_eq!((count(&cluster, "Started"), count(&cluster, "Failed"), status.restart_count), (0, 2, 1));
    assert!(ended.message.contains("exec: \"-m\": executable file not found in $PATH"));
}

#[test]
fn a_pod_whose_container_waits_is_not_said_to_run() {
    let said = |image: &str| {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, {image}}}]}}\n");
        let changes = apply(&fresh(), &text).changes;
        let told = changes.iter().find(|change| change.verb == crate::cluster::Verb::Unready).unwrap();
        (told.message.id.clone(), told.message.args.get("reason").cloned().unwrap_or_default())
    };
    let unready = "image: nginx, readinessProbe: {tcpSocket: {port: 81}}";
    assert_eq!(said(unready), ("change.notReadyYet".into(), String::new()));
    let failing = "image: nginx, livenessProbe: {tcpSocket: {port: 81}}";
    assert_eq!(said(failing), ("change.notRunning".into(), "CrashLoopBackOff".into()));
    let lacking = "image: nginx, envFrom: [{configMapRef: {name: none}}]";
    assert_eq!(said(lacking), ("change.notRunning".into(), "CreateContainerConfigError".into()));
}
