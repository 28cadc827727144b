//! A dump of a real cluster plays with its own Pods, names, addresses, readiness and nodes, and says why a Service does not answer.

mod clouds;
mod facts;
mod failing;
mod ingresses;
mod leaving;
mod partial;
mod round_trip;
mod slices;

use kubehop::api::core::{Node, Pod, Service};
use kubehop::api::discovery::EndpointSlice;
use kubehop::cluster::{Action, Cluster};
use kubehop::data_plane::DataPlane;
use kubehop::diagnostic::Severity;
use kubehop::explain::explain;
use kubehop::kubectl::{Manifests, SourceFile, read};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::{Request, Trace, Verdict};
use kubehop::words::Words;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

fn dump() -> Manifests {
    manifests(fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap())
}

fn manifests(text: String) -> Manifests {
    let (manifests, problems) = read(&[SourceFile { name: "dump.yaml".into(), text }]);
    assert!(problems.is_empty(), "{problems:?}");
    manifests
}

fn cluster() -> Cluster {
    applied(dump())
}

fn applied(manifests: Manifests) -> Cluster {
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests));
    let bad: Vec<_> = outcome.diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(bad.is_empty(), "{bad:?}");
    outcome.cluster
}

/// What a Pod is told by: readiness, node, address.
fn known(pod: &Pod) -> (String, String, String) {
    let ready = pod.status.conditions.iter().find(|own| own.type_ == "Ready").map(|own| own.status.clone());
    (ready.unwrap_or_default(), pod.spec.node_name.clone(), pod.status.pod_ip.clone())
}

fn send(cluster: &Cluster, from: &str, target: &str) -> Trace {
    let request = Request { from: from.parse().unwrap(), target: target.into(), seed: Seed(1), ..Request::default() };
    DataPlane::program(cluster).send(cluster, &request)
}

fn explained(cluster: &Cluster, from: &str, target: &str) -> Vec<String> {
    let trace = send(cluster, from, target);
    let words = Words::read(&fs::read_to_string("static/words/en.json").unwrap()).unwrap();
    let explanation = explain(cluster, &trace.request.clone(), &trace);
    let said = |check: &kubehop::explain::Check| format!("{}{}", if check.ok { "" } else { "FAIL " }, words.say(&check.text));
    explanation.checks.iter().map(said).collect()
}

const FRONT: &str = "pod/shop/frontend-6b9f7c5d8c-8lqtw";

#[test]
fn every_pod_of_a_dump_is_taken_as_it_stands() {
    let cluster = cluster();
    let dumped = dump();
    let of_dump = dumped.documents.iter().filter(|own| own.kind == "Pod").map(|own| {
        let pod: Pod = serde_json::from_value(own.value.clone()).unwrap();
        (format!("{}/{}", pod.metadata.namespace, pod.metadata.name), known(&pod))
    });
    let of_dump: BTreeMap<_, _> = of_dump.collect();
    let played = cluster.store.all::<Pod>().filter(|pod| pod.metadata.namespace != "ingress-system");
    let played: BTreeMap<_, _> =
        played.map(|pod| (format!("{}/{}", pod.metadata.namespace, pod.metadata.name), known(pod))).collect();
    assert_eq!(played, of_dump);
    assert_eq!(played.len(), 22);
    let nodes: Vec<&str> = cluster.store.all::<Node>().map(|node| node.metadata.name.as_str()).collect();
    assert_eq!(nodes, ["shop-control-plane", "shop-worker", "shop-worker2"]);
}

#[test]
fn what_the_dumps_controllers_made_is_not_made_twice() {
    let cluster = cluster();
    let in_dump = |kind: &str| dump().documents.iter().filter(|own| own.kind == kind).count();
    let stands = |namespace: &str| namespace != "ingress-system";
    assert_eq!(cluster.store.replica_sets.keys().filter(|(of, _)| stands(of)).count(), in_dump("ReplicaSet"));
    assert_eq!(cluster.store.endpoint_slices.keys().filter(|(of, _)| stands(of)).count(), in_dump("EndpointSlice"));
    assert_eq!(cluster.store.endpoints.keys().filter(|(of, _)| stands(of)).count(), in_dump("Endpoints"));
    // Nothing happens by itself afterwards either.
    let later = cluster.act(&Action::Wait(600)).cluster;
    assert_eq!(later.store.pods.keys().collect::<Vec<_>>(), cluster.store.pods.keys().collect::<Vec<_>>());
}

