//! The layout's rules as facts.

use super::beads::{self, moment};
use super::beats::{Pace, beats};
use super::fixtures::{called, cluster, endpoint, node_port, pod, pod_to_service, refused, service};
use super::frame::frame;
use super::geometry::{Rect, Size};
use super::lanes::Stop;
use super::layout::columns;
use super::picture::{Density, Health, Picture, PodState, Trouble};
use super::steps::{Rewrite, failures, steps};
use super::view::{ClusterView, PodView};
use super::{ItemId, Options, Scene, stage};
use crate::trace::{Reason, Trace};

const DESK: Size = Size { width: 748.0, height: 480.0 };
const PHONE: Size = Size { width: 390.0, height: 372.0 };

fn picture(view: &ClusterView) -> Picture {
    stage(view, None, DESK, Options::default()).picture
}

fn play(view: &ClusterView, trace: &Trace, size: Size) -> Scene {
    stage(view, Some(trace), size, Options::default())
}

fn names(picture: &Picture) -> Vec<&str> {
    picture.nodes.iter().filter(|node| node.stack.is_empty()).map(|node| node.name.as_str()).collect()
}

fn service_id(name: &str) -> ItemId {
    ItemId::Service("default".into(), name.into())
}

#[test]
fn three_nodes_share_the_width() {
    let picture = picture(&cluster(3, 3));
    let boxes: Vec<(f64, f64)> = picture.nodes.iter().map(|node| (node.rect.x, node.rect.width)).collect();
    assert_eq!(boxes, [(120.0, 194.0), (328.0, 194.0), (536.0, 194.0)]);
    assert_eq!(picture.rails[0].rect, Rect::new(8.0, 186.0, 732.0, 34.0));
    assert_eq!(picture.size.height, 480.0);
}

#[test]
fn one_node_is_centred_and_never_wider_than_320() {
    let picture = picture(&cluster(1, 3));
    let node = &picture.nodes[0];
    assert_eq!(node.rect.width, 320.0);
    assert!(node.rect.x > 120.0 && picture.rails[0].rect.right() > node.rect.right());
}

#[test]
fn node_ports_without_room_are_counted() {
    let mut view = cluster(3, 3);
    view.services = (0..9).map(|index| service(&format!("web-{index}"), "10.96.120.7", 30080 + index)).collect();
    let tags = &picture(&view).nodes[0].ports;
    let (more, shown) = tags.split_last().expect("ports");
    assert_eq!(more.text, format!("+{}", 9 - shown.len()));
    assert_eq!(more.id, ItemId::Node("node-1".into()));
    assert!(!shown.is_empty() && shown.iter().all(|tag| matches!(tag.id, ItemId::NodePort(..))));
}

#[test]
fn five_nodes_keep_three_columns_and_a_stack() {
    let view = cluster(5, 5);
    let picture = picture(&view);
    assert_eq!(names(&picture), ["node-1", "node-2", "node-3"]);
    assert_eq!(picture.nodes[3].stack, ["node-4", "node-5"]);
    assert_eq!(picture.rails[0].gates.len(), 4, "the rail crosses the stack, too");
}

#[test]
fn the_entry_node_and_the_pods_node_keep_their_columns() {
    let view = cluster(50, 50);
    let last = view.pods[48].name.clone();
    let scene = play(&view, &node_port(&view, &last), DESK);
    assert_eq!(names(&scene.picture), ["node-1", "node-2", "node-49"]);
    assert_eq!(scene.picture.nodes.last().unwrap().stack.len(), 47);
}

#[test]
fn columns_never_drop_under_their_least_width() {
    for nodes in 1..60 {
        for width in (560..2000).step_by(37) {
            let (count, wide) = columns(nodes, 0, f64::from(width));
            assert!(count >= 1 && count <= nodes);
            assert!(wide >= 150.0 || count == 1, "{nodes} nodes on {width}: {count} of {wide}");
            let stack = if count < nodes { 86.0 } else { 0.0 };
            assert!(120.0 + count as f64 * (wide + 14.0) - 14.0 + stack <= f64::from(width), "{nodes} on {width}");
        }
    }
}

