//! `kubectl apply`: manifests into the cluster, and what follows.
//!
//! Imitates `kubectl apply --prune` over the API server's create and update strategies: what the text does not name stays as the
//! cluster filled it in. A refused document leaves its object in its last good form. Leaves out conflicts between field managers.

use super::apiserver::allocate::{Taken, allocate};
use super::apiserver::validation::{FieldError, validate, validate_update};
use super::apiserver::{Admission, AdmittedObject, Object, admit, decode, is_decoded, revise};
use super::settle::settle;
use super::world::{Key, World, key_of};
use super::{dump, inventory, kubelets};
use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use crate::api::core::{Namespace, Node, Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::networking::Ingress;
use crate::api::{Kind, ObjectRef, Resource};
use crate::cluster::{Cluster, Origin, Outcome, Store, Stored, Verb};
use crate::diagnostic::{Diagnostic, Finding, Fix, Severity};
use crate::kubectl::{Manifest, Manifests};
use crate::msg;
use crate::netfilter::Cidr;
use crate::random::Seed;
use crate::settings::Settings;
use crate::words::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// At most so many documents.
pub const MOST_OBJECTS: usize = 2_000;
/// At most so many Pods.
pub const MOST_PODS: i64 = 5_000;

impl Cluster {
    /// A fresh cluster with its standing objects, settled.
    pub fn new(settings: impl Into<Arc<Settings>>, seed: Seed) -> Cluster {
        let mut world = World::new(Cluster {
            settings: settings.into(),
            seed,
            now: 0,
            epoch: 0,
            store: Store::default(),
            manifests: Arc::default(),
            applied: BTreeSet::new(),
            machines: BTreeMap::new(),
            unready: BTreeSet::new(),
            generations: BTreeMap::new(),
            origins: BTreeMap::new(),
            revisions: BTreeMap::new(),
            steps: 0,
            writes: 0,
        });
        inventory::install(&mut world);
        settle(&mut world);
        // Its own start is no news.
        world.cluster.store.events.clear();
        world.finish().cluster
    }

    /// `kubectl apply --prune` of the whole text on the running cluster, played to its end.
    #[must_use]
    pub fn apply(&self, manifests: Arc<Manifests>) -> Outcome {
        apply(self, manifests, Prune::Missing, &mut Admission::default())
    }

    /// A further `kubectl apply` that deletes nothing.
    #[must_use]
    pub fn apply_more(&self, manifests: Arc<Manifests>) -> Outcome {
        apply(self, manifests, Prune::Nothing, &mut Admission::default())
    }

    /// As [`Cluster::apply`] or [`Cluster::apply_more`], by an API server that has seen texts before.
    #[must_use]
    pub fn apply_by(&self, admission: &mut Admission, manifests: Arc<Manifests>, prune: Prune) -> Outcome {
        apply(self, manifests, prune, admission)
    }
}

/// What becomes of objects that were applied before and are not in the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prune {
    /// They are deleted.
    Missing,
    /// They stay.
    Nothing,
}

fn apply(cluster: &Cluster, manifests: Arc<Manifests>, prune: Prune, admission: &mut Admission) -> Outcome {
    let mut world = World::new(cluster.clone());
    world.cluster.steps += 1;
    if manifests.documents.len() > MOST_OBJECTS {
        let limit = msg!("limit.objects", most = MOST_OBJECTS, given = manifests.documents.len());
        world.diagnostics.push(ours(manifests.documents.first().map(Arc::as_ref), "", limit));
        return world.finish();
    }
    let admitted = admission.admit(&manifests);
    world.diagnostics = admitted.diagnostics;
    let objects = revised(&mut world, &manifests, admitted.objects);
    allocation_first(&mut world, &manifests);
    world.cluster.manifests = manifests.clone();
    if prune == Prune::Missing {
        prune_missing(&mut world, &manifests);
    }
    dump::presume(&mut world, &manifests);
    namespaces_first(&mut world, &manifests, &objects);
    let mut work = changed(&mut world, &manifests, &objects);
    refuse_too_many_pods(&mut world, &manifests, &mut work);
    dump::make_room(&mut world, &manifests, &work);
    let mut taken = Taken::by(&world.cluster.store);
    for item in &work {
        if let Object::Service(service) = &item.object {
            taken.wish(service);
        }
    }
    for item in work {
        write(&mut world, &manifests, item, &mut taken);
    }
    settle(&mut world);
    let origins = world.cluster.origins.iter();
    world.cluster.applied =
        origins.filter(|(_, o)| Arc::ptr_eq(&o.manifests, &manifests)).map(|(object, _)| object.clone()).collect();
    world.finish()
}

