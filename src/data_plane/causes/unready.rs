//! Why a Pod is not ready, in the words of whoever holds it back: scheduler, kubelet, node lifecycle controller.

mod probes;

use crate::api::ObjectRef;
use crate::api::core::{Container, EnvVarSource, KeySelector, Node, Pod};
use crate::cluster::Cluster;
use crate::msg;
use crate::node::images::{Course, End, LONG, course, end};
use crate::node::kubelet::{is_ready, waiting};
use crate::node::resources::missing_claim;
use crate::node::security_context::breach;
use crate::settings::Nodes;
use crate::trace::{Advice, FieldRef};
use crate::words::Message;
use probes::{fails_its_probe, guessed, killed, warned};

/// Why a Pod is not ready, what to try, and the fields to look at; `None`: it is.
pub fn unready(cluster: &Cluster, pod: &Pod) -> Option<Advice> {
    let (name, status) = (&pod.metadata.name, &pod.status);
    let told = |why, next, because| Some(Advice { why, next, because });
    if status.phase == "Failed" && !status.reason.is_empty() {
        let (reason, message) = (&status.reason, &status.message);
        let why = msg!("explain.pod.failed", pod = name, reason = reason, message = message);
        return told(why, msg!("explain.pod.failed.next"), vec![field(pod, decides(reason))]);
    }
    if matches!(status.phase.as_str(), "Succeeded" | "Failed") {
        if let Some(advice) = killed(cluster, pod) {
            return Some(advice);
        }
        let why = msg!("explain.pod.finished", pod = name, phase = status.phase);
        return told(why, msg!("explain.pod.finished.next"), vec![field(pod, "spec.restartPolicy")]);
    }
    let on = &pod.spec.node_name;
    let silent = !on.is_empty() && !cluster.is_up(on);
    if pod.metadata.deletion_timestamp.is_some() {
        if let Some(held) = cluster.held(pod).filter(|_| !silent) {
            let (why, next) = held.told(pod);
            return told(why, next, vec![field(pod, held.field())]);
        }
        return match silent {
            true => told(
                msg!("explain.pod.terminating.nodeDown", pod = name, node = on),
                msg!("explain.pod.terminating.nodeDown.next", pod = name, node = on),
                Vec::new(),
            ),
            false => told(msg!("explain.pod.terminating", pod = name), msg!("explain.pod.terminating.next"), Vec::new()),
        };
    }
    if on.is_empty() {
        return Some(unscheduled(cluster, pod));
    }
    if is_ready(pod) {
        return None;
    }
    if let Some(advice) = unwell_node(cluster, pod) {
        return Some(advice);
    }
    if silent {
        let why = msg!("explain.pod.nodeDown", pod = name, node = on);
        return told(why, bring_up(pod), Vec::new());
    }
    if let Some(alike) = cluster.fails_alike(pod) {
        let (container, reason) = (&alike.container, alike.reason);
        let why = msg!("explain.pod.alike", pod = name, container = container, reason = reason, restarts = alike.restarts);
        return told(why, msg!("explain.pod.alike.next", container = container), vec![field(pod, "spec.containers")]);
    }
    if let Some(advice) = init_waits(pod) {
        return Some(advice);
    }
    if let Some((container, reason)) = waiting(pod).filter(|(_, reason)| !reason.is_empty()) {
        return Some(waits(cluster, pod, container, reason));
    }
    if cluster.unready.contains(&(pod.metadata.namespace.clone(), name.clone())) {
        return told(msg!("explain.pod.byHand", pod = name), msg!("explain.pod.byHand.next"), Vec::new());
    }
    if let Some((at, gate)) = closed_gate(pod) {
        let because = vec![field(pod, format!("spec.readinessGates[{at}].conditionType"))];
        return told(msg!("explain.pod.gate", pod = name, gate = gate), msg!("explain.pod.gate.next", gate = gate), because);
    }
    Some(fails_its_probe(cluster, pod))
}

/// The field that most likely made a Pod fail for this reason.
fn decides(reason: &str) -> &'static str {
    match reason {
        "DeadlineExceeded" => "spec.activeDeadlineSeconds",
        "PodOSNotSupported" => "spec.os",
        _ => "spec.nodeName",
    }
}

