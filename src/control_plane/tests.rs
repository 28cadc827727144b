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

mod placement;
mod rollouts;

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
fn a_removed_document_is_deleted_and_the_others_stay() {
    let cluster = with(WEB);
    let (deployment, _) = WEB.split_once("---").unwrap();
    let next = apply(&cluster, deployment).cluster;
    assert!(next.store.get::<Service>("default", "web").is_none());
    assert_eq!(next.store.pods, cluster.store.pods);
    assert!(next.store.endpoint_slices.keys().all(|(_, name)| !name.starts_with("web-")));
    assert!(!next.store.endpoints.contains_key(&("default".into(), "web".into())));
}

#[test]
fn the_same_text_again_changes_nothing() {
    let cluster = with(WEB);
    let again = apply(&cluster, WEB);
    assert_eq!(again.changes, []);
    assert_eq!(again.cluster.store, cluster.store);
}

#[test]
fn a_selector_cannot_change() {
    let cluster = with(WEB);
    let outcome = apply(&cluster, &WEB.replace("app: web", "app: wed"));
    let messages: Vec<_> = outcome.diagnostics.iter().map(|d| (d.path.as_str(), &d.message)).collect();
    let text = r#"Invalid value: {"matchLabels":{"app":"wed"}}: field is immutable"#;
    assert_eq!(messages, [("spec.selector", &Finding::Upstream(text.into()))]);
    assert_eq!(pods(&outcome.cluster).len(), 3);
    let replaced = act(&outcome.cluster, "deployment/default/web replace").cluster;
    assert!(pods(&replaced).iter().all(|pod| pod.metadata.labels.get("app").is_some_and(|app| app == "wed")));
    assert_eq!(addresses(&replaced, "web").0.len(), 3);
}

#[test]
fn allocation_is_refused_before_validation() {
    let text = WEB.replace("30080", "8080").replace("selector: {app: web}\n  ports", "selector: {app: Über}\n  ports");
    let outcome = apply(&fresh(), &text);
    let first = &outcome.diagnostics[0];
    assert_eq!(first.path, "spec.ports[0].nodePort");
    assert!(matches!(&first.message, Finding::Upstream(message) if message.contains("valid range")), "{first:?}");
}

#[test]
fn a_running_pod_keeps_its_spec_but_for_its_image() {
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: web}}\nspec: {containers: [{name: c, image: nginx}]}\n";
    let cluster = with(pod);
    let image = apply(&cluster, &pod.replace("nginx", "httpd"));
    assert_eq!((image.diagnostics.len(), pods(&image.cluster)[0].spec.containers[0].image.as_str()), (0, "httpd"));
    let refused = apply(&cluster, &pod.replace("image: nginx", "image: nginx, args: [x]"));
    assert!(matches!(&refused.diagnostics[0].message, Finding::Upstream(m) if m.starts_with("Forbidden: pod updates")));
    assert_eq!(refused.cluster.store.pods, cluster.store.pods);
}

#[test]
fn a_missing_namespace_is_named_with_the_document_that_mends_it() {
    let outcome =
        apply(&fresh(), "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{port: 80}]}\n");
    assert_eq!(outcome.diagnostics[0].message, Finding::Upstream("namespaces \"shop\" not found".into()));
    assert!(outcome.diagnostics[0].fixes[0].text.contains("name: shop"));
    assert_eq!(outcome.diagnostics[0].span.as_ref().unwrap().line, 3);
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
fn more_than_five_thousand_pods_are_refused() {
    let outcome = apply(&fresh(), &WEB.replace("replicas: 3", "replicas: 5001"));
    assert!(matches!(&outcome.diagnostics[0].message, Finding::Ours(message) if message.id == "limit.pods"));
    assert_eq!(outcome.diagnostics[0].span.as_ref().unwrap().line, 6);
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
fn a_pod_as_the_api_server_gives_it_can_be_applied() {
    let cluster = with(WEB);
    let all: Vec<Pod> = cluster.store.all::<Pod>().cloned().collect();
    let typed = |pod: &Pod| {
        let mut value = serde_json::to_value(pod).unwrap();
        value["apiVersion"] = "v1".into();
        value["kind"] = "Pod".into();
        value
    };
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": all.iter().map(typed).collect::<Vec<_>>()});
    let outcome = cluster.apply_more(manifests(&list.to_string()));
    assert_eq!((outcome.diagnostics, outcome.changes), (vec![], vec![]));
    assert_eq!(outcome.cluster.store.pods, cluster.store.pods);
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
fn a_terminating_pod_names_the_end_of_its_grace() {
    let down = act(&with(WEB), "node/node-2 down").cluster;
    let pod = pods(&down).into_iter().find(|pod| pod.spec.node_name == "node-2").unwrap().metadata.name.clone();
    let going = act(&down, &format!("pod/default/{pod} delete")).cluster;
    let meta = &going.store.get::<Pod>("default", &pod).unwrap().metadata;
    assert_eq!(meta.deletion_timestamp, Some(crate::api::time::timestamp(going.now + 30)));
    assert_eq!(meta.deletion_grace_period_seconds, Some(30));
}

#[test]
fn a_missing_namespace_is_named_before_all_else() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: NodePort, ports: [{port: 0, nodePort: 80}]}\n";
    let named = |outcome: &Outcome| match &outcome.diagnostics[0].message {
        Finding::Upstream(message) => message.clone(),
        Finding::Ours(message) => message.id.to_string(),
    };
    assert_eq!(named(&apply(&fresh(), text)), "namespaces \"shop\" not found");
    let with_it = format!("{text}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n");
    assert!(named(&apply(&fresh(), &with_it)).contains("valid range"));
    // What cannot be decoded never reaches admission.
    let unreadable = text.replace("port: 0", "port: x");
    assert_ne!(named(&apply(&fresh(), &unreadable)), "namespaces \"shop\" not found");
}

#[test]
fn the_default_namespaces_may_not_be_deleted() {
    let cluster = with(WEB);
    for name in ["default", "kube-system", "kube-public"] {
        let outcome = cluster.act(&Action::parse(&format!("namespace/{name} delete")).unwrap());
        let text = format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted");
        assert_eq!(outcome.diagnostics[0].message, Finding::Upstream(text));
        assert_eq!(outcome.cluster.store, cluster.store);
    }
}

#[test]
fn the_api_server_makes_its_service_anew() {
    let cluster = fresh();
    let next = act(&cluster, "service/default/kubernetes delete").cluster;
    let service = |cluster: &Cluster| cluster.store.get::<Service>("default", "kubernetes").unwrap().clone();
    assert_eq!(service(&next).spec, service(&cluster).spec);
    assert_ne!(service(&next).metadata.uid, service(&cluster).metadata.uid);
    assert_eq!(addresses(&next, "kubernetes"), addresses(&cluster, "kubernetes"));
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
}
