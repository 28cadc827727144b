//! A container: its program, ports, environment and probes, and what the kubelet reports of it.

use crate::api::meta::IntOrString;
use serde::{Deserialize, Serialize};

/// One program in a Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Unique in the Pod.
    pub name: String,
    /// `nginx:1.27`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Replaces the image's entry point.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Replaces the image's arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Named ports; they open nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ContainerPort>,
    /// Environment variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Whole ConfigMaps and Secrets as variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env_from: Vec<EnvFromSource>,
    /// `Always`, `IfNotPresent` or `Never`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image_pull_policy: String,
    /// Which volumes stand where in its files, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<serde_json::Value>,
    /// As whom its program runs, as written.
    #[serde(skip_serializing_if = "serde_json::Value::is_null", deserialize_with = "unless_empty")]
    pub security_context: serde_json::Value,
    /// What it asks of its node, as written.
    #[serde(skip_serializing_if = "serde_json::Value::is_null", deserialize_with = "unless_empty")]
    pub resources: serde_json::Value,
    /// What is done after its start and before its end, as written.
    #[serde(skip_serializing_if = "serde_json::Value::is_null", deserialize_with = "unless_empty")]
    pub lifecycle: serde_json::Value,
    /// Its program can be typed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<bool>,
    /// It stands before a terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<bool>,
    /// `Always` makes an init container a sidecar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<String>,
    /// When the Pod may receive traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,
    /// When it is restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Probe>,
    /// Holds the others back until it succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Probe>,
}

impl Container {
    /// Of an init container: whether it runs on beside the others.
    pub fn is_sidecar(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }
}

/// A value kept as written; one that is empty says nothing.
pub(super) fn unless_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<serde_json::Value, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty);
    Ok(if is_empty { serde_json::Value::Null } else { value })
}

/// A port that a container says it has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// What a Service's targetPort may say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// 1 to 65535.
    pub container_port: i32,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// Port on the node, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port: Option<i32>,
    /// Address on the node.
    #[serde(rename = "hostIP")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host_ip: String,
}

/// An environment variable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value; `$(NAME)` is replaced.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Where else the value comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvVarSource>,
}

/// Where a variable's value comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvVarSource {
    /// A field of the Pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_ref: Option<ObjectFieldSelector>,
    /// A key of a ConfigMap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeySelector>,
    /// A key of a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeySelector>,
    /// An amount that a container asks for, or may use.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub resource_field_ref: serde_json::Value,
}

/// A field of the Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectFieldSelector {
    /// `status.podIP`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field_path: String,
}

/// A key of a ConfigMap or Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeySelector {
    /// The object.
    pub name: String,
    /// The key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// May be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// A whole ConfigMap or Secret as variables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvFromSource {
    /// Put before each key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// A ConfigMap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<EnvFromRef>,
    /// A Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<EnvFromRef>,
}

/// The object of an [`EnvFromSource`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvFromRef {
    /// Its name.
    pub name: String,
    /// May be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// How the kubelet asks a container for its state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// By an HTTP request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HTTPGetAction>,
    /// By a TCP connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_socket: Option<TCPSocketAction>,
    /// By a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecAction>,
    /// By a gRPC health check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GRPCAction>,
    /// Seconds to wait first.
    pub initial_delay_seconds: i32,
    /// 1 by default.
    pub timeout_seconds: i32,
    /// 10 by default.
    pub period_seconds: i32,
    /// 1 by default.
    pub success_threshold: i32,
    /// 3 by default.
    pub failure_threshold: i32,
}

impl Probe {
    /// What it asks, as `kubectl describe` prints it (`describe.go`, `DescribeProbe`).
    pub fn asks(&self) -> String {
        let http =
            |get: &HTTPGetAction| format!("http-get {}://{}:{}{}", get.scheme.to_lowercase(), get.host, get.port, get.path);
        match (&self.exec, &self.http_get, &self.tcp_socket, &self.grpc) {
            (Some(exec), ..) => format!("exec [{}]", exec.command.join(" ")),
            (_, Some(get), ..) => http(get),
            (_, _, Some(tcp), _) => format!("tcp-socket {}:{}", tcp.host, tcp.port),
            (.., Some(grpc)) => format!("grpc <pod>:{} {}", grpc.port, grpc.service.as_deref().unwrap_or_default()),
            _ => "unknown".into(),
        }
    }
}

/// A probe by HTTP.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HTTPGetAction {
    /// `/` by default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Number or name.
    pub port: IntOrString,
    /// The Pod's address by default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// `HTTP` or `HTTPS`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scheme: String,
}

/// A probe by TCP.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TCPSocketAction {
    /// Number or name.
    pub port: IntOrString,
    /// The Pod's address by default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
}

/// A probe by a command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecAction {
    /// The command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

/// A probe by gRPC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GRPCAction {
    /// Its port.
    pub port: i32,
    /// Its service name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// What the kubelet reports of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// The container.
    pub name: String,
    /// Its readiness probe succeeds.
    pub ready: bool,
    /// Its startup probe has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<bool>,
    /// Starts after the first.
    pub restart_count: i32,
    /// The image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Running, waiting or terminated.
    pub state: ContainerState,
    /// How the run before ended.
    #[serde(skip_serializing_if = "is_default")]
    pub last_state: ContainerState,
    /// After how many edits it was started: tells what it found there. Not of the API.
    #[serde(skip)]
    pub since: u64,
    /// It has ended before others of its Pod, which is Terminating: its kubelet does not say so before the last one has. Not of the API.
    #[serde(skip)]
    pub ended: bool,
}

impl ContainerStatus {
    /// Whether its program is known not to run.
    pub fn is_stopped(&self) -> bool {
        self.ended || self.state.waiting.is_some() || self.state.terminated.is_some()
    }
}

fn is_default(state: &ContainerState) -> bool {
    *state == ContainerState::default()
}

/// One of three.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerState {
    /// It runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<ContainerStateRunning>,
    /// It does not run yet, or not any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<ContainerStateWaiting>,
    /// It has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminated: Option<ContainerStateTerminated>,
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStateTerminated {
    /// 0: well.
    pub exit_code: i32,
    /// The signal that ended it; 0: none.
    pub signal: i32,
    /// `Completed`, `Error`, `OOMKilled`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
}

/// Since when a container runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStateRunning {
    /// RFC 3339, virtual time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
}

/// Why a container does not run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStateWaiting {
    /// `CrashLoopBackOff` and so on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}
