//! Where a Pod may run beside others: node affinity, Pod affinity and anti-affinity, topology spread constraints.
//!
//! Imitates the filters of `pkg/scheduler/framework/plugins/nodeaffinity`, `interpodaffinity` and `podtopologyspread`. Their wishes
//! (`preferred…`, `ScheduleAnyway`) only order the nodes that fit: by their weights, without upstream's scaling between plugins.
//! Leaves out the cluster's default constraints. The fields are read as they stand in the manifest: few Pods have them.

use crate::api::core::{Namespace, Node, Pod, PodSpec};
use crate::api::meta::{LabelSelector, Labels, selects};
use crate::api::typed::from_value;
use crate::control_plane::scheduler::{Misfit, untolerated};
use crate::control_plane::world::World;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Whether a Pod says anything about where, beyond `nodeSelector`.
pub(crate) fn is_choosy(pod: &Pod) -> bool {
    !pod.spec.affinity.is_null() || !pod.spec.topology_spread_constraints.is_empty()
}

fn items<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, key: &str) -> Option<i64> {
    value.get(key).and_then(Value::as_i64)
}

fn strings<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Whether the node meets `nodeSelector` and the required node affinity.
pub(crate) fn selects_node(pod: &PodSpec, node: &Node) -> bool {
    let affinity = pod.affinity.get("nodeAffinity").and_then(|affinity| affinity.get(REQUIRED));
    let meets = |required: &Value| items(required, "/nodeSelectorTerms").iter().any(|term| meets_term(term, node));
    selects(&pod.node_selector, &node.metadata.labels) && affinity.is_none_or(meets)
}

/// The nodes that the required node affinity names one by one, as for Pods of a DaemonSet: no other is looked at.
pub(crate) fn named_nodes(pod: &PodSpec) -> Option<Vec<&str>> {
    let terms = items(pod.affinity.get("nodeAffinity")?.get(REQUIRED)?, "/nodeSelectorTerms");
    let mut names = Vec::new();
    for term in terms {
        let by_name = |need: &&Value| text(need, "key") == "metadata.name" && text(need, "operator") == "In";
        names.extend(strings(items(term, "/matchFields").iter().find(by_name)?, "values"));
    }
    Some(names)
}

/// All expressions of a term hold; a term without any selects nothing.
fn meets_term(term: &Value, node: &Node) -> bool {
    let (labels, fields) = (items(term, "/matchExpressions"), items(term, "/matchFields"));
    let by_label = |need: &Value| meets(need, node.metadata.labels.get(text(need, "key")).map(String::as_str));
    let by_field = |need: &Value| text(need, "key") == "metadata.name" && meets(need, Some(node.metadata.name.as_str()));
    (!labels.is_empty() || !fields.is_empty()) && labels.iter().all(by_label) && fields.iter().all(by_field)
}

fn meets(need: &Value, value: Option<&str>) -> bool {
    let among = |value: &str| strings(need, "values").any(|own| own == value);
    let compare = || Some((value?.parse::<i64>().ok()?, strings(need, "values").next()?.parse::<i64>().ok()?));
    match text(need, "operator") {
        "In" => value.is_some_and(among),
        "NotIn" => !value.is_some_and(among),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compare().is_some_and(|(own, wanted)| own > wanted),
        "Lt" => compare().is_some_and(|(own, wanted)| own < wanted),
        _ => false,
    }
}

/// How many Pods a rule counts in each domain: by the value of a topology key.
type Counts = BTreeMap<String, i64>;

/// A rule about other Pods, counted before any node is looked at.
struct Rule {
    key: String,
    counts: Counts,
    /// For wishes.
    weight: i64,
}

impl Rule {
    fn at(&self, node: &Node) -> Option<i64> {
        let domain = node.metadata.labels.get(&self.key)?;
        Some(self.counts.get(domain).copied().unwrap_or(0))
    }
}

/// A constraint on spread.
struct Spread {
    rule: Rule,
    most: i64,
    least: i64,
    /// 1 if the Pod counts itself.
    own: i64,
}

/// What a Pod asks of its place, with the Pods that are there counted once.
#[derive(Default)]
pub(super) struct Placement {
    affinity: Vec<Rule>,
    /// No Pod matches any affinity term yet, and the Pod itself would: the first of a group that wants to be together.
    first_of_group: bool,
    anti_affinity: Vec<Rule>,
    /// Required anti-affinity of Pods that are there, against this one: topology key and value.
    unwelcome: Vec<(String, String)>,
    spread: Vec<Spread>,
    wishes: Vec<Rule>,
    node_wishes: Vec<Value>,
}

