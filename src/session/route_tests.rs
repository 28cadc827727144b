//! Ways over the stage that are easily drawn wrong. `tests/stage.rs` holds all of them to their hops.

use super::*;
use crate::scene::geometry::Size;
use crate::scene::lanes::Stop;
use crate::scene::{Options, stage};
use crate::trace::Source;

const DESK: Size = Size { width: 748.0, height: 480.0 };

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
