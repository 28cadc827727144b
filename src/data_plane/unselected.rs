//! Why a Service without selector has no endpoints: what stands written for it, and does not count.
//!
//! kube-proxy finds a Service's slices by their label `kubernetes.io/service-name`, and in them the ports by the Service port's name
//! (`pkg/proxy/endpointslicecache.go`); Endpoints count by the slices that mirror them (`pkg/controller/endpointslicemirroring`).

use crate::api::ObjectRef;
use crate::api::core::{Endpoints, Service};
use crate::api::discovery::EndpointSlice;
use crate::cluster::Store;
use crate::diagnostic::{distance, is_slip};
use crate::msg;
use crate::trace::FieldRef;
use crate::words::Message;

const SERVICE_NAME: &str = "kubernetes.io/service-name";
const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";

/// What a slice has that kube-proxy passes over (`endpointslicecache.go`): names in place of addresses, a port without a number, or one
/// of another protocol.
fn odd(service: &Service, slice: &EndpointSlice, object: &ObjectRef, mirrored: bool) -> Option<(Message, FieldRef)> {
    let field = |path: String| FieldRef { object: object.clone(), path: if mirrored { "subsets".into() } else { path } };
    if slice.address_type != "IPv4" {
        let next = msg!("advice.sliceType.next", object = object, kind = slice.address_type);
        return Some((next, field("addressType".into())));
    }
    for (at, port) in slice.ports.iter().enumerate() {
        let name = port.name.as_deref().unwrap_or_default();
        let Some(own) = service.spec.ports.iter().find(|own| own.name == name) else { continue };
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        if port.port.unwrap_or(0) == 0 {
            return Some((msg!("advice.sliceNumber.next", object = object), field(format!("ports[{at}]"))));
        }
        if protocol != own.protocol {
            let (name, is) = (&service.metadata.name, &own.protocol);
            let next = msg!("advice.sliceProtocol.next", object = object, protocol = protocol, service = name, own = is);
            return Some((next, field(format!("ports[{at}].protocol"))));
        }
    }
    None
}

/// What gives a Service without selector its endpoints, and the field to look at first.
pub fn unselected(store: &Store, service: &Service) -> (Message, FieldRef) {
    let (namespace, name) = (&service.metadata.namespace, &service.metadata.name);
    let by_hand = store.get::<Endpoints>(namespace, name);
    // A mirrored slice is shown as the Endpoints that somebody wrote.
    let shown = |slice: &EndpointSlice| by_hand.map_or_else(|| ObjectRef::of(slice), ObjectRef::of);
    let field = |object: ObjectRef, path: &str| FieldRef { object, path: path.into() };
    let label = |slice: &EndpointSlice| slice.metadata.labels.get(SERVICE_NAME).cloned().unwrap_or_default();
    let slices: Vec<&EndpointSlice> = store.in_namespace::<EndpointSlice>(namespace).collect();
    let own = |slice: &&&EndpointSlice| label(slice) == *name && !slice.endpoints.is_empty();
    if let Some(found) = slices.iter().find(own) {
        let quoted = |names: Vec<&str>| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let own: Vec<&str> = service.spec.ports.iter().map(|port| port.name.as_str()).collect();
        let theirs: Vec<&str> = found.ports.iter().map(|port| port.name.as_deref().unwrap_or_default()).collect();
        let (object, slice) = (shown(found), found.endpoints.iter());
        if let Some(odd) = odd(service, found, &object, by_hand.is_some()) {
            return odd;
        }
        if !theirs.iter().any(|name| own.contains(name)) {
            let next = msg!("advice.slicePort.next", service = name, own = quoted(own), object = object, theirs = quoted(theirs));
            let path = if by_hand.is_some() { "subsets" } else { "ports" };
            return (next, field(object, path));
        }
        if !slice.into_iter().any(|endpoint| endpoint.conditions.ready.unwrap_or(true)) {
            let path = if by_hand.is_some() { "subsets" } else { "endpoints" };
            return (msg!("advice.sliceNotReady.next", service = name, object = object), field(object, path));
        }
    }
    if let Some(skipped) = by_hand.filter(|own| own.metadata.labels.get(SKIP_MIRROR).is_some_and(|skip| skip == "true")) {
        let object = ObjectRef::of(skipped);
        return (msg!("advice.skipMirror.next", object = object, label = SKIP_MIRROR), field(object, "metadata.labels"));
    }
    let unnamed = |slice: &&&EndpointSlice| label(slice).is_empty() && slice.metadata.name.starts_with(name.as_str());
    let near = |label: &str| !label.is_empty() && label != name && is_slip(distance(label, name), label, name);
    let misspelt = |slice: &&&EndpointSlice| near(&label(slice));
    if let Some(slice) = slices.iter().find(unnamed).or_else(|| slices.iter().find(misspelt)) {
        let (object, label) = (ObjectRef::of(*slice), format!("{SERVICE_NAME}: {name}"));
        return (msg!("advice.sliceLabel.next", service = name, object = object, label = label), field(object, "metadata"));
    }
    (msg!("advice.noSelector.next", service = name), field(ObjectRef::of(service), "spec"))
}
