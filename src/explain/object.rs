//! A Service, an Ingress or a workload that is asked about by its name: requests to each port of the Service, as a client inside would
//! send them; to each path of the Ingress, from outside; the Pods of the workload, the first that gets no traffic before the others.

use super::{ASKED, Checks, Explanation, Idle, Stop, explain, explain_pod, field, mend_refused, nearest, service};
use crate::addons::pending::pending;
use crate::addons::{aws, ingress_controller};
use crate::api::core::{Node, Pod, Service, ServicePort};
use crate::api::meta::{Labels, selects};
use crate::api::networking::Ingress;
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Maker};
use crate::data_plane::DataPlane;
use crate::data_plane::causes::{made_none, no_service};
use crate::msg;
use crate::node::kubelet::is_ready;
use crate::packet::Protocol;
use crate::settings::INGRESS_NAMESPACE;
use crate::trace::{FieldRef, Request, Source};
use crate::words::Message;

/// Why an object gets no traffic: a Pod, a Service, an Ingress or what makes Pods; `None`: of this kind nothing can be asked. `request` says how to
/// call a Service: who does, where it names a caller inside, in which order the lots fall.
pub fn explain_object(cluster: &Cluster, object: &ObjectRef, request: &Request) -> Option<Explanation> {
    let mut asked = Explanation::default();
    let mut checks = Checks::default();
    match object.kind {
        Kind::Pod => return Some(explain_pod(cluster, &object.namespace, &object.name)),
        Kind::Service => {
            let _: Result<(), Stop> = of_service(cluster, object, request, &mut checks, &mut asked.idle);
        }
        kind if kind.is_workload() => {
            let _: Result<(), Stop> = of_workload(cluster, object, &mut checks, &mut asked.idle);
        }
        Kind::Ingress => {
            let _: Result<(), Stop> = of_ingress(cluster, object, request, &mut checks, &mut asked.idle);
        }
        _ => return None,
    }
    asked.checks = checks.list;
    Some(asked)
}

/// Each port is called; the first one that does not answer ends it. Last, whether the load balancer that it asks for is there.
fn of_service(
    cluster: &Cluster,
    object: &ObjectRef,
    request: &Request,
    checks: &mut Checks,
    idle: &mut Vec<Idle>,
) -> Result<(), Stop> {
    let Some(service) = cluster.store.get::<Service>(&object.namespace, &object.name) else {
        exists(cluster, object, checks)?;
        return checks.found("service-exists", no_service(&cluster.store, &object.namespace, &object.name));
    };
    let from = match &request.from {
        Source::Internet => client_of(cluster, service),
        given => Some(given.clone()),
    };
    let plain = [ServicePort { port: 80, ..ServicePort::default() }];
    let ports = if service.spec.ports.is_empty() { &plain[..] } else { &service.spec.ports };
    for port in ports {
        let Some(from) = &from else {
            // Nobody runs who could call it by its name: what stands behind it can be told all the same.
            service::backend(cluster, object, &port.port.to_string(), checks, &mut None)?;
            continue;
        };
        let request = Request {
            from: from.clone(),
            target: target(service, port, from),
            protocol: Protocol::of_api(&port.protocol).unwrap_or_default(),
            ..request.clone()
        };
        ask(cluster, &request, checks, idle)?;
    }
    match pending(cluster, service) {
        Some((why, next, field)) => checks.fails("load-balancer-address", why, next, vec![field]),
        None => Ok(()),
    }
}

fn ask(cluster: &Cluster, request: &Request, checks: &mut Checks, idle: &mut Vec<Idle>) -> Result<(), Stop> {
    checks.holds(ASKED, msg!("why.asked", from = request.from, target = request.target), Vec::new());
    let trace = DataPlane::program(cluster).send(cluster, request);
    let told = explain(cluster, request, &trace);
    let well = told.ok();
    checks.list.extend(told.checks);
    idle.extend(told.idle);
    if well { Ok(()) } else { Err(Stop) }
}

