use super::*;
use crate::kubectl::SourceFile;
use crate::node::environment::Value;
use crate::session::view::of as view;
use crate::session::{Command, Reply, Session};
use crate::settings::Settings;

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  \
                   template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: c, image: nginx}]}\n---\n";

/// Two zones, and a third node without one.
const ZONES: &str = "apiVersion: v1\nkind: Node\nmetadata: {name: node-1, labels: {topology.kubernetes.io/zone: a}}\n---\n\
                     apiVersion: v1\nkind: Node\nmetadata: {name: node-2, labels: {topology.kubernetes.io/zone: b}}\n---\n\
                     apiVersion: v1\nkind: Node\nmetadata: {name: node-3}\n---\n";

fn session(text: &str) -> Session {
    let mut session = Session::default();
    edit(&mut session, text);
    session
}

fn edit(session: &mut Session, text: &str) {
    let files = vec![SourceFile { name: "a.yaml".into(), text: text.into() }];
    let settings = Box::new(Settings::default());
    match session.cluster() {
        Some(_) => session.handle(Command::Edit { revision: 2, files }),
        None => session.handle(Command::Reset { revision: 1, files, settings, seed: 1, events: Vec::new() }),
    };
}

fn card(session: &mut Session, kind: Kind, name: &str) -> Card {
    let Reply::Card(card) = session.handle(Command::Card { object: ObjectRef::new(kind, "default", name) }) else {
        panic!("no card")
    };
    *card
}

fn service(spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec:\n  selector: {{app: web}}\n  ports: [{{port: 80}}]\n{spec}"
    )
}

/// Name, value, message and line of each row.
fn rows(text: &str) -> Vec<String> {
    let card = card(&mut session(text), Kind::Service, "web");
    let line = |setting: &Setting| {
        let span = setting.because.iter().find_map(|field| card.lines.iter().find(|(known, _)| known == field));
        let line = span.map_or(0, |(_, span)| text.lines().nth(span.line as usize - 1).map_or(0, |_| span.line));
        let said = text.lines().nth((line as usize).wrapping_sub(1)).unwrap_or_default().trim().to_string();
        format!("{}: {} ({}) {said}", setting.name, setting.value, setting.text.id)
    };
    card.settings.iter().map(line).collect()
}

#[test]
fn a_service_as_most_are_has_no_rows() {
    assert_eq!(rows(&(WEB.to_string() + &service(""))), Vec::<String>::new());
}

#[test]
fn each_field_that_is_set_has_a_row_with_its_line() {
    let spec = "  type: LoadBalancer\n  sessionAffinity: ClientIP\n  internalTrafficPolicy: Local\n  externalTrafficPolicy: Local\n  \
                healthCheckNodePort: 32100\n  loadBalancerSourceRanges: [10.0.0.0/8]\n  allocateLoadBalancerNodePorts: false\n  \
                externalIPs: [198.51.100.7]\n  publishNotReadyAddresses: true\n";
    assert_eq!(
        rows(&(WEB.to_string() + &service(spec))),
        [
            "sessionAffinity: ClientIP, 10800 s (object.affinity) sessionAffinity: ClientIP",
            "internalTrafficPolicy: Local (object.internalLocal) internalTrafficPolicy: Local",
            "externalTrafficPolicy: Local (object.externalLocal) externalTrafficPolicy: Local",
            "externalIPs: 198.51.100.7 (object.externalIPs) externalIPs: [198.51.100.7]",
            "healthCheckNodePort: 32100 (object.healthCheck) healthCheckNodePort: 32100",
            "loadBalancerSourceRanges: 10.0.0.0/8 (object.sourceRanges) loadBalancerSourceRanges: [10.0.0.0/8]",
            "allocateLoadBalancerNodePorts: false (object.noNodePortsCloud) allocateLoadBalancerNodePorts: false",
            "publishNotReadyAddresses: true (object.publishNotReady) publishNotReadyAddresses: true",
        ]
    );
    let class = rows(&(WEB.to_string() + &service("  type: LoadBalancer\n  loadBalancerClass: a.example/b\n")));
    assert_eq!(class, ["loadBalancerClass: a.example/b (pending.class) loadBalancerClass: a.example/b"]);
    // The port that policy Local brings along stands nowhere: its row leads to the policy.
    let brought = rows(&(WEB.to_string() + &service("  type: LoadBalancer\n  externalTrafficPolicy: Local\n")));
    assert!(
        brought[1].starts_with("healthCheckNodePort: ") && brought[1].ends_with("externalTrafficPolicy: Local"),
        "{brought:?}"
    );
    let headless = rows(&(WEB.to_string() + &service("  clusterIP: None\n  sessionAffinity: ClientIP\n")));
    assert_eq!(headless, ["sessionAffinity: ClientIP, 10800 s (object.noRules) sessionAffinity: ClientIP"]);
}

