//! `kubectl apply`: manifests into the cluster, and what follows.
//!
//! Imitates `kubectl apply --prune` over the API server's create and update strategies: what the text does not name stays as the
//! cluster filled it in. A refused document leaves its object in its last good form. Leaves out conflicts between field managers.

use super::apiserver::allocate::{self, Taken};
use super::apiserver::validation::FieldError;
use super::apiserver::{Admission, AdmittedObject, Object, admit, revise};
use super::controller_manager::pod_control::makers;
use super::refusals::{allocation_first, forbidden, namespaces_first, no_namespace, ours, upstream};
use super::settle::settle;
use super::world::World;
use super::{delete, dual_stack, dump, ingress, inventory, own_nodes, registry};
use crate::api::core::{Namespace, Node};
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Origin, Outcome, Store};
use crate::diagnostic::{Diagnostic, Finding, Severity};
use crate::kubectl::{Manifest, Manifests};
use crate::msg;
use crate::random::Seed;
use crate::settings::Settings;
use crate::words::natural;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
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
            evictions: BTreeMap::new(),
            generations: BTreeMap::new(),
            origins: BTreeMap::new(),
            standing: BTreeMap::new(),
            revisions: BTreeMap::new(),
            past: BTreeMap::new(),
            told_slices: BTreeMap::new(),
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
        let were_replaced = own_nodes::were_replaced(&world.cluster);
        prune_missing(&mut world, &manifests);
        own_nodes::choose(&mut world, &manifests, &objects, were_replaced);
    }
    if world.cluster.stand(&manifests, prune == Prune::Missing) {
        // Who could not make its Pods tries again.
        let all = makers(&world, |_, _| true);
        world.queue.workloads.extend(all);
    }
    dump::presume(&mut world, &manifests);
    ingress::namespace_first(&mut world, &manifests, &objects);
    namespaces_first(&mut world, &manifests, &objects);
    let mut work = changed(&mut world, &manifests, &objects, prune);
    dual_stack::ipv4_first(&mut work, &manifests);
    refuse_too_many_pods(&mut world, &manifests, &mut work);
    let dumped = dump::make_room(&mut world, &manifests, &work);
    let mut taken = Taken::by(&world.cluster.store);
    for item in &work {
        if let Object::Service(service) = &item.object {
            taken.wish(service);
        }
    }
    for item in work {
        write(&mut world, &manifests, item, &mut taken);
    }
    // What a waiting Pod lacks may have come with this text.
    world.queue.room |= world.cluster.store.pods.values().any(|pod| pod.spec.node_name.is_empty());
    let judged = dump::slices::judge(&mut world);
    dump::lose_nodes(&mut world, &manifests, &dumped);
    dump::tell_held(&mut world, &manifests);
    dump::follow_api_server(&mut world);
    note_missing_nodes(&mut world, &manifests);
    settle(&mut world);
    dump::slices::tell(&mut world, &judged);
    dump::tell_deleted(&mut world, &manifests);
    dump::date(&mut world, &manifests);
    let origins = world.cluster.origins.iter();
    world.cluster.applied =
        origins.filter(|(_, o)| Arc::ptr_eq(&o.manifests, &manifests)).map(|(object, _)| object.clone()).collect();
    world.finish()
}

/// Whether the text that was applied last writes an object that still stands as an earlier text had it.
pub(crate) fn waits_for(cluster: &Cluster, object: &ObjectRef) -> bool {
    let current = |origin: &Origin| Arc::ptr_eq(&origin.manifests, &cluster.manifests);
    let earlier = cluster.origins.get(object).is_some_and(|origin| !current(origin));
    earlier && cluster.manifests.documents.iter().any(|document| document.names(object))
}

/// Writes the documents of one object again, as the text that was applied last has them.
pub(crate) fn write_again(world: &mut World, object: &ObjectRef) {
    let manifests = world.cluster.manifests.clone();
    let items = admit(&manifests).objects.into_iter().filter(|item| item.object.object_ref() == *object);
    let mut taken = Taken::by(&world.cluster.store);
    items.for_each(|item| write(world, &manifests, Arc::unwrap_or_clone(item), &mut taken));
    if world.cluster.origins.contains_key(object) {
        world.cluster.applied.insert(object.clone());
    }
}

/// A Pod, or a template, may name a node that does not exist: nothing starts such a Pod.
fn note_missing_nodes(world: &mut World, manifests: &Manifests) {
    let mut notes = Vec::new();
    for manifest in manifests.documents.iter().filter(|manifest| !manifest.is_dumped()) {
        for (pointer, path) in
            [("/spec/nodeName", "spec.nodeName"), ("/spec/template/spec/nodeName", "spec.template.spec.nodeName")]
        {
            let named = manifest.value.pointer(pointer).and_then(|name| name.as_str()).filter(|name| !name.is_empty());
            let Some(name) = named.filter(|name| world.cluster.store.get::<Node>("", name).is_none()) else { continue };
            let mut nodes: Vec<&str> = world.cluster.store.all::<Node>().map(|node| node.metadata.name.as_str()).collect();
            nodes.sort_by(|a, b| natural(a, b));
            nodes.truncate(6);
            let mut note = ours(Some(manifest), path, msg!("node.missing", node = name));
            note.severity = Severity::Warning;
            note.help = Some(msg!("node.missing.help", nodes = nodes.join(", ")));
            let applied = note.object.as_ref().is_some_and(|object| world.cluster.origins.contains_key(object));
            notes.extend(Some(note).filter(|_| applied));
        }
    }
    world.diagnostics.extend(notes);
}

