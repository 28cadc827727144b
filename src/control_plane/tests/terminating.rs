//! Pods that a preStop hook holds while they end.

use super::*;
use crate::api::discovery::EndpointSlice;
use crate::cluster::{Change, Verb};

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
    let before = with(&text);
    let rolled = apply(&before, &text.replace("image: nginx", "image: httpd"));
    let done = &rolled.cluster;
    assert_eq!((count(done), endpoints(done), done.now - before.now), ((3, 0), (3, 0), 20));
    assert_eq!(made_at(&rolled), [20, 20, 20]);
}

#[test]
fn a_stateful_set_waits_for_each_pod_to_be_gone() {
    let text = held().replace("kind: Deployment", "kind: StatefulSet");
    let rolled = apply(&with(&text), &text.replace("image: nginx", "image: httpd"));
    assert_eq!((count(&rolled.cluster), made_at(&rolled)), ((3, 0), vec![20, 40, 60]));
    // The last of those that a smaller number leaves out is waited for by nobody.
    let scaled = act(&with(&text), "statefulset/default/web scale 1").cluster;
    assert_eq!((count(&scaled), scaled.now), ((1, 1), 20));
    let deleted = act(&with(&text), "pod/default/web-1 delete");
    assert_eq!((count(&deleted.cluster), made_at(&deleted)), ((3, 0), vec![20]));
}

/// When Pods were made, in virtual seconds.
fn made_at(outcome: &Outcome) -> Vec<u64> {
    let made = |change: &&Change| change.verb == Verb::Create && change.object.kind == Kind::Pod;
    outcome.changes.iter().filter(made).map(|change| change.at).collect()
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
    // While a node has no power, time is the learner's alone.
    let dark = act(&with(&text), "node/node-1 down").cluster;
    let rolled = apply(&dark, &text.replace("image: nginx", "image: httpd")).cluster;
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
    let dark = act(&begun, "node/node-1 down").cluster;
    let rolled = apply(&dark, &text.replace("image: nginx", "image: httpd")).cluster;
    assert_eq!(count(&rolled).1, 1);
    assert_eq!((nodes, set(&rolled)), (3, (3, 3, 3, 0)));
    let whole = apply(&begun, &text.replace("image: nginx", "image: httpd"));
    assert_eq!((count(&whole.cluster), made_at(&whole)), ((3, 0), vec![20, 40, 60]));
}

/// One Pod of a Service: `neighbour`, `nginx` and a sidecar, each with what is said of it.
fn mixed(nginx: &str, neighbour: &str, sidecar: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, labels: {{app: web}}}}\nspec:\n  containers:\n  - {{name: nginx, image: nginx, {nginx}}}\n  \
         - {{name: neighbour, image: hashicorp/http-echo, {neighbour}}}\n  initContainers:\n  - {{name: proxy, image: redis, restartPolicy: \
         Always, {sidecar}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}\n"
    )
}

/// Which containers of the only Pod have ended, and whether its endpoint serves.
fn left(cluster: &Cluster) -> Option<(Vec<String>, Option<bool>)> {
    let pod = pods(cluster).into_iter().next()?;
    let all = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    let ended = all.filter(|own| own.ended).map(|own| own.name.clone()).collect();
    let serving = cluster.store.all::<EndpointSlice>().find(|slice| slice.metadata.name.starts_with("web-"))?;
    Some((ended, serving.endpoints.first()?.conditions.serving))
}

#[test]
fn each_container_ends_after_its_own_hook_and_the_pod_with_the_last() {
    let hook = |seconds: u32| format!("lifecycle: {{preStop: {{sleep: {{seconds: {seconds}}}}}}}");
    let deleted = act(&with(&mixed(&hook(5), &hook(20), "")), "pod/default/web delete").cluster;
    let ended = |names: &[&str]| Some((names.iter().map(|name| (*name).to_string()).collect(), Some(true)));
    assert_eq!(left(&act(&deleted, "wait 4s").cluster), ended(&[]));
    // No probe asks nginx: its kubelet goes on reporting it as ready.
    assert_eq!(left(&act(&deleted, "wait 19s").cluster), ended(&["nginx"]));
    assert_eq!(left(&act(&deleted, "wait 20s").cluster), None);
    let sidecar = act(&with(&mixed("", &hook(5), &hook(20))), "pod/default/web delete").cluster;
    assert_eq!(left(&sidecar), ended(&["nginx"]));
    assert_eq!(left(&act(&sidecar, "wait 6s").cluster), ended(&["nginx", "neighbour"]));
    assert_eq!(left(&act(&sidecar, "wait 20s").cluster), None);
}

#[test]
fn a_readiness_probe_goes_on_asking_a_container_that_has_ended() {
    let probe = "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 2, failureThreshold: 3}";
    let hook = "lifecycle: {preStop: {sleep: {seconds: 25}}}";
    let deleted = act(&with(&mixed(probe, hook, "")), "pod/default/web delete").cluster;
    let serving = |seconds: u32| left(&act(&deleted, &format!("wait {seconds}s")).cluster).map(|(_, serving)| serving);
    assert_eq!(
        [serving(5), serving(6), serving(24), serving(25)],
        [Some(Some(true)), Some(Some(false)), Some(Some(false)), None]
    );
    let later = act(&deleted, "wait 6s").cluster;
    let ready = pods(&later)[0].status.conditions.iter().find(|own| own.type_ == "Ready").unwrap();
    assert_eq!(ready.message, "containers with unready status: [nginx]");
}

#[test]
fn a_hook_of_which_nobody_knows_what_it_takes_is_named() {
    let hook = "lifecycle: {preStop: {exec: {command: [/drain.sh]}}}";
    let outcome = act(&with(&mixed(hook, "", "")), "pod/default/web delete");
    assert!(outcome.changes.iter().any(|change| change.message.id == "change.preStop.unknown"));
    assert_eq!(left(&outcome.cluster), None);
}
