//! The columns of each kind.

use super::status::{age, is_sidecar, pod_status, ready_containers};
use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, ReplicationController, StatefulSet};
use crate::api::core::{ConfigMap, Container, Endpoints, Event, LoadBalancerIngress, Namespace, Node, Pod, Secret, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::meta::{LabelSelector, Labels};
use crate::api::networking::{Ingress, IngressClass, NetworkPolicy};
use crate::api::{Kind, ObjectRef, Resource};
use crate::cluster::{Cluster, Stored};
use std::collections::BTreeSet;

/// Addresses of load balancers are cut at this width, unless `-o wide` is given.
const LOAD_BALANCER_WIDTH: usize = 16;

/// The header line of a kind.
pub fn header(kind: Kind, wide: bool) -> Vec<String> {
    let (always, more): (&str, &str) = match kind {
        Kind::Pod => ("NAME,READY,STATUS,RESTARTS,AGE", "IP,NODE,NOMINATED NODE,READINESS GATES"),
        Kind::Service => ("NAME,TYPE,CLUSTER-IP,EXTERNAL-IP,PORT(S),AGE", "SELECTOR"),
        Kind::Endpoints => ("NAME,ENDPOINTS,AGE", ""),
        Kind::EndpointSlice => ("NAME,ADDRESSTYPE,PORTS,ENDPOINTS,AGE", ""),
        Kind::Deployment => ("NAME,READY,UP-TO-DATE,AVAILABLE,AGE", "CONTAINERS,IMAGES,SELECTOR"),
        Kind::ReplicaSet | Kind::ReplicationController => ("NAME,DESIRED,CURRENT,READY,AGE", "CONTAINERS,IMAGES,SELECTOR"),
        Kind::StatefulSet => ("NAME,READY,AGE", "CONTAINERS,IMAGES"),
        Kind::DaemonSet => ("NAME,DESIRED,CURRENT,READY,UP-TO-DATE,AVAILABLE,NODE SELECTOR,AGE", "CONTAINERS,IMAGES,SELECTOR"),
        Kind::Ingress => ("NAME,CLASS,HOSTS,ADDRESS,PORTS,AGE", ""),
        Kind::IngressClass => ("NAME,CONTROLLER,PARAMETERS,AGE", ""),
        Kind::Node => ("NAME,STATUS,ROLES,AGE,VERSION", "INTERNAL-IP,EXTERNAL-IP,OS-IMAGE,KERNEL-VERSION,CONTAINER-RUNTIME"),
        Kind::Namespace => ("NAME,STATUS,AGE", ""),
        Kind::ConfigMap => ("NAME,DATA,AGE", ""),
        Kind::Secret => ("NAME,TYPE,DATA,AGE", ""),
        Kind::NetworkPolicy => ("NAME,POD-SELECTOR,AGE", ""),
        Kind::Event => ("LAST SEEN,TYPE,REASON,OBJECT,MESSAGE", ""),
    };
    let more = if wide { more } else { "" };
    always.split(',').chain(more.split(',').filter(|name| !name.is_empty())).map(str::to_string).collect()
}

/// The line of one object; empty when it is not there.
pub fn row(cluster: &Cluster, object: &ObjectRef, wide: bool) -> Vec<String> {
    match object.kind {
        Kind::Pod => with(cluster, object, |it, age| pod(it, age, cluster.clock(), wide)),
        Kind::Service => with(cluster, object, |it, age| service(it, age, wide)),
        Kind::Endpoints => with(cluster, object, endpoints),
        Kind::EndpointSlice => with(cluster, object, endpoint_slice),
        Kind::Deployment => with(cluster, object, |it, age| deployment(it, age, wide)),
        Kind::ReplicaSet => with(cluster, object, |it, age| replica_set(it, age, wide)),
        Kind::ReplicationController => {
            with(cluster, object, |it: &ReplicationController, age| replica_set(&it.into(), age, wide))
        }
        Kind::StatefulSet => with(cluster, object, |it, age| stateful_set(it, age, wide)),
        Kind::DaemonSet => with(cluster, object, |it, age| daemon_set(it, age, wide)),
        Kind::Ingress => with(cluster, object, |it, age| ingress(it, age, wide)),
        Kind::IngressClass => with(cluster, object, ingress_class),
        Kind::Node => with(cluster, object, |it, age| node(it, age, wide)),
        Kind::Namespace => with(cluster, object, |it: &Namespace, age| {
            let state = if it.metadata.deletion_timestamp.is_some() { "Terminating" } else { "Active" };
            vec![it.metadata.name.clone(), state.into(), age]
        }),
        Kind::ConfigMap => with(cluster, object, |it: &ConfigMap, age| {
            vec![it.metadata.name.clone(), (it.data.len() + it.binary_data.len()).to_string(), age]
        }),
        Kind::Secret => with(cluster, object, |it: &Secret, age| {
            let entries = it.data.keys().chain(it.string_data.keys()).collect::<BTreeSet<_>>().len();
            vec![it.metadata.name.clone(), it.type_.clone(), entries.to_string(), age]
        }),
        Kind::NetworkPolicy => with(cluster, object, |it: &NetworkPolicy, age| {
            vec![it.metadata.name.clone(), label_selector(&it.spec.pod_selector), age]
        }),
        Kind::Event => with(cluster, object, |it: &Event, _| event(it, cluster.clock())),
    }
}

fn with<R: Stored>(cluster: &Cluster, object: &ObjectRef, cells: impl FnOnce(&R, String) -> Vec<String>) -> Vec<String> {
    let Some(found) = cluster.store.get::<R>(&object.namespace, &object.name) else { return Vec::new() };
    let age = age(Resource::metadata(found).creation_timestamp.as_deref(), cluster.clock());
    cells(found, age)
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "<none>".into() } else { text.into() }
}

