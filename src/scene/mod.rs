//! From a cluster and a trace to what is drawn: places, routes and timed beats. No DOM.

//!
//! [`stage`] lays the cluster out as a table (columns are machines, rows are layers; under [`NARROW`] the other way round) and draws the
//! route of a trace over it; [`frame::frame`] says what a moment shows. Same cluster, same trace, same size: same picture.

pub mod beads;
pub mod beats;
mod cards;
#[cfg(test)]
mod fixtures;
pub mod frame;
pub mod geometry;
pub mod ladder;
pub mod lanes;
mod layout;
pub mod name;
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
use view::ClusterView;

use serde::{Deserialize, Serialize};

/// Narrower stages are transposed: nodes are rows.
pub const NARROW: f64 = 560.0;

/// Choices of the person who looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Every Service has its full rail, however many there are.
    pub all_services: bool,
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
    let picture = if size.width < NARROW {
        transposed::lay_out(view, &used, size, options)
    } else {
        layout::lay_out(view, &used, size, options)
    };
    let route = trace.map(|trace| route::route(&picture, trace)).unwrap_or_default();
    Scene { picture, route }
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

#[cfg(test)]
mod tests;
