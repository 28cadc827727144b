//! The reducer without a browser.

use super::super::examples;
use super::*;
use crate::diagnostic::{Diagnostic, Finding, Fix, Severity, Span};
use crate::scene::ItemId;
use crate::scene::view::{ClusterView, NodeView, OfferGroup, TargetOffer};
use crate::session::{BurstReply, BurstResult, ClusterReply, Reply, TraceReply};
use crate::trace::{Nuance, Source, Trace, Verdict};
use crate::words::Message;

fn cluster(revision: u64, pod_cidr: &str) -> Reply {
    let view = ClusterView { pod_cidr: pod_cidr.into(), ..ClusterView::default() };
    let reply = ClusterReply {
        revision,
        view: Rc::new(view),
        diagnostics: Vec::new(),
        changes: Vec::new(),
        past: Vec::new(),
        targets: Vec::new(),
        now: 0,
        restless: false,
        torn: false,
        documents: Vec::new(),
    };
    Reply::Cluster(Rc::new(reply))
}

fn sends(effects: &[Effect]) -> Vec<u64> {
    let seed = |effect: &Effect| match effect {
        Effect::Ask(_, Command::Send { request }) => Some(request.seed.0),
        _ => None,
    };
    effects.iter().filter_map(seed).collect()
}

#[test]
fn the_first_request_goes_out_by_itself_and_only_once() {
    let mut state = State::new();
    assert_eq!(sends(&state.update(Msg::Replied(Ask::Cluster, cluster(1, "a")))), [7]);
    assert_eq!(sends(&state.update(Msg::Replied(Ask::Cluster, cluster(2, "a")))), [0; 0]);
}

#[test]
fn each_send_draws_the_next_seed_and_only_replay_repeats_one() {
    let mut state = State::new();
    let seeds: Vec<u64> =
        [Msg::Send, Msg::Send, Msg::Replay, Msg::Send].into_iter().flat_map(|msg| sends(&state.update(msg))).collect();
    assert_eq!(seeds, [8, 9, 9, 10]);
}

#[test]
fn a_target_follows_the_text_unless_a_person_typed_it() {
    let offering = |revision: u64, target: &str| {
        let Reply::Cluster(mut reply) = cluster(revision, target) else { unreachable!() };
        let label = Message::default();
        let offer = TargetOffer { target: target.into(), from: None, label, group: OfferGroup::Pod, fails: None };
        Rc::make_mut(&mut reply).targets.push(offer);
        Msg::Replied(Ask::Cluster, Reply::Cluster(reply))
    };
    let mut state = State::new();
    state.update(offering(1, "http://node-2:30080/"));
    // What is there for a moment only, a paste before it is mended, does not end the following.
    for (revision, target) in [(2, "http://a/"), (3, "http://b/")] {
        state.update(offering(revision, target));
        assert_eq!(state.target, target);
    }
    state.update(Msg::Target("http://mine/".into()));
    state.update(offering(4, "http://c/"));
    assert_eq!(state.target, "http://mine/");
}

#[test]
fn after_pastes_one_after_another_the_way_in_from_outside_is_called_unless_a_person_chose() {
    let offer = |target: &str, from: &str, group, fails: bool| TargetOffer {
        target: target.into(),
        from: (!from.is_empty()).then(|| from.into()),
        label: Message::default(),
        group,
        fails: fails.then(Message::default),
    };
    let offering = |revision: u64, targets: Vec<TargetOffer>| {
        let Reply::Cluster(mut reply) = cluster(revision, &revision.to_string()) else { unreachable!() };
        Rc::make_mut(&mut reply).targets = targets;
        Msg::Replied(Ask::Cluster, Reply::Cluster(reply))
    };
    let redis = |from: &str| offer("redis:6379", from, OfferGroup::Service, false);
    let door = |fails| offer("http://node-1:31000/", "", OfferGroup::NodePort, fails);
    let called = |state: &State| (state.from.to_string(), state.target.clone());
    let pasted = || {
        let mut state = State::new();
        state.update(offering(1, vec![offer("http://node-2:30080/", "", OfferGroup::NodePort, false)]));
        state.update(offering(2, vec![redis("pod/default/redis")]));
        assert_eq!(called(&state), ("pod/default/redis".into(), "redis:6379".into()));
        // The caller is the one that the target is offered for now.
        state.update(offering(3, vec![redis("pod/default/counter")]));
        assert_eq!(called(&state), ("pod/default/counter".into(), "redis:6379".into()));
        state
    };
    let mut state = pasted();
    state.update(offering(4, vec![redis("pod/default/counter"), door(true)]));
    assert_eq!(state.target, "redis:6379", "a way in that leads nowhere is none");
    state.update(offering(5, vec![door(false), redis("pod/default/counter")]));
    assert_eq!(called(&state), ("internet".into(), "http://node-1:31000/".into()));
    // What an edit breaks is what its writer wants to see.
    state.update(offering(6, vec![redis("pod/default/counter"), door(true)]));
    assert_eq!(state.target, "http://node-1:31000/");
    for choice in [Msg::From("pod/default/counter".parse().unwrap()), Msg::Offer("redis:6379".into(), None)] {
        let mut state = pasted();
        state.update(choice);
        state.update(offering(5, vec![door(false), redis("pod/default/counter")]));
        assert_eq!(called(&state), ("pod/default/counter".into(), "redis:6379".into()));
    }
}

