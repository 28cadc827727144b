//! Lost nodes, stopped components, Pods that are not ready.

use super::*;
use crate::api::core::Node;

#[test]
fn an_unready_pod_leaves_the_ready_addresses_and_comes_back() {
    let cluster = with(WEB);
    let down = act(&cluster, "deployment/default/web unready").cluster;
    assert_eq!((addresses(&down, "web").0.len(), addresses(&down, "web").1), (2, 3));
    let up = act(&down, "deployment/default/web ready").cluster;
    assert_eq!(addresses(&up, "web").0.len(), 3);
}

#[test]
fn a_lost_node_plays_its_stages() {
    let cluster = with(WEB);
    let down = act(&cluster, "node/node-2 down").cluster;
    assert_eq!(addresses(&down, "web").0.len(), 3);
    let early = act(&down, "wait 49s").cluster;
    assert_eq!(addresses(&early, "web").0.len(), 3);
    assert!(!early.load_balancer_trusts("node-2") && down.load_balancer_trusts("node-2"));
    let lost = act(&early, "wait 1s").cluster;
    assert_eq!((addresses(&lost, "web").0.len(), addresses(&lost, "web").1), (2, 3));
    let late = act(&lost, "wait 299s").cluster;
    assert_eq!(pods(&late).len(), 3);
    let evicted = act(&late, "wait 1s").cluster;
    assert_eq!(pods(&evicted).len(), 4);
    assert_eq!(addresses(&evicted, "web").0.len(), 3);
    let back = act(&evicted, "node/node-2 up").cluster;
    assert_eq!((pods(&back).len(), addresses(&back, "web").1), (3, 3));
    assert_eq!(act(&down, "wait 350s").cluster.store.pods, evicted.store.pods);
}

/// Which nodes have which taints.
fn taints(cluster: &Cluster) -> String {
    let nodes = cluster.store.all::<Node>();
    let all = nodes
        .flat_map(|node| node.spec.taints.iter().map(|taint| format!("{} {}:{}", node.metadata.name, taint.key, taint.effect)));
    all.collect::<Vec<_>>().join("\n").replace("node.kubernetes.io/", "")
}

fn leaving(cluster: &Cluster) -> usize {
    pods(cluster).iter().filter(|pod| pod.metadata.deletion_timestamp.is_some()).count()
}

#[test]
fn two_nodes_lost_at_the_same_moment_are_both_noticed() {
    let down = act(&act(&with(WEB), "node/node-1 down").cluster, "node/node-2 down").cluster;
    let lost = act(&down, "wait 50s").cluster;
    assert_eq!(
        taints(&lost),
        "node-1 unreachable:NoSchedule\nnode-1 unreachable:NoExecute\nnode-2 unreachable:NoSchedule\nnode-2 unreachable:NoExecute"
    );
    assert_eq!(leaving(&act(&lost, "wait 300s").cluster), 2);
}

#[test]
fn nothing_is_evicted_while_no_node_is_ready() {
    let down = ["node/node-1 down", "node/node-2 down", "node/node-3 down"];
    let dark = down.iter().fold(with(WEB), |cluster, event| act(&cluster, event).cluster);
    let late = act(&act(&dark, "wait 60s").cluster, "wait 900s").cluster;
    assert_eq!(
        (taints(&late).matches("NoSchedule").count(), taints(&late).matches("NoExecute").count(), leaving(&late)),
        (3, 0, 0)
    );
    // One comes back: the others' Pods have five minutes from then.
    let one = act(&late, "node/node-3 up").cluster;
    assert_eq!(taints(&one).matches("NoExecute").count(), 2);
    assert_eq!(leaving(&act(&one, "wait 299s").cluster), 0);
    assert_eq!(leaving(&act(&one, "wait 300s").cluster), 2);
}

#[test]
fn a_taint_without_a_toleration_drives_pods_away_at_once() {
    let node = |taints: &str| {
        format!("{WEB}---\napiVersion: v1\nkind: Node\nmetadata: {{name: node-2}}\nspec: {{taints: [{taints}]}}\n")
    };
    let on_node_2 = |cluster: &Cluster| pods(cluster).iter().filter(|pod| pod.spec.node_name == "node-2").count();
    let uids = |cluster: &Cluster| pods(cluster).iter().map(|pod| pod.metadata.uid.clone()).collect::<Vec<_>>();
    let cluster = with(&node(""));
    assert_eq!(on_node_2(&cluster), 1);
    let gone = apply(&cluster, &node("{key: upgrade, effect: NoExecute}")).cluster;
    assert_eq!((on_node_2(&gone), pods(&gone).len(), addresses(&gone, "web").0.len()), (0, 3, 3));
    let spare = "spec: {tolerations: [{key: upgrade, operator: Exists, effect: NoExecute, tolerationSeconds: 30}], containers: [";
    let patient = |taints: &str| node(taints).replace("spec: {containers: [", spare);
    let borne = apply(&with(&patient("")), &patient("{key: upgrade, effect: NoExecute}")).cluster;
    assert_eq!(uids(&act(&borne, "wait 29s").cluster), uids(&borne));
    assert_ne!(uids(&act(&borne, "wait 30s").cluster), uids(&borne));
    let healed = apply(&act(&borne, "wait 29s").cluster, &patient("")).cluster;
    assert_eq!(uids(&act(&healed, "wait 60s").cluster), uids(&borne));
}

