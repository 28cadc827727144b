//! In a real browser: the engine answers, and WebAssembly gives the very bytes that the native build gives.
#![cfg(target_arch = "wasm32")]

use kubehop::app::engine::{Engine, EngineEvent, Home};
use kubehop::session::Command;
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
    let engine = Engine::start(Callback::from(move |event| ears.borrow_mut().push(event)));
    assert!(heard.borrow().is_empty(), "nobody is called back from inside `start`");
    let ticket = engine.send(Command::Kubectl { line: "get nodes".into() });
    assert!(until(3_000, || heard.borrow().len() == 2).await, "{:?}", heard.borrow());
    assert_eq!(heard.borrow()[0], EngineEvent::Ready(Home::Page));
    assert!(matches!(heard.borrow()[1], EngineEvent::Reply(Some(answered), _) if answered == ticket));
}
