//! What keeps a Pod from going that its dump shows Terminating on a living node.
//!
//! `DeletionFinalizers` and `ShouldDeleteDuringUpdate` of k8s.io/apiserver `pkg/registry`: an object goes once its last finalizer is
//! taken away. The Job controller takes its own away as soon as the Pod has ended (`pkg/controller/job/tracking_utils.go`).

use super::Cluster;
use crate::api::core::Pod;
use crate::api::time::seconds_of;
use crate::api::{Kind, ObjectRef};
use crate::kubectl::Manifest;
use crate::msg;
use crate::words::Message;
use serde_json::Value;

/// The Job controller's finalizer.
const JOB_TRACKING: &str = "batch.kubernetes.io/job-tracking";

/// So many seconds beyond its deadline a Pod is not just about to go: no time of a dump of a living cluster is older, as kubelets
/// report their nodes every five minutes.
const OVERDUE: u64 = 300;

/// What holds a Terminating Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Somebody's finalizers, in a row.
    Finalizers(String),
    /// The kubelet of a node that is well has not ended it for so many seconds after its deadline.
    Overdue(u64),
}

impl Held {
    /// What to say of it, and what to try.
    pub fn told(&self, pod: &Pod) -> (Message, Message) {
        let (name, node) = (&pod.metadata.name, &pod.spec.node_name);
        match self {
            Held::Finalizers(all) => (
                msg!("explain.pod.terminating.finalizers", pod = name, finalizers = all),
                msg!("explain.pod.terminating.finalizers.next", pod = name),
            ),
            Held::Overdue(seconds) => (
                msg!("explain.pod.terminating.overdue", pod = name, seconds = seconds),
                msg!("explain.pod.terminating.overdue.next", pod = name, node = node),
            ),
        }
    }

    /// The field that tells it.
    pub fn field(&self) -> &'static str {
        match self {
            Held::Finalizers(_) => "metadata.finalizers",
            Held::Overdue(_) => "metadata.deletionTimestamp",
        }
    }
}

impl Cluster {
    /// What holds a Pod that a dump shows Terminating; `None`: nothing does.
    pub fn held(&self, pod: &Pod) -> Option<Held> {
        let gone = seconds_of(pod.metadata.deletion_timestamp.as_deref()?)?;
        let told = self.origin(&ObjectRef::of(pod)).filter(|told| told.is_dumped())?;
        let all = told.value.pointer("/metadata/finalizers").and_then(Value::as_array).into_iter().flatten();
        let all: Vec<&str> = all.filter_map(Value::as_str).filter(|own| *own != JOB_TRACKING).collect();
        if !all.is_empty() {
            return Some(Held::Finalizers(all.join(", ")));
        }
        let shown_going = told.value.pointer("/metadata/deletionTimestamp").is_some();
        let late = self.epoch.saturating_sub(u64::try_from(gone).unwrap_or(0));
        let node = self.origin(&ObjectRef::new(Kind::Node, "", &pod.spec.node_name));
        (shown_going && late > OVERDUE && node.is_none_or(is_well)).then_some(Held::Overdue(late))
    }
}

/// Whether a Node's document says that it is ready.
fn is_well(node: &Manifest) -> bool {
    let conditions = node.value.pointer("/status/conditions").and_then(Value::as_array);
    let mut ready = conditions.into_iter().flatten().filter(|own| own["type"] == "Ready");
    ready.next().is_none_or(|own| own["status"] == "True")
}
