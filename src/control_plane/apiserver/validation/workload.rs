//! Deployments, ReplicaSets, StatefulSets and DaemonSets (`pkg/apis/apps/validation`), ReplicationControllers (`pkg/apis/core/validation`).

use super::field::{At, Errors, quoted, without_empty};
use super::{meta, names, pod, probe, volume};
use serde_json::Value;
use std::collections::BTreeSet;

const MISMATCH: &str = "`selector` does not match template `labels`";

/// A Deployment.
pub fn deployment(object: &At, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    let spec = object.child("spec");
    errors.non_negative(&spec.child("replicas"));
    if selector(&spec, "deployment", "invalid label selector", errors) {
        replica_template(&spec, errors);
    }
    deployment_strategy(&spec.child("strategy"), errors);
    let (ready, progress) = (spec.child("minReadySeconds"), spec.child("progressDeadlineSeconds"));
    errors.non_negative(&ready);
    errors.non_negative(&spec.child("revisionHistoryLimit"));
    errors.non_negative(&progress);
    let deadline = if progress.given() { progress.number() } else { 600 };
    if deadline <= ready.number() {
        errors.invalid_as(&progress, &deadline.to_string(), "must be greater than minReadySeconds");
    }
}

/// A ReplicaSet.
pub fn replica_set(object: &At, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    let spec = object.child("spec");
    errors.non_negative(&spec.child("replicas"));
    errors.non_negative(&spec.child("minReadySeconds"));
    if selector(&spec, "deployment", "invalid label selector", errors) {
        replica_template(&spec, errors);
    }
}

/// A ReplicationController (`ValidateReplicationControllerSpec`).
pub fn replication_controller(object: &At, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    let spec = object.child("spec");
    errors.non_negative(&spec.child("minReadySeconds"));
    let selector = spec.child("selector");
    if selector.is_empty() {
        errors.required(&selector, "");
    }
    errors.non_negative(&spec.child("replicas"));
    if !spec.child("template").given() {
        return errors.required(&spec.child("template"), "");
    }
    let labels = template_labels(&spec);
    let carries = |(key, value): (&str, &Value)| labels.value().and_then(|own| own.get(key)) == Some(value);
    if !selector.entries().into_iter().all(carries) {
        mismatch(&spec, errors);
    }
    pod::template(&spec.child("template"), &BTreeSet::new(), errors);
    always(&spec, "ReplicationController", errors);
}

/// A StatefulSet; `old` is there for an update.
pub fn stateful_set(object: &At, old: Option<&At>, errors: &mut Errors) {
    let name_rule = if old.is_some() { |_: &str| Vec::new() } else { names::label as fn(&str) -> Vec<String> };
    meta::metadata(object, name_rule, errors);
    let spec = object.child("spec");
    let management = spec.child("podManagementPolicy");
    if !["", "OrderedReady", "Parallel"].contains(&management.text()) {
        errors.invalid(&management, "must be 'OrderedReady' or 'Parallel'");
    }
    let strategy = spec.child("updateStrategy");
    match strategy.child("type").text() {
        "" | "RollingUpdate" => stateful_rolling(&strategy.child("rollingUpdate"), errors),
        "OnDelete" => {
            let rolling = strategy.child("rollingUpdate");
            if rolling.given() {
                errors.invalid_as(&rolling, &stateful_rolling_shown(&rolling), "only allowed for updateStrategy 'RollingUpdate'");
            }
        }
        unknown => {
            let rolling = strategy.child("rollingUpdate");
            let rolling = if rolling.given() { stateful_rolling_shown(&rolling) } else { "null".to_string() };
            let shown = format!("{{\"Type\":{},\"RollingUpdate\":{rolling}}}", quoted(unknown));
            errors.invalid_as(&strategy, &shown, "must be 'RollingUpdate' or 'OnDelete'");
        }
    }
    for field in ["whenDeleted", "whenScaled"] {
        errors.one_of_or_default(&spec.at(&["persistentVolumeClaimRetentionPolicy", field]), &["Retain", "Delete"]);
    }
    let claims = spec.child("volumeClaimTemplates").items();
    for claim in claims.iter().filter(|_| old.is_none()) {
        volume::claim(&claim.child("spec"), errors);
    }
    errors.non_negative(&spec.child("replicas"));
    errors.non_negative(&spec.child("minReadySeconds"));
    errors.non_negative(&spec.at(&["ordinals", "start"]));
    let service = spec.child("serviceName");
    if !service.text().is_empty() && old.is_none() {
        errors.all_invalid(&service, names::label(service.text()));
    }
    if selector(&spec, "statefulset", "", errors) {
        matches(&spec, errors);
        let claims: BTreeSet<&str> = claims.iter().map(|claim| claim.at(&["metadata", "name"]).text()).collect();
        pod::template(&spec.child("template"), &claims, errors);
        // The controller writes its own names over these, so nobody judges them.
        let own = ["hostname", "subdomain"].map(|field| spec.at(&["template", "spec", field]).path);
        errors.0.retain(|error| !own.contains(&error.path));
        // Upstream looks at the labels twice.
        let mut labels = spec.at(&["template", "metadata", "labels"]);
        labels.path = "spec.template.labels".to_string();
        meta::labels(&labels, errors);
    }
    always(&spec, "StatefulSet", errors);
}

