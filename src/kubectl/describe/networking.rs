//! Services, Ingresses and endpoints.

use super::{Page, or_none, or_unset, pairs};
use crate::api::core::{Endpoints, LoadBalancerIngress, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::meta::IntOrString;
use crate::api::networking::{Ingress, IngressBackend, IngressClass};
use crate::cluster::Store;
use std::collections::BTreeSet;

pub(super) fn service(page: &mut Page, service: &Service) {
    let spec = &service.spec;
    page.name_and_namespace(&service.metadata);
    page.labels_and_annotations(&service.metadata);
    page.line(format!("Selector:\t{}", pairs(&spec.selector)));
    page.line(format!("Type:\t{}", spec.type_));
    if let Some(policy) = &spec.ip_family_policy {
        page.line(format!("IP Family Policy:\t{policy}"));
    }
    page.line(format!("IP Families:\t{}", or_none(spec.ip_families.join(","))));
    page.line(format!("IP:\t{}", spec.cluster_ip));
    page.line(format!("IPs:\t{}", or_none(spec.cluster_ips.join(","))));
    optional(page, "External IPs", spec.external_ips.join(","));
    optional(page, "Desired LoadBalancer IP", spec.load_balancer_ip.clone());
    optional(page, "External Name", spec.external_name.clone());
    optional(page, "LoadBalancer Ingress", load_balancer(&service.status.load_balancer.ingress));
    ports(page, service);
    page.line(format!("Session Affinity:\t{}", spec.session_affinity));
    optional(page, "External Traffic Policy", spec.external_traffic_policy.clone());
    optional(page, "Internal Traffic Policy", spec.internal_traffic_policy.clone().unwrap_or_default());
    if spec.health_check_node_port != 0 {
        page.line(format!("HealthCheck NodePort:\t{}", spec.health_check_node_port));
    }
    optional(page, "LoadBalancer Source Ranges", spec.load_balancer_source_ranges.join(","));
    optional(page, "Traffic Distribution", spec.traffic_distribution.clone().unwrap_or_default());
    page.events(service);
}

fn optional(page: &mut Page, label: &str, value: String) {
    if !value.is_empty() {
        page.line(format!("{label}:\t{value}"));
    }
}

fn load_balancer(addresses: &[LoadBalancerIngress]) -> String {
    let address = |at: &LoadBalancerIngress| match (&at.ip_mode, at.ip.is_empty()) {
        (_, true) => at.hostname.clone(),
        (Some(mode), _) => format!("{} ({mode})", at.ip),
        (None, _) => at.ip.clone(),
    };
    addresses.iter().map(address).collect::<Vec<_>>().join(", ")
}

fn ports(page: &mut Page, service: &Service) {
    for port in &service.spec.ports {
        let (name, protocol) = (or_unset(&port.name), &port.protocol);
        page.line(format!("Port:\t{name}\t{}/{protocol}", port.port));
        let target = match &port.target_port {
            IntOrString::Int(number) => number.to_string(),
            IntOrString::String(name) => name.clone(),
        };
        page.line(format!("TargetPort:\t{target}/{protocol}"));
        if let Some(hint) = &port.app_protocol {
            page.line(format!("AppProtocol:\t{hint}"));
        }
        if port.node_port != 0 {
            page.line(format!("NodePort:\t{name}\t{}/{protocol}", port.node_port));
        }
        let endpoints = endpoints_of(&page.cluster.store, &service.metadata.namespace, &service.metadata.name, &port.name);
        page.line(format!("Endpoints:\t{endpoints}"));
    }
}

/// The ready addresses behind one port: three of them, and how many more. No slice: `<none>`.
fn endpoints_of(store: &Store, namespace: &str, service: &str, port_name: &str) -> String {
    let own =
        |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name").is_some_and(|name| name == service);
    let slices: Vec<&EndpointSlice> = store.in_namespace::<EndpointSlice>(namespace).filter(own).collect();
    if slices.is_empty() {
        return "<none>".into();
    }
    let mut list = Vec::new();
    for slice in slices {
        let ready = || slice.endpoints.iter().filter(|endpoint| endpoint.conditions.ready.unwrap_or(true));
        let addresses = || ready().filter_map(|endpoint| endpoint.addresses.first());
        if slice.ports.is_empty() {
            list.extend(addresses().cloned());
        }
        for port in slice.ports.iter().filter(|port| port.name.as_deref().unwrap_or_default() == port_name) {
            list.extend(addresses().map(|ip| format!("{ip}:{}", port.port.unwrap_or_default())));
        }
    }
    let more = list.len().saturating_sub(3);
    list.truncate(3);
    let shown = list.join(",");
    if more > 0 { format!("{shown} + {more} more...") } else { shown }
}

pub(super) fn ingress(page: &mut Page, ingress: &Ingress) {
    let spec = &ingress.spec;
    page.line(format!("Name:\t{}", ingress.metadata.name));
    page.labels("Labels", &ingress.metadata.labels);
    page.line(format!("Namespace:\t{}", ingress.metadata.namespace));
    let address = |at: &LoadBalancerIngress| if at.ip.is_empty() { at.hostname.clone() } else { at.ip.clone() };
    let addresses: BTreeSet<String> =
        ingress.status.load_balancer.ingress.iter().map(address).filter(|at| !at.is_empty()).collect();
    page.line(format!("Address:\t{}", addresses.into_iter().collect::<Vec<_>>().join(",")));
    page.line(format!("Ingress Class:\t{}", spec.ingress_class_name.as_deref().unwrap_or("<none>")));
    let namespace = &ingress.metadata.namespace;
    let default = spec.default_backend.as_ref().map_or("<default>".into(), |at| backend(&page.cluster.store, namespace, at));
    page.line(format!("Default backend:\t{default}"));
    if !spec.tls.is_empty() {
        page.line("TLS:");
    }
    for tls in &spec.tls {
        let hosts = tls.hosts.join(",");
        let secret = &tls.secret_name;
        page.line(if secret.is_empty() { format!("  SNI routes {hosts}") } else { format!("  {secret} terminates {hosts}") });
    }
    page.line("Rules:");
    page.line("  Host\tPath\tBackends");
    page.line("  ----\t----\t--------");
    let rules = spec.rules.iter().filter_map(|rule| Some((&rule.host, rule.http.as_ref()?)));
    for (host, http) in rules.clone() {
        page.line(format!("  {}\t", if host.is_empty() { "*" } else { host }));
        for path in &http.paths {
            let backend = backend(&page.cluster.store, namespace, &path.backend);
            page.line(format!("    \t{} \t{backend}", path.path));
        }
    }
    if rules.count() == 0 {
        page.line(format!("  *\t*\t{default}"));
    }
    page.annotations("Annotations", &ingress.metadata.annotations);
    page.events(ingress);
}

fn backend(store: &Store, namespace: &str, backend: &IngressBackend) -> String {
    if let Some(resource) = backend.resource.as_ref().filter(|_| backend.service.is_none()) {
        let group = resource.api_group.as_deref().unwrap_or("<none>");
        return format!("APIGroup: {group}, Kind: {}, Name: {}", resource.kind, resource.name);
    }
    let Some(to) = &backend.service else { return String::new() };
    let port = if to.port.number != 0 { to.port.number.to_string() } else { to.port.name.clone() };
    let shown = format!("{}:{port}", to.name);
    let Some(service) = store.get::<Service>(namespace, &to.name) else {
        return format!("{shown} (<error: services \"{}\" not found>)", to.name);
    };
    let fits = |port: &&crate::api::core::ServicePort| {
        (to.port.number != 0 && port.port == to.port.number) || (!to.port.name.is_empty() && port.name == to.port.name)
    };
    let name = service.spec.ports.iter().rfind(fits).map_or("", |port| port.name.as_str());
    format!("{shown} ({})", endpoints_of(store, namespace, &to.name, name))
}

pub(super) fn ingress_class(page: &mut Page, class: &IngressClass) {
    page.line(format!("Name:\t{}", class.metadata.name));
    page.labels_and_annotations(&class.metadata);
    page.line(format!("Controller:\t{}", class.spec.controller));
    page.events(class);
}

pub(super) fn endpoint_slice(page: &mut Page, slice: &EndpointSlice) {
    page.name_and_namespace(&slice.metadata);
    page.labels_and_annotations(&slice.metadata);
    page.line(format!("AddressType:\t{}", slice.address_type));
    page.line(if slice.ports.is_empty() { "Ports: <unset>" } else { "Ports:\n  Name\tPort\tProtocol\n  ----\t----\t--------" });
    for port in &slice.ports {
        let number = port.port.map_or("<unset>".into(), |port| port.to_string());
        let (name, protocol) = (or_unset(port.name.as_deref().unwrap_or_default()), port.protocol.as_deref().unwrap_or_default());
        page.line(format!("  {name}\t{number}\t{protocol}"));
    }
    page.line(if slice.endpoints.is_empty() { "Endpoints: <none>" } else { "Endpoints:" });
    for endpoint in &slice.endpoints {
        let unset = |text: &Option<String>| text.clone().unwrap_or_else(|| "<unset>".into());
        page.line(format!("  - Addresses:\t{}", or_none(endpoint.addresses.join(", "))));
        page.line("    Conditions:");
        page.line(format!("      Ready:\t{}", endpoint.conditions.ready.map_or("<unset>".into(), |ready| ready.to_string())));
        page.line(format!("    Hostname:\t{}", unset(&endpoint.hostname)));
        if let Some(target) = &endpoint.target_ref {
            page.line(format!("    TargetRef:\t{}/{}", target.kind, target.name));
        }
        page.line(format!("    NodeName:\t{}", unset(&endpoint.node_name)));
        page.line(format!("    Zone:\t{}", unset(&endpoint.zone)));
    }
    page.events(slice);
}

pub(super) fn endpoints(page: &mut Page, endpoints: &Endpoints) {
    page.name_and_namespace(&endpoints.metadata);
    page.labels_and_annotations(&endpoints.metadata);
    page.line("Subsets:");
    for subset in &endpoints.subsets {
        let list = |addresses: &[crate::api::core::EndpointAddress]| {
            or_none(addresses.iter().map(|address| address.ip.as_str()).collect::<Vec<_>>().join(","))
        };
        page.line(format!("  Addresses:\t{}", list(&subset.addresses)));
        page.line(format!("  NotReadyAddresses:\t{}", list(&subset.not_ready_addresses)));
        if !subset.ports.is_empty() {
            page.line("  Ports:\n    Name\tPort\tProtocol\n    ----\t----\t--------");
        }
        for port in &subset.ports {
            page.line(format!("    {}\t{}\t{}", or_unset(&port.name), port.port, port.protocol));
        }
        page.line("");
    }
    page.events(endpoints);
}