#[test]
fn of_a_hundred_one_is_traced_where_no_trace_of_it_is_shown() {
    let mut state = State::new();
    assert_eq!(sends(&state.update(Msg::Burst)), [8]);
    let trace: Trace = serde_json::from_value(serde_json::json!({
        "request": {"from": "internet", "target": state.target}, "verdict": "timeout", "hops": [], "assumptions": [], "calls": []
    }))
    .unwrap();
    state.update(Msg::Replied(
        Ask::Send,
        Reply::Trace(Box::new(crate::session::TraceReply { trace: Rc::new(trace), lines: Rc::default() })),
    ));
    assert_eq!(sends(&state.update(Msg::Burst)), [0; 0]);
    state.update(Msg::Target("http://node-1:30080/".into()));
    assert_eq!(sends(&state.update(Msg::Burst)), [208]);
}

#[test]
fn what_was_done_with_a_paste_is_told_until_something_is_typed() {
    let mut state = State::new();
    let note = Diagnostic {
        severity: Severity::Info,
        span: None,
        object: None,
        path: String::new(),
        message: Finding::Ours(Message::default()),
        help: None,
        fixes: Vec::new(),
    };
    let typed = |text: &str| Msg::Typed { file: 0, text: text.into() };
    state.update(typed("```\na: 1\n```"));
    state.update(Msg::Replied(Ask::Paste(0, 12), Reply::Pasted { text: "a: 1".into(), notes: vec![note] }));
    state.update(typed("a: 1"));
    assert_eq!(state.notes.len(), 1);
    state.update(typed("a: 2"));
    assert!(state.notes.is_empty());
}

#[test]
fn a_link_brings_back_the_request_that_was_shown_last() {
    let (mut sharer, mut other) = (State::new(), State::new());
    sharer.update(Msg::Send);
    assert_eq!(sends(&sharer.update(Msg::Send)), [9]);
    other.update(Msg::Load(Box::new(sharer.saved())));
    assert_eq!(sends(&other.update(Msg::Replied(Ask::Cluster, cluster(1, "a")))), [9]);
    assert_eq!(sends(&other.update(Msg::Send)), [10]);
}

#[test]
fn a_trace_is_not_shown_in_a_cluster_that_it_did_not_run_in() {
    let mut state = State::new();
    state.update(Msg::Replied(Ask::Cluster, cluster(1, "a")));
    let trace: Trace = serde_json::from_value(serde_json::json!({
        "request": {"from": "internet", "target": "x"}, "verdict": "timeout", "hops": [], "assumptions": [], "calls": []
    }))
    .unwrap();
    state.update(Msg::Replied(
        Ask::Send,
        Reply::Trace(Box::new(crate::session::TraceReply { trace: Rc::new(trace), lines: Rc::default() })),
    ));
    state.update(Msg::Replied(Ask::Cluster, cluster(2, "a")));
    assert!(state.run.is_some());
    state.update(Msg::Replied(Ask::Cluster, cluster(3, "b")));
    assert!(state.run.is_none());
}

