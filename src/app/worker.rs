//! The worker's side: a [`Session`] that answers commands one by one, off the page's thread.
//!
//! Messages are bytes ([`super::wire`]): a `Command` in, a [`FromWorker`] out. The worker says [`FromWorker::Ready`] once it listens;
//! a command posted earlier would be lost, so the page waits for it (see [`super::engine`]). An empty message asks for the recording that
//! the page opens with (see [`super::recording`]).

use super::recording::record;
use super::wire;
use crate::session::{Reply, Session};
use gloo::events::EventListener;
use js_sys::Uint8Array;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// What the worker tells the page.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromWorker {
    /// It listens now.
    Ready,
    /// The answer to the command in flight.
    Reply(Reply),
    /// It is about to end: the words of the panic.
    Panic(String),
}

/// Serves a session when this is a worker's thread; answers whether it is one.
pub fn serve() -> bool {
    let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() else { return false };
    let dying = scope.clone();
    std::panic::set_hook(Box::new(move |panic| post(&dying, &FromWorker::Panic(panic.to_string()))));
    let answers = scope.clone();
    let mut session = Session::default();
    EventListener::new(&scope, "message", move |event| {
        let Some(bytes) = event.dyn_ref::<MessageEvent>().map(|event| Uint8Array::new(&event.data()).to_vec()) else { return };
        if bytes.is_empty() {
            return post(&answers, &record());
        }
        // Both sides are the same build, so a message that cannot be read is our own mistake; it gets no answer, and the page's time
        // limit tells.
        if let Ok(command) = wire::read(&bytes) {
            post(&answers, &FromWorker::Reply(session.handle(command)));
        }
    })
    .forget();
    post(&scope, &FromWorker::Ready);
    true
}

fn post<T: Serialize>(scope: &DedicatedWorkerGlobalScope, message: &T) {
    if let Ok(bytes) = wire::write(message) {
        // Only an unclonable value can fail here, and bytes are none.
        let _ = scope.post_message(&Uint8Array::from(bytes.as_slice()));
    }
}
