//! What a Pod's card says of its ports on the node, and of the mesh that takes part in its requests. What a hostPort does follows the
//! CNI plugin portmap as it is played (`data_plane/host_port.rs`).

use super::Setting;
use crate::api::ObjectRef;
use crate::api::core::{ContainerPort, Pod, Service};
use crate::cluster::Cluster;
use crate::msg;
use crate::session::offers;
use crate::settings::Mode;
use crate::trace::FieldRef;
use crate::words::Message;

pub(super) fn settings(cluster: &Cluster, pod: &Pod) -> Vec<Setting> {
    let mut rows = Vec::new();
    for (at, container) in pod.spec.containers.iter().enumerate() {
        for (number, port) in container.ports.iter().enumerate() {
            let path = format!("spec.containers[{at}].ports[{number}].hostPort");
            rows.extend(host_port(cluster, pod, port, path));
        }
    }
    if let Some(mesh) = cluster.mesh_of(pod) {
        let text = msg!("assume.sidecar", pod = pod.metadata.name, mesh = mesh);
        rows.push(Setting { name: "sidecar".into(), value: mesh.into(), text, because: Vec::new(), call: String::new() });
    }
    rows
}

fn host_port(cluster: &Cluster, pod: &Pod, port: &ContainerPort, path: String) -> Option<Setting> {
    let number = port.host_port.filter(|number| *number != 0)?;
    let mut value = if port.host_ip.is_empty() { number.to_string() } else { format!("{}:{number}", port.host_ip) };
    if port.protocol != "TCP" {
        value = format!("{value}/{}", port.protocol);
    }
    let because = vec![FieldRef { object: ObjectRef::of(pod), path }];
    let call = offers::host_port(pod, port).unwrap_or_default();
    Some(Setting { name: "hostPort".into(), value, text: does(cluster, pod, port, number), because, call })
}

/// What the port does now.
fn does(cluster: &Cluster, pod: &Pod, port: &ContainerPort, number: i32) -> Message {
    let node = &pod.spec.node_name;
    if node.is_empty() {
        return msg!("object.hostPort.unplaced", port = number);
    }
    if pod.spec.host_network == Some(true) {
        return msg!("object.hostPort.hostNetwork", node = node);
    }
    let ports = cluster.store.all::<Service>().flat_map(|service| service.spec.ports.iter().map(move |own| (service, own)));
    let rival = { ports }.find(|(_, own)| own.node_port == number && own.protocol == port.protocol);
    if let Some((service, _)) = rival.filter(|_| cluster.settings.mode == Mode::Iptables) {
        return msg!("object.hostPort.taken", port = number, service = service.metadata.name);
    }
    msg!("object.hostPort", port = number, node = node, own = port.container_port)
}
