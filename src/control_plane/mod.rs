//! The control plane: API server, controllers, scheduler, cloud controller.
//!
//! `Cluster::apply` and `Cluster::act` (in `apply` and `act`) change a `world::World` and let every component work until nothing
//! is left to do ([`settle`](settle::settle)).
pub mod apiserver;

mod act;
mod apply;
mod cloud_controller;
mod controller_manager;
mod delete;
mod dual_stack;
mod dump;
mod events;
mod ingress;
mod inventory;
mod kubelets;
mod names;
mod own_nodes;
mod refusals;
mod registry;
pub(crate) mod scheduler;
mod settle;
mod wait;
mod world;

pub use apply::Prune;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
