//! ClusterIPs and node ports for Services.
//!
//! Imitates `pkg/registry/core/service/storage/alloc.go` and its allocators: what is asked for by number is taken or refused in
//! upstream's words; the rest comes from the upper band of the range first. Where upstream draws at random, the number here
//! comes from a hash of the Service's namespace and name, so that other Services do not move it. An updated Service keeps what
//! it has (`patchAllocatedValues`). A further range (ServiceCIDR) gives the addresses that are asked for in it
//! (`pkg/registry/core/service/ipallocator/cidrallocator.go`), no others. Leaves out IPv6.

use crate::api::core::{Service, ServicePort};
use crate::cluster::{Cluster, Store};
use crate::control_plane::names::mixed_hash;
use crate::msg;
use crate::netfilter::Cidr;
use crate::words::Message;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// First and last node port: `--service-node-port-range`.
const NODE_PORTS: (i32, i32) = (30_000, 32_767);
/// The lower band of node ports, which automatic allocation takes last: `min(max(16, size/32), 128)`.
const STATIC_NODE_PORTS: i32 = 86;

/// What is taken.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// ClusterIPs.
    pub addresses: BTreeSet<Ipv4Addr>,
    /// Node ports, health check ports among them.
    pub ports: BTreeSet<i32>,
    /// What others of the same batch ask for by number: automatic allocation keeps away from it.
    pub wished_addresses: BTreeSet<Ipv4Addr>,
    /// The same for node ports.
    pub wished_ports: BTreeSet<i32>,
}

impl Taken {
    /// What the Services of the store hold.
    pub fn by(store: &Store) -> Taken {
        let mut taken = Taken::default();
        store.all::<Service>().for_each(|service| taken.add(service));
        taken
    }

    /// Notes what a Service holds.
    pub fn add(&mut self, service: &Service) {
        self.addresses.extend(service.spec.cluster_ip.parse::<Ipv4Addr>().ok());
        self.ports.extend(numbers(service));
    }

    /// Frees what a Service holds.
    pub fn free(&mut self, service: &Service) {
        if let Ok(address) = service.spec.cluster_ip.parse::<Ipv4Addr>() {
            self.addresses.remove(&address);
        }
        numbers(service).for_each(|port| {
            self.ports.remove(&port);
        });
    }

    /// Notes what a Service that is to come asks for by number.
    pub fn wish(&mut self, service: &Service) {
        self.wished_addresses.extend(service.spec.cluster_ip.parse::<Ipv4Addr>().ok());
        self.wished_ports.extend(numbers(service));
    }
}

fn numbers(service: &Service) -> impl Iterator<Item = i32> + '_ {
    let ports = service.spec.ports.iter().map(|port| port.node_port);
    ports.chain([service.spec.health_check_node_port]).filter(|port| *port != 0)
}

/// The ranges that addresses are of: the cluster's own, and those of the text's ServiceCIDRs, in its order.
pub fn ranges(cluster: &Cluster) -> Vec<Cidr> {
    let documents = cluster.manifests.documents.iter();
    let further = documents.filter(|own| own.kind == "ServiceCIDR" && own.api_version.starts_with("networking.k8s.io/"));
    let lists = further.filter_map(|own| own.value.pointer("/spec/cidrs")?.as_array()).flatten();
    let further = lists.filter_map(|range| range.as_str()?.parse::<Cidr>().ok());
    std::iter::once(cluster.settings.service_range()).chain(further).collect()
}

/// Why a Service gets no number: field path and message, as the API server writes them.
pub type Refusal = (String, String);

