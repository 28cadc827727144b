//! The cluster at one moment: the store of objects, the machines' state, virtual time; and what can happen to it.

mod action;
mod alike;
pub mod domains;
mod elsewhere;
mod held;
mod makers;
mod past;
mod standing;
mod unplayed;
mod workloads;
mod written;

pub use action::Action;
pub use alike::Alike;
pub use elsewhere::Elsewhere;
pub use held::Held;
pub use makers::Maker;
pub use past::Former;
pub use standing::{Lack, Standing, StandingKey};
pub use workloads::Workload;
pub use written::{MOST_FOLLOWED, Write, Written};

use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, ReplicationController, StatefulSet};
use crate::api::core::{ConfigMap, Container, Endpoints, Event, Namespace, Node, Pod, PodTemplateSpec, Secret, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::networking::{Ingress, IngressClass, NetworkPolicy};
use crate::api::{Kind, ObjectMeta, ObjectRef, Resource};
use crate::diagnostic::{Diagnostic, Span};
use crate::kubectl::{Manifest, Manifests};
use crate::msg;
use crate::random::Seed;
use crate::settings::Settings;
use crate::trace::FieldRef;
use crate::words::Message;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Objects of one kind, by namespace and name.
pub type Table<R> = BTreeMap<(String, String), Arc<R>>;

/// All objects, as the API server holds them. Cloning is cheap: objects are shared.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Store {
    pub namespaces: Table<Namespace>,
    pub nodes: Table<Node>,
    pub config_maps: Table<ConfigMap>,
    pub secrets: Table<Secret>,
    pub services: Table<Service>,
    pub endpoints: Table<Endpoints>,
    pub endpoint_slices: Table<EndpointSlice>,
    pub deployments: Table<Deployment>,
    pub stateful_sets: Table<StatefulSet>,
    pub daemon_sets: Table<DaemonSet>,
    pub replica_sets: Table<ReplicaSet>,
    pub replication_controllers: Table<ReplicationController>,
    pub pods: Table<Pod>,
    pub ingress_classes: Table<IngressClass>,
    pub ingresses: Table<Ingress>,
    pub network_policies: Table<NetworkPolicy>,
    pub events: Table<Event>,
}

/// A resource that has a table of its own in the [`Store`].
pub trait Stored: Resource {
    /// Its table.
    fn table(store: &Store) -> &Table<Self>;
    /// Its table, to change.
    fn table_mut(store: &mut Store) -> &mut Table<Self>;
}

macro_rules! stored {
    ($($type:ident in $field:ident),* $(,)?) => {
        $(impl Stored for $type {
            fn table(store: &Store) -> &Table<Self> {
                &store.$field
            }
            fn table_mut(store: &mut Store) -> &mut Table<Self> {
                &mut store.$field
            }
        })*

        impl Store {
            /// Removes an object of any kind. True when it was there.
            pub fn remove(&mut self, object: &ObjectRef) -> bool {
                let key = (object.namespace.clone(), object.name.clone());
                match object.kind {
                    $(Kind::$type => self.$field.remove(&key).is_some(),)*
                }
            }

            /// Whether an object of any kind is there.
            pub fn contains(&self, object: &ObjectRef) -> bool {
                let key = (object.namespace.clone(), object.name.clone());
                match object.kind {
                    $(Kind::$type => self.$field.contains_key(&key),)*
                }
            }

            /// The object as JSON, with `apiVersion` and `kind` first.
            pub fn to_json(&self, object: &ObjectRef) -> Option<serde_json::Value> {
                let key = (object.namespace.clone(), object.name.clone());
                let body = match object.kind {
                    $(Kind::$type => serde_json::to_value(self.$field.get(&key)?.as_ref()).ok()?,)*
                };
                let mut whole = serde_json::Map::new();
                whole.insert("apiVersion".into(), object.kind.api_version().into());
                whole.insert("kind".into(), object.kind.name().into());
                if let serde_json::Value::Object(fields) = body {
                    whole.extend(fields);
                }
                Some(whole.into())
            }

            /// An object's metadata, of any kind.
            pub fn metadata(&self, object: &ObjectRef) -> Option<&ObjectMeta> {
                let key = (object.namespace.clone(), object.name.clone());
                match object.kind {
                    $(Kind::$type => self.$field.get(&key).map(|found| &found.metadata),)*
                }
            }

            /// Every object's name, by kind in the order of [`Kind::ALL`], then namespace and name.
            pub fn refs(&self) -> Vec<ObjectRef> {
                let mut refs = Vec::new();
                $(refs.extend(self.$field.keys().map(|(namespace, name)| ObjectRef::new(Kind::$type, namespace, name)));)*
                refs
            }
        }
    };
}
stored! {
    Namespace in namespaces, Node in nodes, ConfigMap in config_maps, Secret in secrets, Service in services,
    Endpoints in endpoints, EndpointSlice in endpoint_slices, Deployment in deployments, StatefulSet in stateful_sets,
    DaemonSet in daemon_sets, ReplicaSet in replica_sets, ReplicationController in replication_controllers, Pod in pods,
    IngressClass in ingress_classes, Ingress in ingresses, NetworkPolicy in network_policies, Event in events,
}

