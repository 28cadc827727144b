//! How Pods of a changed template replace the old ones.

use super::{act, apply, pods, with};
use crate::api::apps::{Deployment, ReplicaSet, StatefulSet};
use crate::api::core::Pod;
use crate::cluster::{Cluster, Outcome, Verb};

fn template(image: &str) -> String {
    format!("template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: c, image: {image}}}]}}}}")
}

/// A Deployment of three nginx Pods with more in its spec.
fn deployment(image: &str, replicas: i32, more: &str) -> String {
    let (template, selector) = (template(image), "selector: {matchLabels: {app: web}}");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{replicas: {replicas}, {more}{selector}, {template}}}\n"
    )
}

#[test]
fn min_ready_seconds_paces_a_rollout() {
    let spec = "minReadySeconds: 10, strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}, ";
    let before = with(&deployment("nginx:1", 3, spec));
    assert_eq!(before.now, 10);
    let outcome = apply(&before, &deployment("nginx:2", 3, spec));
    let made = outcome.changes.iter().filter(|change| change.verb == Verb::Start).map(|change| change.at).collect::<Vec<_>>();
    assert_eq!(made, [10, 20, 30]);
    assert_eq!(outcome.cluster.now, 40);
    let deployment = outcome.cluster.store.get::<Deployment>("default", "web").unwrap();
    assert_eq!((deployment.status.updated_replicas, deployment.status.available_replicas), (3, 3));
}

#[test]
fn pods_of_several_workloads_become_available_at_one_moment() {
    let spec = "minReadySeconds: 10, ";
    let other = deployment("nginx:1", 2, spec).replace("name: web", "name: api").replace("app: web", "app: api");
    let cluster = with(&format!("{}---\n{other}", deployment("nginx:1", 2, spec)));
    let available = |name: &str| cluster.store.get::<Deployment>("default", name).unwrap().status.available_replicas;
    assert_eq!((cluster.now, available("web"), available("api")), (10, 2, 2));
}

#[test]
fn scaling_amid_a_rollout_keeps_the_proportion_of_old_and_new() {
    // The new Pods never become ready: the rollout stands with 8 old and 5 new of 10, as in upstream's own example.
    let spec = "strategy: {rollingUpdate: {maxSurge: 3, maxUnavailable: 2}}, ";
    let broken = "nginx:2, readinessProbe: {tcpSocket: {port: 9}}";
    let stuck = apply(&with(&deployment("nginx:1", 10, spec)), &deployment(broken, 10, spec)).cluster;
    let sizes = |cluster: &Cluster| {
        let mut sizes: Vec<i32> =
            cluster.store.in_namespace::<ReplicaSet>("default").map(|set| set.spec.replicas.unwrap()).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(&stuck), [5, 8]);
    let scaled = act(&stuck, "deployment/web scale 15").cluster;
    assert_eq!(sizes(&scaled), [7, 11]);
}

fn stateful(image: &str, more: &str) -> String {
    let (template, selector) = (template(image), "selector: {matchLabels: {app: web}}");
    format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: web}}\nspec: {{replicas: 3, serviceName: web, {more}{selector}, {template}}}\n"
    )
}

fn images(cluster: &Cluster) -> Vec<&str> {
    pods(cluster).iter().map(|pod| pod.spec.containers[0].image.as_str()).collect()
}

#[test]
fn a_partition_keeps_lower_ordinals_even_when_they_come_back() {
    let spec = "updateStrategy: {rollingUpdate: {partition: 2}}, ";
    let next = apply(&with(&stateful("nginx:1", spec)), &stateful("nginx:2", spec)).cluster;
    assert_eq!(images(&next), ["nginx:1", "nginx:1", "nginx:2"]);
    let back = act(&next, "pod/default/web-0 delete").cluster;
    assert_eq!(images(&back), ["nginx:1", "nginx:1", "nginx:2"]);
    let status = &back.store.get::<StatefulSet>("default", "web").unwrap().status;
    assert_eq!((status.current_replicas, status.updated_replicas), (2, 1));
    assert_ne!(status.current_revision, status.update_revision);
    let all = apply(&back, &stateful("nginx:2", "")).cluster;
    assert_eq!(images(&all), ["nginx:2"; 3]);
}

