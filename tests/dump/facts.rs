//! What a dump says wins over what the engine would do: it stands until something changes it.

use crate::{FRONT, applied, explained, manifests, send, without};
use kubehop::api::apps::ReplicaSet;
use kubehop::api::core::{Endpoints, Namespace, Pod, Service};
use kubehop::api::discovery::EndpointSlice;
use kubehop::cluster::{Action, Cluster};
use kubehop::explain::explain_object;
use kubehop::kubectl::Manifests;
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::{Place, Request, Verdict};
use std::fs;
use std::sync::Arc;

/// The shared dump and further documents.
pub(crate) fn with(more: &str) -> Manifests {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    manifests(format!("{text}\n---\n{more}"))
}

const WAITING: &str = "
apiVersion: v1
kind: Service
metadata: {name: big, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000011}
spec: {clusterIP: 10.96.77.8, clusterIPs: [10.96.77.8], selector: {app: big}, ports: [{port: 80, targetPort: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: big, namespace: shop, labels: {app: big}, uid: 5d1b7c0e-0000-4000-8000-000000000012}
spec: {containers: [{name: big, image: nginx}]}
status:
  phase: Pending
  conditions:
  - {type: PodScheduled, status: 'False', reason: Unschedulable, message: 'REASON'}
";

fn pod<'a>(cluster: &'a Cluster, name: &str) -> &'a Pod {
    cluster.store.get::<Pod>("shop", name).unwrap()
}

#[test]
fn a_pod_that_the_real_scheduler_refused_waits_with_its_reason() {
    let reason = "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient memory. preemption: 0/3 nodes are \
                  available: 3 No preemption victims found for incoming pod.";
    let text = WAITING.replace("REASON", reason);
    let cluster = applied(with(&text)).act(&Action::Wait(600)).cluster;
    let big = pod(&cluster, "big");
    assert_eq!((big.spec.node_name.as_str(), big.status.phase.as_str()), ("", "Pending"));
    assert_eq!(big.status.conditions[0].message, reason);
    assert_eq!(send(&cluster, FRONT, "http://big").verdict, Verdict::Refused);
    let said = explained(&cluster, FRONT, "http://big");
    assert!(said.last().unwrap().starts_with("FAIL "), "{said:?}");
    // A node that comes later has room.
    let node = "
---
apiVersion: v1
kind: Node
metadata: {name: shop-worker3}
";
    let grown = cluster.apply(Arc::new(with(&format!("{text}{node}")))).cluster;
    assert_eq!(pod(&grown, "big").spec.node_name, "shop-worker3");
}

#[test]
fn a_refusal_that_the_dumps_nodes_explain_is_judged_anew() {
    let reason = "0/3 nodes are available: 3 node(s) were unschedulable. preemption: 0/3 nodes are available: 3 Preemption is not \
                  helpful for scheduling.";
    // As its nodes stand now, it fits.
    let cluster = applied(with(&WAITING.replace("REASON", reason)));
    assert_ne!(pod(&cluster, "big").spec.node_name, "");
}

#[test]
fn a_load_balancer_that_a_dump_shows_pending_stays_pending() {
    let service = "
apiVersion: v1
kind: Service
metadata: {name: open, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000013}
spec:
  type: TYPE
  clusterIP: 10.96.77.9
  clusterIPs: [10.96.77.9]
  selector: {app: frontend}
  ports: [{port: 80, targetPort: 8080 PORT}]
status: {loadBalancer: {}}
";
    let text = |kind: &str, port: &str| service.replace("TYPE", kind).replace("PORT", port);
    let address = |cluster: &Cluster| {
        let service = cluster.store.get::<Service>("shop", "open").unwrap();
        service.status.load_balancer.ingress.len()
    };
    let pending = applied(with(&text("LoadBalancer", ", nodePort: 31778")));
    assert_eq!(address(&pending), 0);
    assert_eq!(address(&pending.act(&Action::Wait(600)).cluster), 0);
    // Without Ingresses, which would take the name for one of theirs.
    let alone = applied(without(with(&text("LoadBalancer", ", nodePort: 31778")), "Ingress"));
    let said = explained(&alone, "internet", "http://open.shop");
    assert!(said.last().unwrap().contains("The dump shows open without a load balancer"), "{said:?}");
    // An edit that asks for one gets one.
    let inner = applied(with(&text("ClusterIP", "")));
    let edited = inner.apply(Arc::new(with(&text("LoadBalancer", "")))).cluster;
    assert_eq!(address(&edited), 1);
}

