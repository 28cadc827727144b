//! Annotations and labels of Services and Ingresses that somebody reads who does not run here.

use crate::addons::ingress_controller;
use crate::api::core::Service;
use crate::api::foreign::annotations::{Reader, unplayed};
use crate::api::networking::Ingress;
use crate::api::{Kind, ObjectMeta, ObjectRef};
use crate::cluster::Cluster;
use crate::data_plane::target::Target;
use crate::msg;
use crate::trace::{Hop, Place, Reason, Source, Trace};
use crate::words::Message;

/// What they could change of this request.
pub(super) fn notes(cluster: &Cluster, trace: &Trace) -> Vec<Message> {
    let mut notes = Vec::new();
    let http = trace.hops.iter().find(|hop| hop.reason == Reason::ReadHttp).and_then(|hop| hop.text.args.get("host"));
    let mut seen: Vec<&ObjectRef> = Vec::new();
    for object in trace.hops.iter().flat_map(|hop| &hop.objects).filter(|object| object.kind == Kind::Service) {
        if seen.contains(&object) {
            continue;
        }
        seen.push(object);
        let Some(service) = cluster.store.get::<Service>(&object.namespace, &object.name) else { continue };
        let balancer = Place::LoadBalancer(object.namespace.clone(), object.name.clone());
        let from_outside = service.spec.type_ == "LoadBalancer" && trace.request.from == Source::Internet;
        let balanced = from_outside || trace.hops.iter().any(|hop| hop.at == balancer);
        let readers = [(Reader::Service, true), (Reader::Balancer, balanced), (Reader::Ingress, http.is_some())];
        for (reader, _) in readers.into_iter().filter(|(_, counts)| *counts) {
            told(cluster, reader, object, &service.metadata, &mut notes);
        }
    }
    // Nobody reads the request where a load balancer has no listener, and what is not played may add one.
    let shut = |hop: &Hop| hop.reason == Reason::LoadBalancerNoBackend && hop.text.id.ends_with(".listener");
    let shut = trace.hops.iter().any(shut);
    let called = || Target::read(&trace.request.target, trace.request.protocol).filter(|_| shut).map(|target| target.host);
    let Some(host) = &http.cloned().or_else(called) else { return notes };
    for ingress in cluster.store.all::<Ingress>().filter(|ingress| concerns(cluster, trace, ingress, host)) {
        told(cluster, Reader::Ingress, &ObjectRef::of(ingress), &ingress.metadata, &mut notes);
    }
    notes
}

fn told(cluster: &Cluster, reader: Reader, object: &ObjectRef, meta: &ObjectMeta, notes: &mut Vec<Message>) {
    for own in unplayed(reader, meta, cluster.settings.played()) {
        let (kind, name) = (object.kind.name(), &object.name);
        notes.push(match own.with_aws {
            true => msg!("assume.readByAws", kind = kind, name = name, keys = own.keys),
            false => msg!("assume.readElsewhere", kind = kind, name = name, keys = own.keys, who = own.who),
        });
    }
}

/// An Ingress that the request met, or that has rules for its host: a canary, for one, shares them with another.
fn concerns(cluster: &Cluster, trace: &Trace, ingress: &Ingress, host: &str) -> bool {
    let object = ObjectRef::of(ingress);
    let met = |hop: &Hop| hop.objects.contains(&object) || hop.because.iter().any(|field| field.object == object);
    if trace.hops.iter().any(met) {
        return true;
    }
    let lost = trace.hops.iter().any(|hop| hop.reason == Reason::IngressNoRule);
    let more = ["server-alias", "www-redirect"];
    let more = || ingress.metadata.annotations.keys().any(|key| more.iter().any(|end| key.ends_with(end)));
    ingress_controller::is_served(&cluster.store, ingress) && (ingress_controller::lists_host(ingress, host) || (lost && more()))
}
