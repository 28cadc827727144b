//! The page's side of the engine: starts the worker, hands it one command at a time, and replaces it when it falls or hangs.
//!
//! - The worker is ready when it says so; a worker that fails before, or is silent for [`START_LIMIT`], means that this page may not
//!   have one (a host's Content-Security-Policy, say). Then the engine runs in the page, with the same replies.
//! - The page that opens on its first example plays a recording ([`super::recording`]) and hires the worker once that has played.
//! - A panic, or a call longer than [`CALL_LIMIT`], ends the worker and starts another, which gets the same cluster back.
//! - A slow device can need longer for its first cluster: what takes too long without any cluster yet is tried once more, without a
//!   word. That second try, and a new worker's way back to a cluster, may take [`PATIENT_LIMIT`].

use super::queue::Queue;
use super::recording::Recording;
use super::wire;
use super::worker::FromWorker;
use crate::session::{Command, Reply, Session};
use gloo::events::EventListener;
use gloo::render::{AnimationFrame, request_animation_frame};
use gloo::timers::callback::Timeout;
use js_sys::Uint8Array;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{HtmlScriptElement, MessageEvent, Worker, WorkerOptions, WorkerType};
use yew::Callback;

pub use super::queue::Ticket;

/// Milliseconds until a new worker must be ready.
pub const START_LIMIT: u32 = 10_000;
/// Milliseconds that one command may take.
pub const CALL_LIMIT: u32 = 2_000;
/// Milliseconds that a new worker may take to start a cluster that one was too slow for, or has started before.
pub const PATIENT_LIMIT: u32 = 10_000;

/// What the engine tells the page.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineEvent {
    /// The engine itself is on its way: its words will be needed.
    Coming,
    /// It takes commands. Comes again after a restart.
    Ready(Home),
    /// The answer to a command. Without a ticket: the cluster as a restarted engine has it again.
    Reply(Option<Ticket>, Reply),
    /// It fell and is being started anew. The command that it fell over, if any, is given up.
    Restarting {
        /// Why.
        fault: Fault,
        /// The command that is not answered.
        lost: Option<(Ticket, Command)>,
    },
}

/// Where the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In a worker, off the page's thread.
    Worker,
    /// In the page, because no worker could start.
    Page,
    /// Nowhere yet: a recording of it answers.
    Recording,
}

/// Why the engine was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It panicked, with these words.
    Panic(String),
    /// A command took longer than it may.
    Timeout,
}

/// A handle on the engine; clones share it.
#[derive(Clone)]
pub struct Engine(Rc<RefCell<Inner>>);

/// The same engine, not the same state: so that it can be handed down as a property.
impl PartialEq for Engine {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

struct Inner {
    queue: Queue,
    seat: Seat,
    /// The words of a panic, which arrive just before the worker's error event.
    panic: Option<String>,
    /// Runs while a worker starts or a command is in flight.
    clock: Option<Timeout>,
    /// The first frame that shows what was recorded.
    frame: Option<AnimationFrame>,
    on_event: Callback<EngineEvent>,
}

enum Seat {
    Starting(Hired),
    Working(Hired),
    InPage(Rc<RefCell<Session>>),
    /// No engine yet: a recording answers, and these commands it has answered.
    Recorded(Box<Recording>, Vec<Command>),
    /// Between two workers, or before the recording has come.
    Empty,
}

struct Hired {
    worker: Worker,
    _listeners: [EventListener; 2],
}

impl Drop for Hired {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

impl Engine {
    /// Starts the engine. Commands may be sent at once; they wait until it is ready. `recorded` says that they will be the opening page's.
    pub fn start(on_event: Callback<EngineEvent>, recorded: bool) -> Engine {
        let engine = Engine(Rc::new(RefCell::new(Inner {
            queue: Queue::default(),
            seat: Seat::Empty,
            panic: None,
            clock: None,
            frame: None,
            on_event,
        })));
        if recorded {
            engine.play()
        } else {
            engine.hire()
        }
        engine
    }

