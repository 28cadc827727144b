use super::*;
use crate::api::discovery::EndpointSlice;
use crate::api::networking::IngressClass;

fn read<T: serde::de::DeserializeOwned>(yaml: &str) -> T {
    serde_yaml::from_str(yaml).unwrap()
}

/// A class that is the default, Services a, b, c with an endpoint each, `empty` without one.
fn store(ingresses: &[&str]) -> Store {
    let mut store = Store::default();
    store.put::<IngressClass>(read(
        "{metadata: {name: kubehop, annotations: {ingressclass.kubernetes.io/is-default-class: 'true'}}, spec: {controller: kubehop.dev/ingress}}",
    ));
    store.put::<IngressClass>(read("{metadata: {name: alb}, spec: {controller: ingress.k8s.aws/alb}}"));
    for (number, name) in ["a", "b", "c", "empty"].iter().enumerate() {
        store.put::<Service>(read(&format!(
            "{{metadata: {{name: {name}, namespace: default}}, spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}}}"
        )));
        let endpoints = if *name == "empty" {
            String::new()
        } else {
            format!("{{addresses: [10.244.1.{number}], conditions: {{ready: true}}}}")
        };
        store.put::<EndpointSlice>(read(&format!(
            "{{metadata: {{name: {name}-x, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}, \
             endpoints: [{endpoints}], ports: [{{name: http, port: 8080}}]}}"
        )));
    }
    for (number, spec) in ingresses.iter().enumerate() {
        store.put::<Ingress>(read(&format!(
            "{{metadata: {{name: i{number}, namespace: default, creationTimestamp: '2026-01-01T00:00:0{number}Z'}}, spec: {{{spec}}}}}"
        )));
    }
    store
}

fn rule(host: &str, paths: &str) -> String {
    format!("{{host: '{host}', http: {{paths: [{paths}]}}}}")
}

fn path(path: &str, path_type: &str, service: &str) -> String {
    format!("{{path: '{path}', pathType: {path_type}, backend: {{service: {{name: {service}, port: {{number: 80}}}}}}}}")
}

fn asked(store: &Store, settings: &IngressSettings, request: HttpRequest) -> String {
    match Router::of(store, settings).decide(store, &request) {
        Decision::Route(route) => route.matched.service.name,
        Decision::Redirect { location, .. } => location,
        Decision::NotFound { .. } => "404".into(),
        Decision::Own { status, .. } => status.to_string(),
        Decision::Unavailable { reason, .. } => format!("503 {reason:?}"),
    }
}

fn get(store: &Store, host: &str, path: &str) -> String {
    asked(store, &IngressSettings::default(), HttpRequest { host: host.into(), path: path.into(), https: false })
}

#[test]
fn a_prefix_matches_element_by_element() {
    let rules = rule("", &[path("/shop", "Prefix", "a"), path("/aaa/bb/", "Prefix", "b")].join(", "));
    let store = store(&[&format!("rules: [{rules}]")]);
    for (path, expected) in [
        ("/shop", "a"),
        ("/shop/", "a"),
        ("/shop/cart?x=1", "a"),
        ("/shopping", "404"),
        ("/Shop", "404"),
        ("/aaa/bb", "b"),
        ("/aaa/bbb", "404"),
        ("", "404"),
    ] {
        assert_eq!(get(&store, "any", path), expected, "{path}");
    }
}

#[test]
fn the_longest_path_wins_and_exact_wins_over_prefix() {
    let paths =
        [path("/", "Prefix", "a"), path("/api", "Prefix", "b"), path("/api", "Exact", "c"), path("/api/v1", "Prefix", "a")];
    let store = store(&[&format!("rules: [{}]", rule("", &paths.join(", ")))]);
    for (path, expected) in [("/", "a"), ("/x", "a"), ("/api", "c"), ("/api/", "b"), ("/api/v2", "b"), ("/api/v1/x", "a")] {
        assert_eq!(get(&store, "any", path), expected, "{path}");
    }
}

#[test]
fn an_exact_host_wins_over_a_wildcard_and_a_wildcard_over_none() {
    let rules = [
        rule("*.foo.com", &path("/", "Prefix", "a")),
        rule("bar.foo.com", &path("/only", "Prefix", "b")),
        rule("", &path("/", "Prefix", "c")),
    ];
    let store = store(&[&format!("rules: [{}]", rules.join(", "))]);
    for (host, path, expected) in [
        ("x.foo.com", "/", "a"),
        ("BAR.foo.com:80", "/only", "b"),
        ("bar.foo.com", "/", "404"),
        ("a.b.foo.com", "/", "c"),
        ("foo.com", "/", "c"),
        ("", "/", "c"),
    ] {
        assert_eq!(get(&store, host, path), expected, "{host}{path}");
    }
}

#[test]
fn several_ingresses_for_one_host_are_one_table_and_the_older_wins() {
    let one = format!("rules: [{}]", rule("shop", &path("/", "Prefix", "a")));
    let two = format!("rules: [{}]", rule("shop", &[path("/b", "Prefix", "b"), path("/", "Prefix", "c")].join(", ")));
    let store = store(&[&one, &two]);
    assert_eq!((get(&store, "shop", "/"), get(&store, "shop", "/b")), ("a".into(), "b".into()));
}

