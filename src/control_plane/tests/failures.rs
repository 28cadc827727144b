//! Lost nodes, stopped components, Pods that are not ready.

use super::*;
use crate::api::core::{Event, Node};

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
fn a_missing_config_map_keeps_the_container_from_starting() {
    let text = WEB.replace("image: nginx,", "image: nginx, envFrom: [{configMapRef: {name: conf}}],");
    let cluster = with(&text);
    let waiting = pods(&cluster)[0].status.container_statuses[0].state.waiting.clone().unwrap();
    assert_eq!(
        (waiting.reason.as_str(), waiting.message.as_str()),
        ("CreateContainerConfigError", "configmap \"conf\" not found")
    );
    let mended = apply(&cluster, &format!("{text}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: conf}}\n")).cluster;
    assert_eq!(addresses(&mended, "web").0.len(), 3);
}

#[test]
fn a_secret_that_a_sealed_secret_or_a_role_lets_others_make_is_not_waited_for() {
    let secret = "name: K, valueFrom: {secretKeyRef: {name: made, key: k}}";
    let web = WEB.replace("image: nginx,", &format!("image: nginx, env: [{{{secret}}}],"));
    let sealed = "---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: made}\n";
    assert_eq!(addresses(&with(&format!("{web}{sealed}")), "web").0.len(), 3);
    // In the shape of Contour's certgen: a Job that names no Secret, and what its ServiceAccount may do.
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: certgen}\n\
        spec: {template: {spec: {serviceAccountName: certgen, restartPolicy: Never, containers: [{name: c, image: certgen}]}}}\n\
        ---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: certgen}\n\
        subjects: [{kind: ServiceAccount, name: certgen, namespace: default}]\nroleRef: {kind: Role, name: certgen}\n\
        ---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: certgen}\n";
    let may = |verb: &str| format!("{web}{job}rules: [{{apiGroups: [''], resources: [secrets], verbs: [{verb}]}}]\n");
    assert_eq!(addresses(&with(&may("create")), "web").0.len(), 3);
    assert_eq!(addresses(&with(&may("get")), "web").0.len(), 0);
    let told = crate::kubectl::advise::advise(&with(&may("create")));
    let message = crate::msg!("advise.madeElsewhere.allowed", kind = "Secret", name = "made", account = "certgen");
    assert!(told.iter().any(|found| found.message == crate::diagnostic::Finding::Ours(message.clone())), "{told:?}");
}

#[test]
fn a_job_or_a_role_that_only_reads_a_secret_does_not_make_it() {
    let web = WEB.replace("image: nginx,", "image: nginx, envFrom: [{secretRef: {name: made}}],");
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec: {template: {spec: {restartPolicy: Never, \
               containers: [{name: c, image: migrate, envFrom: [{secretRef: {name: made}}]}]}}}\n";
    let role = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader}\n\
                rules: [{apiGroups: [''], resources: [secrets], resourceNames: [made], verbs: [get]}]\n";
    assert_eq!(addresses(&with(&format!("{web}{job}{role}")), "web").0.len(), 0);
}

#[test]
fn what_names_an_application_called_like_its_config_map_does_not_make_it() {
    let web = WEB.replace("image: nginx,", "image: nginx, envFrom: [{configMapRef: {name: db}}],");
    let document = |version: &str, kind: &str, spec: &str| {
        format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{{spec}}}\n")
    };
    let budget = document("policy/v1", "PodDisruptionBudget", "selector: {matchLabels: {app: db}}");
    let monitor = document("monitoring.coreos.com/v1", "ServiceMonitor", "selector: {matchLabels: {app: db}}");
    let route = document("networking.istio.io/v1", "VirtualService", "hosts: [db]");
    assert_eq!(addresses(&with(&format!("{web}{budget}{monitor}{route}")), "web").0.len(), 0);
}

/// The first Pod as `kubectl get -o yaml` prints it.
fn printed(cluster: &Cluster) -> serde_json::Value {
    let object = crate::api::ObjectRef::of(pods(cluster)[0]);
    crate::control_plane::apiserver::complete(cluster, &object).unwrap()
}