/// Writes the documents of one object again, as the text that was applied last has them.
pub(crate) fn write_again(world: &mut World, object: &ObjectRef) {
    let manifests = world.cluster.manifests.clone();
    let items = admit(&manifests).objects.into_iter().filter(|item| item.object.object_ref() == *object);
    let mut taken = Taken::by(&world.cluster.store);
    items.for_each(|item| write(world, &manifests, Arc::unwrap_or_clone(item), &mut taken));
}

fn prune_missing(world: &mut World, manifests: &Manifests) {
    let named: BTreeSet<ObjectRef> = manifests.documents.iter().filter_map(|manifest| manifest.object()).collect();
    let gone: Vec<ObjectRef> = world.cluster.origins.keys().filter(|object| !named.contains(object)).cloned().collect();
    for object in gone {
        delete(world, &object);
    }
}

/// The admitted objects, where those that are there already are judged as updates.
fn revised(world: &mut World, manifests: &Manifests, mut objects: Vec<Arc<AdmittedObject>>) -> Vec<Arc<AdmittedObject>> {
    for manifest in &manifests.documents {
        let Some(object) = manifest.object() else { continue };
        let Some(before) = world.cluster.origin(&object) else { continue };
        let last = manifests.documents.iter().rev().find(|other| other.object().as_ref() == Some(&object));
        let counts = last.is_some_and(|last| last.position == manifest.position);
        if !counts || before.value == manifest.value || dump::is_dumped(manifest) || !world.cluster.store.contains(&object) {
            continue;
        }
        // Of a Service, what was allocated counts; of the rest, what was written.
        let stored = world.cluster.store.to_json(&object).filter(|_| object.kind == Kind::Service);
        let Some(verdict) = revise(manifest, before, stored) else { continue };
        let place = objects.iter().position(|item| item.object.object_ref() == object);
        let of_old = |diagnostic: &Diagnostic| {
            let upstream = matches!(diagnostic.message, Finding::Upstream(_)) && diagnostic.severity == Severity::Error;
            upstream && diagnostic.object.as_ref() == Some(&object)
        };
        let at = world.diagnostics.iter().position(of_old).unwrap_or(world.diagnostics.len());
        world.diagnostics.retain(|diagnostic| !of_old(diagnostic));
        let place = place.unwrap_or(objects.len())..place.map_or(objects.len(), |place| place + 1);
        match verdict {
            Ok(item) => drop(objects.splice(place, [Arc::new(item)])),
            Err(refusals) => {
                objects.drain(place);
                world.diagnostics.splice(at..at, refusals);
            }
        }
    }
    objects
}

/// The documents that differ from what was applied, in the order in which they are applied.
fn changed(world: &mut World, manifests: &Arc<Manifests>, objects: &[Arc<AdmittedObject>]) -> Vec<AdmittedObject> {
    let mut work = Vec::new();
    for item in objects {
        let object = item.object.object_ref();
        let Some(written) = document(manifests, item.position) else { continue };
        let as_before = |old: &Manifest| std::ptr::eq(old, written) || old.value == written.value;
        let same = world.cluster.origin(&object).is_some_and(as_before);
        if same && world.cluster.store.contains(&object) {
            note_origin(world, manifests, &object, item.position);
        } else {
            work.push(item.as_ref().clone());
        }
    }
    let explicit = |item: &AdmittedObject| match &item.object {
        Object::Service(service) => service.spec.cluster_ip.is_empty() && service.spec.ports.iter().all(|p| p.node_port == 0),
        _ => false,
    };
    work.sort_by_cached_key(|item| {
        let object = item.object.object_ref();
        (object.kind, explicit(item), object.namespace, object.name)
    });
    work
}