#[test]
fn history_goes_back_by_playing_the_kept_steps_again() {
    let mut state = State::new();
    state.update(Msg::Act("node/node-2 down".into()));
    state.update(Msg::Typed { file: 0, text: "kind: Service".into() });
    state.update(Msg::EditNow);
    state.update(Msg::Act("wait 60s".into()));
    let effects = state.update(Msg::Rewind(1));
    let asked: Vec<&Ask> =
        effects.iter().filter_map(|effect| if let Effect::Ask(ask, _) = effect { Some(ask) } else { None }).collect();
    assert_eq!(asked, [&Ask::Passing, &Ask::Past]);
    assert_eq!(state.text(), examples::FIRST);
    assert_eq!(state.saved().events, ["node/node-2 down"]);
}

#[test]
fn a_fix_changes_just_its_stretch() {
    let mut state = State::new();
    state.update(Msg::Typed { file: 0, text: "한글: é\n  app: wbe\n".into() });
    let span = Span { file: "cluster.yaml".into(), line: 2, column: 8, end_line: 2, end_column: 11 };
    let fix = Fix { label: Message::default(), span: Some(span), text: "web".into() };
    assert_eq!(state.update(Msg::Fix(fix)), [Effect::Splice { file: 0, start: 13, end: 16, text: "web".into() }]);
}

#[test]
fn what_was_gone_back_from_can_be_gone_forward_to_until_something_else_is_done() {
    let mut state = State::new();
    for event in ["node/node-2 down", "wait 60s"] {
        state.update(Msg::Act(event.into()));
    }
    state.update(Msg::Rewind(1));
    assert_eq!((state.at, state.steps.len()), (1, 2));
    state.update(Msg::Rewind(2));
    assert_eq!(state.saved().events, ["node/node-2 down", "wait 60s"]);
    state.update(Msg::Rewind(0));
    state.update(Msg::Act("coredns down".into()));
    assert_eq!(state.saved().events, ["coredns down"]);
    assert_eq!(state.steps.len(), 1);
}

#[test]
fn typing_on_in_one_line_is_one_edit_and_another_line_is_another() {
    let mut state = State::new();
    let text = state.text().to_string();
    let type_in = |state: &mut State, from: &str, to: &str| {
        let text = state.text().replace(from, to);
        state.update(Msg::Typed { file: 0, text });
        state.update(Msg::EditNow);
    };
    type_in(&mut state, "replicas: 3", "replicas: ");
    type_in(&mut state, "replicas: ", "replicas: 5");
    assert_eq!(state.steps.len(), 1);
    type_in(&mut state, "nodePort: 30080", "nodePort: 30081");
    assert_eq!(state.steps.len(), 2);
    state.update(Msg::Rewind(1));
    assert!(state.text().contains("replicas: 5") && state.text().contains("nodePort: 30080"));
    state.update(Msg::Rewind(0));
    assert_eq!(state.text(), text);
}

#[test]
fn what_is_chosen_takes_the_place_of_the_tables() {
    let mut state = State { tab: Tab::Kubectl, ..State::new() };
    state.update(Msg::Select(None));
    assert_eq!(state.tab, Tab::Kubectl);
    state.update(Msg::Select(Some(crate::scene::ItemId::Client)));
    assert_eq!(state.tab, Tab::Stage);
}

#[test]
fn the_dots_of_a_hundred_do_not_run_again_in_another_cluster_or_to_another_target() {
    let hundred = || {
        let result = BurstResult { verdict: Verdict::Delivered, status: Some(200), pod: None, nuance: Nuance::Plain };
        Msg::Replied(Ask::Burst, Reply::Burst(BurstReply { results: vec![result; 100] }))
    };
    let sent = |target: &str| {
        let trace: Trace = serde_json::from_value(serde_json::json!({
            "request": {"from": "internet", "target": target}, "verdict": "timeout", "hops": [], "assumptions": [], "calls": []
        }))
        .unwrap();
        Msg::Replied(Ask::Send, Reply::Trace(Box::new(TraceReply { trace: Rc::new(trace), lines: Rc::default() })))
    };
    let mut state = State::new();
    state.update(Msg::Replied(Ask::Cluster, cluster(1, "a")));
    for msg in [sent("http://a/"), hundred(), sent("http://a/")] {
        state.update(msg);
    }
    assert_eq!((state.burst.len(), state.mixed), (100, false));
    state.update(sent("http://b/"));
    assert_eq!((state.burst.len(), state.mixed), (0, true), "what is counted now went two ways");
    state.update(hundred());
    assert_eq!((state.burst.len(), state.mixed), (100, false));
    state.update(Msg::Replied(Ask::Cluster, cluster(2, "b")));
    assert_eq!((state.burst.len(), state.results.len(), state.mixed), (0, 0, false));
}

