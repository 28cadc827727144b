//! kubehop's own Ingress controller: which Ingresses it serves, and what it does with one HTTP request.
//!
//! What an Ingress means follows the API (`k8s.io/api/networking/v1`, "Ingress" in the Kubernetes documentation): class, hosts,
//! path types, precedence, backends. Where the API leaves the choice to controllers, this one chooses and says so: which Pod it
//! picks, its own 404, 503 and 308, `ImplementationSpecific` as `Prefix`, which of two Ingresses wins, and that only the most
//! specific host's rules count. It sends to endpoints directly, not through the Service's ClusterIP.
//!
//! Left out: annotations of other controllers, resource backends, rewriting, path normalisation, HTTP/2.

mod class;
pub mod real;
mod refused;
mod routing;

pub use class::{
    Class, address, alb_at, class_field, class_of, default_class, has_own, is_alb, is_served, is_shown_unserved, serves,
    unserved, unserved_for, waits_for_alb,
};
pub use refused::{refused_for, refused_hosts};
pub use routing::{endpoints, lists_host};

use super::aws::actions::{self, Action};
use crate::api::core::{Secret, Service};
use crate::api::meta::Labels;
use crate::api::networking::Ingress;
use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Store};
use crate::kubectl::Manifest;
use crate::msg;
use crate::packet::Socket;
use crate::settings::IngressSettings;
use crate::trace::FieldRef;
use crate::words::Message;

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
    /// The prefix that stands for the path, where this one is a pattern and what it matches is up to the class.
    pub pattern: Option<String>,
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
            notes.push(match &matched.pattern {
                Some(prefix) => msg!("ingress.differ.pattern", path = matched.path, prefix = prefix),
                None => msg!("ingress.differ.pathType"),
            });
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

#[cfg(test)]
mod tests;