#[test]
fn a_replica_set_that_could_make_no_more_pods_makes_none_here() {
    let set = "
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: few, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000014}
spec:
  replicas: 5
  selector: {matchLabels: {app: few}}
  template: {metadata: {labels: {app: few}}, spec: {containers: [{name: few, image: nginx}]}}
status:
  replicas: 1
  conditions:
  - {type: ReplicaFailure, status: 'True', reason: FailedCreate, message: 'pods \"few-\" is forbidden: exceeded quota: small'}
---
apiVersion: v1
kind: Pod
metadata:
  name: few-7x2jq
  namespace: shop
  labels: {app: few}
  uid: 5d1b7c0e-0000-4000-8000-000000000015
  ownerReferences:
  - {apiVersion: apps/v1, kind: ReplicaSet, name: few, uid: 5d1b7c0e-0000-4000-8000-000000000014, controller: true}
spec: {nodeName: shop-worker, containers: [{name: few, image: nginx}]}
status: {phase: Running, podIP: 10.244.1.77, podIPs: [{ip: 10.244.1.77}]}
";
    let cluster = applied(with(set));
    let pods = |cluster: &Cluster| {
        let pods = cluster.store.in_namespace::<Pod>("shop").filter(|pod| pod.metadata.name.starts_with("few-"));
        pods.map(|pod| pod.metadata.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(pods(&cluster), ["few-7x2jq"]);
    let few = cluster.store.get::<ReplicaSet>("shop", "few").unwrap();
    assert_eq!(few.status.conditions[0].message, "pods \"few-\" is forbidden: exceeded quota: small");
    // In place of one that goes, the quota lets another one come.
    let deleted = cluster.act(&Action::parse("pod/shop/few-7x2jq delete").unwrap()).cluster;
    let left = pods(&deleted);
    assert!(left.len() == 1 && left[0] != "few-7x2jq", "{left:?}");
}

#[test]
fn a_kube_proxy_that_a_dump_shows_crashing_is_told_on_the_traces_that_read_its_rules() {
    let proxy = "
apiVersion: v1
kind: Pod
metadata: {name: kube-proxy-x, namespace: kube-system, labels: {k8s-app: kube-proxy}, uid: 5d1b7c0e-0000-4000-8000-000000000016}
spec: {nodeName: NODE, hostNetwork: true, containers: [{name: kube-proxy, image: registry.k8s.io/kube-proxy}]}
status:
  phase: Running
  conditions: [{type: Ready, status: 'False'}]
  containerStatuses:
  - {name: kube-proxy, ready: false, image: x, imageID: x, restartCount: 9, state: {waiting: {reason: CrashLoopBackOff}}}
";
    let caller = pod(&applied(with(&proxy.replace("NODE", "shop-worker"))), "frontend-6b9f7c5d8c-8lqtw").spec.node_name.clone();
    let told = |node: &str| {
        let trace = send(&applied(with(&proxy.replace("NODE", node))), FRONT, "http://catalog");
        assert_eq!(trace.verdict, Verdict::Delivered);
        trace.assumptions.iter().any(|note| note.id == "assume.proxyDown")
    };
    assert!(told(&caller) && !told("shop-control-plane"));
}

/// ingress-nginx as a dump shows it: its Pod READY, its Service with the address LB.
const NGINX: &str = "
apiVersion: v1
kind: Service
metadata: {name: ingress-nginx-controller, namespace: ingress-nginx, uid: 5d1b7c0e-0000-4000-8000-000000000017}
spec:
  type: LoadBalancer
  clusterIP: 10.96.77.10
  clusterIPs: [10.96.77.10]
  selector: {app.kubernetes.io/name: ingress-nginx}
  ports: [{name: http, port: 80, targetPort: http, nodePort: 31080}]
status: {loadBalancer: {ingress: [LB]}}
---
apiVersion: v1
kind: Pod
metadata:
  name: ingress-nginx-controller-6c657c6487-rt9vd
  namespace: ingress-nginx
  labels: {app.kubernetes.io/name: ingress-nginx}
  uid: 5d1b7c0e-0000-4000-8000-000000000018
spec:
  nodeName: shop-worker
  containers:
  - name: controller
    image: registry.k8s.io/ingress-nginx/controller:v1.12.0
    ports: [{name: http, containerPort: 80}]
status:
  phase: Running
  hostIP: 172.18.0.3
  podIP: 10.244.1.80
  podIPs: [{ip: 10.244.1.80}]
  conditions: [{type: Ready, status: 'READY'}, {type: ContainersReady, status: 'READY'}]
  containerStatuses:
  - {name: controller, ready: ISREADY, image: x, imageID: x, restartCount: 9, state: {STATE}}
";

const AT: &str = "{ip: 172.18.255.201, ipMode: VIP}";

/// The shared dump without its own controller on a host port, and further documents.
pub(crate) fn without_controller(more: &str) -> Manifests {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    manifests(format!("{}\n---\n{more}", text.replace("registry.k8s.io/ingress-nginx/controller", "example.com/other")))
}

fn nginx(ready: bool, at: &str) -> Cluster {
    let state = if ready { "running: {}" } else { "waiting: {reason: CrashLoopBackOff}" };
    let text = NGINX.replace("ISREADY", if ready { "true" } else { "false" }).replace("STATE", state);
    let text = text.replace("READY", if ready { "True" } else { "False" }).replace("LB", at);
    applied(without_controller(&text.replace("namespace: ingress-nginx", "namespace: edge")))
}

#[test]
fn the_ingress_controller_of_a_dump_is_the_one_that_routes() {
    let cluster = nginx(true, AT);
    assert!(cluster.store.in_namespace::<Pod>("ingress-system").next().is_none());
    let trace = send(&cluster, "internet", "http://shop.example.com/catalog");
    assert_eq!((trace.verdict, trace.pod.unwrap().1), (Verdict::Delivered, "catalog-74d5bbf6b8-5hxkg".into()));
    assert!(trace.hops.iter().any(|hop| hop.at.to_string().starts_with("ingress-controller/edge/")));
    assert!(trace.assumptions.iter().any(|note| note.id == "assume.ingressReal"), "{:?}", trace.assumptions);
    let said = explained(&cluster, "internet", "http://shop.example.com/catalog");
    assert!(said.iter().any(|said| said.starts_with("an Ingress rule sends")), "{said:?}");
}

#[test]
fn an_ingress_controller_that_a_dump_shows_crashing_answers_nobody() {
    let cluster = nginx(false, AT);
    let trace = send(&cluster, "internet", "http://shop.example.com/catalog");
    assert_ne!(trace.verdict, Verdict::Delivered);
    assert_eq!(trace.pod, None);
    let said = explained(&cluster, "internet", "http://shop.example.com/catalog");
    assert_eq!(said[0], "the name shop.example.com resolves to 172.18.255.201");
    assert!(said.last().unwrap().contains("is not ready: its container controller does not run (CrashLoopBackOff)"), "{said:?}");
}

#[test]
fn an_ingress_controller_whose_load_balancer_is_pending_has_no_address() {
    let cluster = nginx(true, "");
    let said = explained(&cluster, "internet", "http://shop.example.com/catalog");
    assert!(said.last().unwrap().ends_with("is served by k8s.io/ingress-nginx, which has no address"), "{said:?}");
}

#[test]
fn an_ingress_controller_on_a_host_port_is_reached_at_its_node() {
    // As kind runs it; its status says `localhost`, where kind publishes that port.
    let trace = send(&crate::cluster(), "internet", "http://shop.example.com/catalog");
    assert_eq!((trace.verdict, trace.dns.unwrap().answers[0].data.as_str()), (Verdict::Delivered, "172.18.0.4"));
    assert!(trace.assumptions.iter().any(|note| note.id == "assume.ingressReal"), "{:?}", trace.assumptions);
}

#[test]
fn a_stand_in_for_an_ingress_controller_that_a_dump_does_not_show_is_told() {
    let mut dump = without_controller(WAITING);
    dump.documents.retain(|own| own.name != "big");
    let trace = send(&applied(dump), "internet", "http://shop.example.com/catalog");
    assert_eq!(trace.verdict, Verdict::Delivered);
    assert!(trace.assumptions.iter().any(|note| note.id == "assume.ingressStandIn"), "{:?}", trace.assumptions);
}

#[test]
fn of_a_dual_stack_dump_the_ipv4_half_is_played() {
    let service = "
apiVersion: v1
kind: Service
metadata: {name: both, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000019}
spec:
  clusterIP: fd00:10:96::c
  clusterIPs: ['fd00:10:96::c', 10.96.77.12]
  ipFamilies: [IPv6, IPv4]
  ipFamilyPolicy: RequireDualStack
  selector: {app: catalog}
  ports: [{port: 80, targetPort: 3550}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: both-6
  namespace: shop
  uid: 5d1b7c0e-0000-4000-8000-000000000020
  labels: {kubernetes.io/service-name: both, endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io}
addressType: IPv6
endpoints: [{addresses: ['fd00:10:244::a'], conditions: {ready: true}}]
ports: [{port: 3550, protocol: TCP}]
---
apiVersion: v1
kind: Service
metadata: {name: later, namespace: shop}
spec: {ipFamilyPolicy: RequireDualStack, selector: {app: catalog}, ports: [{port: 80, targetPort: 3550}]}
";
    let cluster = applied(with(service)).act(&Action::Wait(60)).cluster;
    let both = &cluster.store.get::<Service>("shop", "both").unwrap().spec;
    assert_eq!((both.cluster_ip.as_str(), both.cluster_ips.len(), both.ip_families.len()), ("10.96.77.12", 2, 2));
    assert!(cluster.store.endpoint_slices.contains_key(&("shop".into(), "both-6".into())));
    for target in ["http://both", "http://later"] {
        let trace = send(&cluster, FRONT, target);
        assert_eq!(trace.pod.map(|pod| pod.1), send(&cluster, FRONT, "http://catalog").pod.map(|pod| pod.1), "{target}");
        assert!(trace.assumptions.iter().any(|note| note.id == "assume.dualStack"), "{:?}", trace.assumptions);
    }
}

#[test]
fn a_dump_with_ipv6_alone_says_that_it_is_not_played() {
    let text = "
apiVersion: v1
kind: Service
metadata: {name: six, namespace: default, uid: 5d1b7c0e-0000-4000-8000-000000000021}
spec:
  clusterIP: fd00:10:96::d
  clusterIPs: ['fd00:10:96::d']
  ipFamilies: [IPv6]
  ipFamilyPolicy: SingleStack
  selector: {app: six}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: six, namespace: default, labels: {app: six}, uid: 5d1b7c0e-0000-4000-8000-000000000022}
spec: {nodeName: node-1, containers: [{name: six, image: nginx}]}
status: {phase: Running, podIP: 'fd00:10:244::d', podIPs: [{ip: 'fd00:10:244::d'}], conditions: [{type: Ready, status: 'True'}]}
";
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests(text.to_string())));
    let said = |id: &str| outcome.diagnostics.iter().any(|found| format!("{:?}", found.message).contains(id));
    assert!(said("dump.ipv6Only"));
    let trace = send(&outcome.cluster, "pod/default/six", "http://six");
    assert_eq!(trace.hops[0].text.id, "hop.Rejected.text.podIPv6");
    // No Service has to be made for it: the one that selects it is not played.
    for (object, why) in [("Pod/default/six", "explain.pod.ipv6"), ("Service/default/six", "explain.object.missing")] {
        let found = explain_object(&outcome.cluster, &object.parse().unwrap(), &Request::default()).unwrap();
        let last = found.checks.last().unwrap();
        assert_eq!((&*last.text.id, &*last.next.as_ref().unwrap().id), (why, "advice.ipv6.next"), "{object}");
    }
}