impl Store {
    /// One object.
    pub fn get<R: Stored>(&self, namespace: &str, name: &str) -> Option<&R> {
        R::table(self).get(&(namespace.to_string(), name.to_string())).map(Arc::as_ref)
    }

    /// All objects of a kind, by namespace and name.
    pub fn all<R: Stored>(&self) -> impl Iterator<Item = &R> {
        R::table(self).values().map(Arc::as_ref)
    }

    /// All objects of a kind in a namespace, by name.
    pub fn in_namespace<'a, R: Stored + 'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a R> {
        self.all::<R>().filter(move |object| object.metadata().namespace == namespace)
    }

    /// Writes an object, new or changed.
    pub fn put<R: Stored>(&mut self, object: R) {
        let meta = object.metadata();
        let key = (meta.namespace.clone(), meta.name.clone());
        R::table_mut(self).insert(key, Arc::new(object));
    }
}

/// The Service of the cluster's own DNS: `kube-system/kube-dns`, or what a real cluster calls it (RKE2, OpenShift).
pub fn dns_service(services: &Table<Service>) -> Option<&Service> {
    let named = |namespace: &str, name: &str| services.get(&(namespace.to_string(), name.to_string())).map(Arc::as_ref);
    let selects = |service: &&Service| service.spec.selector.get("k8s-app").is_some_and(|app| app == "kube-dns");
    let within = |service: &&Service| service.metadata.namespace == "kube-system" && service.spec.cluster_ip != "None";
    let usual = named("kube-system", "kube-dns");
    let found = usual.or_else(|| services.values().map(Arc::as_ref).filter(within).find(selects));
    found.or_else(|| named("openshift-dns", "dns-default"))
}

/// What a machine does beyond what its Node object says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// Since when it has been without power, in virtual seconds; before the beginning for a node that a dump has lost.
    pub down_since: Option<i64>,
    /// What a stopped kube-proxy last saw; `None` while it runs.
    pub frozen_view: Option<Arc<Store>>,
}

/// The cluster at one moment. The default one is empty; `Cluster::new` makes one that runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Its settings.
    pub settings: Arc<Settings>,
    /// From which generated names and addresses come.
    pub seed: Seed,
    /// Virtual seconds since its start.
    pub now: u64,
    /// How much later than the usual first morning it starts, in seconds: a dump of a real cluster brings its own calendar.
    pub epoch: u64,
    /// Its objects.
    pub store: Store,
    /// The text that was applied last.
    pub manifests: Arc<Manifests>,
    /// Objects of [`Cluster::manifests`] that were admitted; the others keep their last good form.
    pub applied: BTreeSet<ObjectRef>,
    /// State of the machines, by node name; a node without an entry is up and well.
    pub machines: BTreeMap<String, Machine>,
    /// Pods that were made unready by hand: namespace, name.
    pub unready: BTreeSet<(String, String)>,
    /// Pods that a taint of their node drives away, by namespace and name, and when: virtual seconds since the start.
    pub evictions: BTreeMap<(String, String), i64>,
    /// How often each name prefix was used, so that a replaced Pod gets another name.
    pub generations: BTreeMap<String, u64>,
    /// From which document each applied object came, in its last admitted form.
    pub origins: BTreeMap<ObjectRef, Origin>,
    /// What Pods name and nobody plays.
    pub standing: BTreeMap<StandingKey, Standing>,
    /// Templates that StatefulSets had, by namespace, set and revision: what a ControllerRevision keeps.
    pub revisions: BTreeMap<(String, String), Arc<PodTemplateSpec>>,
    /// What ConfigMaps, Secrets and Services were that changed or went while containers run that saw them.
    pub past: BTreeMap<ObjectRef, Vec<Former>>,
    /// Services whose slices came with a dump, by namespace and name.
    pub told_slices: BTreeMap<(String, String), ToldSlices>,
    /// Counts edits and deletions.
    pub steps: u64,
    /// Counts writes, for `metadata.resourceVersion`.
    pub writes: u64,
}

