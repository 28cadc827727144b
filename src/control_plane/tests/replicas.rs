//! ReplicationControllers, and what they share with ReplicaSets: whose a Pod is.

use super::{act, apply, pods, with};
use crate::api::apps::{ReplicaSet, ReplicationController};
use crate::api::core::Pod;
use crate::cluster::Cluster;

/// A ReplicationController of two Pods, with more in its spec.
fn controller(image: &str, labels: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ReplicationController\nmetadata: {{name: web}}\nspec: {{replicas: 2, {more}template: {{metadata: \
         {{labels: {{{labels}}}}}, spec: {{containers: [{{name: c, image: {image}}}]}}}}}}\n"
    )
}

/// A Pod's name, image, and whose it is.
fn each(cluster: &Cluster) -> Vec<String> {
    let owner =
        |pod: &Pod| pod.metadata.owner_references.first().map_or("nobody's".into(), |own| format!("{} {}", own.kind, own.name));
    pods(cluster).iter().map(|pod| format!("{}, {}", pod.spec.containers[0].image, owner(pod))).collect()
}

fn names(cluster: &Cluster) -> Vec<&str> {
    pods(cluster).iter().map(|pod| pod.metadata.name.as_str()).collect()
}

#[test]
fn a_replication_controller_takes_selector_and_labels_from_its_template_and_makes_pods_of_its_name() {
    let cluster = with(&controller("nginx:1", "app: web, tier: front", ""));
    let own = cluster.store.get::<ReplicationController>("default", "web").unwrap();
    assert_eq!(
        (&own.spec.selector, &own.metadata.labels),
        (&own.spec.template.metadata.labels, &own.spec.template.metadata.labels)
    );
    assert_eq!((own.status.replicas, own.status.ready_replicas, own.status.fully_labeled_replicas), (2, 2, 2));
    assert_eq!(each(&cluster), ["nginx:1, ReplicationController web"; 2]);
    assert!(names(&cluster).iter().all(|name| name.len() == "web-xxxxx".len() && name.starts_with("web-")));
    let events = cluster.store.events.values().filter(|event| event.involved_object.kind == "ReplicationController");
    assert!({ events }.all(|event| event.source.component == "replication-controller" && event.reason == "SuccessfulCreate"));
}

#[test]
fn a_changed_template_rolls_nothing_out_and_is_what_the_next_pod_is_made_from() {
    let before = with(&controller("nginx:1", "app: web", ""));
    let after = apply(&before, &controller("nginx:2", "app: web", "")).cluster;
    assert_eq!((names(&after), each(&after)), (names(&before), each(&before)));
    let first = format!("pod/default/{} delete", names(&after)[0]);
    let mut images = each(&act(&after, &first).cluster);
    images.sort();
    assert_eq!(images, ["nginx:1, ReplicationController web", "nginx:2, ReplicationController web"]);
    let more = act(&after, "replicationcontroller/web scale 4").cluster;
    assert_eq!(each(&more).iter().filter(|own| own.starts_with("nginx:2")).count(), 2);
    assert_eq!(each(&act(&more, "replicationcontroller/web delete").cluster), Vec::<String>::new());
}

#[test]
fn pods_that_a_changed_selector_no_longer_matches_are_let_go_and_run_on() {
    let before = with(&controller("nginx:1", "app: web, version: a", "selector: {version: a}, "));
    let after = apply(&before, &controller("nginx:2", "app: web, version: b", "selector: {version: b}, ")).cluster;
    let mut all = each(&after);
    all.sort();
    let (old, new) = ("nginx:1, nobody's", "nginx:2, ReplicationController web");
    assert_eq!(all, [old, old, new, new]);
    assert!(names(&before).iter().all(|name| names(&after).contains(name)));
    // And taken again by whoever selects them.
    let again = apply(&after, &controller("nginx:3", "app: web, version: a", "selector: {version: a}, ")).cluster;
    let mut all = each(&again);
    all.sort();
    assert_eq!(
        all,
        ["nginx:1, ReplicationController web", "nginx:1, ReplicationController web", "nginx:2, nobody's", "nginx:2, nobody's"]
    );
}

#[test]
fn a_pod_that_comes_later_is_taken_by_whoever_selects_it() {
    let set = "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: web}\nspec: {replicas: 2, selector: {matchLabels: {app: web}}, \
               template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: nginx}]}}}\n";
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: late, labels: {app: web}}\nspec: {containers: [{name: c, image: nginx}]}\n";
    for maker in [set, &controller("nginx", "app: web", "")] {
        let before = with(maker);
        let after = apply(&before, &format!("{maker}{pod}")).cluster;
        // It is one too many, and the newest goes first.
        assert_eq!(names(&after), names(&before));
    }
    assert!(with(&format!("{set}{pod}")).store.get::<ReplicaSet>("default", "web").is_some_and(|set| set.status.replicas == 2));
}