impl Placement {
    /// Reads what the Pod asks, and what others ask of it.
    pub(super) fn of(world: &World, pod: &Pod) -> Placement {
        let mut found = Placement { unwelcome: unwelcome(world, pod), ..Placement::default() };
        if !is_choosy(pod) {
            return found;
        }
        let affinity = &pod.spec.affinity;
        let terms = items(affinity, &format!("/podAffinity/{REQUIRED}"));
        let all_match = |other: &Pod| terms.iter().all(|term| matches(world, term, pod, other));
        found.affinity = terms.iter().map(|term| rule(world, text(term, "topologyKey"), 0, &all_match)).collect();
        found.first_of_group = found.affinity.iter().all(|rule| rule.counts.is_empty()) && all_match(pod);
        let one = |term: &Value, weight: i64| {
            rule(world, text(term, "topologyKey"), weight, &|other: &Pod| matches(world, term, pod, other))
        };
        let anti = items(affinity, &format!("/podAntiAffinity/{REQUIRED}"));
        found.anti_affinity = anti.iter().map(|term| one(term, 0)).collect();
        for (kind, sign) in [("podAffinity", 1), ("podAntiAffinity", -1)] {
            for wish in items(affinity, &format!("/{kind}/{PREFERRED}")) {
                let term = wish.get("podAffinityTerm").unwrap_or(&Value::Null);
                found.wishes.push(one(term, sign * number(wish, "weight").unwrap_or(0)));
            }
        }
        found.node_wishes = items(affinity, &format!("/nodeAffinity/{PREFERRED}")).to_vec();
        for constraint in &pod.spec.topology_spread_constraints {
            let spread = spread(world, pod, constraint);
            if text(constraint, "whenUnsatisfiable") == "ScheduleAnyway" {
                found.wishes.push(spread.rule);
            } else {
                found.spread.push(spread);
            }
        }
        found
    }

    /// Why the Pod does not go there; the filters in upstream's order.
    pub(super) fn misfit(&self, node: &Node) -> Option<Misfit> {
        for spread in &self.spread {
            let Some(there) = spread.rule.at(node) else { return Some(Misfit::SpreadLabel) };
            if there + spread.own - spread.least > spread.most {
                return Some(Misfit::Spread);
            }
        }
        let met = self.affinity.iter().map(|rule| rule.at(node));
        let (mut missing, mut alone) = (false, false);
        for count in met {
            missing |= count.is_none();
            alone |= count == Some(0);
        }
        if missing || alone && !self.first_of_group {
            return Some(Misfit::PodAffinity);
        }
        if self.anti_affinity.iter().any(|rule| rule.at(node).is_some_and(|count| count > 0)) {
            return Some(Misfit::AntiAffinity);
        }
        let here = |(key, value): &(String, String)| node.metadata.labels.get(key) == Some(value);
        self.unwelcome.iter().any(here).then_some(Misfit::ExistingAntiAffinity)
    }

    /// How much the Pod would like the node.
    pub(super) fn liking(&self, node: &Node) -> i64 {
        let near = self.wishes.iter().map(|rule| rule.weight * rule.at(node).unwrap_or(0)).sum::<i64>();
        let own = self.node_wishes.iter().filter(|wish| wish.get("preference").is_some_and(|term| meets_term(term, node)));
        near + own.filter_map(|wish| number(wish, "weight")).sum::<i64>()
    }
}

/// Counts the placed Pods that a rule means, by the domain of their node.
fn rule(world: &World, key: &str, weight: i64, means: &dyn Fn(&Pod) -> bool) -> Rule {
    let mut counts = Counts::new();
    for node in world.cluster.store.nodes.values() {
        let Some(domain) = node.metadata.labels.get(key) else { continue };
        let count = world.pods_on(&node.metadata.name).filter(|other| means(other)).count();
        if count > 0 {
            *counts.entry(domain.clone()).or_default() += i64::try_from(count).unwrap_or(i64::MAX);
        }
    }
    Rule { key: key.to_string(), counts, weight }
}

