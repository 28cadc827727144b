//! Who serves an Ingress: its class (`spec.ingressClassName`, the deprecated annotation, the default class) and the controller that
//! the class names; under which address; and why nobody does.

use super::real;
use crate::addons::pending::pending;
use crate::addons::{aws, public_dns};
use crate::api::ObjectRef;
use crate::api::core::{LoadBalancerIngress, Service};
use crate::api::networking::{Ingress, IngressClass};
use crate::cluster::{Cluster, Store};
use crate::msg;
use crate::settings::{INGRESS_CLASS, INGRESS_CONTROLLER, INGRESS_NAMESPACE, Provider};
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
        // A dump shows that somebody serves it, whoever that is: an Ingress that nobody serves here has no address.
        Some(class) if has_address(ingress) && class.spec.controller != aws::ALB_CONTROLLER => Class::Served(name),
        Some(class) => Class::OtherController(name, class.spec.controller.clone()),
        // A controller looks at the annotation's text alone; it needs no IngressClass object. AWS's takes its own
        // (`defaultClassAnnotationMatcher` of aws-load-balancer-controller, pkg/annotations).
        None if named == annotation && name == aws::ALB_CLASS => Class::OtherController(name, aws::ALB_CONTROLLER.into()),
        None if named == annotation && (name == INGRESS_CLASS || has_address(ingress)) => Class::Served(name),
        None => Class::Missing(name),
    }
}

fn has_address(ingress: &Ingress) -> bool {
    !ingress.status.load_balancer.ingress.is_empty()
}

/// Whether a dump shows the Ingress without an address, so that nobody serves it in the real cluster, as far as anybody can tell.
pub fn is_shown_unserved(cluster: &Cluster, ingress: &Ingress) -> bool {
    let told = cluster.origin(&ObjectRef::of(ingress)).filter(|manifest| manifest.is_dumped());
    let Some(balancer) = told.and_then(|manifest| manifest.value.pointer("/status/loadBalancer")) else { return false };
    balancer["ingress"].as_array().is_none_or(Vec::is_empty)
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

/// Where an Ingress names its class.
pub fn class_field(ingress: &Ingress) -> String {
    let annotated = ingress.spec.ingress_class_name.is_none() && ingress.metadata.annotations.contains_key(CLASS_ANNOTATION);
    if annotated { format!("metadata.annotations.{CLASS_ANNOTATION}") } else { "spec.ingressClassName".into() }
}

/// Why nobody serves an Ingress, what to do about it, and the fields that make it so.
pub fn unserved(cluster: &Cluster, ingress: &Ingress) -> (Message, Message, Vec<FieldRef>) {
    let (store, name) = (&cluster.store, &ingress.metadata.name);
    let has_aws = cluster.settings.load_balancer.provider == Provider::Aws;
    let because = vec![FieldRef { object: ObjectRef::of(ingress), path: class_field(ingress) }];
    if let Some(controller) = unreachable(store, ingress) {
        let text = msg!("explain.ingress.noAddress", ingress = name, controller = controller);
        let waits = real::front(store, controller).and_then(|service| pending(cluster, service));
        let next = waits.map_or(msg!("explain.ingress.noAddress.next"), |(why, ..)| why);
        return (text, next, because);
    }
    match class_of(store, ingress) {
        Class::OtherController(..) | Class::None if is_shown_unserved(cluster, ingress) => {
            let text = msg!("explain.ingress.shownUnserved", ingress = name);
            (text, msg!("explain.ingress.shownUnserved.next", ingress = name, namespace = ingress.metadata.namespace), because)
        }
        Class::Missing(class) => {
            let text = msg!("explain.ingress.noClass", ingress = name, class = class);
            let next = match (class.contains(aws::ALB_CLASS), has_aws) {
                (true, true) => msg!("explain.ingress.noClass.next", class = class, controller = aws::ALB_CONTROLLER),
                (true, false) => msg!("explain.ingress.noClass.aws.next", class = class, controller = INGRESS_CONTROLLER),
                _ => msg!("explain.ingress.noClass.next", class = class, controller = INGRESS_CONTROLLER),
            };
            (text, next, because)
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
    (real::stands(store, controller) && real::address_of(store, controller).is_none()).then_some(controller)
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

/// Whether the load balancer before kubehop's own controller has this address.
pub fn has_own(store: &Store, address: &str) -> bool {
    let has = |service: &Service| {
        let mut all = service.status.load_balancer.ingress.iter();
        all.any(|at| public_dns::balancer_address(service, at).is_some_and(|ip| ip.to_string() == address))
    };
    store.in_namespace::<Service>(INGRESS_NAMESPACE).any(has)
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
