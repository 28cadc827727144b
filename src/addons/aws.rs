//! The AWS Load Balancer Controller: what its annotations ask for, and the names and addresses that its load balancers get.
//!
//! Follows its guide ("Network Load Balancer", "Service annotations", "Ingress annotations", version 2.5 and later): a Service of type
//! LoadBalancer gets a Network Load Balancer, an Ingress whose IngressClass names `ingress.k8s.aws/alb` an Application Load Balancer.
//! Both are internal unless their scheme is `internet-facing`, and send to node ports unless their target type is `ip`. The status
//! carries a hostname only, so kube-proxy writes no rule for it. What it refuses to build, and its words, follow its source
//! (`pkg/ingress/model_build_target_group.go`, `model_build_listener_rules.go`, `enhanced_backend_builder.go`, `config_types.go`,
//! `buildLoadBalancerScheme` and `buildTargetType` of `pkg/service`).
//!
//! Assumed: the addresses behind the hostnames (an internal one lies in the nodes' own network), the region. Left out: everything
//! else that annotations ask for, certificates, security groups, zones, IngressClassParams, groups of Ingresses.

use crate::api::ObjectRef;
use crate::api::core::Service;
use crate::api::meta::Labels;
use crate::api::networking::{Ingress, IngressBackend};
use crate::cluster::Store;
use crate::random::{Random, Seed, stable_hash};
use crate::trace::FieldRef;
use std::net::Ipv4Addr;

pub mod actions;

/// `spec.loadBalancerClass` of Services that this controller serves by name.
pub const NLB_CLASS: &str = "service.k8s.aws/nlb";

const SCHEME: &str = "service.beta.kubernetes.io/aws-load-balancer-scheme";
const INTERNAL: &str = "service.beta.kubernetes.io/aws-load-balancer-internal";
const TYPE: &str = "service.beta.kubernetes.io/aws-load-balancer-type";
const TARGET_TYPE: &str = "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type";
const ATTRIBUTES: &str = "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes";

/// The annotation that opens a Network Load Balancer to the internet.
pub const INTERNET_FACING: (&str, &str) = (SCHEME, "internet-facing");

const REGION: &str = "eu-central-1";

/// Whether a Service's load balancer has private addresses only (`buildLoadBalancerScheme`).
pub fn is_internal(annotations: &Labels) -> bool {
    match annotations.get(SCHEME) {
        Some(scheme) => scheme != "internet-facing",
        None => annotations.get(INTERNAL).is_none_or(|internal| internal != "false"),
    }
}

/// Whether the load balancer behind a hostname in a Service's status is internal. One that this controller has not made (its names
/// begin with `k8s-`), in a dump of a real cluster, follows the older provider inside Kubernetes, which opens it to the internet
/// unless an annotation says otherwise (`EnsureLoadBalancer` of `cloud-provider-aws`).
pub fn hostname_is_internal(service: &Service, hostname: &str) -> bool {
    let annotations = &service.metadata.annotations;
    if has_made(service, hostname) {
        return is_internal(annotations);
    }
    hostname.starts_with("internal-") || annotations.get(INTERNAL).is_some_and(|internal| internal != "false")
}

/// Whether this controller has made the load balancer behind a hostname in a Service's status.
pub fn has_made(service: &Service, hostname: &str) -> bool {
    let annotations = &service.metadata.annotations;
    let own_type = annotations.get(TYPE).is_some_and(|own| own == "external" || own == "nlb-ip");
    let own_class = service.spec.load_balancer_class.as_deref() == Some(NLB_CLASS);
    hostname.starts_with("k8s-") || own_type || own_class || annotations.contains_key(SCHEME)
}

/// Whether a Service's load balancer sends straight to Pods (`buildTargetType`).
pub fn targets_pods(annotations: &Labels) -> bool {
    let says = |key: &str, value: &str| annotations.get(key).is_some_and(|own| own == value);
    says(TYPE, "nlb-ip") || says(TARGET_TYPE, "ip")
}

/// A target type of a Service that the controller does not know: whatever is not `ip` is built for instances, that is for node ports. It may be
/// served all the same, because the controller's webhook gives every new Service of type LoadBalancer its class
/// (`webhooks/core/service_mutator.go`, `IsServiceSupported` of `pkg/service/service_utils.go`).
pub fn unknown_target_type(annotations: &Labels) -> Option<(&'static str, &str)> {
    let given = annotations.get(TARGET_TYPE).map(String::as_str)?;
    (!matches!(given, "ip" | "instance") && !targets_pods(annotations)).then_some((TARGET_TYPE, given))
}

/// Whether the targets see the client's own address: by default not where TCP goes to Pods.
pub fn keeps_client(annotations: &Labels, to_pods_by_tcp: bool) -> bool {
    let wish = annotations.get(ATTRIBUTES).map(String::as_str).unwrap_or_default();
    let said = wish.split(',').find_map(|pair| pair.trim().strip_prefix("preserve_client_ip.enabled="));
    said.map_or(!to_pods_by_tcp, |value| value == "true")
}

