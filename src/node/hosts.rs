//! `/etc/hosts` of a Pod, which programs read before they ask DNS.
//!
//! Follows `managedHostsFileContent` and `GeneratePodHostNameAndDomain` of `pkg/kubelet/kubelet_pods.go`. Of a Pod in its node's
//! network only its host aliases are known: the rest of that file is the node's. Left out: `hostnameOverride`, files that a
//! container mounts over it.

use crate::api::core::Pod;
use std::net::Ipv4Addr;

/// Who names an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The kubelet: the Pod's own name.
    Own,
    /// `spec.hostAliases` at this position.
    Alias(usize),
}

/// The first IPv4 line for a name.
pub fn look_up(pod: &Pod, name: &str) -> Option<(Ipv4Addr, Line)> {
    let spec = &pod.spec;
    let is = |own: &str| own.eq_ignore_ascii_case(name);
    if spec.host_network != Some(true) {
        let own = if spec.hostname.is_empty() { &pod.metadata.name } else { &spec.hostname };
        let own = own.get(..63).unwrap_or(own).trim_end_matches(['-', '.']);
        let domain = || format!("{own}.{}.{}.svc.cluster.local", spec.subdomain, pod.metadata.namespace);
        let known = is(own) || (!spec.subdomain.is_empty() && is(&domain()));
        if let Some(ip) = pod.status.pod_ip.parse().ok().filter(|_| known) {
            return Some((ip, Line::Own));
        }
    }
    let mut aliases = spec.host_aliases.iter().enumerate().filter(|(_, alias)| alias.hostnames.iter().any(|own| is(own)));
    aliases.find_map(|(at, alias)| Some((alias.ip.parse().ok()?, Line::Alias(at))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(spec: &str) -> Pod {
        let text = format!("{{metadata: {{name: web-0, namespace: shop}}, spec: {spec}, status: {{podIP: 10.244.1.7}}}}");
        serde_yaml::from_str(&text).unwrap()
    }

    #[test]
    fn a_pods_own_name_leads_to_itself() {
        let own = Some(("10.244.1.7".parse().unwrap(), Line::Own));
        assert_eq!(look_up(&pod("{}"), "web-0"), own);
        assert_eq!(look_up(&pod("{hostname: a, subdomain: web}"), "a.web.shop.svc.cluster.local"), own);
        assert_eq!(look_up(&pod("{hostname: a}"), "web-0"), None);
        assert_eq!(look_up(&pod("{hostNetwork: true}"), "web-0"), None);
    }

    #[test]
    fn the_first_host_alias_of_ipv4_counts() {
        let aliases =
            "{hostAliases: [{ip: '::1', hostnames: [db]}, {ip: 10.1.2.3, hostnames: [x, DB]}, {ip: 10.1.2.4, hostnames: [db]}]}";
        assert_eq!(look_up(&pod(aliases), "db"), Some(("10.1.2.3".parse().unwrap(), Line::Alias(1))));
        assert_eq!(look_up(&pod(aliases), "db.shop"), None);
    }
}
