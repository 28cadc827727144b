//! CoreDNS as kubeadm installs it, from the answering side: `kubernetes cluster.local in-addr.arpa ip6.arpa { pods insecure;
//! fallthrough in-addr.arpa ip6.arpa; ttl 30 }`, then `forward . /etc/resolv.conf`.
//!
//! Follows `plugin/kubernetes` and `plugin/backend_lookup.go` of CoreDNS 1.14.2, quirks included: TXT of a namespace is NXDOMAIN
//! while A of it is empty, pod names ignore labels before them, the zone keeps the query's case in SRV targets.
//!
//! Left out: the shuffling of `loadbalance` (answers keep the order of the slices; who picks, picks by a seed), the authority and
//! additional sections, EDNS, truncation, zone transfers, the cache outside `cluster.local` other than its limit on TTLs. The SOA
//! serial is always 0.

mod records;
pub mod resolver;

use super::public_dns::PublicDns;
use crate::api::core::{Namespace, Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::cluster::{Store, Table, dns_service};
use crate::trace::{DnsRecord, DnsResult};
use records::{Found, Host, NameError, Query};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The cluster's domain.
pub const CLUSTER_DOMAIN: &str = "cluster.local.";

/// TTL of all answers for the cluster's names, in seconds.
const TTL: u32 = 30;

/// `cache 30`: no answer from elsewhere lives longer.
const CACHE: u32 = 30;

/// How many CNAMEs in a row are followed.
const MAX_CNAME_CHAIN: usize = 10;

const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// What CoreDNS knows: Services, slices and namespaces of one moment. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    namespaces: Arc<BTreeSet<String>>,
    services: Arc<Table<Service>>,
    /// By namespace and Service name, then in the order of the slices' names.
    slices: Arc<SlicesByService>,
    outside: Arc<PublicDns>,
}

/// Slices by namespace and Service name.
type SlicesByService = BTreeMap<(String, String), Vec<Arc<EndpointSlice>>>;

/// Answers and, where there is no such name, the error.
type Answer = Result<Vec<DnsRecord>, NameError>;

impl Zone {
    /// What CoreDNS knows when the store is in this state.
    pub fn of(store: &Store) -> Zone {
        let mut slices = SlicesByService::new();
        for ((namespace, _), slice) in &store.endpoint_slices {
            // A slice that names no Service counts for one without a name, which only reverse lookups find.
            let service = slice.metadata.labels.get(SERVICE_NAME_LABEL).cloned().unwrap_or_default();
            slices.entry((namespace.clone(), service)).or_default().push(slice.clone());
        }
        Zone {
            namespaces: Arc::new(store.all::<Namespace>().map(|namespace| namespace.metadata.name.clone()).collect()),
            services: Arc::new(store.services.clone()),
            slices: Arc::new(slices),
            outside: Arc::new(PublicDns::of(store)),
        }
    }

    /// The same server where these hosts, which no Ingress of the store lists, are the cluster's own, too.
    #[must_use]
    pub fn owning(self, hosts: Vec<String>) -> Zone {
        if hosts.is_empty() {
            return self;
        }
        Zone { outside: Arc::new(PublicDns::clone(&self.outside).owning(hosts)), ..self }
    }

    /// The same server with nobody behind its forward, as a comparison has it.
    #[must_use]
    pub fn alone(self) -> Zone {
        Zone { outside: Arc::default(), ..self }
    }

    /// The names that the world outside the cluster knows.
    pub fn outside(&self) -> &PublicDns {
        &self.outside
    }

