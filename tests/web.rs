//! In a real browser: the engine answers, and WebAssembly gives the very bytes that the native build gives.
#![cfg(target_arch = "wasm32")]

mod route;

use kubehop::app::engine::{Engine, EngineEvent, Home};
use kubehop::app::share::{Saved, from_fragment, to_fragment};
use kubehop::app::stage_player::{Player, Start};
use kubehop::app::{storage, wire};
use kubehop::kubectl::SourceFile;
use kubehop::session::{Command, Reply, Session};
use kubehop::words::Words;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use yew::Callback;

wasm_bindgen_test_configure!(run_in_browser);

async fn until(limit: u32, done: impl Fn() -> bool) -> bool {
    for _ in 0..limit / 10 {
        if done() {
            return true;
        }
        yew::platform::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    done()
}

/// The test's document has no script element of Trunk's, so there is nothing that a worker could start from.
#[wasm_bindgen_test]
async fn where_no_worker_can_start_the_engine_runs_in_the_page() {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let ears = heard.clone();
    let engine = Engine::start(Callback::from(move |event| ears.borrow_mut().push(event)), false);
    assert!(heard.borrow().is_empty(), "nobody is called back from inside `start`");
    let ticket = engine.send(Command::Kubectl { line: "get nodes".into() });
    assert!(until(3_000, || heard.borrow().len() == 2).await, "{:?}", heard.borrow());
    assert_eq!(heard.borrow()[0], EngineEvent::Ready(Home::Page));
    assert!(matches!(heard.borrow()[1], EngineEvent::Reply(Some(answered), _) if answered == ticket));
}

const MANIFESTS: &str = include_str!("../static/examples/nodeport.yaml");

fn reset(text: &str) -> Command {
    let files = vec![SourceFile { name: "cluster.yaml".into(), text: text.into() }];
    Command::Reset { revision: 1, files, settings: Box::default(), seed: 1, events: Vec::new() }
}

/// Names and addresses come from hashes, picks from a seed: a pointer's width must change none of them. The texts beside the
/// fixtures were written by the native build.
#[wasm_bindgen_test]
fn routes_are_the_same_in_webassembly_as_on_a_server() {
    macro_rules! routes {
        ($($name:literal),* $(,)?) => {
            [$(($name, include_str!(concat!("fixtures/routes/", $name, ".yaml")), include_str!(concat!("fixtures/routes/", $name, ".txt")))),*]
        };
    }
    let words = Words::read(include_str!("../static/words/en.json")).unwrap();
    let routes = routes!["calls", "cluster-ip", "external-name", "hairpin", "headless-not-ready", "edge-unreachable"];
    for (name, manifests, expected) in routes {
        let case = route::case(manifests);
        let trace = case.plane.clone().send(&case.cluster, &case.request);
        assert_eq!(route::tell(&trace, &words, ""), expected, "{name}");
    }
}

#[wasm_bindgen_test]
fn what_page_and_worker_tell_each_other_arrives_as_it_was() {
    let mut session = Session::default();
    let target = "http://node-2:30080/".to_string();
    let request = kubehop::trace::Request { target, ..Default::default() };
    let commands = [reset(MANIFESTS), Command::Send { request }, Command::Kubectl { line: "get pods -A -o wide".into() }];
    for command in commands {
        let heard: Command = wire::read(&wire::write(&command).unwrap()).unwrap();
        assert_eq!(heard, command);
        let reply = session.handle(heard);
        let back: Reply = wire::read(&wire::write(&reply).unwrap()).unwrap();
        assert_eq!(back, reply);
    }
}

#[wasm_bindgen_test]
fn a_link_and_the_browsers_memory_bring_a_text_back() {
    let file = SourceFile { name: "웹.yaml".into(), text: MANIFESTS.repeat(20) };
    let saved =
        Saved { files: vec![file], events: vec!["node/node-2 down".into()], seed: 7, next: 9, own: true, ..Saved::default() };
    assert_eq!(to_fragment(&saved).as_deref().and_then(from_fragment), Some(saved.clone()));
    storage::keep_own(&saved);
    assert_eq!(storage::own(), Some(saved));
}

/// A player that stands at the first hop of a request.
fn loaded() -> Player {
    let mut session = Session::default();
    session.handle(reset(MANIFESTS));
    let request = kubehop::trace::Request { target: "http://node-2:30080/".into(), ..Default::default() };
    let Reply::Trace(reply) = session.handle(Command::Send { request }) else { panic!("no trace") };
    let player = Player::new(Callback::noop());
    player.load(Some(&reply.trace), Start::Paused);
    player
}

/// The player's clock is the browser's: it turns by itself, stops at the end, and stands where it is put.
#[wasm_bindgen_test]
async fn a_request_plays_to_its_end_by_the_browsers_frames() {
    let player = loaded();
    assert!(!player.now().playing);
    assert_eq!(player.now().step, 0);
    player.set_speed(400.0);
    player.toggle();
    assert!(player.now().playing);
    assert!(until(3_000, || player.now().finished() && !player.now().playing).await, "it stands at {}", player.now().step);
    player.step_by(-1);
    assert_eq!(player.now().step + 2, player.steps().len());
    player.seek(0.0);
    assert_eq!((player.now().step, player.now().playing), (0, false));
}

/// Frames end with the player: a page that drops it does not go on working.
#[wasm_bindgen_test]
async fn a_stopped_player_stands_still() {
    let player = loaded();
    player.toggle();
    player.stop();
    let at = player.at();
    yew::platform::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(player.at().to_bits(), at.to_bits());
}