/// `spec.controller` of the IngressClasses whose Ingresses get an Application Load Balancer.
pub const ALB_CONTROLLER: &str = "ingress.k8s.aws/alb";
/// The class that it takes by the deprecated annotation alone: its flag `--ingress-class`, as its chart sets it.
pub const ALB_CLASS: &str = "alb";

const ALB: &str = "alb.ingress.kubernetes.io/";

fn of_ingress<'a>(annotations: &'a Labels, name: &str) -> Option<&'a str> {
    annotations.get(&format!("{ALB}{name}")).map(String::as_str)
}

/// Whether an Ingress's load balancer has private addresses only.
pub fn ingress_is_internal(annotations: &Labels) -> bool {
    of_ingress(annotations, "scheme") != Some("internet-facing")
}

/// Whether an Ingress's load balancer sends straight to a Service's Pods: the Service's own annotation comes first.
pub fn ingress_targets_pods(service: Option<&Service>, ingress: &Ingress) -> bool {
    let own = service.and_then(|service| of_ingress(&service.metadata.annotations, "target-type"));
    own.or(of_ingress(&ingress.metadata.annotations, "target-type")) == Some("ip")
}

/// The port to which plain HTTP is redirected: `ssl-redirect`.
pub fn ingress_redirects_to(annotations: &Labels) -> Option<u16> {
    of_ingress(annotations, "ssl-redirect")?.trim().parse().ok()
}

/// Why no load balancer is built.
pub struct Refusal {
    /// The controller's own words, as its event says them behind "Failed build model due to".
    pub message: String,
    /// What makes it so.
    pub because: Vec<FieldRef>,
}

/// Why the controller builds no load balancer for a Service, in its own words and at the field that decides.
pub fn refuses_service(service: &Service) -> Option<(String, String)> {
    let (annotations, spec) = (&service.metadata.annotations, &service.spec);
    if let Some(message) = annotations.get(SCHEME).and_then(|scheme| unknown_scheme(scheme)) {
        return Some((message, format!("metadata.annotations.{SCHEME}")));
    }
    let bare = spec.ports.iter().any(|port| port.node_port == 0) && spec.allocate_load_balancer_node_ports == Some(false);
    let message = || "unable to support instance target type with an unallocated NodePort".to_string();
    (bare && !targets_pods(annotations)).then(|| (message(), "spec.allocateLoadBalancerNodePorts".into()))
}

fn unknown_scheme(scheme: &str) -> Option<String> {
    (!matches!(scheme, "internal" | "internet-facing")).then(|| format!("unknown scheme: {scheme}"))
}

/// Why the controller builds no load balancer for an Ingress. A Service that is not there is no reason: 503 is answered for it.
pub fn refuses(store: &Store, ingress: &Ingress) -> Option<Refusal> {
    if let Some(message) = of_ingress(&ingress.metadata.annotations, "scheme").and_then(unknown_scheme) {
        let because = vec![FieldRef { object: ObjectRef::of(ingress), path: format!("metadata.annotations.{ALB}scheme") }];
        return Some(Refusal { message, because });
    }
    if let Some(backend) = &ingress.spec.default_backend
        && let Some(refusal) = refuses_backend(store, ingress, backend, "spec.defaultBackend")
    {
        return Some(refusal);
    }
    for (at, rule) in ingress.spec.rules.iter().enumerate() {
        for (number, path) in rule.http.iter().flat_map(|http| &http.paths).enumerate() {
            let place = format!("spec.rules[{at}].http.paths[{number}].backend");
            let refusal = refuses_backend(store, ingress, &path.backend, &place);
            let because =
                || FieldRef { object: ObjectRef::of(ingress), path: format!("spec.rules[{at}].http.paths[{number}].path") };
            let refusal = refusal.or_else(|| {
                let message = actions::refuses_path(&path.path, path.path_type.as_deref().unwrap_or_default())?;
                Some(Refusal { message, because: vec![because()] })
            });
            if let Some(refusal) = refusal {
                let meta = &ingress.metadata;
                let message = format!("ingress: {}/{}: {}", meta.namespace, meta.name, refusal.message);
                return Some(Refusal { message, ..refusal });
            }
        }
    }
    None
}

