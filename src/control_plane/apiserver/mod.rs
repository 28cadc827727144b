//! The API server's admission: manifests to objects as it would store them, and what it says about the others.
//!
//! Order and texts follow the real one: strict decoding (`decode`), then defaults (`defaults`), then validation.
//! A refused document keeps none of the others from being admitted. Left out: authorization, custom resources,
//! admission plugins (but for DefaultTolerationSeconds and ServiceAccount). Source: `k8s.io/apiserver` endpoints/handlers/create.go, `k8s.io/kubernetes` pkg/apis.

mod admit;
pub mod allocate;
pub(crate) mod app_armor;
mod decode;
pub(crate) mod default_toleration_seconds;
mod defaults;
mod kinds;
mod mend;
mod notes;
mod qos;
pub(crate) mod service_account;
mod stored;
mod strict;
mod suggest;
#[cfg(test)]
mod texts;
mod times;
pub mod validation;

pub use admit::{Admission, Admitted, AdmittedObject, Object, admit, revise};
pub use decode::{decode, is_decoded};
pub use kinds::is_unknown;
pub use stored::complete;
