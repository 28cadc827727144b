//! One manifest to a typed object.

use crate::api::Resource;
use crate::diagnostic::{Diagnostic, Finding, Severity};
use crate::kubectl::Manifest;
use serde_json::Value;

/// Decodes a manifest into its type. An object that cannot be decoded is `None`, with the reason.
pub fn decode<T: Resource>(manifest: &Manifest) -> (Option<T>, Vec<Diagnostic>) {
    let mut value = manifest.value.clone();
    drop_nulls(&mut value);
    match serde_json::from_value::<T>(value) {
        Ok(mut object) => {
            object.metadata_mut().namespace.clone_from(&manifest.namespace);
            (Some(object), Vec::new())
        }
        Err(error) => (None, vec![finding(manifest, "", format!("json: {error}"))]),
    }
}

/// Null means absent.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
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
