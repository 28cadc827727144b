//! A dump's Ingresses have the addresses that it shows; one without an address is served by nobody, unless its controller is there.

use crate::facts::{with, without_controller};
use crate::{applied, explained, send};
use kubehop::api::networking::Ingress;
use kubehop::cluster::Cluster;
use kubehop::diagnostic::{Diagnostic, Finding, Severity};
use kubehop::kubectl::advise::advise;
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::{Trace, Verdict};
use std::sync::Arc;

/// An Ingress of class CLASS for `front.example.org`, with the status STATUS.
const INGRESS: &str = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000041}
spec:
  ingressClassName: CLASS
  rules:
  - host: front.example.org
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: frontend, port: {name: http}}}}]}
status: {loadBalancer: STATUS}
";

fn cluster(class: &str, status: &str) -> Cluster {
    applied(without_controller(&INGRESS.replace("CLASS", class).replace("STATUS", status)))
}

/// The cluster, and what is said of the dump as it is loaded.
fn told(class: &str, status: &str) -> (Cluster, Vec<Diagnostic>) {
    let manifests = without_controller(&INGRESS.replace("CLASS", class).replace("STATUS", status));
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests));
    (outcome.cluster, outcome.diagnostics)
}

fn addresses(cluster: &Cluster) -> Vec<String> {
    let own = &cluster.store.get::<Ingress>("shop", "front").unwrap().status.load_balancer.ingress;
    own.iter().map(|at| format!("{}{}", at.ip, at.hostname)).collect()
}

fn assumes(trace: &Trace, id: &str) -> bool {
    trace.assumptions.iter().any(|note| note.id == id)
}

#[test]
fn an_ingress_of_a_dump_has_the_address_that_the_dump_shows() {
    let cluster = cluster("gce", "{ingress: [{ip: 34.117.1.2}]}");
    assert_eq!(addresses(&cluster), ["34.117.1.2"]);
    let trace = send(&cluster, "internet", "http://front.example.org/");
    assert_eq!(trace.verdict, Verdict::Delivered);
    assert_eq!(trace.dns.as_ref().unwrap().answers[0].data, "34.117.1.2");
    assert!(assumes(&trace, "assume.ingressStandIn"), "{:?}", trace.assumptions);
    // No rule is for the bare address, and the load balancer has it all the same.
    let bare = send(&cluster, "internet", "http://34.117.1.2/");
    assert_eq!((bare.verdict, bare.status), (Verdict::Answered, Some(404)));
    let said = explained(&cluster, "internet", "http://front.example.org/");
    assert!(said.iter().any(|text| text.contains("kubehop's own")), "{said:?}");
    // The dump's own ingress-nginx has another address, so it is not the one of class gce.
    let beside = applied(with(&INGRESS.replace("CLASS", "gce").replace("STATUS", "{ingress: [{ip: 34.117.1.2}]}")));
    assert_eq!(send(&beside, "internet", "http://front.example.org/").verdict, Verdict::Delivered);
    assert_eq!(send(&beside, "internet", "http://shop.example.com/catalog").verdict, Verdict::Delivered);
}

#[test]
fn an_address_counts_though_the_dump_shows_the_class_and_not_its_controller() {
    let class = "
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx, uid: 5d1b7c0e-0000-4000-8000-000000000042}
spec: {controller: k8s.io/ingress-nginx}
";
    let text = INGRESS.replace("CLASS", "nginx").replace("STATUS", "{ingress: [{ip: 172.18.255.201}]}");
    let cluster = applied(without_controller(&format!("{text}{class}")));
    assert_eq!(addresses(&cluster), ["172.18.255.201"]);
    assert_eq!(send(&cluster, "internet", "http://front.example.org/").verdict, Verdict::Delivered);
}

#[test]
fn an_application_load_balancer_is_known_by_its_name_in_the_status() {
    let name = "k8s-shop-front-1234.us-east-1.elb.amazonaws.com";
    let text = INGRESS.replace("CLASS", "alb").replace("STATUS", &format!("{{ingress: [{{hostname: {name}}}]}}"));
    let facing = "annotations: {alb.ingress.kubernetes.io/scheme: internet-facing, alb.ingress.kubernetes.io/target-type: ip}, ";
    let text = text.replace("namespace: shop, ", &format!("namespace: shop, {facing}"));
    let class = "
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
spec: {controller: ingress.k8s.aws/alb}
";
    for more in ["", class] {
        let cluster = applied(without_controller(&format!("{text}{more}")));
        assert_eq!(addresses(&cluster), [name]);
        let trace = send(&cluster, "internet", "http://front.example.org/");
        assert_eq!(trace.verdict, Verdict::Delivered, "{more}");
        assert!(assumes(&trace, "assume.alb"), "{:?}", trace.assumptions);
    }
}

#[test]
fn an_ingress_that_a_dump_shows_without_an_address_is_served_by_nobody() {
    let cluster = cluster("other", "{}");
    assert_eq!(addresses(&cluster), [""; 0]);
    assert_ne!(send(&cluster, "internet", "http://front.example.org/").verdict, Verdict::Delivered);
    let said = explained(&cluster, "internet", "http://front.example.org/");
    assert!(said.last().unwrap().starts_with("FAIL The dump shows Ingress front without an address"), "{said:?}");
    // It is warned of once, in the words of the trace.
    for class in ["other", "alb"] {
        let (cluster, before) = told(class, "{}");
        let warnings = before.into_iter().chain(advise(&cluster)).filter(|own| own.severity == Severity::Warning);
        let about: Vec<_> = warnings.filter(|own| own.object.as_ref().is_some_and(|object| object.name == "front")).collect();
        let [only] = about.as_slice() else { panic!("{class}: {about:#?}") };
        assert!(matches!(&only.message, Finding::Ours(text) if text.id == "explain.ingress.shownUnserved"), "{only:?}");
    }
}