#[test]
fn traffic_distribution_tells_what_becomes_of_it() {
    let told = |before: &str, spec: &str| {
        let rows = rows(&(before.to_string() + &service(&format!("{spec}  trafficDistribution: PreferSameZone\n"))));
        rows.iter().find_map(|row| row.strip_prefix("trafficDistribution: PreferSameZone (")?.split(')').next().map(String::from))
    };
    let at = |node: &str| WEB.replace("spec: {containers", &format!("spec: {{nodeName: {node}, containers"));
    let told = |before: &str, spec: &str| told(before, spec).expect("a row");
    assert_eq!(told(&at("node-1"), ""), "object.distribution.noZones");
    assert_eq!(told(&(ZONES.to_string() + &at("node-1")), ""), "object.distribution.zone");
    assert_eq!(told(&(ZONES.to_string() + &at("node-3")), ""), "object.distribution.noZones");
    let one_without = ZONES.to_string() + &at("node-1") + &at("node-3").replace("name: web}", "name: web-3}");
    assert_eq!(told(&one_without, ""), "object.distribution.some");
    assert_eq!(told(ZONES, ""), "object.distribution.none");
    assert_eq!(told(&(ZONES.to_string() + &at("node-1")), "  internalTrafficPolicy: Local\n"), "object.distribution.local");
    let card = card(
        &mut session(&(ZONES.to_string() + &at("node-2") + &service("  trafficDistribution: PreferSameNode\n"))),
        Kind::Service,
        "web",
    );
    assert_eq!(card.settings[0].text.id, "object.distribution.node");
    let places: Vec<_> = card.topology.iter().map(|own| (own.zone.as_str(), own.hints.join(" "))).collect();
    assert_eq!(places, [("b", "b node-2".to_string()), ("b", "b node-2".to_string())]);
}

#[test]
fn a_pods_environment_tells_values_sources_and_what_is_missing_and_keeps_secrets() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: {CART_ADDR: 'cart:7070', MODE: plain}\n---\n\
        apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2}\n---\n\
        apiVersion: v1\nkind: Service\nmetadata: {name: cart}\nspec: {selector: {app: cart}, ports: [{port: 7070}]}\n---\n\
        apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\nspec:\n  containers:\n  - name: c\n    image: nginx\n    \
        envFrom: [{configMapRef: {name: shop}}, {secretRef: {name: gone, optional: true}}]\n    env:\n    \
        - {name: MODE, value: own}\n    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}\n    \
        - {name: URL, value: 'redis://u:$(PASSWORD)@cart:7070'}\n    - {name: TOKEN, valueFrom: {secretKeyRef: {name: db, key: token}}}\n    \
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}\n    - {name: CART_HOST, value: $(CART_SERVICE_HOST)}\n    \
        - {name: LOST_HOST, value: $(LOST_SERVICE_HOST)}\n";
    let card = card(&mut session(text), Kind::Pod, "web");
    let own = &card.environment[0];
    let plain = |text: &str| Value::Plain(text.into());
    let found: Vec<_> = own.own.iter().map(|it| (it.name.as_str(), it.value.clone(), it.from.as_str())).collect();
    let address = own.services.iter().find(|(name, _)| name == "CART_SERVICE_HOST").map(|(_, value)| value.clone());
    assert_eq!(
        found,
        [
            ("", Value::Missing(true), "Secret gone"),
            ("CART_ADDR", plain("cart:7070"), "ConfigMap shop"),
            ("MODE", plain("own"), ""),
            ("PASSWORD", Value::Hidden, "Secret db, key password"),
            ("URL", plain("redis://u:$(PASSWORD)@cart:7070"), ""),
            ("TOKEN", Value::Missing(false), "Secret db, key token"),
            (
                "NODE",
                plain(&session(text).cluster().unwrap().store.get::<Pod>("default", "web").unwrap().spec.node_name),
                "spec.nodeName"
            ),
            ("CART_HOST", plain(&address.expect("the kubelet's variable")), ""),
            ("LOST_HOST", plain("$(LOST_SERVICE_HOST)"), ""),
        ]
    );
    // Each target once, by the first variable that names it.
    assert_eq!(own.calls[0], ("URL".to_string(), "cart:7070".to_string()));
    let unfilled: Vec<_> = own.unfilled.iter().map(|(why, field)| (why.id.as_ref(), field.path.as_str())).collect();
    assert_eq!(unfilled, [("assume.unfilled.noService", "spec.containers[0].env[6].value")]);
    let line = card.lines.iter().find(|(field, _)| field.path.ends_with("envFrom[0]")).map(|(_, span)| span.line);
    assert!(line.and_then(|line| text.lines().nth(line as usize - 1)).is_some_and(|line| line.contains("configMapRef")));
    assert!(!format!("{card:?}").contains("hunter2"));
}

