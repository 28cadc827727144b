//! One learner's session: commands in, replies out. The page's worker, the command line and the grader all speak through it.

pub mod card;
mod offers;
mod past;
mod rare;
mod rollout;
pub mod view;

use self::card::Card;
use crate::api::ObjectRef;
use crate::cluster::{Action, Change, Cluster, Outcome};
use crate::control_plane::Prune;
use crate::control_plane::apiserver::{Admission, is_unknown};
use crate::data_plane::{DataPlane, growth};
use crate::diagnostic::{Diagnostic, Finding, Severity, Span};
use crate::explain::{self, Explanation};
use crate::kubectl::{self, SourceFile};
use crate::lesson::{self, GoalResult, Lesson};
use crate::msg;
use crate::random::Seed;
use crate::scene::past::Past;
use crate::scene::view::{ClusterView, TargetOffer};
use crate::settings::{Mode, Settings};
use crate::trace::{FieldRef, Nuance, Request, Source, Trace, Verdict};
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;

/// What the page asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Command {
    /// The text changed: `kubectl apply --prune` of the whole text on the running cluster. The first one starts it.
    Edit { revision: u64, files: Vec<SourceFile> },
    /// A fresh cluster with these settings and the last text.
    Reset {
        revision: u64,
        files: Vec<SourceFile>,
        #[serde(with = "crate::settings::text")]
        settings: Box<Settings>,
        seed: u64,
        events: Vec<String>,
    },
    /// One event, as the command line's `--event` takes it: `pod/default/web-x delete`.
    Act { event: String },
    /// One request, traced.
    Send { request: Request },
    /// Many requests with seeds from the request's on; only verdicts are kept.
    Burst { request: Request, count: u32 },
    /// A node's rules as text.
    Rules { node: String },
    /// A kubectl table: `get pods -o wide`, without the word kubectl.
    Kubectl { line: String },
    /// Reads a lesson's three files.
    Lesson { lesson: String, start: String, solution: String },
    /// Which goals of a lesson these files reach.
    Grade { lesson: Box<Lesson>, files: Vec<SourceFile> },
    /// Mends a paste: the raw text in, the mended text and what was done out.
    Paste { text: String, into: Vec<SourceFile> },
    /// Why a request ends as it does, or a Pod gets no traffic.
    Explain { what: Asked },
    /// How many rules a request makes the kernels look at in a mode, with so many Services more.
    Growth { request: Request, mode: Mode, further: u32 },
    /// Where these fields stand in the text.
    Lines { fields: Vec<FieldRef> },
    /// What a caller may want to call, and whether it gets through.
    Offers { from: Source },
    /// What the card of a Service or Pod says beyond what the stage shows.
    Card { object: ObjectRef },
}

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Asked {
    /// Why a request ends as it does.
    Request(Box<Request>),
    /// Why a Pod gets traffic, or none: namespace and name.
    Pod(String, String),
}

/// What the engine answers; each reply belongs to the command sent before it. Large parts are shared: who looks ahead in a recording keeps a
/// copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Reply {
    /// After `Edit`, `Reset` and `Act`.
    Cluster(Rc<ClusterReply>),
    /// After `Send`.
    Trace(Box<TraceReply>),
    /// After `Burst`.
    Burst(BurstReply),
    /// After `Rules` and `Kubectl`.
    Text { text: String, failed: bool },
    /// After `Lesson`; `answer` is the true option of its prediction.
    Lesson { lesson: Box<Lesson>, answer: Option<usize> },
    /// After `Grade`: one for each goal.
    Graded { results: Vec<GoalResult> },
    /// After `Paste`.
    Pasted { text: String, notes: Vec<Diagnostic> },
    /// After `Explain`.
    Explained(Box<Explained>),
    /// After `Growth`: what was asked for, and the number of rules.
    Growth { request: Request, mode: Mode, further: u32, rules: u32 },
    /// After `Lines`: those that are written somewhere.
    Lines(Vec<(FieldRef, Span)>),
    /// After `Offers`: for whom, and what.
    Offers { from: Source, targets: Vec<TargetOffer> },
    /// After `Card`.
    Card(Box<Card>),
}

/// An explanation, with the lines of the fields that it cites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Explained {
    pub what: Asked,
    pub explanation: Explanation,
    pub lines: Vec<(FieldRef, Span)>,
}