fn labels(labels: &Labels) -> String {
    or_none(&labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(","))
}

/// `metav1.FormatLabelSelector`
pub(in crate::kubectl) fn label_selector(selector: &LabelSelector) -> String {
    let pairs = selector.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().map(|need| match need.operator.as_str() {
        "In" => format!("{} in ({})", need.key, need.values.join(",")),
        "NotIn" => format!("{} notin ({})", need.key, need.values.join(",")),
        "DoesNotExist" => format!("!{}", need.key),
        _ => need.key.clone(),
    });
    let mut all: Vec<String> = pairs.chain(expressions).collect();
    all.sort();
    or_none(&all.join(","))
}

fn containers(list: &[Container]) -> [String; 2] {
    let join = |part: fn(&Container) -> &str| list.iter().map(part).collect::<Vec<_>>().join(",");
    [join(|container| &container.name), join(|container| &container.image)]
}

/// How often its containers were started again, and how long ago the last one ended.
fn restarts(pod: &Pod, now: u64) -> String {
    // Those of init containers count while these run; of sidecars, always.
    let initializing = pod_status(pod).starts_with("Init:");
    let inits = pod.status.init_container_statuses.iter().filter(|own| initializing || is_sidecar(pod, &own.name));
    let own = pod.status.container_statuses.iter().filter(|_| !initializing);
    let statuses: Vec<_> = own.chain(inits).collect();
    let count: i32 = statuses.iter().map(|status| status.restart_count).sum();
    let ends = statuses.iter().filter_map(|status| status.last_state.terminated.as_ref()?.finished_at.as_deref());
    match ends.max() {
        Some(last) if count != 0 => format!("{count} ({} ago)", age(Some(last), now)),
        _ => count.to_string(),
    }
}

fn pod(pod: &Pod, age: String, now: u64, wide: bool) -> Vec<String> {
    let (ready, all) = ready_containers(pod);
    let restarts = restarts(pod, now);
    let mut cells = vec![pod.metadata.name.clone(), format!("{ready}/{all}"), pod_status(pod), restarts, age];
    if wide {
        let ip = pod.status.pod_ips.first().map_or("", |ip| &ip.ip);
        let gates = &pod.spec.readiness_gates;
        let open = |gate: &&crate::api::core::PodReadinessGate| {
            let holds = |condition: &&crate::api::core::Condition| condition.type_ == gate.condition_type;
            pod.status.conditions.iter().find(holds).is_some_and(|condition| condition.status == "True")
        };
        let gates = match gates.len() {
            0 => "<none>".into(),
            all => format!("{}/{all}", gates.iter().filter(open).count()),
        };
        cells.extend([or_none(ip), or_none(&pod.spec.node_name), "<none>".into(), gates]);
    }
    cells
}

