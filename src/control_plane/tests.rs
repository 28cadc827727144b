//! The control plane as a whole: manifests in, objects and ordered changes out.

use crate::api::core::{Node, Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Action, Cluster, Outcome};
use crate::diagnostic::{Diagnostic, Finding};
use crate::kubectl::{SourceFile, read};
use crate::node::kubelet::is_ready;
use crate::random::Seed;
use crate::settings::Settings;
use std::sync::Arc;

mod admission;
mod configuration;
mod failures;
mod hints;
mod init;
mod metallb;
mod mirroring;
mod own_nodes;
mod placement;
mod rejected;
mod replicas;
mod restarts;
mod restless;
mod rollouts;
mod terminating;
mod writes;

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, nodePort: 30080}]
";

fn fresh() -> Cluster {
    Cluster::new(Settings::default(), Seed(1))
}

fn manifests(text: &str) -> Arc<crate::kubectl::Manifests> {
    let (manifests, problems) = read(&[SourceFile { name: "a.yaml".into(), text: text.into() }]);
    assert_eq!(problems, Vec::<Diagnostic>::new(), "{text}");
    Arc::new(manifests)
}

fn apply(cluster: &Cluster, text: &str) -> Outcome {
    cluster.apply(manifests(text))
}

fn with(text: &str) -> Cluster {
    let mut outcome = apply(&fresh(), text);
    // The API server may warn; it must not refuse.
    outcome.diagnostics.retain(|diagnostic| diagnostic.severity == crate::diagnostic::Severity::Error);
    assert_eq!(outcome.diagnostics, Vec::<Diagnostic>::new());
    outcome.cluster
}

fn act(cluster: &Cluster, event: &str) -> Outcome {
    let outcome = cluster.act(&Action::parse(event).unwrap());
    assert_eq!(outcome.diagnostics, Vec::<Diagnostic>::new(), "{event}");
    outcome
}

/// Name, node, address and readiness of the Pods of `default`, by name.
fn pods(cluster: &Cluster) -> Vec<&Pod> {
    cluster.store.in_namespace::<Pod>("default").collect()
}

/// Ready addresses of a Service of `default`, and all of them.
fn addresses(cluster: &Cluster, service: &str) -> (Vec<String>, usize) {
    let slices = cluster.store.in_namespace::<EndpointSlice>("default");
    let own = slices.filter(|slice| slice.metadata.labels.get("kubernetes.io/service-name").is_some_and(|name| name == service));
    let endpoints: Vec<_> = own.flat_map(|slice| &slice.endpoints).collect();
    let ready = endpoints.iter().filter(|endpoint| endpoint.conditions.ready == Some(true));
    let mut ready: Vec<String> = ready.flat_map(|endpoint| endpoint.addresses.clone()).collect();
    ready.sort();
    (ready, endpoints.len())
}

fn components(outcome: &Outcome) -> Vec<String> {
    let mut parts: Vec<String> =
        outcome.changes.iter().map(|change| change.component.split('/').next().unwrap().into()).collect();
    parts.dedup();
    parts
}

#[test]
fn a_fresh_cluster_has_kubernetes_and_kube_dns() {
    let cluster = fresh();
    let service = |namespace: &str, name: &str| cluster.store.get::<Service>(namespace, name).unwrap().spec.cluster_ip.clone();
    assert_eq!(service("default", "kubernetes"), "10.96.0.1");
    assert_eq!(service("kube-system", "kube-dns"), "10.96.0.10");
    let dns: Vec<_> = cluster.store.in_namespace::<Pod>("kube-system").filter(|pod| is_ready(pod)).collect();
    assert_eq!(dns.len(), 2);
    assert_ne!(dns[0].spec.node_name, dns[1].spec.node_name);
    let slices: Vec<_> = cluster.store.in_namespace::<EndpointSlice>("kube-system").collect();
    assert_eq!((slices.len(), slices[0].endpoints.len(), slices[0].ports.len()), (1, 2, 3));
    let node = cluster.store.get::<Node>("", "node-2").unwrap();
    assert_eq!((node.spec.pod_cidr.as_str(), node.status.addresses[0].address.as_str()), ("10.244.2.0/24", "10.0.0.12"));
}

