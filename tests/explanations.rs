//! What `kubehop explain` says never contradicts the trace. `UPDATE=1 cargo test --test explanations` writes the table anew that
//! says for each route in `tests/fixtures/routes` how it ends and which check fails.

#[allow(dead_code, reason = "the story of a route is told elsewhere")]
mod route;

use kubehop::cluster::{Action, Cluster};
use kubehop::data_plane::DataPlane;
use kubehop::explain::{Explanation, explain, explain_pod};
use kubehop::kubectl::{SourceFile, read};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::{Request, Trace};
use kubehop::words::Words;
use std::fmt::Write;
use std::fs;
use std::sync::Arc;

fn words() -> Words {
    Words::read(&fs::read_to_string("static/words/en.json").unwrap()).unwrap()
}

/// How the trace says that a request failed; `None`: it arrived, and so did all that it set off.
fn failure(trace: &Trace) -> Option<String> {
    if trace.arrived() {
        // A variable that was left empty is a call that nobody makes.
        let empty = |id: &str| id == "assume.lateService" || id.starts_with("assume.unfilled.");
        let late = trace.assumptions.iter().any(|note| empty(&note.id));
        return trace.calls.iter().find_map(failure).or_else(|| late.then(|| "left out".to_string()));
    }
    let why = trace.advice.as_ref().map(|advice| &advice.why);
    let hop = trace.hops.iter().rev().find(|hop| Some(&hop.text) == why);
    Some(hop.map_or_else(|| "-".to_string(), |hop| format!("{:?}", hop.reason)))
}

const NAMES: &str =
    "service-exists name-resolves ingress-served load-balancer-address selector-matches-pods pods-ready pod-ready";
const ENDPOINTS: &str = "service-port selector-matches-pods pods-ready endpoints-ready request-arrives";

/// The checks that may fail where the trace gives this reason.
fn checks_about(reason: &str) -> &'static str {
    match reason {
        "NoSuchName" | "NoAddress" => NAMES,
        "Lookup" | "DnsSilent" => "name-resolves",
        "Policy" => "network-policy",
        "Reject" | "LoadBalancerNoBackend" => ENDPOINTS,
        "NoRoute" => "selector-matches-pods pods-ready request-arrives",
        "left out" => "calls-in-turn",
        "NoRule" => "service-port request-arrives",
        "NothingListens" => "process-listens node-port pod-ready",
        "IngressNoRule" => "ingress-rule",
        "IngressNoEndpoints" => {
            "service-exists service-port ingress-backend selector-matches-pods pods-ready endpoints-ready request-arrives"
        }
        "IngressBadGateway" => "process-listens pod-ready request-arrives",
        // Not a hop's words: a name that nobody serves, or what both found in the same words.
        "-" => NAMES,
        _ => "request-arrives",
    }
}