#[test]
fn a_rollout_that_cannot_go_on_is_said_to_wait_in_kubectls_words() {
    let mut session = session(WEB);
    let waits = |session: &Session| {
        let view = view(session.cluster().expect("a cluster"));
        view.workloads.into_iter().find(|own| own.object.name == "web").expect("web").waits
    };
    assert_eq!(waits(&session), None);
    edit(&mut session, &WEB.replace("image: nginx", "image: nginx, readinessProbe: {tcpSocket: {port: 81}}"));
    let told = waits(&session).expect("it waits");
    let says = "Waiting for deployment \"web\" rollout to finish: 1 out of 2 new replicas have been updated...";
    let args: Vec<_> = ["new", "old", "says"].iter().map(|name| told.args[*name].as_str()).collect();
    assert_eq!((told.id.as_ref(), args), ("rollout.waits", vec!["1", "2", says]));
    session.handle(Command::Act { event: "wait 700s".into() });
    assert_eq!(waits(&session).expect("it waits").args["says"], "error: deployment \"web\" exceeded its progress deadline");
    edit(&mut session, WEB);
    assert_eq!(waits(&session), None);
}

/// Name, value, message and what can be called of each row of a Pod or node.
fn told(session: &mut Session, kind: Kind, name: &str) -> Vec<String> {
    let object = ObjectRef::new(kind, if kind == Kind::Node { "" } else { "default" }, name);
    let Reply::Card(card) = session.handle(Command::Card { object }) else { panic!("no card") };
    let lined = |own: &Setting| own.because.iter().any(|field| card.lines.iter().any(|(known, _)| known == field));
    let line = |own: &Setting| {
        format!("{}: {} ({}) {}{}", own.name, own.value, own.text.id, own.call, if lined(own) { " line" } else { "" })
    };
    card.settings.iter().map(line).collect()
}

fn pod(more: &str, ports: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a, labels: {{app: a}}}}\nspec:\n  nodeName: node-1\n{more}  containers: [{{name: c, image: nginx, ports: [{ports}]}}]\n---\n"
    )
}

#[test]
fn a_pods_host_ports_say_what_they_open_and_can_be_called() {
    let rows = |text: &str| told(&mut session(text), Kind::Pod, "a");
    let web = "{containerPort: 80, hostPort: 30088}";
    assert_eq!(rows(&pod("", "{containerPort: 80}")), Vec::<String>::new());
    assert_eq!(rows(&pod("", web)), ["hostPort: 30088 (object.hostPort) http://node-1:30088/ line"]);
    let udp = "{containerPort: 53, hostPort: 53, protocol: UDP, hostIP: 10.0.0.11}";
    assert_eq!(rows(&pod("", udp)), ["hostPort: 10.0.0.11:53/UDP (object.hostPort)  line"]);
    let own = pod("  hostNetwork: true\n", "{containerPort: 80, hostPort: 80}");
    assert_eq!(rows(&own), ["hostPort: 80 (object.hostPort.hostNetwork)  line"]);
    let taken = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n\
                 spec: {type: NodePort, selector: {app: b}, ports: [{port: 80, nodePort: 30088}]}\n";
    assert_eq!(rows(&(pod("", web) + taken)), ["hostPort: 30088 (object.hostPort.taken) http://node-1:30088/ line"]);
    let unplaced = pod("  nodeSelector: {disk: ssd}\n", web).replace("  nodeName: node-1\n", "");
    assert_eq!(rows(&unplaced), ["hostPort: 30088 (object.hostPort.unplaced)  line"]);
}

