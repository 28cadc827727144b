//! Ingress controllers that the cluster itself holds, in a dump or from their own manifests: who they are, by `spec.controller` of
//! their IngressClass and by their image, and where they are reached.
//!
//! Their Pods get the packets that reach them, are ready or not, and route as kubehop's own controller does. Left out: their
//! annotations, flags and settings; controllers whose proxy has other Pods (Contour, Kong), and those outside the cluster.

use crate::addons::public_dns;
use crate::api::apps::{DaemonSet, Deployment};
use crate::api::core::{Pod, PodSpec, PodTemplateSpec, Service};
use crate::api::meta::{Labels, selects};
use crate::api::networking::IngressClass;
use crate::cluster::Store;

/// `spec.controller` of the classes, and what their images' names end in.
const KNOWN: [(&str, &[&str]); 5] = [
    ("k8s.io/ingress-nginx", &["ingress-nginx/controller", "nginx-ingress-controller"]),
    ("traefik.io/ingress-controller", &["traefik", "mirrored-library-traefik"]),
    ("nginx.org/ingress-controller", &["nginx/nginx-ingress"]),
    ("haproxy.org/ingress-controller", &["haproxytech/kubernetes-ingress"]),
    ("haproxy-ingress.github.io/controller", &["jcmoraisjr/haproxy-ingress"]),
];

/// The controller that an image holds.
pub fn of_image(image: &str) -> Option<&'static str> {
    let image = image.split('@').next().unwrap_or_default();
    let name = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(image, |(name, _)| name);
    let ends = |end: &&str| name.strip_suffix(*end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    KNOWN.iter().find(|(_, images)| images.iter().any(ends)).map(|(controller, _)| *controller)
}

/// The controller that a Pod runs.
pub fn of_pod(spec: &PodSpec) -> Option<&'static str> {
    spec.containers.iter().find_map(|container| of_image(&container.image))
}

/// What controllers have ports of their own for, as their manifests name them: their webhooks, metrics and pages.
const BESIDE: [&str; 9] =
    ["webhook", "metrics", "prometheus", "stat", "readiness-port", "healthz", "traefik", "admin", "dashboard"];

/// Whether a controller's port takes requests for Ingresses.
pub fn takes_requests(spec: &PodSpec, port: u16) -> bool {
    let mut ports = spec.containers.iter().flat_map(|container| &container.ports);
    !ports.any(|own| own.container_port == i32::from(port) && BESIDE.contains(&own.name.as_str()))
}

/// Whether the cluster holds the controller of a class.
pub fn stands(store: &Store, controller: &str) -> bool {
    known(controller).is_some_and(|known| !homes(store, known).is_empty())
}

/// The controllers that a class names.
pub fn with_class(store: &Store) -> Vec<&'static str> {
    store.all::<IngressClass>().filter_map(|class| known(&class.spec.controller)).collect()
}

fn known(controller: &str) -> Option<&'static str> {
    let is_it = |own: &str| controller.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    KNOWN.iter().map(|(own, _)| *own).find(|own| is_it(own))
}

/// Namespaces and labels of a controller's Pods, of those to come as well.
fn homes<'a>(store: &'a Store, controller: &str) -> Vec<(&'a str, &'a Labels)> {
    let runs = |spec: &PodSpec| of_pod(spec) == Some(controller);
    let mut homes = Vec::new();
    for pod in store.all::<Pod>().filter(|pod| runs(&pod.spec)) {
        homes.push((pod.metadata.namespace.as_str(), &pod.metadata.labels));
    }
    let mut add = |namespace: &'a str, template: &'a PodTemplateSpec| {
        if runs(&template.spec) {
            homes.push((namespace, &template.metadata.labels));
        }
    };
    store.all::<Deployment>().for_each(|set| add(&set.metadata.namespace, &set.spec.template));
    store.all::<DaemonSet>().for_each(|set| add(&set.metadata.namespace, &set.spec.template));
    homes
}

/// The Service of type LoadBalancer before a controller's Pods.
pub fn front<'a>(store: &'a Store, controller: &str) -> Option<&'a Service> {
    let homes = homes(store, known(controller)?);
    let leads = |service: &&Service| {
        let (meta, spec) = (&service.metadata, &service.spec);
        let chosen = |(namespace, labels): &(&str, &Labels)| *namespace == meta.namespace && selects(&spec.selector, labels);
        spec.type_ == "LoadBalancer" && !spec.selector.is_empty() && homes.iter().any(chosen)
    };
    store.all::<Service>().find(leads)
}

/// Where a controller is reached: its load balancer, else the node of one of its Pods.
pub fn address_of(store: &Store, controller: &str) -> Option<String> {
    if let Some(service) = front(store, controller) {
        let ingress = &service.status.load_balancer.ingress;
        return ingress.iter().find_map(|at| public_dns::balancer_address(service, at)).map(|ip| ip.to_string());
    }
    let known = known(controller)?;
    let mut pods = store.all::<Pod>().filter(|pod| of_pod(&pod.spec) == Some(known) && !pod.status.host_ip.is_empty());
    pods.next().map(|pod| pod.status.host_ip.clone())
}

/// Where the first of the controllers is reached that a class names.
pub fn address(store: &Store) -> Option<String> {
    with_class(store).into_iter().find_map(|controller| address_of(store, controller))
}

#[cfg(test)]
mod tests {
    use super::of_image;

    #[test]
    fn controllers_are_known_by_their_images() {
        let nginx = Some("k8s.io/ingress-nginx");
        assert_eq!(of_image("registry.k8s.io/ingress-nginx/controller:v1.12.0@sha256:e6b8"), nginx);
        assert_eq!(of_image("rancher/nginx-ingress-controller:v1.12.1-hardened1"), nginx);
        assert_eq!(of_image("localhost:5000/traefik"), Some("traefik.io/ingress-controller"));
        assert_eq!(of_image("traefik/whoami:v1.10"), None);
        assert_eq!(of_image("nginx:1.27"), None);
    }
}
