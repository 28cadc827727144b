//! The one reducer: a message in, the next state and its effects out. No DOM, so it is tested without a browser.

use super::examples::Goal;
use super::share::Saved;
use super::stage_player::Start;
use super::state::{Ask, Course, Dock, Effect, Msg, REMEMBERED, Run, Screen, State, Step, Tab, Waiting};
use super::text;
use crate::diagnostic::{Fix, Severity};
use crate::kubectl::SourceFile;
use crate::lesson::Lesson;
use crate::random::Seed;
use crate::scene::ItemId;
use crate::session::{BurstResult, ClusterReply, Command, Reply};
use crate::trace::{Request, Source, Trace};
use std::rc::Rc;

impl State {
    fn request(&self, seed: u64) -> Request {
        Request {
            from: self.from.clone(),
            target: self.target.trim().to_string(),
            method: self.method.clone(),
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
            Msg::OpenLesson(_) | Msg::LessonText(..) | Msg::Guess(_) | Msg::Confirm | Msg::Hint => self.learn(msg),
            Msg::Act(_) | Msg::Rewind(_) => self.act(msg),
            Msg::From(_) | Msg::Target(_) | Msg::Offer(..) | Msg::Method(_) | Msg::Send | Msg::Replay | Msg::Burst => {
                self.compose(msg)
            }
            Msg::Ready | Msg::Replied(..) | Msg::Restored(_) | Msg::Fault(_) | Msg::DismissFault => self.hear(msg),
            Msg::Select(_) | Msg::Dock(_) | Msg::RulesOf(_) => self.look(msg),
        }
    }

