//! Ways over the stage, on the page's own examples: each packet stands on the very machine that its hop tells of.

use super::*;
use crate::scene::geometry::Size;
use crate::scene::lanes::{Lanes, Stop};
use crate::scene::route::Route;
use crate::scene::steps::{Machine, hop, steps};
use crate::scene::{Options, Scene, stage};
use crate::trace::{Place, Reason, Source};

const DESK: Size = Size { width: 748.0, height: 480.0 };
const PHONE: Size = Size { width: 390.0, height: 372.0 };

fn cluster(example: &str) -> (Session, ClusterReply) {
    let text = std::fs::read_to_string(format!("static/examples/{example}.yaml")).expect("an example");
    let files = vec![SourceFile { name: "cluster.yaml".into(), text }];
    let mut session = Session::default();
    let settings = Box::new(Settings::default());
    let reset = Command::Reset { revision: 1, files, settings, seed: 1, events: Vec::new() };
    let Reply::Cluster(reply) = session.handle(reset) else { panic!("no cluster") };
    (session, Rc::unwrap_or_clone(reply))
}

fn send(session: &mut Session, from: &Source, target: &str, seed: u64) -> Rc<Trace> {
    let request = Request { target: target.into(), from: from.clone(), seed: Seed(seed), ..Request::default() };
    let Reply::Trace(reply) = session.handle(Command::Send { request }) else { panic!("no trace") };
    reply.trace
}

/// A Pod of the application, and its node.
fn caller(view: &ClusterView) -> (Source, String) {
    let pod = view.pods.iter().find(|pod| pod.app == "web").expect("a Pod of web");
    (Source::Pod(pod.namespace.clone(), pod.name.clone()), pod.node.clone())
}

fn turns_at_right_angles(route: &Route, what: &str, wrong: &mut Vec<String>) {
    for pair in route.legs.iter().flat_map(|leg| leg.line.points().windows(2)) {
        let straight = (pair[0].x - pair[1].x).abs() < 0.01 || (pair[0].y - pair[1].y).abs() < 0.01;
        if !straight {
            wrong.push(format!("{pair:?}: {what}"));
        }
    }
}

/// Every hop stops at the thing that it happens at, and the line leads there.
fn stops_where_it_happens(scene: &Scene, trace: &Trace, what: &str, wrong: &mut Vec<String>) {
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
            (Place::PublicDns | Place::Coredns, _) => true,
        };
        let drawn = scene.route.legs[halt.leg].line.point(halt.to);
        // A sender's packet stands a little way off.
        let sends = matches!(stop, Stop::Client | Stop::Entry(_));
        let near = sends || lanes.point(stop).is_some_and(|here| here.distance(drawn) < 0.5);
        if !there || !near {
            wrong.push(format!("{drawn:?}, {:?}: {what}", lanes.point(stop)));
        }
    }
}

#[test]
fn every_packet_of_the_examples_stands_where_its_hop_happens() {
    let mut wrong = Vec::new();
    for example in std::fs::read_dir("static/examples").expect("the examples") {
        let path = example.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_string();
        if path.is_dir() {
            continue;
        }
        let (mut session, reply) = cluster(&name);
        let mut callers = vec![Source::Internet, Source::Node("node-3".into())];
        let pod = reply.view.pods.iter().find(|pod| pod.ready && pod.namespace == "default");
        callers.extend(pod.map(|pod| Source::Pod(pod.namespace.clone(), pod.name.clone())));
        let fixed = ["http://example.com/", "http://10.0.0.99/", "http://10.96.9.9/", "http://198.51.100.200/"];
        let targets = reply.targets.iter().map(|offer| offer.target.as_str()).chain(fixed);
        for (target, from) in targets.flat_map(|target| callers.iter().map(move |from| (target, from))) {
            let trace = send(&mut session, from, target, 1);
            for size in [DESK, PHONE] {
                let scene = stage(&reply.view, Some(&trace), size, Options::default());
                let what = format!("{name}, {from} to {target}, {} wide", size.width);
                turns_at_right_angles(&scene.route, &what, &mut wrong);
                stops_where_it_happens(&scene, &trace, &what, &mut wrong);
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(40)]);
}

#[test]
fn a_pods_call_of_the_load_balancer_leaves_at_its_own_node_and_meets_no_rule_there() {
    let (mut session, reply) = cluster("loadbalancer");
    let (from, node) = caller(&reply.view);
    let web = reply.view.services.iter().find(|service| service.name == "web").expect("the Service");
    let (target, key) = (format!("http://{}/", web.external[0]), ("default".to_string(), "web".to_string()));
    let mut entered = std::collections::BTreeSet::new();
    for seed in 1..=12 {
        let trace = send(&mut session, &from, &target, seed);
        let scene = stage(&reply.view, Some(&trace), DESK, Options::default());
        let stops: Vec<&Stop> = scene.route.stops.iter().map(|halt| &halt.stop).collect();
        let [plate, leave, gateway] = [Stop::Plate, Stop::Leave, Stop::Gateway].map(|stop| stop(node.clone()));
        assert_eq!(stops[1..5], [&plate, &leave, &gateway, &Stop::Balancer], "seed {seed}");
        assert!(!stops.contains(&&Stop::Client), "the client outside has no part in it");
        let Stop::Entry(entry) = stops[5] else { panic!("{:?}", stops[5]) };
        entered.insert(entry.clone());
        let own = scene.picture.gate(&node, &key).expect("its diamond");
        let met = stops.contains(&&Stop::Rules(node.clone(), own));
        assert_eq!(met, *entry == node, "the caller's own diamond is empty unless the load balancer picks this node");
    }
    assert!(entered.len() > 1, "the load balancer picks other nodes, too: {entered:?}");
}

#[test]
fn a_call_of_a_name_outside_leaves_at_the_callers_node_for_that_server() {
    let (mut session, reply) = cluster("nodeport");
    let (from, node) = caller(&reply.view);
    let trace = send(&mut session, &from, "http://example.com/", 1);
    let scene = stage(&reply.view, Some(&trace), DESK, Options::default());
    let stops: Vec<&Stop> = scene.route.stops.iter().map(|halt| &halt.stop).collect();
    let (leave, gateway) = (Stop::Leave(node.clone()), Stop::Gateway(node));
    assert_eq!(stops[3..], [&leave, &gateway, &Stop::Server("example.com".into()), &gateway, &leave, stops[2]]);
}

#[test]
fn of_a_services_ports_the_one_that_is_called_stands_on_the_stage() {
    let text = std::fs::read_to_string("tests/fixtures/notes/web-and-logging.yaml").expect("the fixture");
    let files = vec![SourceFile { name: "cluster.yaml".into(), text }];
    let mut session = Session::default();
    let reset = Command::Reset { revision: 1, files, settings: Box::default(), seed: 1, events: Vec::new() };
    let Reply::Cluster(reply) = session.handle(reset) else { panic!("no cluster") };
    let from = Source::Node("node-1".into());
    let service = reply.view.services.iter().find(|service| service.ports.len() > 1).expect("the Service");
    for port in [80, 9090] {
        let trace = send(&mut session, &from, &format!("http://{}:{port}/", service.cluster_ip), 1);
        let scene = stage(&reply.view, Some(&trace), DESK, Options::default());
        assert_eq!(scene.picture.rails[0].address, format!("{}:{port}", service.cluster_ip));
        let (namespace, name) = trace.pod.clone().expect("a Pod");
        let pod = scene.picture.pod(&namespace, &name).expect("its card");
        assert!(pod.detail.ends_with(&format!(":{}", trace.port.expect("a port"))), "{}", pod.detail);
    }
}