#[test]
fn ages_in_a_dump_are_told_from_its_newest_time() {
    let cluster = cluster();
    let printed = kubehop::api::time::timestamp(cluster.clock());
    assert_eq!(printed, "2026-05-19T14:40:07Z");
}

#[test]
fn a_real_service_that_does_not_answer_is_explained() {
    let cluster = cluster();
    let cart = explained(&cluster, FRONT, "cart:7070");
    assert_eq!(
        cart.last().unwrap(),
        "FAIL Service cart selects Pods with the labels app=carts, and no Pod in namespace shop has them"
    );
    let mail = explained(&cluster, FRONT, "mail:5000");
    assert!(mail.last().unwrap().starts_with("FAIL Pod mail-"), "{mail:?}");
    let front = explained(&cluster, "internet", "http://shop-worker:30080/");
    assert!(front.iter().any(|said| said.contains("calls cart:7070 because its variable CART_ADDR names it")), "{front:?}");
    assert_eq!(front.last(), cart.last());
}

#[test]
fn only_the_ready_pod_of_a_dump_is_called() {
    let cluster = cluster();
    for seed in 0..20 {
        let request =
            Request { from: FRONT.parse().unwrap(), target: "http://catalog".into(), seed: Seed(seed), ..Request::default() };
        let trace = DataPlane::program(&cluster).send(&cluster, &request);
        assert_eq!(trace.pod.unwrap().1, "catalog-74d5bbf6b8-5hxkg");
    }
}

#[test]
fn an_ingress_of_a_dump_is_served_by_a_stand_in() {
    let trace = send(&cluster(), "internet", "http://shop.example.com/catalog");
    assert_eq!((trace.verdict, trace.pod.unwrap().1), (Verdict::Delivered, "catalog-74d5bbf6b8-5hxkg".into()));
}

#[test]
fn pods_of_a_lost_node_are_made_anew_with_the_settings_that_the_dump_does_not_show() {
    let down = cluster().act(&Action::NodeDown("shop-worker2".into())).cluster;
    let later = down.act(&Action::Wait(400)).cluster;
    let catalog = later.store.in_namespace::<Pod>("shop").filter(|pod| pod.metadata.name.starts_with("catalog-74d5bbf6b8"));
    let fresh: Vec<&Pod> =
        catalog.filter(|pod| pod.spec.node_name == "shop-worker" && !pod.metadata.name.ends_with("mt2zp")).collect();
    assert_eq!(fresh.len(), 1);
    assert_eq!(known(fresh[0]).0, "True", "{:?}", fresh[0].status);
}

#[test]
fn an_ingress_that_names_its_class_by_annotation_is_served_too() {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let class = "    ingressClassName: nginx\n";
    let annotated = text.replace(class, "").replace(
        "  kind: Ingress\n  metadata:\n",
        "  kind: Ingress\n  metadata:\n    annotations:\n      kubernetes.io/ingress.class: nginx\n",
    );
    let trace = send(&applied(manifests(annotated)), "internet", "http://shop.example.com/catalog");
    assert_eq!((trace.verdict, trace.pod.unwrap().1), (Verdict::Delivered, "catalog-74d5bbf6b8-5hxkg".into()));
}

#[test]
fn the_api_server_of_a_dump_is_where_its_endpoints_say() {
    // Its endpoint is a node, where kubeadm runs it in the node's own network.
    let trace = send(&cluster(), FRONT, "https://kubernetes.default/");
    assert_eq!((trace.verdict, trace.port), (Verdict::Delivered, Some(6443)));
}

#[test]
fn a_dump_whose_dns_servers_have_another_name_gets_none_beside_them() {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let cluster = applied(manifests(text.replace("name: coredns", "name: kube-dns")));
    let servers = cluster
        .store
        .in_namespace::<Pod>("kube-system")
        .filter(|pod| pod.metadata.labels.get("k8s-app").is_some_and(|app| app == "kube-dns"));
    assert!(servers.map(|pod| &pod.metadata.name).all(|name| name.starts_with("kube-dns-")));
    assert_eq!(send(&cluster, FRONT, "http://catalog").verdict, Verdict::Delivered);
}

