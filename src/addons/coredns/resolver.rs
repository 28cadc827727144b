//! The resolver in a Pod: `/etc/resolv.conf` as the kubelet writes it, and the search as the C library does it.
//!
//! Follows `pkg/kubelet/network/dns/dns.go` of Kubernetes 1.36 and `res_search` of glibc. The node's own resolv.conf is assumed to
//! name one server outside the cluster and no search domains. Left out: musl's resolver, which stops where glibc goes on.

use super::{CLUSTER_DOMAIN, Zone};
use crate::api::core::Pod;
use crate::trace::DnsResult;

/// Address of the DNS server that the nodes themselves use (assumption).
pub const NODE_NAMESERVER: &str = "192.0.2.53";

/// `/etc/resolv.conf` of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// Asked in order.
    pub nameservers: Vec<String>,
    /// Appended in order.
    pub search: Vec<String>,
    /// A name with so many dots is tried as it is first.
    pub ndots: usize,
}

/// Most name servers and search domains that a resolv.conf may have.
const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCH: usize = 32;

impl ResolvConf {
    /// What the kubelet writes for a Pod; `cluster_dns` is the address of kube-dns.
    pub fn of(pod: &Pod, cluster_dns: &str) -> ResolvConf {
        let mut conf = ResolvConf::wanted(pod, cluster_dns);
        conf.nameservers.truncate(MAX_NAMESERVERS);
        conf.search.truncate(MAX_SEARCH);
        conf
    }

    /// What the kubelet says of a Pod whose resolv.conf it has to cut (`DNSConfigForming`).
    pub fn cuts(pod: &Pod, cluster_dns: &str) -> Vec<String> {
        let (wanted, applied) = (ResolvConf::wanted(pod, cluster_dns), ResolvConf::of(pod, cluster_dns));
        let servers = (wanted.nameservers != applied.nameservers).then(|| {
            let line = applied.nameservers.join(" ");
            format!("Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {line}")
        });
        let search = (wanted.search != applied.search).then(|| {
            let line = applied.search.join(" ");
            format!("Search Line limits were exceeded, some search paths have been omitted, the applied search line is: {line}")
        });
        servers.into_iter().chain(search).collect()
    }

    /// All that policy and `dnsConfig` ask for, beyond what a resolv.conf may have.
    fn wanted(pod: &Pod, cluster_dns: &str) -> ResolvConf {
        let spec = &pod.spec;
        let on_host = spec.host_network == Some(true);
        let mut conf = match spec.dns_policy.as_str() {
            "None" => ResolvConf { nameservers: Vec::new(), search: Vec::new(), ndots: 1 },
            "Default" => ResolvConf::node(),
            "ClusterFirst" | "" if on_host => ResolvConf::node(),
            _ => ResolvConf::cluster(&pod.metadata.namespace, cluster_dns),
        };
        if let Some(own) = &spec.dns_config {
            conf.nameservers.extend(own.nameservers.iter().cloned());
            conf.search.extend(own.searches.iter().cloned());
            let ndots = own.options.iter().rev().find(|option| option.name == "ndots");
            let ndots = ndots.and_then(|option| option.value.as_deref()?.parse().ok());
            // The C library takes no more than 15.
            conf.ndots = ndots.unwrap_or(conf.ndots).min(15);
        }
        for list in [&mut conf.nameservers, &mut conf.search] {
            let mut seen = std::collections::BTreeSet::new();
            list.retain(|item| seen.insert(item.clone()));
        }
        conf
    }

    /// The node's own.
    pub fn node() -> ResolvConf {
        ResolvConf { nameservers: vec![NODE_NAMESERVER.into()], search: Vec::new(), ndots: 1 }
    }

    fn cluster(namespace: &str, cluster_dns: &str) -> ResolvConf {
        let domain = CLUSTER_DOMAIN.trim_end_matches('.');
        let search = vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.to_string()];
        ResolvConf { nameservers: vec![cluster_dns.into()], search, ndots: 5 }
    }

    /// The full names that are tried for a name, in order.
    pub fn candidates(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_string()];
        }
        let plain = format!("{name}.");
        let searched = self.search.iter().map(|domain| format!("{name}.{}.", domain.trim_end_matches('.')));
        if name.matches('.').count() >= self.ndots {
            std::iter::once(plain).chain(searched).collect()
        } else {
            searched.chain([plain]).collect()
        }
    }

    /// Whether the first server is CoreDNS; else the world outside answers, or, without any server, nobody.
    pub fn asks_cluster(&self, cluster_dns: &str) -> bool {
        self.nameservers.first().is_some_and(|server| server == cluster_dns)
    }
}

/// Looks a name up as a program in the Pod would: along its search path, by the server of its resolv.conf.
/// `searched` holds every full name that was asked for. No answer at all (`rcode: None`) where the Pod has no server.
pub fn resolve(zone: &Zone, pod: &Pod, name: &str, qtype: &str) -> DnsResult {
    let cluster_dns = zone.own_service().map(|(address, _)| address.to_string()).unwrap_or_default();
    let conf = ResolvConf::of(pod, &cluster_dns);
    if conf.nameservers.is_empty() {
        return DnsResult { searched: conf.candidates(name).into_iter().take(1).collect(), ..DnsResult::default() };
    }
    let asks_cluster = conf.asks_cluster(&cluster_dns);
    search(&conf, name, |full| if asks_cluster { zone.query(full, qtype, Some(pod)) } else { zone.forwarded(full, qtype) })
}

/// Asks for each candidate until one has records; an empty answer goes on like a missing name, and is remembered.
pub fn search(conf: &ResolvConf, name: &str, ask: impl Fn(&str) -> DnsResult) -> DnsResult {
    let mut searched = Vec::new();
    let mut exists = false;
    for candidate in conf.candidates(name) {
        let result = ask(&candidate);
        searched.push(candidate);
        if result.rcode.is_none() || !result.answers.is_empty() {
            return DnsResult { searched, ..result };
        }
        exists |= result.rcode.as_deref() == Some("NOERROR");
    }
    let rcode = Some(if exists { "NOERROR" } else { "NXDOMAIN" }.to_string());
    DnsResult { rcode, answers: Vec::new(), searched }
}