#[test]
fn a_start_ordinal_moves_the_names_and_the_partition() {
    let names = |cluster: &Cluster| {
        let pods = cluster.store.all::<Pod>().filter(|pod| pod.metadata.namespace == "default");
        pods.map(|pod| pod.metadata.name.clone()).collect::<Vec<_>>()
    };
    let ordinals = "ordinals: {start: 2}, ";
    let first = with(&stateful("nginx:1", ordinals));
    assert_eq!(names(&first), ["web-2", "web-3", "web-4"]);
    let held = "ordinals: {start: 2}, updateStrategy: {rollingUpdate: {partition: 2}}, ";
    assert_eq!(images(&apply(&first, &stateful("nginx:2", held)).cluster), ["nginx:1", "nginx:1", "nginx:2"]);
    assert_eq!(names(&apply(&first, &stateful("nginx:1", "")).cluster), ["web-0", "web-1", "web-2"]);
}

#[test]
fn on_delete_replaces_only_what_is_deleted() {
    let spec = "updateStrategy: {type: OnDelete}, ";
    let next = apply(&with(&stateful("nginx:1", spec)), &stateful("nginx:2", spec)).cluster;
    assert_eq!(images(&next), ["nginx:1"; 3]);
    assert_eq!(images(&act(&next, "pod/default/web-1 delete").cluster), ["nginx:1", "nginx:2", "nginx:1"]);
}

fn daemon(image: &str, strategy: &str) -> String {
    let (template, selector) = (template(image), "selector: {matchLabels: {app: web}}");
    format!(
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{name: web}}\nspec: {{updateStrategy: {strategy}, minReadySeconds: 5, {selector}, {template}}}\n"
    )
}

#[test]
fn a_daemon_sets_update_strategy_sets_its_pace() {
    let updated = |strategy: &str| apply(&with(&daemon("nginx:1", strategy)), &daemon("nginx:2", strategy));
    let times = |outcome: &Outcome, verb: Verb| {
        outcome.changes.iter().filter(|change| change.verb == verb).map(|change| change.at).collect::<Vec<_>>()
    };
    let one = updated("{type: RollingUpdate}");
    assert_eq!((times(&one, Verb::Terminate), images(&one.cluster)), (vec![5, 10, 15], vec!["nginx:2"; 3]));
    let two = updated("{rollingUpdate: {maxUnavailable: 2}}");
    assert_eq!(times(&two, Verb::Terminate), [5, 5, 10]);
    let surge = updated("{rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}");
    assert_eq!((times(&surge, Verb::Start), times(&surge, Verb::Terminate)), (vec![5, 10, 15], vec![10, 15, 20]));
    assert_eq!(images(&surge.cluster), ["nginx:2"; 3]);
    let by_hand = updated("{type: OnDelete}");
    assert_eq!(images(&by_hand.cluster), ["nginx:1"; 3]);
}

/// A Deployment's conditions: type, status, reason.
fn conditions(cluster: &Cluster) -> Vec<String> {
    let deployment = cluster.store.get::<Deployment>("default", "web").unwrap();
    deployment.status.conditions.iter().map(|own| format!("{} {} {}", own.type_, own.status, own.reason)).collect()
}

const AVAILABLE: &str = "Available True MinimumReplicasAvailable";

#[test]
fn a_deployment_says_that_it_is_available_and_that_its_rollout_is_done() {
    let cluster = with(&deployment("nginx:1", 3, ""));
    assert_eq!(conditions(&cluster), [AVAILABLE, "Progressing True NewReplicaSetAvailable"]);
    let web = cluster.store.get::<Deployment>("default", "web").unwrap();
    let set = cluster.store.in_namespace::<ReplicaSet>("default").next().unwrap();
    let text = format!("ReplicaSet \"{}\" has successfully progressed.", set.metadata.name);
    assert_eq!(web.status.conditions[1].message, text);
}