#[test]
fn a_cordoned_node_carries_the_taint_that_says_so() {
    let node =
        |cordoned: bool| format!("apiVersion: v1\nkind: Node\nmetadata: {{name: node-2}}\nspec: {{unschedulable: {cordoned}}}\n");
    let cordoned = with(&node(true));
    assert_eq!(taints(&cordoned), "node-2 unschedulable:NoSchedule");
    assert_eq!(taints(&apply(&cordoned, &node(false)).cluster), "");
}

/// The tolerations of the first Pod, as `kubectl describe` has them.
fn borne(cluster: &Cluster) -> Vec<String> {
    let one = |t: &crate::api::core::Toleration| format!("{}:{} {:?}", t.key, t.effect, t.toleration_seconds);
    pods(cluster)[0].spec.tolerations.iter().map(one).collect()
}

#[test]
fn every_pod_bears_a_lost_node_for_five_minutes_unless_it_says_otherwise() {
    let (away, lost) = ("node.kubernetes.io/not-ready:NoExecute Some(300)", "node.kubernetes.io/unreachable:NoExecute");
    assert_eq!(borne(&with(WEB)), [away.to_string(), format!("{lost} Some(300)")]);
    let own = "spec: {tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 20}], containers: [";
    let text = WEB.replace("spec: {containers: [", own);
    assert_ne!(text, WEB);
    let hasty = with(&text);
    assert_eq!(borne(&hasty), [format!("{lost} Some(20)"), away.to_string()]);
    let down = act(&hasty, "node/node-2 down").cluster;
    assert_eq!(pods(&act(&down, "wait 69s").cluster).len(), 3);
    assert_eq!(pods(&act(&down, "wait 70s").cluster).len(), 4);
    // A DaemonSet's Pods stay, whatever their template says.
    let daemons = with(&text.replace("kind: Deployment", "kind: DaemonSet").replace("  replicas: 3\n", ""));
    assert_eq!(borne(&daemons)[..2], [format!("{lost} None"), "node.kubernetes.io/not-ready:NoExecute None".to_string()]);
}

#[test]
fn a_stateful_set_on_a_lost_node_is_not_replaced() {
    let cluster = with(
        "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: redis}]}
",
    );
    let names: Vec<_> = pods(&cluster).iter().map(|pod| pod.metadata.name.clone()).collect();
    assert_eq!(names, ["db-0", "db-1", "db-2"]);
    assert_eq!((pods(&cluster)[0].spec.hostname.as_str(), pods(&cluster)[0].spec.subdomain.as_str()), ("db-0", "db"));
    let node = pods(&cluster)[1].spec.node_name.clone();
    let lost = act(&act(&cluster, &format!("node/{node} down")).cluster, "wait 10m").cluster;
    assert_eq!(pods(&lost).len(), 3);
    assert!(pods(&lost)[1].metadata.deletion_timestamp.is_some());
    let back = act(&lost, &format!("node/{node} up")).cluster;
    assert!(pods(&back).iter().all(|pod| is_ready(pod) && pod.metadata.deletion_timestamp.is_none()));
}

#[test]
fn a_daemon_sets_pod_stays_on_a_lost_node() {
    let text = WEB.replace("kind: Deployment", "kind: DaemonSet").replace("  replicas: 3\n", "");
    let cluster = with(&text);
    let names = |cluster: &Cluster| pods(cluster).iter().map(|pod| pod.metadata.name.clone()).collect::<Vec<_>>();
    let lost = act(&act(&cluster, "node/node-2 down").cluster, "wait 20m").cluster;
    assert_eq!(names(&lost), names(&cluster));
    assert!(pods(&lost).iter().all(|pod| pod.metadata.deletion_timestamp.is_none() && pod.status.phase == "Running"));
    assert_eq!((addresses(&lost, "web").0.len(), addresses(&lost, "web").1), (2, 3));
    let status = &lost.store.get::<crate::api::apps::DaemonSet>("default", "web").unwrap().status;
    let counts = (status.desired_number_scheduled, status.current_number_scheduled, status.number_misscheduled);
    assert_eq!(counts, (2, 2, 1));
    let back = act(&lost, "node/node-2 up").cluster;
    assert_eq!((names(&back), addresses(&back, "web").0.len()), (names(&cluster), 3));
    // A taint that drives out does.
    let taint = "---\napiVersion: v1\nkind: Node\nmetadata: {name: node-1}\nspec: {taints: [{key: k, effect: NoExecute}]}\n";
    assert_eq!(pods(&apply(&cluster, &format!("{text}{taint}")).cluster).len(), 2);
}

