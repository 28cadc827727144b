//! A Pod's own name, from its `hostname` and `subdomain`: it stands in the Service of the subdomain's name, and only where that
//! one selects the Pod. Follows `podToEndpoint` and `ShouldSetHostname` in `k8s.io/endpointslice/util` and `reconciler.go`; a StatefulSet
//! sets both (`initIdentity` of `pkg/controller/statefulset`), the subdomain from its `serviceName`.

use crate::api::ObjectRef;
use crate::api::apps::StatefulSet;
use crate::api::core::{Pod, Service};
use crate::api::meta::selects;
use crate::cluster::Cluster;
use crate::msg;
use crate::node::kubelet::is_ready;
use crate::trace::{FieldRef, Source, Trace};
use crate::words::Message;

/// A Pod says that it has this name, and DNS does not know it: what is missing.
pub(super) fn pod_name(cluster: &Cluster, trace: &Trace, host: &str) -> Option<(Message, FieldRef)> {
    let mut labels = host.split('.');
    let (hostname, subdomain) = (labels.next()?, labels.next()?);
    let namespace = match (labels.next(), &trace.request.from) {
        (Some(namespace), _) => namespace,
        (None, Source::Pod(namespace, _)) => namespace,
        (None, Source::Workload(object)) => &object.namespace,
        _ => return None,
    };
    let rest: Vec<&str> = labels.collect();
    if !matches!(rest.as_slice(), [] | ["svc"] | ["svc", "cluster", "local"]) {
        return None;
    }
    let named = |pod: &&Pod| pod.spec.hostname == hostname && pod.spec.subdomain == subdomain;
    let Some(pod) = cluster.store.in_namespace::<Pod>(namespace).find(named) else {
        return unnamed(cluster, cluster.store.get::<Service>(namespace, subdomain)?, hostname);
    };
    let name = &pod.metadata.name;
    let own = || FieldRef { object: ObjectRef::of(pod), path: "spec.subdomain".into() };
    let Some(service) = cluster.store.get::<Service>(namespace, subdomain) else {
        return Some((msg!("advice.hostname.noService.next", pod = name, subdomain = subdomain, namespace = namespace), own()));
    };
    let selector = &service.spec.selector;
    let field = |path: &str| FieldRef { object: ObjectRef::of(service), path: path.into() };
    if selector.is_empty() {
        return None;
    }
    if !selects(selector, &pod.metadata.labels) {
        let pairs = selector.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
        return Some((
            msg!("advice.hostname.selector.next", pod = name, service = subdomain, selector = pairs),
            field("spec.selector"),
        ));
    }
    let waits = !is_ready(pod) && !service.spec.publish_not_ready_addresses;
    waits.then(|| (msg!("advice.hostname.notReady.next", pod = name, service = subdomain), own()))
}

/// A Pod of this name stands behind the Service and has no name in it: its subdomain is another, or none.
pub fn unnamed(cluster: &Cluster, service: &Service, hostname: &str) -> Option<(Message, FieldRef)> {
    let (meta, selector, store) = (&service.metadata, &service.spec.selector, &cluster.store);
    let own =
        |pod: &Pod| if pod.spec.hostname.is_empty() { pod.metadata.name == hostname } else { pod.spec.hostname == hostname };
    let named = |pod: &&Pod| own(pod) && selects(selector, &pod.metadata.labels) && !selector.is_empty();
    let pod = store.in_namespace::<Pod>(&meta.namespace).find(named)?;
    let (name, subdomain) = (&pod.metadata.name, &pod.spec.subdomain);
    let owner = pod.metadata.owner_references.iter().find(|owner| owner.kind == "StatefulSet");
    let set = owner.and_then(|owner| store.get::<StatefulSet>(&meta.namespace, &owner.name));
    let Some(set) = set.filter(|set| set.spec.service_name != meta.name) else {
        let has = !pod.spec.hostname.is_empty() && *subdomain == meta.name;
        let field = FieldRef { object: ObjectRef::of(pod), path: "spec".into() };
        let next = msg!("advice.hostname.pod.next", pod = name, host = hostname, service = meta.name);
        return (!has).then_some((next, field));
    };
    let field = FieldRef { object: ObjectRef::of(set), path: "spec.serviceName".into() };
    let (set, service) = (&set.metadata.name, &meta.name);
    let next = match store.get::<Service>(&meta.namespace, subdomain) {
        Some(_) => msg!("advice.hostname.set.called.next", pod = name, service = service, set = set, subdomain = subdomain),
        None if subdomain.is_empty() => msg!("advice.hostname.set.none.next", pod = name, service = service, set = set),
        None => msg!("advice.hostname.set.next", pod = name, service = service, set = set, subdomain = subdomain),
    };
    Some((next, field))
}