/// Each path of each rule is called, from outside if nobody else is named; the first that does not answer ends it.
fn of_ingress(
    cluster: &Cluster,
    object: &ObjectRef,
    request: &Request,
    checks: &mut Checks,
    idle: &mut Vec<Idle>,
) -> Result<(), Stop> {
    exists(cluster, object, checks)?;
    let Some(ingress) = cluster.store.get::<Ingress>(&object.namespace, &object.name) else { return Ok(()) };
    let address = ingress.status.load_balancer.ingress.first();
    let Some(address) = address.map(|at| if at.ip.is_empty() { &at.hostname } else { &at.ip }) else {
        let (why, next, because) = ingress_controller::unserved(cluster, ingress);
        return checks.fails("ingress-served", why, next, because);
    };
    let encrypted =
        ingress_controller::is_alb(&cluster.store, ingress) && !aws::ingress_ports(&ingress.metadata.annotations).contains(&80);
    let mut targets = Vec::new();
    for rule in &ingress.spec.rules {
        let host = if rule.host.is_empty() { address.clone() } else { rule.host.replace('*', "www") };
        let scheme =
            if encrypted || ingress.spec.tls.iter().any(|tls| tls.hosts.contains(&rule.host)) { "https" } else { "http" };
        let paths = rule.http.iter().flat_map(|http| &http.paths).map(|path| path.path.as_str());
        targets.extend(paths.map(|path| format!("{scheme}://{host}{}", if path.is_empty() { "/" } else { path })));
    }
    if targets.is_empty() {
        targets.push(format!("{}://{address}/", if encrypted { "https" } else { "http" }));
    }
    for target in targets {
        ask(cluster, &Request { target, protocol: Protocol::Tcp, ..request.clone() }, checks, idle)?;
    }
    Ok(())
}

/// How a port is called: by name, and by the Service's address where a node calls, whose names are not the cluster's.
fn target(service: &Service, port: &ServicePort, from: &Source) -> String {
    let meta = &service.metadata;
    let host = match from {
        Source::Node(_) | Source::Internet => service.spec.cluster_ip.clone(),
        Source::Pod(namespace, _) if *namespace == meta.namespace => meta.name.clone(),
        Source::Workload(object) if object.namespace == meta.namespace => meta.name.clone(),
        _ => format!("{}.{}", meta.name, meta.namespace),
    };
    let scheme = if port.protocol == "UDP" { "udp://" } else { "" };
    format!("{scheme}{host}:{}", port.port)
}

/// A Pod that may call by name: a ready one that asks the cluster's DNS, rather of the namespace, rather not one that is called.
pub fn client<'a>(cluster: &'a Cluster, namespace: &str, called: &dyn Fn(&Pod) -> bool) -> Option<&'a Pod> {
    let calls = |pod: &&Pod| {
        let (own, spec) = (&pod.metadata, &pod.spec);
        let on_host = spec.host_network == Some(true);
        let by_name = spec.dns_policy == if on_host { "ClusterFirstWithHostNet" } else { "ClusterFirst" };
        let system = own.namespace == INGRESS_NAMESPACE || own.namespace == "kube-system" && namespace != "kube-system";
        is_ready(pod) && by_name && !system && own.deletion_timestamp.is_none()
    };
    let far = |pod: &&Pod| (pod.metadata.namespace != namespace, called(pod), pod.spec.host_network == Some(true));
    cluster.store.all::<Pod>().filter(calls).min_by_key(far)
}

/// A client inside: a Pod that calls by name, rather none of the Service's own. Without any, a node calls by address, where there is one.
fn client_of(cluster: &Cluster, service: &Service) -> Option<Source> {
    let (meta, selector) = (&service.metadata, &service.spec.selector);
    let behind = |pod: &Pod| !selector.is_empty() && selects(selector, &pod.metadata.labels);
    if let Some(pod) = client(cluster, &meta.namespace, &behind) {
        return Some(Source::Pod(pod.metadata.namespace.clone(), pod.metadata.name.clone()));
    }
    let by_address = !matches!(service.spec.cluster_ip.as_str(), "" | "None");
    let node = cluster.store.all::<Node>().next().filter(|_| by_address)?;
    Some(Source::Node(node.metadata.name.clone()))
}