#[test]
fn a_column_never_moves_when_pods_change() {
    let boxes = |pods| picture(&cluster(3, pods)).nodes.iter().map(|node| node.rect.x).collect::<Vec<_>>();
    assert_eq!(boxes(0), boxes(40));
    assert_eq!(boxes(3), boxes(200));
}

#[test]
fn a_dead_node_keeps_its_place() {
    let mut view = cluster(3, 3);
    let before = picture(&view);
    (view.nodes[1].up, view.nodes[1].ready) = (false, true);
    assert_eq!(picture(&view).nodes[1].health, Health::Unnoticed);
    view.nodes[1].ready = false;
    let after = picture(&view);
    assert_eq!(after.nodes[1].health, Health::NotReady);
    assert_eq!(after.nodes[1].rect, before.nodes[1].rect);
}

#[test]
fn density_follows_the_fullest_node() {
    let density = |pods| picture(&cluster(3, pods)).pods.iter().map(|pod| pod.density).max().unwrap();
    assert_eq!([3, 12, 40, 200].map(density), [Density::Card, Density::Line, Density::Hexagon, Density::Row]);
}

#[test]
fn a_short_stage_draws_smaller_pods_before_it_scrolls() {
    let view = cluster(3, 7);
    assert_eq!(picture(&view).pods[0].density, Density::Line);
    let low = stage(&view, None, Size { width: 748.0, height: 306.0 }, Options::default()).picture;
    assert_eq!(low.pods[0].density, Density::Hexagon);
    assert!(low.size.height <= 306.0);
}

#[test]
fn the_chosen_pod_keeps_its_card_among_two_hundred() {
    let view = cluster(3, 200);
    let scene = play(&view, &node_port(&view, &view.pods[50].name), DESK);
    let chosen = scene.picture.pod("default", &view.pods[50].name).unwrap();
    assert_eq!(chosen.density, Density::Line);
    let column: Vec<_> = scene.picture.pods.iter().filter(|pod| pod.node == "node-3").collect();
    assert_eq!(column[0].id, chosen.id, "it stands on top");
    assert_eq!(column[1].detail, "×65");
}

#[test]
fn a_headless_service_has_no_rail() {
    let mut view = cluster(3, 3);
    view.services[0].headless = true;
    view.services[0].cluster_ip.clear();
    assert!(picture(&view).rails.is_empty());
}

#[test]
fn the_clusters_own_services_have_rails_only_when_they_take_part() {
    let mut view = cluster(3, 3);
    view.services[0].system = true;
    assert!(picture(&view).rails.is_empty());
    let trace = node_port(&view, &view.pods[2].name);
    assert_eq!(play(&view, &trace, DESK).picture.rails.len(), 1);
}

#[test]
fn from_four_services_on_unused_ones_are_strips() {
    let mut view = cluster(3, 3);
    for name in ["a", "b", "c", "d"] {
        view.services.push(service(name, "10.96.0.77", 0));
    }
    let scene = play(&view, &node_port(&view, &view.pods[2].name), DESK);
    let full: Vec<_> = scene.picture.rails.iter().filter(|rail| rail.full).map(|rail| rail.name.as_str()).collect();
    assert_eq!(full, ["web"]);
    assert_eq!(scene.picture.more_services.as_ref().map(|more| more.count), Some(4));
    let open = stage(&view, None, DESK, Options { all_services: true, node: None }).picture;
    assert!(open.rails.iter().all(|rail| rail.full) && open.more_services.is_none());
}

#[test]
fn a_service_says_why_it_has_nobody() {
    let mut view = cluster(3, 3);
    view.services[0].endpoints.iter_mut().for_each(|endpoint| endpoint.ready = false);
    assert_eq!(picture(&view).rails[0].trouble, Some(Trouble::NoneReady));
    view.services[0].endpoints.clear();
    assert_eq!(picture(&view).rails[0].trouble, Some(Trouble::NoPods));
    for pod in view.pods.iter_mut().filter(|pod| pod.app == "web") {
        *pod = PodView { node: String::new(), labels: "app=web,tier=front".into(), warning: "0/3 nodes".into(), ..pod.clone() };
    }
    assert_eq!(picture(&view).rails[0].trouble, Some(Trouble::Waiting(3)));
}

