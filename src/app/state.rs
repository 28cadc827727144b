//! The page's state, and its one reducer: a message in, the next state and its effects out. No DOM here: the root carries out the
//! effects (`root.rs`), so that this is tested without a browser.

pub use super::message::{Ask, Effect, Msg};

use super::dialogs::Open;
use super::examples::{self, Goal};
use super::growth::Growth;
use super::i18n::Speech;
use super::share::{Begun, Saved};
use super::stage_player::Start;
use super::text;
use crate::api::ObjectRef;
use crate::cluster::Change;
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::kubectl::SourceFile;
use crate::lesson::{GoalResult, Lesson};
use crate::scene::ItemId;
use crate::scene::view::{ClusterView, TargetOffer};
use crate::session::card::Card;
use crate::session::{BurstResult, ClusterReply, Command, Explained};
use crate::settings::Settings;
use crate::trace::{FieldRef, Source, Trace};
use crate::words::Message;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How many results the histogram remembers.
pub const REMEMBERED: usize = 100;

/// The seed of the opening request: it and the next two reach another Pod each, so that nobody takes a Service for a way to one Pod.
const FIRST_SEED: u64 = 7;

/// Colours of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Theme {
    /// As the system has it.
    #[default]
    Auto,
    Light,
    Dark,
}

/// What fills the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Screen {
    #[default]
    Playground,
    /// The list of lessons, or the open one.
    Lessons,
    /// The small player for an iframe.
    Embed,
}

/// Which panel a narrow page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Tab {
    #[default]
    Stage,
    Yaml,
    Kubectl,
    Results,
}

/// What the stage shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum View {
    /// Machines, and packets on their way.
    #[default]
    Cluster,
    /// Who refers to whom, and the port ladder.
    Objects,
}

/// Which table the dock shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Dock {
    Kubectl(&'static str),
    /// A node's rules.
    Rules,
}

/// The tables of the dock.
pub const TABLES: [&str; 4] = ["get svc -o wide", "get endpointslices", "get pods -o wide", "get ingresses"];

/// One thing that was done since the cluster's start.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Step {
    Text(Rc<Vec<SourceFile>>),
    Event(String),
}

/// A request that was traced, with the text that it was sent under.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Run {
    pub trace: Rc<Trace>,
    pub start: Start,
    pub lines: Rc<Vec<(FieldRef, Span)>>,
    pub files: Rc<Vec<SourceFile>>,
}

/// Everything that the page shows. Large parts are shared, so a clone is cheap.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct State {
    pub speech: Speech,
    pub theme: Theme,
    pub screen: Screen,
    pub tab: Tab,

    pub files: Rc<Vec<SourceFile>>,
    pub open: usize,
    pub revision: u64,
    pub example: String,
    /// Whether a person has changed the text.
    pub edited: bool,
    /// What was done with the last paste.
    pub notes: Rc<Vec<Diagnostic>>,
    /// The next change of the text is the page's own: a paste as it was mended.
    pub mending: bool,
    /// The cluster was started from an example's text, not from a person's.
    pub exemplary: bool,
    /// A paste that is to take the place of an example nobody has touched.
    pub pasting: Option<String>,
    /// An untouched example, and the text that was pasted in its place.
    pub swapped: Option<Rc<[Vec<SourceFile>; 2]>>,
    /// The text is another one altogether: it starts a cluster of its own.
    pub anew: bool,

    pub settings: Rc<Settings>,
    pub seed: u64,
    pub start: Rc<Vec<SourceFile>>,
    /// Everything that was done since, what was gone back from included.
    pub steps: Rc<Vec<Step>>,
    /// How many of the steps the cluster has behind it.
    pub at: usize,

    pub cluster: Option<Rc<ClusterReply>>,
    /// What the stage draws of it.
    pub view: Rc<ClusterView>,
    /// The last revision without an error.
    pub good: u64,
    /// The last ordered flow, and how often one came.
    pub changes: Rc<Vec<Change>>,
    pub flow: u64,
    /// The last flow that is not to be played any further: its end is shown.
    pub skipped: u64,
    /// So many seconds were waited for since something changed last.
    pub calm: u64,
    /// When it began, in virtual seconds.
    pub began: u64,

    pub from: Source,
    pub method: String,
    pub target: String,
    /// The target was never offered: a person typed it, and no edit takes it away.
    pub own_target: bool,
    /// The target was taken because the one before it was gone: nobody chose it.
    pub followed: bool,
    /// What this caller may call, once its list was opened.
    pub offers: Option<Rc<(Source, Vec<TargetOffer>)>>,
    /// Who called until a target was chosen that only another can mean.
    pub relieved: Option<Source>,
    /// Something was to be sent, and there was no URL.
    pub unaddressed: bool,
    pub next: u64,
    /// Requests go over one connection that stays open.
    pub keep_alive: bool,
    /// A request that waits for the cluster of the newest text.
    pub send_after: Option<Waiting>,
    /// Whether the person has done anything yet; until then the first request plays again and again.
    pub touched: bool,
    pub sending: bool,

    pub run: Option<Rc<Run>>,
    pub results: Rc<Vec<BurstResult>>,
    /// They were sent to different targets, or from different places.
    pub mixed: bool,
    /// The last hundred as they were sent together.
    pub burst: Rc<Vec<BurstResult>>,
    pub bursts: u64,

    pub shown: View,
    /// Where the fields of the Objects view stand.
    pub spots: Rc<BTreeMap<FieldRef, Span>>,
    pub dialog: Open,
    /// Keys of a single letter count on stage and timeline.
    pub letters: bool,
    pub explained: Option<Rc<Explained>>,
    pub growth: Option<Rc<Growth>>,
    pub selected: Option<ItemId>,
    /// More about a Service or Pod that was chosen.
    pub card: Option<Rc<Card>>,
    pub dock: Dock,
    /// Whose objects the tables list; empty: all.
    pub namespace: String,
    pub rules_of: String,
    pub table: Rc<(String, bool)>,

    pub lesson: Option<Rc<Course>>,
    /// How far the learner had come in the lesson that is being read.
    pub begun: Option<Rc<Begun>>,
    /// The playground as it was left for a lesson.
    pub shelf: Option<Rc<Saved>>,

    /// What is wrong with the link that the page was opened by: an id of words.
    pub stray: Option<&'static str>,
    pub ready: bool,
    pub fault: Option<String>,
}

