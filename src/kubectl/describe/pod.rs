//! Pods, and the Pod templates of workloads.

use super::volumes::{mounts, resources, volumes};
use super::{Page, or_none, written_date};
use crate::api::ObjectRef;
use crate::api::core::{
    Container, ContainerPort, ContainerState, ContainerStatus, EnvVar, EnvVarSource, Pod, PodTemplateSpec, Probe, Toleration,
};
use crate::api::meta::LabelSelector;
use crate::api::quantity::Quantity;
use crate::control_plane::apiserver::complete;
use crate::kubectl::printers::{age, label_selector};
use serde_json::Value;

pub(super) fn pod(page: &mut Page, pod: &Pod) {
    let (meta, spec, status) = (&pod.metadata, &pod.spec, &pod.status);
    let whole = complete(page.cluster, &ObjectRef::of(pod)).unwrap_or_default();
    page.name_and_namespace(meta);
    if let Some(priority) = priority(&whole["spec"]) {
        page.line(format!("Priority:\t{priority}"));
    }
    if !spec.priority_class_name.is_empty() {
        page.line(format!("Priority Class Name:\t{}", spec.priority_class_name));
    }
    if let Some(class) = spec.runtime_class_name.as_ref().filter(|class| !class.is_empty()) {
        page.line(format!("Runtime Class Name:\t{class}"));
    }
    if let Some(account) = whole["spec"]["serviceAccountName"].as_str().filter(|account| !account.is_empty()) {
        page.line(format!("Service Account:\t{account}"));
    }
    let node = if spec.node_name.is_empty() { "<none>".into() } else { format!("{}/{}", spec.node_name, status.host_ip) };
    page.line(format!("Node:\t{node}"));
    if status.start_time.is_some() {
        page.line(format!("Start Time:\t{}", written_date(status.start_time.as_deref())));
    }
    page.labels_and_annotations(meta);
    match meta.deletion_timestamp.as_deref().filter(|_| !matches!(status.phase.as_str(), "Failed" | "Succeeded")) {
        Some(since) => {
            page.line(format!("Status:\tTerminating (lasts {})", age(Some(since), page.cluster.clock())));
            page.line(format!("Termination Grace Period:\t{}s", meta.deletion_grace_period_seconds.unwrap_or(30)));
        }
        None => page.line(format!("Status:\t{}", status.phase)),
    }
    for (label, text) in [("Reason", &status.reason), ("Message", &status.message)] {
        if !text.is_empty() {
            page.line(format!("{label}:\t{text}"));
        }
    }
    page.line(format!("IP:\t{}", status.pod_ip));
    page.line(if status.pod_ips.is_empty() { "IPs:\t<none>" } else { "IPs:" });
    status.pod_ips.iter().for_each(|at| page.line(format!("  IP:\t{}", at.ip)));
    page.controlled_by(meta);
    if !spec.init_containers.is_empty() {
        containers(page, "Init Containers", "", &spec.init_containers, &whole["spec"]["initContainers"], Some(pod));
    }
    containers(page, "Containers", "", &spec.containers, &whole["spec"]["containers"], Some(pod));
    conditions(page, pod);
    volumes(page, &whole["spec"], "");
    page.line(format!("QoS Class:\t{}", whole["status"]["qosClass"].as_str().unwrap_or_default()));
    page.labels("Node-Selectors", &spec.node_selector);
    tolerations(page, "Tolerations", &spec.tolerations);
    topology_spread(page, "", &spec.topology_spread_constraints);
    page.events(pod);
}

/// What the admission plugin Priority writes; of a class of the text's own, the number is not played.
fn priority(spec: &Value) -> Option<i64> {
    let class = spec["priorityClassName"].as_str().unwrap_or_default();
    spec["priority"].as_i64().or(match class {
        "" => Some(0),
        "system-cluster-critical" => Some(2_000_000_000),
        "system-node-critical" => Some(2_000_001_000),
        _ => None,
    })
}

