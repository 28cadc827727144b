//! What is kept when the page goes. A browser that closes or reloads a page does not come back to the messages that still wait in
//! Yew's queue, and on a slow device that queue pauses between two of them (`yew::scheduler` yields after 16 ms): what was typed last
//! is then in the editor's fields only, and what was done to the cluster nowhere. So the fields are read when the page goes, and events
//! are noted on their way to the queue.

use super::field::field;
use super::state::{Msg, State};
use super::storage;
use gloo::events::EventListener;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The state as it stands, for the moment in which the page goes.
pub struct Leaving {
    stands: Rc<RefCell<Option<Stands>>>,
    /// Something was typed or done that is not written down.
    unwritten: Rc<Cell<bool>>,
    /// Events that wait in the queue.
    queued: Rc<RefCell<Vec<String>>>,
    _listeners: [EventListener; 2],
}

struct Stands {
    state: Rc<State>,
    /// The fields show its text.
    in_line: bool,
}

impl Leaving {
    /// Listens from now on.
    pub fn listen() -> Leaving {
        let (stands, unwritten) = (Rc::<RefCell<Option<Stands>>>::default(), Rc::<Cell<bool>>::default());
        let typed = unwritten.clone();
        let input = EventListener::new(&gloo::utils::document(), "input", move |_| typed.set(true));
        let queued = Rc::<RefCell<Vec<String>>>::default();
        let (left, open, done) = (stands.clone(), unwritten.clone(), queued.clone());
        let hide = EventListener::new(&gloo::utils::window(), "pagehide", move |_| {
            if open.take() {
                keep(&left, &done.borrow());
            }
        });
        Leaving { stands, unwritten, queued, _listeners: [input, hide] }
    }

    /// Notes an event on its way into the queue.
    pub fn sends(&self) -> impl Fn(&Msg) + 'static {
        let (queued, unwritten) = (self.queued.clone(), self.unwritten.clone());
        move |msg| {
            if let Msg::Act(event) = msg {
                queued.borrow_mut().push(event.clone());
                unwritten.set(true);
            }
        }
    }

    /// A message came out of the queue.
    pub fn came(&self, msg: &Msg) {
        if let Msg::Act(event) = msg {
            let mut queued = self.queued.borrow_mut();
            let at = queued.iter().position(|waits| waits == event);
            at.map(|at| queued.remove(at));
        }
    }

    /// The state is about to change.
    pub fn forget(&self) {
        self.stands.take();
    }

    /// The state as it stands now; `in_line` says that the editor's fields show its text, but for what was typed since.
    pub fn note(&self, state: &Rc<State>, in_line: bool) {
        self.stands.replace(Some(Stands { state: state.clone(), in_line }));
    }

    /// Something is to be written down.
    pub fn changed(&self) {
        self.unwritten.set(true);
    }

    /// All of it is written down.
    pub fn written(&self) {
        self.unwritten.set(false);
    }
}

#[inline(never)]
fn keep(stands: &RefCell<Option<Stands>>, queued: &[String]) {
    let stands = stands.borrow();
    let Some(Stands { state, in_line }) = stands.as_ref() else { return };
    let mut state = (**state).clone();
    if *in_line {
        for (index, file) in Rc::make_mut(&mut state.files).iter_mut().enumerate() {
            if let Some(text) = field(index).map(|field| field.value()).filter(|text| *text != file.text) {
                file.text = text;
                state.edited = true;
            }
        }
    }
    for event in queued {
        state.update(Msg::Act(event.clone()));
    }
    if !state.pristine() {
        storage::keep(&state);
    }
}