/// The shared dump without what the tests of a kind leave out.
fn without_kinds(kinds: &[&str]) -> Cluster {
    let mut text = manifests(fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap());
    text.documents.retain(|document| !kinds.contains(&document.kind.as_str()));
    applied(text)
}

#[test]
fn the_api_servers_endpoints_and_their_slice_are_alike_though_a_dump_has_one_of_them() {
    for kinds in [&["EndpointSlice"][..], &["Endpoints"], &[]] {
        let store = without_kinds(kinds).store;
        let slice = store.get::<EndpointSlice>("default", "kubernetes").unwrap();
        let endpoints = store.get::<Endpoints>("default", "kubernetes").unwrap();
        assert_eq!(slice.endpoints[0].addresses, ["172.18.0.4"], "{kinds:?}");
        assert_eq!(endpoints.subsets[0].addresses[0].ip, "172.18.0.4", "{kinds:?}");
    }
}

#[test]
fn endpoints_that_a_dump_lacks_are_as_old_as_their_service() {
    let cluster = without_kinds(&["Endpoints"]);
    let dumped = |service: &&Service| service.metadata.namespace != "ingress-system";
    for service in cluster.store.all::<Service>().filter(dumped) {
        let meta = &service.metadata;
        let Some(own) = cluster.store.get::<Endpoints>(&meta.namespace, &meta.name) else { continue };
        assert_eq!(own.metadata.creation_timestamp, meta.creation_timestamp, "{}", meta.name);
    }
    // A namespace is as old as the oldest in it, and what every cluster begins with as the oldest of all.
    let made = |name: &str| cluster.store.get::<Namespace>("", name).unwrap().metadata.creation_timestamp.clone();
    assert_eq!(made("default").as_deref(), Some("2026-05-04T08:12:31Z"));
    assert_eq!(made("shop").as_deref(), Some("2026-05-04T08:13:02Z"));
}

