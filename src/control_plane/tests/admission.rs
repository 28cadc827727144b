//! Pods that name what does not stand: who refuses them, who says so, and that they come when it stands.

use super::*;
use crate::api::apps::Deployment;
use crate::api::core::Event;

/// The refusals of a text, with their paths.
fn refusals(outcome: &Outcome) -> Vec<String> {
    let told = |found: &Diagnostic| match &found.message {
        Finding::Upstream(text) => Some(format!("{}: {text}", found.path)),
        Finding::Ours(_) => None,
    };
    outcome.diagnostics.iter().filter_map(told).collect()
}

/// Warnings about an object, with how often each was said.
fn warnings(cluster: &Cluster, kind: &str) -> Vec<(String, i32)> {
    let events = cluster.store.all::<Event>().filter(|event| event.type_ == "Warning" && event.involved_object.kind == kind);
    events.map(|event| (format!("{}: {}", event.reason, event.message), event.count)).collect()
}

fn pod(name: &str, names: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{{names}, containers: [{{name: c, image: nginx}}]}}\n---\n"
    )
}

const ACCOUNT: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: shop}\n---\n";

#[test]
fn a_pod_that_names_what_does_not_stand_is_forbidden() {
    let text = [
        pod("a", "serviceAccountName: shop"),
        pod("b", "priorityClassName: high"),
        pod("c", "runtimeClassName: gvisor"),
        pod("d", "serviceAccountName: default, priorityClassName: system-node-critical"),
    ];
    let outcome = apply(&fresh(), &text.concat());
    let expected = [
        "spec.serviceAccountName: pods \"a\" is forbidden: error looking up service account default/shop: serviceaccount \"shop\" not found",
        "spec.priorityClassName: pods \"b\" is forbidden: no PriorityClass with name high was found",
        "spec.runtimeClassName: pods \"c\" is forbidden: pod rejected: RuntimeClass \"gvisor\" not found",
    ];
    assert_eq!(refusals(&outcome), expected);
    assert_eq!(pods(&outcome.cluster).iter().map(|pod| pod.metadata.name.as_str()).collect::<Vec<_>>(), ["d"]);
    // What the click adds stands before the Pod.
    let fix = outcome.diagnostics.iter().find_map(|found| found.fixes.first()).unwrap();
    let span = fix.span.as_ref().unwrap();
    assert_eq!((span.line, span.column, span.end_line, span.end_column), (1, 1, 1, 1));
    let mended = format!("{}{}", fix.text, text[0]);
    assert_eq!(pods(&with(&mended)).len(), 1);
}

#[test]
fn a_service_account_after_its_pod_comes_too_late_for_the_first_apply() {
    let text = format!("{}{ACCOUNT}", pod("a", "serviceAccountName: shop"));
    let first = apply(&fresh(), &text);
    assert_eq!((refusals(&first).len(), pods(&first.cluster).len()), (1, 0));
    let second = apply(&first.cluster, &text);
    assert_eq!((refusals(&second).len(), pods(&second.cluster).len()), (0, 1));
    let before = with(&format!("{ACCOUNT}{}", pod("a", "serviceAccountName: shop")));
    assert_eq!(pods(&before).len(), 1);
    // A Pod that runs does not ask again.
    assert_eq!(pods(&apply(&before, &pod("a", "serviceAccountName: shop")).cluster).len(), 1);
}

#[test]
fn a_replica_set_says_that_its_pods_are_forbidden_and_tries_again() {
    let text = WEB.replace("spec: {containers: [", "spec: {serviceAccountName: shop, containers: [");
    let cluster = with(&text);
    assert_eq!(pods(&cluster).len(), 0);
    let said = warnings(&cluster, "ReplicaSet");
    let [(message, 1)] = said.as_slice() else { panic!("{said:?}") };
    let forbidden = "-\" is forbidden: error looking up service account default/shop: serviceaccount \"shop\" not found";
    assert!(message.starts_with("FailedCreate: Error creating: pods \"web-") && message.ends_with(forbidden), "{message}");
    let conditions = &cluster.store.all::<Deployment>().find(|own| own.metadata.name == "web").unwrap().status.conditions;
    let failure = conditions.iter().find(|own| own.type_ == "ReplicaFailure").unwrap();
    assert_eq!((failure.status.as_str(), failure.reason.as_str()), ("True", "FailedCreate"));
    // 5 ms, doubled: the eleventh time after 5.115 s, the fifteenth after 81.915 s.
    let later = act(&cluster, "wait 60s").cluster;
    assert_eq!(warnings(&later, "ReplicaSet")[0].1, 14);
    let mended = later.apply_more(manifests(ACCOUNT)).cluster;
    assert_eq!((pods(&mended).len(), addresses(&mended, "web").1), (3, 3));
    let deployment = mended.store.all::<Deployment>().find(|own| own.metadata.name == "web").unwrap();
    assert!(deployment.status.conditions.iter().all(|own| own.type_ != "ReplicaFailure"));
}

#[test]
fn stateful_and_daemon_sets_say_so_in_their_own_words() {
    let text = WEB.replace("spec: {containers: [", "spec: {priorityClassName: high, containers: [");
    let ordered = with(&text.replace("kind: Deployment", "kind: StatefulSet"));
    let words = "FailedCreate: Create Pod web-0 in StatefulSet web failed error: pods \"web-0\" is forbidden: no PriorityClass with name high was found";
    assert_eq!(warnings(&ordered, "StatefulSet"), [(words.to_string(), 1)]);
    let daemons = with(&text.replace("kind: Deployment", "kind: DaemonSet").replace("  replicas: 3\n", ""));
    let words = "FailedCreate: Error creating: pods \"web-\" is forbidden: no PriorityClass with name high was found";
    assert_eq!(warnings(&daemons, "DaemonSet"), [(words.to_string(), 1)]);
    let class = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 1000\n";
    for stuck in [ordered, daemons] {
        assert_eq!(pods(&stuck).len(), 0);
        assert_eq!(pods(&stuck.apply_more(manifests(class)).cluster).len(), 3);
    }
}

#[test]
fn a_stateful_set_whose_name_is_too_long_for_its_revision_makes_no_pods() {
    let named = |length: usize| {
        let text = WEB.replace("kind: Deployment", "kind: StatefulSet");
        with(&text.replacen("metadata: {name: web}", &format!("metadata: {{name: {}}}", "w".repeat(length)), 1))
    };
    assert_eq!(pods(&named(50)).len(), 3);
    let stuck = named(60);
    let [(words, 1)] = &warnings(&stuck, "StatefulSet")[..] else { panic!("one warning") };
    let set = "w".repeat(60);
    let (before, after) = (
        format!("FailedCreate: Create Pod {set}-0 in StatefulSet {set} failed error: Pod \"{set}-0\" is invalid: "),
        "must be no more than 63 bytes",
    );
    assert!(words.starts_with(&format!("{before}metadata.labels: Invalid value: \"{set}-")) && words.ends_with(after), "{words}");
    assert_eq!(pods(&stuck).len(), 0);
}

#[test]
fn what_a_dumps_objects_name_stands() {
    let text = WEB.replace("metadata: {name: web}\nspec:\n  replicas", "metadata: {name: web, uid: abc}\nspec:\n  replicas");
    let text = text.replace("spec: {containers: [", "spec: {serviceAccountName: shop, containers: [");
    assert_eq!(pods(&with(&text)).len(), 3);
}
