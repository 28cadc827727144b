//! The one reducer: a message in, the next state and its effects out. No DOM, so it is tested without a browser.

mod edit;
mod heard;
mod lesson;

use self::heard::offers;
use super::examples::Goal;
use super::growth::Growth;
use super::share::Saved;
use super::state::{Ask, Effect, Msg, REMEMBERED, Run, State, Step, Tab, Waiting};
use crate::kubectl::SourceFile;
use crate::random::Seed;
use crate::session::Command;
use crate::trace::{Request, Source};
use std::rc::Rc;

impl State {
    fn request(&self, seed: u64) -> Request {
        Request {
            from: self.from.clone(),
            target: self.target.trim().to_string(),
            method: self.method.clone(),
            keep_alive: self.keep_alive,
            seed: Seed(seed),
            ..Request::default()
        }
    }

    /// The next state, in place, and what is to be done about it.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        self.touched |= matches!(msg, Msg::Send | Msg::Replay | Msg::Burst | Msg::Typed { .. } | Msg::Act(_) | Msg::Select(_));
        match msg {
            Msg::Words(_) | Msg::Language(_) | Msg::Theme(_) | Msg::Show(_) | Msg::Tab(_) => self.choose(msg),
            Msg::Typed { .. }
            | Msg::EditNow
            | Msg::OpenFile(_)
            | Msg::AddFile
            | Msg::CloseFile(_)
            | Msg::Dropped(_)
            | Msg::Pasted { .. }
            | Msg::Insert(_)
            | Msg::Fix(_)
            | Msg::FixAndSend(_)
            | Msg::Line(_)
            | Msg::DismissNote => self.edit(msg),
            Msg::Reset | Msg::Example(_) | Msg::ExampleText(..) | Msg::Load(_) | Msg::Settings(_) => self.restart(msg),
            Msg::OpenLesson(_) | Msg::LessonAnew(_) | Msg::LessonText(..) | Msg::Guess(_) | Msg::Confirm | Msg::Hint => {
                self.learn(msg)
            }
            Msg::Act(_) | Msg::Skip | Msg::Rewind(_) | Msg::Again => self.act(msg),
            Msg::From(_)
            | Msg::Target(_)
            | Msg::Offers
            | Msg::Offer(..)
            | Msg::Method(_)
            | Msg::KeepAlive
            | Msg::Send
            | Msg::Replay
            | Msg::Burst => self.compose(msg),
            Msg::Ready | Msg::Replied(..) | Msg::Restored(_) | Msg::Fault(_) | Msg::DismissFault | Msg::DismissStray => {
                self.hear(msg)
            }
            Msg::View(_)
            | Msg::Open(_)
            | Msg::Letters
            | Msg::Explain(_)
            | Msg::Growth(_)
            | Msg::Select(_)
            | Msg::Dock(_)
            | Msg::RulesOf(_)
            | Msg::Namespace(_) => self.look(msg),
        }
    }

    #[inline(never)]
    fn choose(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Words(speech) => self.speech = speech,
            Msg::Language(language) => return vec![Effect::FetchWords(language)],
            Msg::Theme(theme) => self.theme = theme,
            Msg::Show(screen) => {
                self.screen = screen;
                if self.lesson.is_some() {
                    let kept = self.keep_lesson();
                    self.lesson = None;
                    let shelf = self.shelf.take().map_or_else(|| State::new().saved(), |shelf| (*shelf).clone());
                    let mut effects = self.update(Msg::Load(Box::new(shelf)));
                    effects.extend(kept);
                    return effects;
                }
            }
            Msg::Tab(tab) => self.tab = tab,
            _ => {}
        }
        vec![Effect::Save]
    }

    #[inline(never)]
    fn restart(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Load(saved) => {
                let events = saved.events.clone();
                self.load(*saved);
                self.begin(events)
            }
            _ => self.start_over(msg),
        }
    }

    #[inline(never)]
    fn start_over(&mut self, msg: Msg) -> Vec<Effect> {
        self.stray = None;
        let mut effects = Vec::new();
        match msg {
            Msg::Reset => {
                self.fault = None;
                self.send_after = Some(Waiting::Again);
            }
            Msg::Settings(settings) => {
                self.settings = Rc::new(*settings);
                self.send_after = self.run.is_some().then_some(Waiting::Again);
            }
            Msg::Example(example) => {
                return vec![Effect::FetchExample(example)];
            }
            Msg::ExampleText(example, body) => {
                effects.extend(self.part_with_own());
                self.files = Rc::new(vec![SourceFile { name: "cluster.yaml".into(), text: body }]);
                self.open = 0;
                self.example = example.id.into();
                self.from = example.from.parse().unwrap_or_default();
                self.method = "GET".into();
                self.keep_alive = false;
                if let Goal::Url(url) = example.target {
                    self.target = url.into();
                }
                (self.own_target, self.followed) = (true, false);
                self.settings = Rc::default();
                self.send_after = Some(Waiting::First(example.target));
            }
            _ => {}
        }
        effects.extend(self.begin(Vec::new()));
        effects
    }

    /// Another text takes the place of the learner's own, which is kept apart.
    fn part_with_own(&mut self) -> Option<Effect> {
        let own = std::mem::take(&mut self.edited) && self.lesson.is_none();
        own.then(|| Effect::KeepOwn(Box::new(Saved { own: true, ..self.saved() })))
    }

    fn load(&mut self, saved: Saved) {
        self.files = Rc::new(saved.files);
        if self.files.is_empty() {
            self.files = Rc::new(vec![SourceFile { name: "cluster.yaml".into(), text: String::new() }]);
        }
        self.open = 0;
        self.settings = Rc::new(saved.settings);
        self.seed = saved.seed;
        self.from = saved.from.parse().unwrap_or_default();
        self.target = saved.target;
        (self.own_target, self.followed) = (true, false);
        self.method = if saved.method.is_empty() { "GET".into() } else { saved.method };
        self.next = saved.next.max(1);
        self.keep_alive = saved.keep_alive;
        self.example = saved.example;
        self.edited = saved.own;
        // The request that was shown last comes back as well.
        let waits = if self.next > 1 { Waiting::Again } else { Waiting::Next };
        self.send_after = (!self.target.is_empty()).then_some(waits);
    }

    /// A fresh cluster with the present text.
    fn begin(&mut self, events: Vec<String>) -> Vec<Effect> {
        self.revision += 1;
        self.start = self.files.clone();
        self.exemplary = !self.edited;
        (self.anew, self.swapped) = (false, None);
        self.steps = Rc::new(events.iter().cloned().map(Step::Event).collect());
        self.at = self.steps.len();
        self.run = None;
        self.selected = None;
        self.count_anew();
        self.notes = Rc::default();
        vec![Effect::Ask(Ask::Cluster, self.reset(events)), Effect::Save]
    }

    #[inline(never)]
    fn act(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Act(event) => {
                self.step(Step::Event(event.clone()));
                vec![Effect::Ask(Ask::Cluster, Command::Act { event }), Effect::Save]
            }
            Msg::Rewind(keep) => self.rewind(keep),
            Msg::Again => {
                self.send_after = Some(Waiting::Again);
                Vec::new()
            }
            Msg::Skip => {
                self.skipped = self.flow;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Something new was done: what was gone back from is given up.
    fn step(&mut self, step: Step) {
        let steps = Rc::make_mut(&mut self.steps);
        steps.truncate(self.at);
        steps.push(step);
        self.at = steps.len();
    }

    /// To another state of the past, or forward again: everything is deterministic, so the first `at` steps are played anew.
    fn rewind(&mut self, at: usize) -> Vec<Effect> {
        self.at = at.min(self.steps.len());
        self.revision += 1;
        self.files = self.text_at(self.at).clone();
        self.open = self.open.min(self.files.len().saturating_sub(1));
        let (revision, settings) = (self.revision, Box::new((*self.settings).clone()));
        let mut commands =
            vec![Command::Reset { revision, files: (*self.start).clone(), settings, seed: self.seed, events: Vec::new() }];
        commands.extend(self.steps.iter().take(self.at).map(|step| match step {
            Step::Text(files) => Command::Edit { revision, files: (**files).clone() },
            Step::Event(event) => Command::Act { event: event.clone() },
        }));
        let last = commands.len() - 1;
        let ask = |index| if index == last { Ask::Past } else { Ask::Passing };
        let mut effects: Vec<Effect> =
            commands.into_iter().enumerate().map(|(index, command)| Effect::Ask(ask(index), command)).collect();
        effects.push(Effect::Save);
        effects
    }

    #[inline(never)]
    fn compose(&mut self, msg: Msg) -> Vec<Effect> {
        if matches!(msg, Msg::From(_) | Msg::Target(_) | Msg::Offer(..)) {
            self.followed = false;
            self.relieved = None;
        }
        match msg {
            Msg::Offers => return vec![Effect::Ask(Ask::Offers, Command::Offers { from: self.from.clone() })],
            Msg::From(source) => {
                self.from = source;
                return vec![Effect::Ask(Ask::Offers, Command::Offers { from: self.from.clone() }), Effect::Save];
            }
            Msg::Target(target) => {
                self.own_target = self.cluster.as_ref().is_none_or(|cluster| !offers(cluster, &target));
                self.target = target;
                self.unaddressed = false;
            }
            Msg::Offer(target, from) => {
                self.target = target;
                self.own_target = false;
                self.unaddressed = false;
                // Who was chosen to call stays, but where the target means nothing from there. Only a list that was asked for this
                // caller knows that; the one that comes with the cluster is for a client outside.
                let knows = self.from == Source::Internet || self.offers.as_ref().is_some_and(|offers| offers.0 == self.from);
                if let Some(from) = from.and_then(|from| from.parse().ok()).filter(|from| knows && *from != self.from) {
                    self.relieved = Some(std::mem::replace(&mut self.from, from));
                }
            }
            Msg::Method(method) => self.method = method,
            Msg::KeepAlive => {
                self.keep_alive = !self.keep_alive;
                // Counted apart: what was sent before went another way.
                self.count_anew();
            }
            Msg::Send => return self.send(),
            Msg::Replay => return self.send_with(self.next.saturating_sub(1).max(1)),
            Msg::Burst => {
                if !self.may_send() {
                    return Vec::new();
                }
                let request = self.request(self.next);
                // The dots need a way to run along: one of the hundred is traced, unless such a trace is shown already.
                let shown = |run: &Run| run.trace.request.target == request.target && run.trace.request.from == request.from;
                let mut effects = if self.run.as_deref().is_some_and(shown) { Vec::new() } else { self.send_with(self.next) };
                self.next += REMEMBERED as u64;
                effects.push(Effect::Ask(Ask::Burst, Command::Burst { request, count: REMEMBERED as u32 }));
                effects.push(Effect::Save);
                return effects;
            }
            _ => {}
        }
        vec![Effect::Save]
    }

    fn send(&mut self) -> Vec<Effect> {
        if !self.may_send() {
            return Vec::new();
        }
        let seed = self.next;
        self.next += 1;
        self.send_with(seed)
    }

    /// A lesson asks for a guess before anything is sent; and a request needs a URL, which the page then asks for.
    fn may_send(&mut self) -> bool {
        let locked = self.lesson.as_ref().is_some_and(|course| !course.confirmed);
        self.unaddressed = !locked && self.target.trim().is_empty();
        !locked && !self.unaddressed
    }

    fn send_with(&mut self, seed: u64) -> Vec<Effect> {
        if !self.may_send() {
            return Vec::new();
        }
        self.sending = true;
        self.skipped = self.flow;
        self.selected = None;
        vec![Effect::Ask(Ask::Send, Command::Send { request: self.request(seed) }), Effect::Save]
    }

    #[inline(never)]
    fn look(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::View(view) => {
                self.shown = view;
                return self.ask_lines();
            }
            Msg::Open(dialog) => self.dialog = dialog,
            Msg::Letters => {
                self.letters = !self.letters;
                return vec![Effect::Save];
            }
            Msg::Growth(request) => {
                let growth = Growth { request: *request, counted: Vec::new() };
                let ask = growth.next();
                self.growth = Some(Rc::new(growth));
                return ask;
            }
            Msg::Explain(what) => return vec![Effect::Ask(Ask::Explain, Command::Explain { what })],
            Msg::Select(item) => {
                // Where the tables stand in the inspector's place, they make way for what was chosen.
                if item.is_some() && self.tab == Tab::Kubectl {
                    self.tab = Tab::Stage;
                }
                self.selected = item;
                self.explained = None;
                return self.ask_card();
            }
            Msg::Dock(dock) => {
                self.dock = dock;
                self.table = Rc::default();
                return self.ask_dock();
            }
            Msg::Namespace(namespace) => {
                self.namespace = namespace;
                return self.ask_dock();
            }
            Msg::RulesOf(node) => {
                self.rules_of = node;
                return self.ask_dock();
            }
            _ => {}
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