#[test]
fn a_rollout_that_stands_for_ten_minutes_has_exceeded_its_deadline() {
    let broken = "nginx:2, readinessProbe: {tcpSocket: {port: 9}}";
    let stuck = apply(&with(&deployment("nginx:1", 3, "")), &deployment(broken, 3, "")).cluster;
    assert_eq!(conditions(&stuck), [AVAILABLE, "Progressing True ReplicaSetUpdated"]);
    let late = "Progressing False ProgressDeadlineExceeded";
    assert_eq!(conditions(&act(&stuck, "wait 600s").cluster)[1], "Progressing True ReplicaSetUpdated");
    let over = act(&stuck, "wait 601s").cluster;
    assert_eq!(conditions(&over), [AVAILABLE, late]);
    // A template that works is another rollout.
    let mended = apply(&over, &deployment("nginx:3", 3, "")).cluster;
    assert_eq!(conditions(&mended), [AVAILABLE, "Progressing True NewReplicaSetAvailable"]);
    let hasty = apply(&with(&deployment("nginx:1", 3, "")), &deployment(broken, 3, "progressDeadlineSeconds: 30, ")).cluster;
    assert_eq!(conditions(&act(&hasty, "wait 31s").cluster)[1], late);
}

#[test]
fn a_deployment_without_enough_ready_pods_is_not_available() {
    let cluster = with(&deployment("nginx:1, readinessProbe: {tcpSocket: {port: 9}}", 3, ""));
    assert_eq!(conditions(&cluster), ["Available False MinimumReplicasUnavailable", "Progressing True ReplicaSetUpdated"]);
}

#[test]
fn a_paused_deployment_is_not_judged_for_its_progress() {
    let before = with(&deployment("nginx:1", 3, ""));
    let paused = apply(&before, &deployment("nginx:2", 3, "paused: true, ")).cluster;
    assert_eq!(conditions(&paused)[1], "Progressing Unknown DeploymentPaused");
    assert_eq!(conditions(&act(&paused, "wait 700s").cluster)[1], "Progressing Unknown DeploymentPaused");
    let resumed = apply(&paused, &deployment("nginx:2", 3, "")).cluster;
    assert_eq!(conditions(&resumed)[1], "Progressing True NewReplicaSetAvailable");
}

#[test]
fn a_new_deployment_that_is_paused_gets_no_replica_set() {
    let paused = with(&deployment("nginx:1", 3, "paused: true, "));
    let sets = |cluster: &Cluster| cluster.store.in_namespace::<ReplicaSet>("default").count();
    let status = |cluster: &Cluster| {
        let deployment = cluster.store.get::<Deployment>("default", "web").unwrap();
        (deployment.status.replicas, deployment.status.unavailable_replicas, deployment.status.observed_generation)
    };
    assert_eq!((sets(&paused), pods(&paused).len(), status(&paused)), (0, 0, (0, 0, 1)));
    assert_eq!(conditions(&paused), ["Progressing Unknown DeploymentPaused", "Available False MinimumReplicasUnavailable"]);
    let resumed = apply(&paused, &deployment("nginx:1", 3, "")).cluster;
    assert_eq!((sets(&resumed), pods(&resumed).len(), status(&resumed)), (1, 3, (3, 0, 2)));
}

#[test]
fn a_replica_set_that_is_made_empty_is_not_called_scaled_up() {
    let spec = "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}, ";
    let cluster = apply(&with(&deployment("nginx:1", 3, spec)), &deployment("nginx:2", 3, spec)).cluster;
    let mut ups: Vec<&str> = Vec::new();
    for event in cluster.store.events.values().filter(|event| event.message.starts_with("Scaled up")) {
        ups.push(event.message.split_once(" from ").unwrap().1);
    }
    ups.sort_unstable();
    assert_eq!(ups, ["0 to 1", "0 to 3", "1 to 2", "2 to 3"]);
}