fn service(service: &Service, age: String, wide: bool) -> Vec<String> {
    let spec = &service.spec;
    let ports = spec.ports.iter().map(|port| match port.node_port {
        0 => format!("{}/{}", port.port, port.protocol),
        node_port => format!("{}:{node_port}/{}", port.port, port.protocol),
    });
    let mut cells = vec![
        service.metadata.name.clone(),
        spec.type_.clone(),
        or_none(spec.cluster_ips.first().unwrap_or(&spec.cluster_ip)),
        external_ip(service, wide),
        or_none(&ports.collect::<Vec<_>>().join(",")),
        age,
    ];
    if wide {
        cells.push(labels(&spec.selector));
    }
    cells
}

fn external_ip(service: &Service, wide: bool) -> String {
    let spec = &service.spec;
    match spec.type_.as_str() {
        "ExternalName" => spec.external_name.clone(),
        "LoadBalancer" => {
            let assigned = balancer_addresses(&service.status.load_balancer.ingress, wide);
            let all = std::iter::once(&assigned).filter(|text| !text.is_empty()).chain(&spec.external_ips);
            let all = all.cloned().collect::<Vec<_>>().join(",");
            if all.is_empty() { "<pending>".into() } else { all }
        }
        _ => or_none(&spec.external_ips.join(",")),
    }
}

fn balancer_addresses(ingress: &[LoadBalancerIngress], wide: bool) -> String {
    let address = |entry: &LoadBalancerIngress| if entry.ip.is_empty() { entry.hostname.clone() } else { entry.ip.clone() };
    let all: BTreeSet<String> = ingress.iter().map(address).filter(|text| !text.is_empty()).collect();
    let joined = all.into_iter().collect::<Vec<_>>().join(",");
    if !wide && joined.len() > LOAD_BALANCER_WIDTH {
        return joined.chars().take(LOAD_BALANCER_WIDTH - 3).collect::<String>() + "...";
    }
    joined
}

/// The first three, and how many more.
fn with_more(all: &[String], empty: &str) -> String {
    match all.len() {
        0 => empty.into(),
        1..=3 => all.join(","),
        count => format!("{} + {} more...", all.get(..3).unwrap_or(all).join(","), count - 3),
    }
}

fn endpoints(endpoints: &Endpoints, age: String) -> Vec<String> {
    let mut all = Vec::new();
    for subset in &endpoints.subsets {
        if subset.ports.is_empty() {
            all.extend(subset.addresses.iter().map(|address| address.ip.clone()));
        }
        for port in &subset.ports {
            all.extend(subset.addresses.iter().map(|address| format!("{}:{}", address.ip, port.port)));
        }
    }
    let empty = if endpoints.subsets.is_empty() { "<none>" } else { "" };
    vec![endpoints.metadata.name.clone(), with_more(&all, empty), age]
}

fn endpoint_slice(slice: &EndpointSlice, age: String) -> Vec<String> {
    let port = |port: &crate::api::discovery::EndpointPort| match (port.port, &port.name) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => "*".into(),
    };
    let ports: Vec<String> = slice.ports.iter().map(port).collect();
    let addresses: Vec<String> = slice.endpoints.iter().flat_map(|endpoint| endpoint.addresses.clone()).collect();
    vec![
        slice.metadata.name.clone(),
        slice.address_type.clone(),
        with_more(&ports, "<unset>"),
        with_more(&addresses, "<unset>"),
        age,
    ]
}

fn deployment(it: &Deployment, age: String, wide: bool) -> Vec<String> {
    let mut cells = vec![
        it.metadata.name.clone(),
        format!("{}/{}", it.status.ready_replicas, it.spec.replicas.unwrap_or(1)),
        it.status.updated_replicas.to_string(),
        it.status.available_replicas.to_string(),
        age,
    ];
    if wide {
        cells.extend(containers(&it.spec.template.spec.containers));
        cells.push(label_selector(&it.spec.selector));
    }
    cells
}