#[test]
fn where_a_dump_shows_metallbs_speakers_one_of_their_nodes_announces() {
    let text = "
apiVersion: v1
kind: Service
metadata: {name: vip, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000023}
spec:
  type: LoadBalancer
  clusterIP: 10.96.77.13
  clusterIPs: [10.96.77.13]
  selector: {app: frontend}
  ports: [{port: 80, targetPort: 8080, nodePort: 31779}]
status: {loadBalancer: {ingress: [{ip: 172.18.255.210, ipMode: VIP}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: speaker-x, namespace: metallb-system, uid: 5d1b7c0e-0000-4000-8000-000000000024}
spec: {nodeName: NODE, hostNetwork: true, containers: [{name: speaker, image: 'quay.io/metallb/speaker:v0.15.2'}]}
status: {phase: Running, hostIP: HOST, podIP: HOST, conditions: [{type: Ready, status: READY}]}
";
    let through = |node: &str, ready: &str| {
        let text = text.replace("NODE", node).replace("HOST", "172.18.0.9").replace("READY", ready);
        let trace = send(&applied(with(&text)), "internet", "http://172.18.255.210/");
        let node = trace.hops.iter().find_map(|hop| match &hop.at {
            Place::Node(name) | Place::KubeProxy(name) => Some(name.clone()),
            _ => None,
        });
        (trace.verdict, node)
    };
    for node in ["shop-worker", "shop-worker2"] {
        assert_eq!(through(node, "'True'"), (Verdict::Delivered, Some(node.to_string())));
    }
    assert_eq!(through("shop-worker", "'False'").0, Verdict::Timeout);
}

#[test]
fn a_deleted_pod_whose_controller_the_dump_lacks_is_told_not_to_come_back() {
    let text = "
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000031}
spec: {clusterIP: 10.96.77.9, clusterIPs: [10.96.77.9], selector: {app: db}, ports: [{port: 80, targetPort: 80}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: db-0
  namespace: shop
  labels: {app: db}
  uid: 5d1b7c0e-0000-4000-8000-000000000032
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: 5d1b7c0e-0000-4000-8000-000000000033, controller: true}]
spec: {nodeName: shop-worker, containers: [{name: db, image: nginx}]}
status: {phase: Running, podIP: 10.244.1.77, podIPs: [{ip: 10.244.1.77}], conditions: [{type: Ready, status: 'True'}]}
";
    let delete = |cluster: &Cluster, pod: &str| cluster.act(&Action::parse(&format!("pod/shop/{pod} delete")).unwrap());
    let gone = delete(&applied(with(text)), "db-0");
    let told = |outcome: &kubehop::cluster::Outcome| format!("{:?}", outcome.diagnostics).contains("dump.ownerElsewhere");
    assert!(told(&gone), "{:?}", gone.diagnostics);
    let trace = send(&gone.cluster, FRONT, "http://db");
    assert_eq!(&*trace.advice.unwrap().next.id, "advice.deleted.owned.next");
    // One whose ReplicaSet is in the dump comes back without a word.
    let front = applied(with(text));
    let name = FRONT.rsplit('/').next().unwrap();
    assert!(!told(&delete(&front, name)));
}
