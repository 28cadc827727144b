//! What happened to one request: hops in order, and one verdict. The shape of `kubehop trace -o json` (and of the page's data).

use crate::api::{Kind, ObjectRef};
use crate::packet::{Flow, Protocol};
use crate::random::Seed;
use crate::words::Message;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;

/// Who sends. Written `internet`, `node/NAME`, `pod/NS/NAME`, `deployment/NS/NAME` and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Source {
    /// A client outside the cluster at 203.0.113.50.
    #[default]
    Internet,
    Node(String),
    Pod(String, String),
    /// The first ready Pod of a workload (Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController).
    Workload(ObjectRef),
}

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// Who sends.
    pub from: Source,
    /// Where to: `http://10.0.0.12:30080/`, `web:80`, `udp://10.96.0.10:53`.
    pub target: String,
    /// HTTP method; empty is GET.
    pub method: String,
    /// HTTP headers, in order.
    pub headers: Vec<(String, String)>,
    /// Transport, when the target does not say.
    pub protocol: Protocol,
    /// At which node traffic from outside enters, where several could receive it.
    pub via: Option<String>,
    /// Over a connection that stays open: the first such request of its kind opens it, the next ones use it again.
    pub keep_alive: bool,
    /// Start of its random choices.
    pub seed: Seed,
}

/// How a request ended. Names as in the command line's JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A process took it.
    Delivered,
    /// A middle box answered itself, with an HTTP status.
    Answered,
    /// RST, or ICMP port unreachable.
    Refused,
    /// Dropped, or nobody there.
    Timeout,
    /// No route, or no neighbour.
    Unreachable,
    /// NXDOMAIN, or no address in the answer.
    NameNotFound,
    /// The call makes no sense.
    Rejected,
}

impl Verdict {
    /// Whether a request that ended so got what it asked for: a process took it, or somebody in between answered without an error.
    pub fn arrived(self, status: Option<u16>) -> bool {
        match self {
            Verdict::Delivered => true,
            Verdict::Answered => status.is_some_and(|status| status < 400),
            _ => false,
        }
    }
}

/// What the verdict does not tell of how a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nuance {
    /// Nothing.
    #[default]
    Plain,
    /// A client of https met a process without TLS.
    WithoutTls,
    /// A client of https met a certificate that does not bear the name it called.
    OtherName,
    /// The name exists and has no address: an empty answer, not NXDOMAIN.
    NoAddress,
    /// The question to DNS was answered by nobody: refused on its way, or lost.
    NoDns,
    /// It arrived, and one of the requests that it set off did not.
    CallFailed,
    /// kube-proxy itself answered a health check.
    KubeProxy,
    /// A load balancer itself answered.
    LoadBalancer,
}

/// Where a hop happens. Written as `at` in the command line's JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The client outside the cluster, or the wires between it and the cluster's edge.
    Internet,
    /// The DNS outside the cluster.
    PublicDns,
    /// A CoreDNS answer; the Pods themselves are places of the lookup's own packets.
    Coredns,
    /// A load balancer, by its Service: namespace, name.
    LoadBalancer(String, String),
    /// A machine: its process or its interface, not its rules.
    Node(String),
    /// A node's kernel rules, written by kube-proxy.
    KubeProxy(String),
    /// A node's Pod network: bridge, routes.
    Cni(String),
    /// A Pod: namespace, name.
    Pod(String, String),
    /// A Pod that runs the Ingress controller: namespace, name.
    IngressController(String, String),
    /// A server outside the cluster, by name or address.
    Outside(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Internet => f.write_str("internet"),
            Place::PublicDns => f.write_str("public-dns"),
            Place::Coredns => f.write_str("coredns"),
            Place::LoadBalancer(namespace, name) => write!(f, "load-balancer/{namespace}/{name}"),
            Place::Node(name) => write!(f, "node/{name}"),
            Place::KubeProxy(node) => write!(f, "kube-proxy/{node}"),
            Place::Cni(node) => write!(f, "cni/{node}"),
            Place::Pod(namespace, name) => write!(f, "pod/{namespace}/{name}"),
            Place::IngressController(namespace, name) => write!(f, "ingress-controller/{namespace}/{name}"),
            Place::Outside(name) => write!(f, "outside/{name}"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Internet => f.write_str("internet"),
            Source::Node(name) => write!(f, "node/{name}"),
            Source::Pod(namespace, name) => write!(f, "pod/{namespace}/{name}"),
            Source::Workload(object) => {
                write!(f, "{}/{}/{}", object.kind.name().to_ascii_lowercase(), object.namespace, object.name)
            }
        }
    }
}

