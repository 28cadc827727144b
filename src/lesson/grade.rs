//! Grading: the learner's manifests are applied, each goal's requests are sent, and what came of them is compared.

use super::{Call, Expectation, Flaw, Goal, Lesson};
use crate::api::core::Pod;
use crate::cluster::{Action, Cluster};
use crate::data_plane::DataPlane;
use crate::kubectl::{self, SourceFile};
use crate::msg;
use crate::random::Seed;
use crate::trace::{Source, Trace, Verdict};
use crate::words::Message;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How one goal fared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoalResult {
    /// Whether it is reached.
    pub passed: bool,
    /// What came instead, when it is not.
    pub instead: Option<Message>,
}

/// What came of the calls of one goal or prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The traces, in order.
    pub traces: Vec<Trace>,
}

/// Grades an answer: one result for each goal, in order.
pub fn grade(lesson: &Lesson, files: &[SourceFile]) -> Vec<GoalResult> {
    let cluster = started(lesson, files);
    lesson.goals.iter().map(|goal| grade_goal(&cluster, goal)).collect()
}

fn started(lesson: &Lesson, files: &[SourceFile]) -> Cluster {
    let (manifests, _) = kubectl::read(files);
    let cluster = Cluster::new(lesson.cluster.clone(), Seed(0)).apply(Arc::new(manifests)).cluster;
    play(cluster, &lesson.cluster.start)
}

fn play(mut cluster: Cluster, events: &[String]) -> Cluster {
    for event in events {
        if let Ok(action) = Action::parse(event) {
            cluster = cluster.act(&action).cluster;
        }
    }
    cluster
}

fn grade_goal(cluster: &Cluster, goal: &Goal) -> GoalResult {
    let cluster = play(cluster.clone(), &goal.events);
    let mut pods = BTreeSet::new();
    for call in &goal.calls {
        let outcome = outcome_of(&cluster, call);
        for trace in &outcome.traces {
            pods.extend(trace.pod.clone());
            if let Some(instead) = difference(&cluster, &goal.expect, call, trace) {
                return GoalResult { passed: false, instead: Some(instead) };
            }
        }
    }
    match goal.expect.pods {
        Some(least) if pods.len() < least => {
            GoalResult { passed: false, instead: Some(msg!("lesson.instead.pods", found = pods.len(), least = least)) }
        }
        _ => GoalResult { passed: true, instead: None },
    }
}

/// Sends a lesson's call, `count` times with seeds from 1 on.
pub fn outcome_of(cluster: &Cluster, call: &Call) -> Outcome {
    let mut plane = DataPlane::program(cluster);
    let request = call.request();
    let send = |number: u32| {
        let mut request = request.clone()?;
        request.seed = Seed(u64::from(number));
        Some(plane.send(cluster, &request))
    };
    Outcome { traces: (1..=call.count.max(1)).filter_map(send).collect() }
}

/// In what a trace differs from an expectation; `None` when it meets it.
fn difference(cluster: &Cluster, expect: &Expectation, call: &Call, trace: &Trace) -> Option<Message> {
    if expect.verdict.is_some_and(|verdict| verdict != trace.verdict) {
        return Some(ended(call, trace));
    }
    if expect.status.is_some() && expect.status != trace.status {
        return Some(ended(call, trace));
    }
    let app = trace.pod.as_ref().and_then(|(namespace, name)| cluster.store.get::<Pod>(namespace, name));
    let app = app.and_then(|pod| pod.metadata.labels.get("app")).cloned().unwrap_or_default();
    if expect.app.as_ref().is_some_and(|expected| *expected != app) {
        return Some(if app.is_empty() {
            ended(call, trace)
        } else {
            msg!("lesson.instead.app", target = call.target, app = app)
        });
    }
    let called = host_of(&call.target);
    if expect.same_node.is_some_and(|same| same != (trace.node.as_deref() == Some(called))) {
        return Some(msg!("lesson.instead.node", target = call.target, node = trace.node.clone().unwrap_or_default()));
    }
    let seen = trace.source_seen_by_pod.map(|ip| ip.to_string()).unwrap_or_default();
    if expect.source.as_ref().is_some_and(|source| *source != seen) {
        return Some(msg!("lesson.instead.source", target = call.target, source = seen));
    }
    None
}

fn host_of(target: &str) -> &str {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or(rest)
}

fn ended(call: &Call, trace: &Trace) -> Message {
    if matches!(trace.request.from, Source::Workload(_)) && trace.verdict == Verdict::Rejected {
        return msg!("lesson.instead.noCaller", from = call.from);
    }
    let target = &call.target;
    match (trace.verdict, trace.status) {
        (Verdict::Answered, Some(status)) => msg!("lesson.instead.answered", target = target, status = status),
        (Verdict::Delivered, _) => msg!("lesson.instead.delivered", target = target),
        (Verdict::Refused, _) => msg!("lesson.instead.refused", target = target),
        (Verdict::Unreachable, _) => msg!("lesson.instead.unreachable", target = target),
        (Verdict::NameNotFound, _) => msg!("lesson.instead.nameNotFound", target = target),
        _ => msg!("lesson.instead.timeout", target = target),
    }
}

/// What is wrong with a lesson's behaviour: a solution that fails, a start that passes, a prediction without one answer.
pub(super) fn behaviour_flaws(lesson: &Lesson) -> Vec<Flaw> {
    let file = |text: &str| vec![SourceFile { name: "answer.yaml".into(), text: text.to_string() }];
    let mut flaws = Vec::new();
    for (at, result) in grade(lesson, &file(&lesson.solution)).iter().enumerate() {
        if !result.passed {
            flaws.push(Flaw { place: format!("goals[{at}]"), message: msg!("lesson.flaw.solution") });
        }
    }
    if grade(lesson, &file(&lesson.start)).iter().all(|result| result.passed) {
        flaws.push(Flaw { place: "goals".into(), message: msg!("lesson.flaw.start") });
    }
    let cluster = started(lesson, &file(&lesson.start));
    let call = &lesson.prediction.call;
    let traces = outcome_of(&cluster, call).traces;
    let holds = |expect: &Expectation| traces.iter().all(|trace| difference(&cluster, expect, call, trace).is_none());
    let true_options = lesson.prediction.options.iter().filter(|option| holds(&option.expect)).count();
    if true_options != 1 || traces.is_empty() {
        flaws.push(Flaw { place: "prediction.options".into(), message: msg!("lesson.flaw.prediction", count = true_options) });
    }
    flaws
}

impl Lesson {
    /// Which option of the prediction is true: its position. `None` when the lesson is flawed.
    pub fn answer(&self) -> Option<usize> {
        let files = [SourceFile { name: "start.yaml".into(), text: self.start.clone() }];
        let cluster = started(self, &files);
        let call = &self.prediction.call;
        let traces = outcome_of(&cluster, call).traces;
        self.prediction
            .options
            .iter()
            .position(|option| traces.iter().all(|trace| difference(&cluster, &option.expect, call, trace).is_none()))
    }
}
