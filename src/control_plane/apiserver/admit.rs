//! All manifests through the API server.

use super::decode::{defaulted, finding, left_out, remark, typed};
use super::validation::{self, FieldError};
use super::{app_armor, defaults, kinds, mend, notes, strict};
use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, ReplicationController, StatefulSet};
use crate::api::core::{ConfigMap, Endpoints, Event, Namespace, Node, Pod, Secret, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::networking::{Ingress, IngressClass, NetworkPolicy};
use crate::api::{Kind, ObjectRef};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kubectl::{Manifest, Manifests};
use crate::msg;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of the manifests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Admitted {
    /// The good ones, in the order of the text.
    pub objects: Vec<Arc<AdmittedObject>>,
    /// What there is to say about all of them, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// One admitted object, with its defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmittedObject {
    /// [`Manifest::position`] of its document.
    pub position: u32,
    /// The object, in the fields that are played.
    pub object: Object,
    /// The whole object as JSON, with its defaults.
    pub value: Value,
}

macro_rules! objects {
    ($($type:ident),* $(,)?) => {
        /// An object of any kind that is played.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Object {
            $($type(Box<$type>),)*
        }

        impl Object {
            /// Its name.
            pub fn object_ref(&self) -> ObjectRef {
                match self {
                    $(Object::$type(object) => ObjectRef::of(object.as_ref()),)*
                }
            }
        }

        fn object_of(kind: Kind, manifest: &Manifest, value: Value) -> Result<Object, Vec<Diagnostic>> {
            match kind {
                $(Kind::$type => typed::<$type>(manifest, value).map(|object| Object::$type(Box::new(object))),)*
            }
        }
    };
}
objects! {
    Namespace, Node, ConfigMap, Secret, Service, Endpoints, EndpointSlice, Deployment, StatefulSet, DaemonSet, ReplicaSet,
    ReplicationController, Pod, IngressClass, Ingress, NetworkPolicy, Event,
}

/// Admits every manifest that can be admitted. Of two documents with the same name the last counts, in the place of the first,
/// with a warning. What depends on the running cluster is not judged here: namespaces, allocation, what an update may change.
pub fn admit(manifests: &Manifests) -> Admitted {
    Admission::default().admit(manifests)
}

/// Admits texts one after another: what became of a document is kept until it changes. The answers are those of [`admit`].
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// By [`Manifest::position`].
    known: Vec<Known>,
}

/// What became of one document.
#[derive(Clone, Debug)]
struct Known {
    manifest: Arc<Manifest>,
    object: Option<Arc<AdmittedObject>>,
    diagnostics: Vec<Diagnostic>,
}

impl Known {
    /// Whether the same becomes of this document. What is said of one stands at a line, so it must not have moved.
    fn holds(&self, manifest: &Arc<Manifest>) -> bool {
        let same = || self.manifest.value == manifest.value && self.manifest.position == manifest.position;
        Arc::ptr_eq(&self.manifest, manifest) || (self.diagnostics.is_empty() && same())
    }
}

impl Admission {
    /// Admits as [`admit`] does.
    pub fn admit(&mut self, manifests: &Manifests) -> Admitted {
        let mut admitted = Admitted::default();
        // Where each object stands in the admitted ones.
        let mut seen = BTreeMap::new();
        self.known.truncate(manifests.documents.len());
        for (at, manifest) in manifests.documents.iter().enumerate() {
            match self.known.get_mut(at) {
                Some(known) if known.holds(manifest) => known.manifest = Arc::clone(manifest),
                Some(known) => *known = judge(manifest),
                None => self.known.push(judge(manifest)),
            }
            let Some(known) = self.known.get(at) else { continue };
            admitted.diagnostics.extend(known.diagnostics.iter().cloned());
            let Some(object) = &known.object else { continue };
            let name = object.object.object_ref();
            match seen.get(&name).and_then(|at| admitted.objects.get_mut(*at)) {
                Some(place) => {
                    *place = Arc::clone(object);
                    let twice = remark(manifest, Severity::Warning, "metadata.name", msg!("admit.twice"));
                    admitted.diagnostics.push(twice);
                }
                None => {
                    seen.insert(name, admitted.objects.len());
                    admitted.objects.push(Arc::clone(object));
                }
            }
        }
        admitted
    }
}

fn judge(manifest: &Arc<Manifest>) -> Known {
    let mut diagnostics = Vec::new();
    let object = match kinds::find(manifest) {
        Ok(kind) => object(kind, manifest, &mut diagnostics).map_err(|refusals| diagnostics.extend(refusals)).ok(),
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            None
        }
    };
    Known { manifest: Arc::clone(manifest), object: object.map(Arc::new), diagnostics }
}

fn object(kind: Kind, manifest: &Manifest, diagnostics: &mut Vec<Diagnostic>) -> Result<AdmittedObject, Vec<Diagnostic>> {
    let mut value = defaulted(kind, manifest)?;
    let prefix = value.pointer("/metadata/generateName").and_then(Value::as_str).unwrap_or("");
    if manifest.name.is_empty() && !prefix.is_empty() {
        // kubectl's own refusal: `k8s.io/kubectl` pkg/cmd/apply/apply.go.
        let text = format!("from {prefix}: cannot use generate name with apply");
        return Err(vec![finding(manifest, "metadata.generateName", text)]);
    }
    let errors: Vec<Diagnostic> = validation::validate(kind, &value).into_iter().map(|error| invalid(manifest, error)).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    for text in validation::warnings(kind, &value) {
        diagnostics.push(warning(manifest, text));
    }
    if kind == Kind::Pod {
        app_armor::sync_text(&mut value);
    }
    let object = object_of(kind, manifest, value.clone())?;
    diagnostics.extend(left_out(kind, manifest));
    diagnostics.extend(notes::fields(kind, manifest));
    Ok(AdmittedObject { position: manifest.position, object, value })
}

