//! What a dump does not show, or shows in another version's words, sinks nothing and is told.

use crate::facts::with;
use crate::{FRONT, explained, manifests, send};
use kubehop::cluster::Cluster;
use kubehop::diagnostic::Severity;
use kubehop::kubectl::advise::advise;
use kubehop::kubectl::printers::{Get, get};
use kubehop::kubectl::{Manifest, Manifests};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::Verdict;
use std::fs;
use std::sync::Arc;

#[test]
fn a_field_that_another_version_of_kubernetes_writes_does_not_sink_its_object() {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let (old, new) = ("    sessionAffinity: None\n", "    sessionAffinity: None\n    tomorrow: {ways: [a]}\n");
    assert!(text.contains(old));
    let given = manifests(text.replace(old, new));
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(given));
    let unknown: Vec<_> = outcome.diagnostics.iter().filter(|found| found.path == "spec.tomorrow").collect();
    assert!(!unknown.is_empty() && unknown.iter().all(|found| found.severity == Severity::Warning), "{unknown:?}");
    assert!(format!("{:?}", unknown[0].message).contains("unknown field"), "{unknown:?}");
    assert_eq!(send(&outcome.cluster, FRONT, "http://catalog").verdict, Verdict::Delivered);
    // What somebody wrote by hand is refused, as it is by the API server.
    let typed = "apiVersion: v1\nkind: Service\nmetadata: {name: typed}\nspec: {ports: [{port: 80}], tomorrow: 1}\n";
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests(typed.into())));
    assert!(outcome.diagnostics.iter().any(|found| found.severity == Severity::Error), "{:?}", outcome.diagnostics);
}

const POLICY: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: teams, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000051}
spec:
  podSelector: {matchLabels: {app: catalog}}
  ingress: [{from: [{namespaceSelector: {matchLabels: {team: shop}}}]}]
";

#[test]
fn labels_of_namespaces_that_a_dump_does_not_show_are_assumed() {
    let apply = |text: &str| Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(with(text))).cluster;
    let cluster = apply(POLICY);
    let trace = send(&cluster, FRONT, "http://catalog");
    assert_eq!(trace.verdict, Verdict::Timeout);
    assert!(trace.assumptions.iter().any(|note| note.id == "assume.namespaceLabels"), "{:?}", trace.assumptions);
    let said = explained(&cluster, FRONT, "http://catalog");
    assert!(said.iter().any(|text| text.contains("asks for labels of namespaces")), "{said:?}");
    // Where the namespace is in the text, so are its labels.
    let shown = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, uid: 5d1b7c0e-0000-4000-8000-000000000052}\n";
    let trace = send(&apply(&format!("{POLICY}{shown}")), FRONT, "http://catalog");
    assert_eq!(trace.verdict, Verdict::Timeout);
    assert!(!trace.assumptions.iter().any(|note| note.id == "assume.namespaceLabels"), "{:?}", trace.assumptions);
}

/// The shared dump's objects of these kinds, and a Pod that somebody adds.
fn only(kinds: &[&str]) -> Manifests {
    kept(|own| own.name == "c" || kinds.contains(&own.kind.as_str()))
}

fn kept(keep: impl Fn(&Manifest) -> bool) -> Manifests {
    let mut all = with(CLIENT);
    all.documents.retain(|own| keep(own));
    for (position, document) in (0..).zip(&mut all.documents) {
        Arc::make_mut(document).position = position;
    }
    all
}

const CLIENT: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: c, namespace: shop}\nspec: {containers: [{name: c, image: nginx}]}\n";

#[test]
fn slices_stand_whose_pods_a_dump_leaves_out_and_it_is_told() {
    for kinds in [["Service", "EndpointSlice"], ["Service", "Endpoints"]] {
        let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(only(&kinds)));
        let said: Vec<String> = outcome.diagnostics.iter().map(|found| format!("{:?}", found.message)).collect();
        let told: Vec<_> = said.iter().filter(|text| text.contains("dump.podsAbsent")).collect();
        assert!(told.len() == 1 && told[0].contains("catalog") && !told[0].contains("cart"), "{said:?}");
        let mended = advise(&outcome.cluster);
        let without_pods = mended.iter().filter(|found| format!("{:?}", found.message).contains("advise.noPods"));
        let names: Vec<String> = without_pods.filter_map(|found| Some(found.object.as_ref()?.name.clone())).collect();
        assert_eq!(names, ["cart"]);
        let cluster = outcome.cluster;
        let trace = send(&cluster, "pod/shop/c", "http://catalog");
        assert_eq!((trace.verdict, trace.pod.clone()), (Verdict::Delivered, None));
        assert!(trace.hops.iter().any(|hop| hop.before.is_some_and(|flow| flow.dst.to_string() == "10.244.2.6:3550")));
        assert!(trace.assumptions.iter().any(|note| note.id == "assume.absentPod"), "{:?}", trace.assumptions);
        let by_node_port = send(&cluster, "internet", "http://shop-worker2:30080");
        assert_eq!(by_node_port.verdict, Verdict::Delivered);
        // None of the Pods that the slice names is ready.
        let said = explained(&cluster, "pod/shop/c", "http://mail:5000");
        assert!(said.last().unwrap().starts_with("FAIL Service mail has no ready endpoint"), "{said:?}");
    }
}

