//! From a cluster and a trace to what is drawn: places, routes and timed beats. No DOM.

pub mod beats;
pub mod geometry;
pub mod steps;
pub mod view;

use serde::{Deserialize, Serialize};

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