/// The Pods of a workload: the first that gets no traffic is told of check by check, the others beside it.
fn of_workload(cluster: &Cluster, object: &ObjectRef, checks: &mut Checks, idle: &mut Vec<Idle>) -> Result<(), Stop> {
    exists(cluster, object, checks)?;
    let (kind, name) = (object.kind, &object.name);
    let mut pods: Vec<&Pod> = cluster.pods_of(object).collect();
    if pods.iter().any(|pod| pod.metadata.deletion_timestamp.is_none()) {
        pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    }
    if pods.is_empty() {
        let (next, because) = no_pods(cluster, object);
        return checks.fails("workload-has-pods", msg!("explain.workload.none", kind = kind, name = name), next, because);
    }
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let text = msg!("explain.workload.pods", kind = kind, name = name, count = pods.len(), ready = ready);
    checks.holds("workload-has-pods", text, Vec::new());
    let (mut first, mut lost): (Option<Explanation>, Vec<(ObjectRef, Explanation)>) = (None, Vec::new());
    for pod in pods {
        let told = explain_pod(cluster, &pod.metadata.namespace, &pod.metadata.name);
        match told.ok() {
            true => first = first.or(Some(told)),
            false => lost.push((ObjectRef::of(pod), told)),
        }
    }
    let mut lost = lost.into_iter();
    let Some(told) = lost.next().map(|(_, told)| told).or(first) else { return Ok(()) };
    checks.list.extend(told.checks);
    idle.extend(told.idle);
    let last = |(pod, told): (ObjectRef, Explanation)| {
        let failed = told.checks.into_iter().next_back()?;
        Some(Idle { pod, why: failed.text, because: failed.because })
    };
    idle.extend(lost.filter_map(last));
    Ok(())
}

/// The object is there; otherwise the name that was meant, or that the text has it and the API server refused it.
fn exists(cluster: &Cluster, object: &ObjectRef, checks: &mut Checks) -> Result<(), Stop> {
    if cluster.store.contains(object) || object.kind == Kind::Service && !cluster.refused(object) {
        return Ok(());
    }
    let (kind, name) = (object.kind, &object.name);
    let text = msg!("explain.object.missing", kind = kind, name = name, namespace = object.namespace);
    let check = match kind {
        Kind::Service => "service-exists",
        Kind::Ingress => "ingress-exists",
        _ => "workload-exists",
    };
    if cluster.refused(object) {
        return checks.fails(check, text, mend_refused(cluster, object), vec![field(object, "")]);
    }
    let all = cluster.store.refs();
    let alike = all.iter().filter(|own| own.kind == kind && own.namespace == object.namespace);
    let next = match nearest(name, alike.map(|own| own.name.as_str())) {
        Some(near) => msg!("explain.name.near.next", near = near),
        None => msg!("explain.object.missing.next", resource = kind.plural()),
    };
    checks.fails(check, text, next, Vec::new())
}

/// Why a workload that stands has no Pods, and the fields to blame.
fn no_pods(cluster: &Cluster, object: &ObjectRef) -> (Message, Vec<FieldRef>) {
    let spec = cluster.store.to_json(object).map(|value| value["spec"].clone()).unwrap_or_default();
    let pairs = spec["template"]["metadata"]["labels"].as_object().into_iter().flatten();
    let labels: Labels = pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_string())).collect();
    let own = |maker: &Maker| *maker.object() == *object;
    match cluster.maker(&object.namespace, &labels).filter(own) {
        Some(maker) => made_none(cluster, maker),
        None if spec["replicas"] == 0 => {
            (msg!("advice.noReplicas.next", kind = object.kind, name = object.name), vec![field(object, "spec.replicas")])
        }
        None => (msg!("advice.madeNone.next", kind = object.kind, name = object.name), Vec::new()),
    }
}
