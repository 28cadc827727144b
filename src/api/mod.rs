//! Kubernetes objects by API group: the kinds and fields that kubehop plays, in upstream's names.
//!
//! Fields that are valid but not played are not here. They are known to the field table that decodes manifests
//! (`kubectl::schema`) and kept in the manifest that an object came from, so nothing typed is lost when it is printed.
//! Source: `k8s.io/api` v0.36.

pub mod apps;
pub mod core;
pub mod discovery;
pub mod foreign;
pub mod meta;
pub mod networking;
pub(crate) mod quantity;
pub mod time;
pub mod typed;

pub use meta::{Kind, ObjectMeta, ObjectRef, Resource};