#[test]
fn pods_that_no_node_takes_stand_on_a_card_with_the_scheduler_s_words() {
    for size in [DESK, PHONE, Size { width: 620.0, height: 300.0 }] {
        let mut view = cluster(3, 9);
        let refused = "0/3 nodes are available: 3 Insufficient cpu.";
        view.pods[0].node.clear();
        view.pods[0].warning = refused.into();
        let id = ItemId::Pod("default".into(), view.pods[0].name.clone());
        let alone = stage(&view, None, size, Options::default()).picture;
        let card = alone.waiting.clone().expect("a card");
        assert_eq!((card.id.clone(), card.count, card.words.as_str()), (id, 1, refused));
        assert_eq!(alone.rect(&card.id), Some(card.rect));
        assert!(card.rect.bottom() <= alone.size.height && card.rect.right() <= alone.size.width, "{size:?}");
        assert!(!alone.nodes.iter().any(|node| node.rect.meets(&card.rect)), "{size:?}");
        view.pods[1].node.clear();
        view.pods[1].warning = refused.into();
        let both = stage(&view, None, size, Options::default()).picture.waiting.expect("a card");
        assert_eq!((both.id, both.count), (ItemId::Pods(String::new(), String::new()), 2));
    }
}

#[test]
fn a_pod_that_the_scheduler_has_not_seen_yet_waits_in_the_gutter() {
    let mut view = cluster(3, 3);
    view.pods[0].node.clear();
    view.pods[0].status = "Pending".into();
    view.pods[1].terminating = true;
    let picture = picture(&view);
    assert!(picture.pod("default", &view.pods[0].name).is_none());
    assert!(picture.headings.iter().any(|heading| format!("{heading:?}").contains("stage.waiting")));
    assert_eq!(picture.pod("default", &view.pods[1].name).unwrap().state, PodState::Terminating);
}

#[test]
fn things_do_not_overlap() {
    for (nodes, pods) in [(1, 1), (1, 24), (3, 3), (3, 18), (3, 60), (5, 200), (50, 400)] {
        for size in [DESK, PHONE, Size { width: 1200.0, height: 700.0 }, Size { width: 620.0, height: 300.0 }] {
            let picture = stage(&cluster(nodes, pods), None, size, Options::default()).picture;
            let marks: Vec<Rect> = picture.pods.iter().map(|pod| pod.rect).collect();
            for (index, mark) in marks.iter().enumerate() {
                assert!(!marks[..index].iter().any(|other| other.meets(mark)), "{nodes} nodes, {pods} Pods, {size:?}");
            }
            for pod in &picture.pods {
                let node = picture.node(&pod.node).unwrap().rect;
                assert!(
                    pod.rect.x >= node.x && pod.rect.right() <= node.right() && pod.rect.bottom() <= node.bottom(),
                    "{nodes} {pods} {size:?}"
                );
            }
        }
    }
}

#[test]
fn same_cluster_and_size_make_the_same_picture() {
    let view = cluster(5, 30);
    assert_eq!(picture(&view), picture(&view));
}

#[test]
fn a_packet_meets_the_kernel_at_its_services_diamond() {
    let view = cluster(3, 3);
    let scene = play(&view, &node_port(&view, &view.pods[2].name), DESK);
    let gate = scene.picture.gate("node-2", &("default".into(), "web".into())).unwrap();
    for step in 2..6 {
        assert_eq!(scene.route.stops[step].stop, Stop::Rules("node-2".into(), gate));
    }
    assert_eq!(scene.route.legs.len(), 1, "a reply goes back over the way of its request");
    assert_eq!(scene.route.stops[9].to, scene.route.stops[8].to, "a process answers where the packet arrived");
    assert_eq!(scene.route.stops[10].to, scene.route.stops[5].to);
    assert_eq!(scene.route.stops[11].to, scene.route.stops[0].to);
}

