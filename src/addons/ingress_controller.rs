//! kubehop's own Ingress controller: which Ingresses it serves, and what it does with one HTTP request.
//!
//! What an Ingress means follows the API (`k8s.io/api/networking/v1`, "Ingress" in the Kubernetes documentation): class, hosts,
//! path types, precedence, backends. Where the API leaves the choice to controllers, this one chooses and says so: which Pod it
//! picks, its own 404, 503 and 308, `ImplementationSpecific` as `Prefix`, which of two Ingresses wins, and that only the most
//! specific host's rules count. It sends to endpoints directly, not through the Service's ClusterIP.
//!
//! Left out: annotations of other controllers, resource backends, rewriting, path normalisation, HTTP/2.

pub mod real;
mod routing;

pub use routing::{endpoints, lists_host};

use super::aws::actions::{self, Action};
use super::pending::pending;
use super::{aws, public_dns};
use crate::api::core::{LoadBalancerIngress, Secret, Service};
use crate::api::meta::Labels;
use crate::api::networking::{Ingress, IngressClass};
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Store};
use crate::kubectl::Manifest;
use crate::msg;
use crate::packet::Socket;
use crate::settings::{INGRESS_CLASS, INGRESS_CONTROLLER, INGRESS_NAMESPACE, IngressSettings, Provider};
use crate::trace::FieldRef;
use crate::words::Message;

const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
const DEFAULT_CLASS_ANNOTATION: &str = "ingressclass.kubernetes.io/is-default-class";

/// Who is to serve an Ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// kubehop's controller, by this class, or one that the cluster itself holds.
    Served(String),
    /// There is such a class, and another controller (`spec.controller`) is to serve it; none but kubehop's runs here.
    OtherController(String, String),
    /// It names a class that does not exist.
    Missing(String),
    /// It names none, and no class is the default.
    None,
}

/// Who is to serve this Ingress: its class, else the deprecated annotation, else the default class.
pub fn class_of(store: &Store, ingress: &Ingress) -> Class {
    let annotation = ingress.metadata.annotations.get(CLASS_ANNOTATION);
    let named = ingress.spec.ingress_class_name.as_ref().or(annotation);
    let Some(name) = named.cloned().or_else(|| default_class(store)) else { return Class::None };
    match store.get::<IngressClass>("", &name) {
        Some(class) if class.spec.controller == INGRESS_CONTROLLER || real::stands(store, &class.spec.controller) => {
            Class::Served(name)
        }
        Some(class) => Class::OtherController(name, class.spec.controller.clone()),
        // A controller looks at the annotation's text alone; it needs no IngressClass object.
        None if named == annotation && name == INGRESS_CLASS => Class::Served(name),
        None => Class::Missing(name),
    }
}

/// The class that Ingresses without one get: the newest default class, then the first by name
/// (`plugin/pkg/admission/network/defaultingressclass`).
pub fn default_class(store: &Store) -> Option<String> {
    let is_default =
        |class: &&IngressClass| class.metadata.annotations.get(DEFAULT_CLASS_ANNOTATION).is_some_and(|value| value == "true");
    let mut defaults: Vec<&IngressClass> = store.all::<IngressClass>().filter(is_default).collect();
    defaults.sort_by(|a, b| {
        let newest = b.metadata.creation_timestamp.cmp(&a.metadata.creation_timestamp);
        newest.then_with(|| a.metadata.name.cmp(&b.metadata.name))
    });
    defaults.first().map(|class| class.metadata.name.clone())
}

/// Whether kubehop's controller, or one that the cluster itself holds, serves this Ingress.
pub fn serves(store: &Store, ingress: &Ingress) -> bool {
    matches!(class_of(store, ingress), Class::Served(_))
}

/// Whether an Application Load Balancer of AWS stands for this Ingress: its name is in the status.
pub fn is_alb(store: &Store, ingress: &Ingress) -> bool {
    let named = ingress.status.load_balancer.ingress.iter().any(|at| !at.hostname.is_empty());
    named && matches!(class_of(store, ingress), Class::OtherController(_, controller) if controller == aws::ALB_CONTROLLER)
}

/// Whether an Ingress is to get an Application Load Balancer of its own, and none is built.
pub fn waits_for_alb(store: &Store, ingress: &Ingress) -> bool {
    let alb = matches!(class_of(store, ingress), Class::OtherController(_, controller) if controller == aws::ALB_CONTROLLER);
    alb && !is_alb(store, ingress)
}

