//! Hosts, paths and backends of Ingresses, and which of them fits a request best.

use super::{Backend, Matched, service_ref};
use crate::addons::aws::actions;
use crate::api::ObjectRef;
use crate::api::core::Service;
use crate::api::discovery::EndpointSlice;
use crate::api::networking::{Ingress, IngressBackend};
use crate::cluster::Store;
use crate::packet::Socket;
use crate::trace::FieldRef;

/// One `rules` entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) ingress: ObjectRef,
    /// In lower case; empty for all hosts.
    host: String,
    at: usize,
    paths: Vec<Path>,
}

/// One path of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    path: String,
    exact: bool,
    /// `ImplementationSpecific`: left to the controller.
    specific: bool,
    /// Where that is a pattern, what comes before it.
    pattern: Option<String>,
    pub(super) target: Option<Target>,
}

/// Where a path, or a default backend, sends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    pub(super) ingress: ObjectRef,
    pub(super) matched: Matched,
    pub(super) is_resource: bool,
    pub(super) because: Vec<FieldRef>,
}

impl Rule {
    /// The fields that a request which met this rule in vain was compared with.
    pub(super) fn because(&self) -> Vec<FieldRef> {
        let field = |path: String| FieldRef { object: self.ingress.clone(), path };
        let paths = (0..self.paths.len()).map(|at| field(format!("spec.rules[{}].http.paths[{at}].path", self.at)));
        paths.chain([field(format!("spec.rules[{}].host", self.at))]).collect()
    }
}

pub(super) fn rules(ingress: &Ingress) -> Vec<Rule> {
    let object = ObjectRef::of(ingress);
    let rule = |(at, rule): (usize, &crate::api::networking::IngressRule)| {
        let paths = rule.http.iter().flat_map(|http| http.paths.iter().enumerate());
        let paths = paths.map(|(number, path)| {
            let path_type = path.path_type.clone().unwrap_or_default();
            let prefix = format!("spec.rules[{at}].http.paths[{number}]");
            let specific = path_type == "ImplementationSpecific";
            let pattern = before_pattern(&path.path).filter(|_| specific && reads_patterns(ingress)).map(str::to_string);
            let matched = matched(&object, &rule.host, &path.path, &path_type, &path.backend);
            let matched = Matched { pattern: pattern.clone(), ..matched };
            let target = target(&object, matched, &path.backend, &prefix, Some(format!("spec.rules[{at}].host")));
            let text = if path.path.is_empty() { "/" } else { &path.path };
            Path { path: text.to_string(), exact: path_type == "Exact", specific, pattern, target }
        });
        Rule { ingress: object.clone(), host: rule.host.to_lowercase(), at, paths: paths.collect() }
    };
    ingress.spec.rules.iter().enumerate().map(rule).collect()
}

pub(super) fn default_backend(ingress: &Ingress) -> Option<Target> {
    let object = ObjectRef::of(ingress);
    let backend = ingress.spec.default_backend.as_ref()?;
    target(&object, matched(&object, "", "", "", backend), backend, "spec.defaultBackend", None)
}

fn matched(ingress: &ObjectRef, host: &str, path: &str, path_type: &str, backend: &IngressBackend) -> Matched {
    let service = backend.service.clone().unwrap_or_default();
    let port = if service.port.name.is_empty() { service.port.number.to_string() } else { service.port.name };
    let (ingress, service) = (ingress.clone(), service_ref(&ingress.namespace, &service.name));
    Matched { ingress, host: host.into(), path: path.into(), path_type: path_type.into(), service, port, pattern: None }
}

fn target(object: &ObjectRef, matched: Matched, backend: &IngressBackend, prefix: &str, host: Option<String>) -> Option<Target> {
    let is_resource = backend.service.is_none() && backend.resource.is_some();
    let backend_path = if host.is_some() { format!("{prefix}.backend") } else { prefix.to_string() };
    let port = if matched.port.parse::<u16>().is_ok() { "number" } else { "name" };
    let mut paths = if host.is_some() { vec![format!("{prefix}.path")] } else { Vec::new() };
    paths.extend(host.filter(|_| !matched.host.is_empty()));
    if is_resource {
        paths.push(format!("{backend_path}.resource"));
    } else {
        paths.extend([format!("{backend_path}.service.name"), format!("{backend_path}.service.port.{port}")]);
    }
    let because = paths.into_iter().map(|path| FieldRef { object: object.clone(), path }).collect();
    Some(Target { ingress: object.clone(), matched, is_resource, because })
}

/// The host of a Host header: no port, lower case.
pub(super) fn plain_host(host: &str) -> String {
    host.split(':').next().unwrap_or_default().trim_end_matches('.').to_lowercase()
}

/// The path of a request: no query, no fragment, `/` when empty.
pub(super) fn plain_path(path: &str) -> &str {
    match path.split(['?', '#']).next() {
        Some("") | None => "/",
        Some(path) => path,
    }
}

/// `*.example.com` stands for exactly one label more.
pub(super) fn wildcard_matches(pattern: &str, host: &str) -> bool {
    let Some(suffix) = pattern.strip_prefix('*') else { return false };
    suffix.starts_with('.') && host.strip_suffix(suffix).is_some_and(|label| !label.is_empty() && !label.contains('.'))
}

/// Whether an Ingress has a rule that names this host, or a wildcard for it.
pub fn lists_host(ingress: &Ingress, host: &str) -> bool {
    let host = plain_host(host);
    let fits = |own: &str| own == host || wildcard_matches(own, &host);
    !host.is_empty() && ingress.spec.rules.iter().any(|rule| fits(&rule.host.to_lowercase()))
}