    fn choose(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Words(speech) => self.speech = speech,
            Msg::Language(language) => return vec![Effect::FetchWords(language)],
            Msg::Theme(theme) => self.theme = theme,
            Msg::Show(screen) => {
                self.screen = screen;
                if self.lesson.take().is_some() {
                    let shelf = self.shelf.take().map_or_else(|| State::new().saved(), |shelf| (*shelf).clone());
                    return self.update(Msg::Load(Box::new(shelf)));
                }
            }
            Msg::Tab(tab) => self.tab = tab,
            _ => {}
        }
        vec![Effect::Save]
    }

    fn edit(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Typed { file, text } => {
                let Some(there) = Rc::make_mut(&mut self.files).get_mut(file) else { return Vec::new() };
                if there.text == text {
                    return Vec::new();
                }
                there.text = text;
                self.edited = true;
                self.revision += 1;
                self.notes = Rc::default();
                vec![Effect::EditSoon, Effect::Save]
            }
            Msg::EditNow => {
                let steps = Rc::make_mut(&mut self.steps);
                if matches!(steps.last(), Some(Step::Text(_))) {
                    steps.pop();
                }
                steps.push(Step::Text(self.files.clone()));
                let mut effects =
                    vec![Effect::Ask(Ask::Cluster, Command::Edit { revision: self.revision, files: (*self.files).clone() })];
                effects.extend(self.grade());
                effects
            }
            Msg::OpenFile(file) => {
                self.open = file.min(self.files.len().saturating_sub(1));
                Vec::new()
            }
            Msg::AddFile => {
                self.add_files(vec![SourceFile { name: text::free_name(&self.files, "new.yaml"), text: String::new() }])
            }
            Msg::Dropped(files) => self.add_files(files),
            Msg::CloseFile(file) => {
                if self.files.len() < 2 || file >= self.files.len() {
                    return Vec::new();
                }
                Rc::make_mut(&mut self.files).remove(file);
                self.open = self.open.min(self.files.len() - 1);
                self.revision += 1;
                vec![Effect::EditSoon, Effect::Save]
            }
            Msg::Pasted { start, end, text } => {
                // The engine sees what stands before the paste, and so knows whether a new document begins.
                let mut into = (*self.files).clone();
                into.truncate(self.open + 1);
                if let Some(here) = into.last_mut() {
                    here.text = text::before(&here.text, start);
                }
                into.rotate_right(1);
                vec![Effect::Ask(Ask::Paste(start, end), Command::Paste { text, into })]
            }
            Msg::Insert(snippet) => {
                let body = text::unused_name(snippet, &self.files);
                self.append(&body)
            }
            Msg::Fix(fix) => self.fix(fix),
            Msg::FixAndSend(fix) => {
                self.send_after = Some(Waiting::Again);
                self.fix(fix)
            }
            Msg::Line(span) => {
                if let Some(file) = self.files.iter().position(|file| file.name == span.file) {
                    self.open = file;
                }
                self.tab = Tab::Yaml;
                vec![Effect::ShowLine(span.line)]
            }
            Msg::DismissNote => {
                self.notes = Rc::default();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn add_files(&mut self, files: Vec<SourceFile>) -> Vec<Effect> {
        if files.is_empty() {
            return Vec::new();
        }
        let mine = Rc::make_mut(&mut self.files);
        for mut file in files {
            file.name = text::free_name(mine, &file.name);
            mine.push(file);
        }
        self.open = mine.len() - 1;
        self.revision += 1;
        self.tab = Tab::Yaml;
        vec![Effect::EditSoon, Effect::Save]
    }

    fn append(&mut self, body: &str) -> Vec<Effect> {
        let old = self.text();
        let end = text::utf16_len(old);
        vec![Effect::Splice { file: self.open, start: end, end, text: text::as_next_document(old, body) }]
    }

    fn fix(&mut self, fix: Fix) -> Vec<Effect> {
        let Some(span) = fix.span else { return self.append(&fix.text) };
        let Some(file) = self.files.iter().position(|file| file.name == span.file) else { return Vec::new() };
        self.open = file;
        let text = &self.files[file].text;
        let (start, end) = (text::offset(text, span.line, span.column), text::offset(text, span.end_line, span.end_column));
        vec![Effect::Splice { file, start, end, text: fix.text }]
    }

    fn restart(&mut self, msg: Msg) -> Vec<Effect> {
        let mut effects = Vec::new();
        match msg {
            Msg::Reset => {
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
                if let Goal::Url(url) = example.target {
                    self.target = url.into();
                }
                self.settings = Rc::default();
                self.send_after = Some(Waiting::First(example.target));
            }
            Msg::Load(saved) => {
                let events = saved.events.clone();
                self.load(*saved);
                return self.begin(events);
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
        self.method = if saved.method.is_empty() { "GET".into() } else { saved.method };
        self.next = saved.next.max(1);
        self.example = saved.example;
        self.edited = saved.own;
        self.send_after = (!self.target.is_empty()).then_some(Waiting::Next);
    }

    /// A fresh cluster with the present text.
    fn begin(&mut self, events: Vec<String>) -> Vec<Effect> {
        self.revision += 1;
        self.start = self.files.clone();
        self.steps = Rc::new(events.iter().cloned().map(Step::Event).collect());
        self.run = None;
        self.selected = None;
        self.results = Rc::default();
        self.notes = Rc::default();
        vec![Effect::Ask(Ask::Cluster, self.reset(events)), Effect::Save]
    }

    fn learn(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::OpenLesson(id) => return vec![Effect::FetchLesson(id)],
            Msg::LessonText(id, files) => {
                let [lesson, start, solution] = *files;
                return vec![Effect::Ask(Ask::Lesson(id), Command::Lesson { lesson, start, solution })];
            }
            Msg::Guess(option) => self.course(|course| course.guess = (!course.confirmed).then_some(option).or(course.guess)),
            Msg::Confirm => {
                self.course(|course| course.confirmed = true);
                return self.send();
            }
            Msg::Hint => self.course(|course| course.hints += 1),
            _ => {}
        }
        Vec::new()
    }

    fn course(&mut self, change: impl FnOnce(&mut Course)) {
        if let Some(course) = &mut self.lesson {
            change(Rc::make_mut(course));
        }
    }

    /// The lesson's start in the editor; nothing is sent before the learner has guessed.
    fn begin_lesson(&mut self, id: &'static str, lesson: Lesson, answer: Option<usize>) -> Vec<Effect> {
        if self.lesson.is_none() {
            self.shelf = Some(Rc::new(self.saved()));
        }
        self.screen = Screen::Lessons;
        self.files = Rc::new(vec![SourceFile { name: "cluster.yaml".into(), text: lesson.start.clone() }]);
        self.open = 0;
        self.edited = false;
        self.settings = Rc::new(lesson.cluster.clone());
        let call = &lesson.prediction.call;
        self.from = if call.from.is_empty() { Source::Internet } else { call.from.parse().unwrap_or_default() };
        self.target = call.target.clone();
        self.method = "GET".into();
        self.next = 1;
        self.send_after = None;
        self.lesson = Some(Rc::new(Course { id, lesson, answer, guess: None, confirmed: false, results: Vec::new(), hints: 0 }));
        let mut effects = self.begin(Vec::new());
        effects.extend(self.grade());
        effects
    }

    fn grade(&self) -> Option<Effect> {
        let course = self.lesson.as_ref()?;
        Some(Effect::Ask(Ask::Grade, Command::Grade { lesson: Box::new(course.lesson.clone()), files: (*self.files).clone() }))
    }

    fn act(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Act(event) => {
                Rc::make_mut(&mut self.steps).push(Step::Event(event.clone()));
                vec![Effect::Ask(Ask::Cluster, Command::Act { event }), Effect::Save]
            }
            Msg::Rewind(keep) => self.rewind(keep),
            _ => Vec::new(),
        }
    }

    /// Back to an earlier state: everything is deterministic, so the first `keep` steps are played again.
    fn rewind(&mut self, keep: usize) -> Vec<Effect> {
        Rc::make_mut(&mut self.steps).truncate(keep);
        self.revision += 1;
        let files = self.steps.iter().rev().find_map(|step| match step {
            Step::Text(files) => Some(files.clone()),
            Step::Event(_) => None,
        });
        self.files = files.unwrap_or_else(|| self.start.clone());
        self.open = self.open.min(self.files.len().saturating_sub(1));
        let (revision, settings) = (self.revision, Box::new((*self.settings).clone()));
        let mut commands =
            vec![Command::Reset { revision, files: (*self.start).clone(), settings, seed: self.seed, events: Vec::new() }];
        commands.extend(self.steps.iter().map(|step| match step {
            Step::Text(files) => Command::Edit { revision, files: (**files).clone() },
            Step::Event(event) => Command::Act { event: event.clone() },
        }));
        let last = commands.len() - 1;
        let ask = |index| if index == last { Ask::Cluster } else { Ask::Passing };
        let mut effects: Vec<Effect> =
            commands.into_iter().enumerate().map(|(index, command)| Effect::Ask(ask(index), command)).collect();
        effects.push(Effect::Save);
        effects
    }

    fn compose(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::From(source) => self.from = source,
            Msg::Target(target) => self.target = target,
            Msg::Offer(target, from) => {
                self.target = target;
                if let Some(from) = from.and_then(|from| from.parse().ok()) {
                    self.from = from;
                }
            }
            Msg::Method(method) => self.method = method,
            Msg::Send => return self.send(),
            Msg::Replay => return self.send_with(self.next.saturating_sub(1).max(1)),
            Msg::Burst => {
                if self.target.trim().is_empty() {
                    return Vec::new();
                }
                let request = self.request(self.next);
                self.next += REMEMBERED as u64;
                return vec![Effect::Ask(Ask::Burst, Command::Burst { request, count: REMEMBERED as u32 }), Effect::Save];
            }
            _ => {}
        }
        vec![Effect::Save]
    }

    fn send(&mut self) -> Vec<Effect> {
        let seed = self.next;
        self.next += 1;
        self.send_with(seed)
    }

    fn send_with(&mut self, seed: u64) -> Vec<Effect> {
        let locked = self.lesson.as_ref().is_some_and(|course| !course.confirmed);
        if locked || self.target.trim().is_empty() {
            return Vec::new();
        }
        self.sending = true;
        self.selected = None;
        vec![Effect::Ask(Ask::Send, Command::Send { request: self.request(seed) }), Effect::Save]
    }

    fn hear(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Ready => {
                self.ready = true;
                Vec::new()
            }
            Msg::Fault(words) => {
                self.fault = Some(words);
                self.sending = false;
                self.send_after = None;
                Vec::new()
            }
            Msg::DismissFault => {
                self.fault = None;
                Vec::new()
            }
            Msg::Restored(reply) | Msg::Replied(Ask::Cluster, reply) => match reply {
                Reply::Cluster(cluster) => self.take_cluster(*cluster),
                _ => Vec::new(),
            },
            Msg::Replied(Ask::Send, Reply::Trace(reply)) => {
                self.sending = false;
                let lines = reply.lines.into_iter().collect();
                self.remember(&reply.trace);
                let start = if self.touched { Start::Once } else { Start::Idle };
                self.run = Some(Rc::new(Run { trace: Rc::new(reply.trace), lines, files: self.files.clone(), start }));
                Vec::new()
            }
            Msg::Replied(Ask::Burst, Reply::Burst(reply)) => {
                self.burst = Rc::new(reply.results);
                self.results = self.burst.clone();
                self.bursts += 1;
                Vec::new()
            }
            Msg::Replied(Ask::Dock(dock), Reply::Text { text, failed }) => {
                if dock == self.dock {
                    self.table = Rc::new((text, failed));
                }
                Vec::new()
            }
            Msg::Replied(Ask::Lesson(id), Reply::Lesson { lesson, answer }) => self.begin_lesson(id, *lesson, answer),
            Msg::Replied(Ask::Grade, Reply::Graded { results }) => {
                if let Some(course) = &mut self.lesson {
                    Rc::make_mut(course).results = results;
                }
                Vec::new()
            }
            Msg::Replied(Ask::Paste(start, end), Reply::Pasted { text, notes }) => {
                self.notes = Rc::new(notes);
                vec![Effect::Splice { file: self.open, start, end, text }]
            }
            _ => {
                self.sending = false;
                Vec::new()
            }
        }
    }

    fn remember(&mut self, trace: &Trace) {
        let results = Rc::make_mut(&mut self.results);
        if results.len() >= REMEMBERED {
            results.remove(0);
        }
        results.push(BurstResult { verdict: trace.verdict, status: trace.status, pod: trace.pod.clone() });
    }

    fn take_cluster(&mut self, mut cluster: ClusterReply) -> Vec<Effect> {
        if cluster.revision == 0 {
            // An action changes no text.
            cluster.revision = self.cluster.as_ref().map_or(0, |before| before.revision);
        }
        let same = self.cluster.as_ref().is_some_and(|before| before.view == cluster.view);
        if !same {
            // A trace belongs to the cluster that it ran in.
            self.run = None;
            self.results = Rc::default();
        }
        if !cluster.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            self.good = cluster.revision;
        }
        if !same && self.cluster.is_some() {
            self.changes = Rc::new(cluster.changes.clone());
            self.flow += 1;
        }
        self.follow(&cluster);
        if self.selected.as_ref().is_some_and(|item| !shows(&cluster, item)) {
            self.selected = None;
        }
        if !same {
            self.view = Rc::new(cluster.view.clone());
        }
        self.cluster = Some(Rc::new(cluster));
        let mut effects = self.ask_dock();
        match self.send_after.take() {
            Some(Waiting::First(goal)) => {
                let offers = self.cluster.as_ref().map_or(&[][..], |cluster| &cluster.targets);
                if let Some(target) = goal.pick(offers) {
                    self.target = target;
                    effects.extend(self.send());
                }
            }
            Some(Waiting::Next) => effects.extend(self.send()),
            Some(Waiting::Again) => effects.extend(self.send_with(self.next.saturating_sub(1).max(1))),
            None => {}
        }
        effects
    }

    /// A target that was offered and is gone with the edit makes way for its nearest kin.
    fn follow(&mut self, cluster: &ClusterReply) {
        let Some(before) = &self.cluster else { return };
        let offered = |cluster: &ClusterReply, target: &str| cluster.targets.iter().any(|offer| offer.target == target);
        let broken = cluster.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        if broken || before.revision == cluster.revision || !offered(before, &self.target) || offered(cluster, &self.target) {
            return;
        }
        let host = |target: &str| target.rsplit_once(':').map(|(host, _)| host.to_string());
        let works = || cluster.targets.iter().filter(|offer| offer.fails.is_none());
        let kin = works().find(|offer| host(&offer.target) == host(&self.target));
        if let Some(offer) = kin.or_else(|| works().next()).or(cluster.targets.first()) {
            self.target = offer.target.clone();
            self.from = offer.from.as_ref().and_then(|from| from.parse().ok()).unwrap_or_default();
        }
    }

    fn ask_dock(&mut self) -> Vec<Effect> {
        let command = match &self.dock {
            Dock::Kubectl(line) => Command::Kubectl { line: line.to_string() },
            Dock::Rules => Command::Rules { node: self.rules_of.clone() },
        };
        vec![Effect::Ask(Ask::Dock(self.dock.clone()), command)]
    }

    fn look(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Select(item) => self.selected = item,
            Msg::Dock(dock) => {
                self.dock = dock;
                self.table = Rc::default();
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

/// Whether the stage still shows a thing.
fn shows(cluster: &ClusterReply, item: &ItemId) -> bool {
    let view = &cluster.view;
    match item {
        ItemId::Pod(namespace, name) => view.pods.iter().any(|pod| pod.namespace == *namespace && pod.name == *name),
        ItemId::Node(name) | ItemId::Rules(name) | ItemId::Gate(name, ..) => view.nodes.iter().any(|node| node.name == *name),
        ItemId::Service(namespace, name) => {
            view.services.iter().any(|service| service.namespace == *namespace && service.name == *name)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;
    use crate::diagnostic::Span;
    use crate::scene::view::ClusterView;
    use crate::words::Message;

    fn cluster(revision: u64, pod_cidr: &str) -> Reply {
        let view = ClusterView { pod_cidr: pod_cidr.into(), ..ClusterView::default() };
        let reply = ClusterReply {
            revision,
            view,
            diagnostics: Vec::new(),
            changes: Vec::new(),
            targets: Vec::new(),
            now: 0,
            documents: Vec::new(),
        };
        Reply::Cluster(Box::new(reply))
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
        assert_eq!(sends(&state.update(Msg::Replied(Ask::Cluster, cluster(1, "a")))), [1]);
        assert_eq!(sends(&state.update(Msg::Replied(Ask::Cluster, cluster(2, "a")))), [0; 0]);
    }

    #[test]
    fn each_send_draws_the_next_seed_and_only_replay_repeats_one() {
        let mut state = State::new();
        let seeds: Vec<u64> =
            [Msg::Send, Msg::Send, Msg::Replay, Msg::Send].into_iter().flat_map(|msg| sends(&state.update(msg))).collect();
        assert_eq!(seeds, [1, 2, 2, 3]);
    }

    #[test]
    fn a_trace_is_not_shown_in_a_cluster_that_it_did_not_run_in() {
        let mut state = State::new();
        state.update(Msg::Replied(Ask::Cluster, cluster(1, "a")));
        let trace: Trace = serde_json::from_value(serde_json::json!({
            "request": {"from": "internet", "target": "x"}, "verdict": "timeout", "hops": [], "assumptions": [], "calls": []
        }))
        .unwrap();
        state.update(Msg::Replied(Ask::Send, Reply::Trace(Box::new(crate::session::TraceReply { trace, lines: Vec::new() }))));
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
        assert_eq!(asked, [&Ask::Passing, &Ask::Cluster]);
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
}