#[test]
fn routes_turn_at_right_angles_only() {
    let view = cluster(3, 3);
    let traces = [(view.clone(), node_port(&view, &view.pods[2].name)), refused(), pod_to_service()];
    for size in [DESK, PHONE] {
        for (view, trace) in &traces {
            for leg in &play(view, trace, size).route.legs {
                for pair in leg.line.points().windows(2) {
                    assert!(pair[0].x == pair[1].x || pair[0].y == pair[1].y, "{pair:?} in {:?}", leg.line);
                }
            }
        }
    }
}

#[test]
fn a_label_flips_to_the_new_destination_on_arrival() {
    let view = cluster(3, 3);
    let trace = node_port(&view, &view.pods[2].name);
    let scene = play(&view, &trace, DESK);
    let list = steps(&trace);
    assert_eq!(list[5].rewrite, Some(Rewrite::Destination));
    let time = beats(&list, Pace::Moving);
    let dnat = time.get(5).unwrap();
    let label = |at: f64| frame(&scene, &time, at).label.unwrap().text;
    assert_eq!(label(dnat.leaves + 1.0), "10.0.0.12:30080");
    assert_eq!(label(dnat.arrives + 1.0), "10.244.3.4:80");
    assert_eq!(frame(&scene, &time, dnat.arrives + 1.0).past[0].text, "10.0.0.12:30080");
}

#[test]
fn labels_stay_on_the_stage_and_apart() {
    let view = cluster(3, 3);
    let traces = [(view.clone(), node_port(&view, &view.pods[2].name)), refused(), pod_to_service()];
    for size in [DESK, PHONE, Size { width: 1200.0, height: 640.0 }] {
        for (view, trace) in &traces {
            let scene = play(view, trace, size);
            let time = beats(&steps(trace), Pace::Moving);
            for tick in 0..(time.end() / 50.0) as u32 {
                let now = frame(&scene, &time, f64::from(tick) * 50.0);
                // On its way, a label that would pass over a name is not drawn.
                let Some(label) = now.label else {
                    assert!(!now.arrived, "every packet that has come somewhere says where it goes");
                    continue;
                };
                assert_eq!(scene.picture.covered(&label.rect).round(), 0.0, "{label:?}");
                assert!(label.rect.x >= 0.0 && label.rect.right() <= size.width && label.rect.y >= 0.0, "{label:?}");
                assert!(now.past.iter().all(|past| !past.rect.meets(&label.rect)));
            }
        }
    }
}

#[test]
fn a_refusal_is_shown_where_the_kernel_decides() {
    let (view, trace) = refused();
    let scene = play(&view, &trace, DESK);
    assert_eq!(scene.route.decided, 3);
    let time = beats(&steps(&trace), Pace::Moving);
    assert!(!frame(&scene, &time, time.get(3).unwrap().leaves + 1.0).decided);
    assert!(frame(&scene, &time, time.get(3).unwrap().arrives).decided);
    assert!(frame(&scene, &time, time.end()).reply);
}

#[test]
fn a_calling_pod_goes_up_to_its_own_kernel() {
    let (view, trace) = pod_to_service();
    let scene = play(&view, &trace, DESK);
    assert!(matches!(scene.route.stops[0].stop, Stop::PodOut(..)));
    let gate = scene.picture.gate("node-2", &("default".into(), "db".into())).unwrap();
    assert_eq!(scene.route.stops[1].stop, Stop::Rules("node-2".into(), gate));
    let end = scene.route.legs[0].line.points().last().copied().unwrap();
    let db = scene.picture.pod("default", "db-0").unwrap().rect;
    assert_eq!((end.x, end.y), (db.x, db.centre().y));
}

#[test]
fn a_narrow_stage_turns_nodes_into_rows() {
    let view = cluster(3, 3);
    let picture = stage(&view, None, PHONE, Options::default()).picture;
    assert!(picture.transposed);
    assert!(picture.nodes.windows(2).all(|pair| pair[0].rect.bottom() < pair[1].rect.y));
    assert!(picture.rails[0].rect.height > picture.rails[0].rect.width);
    assert!(picture.outside.len() == 2, "the client, and one card for what is not used");
}

