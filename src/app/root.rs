//! The page's root: holds the state, carries out the reducer's effects, lays out the panels.

use super::address;
use super::engine::{Engine, EngineEvent, Fault, Ticket};
use super::examples;
use super::field::{field, show_line, splice};
use super::i18n::{Speech, fetch_text};
use super::keys::next_panel;
use super::leaving::Leaving;
use super::state::{Ask, Effect, Msg, State, Theme};
use super::storage;
use super::undo::{self, Undo};
use super::wording::{self, Wanted, Wording};
use super::workbench::Workbench;
use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::KeyboardEvent;
use yew::prelude::*;

/// Milliseconds of rest after which typed text is applied.
const TYPING_RESTS: u32 = 150;

/// The state as components get it: the same state compares equal at once.
#[derive(Clone)]
pub struct Shared(Rc<State>);

impl PartialEq for Shared {
    fn eq(&self, other: &Shared) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Shared {
    type Target = State;
    fn deref(&self) -> &State {
        &self.0
    }
}

/// What every panel gets: the state, and where its messages go.
#[derive(Clone, PartialEq, Properties)]
pub struct Part {
    /// To show.
    pub state: Shared,
    /// Takes messages.
    pub send: Callback<Msg>,
}

/// What the root hears.
pub enum Heard {
    /// From the page.
    Page(Msg),
    /// From the engine.
    Engine(EngineEvent),
    /// Of the words that were asked for.
    Words(wording::Heard),
    /// The fragment of the address changed.
    Fragment,
    /// To undo, or to redo, if the focus is in the editor.
    Undo(bool, Event),
    /// A key, wherever the focus is.
    Key(KeyboardEvent),
    /// Typing rests.
    Rest,
    /// The draft is to be written now.
    Write,
}

/// The root.
pub struct App {
    state: Rc<State>,
    engine: Engine,
    wording: Wording,
    awaited: BTreeMap<Ticket, Ask>,
    /// Effects that need the new picture to stand.
    after: Vec<Effect>,
    /// What is to be shown in words that are on their way.
    opening: Vec<Msg>,
    /// The editor's fields are to be brought in line with the state.
    sync: bool,
    rest: Option<Timeout>,
    write: Option<Timeout>,
    leaving: Leaving,
    /// A lesson was asked for and is not there yet.
    lesson_comes: bool,
    undo: Undo,
    _listeners: [EventListener; 3],
}

impl Component for App {
    type Message = Heard;
    type Properties = ();

    fn create(ctx: &Context<App>) -> App {
        let mut state = State::new();
        state.theme = storage::theme();
        state.letters = storage::letters();
        let link = ctx.link().clone();
        let fragment = EventListener::new(&gloo::utils::window(), "hashchange", move |_| link.send_message(Heard::Fragment));
        let link = ctx.link().clone();
        let options = gloo::events::EventListenerOptions::enable_prevent_default();
        let keys = EventListener::new_with_options(&gloo::utils::document(), "keydown", options, move |event| {
            if let Some(event) = event.dyn_ref::<KeyboardEvent>() {
                link.send_message(Heard::Key(event.clone()));
            }
        });
        let link = ctx.link().clone();
        // The browser's menus, and a shaken phone, ask without a key.
        let menus = EventListener::new_with_options(&gloo::utils::document(), "beforeinput", options, move |event| {
            let kind = event.dyn_ref::<web_sys::InputEvent>().map(web_sys::InputEvent::input_type).unwrap_or_default();
            if kind == "historyUndo" || kind == "historyRedo" {
                link.send_message(Heard::Undo(kind == "historyUndo", event.clone()));
            }
        });
        let (first, recorded) = address::arrival(&mut state);
        // The recording's words are among the page's.
        let wanted = Wanted { language: storage::language(), engine: !recorded };
        let mut app = App {
            state: Rc::new(state),
            engine: Engine::start(ctx.link().callback(Heard::Engine), recorded),
            wording: Wording::new(wanted, ctx.link().callback(Heard::Words)),
            awaited: BTreeMap::new(),
            after: Vec::new(),
            opening: Vec::new(),
            sync: false,
            rest: None,
            write: None,
            leaving: Leaving::listen(),
            lesson_comes: false,
            undo: Undo::default(),
            _listeners: [fragment, keys, menus],
        };
        app.dress();
        app.take(ctx, first);
        app
    }

