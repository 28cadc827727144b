//! Clusters and traces by hand, for the stage's tests.

use super::view::{ClusterView, EndpointView, NodeView, PodRole, PodView, PortView, ServiceView};
use crate::api::{Kind, ObjectRef};
use crate::packet::{Flow, Protocol, Socket};
use crate::trace::{Hop, Place, Reason, Request, RuleRef, Source, Trace, Verdict};

/// A cluster of so many nodes and `web` Pods, dealt out in turn, behind a NodePort Service.
pub fn cluster(nodes: usize, pods: usize) -> ClusterView {
    let node = |index: usize| NodeView {
        name: format!("node-{}", index + 1),
        ip: format!("10.0.0.{}", 11 + index),
        pod_cidr: format!("10.244.{}.0/24", index + 1),
        up: true,
        ready: true,
        proxy_running: true,
        zone: String::new(),
    };
    let pod =
        |index: usize| pod("default", &format!("web-6d4cf56db6-{}", suffix(index)), "web", index % nodes + 1, index / nodes + 4);
    let mut view = ClusterView {
        nodes: (0..nodes).map(node).collect(),
        pods: (0..pods).map(pod).collect(),
        services: vec![service("web", "10.96.120.7", 30080)],
        pod_cidr: "10.244.0.0/16".into(),
        ..ClusterView::default()
    };
    view.services[0].endpoints = view.pods.iter().map(endpoint).collect();
    view.pods.push(PodView {
        role: PodRole::Coredns,
        listens: vec![(53, Protocol::Udp)],
        ..pod_of("kube-system", "coredns-7d764666f9-h9zkl", "kube-dns", 1, 2)
    });
    view
}

/// A Pod on a node, by the last part of its address.
pub fn pod(namespace: &str, name: &str, app: &str, node: usize, last: usize) -> PodView {
    pod_of(namespace, name, app, node, last)
}

fn pod_of(namespace: &str, name: &str, app: &str, node: usize, last: usize) -> PodView {
    PodView {
        namespace: namespace.into(),
        name: name.into(),
        app: app.into(),
        ip: format!("10.244.{node}.{last}"),
        node: format!("node-{node}"),
        status: "Running".into(),
        ready: true,
        listens: vec![(80, Protocol::Tcp)],
        ..PodView::default()
    }
}

/// A request to the third Pod, by a target's name, with the calls that it sets off.
pub fn called(view: &ClusterView, target: &str, calls: Vec<Trace>) -> Trace {
    let mut trace = node_port(view, &view.pods[2].name);
    trace.request.target = target.into();
    trace.calls = calls;
    trace
}

/// Sends to a Pod.
pub fn endpoint(pod: &PodView) -> EndpointView {
    EndpointView {
        ip: pod.ip.clone(),
        ports: "80".into(),
        ready: true,
        pod: Some((pod.namespace.clone(), pod.name.clone())),
        node: pod.node.clone(),
        ..EndpointView::default()
    }
}

/// A Service without endpoints.
pub fn service(name: &str, cluster_ip: &str, node_port: u16) -> ServiceView {
    ServiceView {
        namespace: "default".into(),
        name: name.into(),
        kind: if node_port == 0 { "ClusterIP" } else { "NodePort" }.into(),
        cluster_ip: cluster_ip.into(),
        selector: format!("app={name}"),
        ports: vec![PortView { protocol: "TCP".into(), port: 80, target_port: "http".into(), node_port, ..PortView::default() }],
        ..ServiceView::default()
    }
}

fn suffix(index: usize) -> String {
    let letters: Vec<char> = "bcdfghjklmnpqrstvwxz2456789".chars().collect();
    let digit = |place: u32| letters[(index * 7 / 27_usize.pow(place) + index * place as usize) % 27];
    let unique: String = (0..3).map(|place| letters[index / 27_usize.pow(place) % 27]).collect();
    format!("{}{}{unique}", digit(1), digit(2))
}

fn flow(src: &str, dst: &str) -> Flow {
    let socket = |text: &str| Socket::try_from(text.to_string()).expect("an address");
    Flow { src: socket(src), dst: socket(dst) }
}

/// A hop.
pub fn hop(at: Place, reason: Reason, before: (&str, &str), after: (&str, &str)) -> Hop {
    Hop {
        at,
        reason,
        text: crate::words::Message::default(),
        objects: Vec::new(),
        because: Vec::new(),
        rules: Vec::new(),
        before: Some(flow(before.0, before.1)),
        after: Some(flow(after.0, after.1)),
        mark: (0, 0),
        reply: false,
        headers: Vec::new(),
    }
}

/// A trace of these hops.
pub fn trace(from: Source, verdict: Verdict, hops: Vec<Hop>) -> Trace {
    Trace {
        request: Request { from, target: "http://node-2:30080/".into(), ..Request::default() },
        verdict,
        status: (verdict == Verdict::Delivered).then_some(200),
        pod: None,
        pod_ip: None,
        port: None,
        node: None,
        source_seen_by_pod: None,
        dns: None,
        hops,
        assumptions: Vec::new(),
        calls: Vec::new(),
        advice: None,
    }
}