fn prune_missing(world: &mut World, manifests: &Manifests) {
    let named: BTreeSet<ObjectRef> = manifests.documents.iter().filter_map(|manifest| manifest.object()).collect();
    let gone: Vec<ObjectRef> = world.cluster.origins.keys().filter(|object| !named.contains(object)).cloned().collect();
    for object in gone {
        delete::delete(world, &object);
    }
}

/// The admitted objects, where those that are there already are judged as updates.
fn revised(world: &mut World, manifests: &Manifests, mut objects: Vec<Arc<AdmittedObject>>) -> Vec<Arc<AdmittedObject>> {
    // Of two documents that name one object, the last counts.
    let last: BTreeMap<ObjectRef, u32> =
        manifests.documents.iter().filter_map(|manifest| Some((manifest.object()?, manifest.position))).collect();
    for manifest in &manifests.documents {
        let Some(object) = manifest.object() else { continue };
        let Some(before) = world.cluster.origin(&object) else { continue };
        let counts = last.get(&object) == Some(&manifest.position);
        let of_old = |diagnostic: &Diagnostic| {
            let upstream = matches!(diagnostic.message, Finding::Upstream(_)) && diagnostic.severity == Severity::Error;
            upstream && diagnostic.object.as_ref() == Some(&object)
        };
        // A text that was an update, and is there again, may be none that could create its object.
        let as_before = std::ptr::eq(before, manifest.as_ref()) || before.value == manifest.value;
        let same = as_before && !world.diagnostics.iter().any(of_old);
        if !counts || same || manifest.is_dumped() || !world.cluster.store.contains(&object) {
            continue;
        }
        // Of a Service, what was allocated counts; of the rest, what was written.
        let stored = world.cluster.store.to_json(&object).filter(|_| object.kind == Kind::Service);
        let Some(verdict) = revise(manifest, before, stored) else { continue };
        let place = objects.iter().position(|item| item.object.object_ref() == object);
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

/// Whether a document asks for other replicas than its object has: somebody has scaled it since. kubectl's patch is the difference
/// between the object and the document (`CreateThreeWayMergePatch` of `k8s.io/apimachinery`), so the document wins.
fn was_scaled(world: &World, object: &ObjectRef, document: &Manifest) -> bool {
    let asked = document.value.pointer("/spec/replicas").and_then(Value::as_i64);
    let has = || world.cluster.store.workload(object).and_then(|workload| workload.replicas).map(i64::from);
    asked.is_some_and(|asked| has().is_some_and(|has| has != asked))
}

/// The documents that differ from what was applied, in the order in which they are applied. An edit of the text plays what was
/// edited; a further `kubectl apply` writes whatever differs from the cluster, too.
fn changed(world: &mut World, manifests: &Arc<Manifests>, objects: &[Arc<AdmittedObject>], prune: Prune) -> Vec<AdmittedObject> {
    let mut work = Vec::new();
    for item in objects {
        let object = item.object.object_ref();
        let Some(written) = document(manifests, item.position) else { continue };
        let as_before = |old: &Manifest| std::ptr::eq(old, written) || old.value == written.value;
        let scaled = prune == Prune::Nothing && was_scaled(world, &object, written);
        let same = world.cluster.origin(&object).is_some_and(as_before) && !scaled;
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
        Object::ReplicationController(set) => i64::from(set.spec.replicas.unwrap_or(1)),
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

/// Writes one admitted object, or says why not.
fn write(world: &mut World, manifests: &Arc<Manifests>, item: AdmittedObject, taken: &mut Taken) {
    let Some(manifest) = document(manifests, item.position) else { return };
    let object = item.object.object_ref();
    if object.kind.namespaced() && world.cluster.store.get::<Namespace>("", &object.namespace).is_none() {
        let refusal = no_namespace(manifest, &object.namespace);
        return world.diagnostics.push(refusal);
    }
    if let Some(refusal) = forbidden(world, manifest, &item.object) {
        return world.diagnostics.push(refusal);
    }
    match registry::store(world, item.object, manifest, taken) {
        Ok(()) => note_origin(world, manifests, &object, item.position),
        Err(refusals) => {
            for FieldError { path, message } in refusals {
                let stays = world.cluster.store.contains(&object);
                let another = allocate::another(&path, &message);
                let mut refusal = upstream(manifest, &path, message);
                refusal.help = another.or_else(|| stays.then(|| msg!("help.immutable", object = object)));
                world.diagnostics.push(refusal);
            }
        }
    }
}
