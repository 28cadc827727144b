//! Pods that their kubelet refuses, or ends.

use super::*;
use crate::api::time::timestamp;

fn status(cluster: &Cluster, name: &str) -> (String, String, String) {
    let status = &cluster.store.get::<Pod>("default", name).unwrap().status;
    (status.phase.clone(), status.reason.clone(), status.message.clone())
}

fn pod(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: nginx, ports: [{{containerPort: 80, hostPort: 8080}}]}}], {spec}}}\n---\n"
    )
}

#[test]
fn a_host_port_that_is_taken_fails_the_pod_that_names_its_node() {
    let cluster = with(&format!("{}{}", pod("a", "nodeName: node-1"), pod("b", "nodeName: node-1")));
    assert_eq!(status(&cluster, "a").0, "Running");
    let message = "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    assert_eq!(status(&cluster, "b"), ("Failed".into(), "NodePorts".into(), message.into()));
    // One that has ended takes no port.
    let freed = cluster.act(&Action::parse("pod/a delete").unwrap()).cluster;
    let another = freed.apply_more(manifests(&pod("c", "nodeName: node-1"))).cluster;
    assert_eq!((status(&another, "b").0.as_str(), status(&another, "c").0.as_str()), ("Failed", "Running"));
}

#[test]
fn a_kubelet_takes_only_what_fits_its_node() {
    let cluster = with(
        &[
            pod("labels", "nodeName: node-1, nodeSelector: {disk: ssd}"),
            pod("windows", "nodeName: node-2, os: {name: windows}"),
            pod("good", "nodeName: node-3"),
        ]
        .concat(),
    );
    assert_eq!(status(&cluster, "labels").1, "NodeAffinity");
    assert_eq!(status(&cluster, "windows").1, "PodOSNotSupported");
    assert_eq!(status(&cluster, "good").0, "Running");
}

/// The messages of `Admit` and `generalFilter` of `pkg/kubelet/lifecycle/predicate.go`.
#[test]
fn a_kubelet_says_why_it_takes_no_more() {
    let node = |name: &str, rest: &str| format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n{rest}\n---\n");
    let plain = |name: &str, node: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{nodeName: {node}, containers: [{{name: c, image: nginx{more}}}]}}\n---\n"
        )
    };
    let cpu =
        |amount: &str| format!(", resources: {{requests: {{cpu: {amount}, nvidia.com/gpu: 1}}, limits: {{nvidia.com/gpu: 1}}}}");
    let cluster = with(
        &[
            node("node-1", "spec: {taints: [{key: db, effect: NoExecute}]}"),
            node("node-4", "status: {allocatable: {pods: 1}}"),
            node("node-5", "status: {allocatable: {cpu: '2', memory: 1Gi}}"),
            plain("tainted", "node-1", ""),
            plain("first", "node-4", ""),
            plain("second", "node-4", ""),
            plain("early", "node-5", &cpu("1500m")),
            plain("late", "node-5", &cpu("700m")),
            plain("windows", "node-5", "").replace("name: windows}", "name: windows, labels: {kubernetes.io/os: windows}}"),
        ]
        .concat(),
    );
    let failed = |name: &str, reason: &str, why: &str| {
        assert_eq!(status(&cluster, name), ("Failed".into(), reason.into(), format!("Pod was rejected: {why}")), "{name}");
    };
    // A taint that its kubelet refuses it for has the taint's controller delete the Pod as well: none is left.
    assert_eq!(cluster.store.get::<Pod>("default", "tainted"), None);
    for name in ["first", "early"] {
        assert_eq!(status(&cluster, name), ("Running".into(), String::new(), String::new()));
    }
    failed("second", "OutOfpods", "Node didn't have enough resource: pods, requested: 1, used: 1, capacity: 1");
    failed("late", "OutOfcpu", "Node didn't have enough resource: cpu, requested: 700, used: 1500, capacity: 2000");
    let os = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label";
    failed("windows", "PodOSSelectorNodeLabelDoesNotMatch", os);
}

#[test]
fn a_replica_set_makes_another_pod_for_each_that_is_refused_and_is_stopped_here() {
    let text = WEB
        .replace("containerPort: 80", "containerPort: 80, hostPort: 80")
        .replace("spec: {containers", "spec: {nodeName: node-1, containers");
    let outcome = apply(&fresh(), &text);
    let phases = |phase: &str| {
        outcome.cluster.store.all::<Pod>().filter(|pod| pod.metadata.namespace == "default" && pod.status.phase == phase).count()
    };
    assert_eq!((phases("Running"), phases("Failed")), (1, 5));
    assert!(outcome.changes.iter().any(|change| change.message.id == "change.rejectedAgain"));
}