/// Whether a term of `pod` means the other Pod.
fn matches(world: &World, term: &Value, pod: &Pod, other: &Pod) -> bool {
    let namespace = &other.metadata.namespace;
    let mut named = strings(term, "namespaces").peekable();
    let by_label = term.get("namespaceSelector").filter(|selector| !selector.is_null());
    let inside = if named.peek().is_none() && by_label.is_none() {
        *namespace == pod.metadata.namespace
    } else {
        let labels = world.cluster.store.get::<Namespace>("", namespace).map(|found| &found.metadata.labels);
        named.any(|own| own == namespace)
            || by_label.is_some_and(|selector| labels.is_some_and(|labels| selector_of(selector).matches(labels)))
    };
    let same = |key: &str| pod.metadata.labels.get(key).is_none_or(|own| other.metadata.labels.get(key) == Some(own));
    let selects = |selector: &Value| !selector.is_null() && selector_of(selector).matches(&other.metadata.labels);
    inside
        && term.get("labelSelector").is_some_and(selects)
        && strings(term, "matchLabelKeys").all(same)
        && !strings(term, "mismatchLabelKeys").any(|key| pod.metadata.labels.contains_key(key) && same(key))
}

fn selector_of(value: &Value) -> LabelSelector {
    from_value(value).unwrap_or_default()
}

/// The domains that Pods with a required anti-affinity keep this one out of.
fn unwelcome(world: &World, pod: &Pod) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for key in &world.choosy {
        let Some(other) = world.cluster.store.pods.get(key).filter(|other| !other.spec.node_name.is_empty()) else { continue };
        for term in items(&other.spec.affinity, &format!("/podAntiAffinity/{REQUIRED}")) {
            let topology = text(term, "topologyKey");
            let node = world.cluster.store.get::<Node>("", &other.spec.node_name);
            let domain = node.and_then(|node| node.metadata.labels.get(topology));
            if let Some(domain) = domain.filter(|_| matches(world, term, other, pod)) {
                found.push((topology.to_string(), domain.clone()));
            }
        }
    }
    found
}

fn spread(world: &World, pod: &Pod, constraint: &Value) -> Spread {
    let selector: Option<LabelSelector> = constraint.get("labelSelector").map(selector_of);
    let same = |labels: &Labels| {
        strings(constraint, "matchLabelKeys")
            .all(|key| pod.metadata.labels.get(key).is_none_or(|own| labels.get(key) == Some(own)))
    };
    let means = |labels: &Labels| selector.as_ref().is_some_and(|selector| selector.matches(labels)) && same(labels);
    // An empty selector counts nobody (`countPodsMatchSelector`).
    let empty = selector == Some(LabelSelector::default()) && strings(constraint, "matchLabelKeys").next().is_none();
    let others = |other: &Arc<Pod>| {
        let meta = &other.metadata;
        !empty && meta.deletion_timestamp.is_none() && meta.namespace == pod.metadata.namespace && means(&meta.labels)
    };
    let key = text(constraint, "topologyKey");
    let mut counts = Counts::new();
    // Only nodes count that the Pod could run on: by affinity unless told otherwise, by taints if told so.
    let every_key = |node: &Node| {
        let keys = pod.spec.topology_spread_constraints.iter().map(|own| text(own, "topologyKey"));
        keys.into_iter().all(|key| node.metadata.labels.contains_key(key))
    };
    for node in world.cluster.store.nodes.values().filter(|node| every_key(node)) {
        let by_affinity = text(constraint, "nodeAffinityPolicy") == "Ignore" || selects_node(&pod.spec, node);
        let by_taints = text(constraint, "nodeTaintsPolicy") != "Honor" || !untolerated(pod, node);
        if let Some(domain) = node.metadata.labels.get(key).filter(|_| by_affinity && by_taints) {
            let count = world.pods_on(&node.metadata.name).filter(|other| others(other)).count();
            *counts.entry(domain.clone()).or_default() += i64::try_from(count).unwrap_or(i64::MAX);
        }
    }
    let enough = i64::try_from(counts.len()).unwrap_or(0) >= number(constraint, "minDomains").unwrap_or(1);
    let least = if enough { counts.values().min().copied().unwrap_or(0) } else { 0 };
    let own = i64::from(means(&pod.metadata.labels));
    // As a wish, each Pod that is there already counts against the domain.
    let rule = Rule { key: key.to_string(), counts, weight: -1 };
    Spread { rule, most: number(constraint, "maxSkew").unwrap_or(1), least, own }
}