#[test]
fn a_deployment_becomes_a_replica_set_and_ready_pods_on_all_nodes() {
    let cluster = with(WEB);
    let pods = pods(&cluster);
    assert_eq!(pods.len(), 3);
    let mut nodes: Vec<_> = pods.iter().map(|pod| pod.spec.node_name.as_str()).collect();
    nodes.sort();
    assert_eq!(nodes, ["node-1", "node-2", "node-3"]);
    for pod in &pods {
        assert!(is_ready(pod) && pod.status.phase == "Running");
        let number = pod.spec.node_name.strip_prefix("node-").unwrap();
        assert!(pod.status.pod_ip.starts_with(&format!("10.244.{number}.")), "{}", pod.status.pod_ip);
        let parts: Vec<_> = pod.metadata.name.split('-').collect();
        assert_eq!((parts[0], parts[2].len()), ("web", 5), "{}", pod.metadata.name);
        assert_eq!(pod.metadata.labels.get("pod-template-hash").map(String::as_str), Some(parts[1]));
    }
    assert_eq!(addresses(&cluster, "web").0.len(), 3);
    let service = cluster.store.get::<Service>("default", "web").unwrap();
    assert_eq!(service.spec.ports[0].node_port, 30080);
}

#[test]
fn changes_run_from_the_api_server_to_kube_proxy_in_order() {
    let outcome = apply(&fresh(), WEB);
    let order = components(&outcome);
    let at = |name: &str| order.iter().position(|component| component == name).unwrap_or_else(|| panic!("{name} in {order:?}"));
    let expected = [
        "kube-apiserver",
        "deployment-controller",
        "replicaset-controller",
        "kube-scheduler",
        "kubelet",
        "endpointslice-controller",
        "kube-proxy",
    ];
    for pair in expected.windows(2) {
        assert!(at(pair[0]) < at(pair[1]), "{pair:?} in {order:?}");
    }
}

#[test]
fn a_deleted_pod_comes_back_with_another_name_and_address() {
    let cluster = with(WEB);
    let old = pods(&cluster)[0].clone();
    let next = act(&cluster, &format!("pod/default/{} delete", old.metadata.name)).cluster;
    let now = pods(&next);
    assert_eq!(now.len(), 3);
    assert!(now.iter().all(|pod| pod.metadata.name != old.metadata.name && pod.status.pod_ip != old.status.pod_ip));
    assert_eq!(addresses(&next, "web").0.len(), 3);
    assert_eq!(next.store.services, cluster.store.services);
}

#[test]
fn a_deleted_deployment_leaves_its_service_without_endpoints() {
    let next = act(&with(WEB), "deployment/default/web delete").cluster;
    assert_eq!((pods(&next).len(), addresses(&next, "web")), (0, (vec![], 0)));
    assert!(next.store.get::<Service>("default", "web").is_some());
    assert!(next.store.replica_sets.keys().all(|(namespace, _)| namespace != "default"));
}

#[test]
fn a_changed_template_rolls_out_within_surge_and_unavailable() {
    let cluster = with(WEB);
    let outcome = apply(&cluster, &WEB.replace("nginx", "httpd"));
    let images: Vec<_> = pods(&outcome.cluster).iter().map(|pod| pod.spec.containers[0].image.clone()).collect();
    assert_eq!(images, ["httpd", "httpd", "httpd"]);
    let mut sizes: Vec<_> = outcome
        .cluster
        .store
        .replica_sets
        .values()
        .filter(|set| set.metadata.namespace == "default")
        .map(|set| set.spec.replicas)
        .collect();
    sizes.sort();
    assert_eq!(sizes, [Some(0), Some(3)]);
    // 25% of 3: one more at most, none fewer.
    let mut there = 3i32;
    for change in &outcome.changes {
        match (change.verb, change.object.kind) {
            (crate::cluster::Verb::Create, Kind::Pod) => there += 1,
            (crate::cluster::Verb::Terminate, Kind::Pod) => there -= 1,
            _ => {}
        }
        assert!((3..=4).contains(&there));
    }
    let back = apply(&outcome.cluster, WEB).cluster;
    assert_eq!(back.store.replica_sets.len(), outcome.cluster.store.replica_sets.len());
    let web = back.store.get::<crate::api::apps::Deployment>("default", "web").unwrap();
    assert_eq!(web.metadata.annotations.get("deployment.kubernetes.io/revision").map(String::as_str), Some("3"));
    assert!(pods(&back).iter().all(|pod| pod.spec.containers[0].image == "nginx"));
}