/// The open lesson, and how far the learner is.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Course {
    pub id: &'static str,
    pub lesson: Lesson,
    /// The true option of the prediction.
    pub answer: Option<usize>,
    pub guess: Option<usize>,
    /// Whether the guess stands and the request was sent.
    pub confirmed: bool,
    /// One for each goal.
    pub results: Vec<GoalResult>,
    /// How many hints are open.
    pub hints: usize,
}

/// The lessons, in order: names of their folders.
pub const LESSONS: [&str; 3] = ["1-why-services", "2-nodeport-on-every-node", "3-one-ingress-two-services"];

/// What is sent once the cluster follows the text.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Waiting {
    /// To a target that is known only then.
    First(Goal),
    Next,
    Again,
}

impl State {
    /// The page on its first example.
    pub fn new() -> State {
        let files = Rc::new(vec![SourceFile { name: "cluster.yaml".into(), text: examples::FIRST.into() }]);
        State {
            speech: Speech::default(),
            theme: Theme::Auto,
            screen: Screen::Playground,
            tab: Tab::Stage,
            start: files.clone(),
            files,
            open: 0,
            revision: 1,
            example: "nodeport".into(),
            edited: false,
            notes: Rc::default(),
            mending: false,
            exemplary: true,
            pasting: None,
            swapped: None,
            anew: false,
            settings: Rc::default(),
            seed: 1,
            steps: Rc::default(),
            at: 0,
            cluster: None,
            view: Rc::default(),
            good: 0,
            changes: Rc::default(),
            flow: 0,
            skipped: 0,
            began: 0,
            calm: 0,
            from: Source::Internet,
            method: "GET".into(),
            target: "http://node-2:30080/".into(),
            own_target: false,
            followed: false,
            offers: None,
            relieved: None,
            unaddressed: false,
            next: FIRST_SEED + 1,
            keep_alive: false,
            send_after: Some(Waiting::Again),
            touched: false,
            sending: false,
            run: None,
            results: Rc::default(),
            mixed: false,
            burst: Rc::default(),
            bursts: 0,
            shown: View::Cluster,
            spots: Rc::default(),
            dialog: Open::Nothing,
            letters: true,
            explained: None,
            growth: None,
            selected: None,
            card: None,
            dock: Dock::Kubectl(TABLES[0]),
            namespace: String::new(),
            rules_of: "node-1".into(),
            table: Rc::default(),
            lesson: None,
            begun: None,
            shelf: None,
            stray: None,
            ready: false,
            fault: None,
        }
    }

    /// The command that starts a fresh cluster with the present text.
    pub fn reset(&self, events: Vec<String>) -> Command {
        let settings = Box::new((*self.settings).clone());
        Command::Reset { revision: self.revision, files: (*self.files).clone(), settings, seed: self.seed, events }
    }

    /// A fresh page opens: on the first example.
    pub fn arrive(&mut self) -> Vec<Effect> {
        self.update(Msg::Load(Box::new(State::opening())))
    }

    /// What a fresh page opens on.
    pub fn opening() -> Saved {
        State::new().saved()
    }

    /// Whether nothing was done yet that the draft should keep: the page stands as it opens.
    pub fn pristine(&self) -> bool {
        !self.touched && !self.edited && self.lesson.is_none() && self.steps.is_empty() && self.example == State::new().example
    }

