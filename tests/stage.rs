//! Ways over the stage, on the page's own examples and on every route fixture: each packet stands on the very machine that its hop tells
//! of, the line leads there, and a rule of a Service is read at that Service's own diamond.

mod route;

use kubehop::api::Kind;
use kubehop::kubectl::SourceFile;
use kubehop::random::Seed;
use kubehop::scene::geometry::{Point, Polyline, Rect, Size, at};
use kubehop::scene::lanes::{Lanes, Stop};
use kubehop::scene::picture::{Label, Trouble};
use kubehop::scene::route::Route;
use kubehop::scene::steps::{Machine, hop, steps};
use kubehop::scene::view::ClusterView;
use kubehop::scene::{ItemId, Options, Scene, stage};
use kubehop::session::{Command, Reply, Session, view};
use kubehop::trace::{Hop, Place, Reason, Request, Source, Trace};
use std::fs;

const SIZES: [Size; 3] =
    [Size { width: 748.0, height: 480.0 }, Size { width: 390.0, height: 372.0 }, Size { width: 760.0, height: 306.0 }];

fn turns_at_right_angles(route: &Route, what: &str, wrong: &mut Vec<String>) {
    for pair in route.legs.iter().flat_map(|leg| leg.line.points().windows(2)) {
        let straight = (pair[0].x - pair[1].x).abs() < 0.01 || (pair[0].y - pair[1].y).abs() < 0.01;
        if !straight {
            wrong.push(format!("{pair:?}: {what}"));
        }
    }
}

/// A question ends at a CoreDNS Pod, or at the rules of the asker's node where no Pod gets it.
fn at_coredns(view: &ClusterView, hop: &Hop, stop: &Stop) -> bool {
    match stop {
        Stop::PodIn(namespace, name) => hop.objects.iter().any(|object| (&object.namespace, &object.name) == (namespace, name)),
        // The rules send it where nobody is: so the hop names an address.
        Stop::Bus(..) => hop.text.args.contains_key("ip"),
        Stop::Rules(..) => !view.pods.iter().any(|pod| pod.app == "kube-dns" && pod.ready),
        _ => false,
    }
}

/// Where a hop names one Service whose rules a node reads, no other Service's diamond is lit.
fn at_its_diamond(scene: &Scene, hop: &Hop, stop: &Stop) -> bool {
    let Stop::Rules(node, point) = stop else { return true };
    let mut services = hop.objects.iter().filter(|object| object.kind == Kind::Service);
    let (Some(service), None) = (services.next(), services.next()) else { return true };
    scene.picture.gate(node, &(service.namespace.clone(), service.name.clone())) == Some(*point)
}

/// Every hop stops at the thing that it happens at, and the line leads there.
fn stops_where_it_happens(view: &ClusterView, scene: &Scene, trace: &Trace, what: &str, wrong: &mut Vec<String>) {
    let lanes = Lanes(&scene.picture);
    for (index, step) in steps(trace).iter().enumerate() {
        let (hop, halt) = (hop(trace, step).expect("its hop"), &scene.route.stops[index]);
        let stop = &halt.stop;
        let what = format!("hop {}, {:?} at {}, stands at {stop:?}: {what}", index + 1, hop.reason, hop.at);
        let there = match (&hop.at, &step.machine) {
            (Place::Pod(namespace, name) | Place::IngressController(namespace, name), _) => match stop {
                Stop::PodIn(of, own) | Stop::PodOut(of, own) => of == namespace && own == name,
                _ => false,
            },
            (Place::LoadBalancer(..), _) => *stop == Stop::Balancer,
            (Place::Node(node) | Place::KubeProxy(node) | Place::Cni(node), _) => lanes.node_of(stop).as_ref() == Some(node),
            (Place::Outside(name), _) => *stop == Stop::Server(name.clone()),
            (Place::Internet, Machine::Gateway) => matches!(stop, Stop::Gateway(_)),
            (Place::Internet, Machine::Edge) => matches!(stop, Stop::Edge(_)),
            (Place::Internet, _) if hop.reason == Reason::NoRoute => matches!(stop, Stop::Nowhere(_)),
            (Place::Internet, _) => matches!(stop, Stop::Client | Stop::Asking),
            (Place::PublicDns, _) => *stop == Stop::PublicDns,
            (Place::Coredns, _) => at_coredns(view, hop, stop),
        };
        let there = there && at_its_diamond(scene, hop, stop);
        let drawn = scene.route.legs[halt.leg].line.point(halt.to);
        // A sender's packet stands a little way off.
        let sends = matches!(stop, Stop::Client | Stop::Entry(_));
        let near = sends || lanes.point(stop).is_some_and(|here| here.distance(drawn) < 0.5);
        if !there || !near {
            wrong.push(format!("{drawn:?}, {:?}: {what}", lanes.point(stop)));
        }
    }
}

