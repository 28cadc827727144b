//! The cases: a manifest, a caller and a target each. What must come of it is what `kubehop trace` says.

/// One comparison.
pub struct Case {
    /// The fact that it shows.
    pub name: &'static str,
    /// File in `tests/kernel/`.
    pub manifest: &'static str,
    /// `--from` of the command line; a Pod is named by its label `app` and its node: `pod:web@node-1`.
    pub from: &'static str,
    /// TARGET; `{service}` is replaced by its ClusterIP, `{pod:web@node-1}` by a Pod's address.
    pub target: &'static str,
    /// Node at which traffic from outside enters.
    pub via: Option<&'static str>,
    /// Connections in a row.
    pub count: u32,
    /// What happens before: events of the command line.
    pub events: &'static [&'static str],
    /// The connections are opened before the events, and used again after them.
    pub held: bool,
    /// kube-proxies that run delete what is known of UDP endpoints (`pkg/proxy/conntrack`); the test does it in their place.
    pub forgets: bool,
    /// Waits long enough to hear that nobody has an address.
    pub patient: bool,
    /// Pods take even shares, within what chance allows.
    pub spread: bool,
    /// One Pod is chosen and kept, but which one is chance: only how many take part is compared.
    pub sticky: bool,
    /// In which modes the fact holds; empty is both.
    pub modes: &'static [&'static str],
}

impl Case {
    /// Whether the case is for this mode.
    pub fn runs_in(&self, mode: &str) -> bool {
        self.modes.is_empty() || self.modes.contains(&mode)
    }