#[test]
fn a_change_plays_until_a_request_is_sent_or_somebody_wants_its_end() {
    let mut state = State::new();
    state.update(Msg::Replied(Ask::Cluster, cluster(1, "a")));
    for (view, ends) in [("b", Msg::Send), ("c", Msg::Skip), ("d", Msg::Burst)] {
        state.update(Msg::Replied(Ask::Cluster, cluster(2, view)));
        assert_ne!(state.skipped, state.flow);
        state.update(ends);
        assert_eq!(state.skipped, state.flow);
    }
    state.update(Msg::Replied(Ask::Past, cluster(2, "e")));
    assert_eq!(state.skipped, state.flow, "what is gone back to is not played");
}

#[test]
fn who_waits_and_sees_nothing_learns_how_long() {
    let waited = |now: u64, view: &str| {
        let Reply::Cluster(mut reply) = cluster(0, view) else { unreachable!() };
        Rc::make_mut(&mut reply).now = now;
        Msg::Replied(Ask::Cluster, Reply::Cluster(reply))
    };
    let mut state = State::new();
    state.update(waited(0, "a"));
    for (now, view, calm) in [(10, "a", 10), (70, "a", 70), (80, "b", 0), (90, "b", 10)] {
        state.update(waited(now, view));
        assert_eq!(state.calm, calm, "at {now}");
        assert_eq!(state.skipped == state.flow, calm > 0, "at {now}: who acts again ends what plays");
    }
}

#[test]
fn a_chosen_target_keeps_the_caller_unless_it_is_offered_for_another_and_then_a_word_stays() {
    let mut state = State::new();
    let caller: Source = "node/node-3".parse().unwrap();
    let asked = state.update(Msg::From(caller.clone()));
    assert!(asked.contains(&Effect::Ask(Ask::Offers, Command::Offers { from: caller.clone() })), "the list is the caller's");
    state.update(Msg::Offer("http://10.96.0.9/".into(), None));
    assert_eq!((&state.from, &state.relieved), (&caller, &None));
    let elsewhere = || Msg::Offer("http://web/".into(), Some("pod/default/web-a".into()));
    state.update(elsewhere());
    assert_eq!((&state.from, &state.relieved), (&caller, &None), "the list was not yet the caller's");
    state.offers = Some(Rc::new((caller.clone(), Vec::new())));
    state.update(elsewhere());
    assert_eq!((state.from.to_string(), &state.relieved), ("pod/default/web-a".into(), &Some(caller)));
    state.update(Msg::Target("http://web/a".into()));
    assert_eq!(state.relieved, None);
}

#[test]
fn a_caller_who_is_gone_makes_way_for_a_sibling_or_the_client_outside() {
    use crate::session::Session;
    let web = include_str!("../../../static/examples/nodeport.yaml");
    let mut session = Session::default();
    let mut state = State::new();
    let edit = |revision: u64, text: &str| Command::Edit {
        revision,
        files: vec![SourceFile { name: "cluster.yaml".into(), text: text.into() }],
    };
    let mut ask = |state: &mut State, command: Command| state.update(Msg::Replied(Ask::Cluster, session.handle(command)));
    ask(&mut state, edit(1, web));
    let pod = state.view.pods.iter().find(|pod| pod.app == "web").map(|pod| (pod.namespace.clone(), pod.name.clone())).unwrap();
    let caller = Source::Pod(pod.0, pod.1);
    state.update(Msg::Target("http://web/own".into()));
    state.update(Msg::From(caller.clone()));
    ask(&mut state, Command::Act { event: format!("{caller} delete") });
    assert!(state.from.to_string().starts_with("pod/default/web-") && state.from != caller, "{}", state.from);
    assert_eq!(state.relieved, Some(caller));
    let workload: Source = "deployment/default/web".parse().unwrap();
    state.update(Msg::From(workload.clone()));
    let other = "apiVersion: v1\nkind: Service\nmetadata:\n  name: other\nspec:\n  ports:\n  - port: 80\n";
    ask(&mut state, edit(2, other));
    assert_eq!((&state.from, &state.relieved), (&Source::Internet, &Some(workload)));
}