#[test]
fn the_dns_service_of_a_dump_may_have_another_name() {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let dns = |cluster: &Cluster| {
        let services = cluster.store.all::<Service>().filter(|own| own.spec.ports.iter().any(|port| port.port == 53));
        services.map(|own| format!("{}/{}", own.metadata.namespace, own.metadata.name)).collect::<Vec<_>>()
    };
    // RKE2's chart names it after itself, OpenShift's operator keeps it in a namespace of its own.
    let rke2 = applied(manifests(text.replace("name: kube-dns\n", "name: rke2-coredns-rke2-coredns\n")));
    assert_eq!(dns(&rke2), ["kube-system/rke2-coredns-rke2-coredns"]);
    let openshift = text.replace("name: kube-dns\n", "name: dns-default\n").replace("k8s-app: kube-dns", "dns: default");
    let openshift = applied(manifests(openshift.replace("namespace: kube-system", "namespace: openshift-dns")));
    assert_eq!(dns(&openshift), ["openshift-dns/dns-default"]);
    for cluster in [rke2, openshift] {
        let stale = cluster
            .store
            .all::<EndpointSlice>()
            .any(|slice| slice.metadata.name.starts_with("kube-dns-") && slice.metadata.owner_references[0].name == "kube-dns");
        assert!(!stale);
        assert_eq!(send(&cluster, FRONT, "http://catalog").verdict, Verdict::Delivered);
        let silent = cluster.act(&Action::parse("coredns down").unwrap()).cluster;
        assert_eq!(send(&silent, FRONT, "http://catalog").verdict, Verdict::Timeout);
    }
}

#[test]
fn a_nodes_external_ip_leads_to_the_node() {
    // As on GKE, where the edge rewrites it one to one.
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let inner = "    - address: 172.18.0.2\n      type: InternalIP\n";
    let both = format!("{inner}    - address: 34.78.1.2\n      type: ExternalIP\n");
    assert!(text.contains(inner));
    let cluster = applied(manifests(text.replace(inner, &both)));
    let service =
        cluster.store.in_namespace::<Service>("shop").find(|own| own.spec.ports.iter().any(|port| port.node_port != 0)).unwrap();
    let port = service.spec.ports.iter().find(|port| port.node_port != 0).unwrap().node_port;
    let trace = send(&cluster, "internet", &format!("http://34.78.1.2:{port}/"));
    assert_eq!(trace.verdict, Verdict::Delivered);
    assert!(trace.assumptions.iter().any(|message| message.id == "assume.externalIP"));
}

#[test]
fn a_load_balancer_of_a_dump_that_the_older_provider_made_is_open() {
    let at = |host: &str| {
        let service = clouds::OPEN.replace("INGRESS", &format!("{{hostname: {host}}}"));
        send(&applied(facts::with(&service)), "internet", &format!("http://{host}/"))
    };
    let private = |host: &str| at(host).hops.iter().any(|hop| hop.text.id.starts_with("hop.NoRoute"));
    assert!(!private("a1b2c3d4e5f60718293a4b5c6d7e8f90-1234567890.eu-west-1.elb.amazonaws.com"));
    assert!(private("internal-a1b2c3d4e5f60718293a4b5c6d7e8f90-1234567890.eu-west-1.elb.amazonaws.com"));
    assert!(private("k8s-shop-open-0123456789-0123456789abcdef.elb.eu-west-1.amazonaws.com"));
}

/// The shared dump, with shop-worker2 `NotReady` since 100 s before it was printed.
fn not_ready(status: &str) -> Manifests {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let (before, node) = text.split_at(text.find("    name: shop-worker2\n").unwrap());
    let told = |status: &str, since: &str| {
        format!(
            "lastTransitionTime: '{since}'\n      message: kubelet is posting ready status\n      reason: KubeletReady\n      \
             status: '{status}'"
        )
    };
    let (was, now) = (told("True", "2026-05-04T08:13:02Z"), told(status, "2026-05-19T14:38:27Z"));
    assert!(node.contains(&was));
    manifests(format!("{before}{}", node.replacen(&was, &now, 1)))
}

#[test]
fn a_node_whose_kubelet_a_dump_has_lost_is_without_power() {
    let cluster = applied(not_ready("Unknown"));
    assert!(!cluster.is_up("shop-worker2") && cluster.is_up("shop-worker"));
    let on_it = cluster.store.in_namespace::<Pod>("shop").find(|pod| pod.spec.node_name == "shop-worker2").unwrap();
    let trace = send(&cluster, "pod/shop/frontend-6b9f7c5d8c-8lqtw", &format!("http://{}:8080/", on_it.status.pod_ip));
    let from_it = on_it.metadata.name.starts_with("frontend");
    assert!(from_it || trace.verdict == Verdict::Timeout, "{:?}", trace.verdict);
    assert!(from_it || trace.assumptions.iter().any(|note| note.id == "assume.nodeLost"), "{:?}", trace.assumptions);
    let outside = send(&cluster, "internet", "http://shop-worker2:30080/");
    assert_eq!(outside.verdict, Verdict::Timeout);
    // It returns like any other.
    let back = cluster.act(&Action::NodeUp("shop-worker2".into())).cluster;
    let ready = |node: &Node| node.status.conditions.iter().any(|own| own.type_ == "Ready" && own.status == "True");
    assert!(ready(back.store.get::<Node>("", "shop-worker2").unwrap()));
}

