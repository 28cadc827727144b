//! A cluster of network namespaces: a node each, a Pod each, an edge router, a client outside.

mod compare;

use super::cases::Case;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
const EDGE: &str = "kubehop-edge";
const OUTSIDE: &str = "kubehop-outside";

struct Pod {
    app: String,
    /// The namespace that it runs in: its own, or its node's.
    space: String,
    name: String,
    node: String,
    ip: String,
    /// Ports of its node that belong to it: protocol, address of the node or nothing, port, own port.
    host_ports: Vec<(String, String, u64, u64)>,
}

/// A running cluster; dropping it removes what it made.
pub struct Lab {
    manifest: String,
    /// Words that every call of the command line ends with.
    cluster: Vec<String>,
    mode: String,
    pods: Vec<Pod>,
    /// ClusterIPs by name, and load balancers' addresses by `lb:` and name.
    services: BTreeMap<String, String>,
    /// By the name of their Pod.
    servers: Vec<(String, Child)>,
}

/// A server in the world outside.
const SERVER: &str = "192.0.2.80";

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

fn host_ports(pod: &Value) -> Vec<(String, String, u64, u64)> {
    let containers = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let ports = containers.iter().flat_map(|container| container["ports"].as_array().cloned().unwrap_or_default());
    let read = |port: Value| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP").to_lowercase();
        Some((protocol, word(&port["hostIP"]), port["hostPort"].as_u64()?, port["containerPort"].as_u64()?))
    };
    ports.filter_map(read).collect()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

impl Lab {
    /// Builds the cluster of a manifest in `tests/kernel/`, with the settings beside it, after some events, and loads every node's
    /// rules.
    pub fn build(manifest: &str, events: &[&str], mode: &str) -> Result<Lab, String> {
        remove_namespaces();
        let manifest = format!("tests/kernel/{manifest}");
        let settings = manifest.replace(".yaml", ".cluster.yaml");
        let mut cluster = vec!["-f".to_string(), manifest.clone()];
        if std::path::Path::new(&settings).exists() {
            cluster.extend(["--cluster".to_string(), settings]);
        }
        cluster.extend(events.iter().flat_map(|event| ["--event".to_string(), event.to_string()]));
        let mut lab =
            Lab { mode: mode.to_string(), pods: Vec::new(), services: BTreeMap::new(), servers: Vec::new(), manifest, cluster };
        lab.read_cluster()?;
        lab.wires()?;
        for (at, pod) in lab.pods.iter().enumerate() {
            if pod.space != format!("kubehop-{}", pod.node) {
                pod_namespace(at, pod)?;
            }
        }
        lab.start_servers()?;
        for node in NODES {
            lab.load_rules(node)?;
        }
        events.iter().try_for_each(|event| lab.unplug(event))?;
        Ok(lab)
    }

    fn read_cluster(&mut self) -> Result<(), String> {
        let space = |at: usize, pod: &Value| match pod["spec"]["hostNetwork"].as_bool() {
            Some(true) => format!("kubehop-{}", word(&pod["spec"]["nodeName"])),
            _ => format!("kubehop-pod-{at}"),
        };
        let read_pod = |(at, pod): (usize, &Value)| Pod {
            app: word(&pod["metadata"]["labels"]["app"]),
            space: space(at, pod),
            name: word(&pod["metadata"]["name"]),
            node: word(&pod["spec"]["nodeName"]),
            ip: word(&pod["status"]["podIP"]),
            host_ports: host_ports(pod),
        };
        let pods = items(&self.kubehop(&["get", "pods", "-n", "default", "-o", "json"], &[])?);
        self.pods = pods.iter().enumerate().map(read_pod).collect();
        for service in items(&self.kubehop(&["get", "services", "-n", "default", "-o", "json"], &[])?) {
            let name = word(&service["metadata"]["name"]);
            let balancer = word(&service["status"]["loadBalancer"]["ingress"][0]["ip"]);
            self.services.insert(format!("lb:{name}"), balancer);
            self.services.insert(name, word(&service["spec"]["clusterIP"]));
        }
        Ok(())
    }

