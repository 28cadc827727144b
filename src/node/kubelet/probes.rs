//! Probes against ports, as `pkg/kubelet/prober` and `pkg/probe` ask them; commands and HTTP paths are assumed to succeed. A probe first
//! asks when its initial delay is over, not at the next of its periods.

use super::is_ready;
use crate::api::core::{Container, HTTPGetAction, Pod, Probe};
use crate::api::meta::IntOrString;
use crate::api::typed::from_value;
use crate::msg;
use crate::node::images::{Listener, speaks_plain_http};
use crate::packet::Protocol;
use crate::words::Message;

/// For how many seconds after its start a container waits for its probes, if they succeed: until its startup probe is asked, and
/// until its readiness probe has been asked often enough, which is not before that.
pub fn probe_delays(container: &Container) -> (i64, i64) {
    let delay = |probe: &Option<Probe>| probe.as_ref().map_or(0, |probe| i64::from(probe.initial_delay_seconds.max(0)));
    let startup = delay(&container.startup_probe);
    let again = container
        .readiness_probe
        .as_ref()
        .map_or(0, |probe| i64::from(probe.success_threshold.max(1) - 1).saturating_mul(i64::from(probe.period_seconds.max(1))));
    (startup, startup.max(delay(&container.readiness_probe)).saturating_add(again))
}

/// How a probe ends that does not succeed, in the kubelet's words: `Readiness` and these.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeFailure {
    /// ` probe failed: …`: it counts against the container.
    Failed(String),
    /// ` probe errored and resulted in unknown state: …`: nothing was asked, and the container stays as it was.
    Errored(String),
}

/// How a probe fails; `None` when it succeeds or is assumed to.
pub fn probe_failure(
    probe: &Probe,
    (pod, container): (&Pod, &Container),
    ip: &str,
    listeners: &[Listener],
) -> Option<ProbeFailure> {
    let named = probe.http_get.as_ref().map(|get| &get.port).or(probe.tcp_socket.as_ref().map(|socket| &socket.port));
    let number = match named.map(|port| resolve_port(port, container)).transpose() {
        Ok(number) => number.unwrap_or(0),
        Err(why) => return Some(ProbeFailure::Errored(why)),
    };
    let on = |number: i32| listeners.iter().find(|l| i32::from(l.port) == number && l.protocol == Protocol::Tcp);
    // The kubelet calls from the node: what listens on 127.0.0.1 only does not answer it, and its own 127.0.0.1 is the node's.
    let answers = |number: i32, host: &str| match host == "localhost" || host.starts_with("127.") {
        true => pod.spec.host_network == Some(true) && on(number).is_some(),
        false if host.is_empty() || host == ip => on(number).is_some_and(|listener| !listener.loopback_only),
        false => true,
    };
    let why = if let Some(get) = &probe.http_get {
        let scheme = if get.scheme.is_empty() { "http".to_string() } else { get.scheme.to_lowercase() };
        let host = if get.host.is_empty() { ip } else { &get.host };
        let path = if get.path.starts_with('/') { get.path.clone() } else { format!("/{}", get.path) };
        let plain = scheme == "https" && on(number).is_some_and(|listener| speaks_plain_http(pod, listener));
        let why = match answers(number, &get.host) {
            true if plain => Some("http: server gave HTTP response to HTTPS client".to_string()),
            true => None,
            false => Some(format!("dial tcp {host}:{number}: connect: connection refused")),
        };
        why.map(|why| format!("Get \"{scheme}://{host}:{number}{path}\": {why}"))
    } else if let Some(socket) = &probe.tcp_socket {
        let host = if socket.host.is_empty() { ip } else { &socket.host };
        (!answers(number, &socket.host)).then(|| format!("dial tcp {host}:{number}: connect: connection refused"))
    } else {
        let grpc = probe.grpc.as_ref()?;
        (!answers(grpc.port, ""))
            .then(|| format!("timeout: failed to connect service \"{ip}:{}\" within 1s: context deadline exceeded", grpc.port))
    };
    why.map(ProbeFailure::Failed)
}