fn refuses_backend(store: &Store, ingress: &Ingress, backend: &IngressBackend, path: &str) -> Option<Refusal> {
    let named = backend.service.as_ref()?;
    if named.port.name == actions::USE_ANNOTATION {
        let (key, meta) = (actions::annotation(&named.name), &ingress.metadata);
        let message = actions::of(&meta.annotations, &named.name)?.err()?;
        let because = vec![FieldRef { object: ObjectRef::of(ingress), path: format!("metadata.annotations.{key}") }];
        return Some(Refusal { message, because });
    }
    let service = store.get::<Service>(&ingress.metadata.namespace, &named.name)?;
    let (wanted, own) = (&named.port, ObjectRef::of(ingress));
    let fits = |name: &str, number: i32| if wanted.name.is_empty() { number == wanted.number } else { name == wanted.name };
    let port = service.spec.ports.iter().find(|port| fits(&port.name, port.port));
    let Some(port) = port else {
        let asked = if wanted.name.is_empty() { wanted.number.to_string() } else { wanted.name.clone() };
        let meta = &service.metadata;
        let message = format!("unable to find port {asked} on service {}/{}", meta.namespace, meta.name);
        return Some(Refusal { message, because: vec![FieldRef { object: own, path: format!("{path}.service.port") }] });
    };
    if port.node_port != 0 || ingress_targets_pods(Some(service), ingress) {
        return None;
    }
    let message =
        "TargetGroup port is empty. When using Instance targets, your service be must of type 'NodePort' or 'LoadBalancer'";
    let service = FieldRef { object: ObjectRef::of(service), path: "spec.type".into() };
    let because = vec![service, FieldRef { object: own, path: "metadata.annotations".into() }];
    Some(Refusal { message: message.into(), because })
}

/// The ports on which an Ingress's load balancer listens: `listen-ports`, else 443 with a certificate and 80 without.
pub fn ingress_ports(annotations: &Labels) -> Vec<u16> {
    match of_ingress(annotations, "listen-ports") {
        Some(text) => text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect(),
        None if of_ingress(annotations, "certificate-arn").is_some() => vec![443],
        None => vec![80],
    }
}

/// The DNS name of an Ingress's Application Load Balancer; `attempt` makes another one.
pub fn alb_hostname(namespace: &str, name: &str, internal: bool, attempt: u32) -> String {
    let again = if attempt == 0 { String::new() } else { format!("/{attempt}") };
    let hash = hash(&format!("alb/{namespace}/{name}/{internal}{again}"));
    let (start, end) = (hash & 0xff_ffff_ffff, hash.rotate_left(17) % 10_000_000_000);
    let inward = if internal { "internal-" } else { "" };
    format!("{inward}{}-{start:010x}-{end:010}.{REGION}.elb.amazonaws.com", prefix(namespace, name))
}

/// The DNS name of a Service's Network Load Balancer; `attempt` makes another one.
pub fn nlb_hostname(namespace: &str, name: &str, internal: bool, attempt: u32) -> String {
    let hash = hash(&format!("nlb/{namespace}/{name}/{internal}/{attempt}"));
    let (start, end) = (hash & 0xff_ffff_ffff, hash.rotate_left(17));
    format!("{}-{start:010x}-{end:016x}.elb.{REGION}.amazonaws.com", prefix(namespace, name))
}

/// `k8s-default-myloadba`: letters and digits only, eight of each.
fn prefix(namespace: &str, name: &str) -> String {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>();
    format!("k8s-{}-{}", plain(namespace), plain(name))
}

/// The address behind a load balancer's hostname.
pub fn address(hostname: &str, internal: bool) -> Ipv4Addr {
    let last = 128 + (hash(&hostname.to_lowercase()) % 127) as u8;
    if internal { Ipv4Addr::new(10, 0, 0, last) } else { Ipv4Addr::new(198, 51, 100, last) }
}

fn hash(text: &str) -> u64 {
    Random::new(Seed(stable_hash(text))).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    #[test]
    fn a_network_load_balancer_is_internal_unless_its_scheme_says_otherwise() {
        assert!(is_internal(&annotations(&[])));
        assert!(is_internal(&annotations(&[(SCHEME, "internal"), (INTERNAL, "false")])));
        assert!(!is_internal(&annotations(&[(SCHEME, "internet-facing")])));
        assert!(!is_internal(&annotations(&[(INTERNAL, "false")])));
    }

    #[test]
    fn a_target_type_that_nobody_knows_is_for_instances() {
        let with = |value: &str| Labels::from([(TARGET_TYPE.to_string(), value.to_string())]);
        assert_eq!(unknown_target_type(&with("pod")), Some((TARGET_TYPE, "pod")));
        assert!(!targets_pods(&with("pod")));
        assert!(unknown_target_type(&with("ip")).or(unknown_target_type(&with("instance"))).is_none());
    }

    #[test]
    fn target_type_ip_hides_the_client_of_tcp_unless_asked_to_keep_it() {
        let pods = annotations(&[(TARGET_TYPE, "ip")]);
        assert!(targets_pods(&pods) && !keeps_client(&pods, true) && keeps_client(&pods, false));
        assert!(targets_pods(&annotations(&[(TYPE, "nlb-ip"), (TARGET_TYPE, "instance")])));
        assert!(!targets_pods(&annotations(&[(TYPE, "external")])));
        assert!(keeps_client(
            &annotations(&[(ATTRIBUTES, "deregistration_delay.timeout_seconds=1, preserve_client_ip.enabled=true")]),
            true
        ));
    }
}