/// A DaemonSet.
pub fn daemon_set(object: &At, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    let spec = object.child("spec");
    let given = spec.child("selector");
    meta::label_selector(&given, errors);
    let works = meta::selector_works(&given);
    if works && (!given.given() || !meta::selector_matches(&given, &template_labels(&spec))) {
        mismatch(&spec, errors);
    }
    if given.given() && given.child("matchLabels").is_empty() && given.child("matchExpressions").is_empty() {
        errors.invalid_as(&given, &meta::selector_shown(&given), "empty selector is invalid for daemonset");
    }
    pod::template(&spec.child("template"), &BTreeSet::new(), errors);
    always(&spec, "DaemonSet", errors);
    errors.non_negative(&spec.child("minReadySeconds"));
    let strategy = spec.child("updateStrategy");
    match strategy.child("type").text() {
        "" | "RollingUpdate" => daemon_rolling(&strategy.child("rollingUpdate"), errors),
        "OnDelete" => {}
        unknown => {
            errors.unsupported_as(&strategy, &strategy_shown(&strategy, unknown), &["RollingUpdate", "OnDelete"]);
        }
    }
    errors.non_negative(&spec.child("revisionHistoryLimit"));
}

/// The selector by itself; whether it can be compared with the template.
fn selector(spec: &At, kind: &str, broken: &str, errors: &mut Errors) -> bool {
    let given = spec.child("selector");
    if !given.given() {
        errors.required(&given, "");
        return true;
    }
    meta::label_selector(&given, errors);
    if given.child("matchLabels").is_empty() && given.child("matchExpressions").is_empty() {
        errors.invalid_as(&given, &meta::selector_shown(&given), format!("empty selector is invalid for {kind}"));
    }
    if meta::selector_works(&given) {
        return true;
    }
    let detail = if broken.is_empty() { String::new() } else { format!(": {broken}") };
    errors.push(&given, format!("Invalid value: {}{detail}", meta::selector_shown(&given)));
    false
}

fn template_labels<'a>(spec: &At<'a>) -> At<'a> {
    spec.at(&["template", "metadata", "labels"])
}

/// The template must carry the selector's labels. No selector selects nothing, an empty one everything.
fn matches(spec: &At, errors: &mut Errors) {
    let selector = spec.child("selector");
    if !selector.given() || !meta::selector_matches(&selector, &template_labels(spec)) {
        mismatch(spec, errors);
    }
}

fn mismatch(spec: &At, errors: &mut Errors) {
    errors.invalid(&template_labels(spec), MISMATCH);
}

fn replica_template(spec: &At, errors: &mut Errors) {
    matches(spec, errors);
    pod::template(&spec.child("template"), &BTreeSet::new(), errors);
    always(spec, "ReplicaSet", errors);
}

/// Pods of these kinds are always restarted.
fn always(spec: &At, kind: &str, errors: &mut Errors) {
    let policy = spec.at(&["template", "spec", "restartPolicy"]);
    if policy.text_or("Always") != "Always" {
        errors.unsupported(&policy, &["Always"]);
    }
    let deadline = spec.at(&["template", "spec", "activeDeadlineSeconds"]);
    if deadline.given() {
        errors.forbidden(&deadline, &format!("activeDeadlineSeconds in {kind} is not Supported"));
    }
}

