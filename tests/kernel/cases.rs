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
}

const fn case(name: &'static str, manifest: &'static str, from: &'static str, target: &'static str) -> Case {
    Case { name, manifest, from, target, via: None, count: 24, sticky: false, modes: &[] }
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
    ]
}