    fn play(&self) {
        let engine = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let Some(recording) = Recording::fetch().await else {
                engine.tell(EngineEvent::Coming);
                return engine.hire();
            };
            engine.0.borrow_mut().seat = Seat::Recorded(Box::new(recording), Vec::new());
            engine.tell(EngineEvent::Ready(Home::Recording));
            engine.advance();
        });
    }

    /// The recording answers the next command, or the worker takes over.
    fn advance_recording(&self) {
        let mut inner = self.0.borrow_mut();
        let Inner { queue, seat, .. } = &mut *inner;
        let Seat::Recorded(recording, answered) = seat else { return };
        let Some(command) = queue.peek() else { return };
        let Some(reply) = recording.answer(command) else {
            drop(inner);
            return self.take_over();
        };
        answered.extend(queue.take_next());
        let (done, engine) = (recording.done(), self.clone());
        // A timer, so that nobody is called back from inside `send`.
        Timeout::new(0, move || {
            engine.deliver(reply);
            if done {
                // A timer set in a frame rings after it is painted: the packet travels.
                let then = engine.clone();
                let frame = request_animation_frame(move |_| {
                    Timeout::new(0, move || then.take_over()).forget();
                });
                engine.0.borrow_mut().frame = Some(frame);
            }
        })
        .forget();
    }

    /// The recording has played, or does not know the next command.
    fn take_over(&self) {
        let mut inner = self.0.borrow_mut();
        let Inner { queue, seat, .. } = &mut *inner;
        let Seat::Recorded(_, answered) = seat else { return };
        queue.take_over(std::mem::take(answered));
        *seat = Seat::Empty;
        drop(inner);
        self.tell(EngineEvent::Coming);
        let engine = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            link_rest().await;
            engine.hire();
        });
    }

    /// Asks for a command's reply. An edit that is outdated by the next one before its turn came is never answered.
    pub fn send(&self, command: Command) -> Ticket {
        let ticket = self.0.borrow_mut().queue.push(command);
        self.advance();
        ticket
    }

    fn hire(&self) {
        match self.worker() {
            Ok(hired) => {
                self.0.borrow_mut().seat = Seat::Starting(hired);
                self.set_clock(START_LIMIT, Engine::move_in);
            }
            // Later, as a worker would, so that nobody is called back from inside `start`.
            Err(_) => self.set_clock(0, Engine::move_in),
        }
    }

    fn worker(&self) -> Result<Hired, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&address().ok_or(JsValue::NULL)?, &options)?;
        let (heard, failed) = (self.clone(), self.clone());
        let listeners = [
            EventListener::new(&worker, "message", move |event| {
                let bytes = event.dyn_ref::<MessageEvent>().map(|event| Uint8Array::new(&event.data()).to_vec());
                if let Some(message) = bytes.and_then(|bytes| wire::read(&bytes).ok()) {
                    heard.hear(message);
                }
            }),
            EventListener::new(&worker, "error", move |event| {
                let words = event.dyn_ref::<web_sys::ErrorEvent>().map(web_sys::ErrorEvent::message);
                failed.fail(words.unwrap_or_default());
            }),
        ];
        Ok(Hired { worker, _listeners: listeners })
    }

    fn hear(&self, message: FromWorker) {
        match message {
            FromWorker::Ready => {
                let mut inner = self.0.borrow_mut();
                inner.clock = None;
                inner.seat = match std::mem::replace(&mut inner.seat, Seat::Empty) {
                    Seat::Starting(hired) => Seat::Working(hired),
                    other => other,
                };
                drop(inner);
                self.tell(EngineEvent::Ready(Home::Worker));
                self.advance();
            }
            FromWorker::Reply(reply) => self.deliver(reply),
            FromWorker::Panic(words) => self.0.borrow_mut().panic = Some(words),
        }
    }

    fn deliver(&self, reply: Reply) {
        let mut inner = self.0.borrow_mut();
        inner.clock = None;
        let answer = inner.queue.answered(reply);
        drop(inner);
        if let Some((ticket, reply)) = answer {
            self.tell(EngineEvent::Reply(ticket, reply));
        }
        self.advance();
    }

    fn fail(&self, words: String) {
        let starting = matches!(self.0.borrow().seat, Seat::Starting(_));
        if starting {
            return self.set_clock(0, Engine::move_in);
        }
        let words = self.0.borrow_mut().panic.take().unwrap_or(words);
        self.replace(Fault::Panic(words));
    }

    fn replace(&self, fault: Fault) {
        let mut inner = self.0.borrow_mut();
        inner.clock = None;
        let again = fault == Fault::Timeout && inner.queue.try_again();
        let lost = if again { None } else { inner.queue.lost() };
        let old = std::mem::replace(&mut inner.seat, Seat::Empty);
        drop(inner);
        // The caller may be one of the old worker's listeners: they are dropped after it has returned.
        if let Seat::Working(hired) = old {
            hired.worker.terminate();
            Timeout::new(0, move || drop(hired)).forget();
        }
        self.hire();
        if !again {
            self.tell(EngineEvent::Restarting { fault, lost });
        }
    }

    /// No worker may start here: the engine runs in the page.
    fn move_in(&self) {
        let mut inner = self.0.borrow_mut();
        inner.clock = None;
        inner.seat = Seat::InPage(Rc::default());
        drop(inner);
        self.tell(EngineEvent::Ready(Home::Page));
        self.advance();
    }

    /// Hands over the next command if the engine is free.
    fn advance(&self) {
        let mut inner = self.0.borrow_mut();
        let Inner { queue, seat, .. } = &mut *inner;
        match seat {
            Seat::Working(hired) => {
                if let Some(limit) = post(queue, &hired.worker) {
                    drop(inner);
                    self.set_clock(limit, |engine| engine.replace(Fault::Timeout));
                }
            }
            Seat::InPage(session) => {
                let Some(command) = queue.take_next() else { return };
                let session = session.clone();
                drop(inner);
                // A timer lets the page paint what it has before the work begins.
                let engine = self.clone();
                Timeout::new(0, move || {
                    let reply = session.borrow_mut().handle(command);
                    engine.deliver(reply);
                })
                .forget();
            }
            Seat::Recorded(..) => {
                drop(inner);
                self.advance_recording();
            }
            Seat::Starting(_) | Seat::Empty => {}
        }
    }

    fn set_clock(&self, milliseconds: u32, then: impl FnOnce(&Engine) + 'static) {
        let engine = self.clone();
        let clock = Timeout::new(milliseconds, move || {
            // This timer runs right now; forgetting it first keeps it from being cleared from inside.
            if let Some(rung) = engine.0.borrow_mut().clock.take() {
                rung.forget();
            }
            then(&engine);
        });
        self.0.borrow_mut().clock = Some(clock);
    }

    fn tell(&self, event: EngineEvent) {
        let on_event = self.0.borrow().on_event.clone();
        on_event.emit(event);
    }
}

