//! The features of the public ingress-controller-conformance suite, and the tables of Kubernetes' page "Ingress", row by row.
//!
//! Requests are sent by the whole engine: from outside, through the load balancer and the controller's Pod, to a backend's Pod.
//!
//! Without a row: that both ends speak HTTP/1.1, and which headers an answer and its client's request have of their own
//! (`Content-Length`, `Date`, `User-Agent` …): the engine sends no bodies.

use kubehop::api::networking::Ingress;
use kubehop::cluster::Cluster;
use kubehop::data_plane::DataPlane;
use kubehop::kubectl::{SourceFile, read};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::{Reason, Request, Trace};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::sync::Arc;

/// A Service by this name, and its Pods.
fn backend(name: &str, replicas: u32) -> String {
    let mut text = format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}, \
         ports: [{{name: http, port: 8080, targetPort: 80}}]}}\n"
    );
    for number in 0..replicas {
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}-{number}, labels: {{app: {name}}}}}\n\
             spec: {{containers: [{{name: c, image: nginx}}]}}\n"
        );
    }
    text
}

struct Lab {
    cluster: Cluster,
    plane: DataPlane,
    address: String,
}

impl Lab {
    fn of(text: String) -> Lab {
        let (manifests, problems) = read(&[SourceFile { name: "case.yaml".into(), text }]);
        assert!(problems.is_empty(), "{problems:?}");
        let cluster = Cluster::new(Arc::new(Settings::default()), Seed(1)).apply(Arc::new(manifests)).cluster;
        let address = kubehop::addons::ingress_controller::address(&cluster.store).expect("the controller has an address");
        Lab { plane: DataPlane::program(&cluster), cluster, address }
    }

    fn ask(&mut self, method: &str, scheme: &str, host: &str, path: &str, seed: u64) -> Trace {
        let request = Request {
            target: format!("{scheme}://{}{path}", self.address),
            method: method.into(),
            headers: vec![("Host".into(), host.into())],
            seed: Seed(seed),
            ..Request::default()
        };
        self.plane.send(&self.cluster, &request)
    }

    /// Status, and the Service whose Pod served.
    fn served(&mut self, method: &str, scheme: &str, host: &str, path: &str) -> (u16, String) {
        let trace = self.ask(method, scheme, host, path, 1);
        let pod = trace.pod.map(|(_, name)| name).unwrap_or_default();
        (trace.status.unwrap_or_default(), pod.rsplit_once('-').map(|(service, _)| service.to_string()).unwrap_or_default())
    }

    fn status_addresses(&self, ingress: &str) -> usize {
        self.cluster.store.get::<Ingress>("default", ingress).expect("there").status.load_balancer.ingress.len()
    }
}

