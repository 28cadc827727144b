//! Pods that a preStop hook holds while they end.

use super::*;
use crate::api::discovery::EndpointSlice;

/// Three Pods whose hooks wait for twenty seconds.
fn held() -> String {
    let hook = "image: nginx, lifecycle: {preStop: {sleep: {seconds: 20}}}";
    assert!(WEB.contains("image: nginx"));
    WEB.replacen("image: nginx", hook, 1)
}

/// Pods that stay, and Terminating ones.
fn count(cluster: &Cluster) -> (usize, usize) {
    let (going, staying): (Vec<_>, Vec<_>) = pods(cluster).into_iter().partition(|pod| pod.metadata.deletion_timestamp.is_some());
    (staying.len(), going.len())
}

/// Endpoints that are ready, and those that are Terminating and serve.
fn endpoints(cluster: &Cluster) -> (usize, usize) {
    let slices = cluster.store.all::<EndpointSlice>().filter(|slice| slice.metadata.name.starts_with("web-"));
    let all: Vec<_> = slices.flat_map(|slice| &slice.endpoints).map(|endpoint| &endpoint.conditions).collect();
    let serves = |on: bool, off: bool| {
        all.iter().filter(|own| own.ready == Some(on) && own.serving == Some(true) && own.terminating == Some(off)).count()
    };
    (serves(true, false), serves(false, true))
}

#[test]
fn a_scaled_down_pod_serves_on_until_its_hook_has_run() {
    let scaled = act(&with(&held()), "deployment/default/web scale 1").cluster;
    assert_eq!((count(&scaled), endpoints(&scaled)), ((1, 2), (1, 2)));
    let early = act(&scaled, "wait 19s").cluster;
    assert_eq!(count(&early), (1, 2));
    let late = act(&early, "wait 1s").cluster;
    assert_eq!((count(&late), endpoints(&late)), ((1, 0), (1, 0)));
    assert_eq!(act(&scaled, "wait 1h").cluster.store.pods, act(&act(&late, "wait 1h").cluster, "wait 0s").cluster.store.pods);
}

#[test]
fn a_deleted_deployments_pods_serve_on() {
    let deleted = act(&with(&held()), "deployment/default/web delete").cluster;
    assert_eq!((count(&deleted), endpoints(&deleted)), ((0, 3), (0, 3)));
    assert_eq!(count(&act(&deleted, "wait 20s").cluster), (0, 0));
}

#[test]
fn terminating_pods_hold_no_rolling_update_back() {
    let rolled = apply(&with(&held()), &held().replace("image: nginx", "image: httpd")).cluster;
    assert_eq!((count(&rolled), endpoints(&rolled)), ((3, 3), (3, 3)));
    assert_eq!(count(&act(&rolled, "wait 20s").cluster), (3, 0));
}

#[test]
fn recreate_waits_until_the_old_pods_are_gone() {
    let text = held().replace("spec:\n  replicas: 3", "spec:\n  strategy: {type: Recreate}\n  replicas: 3");
    assert!(text.contains("Recreate"));
    let rolled = apply(&with(&text), &text.replace("image: nginx", "image: httpd")).cluster;
    assert_eq!((count(&rolled), endpoints(&rolled)), ((0, 3), (0, 3)));
    let done = act(&rolled, "wait 20s").cluster;
    assert_eq!((count(&done), endpoints(&done)), ((3, 0), (3, 0)));
}

#[test]
fn a_stateful_set_waits_for_each_pod_to_be_gone() {
    let text = held().replace("kind: Deployment", "kind: StatefulSet");
    let newer = |cluster: &Cluster| pods(cluster).iter().filter(|pod| pod.spec.containers[0].image == "httpd").count();
    let rolled = apply(&with(&text), &text.replace("image: nginx", "image: httpd")).cluster;
    assert_eq!((count(&rolled), newer(&rolled)), ((2, 1), 0));
    let one = act(&rolled, "wait 20s").cluster;
    assert_eq!((count(&one), newer(&one)), ((2, 1), 1));
    let all = act(&one, "wait 40s").cluster;
    assert_eq!((count(&all), newer(&all)), ((3, 0), 3));
    assert_eq!(act(&rolled, "wait 60s").cluster.store.pods, all.store.pods);
}