fn document(manifests: &Manifests, position: u32) -> Option<&Manifest> {
    manifests.documents.get(position as usize).map(Arc::as_ref)
}

fn note_origin(world: &mut World, manifests: &Arc<Manifests>, object: &ObjectRef, position: u32) {
    world.cluster.origins.insert(object.clone(), Origin { manifests: manifests.clone(), document: position });
}

/// Pods that an object asks for.
fn asks(object: &Object, nodes: usize) -> i64 {
    match object {
        Object::Deployment(set) => i64::from(set.spec.replicas.unwrap_or(1)),
        Object::ReplicaSet(set) => i64::from(set.spec.replicas.unwrap_or(1)),
        Object::StatefulSet(set) => i64::from(set.spec.replicas.unwrap_or(1)),
        Object::DaemonSet(_) => i64::try_from(nodes).unwrap_or(0),
        Object::Pod(_) => 1,
        _ => 0,
    }
}

fn refuse_too_many_pods(world: &mut World, manifests: &Manifests, work: &mut Vec<AdmittedObject>) {
    let nodes = world.cluster.store.nodes.len();
    let mut total = i64::try_from(world.cluster.store.pods.len()).unwrap_or(i64::MAX);
    let mut refused = Vec::new();
    work.retain(|item| {
        let wanted = asks(&item.object, nodes);
        let fits = total.saturating_add(wanted) <= MOST_PODS;
        if fits {
            total += wanted;
        } else {
            refused.push((item.position, wanted));
        }
        fits
    });
    for (position, wanted) in refused {
        let limit = msg!("limit.pods", most = MOST_PODS, given = wanted);
        world.diagnostics.push(ours(document(manifests, position), "spec.replicas", limit));
    }
}

/// An error in our words at a field of a document.
pub(crate) fn ours(manifest: Option<&Manifest>, path: &str, message: Message) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        span: manifest.and_then(|manifest| manifest.span_at(path)),
        object: manifest.and_then(Manifest::object),
        path: path.to_string(),
        message: Finding::Ours(message),
        help: None,
        fixes: Vec::new(),
    }
}

fn upstream(manifest: &Manifest, path: &str, message: String) -> Diagnostic {
    let unsaid = ours(Some(manifest), path, Message::default());
    Diagnostic { message: Finding::Upstream(message), ..unsaid }
}

