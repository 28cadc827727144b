//! One learner's session: commands in, replies out. The page's worker, the command line and the grader all speak through it.

use crate::api::ObjectRef;
use crate::cluster::Change;
use crate::diagnostic::{Diagnostic, Span};
use crate::kubectl::SourceFile;
use crate::scene::view::{ClusterView, TargetOffer};
use crate::settings::Settings;
use crate::trace::{FieldRef, Request, Trace, Verdict};
use serde::{Deserialize, Serialize};

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
    /// One event of `cli.md`: `pod/default/web-x delete`.
    Act { event: String },
    /// One request, traced.
    Send { request: Request },
    /// Many requests with seeds from the request's on; only verdicts are kept.
    Burst { request: Request, count: u32 },
    /// A node's rules as text.
    Rules { node: String },
    /// A kubectl table: `get pods -o wide`, without the word kubectl.
    Kubectl { line: String },
    /// Mends a paste: the raw text in, the mended text and what was done out.
    Paste { text: String, into: Vec<SourceFile> },
}

/// What the engine answers; each reply belongs to the command sent before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Reply {
    /// After `Edit`, `Reset` and `Act`.
    Cluster(Box<ClusterReply>),
    /// After `Send`.
    Trace(Box<TraceReply>),
    /// After `Burst`.
    Burst(BurstReply),
    /// After `Rules` and `Kubectl`.
    Text { text: String, failed: bool },
    /// After `Paste`.
    Pasted { text: String, notes: Vec<Diagnostic> },
}

/// The cluster after a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ClusterReply {
    /// Of the text that this answers.
    pub revision: u64,
    pub view: ClusterView,
    pub diagnostics: Vec<Diagnostic>,
    /// How the cluster got here, in order.
    pub changes: Vec<Change>,
    pub targets: Vec<TargetOffer>,
    /// Virtual seconds since the cluster's start.
    pub now: u64,
    /// Where each object's document begins.
    pub documents: Vec<(ObjectRef, Span)>,
}

/// One traced request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TraceReply {
    pub trace: Trace,
    /// Where the cited fields stand in the text: the fields of `hops[i].because`, `calls`' and `advice`'s in order of appearance.
    pub lines: Vec<(FieldRef, Span)>,
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
}

/// A running session.
#[derive(Clone, Debug, Default)]
pub struct Session {}

impl Session {
    /// Carries out one command.
    pub fn handle(&mut self, command: Command) -> Reply {
        let _ = command;
        Reply::Text { text: String::new(), failed: true }
    }
}