/// Gives the worker the next command, and says how long it may take.
#[inline(never)]
fn post(queue: &mut Queue, worker: &Worker) -> Option<u32> {
    let bytes = wire::write(&queue.take_next()?).ok()?;
    // Only an unclonable value can fail here, and bytes are none.
    let _ = worker.post_message(&Uint8Array::from(bytes.as_slice()));
    Some(if queue.patient() { PATIENT_LIMIT } else { CALL_LIMIT })
}

/// Waits for the rest of the page's own code (`static/boot.js`); a build that is not split has none.
async fn link_rest() {
    let link = js_sys::Reflect::get(&js_sys::global(), &"kubehopRest".into())
        .ok()
        .and_then(|link| link.dyn_into::<js_sys::Function>().ok());
    let coming =
        link.and_then(|link| link.call0(&JsValue::NULL).ok()).and_then(|promise| promise.dyn_into::<js_sys::Promise>().ok());
    if let Some(coming) = coming {
        // It never fails: what has not come is fetched when it is needed.
        let _ = wasm_bindgen_futures::JsFuture::from(coming).await;
    }
}

/// The worker starts from the same script as the page (`static/boot.js`), with the names of Trunk's files in the fragment.
fn address() -> Option<String> {
    let script = gloo::utils::document().query_selector("script[data-wasm]").ok()??;
    let script = script.dyn_into::<HtmlScriptElement>().ok()?;
    Some(format!("{}#{} {}", script.src(), script.get_attribute("data-js")?, script.get_attribute("data-wasm")?))
}