#[test]
fn a_pod_in_a_mesh_says_whose_proxy_takes_part() {
    let meshed = pod("", "{containerPort: 80}").replace("labels: {app: a}", "labels: {sidecar.istio.io/inject: 'true'}");
    assert_eq!(told(&mut session(&meshed), Kind::Pod, "a"), ["sidecar: Istio (assume.sidecar) "]);
}

#[test]
fn a_node_shows_its_taints_and_labels() {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: extra, labels: {disk: ssd}}\n\
                spec: {taints: [{key: gpu, value: 'yes', effect: NoSchedule}, {key: old, effect: NoExecute}]}\n";
    let rows = told(&mut session(node), Kind::Node, "extra");
    assert_eq!(rows[0], "taint: gpu=yes:NoSchedule (object.taint.noSchedule)  line");
    assert_eq!(rows[1], "taint: old:NoExecute (object.taint.noExecute)  line");
    assert!(rows[2].starts_with("labels: ") && rows[2].contains("disk=ssd") && rows[2].ends_with(" line"), "{rows:?}");
    let made_up = told(&mut session(WEB), Kind::Node, "node-1");
    assert!(made_up[0].starts_with("labels: ") && !made_up[0].ends_with(" line"), "{made_up:?}");
}

#[test]
fn a_health_checks_port_and_a_host_port_are_offered() {
    let service = service("  type: LoadBalancer\n  externalTrafficPolicy: Local\n  healthCheckNodePort: 31234\n---\n");
    let text = WEB.to_string() + &service + &pod("", "{containerPort: 80, hostPort: 8088}");
    let mut session = Session::default();
    let files = vec![SourceFile { name: "a.yaml".into(), text: text.clone() }];
    let reset = Command::Reset { revision: 1, files, settings: Box::default(), seed: 1, events: Vec::new() };
    let Reply::Cluster(reply) = session.handle(reset) else { panic!("no cluster") };
    let offered = |target: &str| reply.targets.iter().any(|offer| offer.target == target);
    assert!(offered("http://node-1:31234/") && offered("http://node-1:8088/"), "{:?}", reply.targets);
    let card = card(&mut session, Kind::Service, "web");
    assert!(card.settings.iter().any(|own| own.name == "healthCheckNodePort" && own.call == "http://node-1:31234/"));
}

#[test]
fn namesakes_of_two_namespaces_are_offered_by_a_caller_of_each() {
    let shop = |text: &str| text.replace("metadata: {name: web}", "metadata: {name: web, namespace: shop}");
    let (namespace, service) = ("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n", service("---\n"));
    let text = format!("{namespace}{}{}{WEB}{service}", shop(WEB), shop(&service));
    let mut session = Session::default();
    let files = vec![SourceFile { name: "a.yaml".into(), text }];
    let reset = Command::Reset { revision: 1, files, settings: Box::default(), seed: 1, events: Vec::new() };
    let Reply::Cluster(reply) = session.handle(reset) else { panic!("no cluster") };
    let named = reply.targets.iter().filter(|offer| offer.target == "http://web/");
    let by = named.map(|offer| (offer.label.args["namespace"].clone(), offer.from.clone().unwrap_or_default()));
    let by: Vec<(String, String)> = by.collect();
    assert_eq!(by.len(), 2, "{by:?}");
    assert!(by.iter().all(|(namespace, from)| from.starts_with(&format!("pod/{namespace}/"))), "{by:?}");
}

#[test]
fn a_services_card_has_its_names_and_what_dns_answers() {
    let answers = |spec: &str| {
        let text = format!("{WEB}apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {spec}\n");
        let card = card(&mut session(&text), Kind::Service, "web");
        card.names.into_iter().map(|own| format!("{} {}: {}", own.kind, own.name, own.answers.join(", "))).collect::<Vec<_>>()
    };
    let [a, srv] = &answers("{clusterIP: None, selector: {app: web}, ports: [{name: http, port: 80}]}")[..] else {
        panic!("two names")
    };
    assert!(a.starts_with("A web.default.svc.cluster.local: 10.244.") && a.matches("10.244.").count() == 2, "{a}");
    assert!(srv.starts_with("SRV _http._tcp.web.default.svc.cluster.local: 0 50 80 10-244-"), "{srv}");
    let alias = answers("{type: ExternalName, externalName: api.example.com}");
    assert_eq!(alias, ["CNAME web.default.svc.cluster.local: api.example.com."]);
    let nobody = answers("{clusterIP: None, selector: {app: nobody}, ports: [{port: 80}]}");
    assert_eq!(nobody, ["A web.default.svc.cluster.local: NXDOMAIN"]);
}
