//! What the store does not keep of a Pod: resources, mounts, volumes. Read from the whole object, as the API server hands it out.
//!
//! Imitates `describeResources`, `describeContainerVolumes` and `describeVolumes` of `k8s.io/kubectl/pkg/describe`. Leaves out the kinds of
//! volumes of single vendors, claim templates, and block devices.

use super::Page;
use serde_json::{Map, Value};

/// Limits and requests of a container.
pub(super) fn resources(page: &mut Page, container: &Value) {
    for (label, list) in [("Limits", "limits"), ("Requests", "requests")] {
        let Some(amounts) = container["resources"][list].as_object().filter(|amounts| !amounts.is_empty()) else { continue };
        page.line(format!("    {label}:"));
        let mut amounts: Vec<(&String, &Value)> = amounts.iter().collect();
        amounts.sort_by_key(|(name, _)| *name);
        amounts.iter().for_each(|(name, amount)| page.line(format!("      {name}:\t{}", plain(amount))));
    }
}

/// Where a container mounts its volumes.
pub(super) fn mounts(page: &mut Page, container: &Value) {
    let mut mounts: Vec<&Value> = container["volumeMounts"].as_array().into_iter().flatten().collect();
    mounts.sort_by_key(|mount| text(mount, "mountPath"));
    page.line(if mounts.is_empty() { "    Mounts:\t<none>" } else { "    Mounts:" });
    for mount in mounts {
        let mut flags = if mount["readOnly"] == true { "ro".to_string() } else { "rw".to_string() };
        let sub = text(mount, "subPath");
        if !sub.is_empty() {
            flags.push_str(&format!(",path={sub:?}"));
        }
        page.line(format!("      {} from {} ({flags})", text(mount, "mountPath"), text(mount, "name")));
    }
}

/// The volumes of a Pod, or with space before of a template.
pub(super) fn volumes(page: &mut Page, spec: &Value, space: &str) {
    let volumes = spec["volumes"].as_array().map_or(&[][..], Vec::as_slice);
    page.line(if volumes.is_empty() { format!("{space}Volumes:\t<none>") } else { format!("{space}Volumes:") });
    let indent = if space.is_empty() { "" } else { " " };
    for volume in volumes {
        page.line(format!("  {indent}{}:", text(volume, "name")));
        let source = volume.as_object().into_iter().flatten().find(|(kind, _)| *kind != "name");
        match source {
            Some((kind, source)) => one(page, kind, source),
            None => page.line("  <unknown>"),
        }
    }
}

fn one(page: &mut Page, kind: &str, source: &Value) {
    let flag = |key: &str| (source[key] == true).to_string();
    let own = |key: &str| text(source, key).to_string();
    let or = |key: &str, none: &str| source.get(key).map_or(none.to_string(), plain);
    let (title, rows) = match kind {
        "hostPath" => {
            ("HostPath (bare host directory volume)", vec![("Path", own("path")), ("HostPathType", or("type", "<none>"))])
        }
        "emptyDir" => (
            "EmptyDir (a temporary directory that shares a pod's lifetime)",
            vec![("Medium", own("medium")), ("SizeLimit", or("sizeLimit", "<unset>"))],
        ),
        "secret" => {
            ("Secret (a volume populated by a Secret)", vec![("SecretName", own("secretName")), ("Optional", flag("optional"))])
        }
        "configMap" => {
            ("ConfigMap (a volume populated by a ConfigMap)", vec![("Name", own("name")), ("Optional", flag("optional"))])
        }
        "persistentVolumeClaim" => (
            "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
            vec![("ClaimName", own("claimName")), ("ReadOnly", flag("readOnly"))],
        ),
        "nfs" => (
            "NFS (an NFS mount that lasts the lifetime of a pod)",
            vec![("Server", own("server")), ("Path", own("path")), ("ReadOnly", flag("readOnly"))],
        ),
        "projected" => ("Projected (a volume that contains injected data from multiple sources)", projected(source)),
        "downwardAPI" => return downward(page, source),
        _ => return page.line("  <unknown>"),
    };
    page.line(format!("    Type:\t{title}"));
    rows.iter().for_each(|(label, value)| page.line(format!("    {label}:\t{value}")));
}

fn projected(volume: &Value) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    for source in volume["sources"].as_array().into_iter().flatten().filter_map(Value::as_object) {
        let optional = |of: &Value| ("Optional", (of["optional"] == true).to_string());
        let part = |kind: &str| Map::get(source, kind);
        if let Some(secret) = part("secret") {
            rows.extend([("SecretName", text(secret, "name").to_string()), optional(secret)]);
        } else if part("downwardAPI").is_some() {
            rows.push(("DownwardAPI", "true".into()));
        } else if let Some(map) = part("configMap") {
            rows.extend([("ConfigMapName", text(map, "name").to_string()), optional(map)]);
        } else if let Some(token) = part("serviceAccountToken") {
            rows.push(("TokenExpirationSeconds", token.get("expirationSeconds").map_or("3600".into(), plain)));
        }
    }
    rows
}

fn downward(page: &mut Page, source: &Value) {
    page.line("    Type:\tDownwardAPI (a volume populated by information about the pod)");
    page.line("    Items:");
    for item in source["items"].as_array().into_iter().flatten() {
        let of = [&item["fieldRef"]["fieldPath"], &item["resourceFieldRef"]["resource"]];
        for path in of.into_iter().filter_map(Value::as_str) {
            page.line(format!("      {path} -> {}", text(item, "path")));
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A number or a text, as it is written.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}