#[test]
fn without_a_matching_rule_the_default_backend_answers() {
    let own = format!(
        "defaultBackend: {{service: {{name: c, port: {{number: 80}}}}}}, rules: [{}]",
        rule("shop", &path("/b", "Exact", "b"))
    );
    let store = store(&["defaultBackend: {service: {name: a, port: {name: http}}}", &own]);
    assert_eq!(get(&store, "shop", "/"), "c");
    assert_eq!(get(&store, "other", "/"), "a");
}

#[test]
fn a_backend_that_cannot_answer_is_503() {
    let named = "{path: /name, pathType: Prefix, backend: {service: {name: a, port: {name: grpc}}}}".to_string();
    let paths = [path("/empty", "Prefix", "empty"), path("/none", "Prefix", "nobody"), named].join(", ");
    let store = store(&[&format!("rules: [{}]", rule("", &paths))]);
    assert_eq!(get(&store, "x", "/empty"), "503 NoEndpoints");
    assert_eq!(get(&store, "x", "/none"), "503 NoService");
    assert_eq!(get(&store, "x", "/name"), "503 NoPort");
}

#[test]
fn a_tls_host_may_be_redirected_to_https() {
    let store = store(&[&format!("tls: [{{hosts: [shop.io]}}], rules: [{}]", rule("shop.io", &path("/", "Prefix", "a")))]);
    let redirect = IngressSettings { https_redirect: true, ..IngressSettings::default() };
    let request = |https| HttpRequest { host: "shop.io".into(), path: "/cart?a=1".into(), https };
    assert_eq!(asked(&store, &redirect, request(false)), "https://shop.io/cart?a=1");
    assert_eq!(asked(&store, &redirect, request(true)), "a");
    assert_eq!(asked(&store, &IngressSettings::default(), request(false)), "a");
    let router = Router::of(&store, &redirect);
    assert!(matches!(router.tls("SHOP.io"), Tls::Listed(field, _) if field.path == "spec.tls[0].hosts[0]"));
    assert_eq!(router.tls("other.io"), Tls::Fallback);
}

#[test]
fn the_class_decides_who_serves() {
    let class = |text: &str| {
        let store = store(&[]);
        class_of(&store, &read(&format!("{{metadata: {{name: x, namespace: default{text}")))
    };
    assert_eq!(class("}}"), Class::Served("kubehop".into()));
    assert_eq!(class("}, spec: {ingressClassName: kubehop}}"), Class::Served("kubehop".into()));
    assert_eq!(class("}, spec: {ingressClassName: nginx}}"), Class::Missing("nginx".into()));
    assert_eq!(class("}, spec: {ingressClassName: alb}}"), Class::OtherController("alb".into(), "ingress.k8s.aws/alb".into()));
    assert_eq!(class(", annotations: {kubernetes.io/ingress.class: nginx}}}"), Class::Missing("nginx".into()));
    let mut nothing = store(&[]);
    nothing.ingress_classes.clear();
    let alb = |class: &str| class_of(&nothing, &read(&format!("{{metadata: {{name: x, namespace: default{class}")));
    let own = Class::OtherController("alb".into(), "ingress.k8s.aws/alb".into());
    assert_eq!(alb(", annotations: {kubernetes.io/ingress.class: alb}}}"), own);
    assert_eq!(alb("}, spec: {ingressClassName: alb}}"), Class::Missing("alb".into()));
    assert_eq!(class_of(&nothing, &Ingress::default()), Class::None);
}

#[test]
fn the_fields_that_decided_are_named() {
    let store = store(&[&format!("rules: [{}]", rule("shop", &path("/b", "Prefix", "b")))]);
    let request = HttpRequest { host: "shop".into(), path: "/b/x".into(), https: false };
    let Decision::Route(route) = Router::of(&store, &IngressSettings::default()).decide(&store, &request) else { panic!() };
    let fields: Vec<String> = route.because.iter().map(|field| format!("{} {}", field.object, field.path)).collect();
    assert_eq!(
        fields,
        [
            "Ingress/default/i0 spec.rules[0].http.paths[0].path",
            "Ingress/default/i0 spec.rules[0].host",
            "Ingress/default/i0 spec.rules[0].http.paths[0].backend.service.name",
            "Ingress/default/i0 spec.rules[0].http.paths[0].backend.service.port.number",
            "Service/default/b spec.ports[0].targetPort",
        ]
    );
    assert_eq!((route.service_port, route.endpoints[0].socket.to_string()), (80, "10.244.1.1:8080".into()));
}

#[test]
fn a_controllers_webhook_and_metrics_route_nothing() {
    let ports =
        "[{name: https, containerPort: 443}, {name: webhook, containerPort: 8443}, {name: metrics, containerPort: 10254}]";
    let spec: crate::api::core::PodSpec =
        serde_yaml::from_str(&format!("{{containers: [{{name: controller, image: ingress-nginx/controller, ports: {ports}}}]}}"))
            .unwrap();
    let takes = [443, 8443, 10254, 80].map(|port| super::real::takes_requests(&spec, port));
    assert_eq!(takes, [true, false, false, true]);
}
