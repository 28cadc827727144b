//! The control plane: API server, controllers, scheduler, cloud controller.
pub mod apiserver;