/// How far a point is from a line.
fn off(line: &Polyline, point: Point) -> f64 {
    let beside = |pair: &[Point]| {
        let nearest = at(
            point.x.clamp(pair[0].x.min(pair[1].x), pair[0].x.max(pair[1].x)),
            point.y.clamp(pair[0].y.min(pair[1].y), pair[0].y.max(pair[1].y)),
        );
        nearest.distance(point)
    };
    line.points().windows(2).map(beside).fold(line.points().first().map_or(f64::INFINITY, |own| own.distance(point)), f64::min)
}

/// A hop's number stands on the line of its packet, or on the card of the Pod or the server that it comes to.
fn numbers_stand_on_their_lines(scene: &Scene, what: &str, wrong: &mut Vec<String>) {
    for (index, halt) in scene.route.stops.iter().enumerate() {
        let Some(bead) = halt.bead else { continue };
        let on_card = match &halt.stop {
            Stop::PodIn(namespace, name) => scene.picture.pod(namespace, name).is_some_and(|pod| pod.rect.holds(bead)),
            Stop::Asking => true,
            _ => false,
        };
        let off = off(&scene.route.legs[halt.leg].line, bead);
        if !on_card && off > 1.0 {
            wrong.push(format!("number {} at {:?} is {off:.0} beside its line: {what}", index + 1, halt.stop));
        }
    }
}

/// No line runs over the rules of a node, or over a machine outside, where its packet never is.
fn lines_cross_nobody_else(scene: &Scene, what: &str, wrong: &mut Vec<String>) {
    let lanes = Lanes(&scene.picture);
    for (index, leg) in scene.route.legs.iter().enumerate() {
        let own: Vec<&Stop> = scene.route.stops.iter().filter(|halt| halt.leg == index).map(|halt| &halt.stop).collect();
        let reads =
            |stop: &Stop| matches!(stop, Stop::Rules(..) | Stop::Plate(_) | Stop::Exit(_) | Stop::Leave(_) | Stop::Gateway(_));
        let is_sender =
            |stop: &Stop, node: &str| matches!(stop, Stop::PodOut(..)) && lanes.node_of(stop).as_deref() == Some(node);
        let met = |node: &str| own.iter().any(|stop| reads(stop) && lanes.node_of(stop).as_deref() == Some(node));
        // A Pod's packet that leaves the cluster passes its node's rules, whether or not one says anything of it.
        let leaves = own.iter().any(|stop| matches!(stop, Stop::PublicDns | Stop::Server(_) | Stop::Balancer));
        let met = |node: &str| met(node) || leaves && own.iter().any(|stop| is_sender(stop, node));
        let plates = scene.picture.nodes.iter().filter(|node| !met(&node.name)).map(|node| (node.plate, node.name.clone()));
        let cards = scene.picture.outside.iter().map(|card| (card.rect, format!("{:?}", card.id)));
        let pods = scene.picture.pods.iter().map(|pod| (pod.rect, format!("Pod {}", pod.full_name)));
        for (rect, name) in plates.chain(cards).chain(pods) {
            let inner = Rect::new(rect.x + 3.0, rect.y + 3.0, rect.width - 6.0, rect.height - 6.0);
            for pair in leg.line.points().windows(2) {
                let (left, top) = (pair[0].x.min(pair[1].x), pair[0].y.min(pair[1].y));
                let stroke = Rect::new(left, top, (pair[0].x - pair[1].x).abs() + 0.1, (pair[0].y - pair[1].y).abs() + 0.1);
                if stroke.meets(&inner) {
                    wrong.push(format!("leg {index} crosses {name}: {pair:?}: {what}"));
                }
            }
        }
    }
}