#[test]
fn a_node_that_says_itself_that_it_is_not_ready_is_alive() {
    let cluster = applied(not_ready("False"));
    assert!(cluster.is_up("shop-worker2"));
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(not_ready("False")));
    assert!(outcome.diagnostics.iter().any(|found| format!("{:?}", found.message).contains("dump.nodeNotReady")));
}

#[test]
fn pods_of_a_lost_node_of_a_dump_are_evicted_when_their_patience_ends() {
    // Lost 100 s before the dump was made, so 200 s of the usual 300 are left.
    let cluster = applied(not_ready("Unknown"));
    let going = |cluster: &Cluster| {
        let on_it = cluster.store.all::<Pod>().filter(|pod| pod.spec.node_name == "shop-worker2");
        on_it.filter(|pod| pod.metadata.deletion_timestamp.is_some()).count()
    };
    assert_eq!(going(&cluster.act(&Action::Wait(199)).cluster), 0);
    assert!(going(&cluster.act(&Action::Wait(200)).cluster) > 0);
}

#[test]
fn the_dns_servers_of_a_dump_of_this_very_cluster_keep_their_readiness() {
    let silent = Cluster::new(Settings::default(), Seed(1)).act(&Action::CorednsDown).cluster;
    let asked = kubehop::kubectl::printers::Get {
        words: vec!["pods,svc,deploy,rs,endpointslices,no".into()],
        all_namespaces: true,
        form: kubehop::kubectl::printers::Form::named("yaml").unwrap(),
        ..Default::default()
    };
    let printed = kubehop::kubectl::printers::get(&silent, &asked).out;
    let again = applied(manifests(printed));
    let ready = |cluster: &Cluster| {
        let pods = cluster.store.in_namespace::<Pod>("kube-system");
        pods.map(|pod| (pod.metadata.name.clone(), known(pod).0)).collect::<Vec<_>>()
    };
    assert_eq!(ready(&again), ready(&silent));
    assert!(ready(&again).iter().all(|(_, ready)| ready == "False"), "{:?}", ready(&again));
}

/// The shared dump without its Nodes.
fn without_nodes() -> Manifests {
    without(dump(), "Node")
}

fn without(mut manifests: Manifests, kind: &str) -> Manifests {
    manifests.documents.retain(|manifest| manifest.kind != kind);
    for (position, manifest) in (0..).zip(&mut manifests.documents) {
        Arc::make_mut(manifest).position = position;
    }
    manifests
}

#[test]
fn the_nodes_of_a_dump_without_nodes_are_those_that_its_pods_name() {
    let cluster = applied(without_nodes());
    let nodes: Vec<(&str, &str)> =
        cluster.store.all::<Node>().map(|node| (node.metadata.name.as_str(), node.spec.pod_cidr.as_str())).collect();
    let own = [("shop-control-plane", "10.244.0.0/24"), ("shop-worker", "10.244.1.0/24"), ("shop-worker2", "10.244.2.0/24")];
    assert_eq!(nodes, own);
    let whole = self::cluster();
    for (from, target) in [(FRONT, "http://catalog"), (FRONT, "cart:7070"), ("internet", "http://shop-worker:30080/")] {
        let (here, there) = (send(&cluster, from, target), send(&whole, from, target));
        assert_eq!((here.verdict, here.pod), (there.verdict, there.pod), "{target}");
    }
}

#[test]
fn one_pods_text_among_others_does_not_take_the_nodes_away() {
    let mut mixed = without_nodes();
    mixed.documents.retain(|manifest| manifest.name == "frontend-6b9f7c5d8c-8lqtw");
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: nginx}]}\n";
    let own = manifests(text.to_string());
    mixed.documents.extend(own.documents);
    Arc::make_mut(&mut mixed.documents[1]).position = 1;
    Arc::make_mut(&mut mixed.documents[0]).position = 0;
    let cluster = applied(mixed);
    let nodes: Vec<&str> = cluster.store.all::<Node>().map(|node| node.metadata.name.as_str()).collect();
    assert_eq!(nodes, ["node-1", "node-2", "node-3", "shop-worker"]);
}