#[test]
fn a_load_balancer_gets_an_address_of_the_pool_in_proxy_mode() {
    let cluster = with(&WEB.replace("NodePort", "LoadBalancer"));
    let service = cluster.store.get::<Service>("default", "web").unwrap();
    let ingress = &service.status.load_balancer.ingress[0];
    assert!(ingress.ip.starts_with("198.51.100.") && ingress.ip_mode.as_deref() == Some("Proxy"), "{ingress:?}");
    let other = with(&WEB.replace("NodePort", "LoadBalancer\n  loadBalancerClass: example.com/lb"));
    assert!(other.store.get::<Service>("default", "web").unwrap().status.load_balancer.ingress.is_empty());
}

#[test]
fn an_ingress_brings_class_and_controller() {
    let ingress = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
";
    let cluster = with(&format!("{WEB}---{ingress}"));
    let made = cluster.store.get::<crate::api::networking::Ingress>("default", "web").unwrap();
    assert_eq!(made.spec.ingress_class_name.as_deref(), Some("kubehop"));
    assert!(made.status.load_balancer.ingress[0].ip.starts_with("198.51.100."));
    let service = cluster.store.get::<Service>("ingress-system", "ingress-controller").unwrap();
    assert_eq!(service.spec.external_traffic_policy, "Local");
    assert!(service.spec.health_check_node_port >= 30000);
    assert_eq!(cluster.store.in_namespace::<Pod>("ingress-system").filter(|pod| is_ready(pod)).count(), 1);
    let without = apply(&cluster, WEB).cluster;
    assert!(without.store.ingress_classes.is_empty());
    assert_eq!(without.store.in_namespace::<Pod>("ingress-system").count(), 0);
    let foreign = with(&format!("{WEB}---{}", ingress.replace("spec: {", "spec: {ingressClassName: nginx, ")));
    let ingress = foreign.store.get::<crate::api::networking::Ingress>("default", "web").unwrap();
    assert!(ingress.status.load_balancer.ingress.is_empty());
}

#[test]
fn too_many_pods_for_the_nodes_stay_pending_with_the_schedulers_words() {
    let settings = Settings { nodes: crate::settings::Nodes::Count(1), ..Settings::default() };
    let cluster = Cluster::new(settings, Seed(1));
    let next = cluster.apply(manifests(&WEB.replace("replicas: 3", "replicas: 120"))).cluster;
    let pending: Vec<_> = pods(&next).into_iter().filter(|pod| pod.status.phase == "Pending").collect();
    assert_eq!(pending.len(), 12);
    let message = &pending[0].status.conditions[0].message;
    assert!(message.starts_with("0/1 nodes are available: 1 Too many pods. no new claims"), "{message}");
}

#[test]
fn a_daemon_set_runs_on_every_node() {
    let text = WEB.replace("kind: Deployment", "kind: DaemonSet").replace("  replicas: 3\n", "");
    let cluster = with(&text);
    let mut nodes: Vec<_> = pods(&cluster).iter().map(|pod| pod.spec.node_name.clone()).collect();
    nodes.sort();
    assert_eq!(nodes, ["node-1", "node-2", "node-3"]);
}

#[test]
fn a_stateful_sets_new_pod_keeps_its_name_and_gets_another_address() {
    let cluster = with(&WEB.replace("kind: Deployment", "kind: StatefulSet"));
    let old = pods(&cluster)[1].clone();
    let next = act(&cluster, "pod/default/web-1 delete").cluster;
    let new = pods(&next)[1];
    assert_eq!(new.metadata.name, "web-1");
    assert_ne!(new.metadata.uid, old.metadata.uid);
    assert_ne!(new.status.pod_ip, old.status.pod_ip);
    assert_eq!(addresses(&next, "web").0.len(), 3);
}

#[test]
fn a_pods_field_is_found_in_the_template_of_its_deployment() {
    let cluster = with(WEB);
    let pod = ObjectRef::of(pods(&cluster)[0]);
    let field = crate::trace::FieldRef { object: pod, path: "spec.containers[0].ports[0].containerPort".into() };
    let span = cluster.locate(&field).unwrap();
    assert_eq!((span.line, span.file.as_str()), (10, "a.yaml"));
}