#[test]
fn an_edit_that_moves_the_target_keeps_who_was_chosen_to_call() {
    let offering = |revision: u64, target: &str| {
        let Reply::Cluster(mut reply) = cluster(revision, target) else { unreachable!() };
        let label = Message::default();
        let offer = TargetOffer { target: target.into(), from: None, label, group: OfferGroup::NodePort, fails: None };
        Rc::make_mut(&mut reply).targets.push(offer);
        Msg::Replied(Ask::Cluster, Reply::Cluster(reply))
    };
    let mut state = State::new();
    state.update(offering(1, "http://node-2:30080"));
    state.update(Msg::From("node/node-3".parse().unwrap()));
    state.update(Msg::Offer("http://node-2:30080".into(), None));
    state.update(offering(2, "http://node-2:30081"));
    assert_eq!((state.from.to_string(), state.target.as_str()), ("node/node-3".into(), "http://node-2:30081"));
}

#[test]
fn of_a_text_with_errors_it_is_said_what_runs_and_what_stays() {
    use crate::session::Session;
    let web = include_str!("../../../static/examples/nodeport.yaml");
    let told = |text: String| {
        let mut state = State::new();
        let mut session = Session::default();
        for (revision, text) in [(1, web.to_string()), (2, text)] {
            let files = vec![SourceFile { name: "cluster.yaml".into(), text }];
            let reply = session.handle(Command::Edit { revision, files });
            state.update(Msg::Replied(Ask::Cluster, reply));
        }
        let (words, applied) = state.standing();
        (words, applied, state.view.services.iter().any(|service| service.name == "web"))
    };
    let other = "apiVersion: v1\nkind: Service\nmetadata:\n  name: other\nspec:\n  ports:\n  - port: 80\n";
    assert_eq!(told("a: [b\n".into()), ("banner.kept", 0, true));
    assert_eq!(told(format!("{other}---\na: [b\n")), ("banner.torn", 1, true));
    let unknown = other.replace("other", "q").replace("  ports:", "  prots:");
    assert_eq!(told(format!("{other}---\n{unknown}")), ("banner.rest", 1, false));
    assert_eq!(told(unknown), ("banner.none", 0, false));
}

#[test]
fn a_text_of_which_an_object_is_refused_is_called_by_what_of_it_is_played() {
    use crate::session::Session;
    let web = include_str!("../../../static/examples/nodeport.yaml");
    let other = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 31000}]}\n---\n";
    let refused = "apiVersion: v1\nkind: Service\nmetadata: {name: broken}\nspec: {ports: [{port: 99999}]}\n";
    let called = |text: &str, own: bool| {
        let (mut state, mut session) = (State::new(), Session::default());
        for (revision, text) in [(1, web), (2, text)] {
            let files = vec![SourceFile { name: "cluster.yaml".into(), text: text.into() }];
            let reply = session.handle(Command::Edit { revision, files });
            state.update(Msg::Replied(Ask::Cluster, reply));
            if own {
                state.update(Msg::Target("http://node-2:30081/".into()));
            }
        }
        state.target
    };
    assert_eq!(called(&format!("{other}{refused}"), false), "http://node-1:31000/");
    assert_eq!(called(&format!("{other}{refused}"), true), "http://node-2:30081/", "typed by a person");
    // What of the old text still stands is not left, nor what a text that cannot be read may still mean.
    assert_eq!(called(&format!("{web}---\n{refused}"), false), "http://node-2:30080/");
    assert_eq!(called(&format!("{other}a: [b\n"), false), "http://node-2:30080/");
}

#[test]
fn the_opening_request_and_the_next_two_reach_three_pods() {
    use crate::session::Session;
    let mut state = State::new();
    let mut session = Session::default();
    let mut reached = Vec::new();
    let mut asks: Vec<Effect> = state.arrive();
    for _ in 0..3 {
        while let Some(effect) = asks.pop() {
            let Effect::Ask(ask, command) = effect else { continue };
            let reply = session.handle(command);
            if let Reply::Trace(reply) = &reply {
                reached.push(reply.trace.pod.clone());
            }
            asks.extend(state.update(Msg::Replied(ask, reply)));
        }
        asks = state.update(Msg::Send);
    }
    reached.sort();
    reached.dedup();
    assert_eq!(reached.len(), 3, "{reached:?}");
}

