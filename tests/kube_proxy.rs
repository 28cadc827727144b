//! kube-proxy's rules against what upstream's own code writes for the same Services and EndpointSlices (`tests/oracle`).

use kubehop::api::core::{Node, Service};
use kubehop::api::discovery::EndpointSlice;
use kubehop::cluster::{Store, Stored};
use kubehop::netfilter::answers::{Answers, Noted};
use kubehop::netfilter::walk::{Decision, Hook, Memory, Program, Recorder, RulePlace, Situation};
use kubehop::netfilter::{ConntrackState, Match, Part, Rule, RuleSet, print};
use kubehop::node::kube_proxy::{ProxyConfig, iptables, nftables, service_ports};
use kubehop::packet::{Flow, Packet, Protocol, Socket};
use kubehop::random::{Random, Seed};
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

fn put<R: Stored>(store: &mut Store, value: serde_json::Value) {
    store.put(serde_json::from_value::<R>(value).unwrap());
}

/// The objects of a golden's input, and the node whose rules it asks for.
fn read(text: &str) -> (Store, String) {
    let mut store = Store::default();
    for document in text.split("\n---\n") {
        let value: serde_json::Value = serde_yaml::from_str(document).unwrap();
        match value.get("kind").and_then(|kind| kind.as_str()) {
            Some("Node") => put::<Node>(&mut store, value),
            Some("Service") => put::<Service>(&mut store, value),
            Some("EndpointSlice") => put::<EndpointSlice>(&mut store, value),
            _ => {}
        }
    }
    let node = text.lines().find_map(|line| line.strip_prefix("# node: ")).unwrap().trim().to_string();
    (store, node)
}

fn config(store: &Store, node: &str) -> ProxyConfig {
    let node = store.get::<Node>("", node).unwrap();
    ProxyConfig::of(node, "10.244.0.0/16".parse().unwrap(), "10.96.0.0/16".parse().unwrap())
}

/// The folder of the goldens; `KUBEHOP_GOLDENS` names another one with fresh cases.
fn folder(topic: &str) -> PathBuf {
    PathBuf::from(std::env::var("KUBEHOP_GOLDENS").unwrap_or_else(|_| "tests/goldens".into())).join(topic)
}

fn inputs(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(self::folder(folder)).unwrap();
    let mut inputs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    inputs.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    inputs.sort();
    inputs
}

/// Compares every golden of a folder; names each that differs, and shows the first difference.
fn compare(folder: &str, print: fn(&Store, &ProxyConfig) -> String) {
    let inputs = inputs("iptables");
    // Any fresh case may be one of those that upstream merges in the order of a Go map.
    let fresh = std::env::var_os("KUBEHOP_GOLDENS").is_some();
    assert!(inputs.len() > 80, "only {} goldens", inputs.len());
    let mut differing = Vec::new();
    for input in &inputs {
        let (store, node) = read(&fs::read_to_string(input).unwrap());
        let expected = self::folder(folder).join(input.file_name().unwrap()).with_extension("out");
        let expected = fs::read_to_string(expected).unwrap();
        let actual = print(&store, &config(&store, &node));
        let name = input.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let (expected, actual) = if fresh || MERGED.contains(&name) {
            (without_chance(&expected), without_chance(&actual))
        } else {
            (expected, actual)
        };
        if let Some(difference) = first_difference(&expected, &actual) {
            differing.push(format!("{}: {difference}", input.display()));
        }
    }
    assert!(differing.is_empty(), "{} of {} differ\n{}", differing.len(), inputs.len(), differing.join("\n"));
}

/// Goldens where policy Cluster and policy Local use different endpoints: upstream merges them in a Go map, so the order of the
/// endpoints' own chains is random.
const MERGED: [&str; 3] = ["node-port-local-terminating", "internal-local-terminating", "zone-hints-external-local"];

