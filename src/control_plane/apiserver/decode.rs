//! One manifest to a typed object: strict decoding, and what to try where it fails.

use super::defaults;
use super::strict::{self, Decoded};
use super::suggest;
use crate::api::{Kind, Resource};
use crate::diagnostic::{Diagnostic, Finding, Severity};
use crate::kubectl::Manifest;
use crate::msg;
use crate::words::Message;
use serde_json::Value;

/// Decodes a manifest into its type, as `kubectl apply` has the API server do it. An object with an unknown field or a value of
/// the wrong type is refused: `None`, with the reasons. What came out of an API server keeps its known fields.
pub fn decode<T: Resource>(manifest: &Manifest) -> (Option<T>, Vec<Diagnostic>) {
    match defaulted(T::KIND, manifest).and_then(|value| typed::<T>(manifest, value)) {
        Ok(object) => (Some(object), Vec::new()),
        Err(diagnostics) => (None, diagnostics),
    }
}

/// Whether the document can be read at all, right or wrong.
pub fn is_decoded(manifest: &Manifest) -> bool {
    Kind::find(&manifest.api_version, &manifest.kind).is_some_and(|kind| defaulted(kind, manifest).is_ok())
}

/// A document as the JSON of the typed object, with its namespace and its defaults.
///
/// # Errors
/// What strict decoding has to say against it.
pub(super) fn defaulted(kind: Kind, manifest: &Manifest) -> Result<Value, Vec<Diagnostic>> {
    let decoded = strict::decode(kind.name(), &manifest.value);
    let refused = !decoded.errors.is_empty() || (!decoded.unknown.is_empty() && !manifest.is_dumped());
    if refused {
        return Err(findings(kind, manifest, &decoded));
    }
    let mut value = decoded.value;
    if let Some(fields) = value.as_object_mut() {
        let meta = fields.entry("metadata").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(meta) = meta.as_object_mut() {
            meta.remove("namespace");
            if kind.namespaced() {
                meta.insert("namespace".into(), manifest.namespace.clone().into());
            }
        }
    }
    defaults::set(kind, &mut value);
    Ok(value)
}

/// The fields of a document of a dump that are not known here: a server of another version wrote them, and nobody mistyped them.
pub(super) fn left_out(kind: Kind, manifest: &Manifest) -> Vec<Diagnostic> {
    match manifest.is_dumped() {
        true => findings(kind, manifest, &strict::decode(kind.name(), &manifest.value)),
        false => Vec::new(),
    }
}

/// The JSON of a typed object as its Rust type.
pub(super) fn typed<T: Resource>(manifest: &Manifest, value: Value) -> Result<T, Vec<Diagnostic>> {
    // The table and our types agree on types, so only a value that is out of their range is refused here.
    crate::api::typed::from_value::<T>(&value).map_err(|error| vec![finding(manifest, "", format!("json: {error}"))])
}

/// All that strict decoding has to say about a document.
pub(super) fn findings(kind: Kind, manifest: &Manifest, decoded: &Decoded) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for error in &decoded.errors {
        let mut diagnostic = finding(manifest, &error.path, error.message.clone());
        (diagnostic.help, diagnostic.fixes) = suggest::wrong_type(kind, manifest, error);
        found.push(diagnostic);
    }
    for field in &decoded.unknown {
        let mut diagnostic = finding(manifest, &field.path, format!("unknown field {:?}", field.path));
        if let Some(key) = manifest.keys.get(&field.path) {
            diagnostic.span = Some(key.clone());
        }
        if manifest.is_dumped() {
            (diagnostic.severity, diagnostic.help) = (Severity::Warning, Some(msg!("dump.unknownField")));
        } else {
            (diagnostic.help, diagnostic.fixes) = suggest::unknown(kind, manifest, field);
        }
        found.push(diagnostic);
    }
    found
}

/// An error in Kubernetes' words about a field of the manifest.
pub(super) fn finding(manifest: &Manifest, path: &str, message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        span: manifest.span_at(path),
        object: manifest.object(),
        path: path.to_string(),
        message: Finding::Upstream(message),
        help: None,
        fixes: Vec::new(),
    }
}

/// A remark in our words about a field of the manifest.
pub(super) fn remark(manifest: &Manifest, severity: Severity, path: &str, message: Message) -> Diagnostic {
    let mut remark = finding(manifest, path, String::new());
    remark.severity = severity;
    remark.message = Finding::Ours(message);
    remark
}