/// What is sent, status, the Service that serves.
type Scenario = (&'static str, &'static str, &'static str, &'static str, u16, &'static str);

#[rustfmt::skip]
const HOST_RULES: &[Scenario] = &[
    ("a host rule sends TLS traffic to its backend",        "https", "foo.bar.com",       "/", 200, "foo-bar-com"),
    ("a host rule sends traffic to its backend",            "http",  "foo.bar.com",       "/", 200, "foo-bar-com"),
    ("no route where the host does not match",              "http",  "subdomain.bar.com", "/", 404, ""),
    ("a wildcard host rule sends traffic to its backend",   "http",  "bar.foo.com",       "/", 200, "wildcard-foo-com"),
    ("a wildcard does not match more than a single label",  "http",  "baz.bar.foo.com",   "/", 404, ""),
    ("a wildcard does not match no label",                  "http",  "foo.com",           "/", 404, ""),
];

#[rustfmt::skip]
const PATH_RULES: &[Scenario] = &[
    ("exact /foo matches /foo",                       "http", "exact-path-rules",  "/foo",         200, "foo-exact"),
    ("exact /foo does not match /foo/",               "http", "exact-path-rules",  "/foo/",        404, ""),
    ("exact /foo does not match /FOO",                "http", "exact-path-rules",  "/FOO",         404, ""),
    ("exact /foo does not match /bar",                "http", "exact-path-rules",  "/bar",         404, ""),
    ("prefix /foo matches /foo",                      "http", "prefix-path-rules", "/foo",         200, "foo-prefix"),
    ("prefix /foo matches /foo/",                     "http", "prefix-path-rules", "/foo/",        200, "foo-prefix"),
    ("prefix /foo does not match /FOO",               "http", "prefix-path-rules", "/FOO",         404, ""),
    ("prefix /aaa/bbb matches /aaa/bbb, the longest", "http", "prefix-path-rules", "/aaa/bbb",     200, "aaa-slash-bbb-prefix"),
    ("prefix /aaa/bbb matches /aaa/bbb/ccc",          "http", "prefix-path-rules", "/aaa/bbb/ccc", 200, "aaa-slash-bbb-prefix"),
    ("prefix /aaa matches /aaa/ccc",                  "http", "prefix-path-rules", "/aaa/ccc",     200, "aaa-prefix"),
    ("prefix /aaa does not match /aaaccc",            "http", "prefix-path-rules", "/aaaccc",      404, ""),
    ("exact /foo is preferred to prefix /foo",        "http", "mixed-path-rules",  "/foo",         200, "foo-exact"),
    ("prefix /aaa/bbb/ matches /aaa/bbb",             "http", "trailing-slash-path-rules", "/aaa/bbb",  200, "aaa-slash-bbb-slash-prefix"),
    ("prefix /aaa/bbb/ matches /aaa/bbb/",            "http", "trailing-slash-path-rules", "/aaa/bbb/", 200, "aaa-slash-bbb-slash-prefix"),
    ("exact /foo/ does not match /foo",               "http", "trailing-slash-path-rules", "/foo",      404, ""),
];

fn features() -> Lab {
    let mut text = fs::read_to_string("tests/fixtures/conformance/ingress.yaml").unwrap();
    for name in [
        "wildcard-foo-com",
        "foo-bar-com",
        "foo-exact",
        "foo-prefix",
        "aaa-slash-bbb-prefix",
        "aaa-prefix",
        "aaa-slash-bbb-slash-prefix",
        "foo-slash-exact",
        "ingress-class-prefix",
    ] {
        text += &backend(name, 1);
    }
    Lab::of(text)
}

fn all_as_written(scenarios: &[Scenario]) {
    let mut lab = features();
    let mut differing = Vec::new();
    for (fact, scheme, host, path, status, service) in scenarios {
        let found = lab.served("GET", scheme, host, path);
        if found != (*status, service.to_string()) {
            differing.push(format!("{fact}: {scheme}://{host}{path} gives {found:?}"));
        }
        // "The request host must be", "the request path must be": as they were sent.
        let trace = lab.ask("GET", scheme, host, path, 1);
        let read = trace.hops.iter().find(|hop| hop.reason == Reason::ReadHttp).map(|hop| &hop.text.args);
        let read = read.map(|args| (args["host"].clone(), args["path"].clone())).unwrap_or_default();
        if read != (host.to_string(), path.to_string()) {
            differing.push(format!("{fact}: {scheme}://{host}{path} is read as {read:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn feature_host_rules() {
    all_as_written(HOST_RULES);
    // "The secure connection must verify the hostname": the certificate shown is the one that the Ingress lists for it.
    let trace = features().ask("GET", "https", "foo.bar.com", "/", 1);
    let terminated = trace.hops.iter().find(|hop| hop.reason == Reason::TlsTerminate).expect("TLS ends at the controller");
    assert_eq!(terminated.because[0].path, "spec.tls[0].hosts[0]");
}

#[test]
fn feature_path_rules() {
    all_as_written(PATH_RULES);
    assert_eq!(features().status_addresses("path-rules"), 1);
}

#[test]
fn feature_default_backend() {
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: default-backend}\n\
                   spec: {defaultBackend: {service: {name: echo-service, port: {number: 8080}}}}\n";
    let mut lab = Lab::of(format!("{ingress}{}", backend("echo-service", 1)));
    assert_eq!(lab.status_addresses("default-backend"), 1);
    for (method, host, path) in [
        ("GET", "my-host", "/"),
        ("GET", "my-host", "/sub-path"),
        ("POST", "some-host", "/"),
        ("PUT", "", "/resource"),
        ("DELETE", "some-host", "/resource"),
        ("PATCH", "my-host", "/resource"),
    ] {
        assert_eq!(lab.served(method, "http", host, path), (200, "echo-service".into()), "{method} {host}{path}");
        let trace = lab.ask(method, "http", host, path, 1);
        let read = trace.hops.iter().find(|hop| hop.reason == Reason::ReadHttp).expect("the controller reads the request");
        assert_eq!((read.text.args["method"].as_str(), read.text.args["path"].as_str()), (method, path));
    }
}

#[test]
fn feature_ingress_class() {
    let mut lab = features();
    assert_eq!((lab.status_addresses("test-ingress-class"), lab.status_addresses("host-rules")), (0, 1));
    assert_eq!(lab.served("GET", "http", "ingress-class", "/").0, 404);
}

#[test]
fn feature_load_balancing() {
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: load-balancing}\n\
                   spec: {defaultBackend: {service: {name: echo-service, port: {number: 8080}}}}\n";
    let mut lab = Lab::of(format!("{ingress}{}", backend("echo-service", 10)));
    assert_eq!(lab.status_addresses("load-balancing"), 1);
    let answers: Vec<Trace> = (0..100).map(|seed| lab.ask("GET", "http", "load-balancing", "/", seed)).collect();
    assert!(answers.iter().all(|trace| trace.status == Some(200)));
    let addresses: BTreeSet<_> = answers.iter().filter_map(|trace| trace.pod_ip).collect();
    assert_eq!(addresses.len(), 10, "{addresses:?}");
}

/// Path types and paths, request paths, the path that matches; nothing: the default backend.
type Example = (&'static str, &'static [&'static str], &'static str);

#[rustfmt::skip]
const EXAMPLES: &[Example] = &[
    ("Prefix /",                                    &["/", "/foo", "/foo/bar/", "/FOO"], "/"),
    ("Exact /foo",                                  &["/foo"],         "/foo"),
    ("Exact /foo",                                  &["/bar"],         ""),
    ("Exact /foo",                                  &["/foo/"],        ""),
    ("Exact /foo/",                                 &["/foo"],         ""),
    ("Prefix /foo",                                 &["/foo", "/foo/"], "/foo"),
    ("Prefix /foo/",                                &["/foo", "/foo/"], "/foo/"),
    ("Prefix /aaa/bb",                              &["/aaa/bbb"],     ""),
    ("Prefix /aaa/bbb",                             &["/aaa/bbb"],     "/aaa/bbb"),
    ("Prefix /aaa/bbb/",                            &["/aaa/bbb"],     "/aaa/bbb/"),
    ("Prefix /aaa/bbb",                             &["/aaa/bbb/"],    "/aaa/bbb"),
    ("Prefix /aaa/bbb",                             &["/aaa/bbb/ccc"], "/aaa/bbb"),
    ("Prefix /aaa/bbb",                             &["/aaa/bbbxyz"],  ""),
    ("Prefix /, Prefix /aaa",                       &["/aaa/ccc"],     "/aaa"),
    ("Prefix /, Prefix /aaa, Prefix /aaa/bbb",      &["/aaa/bbb"],     "/aaa/bbb"),
    ("Prefix /, Prefix /aaa, Prefix /aaa/bbb",      &["/ccc"],         "/"),
    ("Prefix /aaa",                                 &["/ccc"],         ""),
    ("Prefix /foo, Exact /foo",                     &["/foo"],         "Exact /foo"),
];

#[test]
fn the_table_of_path_types() {
    let mut text = backend("echo", 1) + &backend("exact", 1);
    for (number, (paths, _, _)) in EXAMPLES.iter().enumerate() {
        let path = |pair: &str| {
            let (kind, path) = pair.split_once(' ').unwrap();
            let service = if kind == "Exact" { "exact" } else { "echo" };
            format!("{{path: {path}, pathType: {kind}, backend: {{service: {{name: {service}, port: {{number: 8080}}}}}}}}")
        };
        let paths: Vec<String> = paths.split(", ").map(path).collect();
        let _ = write!(
            text,
            "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: row-{number}}}\n\
             spec: {{rules: [{{host: row-{number}, http: {{paths: [{}]}}}}]}}\n",
            paths.join(", ")
        );
    }
    text += "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: rest}\n\
             spec: {defaultBackend: {service: {name: echo, port: {number: 8080}}}}\n";
    let mut lab = Lab::of(text);
    for (number, (paths, requests, expected)) in EXAMPLES.iter().enumerate() {
        for request in *requests {
            let trace = lab.ask("GET", "http", &format!("row-{number}"), request, 1);
            let rule = trace.hops.iter().find(|hop| hop.reason == Reason::IngressRule);
            let matched = rule.map(|hop| hop.text.args["path"].clone()).unwrap_or_default();
            let exact = trace.pod.as_ref().is_some_and(|(_, name)| name == "exact-0");
            assert_eq!(matched, expected.trim_start_matches("Exact "), "{paths}: {request}");
            assert!(!expected.starts_with("Exact ") || exact, "{paths}: {request} prefers Exact");
            assert_eq!(trace.status, Some(200), "{paths}: {request}");
            let default = trace.hops.iter().any(|hop| hop.reason == Reason::IngressDefaultBackend);
            assert_eq!(default, expected.is_empty(), "{paths}: {request} uses the default backend where nothing matches");
        }
    }
}