fn field(pod: &Pod, path: impl Into<String>) -> FieldRef {
    FieldRef { object: ObjectRef::of(pod), path: path.into() }
}

/// The scheduler found no node, or is another one. Its message counts the nodes by what is amiss with them; where that is one thing
/// only, the field that asks for it is named.
fn unscheduled(cluster: &Cluster, pod: &Pod) -> Advice {
    let (name, spec) = (&pod.metadata.name, &pod.spec);
    let said = pod.status.conditions.iter().find(|condition| condition.type_ == "PodScheduled");
    let scheduler = spec.scheduler_name.as_str();
    let Some(said) = said.map(|condition| condition.message.as_str()) else {
        if !matches!(scheduler, "" | "default-scheduler") {
            let (why, next) = (msg!("field.otherScheduler", scheduler = scheduler), msg!("explain.pod.scheduler.next"));
            return Advice { why, next, because: vec![field(pod, "spec.schedulerName")] };
        }
        if let Some(missing) = missing_claim(cluster, pod) {
            let because = vec![field(pod, format!("spec.resourceClaims[{}]", missing.at))];
            let why = msg!("explain.pod.pending.resourceClaim", pod = name, kind = missing.kind, name = missing.name);
            let next = msg!("explain.pod.pending.resourceClaim.next", kind = missing.kind, name = missing.name);
            return Advice { why, next, because };
        }
        let why = msg!("explain.pod.pending", pod = name, message = "");
        return Advice { why, next: msg!("explain.pod.pending.next"), because: Vec::new() };
    };
    let why = msg!("explain.pod.pending", pod = name, message = said);
    if !spec.scheduling_gates.is_empty() {
        return Advice { why, next: msg!("explain.pod.pending.gates"), because: vec![field(pod, "spec.schedulingGates")] };
    }
    let wanted = if spec.node_selector.is_empty() { "spec.affinity" } else { "spec.nodeSelector" };
    let known = [
        ("node affinity/selector", msg!("explain.pod.pending.selector"), wanted),
        ("untolerated taint", msg!("explain.pod.pending.taint"), "spec.tolerations"),
        ("were unschedulable", msg!("explain.pod.pending.cordon"), ""),
        ("free ports for", msg!("explain.pod.pending.ports"), "spec.containers"),
        ("Insufficient ", room(cluster), ""),
        ("Too many pods", msg!("explain.pod.pending.full"), ""),
        ("topology spread", msg!("explain.pod.pending.spread"), "spec.topologySpreadConstraints"),
        ("pod affinity", msg!("explain.pod.pending.affinity"), "spec.affinity"),
        ("anti-affinity", msg!("explain.pod.pending.affinity"), "spec.affinity"),
        ("persistentvolumeclaim", msg!("explain.pod.pending.claim"), "spec.volumes"),
    ];
    let mut found = known.into_iter().filter(|(part, ..)| said.contains(part));
    match (found.next(), found.next()) {
        (Some((part, next, path)), None) => {
            let path = match part {
                "free ports for" => host_port(pod),
                "Insufficient " => amount(pod, said),
                _ => path.to_string(),
            };
            Advice {
                why,
                next,
                because: Some(path).filter(|path| !path.is_empty()).map(|path| field(pod, path)).into_iter().collect(),
            }
        }
        _ => Advice { why, next: msg!("explain.pod.pending.next"), because: Vec::new() },
    }
}

/// What to try where no node has enough of something; kubehop's own nodes have no devices.
fn room(cluster: &Cluster) -> Message {
    let made_up = |node: &Node| cluster.origin(&ObjectRef::of(node)).is_none();
    match matches!(cluster.settings.nodes, Nodes::Count(_)) && cluster.store.all::<Node>().all(made_up) {
        true => msg!("explain.pod.pending.device"),
        false => msg!("explain.pod.pending.room"),
    }
}

