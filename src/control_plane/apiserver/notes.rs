//! Quiet notes: what is valid and not played, where it could change a request.

use super::decode::remark;
use crate::api::foreign::{self, Reach, mesh};
use crate::api::meta::ObjectMeta;
use crate::api::{Kind, typed};
use crate::cluster::Cluster;
use crate::diagnostic::{Diagnostic, Severity};
use crate::kubectl::Manifest;
use crate::msg;
use crate::words::Message;
use serde_json::Value;

/// The note about a kind that is not played.
pub(super) fn kind(manifest: &Manifest) -> Message {
    let kind = &manifest.kind;
    if Cluster::knows_by_name(manifest) {
        return msg!("kind.named", kind = kind);
    }
    match (manifest.api_version.as_str(), kind.as_str()) {
        ("v1", "Binding") => return msg!("kind.binding"),
        ("events.k8s.io/v1", "Event") => return msg!("kind.event"),
        (version, kind) if is_question(version, kind) => return msg!("kind.review", kind = kind),
        ("v1", "PersistentVolumeClaim") => return claim(manifest),
        ("batch/v1", "Job") => {
            if let Some(secret) = made_secret(manifest) {
                return msg!("kind.jobMakes", kind = kind, secret = secret);
            }
        }
        ("networking.k8s.io/v1" | "networking.k8s.io/v1beta1", "ServiceCIDR") => {
            let cidrs = manifest.value.pointer("/spec/cidrs").and_then(Value::as_array).into_iter().flatten();
            let cidrs = cidrs.filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
            return msg!("kind.serviceCIDR", cidrs = cidrs);
        }
        _ => {}
    }
    match foreign::reach(&manifest.api_version, kind) {
        Reach::FromOutside | Reach::OfPods => msg!("kind.notPlayedRouting", kind = kind),
        Reach::MakesPods => msg!("kind.notPlayedPods", kind = kind),
        Reach::Objects => msg!("kind.notPlayedObjects", kind = kind),
        Reach::Unknown => msg!("kind.notKnown", kind = kind),
        Reach::None => msg!("kind.notPlayed", kind = kind),
    }
}

/// Whether it is only answered (`Create` of `pkg/registry/authentication` and `pkg/registry/authorization`) and never stored.
fn is_question(version: &str, kind: &str) -> bool {
    matches!(version, "authentication.k8s.io/v1" | "authorization.k8s.io/v1") && kind.ends_with("Review")
}

/// The Secret that a Job is to make, as `kube-webhook-certgen` is told which: Pods that mount it do not wait for it here.
fn made_secret(manifest: &Manifest) -> Option<&str> {
    let containers = manifest.value.pointer("/spec/template/spec/containers").and_then(Value::as_array)?;
    let args = containers.iter().filter_map(|container| container.get("args")?.as_array()).flatten();
    { args }.find_map(|arg| arg.as_str()?.strip_prefix("--secret-name="))
}

/// A claim is taken for bound. The scheduler says otherwise where it is not, and need not wait for its Pod (`IsDelayBindingMode` of
/// `component-helpers`: a class that is not there counts as immediate; `volumebinding`).
fn claim(manifest: &Manifest) -> Message {
    match manifest.value.pointer("/spec/storageClassName").and_then(Value::as_str) {
        Some("") => msg!("kind.claim.static", claim = manifest.name),
        Some(class) => msg!("kind.claim", claim = manifest.name, class = class),
        None => msg!("kind.claim.default", claim = manifest.name),
    }
}

/// The notes about fields of an admitted object.
pub(super) fn fields(kind: Kind, manifest: &Manifest) -> Vec<Diagnostic> {
    let pod = match kind {
        Kind::Pod => "spec",
        kind if kind.is_workload() => "spec.template.spec",
        Kind::Service => return dual_stack(manifest).into_iter().chain(topology_mode(manifest)).collect(),
        Kind::Namespace => return meshed(manifest, "metadata"),
        _ => return Vec::new(),
    };
    let paths = foreign::POD_FIELDS.iter().map(|field| format!("{pod}.{field}")).filter(|path| manifest.spans.contains_key(path));
    let template = if kind == Kind::Pod { "metadata" } else { "spec.template.metadata" };
    let scheduler = other_scheduler(manifest, &format!("{pod}.schedulerName"));
    paths.map(|path| not_played(manifest, &path)).chain(scheduler).chain(meshed(manifest, template)).collect()
}

/// Of all schedulers only Kubernetes' own runs here.
fn other_scheduler(manifest: &Manifest, path: &str) -> Option<Diagnostic> {
    let name = manifest.value.pointer(&format!("/{}", path.replace('.', "/")))?.as_str()?;
    let other = !name.is_empty() && name != "default-scheduler" && !manifest.is_dumped();
    other.then(|| remark(manifest, Severity::Info, path, msg!("field.otherScheduler", scheduler = name)))
}

/// A service mesh would put a proxy before the program here.
fn meshed(manifest: &Manifest, path: &str) -> Vec<Diagnostic> {
    let pointer = format!("/{}", path.replace('.', "/"));
    let found = manifest.value.pointer(&pointer).and_then(|meta| typed::from_value::<ObjectMeta>(meta).ok());
    let Some(meta) = found else { return Vec::new() };
    let none = ObjectMeta::default();
    let mesh = mesh::mesh(&meta, &meta).or_else(|| mesh::mesh(&none, &meta));
    let note = |mesh: &str| remark(manifest, Severity::Info, path, msg!("field.mesh", mesh = mesh));
    mesh.or_else(|| sidecar(manifest, path)).map(note).into_iter().collect()
}

/// The mesh whose proxy stands among the containers as they are written.
fn sidecar(manifest: &Manifest, path: &str) -> Option<&'static str> {
    let template = path.rsplit_once('.').map_or(String::new(), |(template, _)| format!("/{}", template.replace('.', "/")));
    let pod = manifest.value.pointer(&template)?.get("spec")?;
    let lists = ["containers", "initContainers"].into_iter().filter_map(|list| pod.get(list)?.as_array());
    mesh::proxy(lists.flatten().filter_map(|container| container.get("name")?.as_str()))
}

/// Hints of `k8s.io/endpointslice/topologycache` follow the nodes' CPUs, which nobody knows here.
fn topology_mode(manifest: &Manifest) -> Option<Diagnostic> {
    let meta = typed::from_value::<ObjectMeta>(manifest.value.get("metadata")?).ok()?;
    let key = foreign::topology_mode(&meta.annotations)?;
    Some(remark(manifest, Severity::Info, &format!("metadata.annotations.{key}"), msg!("field.notPlayed", field = key)))
}

fn dual_stack(manifest: &Manifest) -> Vec<Diagnostic> {
    let spec = manifest.value.get("spec");
    let policy = spec.and_then(|spec| spec.get("ipFamilyPolicy")).and_then(Value::as_str);
    let families = spec.and_then(|spec| spec.get("ipFamilies")).and_then(Value::as_array);
    let six = families.is_some_and(|families| families.iter().any(|family| family == "IPv6"));
    let dual = policy.is_some_and(|policy| policy != "SingleStack");
    let path = if dual { "spec.ipFamilyPolicy" } else { "spec.ipFamilies" };
    if dual || six { vec![remark(manifest, Severity::Info, path, msg!("field.dualStack"))] } else { Vec::new() }
}

fn not_played(manifest: &Manifest, path: &str) -> Diagnostic {
    let field = path.rsplit('.').next().unwrap_or(path);
    remark(manifest, Severity::Info, path, msg!("field.notPlayed", field = field))
}
