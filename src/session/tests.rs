//! What the page asks of a session, on the page's own examples.

use super::*;
use crate::scene::beats::{Pace, beats};
use crate::scene::frame::frame;
use crate::scene::geometry::Size;
use crate::scene::ladder::{Looked, ladder, looked, port_taken, subject};
use crate::scene::lanes::Stop;
use crate::scene::objects::{Mark, Objects, fields, objects};
use crate::scene::steps::steps;
use crate::scene::{Options, stage};
use crate::settings::Nodes;
use crate::trace::{Reason, Source};

fn reset(session: &mut Session, text: &str, settings: Settings) -> ClusterReply {
    let files = vec![SourceFile { name: "cluster.yaml".into(), text: text.into() }];
    let reset = Command::Reset { revision: 1, files, settings: Box::new(settings), seed: 1, events: Vec::new() };
    let Reply::Cluster(reply) = session.handle(reset) else { panic!("no cluster") };
    Rc::unwrap_or_clone(reply)
}

/// An example, and one of its requests at its end.
fn played(text: &str, target: &str) -> (Session, ClusterView, Trace, Looked) {
    let mut session = Session::default();
    let view = reset(&mut session, text, Settings::default()).view;
    let request = Request { target: target.into(), seed: Seed(1), ..Request::default() };
    let Reply::Trace(reply) = session.handle(Command::Send { request }) else { panic!("no trace") };
    let all = steps(&reply.trace);
    let looked = looked(&reply.trace, &all, all.len() - 1);
    (session, Rc::unwrap_or_clone(view), Rc::unwrap_or_clone(reply.trace), looked)
}

fn marks(view: &ClusterView, looked: &Looked) -> Vec<(&'static str, Mark, bool)> {
    let service = subject(view, looked, None).expect("a Service");
    let port = port_taken(looked, service).unwrap_or_default();
    ladder(view, looked, service, port).iter().map(|rung| (rung.name, rung.mark, rung.skipped.is_some())).collect()
}

fn used(picture: &Objects) -> Vec<String> {
    let rows = picture.cards.iter().flat_map(|card| &card.rows).filter(|row| row.mark == Mark::Used);
    rows.map(|row| row.name.clone()).collect()
}

#[test]
fn settings_that_make_no_cluster_are_named_and_the_usual_cluster_is_played() {
    let settings = Settings { nodes: Nodes::List(vec![Default::default()]), ..Settings::default() };
    let reply = reset(&mut Session::default(), "", settings);
    assert_eq!((reply.view.nodes.len(), reply.diagnostics.len()), (3, 1));
}

#[test]
fn nothing_is_deleted_while_a_document_might_be_what_is_missing() {
    let text = include_str!("../../static/examples/nodeport.yaml");
    let mut session = Session::default();
    reset(&mut session, text, Settings::default());
    let mut edit = |text: &str| {
        let files = vec![SourceFile { name: "cluster.yaml".into(), text: text.into() }];
        let Reply::Cluster(reply) = session.handle(Command::Edit { revision: 2, files }) else { panic!("no cluster") };
        let names: Vec<String> = reply.view.services.iter().map(|service| service.name.clone()).collect();
        (names.contains(&"web".into()), reply.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error))
    };
    let half_typed = text.replace("kind: Service", "kind: Serv");
    for nonsense in ["version: '3'\nservices: {web: {image: nginx}}\n", "Hello there\n", "a: b: c\n", &half_typed] {
        assert_eq!(edit(nonsense), (true, true), "{nonsense}");
    }
    let foreign = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\n";
    assert_eq!(edit(foreign), (false, false), "a custom resource is no mistake");
    assert!(edit(text).0);
    assert!(!edit("").0);
}

#[test]
fn who_asked_for_a_load_balancer_is_offered_its_address_first() {
    let alone = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}\n";
    for text in [include_str!("../../static/examples/loadbalancer.yaml"), alone] {
        let reply = reset(&mut Session::default(), text, Settings::default());
        let address = &reply.view.services.iter().find(|service| service.name == "web").expect("the Service").external[0];
        assert_eq!(reply.targets[0].target, format!("http://{address}/"));
        assert!(reply.targets[1].target.starts_with("http://node-1:"), "{}", reply.targets[1].target);
    }
}