/// Where a Pod asks for the first resource of which the scheduler's message says that there is too little.
fn amount(pod: &Pod, said: &str) -> String {
    let short = said.split("Insufficient ").nth(1).and_then(|rest| rest.split([',', ' ']).next()).unwrap_or_default();
    let short = short.trim_end_matches('.');
    let lists = [("containers", &pod.spec.containers), ("initContainers", &pod.spec.init_containers)];
    for (list, (at, container)) in lists.iter().flat_map(|(list, own)| own.iter().enumerate().map(move |own| (list, own))) {
        let part = ["requests", "limits"]
            .into_iter()
            .find(|part| container.resources.get(part).is_some_and(|own| own.get(short).is_some()));
        if let Some(part) = part {
            return format!("spec.{list}[{at}].resources.{part}.{short}");
        }
    }
    "spec.containers".into()
}

/// Where a Pod asks for a port of its node.
fn host_port(pod: &Pod) -> String {
    let asks = |container: &Container| container.ports.iter().position(|port| port.host_port.is_some());
    let mut found = pod.spec.containers.iter().enumerate().filter_map(|(at, own)| Some((at, asks(own)?)));
    found.next().map_or_else(|| "spec.containers".into(), |(at, port)| format!("spec.containers[{at}].ports[{port}].hostPort"))
}

/// What to do about a node without power. A DaemonSet's Pods tolerate it without end (`AddOrUpdateDaemonPodTolerations`).
fn bring_up(pod: &Pod) -> Message {
    let node = &pod.spec.node_name;
    match pod.metadata.owner_references.iter().any(|owner| owner.kind == "DaemonSet") {
        true => msg!("explain.pod.nodeDown.daemon.next", node = node),
        false => msg!("explain.pod.nodeDown.next", node = node),
    }
}

/// The Pod's node does not exist, or its kubelet says that it is not ready, or says nothing: that keeps its Pods back.
fn unwell_node(cluster: &Cluster, pod: &Pod) -> Option<Advice> {
    let (name, node) = (&pod.metadata.name, &pod.spec.node_name);
    let dumped = cluster.origin(&ObjectRef::of(pod)).is_some_and(|manifest| manifest.is_dumped());
    let because = vec![field(pod, "spec.nodeName")];
    let Some(found) = cluster.store.get::<Node>("", node) else {
        let (why, next) = match dumped {
            true => (msg!("explain.pod.noNode.dump", pod = name, node = node), msg!("explain.pod.noNode.dump.next")),
            false => (msg!("explain.pod.noNode", pod = name, node = node), msg!("explain.pod.noNode.next")),
        };
        return Some(Advice { why, next, because });
    };
    let ready = found.status.conditions.iter().find(|own| own.type_ == "Ready").filter(|own| own.status != "True")?;
    let why = msg!("explain.pod.nodeNotReady", pod = name, node = node, message = ready.message);
    Some(Advice { why, next: bring_up(pod), because })
}

/// An init container that does not come to its end holds all others back.
fn init_waits(pod: &Pod) -> Option<Advice> {
    let name = &pod.metadata.name;
    let told = |container: &Container| pod.status.init_container_statuses.iter().find(|own| own.name == container.name);
    for (at, container) in pod.spec.init_containers.iter().enumerate() {
        let (status, own) = (told(container)?, &container.name);
        let because = |part: &str| vec![field(pod, format!("spec.initContainers[{at}]{part}"))];
        let ended = status.state.terminated.as_ref().or(status.last_state.terminated.as_ref()).map(|ended| ended.exit_code);
        let waiting = status.state.waiting.as_ref().filter(|state| state.reason != "PodInitializing");
        match (ended, waiting, &status.state.running) {
            (Some(0), None, None) => {}
            (Some(code), _, _) if !container.is_sidecar() && code != 0 => {
                let why = msg!("explain.pod.init.fails", pod = name, container = own, code = code);
                let next = msg!("explain.pod.waiting.crash.next", pod = name, container = own);
                return Some(Advice { why, next, because: because(".command") });
            }
            (_, Some(state), _) if breach(pod, container).is_some_and(|own| own.message == state.message) => {
                return runs_as_root(pod, container, &format!("spec.initContainers[{at}]"));
            }
            (_, Some(state), _) => {
                let (reason, said) = (state.reason.as_str(), state.message.as_str());
                let why = match said.is_empty() || reason == "CrashLoopBackOff" {
                    true => msg!("explain.pod.init", pod = name, container = own, reason = reason),
                    false => msg!("explain.pod.waiting.said", pod = name, container = own, reason = reason, message = said),
                };
                let place = format!("spec.initContainers[{at}]");
                let (next, path) = remedy(pod, own, Some(container), (reason, said), &|part| format!("{place}{part}"));
                return Some(Advice { why, next, because: vec![field(pod, path)] });
            }
            _ if container.is_sidecar() => {}
            _ => return unending(pod, container, because),
        }
    }
    None
}