fn deployment_strategy(strategy: &At, errors: &mut Errors) {
    let rolling = strategy.child("rollingUpdate");
    match strategy.child("type").text_or("RollingUpdate") {
        "Recreate" if rolling.given() => errors.forbidden(&rolling, "may not be specified when strategy `type` is 'Recreate'"),
        "Recreate" => {}
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.child("maxUnavailable"), rolling.child("maxSurge"));
            for at in [&unavailable, &surge] {
                count_or_percent(at, errors);
            }
            let zero = |at: &At| at.given() && amount(at) == 0;
            if zero(&unavailable) && zero(&surge) {
                errors.invalid(&unavailable, "may not be 0 when `maxSurge` is 0");
            }
            at_most_all(&unavailable, errors);
        }
        unknown => {
            errors.unsupported_as(strategy, &strategy_shown(strategy, unknown), &["Recreate", "RollingUpdate"]);
        }
    }
}

/// A DaemonSet's pace: either Pods that are missing or Pods that are too many (`ValidateRollingUpdateDaemonSet`).
fn daemon_rolling(rolling: &At, errors: &mut Errors) {
    let (unavailable, surge) = (rolling.child("maxUnavailable"), rolling.child("maxSurge"));
    for rule in [count_or_percent, at_most_all] {
        rule(&unavailable, errors);
        rule(&surge, errors);
    }
    let missing = !unavailable.given() || amount(&unavailable) != 0;
    match (missing, amount(&surge) != 0) {
        (true, true) => errors.invalid(&surge, "may not be set when maxUnavailable is non-zero"),
        (false, false) => errors.required(&unavailable, "cannot be 0 when maxSurge is 0"),
        _ => {}
    }
}

/// A StatefulSet's pace (`validateRollingUpdateStatefulSet`); maxUnavailable is dropped before, its gate is off.
fn stateful_rolling(rolling: &At, errors: &mut Errors) {
    errors.non_negative(&rolling.child("partition"));
}

fn stateful_rolling_shown(rolling: &At) -> String {
    let (partition, unavailable) = (rolling.child("partition").number(), rolling.child("maxUnavailable").shown());
    format!("{{\"Partition\":{partition},\"MaxUnavailable\":{unavailable}}}")
}

fn at_most_all(at: &At, errors: &mut Errors) {
    if at.is_text() && amount(at) > 100 && names::percent(at.text()).is_empty() {
        errors.invalid(at, "must not be greater than 100%");
    }
}

/// A strategy as Go's own type prints it.
fn strategy_shown(strategy: &At, kind: &str) -> String {
    let rolling = strategy.child("rollingUpdate");
    let amount = |name: &str| if rolling.child(name).given() { rolling.child(name).shown() } else { "0".to_string() };
    let rolling = match rolling.given() {
        true => format!("{{\"MaxUnavailable\":{},\"MaxSurge\":{}}}", amount("maxUnavailable"), amount("maxSurge")),
        false => "null".to_string(),
    };
    format!("{{\"Type\":{},\"RollingUpdate\":{rolling}}}", quoted(kind))
}

fn count_or_percent(at: &At, errors: &mut Errors) {
    if at.is_text() {
        errors.all_invalid(at, names::percent(at.text()));
    } else {
        errors.non_negative(at);
    }
}

/// The number, or the number before the percent sign; 0 where there is none.
fn amount(at: &At) -> i64 {
    let text = at.text();
    let digits = text.strip_suffix('%').filter(|_| names::percent(text).is_empty()).unwrap_or(text);
    if at.is_text() { digits.parse().unwrap_or(0) } else { at.number() }
}

/// What may not change in an update, by kind.
pub fn immutable(kind: crate::api::Kind, new: &At, old: &At, errors: &mut Errors) {
    use crate::api::Kind;
    let (spec, before) = (new.child("spec"), old.child("spec"));
    match kind {
        Kind::Deployment | Kind::ReplicaSet | Kind::DaemonSet
            if spec.child("selector").value().map(without_empty) != before.child("selector").value().map(without_empty) =>
        {
            let selector = spec.child("selector");
            let shown = if selector.given() { meta::selector_shown(&selector) } else { "null".to_string() };
            errors.invalid_as(&selector, &shown, "field is immutable");
        }
        Kind::StatefulSet => {
            let mutable = [
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ];
            let fixed = |spec: &At| {
                let entries = spec.entries().into_iter().filter(|(key, _)| !mutable.contains(key));
                without_empty(&entries.map(|(key, value)| (key.to_string(), value.clone())).collect())
            };
            if fixed(&spec) != fixed(&before) {
                let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
                errors.forbidden(&spec, why);
            }
        }
        _ => {}
    }
}

/// A port as number or name, for the callers that have one in another kind.
pub(super) fn port(at: &At, errors: &mut Errors) {
    probe::port(at, errors);
}