/// Whether somebody serves this Ingress: kubehop's controller, or a load balancer.
pub fn is_served(store: &Store, ingress: &Ingress) -> bool {
    serves(store, ingress) || is_alb(store, ingress)
}

/// Why nobody serves an Ingress, what to do about it, and the fields that make it so.
pub fn unserved(cluster: &Cluster, ingress: &Ingress) -> (Message, Message, Vec<FieldRef>) {
    let (store, name) = (&cluster.store, &ingress.metadata.name);
    let has_aws = cluster.settings.load_balancer.provider == Provider::Aws;
    let because = vec![FieldRef { object: ObjectRef::of(ingress), path: "spec.ingressClassName".into() }];
    if let Some(controller) = unreachable(store, ingress) {
        let text = msg!("explain.ingress.noAddress", ingress = name, controller = controller);
        let waits = real::front(store, controller).and_then(|service| pending(cluster, service));
        let next = waits.map_or(msg!("explain.ingress.noAddress.next"), |(why, ..)| why);
        return (text, next, because);
    }
    match class_of(store, ingress) {
        Class::Missing(class) => {
            let text = msg!("explain.ingress.noClass", ingress = name, class = class);
            let controller = if has_aws && class.contains("alb") { aws::ALB_CONTROLLER } else { INGRESS_CONTROLLER };
            (text, msg!("explain.ingress.noClass.next", class = class, controller = controller), because)
        }
        Class::OtherController(class, controller) => {
            if let Some(refusal) = aws::refuses(store, ingress).filter(|_| has_aws && controller == aws::ALB_CONTROLLER) {
                let text = msg!("explain.ingress.refused", ingress = name, message = refusal.message);
                let annotated = refusal.because.iter().find_map(|field| field.path.strip_prefix("metadata.annotations."));
                let next = match annotated {
                    Some(annotation) => msg!("explain.ingress.action.next", annotation = annotation),
                    None => msg!("explain.ingress.refused.next", ingress = name),
                };
                return (text, next, refusal.because);
            }
            let text = msg!("explain.ingress.otherController", ingress = name, class = class, controller = controller);
            let next = match controller == aws::ALB_CONTROLLER {
                true => msg!("explain.ingress.aws.next", class = class),
                false => msg!("explain.ingress.otherController.next", class = class, controller = INGRESS_CONTROLLER),
            };
            (text, next, because)
        }
        Class::None | Class::Served(_) => {
            (msg!("explain.ingress.noDefault", ingress = name), msg!("explain.ingress.noDefault.next"), because)
        }
    }
}

/// The controller that the cluster holds and that serves this Ingress, where it has no address: its load balancer is pending, or
/// there is none, and none of its Pods is on a node.
fn unreachable<'a>(store: &'a Store, ingress: &Ingress) -> Option<&'a str> {
    let Class::Served(class) = class_of(store, ingress) else { return None };
    let controller = store.get::<IngressClass>("", &class)?.spec.controller.as_str();
    (controller != INGRESS_CONTROLLER && real::address_of(store, controller).is_none()).then_some(controller)
}

/// The Ingress whose Application Load Balancer has this address.
pub fn alb_at<'a>(store: &'a Store, address: &str) -> Option<&'a Ingress> {
    let own = |ingress: &&Ingress| {
        let internal = aws::ingress_is_internal(&ingress.metadata.annotations);
        let mut names = ingress.status.load_balancer.ingress.iter().map(|at| &at.hostname).filter(|name| !name.is_empty());
        is_alb(store, ingress) && names.any(|name| aws::address(name, internal).to_string() == address)
    };
    store.all::<Ingress>().find(own)
}

/// The address of the controller's load balancer, as its Service reports it; else that of one that the cluster itself holds.
pub fn address(store: &Store) -> Option<String> {
    let mut services = store.in_namespace::<Service>(INGRESS_NAMESPACE);
    let own = services.find_map(|service| {
        let address = |at: &LoadBalancerIngress| public_dns::balancer_address(service, at).map(|ip| ip.to_string());
        service.status.load_balancer.ingress.iter().find_map(address)
    });
    own.or_else(|| real::address(store))
}

/// One HTTP request as the controller reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// The Host header; a port in it does not count.
    pub host: String,
    /// The path; a query does not count.
    pub path: String,
    /// Whether it came over TLS.
    pub https: bool,
}