/// Gives a Service its ClusterIP and node ports, and notes them as taken.
///
/// # Errors
/// What is wrong with the address families, or the first number that cannot be had; nothing is taken then.
pub fn allocate(service: &mut Service, old: Option<&Service>, ranges: &[Cidr], taken: &mut Taken) -> Result<(), Vec<Refusal>> {
    if let Some(old) = old {
        keep(service, old);
    }
    let mut trial = taken.clone();
    if let Some(old) = old {
        trial.free(old);
    }
    fill_families(service, old)?;
    let addressed = |service: &Service| !service.spec.cluster_ip.is_empty() && service.spec.type_ != "ExternalName";
    // An address is had once; validation refuses another one.
    let stays = old.filter(|old| addressed(old) && addressed(service));
    let address = match stays {
        Some(old) => {
            trial.addresses.extend(old.spec.cluster_ip.parse::<Ipv4Addr>().ok());
            service.spec.cluster_ips = vec![service.spec.cluster_ip.clone()];
            Ok(())
        }
        None => allocate_address(service, ranges, &mut trial),
    };
    // So is a port for health checks.
    let checked = old.filter(|old| needs_health_check(old) && needs_health_check(service));
    trial.ports.extend(checked.map(|old| old.spec.health_check_node_port));
    let numbers = address.and_then(|()| allocate_ports(service, &mut trial));
    let numbers = if checked.is_some() { numbers } else { numbers.and_then(|()| allocate_health_check(service, &mut trial)) };
    numbers.map_err(|refusal| vec![refusal])?;
    *taken = trial;
    Ok(())
}

/// An update that does not name a number keeps the old one.
fn keep(service: &mut Service, old: &Service) {
    let (new, old) = (&mut service.spec, &old.spec);
    if new.cluster_ip.is_empty() && new.type_ != "ExternalName" && old.type_ != "ExternalName" {
        new.cluster_ip.clone_from(&old.cluster_ip);
    }
    if takes_node_ports(&new.type_) && takes_node_ports(&old.type_) {
        // `kubectl apply` merges ports by their number; the API server then goes by name.
        for port in new.ports.iter_mut().filter(|port| port.node_port == 0) {
            let same = |other: &&ServicePort| other.port == port.port && protocol(other) == protocol(port);
            port.node_port = old.ports.iter().find(same).map_or(0, |old| old.node_port);
        }
        let used: Vec<i32> = new.ports.iter().map(|port| port.node_port).collect();
        for port in new.ports.iter_mut().filter(|port| port.node_port == 0) {
            let named = old.ports.iter().rfind(|other| other.name == port.name).map(|old| old.node_port);
            port.node_port = named.filter(|number| !used.contains(number)).unwrap_or(0);
        }
    }
    if new.health_check_node_port == 0 && needs_health_check(service) {
        service.spec.health_check_node_port = old.health_check_node_port;
    }
}

fn protocol(port: &ServicePort) -> &str {
    if port.protocol.is_empty() { "TCP" } else { &port.protocol }
}

fn takes_node_ports(type_: &str) -> bool {
    matches!(type_, "NodePort" | "LoadBalancer")
}

fn needs_health_check(service: &Service) -> bool {
    service.spec.type_ == "LoadBalancer" && service.spec.external_traffic_policy == "Local"
}