/// What the text's change asks of the engine once the typing rests.
fn asked(state: &mut State, text: &str) -> Command {
    state.update(Msg::Typed { file: 0, text: text.into() });
    match state.update(Msg::EditNow).swap_remove(0) {
        Effect::Ask(Ask::Cluster, command) => command,
        other => panic!("{other:?}"),
    }
}

fn paste(state: &mut State, text: &str) -> Command {
    state.update(Msg::Pasted { start: 0, end: text.len() as u32, text: text.into() });
    asked(state, text)
}

#[test]
fn a_whole_text_pasted_over_an_untouched_example_starts_a_cluster_of_its_own() {
    let mut state = State::new();
    let example = state.text().to_string();
    let pasted = paste(&mut state, "kind: Service\n");
    assert!(matches!(&pasted, Command::Reset { files, .. } if files[0].text == "kind: Service\n"), "{pasted:?}");
    assert!(state.edited && state.steps.is_empty());
    // Its mending is the same paste; undo brings the example's cluster back, and redo the other.
    state.update(Msg::Replied(Ask::Paste(0, 14), Reply::Pasted { text: "kind: Pod\n".into(), notes: Vec::new() }));
    assert!(matches!(asked(&mut state, "kind: Pod\n"), Command::Reset { .. }));
    assert!(matches!(asked(&mut state, &example), Command::Reset { .. }));
    assert!(!state.edited);
    assert!(matches!(asked(&mut state, "kind: Pod\n"), Command::Reset { .. }));
    // What is typed from here on is an edit.
    assert!(matches!(asked(&mut state, "kind: Pod\na: b\n"), Command::Edit { .. }));
    assert!(matches!(asked(&mut state, "kind: Pod\n"), Command::Edit { .. }));
}

#[test]
fn a_second_paste_is_an_edit_of_the_first() {
    let mut state = State::new();
    assert!(matches!(paste(&mut state, "kind: Service\n"), Command::Reset { .. }));
    // Nothing was to be mended: the text comes back as it was.
    state.update(Msg::Replied(Ask::Paste(0, 14), Reply::Pasted { text: "kind: Service\n".into(), notes: Vec::new() }));
    state.update(Msg::Typed { file: 0, text: "kind: Service\n".into() });
    assert!(matches!(paste(&mut state, "kind: Pod\n"), Command::Edit { .. }));
}

#[test]
fn a_torn_text_pasted_over_an_untouched_example_leaves_the_example_below_it() {
    let mut state = State::new();
    let example = state.text().to_string();
    assert!(matches!(paste(&mut state, "nonsense\n"), Command::Reset { .. }));
    let Reply::Cluster(mut torn) = cluster(state.revision, "b") else { unreachable!() };
    Rc::make_mut(&mut torn).torn = true;
    let effects = state.update(Msg::Replied(Ask::Cluster, Reply::Cluster(torn.clone())));
    let texts = |effect: &Effect| match effect {
        Effect::Ask(_, Command::Reset { files, .. } | Command::Edit { files, .. }) => Some(files[0].text.clone()),
        _ => None,
    };
    assert_eq!(effects.iter().filter_map(texts).collect::<Vec<_>>(), [example.as_str(), "nonsense\n"]);
    assert_eq!((state.text(), state.at), ("nonsense\n", 1));
    // The same answer again, now to an edit, changes nothing more.
    Rc::make_mut(&mut torn).revision = state.revision;
    let again = state.update(Msg::Replied(Ask::Past, Reply::Cluster(torn)));
    assert_eq!(again.iter().filter_map(texts).count(), 0);
    assert!(matches!(asked(&mut state, &example), Command::Edit { .. }), "undo is an edit");
}

#[test]
fn a_paste_over_a_text_or_a_cluster_that_was_touched_is_an_edit() {
    let mut typed = State::new();
    asked(&mut typed, "kind: Pod\n");
    assert!(matches!(paste(&mut typed, "kind: Service\n"), Command::Edit { .. }));
    let mut acted = State::new();
    acted.update(Msg::Act("node/node-1 down".into()));
    assert!(matches!(paste(&mut acted, "kind: Service\n"), Command::Edit { .. }));
    let mut part = State::new();
    part.update(Msg::Pasted { start: 0, end: 5, text: "a: b\n".into() });
    let text = format!("a: b\n{}", part.text());
    assert!(matches!(asked(&mut part, &text), Command::Edit { .. }));
}