#[test]
fn an_explanation_never_contradicts_the_trace() {
    let (words, mut table, mut wrong) = (words(), String::new(), Vec::new());
    let mut paths: Vec<_> = fs::read_dir("tests/fixtures/routes").unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "yaml")) {
        let name = path.file_stem().unwrap().to_string_lossy().to_string();
        let case = route::case(&fs::read_to_string(path).unwrap());
        let trace = case.plane.clone().send(&case.cluster, &case.request);
        let explanation = explain(&case.cluster, &case.request, &trace);
        let failed = explanation.checks.last().filter(|check| !check.ok);
        if explanation.checks.iter().rev().skip(1).any(|check| !check.ok) {
            wrong.push(format!("{name}: a check before the last one fails"));
        }
        let said = failed.map_or("arrives".to_string(), |check| format!("{}: {}", check.check, words.say(&check.text)));
        match (failure(&trace), failed) {
            (None, None) => {
                let _ = writeln!(table, "{name}: arrives");
            }
            (Some(reason), Some(check)) => {
                let _ = writeln!(table, "{name}: [{reason}] {said}");
                let failed = if trace.arrived() { trace.failed_call() } else { Some(&trace) };
                let same = failed.and_then(|trace| trace.advice.as_ref()).is_some_and(|advice| advice.why == check.text);
                if !same && !checks_about(&reason).split(' ').any(|own| own == check.check) {
                    wrong.push(format!("{name}: the trace says {reason}, the explanation {said}"));
                }
            }
            (reason, _) => wrong.push(format!("{name}: the trace says {reason:?}, the explanation {said}")),
        }
        if let (Some((namespace, pod)), None) = (&trace.pod, failed) {
            let told = explanation.idle.iter().any(|idle| (&idle.pod.namespace, &idle.pod.name) == (namespace, pod));
            if told {
                wrong.push(format!("{name}: Pod {pod} took the request, and is said to get none"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write("tests/fixtures/explanations.txt", &table).unwrap();
    }
    let written = fs::read_to_string("tests/fixtures/explanations.txt").unwrap_or_default();
    // A route that is new has no line yet: what is asserted above holds for it all the same.
    let differing: Vec<&str> = written.lines().filter(|line| !table.lines().any(|own| own == *line)).collect();
    assert!(!written.is_empty() && differing.is_empty(), "UPDATE=1 writes the table anew; now different: {differing:#?}");
}

fn cluster(yaml: &str) -> Cluster {
    let client = "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: client}\nspec: {containers: [{name: c, image: busybox, command: [sleep, 1d]}]}\n";
    let (manifests, found) = read(&[SourceFile { name: "x.yaml".into(), text: format!("{yaml}{client}") }]);
    assert!(found.is_empty(), "{found:?}");
    Cluster::new(Arc::new(Settings::default()), Seed(1)).apply(Arc::new(manifests)).cluster
}

fn explained(cluster: &Cluster, from: &str, target: &str) -> Explanation {
    let request = Request { from: from.parse().unwrap(), target: target.into(), seed: Seed(1), ..Request::default() };
    let trace = DataPlane::program(cluster).send(cluster, &request);
    explain(cluster, &request, &trace)
}

/// The last check, `FAIL` before it where it fails, and what to try.
fn last(explanation: &Explanation) -> String {
    let (words, check) = (words(), explanation.checks.last().unwrap());
    let next = check.next.as_ref().map(|next| format!(" / {}", words.say(next)));
    format!("{}{}{}", if check.ok { "" } else { "FAIL " }, words.say(&check.text), next.unwrap_or_default())
}

fn check(cluster: &Cluster, from: &str, target: &str, expected: &str) {
    let said = last(&explained(cluster, from, target));
    assert!(said.starts_with(expected), "{target} from {from}: {said}");
}

const POD: &str = "pod/client";

/// A Pod that is ready, or, with an image that no registry has, is not.
fn pod(name: &str, image: &str, more: &str) -> String {
    let container = format!("{{name: c, image: {image}, ports: [{{name: http, containerPort: 80}}]}}");
    format!(
        "\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\nspec: {{containers: \
         [{container}]{more}}}\n"
    )
}

fn service(name: &str, spec: &str) -> String {
    format!("\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

fn web() -> String {
    pod("web", "nginx", "") + &service("web", "selector: {app: web}, ports: [{port: 80}]")
}

#[test]
fn a_service_has_one_full_name_and_dns_knows_no_other_ending() {
    let cluster = cluster(&web());
    let targets = ["web.default.cluster.local", "web.default.svc.cluster.lcal", "web.default.srv", "web."];
    for host in targets.iter().chain(&["web.svc.cluster.local", "_http._tcp.web"]) {
        let said = "FAIL Service web is called web.default.svc.cluster.local, and DNS was never asked for that name";
        check(&cluster, POD, &format!("http://{host}"), said);
    }
    check(&cluster, POD, "http://web.default.svc.cluster.local.", "the request to");
    check(&cluster, POD, "http://wbe.svc.cluster.local", "FAIL there is no Service wbe in namespace default / Did you mean web?");
    check(
        &cluster,
        POD,
        "http://default.svc.cluster.local",
        "FAIL The name default.svc.cluster.local exists, but DNS has no IPv4",
    );
    check(&cluster, POD, "http://web.shop", "FAIL there is no namespace shop");
}

#[test]
fn a_pod_that_does_not_ask_coredns_finds_no_service_however_well_it_is() {
    let policy = "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: dp}\nspec: {dnsPolicy: Default, containers: [{name: c, image: busybox, command: [sleep, 1d]}]}\n";
    let headless = service("db", "clusterIP: None, selector: {app: web}, ports: [{port: 80}]");
    let cluster = cluster(&(web() + policy + &headless));
    check(&cluster, "pod/dp", "http://web", "FAIL web is a name, so DNS comes first: with dnsPolicy Default");
    check(&cluster, "pod/dp", "http://db", "FAIL db is a name, so DNS comes first: with dnsPolicy Default");
}

#[test]
fn another_short_name_is_no_slip_of_the_hand() {
    let calls = "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: api, labels: {app: api}}\nspec: {containers: [{name: c, image: nginx, env: [{name: ES_URL, value: 'http://es:9200'}]}]}\n";
    let named = |name: &str| service(name, "selector: {app: api}, ports: [{port: 80}]");
    let cluster = cluster(&(calls.to_string() + &named("api") + &named("db")));
    check(
        &cluster,
        POD,
        "http://api",
        "Pod api makes no call in turn here; named, and not made because no Service has the name: 1",
    );
    check(&cluster, POD, "http://a", "FAIL there is no Service a in namespace default / Create the Service a");
    check(&cluster, POD, "http://apii", "FAIL there is no Service apii in namespace default / Did you mean api?");
}

#[test]
fn a_pod_that_took_the_request_is_not_said_to_get_none() {
    let ports = "selector: {app: web}, ports: [{name: a, port: 80}, {name: b, port: 90, targetPort: 9090}]";
    let cluster = cluster(&(pod("web", "nginx", "") + &service("web", ports)));
    assert_eq!(explained(&cluster, POD, "http://web").idle, []);
    assert_eq!(explained(&cluster, POD, "http://web:90").idle.len(), 1);
    let own = explain_pod(&cluster, "default", "web");
    assert!(own.ok(), "{}", last(&own));
    let notes: Vec<String> = own.idle.iter().map(|idle| words().say(&idle.why)).collect();
    assert_eq!(notes, ["nothing listens on port 9090/TCP in Pod web"]);
}

#[test]
fn old_rules_still_bring_traffic_to_a_pod_that_is_unready() {
    let cluster = ["kube-proxy/node-1 stop", "kube-proxy/node-2 stop", "kube-proxy/node-3 stop", "pod/default/web unready"]
        .iter()
        .fold(cluster(&web()), |cluster, event| cluster.act(&Action::parse(event).unwrap()).cluster);
    assert_eq!(explained(&cluster, POD, "http://web").idle, []);
}

const DENY: &str = "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n";
const PROBED: &str = "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: nr, labels: {app: nr}}\nspec: {containers: [{name: c, image: nginx, readinessProbe: {tcpSocket: {port: 81}}}]}\n";

fn address(cluster: &Cluster, pod: &str) -> String {
    cluster.store.get::<kubehop::api::core::Pod>("default", pod).unwrap().status.pod_ip.clone()
}

#[test]
fn whoever_calls_a_pods_own_address_needs_no_readiness() {
    let open = cluster(PROBED);
    let to = format!("http://{}", address(&open, "nr"));
    check(&open, POD, &to, "the request to");
    check(&open, POD, &format!("{to}:81"), "FAIL nothing listens on port 81/TCP in Pod nr");
    let closed = cluster(&(PROBED.to_string() + DENY));
    let told = explained(&closed, POD, &format!("http://{}", address(&closed, "nr")));
    assert_eq!(told.checks.last().unwrap().check, "network-policy", "{}", last(&told));
}

#[test]
fn a_service_may_publish_pods_that_are_not_ready() {
    let spec = "publishNotReadyAddresses: true, selector: {app: nr}, ports: [{port: 80}]";
    let cluster = cluster(&(PROBED.to_string() + &service("nr", spec)));
    let told = explain_pod(&cluster, "default", "nr");
    assert!(told.ok(), "{}", last(&told));
    assert_eq!(
        words().say(&told.checks[1].text),
        "Pod nr is not ready, but Service nr publishes the addresses of Pods that are not ready"
    );
    check(&cluster, POD, "http://nr", "the request to");
}

#[test]
fn a_nodes_address_has_more_ports_than_node_ports() {
    let external = service("e", "selector: {app: nobody}, externalIPs: [10.0.0.11], ports: [{port: 443}]");
    let health = service(
        "l",
        "type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 31288, selector: {app: nobody}, ports: [{port: 80}]",
    );
    let image = "'ghcr.io/none/none:v0'";
    let host = pod("host", image, ", hostNetwork: true, nodeName: node-2, dnsPolicy: Default");
    let cluster = cluster(&(external + &health + &host));
    check(
        &cluster,
        "internet",
        "http://10.0.0.11:443",
        "FAIL Service e selects Pods with the labels app=nobody, and no Pod in namespace default has them",
    );
    check(
        &cluster,
        "internet",
        "http://node-1:31288",
        "FAIL kube-proxy itself answers 503 on node-1. Ready endpoints of l on this node: 0.",
    );
    check(&cluster, "internet", "http://node-3:80", "FAIL no Service has nodePort 80");
}

#[test]
fn of_two_services_with_one_external_ip_the_one_with_the_port_is_called() {
    let of = |name: &str, port: u16| {
        service(name, &format!("selector: {{app: nobody}}, externalIPs: [192.0.2.77], ports: [{{port: {port}}}]"))
    };
    let cluster = cluster(&(of("e1", 80) + &of("e2", 443)));
    let request = Request { target: "http://192.0.2.77:443".into(), via: Some("node-1".into()), ..Request::default() };
    let trace = DataPlane::program(&cluster).send(&cluster, &request);
    let told = explain(&cluster, &request, &trace);
    assert_eq!(words().say(&told.checks[0].text), "192.0.2.77 is Service e2");
    assert_eq!(told.checks.last().unwrap().check, "selector-matches-pods");
}

#[test]
fn each_container_waits_for_its_own_reason() {
    let yaml = "apiVersion: v1\nkind: Pod\nmetadata: {name: m}\nspec: {containers: [{name: c, image: nginx, envFrom: [{configMapRef: {name: first}}]}, {name: d, image: redis, envFrom: [{secretRef: {name: second}}]}]}\n";
    let told = last(&explain_pod(&cluster(yaml), "default", "m"));
    assert!(told.contains("container c does not run (CreateContainerConfigError). configmap \"first\" not found"), "{told}");
}

#[test]
fn the_probe_that_fails_is_blamed_and_not_the_one_beside_it() {
    let yaml = "apiVersion: v1\nkind: Pod\nmetadata: {name: m}\nspec: {containers: [{name: c, image: nginx, readinessProbe: {tcpSocket: {port: 80}}}, {name: d, image: redis, readinessProbe: {tcpSocket: {port: 81}}}]}\n";
    let told = explain_pod(&cluster(yaml), "default", "m");
    assert_eq!(told.checks.last().unwrap().because[0].path, "spec.containers[1].readinessProbe");
}

#[test]
fn a_target_port_may_be_named_by_the_one_pod_that_is_not_ready() {
    let labelled = |name: &str, port: &str, probe: &str| {
        format!(
            "\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: a}}}}\nspec: {{containers: [{{name: c, \
             image: nginx, ports: [{{name: {port}, containerPort: 80}}]{probe}}}]}}\n"
        )
    };
    let pods = labelled("a", "http", ", readinessProbe: {tcpSocket: {port: 81}}") + &labelled("b", "web", "");
    let of = |name: &str, port: &str| service(name, &format!("selector: {{app: a}}, ports: [{{port: 80, targetPort: {port}}}]"));
    let cluster = cluster(&(pods + &of("s", "http") + &of("w", "nope")));
    check(&cluster, POD, "http://s", "FAIL targetPort http of Service s names a containerPort of Pod a, which is not ready");
    check(&cluster, POD, "http://w", "FAIL targetPort nope of Service w names no containerPort of its Pods");
}

#[test]
fn a_pods_own_name_needs_the_selector_of_its_headless_service() {
    let yaml = pod("h", "nginx", ", hostname: foo, subdomain: db")
        + &service("db", "clusterIP: None, selector: {app: web}, ports: [{port: 80}]");
    let cluster = cluster(&(web() + &yaml));
    let said = "FAIL Pod h has the name foo.db by its host name and subdomain, but the selector of Service db passes it by";
    check(&cluster, POD, "http://foo.db", said);
}

#[test]
fn a_targets_scheme_says_which_protocol_a_service_port_must_have() {
    let cluster = cluster(&service("dns", "selector: {app: nobody}, ports: [{port: 53, protocol: UDP}]"));
    check(
        &cluster,
        POD,
        "udp://dns:53",
        "FAIL Service dns selects Pods with the labels app=nobody, and no Pod in namespace default has them",
    );
    check(&cluster, POD, "tcp://dns:53", "FAIL Service dns has no port 53/TCP");
}

#[test]
fn a_node_asks_a_dns_server_outside_the_cluster() {
    check(&cluster(&web()), "node/node-1", "http://web", "FAIL node-1 asks a DNS server outside the cluster");
}

#[test]
fn an_external_name_keeps_the_name_that_was_called() {
    let cluster = cluster(&service("ext", "type: ExternalName, externalName: example.com"));
    check(&cluster, POD, "https://ext", "the certificate of example.com does not name ext");
}

#[test]
fn an_ingress_without_host_whose_class_nobody_serves_is_named() {
    let rule = "{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}";
    let ingress = format!(
        "\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: i}}\nspec: {{ingressClassName: nginx, rules: \
         [{rule}]}}\n"
    );
    let cluster = cluster(&(web() + &ingress));
    check(&cluster, "internet", "http://x.example.com", "FAIL Ingress i names class nginx, and there is no such IngressClass");
    check(&cluster, "internet", "http://web", "FAIL outside the cluster nobody knows the name web");
}

/// A Pod from a dump that is on its way out.
fn leaving(name: &str, ip: &str) -> String {
    format!(
        "\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: web}}, uid: 1c3e0a35-7a2c-4a2e-9f0a-2d7c4b0c8f11, \
         creationTimestamp: '2026-05-01T00:00:00Z', deletionTimestamp: '2026-05-02T00:00:30Z', deletionGracePeriodSeconds: 30}}\n\
         spec: {{nodeName: node-2, containers: [{{name: c, image: nginx}}]}}\nstatus: {{phase: Running, podIP: {ip}, podIPs: [{{ip: \
         {ip}}}], conditions: [{{type: Ready, status: 'True'}}], containerStatuses: [{{name: c, image: nginx, ready: true, \
         restartCount: 0, state: {{running: {{startedAt: '2026-05-01T00:00:00Z'}}}}}}]}}\n"
    )
}

#[test]
fn a_terminating_pod_serves_on_only_where_no_other_is_ready() {
    let web = service("web", "selector: {app: web}, ports: [{port: 80}]");
    let alone = cluster(&(leaving("old", "10.244.2.5") + &web));
    let own = explain_pod(&alone, "default", "old");
    assert!(own.ok(), "{}", last(&own));
    let said = words().say(&own.checks[1].text);
    assert!(said.starts_with("Pod old is Terminating and serves on all the same: Service web has no ready endpoint"), "{said}");
    let told = explained(&alone, POD, "http://web");
    assert!(told.ok() && told.idle.is_empty(), "{}", last(&told));
    let said: Vec<String> = told.checks.iter().map(|check| words().say(&check.text)).collect();
    let only = "none of them is ready, and 1 Terminating Pod(s) still serve: once they have ended, nobody answers";
    assert!(said.contains(&only.to_string()), "{said:?}");
    let successor = pod("new", "nginx", "").replace("app: new", "app: web");
    let both = cluster(&(leaving("old", "10.244.2.5") + &successor + &web));
    let own = last(&explain_pod(&both, "default", "old"));
    assert!(own.starts_with("FAIL Pod old is Terminating: it was deleted and gets no new connections"), "{own}");
    assert_eq!(explained(&both, POD, "http://web").idle[0].pod.name, "old");
}

#[test]
fn another_of_a_services_own_numbers_is_told_for_what_it_is() {
    let web = pod("web", "nginx", "")
        + &service("web", "type: NodePort, selector: {app: web}, ports: [{port: 8080, targetPort: 80, nodePort: 30080}]");
    let cluster = cluster(&web);
    let missing = |port: u16, what: &str| format!("FAIL Service web has no port {port}/TCP / {port} is a {what} of web: ");
    check(&cluster, POD, "http://web:80", &missing(80, "targetPort"));
    check(&cluster, POD, "http://web:30080", &missing(30080, "nodePort"));
    check(&cluster, POD, "http://web:81", "FAIL Service web has no port 81/TCP / Call a port that Service web has: 8080/TCP.");
}

#[test]
fn a_public_name_is_no_service_of_a_namespace() {
    let said =
        "FAIL neither the cluster's DNS nor the one outside, which CoreDNS asks for the rest, knows api.nosuch.shop.invalid";
    check(&cluster(&web()), POD, "http://api.nosuch.shop.invalid", said);
    check(
        &cluster(&web()),
        "internet",
        "http://node-9",
        "FAIL there is no node node-9 / These nodes exist: node-1, node-2, node-3.",
    );
}

#[test]
fn a_certificate_that_is_not_there_is_told_though_the_request_arrives() {
    let ingress = "\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {tls: [{hosts: [a.example.com], \
                   secretName: gone}], rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: \
                   {name: web, port: {number: 80}}}}]}}]}\n";
    let said = "An Ingress lists Secret gone for a.example.com, but namespace default has no such Secret";
    check(&cluster(&(web() + ingress)), "internet", "https://a.example.com", said);
}

#[test]
fn a_pod_that_no_service_selects_is_told_which_selector_comes_nearest() {
    let cluster = cluster(&(pod("web", "nginx", "") + &service("web", "selector: {app: wbe}, ports: [{port: 80}]")));
    let told = last(&explain_pod(&cluster, "default", "web"));
    let near = "Service web comes nearest: it selects app=wbe, and this Pod has app=web. Make them agree.";
    assert_eq!(told, format!("FAIL no Service of its namespace selects Pod web / {near}"));
}

#[test]
fn a_new_pod_is_unknown_to_the_rules_of_a_stopped_kube_proxy() {
    let deployment = "\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1, selector: {matchLabels: {app: \
                      web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: nginx}]}}}\n";
    let begun = cluster(&(deployment.to_string() + &service("web", "selector: {app: web}, ports: [{port: 80}]")));
    let played = |events: &[&str]| {
        let cluster = events.iter().fold(begun.clone(), |cluster, event| cluster.act(&Action::parse(event).unwrap()).cluster);
        let pods = cluster.store.in_namespace::<kubehop::api::core::Pod>("default");
        let name = pods.map(|pod| pod.metadata.name.clone()).find(|name| name.starts_with("web-")).unwrap();
        explain_pod(&cluster, "default", &name)
    };
    let said = "kube-proxy is stopped on node-1, and the rules there do not know Pod";
    let anew = ["deployment/default/web scale 0", "deployment/default/web scale 1"];
    let some = played(&[&["kube-proxy/node-1 stop"], &anew[..]].concat());
    assert!(some.ok() && last(&some).starts_with(said), "{}", last(&some));
    let stops = ["kube-proxy/node-1 stop", "kube-proxy/node-2 stop", "kube-proxy/node-3 stop"];
    let all = last(&played(&[&stops, &anew[..]].concat()));
    assert!(
        all.starts_with("FAIL kube-proxy is stopped on node-1, node-2, node-3, and the rules there do not know Pod"),
        "{all}"
    );
}