/// From outside to node-2's port, to the Pod of that name on node-3, and back.
pub fn node_port(view: &ClusterView, pod: &str) -> Trace {
    let client = "203.0.113.50:51934";
    let (door, node) = ("10.0.0.12:30080", "10.0.0.12:38217");
    let target = view.pods.iter().find(|other| other.name == pod).expect("that Pod");
    let pod_address = &format!("{}:80", target.ip);
    let kernel = || Place::KubeProxy("node-2".into());
    let place = || Place::Pod("default".into(), pod.into());
    let web = |mut hop: Hop| {
        hop.objects = vec![ObjectRef::new(Kind::Service, "default", "web")];
        hop.rules =
            vec![RuleRef { table: "nat".into(), chain: "KUBE-SEP-6MXCMXAB2SOD5HD6".into(), index: 1, text: String::new() }];
        hop
    };
    let back = |hop: Hop| Hop { reply: true, ..hop };
    let hops = vec![
        hop(Place::Internet, Reason::Send, (client, door), (client, door)),
        hop(Place::Node("node-2".into()), Reason::Arrive, (client, door), (client, door)),
        web(hop(kernel(), Reason::NodePort, (client, door), (client, door))),
        web(hop(kernel(), Reason::MarkMasquerade, (client, door), (client, door))),
        web(hop(kernel(), Reason::PickEndpoint, (client, door), (client, door))),
        web(hop(kernel(), Reason::Dnat, (client, door), (client, pod_address))),
        hop(kernel(), Reason::Masquerade, (client, pod_address), (node, pod_address)),
        hop(Place::Cni("node-2".into()), Reason::Route, (node, pod_address), (node, pod_address)),
        hop(place(), Reason::PodArrive, (node, pod_address), (node, pod_address)),
        hop(place(), Reason::ProcessAnswers, (node, pod_address), (node, pod_address)),
        back(hop(kernel(), Reason::UndoNat, (pod_address, node), (door, client))),
        back(hop(Place::Internet, Reason::Reply, (door, client), (door, client))),
    ];
    let mut trace = trace(Source::Internet, Verdict::Delivered, hops);
    trace.pod = Some(("default".into(), pod.into()));
    trace.node = Some(target.node.clone());
    trace
}

/// The same door, but nobody behind the Service: node-2's kernel refuses.
pub fn refused() -> (ClusterView, Trace) {
    let mut view = cluster(3, 3);
    view.services[0].endpoints.clear();
    view.services[0].selector = "app=wbe".into();
    let mut trace = node_port(&view, &view.pods[2].name.clone());
    trace.hops.truncate(3);
    let (client, door) = ("203.0.113.50:51934", "10.0.0.12:30080");
    let mut reject = hop(Place::KubeProxy("node-2".into()), Reason::Reject, (client, door), (client, door));
    reject.after = None;
    reject.objects = vec![ObjectRef::new(Kind::Service, "default", "web")];
    let back =
        Hop { reply: true, ..hop(Place::Internet, Reason::Reply, ("10.0.0.12", "203.0.113.50"), ("10.0.0.12", "203.0.113.50")) };
    trace.hops.extend([reject, back]);
    (trace.verdict, trace.status, trace.pod, trace.node) = (Verdict::Refused, None, None, None);
    (view, trace)
}

/// A Pod of `web` calls the Service `db` by its ClusterIP.
pub fn pod_to_service() -> (ClusterView, Trace) {
    let mut view = cluster(3, 3);
    let db = pod("default", "db-0", "db", 1, 9);
    view.services.push(service("db", "10.96.44.18", 0));
    view.services[1].endpoints = vec![endpoint(&db)];
    view.pods.push(db);
    let name = view.pods[1].name.clone();
    let source = "10.244.2.4:41000";
    let (virtual_, real) = ("10.96.44.18:80", "10.244.1.9:80");
    let db = |mut hop: Hop| {
        hop.objects = vec![ObjectRef::new(Kind::Service, "default", "db")];
        hop
    };
    let kernel = || Place::KubeProxy("node-2".into());
    let back = |hop: Hop| Hop { reply: true, ..hop };
    let caller = || Place::Pod("default".into(), name.clone());
    let hops = vec![
        hop(caller(), Reason::Send, (source, virtual_), (source, virtual_)),
        db(hop(kernel(), Reason::ClusterIP, (source, virtual_), (source, virtual_))),
        db(hop(kernel(), Reason::PickEndpoint, (source, virtual_), (source, virtual_))),
        db(hop(kernel(), Reason::Dnat, (source, virtual_), (source, real))),
        hop(Place::Cni("node-2".into()), Reason::Route, (source, real), (source, real)),
        hop(Place::Pod("default".into(), "db-0".into()), Reason::ProcessAnswers, (source, real), (source, real)),
        back(hop(kernel(), Reason::UndoNat, (real, source), (virtual_, source))),
        back(hop(caller(), Reason::Reply, (virtual_, source), (virtual_, source))),
    ];
    let trace = trace(Source::Pod("default".into(), name.clone()), Verdict::Delivered, hops);
    (view, trace)
}