/// The slices of a Service as a dump shows them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToldSlices {
    /// What their controller would write for the Pods of the dump, as a hash: they stand as long as it would write the same. 0: something
    /// has changed here, and it writes again.
    pub desired: u64,
    /// What it would have written otherwise in the real cluster.
    pub differences: Vec<Message>,
    /// The dump leaves out the Pods that they name.
    pub absent: bool,
}

impl Cluster {
    /// Whether a Service's slices stand as a dump shows them that leaves out the Pods which they name.
    pub fn pods_are_absent(&self, namespace: &str, service: &str) -> bool {
        self.told_slices.get(&(namespace.to_string(), service.to_string())).is_some_and(|told| told.absent)
    }
}

impl ToldSlices {
    /// What to look at for one of the differences.
    pub fn next(difference: &Message) -> Message {
        match difference.id.rsplit_once('.').map_or("", |(_, last)| last) {
            "gone" => msg!("explain.endpoints.told.gone.next"),
            of if of.starts_with("mirror") => msg!("explain.endpoints.told.mirror.next"),
            _ => msg!("explain.endpoints.told.next"),
        }
    }
}

/// The document that an object came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The text.
    pub manifests: Arc<Manifests>,
    /// Position in [`Manifests::documents`].
    pub document: u32,
}

impl Origin {
    /// The document.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifests.documents.get(self.document as usize).map(Arc::as_ref)
    }
}

/// A cluster after something happened to it, and how it got there.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The next state.
    pub cluster: Cluster,
    /// What happened, in order.
    pub changes: Vec<Change>,
    /// What these changes wrote of what a stage draws, in order; none of more than [`MOST_FOLLOWED`] changes.
    pub writes: Vec<Write>,
    /// What was refused or is worth knowing.
    pub diagnostics: Vec<Diagnostic>,
    /// Time alone will soon change something: who only waits sees it.
    pub restless: bool,
}

impl Cluster {
    /// The document that the object came from, in its last admitted form; `None` for objects that the cluster made itself.
    pub fn origin(&self, object: &ObjectRef) -> Option<&Manifest> {
        self.origins.get(object)?.manifest()
    }

    /// Where in the text the cause of a field stands: the field itself for an object of the text; for a Pod or ReplicaSet that
    /// a controller made, the same field in its controller's template.
    pub fn locate(&self, field: &FieldRef) -> Option<Span> {
        if self.was_scaled(field) {
            return None;
        }
        if self.manifests.locate(&FieldRef { object: field.object.clone(), path: String::new() }).is_some() {
            return written(&self.manifests, field);
        }
        if let Some(origin) = self.origins.get(&field.object) {
            return written(&origin.manifests, field);
        }
        let meta = self.store.metadata(&field.object)?;
        let owner = meta.owner_references.iter().find(|owner| owner.controller == Some(true))?;
        let kind = Kind::find(&owner.api_version, &owner.kind)?;
        let object = ObjectRef::new(kind, &field.object.namespace, &owner.name);
        // What was made from an earlier template says nothing of the text.
        if field.path.contains("ontainers[") && self.containers(&field.object) != self.containers(&object) {
            return None;
        }
        self.locate(&FieldRef { path: path_in_owner(&field.object, kind, &field.path), object })
    }

    /// The containers of a Pod, or of a template.
    fn containers(&self, object: &ObjectRef) -> Option<&[Container]> {
        let pod = self.store.get::<Pod>(&object.namespace, &object.name).filter(|_| object.kind == Kind::Pod);
        let made = || self.store.workload(object).map(|own| &own.template.spec);
        pod.map(|pod| &pod.spec).or_else(made).map(|spec| spec.containers.as_slice())
    }

