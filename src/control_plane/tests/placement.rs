//! Where Pods run, and in which words the scheduler says that they cannot.

use super::{act, apply, pods, with};
use crate::cluster::Cluster;
use std::collections::BTreeMap;

/// A Deployment of so many Pods, with more in its Pods' spec.
fn web(replicas: u32, more: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{replicas: {replicas}, selector: {{matchLabels: {{app: web}}}}, \
         template: {{metadata: {{labels: {{app: web}}}}, spec: {{{more}, containers: [{{name: c, image: nginx}}]}}}}}}\n"
    )
}

/// How many Pods each node has; those without a node under the scheduler's words.
fn places(cluster: &Cluster) -> BTreeMap<String, u32> {
    let mut places = BTreeMap::new();
    for pod in pods(cluster) {
        let waiting = pod.status.conditions.iter().find(|own| own.type_ == "PodScheduled" && own.status == "False");
        let place = waiting.map_or(&pod.spec.node_name, |condition| &condition.message);
        *places.entry(place.split(". no new").next().unwrap().to_string()).or_default() += 1;
    }
    places
}

fn check(text: &str, expected: &[(&str, u32)]) {
    let expected = expected.iter().map(|(place, count)| ((*place).to_string(), *count)).collect();
    assert_eq!(places(&with(text)), expected, "{text}");
}

/// A Deployment whose containers ask for this.
fn asking(replicas: u32, resources: &str) -> String {
    web(replicas, "restartPolicy: Always").replace("image: nginx", &format!("image: nginx, resources: {{{resources}}}"))
}

/// A node that offers this.
fn offering(node: &str, allocatable: &str) -> String {
    format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {node}}}\nstatus: {{allocatable: {{{allocatable}}}}}\n---\n")
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

fn zones() -> String {
    let node = |number: u32, zone: &str| {
        format!("apiVersion: v1\nkind: Node\nmetadata: {{name: node-{number}, labels: {{zone: {zone}}}}}\n---\n")
    };
    format!("{}{}{}", node(1, "east"), node(2, "east"), node(3, "west"))
}

#[test]
fn node_affinity_keeps_pods_on_the_nodes_that_its_terms_select() {
    let terms = |terms: &str| format!("affinity: {{nodeAffinity: {{{REQUIRED}: {{nodeSelectorTerms: [{terms}]}}}}}}");
    let west = terms("{matchExpressions: [{key: zone, operator: In, values: [west]}]}");
    check(&format!("{}{}", zones(), web(2, &west)), &[("node-3", 2)]);
    let either = terms(
        "{matchExpressions: [{key: zone, operator: In, values: [north]}]}, {matchFields: [{key: metadata.name, operator: In, values: [node-2]}]}",
    );
    check(&format!("{}{}", zones(), web(2, &either)), &[("node-2", 2)]);
    let nowhere = terms("{matchExpressions: [{key: disk, operator: Exists}]}");
    check(&web(1, &nowhere), &[("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector", 1)]);
}

#[test]
fn anti_affinity_leaves_one_pod_a_node_and_says_why_the_fourth_waits() {
    let term = "{labelSelector: {matchLabels: {app: web}}, topologyKey: kubernetes.io/hostname}";
    let text = web(4, &format!("affinity: {{podAntiAffinity: {{{REQUIRED}: [{term}]}}}}"));
    let why = "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules";
    check(&text, &[("node-1", 1), ("node-2", 1), ("node-3", 1), (why, 1)]);
    // One place comes free: the waiting Pod takes it.
    let cluster = act(&with(&text), "deployment/web scale 3").cluster;
    assert_eq!(places(&cluster).values().sum::<u32>(), 3);
}

#[test]
fn a_rollout_under_anti_affinity_waits_for_a_node_that_never_comes_free() {
    let term = "{labelSelector: {matchLabels: {app: web}}, topologyKey: kubernetes.io/hostname}";
    let text = web(3, &format!("affinity: {{podAntiAffinity: {{{REQUIRED}: [{term}]}}}}"));
    let next = super::apply(&with(&text), &text.replace("nginx", "nginx:2")).cluster;
    let why = "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules".to_string();
    assert_eq!(places(&next).get(&why), Some(&1));
    assert_eq!(pods(&next).len(), 4);
}

