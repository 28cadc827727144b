//! What containers, and Pods as a whole, ask for and may use (`validateResourceRequirements` and `validatePodResources` in
//! `pkg/apis/core/validation`). Left out: the sizes of huge pages, claims of containers.

use super::field::{At, Errors, quoted};
use super::names;
use crate::api::core::PodSpec;
use crate::api::quantity::Quantity;
use crate::api::typed;
use crate::node::resources::written_requests;

/// What a Pod as a whole may name (`SupportedPodLevelResources` of `component-helpers`).
const OF_PODS: [&str; 3] = ["cpu", "hugepages-", "memory"];

/// What the first container that asks for a resource asks for: sums are written in its form.
fn first(spec: &At, name: &str) -> Option<Quantity> {
    let containers = spec.child("containers").items().into_iter().chain(spec.child("initContainers").items());
    { containers }.find_map(|own| own.at(&["resources", "requests"]).key(name).value().and_then(Quantity::of))
}

/// A container's.
pub fn container(resources: &At, errors: &mut Errors) {
    required(resources, container_name, errors);
}

/// Those of a whole Pod: its containers together ask for no more, and none of them may use more.
pub fn pod(spec: &At, errors: &mut Errors) {
    let own = spec.child("resources");
    if !own.given() {
        return;
    }
    if own.child("claims").given() {
        errors.forbidden(&own.child("claims"), "claims may not be set for Resources at pod-level");
    }
    required(&own, pod_name, errors);
    let together = spec.value().and_then(|spec| typed::from_value::<PodSpec>(spec).ok()).map(|spec| written_requests(&spec));
    for (name, amount) in together.unwrap_or_default() {
        let at = own.child("requests").key(&name);
        let Some(given) = at.value().and_then(Quantity::of).filter(|given| given.thousandths() < amount) else { continue };
        let asked = first(spec, &name).as_ref().unwrap_or(&given).like(amount);
        let why = format!("must be greater than or equal to aggregate container requests of {asked}");
        errors.invalid_as(&at, &quoted(&given.to_string()), why);
    }
    for (index, container) in spec.child("containers").items().iter().enumerate() {
        for (name, limit) in container.at(&["resources", "limits"]).entries() {
            let most = own.child("limits").key(name).value().and_then(Quantity::of);
            let (Some(limit), Some(most)) = (Quantity::of(limit), most) else { continue };
            if limit.compare(&most).is_gt() {
                let mut at = own.named("containers");
                at.path = format!("{}[{index}][{name}].limits", at.path);
                errors.invalid_as(
                    &at,
                    &quoted(&limit.to_string()),
                    format!("must be less than or equal to pod limits of {most}"),
                );
            }
        }
    }
}

fn required(resources: &At, check: fn(&At, &str, &mut Errors), errors: &mut Errors) {
    let (requests, limits) = (resources.child("requests"), resources.child("limits"));
    for list in [&limits, &requests] {
        for (name, value) in list.entries() {
            let at = list.key(name);
            check(&at, name, errors);
            if let Some(quantity) = Quantity::of(value).filter(Quantity::is_negative) {
                errors.invalid_as(&at, &quoted(&quantity.to_string()), "must be greater than or equal to 0");
            }
            let counted = is_extended(name) || COUNTED_RESOURCES.contains(&name);
            let whole = Quantity::of(value).is_none_or(|quantity| quantity.rounded_up().is_whole());
            if let Some(quantity) = Quantity::of(value).filter(|_| counted && !whole) {
                errors.invalid_as(&at, &quoted(&quantity.to_string()), "must be an integer");
            }
        }
    }
    for (name, request) in requests.entries() {
        let shared = !name.contains('/') || name.contains("kubernetes.io/");
        let limit = limits.key(name).value();
        if limit.is_none() && !shared {
            errors.required(&limits, "Limit must be set for non overcommitable resources");
        }
        let (Some(request), Some(limit)) = (Quantity::of(request), limit.and_then(Quantity::of)) else { continue };
        if request.compare(&limit).is_ne() && !shared {
            errors.invalid_as(&requests, &quoted(&request.to_string()), format!("must be equal to {name} limit of {limit}"));
        } else if request.compare(&limit).is_gt() {
            let why = format!("must be less than or equal to {name} limit of {limit}");
            errors.invalid_as(&requests, &quoted(&request.to_string()), why);
        }
    }
}

/// Resources without a slash that are counted in whole numbers.
const COUNTED_RESOURCES: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// Those beside them that exist, but not for containers.
const OTHER_RESOURCES: [&str; 8] = [
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "storage",
    "requests.storage",
];

/// `validateResourceName`; false: something is wrong with it.
fn known_name(at: &At, name: &str, errors: &mut Errors) -> bool {
    let wrong = names::qualified(name);
    let qualified = wrong.is_empty();
    for message in wrong {
        errors.invalid_as(at, &quoted(name), message);
    }
    let known = name.contains('/') || is_own(name) || COUNTED_RESOURCES.contains(&name) || OTHER_RESOURCES.contains(&name);
    if qualified && !known {
        errors.invalid_as(at, &quoted(name), "must be a standard resource type or fully qualified");
    }
    qualified && known
}

fn is_own(name: &str) -> bool {
    ["cpu", "memory", "ephemeral-storage"].contains(&name) || name.starts_with("hugepages-")
}

fn container_name(at: &At, name: &str, errors: &mut Errors) {
    known_name(at, name, errors);
    if !name.contains('/') {
        if !is_own(name) {
            errors.invalid_as(at, &quoted(name), "must be a standard resource for containers");
        }
    } else if !name.contains("kubernetes.io/") && !is_extended(name) {
        errors.invalid_as(at, &quoted(name), "doesn't follow extended resource name standard");
    }
}

fn pod_name(at: &At, name: &str, errors: &mut Errors) {
    let supported = OF_PODS.contains(&name) || name.starts_with("hugepages-");
    if known_name(at, name, errors) && !supported {
        errors.unsupported_as(at, &quoted(name), &OF_PODS);
    }
}

/// `IsExtendedResourceName`.
fn is_extended(name: &str) -> bool {
    name.contains('/')
        && !name.contains("kubernetes.io/")
        && !name.starts_with("requests.")
        && names::qualified(&format!("requests.{name}")).is_empty()
}

/// Warns of memory that is no whole number of bytes.
pub fn fractional_bytes(owner: &At, names: &[&str], warnings: &mut Vec<String>) {
    for name in names {
        for list in ["limits", "requests"] {
            let place = if names == ["storage"] { owner.child("spec") } else { owner.clone() };
            let mut at = place.at(&["resources", list]).key(name);
            at.path = at.path.replace("].spec.resources", "].resources");
            // Amounts are kept to a thousandth.
            let rounded = at.value().and_then(Quantity::of).map(Quantity::rounded_up);
            if let Some(amount) = rounded.filter(|amount| !amount.is_whole()) {
                let path = &at.path;
                warnings.push(format!(
                    "{path}: fractional byte value {} is invalid, must be an integer",
                    quoted(&amount.to_string())
                ));
            }
        }
    }
}
