//! Service meshes: whose proxy takes part in a Pod's requests.
//!
//! Istio ("Installing the Sidecar", "Add workloads to an ambient mesh"), Linkerd ("Automatic Proxy Injection"), Kuma, Consul.

use crate::api::ObjectMeta;

/// The proxies that meshes put into Pods, by the names of their containers.
const PROXIES: [(&str, &str); 4] =
    [("istio-proxy", "Istio"), ("linkerd-proxy", "Linkerd"), ("kuma-sidecar", "Kuma"), ("consul-dataplane", "Consul")];

/// The mesh whose proxy a container is, by the container's name: a sidecar written by hand, or one in a Pod of a running cluster.
pub fn proxy<'a>(containers: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let mut meshes = containers.filter_map(|name| PROXIES.iter().find(|(proxy, _)| *proxy == name));
    meshes.next().map(|(_, mesh)| *mesh)
}

/// The service mesh whose proxy takes part in a Pod's requests, by what its namespace (if that is known) and the Pod itself say; both
/// meshes read labels, Linkerd annotations. A Pod of a running cluster carries what the injectors wrote (Istio's
/// `sidecar.istio.io/status`, Linkerd's `linkerd.io/proxy-version`); Istio's ambient mode leaves Pods as they are.
pub fn mesh(namespace: &ObjectMeta, pod: &ObjectMeta) -> Option<&'static str> {
    let says = |meta: &ObjectMeta, key: &str, value: &str| {
        [&meta.labels, &meta.annotations].iter().any(|map| map.get(key).is_some_and(|own| own == value))
    };
    // Istio's older label comes before a revision.
    let revised = namespace.labels.contains_key("istio.io/rev") && !says(namespace, "istio-injection", "disabled");
    let istio = revised || says(namespace, "istio-injection", "enabled") || pod.labels.contains_key("istio.io/rev");
    let own = "sidecar.istio.io/inject";
    let (mode, ambient) = ("istio.io/dataplane-mode", "ambient");
    let ambient = says(pod, mode, ambient) || (says(namespace, mode, ambient) && !says(pod, mode, "none"));
    let waypoint = [namespace, pod].iter().any(|meta| meta.labels.get("istio.io/use-waypoint").is_some_and(|own| own != "none"));
    let injected = pod.annotations.contains_key("sidecar.istio.io/status");
    if injected || ambient || waypoint || says(pod, own, "true") || (istio && !says(pod, own, "false")) {
        return Some("Istio");
    }
    let linkerd = "linkerd.io/inject";
    let off = says(pod, linkerd, "disabled");
    let injected = pod.annotations.contains_key("linkerd.io/proxy-version");
    if injected || says(pod, linkerd, "enabled") || (says(namespace, linkerd, "enabled") && !off) {
        return Some("Linkerd");
    }
    let (kuma, enabled) = ("kuma.io/sidecar-injection", "enabled");
    if says(pod, kuma, enabled) || (says(namespace, kuma, enabled) && !says(pod, kuma, "disabled")) {
        return Some("Kuma");
    }
    says(pod, "consul.hashicorp.com/connect-inject", "true").then_some("Consul")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_of_a_running_mesh_carries_what_its_injector_wrote() {
        let pod = |key: &str, value: &str| {
            let mut meta = ObjectMeta::default();
            meta.annotations.insert(key.into(), value.into());
            meta
        };
        let nowhere = ObjectMeta::default();
        assert_eq!(mesh(&nowhere, &pod("sidecar.istio.io/status", "{}")), Some("Istio"));
        assert_eq!(mesh(&nowhere, &pod("linkerd.io/proxy-version", "edge-25.1.1")), Some("Linkerd"));
        let mut ambient = ObjectMeta::default();
        ambient.labels.insert("istio.io/dataplane-mode".into(), "ambient".into());
        assert_eq!(mesh(&ambient, &nowhere), Some("Istio"));
        assert_eq!(mesh(&ambient, &pod("istio.io/dataplane-mode", "none")), None);
        assert_eq!(mesh(&nowhere, &pod("consul.hashicorp.com/connect-inject", "true")), Some("Consul"));
        assert_eq!(mesh(&nowhere, &nowhere), None);
        assert_eq!(proxy(["app", "istio-proxy"].into_iter()), Some("Istio"));
        assert_eq!(proxy(["app"].into_iter()), None);
    }
}
