//! What a Pod's probes have to do with its being unready, or killed.

use super::field;
use crate::api::core::{Container, Event, Pod};
use crate::cluster::Cluster;
use crate::msg;
use crate::node::images;
use crate::trace::Advice;
use crate::words::Message;

/// A Pod that is not started again, and ended because the kubelet killed a container of it for a failing probe.
pub(super) fn killed(cluster: &Cluster, pod: &Pod) -> Option<Advice> {
    let probed = |container: &Container, of: &str| match of {
        "Liveness" => container.liveness_probe.is_some(),
        _ => container.startup_probe.is_some(),
    };
    for (at, container) in pod.spec.containers.iter().enumerate() {
        for (of, part) in [("Startup", "startupProbe"), ("Liveness", "livenessProbe")] {
            let Some(said) = warned(cluster, pod, &container.name, of).filter(|_| probed(container, of)) else { continue };
            let (name, own) = (&pod.metadata.name, &container.name);
            let why = msg!("explain.pod.killed", pod = name, phase = pod.status.phase, container = own, message = said);
            let next = guessed(pod, said).unwrap_or_else(|| msg!("explain.pod.killed.next", policy = pod.spec.restart_policy));
            return Some(Advice { why, next, because: vec![field(pod, format!("spec.containers[{at}].{part}"))] });
        }
    }
    None
}

/// What the kubelet warned of last, in its own words: a probe that fails, a setting that is missing. `of` begins the message; an
/// event that names its container is about that one only.
pub(super) fn warned<'a>(cluster: &'a Cluster, pod: &'a Pod, container: &str, of: &str) -> Option<&'a str> {
    let (meta, part) = (&pod.metadata, format!("{{{container}}}"));
    let events = cluster.store.in_namespace::<Event>(&meta.namespace).filter(|event| {
        let about = &event.involved_object;
        let own = about.kind == "Pod" && about.name == meta.name;
        let own = own && (about.field_path.is_empty() || about.field_path.ends_with(&part));
        own && matches!(event.reason.as_str(), "Unhealthy" | "Failed" | "FailedMount" | "FailedPostStartHook")
            && event.message.starts_with(of)
    });
    events.max_by_key(|event| &event.last_timestamp).map(|event| event.message.as_str())
}

/// What to try where a probe asks for TLS in vain, or for a port by a name that none has, or is refused because of what is only assumed
/// of the program.
pub(super) fn guessed(pod: &Pod, said: &str) -> Option<Message> {
    if said.ends_with("server gave HTTP response to HTTPS client") {
        return Some(msg!("explain.pod.probe.plain.next"));
    }
    if let Some((_, name)) = said.split_once("strconv.Atoi: parsing \"") {
        return Some(msg!("explain.pod.probe.name.next", name = name.split('"').next().unwrap_or_default()));
    }
    let refused = said.contains("connection refused") || said.contains("failed to connect");
    let image = images::unsure(pod).filter(|_| refused)?.args.get("image")?.clone();
    Some(msg!("explain.pod.probe.assumed.next", image = image))
}

/// All containers run, and one of them is not ready.
pub(super) fn fails_its_probe(cluster: &Cluster, pod: &Pod) -> Advice {
    let name = &pod.metadata.name;
    let statuses = || pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    let fails = |name: &str| statuses().any(|status| status.name == name && !status.ready);
    let lists = [("containers", &pod.spec.containers), ("initContainers", &pod.spec.init_containers)];
    let numbered = lists.iter().flat_map(|(list, containers)| containers.iter().enumerate().map(move |own| (*list, own)));
    let probed = { numbered }.find(|(_, (_, own))| own.readiness_probe.is_some() && fails(&own.name));
    let container = probed.map_or("", |(_, (_, own))| own.name.as_str());
    let said = warned(cluster, pod, container, "Readiness");
    let because = probed.map(|(list, (at, _))| field(pod, format!("spec.{list}[{at}].readinessProbe"))).into_iter().collect();
    let (why, next) = match said {
        Some(said) => {
            let next = guessed(pod, said).unwrap_or_else(|| msg!("explain.pod.probe.next"));
            (msg!("explain.pod.probe", pod = name, message = said), next)
        }
        None => {
            return unheard_probe(pod).unwrap_or_else(|| {
                let (why, next) = (msg!("explain.pod.unready", pod = name), msg!("explain.pod.unready.next", pod = name));
                Advice { why, next, because }
            });
        }
    };
    Advice { why, next, because }
}

/// Nobody says why: a dump has the Pod's conditions, and not its Events. The kubelet counts a container as ready that has started and
/// whose readiness probe succeeds (`UpdatePodStatus` of `pkg/kubelet/prober`), so the probe is what to look at.
fn unheard_probe(pod: &Pod) -> Option<Advice> {
    let name = &pod.metadata.name;
    let lists = [("containers", &pod.spec.containers), ("initContainers", &pod.spec.init_containers)];
    let statuses = || pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    for (list, (at, own)) in lists.iter().flat_map(|(list, all)| all.iter().enumerate().map(move |own| (*list, own))) {
        let Some(status) = statuses().find(|status| status.name == own.name && !status.ready && status.state.running.is_some())
        else {
            continue;
        };
        let startup = own.startup_probe.as_ref().filter(|_| status.started == Some(false)).map(|probe| ("startupProbe", probe));
        let Some((kind, probe)) = startup.or(own.readiness_probe.as_ref().map(|probe| ("readinessProbe", probe))) else {
            continue;
        };
        let why = msg!("explain.pod.unready.probe", pod = name, container = own.name, probe = kind, asks = probe.asks());
        let next = msg!("explain.pod.unready.probe.next", pod = name);
        return Some(Advice { why, next, because: vec![field(pod, format!("spec.{list}[{at}].{kind}"))] });
    }
    None
}