/// What the controller does with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Sends it on.
    Route(Route),
    /// 308: the host is served with TLS, and plain HTTP is sent there.
    Redirect {
        /// Where to: `https://shop.example.com/cart`.
        location: String,
        /// The TLS entry.
        because: Vec<FieldRef>,
    },
    /// 404: no rule matches, and there is no default backend.
    NotFound {
        /// Whether the host has rules, so that it was the path that did not match.
        host_matched: bool,
        /// The rules of the host, where it has some.
        because: Vec<FieldRef>,
    },
    /// A rule of an Application Load Balancer that answers by itself, as an annotation says.
    Own {
        /// 301, 302, or a fixed answer's.
        status: u16,
        /// Where a redirect leads.
        location: Option<String>,
        /// The rule.
        matched: Matched,
        /// The rule's fields, then the annotation.
        because: Vec<FieldRef>,
    },
    /// 503: a rule matches, and its backend cannot take a request.
    Unavailable {
        /// The rule.
        matched: Matched,
        /// Why.
        reason: Unavailable,
        /// The rule's fields, then the Service's.
        because: Vec<FieldRef>,
    },
}

/// The rule, or default backend, that a request matched.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// Whose.
    pub ingress: ObjectRef,
    /// The rule's host: exact, `*.` wildcard, or empty.
    pub host: String,
    /// The rule's path; empty for a default backend.
    pub path: String,
    /// `Exact`, `Prefix`, `ImplementationSpecific`; empty for a default backend.
    pub path_type: String,
    /// The backend.
    pub service: ObjectRef,
    /// The backend's port as written: name or number.
    pub port: String,
}

/// A request on its way to a Pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The rule.
    pub matched: Matched,
    /// The Service's port number.
    pub service_port: u16,
    /// Every endpoint that may get it, sorted; one of them is picked.
    pub endpoints: Vec<Backend>,
    /// The rule's fields, then the Service's.
    pub because: Vec<FieldRef>,
}

/// One endpoint behind a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backend {
    /// Address and port.
    pub socket: Socket,
    /// The Pod: namespace and name.
    pub pod: Option<(String, String)>,
    /// Its node.
    pub node: Option<String>,
}

/// Why a backend cannot take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// There is no such Service.
    NoService,
    /// The Service has no such port.
    NoPort,
    /// No endpoint is ready.
    NoEndpoints,
    /// ExternalName: some controllers follow it, this one does not.
    ExternalName,
    /// The backend is no Service.
    Resource,
    /// The annotation that it names is not there.
    NoAction,
    /// A target group that was made elsewhere: nobody knows what stands behind it.
    Elsewhere,
}

impl Decision {
    /// The status with which the controller answers itself; `None` when it sends the request on.
    pub fn status(&self) -> Option<u16> {
        match self {
            Decision::Route(_) => None,
            Decision::Redirect { .. } => Some(308),
            Decision::NotFound { .. } => Some(404),
            Decision::Own { status, .. } => Some(*status),
            Decision::Unavailable { .. } => Some(503),
        }
    }

    /// What is this controller's choice here, where another may choose differently.
    pub fn assumptions(&self) -> Vec<Message> {
        let specific = |matched: &Matched| matched.path_type == "ImplementationSpecific";
        let mut notes = match self {
            Decision::Route(_) => vec![msg!("ingress.differ.pick")],
            Decision::Redirect { .. } => vec![msg!("ingress.differ.redirect")],
            Decision::NotFound { .. } => vec![msg!("ingress.differ.notFound")],
            Decision::Own { .. } => Vec::new(),
            Decision::Unavailable { .. } => vec![msg!("ingress.differ.unavailable")],
        };
        if let Decision::Route(Route { matched, .. }) | Decision::Unavailable { matched, .. } = self
            && specific(matched)
        {
            notes.push(msg!("ingress.differ.pathType"));
        }
        notes
    }
}

/// The rules of all served Ingresses, ready to route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Router {
    rules: Vec<routing::Rule>,
    defaults: Vec<routing::Target>,
    tls: Vec<(String, FieldRef, ObjectRef)>,
    redirect_to_https: bool,
    /// The annotations of an Application Load Balancer's Ingress, which routes by its own order.
    alb: Option<Labels>,
}

/// What TLS looks like for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// An Ingress lists it in this entry, with this Secret; its name may be empty.
    Listed(FieldRef, ObjectRef),
    /// None lists it: the controller shows a certificate of its own, which clients warn about.
    Fallback,
}