    fn kubehop(&self, words: &[&str], events: &[&str]) -> Result<String, String> {
        let mut words: Vec<&str> = words.iter().copied().chain(self.cluster.iter().map(String::as_str)).collect();
        words.extend(events.iter().flat_map(|event| ["--event", event]));
        kubehop(&words)
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
             ip -n {EDGE} route add blackhole 198.51.100.0/24
             ip link add wan0 netns {EDGE} type veth peer name eth0 netns {OUTSIDE}
             ip -n {EDGE} addr add 203.0.113.1/24 dev wan0
             ip -n {EDGE} link set wan0 up
             ip -n {OUTSIDE} link set lo up
             ip -n {OUTSIDE} addr add 203.0.113.50/24 dev eth0
             ip -n {OUTSIDE} link set eth0 up
             ip -n {OUTSIDE} route add default via 203.0.113.1
             ip -n {OUTSIDE} addr add {SERVER}/32 dev lo
             ip -n {EDGE} route add {SERVER}/32 via 203.0.113.50
             ip netns exec {EDGE} nft add table ip gateway
             ip netns exec {EDGE} nft add chain ip gateway out {{ type nat hook postrouting priority 100 ; }}
             ip netns exec {EDGE} nft add rule ip gateway out ip daddr {SERVER} snat to 198.51.100.1"
        ))?;
        for (at, node) in NODES.iter().enumerate() {
            let (space, number) = (format!("kubehop-{node}"), at + 1);
            script(&format!(
                "ip netns add {space}
                 ip link add {node} netns {EDGE} type veth peer name eth0 netns {space}
                 ip -n {EDGE} link set {node} master br0
                 ip -n {EDGE} link set {node} up
                 ip -n {space} link set lo up
                 ip -n {space} addr add 10.0.0.{0}/24 dev eth0
                 ip -n {space} link set eth0 address 02:00:00:00:00:{0}
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
            // kube-proxy leaves what goes to the world outside to the CNI, which gives it the node's address (assumption).
            script(&format!(
                "ip netns exec {space} nft add table ip cni
                 ip netns exec {space} nft add chain ip cni out {{ type nat hook postrouting priority 100 ; }}
                 ip netns exec {space} nft add rule ip cni out ip saddr 10.244.0.0/16 ip daddr {SERVER} masquerade"
            ))?;
            if self.mode == "iptables" {
                script(&format!("ip netns exec {space} sysctl -qw net.ipv4.conf.all.route_localnet=1"))?;
            }
        }
        Ok(())
    }

    fn start_servers(&mut self) -> Result<(), String> {
        let mut wanted = vec![(String::new(), OUTSIDE.to_string(), format!("tcp/{SERVER}:80"))];
        for pod in &self.pods {
            let listener = match pod.app.as_str() {
                "web" | "host" => format!("tcp/{}:80", pod.ip),
                "names" => format!("udp/{}:53", pod.ip),
                _ => continue,
            };
            wanted.push((pod.name.clone(), pod.space.clone(), listener));
        }
        for (name, space, listener) in wanted {
            let mut server = role(&space, &["serve", &listener])?;
            let output = server.stdout.take().ok_or("no output")?;
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
            self.servers.push((name, server));
        }
        Ok(())
    }

    /// What an event does to machines. Other nodes still hold the address of one without power for a neighbour, as they would for
    /// a minute.
    fn unplug(&mut self, event: &str) -> Result<(), String> {
        if let Some(node) = event.strip_prefix("node/").and_then(|rest| rest.strip_suffix(" down")) {
            let number = 10 + NODES.iter().position(|name| *name == node).ok_or("no such node")? + 1;
            let neighbour = format!("10.0.0.{number} lladdr 02:00:00:00:00:{number} nud permanent");
            script(&format!("ip -n {EDGE} neigh replace {neighbour} dev br0\nip -n {EDGE} link set {node} down"))?;
            for other in NODES.iter().filter(|other| **other != node) {
                script(&format!("ip -n kubehop-{other} neigh replace {neighbour} dev eth0"))?;
            }
        }
        if let Some(name) = event.strip_prefix("pod/default/").and_then(|rest| rest.strip_suffix(" delete"))
            && let Some(pod) = self.pods.iter().find(|pod| pod.name == name)
        {
            for (_, server) in self.servers.iter_mut().filter(|(of, _)| of == name) {
                let _ = server.kill();
                let _ = server.wait();
            }
            script(&format!("sleep 0.2\nip netns del {}", pod.space))?;
        }
        Ok(())
    }

    /// Plays events on the running cluster: new rules where a kube-proxy runs, machines unplugged.
    fn play(&mut self, case: &Case) -> Result<(), String> {
        case.events.iter().try_for_each(|event| self.unplug(event))?;
        self.cluster.extend(case.events.iter().flat_map(|event| ["--event".to_string(), event.to_string()]));
        for node in NODES {
            self.load_rules(node)?;
            let stop = format!("kube-proxy/{node} stop");
            if case.forgets && !case.events.contains(&stop.as_str()) {
                let forgotten = role(&format!("kubehop-{node}"), &["forget"])?.wait().is_ok_and(|status| status.success());
                forgotten.then_some(()).ok_or_else(|| format!("{node} could not be made to forget connections"))?;
            }
        }
        Ok(())
    }

    fn load_rules(&self, node: &str) -> Result<(), String> {
        let mut rules = self.kubehop(&["rules", "--node", node, "--mode", &self.mode], &[])?;
        let loader: &[&str] = if self.mode == "iptables" { &["iptables-restore"] } else { &["nft", "-f", "-"] };
        if self.mode == "nftables" {
            rules = format!("add table ip kube-proxy\ndelete table ip kube-proxy\n{rules}");
        }
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
            return self.portmap(node);
        }
        Err(format!("{} refused {node}'s rules: {}", loader[0], String::from_utf8_lossy(&output.stderr)))
    }

    /// The rules of the CNI plugin portmap for the host ports of a node's Pods: those of its `portmap_iptables.go`, without the
    /// chain for each container.
    fn portmap(&self, node: &str) -> Result<(), String> {
        let pods: Vec<&Pod> = self.pods.iter().filter(|pod| pod.node == node && !pod.host_ports.is_empty()).collect();
        if pods.is_empty() {
            return Ok(());
        }
        let nat = format!("ip netns exec kubehop-{node} iptables -t nat");
        let mut lines = String::new();
        let known = format!("ip netns exec kubehop-{node} iptables -t nat -L CNI-HOSTPORT-DNAT");
        match run(&known.split(' ').collect::<Vec<_>>()) {
            // kube-proxy's own rules in nftables mode stand in another table, and nothing else is here.
            Ok(_) => lines.push_str(&format!("{nat} -F\n")),
            Err(_) => {
                ["DNAT", "SETMARK", "MASQ"].iter().for_each(|name| lines.push_str(&format!("{nat} -N CNI-HOSTPORT-{name}\n")))
            }
        }
        lines.push_str(&format!(
            "{nat} -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
             {nat} -A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
             {nat} -I POSTROUTING -j CNI-HOSTPORT-MASQ
             {nat} -A CNI-HOSTPORT-SETMARK -j MARK --set-xmark 0x2000/0x2000
             {nat} -A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
             ip netns exec kubehop-{node} sysctl -qw net.ipv4.conf.cni0.route_localnet=1\n"
        ));
        for pod in pods {
            let range = pod.ip.rsplit_once('.').map_or(String::new(), |(net, _)| format!("{net}.0/24"));
            for (protocol, address, host, own) in &pod.host_ports {
                let to = if address.is_empty() { String::new() } else { format!(" -d {address}") };
                let rule = format!("{nat} -A CNI-HOSTPORT-DNAT -p {protocol} --dport {host}{to}");
                lines.push_str(&format!(
                    "{rule} -s {range} -j CNI-HOSTPORT-SETMARK
                     {rule} -s 127.0.0.1 -j CNI-HOSTPORT-SETMARK
                     {rule} -j DNAT --to-destination {}:{own}\n",
                    pod.ip
                ));
            }
        }
        script(&lines)
    }

    fn pod(&self, label: &str) -> Result<&Pod, String> {
        let (app, node) = label.split_once('@').unwrap_or((label, ""));
        let found = self.pods.iter().find(|pod| pod.app == app && (node.is_empty() || pod.node == node));
        found.ok_or_else(|| format!("no Pod {label} in {}", self.manifest))
    }
}

/// Starts this program in a namespace, in one of its roles.
fn role(space: &str, words: &[&str]) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space]).arg(program).args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())
}

fn pod_namespace(at: usize, pod: &Pod) -> Result<(), String> {
    let (space, node) = (&pod.space, format!("kubehop-{}", pod.node));
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
        for (_, server) in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        remove_namespaces();
    }
}