/// Writes one admitted object, or says why not.
fn write(world: &mut World, manifests: &Arc<Manifests>, item: AdmittedObject, taken: &mut Taken) {
    let Some(manifest) = document(manifests, item.position) else { return };
    let object = item.object.object_ref();
    if object.kind.namespaced() && world.cluster.store.get::<Namespace>("", &object.namespace).is_none() {
        let refusal = no_namespace(manifest, &object.namespace);
        return world.diagnostics.push(refusal);
    }
    let written = match item.object {
        Object::Service(service) => write_service(world, *service, manifest, taken),
        Object::Pod(pod) => write_pod(world, *pod, manifest),
        Object::Deployment(new) => write_deployment(world, *new, manifest),
        Object::ReplicaSet(new) => write_replica_set(world, *new, manifest),
        Object::StatefulSet(new) => write_stateful_set(world, *new, manifest),
        Object::DaemonSet(new) => write_daemon_set(world, *new, manifest),
        Object::Namespace(new) => {
            let mut new = *new;
            new.metadata.labels.insert("kubernetes.io/metadata.name".into(), new.metadata.name.clone());
            replace(world, new, |_, _| {});
            Ok(())
        }
        Object::Node(new) => {
            write_node(world, *new);
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
    };
    match written {
        Ok(()) => note_origin(world, manifests, &object, item.position),
        Err(refusals) => {
            for FieldError { path, message } in refusals {
                let mut refusal = upstream(manifest, &path, message);
                let stays = world.cluster.store.contains(&object);
                refusal.help = stays.then(|| msg!("help.immutable", object = object));
                world.diagnostics.push(refusal);
            }
        }
    }
}

/// The API server allocates before it validates: of a Service that both refuse, it names only what cannot be allocated. That
/// message goes first here, and the others follow.
fn allocation_first(world: &mut World, manifests: &Manifests) {
    if world.diagnostics.iter().all(|d| d.object.as_ref().is_none_or(|object| object.kind != Kind::Service)) {
        return;
    }
    let refused = |object: &ObjectRef| {
        let errors = world.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        errors.into_iter().position(|diagnostic| diagnostic.object.as_ref() == Some(object))
    };
    let mut first = Vec::new();
    let mut before: Vec<Service> = Vec::new();
    for manifest in manifests.documents.iter().filter(|manifest| manifest.kind == "Service") {
        let Some(mut service) = decode::<Service>(manifest).0 else { continue };
        let Some(at) = manifest.object().as_ref().and_then(refused) else {
            before.push(service);
            continue;
        };
        let old = world.cluster.store.services.get(&key_of(&service.metadata)).cloned();
        let mut taken = Taken::by(&world.cluster.store);
        before.iter().for_each(|earlier| taken.add(earlier));
        let range = world.cluster.settings.service_range();
        let refused = allocate(&mut service, old.as_deref(), range, &mut taken).err().unwrap_or_default();
        first.extend(refused.into_iter().map(|(path, message)| (at, upstream(manifest, &path, message))));
    }
    for (at, refusal) in first.into_iter().rev() {
        let known = |d: &Diagnostic| d.object == refusal.object && d.path == refusal.path && d.message == refusal.message;
        if !world.diagnostics.iter().any(known) {
            world.diagnostics.insert(at.min(world.diagnostics.len()), refusal);
        }
    }
}

/// Why something is not written.
type Refusals = Vec<FieldError>;

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

/// Admission looks for the namespace before anything is allocated or validated (`NamespaceLifecycle`): of an object that lacks
/// its namespace and is wrong besides, the API server names only the namespace. That goes first here, and the others follow.
fn namespaces_first(world: &mut World, manifests: &Manifests, admitted: &[Arc<AdmittedObject>]) {
    let coming = |name: &str| {
        let mut namespaces = admitted.iter().map(|item| &item.object);
        namespaces.any(|object| matches!(object, Object::Namespace(namespace) if namespace.metadata.name == name))
    };
    for manifest in &manifests.documents {
        let Some(object) = manifest.object().filter(|object| object.kind.namespaced()) else { continue };
        let known = world.cluster.store.get::<Namespace>("", &object.namespace).is_some() || coming(&object.namespace);
        let mut errors = world.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        if known || !is_decoded(manifest) || !errors.any(|d| d.object.as_ref() == Some(&object)) {
            continue;
        }
        let refusal = no_namespace(manifest, &object.namespace);
        let at = world.diagnostics.iter().position(|d| d.object.as_ref() == Some(&object)).unwrap_or(0);
        world.diagnostics.insert(at, refusal);
    }
}

fn no_namespace(manifest: &Manifest, namespace: &str) -> Diagnostic {
    let mut refusal = upstream(manifest, "metadata.namespace", format!("namespaces \"{namespace}\" not found"));
    refusal.help = Some(msg!("help.addNamespace", namespace = namespace));
    refusal.fixes.push(Fix {
        label: msg!("fix.addNamespace", namespace = namespace),
        span: None,
        text: format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n"),
    });
    refusal
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
    let range = if dump::is_dumped(manifest) { anywhere } else { world.cluster.settings.service_range() };
    let refused = allocate(&mut new, old.as_deref(), range, taken);
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

fn write_pod(world: &mut World, mut new: Pod, manifest: &Manifest) -> Result<(), Refusals> {
    let old = world.cluster.store.pods.get(&key_of(&new.metadata)).cloned();
    let object = ObjectRef::of(&new);
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
    let as_it_stands = dump::is_dumped(manifest) && !new.status.phase.is_empty() && !new.spec.node_name.is_empty();
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
write_workload!(write_stateful_set, StatefulSet, stateful_sets, |new, old| new.spec.replicas = old.spec.replicas);
write_workload!(write_daemon_set, DaemonSet, daemon_sets, |_, _| {});

fn write_node(world: &mut World, new: Node) {
    let old = world.cluster.store.nodes.get(&key_of(&new.metadata)).cloned();
    let number = u32::try_from(world.cluster.store.nodes.len()).unwrap_or(0) + 1;
    let new = match &old {
        Some(old) => {
            let mut merged = new;
            if merged.spec.pod_cidr.is_empty() {
                merged.spec.pod_cidr.clone_from(&old.spec.pod_cidr);
            }
            if merged.status.addresses.is_empty() {
                merged.status.addresses.clone_from(&old.status.addresses);
            }
            inventory::completed(&world.cluster.settings, merged, number)
        }
        None => inventory::completed(&world.cluster.settings, new, number),
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
    say(world, &object, old.is_none());
    world.put_slice(new);
}

/// Namespaces that `NamespaceLifecycle` lets nobody delete (`k8s.io/apiserver` pkg/admission/plugin/namespace/lifecycle).
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// Whether the API server refuses to delete the object, and in which words.
pub(crate) fn may_not_be_deleted(object: &ObjectRef) -> Option<String> {
    let immortal = object.kind == Kind::Namespace && IMMORTAL.contains(&object.name.as_str());
    immortal.then(|| format!("namespaces \"{}\" is forbidden: this namespace may not be deleted", object.name))
}

/// Deletes an object of any kind, as `kubectl delete` does; what depends on it follows in [`settle`].
pub(crate) fn delete(world: &mut World, object: &ObjectRef) {
    world.cluster.origins.remove(object);
    let key: Key = (object.namespace.clone(), object.name.clone());
    if !world.cluster.store.contains(object) || may_not_be_deleted(object).is_some() {
        return;
    }
    if object.kind == Kind::Pod {
        if let Some(pod) = world.cluster.store.pods.get(&key).cloned() {
            kubelets::terminate(world, &pod, "kube-apiserver");
        }
        return;
    }
    if object.kind == Kind::Namespace {
        let inside = world.cluster.store.refs().into_iter().filter(|other| other.namespace == object.name);
        inside.collect::<Vec<_>>().iter().for_each(|other| delete(world, other));
    }
    world.note("kube-apiserver", Verb::Delete, object.clone(), msg!("change.delete", object = object));
    let meta = world.cluster.store.metadata(object).cloned().unwrap_or_default();
    match object.kind {
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet => {
            world.forget_owned(&meta);
            world.queue.workloads.insert(object.clone());
            world.queue.workloads.extend(super::world::controller_of(&meta));
        }
        Kind::Service => {
            world.touch_service(&key);
            world.queue.records.insert(key);
        }
        Kind::EndpointSlice => {
            if let Some(slice) = world.cluster.store.endpoint_slices.get(&key).cloned() {
                world.touch_slice(&slice);
                let service = slice.metadata.labels.get("kubernetes.io/service-name").cloned().unwrap_or_default();
                world.queue.services.insert((object.namespace.clone(), service));
            }
        }
        Kind::Endpoints => {
            world.queue.mirrored.insert(key.clone());
            world.queue.services.insert(key);
        }
        Kind::Ingress | Kind::IngressClass => world.queue.ingresses = true,
        _ => {}
    }
    world.cluster.store.remove(object);
    world.begin_next_life(object);
    if object.kind == Kind::Node {
        forget_node(world, &object.name);
    }
    if inventory::is_of_api_server(object) {
        inventory::restore_api_server(world);
    }
}

/// Pods of a node that is gone are collected (`pkg/controller/podgc`).
fn forget_node(world: &mut World, name: &str) {
    world.cluster.machines.remove(name);
    let pods: Vec<Arc<Pod>> = world.pods_on(name).cloned().collect();
    for pod in pods {
        let message = msg!("change.collect", object = ObjectRef::of(pod.as_ref()));
        world.note("pod-garbage-collector", Verb::Delete, ObjectRef::of(pod.as_ref()), message);
        world.remove_pod(&key_of(&pod.metadata));
    }
    world.wake_for_nodes();
}