#[test]
fn an_evicted_pod_is_held_from_its_eviction_on() {
    let tolerates = "spec: {tolerations: [{key: k, operator: Exists, effect: NoExecute, tolerationSeconds: 30}], containers:";
    let text = held().replace("spec: {containers:", tolerates);
    assert!(text.contains("tolerationSeconds"));
    let taint = "---\napiVersion: v1\nkind: Node\nmetadata: {name: node-2}\nspec: {taints: [{key: k, effect: NoExecute}]}\n";
    let tainted = apply(&with(&text), &format!("{text}{taint}")).cluster;
    assert_eq!(count(&act(&tainted, "wait 29s").cluster), (3, 0));
    assert_eq!(count(&act(&tainted, "wait 49s").cluster), (3, 1));
    assert_eq!(count(&act(&tainted, "wait 50s").cluster), (3, 0));
}

#[test]
fn a_rollout_that_waits_for_readiness_lets_hooks_run_meanwhile() {
    let text = held().replace("spec:\n  replicas: 3", "spec:\n  minReadySeconds: 30\n  replicas: 3");
    let rolled = apply(&with(&text), &text.replace("image: nginx", "image: httpd")).cluster;
    // Each of the three steps takes longer than a hook: only the last Pod's still runs.
    assert_eq!(count(&rolled), (3, 1));
}

#[test]
fn a_replaced_pod_is_made_again_when_the_old_one_is_gone() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: nginx, lifecycle: {preStop: {sleep: \
         {seconds: 20}}}}]}\n";
    let cluster = with(pod);
    let before = cluster.now;
    let uid = |cluster: &Cluster| pods(cluster)[0].metadata.uid.clone();
    let object = ObjectRef::new(Kind::Pod, "default", "web");
    let replaced = cluster.act(&crate::cluster::Action::Replace(object)).cluster;
    assert_eq!((count(&replaced), replaced.now - before), ((1, 0), 20));
    assert_ne!(uid(&replaced), uid(&cluster));
}

#[test]
fn a_program_without_a_hook_ends_as_soon_as_it_is_told_to() {
    let scaled = act(&with(WEB), "deployment/default/web scale 1").cluster;
    assert_eq!((count(&scaled), endpoints(&scaled)), ((1, 0), (1, 0)));
}

#[test]
fn a_stateful_set_counts_its_terminating_pods_as_ready() {
    let text = held().replace("kind: Deployment", "kind: StatefulSet");
    let rolled = apply(&with(&text), &text.replace("image: nginx", "image: httpd")).cluster;
    let status = &rolled.store.stateful_sets.values().next().unwrap().status;
    assert_eq!(count(&rolled), (2, 1));
    assert_eq!((status.replicas, status.ready_replicas, status.available_replicas), (3, 3, 3));
    assert_eq!((status.current_replicas, status.updated_replicas), (2, 0));
}

#[test]
fn a_daemon_set_counts_its_terminating_pods_as_current_and_ready() {
    let text = held().replace("kind: Deployment", "kind: DaemonSet").replace("  replicas: 3\n", "");
    let set = |cluster: &Cluster| {
        let own = &cluster.store.daemon_sets.values().find(|own| own.metadata.name == "web").unwrap().status;
        (own.current_number_scheduled, own.number_ready, own.number_available, own.updated_number_scheduled)
    };
    let begun = with(&text);
    let nodes = set(&begun).0;
    let rolled = apply(&begun, &text.replace("image: nginx", "image: httpd")).cluster;
    assert_eq!(count(&rolled).1, 1);
    assert_eq!((nodes, set(&rolled)), (3, (3, 3, 3, 0)));
}