#[test]
fn pods_that_want_others_near_follow_them() {
    let near = format!(
        "affinity: {{podAffinity: {{{REQUIRED}: [{{labelSelector: {{matchLabels: {{app: cache}}}}, topologyKey: kubernetes.io/hostname}}]}}}}"
    );
    let why = "0/3 nodes are available: 3 node(s) didn't match pod affinity rules";
    check(&web(2, &near), &[(why, 2)]);
    let cache = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: zcache, labels: {app: cache}}\nspec: {nodeSelector: {kubernetes.io/hostname: node-2}, containers: [{name: c, image: redis}]}\n";
    check(&format!("{}{cache}", web(2, &near)), &[("node-2", 3)]);
    // Pods that want their own kind near begin somewhere, and stay together.
    let own = near.replace("app: cache", "app: web");
    assert_eq!(places(&with(&web(3, &own))).len(), 1);
}

#[test]
fn anti_affinity_of_pods_that_are_there_keeps_others_out() {
    let alone = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: alone}}\nspec: {{nodeName: node-1, affinity: {{podAntiAffinity: {{{REQUIRED}: [{{labelSelector: {{matchLabels: {{app: web}}}}, topologyKey: zone}}]}}}}, containers: [{{name: c, image: nginx}}]}}\n---\n"
    );
    let text = format!("{}{alone}{}", zones(), web(2, "nodeSelector: {zone: east}"));
    let why = "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) didn't satisfy existing pods anti-affinity rules";
    check(&text, &[("node-1", 1), (why, 2)]);
}

#[test]
fn topology_spread_keeps_zones_even_in_the_schedulers_own_words() {
    let spread = |more: &str| {
        format!(
            "topologySpreadConstraints: [{{maxSkew: 1, topologyKey: zone, labelSelector: {{matchLabels: {{app: web}}}}, {more}}}]"
        )
    };
    let even = spread("whenUnsatisfiable: DoNotSchedule");
    check(&format!("{}{}", zones(), web(4, &even)), &[("node-1", 1), ("node-2", 1), ("node-3", 2)]);
    let three = spread("whenUnsatisfiable: DoNotSchedule, minDomains: 3");
    let why = "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints";
    check(&format!("{}{}", zones(), web(3, &three)), &[("node-2", 1), ("node-3", 1), (why, 1)]);
    let missing = "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints (missing required label)";
    check(&web(1, &even), &[(missing, 1)]);
    let wish = spread("whenUnsatisfiable: ScheduleAnyway");
    check(&format!("{}{}", zones(), web(4, &wish)), &[("node-1", 1), ("node-2", 1), ("node-3", 2)]);
}

#[test]
fn a_daemon_sets_pod_waits_for_its_own_node_and_no_other() {
    let taken = "apiVersion: v1\nkind: Pod\nmetadata: {name: taken}\nspec: {nodeName: node-2, containers: [{name: c, image: nginx, ports: \
                 [{containerPort: 80, hostPort: 80}]}]}\n";
    let set = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: proxy}\nspec: {selector: {matchLabels: {app: proxy}}, template: {metadata: \
               {labels: {app: proxy}}, spec: {containers: [{name: c, image: nginx, ports: [{containerPort: 80, hostPort: 80}]}]}}}\n";
    let cluster = with(&format!("{taken}---\n{set}"));
    let why = "0/3 nodes are available: 1 node(s) didn't have free ports for the requested pod ports, 2 node(s) didn't satisfy plugin(s) \
               [NodeAffinity]";
    assert_eq!(places(&cluster).get(why), Some(&1), "{:?}", places(&cluster));
    let later = act(&cluster, "wait 60s").cluster;
    assert_eq!(places(&later), places(&cluster));
    let free = act(&later, "pod/default/taken delete").cluster;
    assert_eq!(places(&free), BTreeMap::from([("node-1".into(), 1), ("node-2".into(), 1), ("node-3".into(), 1)]));
}

#[test]
fn a_pod_with_scheduling_gates_waits_until_they_are_gone() {
    let gated = with(&web(1, "schedulingGates: [{name: example.com/quota}]"));
    let pod = pods(&gated)[0].clone();
    assert_eq!(crate::kubectl::printers::pod_status(&pod), "SchedulingGated");
    let condition = &pod.status.conditions[0];
    assert_eq!((condition.type_.as_str(), condition.status.as_str()), ("PodScheduled", "False"));
    assert_eq!(condition.message, "Scheduling is blocked due to non-empty scheduling gates");
    let said = |cluster: &Cluster| cluster.store.events.values().any(|event| event.involved_object.name == pod.metadata.name);
    assert!(!said(&gated), "the scheduler does not look at it");
    let free = act(&gated, "deployment/web scale 2");
    assert_eq!(pods(&free.cluster).iter().filter(|pod| pod.spec.node_name.is_empty()).count(), 2);
}