/// `initIPFamilyFields` in a cluster with IPv4 alone: one family, except for headless Services without selector, which ask for both.
fn fill_families(service: &mut Service, old: Option<&Service>) -> Result<(), Vec<Refusal>> {
    let spec = &mut service.spec;
    if spec.type_ == "ExternalName" {
        spec.ip_families.clear();
        spec.ip_family_policy = None;
        return Ok(());
    }
    let free_headless = spec.cluster_ip == "None" && spec.selector.is_empty();
    if spec.ip_family_policy.is_none() {
        let before = old.and_then(|old| old.spec.ip_family_policy.clone());
        let usual = if free_headless { "RequireDualStack" } else { "SingleStack" };
        spec.ip_family_policy = Some(before.unwrap_or_else(|| usual.into()));
    }
    let policy = spec.ip_family_policy.clone().unwrap_or_default();
    let mut refusals = Vec::new();
    if policy == "SingleStack" {
        for (what, count) in [("cluster IPs", spec.cluster_ips.len()), ("IP families", spec.ip_families.len())] {
            if count == 2 {
                refusals.push(refuse_policy(
                    &policy,
                    &format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"),
                ));
            }
        }
    }
    let given = if spec.cluster_ips.is_empty() { vec![spec.cluster_ip.clone()] } else { spec.cluster_ips.clone() };
    for (index, ip) in given.iter().enumerate().take_while(|(_, ip)| *ip != "None") {
        if index < spec.ip_families.len() || ip.is_empty() {
            continue;
        }
        if ip.contains(':') {
            let list: Vec<String> = given.iter().map(|ip| format!("\"{ip}\"")).collect();
            let message = format!("Invalid value: [{}]: IPv6 is not configured on this cluster", list.join(","));
            refusals.push((format!("spec.clusterIPs[{index}]"), message));
        } else {
            spec.ip_families.push("IPv4".into());
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    if free_headless {
        if spec.ip_families.is_empty() {
            spec.ip_families.push("IPv4".into());
        }
        if spec.ip_families.len() < 2 && policy != "SingleStack" {
            let other = if spec.ip_families.first().is_some_and(|family| family == "IPv4") { "IPv6" } else { "IPv4" };
            spec.ip_families.push(other.into());
        }
        return Ok(());
    }
    if policy == "RequireDualStack" {
        refusals.push(refuse_policy(&policy, "this cluster is not configured for dual-stack services"));
    }
    for (index, family) in spec.ip_families.iter().enumerate().filter(|(_, family)| *family != "IPv4") {
        refusals
            .push((format!("spec.ipFamilies[{index}]"), format!("Invalid value: \"{family}\": not configured on this cluster")));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    if spec.ip_families.is_empty() {
        spec.ip_families.push("IPv4".into());
    }
    Ok(())
}

fn refuse_policy(policy: &str, why: &str) -> Refusal {
    ("spec.ipFamilyPolicy".into(), format!("Invalid value: \"{policy}\": {why}"))
}

fn allocate_address(service: &mut Service, ranges: &[Cidr], taken: &mut Taken) -> Result<(), Refusal> {
    let key = format!("{}/{}", service.metadata.namespace, service.metadata.name);
    let spec = &mut service.spec;
    if spec.type_ == "ExternalName" {
        spec.cluster_ip.clear();
        spec.cluster_ips.clear();
        return Ok(());
    }
    if spec.cluster_ip.is_empty() {
        spec.cluster_ip = spec.cluster_ips.first().cloned().unwrap_or_default();
    }
    if spec.cluster_ip.is_empty() {
        let next = ranges.iter().find_map(|range| next_address(&key, *range, taken));
        let address = next
            .ok_or_else(|| (String::new(), format!("failed to allocate a serviceIP for Service \"{}\": range is full", key)))?;
        taken.addresses.insert(address);
        spec.cluster_ip = address.to_string();
    } else if spec.cluster_ip != "None" {
        let given = spec.cluster_ip.clone();
        let refuse = |why: &str| {
            let message = format!("Invalid value: [\"{given}\"]: failed to allocate IP {given}: {why}");
            Err(("spec.clusterIPs".to_string(), message))
        };
        // What is no IPv4 address is validation's to refuse.
        if let Ok(address) = given.parse::<Ipv4Addr>() {
            if !ranges.iter().any(|range| usable(*range, address)) {
                return refuse("the provided network does not match the current range");
            }
            if !taken.addresses.insert(address) {
                return refuse("provided IP is already allocated");
            }
        }
    }
    spec.cluster_ips = vec![spec.cluster_ip.clone()];
    Ok(())
}

fn size(range: Cidr) -> u64 {
    1u64 << (32 - u32::from(range.bits.min(32)))
}

/// Neither outside the range nor its first or last address.
fn usable(range: Cidr, address: Ipv4Addr) -> bool {
    let offset = u64::from(u32::from(address).wrapping_sub(u32::from(range.base)));
    range.contains(address) && offset > 0 && offset + 1 < size(range)
}

fn next_address(key: &str, range: Cidr, taken: &Taken) -> Option<Ipv4Addr> {
    let hosts = size(range).checked_sub(2).filter(|hosts| *hosts > 0)?;
    let reserved = (size(range) / 16).clamp(16, 256).min(hosts - 1);
    let dynamic = hosts - reserved;
    let start = mixed_hash(key) % dynamic;
    let upper = (0..dynamic).map(|step| reserved + (start + step) % dynamic);
    let mut offsets = upper.chain(0..reserved).map(|offset| offset + 1);
    let address = |offset: u64| Ipv4Addr::from(u32::from(range.base).wrapping_add(offset as u32));
    let free = |ip: &Ipv4Addr| !taken.addresses.contains(ip) && !taken.wished_addresses.contains(ip);
    offsets.by_ref().take(1 << 20).map(address).find(free)
}

fn allocate_ports(service: &mut Service, taken: &mut Taken) -> Result<(), Refusal> {
    let spec = &service.spec;
    if !takes_node_ports(&spec.type_) {
        return Ok(());
    }
    let automatic = spec.type_ == "NodePort" || spec.allocate_load_balancer_node_ports != Some(false);
    let key = format!("{}/{}", service.metadata.namespace, service.metadata.name);
    // One Service may use one node port for the same port of two protocols.
    let mut by_port: Vec<(i32, i32)> = Vec::new();
    for index in 0..spec.ports.len() {
        let Some(port) = service.spec.ports.get(index).cloned() else { break };
        if port.node_port == 0 && !automatic {
            continue;
        }
        let known = by_port.iter().find(|(number, _)| *number == port.port).map(|(_, node_port)| *node_port);
        let asked = service.spec.ports.iter().find(|other| other.port == port.port && other.node_port != 0);
        let node_port = match (known, asked.map(|asked| asked.node_port)) {
            (Some(known), _) if port.node_port == known || port.node_port == 0 => known,
            (Some(_), _) => take_port(port.node_port, index, taken)?,
            (None, Some(asked)) => take_port(asked, index, taken)?,
            (None, None) => next_port(&format!("{key}:{}", port.port), taken)
                .ok_or_else(|| (String::new(), "failed to allocate a nodePort: range is full".to_string()))?,
        };
        if known.is_none() {
            by_port.push((port.port, node_port));
        }
        if let Some(port) = service.spec.ports.get_mut(index) {
            port.node_port = node_port;
        }
    }
    Ok(())
}

fn take_port(number: i32, index: usize, taken: &mut Taken) -> Result<i32, Refusal> {
    let why = reserve(number, taken).err();
    why.map_or(Ok(number), |why| Err((format!("spec.ports[{index}].nodePort"), format!("Invalid value: {number}: {why}"))))
}

/// What to write in place of what could not be allocated; `None` where something else is amiss, such as a field that may not
/// change.
pub fn another(path: &str, message: &str) -> Option<Message> {
    let asked_port = path.ends_with(".nodePort");
    match () {
        () if asked_port && message.contains("not in the valid range") => {
            Some(msg!("help.nodePort.range", first = NODE_PORTS.0, last = NODE_PORTS.1))
        }
        () if asked_port && message.contains("already allocated") => Some(msg!("help.nodePort.taken")),
        () if message.contains("failed to allocate IP") => Some(msg!("help.clusterIP")),
        () => None,
    }
}

fn reserve(number: i32, taken: &mut Taken) -> Result<(), String> {
    let (first, last) = NODE_PORTS;
    if !(first..=last).contains(&number) {
        return Err(format!("provided port is not in the valid range. The range of valid ports is {first}-{last}"));
    }
    if taken.ports.insert(number) { Ok(()) } else { Err("provided port is already allocated".into()) }
}

fn next_port(key: &str, taken: &mut Taken) -> Option<i32> {
    let (first, last) = NODE_PORTS;
    let dynamic = last - first + 1 - STATIC_NODE_PORTS;
    let start = (mixed_hash(key) % dynamic as u64) as i32;
    let upper = (0..dynamic).map(|step| first + STATIC_NODE_PORTS + (start + step) % dynamic);
    let mut ports = upper.chain(first..first + STATIC_NODE_PORTS);
    let port = ports.find(|port| !taken.ports.contains(port) && !taken.wished_ports.contains(port))?;
    taken.ports.insert(port);
    Some(port)
}

fn allocate_health_check(service: &mut Service, taken: &mut Taken) -> Result<(), Refusal> {
    if !needs_health_check(service) {
        return Ok(());
    }
    let asked = service.spec.health_check_node_port;
    if asked != 0 {
        // An internal error upstream: it names no field.
        return reserve(asked, taken).map_err(|why| {
            (String::new(), format!("Internal error occurred: failed to allocate requested HealthCheck NodePort {asked}: {why}"))
        });
    }
    let key = format!("{}/{}:healthCheck", service.metadata.namespace, service.metadata.name);
    let full = || (String::new(), "failed to allocate a HealthCheck NodePort 0: range is full".to_string());
    service.spec.health_check_node_port = next_port(&key, taken).ok_or_else(full)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(json: &str) -> Service {
        serde_json::from_str(json).unwrap()
    }

    fn range() -> Cidr {
        "10.96.0.0/16".parse().unwrap()
    }

    fn refusal(json: &str, taken: &mut Taken) -> Refusal {
        allocate(&mut service(json), None, &[range()], taken).unwrap_err().remove(0)
    }

    #[test]
    fn a_further_range_gives_addresses_once_the_first_is_full() {
        let ranges: Vec<Cidr> = ["10.96.0.0/30", "10.200.0.0/24"].iter().map(|text| text.parse().unwrap()).collect();
        let mut taken = Taken::default();
        let mut address = |name: &str| {
            let mut own = service(&format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{{"ports":[{{"port":80}}]}}}}"#));
            allocate(&mut own, None, &ranges, &mut taken).unwrap();
            own.spec.cluster_ip
        };
        let (first, second, third) = (address("a"), address("b"), address("c"));
        assert!(first.starts_with("10.96.0.") && second.starts_with("10.96.0.") && third.starts_with("10.200.0."), "{third}");
    }

    #[test]
    fn taken_and_foreign_numbers_are_refused_in_upstreams_words() {
        let mut taken = Taken::default();
        let mut first = service(
            r#"{"metadata":{"name":"a"},"spec":{"type":"NodePort","clusterIP":"10.96.0.1","ports":[{"port":80,"nodePort":30080}]}}"#,
        );
        allocate(&mut first, None, &[range()], &mut taken).unwrap();
        let again = refusal(r#"{"metadata":{"name":"b"},"spec":{"clusterIP":"10.96.0.1"}}"#, &mut taken);
        let text = "Invalid value: [\"10.96.0.1\"]: failed to allocate IP 10.96.0.1: provided IP is already allocated";
        assert_eq!(again, ("spec.clusterIPs".into(), text.into()));
        let port = refusal(r#"{"spec":{"type":"NodePort","ports":[{"port":1},{"port":80,"nodePort":30080}]}}"#, &mut taken);
        assert_eq!(port, ("spec.ports[1].nodePort".into(), "Invalid value: 30080: provided port is already allocated".into()));
        let low = refusal(r#"{"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":8080}]}}"#, &mut taken);
        assert!(low.1.ends_with("The range of valid ports is 30000-32767"), "{low:?}");
    }

    #[test]
    fn automatic_numbers_come_from_the_upper_bands() {
        let mut taken = Taken::default();
        for number in 0..300 {
            let mut made = service(r#"{"spec":{"type":"NodePort","ports":[{"port":80}]}}"#);
            made.metadata.name = format!("web-{number}");
            allocate(&mut made, None, &[range()], &mut taken).unwrap();
            let ip: Ipv4Addr = made.spec.cluster_ip.parse().unwrap();
            assert!(u32::from(ip) >= u32::from(Ipv4Addr::new(10, 96, 1, 0)), "{ip}");
            assert!((30_086..=32_767).contains(&made.spec.ports[0].node_port));
        }
        assert_eq!((taken.addresses.len(), taken.ports.len()), (300, 300));
    }

    #[test]
    fn an_update_keeps_address_and_node_ports() {
        let mut taken = Taken::default();
        let text = r#"{"metadata":{"name":"web","namespace":"default"},"spec":{"type":"NodePort","ports":[{"port":80}]}}"#;
        let mut old = service(text);
        allocate(&mut old, None, &[range()], &mut taken).unwrap();
        let mut new = service(&text.replace(r#"{"port":80}"#, r#"{"name":"b","port":81},{"name":"a","port":80}"#));
        allocate(&mut new, Some(&old), &[range()], &mut taken).unwrap();
        assert_eq!(new.spec.cluster_ip, old.spec.cluster_ip);
        assert_eq!(new.spec.ports[1].node_port, old.spec.ports[0].node_port);
        assert_ne!(new.spec.ports[0].node_port, old.spec.ports[0].node_port);
    }

    #[test]
    fn two_protocols_of_one_port_share_a_node_port() {
        let mut dns =
            service(r#"{"spec":{"type":"NodePort","ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}]}}"#);
        allocate(&mut dns, None, &[range()], &mut Taken::default()).unwrap();
        assert_eq!(dns.spec.ports[0].node_port, dns.spec.ports[1].node_port);
    }
}