#[test]
fn what_does_not_exist_cannot_be_acted_on() {
    let outcome = fresh().act(&Action::parse("deployment/default/web delete").unwrap());
    assert_eq!(outcome.diagnostics[0].message, Finding::Upstream("deployments.apps \"web\" not found".into()));
}

#[test]
fn endpoints_written_by_hand_are_mirrored() {
    let cluster = with(
        "
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {ports: [{port: 5432}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: db}
subsets: [{addresses: [{ip: 192.0.2.7}], ports: [{port: 5432}]}]
",
    );
    assert_eq!(addresses(&cluster, "db"), (vec!["192.0.2.7".to_string()], 1));
}

#[test]
fn a_dump_plays_with_its_own_pods_names_addresses_and_nodes() {
    let text = "
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Node
  metadata: {name: kind-worker, uid: n1, resourceVersion: '5'}
  spec: {podCIDR: 10.42.1.0/24}
  status: {addresses: [{type: InternalIP, address: 172.18.0.3}], conditions: [{type: Ready, status: 'True'}]}
- apiVersion: v1
  kind: Service
  metadata: {name: kubernetes, namespace: default, uid: s0}
  spec: {clusterIP: 10.43.0.1, clusterIPs: [10.43.0.1], ports: [{name: https, port: 443, targetPort: 6443}]}
- apiVersion: v1
  kind: Service
  metadata: {name: web, namespace: default, uid: s1}
  spec: {clusterIP: 10.43.7.7, clusterIPs: [10.43.7.7], selector: {app: web}, ports: [{port: 80, targetPort: 80}]}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: default, uid: d1, generation: 3}
  spec: &d {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: nginx}]}}}
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata: {name: web-66c9b4d5f, namespace: default, uid: r1, labels: {app: web, pod-template-hash: 66c9b4d5f}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}]}
  spec: {replicas: 1, selector: {matchLabels: {app: web, pod-template-hash: 66c9b4d5f}}, template: {metadata: {labels: {app: web, pod-template-hash: 66c9b4d5f}}, spec: {containers: [{name: c, image: nginx}]}}}
- apiVersion: v1
  kind: Pod
  metadata: {name: web-66c9b4d5f-abcde, namespace: default, uid: p1, labels: {app: web, pod-template-hash: 66c9b4d5f}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-66c9b4d5f, uid: r1, controller: true}]}
  spec: {nodeName: kind-worker, containers: [{name: c, image: nginx}]}
  status: {phase: Running, podIP: 10.42.1.9, podIPs: [{ip: 10.42.1.9}], hostIP: 172.18.0.3, conditions: [{type: Ready, status: 'False'}]}
";
    let cluster = with(text);
    let names: Vec<_> = pods(&cluster).iter().map(|pod| (pod.metadata.name.as_str(), pod.status.pod_ip.as_str())).collect();
    assert_eq!(names, [("web-66c9b4d5f-abcde", "10.42.1.9")]);
    assert!(!is_ready(pods(&cluster)[0]));
    let nodes: Vec<_> = cluster.store.all::<Node>().map(|node| node.metadata.name.as_str()).collect();
    assert_eq!(nodes, ["kind-worker"]);
    assert_eq!(cluster.store.get::<Service>("default", "web").unwrap().spec.cluster_ip, "10.43.7.7");
    assert_eq!((cluster.settings.pod_cidr.as_str(), cluster.settings.service_cidr.as_str()), ("10.42.0.0/16", "10.43.0.0/16"));
    assert_eq!((addresses(&cluster, "web").0.len(), addresses(&cluster, "web").1), (0, 1));
    assert_eq!(cluster.store.in_namespace::<crate::api::apps::ReplicaSet>("default").count(), 1);
    assert_eq!(apply(&cluster, text).changes, []);
    // The garbage collector takes what the dump's Deployment made, and what that made.
    let deleted = act(&cluster, "deployment/default/web delete").cluster;
    assert_eq!(deleted.store.in_namespace::<crate::api::apps::ReplicaSet>("default").count(), 0);
    assert_eq!(pods(&deleted), Vec::<&Pod>::new());
}