fn conditions(page: &mut Page, pod: &Pod) {
    let conditions = &pod.status.conditions;
    if !pod.spec.readiness_gates.is_empty() {
        page.line("Readiness Gates:\n  Type\tStatus");
    }
    for gate in &pod.spec.readiness_gates {
        let status = conditions.iter().find(|condition| condition.type_ == gate.condition_type);
        page.line(format!("  {} \t{} ", gate.condition_type, status.map_or("<none>", |condition| condition.status.as_str())));
    }
    if !conditions.is_empty() {
        page.line("Conditions:\n  Type\tStatus");
    }
    conditions.iter().for_each(|condition| page.line(format!("  {} \t{} ", condition.type_, condition.status)));
}

/// The template of a workload.
pub(super) fn template(page: &mut Page, owner: &ObjectRef, template: &PodTemplateSpec) {
    let whole = complete(page.cluster, owner).map(|whole| whole["spec"]["template"]["spec"].clone()).unwrap_or_default();
    page.line("Pod Template:");
    page.labels("  Labels", &template.metadata.labels);
    if !template.metadata.annotations.is_empty() {
        page.annotations("  Annotations", &template.metadata.annotations);
    }
    if !template.spec.service_account_name.is_empty() {
        page.line(format!("  Service Account:\t{}", template.spec.service_account_name));
    }
    if !template.spec.init_containers.is_empty() {
        containers(page, "Init Containers", "  ", &template.spec.init_containers, &whole["initContainers"], None);
    }
    containers(page, "Containers", "  ", &template.spec.containers, &whole["containers"], None);
    volumes(page, &whole, "  ");
    topology_spread(page, "  ", &template.spec.topology_spread_constraints);
    if !template.spec.priority_class_name.is_empty() {
        page.line(format!("  Priority Class Name:\t{}", template.spec.priority_class_name));
    }
    page.labels("  Node-Selectors", &template.spec.node_selector);
    tolerations(page, "  Tolerations", &template.spec.tolerations);
}

/// `whole`: the same containers with what the store does not keep of them.
fn containers(page: &mut Page, label: &str, space: &str, containers: &[Container], whole: &Value, pod: Option<&Pod>) {
    page.line(format!("{space}{label}:{}", if containers.is_empty() { " <none>" } else { "" }));
    let name_indent = if space.is_empty() { "" } else { " " };
    for (at, container) in containers.iter().enumerate() {
        page.line(format!("  {name_indent}{}:", container.name));
        let statuses =
            pod.into_iter().flat_map(|pod| pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses));
        let status = { statuses }.find(|status| status.name == container.name);
        // Nothing gives containers and images an id here; kubectl shows the labels all the same.
        status.iter().for_each(|_| page.line("    Container ID:\t"));
        page.line(format!("    Image:\t{}", container.image));
        status.iter().for_each(|_| page.line("    Image ID:\t"));
        let number = |port: &ContainerPort| port.container_port;
        ports(page, "Port", &container.ports, number);
        ports(page, "Host Port", &container.ports, |port| port.host_port.unwrap_or_default());
        words(page, "Command", &container.command);
        words(page, "Args", &container.args);
        if let Some(status) = status {
            state(page, status);
        }
        resources(page, &whole[at]);
        let probes = [
            ("Liveness", &container.liveness_probe),
            ("Readiness", &container.readiness_probe),
            ("Startup", &container.startup_probe),
        ];
        for (label, asked) in probes {
            asked.iter().for_each(|asked| page.line(format!("    {label}:\t{}", probe(asked))));
        }
        environment(page, container, pod);
        mounts(page, &whole[at]);
    }
}

fn ports(page: &mut Page, label: &str, ports: &[ContainerPort], number: fn(&ContainerPort) -> i32) {
    let one = |port: &ContainerPort| {
        let name = if port.name.is_empty() { String::new() } else { format!(" ({})", port.name) };
        format!("{}/{}{name}", number(port), port.protocol)
    };
    let list = ports.iter().map(one).collect::<Vec<_>>().join(", ");
    let plural = if list.contains(',') { "s" } else { "" };
    page.line(format!("    {label}{plural}:\t{}", or_none(list)));
}