#[test]
fn a_node_that_asks_dns_begins_its_way_in_itself() {
    let mut session = Session::default();
    let view = reset(&mut session, include_str!("../../static/examples/nodeport.yaml"), Settings::default()).view;
    let target = "http://web.default.svc.cluster.local/".into();
    let request = Request { target, from: Source::Node("node-1".into()), ..Request::default() };
    let Reply::Trace(reply) = session.handle(Command::Send { request }) else { panic!("no trace") };
    for size in [(748.0, 480.0), (390.0, 372.0)] {
        let size = Size { width: size.0, height: size.1 };
        let scene = stage(&view, Some(&reply.trace), size, Options::default());
        let node = scene.picture.nodes.iter().find(|node| node.name == "node-1").expect("node-1").rect;
        let start = scene.route.legs[0].line.points()[0];
        assert!(
            node.x < start.x && start.x < node.right() && node.y < start.y && start.y < node.bottom(),
            "{start:?} in {node:?}"
        );
    }
}

/// Where the packet stands on the stage when DNS has answered, or has not; and the flow of the question.
fn dns_stop(session: &mut Session, view: &ClusterView, seed: u64) -> (Stop, String) {
    let pod = view.pods.iter().find(|pod| pod.app == "web").expect("a Pod of web");
    let from = Source::Pod(pod.namespace.clone(), pod.name.clone());
    let request = Request { target: "http://web/".into(), from, seed: Seed(seed), ..Request::default() };
    let Reply::Trace(reply) = session.handle(Command::Send { request }) else { panic!("no trace") };
    let asked = reply.trace.hops.iter().find(|hop| hop.reason == Reason::Lookup).expect("a lookup");
    let to = asked.after.map(|flow| flow.dst.ip.to_string()).unwrap_or_default();
    let ends = |reason| matches!(reason, Reason::LookupAnswer | Reason::DnsSilent);
    let answer = reply.trace.hops.iter().position(|hop| ends(hop.reason)).expect("an answer, or none");
    let scene = stage(view, Some(&reply.trace), Size { width: 748.0, height: 480.0 }, Options::default());
    (scene.route.stops[answer].stop.clone(), to)
}

#[test]
fn a_question_ends_at_the_coredns_pod_that_the_rules_chose() {
    let mut session = Session::default();
    let view = reset(&mut session, include_str!("../../static/examples/nodeport.yaml"), Settings::default()).view;
    let mut met = std::collections::BTreeSet::new();
    for seed in 1..=12 {
        let (stop, to) = dns_stop(&mut session, &view, seed);
        let pod = view.pods.iter().find(|pod| pod.ip == to).expect("the Pod with that address");
        assert_eq!(stop, Stop::PodIn(pod.namespace.clone(), pod.name.clone()), "seed {seed}");
        met.insert(pod.name.clone());
    }
    assert_eq!(met.len(), 2, "both CoreDNS Pods are asked in turn");
}

#[test]
fn without_a_ready_coredns_pod_the_askers_own_node_refuses_the_question() {
    let mut session = Session::default();
    reset(&mut session, include_str!("../../static/examples/nodeport.yaml"), Settings::default());
    let Reply::Cluster(reply) = session.handle(Command::Act { event: "coredns down".into() }) else { panic!("no cluster") };
    let (stop, to) = dns_stop(&mut session, &reply.view, 1);
    let pod = reply.view.pods.iter().find(|pod| pod.app == "web").expect("a Pod of web");
    assert!(matches!(&stop, Stop::Plate(node) | Stop::Rules(node, _) if *node == pod.node), "{stop:?}");
    assert_eq!(to, "");
}

#[test]
fn a_call_by_the_node_port_passes_the_services_port_by() {
    let (_, view, _, looked) = played(include_str!("../../static/examples/nodeport.yaml"), "http://node-2:30080/");
    let used = Mark::Used;
    assert_eq!(
        marks(&view, &looked),
        [("nodePort", used, false), ("port", Mark::Plain, true), ("targetPort", used, false), ("containerPort", used, false)]
    );
}

