//! Lessons as data: a start, a solution, a story, a prediction, and goals that are behaviours of the cluster, never a diff.
//!
//! A goal is a request and what must come of it; the engine sends it. So every way of reaching the behaviour counts.

mod grade;

pub use grade::{GoalResult, Outcome, grade, outcome_of};

use crate::settings::Settings;
use crate::trace::{Request, Source, Verdict};
use crate::words::Message;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A text in every language: `en`, `ko`.
pub type Texts = BTreeMap<String, String>;

/// One lesson: the file `lesson.yaml` of its folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Lesson {
    /// Its heading.
    pub title: Texts,
    /// What it is about: paragraphs, `code` and **strong** only.
    pub story: Texts,
    /// The cluster that it plays in.
    pub cluster: Settings,
    /// What the learner guesses before the first run.
    pub prediction: Prediction,
    /// What the learner's manifests must bring about.
    pub goals: Vec<Goal>,
    /// One after another, each more concrete.
    pub hints: Vec<Texts>,
    /// The learner's first text. Read from `start.yaml` beside the lesson.
    pub start: String,
    /// One that reaches all goals. Read from `solution.yaml` beside the lesson.
    pub solution: String,
}

/// A guess before the first run. The engine knows the answer; the file does not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Prediction {
    /// What is asked.
    pub question: Texts,
    /// The request that is sent to the start.
    pub call: Call,
    /// What may come of it; exactly one option is true.
    pub options: Vec<PredictionOption>,
}

/// One possible answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PredictionOption {
    /// The claim.
    pub text: Texts,
    /// Why one might think so.
    pub because: Texts,
    /// What must come of the request for the claim to be true.
    pub expect: Expectation,
}

/// One goal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Goal {
    /// What shall be so.
    pub text: Texts,
    /// Events before the request: `pod/default/web-x delete`.
    pub events: Vec<String>,
    /// The requests; each must meet the expectation.
    pub calls: Vec<Call>,
    /// What must come of them.
    pub expect: Expectation,
}

/// A request of a lesson.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Call {
    /// WHO of the command line; empty is `internet`.
    pub from: String,
    /// TARGET of the command line.
    pub target: String,
    /// How many connections in a row; 0 is 1.
    pub count: u32,
}

/// What must come of a request. Everything given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Expectation {
    /// How it ends.
    pub verdict: Option<Verdict>,
    /// HTTP status, where one is answered.
    pub status: Option<u16>,
    /// Label `app` of the Pod that takes it.
    pub app: Option<String>,
    /// At least so many different Pods take part, over all calls.
    pub pods: Option<usize>,
    /// Whether the Pod sits on the node that was called.
    pub same_node: Option<bool>,
    /// The client's address as the Pod sees it.
    pub source: Option<String>,
}

impl Call {
    /// The request; `None` when `from` names no caller.
    pub fn request(&self) -> Option<Request> {
        let from = if self.from.is_empty() { Source::Internet } else { self.from.parse().ok()? };
        Some(Request { from, target: self.target.clone(), seed: crate::random::Seed(1), ..Request::default() })
    }
}

/// What stands in the way of a lesson's publication, for its author.
#[derive(Clone, Debug, PartialEq)]
pub struct Flaw {
    /// Where: `goals[0].text`.
    pub place: String,
    /// What.
    pub message: Message,
}

impl Lesson {
    /// Puts the three files of a lesson's folder together.
    ///
    /// # Errors
    /// When `lesson.yaml` is no lesson: what and where, in the YAML library's words.
    pub fn read(lesson: &str, start: &str, solution: &str) -> Result<Lesson, String> {
        let mut read: Lesson = crate::kubectl::from_yaml(lesson)?;
        read.cluster.check()?;
        read.start = start.to_string();
        read.solution = solution.to_string();
        Ok(read)
    }

    /// Checks that every text stands in both languages, that the solution passes, that the start fails, and that exactly one
    /// option of the prediction is true.
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let mut text = |place: String, texts: &Texts| {
            for language in ["en", "ko"] {
                if texts.get(language).is_none_or(|text| text.trim().is_empty()) {
                    flaws.push(Flaw { place: place.clone(), message: crate::msg!("lesson.flaw.language", language = language) });
                }
            }
        };
        text("title".into(), &self.title);
        text("story".into(), &self.story);
        text("prediction.question".into(), &self.prediction.question);
        for (at, option) in self.prediction.options.iter().enumerate() {
            text(format!("prediction.options[{at}].text"), &option.text);
            text(format!("prediction.options[{at}].because"), &option.because);
        }
        for (at, goal) in self.goals.iter().enumerate() {
            text(format!("goals[{at}].text"), &goal.text);
        }
        for (at, hint) in self.hints.iter().enumerate() {
            text(format!("hints[{at}]"), hint);
        }
        flaws.extend(grade::behaviour_flaws(self));
        flaws
    }
}