/// The rules of the host that fits best: the exact one, else its wildcard, else those for all hosts.
pub(super) fn most_specific_host<'a>(rules: &'a [Rule], host: &str) -> Vec<&'a Rule> {
    let fits: [&dyn Fn(&Rule) -> bool; 3] =
        [&|rule| !host.is_empty() && rule.host == host, &|rule| wildcard_matches(&rule.host, host), &|rule| rule.host.is_empty()];
    let groups = fits.iter().map(|fits| rules.iter().filter(|rule| fits(rule)).collect::<Vec<_>>());
    groups.into_iter().find(|group| !group.is_empty()).unwrap_or_default()
}

/// The path that fits best: the longest, and of two equal ones the exact; then the first (older Ingress, order of the text).
pub(super) fn best_path<'a>(rules: &[&'a Rule], path: &str) -> Option<&'a Path> {
    let mut best: Option<(&Path, (usize, bool))> = None;
    for candidate in rules.iter().flat_map(|rule| &rule.paths).filter(|candidate| candidate.fits(path)) {
        let text = candidate.pattern.as_ref().unwrap_or(&candidate.path);
        let rank = (text.trim_end_matches('/').len(), candidate.exact);
        if best.is_none_or(|(_, held)| rank > held) {
            best = Some((candidate, rank));
        }
    }
    best.map(|(path, _)| path)
}

/// The rules of an Application Load Balancer that are for a host, and the path that takes the request: rule by rule, in each the exact
/// paths first, then prefixes from the longest on, then the patterns of `ImplementationSpecific` (`sortIngressPaths`).
pub(super) fn first_of_alb<'a>(rules: &'a [Rule], host: &str, path: &str) -> (Vec<&'a Rule>, Option<&'a Path>) {
    let own = |rule: &&Rule| rule.host.is_empty() || actions::matches(&rule.host, host);
    let rules: Vec<&Rule> = rules.iter().filter(own).collect();
    for rule in &rules {
        let mut paths: Vec<&Path> = rule.paths.iter().collect();
        let rank = |path: &Path| match (path.exact, path.specific) {
            (true, _) => (0, 0),
            (_, false) => (1, usize::MAX - path.path.len()),
            _ => (2, 0),
        };
        paths.sort_by_key(|path| rank(path));
        let takes = |own: &&&Path| if own.specific { actions::matches(&own.path, path) } else { own.fits(path) };
        if let Some(found) = paths.iter().find(takes).copied() {
            return (rules, Some(found));
        }
    }
    (rules, None)
}

/// Whether a path of `ImplementationSpecific` may be a pattern: `/*` on GKE, a regular expression elsewhere. ingress-nginx takes it
/// as it is written, unless annotations ask for regular expressions.
fn reads_patterns(ingress: &Ingress) -> bool {
    let notes = &ingress.metadata.annotations;
    let class = ingress.spec.ingress_class_name.as_ref().or(notes.get("kubernetes.io/ingress.class"));
    let nginx = class.is_some_and(|class| class.contains("nginx"));
    let asks = |end: &str| notes.get(&format!("nginx.ingress.kubernetes.io/{end}"));
    !nginx || asks("use-regex").is_some_and(|value| value == "true") || asks("rewrite-target").is_some()
}

/// What a path with a pattern begins with: `/` of `/*`, `/api` of `/api(/|$)(.*)`.
fn before_pattern(path: &str) -> Option<&str> {
    let at = path.find(|letter| "([*+?{|\\^$".contains(letter))?;
    let (before, rest) = path.split_at(at);
    // What may be repeated, or missing, is no part of it, but for the `/` of `/*`.
    let counted = rest.starts_with(['*', '?', '{']) && !before.ends_with('/');
    let before = if counted { before.strip_suffix(|_: char| true).unwrap_or_default() } else { before };
    Some(if before.is_empty() { "/" } else { before })
}

impl Path {
    /// Exact: the same text. Prefix: element by element, so `/shop` takes `/shop/cart` and not `/shopping`; a final `/` is no matter.
    fn fits(&self, path: &str) -> bool {
        if self.exact {
            return self.path == path;
        }
        if let Some(prefix) = self.pattern.as_ref().filter(|prefix| prefix.ends_with('/')) {
            return path.starts_with(prefix.as_str());
        }
        let prefix = self.pattern.as_ref().unwrap_or(&self.path).trim_end_matches('/');
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The ready endpoints of a Service's port, sorted, each once.
pub fn endpoints(store: &Store, service: &Service, port_name: &str) -> Vec<Backend> {
    let namespace = &service.metadata.namespace;
    let own = |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name") == Some(&service.metadata.name);
    let mut found = Vec::new();
    for slice in store.in_namespace::<EndpointSlice>(namespace).filter(own) {
        let port = slice.ports.iter().find(|port| port.name.as_deref().unwrap_or_default() == port_name);
        let Some(number) = port.and_then(|port| u16::try_from(port.port?).ok()) else { continue };
        for endpoint in slice.endpoints.iter().filter(|endpoint| endpoint.conditions.ready.unwrap_or(true)) {
            let pod = endpoint
                .target_ref
                .as_ref()
                .filter(|target| target.kind == "Pod")
                .map(|target| (namespace.clone(), target.name.clone()));
            let sockets = endpoint.addresses.iter().filter_map(|ip| ip.parse().ok()).map(|ip| Socket::new(ip, number));
            found.extend(sockets.map(|socket| Backend { socket, pod: pod.clone(), node: endpoint.node_name.clone() }));
        }
    }
    found.sort();
    found.dedup_by(|a, b| a.socket == b.socket);
    found
}
