//! From a cluster and a trace to what is drawn: places, routes and timed beats. No DOM.

//!
//! [`stage`] lays the cluster out as a table (columns are machines, rows are layers; under [`NARROW`] the other way round) and draws the
//! route of a trace over it; [`frame::frame`] says what a moment shows. Same cluster, same trace, same size: same picture.

pub mod beads;
pub mod beats;
pub mod calls;
mod cards;
#[cfg(test)]
mod fixtures;
pub mod frame;
pub mod geometry;
pub mod ladder;
pub mod lanes;
mod layout;
pub mod name;
mod names;
pub mod objects;
pub mod past;
pub mod picture;
mod pods;
pub mod route;
pub mod steps;
mod transposed;
pub mod used;
pub mod view;

use crate::trace::Trace;
use geometry::Size;
use picture::Picture;
use route::Route;
use used::Used;
use view::{ClusterView, PodRole, PodView, ServiceView};

use serde::{Deserialize, Serialize};

/// Narrower stages are transposed: nodes are rows.
pub const NARROW: f64 = 560.0;

/// Choices of the person who looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Every Service has its full rail, however many there are.
    pub all_services: bool,
    /// The node of what stands chosen: it is drawn, however many there are.
    pub node: Option<String>,
}

/// Everything that is drawn, and where packets go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// Things.
    pub picture: Picture,
    /// The way of the trace.
    pub route: Route,
}

/// Lays out a cluster and the route of a trace.
pub fn stage(view: &ClusterView, trace: Option<&Trace>, size: Size, options: Options) -> Scene {
    let used = used::used(view, trace);
    let idle = without_idle_controller(view, &used);
    let view = idle.as_ref().unwrap_or(view);
    let mut picture = if size.width < NARROW {
        transposed::lay_out(view, &used, size, &options)
    } else {
        layout::lay_out(view, &used, size, &options)
    };
    // A name that Services of two namespaces share does not say which it is.
    for rail in &mut picture.rails {
        let ItemId::Service(namespace, name) = &rail.id else { continue };
        if view.services.iter().any(|other| other.name == *name && other.namespace != *namespace) {
            rail.name = format!("{namespace}/{name}");
        }
    }
    for tag in picture.names.iter_mut().flat_map(|names| &mut names.tags) {
        let ItemId::Service(namespace, name) = &tag.id else { continue };
        if view.services.iter().any(|other| other.name == *name && other.namespace != *namespace) {
            tag.name = format!("{namespace}/{name}");
        }
    }
    // Of several ports, the address names the one that packets go to.
    for (id, port) in &used.open {
        let rails = picture.rails.iter_mut().map(|rail| (&rail.id, &mut rail.address));
        let pods = picture.pods.iter_mut().map(|pod| (&pod.id, &mut pod.detail));
        for (_, address) in rails.chain(pods).filter(|(own, _)| *own == id) {
            if let Some((ip, _)) = address.split_once(':') {
                *address = format!("{ip}:{port}");
            }
        }
    }
    let route = trace.map(|trace| route::route(&picture, trace)).unwrap_or_default();
    Scene { picture, route }
}

/// An Ingress controller that serves nobody, its node ports and its load balancer explain nothing: the cluster without them.
fn without_idle_controller(view: &ClusterView, used: &Used) -> Option<ClusterView> {
    let met = |namespace: &str, name: &str| {
        let is = |key: &(String, String)| key.0 == namespace && key.1 == name;
        used.pods.iter().any(is) || used.services.iter().any(is) || used.balancers.iter().any(is)
    };
    let pod = |pod: &PodView| pod.role == PodRole::Ingress && !met(&pod.namespace, &pod.name);
    // Of the cluster's own Services, only the controller's is open to the outside.
    let service = |own: &ServiceView| own.system && own.kind != "ClusterIP" && !met(&own.namespace, &own.name);
    if layout::serves(view) || !view.services.iter().any(service) && !view.pods.iter().any(pod) {
        return None;
    }
    let mut rest = view.clone();
    rest.pods.retain(|own| !pod(own));
    rest.services.retain(|own| !service(own));
    Some(rest)
}

/// A thing on the stage that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ItemId {
    /// The client outside the cluster.
    Client,
    /// The DNS outside the cluster.
    PublicDns,
    /// The cloud's load balancers.
    LoadBalancer,
    /// A server outside the cluster, by its name.
    Server(String),
    /// A node, by name.
    Node(String),
    /// A node's kernel rules, by the node's name.
    Rules(String),
    /// Nodes that share one column for want of room.
    MoreNodes,
    /// A Service: namespace and name.
    Service(String, String),
    /// Services that share one entry for want of room.
    MoreServices,
    /// A Service's rules on a node: node, namespace and name.
    Gate(String, String, String),
    /// An open port of a node: node, port.
    NodePort(String, u16),
    /// A Pod: namespace and name.
    Pod(String, String),
    /// Pods that are drawn as one row: node and app.
    Pods(String, String),
}

impl ItemId {
    /// The node that it is, or stands on.
    pub fn node<'a>(&'a self, view: &'a ClusterView) -> Option<&'a str> {
        match self {
            ItemId::Node(node) | ItemId::Rules(node) | ItemId::Gate(node, ..) => Some(node),
            ItemId::NodePort(node, _) | ItemId::Pods(node, _) => Some(node),
            ItemId::Pod(namespace, name) => {
                let own = view.pods.iter().find(|pod| pod.namespace == *namespace && pod.name == *name);
                own.map(|pod| pod.node.as_str()).filter(|node| !node.is_empty())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod tests;
