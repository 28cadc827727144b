//! Why a request fails, or which Pods get no traffic: ordered checks, up to the first that fails.
//!
//! In the manner of "Debug Services" in the Kubernetes documentation: does the name resolve, does the Service exist, does it have
//! that port, does its selector match Pods, are they ready, are they in its EndpointSlices, does anything listen there. The trace
//! of the request has the last word: where every check holds and the request fails all the same, or the check that fails is not
//! about what ended it, its own reason is the last check.
//!
//! Asked about a Service by its name, a client inside calls each of its ports; asked about a workload, its Pods are.

mod blocked;
mod last_word;
mod names;
mod object;
mod pod;
mod request;
mod service;

pub use object::{client, explain_object};
pub use pod::explain_pod;
pub use request::explain;

use crate::api::ObjectRef;
use crate::cluster::Cluster;
use crate::data_plane::causes::nearest;
use crate::msg;
use crate::trace::{Advice, FieldRef};
use crate::words::Message;
use serde::{Deserialize, Serialize};

/// The checks in order; only the last one may fail.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// In order.
    pub checks: Vec<Check>,
    /// Pods that the Service's selector matches and that get no traffic all the same.
    pub idle: Vec<Idle>,
}

/// How many Pods without traffic are told one by one; the rest is counted.
pub const IDLE_TOLD: usize = 5;

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its name for scripts: `selector-matches-pods`.
    pub check: String,
    /// Whether it holds.
    pub ok: bool,
    /// The answer.
    pub text: Message,
    /// What to try next, where it fails.
    pub next: Option<Message>,
    /// The fields that it looked at.
    pub because: Vec<FieldRef>,
}

/// The check that only notes what is not played.
const NOTE: &str = "not-played";

/// The check that only notes a call that is left out, because nobody has the name.
const LEFT_OUT: &str = "call-left-out";

/// The check that only notes a variable that keeps its value from before.
const KEPT: &str = "variable-kept";

/// The checks that ask nothing: what is not played, or left out, and what is worth knowing beside a request that arrives.
const NOTES: [&str; 8] = [NOTE, LEFT_OUT, KEPT, ASKED, "certificate", "name-kept", "call-fails", "stale-rules"];

/// The check that only says which request is looked at, where an object was asked about.
const ASKED: &str = "asked";

impl Check {
    /// Whether it notes what may well be a mistake.
    pub fn is_warning(&self) -> bool {
        self.ok && self.check == LEFT_OUT
    }

    /// Whether it asks nothing and only notes something.
    pub fn is_note(&self) -> bool {
        self.ok && NOTES.contains(&self.check.as_str())
    }
}

/// A Pod that gets no traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// The Pod.
    pub pod: ObjectRef,
    /// Why.
    pub why: Message,
    /// The fields that make it so.
    pub because: Vec<FieldRef>,
}

impl Explanation {
    /// Whether every check holds.
    pub fn ok(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }
}

/// A check failed: the ones after it are not asked.
struct Stop;

/// The checks so far.
#[derive(Default)]
struct Checks {
    list: Vec<Check>,
}

impl Checks {
    fn holds(&mut self, check: &str, text: Message, because: Vec<FieldRef>) {
        self.list.push(Check { check: check.into(), ok: true, text, next: None, because });
    }

    /// Notes stand before the questions, each once.
    fn notes(&mut self, check: &str, text: Message, because: Vec<FieldRef>) {
        if self.list.iter().any(|check| check.text == text) {
            return;
        }
        let at = self.list.iter().position(|check| !check.is_note()).unwrap_or(self.list.len());
        self.list.insert(at, Check { check: check.into(), ok: true, text, next: None, because });
    }

    fn fails<T>(&mut self, check: &str, text: Message, next: Message, because: Vec<FieldRef>) -> Result<T, Stop> {
        self.list.push(Check { check: check.into(), ok: false, text, next: Some(next), because });
        Err(Stop)
    }

    /// Fails by what the data plane found amiss.
    fn found<T>(&mut self, check: &str, found: Advice) -> Result<T, Stop> {
        self.fails(check, found.why, found.next, found.because)
    }
}

/// What to do about an object of the text that the API server refused.
fn mend_refused(cluster: &Cluster, object: &ObjectRef) -> Message {
    let six = |ip: &serde_json::Value| ip.as_str().is_some_and(|ip| ip.contains(':'));
    let mut written = cluster.manifests.documents.iter().filter(|document| document.names(object) && document.is_dumped());
    match written.any(|document| six(&document.value["spec"]["clusterIP"])) {
        true => msg!("advice.ipv6.next"),
        false => msg!("explain.name.refused.next"),
    }
}

/// A field of an object.
fn field(object: &ObjectRef, path: impl Into<String>) -> FieldRef {
    FieldRef { object: object.clone(), path: path.into() }
}

#[cfg(test)]
mod tests;