#[test]
fn a_pod_of_another_scheduler_stays_pending_without_an_event() {
    let cluster = with(&web(1, "schedulerName: volcano"));
    let pod = pods(&cluster)[0].clone();
    assert_eq!((crate::kubectl::printers::pod_status(&pod).as_str(), pod.spec.node_name.as_str()), ("Pending", ""));
    assert!(pod.status.conditions.is_empty());
    assert!(!cluster.store.events.values().any(|event| event.involved_object.name == pod.metadata.name));
}

#[test]
fn a_pod_waits_for_a_persistent_volume_claim_of_its_namespace() {
    let text = web(1, "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]");
    check(&text, &[("0/3 nodes are available: persistentvolumeclaim \"data\" not found", 1)]);
    let claim = |namespace: &str| {
        format!("{text}---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: data, namespace: {namespace}}}\n")
    };
    check(&claim("other"), &[("0/3 nodes are available: persistentvolumeclaim \"data\" not found", 1)]);
    let cluster = apply(&with(&text), &claim("default")).cluster;
    assert!(pods(&cluster).iter().all(|pod| !pod.spec.node_name.is_empty()));
}

/// The texts, preemption's part too, as `fitsRequest` and `FitError` make them.
#[test]
fn a_device_is_only_on_a_node_that_offers_it() {
    let gpu = |replicas| asking(replicas, "limits: {nvidia.com/gpu: 1}");
    let waiting = |text: &str| {
        let cluster = with(text);
        let all = pods(&cluster).into_iter().flat_map(|pod| pod.status.conditions.clone());
        all.filter(|own| own.reason == "Unschedulable").map(|own| own.message).collect::<Vec<_>>()
    };
    let after = "no new claims to deallocate, preemption: 0/3 nodes are available:";
    let none =
        format!("0/3 nodes are available: 3 Insufficient nvidia.com/gpu. {after} 3 Preemption is not helpful for scheduling.");
    assert_eq!(waiting(&gpu(1)), [none]);
    let node = offering("node-2", "nvidia.com/gpu: 2");
    check(&format!("{node}{}", gpu(2)), &[("node-2", 2)]);
    let taken = format!(
        "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. {after} 1 No preemption victims found for incoming pod, 2 \
         Preemption is not helpful for scheduling."
    );
    assert_eq!(waiting(&format!("{node}{}", gpu(3))), [taken]);
    // More of them come: the waiting Pod takes one.
    let more = apply(&with(&format!("{node}{}", gpu(3))), &format!("{}{}", offering("node-2", "nvidia.com/gpu: 4"), gpu(3)));
    assert_eq!(places(&more.cluster), BTreeMap::from([("node-2".to_string(), 3)]));
}

#[test]
fn cpu_and_memory_count_on_nodes_that_say_how_much_they_have() {
    let nodes = |amounts: &str| ["node-1", "node-2", "node-3"].map(|node| offering(node, amounts)).concat();
    let small = nodes("cpu: 1500m, memory: 1Gi");
    let why = "0/3 nodes are available: 3 Insufficient cpu";
    check(&format!("{small}{}", asking(4, "requests: {cpu: '1'}")), &[("node-1", 1), ("node-2", 1), ("node-3", 1), (why, 1)]);
    let both = "0/3 nodes are available: 3 Insufficient cpu, 3 Insufficient memory";
    check(&format!("{small}{}", asking(1, "limits: {cpu: '2', memory: 2Gi}")), &[(both, 1)]);
    check(
        &format!("{}{}", nodes("cpu: 1, pods: 0"), asking(1, "requests: {cpu: '2'}")),
        &[("0/3 nodes are available: 3 Insufficient cpu, 3 Too many pods", 1)],
    );
    // Nodes that kubehop has made up take any amount; so do nodes that say nothing of it.
    let free = [(1, "node-1"), (1, "node-2"), (1, "node-3")].map(|(count, node)| (node, count));
    check(&asking(3, "requests: {cpu: '64', memory: 1Ti}"), &free);
    check(&format!("{}{}", nodes("nvidia.com/gpu: 1"), asking(3, "requests: {cpu: '64'}")), &free);
    // A Pod that goes makes room.
    let full = with(&format!("{small}{}", asking(4, "requests: {cpu: '1'}")));
    assert_eq!(places(&act(&full, "deployment/web scale 3").cluster).values().sum::<u32>(), 3);
}