impl std::str::FromStr for Source {
    type Err = String;

    /// Reads the command line's WHO: `internet`, `node/NAME`, `pod/NAME`, `pod/NS/NAME`, `deployment/NS/NAME` and so on;
    /// the namespace is `default` where none is given.
    fn from_str(text: &str) -> Result<Source, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (kind, namespace, name) = match parts.as_slice() {
            ["internet"] => return Ok(Source::Internet),
            ["node", name] if !name.is_empty() => return Ok(Source::Node(name.to_string())),
            [kind, name] if !name.is_empty() => (*kind, "default", *name),
            [kind, namespace, name] if !name.is_empty() && !namespace.is_empty() => (*kind, *namespace, *name),
            _ => return Err(format!("not a caller: {text}")),
        };
        let workload = |kind| Ok(Source::Workload(ObjectRef::new(kind, namespace, name)));
        match kind {
            "pod" => Ok(Source::Pod(namespace.to_string(), name.to_string())),
            "deployment" => workload(Kind::Deployment),
            "statefulset" => workload(Kind::StatefulSet),
            "daemonset" => workload(Kind::DaemonSet),
            "replicaset" => workload(Kind::ReplicaSet),
            "replicationcontroller" => workload(Kind::ReplicationController),
            _ => Err(format!("not a caller: {text}")),
        }
    }
}

/// What kind of step a hop is. The list is closed: scripts and the stage rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Reason {
    // Before the packet: names.
    Lookup,
    LookupAnswer,
    NoSuchName,
    NoAddress,
    DnsSilent,
    // The wires.
    Send,
    Arrive,
    LoadBalancerPick,
    LoadBalancerNoBackend,
    NoRoute,
    NoNeighbour,
    NodeDown,
    // One kernel's rules.
    ClusterIP,
    NodePort,
    LoadBalancerIP,
    ExternalIP,
    MarkMasquerade,
    SourceRange,
    Affinity,
    PickEndpoint,
    Dnat,
    Masquerade,
    Reject,
    Drop,
    NoRule,
    Conntrack,
    // The Pod network and the Pod.
    Route,
    Hairpin,
    PodArrive,
    NothingListens,
    ProcessAnswers,
    // The Ingress controller.
    ReadHttp,
    TlsTerminate,
    IngressRule,
    IngressDefaultBackend,
    IngressNoRule,
    IngressNoEndpoints,
    IngressRedirect,
    IngressPick,
    IngressBadGateway,
    // The way back.
    UndoNat,
    Reply,
    // A call that makes no sense.
    Rejected,
    // Played by later parts of the engine.
    Policy,
    Egress,
    /// A machine knows the connection: conntrack decides, no rule.
    Established,
}

/// A field of an object that made something so; lines are looked up when shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldRef {
    /// Whose field.
    pub object: ObjectRef,
    /// `spec.ports[0].targetPort`
    pub path: String,
}

/// A rule of one node's rule set that the packet met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRef {
    /// `nat`, `filter`
    pub table: String,
    /// `KUBE-SVC-…`
    pub chain: String,
    /// Position in the chain.
    pub index: u32,
    /// The rule as printed: `-A KUBE-SVC-… -j …`. Empty where the chain's end or policy decided.
    pub text: String,
}

/// One hop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// Where.
    pub at: Place,
    /// What kind of step.
    pub reason: Reason,
    /// Arguments of its texts; ids are `hop.<Reason>.title` and `hop.<Reason>.text` (`variant` appended: `hop.Reject.text.udp`).
    pub text: Message,
    /// The objects that it is about.
    pub objects: Vec<ObjectRef>,
    /// The fields that made it so, the most telling first.
    pub because: Vec<FieldRef>,
    /// Chains and rules read on this hop, in order; the last one decided.
    pub rules: Vec<RuleRef>,
    /// Addresses before.
    pub before: Option<Flow>,
    /// Addresses after; `None` when the packet ends here.
    pub after: Option<Flow>,
    /// Mark before and after.
    pub mark: (u32, u32),
    /// True on the way back.
    pub reply: bool,
    /// HTTP facts that changed here: `X-Forwarded-For` and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}