/// An init container that runs and does not end.
fn unending(pod: &Pod, container: &Container, because: impl Fn(&str) -> Vec<FieldRef>) -> Option<Advice> {
    let (name, own) = (&pod.metadata.name, &container.name);
    match course(container, &pod.metadata.namespace) {
        Course::Waits(wanted) => {
            let commands = wanted.iter().map(|one| one.command.as_str()).collect::<Vec<_>>().join(", ");
            let why = msg!("explain.pod.init.waits", pod = name, container = own, command = commands);
            Some(Advice { why, next: msg!("explain.pod.init.waits.next"), because: because(".command") })
        }
        Course::Stays | Course::Ends(_, LONG..) => {
            let why = msg!("explain.pod.init.stays", pod = name, container = own);
            let part = if container.command.is_empty() { ".image" } else { ".command" };
            Some(Advice { why, next: msg!("explain.pod.init.stays.next"), because: because(part) })
        }
        _ => None,
    }
}

/// A container that is not started: what the kubelet says of it, and the field that makes it so.
fn waits(cluster: &Cluster, pod: &Pod, container: &str, reason: &str) -> Advice {
    let name = &pod.metadata.name;
    let at = pod.spec.containers.iter().position(|own| own.name == container);
    let within = |part: &str| at.map_or_else(|| "spec.containers".to_string(), |at| format!("spec.containers[{at}]{part}"));
    let played = cluster.origin(&ObjectRef::of(pod)).is_none_or(|manifest| !manifest.is_dumped());
    let ends = at.and_then(|at| pod.spec.containers.get(at)).filter(|_| played && reason == "CrashLoopBackOff");
    if let Some(End { why, next, field: part, .. }) = ends.and_then(|own| end(pod, own, &cluster.store)) {
        return Advice { why, next, because: vec![field(pod, within(part))] };
    }
    let own = pod.status.container_statuses.iter().find(|status| status.name == container);
    // The container's own message names what is amiss, but for a back-off, which only says how long.
    let own = own.and_then(|status| status.state.waiting.as_ref()).map(|state| state.message.as_str());
    let own = own.filter(|message| reason != "CrashLoopBackOff" && !message.is_empty());
    let said = own.or_else(|| warned(cluster, pod, container, ""));
    let why = match said {
        Some(said) => msg!("explain.pod.waiting.said", pod = name, container = container, reason = reason, message = said),
        None => msg!("explain.pod.waiting", pod = name, container = container, reason = reason),
    };
    let said = said.unwrap_or_default();
    let forbidden =
        at.and_then(|at| pod.spec.containers.get(at)).filter(|_| said.contains("non-root") || said.contains("NonRoot"));
    if let Some(advice) = forbidden.and_then(|own| runs_as_root(pod, own, &within(""))) {
        return advice;
    }
    let own = at.and_then(|at| pod.spec.containers.get(at));
    let (next, path) = remedy(pod, container, own, (reason, said), &within);
    Advice { why, next, because: vec![field(pod, path)] }
}