/// The Secret of an Ingress's TLS entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// It is there, with certificate and key; or the Ingress came out of a real cluster, whose Secrets nobody dumps.
    There,
    /// cert-manager is to make it: an annotation asks for that.
    Promised,
    /// There is none of this name, or it holds no certificate.
    Missing,
}

/// Looks for the Secret that an Ingress names.
pub fn certificate(cluster: &Cluster, ingress: &ObjectRef, secret: &ObjectRef) -> Certificate {
    let found = cluster.store.get::<Secret>(&secret.namespace, &secret.name);
    if found.is_some_and(|found| found.holds_pem("tls.crt") && found.holds_pem("tls.key"))
        || cluster.origin(ingress).is_some_and(Manifest::is_dumped)
    {
        return Certificate::There;
    }
    let annotated = cluster.store.metadata(ingress);
    let asked = annotated.is_some_and(|meta| meta.annotations.keys().any(|key| key.starts_with("cert-manager.io/")));
    if asked && found.is_none() { Certificate::Promised } else { Certificate::Missing }
}

impl Router {
    /// The rules of all Ingresses that are served, older ones first.
    pub fn of(store: &Store, settings: &IngressSettings) -> Router {
        let mut served: Vec<&Ingress> = store.all::<Ingress>().filter(|ingress| serves(store, ingress)).collect();
        served.sort_by(|a, b| a.metadata.creation_timestamp.cmp(&b.metadata.creation_timestamp));
        Router { redirect_to_https: settings.https_redirect, ..Router::from(&served) }
    }

    /// The rules of an Application Load Balancer.
    pub fn of_alb(ingress: &Ingress) -> Router {
        Router { alb: Some(ingress.metadata.annotations.clone()), ..Router::from(&[ingress]) }
    }

    /// The rules of these Ingresses, in their order.
    fn from(ingresses: &[&Ingress]) -> Router {
        let mut router = Router::default();
        for ingress in ingresses {
            let ingress = *ingress;
            let object = ObjectRef::of(ingress);
            router.defaults.extend(routing::default_backend(ingress));
            router.rules.extend(routing::rules(ingress));
            for (at, tls) in ingress.spec.tls.iter().enumerate() {
                let field = |host: usize| FieldRef { object: object.clone(), path: format!("spec.tls[{at}].hosts[{host}]") };
                let secret = ObjectRef::new(Kind::Secret, &object.namespace, &tls.secret_name);
                let hosts = tls.hosts.iter().enumerate();
                router.tls.extend(hosts.map(|(host, name)| (name.to_lowercase(), field(host), secret.clone())));
            }
        }
        router
    }

    /// Which certificate the controller shows for a host.
    pub fn tls(&self, host: &str) -> Tls {
        let host = routing::plain_host(host);
        let exact = self.tls.iter().find(|(name, ..)| *name == host);
        let listed = exact.or_else(|| self.tls.iter().find(|(name, ..)| routing::wildcard_matches(name, &host)));
        listed.map_or(Tls::Fallback, |(_, field, secret)| Tls::Listed(field.clone(), secret.clone()))
    }

    /// What the controller does with a request, given the Services and endpoints that it sees.
    pub fn decide(&self, store: &Store, request: &HttpRequest) -> Decision {
        let host = routing::plain_host(&request.host);
        let path = routing::plain_path(&request.path);
        if let (true, false, Tls::Listed(field, _)) = (self.redirect_to_https, request.https, self.tls(&host)) {
            return Decision::Redirect { location: format!("https://{host}{}", request.path), because: vec![field] };
        }
        let (rules, best) = match &self.alb {
            Some(_) => routing::first_of_alb(&self.rules, &host, path),
            None => {
                let rules = routing::most_specific_host(&self.rules, &host);
                let best = routing::best_path(&rules, path);
                (rules, best)
            }
        };
        let best = best.and_then(|path| path.target.as_ref());
        let own_default = || self.defaults.iter().find(|target| rules.iter().any(|rule| rule.ingress == target.ingress));
        match best.or_else(own_default).or_else(|| self.defaults.first()) {
            Some(target) => match self.alb.as_ref().filter(|_| target.matched.port == actions::USE_ANNOTATION) {
                Some(annotations) => annotated(store, target, annotations, &HttpRequest { host, ..request.clone() }),
                None => backend(store, target),
            },
            None => Decision::NotFound {
                host_matched: !rules.is_empty(),
                because: rules.iter().flat_map(|rule| rule.because()).collect(),
            },
        }
    }
}

