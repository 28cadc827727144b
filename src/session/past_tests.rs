//! A change step by step, as the stage plays it: what each component had done by then, and no more.

use super::*;
use crate::scene::past::after;
use crate::scene::view::PodView;

const WEB: &str = include_str!("../../static/examples/nodeport.yaml");

fn started(text: &str) -> Session {
    let mut session = Session::default();
    let files = vec![SourceFile { name: "cluster.yaml".into(), text: text.into() }];
    session.handle(Command::Reset { revision: 1, files, settings: Box::default(), seed: 1, events: Vec::new() });
    session
}

fn reply(session: &mut Session, command: Command) -> Rc<ClusterReply> {
    let Reply::Cluster(reply) = session.handle(command) else { panic!("no cluster") };
    reply
}

fn act(session: &mut Session, event: &str) -> Rc<ClusterReply> {
    reply(session, Command::Act { event: event.into() })
}

fn view(session: &mut Session) -> Rc<ClusterView> {
    act(session, "wait 0s").view.clone()
}

fn stands(pod: &PodView) -> &'static str {
    match (pod.terminating, pod.node.is_empty(), pod.status.as_str(), pod.ready) {
        (true, ..) => "terminating",
        (_, true, ..) => "nowhere",
        (.., "Running", true) => "ready",
        (.., "Running", false) => "running",
        _ => "pending",
    }
}

/// How each Pod of `web` stands and how many endpoints are ready, once each step was made: a line wherever that is news.
fn played(reply: &ClusterReply) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for (step, change) in reply.changes.iter().enumerate() {
        let view = after(step + 1, &reply.past, &reply.view);
        let pods: Vec<&str> = view.pods.iter().filter(|pod| pod.app == "web").map(stands).collect();
        let service = view.services.iter().find(|service| service.name == "web");
        let ready = service.map_or(0, |service| service.endpoints.iter().filter(|endpoint| endpoint.ready).count());
        let mut pods: Vec<&str> = pods.into_iter().filter(|stands| *stands != "ready").collect();
        pods.sort();
        let line = format!("[{}] {ready}", pods.join(" "));
        if told.last().is_none_or(|last| !last.ends_with(&line)) {
            told.push(format!("{} {line}", change.component.split('/').next().unwrap_or_default()));
        }
    }
    told
}

fn a_pod(session: &mut Session) -> String {
    view(session).pods.iter().find(|pod| pod.app == "web").expect("a Pod").name.clone()
}

#[test]
fn a_deleted_pod_is_terminating_while_its_replacement_starts() {
    let mut session = started(WEB);
    let pod = a_pod(&mut session);
    let reply = act(&mut session, &format!("pod/default/{pod} delete"));
    let expected = [
        "kube-apiserver [terminating] 3",
        "endpointslice-controller [terminating] 2",
        "replicaset-controller [nowhere terminating] 2",
        "kube-scheduler [pending terminating] 2",
        "kubelet [running terminating] 2",
        "kubelet [terminating] 2",
        "endpointslice-controller [terminating] 3",
        "kubelet [] 3",
    ];
    assert_eq!(played(&reply), expected);
}

#[test]
fn an_unready_pod_runs_on_and_leaves_the_ready_endpoints_with_the_slice() {
    let mut session = started(WEB);
    let pod = a_pod(&mut session);
    let reply = act(&mut session, &format!("pod/default/{pod} unready"));
    assert_eq!(played(&reply), ["kubelet [running] 3", "endpointslice-controller [running] 2"]);
}

#[test]
fn a_deployment_scaled_up_makes_its_pods_one_after_another() {
    let mut session = started(WEB);
    let reply = act(&mut session, "deployment/default/web scale 4");
    let expected = [
        "kube-apiserver [] 3",
        "replicaset-controller [nowhere] 3",
        "kube-scheduler [pending] 3",
        "kubelet [running] 3",
        "kubelet [] 3",
        "endpointslice-controller [] 4",
    ];
    assert_eq!(played(&reply), expected);
}

#[test]
fn a_lost_node_is_not_ready_at_50_seconds_and_its_pods_are_evicted_at_350() {
    let mut session = started(WEB);
    act(&mut session, "node/node-3 down");
    let reply = act(&mut session, "wait 400s");
    let expected = [
        "node-lifecycle-controller [] 3",
        "node-lifecycle-controller [running] 3",
        "endpointslice-controller [running] 2",
        "taint-eviction-controller [terminating] 2",
        "replicaset-controller [nowhere terminating] 2",
        "kube-scheduler [pending terminating] 2",
        "kubelet [running terminating] 2",
        "kubelet [terminating] 2",
        "endpointslice-controller [terminating] 3",
    ];
    assert_eq!(played(&reply), expected);
    let mut times: Vec<u64> = reply.changes.iter().map(|change| change.at).collect();
    times.dedup();
    assert_eq!(times, [50, 350]);
    let health = |done: usize| {
        let view = after(done, &reply.past, &reply.view);
        view.nodes.iter().find(|node| node.name == "node-3").map(|node| (node.up, node.ready))
    };
    assert_eq!((health(0), health(1)), (Some((false, true)), Some((false, false))));
}

