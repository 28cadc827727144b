//! Refusals of documents, in the order in which the API server comes to them.

use super::apiserver::allocate::{Taken, allocate, ranges};
use super::apiserver::{AdmittedObject, Object, decode, is_decoded};
use super::dual_stack;
use super::world::{World, key_of};
use crate::api::core::{Namespace, Service};
use crate::api::{Kind, ObjectRef};
use crate::diagnostic::{Diagnostic, Finding, Fix, Severity};
use crate::kubectl::{Manifest, Manifests};
use crate::msg;
use crate::words::Message;
use std::sync::Arc;

/// An error in our words at a field of a document.
pub(crate) fn ours(manifest: Option<&Manifest>, path: &str, message: Message) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        span: manifest.and_then(|manifest| manifest.span_at(path)),
        object: manifest.and_then(Manifest::object),
        path: path.to_string(),
        message: Finding::Ours(message),
        help: None,
        fixes: Vec::new(),
    }
}

pub(super) fn upstream(manifest: &Manifest, path: &str, message: String) -> Diagnostic {
    let mut refusal = ours(Some(manifest), path, Message::default());
    // An internal error names no field: the number itself is what it speaks of.
    if message.contains("HealthCheck NodePort") {
        refusal.span = manifest.span_at("spec.healthCheckNodePort");
    }
    Diagnostic { message: Finding::Upstream(message), ..refusal }
}

pub(super) fn no_namespace(manifest: &Manifest, namespace: &str) -> Diagnostic {
    let mut refusal = upstream(manifest, "metadata.namespace", format!("namespaces {namespace:?} not found"));
    let meant = namespace.trim();
    if meant != namespace && !meant.is_empty() {
        refusal.help = Some(msg!("decode.meant", field = meant));
        let span = manifest.spans.get("metadata.namespace").cloned();
        refusal.fixes.extend(span.map(|span| Fix {
            label: msg!("fix.replace", text = meant),
            span: Some(span),
            text: meant.into(),
        }));
        return refusal;
    }
    refusal.help = Some(msg!("help.addNamespace", namespace = namespace));
    refusal.fixes.push(Fix {
        label: msg!("fix.addNamespace", namespace = namespace),
        span: None,
        text: format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n"),
    });
    refusal
}

/// A new Pod that names what does not stand.
pub(super) fn forbidden(world: &World, manifest: &Manifest, object: &Object) -> Option<Diagnostic> {
    let Object::Pod(pod) = object else { return None };
    let meta = &pod.metadata;
    if manifest.is_dumped() || world.cluster.store.contains(&ObjectRef::of(pod.as_ref())) {
        return None;
    }
    let lack = world.cluster.lacks(&meta.namespace, &pod.spec, Some(manifest.position))?;
    let refusal = upstream(manifest, &format!("spec.{}", lack.field), lack.forbids(&meta.name));
    let (help, fixes) = lack.mended(manifest);
    Some(Diagnostic { help: Some(help), fixes, ..refusal })
}

/// Admission looks for the namespace before anything is allocated or validated (`NamespaceLifecycle`): of an object that lacks
/// its namespace and is wrong besides, the API server names only the namespace. That goes first here, and the others follow.
pub(super) fn namespaces_first(world: &mut World, manifests: &Manifests, admitted: &[Arc<AdmittedObject>]) {
    let coming = |name: &str| {
        let mut namespaces = admitted.iter().map(|item| &item.object);
        namespaces.any(|object| matches!(object, Object::Namespace(namespace) if namespace.metadata.name == name))
    };
    for manifest in &manifests.documents {
        let Some(object) = manifest.object().filter(|object| object.kind.namespaced()) else { continue };
        let known = world.cluster.store.get::<Namespace>("", &object.namespace).is_some() || coming(&object.namespace);
        let mut errors = world.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        if known || !is_decoded(manifest) || !errors.any(|d| d.object.as_ref() == Some(&object)) {
            continue;
        }
        let refusal = no_namespace(manifest, &object.namespace);
        let at = world.diagnostics.iter().position(|d| d.object.as_ref() == Some(&object)).unwrap_or(0);
        world.diagnostics.insert(at, refusal);
    }
}

/// The API server allocates before it validates: of a Service that both refuse, it names only what cannot be allocated. That
/// message goes first here, and the others follow.
pub(super) fn allocation_first(world: &mut World, manifests: &Manifests) {
    if world.diagnostics.iter().all(|d| d.object.as_ref().is_none_or(|object| object.kind != Kind::Service)) {
        return;
    }
    let refused = |object: &ObjectRef| {
        let errors = world.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        errors.into_iter().position(|diagnostic| diagnostic.object.as_ref() == Some(object))
    };
    let mut first = Vec::new();
    let mut before: Vec<Service> = Vec::new();
    for manifest in manifests.documents.iter().filter(|manifest| manifest.kind == "Service") {
        let Some(mut service) = decode::<Service>(manifest).0 else { continue };
        let Some(at) = manifest.object().as_ref().and_then(refused) else {
            before.push(service);
            continue;
        };
        let old = world.cluster.store.services.get(&key_of(&service.metadata)).cloned();
        let mut taken = Taken::by(&world.cluster.store);
        before.iter().for_each(|earlier| taken.add(earlier));
        dual_stack::take(&mut service, manifests);
        let refused = allocate(&mut service, old.as_deref(), &ranges(&world.cluster), &mut taken).err().unwrap_or_default();
        first.extend(refused.into_iter().map(|(path, message)| (at, upstream(manifest, &path, message))));
    }
    for (at, refusal) in first.into_iter().rev() {
        let known = |d: &Diagnostic| d.object == refusal.object && d.path == refusal.path && d.message == refusal.message;
        if !world.diagnostics.iter().any(known) {
            world.diagnostics.insert(at.min(world.diagnostics.len()), refusal);
        }
    }
}