fn words(page: &mut Page, label: &str, words: &[String]) {
    if !words.is_empty() {
        page.line(format!("    {label}:"));
    }
    words.iter().flat_map(|word| word.split('\n')).for_each(|line| page.line(format!("      {line}")));
}

fn state(page: &mut Page, status: &ContainerStatus) {
    one_state(page, "State", &status.state);
    if status.last_state.terminated.is_some() {
        one_state(page, "Last State", &status.last_state);
    }
    page.line(format!("    Ready:\t{}", if status.ready { "True" } else { "False" }));
    page.line(format!("    Restart Count:\t{}", status.restart_count));
}

fn one_state(page: &mut Page, title: &str, state: &ContainerState) {
    match (&state.running, &state.waiting, &state.terminated) {
        (Some(running), ..) => {
            page.line(format!("    {title}:\tRunning"));
            page.line(format!("      Started:\t{}", written_date(running.started_at.as_deref())));
        }
        (None, None, Some(ended)) => {
            page.line(format!("    {title}:\tTerminated"));
            for (label, text) in [("Reason", &ended.reason), ("Message", &ended.message)] {
                if !text.is_empty() {
                    page.line(format!("      {label}:\t{text}"));
                }
            }
            page.line(format!("      Exit Code:\t{}", ended.exit_code));
            if ended.signal > 0 {
                page.line(format!("      Signal:\t{}", ended.signal));
            }
            page.line(format!("      Started:\t{}", written_date(ended.started_at.as_deref())));
            page.line(format!("      Finished:\t{}", written_date(ended.finished_at.as_deref())));
        }
        (None, waiting, _) => {
            page.line(format!("    {title}:\tWaiting"));
            let reason = waiting.as_ref().map_or("", |waiting| waiting.reason.as_str());
            if !reason.is_empty() {
                page.line(format!("      Reason:\t{reason}"));
            }
        }
    }
}

fn probe(probe: &Probe) -> String {
    let attributes = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        probe.initial_delay_seconds,
        probe.timeout_seconds,
        probe.period_seconds,
        probe.success_threshold,
        probe.failure_threshold
    );
    format!("{} {attributes}", probe.asks())
}

fn environment(page: &mut Page, container: &Container, pod: Option<&Pod>) {
    if !container.env_from.is_empty() {
        page.line("    Environment Variables from:");
    }
    for source in &container.env_from {
        let map = source.config_map_ref.as_ref().map(|from| ("ConfigMap", from));
        let (kind, from) = map.or(source.secret_ref.as_ref().map(|from| ("Secret", from))).unzip();
        let (kind, from) = (kind.unwrap_or_default(), from.cloned().unwrap_or_default());
        let prefix = if source.prefix.is_empty() { String::new() } else { format!(" with prefix '{}'", source.prefix) };
        page.line(format!("      {}\t{kind}{prefix}\tOptional: {}", from.name, from.optional == Some(true)));
    }
    page.line(if container.env.is_empty() { "    Environment:\t<none>" } else { "    Environment:" });
    for variable in &container.env {
        match &variable.value_from {
            Some(source) => from_elsewhere(page, variable, source, (container, pod)),
            None => {
                for (at, line) in variable.value.split('\n').enumerate() {
                    let name = if at == 0 { format!("{}:", variable.name) } else { String::new() };
                    page.line(format!("      {name}\t{line}"));
                }
            }
        }
    }
}