/// What to try for a container that waits with a reason, of which the kubelet said something, and the field to look at. `within`:
/// the path of a part of the container.
fn remedy(
    pod: &Pod,
    name: &str,
    container: Option<&Container>,
    (reason, said): (&str, &str),
    within: &dyn Fn(&str) -> String,
) -> (Message, String) {
    match reason {
        "CreateContainerConfigError" => {
            let part = container.and_then(|own| reference(own, said));
            let next = msg!("explain.pod.waiting.config.next", namespace = pod.metadata.namespace);
            (next, within(part.as_deref().unwrap_or_default()))
        }
        "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull" => {
            (msg!("explain.pod.waiting.image.next"), within(".image"))
        }
        "CrashLoopBackOff" | "RunContainerError" if said.starts_with("Liveness") => {
            (guessed(pod, said).unwrap_or_else(|| msg!("explain.pod.waiting.probe.next")), within(".livenessProbe"))
        }
        "CrashLoopBackOff" | "RunContainerError" if said.starts_with("Startup") => {
            (guessed(pod, said).unwrap_or_else(|| msg!("explain.pod.waiting.probe.next")), within(".startupProbe"))
        }
        "CrashLoopBackOff" | "RunContainerError" if said.starts_with("PostStartHook") => {
            (msg!("explain.pod.waiting.hook.next"), within(".lifecycle.postStart"))
        }
        "CrashLoopBackOff" | "RunContainerError" => {
            (msg!("explain.pod.waiting.crash.next", pod = pod.metadata.name, container = name), within(""))
        }
        _ if said.contains("git-repo volume plugin") => (msg!("explain.pod.waiting.gitRepo.next"), volume(pod, said)),
        _ if said.contains("MountVolume") => {
            (msg!("explain.pod.waiting.volume.next", namespace = pod.metadata.namespace), volume(pod, said))
        }
        _ => (msg!("explain.pod.waiting.next", pod = pod.metadata.name), within("")),
    }
}

/// A container that is not to run as root would do so. `at`: its place in the Pod.
fn runs_as_root(pod: &Pod, container: &Container, at: &str) -> Option<Advice> {
    let breach = breach(pod, container)?;
    let (name, own, message) = (&pod.metadata.name, &container.name, &breach.message);
    let why = msg!("explain.pod.waiting.root", pod = name, container = own, message = message);
    let why = match breach.by_image {
        true => Message { id: "explain.pod.waiting.root.assumed".into(), ..why },
        false => why,
    };
    let place = if breach.of_container { at } else { "spec" };
    let because = vec![field(pod, format!("{place}.securityContext.{}", breach.field))];
    Some(Advice { why, next: msg!("explain.pod.waiting.root.next"), because })
}

/// The reference to a ConfigMap or Secret that the kubelet's message is about: `.env[0].valueFrom`.
fn reference(container: &Container, said: &str) -> Option<String> {
    // `configmap "settings" not found`, `couldn't find key color in ConfigMap default/settings`
    let about = |kind: &str, name: &str| {
        let missing = format!("{} \"{name}\" ", kind.to_lowercase());
        said.starts_with(&missing) || said.ends_with(&format!("/{name}")) && said.contains(kind)
    };
    let from = container.env_from.iter().position(|source| {
        let map = source.config_map_ref.as_ref().is_some_and(|own| about("ConfigMap", &own.name));
        map || source.secret_ref.as_ref().is_some_and(|own| about("Secret", &own.name))
    });
    let keyed = |from: &EnvVarSource| {
        let key = |own: &KeySelector| !said.contains("key ") || said.contains(&format!("key {} in", own.key));
        let map = from.config_map_key_ref.as_ref().is_some_and(|own| about("ConfigMap", &own.name) && key(own));
        map || from.secret_key_ref.as_ref().is_some_and(|own| about("Secret", &own.name) && key(own))
    };
    let variable = || container.env.iter().position(|own| own.value_from.as_ref().is_some_and(keyed));
    from.map(|at| format!(".envFrom[{at}]")).or_else(|| variable().map(|at| format!(".env[{at}].valueFrom")))
}

/// The volume that the kubelet's message is about.
fn volume(pod: &Pod, said: &str) -> String {
    let named = |volume: &serde_json::Value| {
        volume.get("name").and_then(serde_json::Value::as_str).is_some_and(|name| said.contains(&format!("volume \"{name}\"")))
    };
    pod.spec.volumes.iter().position(named).map_or_else(|| "spec.volumes".into(), |at| format!("spec.volumes[{at}]"))
}

/// The first readiness gate that keeps a Pod back whose containers are all ready.
fn closed_gate(pod: &Pod) -> Option<(usize, &str)> {
    let holds = |kind: &str| pod.status.conditions.iter().any(|own| own.type_ == kind && own.status == "True");
    let mut gates = pod.spec.readiness_gates.iter().map(|gate| gate.condition_type.as_str()).enumerate();
    gates.find(|(_, gate)| holds("ContainersReady") && !holds(gate))
}