/// Admits a document whose object is there already, as `kubectl apply` and the API server's update do: what neither this text nor
/// the one before names stays as it is stored, then what may not change is judged, too. `None` where the
/// document cannot be decoded, which [`admit`] has said.
///
/// # Errors
/// All that upstream has against the update.
pub fn revise(manifest: &Manifest, before: &Manifest, stored: Option<Value>) -> Option<Result<AdmittedObject, Vec<Diagnostic>>> {
    let kind = kinds::find(manifest).ok()?;
    let fresh = defaulted(kind, manifest).ok()?;
    let old = stored.or_else(|| defaulted(kind, before).ok())?;
    let mut value = strict::decode(kind.name(), &manifest.value).value;
    let written = strict::decode(kind.name(), &before.value).value;
    // What a Secret's stringData once brought stands in its data, which may not name it.
    for part in ["spec", "data"] {
        match (value.get_mut(part), old.get(part)) {
            (Some(new), Some(kept)) => keep(new, written.get(part), kept, manifest.value.get(part)),
            (None, Some(kept)) if written.get(part).is_none() => value[part] = kept.clone(),
            _ => {}
        }
    }
    value["metadata"] = fresh.get("metadata").cloned().unwrap_or_default();
    // Labels that no text names are those that its first template gave it.
    if kind == Kind::ReplicationController && [manifest, before].iter().all(|text| text.value["metadata"]["labels"].is_null()) {
        value["metadata"]["labels"] = old["metadata"]["labels"].clone();
    }
    defaults::set(kind, &mut value);
    validation::prepare_update(kind, &mut value, &old);
    let errors = validation::validate_update(kind, &value, &old);
    if errors.is_empty() {
        if kind == Kind::Pod {
            app_armor::sync_text(&mut value);
        }
        let object = object_of(kind, manifest, value.clone());
        return Some(object.map(|object| AdmittedObject { position: manifest.position, object, value }));
    }
    let faults = validation::validate(kind, &fresh);
    let object = manifest.object()?;
    let refusal = |error: FieldError| {
        let help = (!faults.contains(&error)).then(|| msg!("help.immutable", object = object));
        let refusal = invalid(manifest, error);
        // What mends it by itself needs no new object.
        let mended = refusal.help.clone().filter(|help| help.id == "mend.rollingUpdate");
        Diagnostic { help: mended.or(help).or(refusal.help.clone()), ..refusal }
    };
    Some(Err(errors.into_iter().map(refusal).collect()))
}

/// Keeps what neither text names. A Deployment's strategy keeps nothing (`patchStrategy: retainKeys`); of the lists, only
/// containers are taken apart, by their names. What the text (`typed`) gives as null goes.
fn keep(new: &mut Value, written: Option<&Value>, stored: &Value, typed: Option<&Value>) {
    if let (Value::Array(items), Value::Array(stored)) = (&mut *new, stored) {
        let name = |item: &Value| item.get("name").cloned();
        for (at, item) in items.iter_mut().enumerate() {
            let before = written.and_then(Value::as_array).and_then(|written| written.iter().find(|it| name(it) == name(item)));
            if let Some(kept) = stored.iter().find(|kept| name(kept) == name(item)) {
                keep(item, before, kept, typed.and_then(|typed| typed.get(at)));
            }
        }
    }
    let (Value::Object(new), Value::Object(stored)) = (new, stored) else { return };
    for (key, kept) in stored {
        let before = written.and_then(|written| written.get(key));
        match new.get_mut(key) {
            // `patchStrategy: merge`: only what the text before named goes.
            Some(Value::Array(items)) if key == "podCIDRs" => {
                let named = |item: &Value| before.and_then(Value::as_array).is_some_and(|before| before.contains(item));
                for item in kept.as_array().into_iter().flatten().filter(|item| !named(item)) {
                    if !items.contains(item) {
                        items.push(item.clone());
                    }
                }
            }
            Some(Value::Array(_)) if !["containers", "initContainers"].contains(&key.as_str()) => {}
            Some(value) if key != "strategy" => keep(value, before, kept, typed.and_then(|typed| typed.get(key))),
            None if before.is_none() && typed.and_then(|typed| typed.get(key)) != Some(&Value::Null) => {
                new.insert(key.clone(), kept.clone());
            }
            _ => {}
        }
    }
}

/// An error of validation, with what to try.
fn invalid(manifest: &Manifest, error: FieldError) -> Diagnostic {
    let (help, fixes) = mend::advice(manifest, &error.path, &error.message);
    let span = mend::span(manifest, &error.path);
    Diagnostic { span, help, fixes, ..finding(manifest, &error.path, error.message) }
}

/// A warning of the API server: `path: text`, or about an annotation.
fn warning(manifest: &Manifest, text: String) -> Diagnostic {
    let path = match text.split_once(": ") {
        Some((path, _)) if !path.contains(' ') => path,
        _ if text.contains("kubernetes.io/ingress.class") => "metadata.annotations.kubernetes.io/ingress.class",
        _ => text.split(' ').next().filter(|word| word.starts_with("spec.")).unwrap_or(""),
    };
    let help = mend::warning_help(&text);
    let (span, path) = (mend::span(manifest, path), path.to_string());
    Diagnostic { severity: Severity::Warning, span, help, ..finding(manifest, &path, text.clone()) }
}
