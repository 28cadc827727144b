//! Pods of a dump that its controllers delete as soon as they look: more than they were asked for, or of a rollout that was under way.

use super::came_from_dump;
use crate::api::ObjectRef;
use crate::cluster::Verb;
use crate::control_plane::refusals;
use crate::control_plane::world::{World, controller_of};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kubectl::{Manifest, Manifests};
use crate::msg;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Says which Pods of the dump its controllers have just deleted.
pub(crate) fn tell_deleted(world: &mut World, manifests: &Manifests) {
    let mut deleted: BTreeMap<ObjectRef, Vec<String>> = BTreeMap::new();
    for change in world.changes.iter().filter(|own| own.verb == Verb::Terminate && own.component.ends_with("-controller")) {
        let Some(pod) = document(manifests, &change.object).filter(|_| came_from_dump(world, &change.object)) else { continue };
        if let Some(owner) = owner_of(pod).map(|set| above(manifests, set)) {
            deleted.entry(owner).or_default().push(pod.name.clone());
        }
    }
    for (owner, pods) in deleted {
        let (kind, name, list) = (owner.kind, owner.name.as_str(), pods.join(", "));
        let told = document(manifests, &owner);
        let wanted = told.and_then(|own| own.value.pointer("/spec/replicas")).and_then(Value::as_u64);
        let more = wanted.filter(|wanted| shown(manifests, &owner) > *wanted);
        let text = match more {
            Some(wanted) => msg!("dump.surplus", kind = kind, name = name, wanted = wanted, pods = list),
            None => msg!("dump.rollout", kind = kind, name = name, pods = list),
        };
        let note = refusals::ours(told, "spec.replicas", text);
        world.diagnostics.push(Diagnostic { severity: Severity::Info, ..note });
    }
}

fn document<'a>(manifests: &'a Manifests, object: &ObjectRef) -> Option<&'a Manifest> {
    manifests.documents.iter().map(Arc::as_ref).find(|own| own.names(object))
}

fn owner_of(own: &Manifest) -> Option<ObjectRef> {
    let meta = serde_json::from_value(own.value.get("metadata")?.clone()).ok()?;
    controller_of(&meta).map(|owner| ObjectRef { namespace: own.namespace.clone(), ..owner })
}

/// The Deployment of a ReplicaSet, where the dump shows it.
fn above(manifests: &Manifests, set: ObjectRef) -> ObjectRef {
    let owner = document(manifests, &set).and_then(owner_of);
    owner.filter(|owner| document(manifests, owner).is_some()).unwrap_or(set)
}

/// How many Pods the dump shows of a workload that have not ended and are not on their way out.
fn shown(manifests: &Manifests, workload: &ObjectRef) -> u64 {
    let pods = manifests.documents.iter().filter(|own| own.kind == "Pod" && own.namespace == workload.namespace);
    let ended =
        |own: &Manifest| own.value.pointer("/status/phase").is_some_and(|phase| phase == "Succeeded" || phase == "Failed");
    let stays = |own: &&Arc<Manifest>| own.value.pointer("/metadata/deletionTimestamp").is_none() && !ended(own);
    let mine = |own: &&Arc<Manifest>| owner_of(own).is_some_and(|set| above(manifests, set) == *workload);
    u64::try_from(pods.filter(stays).filter(mine).count()).unwrap_or(0)
}