const CONFIGURED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  volumes: [{name: settings, configMap: {name: settings}}]
  containers: [{name: web, image: nginx, volumeMounts: [{name: settings, mountPath: /etc/settings}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

#[test]
fn a_pod_waits_in_container_creating_for_the_configmap_of_a_volume() {
    let cluster = with(CONFIGURED);
    let pod = pods(&cluster)[0];
    assert_eq!((pod.status.phase.as_str(), pod.status.pod_ip.as_str()), ("Pending", ""));
    assert_eq!(crate::node::kubelet::waiting(pod), Some(("web", "ContainerCreating")));
    let ready = pod.status.conditions.iter().find(|own| own.type_ == "PodReadyToStartContainers").unwrap();
    assert_eq!(ready.status, "False");
    let events: Vec<&Event> = cluster.store.all::<Event>().filter(|event| event.reason == "FailedMount").collect();
    assert_eq!(events[0].message, "MountVolume.SetUp failed for volume \"settings\" : configmap \"settings\" not found");
    assert_eq!(addresses(&cluster, "web"), (vec![], 0));
    // It starts once the ConfigMap is there, and stays when it goes.
    let map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
    let made = cluster.apply_more(manifests(map)).cluster;
    assert_eq!(addresses(&made, "web").0.len(), 1);
    let gone = act(&made, "configmap/default/settings delete").cluster;
    assert_eq!(addresses(&gone, "web").0.len(), 1);
}

#[test]
fn an_optional_configmap_and_a_secret_that_a_certificate_makes_are_not_waited_for() {
    let optional = with(&CONFIGURED.replace("configMap: {name: settings}", "configMap: {name: settings, optional: true}"));
    assert_eq!(addresses(&optional, "web").0.len(), 1);
    let certificate = "---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web}
spec: {secretName: web-tls, issuerRef: {name: ca}, dnsNames: [web]}
";
    let secret = CONFIGURED.replace("configMap: {name: settings}", "secret: {secretName: web-tls}");
    assert_eq!(addresses(&with(&secret), "web").0.len(), 0);
    assert_eq!(addresses(&with(&format!("{secret}{certificate}")), "web").0.len(), 1);
}

#[test]
fn a_pod_is_printed_with_its_defaults_its_service_account_and_its_quality_of_service() {
    let text = WEB.replace("image: nginx", "resources: {requests: {cpu: 100m}}, image: nginx");
    assert_ne!(text, WEB);
    let pod = printed(&with(&text));
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["resources"]["requests"]["cpu"], "100m");
    assert_eq!(container["imagePullPolicy"], if container["image"] == "nginx" { "Always" } else { "IfNotPresent" });
    assert_eq!(container["volumeMounts"][0]["mountPath"], "/var/run/secrets/kubernetes.io/serviceaccount");
    assert_eq!(pod["spec"]["serviceAccountName"], "default");
    assert_eq!(pod["status"]["qosClass"], "Burstable");
}

#[test]
fn a_printed_pod_can_be_applied_without_a_change() {
    let cluster = with(CONFIGURED);
    let outcome = cluster.apply_more(manifests(&printed(&cluster).to_string()));
    assert_eq!((outcome.diagnostics, outcome.changes), (vec![], vec![]));
}

#[test]
fn an_image_with_the_tag_latest_is_pulled_at_every_start() {
    let said = |image: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
        );
        let events = with(&text).store.events;
        let mut told: Vec<&Event> =
            events.values().map(AsRef::as_ref).filter(|event| event.involved_object.name == "web").collect();
        told.sort_by_key(|event| event.metadata.resource_version.parse::<u64>().unwrap());
        told.iter().map(|event| event.message.clone()).collect::<Vec<_>>()
    };
    let pulled = said("nginx");
    assert_eq!(pulled[1], "Pulling image \"nginx\"");
    assert!(pulled[2].starts_with("Successfully pulled image \"nginx\" in ") && pulled[2].ends_with(" bytes."), "{pulled:?}");
    assert_eq!(said("nginx:1.27")[1], "Container image \"nginx:1.27\" already present on machine and can be accessed by the pod");
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
    for policy in ["Never", "OnFailure"] {
        assert_eq!(pods(&pod(policy))[0].status.phase, "Succeeded", "{policy}");
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
fn an_image_whose_name_cannot_be_read_is_never_pulled() {
    let cluster = with(&WEB.replace("image: nginx", "image: 'Nginx:latest'"));
    let [first, ..] = pods(&cluster)[..] else { panic!("no Pods") };
    assert_eq!((first.status.phase.as_str(), is_ready(first)), ("Pending", false));
    let waiting = first.status.container_statuses[0].state.waiting.as_ref().unwrap();
    let told = "Failed to apply default image tag \"Nginx:latest\": couldn't parse image name \"Nginx:latest\": invalid reference \
                format: repository name (library/Nginx) must be lowercase";
    assert_eq!((waiting.reason.as_str(), waiting.message.as_str()), ("InvalidImageName", told));
    let events = cluster.store.all::<Event>().filter(|event| event.involved_object.name == first.metadata.name);
    let mut said: Vec<String> = events.map(|event| format!("{} {}", event.reason, event.message)).collect();
    said.retain(|text| !text.starts_with("Scheduled"));
    said.sort();
    assert_eq!(said, ["Failed Error: InvalidImageName".to_string(), format!("InspectFailed {told}")]);
    assert_eq!(addresses(&cluster, "web"), (Vec::new(), 3));
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