    fn update(&mut self, ctx: &Context<App>, heard: Heard) -> bool {
        match heard {
            Heard::Undo(back, event) => return self.take_back(ctx, back, &event),
            Heard::Page(msg) if msg.opens() && !self.wording.complete() => {
                self.opening.push(msg);
                return false;
            }
            Heard::Page(msg) => self.take(ctx, msg),
            Heard::Words(heard) => {
                let Some((language, words)) = self.wording.hear(heard) else { return false };
                self.take(ctx, Msg::Words(Speech::new(language, words)));
                for event in self.wording.release() {
                    self.hear(ctx, event);
                }
                if !self.opening.is_empty() && self.wording.complete() {
                    for msg in std::mem::take(&mut self.opening) {
                        self.take(ctx, msg);
                    }
                }
            }
            Heard::Engine(EngineEvent::Coming) => {
                self.wording.ask(Wanted { engine: true, ..self.wording.wanted });
                return false;
            }
            Heard::Engine(event) => {
                let Some(event) = self.wording.hold(event) else { return false };
                return self.hear(ctx, event);
            }
            Heard::Fragment => {
                if let Some(msg) = address::addressed(Rc::make_mut(&mut self.state)) {
                    if matches!(msg, Msg::Load(_)) && self.state.edited && self.state.lesson.is_none() {
                        storage::keep_own(&self.state.saved());
                    }
                    self.take(ctx, msg);
                }
            }
            Heard::Key(event) => return self.key(ctx, &event),
            Heard::Rest => {
                self.rest = None;
                self.take(ctx, Msg::EditNow);
            }
            Heard::Write => {
                self.write = None;
                self.leaving.written();
                if !self.state.pristine() {
                    storage::keep(&self.state);
                    address::leave_link(&self.state);
                }
                address::follow_lessons(&self.state, self.lesson_comes);
                return false;
            }
        }
        true
    }

    fn view(&self, ctx: &Context<App>) -> Html {
        if !self.wording.speaks() {
            return Html::default();
        }
        let (link, note) = (ctx.link().clone(), self.leaving.sends());
        let send = Callback::from(move |msg| {
            note(&msg);
            link.send_message(Heard::Page(msg));
        });
        let part = Part { state: Shared(self.state.clone()), send };
        html! {
            <ContextProvider<Speech> context={self.state.speech.clone()}>
                <Workbench ..part/>
            </ContextProvider<Speech>>
        }
    }

    fn rendered(&mut self, ctx: &Context<App>, _first: bool) {
        if !self.wording.speaks() {
            return;
        }
        // The page stands: what stood in its place goes.
        if let Some(boot) = gloo::utils::document().get_element_by_id("boot") {
            boot.remove();
        }
        if std::mem::take(&mut self.sync) {
            for (index, file) in self.state.files.iter().enumerate() {
                if let Some(field) = field(index).filter(|field| field.value() != file.text) {
                    splice(&field, 0, u32::MAX, &file.text);
                }
            }
            self.leaving.note(&self.state, true);
        }
        for effect in std::mem::take(&mut self.after) {
            match effect {
                Effect::Splice { file, start, end, text } => {
                    if let Some(field) = field(file) {
                        splice(&field, start, end, &text);
                        // No event tells of the change.
                        ctx.link().send_message(Heard::Page(Msg::Typed { file, text: field.value() }));
                    }
                }
                Effect::ShowLine(line) => show_line(self.state.open, line),
                _ => {}
            }
        }
    }
}

impl App {
    fn take(&mut self, ctx: &Context<App>, msg: Msg) {
        self.leaving.came(&msg);
        // What is sent goes to the text as it stands, not to what stood there before the last keystrokes.
        if matches!(msg, Msg::Send | Msg::Replay | Msg::Burst) && self.rest.take().is_some() {
            self.take(ctx, Msg::EditNow);
        }
        self.sync |= matches!(
            msg,
            Msg::Replied(Ask::Lesson(_), _)
                | Msg::Show(_)
                | Msg::ExampleText(..)
                | Msg::Load(_)
                | Msg::Rewind(_)
                | Msg::CloseFile(_)
        );
        self.lesson_comes &= !matches!(msg, Msg::Replied(Ask::Lesson(_), _) | Msg::Show(_));
        let dressed = matches!(msg, Msg::Theme(_) | Msg::Words(_));
        let chosen = matches!(msg, Msg::Theme(_) | Msg::Language(_) | Msg::Letters);
        self.leaving.forget();
        let opens = matches!(msg, Msg::Replied(Ask::Lesson(_), _) | Msg::Show(_) | Msg::Load(_));
        let files = self.state.files.clone();
        let effects = Rc::make_mut(&mut self.state).update(msg);
        if opens {
            self.undo.forget();
        } else if !Rc::ptr_eq(&files, &self.state.files) {
            self.undo.note(&files, &self.state.files);
        }
        self.leaving.note(&self.state, !self.sync);
        if dressed {
            self.dress();
        }
        self.carry_out(ctx, effects);
        if chosen {
            storage::choose(&self.state, self.wording.wanted.language);
        }
    }