    /// Whether the field is a number of replicas that is no longer the one of the text: then an action set it.
    pub fn was_scaled(&self, field: &FieldRef) -> bool {
        let written = |manifest: &Manifest| manifest.value.pointer("/spec/replicas").and_then(serde_json::Value::as_i64);
        field.path == "spec.replicas"
            && self.origin(&field.object).and_then(written).is_some_and(|written| {
                let stands = self.store.to_json(&field.object);
                stands.is_some_and(|stands| stands["spec"]["replicas"].as_i64() != Some(written))
            })
    }

    /// The present on the calendar: seconds for [`crate::api::time::timestamp`].
    pub fn clock(&self) -> u64 {
        self.epoch.saturating_add(self.now)
    }

    /// Whether the load balancer's health check still holds the node for alive: it notices a loss after 10 seconds.
    pub fn load_balancer_trusts(&self, node: &str) -> bool {
        let down = self.machines.get(node).and_then(|machine| machine.down_since);
        down.is_none_or(|since| moment(self.now) < since + moment(LOAD_BALANCER_NOTICES))
    }

    /// Whether the machine has power.
    pub fn is_up(&self, node: &str) -> bool {
        self.machines.get(node).is_none_or(|machine| machine.down_since.is_none())
    }

    /// The objects as the node's kube-proxy knows them.
    pub fn proxy_view(&self, node: &str) -> &Store {
        self.machines.get(node).and_then(|machine| machine.frozen_view.as_deref()).unwrap_or(&self.store)
    }
}

/// A number of virtual seconds on the line that begins before the cluster does.
pub(crate) fn moment(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX / 2)
}

/// Seconds after which a load balancer's health check drops a dead node (assumption).
pub const LOAD_BALANCER_NOTICES: u64 = 10;

/// Seconds after which the node lifecycle controller holds a silent node for lost: `--node-monitor-grace-period`.
pub const NODE_GRACE: u64 = 50;

/// Translates a field of an owned object to the field of its owner that it was made from.
fn path_in_owner(owned: &ObjectRef, owner: Kind, path: &str) -> String {
    let templated = |path: &str| path.is_empty() || path.starts_with("spec") || path.starts_with("metadata.labels");
    match (owned.kind, owner) {
        (Kind::Pod, owner) if owner.is_workload() && templated(path) && !path.is_empty() => {
            format!("spec.template.{path}")
        }
        // A ReplicaSet and its Deployment call template, selector and replicas the same.
        (Kind::ReplicaSet, Kind::Deployment) if path.starts_with("spec") => path.to_string(),
        (Kind::EndpointSlice | Kind::Endpoints, Kind::Service) if path.starts_with("ports") => format!("spec.{path}"),
        _ => String::new(),
    }
}

/// Where a field stands, or a part of the object around it; nowhere, if only the whole object or its whole spec is around it: then
/// a default decided, not the text.
fn written(manifests: &Manifests, field: &FieldRef) -> Option<Span> {
    let span = manifests.locate(field)?;
    let whole = ["", "spec", "metadata"];
    let around = |path: &str| manifests.locate(&FieldRef { object: field.object.clone(), path: path.to_string() });
    let too_wide = !whole.contains(&field.path.as_str()) && whole.iter().any(|path| around(path).as_ref() == Some(&span));
    (!too_wide).then_some(span)
}

/// One step of how a cluster got from one state to the next: who did what to which object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Virtual seconds.
    pub at: u64,
    /// `kube-apiserver`, `deployment-controller`, `replicaset-controller`, `kube-scheduler`, `kubelet/node-2`,
    /// `endpointslice-controller`, `kube-proxy/node-1`, `coredns`, `cloud-controller-manager`, `node-lifecycle-controller` …
    pub component: String,
    /// What it did.
    pub verb: Verb,
    /// To what; kube-proxy's and CoreDNS's changes name the Service.
    pub object: ObjectRef,
    /// In words.
    pub message: Message,
}

/// What a component did to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub enum Verb {
    Create,
    Update,
    Delete,
    Schedule,
    Start,
    Ready,
    Unready,
    Terminate,
    WriteRules,
    WriteRecords,
    Notice,
}