#[test]
fn tables_are_of_all_namespaces_where_the_text_has_objects_outside_default() {
    let holding = |text: &str| {
        let Reply::Cluster(mut reply) = cluster(1, "a") else { unreachable!() };
        Rc::make_mut(&mut reply).documents.push((text.parse().unwrap(), Span::default()));
        let mut state = State::new();
        let asked = state.update(Msg::Replied(Ask::Cluster, Reply::Cluster(reply)));
        let line = |effect: &Effect| match effect {
            Effect::Ask(_, Command::Kubectl { line }) => Some(line.clone()),
            _ => None,
        };
        asked.iter().find_map(line).unwrap()
    };
    assert_eq!(holding("Service/default/web"), "get svc -o wide");
    assert_eq!(holding("Namespace/shop"), "get svc -o wide");
    assert_eq!(holding("Service/shop/web"), "get svc -o wide -A");
}

#[test]
fn a_table_lists_one_namespace_where_the_text_has_several() {
    let Reply::Cluster(mut reply) = cluster(1, "a") else { unreachable!() };
    Rc::make_mut(&mut reply).documents.push(("Service/shop/web".parse().unwrap(), Span::default()));
    let mut state = State::new();
    state.update(Msg::Replied(Ask::Cluster, Reply::Cluster(reply)));
    assert_eq!(state.namespaces(), ["default", "shop"]);
    for (chosen, line) in [("shop", "get pods -n shop"), ("default", "get pods"), ("", "get pods -A"), ("gone", "get pods -A")] {
        let asked = state.update(Msg::Namespace(chosen.into()));
        assert_eq!(asked.len(), 1);
        assert_eq!(state.table_of("get pods"), line, "{chosen}");
    }
}

#[test]
fn a_chosen_service_pod_or_node_asks_for_more_about_it_and_again_after_each_change() {
    let asks = |effects: Vec<Effect>| {
        let object = |effect: &Effect| match effect {
            Effect::Ask(Ask::Card, Command::Card { object }) => Some(object.to_string()),
            _ => None,
        };
        effects.iter().filter_map(object).collect::<Vec<_>>()
    };
    let mut state = State::new();
    state.update(Msg::Replied(Ask::Cluster, cluster(1, "a")));
    let gate = ItemId::Gate("node-1".into(), "default".into(), "web".into());
    assert_eq!(asks(state.update(Msg::Select(Some(gate)))), ["Service/default/web"]);
    assert_eq!(asks(state.update(Msg::Select(Some(ItemId::Pod("shop".into(), "a".into()))))), ["Pod/shop/a"]);
    assert_eq!(asks(state.update(Msg::Select(Some(ItemId::Node("node-1".into()))))), ["Node/node-1"]);
    assert_eq!(asks(state.update(Msg::Select(Some(ItemId::Client)))), Vec::<String>::new());
    state.selected = Some(ItemId::Gate("node-1".into(), "default".into(), "web".into()));
    state.view = Rc::default();
    let Reply::Cluster(mut reply) = cluster(2, "b") else { unreachable!() };
    Rc::make_mut(&mut Rc::make_mut(&mut reply).view).nodes.push(NodeView { name: "node-1".into(), ..NodeView::default() });
    assert_eq!(asks(state.update(Msg::Replied(Ask::Cluster, Reply::Cluster(reply)))), ["Service/default/web"]);
}

#[test]
fn an_empty_answer_and_kube_proxys_own_have_words_of_their_own() {
    use super::super::icon::ending;
    let end = |verdict, status, nuance| ending(verdict, status, nuance).words;
    assert_eq!(end(Verdict::NameNotFound, None, Nuance::Plain), "outcome.nx");
    assert_eq!(end(Verdict::NameNotFound, None, Nuance::NoAddress), "outcome.empty");
    assert_eq!(end(Verdict::Answered, Some(503), Nuance::Plain), "outcome.e503");
    assert_eq!(end(Verdict::Answered, Some(503), Nuance::KubeProxy), "outcome.kubeProxy");
    assert_eq!(ending(Verdict::Answered, Some(200), Nuance::KubeProxy).class, "ok");
    assert_eq!(end(Verdict::Timeout, None, Nuance::NoDns), "outcome.noDns");
}
