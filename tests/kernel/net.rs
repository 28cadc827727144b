//! A cluster of network namespaces: a node each, a Pod each, an edge router, a client outside.

use super::cases::Case;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
const EDGE: &str = "kubehop-edge";
const OUTSIDE: &str = "kubehop-outside";

/// What came of one connection: verdict, Pod's address and port, source as the Pod saw it.
type Fate = (String, String, String);

struct Pod {
    app: String,
    name: String,
    node: String,
    ip: String,
}

/// A running cluster; dropping it removes what it made.
pub struct Lab {
    manifest: String,
    mode: String,
    pods: Vec<Pod>,
    services: BTreeMap<String, String>,
    servers: Vec<Child>,
}

/// What this machine lacks, if anything.
pub fn missing_tool() -> Option<String> {
    for tool in ["ip", "iptables-restore", "nft", "sysctl"] {
        if Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            return Some(format!("the command {tool}"));
        }
    }
    let probe = run(&["ip", "netns", "add", "kubehop-probe"]);
    let _ = run(&["ip", "netns", "del", "kubehop-probe"]);
    if let Err(why) = probe {
        return Some(format!("the right to make network namespaces ({})", why.trim()));
    }
    let bridges = std::path::Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables").exists();
    (!bridges).then(|| "the kernel module br_netfilter".to_string())
}

