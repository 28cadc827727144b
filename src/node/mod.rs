//! What runs on a node: kubelet, kube-proxy, the container network, images.
pub mod cni;
pub mod environment;
pub mod hosts;
pub mod image_name;
pub mod images;
pub mod kube_proxy;
pub mod kubelet;
pub mod network_policy;
pub mod pre_stop;
pub mod resources;
pub mod restarts;
pub mod security_context;
pub mod volumes;