#[test]
fn a_dump_with_some_pods_and_without_what_made_them_leaves_out_the_others() {
    let text = kept(|own| match own.kind.as_str() {
        "Pod" => own.name.starts_with("frontend"),
        kind => ["Service", "EndpointSlice"].contains(&kind),
    });
    let cluster = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(text)).cluster;
    assert!(cluster.pods_are_absent("shop", "catalog") && !cluster.pods_are_absent("shop", "frontend"));
    assert_eq!(send(&cluster, FRONT, "http://catalog").verdict, Verdict::Delivered);
    assert!(send(&cluster, FRONT, "http://frontend").pod.is_some());
}

#[test]
fn slices_follow_once_the_pods_that_were_left_out_are_in_the_text() {
    let kinds = ["Service", "EndpointSlice", "Node"];
    let first = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(only(&kinds))).cluster;
    assert!(first.pods_are_absent("shop", "catalog"));
    let whole = first.apply(Arc::new(with(""))).cluster;
    assert!(!whole.pods_are_absent("shop", "catalog"));
    let trace = send(&whole, FRONT, "http://catalog");
    assert_eq!((trace.verdict, trace.pod.is_some()), (Verdict::Delivered, true));
}

#[test]
fn check_names_the_probe_of_a_pod_that_is_not_ready() {
    let cluster = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(with(""))).cluster;
    let found = advise(&cluster);
    let mut probes = found.iter().filter(|found| format!("{:?}", found.message).contains("explain.pod.unready.probe"));
    let told = probes.next().unwrap();
    assert_eq!(told.object.as_ref().unwrap().name, "catalog-74d5bbf6b8-mt2zp");
    assert_eq!(told.path, "spec.containers[0].readinessProbe");
    assert!(told.span.is_some() && format!("{:?}", told.message).contains("http-get http://:3550/ready"), "{told:?}");
    assert!(probes.next().is_none());
}

#[test]
fn outside_a_name_of_the_clusters_own_dns_is_told_as_one() {
    let cluster = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(with(""))).cluster;
    // A name with a dot leads to the Ingress from outside, and no rule lists it.
    for host in ["frontend.shop", "frontend.shop.svc"] {
        let target = format!("http://{host}");
        let trace = send(&cluster, "internet", &target);
        assert_eq!((trace.verdict, trace.status), (Verdict::Answered, Some(404)));
        assert_eq!(trace.advice.unwrap().next.id, "explain.ingress.clusterName.next");
    }
    for host in ["frontend", "frontend.shop.svc.cluster.local", "catalog-db-0.catalog-db.shop.svc.cluster.local"] {
        let trace = send(&cluster, "internet", &format!("http://{host}"));
        assert_eq!(trace.verdict, Verdict::NameNotFound);
        assert_eq!(trace.advice.unwrap().next.id, "advice.name.outside.next", "{host}");
    }
    // Another host is none of the cluster's names.
    let trace = send(&cluster, "internet", "http://frontend.example.com");
    assert_eq!(trace.advice.unwrap().next.id, "explain.ingress.hosts.next");
}

/// A ReplicaSet of two Pods, and one that asks for a single one.
fn two_pods(replicas: u32) -> String {
    let pod = |name: &str, at: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, uid: {name}, creationTimestamp: '{at}', labels: {{app: w}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: w-1, uid: r, controller: true}}]}}\n\
             spec: {{nodeName: worker, containers: [{{name: c, image: nginx}}]}}\n\
             status: {{phase: Running, podIP: 10.244.1.{}, podIPs: [{{ip: 10.244.1.{}}}], startTime: '{at}', conditions: [{{type: Ready, status: 'True'}}], \
             containerStatuses: [{{name: c, ready: true, image: nginx, state: {{running: {{startedAt: '{at}'}}}}}}]}}\n",
            name.len(),
            name.len()
        )
    };
    let set = format!(
        "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {{name: w-1, namespace: shop, uid: r, creationTimestamp: '2026-03-01T10:00:00Z', labels: {{app: w}}}}\n\
         spec: {{replicas: {replicas}, selector: {{matchLabels: {{app: w}}}}, template: {{metadata: {{labels: {{app: w}}}}, spec: {{containers: [{{name: c, image: nginx}}]}}}}}}\n"
    );
    set + &pod("w-1-aa", "2026-03-01T11:00:00Z") + &pod("w-1-bbb", "2026-03-01T12:00:00Z")
}

#[test]
fn pods_that_a_dumps_controller_deletes_at_once_are_named() {
    let said = |replicas: u32| -> Vec<String> {
        let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests(two_pods(replicas))));
        let told =
            outcome.diagnostics.iter().map(|own| format!("{:?}", own.message)).filter(|text| text.contains("dump.surplus"));
        told.collect()
    };
    assert_eq!(said(2), Vec::<String>::new());
    let one = said(1);
    // Of two alike the younger goes.
    assert!(one.len() == 1 && one[0].contains("w-1-bbb") && !one[0].contains("w-1-aa"), "{one:?}");
}

#[test]
fn what_a_dump_does_not_show_is_as_old_as_its_oldest_object() {
    let cluster = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests(two_pods(2)))).cluster;
    let printed = |words: &[&str]| {
        let asked = Get { words: words.iter().map(|word| (*word).to_string()).collect(), all_namespaces: true, ..Get::default() };
        let out = get(&cluster, &asked).out;
        let ages = out.lines().skip(1).map(|line| line.split_whitespace().last().unwrap_or_default().to_string());
        ages.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    for kind in ["svc", "deploy", "rs", "ns", "endpointslices", "ep"] {
        assert_eq!(printed(&[kind]), ["120m"], "{kind}");
    }
    assert_eq!(printed(&["pods"]), ["0s", "120m", "60m"]);
}