/// The cluster after a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ClusterReply {
    /// Of the text that this answers.
    pub revision: u64,
    pub view: Rc<ClusterView>,
    #[serde(with = "rare")]
    pub diagnostics: Vec<Diagnostic>,
    /// How the cluster got here, in order.
    pub changes: Vec<Change>,
    /// What the changes found, step by step; nothing of a cluster's start, and of more changes than anybody follows.
    #[serde(with = "rare")]
    pub past: Vec<Past>,
    pub targets: Vec<TargetOffer>,
    /// Virtual seconds since the cluster's start.
    pub now: u64,
    /// Time alone will soon change something.
    pub restless: bool,
    /// A part of the text cannot be read, so nothing that is missing from it was deleted.
    pub torn: bool,
    /// Where each object's document begins.
    pub documents: Vec<(ObjectRef, Span)>,
}

/// One traced request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TraceReply {
    pub trace: Rc<Trace>,
    /// Where the cited fields stand in the text: the fields of `hops[i].because`, `calls`' and `advice`'s in order of appearance.
    pub lines: Rc<Vec<(FieldRef, Span)>>,
}

/// Many requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BurstReply {
    /// In order.
    pub results: Vec<BurstResult>,
}

/// How one of many requests ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct BurstResult {
    pub verdict: Verdict,
    pub status: Option<u16>,
    /// Namespace and name.
    pub pod: Option<(String, String)>,
    /// Known of what was traced.
    pub nuance: Nuance,
}

/// A running session: the text, the cluster that plays it, and the data plane that its nodes were programmed with.
#[derive(Clone, Debug, Default)]
pub struct Session {
    settings: Settings,
    seed: Seed,
    /// What reading and admitting the text found; kept, because an action changes the cluster but not the text.
    findings: Vec<Diagnostic>,
    torn: bool,
    running: Option<Running>,
    /// What is known of the last text's documents, so that an edit costs what it changes.
    reader: kubectl::Reader,
    admission: Admission,
}

#[derive(Clone, Debug)]
struct Running {
    cluster: Cluster,
    plane: DataPlane,
    restless: bool,
}

impl Session {
    /// Carries out one command.
    pub fn handle(&mut self, command: Command) -> Reply {
        match command {
            Command::Edit { revision, files } => {
                let follow = self.running.is_some();
                let (changes, past) = self.apply(&files, follow);
                self.cluster_reply(revision, changes, past)
            }
            Command::Reset { revision, files, settings, seed, events } => {
                // Settings come from links, too: what makes no cluster is named, and the usual one is played.
                let refused = settings.check().err();
                self.settings = if refused.is_some() { Settings::default() } else { *settings };
                self.seed = Seed(seed);
                // Who looked at a cluster before sees how the new one comes to be.
                let follow = self.running.take().is_some();
                let (mut changes, mut past) = self.apply(&files, follow);
                for event in self.settings.start.clone().iter().chain(&events) {
                    let done = u32::try_from(changes.len()).unwrap_or(u32::MAX);
                    let (more, before) = self.act(event);
                    past.extend(before.into_iter().map(|past| Past { step: past.step.saturating_add(done), ..past }));
                    changes.extend(more);
                }
                if !follow {
                    past.clear();
                }
                self.findings.extend(refused.map(refused_settings));
                self.cluster_reply(revision, changes, past)
            }
            Command::Act { event } => {
                let (changes, past) = self.act(&event);
                self.cluster_reply(0, changes, past)
            }
            Command::Send { request } => self.send(&request),
            Command::Explain { what } => self.explain(what),
            Command::Lines { fields } => match &self.running {
                Some(running) => Reply::Lines(lines(&running.cluster, &mut fields.iter())),
                None => not_running(),
            },
            Command::Offers { from } => match &self.running {
                Some(running) => {
                    let targets = offers::of(&running.cluster, &running.plane, Some(&from));
                    Reply::Offers { from, targets }
                }
                None => not_running(),
            },
            Command::Card { object } => match &self.running {
                Some(running) => Reply::Card(Box::new(card(&running.cluster, object))),
                None => not_running(),
            },
            Command::Burst { request, count } => self.burst(&request, count),
            Command::Growth { request, mode, further } => match &self.running {
                Some(running) => {
                    let rules = growth::rules_looked_at(&running.cluster, &request, mode, further.min(MOST_FURTHER));
                    Reply::Growth { request, mode, further, rules }
                }
                None => not_running(),
            },
            Command::Rules { node } => self.rules(&node),
            Command::Kubectl { line } => self.kubectl(&line),
            Command::Paste { text, into } => {
                let (text, notes) = kubectl::paste(&text, &into);
                Reply::Pasted { text, notes }
            }
            Command::Lesson { lesson, start, solution } => match Lesson::read(&lesson, &start, &solution) {
                Ok(lesson) => Reply::Lesson { answer: lesson.answer(), lesson: Box::new(lesson) },
                Err(why) => Reply::Text { text: why, failed: true },
            },
            Command::Grade { lesson, files } => Reply::Graded { results: lesson::grade(&lesson, &files) },
        }
    }

