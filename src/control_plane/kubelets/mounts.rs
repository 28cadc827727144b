//! What a Pod's volumes name and nobody has written: its containers wait.

use super::super::dump::keeps_its_settings;
use super::super::world::{World, controller_of};
use super::{age, is_new, warn};
use crate::api::Kind;
use crate::api::core::{Container, Pod};
use crate::node::kubelet::Standing;
use crate::node::restarts::mounts_tried;
use crate::node::volumes::{self, Missing};

/// The volumes that a Pod still waits for. What is mounted stays, whatever becomes of the ConfigMap.
pub(super) fn lacking(world: &World, pod: &Pod) -> Vec<Missing> {
    if pod.spec.volumes.is_empty() || !is_new(pod) || keeps_its_settings(world, pod) {
        return Vec::new();
    }
    volumes::missing(pod, &world.cluster.store, &made_elsewhere(world, &pod.metadata.namespace))
}

/// Whether something that is not played makes an object of a namespace: `secret`, `configmap` or `persistentvolumeclaim`, and its name.
pub(super) fn made_elsewhere<'a>(world: &'a World, namespace: &'a str) -> impl Fn(&str, &str) -> bool + 'a {
    move |kind, name| world.cluster.elsewhere(namespace, &format!("{kind}s"), name).is_some()
}

/// The first PersistentVolumeClaim that a Pod names and that nobody has written. Those that are written count as bound, and those
/// that its StatefulSet makes for it.
pub(in crate::control_plane) fn missing_claim<'a>(world: &World, pod: &'a Pod) -> Option<&'a str> {
    let claims = pod.spec.volumes.iter().filter_map(|volume| volume.pointer("/persistentVolumeClaim/claimName")?.as_str());
    let documents = &world.cluster.manifests.documents;
    let absent = |name: &&'a str| {
        let mut same = documents.iter().filter(|document| document.kind == "PersistentVolumeClaim" && document.name == *name);
        match same.next() {
            // Claims of other namespaces do not count.
            Some(first) => first.namespace != pod.metadata.namespace && same.all(|it| it.namespace != pod.metadata.namespace),
            None => !made_elsewhere(world, &pod.metadata.namespace)("persistentvolumeclaim", name),
        }
    };
    let owner = controller_of(&pod.metadata).filter(|owner| owner.kind == Kind::StatefulSet);
    let own = |name: &&str| owner.is_some() && name.strip_suffix(&pod.metadata.name).is_some_and(|rest| rest.ends_with('-'));
    { claims }.filter(|name| !own(name)).find(absent).filter(|_| !keeps_its_settings(world, pod))
}

/// Every container waits for the Pod's volumes; the kubelet says why.
pub(super) fn creating(world: &mut World, pod: &Pod, lacking: &[Missing]) -> (Vec<Standing>, Vec<Standing>) {
    for missing in lacking {
        let text = format!("MountVolume.SetUp failed for volume \"{}\" : {}", missing.volume, missing.why);
        warn(world, pod, "FailedMount", &text, mounts_tried(age(world, pod)));
    }
    let initialized = pod.spec.init_containers.is_empty();
    let reason = if initialized { "ContainerCreating" } else { "PodInitializing" };
    let waiting = |containers: &[Container]| containers.iter().map(|_| Standing::Waiting(reason, String::new(), 0)).collect();
    (waiting(&pod.spec.init_containers), waiting(&pod.spec.containers))
}
