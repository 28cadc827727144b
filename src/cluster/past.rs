//! What containers were started with: ConfigMaps, Secrets and Services as they were, where they have changed or gone since.
//!
//! The kubelet makes a container's variables when it creates the container, and never again (`pkg/kubelet/kubelet_pods.go`,
//! `makeEnvironmentVariables`). Nothing is kept for a Pod: a former object is kept while a container runs that saw it.

use super::{Cluster, Store, Stored};
use crate::api::core::{ConfigMap, Container, Pod, Secret, Service};
use crate::api::{Kind, ObjectMeta, ObjectRef};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// An object as it was, for containers that were started after so many edits: from the first number on, before the second.
#[derive(Clone, Debug, PartialEq)]
pub struct Former {
    from: u64,
    until: u64,
    object: Object,
}

#[derive(Clone, Debug, PartialEq)]
enum Object {
    ConfigMap(Arc<ConfigMap>),
    Secret(Arc<Secret>),
    Service(Arc<Service>),
}

/// After how many edits a container was started, and when; `None`: it does not run.
fn start_of<'a>(pod: &'a Pod, container: &str) -> Option<(u64, &'a str)> {
    let status = pod.status.container_statuses.iter().find(|status| status.name == container)?;
    let running = status.state.running.as_ref()?;
    let at = running.started_at.as_deref().or(pod.status.start_time.as_deref());
    Some((status.since.max(pod.metadata.since), at.unwrap_or_default()))
}

/// Whether an object came after a start: by another edit, or later by the clock, as in a dump.
fn came_later(meta: &ObjectMeta, (since, at): (u64, &str)) -> bool {
    meta.since > since || meta.creation_timestamp.as_deref().is_some_and(|made| !at.is_empty() && made > at)
}

impl Cluster {
    /// Keeps what an object is, before it changes or goes, for containers that run.
    pub(crate) fn remember(&mut self, object: &ObjectRef) {
        let (key, store) = ((object.namespace.clone(), object.name.clone()), &self.store);
        let (former, since) = match object.kind {
            Kind::ConfigMap => store.config_maps.get(&key).map(|it| (Object::ConfigMap(it.clone()), it.metadata.since)),
            Kind::Secret => store.secrets.get(&key).map(|it| (Object::Secret(it.clone()), it.metadata.since)),
            Kind::Service => store.services.get(&key).map(|it| (Object::Service(it.clone()), it.metadata.since)),
            _ => None,
        }
        .unzip();
        let (Some(former), Some(since)) = (former, since) else { return };
        let forms = self.past.entry(object.clone()).or_default();
        let from = forms.last().map_or(since, |last: &Former| last.until.max(since));
        if from < self.steps {
            forms.push(Former { from, until: self.steps, object: former });
        }
    }

    /// Forgets what no container was started with.
    pub(crate) fn forget(&mut self) {
        if self.past.is_empty() {
            return;
        }
        let starts = |pod: &Arc<Pod>| -> Vec<u64> {
            { pod.spec.containers.iter() }.filter_map(|own| Some(start_of(pod, &own.name)?.0)).collect()
        };
        let starts: BTreeSet<u64> = self.store.pods.values().flat_map(starts).collect();
        self.past.retain(|_, forms| {
            forms.retain(|form| starts.range(form.from..form.until).next().is_some());
            !forms.is_empty()
        });
    }

    /// The ConfigMaps, Secrets and Services of the Pod's namespace as they were when the container was started, and the API server's
    /// own Service.
    pub fn known_to(&self, pod: &Pod, container: &Container) -> Cow<'_, Store> {
        let Some(start) = start_of(pod, &container.name) else { return Cow::Borrowed(&self.store) };
        let (namespace, own) = (&pod.metadata.namespace, &self.store);
        let mut former = { self.past.iter().filter(|(object, _)| object.namespace == *namespace) }
            .flat_map(|(_, forms)| forms)
            .filter(|form| (form.from..form.until).contains(&start.0))
            .peekable();
        let later = |meta: &ObjectMeta| meta.namespace == *namespace && came_later(meta, start);
        let new = own.services.values().any(|it| later(&it.metadata))
            || own.config_maps.values().any(|it| later(&it.metadata))
            || own.secrets.values().any(|it| later(&it.metadata));
        if former.peek().is_none() && !new {
            return Cow::Borrowed(own);
        }
        let mut known = Store::default();
        copy::<ConfigMap>(own, &mut known, namespace, start);
        copy::<Secret>(own, &mut known, namespace, start);
        copy::<Service>(own, &mut known, namespace, start);
        let master = own.services.get(&("default".to_string(), "kubernetes".to_string()));
        known.services.extend(master.map(|it| (("default".to_string(), "kubernetes".to_string()), it.clone())));
        for form in former {
            match &form.object {
                Object::ConfigMap(it) => drop(known.config_maps.insert(key(&it.metadata), it.clone())),
                Object::Secret(it) => drop(known.secrets.insert(key(&it.metadata), it.clone())),
                Object::Service(it) => drop(known.services.insert(key(&it.metadata), it.clone())),
            }
        }
        Cow::Owned(known)
    }
}

fn key(meta: &ObjectMeta) -> (String, String) {
    (meta.namespace.clone(), meta.name.clone())
}

fn copy<R: Stored>(from: &Store, to: &mut Store, namespace: &str, start: (u64, &str)) {
    let there = |it: &&Arc<R>| it.metadata().namespace == namespace && !came_later(it.metadata(), start);
    let objects = R::table(from).values().filter(there);
    R::table_mut(to).extend(objects.map(|it| (key(it.metadata()), it.clone())));
}