#[test]
fn a_pod_ends_at_its_active_deadline() {
    let cluster = with(&pod("p", "activeDeadlineSeconds: 30"));
    let wait = |cluster: &Cluster, time: &str| cluster.act(&Action::parse(&format!("wait {time}")).unwrap()).cluster;
    let before = wait(&cluster, "29s");
    assert_eq!(status(&before, "p").0, "Running");
    for after in [wait(&before, "1s"), wait(&cluster, "10m")] {
        let message = "Pod was active on the node longer than the specified deadline";
        assert_eq!(status(&after, "p"), ("Failed".into(), "DeadlineExceeded".into(), message.into()));
        let pod = after.store.get::<Pod>("default", "p").unwrap();
        let ended = pod.status.container_statuses[0].state.terminated.as_ref().unwrap();
        assert_eq!((ended.exit_code, ended.finished_at.as_deref()), (0, Some(timestamp(30).as_str())));
    }
}

#[test]
fn a_stateful_set_makes_a_refused_pod_anew_under_its_name_and_is_stopped_here() {
    let text = WEB
        .replace("kind: Deployment", "kind: StatefulSet")
        .replace("replicas: 3", "replicas: 2")
        .replace("containerPort: 80", "containerPort: 80, hostPort: 80")
        .replace("spec: {containers", "spec: {nodeName: node-1, containers");
    let outcome = apply(&fresh(), &text);
    assert_eq!(status(&outcome.cluster, "web-0").0, "Running");
    assert_eq!(
        (status(&outcome.cluster, "web-1").0.as_str(), status(&outcome.cluster, "web-1").1.as_str()),
        ("Failed", "NodePorts")
    );
    let made = |change: &&crate::cluster::Change| change.message.id == "change.createPod" && change.object.name == "web-1";
    assert_eq!(outcome.changes.iter().filter(made).count(), 5);
    assert!(outcome.changes.iter().any(|change| change.message.id == "change.rejectedAgain"));
}

/// At once, then after one, two, four seconds (`failedPodsBackoff`).
#[test]
fn a_daemon_set_replaces_failed_pods_ever_more_rarely() {
    let text = WEB
        .replace("kind: Deployment", "kind: DaemonSet")
        .replace("  replicas: 3\n", "")
        .replace("spec: {containers", "spec: {os: {name: windows}, containers");
    let cluster = with(&text);
    let replaced = |cluster: &Cluster| {
        let events = cluster.store.all::<crate::api::core::Event>().filter(|event| event.reason == "FailedDaemonPod");
        events.map(|event| event.count).sum::<i32>()
    };
    let after = |time: &str| replaced(&cluster.act(&Action::parse(&format!("wait {time}")).unwrap()).cluster);
    assert_eq!([replaced(&cluster), after("1s"), after("2s"), after("3s"), after("7s")], [3, 6, 6, 9, 12]);
    let failed = cluster.store.all::<Pod>().filter(|pod| pod.status.reason == "PodOSNotSupported").count();
    assert_eq!(failed, 3);
}

#[test]
fn a_pod_whose_resource_claim_is_missing_waits_without_a_word_until_it_is_there() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {resourceClaims: [{name: gpu, resourceClaimTemplateName: one}], containers: [{name: c, image: nginx}]}\n";
    let cluster = with(text);
    let pod = cluster.store.get::<Pod>("default", "p").unwrap();
    assert_eq!((pod.status.phase.as_str(), pod.status.conditions.len()), ("Pending", 0));
    let said = cluster.store.all::<crate::api::core::Event>().find(|event| event.involved_object.name == "p").unwrap();
    let words = "PodResourceClaim gpu: resource claim template \"one\": resourceclaimtemplate.resource.k8s.io \"one\" not found";
    assert_eq!((said.reason.as_str(), said.message.as_str()), ("FailedResourceClaimCreation", words));
    let template = "---\napiVersion: resource.k8s.io/v1\nkind: ResourceClaimTemplate\nmetadata: {name: one}\n";
    assert_eq!(status(&apply(&cluster, &format!("{text}{template}")).cluster, "p").0, "Running");
}