/// What an annotation says in a Service's place. One that the controller refuses leaves no load balancer to ask.
fn annotated(store: &Store, target: &routing::Target, annotations: &Labels, request: &HttpRequest) -> Decision {
    let (mut matched, mut because) = (target.matched.clone(), target.because.clone());
    let name = matched.service.name.clone();
    because
        .push(FieldRef { object: target.ingress.clone(), path: format!("metadata.annotations.{}", actions::annotation(&name)) });
    let (status, location) = match actions::of(annotations, &name) {
        Some(Ok(Action::Answer(status))) => (status, None),
        Some(Ok(Action::Redirect(status, parts))) => {
            (status, Some(actions::location(&parts, request.https, &request.host, &request.path)))
        }
        Some(Ok(Action::Forward(service, port, _))) => {
            matched.service.name = service;
            matched.port = port;
            return backend(store, &routing::Target { matched, because, ..target.clone() });
        }
        Some(Ok(Action::Elsewhere(_))) => return Decision::Unavailable { matched, reason: Unavailable::Elsewhere, because },
        None | Some(Err(_)) => return Decision::Unavailable { matched, reason: Unavailable::NoAction, because },
    };
    Decision::Own { status, location, matched, because }
}

fn backend(store: &Store, target: &routing::Target) -> Decision {
    let matched = target.matched.clone();
    let mut because = target.because.clone();
    let unavailable = |reason, because| Decision::Unavailable { matched: target.matched.clone(), reason, because };
    if target.is_resource {
        return unavailable(Unavailable::Resource, because);
    }
    let Some(service) = store.get::<Service>(&matched.service.namespace, &matched.service.name) else {
        return unavailable(Unavailable::NoService, because);
    };
    let object = ObjectRef::of(service);
    let field = |path: String| FieldRef { object: object.clone(), path };
    if service.spec.type_ == "ExternalName" {
        because.push(field("spec.type".into()));
        return unavailable(Unavailable::ExternalName, because);
    }
    let fits = |port: &crate::api::core::ServicePort| {
        port.port.to_string() == matched.port || (port.name == matched.port && !port.name.is_empty())
    };
    let Some((at, port)) = service.spec.ports.iter().enumerate().find(|(_, port)| fits(port)) else {
        because.push(field("spec.ports".into()));
        return unavailable(Unavailable::NoPort, because);
    };
    because.push(field(format!("spec.ports[{at}].targetPort")));
    let endpoints = routing::endpoints(store, service, &port.name);
    if endpoints.is_empty() {
        because.push(field("spec.selector".into()));
        return unavailable(Unavailable::NoEndpoints, because);
    }
    Decision::Route(Route { matched, service_port: u16::try_from(port.port).unwrap_or_default(), endpoints, because })
}

/// The Service that a backend names, in its Ingress's namespace.
fn service_ref(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Service, namespace, name)
}

/// An Ingress that nobody serves and that would take this host: one that lists it, or one with a rule for every host. A name that
/// a Service has is not meant for the latter. Beside it whether it lists the host.
pub fn unserved_for<'a>(cluster: &'a Cluster, host: &str) -> Option<(&'a Ingress, bool)> {
    let store = &cluster.store;
    let lost = || store.all::<Ingress>().filter(|own| !is_served(store, own) || unreachable(store, own).is_some());
    let lists = |ingress: &&Ingress| ingress.spec.rules.iter().any(|rule| rule.host.eq_ignore_ascii_case(host));
    if let Some(ingress) = lost().find(lists) {
        return Some((ingress, true));
    }
    let first = host.split('.').next().unwrap_or_default();
    let public = host.contains('.') && !cluster.store.all::<Service>().any(|service| service.metadata.name == first);
    let wildcard = |rule: &str| rule.strip_prefix("*.").is_some_and(|rest| host.split_once('.').is_some_and(|own| own.1 == rest));
    let takes = |ingress: &&Ingress| {
        let any = ingress.spec.rules.iter().any(|rule| rule.host.is_empty() || wildcard(&rule.host));
        any || ingress.spec.default_backend.is_some()
    };
    lost().find(takes).filter(|_| public).map(|ingress| (ingress, false))
}

#[cfg(test)]
mod tests;