#[test]
fn an_ingress_enters_at_the_services_port_and_the_packet_passes_the_service_by() {
    let (_, view, trace, looked) = played(include_str!("../../static/examples/ingress.yaml"), "http://shop.example.com/api");
    assert_eq!(subject(&view, &looked, None).map(|service| service.name.as_str()), Some("api"));
    let picture = objects(&view, &looked, 720.0);
    let pod_ip = trace.pod_ip.expect("a Pod").to_string();
    assert_eq!(used(&picture), ["/api", "port http", "targetPort", &pod_ip]);
    assert!(picture.packet.is_some());
}

#[test]
fn before_the_first_lookup_nothing_is_marked() {
    let (_, view, trace, _) = played(include_str!("../../static/examples/nodeport.yaml"), "http://node-2:30080/");
    let picture = objects(&view, &looked(&trace, &steps(&trace), 0), 720.0);
    assert_eq!(used(&picture), [""; 0]);
    assert!(picture.packet.is_none());
}

#[test]
fn a_port_that_nobody_listens_on_is_the_broken_step_of_the_ladder() {
    let (_, view, trace, looked) = played(include_str!("../../static/examples/wrong-port.yaml"), "http://node-2:30080/");
    assert_eq!(trace.verdict, Verdict::Refused);
    assert_eq!(marks(&view, &looked).last(), Some(&("containerPort", Mark::Bad, false)));
}

#[test]
fn cards_of_the_objects_view_never_overlap_and_stay_inside_at_any_width() {
    for example in [include_str!("../../static/examples/ingress.yaml"), include_str!("../../static/examples/counter.yaml")] {
        let (_, view, _, looked) = played(example, "http://node-1:31000/");
        for width in [320.0, 390.0, 560.0, 722.0, 1100.0, 1800.0] {
            let picture = objects(&view, &looked, width);
            for (index, card) in picture.cards.iter().enumerate() {
                assert!(card.rect.x >= 0.0 && card.rect.right() <= width, "{} at {width}", card.name);
                let rest = &picture.cards[index + 1..];
                assert!(rest.iter().all(|other| !card.rect.meets(&other.rect)), "{} at {width}", card.name);
            }
        }
    }
}

#[test]
fn lines_tell_where_the_fields_of_the_objects_view_stand() {
    let (mut session, view, ..) = played(include_str!("../../static/examples/nodeport.yaml"), "http://node-2:30080/");
    let Reply::Lines(lines) = session.handle(Command::Lines { fields: fields(&view) }) else { panic!("no lines") };
    let line = |path: &str| lines.iter().find(|(field, _)| field.path == path).map(|(_, span)| span.line);
    let at = ["spec.ports[0].nodePort", "spec.ports[0].targetPort", "spec.containers[0].ports[0].containerPort", "spec.selector"];
    assert_eq!(at.map(line), [Some(32), Some(31), Some(18), Some(26)]);
}

#[test]
fn an_explanation_cites_lines_and_leaves_no_connection_behind() {
    let (mut session, _, trace, _) = played(include_str!("../../static/examples/no-endpoints.yaml"), "http://node-2:30080/");
    let ask = Command::Explain { what: Asked::Request(Box::new(trace.request.clone())) };
    let Reply::Explained(answer) = session.handle(ask) else { panic!("no answer") };
    let last = answer.explanation.checks.last().expect("a check");
    assert!(!last.ok && last.next.is_some());
    assert!(last.because.iter().any(|field| answer.lines.iter().any(|(known, _)| known == field)));
    let Reply::Trace(again) = session.handle(Command::Send { request: trace.request.clone() }) else { panic!("no trace") };
    assert!(again.trace.hops.iter().all(|hop| hop.reason != Reason::Conntrack));
    assert_eq!(trace.request.from, Source::Internet);
}

#[test]
fn an_ingress_of_an_old_version_is_mended_by_one_change() {
    let old = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata:\n  name: shop\nspec:\n  rules:\n  - host: a.example\n    http:\n      paths:\n      - path: /api\n        backend:\n          serviceName: api\n          servicePort: 80\n";
    let mut session = Session::default();
    let broken = reset(&mut session, old, Settings::default());
    let fixes: Vec<_> = broken.diagnostics.iter().flat_map(|finding| &finding.fixes).collect();
    assert_eq!(fixes.len(), 1);
    let mended = reset(&mut session, &fixes[0].text, Settings::default());
    assert!(mended.diagnostics.iter().all(|finding| finding.severity != Severity::Error), "{:?}", mended.diagnostics);
    let rule = &mended.view.ingresses[0].rules[0];
    assert_eq!((rule.path_type.as_str(), rule.service.as_str(), rule.port.as_str()), ("ImplementationSpecific", "api", "80"));
}