fn run(words: &[&str]) -> Result<String, String> {
    let output = Command::new(words[0]).args(&words[1..]).output().map_err(|error| format!("{words:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr)))
}

/// Runs lines of a small script; words are split at spaces.
fn script(lines: &str) -> Result<(), String> {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        run(&line.split_whitespace().collect::<Vec<_>>())?;
    }
    Ok(())
}

fn kubehop(words: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_kubehop")).args(words).output().map_err(|error| error.to_string())?;
    match output.status.code() {
        Some(0 | 1) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => Err(format!("kubehop {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr))),
    }
}

fn items(text: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(text).unwrap_or_default();
    list["items"].as_array().cloned().unwrap_or_default()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

impl Lab {
    /// Builds the cluster of a manifest in `tests/kernel/` and loads every node's rules.
    pub fn build(manifest: &str, mode: &str) -> Result<Lab, String> {
        remove_namespaces();
        let manifest = format!("tests/kernel/{manifest}");
        let read_pod = |pod: &Value| Pod {
            app: word(&pod["metadata"]["labels"]["app"]),
            name: word(&pod["metadata"]["name"]),
            node: word(&pod["spec"]["nodeName"]),
            ip: word(&pod["status"]["podIP"]),
        };
        let pods = items(&kubehop(&["get", "pods", "-n", "default", "-o", "json", "-f", &manifest])?);
        let services = items(&kubehop(&["get", "services", "-n", "default", "-o", "json", "-f", &manifest])?);
        let services = services.iter().map(|service| (word(&service["metadata"]["name"]), word(&service["spec"]["clusterIP"])));
        let mut lab = Lab {
            mode: mode.to_string(),
            pods: pods.iter().map(read_pod).collect(),
            services: services.collect(),
            servers: Vec::new(),
            manifest,
        };
        lab.wires()?;
        for (at, pod) in lab.pods.iter().enumerate() {
            pod_namespace(at, pod)?;
        }
        lab.start_servers()?;
        for node in NODES {
            lab.load_rules(node)?;
        }
        Ok(lab)
    }

    fn wires(&self) -> Result<(), String> {
        script(&format!(
            "ip netns add {EDGE}
             ip netns add {OUTSIDE}
             ip -n {EDGE} link set lo up
             ip -n {EDGE} link add br0 type bridge
             ip -n {EDGE} addr add 10.0.0.1/24 dev br0
             ip -n {EDGE} link set br0 up
             ip netns exec {EDGE} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0 net.ipv4.conf.all.rp_filter=0
             ip -n {EDGE} route add blackhole 10.96.0.0/16
             ip -n {EDGE} route add blackhole 10.244.0.0/16
             ip -n {EDGE} route add blackhole 192.0.2.0/24
             ip link add wan0 netns {EDGE} type veth peer name eth0 netns {OUTSIDE}
             ip -n {EDGE} addr add 203.0.113.1/24 dev wan0
             ip -n {EDGE} link set wan0 up
             ip -n {OUTSIDE} link set lo up
             ip -n {OUTSIDE} addr add 203.0.113.50/24 dev eth0
             ip -n {OUTSIDE} link set eth0 up
             ip -n {OUTSIDE} route add default via 203.0.113.1"
        ))?;
        for (at, node) in NODES.iter().enumerate() {
            let (space, number) = (format!("kubehop-{node}"), at + 1);
            script(&format!(
                "ip netns add {space}
                 ip link add {node} netns {EDGE} type veth peer name eth0 netns {space}
                 ip -n {EDGE} link set {node} master br0
                 ip -n {EDGE} link set {node} up
                 ip -n {space} link set lo up
                 ip -n {space} addr add 10.0.0.{}/24 dev eth0
                 ip -n {space} link set eth0 up
                 ip -n {space} link add cni0 type bridge
                 ip -n {space} addr add 10.244.{number}.1/24 dev cni0
                 ip -n {space} link set cni0 up
                 ip -n {space} route add default via 10.0.0.1
                 ip netns exec {space} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0 net.ipv4.conf.all.rp_filter=0
                 ip netns exec {space} sysctl -qw net.bridge.bridge-nf-call-iptables=1",
                10 + number
            ))?;
            for other in (1..=NODES.len()).filter(|other| *other != number) {
                script(&format!("ip -n {space} route add 10.244.{other}.0/24 via 10.0.0.{}", 10 + other))?;
            }
            if self.mode == "iptables" {
                script(&format!("ip netns exec {space} sysctl -qw net.ipv4.conf.all.route_localnet=1"))?;
            }
        }
        Ok(())
    }

    fn start_servers(&mut self) -> Result<(), String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        for (at, pod) in self.pods.iter().enumerate() {
            let listener = match pod.app.as_str() {
                "web" => format!("tcp/{}:80", pod.ip),
                "names" => format!("udp/{}:53", pod.ip),
                _ => continue,
            };
            let mut server = Command::new("ip")
                .args(["netns", "exec", &format!("kubehop-pod-{at}")])
                .arg(&program)
                .args(["serve", &listener])
                .stdout(Stdio::piped())
                .spawn()
                .map_err(|error| error.to_string())?;
            let output = server.stdout.take().ok_or("no output")?;
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
            self.servers.push(server);
        }
        Ok(())
    }

    fn load_rules(&self, node: &str) -> Result<(), String> {
        let rules = kubehop(&["rules", "--node", node, "--mode", &self.mode, "-f", &self.manifest])?;
        let loader: &[&str] = if self.mode == "iptables" { &["iptables-restore", "--noflush"] } else { &["nft", "-f", "-"] };
        let mut child = Command::new("ip")
            .args(["netns", "exec", &format!("kubehop-{node}")])
            .args(loader)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        child.stdin.take().ok_or("no input")?.write_all(rules.as_bytes()).map_err(|error| error.to_string())?;
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{} refused {node}'s rules: {}", loader[0], String::from_utf8_lossy(&output.stderr)))
    }

    fn pod(&self, label: &str) -> Result<(usize, &Pod), String> {
        let (app, node) = label.split_once('@').unwrap_or((label, ""));
        let found = self.pods.iter().enumerate().find(|(_, pod)| pod.app == app && (node.is_empty() || pod.node == node));
        found.ok_or_else(|| format!("no Pod {label} in {}", self.manifest))
    }

    fn target(&self, text: &str) -> Result<String, String> {
        let Some((before, rest)) = text.split_once('{') else { return Ok(text.to_string()) };
        let (name, after) = rest.split_once('}').ok_or("an open brace")?;
        let address = match name.strip_prefix("pod:") {
            Some(label) => self.pod(label)?.1.ip.clone(),
            None => self.services.get(name).cloned().ok_or_else(|| format!("no Service {name}"))?,
        };
        Ok(format!("{before}{address}{after}"))
    }

    /// Compares one case: what the kernel did with what the trace says.
    pub fn compare(&self, case: &Case) -> Result<(), String> {
        let target = self.target(case.target)?;
        let said = self.said(case, &target)?;
        let done = self.done(case, &target)?;
        let verdicts = |fates: &BTreeSet<Fate>| fates.iter().map(|fate| fate.0.clone()).collect::<BTreeSet<_>>();
        let same = if case.sticky { verdicts(&said) == verdicts(&done) && said.len() == done.len() } else { said == done };
        if same { Ok(()) } else { Err(format!("{target} from {}\n    kubehop: {said:?}\n    kernel:  {done:?}", case.from)) }
    }

    fn said(&self, case: &Case, target: &str) -> Result<BTreeSet<Fate>, String> {
        let from = match case.from.strip_prefix("pod:") {
            Some(label) => format!("pod/default/{}", self.pod(label)?.1.name),
            None => case.from.to_string(),
        };
        let count = if case.count == 1 { "4" } else { "80" };
        let mut words = vec!["trace", target, "--from", &from, "--count", count, "-o", "json", "--mode", &self.mode];
        words.extend(["-f", &self.manifest]);
        if let Some(node) = case.via {
            words.extend(["--via", node]);
        }
        let text = kubehop(&words)?;
        let fate = |line: &str| {
            let trace: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
            Ok((word(&trace["verdict"]), word(&trace["podIP"]), word(&trace["sourceSeenByPod"])))
        };
        let fates = text.lines().map(fate).collect::<Result<BTreeSet<Fate>, String>>()?;
        // Only a delivered request is seen by a Pod from the client's side of the wire.
        Ok(fates
            .into_iter()
            .map(|fate| if fate.0 == "delivered" { fate } else { (fate.0, String::new(), String::new()) })
            .collect())
    }

    fn done(&self, case: &Case, target: &str) -> Result<BTreeSet<Fate>, String> {
        let space = match case.from.split_once([':', '/']) {
            Some(("pod", label)) => format!("kubehop-pod-{}", self.pod(label)?.0),
            Some((_, node)) => format!("kubehop-{node}"),
            None => OUTSIDE.to_string(),
        };
        let (protocol, address) = target.split_once("://").unwrap_or(("tcp", target));
        let ip = address.split(':').next().unwrap_or_default();
        if let Some(node) = case.via {
            let number: usize = node.trim_start_matches("node-").parse().map_err(|_| "not a node")?;
            script(&format!("ip -n {EDGE} route add {ip}/32 via 10.0.0.{}", 10 + number))?;
        }
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let program = program.to_string_lossy();
        let count = case.count.to_string();
        let output = run(&["ip", "netns", "exec", &space, &program, "connect", protocol, address, &count]);
        if case.via.is_some() {
            script(&format!("ip -n {EDGE} route del {ip}/32"))?;
        }
        let fate = |line: &str| {
            let mut words = line.split_whitespace().map(str::to_string);
            let (verdict, pod, _, source) = (words.next(), words.next(), words.next(), words.next());
            (verdict.unwrap_or_default(), pod.unwrap_or_default(), source.unwrap_or_default())
        };
        Ok(output?.lines().map(fate).collect())
    }
}

fn pod_namespace(at: usize, pod: &Pod) -> Result<(), String> {
    let (space, node) = (format!("kubehop-pod-{at}"), format!("kubehop-{}", pod.node));
    let gateway = format!("{}.1", pod.ip.rsplit_once('.').ok_or("a Pod without an address")?.0);
    script(&format!(
        "ip netns add {space}
         ip link add pod{at} netns {node} type veth peer name eth0 netns {space}
         ip -n {node} link set pod{at} master cni0
         ip -n {node} link set pod{at} type bridge_slave hairpin on
         ip -n {node} link set pod{at} up
         ip -n {space} link set lo up
         ip -n {space} addr add {}/24 dev eth0
         ip -n {space} link set eth0 up
         ip -n {space} route add default via {gateway}",
        pod.ip
    ))
}

fn remove_namespaces() {
    let Ok(list) = run(&["ip", "netns", "list"]) else { return };
    for name in list.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| name.starts_with("kubehop-")) {
        // One that is gone already needs no removing.
        let _ = run(&["ip", "netns", "del", name]);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        remove_namespaces();
    }
}