    /// The cluster, once something was applied.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.running.as_ref().map(|running| &running.cluster)
    }

    /// `kubectl apply --prune` of the whole text. A text that cannot be read to its end deletes nothing: what is missing from it
    /// may just be what cannot be read.
    fn apply(&mut self, files: &[SourceFile], follow: bool) -> (Vec<Change>, Vec<Past>) {
        let (manifests, mut findings) = self.reader.read(files);
        // kubectl prunes after no error (kubectl/pkg/cmd/apply/apply.go). Here only what may be any of the missing objects holds their
        // deletion up: a text that cannot be read, a document whose kind is half typed.
        let torn = findings.iter().any(|finding| finding.severity == Severity::Error && finding.object.is_none());
        let torn = torn || manifests.documents.iter().any(|document| is_unknown(document));
        let (before, plane) = match self.running.take() {
            Some(running) => (running.cluster, Some(running.plane)),
            None => (Cluster::new(self.settings.clone(), self.seed), None),
        };
        let manifests = Arc::new(manifests);
        let prune = if torn { Prune::Nothing } else { Prune::Missing };
        self.torn = torn;
        let mut outcome = before.apply_by(&mut self.admission, manifests, prune);
        let past = if follow { past::of(&before, &outcome) } else { Vec::new() };
        findings.append(&mut outcome.diagnostics);
        kubectl::old_ingress::offer(files, &mut findings);
        self.findings = findings;
        let changes = std::mem::take(&mut outcome.changes);
        self.run(outcome, plane);
        (changes, past)
    }

    fn act(&mut self, event: &str) -> (Vec<Change>, Vec<Past>) {
        let Ok(action) = Action::parse(event) else { return Default::default() };
        let Some(running) = self.running.take() else { return Default::default() };
        let mut outcome = running.cluster.act(&action);
        let past = past::of(&running.cluster, &outcome);
        if let Action::Delete(object) | Action::Replace(object) = &action
            && running.cluster.store.contains(object)
        {
            self.judge_again(object, &outcome);
        }
        let changes = std::mem::take(&mut outcome.changes);
        self.run(outcome, Some(running.plane));
        (changes, past)
    }

    /// What the API server said of a document while its object stood counts no longer: the object is gone, or was made anew.
    fn judge_again(&mut self, object: &ObjectRef, outcome: &Outcome) {
        let refusal = |finding: &Diagnostic| {
            let upstream = finding.severity == Severity::Error && matches!(finding.message, Finding::Upstream(_));
            upstream && finding.object.as_ref() == Some(object)
        };
        let before = self.findings.len();
        self.findings.retain(|finding| !refusal(finding));
        if self.findings.len() == before {
            return;
        }
        let mut found = self.admission.admit(&outcome.cluster.manifests).diagnostics;
        found.extend(outcome.diagnostics.iter().cloned());
        self.findings.extend(found.into_iter().filter(refusal));
    }

    fn run(&mut self, Outcome { cluster, restless, .. }: Outcome, before: Option<DataPlane>) {
        let plane = before.map_or_else(|| DataPlane::program(&cluster), |plane| plane.reprogram(&cluster));
        self.running = Some(Running { cluster, plane, restless });
    }

    fn cluster_reply(&self, revision: u64, changes: Vec<Change>, past: Vec<Past>) -> Reply {
        let Some(running) = &self.running else { return not_running() };
        let documents = &running.cluster.manifests.documents;
        let mut diagnostics = self.findings.clone();
        // What judges the running cluster is found anew: an action may have mended it, or broken it.
        diagnostics.extend(kubectl::advise::advise(&running.cluster));
        // What keeps something from working stands before what is only good to know.
        diagnostics.sort_by_key(|found| found.severity);
        let begin = |document: &Arc<kubectl::Manifest>| Some((document.object()?, document.spans.get("")?.clone()));
        Reply::Cluster(Rc::new(ClusterReply {
            revision,
            view: Rc::new(view::of(&running.cluster)),
            diagnostics,
            changes,
            past,
            targets: offers::of(&running.cluster, &running.plane, None),
            now: running.cluster.now,
            restless: running.restless,
            torn: self.torn,
            documents: documents.iter().filter_map(begin).collect(),
        }))
    }

    fn send(&mut self, request: &Request) -> Reply {
        let Some(running) = &mut self.running else { return not_running() };
        if !request.keep_alive {
            running.plane.hang_up();
        }
        let trace = running.plane.send(&running.cluster, request);
        let mut fields = Vec::new();
        cited(&trace, &mut fields);
        let lines = lines(&running.cluster, &mut fields.into_iter());
        Reply::Trace(Box::new(TraceReply { trace: Rc::new(trace), lines: Rc::new(lines) }))
    }

    fn explain(&self, what: Asked) -> Reply {
        let Some(Running { cluster, plane, .. }) = &self.running else { return not_running() };
        let explanation = match &what {
            // To ask leaves no connection behind.
            Asked::Request(request) => {
                let trace = plane.clone().send(cluster, request);
                explain::explain(cluster, request, &trace)
            }
            Asked::Pod(namespace, name) => explain::explain_pod(cluster, namespace, name),
        };
        let checks = explanation.checks.iter().flat_map(|check| &check.because);
        let lines = lines(cluster, &mut checks.chain(explanation.idle.iter().flat_map(|idle| &idle.because)));
        Reply::Explained(Box::new(Explained { what, explanation, lines }))
    }

    fn burst(&mut self, request: &Request, count: u32) -> Reply {
        let Some(running) = &mut self.running else { return not_running() };
        if !request.keep_alive {
            running.plane.hang_up();
        }
        let mut request = request.clone();
        let mut results = Vec::new();
        for _ in 0..count.min(MOST_IN_BURST) {
            let (verdict, status, pod) = running.plane.verdict(&running.cluster, &request);
            let pod = pod.map(|pod| (pod.metadata.namespace.clone(), pod.metadata.name.clone()));
            results.push(BurstResult { verdict, status, pod, nuance: Nuance::Plain });
            request.seed = Seed(request.seed.0.wrapping_add(1));
        }
        Reply::Burst(BurstReply { results })
    }

    fn rules(&self, node: &str) -> Reply {
        let Some(running) = &self.running else { return not_running() };
        match running.plane.rules_text(node) {
            Some(text) => Reply::Text { text, failed: false },
            None => Reply::Text { text: format!("Error from server (NotFound): nodes \"{node}\" not found"), failed: true },
        }
    }

    fn kubectl(&self, line: &str) -> Reply {
        let Some(running) = &self.running else { return not_running() };
        match kubectl::printers::run(&running.cluster, line) {
            Ok(text) => Reply::Text { text, failed: false },
            Err(text) => Reply::Text { text, failed: true },
        }
    }
}

