//! A Pod's own name, from its `hostname` and `subdomain`: it stands in the Service of the subdomain's name, and only where that
//! one selects the Pod. Follows `podToEndpoint` and `ShouldSetHostname` in `k8s.io/endpointslice/util` and `reconciler.go`.

use crate::api::ObjectRef;
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
    let pod = cluster.store.in_namespace::<Pod>(namespace).find(named)?;
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