fn replica_set(it: &ReplicaSet, age: String, wide: bool) -> Vec<String> {
    let numbers = [it.spec.replicas.unwrap_or(1), it.status.replicas, it.status.ready_replicas];
    let mut cells = vec![it.metadata.name.clone()];
    cells.extend(numbers.map(|number| number.to_string()));
    cells.push(age);
    if wide {
        cells.extend(containers(&it.spec.template.spec.containers));
        cells.push(label_selector(&it.spec.selector));
    }
    cells
}

fn stateful_set(it: &StatefulSet, age: String, wide: bool) -> Vec<String> {
    let ready = format!("{}/{}", it.status.ready_replicas, it.spec.replicas.unwrap_or(1));
    let mut cells = vec![it.metadata.name.clone(), ready, age];
    if wide {
        cells.extend(containers(&it.spec.template.spec.containers));
    }
    cells
}

fn daemon_set(it: &DaemonSet, age: String, wide: bool) -> Vec<String> {
    let status = &it.status;
    let numbers = [
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled,
        status.number_available,
    ];
    let mut cells = vec![it.metadata.name.clone()];
    cells.extend(numbers.map(|number| number.to_string()));
    cells.extend([labels(&it.spec.template.spec.node_selector), age]);
    if wide {
        cells.extend(containers(&it.spec.template.spec.containers));
        cells.push(label_selector(&it.spec.selector));
    }
    cells
}

fn ingress(it: &Ingress, age: String, wide: bool) -> Vec<String> {
    let hosts: Vec<String> = it.spec.rules.iter().map(|rule| rule.host.clone()).filter(|host| !host.is_empty()).collect();
    let class = it.spec.ingress_class_name.as_deref().unwrap_or_default();
    let ports = if it.spec.tls.is_empty() { "80" } else { "80, 443" };
    let address = balancer_addresses(&it.status.load_balancer.ingress, wide);
    vec![it.metadata.name.clone(), or_none(class), with_more(&hosts, "*"), address, ports.into(), age]
}

fn ingress_class(it: &IngressClass, age: String) -> Vec<String> {
    let default = it.metadata.annotations.get("ingressclass.kubernetes.io/is-default-class").is_some_and(|it| it == "true");
    let name = if default { format!("{} (default)", it.metadata.name) } else { it.metadata.name.clone() };
    vec![name, it.spec.controller.clone(), "<none>".into(), age]
}

fn node(node: &Node, age: String, wide: bool) -> Vec<String> {
    let ready = node.status.conditions.iter().find(|condition| condition.type_ == "Ready");
    let mut status = match ready.map(|condition| condition.status.as_str()) {
        Some("True") => "Ready".to_string(),
        Some(_) => "NotReady".to_string(),
        None => "Unknown".to_string(),
    };
    if node.spec.unschedulable == Some(true) {
        status.push_str(",SchedulingDisabled");
    }
    let roles = node.metadata.labels.iter().filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) => Some(role.to_string()),
        None => (key == "kubernetes.io/role").then(|| value.clone()),
    });
    let roles = roles.filter(|role| !role.is_empty()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",");
    let info = &node.status.node_info;
    let mut cells = vec![node.metadata.name.clone(), status, or_none(&roles), age, info.kubelet_version.clone()];
    if wide {
        let address = |type_: &str| {
            let found = node.status.addresses.iter().find(|address| address.type_ == type_);
            or_none(found.map_or("", |address| &address.address))
        };
        let unknown = |text: &str| if text.is_empty() { "<unknown>".to_string() } else { text.to_string() };
        cells.extend([address("InternalIP"), address("ExternalIP"), unknown(&info.os_image), unknown(&info.kernel_version)]);
        cells.push(unknown(&info.container_runtime_version));
    }
    cells
}

fn event(it: &Event, now: u64) -> Vec<String> {
    let about = format!("{}/{}", it.involved_object.kind.to_lowercase(), it.involved_object.name);
    let seen = it.last_timestamp.as_deref().or(it.metadata.creation_timestamp.as_deref());
    vec![age(seen, now), it.type_.clone(), it.reason.clone(), about, it.message.clone()]
}