/// What upstream leaves to chance is made equal: the order of endpoints' chains that stand together, and which of two Services
/// without endpoints at one address and port gives its name to their common element.
fn without_chance(text: &str) -> String {
    let key = |line: &str| {
        let chain = line.trim_start_matches("-A ").trim_start_matches(':').split(' ').next().unwrap_or_default().to_string();
        chain.starts_with("KUBE-SEP-").then_some(chain)
    };
    let nameless = |line: &str| match (line.find(" comment \""), line.find(" : goto")) {
        (Some(from), Some(to)) if line.contains("no-endpoint-") && from < to => line[..from].to_string() + &line[to..],
        _ => line.to_string(),
    };
    let text: Vec<String> = text.lines().map(nameless).collect();
    let lines: Vec<&str> = text.iter().map(String::as_str).collect();
    let runs = lines.chunk_by(|a, b| key(a).is_some() == key(b).is_some());
    let mut sorted = Vec::new();
    for run in runs {
        let mut run = run.to_vec();
        run.sort_by_key(|line| key(line));
        sorted.extend(run);
    }
    sorted.join("\n")
}

fn first_difference(expected: &str, actual: &str) -> Option<String> {
    let (mut left, mut right) = (expected.lines(), actual.lines());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return None,
            (left, right) if left == right => {}
            (left, right) => return Some(format!("\n  upstream: {left:?}\n  kubehop:  {right:?}")),
        }
    }
}

/// The restore text, then the jumps table by table, their chains sorted, as the goldens have them.
fn iptables_text(store: &Store, config: &ProxyConfig) -> String {
    let rules = iptables::rules(&service_ports(store, &config.node_name), config);
    let mut text = print::restore_text(&rules);
    for table in &rules.tables {
        text += &format!("# jumps *{}\n", table.name);
        let chain = |(part, rule): &(&Part, &Rule)| table.chain_name(part, rule.chain).to_string();
        let mut jumps: Vec<_> = table.rules().filter(|found| print::is_built_in(&chain(found))).collect();
        jumps.sort_by_key(chain);
        for (part, rule) in jumps {
            text += &print::rule(table, part, rule);
            text.push('\n');
        }
    }
    text
}

#[test]
fn iptables_rules_are_upstreams_line_by_line() {
    compare("iptables", iptables_text);
}

#[test]
fn nftables_rules_sets_and_maps_are_upstreams_line_by_line() {
    compare("nftables", |store, config| nftables::table(&service_ports(store, &config.node_name), config).print());
}

/// Notes every rule that a walk met.
#[derive(Default, PartialEq, Debug)]
struct Met(Vec<(RulePlace, bool)>);

impl Recorder for Met {
    fn rule(&mut self, place: RulePlace, matched: bool) {
        self.0.push((place, matched));
    }
}

/// Destinations that the rules ask about, and a few that they do not.
fn destinations(rules: &RuleSet) -> Vec<Socket> {
    let mut ips = vec![Ipv4Addr::new(10, 0, 0, 11), Ipv4Addr::new(10, 96, 9, 9), Ipv4Addr::LOCALHOST];
    let mut ports = vec![81];
    for condition in rules.tables.iter().flat_map(|table| table.rules()).flat_map(|(_, rule)| &rule.matches) {
        match condition {
            Match::DestinationAddress(ip) => ips.push(*ip),
            Match::DestinationPort(port) => ports.push(*port),
            _ => {}
        }
    }
    ips.sort();
    ips.dedup();
    ports.sort();
    ports.dedup();
    ips.truncate(12);
    ports.truncate(12);
    ips.iter().flat_map(|ip| ports.iter().map(|port| Socket::new(*ip, *port))).collect()
}

const HOOKS: [Hook; 6] =
    [Hook::NatPrerouting, Hook::NatOutput, Hook::FilterInput, Hook::FilterForward, Hook::FilterOutput, Hook::NatPostrouting];

