//! Ingresses of the text that the API server refused, of a version that is gone, say: nobody serves their hosts, which are the
//! cluster's own all the same. Somebody else's server does not answer for them.

use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::kubectl::Manifest;
use crate::msg;
use crate::trace::FieldRef;
use crate::words::Message;

/// Groups that Ingress has been in.
const GROUPS: [&str; 2] = ["extensions/", "networking.k8s.io/"];

fn hosts(document: &Manifest) -> impl Iterator<Item = &str> {
    let rules = document.value.pointer("/spec/rules").and_then(|rules| rules.as_array());
    rules.into_iter().flatten().filter_map(|rule| rule.get("host")?.as_str()).filter(|host| !host.is_empty())
}

fn refused(cluster: &Cluster) -> impl Iterator<Item = (&Manifest, ObjectRef)> {
    let ingresses = cluster.manifests.documents.iter().map(AsRef::as_ref).filter(|document| {
        let (kind, version): (&str, &str) = (&document.kind, &document.api_version);
        kind == "Ingress" && GROUPS.iter().any(|group| version.starts_with(group))
    });
    let named = ingresses.map(|own| (own, ObjectRef::new(Kind::Ingress, &own.namespace, &own.name)));
    named.filter(|(_, object)| !cluster.store.contains(object) && !cluster.applied.contains(object))
}

/// The hosts that refused Ingresses list.
pub fn refused_hosts(cluster: &Cluster) -> Vec<String> {
    refused(cluster).flat_map(|(document, _)| hosts(document)).map(str::to_lowercase).collect()
}

/// The refused Ingress that lists a host: what becomes of it, what to do, and its document.
pub fn refused_for(cluster: &Cluster, host: &str) -> Option<(Message, Message, Vec<FieldRef>)> {
    let (_, object) = refused(cluster).find(|(document, _)| hosts(document).any(|own| own.eq_ignore_ascii_case(host)))?;
    let why = msg!("explain.ingress.notMade", ingress = object.name, host = host);
    Some((why, msg!("explain.ingress.notMade.next"), vec![FieldRef { object, path: String::new() }]))
}
