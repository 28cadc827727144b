//! What has gone out of use in Pods, and selectors that select nothing by it: labels of nodes (`pkg/api/node/util.go`), annotations and
//! volumes (`pkg/api/pod/warnings.go`; for AppArmor in a whole Pod `applyAppArmorVersionSkew` of `pkg/registry/core/pod`).

use super::field::At;
use super::names;
use crate::control_plane::apiserver::app_armor;

/// Annotations that do nothing any more.
const ANNOTATIONS: [(&str, &str); 3] = [
    ("scheduler.alpha.kubernetes.io/critical-pod", "non-functional in v1.16+; use the \"priorityClassName\" field instead"),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    ("security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
];

const SECCOMP: &str = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
const APP_ARMOR: &str = "deprecated since v1.30; use the \"appArmorProfile\" field instead";

/// Volumes whose drivers are gone from Kubernetes, or switched off.
const VOLUMES: [(&str, &str); 9] = [
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// `owner`: a Pod, or the template of one.
pub fn warnings(owner: &At, containers: &[At]) -> Vec<String> {
    let (spec, annotations) = (owner.child("spec"), owner.at(&["metadata", "annotations"]));
    let mut found = Vec::new();
    node_labels(&spec, &mut found);
    let mut dated = |key: &str, why: &str| {
        let at = annotations.key(key);
        found.extend(at.given().then(|| format!("{}: {why}", at.path)));
    };
    for (key, why) in ANNOTATIONS {
        dated(key, why);
    }
    if !spec.at(&["securityContext", "seccompProfile"]).given() {
        dated("seccomp.security.alpha.kubernetes.io/pod", SECCOMP);
    }
    for container in containers {
        let (name, context) = (container.child("name").text(), container.child("securityContext"));
        if !context.child("seccompProfile").given() {
            dated(&format!("container.seccomp.security.alpha.kubernetes.io/{name}"), SECCOMP);
        }
        let key = format!("container.apparmor.security.beta.kubernetes.io/{name}");
        let whole = spec.at(&["securityContext", "appArmorProfile"]);
        let told = app_armor::profile(annotations.key(&key).text());
        let said = told.is_some_and(|told| whole.value() == Some(&told));
        if !context.child("appArmorProfile").given() && !said {
            dated(&key, APP_ARMOR);
        }
    }
    for volume in spec.child("volumes").items() {
        let old = VOLUMES.iter().map(|(kind, why)| (volume.child(kind), why)).filter(|(at, _)| at.given());
        found.extend(old.map(|(at, why)| format!("{}: {}", at.path.replace("storageos", "storageOS"), why)));
    }
    no_pod(&spec, &mut found);
    found
}

/// Labels of nodes that have new names.
fn node_labels(spec: &At, found: &mut Vec<String>) {
    for (key, _) in spec.child("nodeSelector").entries() {
        if let Some(why) = deprecated(key) {
            found.push(format!("{}: {why}", spec.child("nodeSelector").key(key).path));
        }
    }
    let affinity = spec.at(&["affinity", "nodeAffinity"]);
    let required = affinity.at(&["requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"]).items();
    let preferred = affinity.child("preferredDuringSchedulingIgnoredDuringExecution").items();
    let preferred = preferred.iter().map(|term| (term.child("preference"), true));
    for (term, weighed) in required.into_iter().map(|term| (term, false)).chain(preferred) {
        for expression in term.child("matchExpressions").items() {
            let key = expression.child("key");
            let why = deprecated(key.text()).map(|why| format!("{}: {} is {why}", key.path, key.text()));
            found.extend(why);
            // Of terms that must match, wrong values are errors.
            for value in expression.child("values").items().iter().filter(|_| weighed) {
                let wrong = names::label_value(value.text());
                found.extend(wrong.iter().map(|why| format!("{}: {} is invalid, {why}", value.path, value.text())));
            }
        }
    }
    for constraint in spec.child("topologySpreadConstraints").items() {
        let key = constraint.child("topologyKey");
        if let Some(why) = deprecated(key.text()) {
            found.push(format!("{}: {} is {why}", key.path, key.text()));
        }
        unselective(&constraint.child("labelSelector"), found);
    }
}

/// What is to be said of a node's label that has another name by now.
fn deprecated(label: &str) -> Option<&'static str> {
    Some(match label {
        "beta.kubernetes.io/arch" => "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os" => "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "failure-domain.beta.kubernetes.io/region" => "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
        "failure-domain.beta.kubernetes.io/zone" => "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
        "beta.kubernetes.io/instance-type" => "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
        "app.kubernetes.io/created-by" => "deprecated since v1.9",
        "scheduler.alpha.kubernetes.io/preferAvoidPods" => "deprecated since v1.22; use Taints and Tolerations instead",
        "node-role.kubernetes.io/master" => "use \"node-role.kubernetes.io/control-plane\" instead",
        _ => return None,
    })
}

/// Affinities to Pods that count none.
fn no_pod(spec: &At, found: &mut Vec<String>) {
    for side in ["podAffinity", "podAntiAffinity"] {
        let side = spec.at(&["affinity", side]);
        for term in side.child("requiredDuringSchedulingIgnoredDuringExecution").items() {
            unselective(&term.child("labelSelector"), found);
        }
        for term in side.child("preferredDuringSchedulingIgnoredDuringExecution").items() {
            unselective(&term.at(&["podAffinityTerm", "labelSelector"]), found);
        }
    }
}

fn unselective(selector: &At, found: &mut Vec<String>) {
    if !selector.given() {
        found.push(format!("{}: a null labelSelector results in matching no pod", selector.path));
    }
}