fn check(view: &ClusterView, trace: &Trace, what: &str, wrong: &mut Vec<String>) {
    for size in SIZES {
        let scene = stage(view, Some(trace), size, Options::default());
        let what = format!("{what}, {} by {}", size.width, size.height);
        turns_at_right_angles(&scene.route, &what, wrong);
        stops_where_it_happens(view, &scene, trace, &what, wrong);
        numbers_stand_on_their_lines(&scene, &what, wrong);
        lines_cross_nobody_else(&scene, &what, wrong);
    }
}

#[test]
fn every_packet_of_the_examples_stands_where_its_hop_happens() {
    let mut wrong = Vec::new();
    for example in fs::read_dir("static/examples").expect("the examples") {
        let path = example.expect("an entry").path();
        if path.is_dir() {
            continue;
        }
        let files = vec![SourceFile { name: "cluster.yaml".into(), text: fs::read_to_string(&path).expect("an example") }];
        let mut session = Session::default();
        let reset = Command::Reset { revision: 1, files, settings: Box::default(), seed: 1, events: Vec::new() };
        let Reply::Cluster(reply) = session.handle(reset) else { panic!("no cluster") };
        let mut callers = vec![Source::Internet, Source::Node("node-3".into())];
        let pod = reply.view.pods.iter().find(|pod| pod.ready && pod.namespace == "default");
        callers.extend(pod.map(|pod| Source::Pod(pod.namespace.clone(), pod.name.clone())));
        let fixed = ["http://example.com/", "http://10.0.0.99/", "http://10.96.9.9/", "http://198.51.100.200/"];
        let targets = reply.targets.iter().map(|offer| offer.target.as_str()).chain(fixed);
        for (target, from) in targets.flat_map(|target| callers.iter().map(move |from| (target, from))) {
            let request = Request { target: target.into(), from: from.clone(), seed: Seed(1), ..Request::default() };
            let Reply::Trace(sent) = session.handle(Command::Send { request }) else { panic!("no trace") };
            check(&reply.view, &sent.trace, &format!("{}, {from} to {target}", path.display()), &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{} are wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(40)]);
}

#[test]
fn every_packet_of_the_routes_stands_where_its_hop_happens() {
    let mut wrong = Vec::new();
    for route in fs::read_dir("tests/fixtures/routes").expect("the routes") {
        let path = route.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let case = route::case(&fs::read_to_string(&path).expect("a route"));
            let trace = case.plane.clone().send(&case.cluster, &case.request);
            check(&view::of(&case.cluster), &trace, &path.display().to_string(), &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{} are wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(40)]);
}

#[test]
fn a_port_that_a_pod_or_a_process_opens_on_a_node_stands_there_once_it_is_used() {
    let tags = |route: &str| {
        let case = route::case(&fs::read_to_string(format!("tests/fixtures/routes/{route}.yaml")).expect("a route"));
        let trace = case.plane.clone().send(&case.cluster, &case.request);
        let scene = stage(&view::of(&case.cluster), Some(&trace), SIZES[0], Options::default());
        let tags = scene.picture.nodes.into_iter().flat_map(|node| node.ports).filter(|tag| tag.used && !tag.of_service);
        tags.map(|tag| tag.text).collect::<Vec<_>>()
    };
    assert_eq!(tags("host-port"), [":8080"]);
    assert_eq!(tags("health-check").len(), 1, "kube-proxy listens on a healthCheckNodePort");
    assert!(tags("node-port").is_empty());
}

fn shown(route: &str) -> (ClusterView, Scene) {
    let case = route::case(&fs::read_to_string(format!("tests/fixtures/routes/{route}.yaml")).expect("a route"));
    let trace = case.plane.clone().send(&case.cluster, &case.request);
    let view = view::of(&case.cluster);
    let scene = stage(&view, Some(&trace), SIZES[0], Options::default());
    (view, scene)
}

#[test]
fn a_pending_pod_has_a_place_and_its_service_says_that_it_has_no_node() {
    let (_, scene) = shown("pending-cpu");
    let card = scene.picture.waiting.expect("a card");
    assert_eq!(card.name, "web");
    assert!(card.words.starts_with("0/3 nodes are available: 3 Insufficient cpu."), "{}", card.words);
    let rail = scene.picture.rails.iter().find(|rail| rail.name == "web").expect("its Service");
    assert_eq!(rail.trouble, Some(Trouble::Waiting(1)));
}

#[test]
fn nothing_listens_in_a_container_that_does_not_run() {
    let (view, _) = shown("config-error");
    let pod = view.pods.iter().find(|pod| pod.status == "CreateContainerConfigError").expect("a Pod");
    assert_eq!(pod.listens, []);
    assert!(pod.warning.starts_with("Error: "), "{}", pod.warning);
    let (view, _) = shown("crash-loop");
    let pod = view.pods.iter().find(|pod| pod.status == "CrashLoopBackOff").expect("a Pod");
    assert_eq!(pod.listens, []);
    assert!(pod.restarts > 0 && !pod.warning.is_empty(), "{pod:?}");
}

#[test]
fn a_card_says_why_a_container_does_not_run() {
    for (route, status) in [("config-error", "CreateContainerConfigError"), ("crash-loop", "CrashLoopBackOff")] {
        let (_, scene) = shown(route);
        let marks: Vec<&str> = scene.picture.pods.iter().map(|mark| mark.status.as_str()).filter(|it| !it.is_empty()).collect();
        assert_eq!(marks, [status], "{route}");
    }
}

#[test]
fn names_that_two_namespaces_share_have_their_namespace() {
    let (view, scene) = shown("same-name-in-two-namespaces");
    let rails: Vec<&str> = scene.picture.rails.iter().map(|rail| rail.name.as_str()).collect();
    assert_eq!(rails, ["default/web", "shop/web"]);
    let pods: Vec<&str> = scene.picture.pods.iter().map(|pod| pod.full_name.as_str()).filter(|it| !it.contains("dns")).collect();
    assert_eq!(pods, ["client", "default/web", "shop/web"]);
    assert_eq!(view.pod_name("shop", "web"), "shop/web");
    assert_eq!(view.pod_name("shop", "client"), "client");
}

#[test]
fn a_packet_for_an_announced_address_enters_by_it_and_crosses_no_node_port() {
    for size in SIZES {
        let case = route::case(&fs::read_to_string("tests/fixtures/routes/load-balancer-metallb.yaml").expect("a route"));
        let trace = case.plane.clone().send(&case.cluster, &case.request);
        let view = view::of(&case.cluster);
        let elected = view.services.iter().find(|service| service.name == "web").expect("a Service").announced.clone();
        let scene = stage(&view, Some(&trace), size, Options::default());
        for node in &scene.picture.nodes {
            let address = node.ports.iter().filter(|tag| tag.text == "198.51.100.10").count();
            assert_eq!(address, usize::from(node.name == elected), "{}", node.name);
            let crossed = node.ports.iter().find(|tag| (tag.rect.x..=tag.rect.right()).contains(&node.axis)).expect("a tag");
            assert_eq!(crossed.text == "198.51.100.10", node.name == elected, "{}", node.name);
            let opened = node.ports.iter().filter(|tag| tag.text.starts_with(':')).count();
            assert!(opened == 1 || scene.picture.transposed, "{}'s node port has room in {}", node.name, node.rect.width);
        }
    }
}

#[test]
fn a_packet_for_a_pods_own_address_passes_between_the_open_ports() {
    for size in SIZES {
        let case = route::case(&fs::read_to_string("tests/fixtures/routes/aws-ip.yaml").expect("a route"));
        let trace = case.plane.clone().send(&case.cluster, &case.request);
        let scene = stage(&view::of(&case.cluster), Some(&trace), size, Options::default());
        let entered = scene.picture.node("node-2").expect("the Pod's node");
        assert!(!entered.ports.is_empty(), "its ports are open all the same");
        for tag in &entered.ports {
            assert!(!(tag.rect.x - 2.0..=tag.rect.right() + 2.0).contains(&entered.axis), "{tag:?}, {size:?}");
        }
    }
}

#[test]
fn a_name_that_a_pod_calls_is_marked_beside_the_pods() {
    for (route, name) in [("headless", "web"), ("external-name", "docs")] {
        let (_, scene) = shown(route);
        let names = scene.picture.names.expect("names");
        let asked: Vec<&str> = names.tags.iter().filter(|tag| tag.asked).map(|tag| tag.name.as_str()).collect();
        assert_eq!(asked, [name], "{route}");
    }
}

#[test]
fn a_load_balancer_of_an_ingress_stands_outside_though_nothing_goes_there() {
    let (view, scene) = shown("alb-internal");
    let card = scene.picture.outside.iter().find(|card| card.id == ItemId::LoadBalancer).unwrap();
    assert!(matches!(&card.detail, Label::Plain(address) if *address == view.ingresses[0].address), "{:?}", card.detail);
}