fn from_elsewhere(page: &mut Page, variable: &EnvVar, source: &EnvVarSource, (container, pod): (&Container, Option<&Pod>)) {
    let name = &variable.name;
    if let Some(field) = &source.field_ref {
        let value = pod.map(|pod| field_of(pod, &field.field_path)).unwrap_or_default();
        page.line(format!("      {name}:\t{value} (v1:{})", field.field_path));
    } else if let Some(resource) = source.resource_field_ref.get("resource").and_then(Value::as_str) {
        let value = amount_of(container, resource, &source.resource_field_ref["divisor"]);
        page.line(format!("      {name}:\t{value} ({resource})"));
    } else if let Some(key) = &source.secret_key_ref {
        let optional = key.optional == Some(true);
        page.line(format!("      {name}:\t<set to the key '{}' in secret '{}'>\tOptional: {optional}", key.key, key.name));
    } else if let Some(key) = &source.config_map_key_ref {
        let optional = key.optional == Some(true);
        page.line(format!("      {name}:\t<set to the key '{}' of config map '{}'>\tOptional: {optional}", key.key, key.name));
    }
}

/// `ExtractContainerResourceValue` of `k8s.io/kubectl/pkg/util/resource`: in units of the divisor, rounded up. kubectl looks at the
/// container itself, whichever one the reference names.
fn amount_of(container: &Container, resource: &str, divisor: &Value) -> String {
    let Some((part, what)) = resource.split_once('.') else { return String::new() };
    if !matches!(part, "limits" | "requests") {
        return String::new();
    }
    let amount = container.resources.get(part).and_then(|own| Quantity::of(own.get(what)?)).map_or(0, |own| own.thousandths());
    let unit = Quantity::of(divisor).map(|own| own.thousandths()).filter(|unit| *unit != 0).unwrap_or(1000);
    match (amount, what, part) {
        (0, "cpu" | "memory", "limits") => "node allocatable".into(),
        _ => (amount.saturating_add(unit - 1) / unit).to_string(),
    }
}

/// A field by its path; kubectl leaves those out that only the node knows.
fn field_of(pod: &Pod, path: &str) -> String {
    match path {
        "metadata.name" => pod.metadata.name.clone(),
        "metadata.namespace" => pod.metadata.namespace.clone(),
        "metadata.uid" => pod.metadata.uid.clone(),
        _ => String::new(),
    }
}

/// `describeTopologySpreadConstraints`
fn topology_spread(page: &mut Page, space: &str, constraints: &[Value]) {
    let key = |own: &&Value| own["topologyKey"].as_str().unwrap_or_default().to_string();
    let mut sorted: Vec<&Value> = constraints.iter().collect();
    sorted.sort_by_key(key);
    for (at, own) in sorted.iter().enumerate() {
        let title = if at == 0 { "Topology Spread Constraints:" } else { "" };
        let (unsatisfiable, skew) = (own["whenUnsatisfiable"].as_str().unwrap_or_default(), own["maxSkew"].as_i64().unwrap_or(0));
        let selector = serde_json::from_value::<LabelSelector>(own["labelSelector"].clone()).ok();
        let selector = selector.map(|own| format!(" for selector {}", label_selector(&own))).unwrap_or_default();
        page.line(format!("{space}{title}\t{}:{unsatisfiable} when max skew {skew} is exceeded{selector}", key(own)));
    }
}

fn tolerations(page: &mut Page, title: &str, tolerations: &[Toleration]) {
    let mut sorted: Vec<&Toleration> = tolerations.iter().collect();
    sorted.sort_by_key(|toleration| &toleration.key);
    let one = |toleration: &&Toleration| {
        let mut text = toleration.key.clone();
        if !toleration.value.is_empty() {
            text.push_str(&format!("={}", toleration.value));
        }
        if !toleration.effect.is_empty() {
            text.push_str(&format!(":{}", toleration.effect));
        }
        if toleration.operator == "Exists" && toleration.value.is_empty() {
            text.push_str(if text.is_empty() { "op=Exists" } else { " op=Exists" });
        }
        if let Some(seconds) = toleration.toleration_seconds {
            text.push_str(&format!(" for {seconds}s"));
        }
        text
    };
    page.list(title, &sorted.iter().map(one).collect::<Vec<_>>());
}