/// What DNS said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DnsResult {
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL`; `None`: no answer at all.
    pub rcode: Option<String>,
    /// The records of the answer.
    pub answers: Vec<DnsRecord>,
    /// The full names that were tried, in order.
    #[serde(default)]
    pub searched: Vec<String>,
}

/// One record of a DNS answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DnsRecord {
    /// Full name with the final dot, in the query's case.
    pub name: String,
    /// Seconds.
    pub ttl: u32,
    /// `A`, `AAAA`, `CNAME`, `SRV`, `PTR`, `TXT`
    #[serde(rename = "type")]
    pub kind: String,
    /// As `dig` prints it.
    pub data: String,
}

/// What happened to one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// What was asked.
    pub request: Request,
    /// How it ended.
    pub verdict: Verdict,
    /// HTTP status, where somebody answered with one.
    pub status: Option<u16>,
    /// The Pod that took it: namespace and name.
    pub pod: Option<(String, String)>,
    /// Its address.
    #[serde(rename = "podIP")]
    pub pod_ip: Option<Ipv4Addr>,
    /// Its port.
    pub port: Option<u16>,
    /// Its node.
    pub node: Option<String>,
    /// The client's address as the Pod sees it.
    pub source_seen_by_pod: Option<Ipv4Addr>,
    /// The lookup, when a name was looked up.
    pub dns: Option<DnsResult>,
    /// The hops in order, the way back included.
    pub hops: Vec<Hop>,
    /// What was assumed.
    pub assumptions: Vec<Message>,
    /// Requests that the reached Pod made in turn.
    pub calls: Vec<Trace>,
    /// Why it failed and what to try next, with the fields that are to blame.
    pub advice: Option<Advice>,
}

impl Trace {
    /// Whether it got what it asked for.
    pub fn arrived(&self) -> bool {
        self.verdict.arrived(self.status)
    }

    /// Whether the client asked for https where a process speaks without TLS: delivered, and all the same no success.
    pub fn without_tls(&self) -> bool {
        self.verdict == Verdict::Delivered && self.met("hop.ProcessAnswers.text.noTls")
    }

    /// Whether one of its hops says so.
    fn met(&self, text: &str) -> bool {
        self.hops.iter().any(|hop| hop.text.id == text)
    }

    /// What its verdict does not tell of its end.
    pub fn nuance(&self) -> Nuance {
        let decided = self.hops.iter().rev().find(|hop| !hop.reply);
        match (self.verdict, decided.map(|hop| (&hop.at, hop.reason))) {
            (Verdict::Delivered, _) if self.without_tls() => Nuance::WithoutTls,
            (Verdict::Delivered, _) if self.met("hop.ProcessAnswers.text.server.tls") => Nuance::OtherName,
            (Verdict::Delivered, _) if self.failed_call().is_some() => Nuance::CallFailed,
            (Verdict::NameNotFound, Some((_, Reason::NoAddress))) => Nuance::NoAddress,
            (Verdict::Timeout, Some((_, Reason::DnsSilent))) => Nuance::NoDns,
            (Verdict::Answered, Some((Place::Node(_), _))) => Nuance::KubeProxy,
            (Verdict::Answered, Some((Place::LoadBalancer(..), _))) => Nuance::LoadBalancer,
            _ => Nuance::Plain,
        }
    }

    /// The first of the requests in turn, and of theirs, that did not arrive.
    pub fn failed_call(&self) -> Option<&Trace> {
        self.calls.iter().find_map(|call| if call.arrived() { call.failed_call() } else { Some(call) })
    }
}

/// Why a request failed, and what to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// In one sentence.
    pub why: Message,
    /// What to try next.
    pub next: Message,
    /// The fields that are to blame, the most telling first; empty: "Not from your YAML".
    pub because: Vec<FieldRef>,
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn callers_are_read_as_they_are_written() {
        for text in ["internet", "node/node-1", "pod/default/web-x", "deployment/shop/web", "statefulset/default/db"] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        assert_eq!("pod/web-x".parse::<Source>().unwrap().to_string(), "pod/default/web-x");
        assert!("moon".parse::<Source>().is_err());
    }
}