#[test]
fn a_readiness_probe_asks_only_after_its_initial_delay_and_so_paces_a_rollout() {
    let spec = "strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}, ";
    let probed = |image: &str| format!("{image}, readinessProbe: {{tcpSocket: {{port: 80}}, initialDelaySeconds: 20}}");
    let before = with(&deployment(&probed("nginx:1"), 3, spec));
    assert_eq!((before.now, conditions(&before)[0].as_str()), (20, AVAILABLE));
    let outcome = apply(&before, &deployment(&probed("nginx:2"), 3, spec));
    let made = outcome.changes.iter().filter(|change| change.verb == Verb::Start).map(|change| change.at).collect::<Vec<_>>();
    assert_eq!((made, outcome.cluster.now), (vec![20, 40, 60], 80));
    // A Pod is ready first, and available after that.
    let both = with(&deployment(&probed("nginx:1"), 3, "minReadySeconds: 10, "));
    assert_eq!((both.now, conditions(&both)[0].as_str()), (30, AVAILABLE));
    // Nobody asks a failing one sooner either.
    let failing = "nginx:1, readinessProbe: {tcpSocket: {port: 9}, initialDelaySeconds: 20}";
    let failing = with(&deployment(failing, 1, ""));
    assert_eq!(failing.now, 20);
    let event = failing.store.events.values().find(|event| event.reason == "Unhealthy").unwrap();
    assert_eq!((event.first_timestamp.clone(), event.count), (Some(crate::api::time::timestamp(failing.clock())), 1));
}

#[test]
fn no_other_probe_asks_before_the_startup_probe_has_succeeded() {
    let ready_at = |probes: &str| {
        let cluster = with(&deployment(&format!("nginx:1, {probes}"), 2, ""));
        assert_eq!(conditions(&cluster)[0], AVAILABLE);
        cluster.now
    };
    let port = "tcpSocket: {port: 80}";
    let startup = format!("startupProbe: {{{port}, initialDelaySeconds: 30}}");
    assert_eq!(ready_at(&startup), 30);
    let threshold = format!("readinessProbe: {{{port}, initialDelaySeconds: 5, periodSeconds: 10, successThreshold: 3}}");
    assert_eq!(ready_at(&threshold), 25);
    assert_eq!(ready_at(&format!("{startup}, {threshold}")), 50);
    // A container is ready whatever its liveness probe waits for.
    assert_eq!(ready_at(&format!("livenessProbe: {{{port}, initialDelaySeconds: 60}}")), 0);
}

#[test]
fn an_unchanged_document_that_is_applied_again_puts_back_the_replicas_that_it_names() {
    let ready = |cluster: &Cluster| pods(cluster).len();
    let scaled = act(&with(&deployment("nginx:1", 2, "")), "deployment/default/web scale 5").cluster;
    let again = |cluster: &Cluster, text: &str| cluster.apply_more(super::manifests(text)).cluster;
    assert_eq!((ready(&scaled), ready(&again(&scaled, &deployment("nginx:1", 2, "")))), (5, 2));
    let unsaid = deployment("nginx:1", 2, "").replace("replicas: 2, ", "");
    let scaled = act(&with(&unsaid), "deployment/default/web scale 5").cluster;
    assert_eq!(ready(&again(&scaled, &unsaid)), 5, "what a document does not say stays");
}

#[test]
fn the_pods_of_a_deleted_replica_set_go_with_it() {
    let before = with(&deployment("nginx:1", 2, ""));
    let set = before.store.in_namespace::<ReplicaSet>("default").next().unwrap();
    let after = act(&before, &format!("replicaset/default/{} delete", set.metadata.name)).cluster;
    let next = after.store.get::<ReplicaSet>("default", &set.metadata.name).unwrap();
    assert_ne!(next.metadata.uid, set.metadata.uid);
    let uids = |cluster: &Cluster| pods(cluster).iter().map(|pod| pod.metadata.uid.clone()).collect::<Vec<_>>();
    assert_eq!(uids(&after).len(), 2);
    assert!(uids(&after).iter().all(|uid| !uids(&before).contains(uid)));
    assert!(pods(&after).iter().all(|pod| pod.metadata.owner_references[0].uid == next.metadata.uid));
}