/// Whether a container's postStart hook fails, as `pkg/kubelet/lifecycle/handlers.go` runs it, with the program listening already. A
/// command is assumed to succeed; a TCP connection is no handler; an HTTPS request that meets plain HTTP is made again without TLS.
pub fn hook_failure((pod, container): (&Pod, &Container), ip: &str, listeners: &[Listener]) -> bool {
    let Some(hook) = container.lifecycle.get("postStart") else { return false };
    if hook.get("exec").is_some_and(|exec| !exec.is_null()) {
        return false;
    }
    let get = hook.get("httpGet").and_then(|get| from_value::<HTTPGetAction>(get).ok());
    match get {
        Some(get) => {
            let probe = Probe { http_get: Some(HTTPGetAction { scheme: "HTTP".into(), ..get }), ..Probe::default() };
            probe_failure(&probe, (pod, container), ip, listeners).is_some()
        }
        None => hook.get("tcpSocket").is_some_and(|socket| !socket.is_null()),
    }
}

/// The probe of a ready Pod that only a real program could answer: a command, or a path.
pub fn assumed_probe(pod: &Pod) -> Option<Message> {
    let kinds = |c: &Container| {
        let kinds =
            [("readinessProbe", &c.readiness_probe), ("startupProbe", &c.startup_probe), ("livenessProbe", &c.liveness_probe)];
        kinds.into_iter().find_map(|(kind, probe)| probe.as_ref().map(|probe| (kind, probe.clone())))
    };
    let assumed = |(kind, probe): (&'static str, Probe)| {
        let name = &pod.metadata.name;
        match (&probe.http_get, &probe.tcp_socket) {
            (Some(get), _) => {
                Some(msg!("assume.probe.http", pod = name, kind = kind, path = if get.path.is_empty() { "/" } else { &get.path }))
            }
            (None, None) => Some(msg!("assume.probe", pod = name, kind = kind)),
            _ => None,
        }
    };
    is_ready(pod).then(|| pod.spec.containers.iter().filter_map(kinds).find_map(assumed))?
}

/// `ResolveContainerPort` of `pkg/probe/util.go`, with its errors.
fn resolve_port(port: &IntOrString, container: &Container) -> Result<i32, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => match container.ports.iter().find(|port| port.name == *name) {
            Some(port) => port.container_port,
            None => name.parse().map_err(|_| format!("strconv.Atoi: parsing \"{name}\": invalid syntax"))?,
        },
    };
    if (1..65536).contains(&number) { Ok(number) } else { Err(format!("invalid port number: {number}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_of_a_port_where_nothing_listens_is_refused() {
        let probe: Probe = serde_json::from_str(r#"{"httpGet":{"path":"/healthz","port":"http"}}"#).unwrap();
        let container: Container =
            serde_json::from_str(r#"{"name":"web","ports":[{"name":"http","containerPort":8080}]}"#).unwrap();
        let failure = probe_failure(&probe, (&Pod::default(), &container), "10.244.1.2", &[]);
        let text = "Get \"http://10.244.1.2:8080/healthz\": dial tcp 10.244.1.2:8080: connect: connection refused";
        assert_eq!(failure, Some(ProbeFailure::Failed(text.into())));
        let exec: Probe = serde_json::from_str(r#"{"exec":{"command":["true"]}}"#).unwrap();
        assert_eq!(probe_failure(&exec, (&Pod::default(), &container), "10.244.1.2", &[]), None);
    }

    #[test]
    fn a_probe_of_a_port_name_that_the_container_does_not_have_asks_nobody() {
        let probe: Probe = serde_json::from_str(r#"{"tcpSocket":{"port":"web"}}"#).unwrap();
        let failure = probe_failure(&probe, (&Pod::default(), &Container::default()), "10.244.1.2", &[]);
        let text = "strconv.Atoi: parsing \"web\": invalid syntax";
        assert_eq!(failure, Some(ProbeFailure::Errored(text.into())));
    }
}
