//! Which kind a document is of: one that is played, one that is not, or one that Kubernetes does not have.
//!
//! Texts: `k8s.io/kubectl` pkg/validation/validation.go (nothing set), `k8s.io/apimachinery` pkg/api/meta/errors.go (no matches).
//! A group with a dot that is not Kubernetes' own is taken for that of a custom resource, which a cluster might have.

use super::decode::{finding, remark};
use super::notes;
use super::suggest::{closest, replace};
use crate::api::Kind;
use crate::diagnostic::{Diagnostic, Fix, Severity};
use crate::kubectl::{Manifest, schema, stranger};
use crate::msg;
use crate::words::Message;
use serde_json::Value;

/// The kind of a document, where it is played.
///
/// # Errors
/// What there is to say about the others: an error where Kubernetes has no such kind, a note where kubehop does not play it.
pub(super) fn find(manifest: &Manifest) -> Result<Kind, Box<Diagnostic>> {
    if let Some(message) = not_set(&manifest.value) {
        let mut diagnostic = finding(manifest, "", message);
        diagnostic.help = Some(stranger(&manifest.value).unwrap_or_else(|| msg!("kind.notSet")));
        return Err(Box::new(diagnostic));
    }
    if let Some(kind) = Kind::find(&manifest.api_version, &manifest.kind) {
        return Ok(kind);
    }
    if manifest.has_kind() {
        return Err(Box::new(remark(manifest, Severity::Info, "kind", notes::kind(manifest))));
    }
    Err(Box::new(no_match(manifest)))
}

/// Whether nobody can say which object the document means: it names no kind, or none that Kubernetes has.
pub fn is_unknown(manifest: &Manifest) -> bool {
    find(manifest).is_err_and(|diagnostic| diagnostic.severity == Severity::Error)
}

/// kubectl's complaint about a document that does not say what it is.
fn not_set(value: &Value) -> Option<String> {
    if !value.is_object() {
        return Some("invalid object to validate".into());
    }
    let complaint = |key: &str| match value.get(key) {
        None | Some(Value::Null) => Some(format!("{key} not set")),
        Some(Value::String(_)) => None,
        Some(_) => Some(format!("{key} isn't string type")),
    };
    match (complaint("apiVersion"), complaint("kind")) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(one),
        (Some(one), Some(other)) => Some(format!("[{one}, {other}]")),
    }
}

fn no_match(manifest: &Manifest) -> Diagnostic {
    let (kind, version) = (&manifest.kind, &manifest.api_version);
    let versions = schema::versions(kind);
    let path = if versions.is_empty() { "kind" } else { "apiVersion" };
    let mut diagnostic = finding(manifest, path, format!("no matches for kind {kind:?} in version {version:?}"));
    (diagnostic.help, diagnostic.fixes) = advice(manifest, path, &versions);
    diagnostic
}

/// What is sent to a part of another object: kubectl passes these by when it looks for kinds (`client-go` restmapper/discovery.go).
const PARTS: [(&str, &str, &str); 3] = [
    ("authentication.k8s.io/v1", "TokenRequest", "serviceaccounts/NAME/token"),
    ("autoscaling/v1", "Scale", "deployments/NAME/scale"),
    ("policy/v1", "Eviction", "pods/NAME/eviction"),
];

fn advice(manifest: &Manifest, path: &str, versions: &[&str]) -> (Option<Message>, Vec<Fix>) {
    let span = manifest.spans.get(path);
    let fixes = |text: &str| span.map(|span| replace(span, text)).into_iter().collect();
    if let Some(version) = successor(&manifest.api_version, versions) {
        let old = manifest.api_version.starts_with("extensions/") || manifest.api_version.contains("beta");
        let kind = &manifest.kind;
        let help = if old {
            msg!("kind.oldVersion", kind = kind, version = version)
        } else {
            msg!("kind.version", kind = kind, version = version)
        };
        return (Some(help), fixes(version));
    }
    if let Some((.., of)) = PARTS.iter().find(|(version, kind, _)| (*version, *kind) == (&manifest.api_version, &manifest.kind)) {
        return (Some(msg!("kind.part", kind = manifest.kind, of = of)), Vec::new());
    }
    match closest(&manifest.kind, &schema::kind_names()) {
        Some(meant) => (Some(msg!("decode.meant", field = meant)), fixes(meant)),
        None => (Some(stranger(&manifest.value).unwrap_or_else(|| msg!("kind.unknown"))), Vec::new()),
    }
}

/// The stable version that took the place of one that is gone: of the same group, and of the same number, where there is such
/// (`autoscaling/v2` for `autoscaling/v2beta2`, not `v1`).
fn successor<'a>(gone: &str, versions: &[&'a str]) -> Option<&'a str> {
    let parts = |version: &'a str| version.rsplit_once('/').unwrap_or(("", version));
    let (group, number) = gone.rsplit_once('/').unwrap_or(("", gone));
    let stable = versions.iter().filter(|version| !version.contains("alpha") && !version.contains("beta"));
    { stable }.copied().min_by_key(|version| (parts(version).0 != group, !number.starts_with(parts(version).1)))
}
