//! kubehop plays a Kubernetes cluster: manifests in, true requests through it, every decision explained.
//!
//! The pipeline, in order:
//!
//! ```text
//! text --kubectl::read--> Manifests --Cluster::apply--> Cluster (store, changes, diagnostics)
//! Cluster --DataPlane::program--> DataPlane (rules, DNS zone, load balancers) --send(request)--> Trace
//! Cluster + Trace --scene::stage--> Scene --frame(at)--> what to draw at that moment
//! ```
//!
//! [`session::Session`] strings these together for the page and the command line.
//! Everything is deterministic: no clock, no threads, no hash maps; randomness comes from a [`random::Seed`].
#![forbid(unsafe_code)]

pub mod addons;
pub mod api;
pub mod cluster;
pub mod control_plane;
pub mod data_plane;
pub mod diagnostic;
pub mod explain;
pub mod kubectl;
pub mod lesson;
pub mod netfilter;
pub mod node;
pub mod packet;
pub mod random;
pub mod scene;
pub mod session;
pub mod settings;
pub mod trace;
pub mod words;

#[cfg(feature = "app")]
pub mod app;
#[cfg(feature = "cli")]
pub mod cli;
