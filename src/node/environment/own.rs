//! Variables that name the Pod's own Service. A program that is told its own name is not taken to call itself (it tells others, or finds its
//! peers); a port that the Service has not reaches nobody, whoever uses it.

use super::{Address, declared_order, field, named_service, variables};
use crate::api::core::Pod;
use crate::api::meta::selects;
use crate::cluster::Cluster;

/// A variable with an address of the Pod's own Service at which nobody is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPort {
    /// Its name.
    pub variable: String,
    /// Its value.
    pub value: String,
    /// The Pod's field.
    pub field: String,
    /// The Service.
    pub service: String,
    /// Its ports.
    pub ports: String,
}

/// In the order of the containers and their variables. A headless Service's name stands for the Pods, whatever its ports.
pub fn own_ports(pod: &Pod, cluster: &Cluster) -> Vec<OwnPort> {
    let mut found = Vec::new();
    for (index, container) in pod.spec.containers.iter().enumerate() {
        let values = variables(container, pod, &cluster.store);
        for (name, value) in declared_order(container, &values) {
            let Some(Address { host, port: Some(port), .. }) = Address::read(value) else { continue };
            let Some(service) = named_service(host, pod, &cluster.store) else { continue };
            let (spec, meta) = (&service.spec, &service.metadata);
            let own = meta.namespace == pod.metadata.namespace
                && !spec.selector.is_empty()
                && selects(&spec.selector, &pod.metadata.labels);
            let reached = spec.ports.iter().any(|own| own.port == i32::from(port));
            if own && !reached && !matches!(spec.cluster_ip.as_str(), "" | "None") {
                let ports = spec.ports.iter().map(|own| own.port.to_string()).collect::<Vec<_>>().join(", ");
                let (variable, value, service) = (name.to_string(), value.to_string(), meta.name.clone());
                found.push(OwnPort { variable, value, field: field(index, container, name), service, ports });
            }
        }
    }
    found
}