#[test]
fn what_the_running_cluster_is_blamed_for_is_found_anew_after_an_action() {
    let text = include_str!("../../static/examples/nodeport.yaml");
    let mut session = Session::default();
    let found = |reply: &ClusterReply| reply.diagnostics.iter().map(|own| own.message.clone()).collect::<Vec<_>>();
    assert_eq!(found(&reset(&mut session, text, Settings::default())), []);
    let mut act = |event: &str| {
        let Reply::Cluster(reply) = session.handle(Command::Act { event: event.into() }) else { panic!("no cluster") };
        found(&reply)
    };
    let none = Finding::Ours(msg!("advise.noPods", service = "web", selector = "app=web"));
    assert_eq!(act("deployment/default/web scale 0"), [none]);
    assert_eq!(act("deployment/default/web scale 3"), []);
}

#[test]
fn replicas_that_an_action_set_are_not_blamed_on_the_text() {
    let text = include_str!("../../static/examples/nodeport.yaml");
    let mut session = Session::default();
    reset(&mut session, text, Settings::default());
    let Reply::Cluster(idle) = session.handle(Command::Act { event: "deployment/default/web scale 0".into() }) else {
        panic!("no cluster")
    };
    assert!(idle.diagnostics.iter().all(|finding| finding.fixes.is_empty()), "the text says no 0: {:?}", idle.diagnostics);
    let blamed = |session: &mut Session| {
        let request = Request { target: "http://node-2:30080/".into(), ..Request::default() };
        let Reply::Trace(reply) = session.handle(Command::Send { request }) else { panic!("no trace") };
        let because = reply.trace.advice.as_ref().map(|advice| advice.because.clone()).expect("advice");
        let lines = because.iter().filter_map(|field| reply.lines.iter().find(|(known, _)| known == field));
        lines.map(|(field, span)| (field.path.clone(), span.line)).collect::<Vec<_>>()
    };
    assert_eq!(blamed(&mut session), []);
    reset(&mut session, &text.replace("replicas: 3", "replicas: 0"), Settings::default());
    assert_eq!(blamed(&mut session), [("spec.replicas".to_string(), 6)]);
}

#[test]
fn a_packets_label_leaves_names_to_be_read() {
    let names =
        "clusterip nodeport loadbalancer ingress headless counter no-endpoints wrong-port local-policy no-class bad-backend";
    let examples = names.split(' ').map(|name| format!("static/examples/{name}.yaml"));
    for path in examples.chain(["tests/fixtures/notes/my-loadbalancer.yaml".to_string()]) {
        let text = std::fs::read_to_string(&path).expect("an example");
        let mut session = Session::default();
        let reply = reset(&mut session, &text, Settings::default());
        for offer in &reply.targets {
            let from = offer.from.as_deref().and_then(|from| from.parse().ok()).unwrap_or_default();
            let request = Request { target: offer.target.clone(), from, seed: Seed(1), ..Request::default() };
            let Reply::Trace(told) = session.handle(Command::Send { request }) else { panic!("no trace") };
            let list = steps(&told.trace);
            let times = beats(&list, Pace::Moving);
            for (width, height) in [(748.0, 480.0), (588.0, 260.0), (390.0, 392.0), (360.0, 366.0)] {
                let scene = stage(&reply.view, Some(&told.trace), Size { width, height }, Options::default());
                let size = scene.picture.size;
                assert_eq!(size.width, width, "{path}: all of it fits across");
                for label in (0..list.len()).filter_map(|step| frame(&scene, &times, times.get(step)?.arrives + 0.001).label) {
                    let (rect, what) = (label.rect, format!("{path}, {}, {width} wide: {label:?}", offer.target));
                    // Between two lines of Pods, the label has one pixel less than it is high.
                    assert!(scene.picture.covered(&rect) <= rect.width, "hides a name: {what}");
                    assert!(rect.x >= 0.0 && rect.right() <= size.width && rect.bottom() <= size.height, "cut off: {what}");
                }
            }
        }
    }
}