fn card(cluster: &Cluster, object: ObjectRef) -> Card {
    let mut card = card::of(cluster, object);
    let lines = lines(cluster, &mut card.fields());
    card.lines = lines;
    card
}

/// More Services than this are not made up.
const MOST_FURTHER: u32 = 10_000;

/// A burst never asks for more; the command line counts for itself.
const MOST_IN_BURST: u32 = 10_000;

fn refused_settings(why: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        span: None,
        object: None,
        path: String::new(),
        message: Finding::Ours(msg!("session.settings", why = why)),
        help: None,
        fixes: Vec::new(),
    }
}

fn not_running() -> Reply {
    Reply::Text { text: "the cluster has not been started: send Edit or Reset first".into(), failed: true }
}

/// Where fields stand in the text, each once; those that are written nowhere are left out.
fn lines(cluster: &Cluster, fields: &mut dyn Iterator<Item = &FieldRef>) -> Vec<(FieldRef, Span)> {
    let mut lines: Vec<(FieldRef, Span)> = Vec::new();
    for field in fields {
        if lines.iter().all(|(known, _)| known != field)
            && let Some(span) = cluster.locate(field)
        {
            lines.push((field.clone(), span));
        }
    }
    lines
}

/// Every field that a trace cites, calls included, in order of appearance.
fn cited<'a>(trace: &'a Trace, fields: &mut Vec<&'a FieldRef>) {
    fields.extend(trace.hops.iter().flat_map(|hop| &hop.because));
    fields.extend(trace.advice.iter().flat_map(|advice| &advice.because));
    for call in &trace.calls {
        cited(call, fields);
    }
}

#[cfg(test)]
mod past_tests;
#[cfg(test)]
mod route_tests;
#[cfg(test)]
mod tests;