#[test]
fn the_start_of_a_cluster_has_no_past() {
    let mut session = Session::default();
    let files = vec![SourceFile { name: "cluster.yaml".into(), text: WEB.into() }];
    let edit = Command::Edit { revision: 1, files };
    assert!(reply(&mut session, edit.clone()).past.is_empty(), "nothing was there before");
    assert!(reply(&mut session, edit).past.is_empty(), "nothing changed");
}

#[test]
fn before_its_first_step_a_change_finds_what_stood_there() {
    let mut session = started(WEB);
    let mut before = view(&mut session);
    let pod = before.pods.iter().find(|pod| pod.app == "web").expect("a Pod").name.clone();
    let events = [
        format!("pod/default/{pod} delete"),
        "deployment/default/web scale 5".into(),
        "node/node-2 down".into(),
        "wait 20s".into(),
        "wait 400s".into(),
        "node/node-2 up".into(),
        "proxy/node-1 stop".into(),
        "service/default/web replace".into(),
        "proxy/node-1 start".into(),
        "deployment/default/web delete".into(),
        "service/default/web delete".into(),
        "node/node-3 delete".into(),
    ];
    for event in events {
        let reply = act(&mut session, &event);
        assert_eq!(after(reply.changes.len(), &reply.past, &reply.view), *reply.view, "{event}: its end");
        let first = after(0, &reply.past, &reply.view);
        assert_eq!(first.pods, before.pods, "{event}");
        assert_eq!(first.services, before.services, "{event}");
        assert_eq!(first.nodes, before.nodes, "{event}");
        before = reply.view.clone();
    }
}

#[test]
fn a_large_change_is_followed_from_its_first_pod_to_its_last() {
    let mut session = started(WEB);
    let files = vec![SourceFile { name: "cluster.yaml".into(), text: WEB.replace("replicas: 3", "replicas: 340") }];
    let reply = reply(&mut session, Command::Edit { revision: 2, files });
    let web = |view: &ClusterView| view.pods.iter().filter(|pod| pod.app == "web").count();
    let waits = |view: &ClusterView| view.pods.iter().filter(|pod| pod.waits()).count();
    assert_eq!((web(&after(0, &reply.past, &reply.view)), web(&reply.view)), (3, 340));
    let made = reply.changes.iter().position(|change| change.message.id == "change.createPod").expect("a Pod is made");
    assert_eq!(web(&after(made + 10, &reply.past, &reply.view)), 13);
    assert_eq!(waits(&after(made + 337, &reply.past, &reply.view)), 0, "the scheduler has not looked at them yet");
    // Each node takes 110 Pods.
    assert!(waits(&reply.view) > 0 && after(reply.changes.len(), &reply.past, &reply.view) == *reply.view);
}

/// A Pod whose readiness probe nothing answers.
const SICK: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: sick}\nspec:\n  containers:\n  - name: c\n    image: nginx\n    \
                    readinessProbe: {httpGet: {path: /, port: 81}}\n";

#[test]
fn a_pod_says_only_what_was_known_of_it_at_that_moment() {
    let mut session = started(WEB);
    let files = vec![SourceFile { name: "cluster.yaml".into(), text: SICK.into() }];
    // A text in the place of an example begins a cluster of its own.
    let events = vec!["wait 60s".to_string()];
    let told = reply(&mut session, Command::Reset { revision: 2, files, settings: Box::default(), seed: 1, events });
    let pod = |done: usize| after(done, &told.past, &told.view).pods.into_iter().find(|pod| pod.name == "sick");
    assert_eq!(pod(0), None, "it is not there from the first step on");
    let moments: Vec<PodView> = (0..=told.changes.len()).filter_map(pod).collect();
    let nowhere: Vec<&PodView> = moments.iter().filter(|pod| pod.node.is_empty()).collect();
    assert!(!nowhere.is_empty() && nowhere.iter().all(|pod| pod.warning.is_empty()), "{nowhere:?}");
    let last = moments.last().expect("a Pod");
    assert!(last.warning.starts_with("Readiness probe failed"), "{last:?}");
}