    /// The cluster that it needs: manifest, events, and its name if it changes that cluster.
    pub fn lab(&self) -> (&'static str, &'static [&'static str], Option<&'static str>) {
        (self.manifest, self.events, self.held.then_some(self.name))
    }
}

const fn case(name: &'static str, manifest: &'static str, from: &'static str, target: &'static str) -> Case {
    Case {
        name,
        manifest,
        from,
        target,
        via: None,
        count: 24,
        events: &[],
        held: false,
        forgets: false,
        patient: false,
        spread: false,
        sticky: false,
        modes: &[],
    }
}

/// From client to Service, over a connection that was opened before the events.
const fn held(name: &'static str, manifest: &'static str, target: &'static str, events: &'static [&'static str]) -> Case {
    Case { held: true, events, ..case(name, manifest, "pod:client@node-1", target) }
}

const fn after(mut case: Case, events: &'static [&'static str]) -> Case {
    case.events = events;
    case
}

const fn via(mut case: Case, node: &'static str) -> Case {
    case.via = Some(node);
    case
}

/// Every case, those of one manifest together.
pub fn cases() -> Vec<Case> {
    vec![
        case("a Pod reaches a ClusterIP", "web.yaml", "pod:client@node-1", "{web}:80"),
        case("a Pod reaches its own Service, at times itself", "web.yaml", "pod:web@node-1", "{web}:80"),
        case("a node reaches a ClusterIP", "web.yaml", "node/node-2", "{web}:80"),
        case("a NodePort is open on a node with Pods", "web.yaml", "internet", "10.0.0.11:30080"),
        case("a NodePort is open on a node without Pods", "web.yaml", "internet", "10.0.0.13:30080"),
        case("a NodePort from a Pod", "web.yaml", "pod:client@node-1", "10.0.0.12:30080"),
        case("a NodePort from a node", "web.yaml", "node/node-3", "10.0.0.12:30080"),
        case("a Pod's own address from a Pod", "web.yaml", "pod:client@node-1", "{pod:web@node-2}:80"),
        case(
            "a headless Service has no rules: its Pod by its own address",
            "web.yaml",
            "pod:client@node-1",
            "{pod:web@node-2}:80",
        ),
        case("a headless Service translates no port", "web.yaml", "pod:client@node-1", "{pod:web@node-2}:8080"),
        case("a Pod's own address from a node", "web.yaml", "node/node-3", "{pod:web@node-2}:80"),
        case("a wrong targetPort is refused by the Pod", "web.yaml", "pod:client@node-1", "{wrong}:80"),
        case("no endpoints: the node refuses a ClusterIP", "web.yaml", "pod:client@node-1", "{empty}:80"),
        case("no endpoints: the node refuses a NodePort", "web.yaml", "internet", "10.0.0.12:30099"),
        case("no endpoints: refused for UDP, too", "web.yaml", "pod:client@node-1", "udp://{empty-udp}:53"),
        Case { count: 1, ..case("a port without a rule", "web.yaml", "pod:client@node-1", "{web}:81") },
        Case { count: 1, ..case("an unallocated ClusterIP", "web.yaml", "pod:client@node-1", "10.96.77.77:80") },
        case("a node's closed port", "web.yaml", "internet", "10.0.0.12:30555"),
        Case { count: 1, ..case("a ClusterIP from outside has no route", "web.yaml", "internet", "{web}:80") },
        via(case("a ClusterIP routed to a node", "web.yaml", "internet", "{web}:80"), "node-3"),
        case("UDP finds a Pod", "web.yaml", "pod:client@node-1", "udp://{udp}:53"),
        case("UDP by NodePort", "web.yaml", "internet", "udp://10.0.0.13:30053"),
        Case { modes: &["iptables"], ..case("127.0.0.1 leads to a NodePort", "web.yaml", "node/node-1", "127.0.0.1:30080") },
        Case { modes: &["nftables"], ..case("127.0.0.1 leads nowhere", "web.yaml", "node/node-1", "127.0.0.1:30080") },
        case("external Local: own endpoints, the client's address kept", "local.yaml", "internet", "10.0.0.11:30081"),
        Case {
            count: 1,
            ..case("external Local: a node without endpoints is silent", "local.yaml", "internet", "10.0.0.13:30081")
        },
        case("external Local: a node itself reaches all endpoints", "local.yaml", "node/node-3", "10.0.0.13:30081"),
        case("external Local: a Pod of the node reaches all", "local.yaml", "pod:client@node-3", "10.0.0.13:30081"),
        Case { count: 1, ..case("external Local: another node gets silence", "local.yaml", "node/node-2", "10.0.0.13:30081") },
        case("internal Local with an endpoint here", "local.yaml", "node/node-1", "{inner}:80"),
        Case { count: 1, ..case("internal Local without one: silence", "local.yaml", "node/node-3", "{inner}:80") },
        Case { sticky: true, ..case("session affinity sticks to one Pod", "local.yaml", "pod:client@node-3", "{sticky}:80") },
        Case { sticky: true, ..case("session affinity by NodePort", "local.yaml", "internet", "10.0.0.12:30082") },
        via(case("an external IP enters a node", "local.yaml", "internet", "192.0.2.7:80"), "node-2"),
        case("an external IP from a Pod", "local.yaml", "pod:client@node-3", "192.0.2.7:80"),
        Case { count: 600, spread: true, ..case("endpoints take even shares", "more.yaml", "pod:client@node-1", "{spread}:80") },
        case("a Pod's call to the world outside", "more.yaml", "pod:client@node-1", "192.0.2.80:80"),
        case("a node's call to the world outside", "more.yaml", "node/node-2", "192.0.2.80:80"),
        case("a host network endpoint from a Pod", "more.yaml", "pod:client@node-1", "{host}:80"),
        case("a host network endpoint from another node", "more.yaml", "node/node-2", "{host}:80"),
        case("a host network endpoint from its own node", "more.yaml", "node/node-3", "{host}:80"),
        case("a host network endpoint by the NodePort of another node", "more.yaml", "internet", "10.0.0.11:30083"),
        case("a host network endpoint by its own node's NodePort", "more.yaml", "internet", "10.0.0.13:30083"),
        case("a host network Pod calls a Service", "more.yaml", "pod:host@node-3", "{web}:80"),
        case("a Pod calls a load balancer's address, no range in the way", "more.yaml", "pod:client@node-1", "{lb:open}:80"),
        via(case("a load balancer's address enters a node", "more.yaml", "internet", "{lb:open}:80"), "node-2"),
        via(case("a source range lets the client in", "more.yaml", "internet", "{lb:ranged}:80"), "node-2"),
        via(case("a source range keeps the client out", "more.yaml", "internet", "{lb:closed}:80"), "node-2"),
        case("a source range keeps Pods out", "more.yaml", "pod:client@node-1", "{lb:ranged}:80"),
        case("a source range keeps nodes out", "more.yaml", "node/node-1", "{lb:ranged}:80"),
        case("a source range with the nodes lets a node in", "more.yaml", "node/node-1", "{lb:closed}:80"),
        case("source ranges do not guard the node port", "more.yaml", "internet", "10.0.0.12:30085"),
        case("a host port from outside", "ports.yaml", "internet", "10.0.0.12:8080"),
        case("a host port from a Pod of its node", "ports.yaml", "pod:client@node-2", "10.0.0.12:8080"),
        case("a host port from the Pod that it belongs to", "ports.yaml", "pod:web@node-2", "10.0.0.12:8080"),
        case("a host port from a Pod of another node", "ports.yaml", "pod:client@node-1", "10.0.0.12:8080"),
        case("a host port from its own node", "ports.yaml", "node/node-2", "10.0.0.12:8080"),
        case("a host port on localhost", "ports.yaml", "node/node-2", "127.0.0.1:8080"),
        case("a host port from another node", "ports.yaml", "node/node-1", "10.0.0.12:8080"),
        case("a host port of another node", "ports.yaml", "internet", "10.0.0.11:8080"),
        case("a host port of one address", "ports.yaml", "internet", "10.0.0.12:8081"),
        case("a host port of one address, on localhost", "ports.yaml", "node/node-2", "127.0.0.1:8081"),
        case("a nodePort with the number of a host port", "ports.yaml", "internet", "10.0.0.12:30080"),
        case("a ping to a ClusterIP", "more.yaml", "pod:client@node-1", "icmp://{web}"),
        case("a ping to an unallocated ClusterIP", "more.yaml", "pod:client@node-1", "icmp://10.96.77.77"),
        case("a ping to a ClusterIP from a node", "more.yaml", "node/node-2", "icmp://{web}"),
        case("a ping to a Pod", "more.yaml", "pod:client@node-1", "icmp://{pod:web@node-2}"),
        case("a ping to a node from outside", "more.yaml", "internet", "icmp://10.0.0.12"),
        after(case("a node without power, its NodePort", "more.yaml", "internet", "10.0.0.12:30085"), &["node/node-2 down"]),
        after(case("a share is lost with a node", "more.yaml", "pod:client@node-1", "{web}:80"), &["node/node-2 down"]),
        after(
            case("the share comes back when the slice drops its endpoints", "more.yaml", "pod:client@node-1", "{web}:80"),
            &["node/node-2 down", "wait 60s"],
        ),
        Case {
            patient: true,
            ..after(
                case("a stopped kube-proxy still sends to a Pod that is gone", "more.yaml", "pod:client@node-1", "{web}:80"),
                &["kube-proxy/node-1 stop", "pod/default/web-b delete"],
            )
        },
        after(
            case("other nodes' kube-proxies have learned it", "more.yaml", "node/node-3", "{web}:80"),
            &["kube-proxy/node-1 stop", "pod/default/web-b delete"],
        ),
        after(
            case("a kube-proxy that starts again learns it", "more.yaml", "pod:client@node-1", "{web}:80"),
            &["kube-proxy/node-1 stop", "pod/default/web-b delete", "kube-proxy/node-1 start"],
        ),
        held("a connection outlives its endpoint's rules", "more.yaml", "{web}:80", &["pod/default/web-b unready"]),
        held("a connection outlives its Service", "more.yaml", "{web}:80", &["service/default/web delete"]),
        held("a deleted Pod ends its connections", "more.yaml", "{web}:80", &["pod/default/web-b delete"]),
        held("a node without power ends no connection", "more.yaml", "{web}:80", &["node/node-2 down"]),
        held(
            "a kube-proxy's restart ends no connection",
            "more.yaml",
            "{web}:80",
            &["kube-proxy/node-1 stop", "kube-proxy/node-1 start"],
        ),
        Case {
            from: "internet",
            ..held(
                "a connection through a NodePort outlives its endpoint's rules",
                "more.yaml",
                "10.0.0.11:30085",
                &["pod/default/web-b unready"],
            )
        },
        held("a UDP socket stays with its endpoint", "more.yaml", "udp://{names}:53", &[]),
        Case {
            forgets: true,
            ..held(
                "kube-proxy takes UDP sockets off an endpoint",
                "more.yaml",
                "udp://{names}:53",
                &["pod/default/names-b unready"],
            )
        },
        held(
            "no UDP endpoint left: kube-proxy deletes nothing",
            "more.yaml",
            "udp://{lone}:53",
            &["pod/default/names-c unready"],
        ),
        Case {
            forgets: true,
            ..held(
                "a stopped kube-proxy leaves UDP sockets where they are",
                "more.yaml",
                "udp://{names}:53",
                &["kube-proxy/node-1 stop", "pod/default/names-b unready"],
            )
        },
        Case {
            forgets: true,
            ..held(
                "a stopped kube-proxy leaves UDP sockets with a Pod that is gone: no error, only silence",
                "more.yaml",
                "udp://{names}:53",
                &["kube-proxy/node-1 stop", "pod/default/names-b delete"],
            )
        },
    ]
}