    /// What a link or the draft keeps.
    pub fn saved(&self) -> Saved {
        let events = self.steps.iter().take(self.at).filter_map(|step| match step {
            Step::Event(event) => Some(event.clone()),
            Step::Text(_) => None,
        });
        Saved {
            files: (*self.files).clone(),
            settings: (*self.settings).clone(),
            seed: self.seed,
            events: events.collect(),
            from: self.from.to_string(),
            target: self.target.clone(),
            method: self.method.clone(),
            next: self.next,
            keep_alive: self.keep_alive,
            example: self.example.clone(),
            own: self.edited,
        }
    }

    /// The text as it was after so many steps.
    pub fn text_at(&self, at: usize) -> &Rc<Vec<SourceFile>> {
        let texts = self.steps.iter().take(at).rev();
        texts.filter_map(|step| if let Step::Text(files) = step { Some(files) } else { None }).next().unwrap_or(&self.start)
    }

    /// Words for a message.
    pub fn say(&self, message: &Message) -> String {
        self.speech.say(message)
    }

    /// The text of the open file.
    pub fn text(&self) -> &str {
        self.files.get(self.open).map_or("", |file| &file.text)
    }

    /// What the caller may call: as it was asked for, or as it comes with the cluster.
    pub fn offers(&self) -> &[TargetOffer] {
        match (&self.offers, &self.cluster) {
            (Some(offers), _) if offers.0 == self.from => &offers.1,
            (_, Some(cluster)) => &cluster.targets,
            _ => &[],
        }
    }

    /// A table's line for kubectl: of all namespaces, where the text has objects outside `default`, unless one of them is chosen.
    pub fn table_of(&self, line: &str) -> String {
        if self.has_namespaces() { self.among(line) } else { line.to_string() }
    }

    /// Whether the text has objects outside `default`.
    pub fn has_namespaces(&self) -> bool {
        let elsewhere = |object: &ObjectRef| !["", "default"].contains(&object.namespace.as_str());
        let documents = self.cluster.as_ref().map_or(&[][..], |cluster| &cluster.documents);
        documents.iter().any(|(object, _)| elsewhere(object))
    }

    #[inline(never)]
    fn among(&self, line: &str) -> String {
        match self.namespace.as_str() {
            "default" => line.to_string(),
            own if self.namespaces().iter().any(|known| known == own) => format!("{line} -n {own}"),
            _ => format!("{line} -A"),
        }
    }

    /// The namespaces of the text's objects, where there is a choice: `default` and others.
    pub fn namespaces(&self) -> Vec<String> {
        let documents = self.cluster.as_ref().map_or(&[][..], |cluster| &cluster.documents);
        let mut names: Vec<String> = documents.iter().map(|(object, _)| object.namespace.clone()).collect();
        names.retain(|name| !name.is_empty());
        names.push("default".into());
        names.sort();
        names.dedup();
        names
    }

    /// The findings of a severity.
    pub fn findings(&self, severity: Severity) -> impl Iterator<Item = &Diagnostic> {
        let diagnostics = self.cluster.as_ref().map_or(&[][..], |cluster| &cluster.diagnostics);
        diagnostics.iter().filter(move |diagnostic| diagnostic.severity == severity)
    }

    /// What became of a text that holds errors: the words that say so, and how many of its objects run as written.
    pub fn standing(&self) -> (&'static str, usize) {
        let Some(cluster) = &self.cluster else { return ("banner.kept", 0) };
        let refused = |object: &ObjectRef| self.findings(Severity::Error).any(|error| error.object.as_ref() == Some(object));
        let applied = cluster.documents.iter().filter(|(object, _)| !refused(object)).count();
        let words = match (cluster.torn, applied) {
            (true, 0) => "banner.kept",
            (true, _) => "banner.torn",
            (false, 0) => "banner.none",
            (false, _) => "banner.rest",
        };
        (words, applied)
    }

    /// Where fields stand that made a hop so, the most telling first, in the text as it is now; each line once.
    pub fn causes(&self, because: &[FieldRef]) -> Vec<Span> {
        let Some(run) = &self.run else { return Vec::new() };
        let mut spans: Vec<Span> = because.iter().filter_map(|field| self.line_of(run, field)).collect();
        let mut seen = Vec::new();
        spans.retain(|span| {
            let key = (span.file.clone(), span.line);
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
        spans
    }

    /// Where a field that a trace cites stands now: the text may have been edited since.
    pub fn line_of(&self, run: &Run, field: &FieldRef) -> Option<Span> {
        let (_, span) = run.lines.iter().find(|(known, _)| known == field)?;
        if Rc::ptr_eq(&run.files, &self.files) {
            return Some(span.clone());
        }
        let old = run.files.iter().find(|file| file.name == span.file)?;
        let new = self.files.iter().find(|file| file.name == span.file)?;
        let line = text::line_now(&old.text, &new.text, span.line)?;
        Some(Span { line, end_line: line + span.end_line.saturating_sub(span.line), ..span.clone() })
    }
}

impl Default for State {
    fn default() -> State {
        State::new()
    }
}
