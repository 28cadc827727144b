//! Since when the things are there that a dump does not show.
//!
//! The present of a dump is the newest time that it names. What stands in every cluster (the API server's Service, CoreDNS, the nodes) is as old as
//! the oldest object that the dump shows, and so is a namespace as the oldest in it; what the controllers of its Services wrote is as old as these.

use super::came_from_dump;
use crate::api::core::{Namespace, Pod, Service};
use crate::api::meta::Labels;
use crate::api::time::seconds_of;
use crate::api::{Kind, ObjectMeta, ObjectRef, Resource};
use crate::cluster::{Cluster, Origin};
use crate::control_plane::world::{World, controller_of, key_of};
use crate::kubectl::Manifests;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The namespaces with which a cluster begins.
const FIRST: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Dates what no text has brought.
pub(crate) fn date(world: &mut World, manifests: &Manifests) {
    let dumped = manifests.documents.iter().filter(|manifest| manifest.is_dumped());
    let made = dumped.filter_map(|own| Some((&own.namespace, own.value.pointer("/metadata/creationTimestamp")?.as_str()?)));
    let made: Vec<(&String, &str)> = made.filter(|(_, at)| seconds_of(at).is_some()).collect();
    let oldest = |within: Option<&str>| {
        let own = made.iter().filter(|(namespace, _)| within.is_none_or(|within| *namespace == within));
        own.map(|(_, at)| *at).min_by_key(|at| seconds_of(at))
    };
    let Some(first) = oldest(None) else { return };
    date_standing(world, first);
    date_endpoints(world);
    let namespaces: Vec<Namespace> = world.cluster.store.all::<Namespace>().cloned().collect();
    for namespace in &namespaces {
        let name = namespace.metadata.name.as_str();
        let at = if FIRST.contains(&name) { Some(first) } else { oldest(Some(name)) };
        let own = world.cluster.store.namespaces.get_mut(&key_of(&namespace.metadata));
        if let Some((own, at)) = own.zip(at).filter(|_| stands_by_itself(&world.cluster.origins, namespace)) {
            Arc::make_mut(own).metadata.creation_timestamp = Some(at.into());
        }
    }
}

/// Whether no text has brought it.
fn stands_by_itself<R: Resource>(origins: &BTreeMap<ObjectRef, Origin>, own: &R) -> bool {
    !origins.contains_key(&ObjectRef::of(own))
}

/// Slices and Endpoints of the dump's Services.
fn date_endpoints(world: &mut World) {
    let dumped = |service: &&Service| came_from_dump(world, &ObjectRef::of(*service));
    let services: Vec<ObjectMeta> =
        world.cluster.store.all::<Service>().filter(dumped).map(|service| service.metadata.clone()).collect();
    let Cluster { store, origins, .. } = &mut world.cluster;
    for meta in &services {
        let own = store.endpoints.get_mut(&key_of(meta)).filter(|own| stands_by_itself(origins, own.as_ref()));
        if let Some(own) = own {
            Arc::make_mut(own).metadata.creation_timestamp.clone_from(&meta.creation_timestamp);
        }
        let of_service = |labels: &Labels| labels.get("kubernetes.io/service-name") == Some(&meta.name);
        let slices = store.endpoint_slices.values_mut().filter(|own| own.metadata.namespace == meta.namespace);
        for own in slices.filter(|own| of_service(&own.metadata.labels) && stands_by_itself(origins, own.as_ref())) {
            Arc::make_mut(own).metadata.creation_timestamp.clone_from(&meta.creation_timestamp);
        }
    }
}

/// What stood before the text came, with what its controllers have made again since, and the nodes that it presumes.
fn date_standing(world: &mut World, first: &str) {
    let all = world.cluster.store.refs();
    let standing: BTreeSet<ObjectRef> = all.into_iter().filter(|object| stands(&world.cluster, object)).collect();
    let store = &mut world.cluster.store;
    macro_rules! date {
        ($($table:ident),*) => {$(
            for own in store.$table.values_mut().filter(|own| standing.contains(&ObjectRef::of(own.as_ref()))) {
                Arc::make_mut(own).metadata.creation_timestamp = Some(first.into());
            }
        )*};
    }
    for own in store.pods.values_mut().filter(|own| standing.contains(&ObjectRef::of(own.as_ref()))) {
        run_since(Arc::make_mut(own), first);
    }
    date!(nodes, services, endpoints, endpoint_slices, deployments, replica_sets, pods);
}

/// Whether it was there before the last text, whoever wrote that, or belongs to what was.
fn stands(cluster: &Cluster, object: &ObjectRef) -> bool {
    let Some(meta) = cluster.store.metadata(object).filter(|_| !cluster.origins.contains_key(object)) else { return false };
    match controller_of(meta) {
        Some(owner) => stands(cluster, &owner),
        None => object.kind == Kind::Node || meta.since < cluster.steps,
    }
}

/// It has run since it was made.
fn run_since(pod: &mut Pod, first: &str) {
    let status = &mut pod.status;
    status.start_time = status.start_time.is_some().then(|| first.to_string());
    for condition in &mut status.conditions {
        condition.last_transition_time = Some(first.into());
    }
    let running = status.container_statuses.iter_mut().filter_map(|own| own.state.running.as_mut());
    running.for_each(|running| running.started_at = Some(first.into()));
}
