//! How the API server stores an object of each kind over its old form.
//!
//! Follows the strategies of `pkg/registry` for creates and updates: what a text does not decide stays as the cluster filled it in.

use super::apiserver::Object;
use super::apiserver::allocate::{Taken, allocate, ranges};
use super::apiserver::validation::{FieldError, validate, validate_update};
use super::apiserver::{default_toleration_seconds, service_account};
use super::dual_stack;
use super::dump;
use super::inventory;
use super::own_nodes;
use super::world::{World, key_of};
use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, ReplicationController, StatefulSet};
use crate::api::core::{Node, Pod, PodSpec, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::networking::Ingress;
use crate::api::{ObjectRef, Resource};
use crate::cluster::{Stored, Verb};
use crate::kubectl::Manifest;
use crate::msg;
use crate::netfilter::Cidr;
use std::net::Ipv4Addr;

/// Why something is not written.
type Refusals = Vec<FieldError>;

/// Writes an admitted object as the strategy of its kind does.
pub(super) fn store(world: &mut World, object: Object, manifest: &Manifest, taken: &mut Taken) -> Result<(), Refusals> {
    match object {
        Object::Service(service) => write_service(world, *service, manifest, taken),
        Object::Pod(pod) => write_pod(world, *pod, manifest),
        Object::Deployment(new) => write_deployment(world, *new, manifest),
        Object::ReplicaSet(new) => write_replica_set(world, *new, manifest),
        Object::ReplicationController(new) => write_replication_controller(world, *new, manifest),
        Object::StatefulSet(new) => write_stateful_set(world, *new, manifest),
        Object::DaemonSet(new) => write_daemon_set(world, *new, manifest),
        Object::Namespace(new) => {
            let mut new = *new;
            new.metadata.labels.insert("kubernetes.io/metadata.name".into(), new.metadata.name.clone());
            replace(world, new, |_, _| {});
            Ok(())
        }
        Object::Node(new) => {
            write_node(world, *new, manifest);
            Ok(())
        }
        Object::EndpointSlice(new) => {
            write_slice(world, *new);
            Ok(())
        }
        Object::Ingress(new) => {
            replace(world, *new, |new: &mut Ingress, old| {
                new.status.clone_from(&old.status);
                if new.spec.ingress_class_name.is_none() {
                    new.spec.ingress_class_name.clone_from(&old.spec.ingress_class_name);
                }
            });
            Ok(())
        }
        Object::Endpoints(new) => plain(world, *new),
        Object::ConfigMap(new) => plain(world, *new),
        Object::Secret(new) => plain(world, *new),
        Object::IngressClass(new) => plain(world, *new),
        Object::NetworkPolicy(new) => plain(world, *new),
        Object::Event(new) => plain(world, *new),
    }
}

/// What an update may not change; the rest of validation is done.
fn check_update<R: Resource>(new: &R, old: &R) -> Result<(), Refusals> {
    let (Ok(new), Ok(old)) = (serde_json::to_value(new), serde_json::to_value(old)) else { return Ok(()) };
    let known = validate(R::KIND, &new);
    let mut refusals = validate_update(R::KIND, &new, &old);
    refusals.retain(|refusal| !known.contains(refusal));
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

fn plain<R: Stored>(world: &mut World, new: R) -> Result<(), Refusals> {
    if let Some(old) = R::table(&world.cluster.store).get(&key_of(new.metadata())) {
        check_update(&new, old.as_ref())?;
    }
    replace(world, new, |_, _| {});
    Ok(())
}

/// Says what the API server stores.
fn say(world: &mut World, object: &ObjectRef, is_new: bool) {
    if is_new {
        world.note("kube-apiserver", Verb::Create, object.clone(), msg!("change.create", object = object));
    } else {
        world.note("kube-apiserver", Verb::Update, object.clone(), msg!("change.update", object = object));
    }
}

/// What the API server keeps of the old object's metadata.
fn keep_meta<R: Resource>(new: &mut R, old: &R) {
    let (kept, meta) = (old.metadata(), new.metadata_mut());
    meta.uid.clone_from(&kept.uid);
    meta.resource_version.clone_from(&kept.resource_version);
    meta.creation_timestamp.clone_from(&kept.creation_timestamp);
    meta.generation = kept.generation;
    meta.since = kept.since;
    meta.deletion_timestamp.clone_from(&kept.deletion_timestamp);
    meta.deletion_grace_period_seconds = kept.deletion_grace_period_seconds;
    if meta.owner_references.is_empty() {
        meta.owner_references.clone_from(&kept.owner_references);
    }
    for (key, value) in kept.annotations.iter().filter(|(key, _)| key.starts_with("deployment.kubernetes.io/")) {
        meta.annotations.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// Writes an object over its old form, unless nothing changes. `merge` takes over what the text does not decide.
fn replace<R: Stored>(world: &mut World, mut new: R, merge: impl FnOnce(&mut R, &R)) -> bool {
    let object = ObjectRef::of(&new);
    let old = R::table(&world.cluster.store).get(&key_of(new.metadata())).cloned();
    if let Some(old) = &old {
        keep_meta(&mut new, old.as_ref());
        merge(&mut new, old.as_ref());
        if new == **old {
            return false;
        }
    }
    say(world, &object, old.is_none());
    world.put(new);
    true
}

fn write_service(world: &mut World, mut new: Service, manifest: &Manifest, taken: &mut Taken) -> Result<(), Refusals> {
    let object = ObjectRef::of(&new);
    let old = world.cluster.store.services.get(&key_of(&new.metadata)).cloned();
    if new.spec.type_.is_empty() {
        new.spec.type_ = "ClusterIP".into();
    }
    if let Some(old) = &old {
        let (given, had) = (&new.spec.cluster_ip, &old.spec.cluster_ip);
        let both = new.spec.type_ != "ExternalName" && old.spec.type_ != "ExternalName";
        if both && !given.is_empty() && !had.is_empty() && given != had {
            let message = format!("Invalid value: [\"{given}\"]: may not change once set");
            return Err(vec![FieldError { path: "spec.clusterIPs[0]".into(), message }]);
        }
    }
    // What a real cluster has allocated stands, whatever its range.
    let anywhere = Cidr { base: Ipv4Addr::UNSPECIFIED, bits: 0 };
    let ranges = if manifest.is_dumped() { vec![anywhere] } else { ranges(&world.cluster) };
    let both = dual_stack::take(&mut new, &world.cluster.manifests);
    let refused = allocate(&mut new, old.as_deref(), &ranges, taken);
    if let Some(both) = both {
        dual_stack::restore(&mut new, both);
    }
    refused.map_err(|refusals| refusals.into_iter().map(|(path, message)| FieldError { path, message }).collect::<Vec<_>>())?;
    if let Some(old) = &old {
        check_update(&new, old.as_ref())?;
        keep_meta(&mut new, old.as_ref());
        new.status.clone_from(&old.status);
        if new == **old {
            return Ok(());
        }
    }
    say(world, &object, old.is_none());
    world.put_service(new);
    Ok(())
}

/// A Pod's defaults say nothing: they are taken out, and stand in what is read again.
pub(super) fn forget_defaults(spec: &mut PodSpec) {
    if spec.service_account_name == "default" {
        spec.service_account_name.clear();
    }
    if spec.scheduler_name == "default-scheduler" {
        spec.scheduler_name.clear();
    }
}

fn write_pod(world: &mut World, mut new: Pod, manifest: &Manifest) -> Result<(), Refusals> {
    let old = world.cluster.store.pods.get(&key_of(&new.metadata)).cloned();
    let object = ObjectRef::of(&new);
    default_toleration_seconds::admit(&mut new.spec.tolerations);
    service_account::forget(&mut new.spec);
    forget_defaults(&mut new.spec);
    if let Some(old) = &old {
        keep_meta(&mut new, old.as_ref());
        if new.spec.node_name.is_empty() {
            new.spec.node_name.clone_from(&old.spec.node_name);
        }
        new.status.clone_from(&old.status);
        if new == **old {
            return Ok(());
        }
        check_update(&new, old.as_ref())?;
    } else if new.status.phase.is_empty() {
        new.status.phase = "Pending".into();
    }
    let as_it_stands = manifest.is_dumped() && !new.status.phase.is_empty() && !new.spec.node_name.is_empty();
    say(world, &object, old.is_none());
    world.put_pod(new);
    let key = (object.namespace, object.name);
    if as_it_stands {
        world.queue.kubelet.remove(&key);
    } else if old.is_some() {
        world.queue.kubelet.insert(key);
    }
    Ok(())
}

/// The replicas of a text that has never named them are whatever `kubectl scale` made of them.
fn scaled(world: &World, object: &ObjectRef, manifest: &Manifest) -> bool {
    let names = |manifest: &Manifest| manifest.value.pointer("/spec/replicas").is_some_and(|replicas| !replicas.is_null());
    !names(manifest) && world.cluster.origin(object).is_none_or(|old| !names(old))
}

// `$keep` carries over what `kubectl scale` has set; a DaemonSet has no such number.
macro_rules! write_workload {
    ($name:ident, $type:ident, $table:ident, $keep:expr) => {
        fn $name(world: &mut World, mut new: $type, manifest: &Manifest) -> Result<(), Refusals> {
            let object = ObjectRef::of(&new);
            let old = world.cluster.store.$table.get(&key_of(&new.metadata)).cloned();
            new.metadata.generation = 1;
            if let Some(old) = &old {
                keep_meta(&mut new, old.as_ref());
                check_update(&new, old.as_ref())?;
                new.status.clone_from(&old.status);
                if scaled(world, &object, manifest) {
                    let keep: fn(&mut $type, &$type) = $keep;
                    keep(&mut new, old.as_ref());
                }
                if new == **old {
                    return Ok(());
                }
                new.metadata.generation += i64::from(new.spec != old.spec);
            }
            say(world, &object, old.is_none());
            world.put(new);
            Ok(())
        }
    };
}
write_workload!(write_deployment, Deployment, deployments, |new, old| new.spec.replicas = old.spec.replicas);
write_workload!(write_replica_set, ReplicaSet, replica_sets, |new, old| new.spec.replicas = old.spec.replicas);
write_workload!(write_replication_controller, ReplicationController, replication_controllers, |new, old| {
    new.spec.replicas = old.spec.replicas;
});
write_workload!(write_stateful_set, StatefulSet, stateful_sets, |new, old| new.spec.replicas = old.spec.replicas);
write_workload!(write_daemon_set, DaemonSet, daemon_sets, |_, _| {});

fn write_node(world: &mut World, new: Node, manifest: &Manifest) {
    let old = world.cluster.store.nodes.get(&key_of(&new.metadata)).cloned();
    let number = own_nodes::free_number(world);
    let completed = if manifest.is_dumped() { dump::completed } else { inventory::completed };
    let new = match &old {
        Some(old) => {
            let mut merged = new;
            if merged.spec.pod_cidr.is_empty() {
                merged.spec.pod_cidr.clone_from(&old.spec.pod_cidr);
            }
            if merged.status.addresses.is_empty() {
                merged.status.addresses.clone_from(&old.status.addresses);
            }
            completed(&world.cluster.settings, merged, number)
        }
        None => completed(&world.cluster.settings, new, number),
    };
    replace(world, new, |_, _| {});
}

fn write_slice(world: &mut World, mut new: EndpointSlice) {
    let object = ObjectRef::of(&new);
    let old = world.cluster.store.endpoint_slices.get(&key_of(&new.metadata)).cloned();
    if let Some(old) = &old {
        keep_meta(&mut new, old.as_ref());
        if new == **old {
            return;
        }
        world.touch_slice(old);
    }
    // Slices that a dump brings are looked at anew.
    let service = new.metadata.labels.get("kubernetes.io/service-name").cloned().unwrap_or_default();
    world.cluster.told_slices.remove(&(new.metadata.namespace.clone(), service));
    say(world, &object, old.is_none());
    world.put_slice(new);
}