    /// Answers one query for a full name (the final dot may be missing), in the query's case. `client` asks; the Corefile has no
    /// plugin that looks at it, so the answer is the same for everybody.
    pub fn query(&self, name: &str, qtype: &str, client: Option<&Pod>) -> DnsResult {
        let _ = client;
        let qname = if name.ends_with('.') { name.to_string() } else { format!("{name}.") };
        let zone = [CLUSTER_DOMAIN, "in-addr.arpa.", "ip6.arpa."].into_iter().find(|zone| is_in(zone, &qname));
        let Some(zone) = zone else { return self.forward(&qname, qtype) };
        let question = Query::new(&qname, zone.len());
        let answers = match self.answer(&question, &qtype.to_uppercase()) {
            Ok(answers) => answers,
            Err(NameError) if zone != CLUSTER_DOMAIN => return self.forward(&qname, qtype),
            Err(NameError) => return DnsResult { rcode: Some("NXDOMAIN".into()), searched: vec![qname], ..DnsResult::default() },
        };
        DnsResult { rcode: Some("NOERROR".into()), answers, searched: vec![qname] }
    }

    /// What a resolver behind the forward, or on a node, answers.
    pub fn forwarded(&self, name: &str, qtype: &str) -> DnsResult {
        self.outside.forwarded(name, qtype, self.names_own(name))
    }

    /// Whether the labels of a name are a Service with its namespace, or end with a namespace: what was meant is in the cluster.
    fn names_own(&self, name: &str) -> bool {
        let labels: Vec<String> = name.trim_end_matches('.').split('.').map(str::to_lowercase).collect();
        let service = |pair: &[String]| matches!(pair, [name, of] if self.services.contains_key(&(of.clone(), name.clone())));
        labels.windows(2).take(2).any(service) || labels.last().is_some_and(|last| self.namespaces.contains(last))
    }

    fn forward(&self, qname: &str, qtype: &str) -> DnsResult {
        let mut result = self.forwarded(qname, qtype);
        result.answers.iter_mut().for_each(|record| record.ttl = record.ttl.min(CACHE));
        result
    }

    fn answer(&self, query: &Query, qtype: &str) -> Answer {
        match qtype {
            "A" | "AAAA" => self.addresses(query, qtype, &mut Vec::new()),
            "CNAME" => self.cname(query),
            "SRV" => self.srv(query),
            "TXT" => self.txt(query),
            "PTR" => self.ptr(query),
            "MX" => self.records(query).map(|_| Vec::new()),
            "SOA" if query.is_apex() => Ok(vec![self.soa(query)]),
            "SOA" => Ok(Vec::new()),
            "NS" if query.is_apex() => Ok(self.nameserver(query)),
            // Other types tell an empty answer from a missing name by looking for addresses.
            _ => self.addresses(query, "A", &mut Vec::new()).map(|_| Vec::new()),
        }
    }

    fn records(&self, query: &Query) -> Result<Vec<Found>, NameError> {
        if query.name.starts_with("ns.dns.") && query.name.len() == "ns.dns.".len() + query.zone_len {
            let own = self.own_service().map(|(address, key)| Found::address(address, 0, key));
            return Ok(own.into_iter().collect());
        }
        records::find(self, query)
    }

    /// A and AAAA; CNAMEs of ExternalName Services are followed, `before` holds the ones on the way here.
    fn addresses(&self, query: &Query, qtype: &str, before: &mut Vec<DnsRecord>) -> Answer {
        let mut answers: Vec<DnsRecord> = Vec::new();
        let found = if query.is_apex() { Vec::new() } else { self.records(query)? };
        for found in found {
            match &found.host {
                Host::V4(ip) if qtype == "A" => answers.push(query.record(TTL, "A", ip.to_string())),
                Host::V6(ip) if qtype == "AAAA" => answers.push(query.record(TTL, "AAAA", ip.to_string())),
                Host::Name(name) => answers.extend(self.external_name(query, qtype, name, before)),
                _ => {}
            }
        }
        let mut seen = BTreeSet::new();
        answers.retain(|record| seen.insert((record.kind.clone(), record.name.clone(), record.data.clone())));
        Ok(answers)
    }

