//! Ingresses and IngressClasses (`pkg/apis/networking/validation`).

use super::field::{At, Errors, quoted};
use super::{addresses, meta, names};

const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// An Ingress; `old` is there for an update.
pub fn ingress(object: &At, old: Option<&At>, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    let spec = object.child("spec");
    let (default, rules) = (spec.child("defaultBackend"), spec.child("rules"));
    if rules.is_empty() && !default.given() {
        errors.invalid_as(&spec, &rules.shown(), "either `defaultBackend` or `rules` must be specified");
    }
    if default.given() {
        backend(&default, errors);
    }
    for rule in rules.items() {
        host(&rule.child("host"), errors);
        let http = rule.child("http");
        if http.given() && http.child("paths").is_empty() {
            errors.required(&http.child("paths"), "");
        }
        for path in http.child("paths").items() {
            path_rule(&path, errors);
        }
    }
    tls(&spec, errors);
    let class = spec.child("ingressClassName");
    if class.given() {
        errors.all_invalid(&class, names::subdomain(class.text()));
    }
    let annotation = object.at(&["metadata", "annotations"]).key(CLASS_ANNOTATION);
    if old.is_none() && annotation.given() && class.given() && annotation.text() != class.text() {
        let place = object.named("annotations").child(CLASS_ANNOTATION);
        errors.invalid_as(&place, &quoted(annotation.text()), "must match `ingressClassName` when both are specified");
    }
}

/// What the API server warns of in an Ingress.
pub fn warnings(object: &At) -> Vec<String> {
    let class = object.at(&["spec", "ingressClassName"]);
    if class.given() || !object.at(&["metadata", "annotations"]).key(CLASS_ANNOTATION).given() {
        return Vec::new();
    }
    vec![format!("annotation \"{CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead")]
}

fn host(host: &At, errors: &mut Errors) {
    if host.text().is_empty() {
        return;
    }
    if addresses::parse_sloppy(host.text()).is_some() {
        errors.invalid(host, "must be a DNS name, not an IP address");
    }
    dns_name(host, errors);
}

fn dns_name(host: &At, errors: &mut Errors) {
    let rule = if host.text().contains('*') { names::wildcard_subdomain } else { names::subdomain };
    errors.all_invalid(host, rule(host.text()));
}

fn path_rule(rule: &At, errors: &mut Errors) {
    let (kind, path) = (rule.child("pathType"), rule.child("path"));
    let absolute = path.text().starts_with('/');
    if !kind.given() {
        errors.required(&kind, "pathType must be specified");
        return;
    }
    let not_absolute = |errors: &mut Errors| errors.invalid_as(&path, &quoted(path.text()), "must be an absolute path");
    match kind.text() {
        "Exact" | "Prefix" => {
            if !absolute {
                not_absolute(errors);
            }
            for part in ["//", "/./", "/../", "%2f", "%2F"] {
                if path.text().contains(part) {
                    errors.invalid(&path, format!("must not contain '{part}'"));
                }
            }
            for end in ["/..", "/."] {
                if path.text().ends_with(end) {
                    errors.invalid(&path, format!("cannot end with '{end}'"));
                }
            }
        }
        "ImplementationSpecific" if !path.text().is_empty() && !absolute => not_absolute(errors),
        "ImplementationSpecific" => {}
        _ => errors.unsupported(&kind, &["Exact", "ImplementationSpecific", "Prefix"]),
    }
    backend(&rule.child("backend"), errors);
}

fn backend(backend: &At, errors: &mut Errors) {
    let (resource, service) = (backend.child("resource"), backend.child("service"));
    match (resource.given(), service.given()) {
        (true, true) => errors.invalid_as(backend, "\"\"", "cannot set both resource and service backends"),
        (true, false) => object_reference(&resource, errors),
        (false, true) => service_backend(backend, &service, errors),
        (false, false) => errors.invalid_as(backend, "\"\"", "resource or service backend is required"),
    }
}

fn service_backend(backend: &At, service: &At, errors: &mut Errors) {
    let name = service.child("name");
    if name.text().is_empty() {
        errors.required(&name, "");
    } else {
        errors.all_invalid(&name, names::label(name.text()));
    }
    let (port, number) = (service.at(&["port", "name"]), service.at(&["port", "number"]));
    match (!port.text().is_empty(), number.number() != 0) {
        (true, true) => errors.invalid_as(backend, "\"\"", "cannot set both port name & port number"),
        (true, false) => errors.all_invalid(&port, names::port_name(port.text())),
        (false, true) => errors.all_invalid(&number, names::port_number(number.number())),
        (false, false) => errors.required(backend, "port name or number is required"),
    }
}

fn tls(spec: &At, errors: &mut Errors) {
    for entry in spec.child("tls").items() {
        for host in entry.child("hosts").items() {
            dns_name(&host, errors);
        }
        let secret = entry.child("secretName");
        if !secret.text().is_empty() {
            errors.all_invalid(&secret, names::subdomain(secret.text()));
        }
    }
}

/// An IngressClass; `old` is there for an update.
pub fn class(object: &At, old: Option<&At>, errors: &mut Errors) {
    let controller = object.at(&["spec", "controller"]);
    if let Some(old) = old
        && old.at(&["spec", "controller"]).text() != controller.text()
    {
        errors.invalid_as(&controller, &quoted(controller.text()), "field is immutable");
    }
    meta::metadata(object, names::subdomain, errors);
    if controller.text().is_empty() {
        errors.required(&controller, "");
    } else {
        domain_prefixed_path(&controller, errors);
    }
    let parameters = object.at(&["spec", "parameters"]);
    if parameters.given() {
        class_parameters(&parameters, errors);
    }
}

fn domain_prefixed_path(at: &At, errors: &mut Errors) {
    match at.text().split_once('/') {
        Some((host, path)) if !host.is_empty() && !path.is_empty() => {
            for message in names::subdomain(host) {
                errors.invalid_as(at, &quoted(host), message);
            }
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
            if !path.bytes().all(good) {
                let why = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
                errors.invalid_as(at, &quoted(path), why);
            }
        }
        _ => errors.invalid(at, "must be a domain-prefixed path (such as \"acme.io/foo\")"),
    }
}

/// An object of any kind that a backend or a class names.
fn object_reference(reference: &At, errors: &mut Errors) {
    let group = reference.child("apiGroup");
    if group.given() {
        errors.all_invalid(&group, names::subdomain(group.text()));
    }
    for field in ["kind", "name"] {
        let at = reference.child(field);
        if at.text().is_empty() {
            errors.required(&at, "");
        } else {
            errors.all_invalid(&at, names::path_segment(at.text()));
        }
    }
}

fn class_parameters(parameters: &At, errors: &mut Errors) {
    object_reference(parameters, errors);
    let (scope, namespace) = (parameters.child("scope"), parameters.child("namespace"));
    // Its absence has become `Cluster` before; the empty text has not.
    match scope.text() {
        "Namespace" if !namespace.given() => errors.required(&namespace, "`parameters.scope` is set to 'Namespace'"),
        "Namespace" => errors.all_invalid(&namespace, names::label(namespace.text())),
        "Cluster" if namespace.given() => errors.forbidden(&namespace, "`parameters.scope` is set to 'Cluster'"),
        "Cluster" => {}
        _ => errors.unsupported(&scope, &["Cluster", "Namespace"]),
    }
}
