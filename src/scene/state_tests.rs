//! What nodes without power, idle controllers and little height do to the picture.

use super::fixtures::{cluster, endpoint, hop, node_port, pod, service};
use super::geometry::{Rect, Size};
use super::picture::{Label, Picture};
use super::steps::{Machine, steps};
use super::view::{ClusterView, IngressView, PodRole};
use super::{ItemId, Options, stage};
use crate::trace::{DnsResult, Place, Reason, Verdict};

const DESK: Size = Size { width: 748.0, height: 480.0 };
const PHONE: Size = Size { width: 390.0, height: 372.0 };

fn picture(view: &ClusterView, height: f64) -> Picture {
    stage(view, None, Size { height, ..DESK }, Options::default()).picture
}

#[test]
fn nothing_in_a_node_without_power_looks_alive() {
    let mut view = cluster(3, 3);
    view.nodes[1].up = false;
    for size in [DESK, Size { width: 390.0, height: 372.0 }] {
        let picture = stage(&view, None, size, Options::default()).picture;
        let dark = |name: &str| picture.pods.iter().filter(|pod| pod.node == name).all(|pod| pod.dark);
        assert_eq!(["node-1", "node-2", "node-3"].map(dark), [false, true, false]);
        assert_eq!(picture.nodes.iter().map(|node| node.dark).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(picture.rails[0].gates.iter().map(|gate| gate.dark).collect::<Vec<_>>(), [false, true, false]);
        let start = picture.nodes[1].wires[0].points()[0];
        let on = if picture.transposed { start.x } else { start.y };
        assert!(on > picture.bus_at, "no packet gets from the network to its Pods");
    }
}

#[test]
fn a_packet_for_a_node_without_power_meets_nobody_over_its_port() {
    let mut view = cluster(3, 3);
    view.nodes[1].up = false;
    let mut trace = node_port(&view, &view.pods[2].name);
    trace.hops.truncate(1);
    let (client, door) = ("203.0.113.50:51934", "10.0.0.12:30080");
    trace.hops.push(hop(Place::Node("node-2".into()), Reason::NodeDown, (client, door), (client, door)));
    trace.verdict = Verdict::Timeout;
    assert_eq!(steps(&trace)[1].machine, Machine::Nobody("node-2".into()));
    let scene = stage(&view, Some(&trace), DESK, Options::default());
    let halt = &scene.route.stops[1];
    let end = scene.route.legs[halt.leg].line.point(halt.to);
    // The sign of the outcome is 23 high.
    let port = scene.picture.nodes[1].ports[0].rect;
    assert!(end.y + 11.5 <= port.y + 1.0, "{end:?} {port:?}");
}

#[test]
fn a_packet_is_never_numbered_in_a_node_that_it_does_not_meet() {
    let view = cluster(5, 5);
    let trace = node_port(&view, &view.pods[4].name);
    let scene = stage(&view, Some(&trace), Size { width: 1300.0, height: 480.0 }, Options::default());
    let route = trace.hops.iter().position(|hop| hop.reason == Reason::Route).unwrap();
    let bead = scene.route.stops[route].bead.unwrap();
    for node in scene.picture.nodes.iter().filter(|node| node.name != "node-2" && node.name != "node-5") {
        assert!(!node.rect.holds(bead), "{bead:?} in {}", node.name);
    }
}

#[test]
fn an_ingress_controller_that_serves_nobody_is_not_drawn() {
    let mut view = cluster(3, 3);
    let mut controller = service("ingress-controller", "10.96.249.174", 32367);
    (controller.namespace, controller.kind, controller.system) = ("ingress-system".into(), "LoadBalancer".into(), true);
    view.services.push(controller);
    view.pods
        .push(super::view::PodView { role: PodRole::Ingress, ..pod("ingress-system", "ingress-controller-x", "ingress", 3, 9) });
    view.ingresses.push(IngressView { class: "alb".into(), ..IngressView::default() });
    let drawn = |view: &ClusterView| {
        let picture = picture(view, 480.0);
        let ports = picture.nodes[0].ports.iter().map(|port| port.text.clone()).collect::<Vec<_>>().join(" ");
        let balancer = picture.card(&ItemId::LoadBalancer).unwrap().active;
        (picture.pods.iter().any(|pod| pod.role == PodRole::Ingress), ports, balancer)
    };
    assert_eq!(drawn(&view), (false, ":30080".into(), false));
    view.ingresses[0].served = true;
    assert_eq!(drawn(&view), (true, ":30080 :32367".into(), true));
}

#[test]
fn where_the_height_is_short_rows_close_up_before_the_stage_scrolls() {
    let mut view = cluster(3, 9);
    view.services.push(service("api", "10.96.1.2", 0));
    view.services.push(service("db", "10.96.1.3", 0));
    let wanted = picture(&view, 900.0).pods.iter().map(|pod| pod.rect.bottom()).fold(0.0, f64::max);
    assert!(wanted > 457.0);
    let short = picture(&view, 457.0);
    assert_eq!((short.size.height, short.rails.iter().filter(|rail| rail.full).count()), (457.0, 3));
    // An embedded player has room for the Pods, once the rails that nobody meets are folded.
    let trace = node_port(&view, &view.pods[2].name);
    let low = stage(&view, Some(&trace), Size { height: 340.0, ..DESK }, Options::default()).picture;
    assert_eq!((low.size.height, low.rails.iter().filter(|rail| rail.full).count()), (340.0, 1));
}

#[test]
fn many_services_leave_room_for_two_lines_of_pods() {
    for count in [5, 12, 20, 40, 200] {
        let mut view = cluster(3, 3);
        view.services.extend((1..count).map(|index| service(&format!("other-{index}"), "10.96.0.77", 0)));
        for trace in [None, Some(node_port(&view, &view.pods[2].name))] {
            let picture = stage(&view, trace.as_ref(), DESK, Options::default()).picture;
            assert!(picture.size.height <= DESK.height, "{count} Services: {} high", picture.size.height);
            assert!(picture.pods.iter().all(|pod| pod.rect.bottom() <= DESK.height), "{count} Services");
            let full = picture.rails.iter().filter(|rail| rail.full).count();
            assert_eq!(picture.more_services.map(|more| more.count), Some(count - full), "every other one is counted");
        }
    }
}

#[test]
fn where_every_service_takes_part_the_pods_of_the_request_stand_on_top_and_in_sight() {
    let mut view = cluster(3, 15);
    let names: Vec<String> = (0..12).map(|index| format!("part-{index}")).collect();
    view.services.extend(names.iter().map(|name| service(name, "10.96.0.77", 0)));
    let last = view.pods.iter().rev().find(|pod| pod.node == "node-2").expect("a Pod of node-2").name.clone();
    let mut trace = node_port(&view, &last);
    let rule = trace.hops.iter().position(|hop| matches!(hop.at, Place::KubeProxy(_))).expect("a rule");
    for name in &names {
        trace.hops[rule].objects.push(crate::api::ObjectRef::new(crate::api::Kind::Service, "default", name));
    }
    let picture = stage(&view, Some(&trace), DESK, Options::default()).picture;
    assert!(picture.rails.iter().all(|rail| rail.full));
    let own = picture.pod("default", &last).expect("its mark");
    assert!(own.rect.bottom() <= DESK.height, "{:?}", own.rect);
    assert!(picture.pods.iter().filter(|pod| pod.node == "node-2").all(|pod| pod.rect.y >= own.rect.y));
}

#[test]
fn a_node_behind_the_box_is_drawn_once_it_is_chosen_or_a_packet_goes_there() {
    let view = cluster(8, 8);
    let last = ItemId::Pod("default".into(), view.pods[7].name.clone());
    assert_eq!(last.node(&view), Some("node-8"));
    for size in [DESK, PHONE] {
        let options = Options { node: Some("node-8".into()), ..Options::default() };
        let picture = stage(&view, None, size, options).picture;
        assert!(picture.rect(&last).is_some(), "its Pods can be seen and chosen");
        assert_eq!(picture.size.width, size.width, "others make room");
        // More than have room are looked at: the stage is scrolled, and nobody is left out.
        let mut trace = node_port(&view, &view.pods[6].name);
        for node in ["node-3", "node-4", "node-5", "node-6"] {
            trace.hops.insert(
                1,
                hop(Place::Cni(node.into()), Reason::Route, ("10.0.0.1:1", "10.0.0.2:1"), ("10.0.0.1:1", "10.0.0.2:1")),
            );
        }
        let scene = stage(&view, Some(&trace), size, Options { node: Some("node-8".into()), ..Options::default() });
        let drawn: Vec<&str> =
            scene.picture.nodes.iter().filter(|node| node.stack.is_empty()).map(|node| node.name.as_str()).collect();
        assert_eq!(drawn, ["node-2", "node-3", "node-4", "node-5", "node-6", "node-7", "node-8"]);
        assert_eq!(scene.picture.nodes.last().expect("a box").stack, ["node-1"]);
        let inside = |rect: Rect| rect.x >= 0.0 && rect.right() <= scene.picture.size.width;
        assert!(scene.picture.nodes.iter().all(|node| inside(node.rect)));
        assert!(scene.picture.rails.iter().all(|rail| inside(rail.rect)));
    }
}

#[test]
fn a_node_without_power_is_not_hidden_behind_the_box() {
    let mut view = cluster(8, 8);
    view.nodes[7].up = false;
    for size in [DESK, PHONE] {
        let picture = stage(&view, None, size, Options::default()).picture;
        assert!(picture.nodes.iter().any(|node| node.name == "node-8" && node.dark), "{size:?}");
    }
}

/// A headless Service and an ExternalName beside `web`.
fn with_names(view: &mut ClusterView) {
    let mut db = service("db", "", 0);
    db.headless = true;
    db.endpoints = vec![endpoint(&view.pods[0])];
    let mut api = service("api", "", 0);
    (api.kind, api.external_name, api.selector) = ("ExternalName".into(), "api.example.com".into(), String::new());
    view.services.extend([db, api]);
}

#[test]
fn a_service_without_rules_stands_as_a_name_and_runs_through_no_node() {
    let mut view = cluster(3, 3);
    with_names(&mut view);
    for size in [DESK, PHONE, Size { height: 306.0, ..DESK }] {
        let picture = stage(&view, None, size, Options::default()).picture;
        assert_eq!(picture.rails.iter().map(|rail| rail.name.as_str()).collect::<Vec<_>>(), ["web"], "{size:?}");
        let names = picture.names.as_ref().expect("names");
        assert_eq!(names.tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["db", "api"], "{size:?}");
        assert_eq!(names.tags[1].detail, Label::Plain("→ api.example.com".into()));
        for tag in &names.tags {
            assert!(tag.rect.x >= 0.0 && tag.rect.right() <= size.width && tag.rect.bottom() <= picture.size.height, "{tag:?}");
            assert_eq!(picture.rect(&tag.id), Some(tag.rect), "it can be chosen");
            assert!(!picture.nodes.iter().any(|node| node.rect.meets(&tag.rect)), "{tag:?} in a node, {size:?}");
            assert!(!picture.rails.iter().any(|rail| rail.rect.meets(&tag.rect)), "{tag:?} in a rail, {size:?}");
            assert!(!picture.headings.iter().any(|own| tag.rect.holds(own.at)), "{tag:?} over a heading, {size:?}");
        }
    }
    assert_eq!(stage(&cluster(3, 3), None, DESK, Options::default()).picture.names, None);
}

#[test]
fn a_name_that_dns_is_asked_for_is_marked_and_stands_first() {
    let mut view = cluster(3, 3);
    with_names(&mut view);
    let mut trace = node_port(&view, &view.pods[2].name);
    let mut call = trace.clone();
    let searched = vec!["db-0.api.default.svc.cluster.local.".to_string()];
    call.dns = Some(DnsResult { searched, ..DnsResult::default() });
    trace.calls.push(call);
    let names = stage(&view, Some(&trace), DESK, Options::default()).picture.names.expect("names");
    let marks: Vec<(&str, bool, bool)> = names.tags.iter().map(|tag| (tag.name.as_str(), tag.asked, tag.lit)).collect();
    assert_eq!(marks, [("api", true, true), ("db", false, false)]);
}

#[test]
fn names_without_room_are_counted() {
    let mut view = cluster(3, 3);
    for index in 0..30 {
        let mut own = service(&format!("db-{index}"), "", 0);
        own.headless = true;
        view.services.push(own);
    }
    for size in [DESK, PHONE, Size { height: 306.0, ..DESK }] {
        let picture = stage(&view, None, size, Options::default()).picture;
        let names = picture.names.as_ref().expect("names");
        assert_eq!(names.more.map(|(_, more)| more), Some(30 - names.tags.len()), "{size:?}");
        let all = stage(&view, None, size, Options { all_services: true, node: None }).picture;
        assert_eq!(all.names.map(|names| (names.tags.len(), names.more)), Some((30, None)));
    }
}