#[test]
fn a_name_that_only_pods_can_ask_for_fails_for_the_reason_that_a_pod_meets() {
    let text = format!(
        "{}---\napiVersion: v1\nkind: Service\nmetadata: {{name: idle}}\nspec: {{selector: {{app: idle}}, ports: [{{port: 80}}]}}\n",
        include_str!("../../static/examples/nodeport.yaml")
    );
    let mut session = Session::default();
    let usual = reset(&mut session, &text, Settings::default()).targets;
    let Reply::Offers { targets, .. } = session.handle(Command::Offers { from: Source::Internet }) else { panic!("no offers") };
    let why = |offers: &[TargetOffer]| {
        let offer = offers.iter().find(|offer| offer.target == "http://idle/").expect("its name");
        (offer.from.as_ref().is_some_and(|from| from.starts_with("pod/")), offer.fails.as_ref().map(|why| why.id.to_string()))
    };
    assert_eq!(why(&targets), (true, Some("explain.selector.none".into())));
    assert_eq!(why(&targets), why(&usual));
}

/// What the opening example offers a caller: who would call instead, the target, whether it fails.
fn offered(from: &str) -> Vec<(Option<String>, String, bool)> {
    let mut session = Session::default();
    reset(&mut session, include_str!("../../static/examples/nodeport.yaml"), Settings::default());
    let Reply::Offers { targets, .. } = session.handle(Command::Offers { from: from.parse().unwrap() }) else {
        panic!("no offers")
    };
    targets.into_iter().map(|offer| (offer.from, offer.target, offer.fails.is_some())).collect()
}

#[test]
fn each_caller_is_offered_what_it_can_call_itself_and_told_what_it_cannot() {
    let cluster_ip = "http://10.96.";
    let of = |from: &str, target: &str| {
        let all = offered(from);
        all.into_iter().find(|(_, offer, _)| offer.starts_with(target)).map(|(from, _, fails)| (from.is_some(), fails))
    };
    let mut session = Session::default();
    let view = reset(&mut session, include_str!("../../static/examples/nodeport.yaml"), Settings::default()).view;
    let pods: Vec<_> = view.pods.iter().filter(|pod| pod.name.starts_with("web-")).collect();
    let (first, pod) = (&pods[0].ip, format!("pod/default/{}", pods[0].name));
    for target in ["http://node-2:30080/", "http://web/", cluster_ip, "http://10.244."] {
        assert_eq!(of(&pod, target), Some((false, false)), "{target}: the Pod calls, and gets through");
    }
    assert!(offered(&pod).iter().all(|(_, target, _)| !target.contains(first.as_str())), "another Pod than the caller");
    // A node reaches the address, but its resolver knows no name of the cluster: there a Pod calls in its place.
    assert_eq!((of("node/node-3", cluster_ip), of("node/node-3", "http://web/")), (Some((false, false)), Some((true, false))));
    // Outside, the address leads nowhere, and that is said of whoever was chosen.
    assert_eq!((of("internet", cluster_ip), of("internet", "http://10.244.")), (Some((false, true)), Some((false, true))));
    assert_eq!(of("internet", "http://web/"), Some((true, false)));
    assert_eq!(of("deployment/default/web", "http://web/"), Some((false, false)));
}