    fn carry_out(&mut self, ctx: &Context<App>, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Ask(ask, command) => {
                    self.awaited.insert(self.engine.send(command), ask);
                }
                Effect::EditSoon => {
                    let link = ctx.link().clone();
                    self.rest = Some(Timeout::new(TYPING_RESTS, move || link.send_message(Heard::Rest)));
                }
                Effect::FetchWords(language) => self.wording.ask(Wanted { language, ..self.wording.wanted }),
                Effect::FetchExample(example) => ctx.link().send_future(async move {
                    let text = fetch_text(&format!("examples/{}.yaml", example.id)).await;
                    Heard::Page(Msg::ExampleText(example, text.unwrap_or_else(|_| examples::FIRST.into())))
                }),
                Effect::KeepLesson(id, begun) => storage::keep_begun(id, &begun),
                Effect::FetchLesson { id, anew } => {
                    self.lesson_comes = true;
                    ctx.link().send_future(async move {
                        let mut files = [String::new(), String::new(), String::new()];
                        for (text, name) in files.iter_mut().zip(["lesson", "start", "solution"]) {
                            *text = fetch_text(&format!("lessons/{id}/{name}.yaml")).await.unwrap_or_default();
                        }
                        let begun = storage::begun(id).filter(|_| !anew).map(Box::new);
                        Heard::Page(Msg::LessonText(id, Box::new(files), begun))
                    });
                }
                Effect::KeepOwn(saved) => storage::keep_own(&saved),
                Effect::Splice { .. } | Effect::ShowLine(_) => self.after.push(effect),
                Effect::Save => {
                    self.leaving.changed();
                    // A reload reads the address before the page goes.
                    if !self.state.pristine() {
                        address::leave_link(&self.state);
                    }
                    let link = ctx.link().clone();
                    self.write = Some(Timeout::new(300, move || link.send_message(Heard::Write)));
                }
            }
        }
    }

    fn hear(&mut self, ctx: &Context<App>, event: EngineEvent) -> bool {
        let Some(msg) = self.translate(event) else { return false };
        self.take(ctx, msg);
        true
    }

    fn translate(&mut self, event: EngineEvent) -> Option<Msg> {
        match event {
            EngineEvent::Coming => None,
            EngineEvent::Ready(_) => Some(Msg::Ready),
            EngineEvent::Reply(Some(ticket), reply) => Some(Msg::Replied(self.awaited.remove(&ticket)?, reply)),
            EngineEvent::Reply(None, reply) => Some(Msg::Restored(reply)),
            EngineEvent::Restarting { fault, lost } => {
                if let Some((ticket, _)) = lost {
                    self.awaited.remove(&ticket);
                }
                Some(Msg::Fault(match fault {
                    Fault::Panic(words) => words,
                    Fault::Timeout => "timeout".into(),
                }))
            }
        }
    }

    /// Language and theme belong to the document.
    fn dress(&self) {
        let Some(root) = gloo::utils::document().document_element() else { return };
        // These attributes are always allowed, so there is nothing to report.
        let _ = root.set_attribute("lang", self.state.speech.language.code());
        let _ = match self.state.theme {
            Theme::Auto => root.remove_attribute("data-theme"),
            Theme::Light => root.set_attribute("data-theme", "light"),
            Theme::Dark => root.set_attribute("data-theme", "dark"),
        };
    }

    fn key(&mut self, ctx: &Context<App>, event: &KeyboardEvent) -> bool {
        let key = event.key();
        if key == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            if self.rest.take().is_some() {
                self.take(ctx, Msg::EditNow);
            }
            self.take(ctx, Msg::Send);
            return true;
        }
        if let Some(back) = undo::asked(event) {
            return self.take_back(ctx, back, event);
        }
        if key == "F6" {
            event.prevent_default();
            next_panel(event.shift_key());
        }
        false
    }
}

impl App {
    /// Undoes or redoes a change of the open file, if its text has the focus.
    fn take_back(&mut self, ctx: &Context<App>, back: bool, event: &Event) -> bool {
        let file = self.state.open;
        let Some(field) = undo::focused(file) else { return false };
        event.prevent_default();
        let Some(text) = self.undo.step(&self.state.files[file].name, back) else { return false };
        undo::show(&field, text);
        let msg = Msg::Typed { file, text: text.to_string() };
        self.take(ctx, msg);
        true
    }
}