#[test]
fn more_pods_than_a_service_has_are_no_endpoints() {
    let mut view = cluster(3, 3);
    let other = pod("default", "job-1", "job", 1, 99);
    view.pods.push(other.clone());
    assert!(!picture(&view).pod("default", "job-1").unwrap().endpoint);
    view.services[0].endpoints.push(endpoint(&other));
    assert!(picture(&view).pod("default", "job-1").unwrap().endpoint);
    assert_eq!(picture(&view).rails[0].id, service_id("web"));
}

#[test]
fn beads_stand_under_the_machine_that_they_happen_on() {
    let view = cluster(3, 3);
    let trace = node_port(&view, &view.pods[2].name);
    let (beads, zones) = beads::beads(&trace, &steps(&trace), 0);
    let zones: Vec<(&str, usize)> = zones.iter().map(|zone| (zone.title.id.as_ref(), zone.beads.len())).collect();
    assert_eq!(zones, [("zone.outside", 1), ("zone.kernel", 6), ("zone.podNetwork", 1), ("zone.pod", 2), ("zone.back", 2)]);
    let rewrites: Vec<_> = beads.iter().filter_map(|bead| bead.rewrite).collect();
    assert_eq!(rewrites, [Rewrite::Destination, Rewrite::Source, Rewrite::Both]);
    let wires: Vec<usize> = (0..beads.len()).filter(|index| beads[*index].wire).collect();
    assert_eq!(wires, [1, 7, 8, 10, 11]);
}

#[test]
fn over_fourteen_hops_the_rules_of_a_kernel_fold_into_one_bead() {
    let view = cluster(3, 3);
    let mut trace = node_port(&view, &view.pods[2].name);
    let rule = trace.hops[3].clone();
    trace.hops.splice(3..3, vec![rule; 3]);
    let list = steps(&trace);
    assert_eq!(list.len(), 15);
    let (beads, _) = beads::beads(&trace, &list, 0);
    let folded = beads.iter().find(|bead| bead.steps.len() > 1).unwrap();
    assert_eq!((folded.steps.clone(), folded.rewrite), (2..10, Some(Rewrite::Destination)));
    assert_eq!(beads.iter().map(|bead| bead.steps.len()).sum::<usize>(), 15);
}

#[test]
fn a_pod_calls_others_before_it_answers_and_a_failed_call_is_marked() {
    let view = cluster(3, 3);
    let mut trace = node_port(&view, &view.pods[2].name);
    trace.calls = vec![refused().1];
    let list = steps(&trace);
    let answers = list.iter().position(|step| step.call.is_empty() && trace.hops[step.hop].reason == Reason::ProcessAnswers);
    let inner: Vec<usize> = (0..list.len()).filter(|index| !list[*index].call.is_empty()).collect();
    assert_eq!(answers, inner.last().map(|last| last + 1));
    let drawn = play(&view, &trace, DESK).route;
    assert_eq!(drawn.failures, failures(&list, &trace));
    assert_eq!(drawn.stops[answers.unwrap()].leg, drawn.stops[0].leg, "the answer is given where the request came in");
    let (beads, _) = beads::beads(&trace, &list, 0);
    assert_eq!(beads.iter().filter_map(|bead| bead.failed).collect::<Vec<usize>>(), drawn.failures);
    assert_eq!(drawn.failures.len(), 1);
}

#[test]
fn in_a_long_trace_each_call_is_one_bead_until_it_plays() {
    let view = cluster(3, 3);
    let called = |target, calls| called(&view, target, calls);
    let inner = called("http://currency.shop:7000/", Vec::new());
    let trace = called("http://node-2:30080/", vec![called("cart:7070", vec![inner]), called("tcp://ads:9555", Vec::new())]);
    let list = steps(&trace);
    assert_eq!(list.len(), 48);
    let shown = |playing: usize| {
        let (beads, zones) = beads::beads(&trace, &list, playing);
        assert_eq!(beads.iter().map(|bead| bead.steps.len()).sum::<usize>(), 48);
        assert_eq!(zones.iter().map(|zone| zone.beads.len()).sum::<usize>(), beads.len());
        let calls: Vec<String> = beads.iter().filter_map(|bead| bead.label.args.get("host").cloned()).collect();
        (calls.join(" "), beads.iter().position(|bead| bead.steps.contains(&playing)).is_some())
    };
    let first_of = |call: &[usize]| list.iter().position(|step| step.call == call).unwrap();
    assert_eq!(shown(0), ("cart ads".into(), true));
    assert_eq!(shown(first_of(&[0])), ("currency ads".into(), true));
    assert_eq!(shown(first_of(&[0, 0])), ("ads".into(), true));
    assert_eq!(shown(first_of(&[1])), ("cart".into(), true));
}