const SHOP: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: shop}}\n  template:\n    metadata: {labels: {app: shop}}\n    spec: {containers: [{name: web, image: nginx}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: {app: shop}, ports: [{port: 80}]}\n";

fn errors(reply: &ClusterReply) -> Vec<&Diagnostic> {
    reply.diagnostics.iter().filter(|finding| finding.severity == Severity::Error).collect()
}

#[test]
fn what_cannot_change_is_replaced_by_one_event_and_its_error_goes() {
    for event in ["replace", "delete"] {
        let mut session = Session::default();
        reset(&mut session, SHOP, Settings::default());
        let files = vec![SourceFile { name: "cluster.yaml".into(), text: SHOP.replace("app: shop", "app: shop2") }];
        let Reply::Cluster(refused) = session.handle(Command::Edit { revision: 2, files }) else { panic!("no cluster") };
        let [error] = errors(&refused)[..] else { panic!("{:?}", refused.diagnostics) };
        let object = error.replaceable().expect("an object in the way").clone();
        assert_eq!(object.to_string(), "Deployment/default/shop");
        let Reply::Cluster(mended) = session.handle(Command::Act { event: format!("{object} {event}") }) else {
            panic!("no cluster")
        };
        assert_eq!(errors(&mended), [] as [&Diagnostic; 0], "{event}");
        let pods = session.cluster().unwrap().store.pods.values();
        let mine: Vec<_> =
            pods.filter(|pod| pod.metadata.namespace == "default").map(|pod| pod.metadata.labels["app"].clone()).collect();
        assert_eq!(mine, ["shop2", "shop2"], "{event}");
        assert!(session.cluster().unwrap().applied.contains(&object));
    }
}

#[test]
fn a_deleted_object_whose_text_was_applied_stays_deleted() {
    let mut session = Session::default();
    reset(&mut session, SHOP, Settings::default());
    session.handle(Command::Act { event: "deployment/shop delete".into() });
    assert!(session.cluster().unwrap().store.deployments.keys().all(|(namespace, _)| namespace != "default"));
}

#[test]
fn what_is_wrong_with_a_text_stays_wrong_when_its_object_is_gone() {
    let mut session = Session::default();
    reset(&mut session, SHOP, Settings::default());
    let text = SHOP.replace("app: shop}}\n  template", "app: other}}\n  template");
    let files = vec![SourceFile { name: "cluster.yaml".into(), text }];
    session.handle(Command::Edit { revision: 2, files });
    let Reply::Cluster(reply) = session.handle(Command::Act { event: "deployment/shop replace".into() }) else {
        panic!("no cluster")
    };
    let [error] = errors(&reply)[..] else { panic!("{:?}", reply.diagnostics) };
    assert_eq!(error.replaceable(), None);
    assert!(format!("{:?}", error.message).contains("`selector` does not match template `labels`"), "{error:?}");
}

/// One request of a client in the cluster, or outside.
fn traced(text: &str, target: &str, from: Source) -> Rc<Trace> {
    let mut session = Session::default();
    reset(&mut session, text, Settings::default());
    let request = Request { target: target.into(), from, seed: Seed(1), ..Request::default() };
    let Reply::Trace(reply) = session.handle(Command::Send { request }) else { panic!("no trace") };
    reply.trace
}

#[test]
fn an_end_tells_what_its_verdict_does_not() {
    let client = || Source::Pod("default".into(), "client".into());
    let empty = include_str!("../../tests/fixtures/routes/empty-answer.yaml");
    let tls = include_str!("../../tests/fixtures/routes/external-name-tls.yaml");
    let health = include_str!("../../tests/fixtures/routes/health-check.yaml");
    for (text, target, from, nuance) in [
        (empty, "http://default.svc.cluster.local", client(), Nuance::NoAddress),
        (empty, "http://nobody.default.svc.cluster.local", client(), Nuance::Plain),
        (tls, "https://docs", client(), Nuance::OtherName),
        (health, "http://10.0.0.12:32100/healthz", Source::Internet, Nuance::KubeProxy),
    ] {
        assert_eq!(traced(text, target, from).nuance(), nuance, "{target}");
    }
    let mut session = Session::default();
    reset(&mut session, empty, Settings::default());
    session.handle(Command::Act { event: "coredns down".into() });
    let request = Request { target: "http://web".into(), from: client(), seed: Seed(1), ..Request::default() };
    let Reply::Trace(reply) = session.handle(Command::Send { request }) else { panic!("no trace") };
    assert_eq!((reply.trace.verdict, reply.trace.nuance()), (Verdict::Timeout, Nuance::NoDns));
}

#[test]
fn a_container_that_its_liveness_probe_kills_is_blamed_on_the_probe() {
    let text = include_str!("../../tests/fixtures/routes/crash-loop.yaml");
    let trace = traced(text, "http://web", Source::Pod("default".into(), "client".into()));
    let advice = trace.advice.as_ref().expect("advice");
    assert!(advice.because.iter().any(|field| field.path.contains("livenessProbe")), "{advice:?}");
}

#[test]
fn a_call_by_the_other_protocol_is_blamed_on_the_ports_protocol() {
    let text = include_str!("../../tests/fixtures/routes/sctp.yaml");
    let trace = traced(text, "tcp://signal:5060", Source::Pod("default".into(), "client".into()));
    let advice = trace.advice.as_ref().map(|advice| (advice.next.args["scheme"].as_str(), advice.because.len()));
    assert_eq!(advice, Some(("sctp", 1)));
}

#[test]
fn each_slice_of_more_than_100_endpoints_is_drawn() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  replicas: 150\n  selector: {matchLabels: {app: shop}}\n  template:\n    metadata: {labels: {app: shop}}\n    spec: {containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: {app: shop}, ports: [{port: 80}]}\n";
    let mut session = Session::default();
    let files = vec![SourceFile { name: "cluster.yaml".into(), text: text.into() }];
    let reset = Command::Reset { revision: 1, files, settings: Box::default(), seed: 1, events: Vec::new() };
    let Reply::Cluster(reply) = session.handle(reset) else { panic!("no cluster") };
    let service = reply.view.services.iter().find(|service| service.name == "shop").expect("a Service");
    let mut sizes = service.slice_sizes.clone();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100]);
    for width in [720.0, 390.0] {
        let picture = objects(&reply.view, &Looked::default(), width);
        let cards: Vec<_> = picture.cards.iter().filter(|card| card.kind == crate::api::Kind::EndpointSlice).collect();
        assert_eq!(cards.iter().map(|card| card.name.clone()).collect::<Vec<_>>(), service.slices);
        for (index, card) in picture.cards.iter().enumerate() {
            assert!(!picture.cards[..index].iter().any(|other| other.rect.meets(&card.rect)), "{width}: {}", card.name);
        }
    }
}

