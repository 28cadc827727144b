//! What a thing's card says beyond what the stage shows: asked for when the card is open, so that nobody else pays for it.

mod node;
mod pod;
mod service;

use crate::api::core::{Container, Node, Pod, Service};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::diagnostic::Span;
use crate::node::environment::{self, By, Variable};
use crate::trace::FieldRef;
use crate::words::Message;
use serde::{Deserialize, Serialize};

/// More about a Service, a Pod or a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Card {
    pub object: ObjectRef,
    /// Fields that are set to something else than what most leave them at; a node's taints and labels.
    pub settings: Vec<Setting>,
    /// Where a Service's endpoints are, and for whom they are meant.
    pub topology: Vec<Topology>,
    /// What CoreDNS answers for a Service's names.
    pub names: Vec<Named>,
    /// A Pod's containers and what they find in their environment.
    pub environment: Vec<Environment>,
    pub lines: Vec<(FieldRef, Span)>,
}

/// A field, and what it does now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Setting {
    pub name: String,
    pub value: String,
    pub text: Message,
    /// The field; where it is not written, the one that brought it along.
    pub because: Vec<FieldRef>,
    /// What it opens: a target to call, or nothing.
    pub call: String,
}

/// A name of a Service in DNS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Named {
    pub name: String,
    /// `A`, `CNAME`, `SRV`
    pub kind: String,
    /// What is answered; where nothing is, the error.
    pub answers: Vec<String>,
}

/// The topology of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Topology {
    pub ip: String,
    pub zone: String,
    /// Zones and nodes, as the slice names them.
    pub hints: Vec<String>,
}

/// What a container finds in its environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Environment {
    pub container: String,
    /// As the manifest gives them.
    pub own: Vec<Variable>,
    /// Those that the kubelet adds for Services.
    pub services: Vec<(String, String)>,
    /// Variables that name a Service, and what a program would call by them.
    pub calls: Vec<(String, String)>,
    /// References that nothing fills, and names that nobody has: why, and the field.
    pub unfilled: Vec<(Message, FieldRef)>,
}

/// The card of an object, without the lines of its fields.
pub(super) fn of(cluster: &Cluster, object: ObjectRef) -> Card {
    let mut card = Card {
        object,
        settings: Vec::new(),
        topology: Vec::new(),
        names: Vec::new(),
        environment: Vec::new(),
        lines: Vec::new(),
    };
    let (namespace, name) = (&card.object.namespace, &card.object.name);
    match card.object.kind {
        Kind::Service => {
            if let Some(service) = cluster.store.get::<Service>(namespace, name) {
                card.settings = service::settings(cluster, service);
                card.topology = service::topology(cluster, service);
                card.names = service::names(cluster, service);
            }
        }
        Kind::Pod => {
            if let Some(pod) = cluster.store.get::<Pod>(namespace, name) {
                card.settings = pod::settings(cluster, pod);
                card.environment = environments(cluster, pod);
            }
        }
        Kind::Node => card.settings = cluster.store.get::<Node>("", name).map(node::settings).unwrap_or_default(),
        _ => {}
    }
    card
}

impl Card {
    /// Every field that it cites.
    pub(super) fn fields(&self) -> impl Iterator<Item = &FieldRef> {
        let variables = self.environment.iter().flat_map(|own| own.own.iter().map(|variable| &variable.field));
        let unfilled = self.environment.iter().flat_map(|own| own.unfilled.iter().map(|(_, field)| field));
        self.settings.iter().flat_map(|setting| &setting.because).chain(variables).chain(unfilled)
    }
}

fn environments(cluster: &Cluster, pod: &Pod) -> Vec<Environment> {
    let (object, pod_name) = (ObjectRef::of(pod), &pod.metadata.name);
    let calls = environment::calls(pod, cluster);
    let nobody = environment::named_nobody(pod, cluster).into_iter().filter(|own| own.by == By::Variable);
    let mut unfilled = environment::unfilled(pod, cluster);
    unfilled.extend(nobody.map(|own| (own.field.clone(), own.why(pod_name))));
    let of = |(index, container): (usize, &Container)| {
        let (own, services) = environment::listed(pod, cluster, index);
        let here = format!("spec.containers[{index}].");
        let mine = calls.iter().filter(|call| call.by == By::Variable && call.field.starts_with(&here));
        let field = |path: &String| FieldRef { object: object.clone(), path: path.clone() };
        let missing = unfilled.iter().filter(|(path, _)| path.starts_with(&here));
        Environment {
            container: container.name.clone(),
            own,
            services,
            calls: mine.map(|call| (call.variable.clone(), without_path(&call.target).to_string())).collect(),
            unfilled: missing.map(|(path, why)| (why.clone(), field(path))).collect(),
        }
    };
    pod.spec.containers.iter().enumerate().map(of).collect()
}

/// A target without what stands behind its host, which may be a Secret's.
fn without_path(target: &str) -> &str {
    let host = target.find("://").map_or(0, |at| at + 3);
    let end = target.get(host..).and_then(|rest| rest.find(['/', '?']));
    end.and_then(|end| target.get(..host + end)).unwrap_or(target)
}

#[cfg(test)]
mod tests;