#[test]
fn a_drag_over_the_beads_moves_time_between_them() {
    let view = cluster(3, 3);
    let trace = node_port(&view, &view.pods[2].name);
    let list = steps(&trace);
    let (beads, _) = beads::beads(&trace, &list, 0);
    let time = beats(&list, Pace::Moving);
    let half = moment(&beads, &time, 4.5);
    assert!(half > time.get(4).unwrap().arrives && half < time.get(5).unwrap().arrives);
    assert_eq!(time.step(moment(&beads, &time, 99.0)), 11);
    assert_eq!(time.step(moment(&beads, &time, -3.0)), 0);
}

#[test]
fn a_way_never_crosses_the_diamond_of_a_service_that_has_no_part_in_it() {
    let mut view = cluster(3, 3);
    view.services.insert(0, service("api", "10.96.1.1", 30081));
    let trace = node_port(&view, &view.pods[2].name.clone());
    for size in [DESK, PHONE] {
        let scene = play(&view, &trace, size);
        let other = scene.picture.rails.iter().find(|rail| rail.id == service_id("api")).expect("its rail");
        for gate in other.gates.iter().filter(|_| other.full).map(|gate| gate.at) {
            for pair in scene.route.legs.iter().flat_map(|leg| leg.line.points().windows(2)) {
                let (low, high) = (pair[0].x.min(pair[1].x) - 8.0, pair[0].x.max(pair[1].x) + 8.0);
                let (top, bottom) = (pair[0].y.min(pair[1].y) - 8.0, pair[0].y.max(pair[1].y) + 8.0);
                let meets = (low..=high).contains(&gate.x) && (top..=bottom).contains(&gate.y);
                assert!(!meets, "{pair:?} meets {gate:?} at {size:?}");
            }
        }
    }
}

#[test]
fn a_node_s_zone_is_told_where_there_are_several_short_of_what_they_share() {
    let mut view = cluster(3, 3);
    let zones = |view: &ClusterView, size| {
        let scene = stage(view, None, size, Options::default());
        scene.picture.nodes.iter().map(|node| node.zone.clone()).collect::<Vec<_>>()
    };
    let (desk, phone) = (Size { width: 748.0, height: 480.0 }, Size { width: 390.0, height: 372.0 });
    view.nodes.iter_mut().for_each(|node| node.zone = "us-east-1a".into());
    assert_eq!(zones(&view, desk), vec![Default::default(); 3]);
    view.nodes[1].zone = "us-east-1b".into();
    view.nodes[2].zone = String::new();
    let told = [("us-east-1a", "1a"), ("us-east-1b", "1b"), ("", "")].map(|(one, other)| (one.to_string(), other.to_string()));
    assert_eq!((zones(&view, desk), zones(&view, phone)), (told.to_vec(), told.to_vec()));
}

#[test]
fn a_pod_in_its_nodes_network_is_joined_to_the_node_and_not_to_the_pod_network() {
    let mut view = cluster(3, 3);
    let ip = view.nodes[1].ip.clone();
    let pod = view.pods.iter_mut().find(|pod| pod.node == "node-2").unwrap();
    (pod.host_network, pod.ip) = (true, ip);
    let id = ItemId::Pod(pod.namespace.clone(), pod.name.clone());
    for size in [DESK, PHONE] {
        let picture = stage(&view, None, size, Options::default()).picture;
        let mark = picture.pods.iter().find(|mark| mark.id == id).unwrap();
        let node = picture.node("node-2").unwrap();
        let edge = mark.rect.right();
        let wire = node.wires.iter().find(|wire| wire.points()[0].x == edge).unwrap();
        assert_eq!(wire.points().last().unwrap().x, node.rect.right());
    }
}
