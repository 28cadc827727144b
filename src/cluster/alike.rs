//! Pods that a dump shows failing, and others of the same template: these are taken to fail alike (assumption), since nothing that the
//! template says has changed.

use super::Cluster;
use crate::api::ObjectRef;
use crate::api::core::{Container, Pod};
use crate::kubectl::Manifest;
use serde_json::Value;

/// What keeps a container from running, by the dump's Pods of the same template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// The container.
    pub container: String,
    /// `CrashLoopBackOff` where it ends again and again, else the kubelet's reason.
    pub reason: &'static str,
    /// The kubelet's message.
    pub message: String,
    /// Exit code of its last end.
    pub code: i32,
    /// How often the dump's Pod started it again.
    pub restarts: u64,
}

/// The kubelet's reasons for which a container does not start, whoever asks (`pkg/kubelet/images`, `pkg/kubelet/kuberuntime`).
const REASONS: [&str; 8] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

impl Cluster {
    /// The first container of a Pod that is not the dump's own, and that none of the dump's Pods of the same controller ran well.
    pub fn fails_alike(&self, pod: &Pod) -> Option<Alike> {
        let mut containers = pod.spec.init_containers.iter().chain(&pod.spec.containers);
        containers.find_map(|container| self.container_fails_alike(pod, container))
    }

    /// The same of one container.
    pub fn container_fails_alike(&self, pod: &Pod, container: &Container) -> Option<Alike> {
        if self.origin(&ObjectRef::of(pod)).is_some() {
            return None;
        }
        let owner = pod.metadata.owner_references.iter().find(|owner| owner.controller == Some(true))?;
        let of_owner = |told: &&Manifest| {
            let owners = told.value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            let mut owners = owners.into_iter().flatten();
            owners.any(|own| own["kind"] == owner.kind.as_str() && own["name"] == owner.name.as_str())
        };
        let pods = self.manifests.documents.iter().map(AsRef::as_ref);
        let pods = pods.filter(|told| told.kind == "Pod" && told.namespace == pod.metadata.namespace && told.is_dumped());
        let mut found = None;
        for told in pods.filter(of_owner).filter(|told| is_same(told, container)) {
            match state(told, &container.name) {
                Some(None) => return None,
                Some(Some(failure)) => found = found.or(Some(failure)),
                None => {}
            }
        }
        found
    }
}

/// Whether a dump's Pod runs the same program in the container of this name.
fn is_same(told: &Manifest, container: &Container) -> bool {
    let lists = ["/spec/initContainers", "/spec/containers"].into_iter().filter_map(|list| told.value.pointer(list)?.as_array());
    let own = lists.flatten().find(|own| own["name"] == container.name.as_str());
    let own = own.and_then(|own| serde_json::from_value::<Container>(own.clone()).ok());
    own.is_some_and(|own| {
        (&own.image, &own.command, &own.args, &own.env) == (&container.image, &container.command, &container.args, &container.env)
    })
}

/// How the container of this name does in a dump's Pod: `Some(None)`: well. `None`: nobody can tell.
fn state(told: &Manifest, name: &str) -> Option<Option<Alike>> {
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let mut statuses = lists.into_iter().filter_map(|list| told.value.pointer(list)?.as_array()).flatten();
    let status = statuses.find(|status| status["name"] == name)?;
    let ended = |part: &str| status.pointer(&format!("/{part}/terminated/exitCode")).and_then(Value::as_i64);
    let waiting = &status["state"]["waiting"];
    let waits = REASONS.into_iter().find(|reason| waiting["reason"] == *reason);
    let reason = match (waits, ended("state")) {
        (Some(reason), _) => reason,
        (None, Some(code)) if code != 0 => "CrashLoopBackOff",
        (None, Some(_)) => return Some(None),
        (None, None) => return (status["ready"] == true).then_some(None),
    };
    Some(Some(Alike {
        container: name.to_string(),
        reason,
        message: waiting["message"].as_str().unwrap_or_default().to_string(),
        code: ended("state").or(ended("lastState")).and_then(|code| i32::try_from(code).ok()).unwrap_or(1),
        restarts: status["restartCount"].as_u64().unwrap_or(0),
    }))
}