    fn external_name(&self, query: &Query, qtype: &str, target: &str, before: &mut Vec<DnsRecord>) -> Vec<DnsRecord> {
        let target = if target.ends_with('.') { target.to_string() } else { format!("{target}.") };
        let record = query.record(TTL, "CNAME", target.clone());
        // `x CNAME x` and anything below x would loop; so would a target that was met before.
        if is_in(&query.name, &target) || before.len() > MAX_CNAME_CHAIN || before.iter().any(|met| met.data == target) {
            return Vec::new();
        }
        if !is_in(CLUSTER_DOMAIN, &target) {
            let mut answers = vec![record];
            answers.extend(self.forward(&target, qtype).answers);
            return answers;
        }
        before.push(record.clone());
        let next = self.addresses(&Query::new(&target, CLUSTER_DOMAIN.len()), qtype, before);
        before.pop();
        match next {
            Ok(next) if !next.is_empty() => std::iter::once(record).chain(next).collect(),
            _ => Vec::new(),
        }
    }

    fn cname(&self, query: &Query) -> Answer {
        let first = self.records(query)?.into_iter().next();
        let name = first.and_then(|found| if let Host::Name(name) = found.host { Some(name) } else { None });
        let full = |name: String| if name.ends_with('.') { name } else { format!("{name}.") };
        Ok(name.map(|name| query.record(TTL, "CNAME", full(name))).into_iter().collect())
    }

    fn srv(&self, query: &Query) -> Answer {
        let found: Vec<Found> = self.records(query)?.into_iter().filter(|found| !matches!(found.host, Host::Name(_))).collect();
        // The same order of operations as upstream: rounding decides about the last digit.
        let share = 100.0 / (found.len() as f64 * 100.0) * 100.0;
        let weight = (share.floor() as u16).max(1);
        let mut seen = BTreeSet::new();
        let mut answers = Vec::new();
        for found in found {
            let Some(port) = found.port else { continue };
            if seen.insert((found.key.clone(), port)) {
                let target = format!("{}.{}", found.key, query.zone());
                answers.push(query.record(TTL, "SRV", format!("0 {weight} {port} {target}")));
            }
        }
        Ok(answers)
    }

    fn txt(&self, query: &Query) -> Answer {
        if query.base() == "dns-version" {
            return Ok(vec![query.record(28800, "TXT", "\"1.1.0\"".into())]);
        }
        match self.records(query) {
            Ok(found) if !found.is_empty() => Ok(Vec::new()),
            _ => Err(NameError),
        }
    }

    fn ptr(&self, query: &Query) -> Answer {
        let Some(ip) = query.reverse_address() else { return self.records(query).map(|_| Vec::new()) };
        let names = records::names_of(self, &ip);
        if names.is_empty() {
            return Err(NameError);
        }
        let mut seen = BTreeSet::new();
        let names = names.into_iter().filter(|name| seen.insert(name.clone()));
        Ok(names.map(|name| query.record(TTL, "PTR", format!("{name}.{CLUSTER_DOMAIN}"))).collect())
    }

    fn soa(&self, query: &Query) -> DnsRecord {
        let zone = query.zone();
        query.record(TTL, "SOA", format!("ns.dns.{zone} hostmaster.{zone} 0 7200 1800 86400 {TTL}"))
    }

    fn nameserver(&self, query: &Query) -> Vec<DnsRecord> {
        let own = self.own_service();
        own.map(|(_, key)| query.record(TTL, "NS", format!("{key}.{}", query.zone()))).into_iter().collect()
    }

    /// CoreDNS's own Service: its address and its name below the zone.
    pub fn own_service(&self) -> Option<(std::net::Ipv4Addr, String)> {
        let service = dns_service(&self.services)?;
        let meta = &service.metadata;
        Some((service.spec.cluster_ip.parse().ok()?, format!("{}.{}.svc", meta.name, meta.namespace)))
    }
}

/// Whether a full name is the zone or lies below it; case does not count.
pub(super) fn is_in(zone: &str, name: &str) -> bool {
    let Some(at) = name.len().checked_sub(zone.len()) else { return false };
    let ends = name.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(zone));
    ends && (at == 0 || name.as_bytes().get(at - 1) == Some(&b'.'))
}

#[cfg(test)]
mod tests;