#[test]
fn a_terminating_pod_names_the_end_of_its_grace() {
    let down = act(&with(WEB), "node/node-2 down").cluster;
    let pod = pods(&down).into_iter().find(|pod| pod.spec.node_name == "node-2").unwrap().metadata.name.clone();
    let going = act(&down, &format!("pod/default/{pod} delete")).cluster;
    let meta = &going.store.get::<Pod>("default", &pod).unwrap().metadata;
    assert_eq!(meta.deletion_timestamp, Some(crate::api::time::timestamp(going.now + 30)));
    assert_eq!(meta.deletion_grace_period_seconds, Some(30));
}

#[test]
fn a_stopped_kube_proxy_keeps_its_view() {
    let stopped = act(&with(WEB), "kube-proxy/node-1 stop").cluster;
    let scaled = act(&stopped, "deployment/default/web scale 1");
    assert_eq!(scaled.cluster.proxy_view("node-1").pods.len(), stopped.store.pods.len());
    assert!(!scaled.changes.iter().any(|change| change.component == "kube-proxy/node-1"));
    let started = act(&scaled.cluster, "kube-proxy/node-1 start").cluster;
    assert_eq!(started.proxy_view("node-1"), &started.store);
}

#[test]
fn coredns_down_makes_its_pods_unready() {
    let down = act(&fresh(), "coredns down").cluster;
    assert!(down.store.in_namespace::<Pod>("kube-system").all(|pod| !is_ready(pod)));
    let up = act(&down, "coredns up").cluster;
    assert!(up.store.in_namespace::<Pod>("kube-system").all(is_ready));
}

const ASTRAY: &str = "
apiVersion: v1
kind: Pod
metadata: {name: astray}
spec: {nodeName: node-9, containers: [{name: c, image: nginx}]}
";

#[test]
fn a_pod_of_a_node_that_does_not_exist_is_collected_after_40_seconds() {
    let outcome = apply(&fresh(), ASTRAY);
    let said: Vec<_> = outcome.diagnostics.iter().map(|found| (found.path.as_str(), &found.message)).collect();
    assert!(matches!(said.as_slice(), [("spec.nodeName", Finding::Ours(words))] if words.id == "node.missing"), "{said:?}");
    let phase = |cluster: &Cluster| cluster.store.get::<Pod>("default", "astray").map(|pod| pod.status.phase.clone());
    assert_eq!(phase(&outcome.cluster).as_deref(), Some("Pending"));
    let early = act(&outcome.cluster, "wait 39s").cluster;
    assert_eq!(phase(&early).as_deref(), Some("Pending"));
    let collected = act(&early, "wait 1s");
    assert_eq!(phase(&collected.cluster), None);
    assert!(collected.changes.iter().any(|change| change.component == "pod-garbage-collector"));
    // Its text is applied once more, and makes it again.
    assert!(phase(&apply(&collected.cluster, ASTRAY).cluster).is_some());
}

#[test]
fn a_controller_makes_a_collected_pod_again_and_it_is_collected_again() {
    let text = WEB.replace("spec: {containers: [{name: web,", "spec: {nodeName: node-9, containers: [{name: web,");
    let first = apply(&fresh(), &text).cluster;
    let names = |cluster: &Cluster| pods(cluster).iter().map(|pod| pod.metadata.name.clone()).collect::<Vec<_>>();
    let second = act(&first, "wait 40s").cluster;
    assert!(pods(&second).len() == 3 && names(&second).iter().all(|name| !names(&first).contains(name)), "{:?}", names(&second));
    assert!(names(&act(&second, "wait 40s").cluster).iter().all(|name| !names(&second).contains(name)));
    assert_eq!(act(&first, "wait 1h").cluster.store.pods.len(), first.store.pods.len());
}

#[test]
fn a_lost_node_keeps_the_time_at_which_its_kubelet_posted_last() {
    let lost = act(&act(&fresh(), "node/node-1 down").cluster, "wait 5m").cluster;
    let said = crate::kubectl::describe::run(&lost, Kind::Node, "", "node-1").unwrap();
    let ready = said.lines().find(|line| line.trim_start().starts_with("Ready ")).unwrap();
    let times: Vec<&str> = ready.split("   ").map(str::trim).filter(|cell| cell.contains(':')).collect();
    assert_eq!(times.len(), 2, "{said}");
    assert_ne!(times[0], times[1], "{said}");
    let created = said.lines().find(|line| line.starts_with("CreationTimestamp:")).unwrap();
    assert!(created.ends_with(times[0]), "{said}");
}

#[test]
fn a_pod_of_a_stateful_set_bears_a_lost_node_for_five_minutes() {
    let text = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  serviceName: db\n  selector: {matchLabels: {app: db}}\n  \
                template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: nginx}]}}\n";
    let cluster = with(text);
    let pod = cluster.store.get::<Pod>("default", "db-0").unwrap();
    let borne: Vec<_> = pod.spec.tolerations.iter().map(|own| (own.key.as_str(), own.toleration_seconds)).collect();
    assert_eq!(borne, [("node.kubernetes.io/not-ready", Some(300)), ("node.kubernetes.io/unreachable", Some(300))]);
}