#[test]
fn ports_of_sctp_and_udp_are_offered_and_called_as_such() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: amf}\nspec:\n  type: NodePort\n  selector: {app: amf}\n  ports:\n  \
                - {name: ngap, port: 38412, protocol: SCTP, nodePort: 31412}\n  - {name: dns, port: 53, protocol: UDP, nodePort: 31053}\n---\n\
                apiVersion: v1\nkind: Pod\nmetadata: {name: amf, labels: {app: amf}}\nspec:\n  containers:\n  - name: c\n    \
                image: registry.example/amf:1\n    ports: [{containerPort: 38412, protocol: SCTP}, {containerPort: 53, protocol: UDP}]\n---\n\
                apiVersion: v1\nkind: Pod\nmetadata: {name: client}\nspec: {containers: [{name: c, image: nginx}]}\n";
    let mut session = Session::default();
    let reply = reset(&mut session, text, Settings::default());
    let address = reply.view.pods.iter().find(|pod| pod.name == "amf").expect("the Pod").ip.clone();
    for target in
        ["sctp://node-1:31412", "udp://node-2:31053", "sctp://amf:38412", "udp://amf:53", &format!("sctp://{address}:38412")]
    {
        let offer =
            reply.targets.iter().find(|offer| offer.target == target).unwrap_or_else(|| panic!("{target}: {:?}", reply.targets));
        assert_eq!(offer.fails, None, "{target}");
        let from = offer.from.as_deref().map_or(Source::Internet, |from| from.parse().expect("a caller"));
        let request = Request { target: offer.target.clone(), from, ..Request::default() };
        let Reply::Trace(reply) = session.handle(Command::Send { request }) else { panic!("no trace") };
        let protocol = target.split(':').next().unwrap_or_default();
        let rules: Vec<&str> = reply.trace.hops.iter().flat_map(|hop| &hop.rules).map(|rule| rule.text.as_str()).collect();
        let other = |rule: &&str| rule.contains(" -p ") && rule.contains("--dport") && !rule.contains(&format!("-p {protocol}"));
        // A name costs a question to DNS, by UDP.
        let named = target.contains("amf:");
        assert!(named || !rules.iter().any(other), "{target}: {rules:?}");
        assert_eq!(reply.trace.verdict, Verdict::Delivered, "{target}");
    }
}