/// Packets that ask for everything that the rules ask about.
fn situations(rules: &RuleSet, config: &ProxyConfig) -> Vec<Situation> {
    let clients = [("203.0.113.50", Protocol::Tcp), ("10.244.1.9", Protocol::Udp), ("10.0.0.11", Protocol::Tcp)];
    let situation = |to: Socket, client: &str, protocol: Protocol| Situation {
        packet: Packet { protocol, flow: Flow { src: Socket::new(client.parse().unwrap(), 40000), dst: to }, mark: 0 },
        state: ConntrackState::New,
        dnat: false,
        local: [config.node_ip, Ipv4Addr::new(10, 244, 1, 1)],
        now: 0,
    };
    destinations(rules).into_iter().flat_map(|to| clients.map(|(client, protocol)| situation(to, client, protocol))).collect()
}

#[test]
fn the_index_and_the_sieve_give_the_same_walk_as_asking_every_condition() {
    let mut walks = 0;
    for input in inputs("iptables") {
        let (store, node) = read(&fs::read_to_string(&input).unwrap());
        let config = config(&store, &node);
        let rules = Arc::new(iptables::rules(&service_ports(&store, &config.node_name), &config));
        let (fast, plain) = (Program::new(Arc::clone(&rules)), Program::linear(Arc::clone(&rules)));
        for (seed, situation) in situations(&rules, &config).into_iter().enumerate() {
            for hook in HOOKS {
                let walk = |program: &Program| {
                    let (mut met, mut situation, mut memory) = (Met::default(), situation, Memory::default());
                    let mut random = Random::new(Seed(seed as u64));
                    let decision = program.walk(hook, &mut situation, &mut memory, &mut random, &mut met);
                    (decision, met, situation.packet, random.next_u64())
                };
                assert_eq!(walk(&fast), walk(&plain), "{} {hook:?} {:?}", input.display(), situation.packet);
                walks += 1;
            }
        }
    }
    assert!(walks > 10_000, "{walks}");
}

/// Asks the same of the answers that are kept and of the rules, for packets with and without a mark and a connection, often enough
/// that lots fall differently, and gives all that a walk can do.
fn compare_answers(
    what: &str,
    situations: &[Situation],
    walk: impl Fn(Hook, &mut Situation, &mut Memory, &mut Random, &mut Noted) -> Decision,
) {
    let (mut kept, mut remembered, mut fresh_memory) = (Answers::default(), Memory::default(), Memory::default());
    for (number, situation) in situations.iter().enumerate() {
        for (round, hook) in (0..6).flat_map(|round| HOOKS.map(|hook| (round, hook))) {
            let mut situation = *situation;
            situation.packet.mark = if round % 2 == 0 { 0 } else { 0x4000 };
            (situation.dnat, situation.now) = (round > 3, number as u64);
            situation.packet.flow.src.port += round;
            let asked = |answers: &mut Answers, memory: &mut Memory| {
                let (mut situation, mut random) = (situation, Random::new(Seed(number as u64 * 7 + u64::from(round))));
                let walk = |situation: &mut Situation, random: &mut Random, noted: &mut Noted| {
                    walk(hook, situation, memory, random, noted)
                };
                let answer = answers.ask(hook, &mut situation, &mut random, walk).cloned();
                (answer, situation.packet, random.next_u64())
            };
            let fresh = asked(&mut Answers::default(), &mut fresh_memory);
            assert_eq!(asked(&mut kept, &mut remembered), fresh, "{what} {hook:?} {:?}", situation.packet);
            assert!(fresh.0.is_some());
        }
    }
    assert_eq!(remembered, fresh_memory, "{what}");
}

#[test]
fn an_answer_that_is_kept_is_that_of_the_rules() {
    for input in inputs("iptables") {
        let (store, node) = read(&fs::read_to_string(&input).unwrap());
        let config = config(&store, &node);
        let ports = service_ports(&store, &config.node_name);
        let rules = Arc::new(iptables::rules(&ports, &config));
        let (situations, program) = (situations(&rules, &config), Program::new(rules));
        let what = input.display().to_string();
        compare_answers(&what, &situations, |hook, situation, memory, random, noted| {
            program.walk(hook, situation, memory, random, noted)
        });
        let table = nftables::table(&ports, &config);
        compare_answers(&what, &situations, |hook, situation, memory, random, noted| {
            table.walk(hook, situation, memory, random, noted)
        });
    }
}
