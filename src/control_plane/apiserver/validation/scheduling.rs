//! Where a Pod may go (`validateAffinity`, `validateTopologySpreadConstraints`, `ValidateTolerations`, `validateSchedulingGates` in
//! `pkg/apis/core/validation`).

use super::field::{At, Errors, quoted};
use super::{meta, names};
use std::collections::BTreeSet;

/// Attraction to nodes, attraction to other Pods, and aversion to them.
pub fn affinity(spec: &At, errors: &mut Errors) {
    let nodes = spec.at(&["affinity", "nodeAffinity"]);
    let required = nodes.child(REQUIRED);
    if required.given() {
        let terms = required.child("nodeSelectorTerms");
        if terms.is_empty() {
            errors.required(&terms, "must have at least one node selector term");
        }
        for term in terms.items() {
            node_term(&term, true, errors);
        }
    }
    for term in nodes.child(PREFERRED).items() {
        weight(&term, errors);
        node_term(&term.child("preference"), false, errors);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let pods = spec.at(&["affinity", kind]);
        for term in pods.child(REQUIRED).items() {
            pod_term(&term, errors);
        }
        for term in pods.child(PREFERRED).items() {
            weight(&term, errors);
            pod_term(&term.child("podAffinityTerm"), errors);
        }
    }
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

fn weight(term: &At, errors: &mut Errors) {
    let weight = term.child("weight");
    if !(1..=100).contains(&weight.number()) {
        errors.invalid_as(&weight, &weight.number().to_string(), "must be in the range 1-100");
    }
}

/// `ValidateNodeSelectorTerm`. What is only preferred may name values that no label can have.
fn node_term(term: &At, strict: bool, errors: &mut Errors) {
    for expression in term.child("matchExpressions").items() {
        let (operator, values, key) = (expression.child("operator"), expression.child("values"), expression.child("key"));
        match operator.text() {
            "In" | "NotIn" if values.is_empty() => {
                errors.required(&values, "must be specified when `operator` is 'In' or 'NotIn'")
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                errors.forbidden(&values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
            }
            "Gt" | "Lt" if values.len() != 1 => {
                errors.required(&values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            unknown => errors.invalid_as(&operator, &quoted(unknown), "not a valid selector operator"),
        }
        label_name(&key, errors);
        for value in values.items().iter().filter(|_| strict) {
            errors.all_invalid(value, names::label_value(value.text()));
        }
    }
    for field in term.child("matchFields").items() {
        let (operator, values, key) = (field.child("operator"), field.child("values"), field.child("key"));
        match operator.text() {
            "In" | "NotIn" if values.len() != 1 => {
                errors.required(&values, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
            }
            "In" | "NotIn" => {}
            unknown => errors.invalid_as(&operator, &quoted(unknown), "not a valid selector operator"),
        }
        if key.text() != "metadata.name" {
            errors.invalid_as(&key, &quoted(key.text()), "not a valid field selector key");
            continue;
        }
        for value in values.items() {
            errors.all_invalid(&value, names::subdomain(value.text()));
        }
    }
}

fn pod_term(term: &At, errors: &mut Errors) {
    meta::label_selector(&term.child("labelSelector"), errors);
    meta::label_selector(&term.child("namespaceSelector"), errors);
    for namespace in term.child("namespaces").items() {
        for message in names::label(namespace.text()) {
            errors.invalid_as(&term.child("namespace"), &quoted(namespace.text()), message);
        }
    }
    label_keys(term, &["matchLabelKeys", "mismatchLabelKeys"], errors);
    let key = term.child("topologyKey");
    if key.text().is_empty() {
        errors.required(&key, "can not be empty");
    }
    label_name(&key, errors);
}

fn label_name(key: &At, errors: &mut Errors) {
    for message in names::qualified(key.text()) {
        errors.invalid_as(key, &quoted(key.text()), message);
    }
}

/// Labels of the Pod's own that are put into the selector beside them (`ValidateMatchLabelKeysAndMismatchLabelKeys`).
fn label_keys(owner: &At, lists: &[&str], errors: &mut Errors) {
    let selector = owner.child("labelSelector");
    for list in lists.iter().map(|list| owner.child(list)) {
        if !list.is_empty() && !selector.given() {
            errors.forbidden(&list, "must not be specified when labelSelector is not set");
            continue;
        }
        for key in list.items() {
            label_name(&key, errors);
        }
    }
    let own: Vec<&str> = owner.child("matchLabelKeys").items().iter().map(At::text).collect();
    let mut known: BTreeSet<&str> = selector.child("matchLabels").entries().into_iter().map(|(key, _)| key).collect();
    for key in selector.child("matchExpressions").items().iter().map(|expression| expression.child("key").text()) {
        if let Some(index) = own.iter().rposition(|own| *own == key).filter(|_| known.contains(key)) {
            let at = owner.index(index);
            errors.invalid_as(&at, &quoted(key), "exists in both matchLabelKeys and labelSelector");
        }
        known.insert(key);
    }
    let others: Vec<&str> = owner.child("mismatchLabelKeys").items().iter().map(At::text).collect();
    for key in owner.child("matchLabelKeys").items().iter().filter(|key| others.contains(&key.text())) {
        errors.invalid(key, "exists in both matchLabelKeys and mismatchLabelKeys");
    }
}

/// How evenly Pods have to be spread.
pub fn spread(spec: &At, errors: &mut Errors) {
    let constraints = spec.child("topologySpreadConstraints").items();
    for (index, own) in constraints.iter().enumerate() {
        let (skew, key, action) = (own.child("maxSkew"), own.child("topologyKey"), own.child("whenUnsatisfiable"));
        if skew.number() <= 0 {
            errors.invalid_as(&skew, &skew.number().to_string(), "must be greater than zero");
        }
        if key.text().is_empty() {
            errors.required(&key, "can not be empty");
        }
        if !matches!(action.text(), "DoNotSchedule" | "ScheduleAnyway") {
            errors.unsupported(&action, &["DoNotSchedule", "ScheduleAnyway"]);
        }
        let same = |other: &&At| {
            ["topologyKey", "whenUnsatisfiable"].iter().all(|name| other.child(name).text() == own.child(name).text())
        };
        if constraints.iter().skip(index + 1).any(|other| same(&other)) {
            let both = format!("Duplicate value: {}", quoted(&format!("{{{}, {}}}", key.text(), action.text())));
            errors.push(&own.named("{topologyKey, whenUnsatisfiable}"), both);
        }
        let domains = own.child("minDomains");
        if domains.given() && domains.number() <= 0 {
            errors.invalid(&domains, "must be greater than zero");
        }
        if domains.given() && action.text() != "DoNotSchedule" {
            errors
                .invalid(&domains, format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}", action.text()));
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            errors.one_of_if_given(&own.child(policy), &["Honor", "Ignore"]);
        }
        label_keys(own, &["matchLabelKeys"], errors);
        meta::label_selector(&own.child("labelSelector"), errors);
    }
}

/// What a Pod bears of a node.
pub fn tolerations(spec: &At, errors: &mut Errors) {
    for toleration in spec.child("tolerations").items() {
        let (key, operator, value, effect) =
            (toleration.child("key"), toleration.child("operator"), toleration.child("value"), toleration.child("effect"));
        if !key.text().is_empty() {
            errors.all_invalid(&key, names::qualified(key.text()));
        } else if operator.text() != "Exists" {
            let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.invalid_as(&operator, &quoted(operator.text()), why);
        }
        if toleration.child("tolerationSeconds").given() && effect.text() != "NoExecute" {
            errors.invalid_as(&effect, &quoted(effect.text()), "effect must be 'NoExecute' when `tolerationSeconds` is set");
        }
        match operator.text() {
            "" | "Equal" => {
                let wrong = names::label_value(value.text());
                if !wrong.is_empty() {
                    errors.invalid_as(&operator, &quoted(value.text()), wrong.join(";"));
                }
            }
            "Exists" if !value.text().is_empty() => {
                errors.invalid_as(&operator, &quoted(value.text()), "value must be empty when `operator` is 'Exists'");
            }
            "Exists" => {}
            "Lt" | "Gt" => errors.unsupported(&operator, &["Equal", "Exists", "Lt", "Gt"]),
            _ => errors.unsupported(&operator, &["Equal", "Exists"]),
        }
        errors.one_of_or_default(&effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
    }
}

/// What holds a Pod back from the scheduler.
pub fn gates(spec: &At, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for gate in spec.child("schedulingGates").items() {
        let name = gate.child("name").text();
        for message in names::qualified(name) {
            errors.invalid_as(&gate, &quoted(name), message);
        }
        if !seen.insert(name) {
            errors.push(&gate, format!("Duplicate value: {}", quoted(name)));
        }
    }
    let preemption = spec.child("preemptionPolicy");
    if preemption.given() {
        errors.one_of(&preemption, &["PreemptLowerPriority", "Never"]);
    }
}
