//! Linux netfilter as data: tables, chains and rules that packets walk and that are printed as `iptables-restore` text.
//!
//! The one rule set is walked by every simulated packet, printed in the inspector and by `kubehop rules`, and loadable into a
//! real kernel. Matches stand in the order in which kube-proxy writes them.

pub mod answers;
mod common;
pub mod nft;
mod part;
pub mod print;
mod sieve;
pub mod walk;

pub use part::{Chain, Part, Rule, Table};

use crate::packet::{Protocol, as_is};
use crate::trace::FieldRef;
use std::net::Ipv4Addr;

/// All rules of one node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleSet {
    /// In printing order: filter, nat.
    pub tables: Vec<Table>,
}

/// Why a rule stands there: what its writer means by it, and which fields of which objects made it so. Rules share their origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// What the rule is for.
    pub meaning: Meaning,
    /// The fields of manifests that made it so, the most telling first.
    pub because: Vec<FieldRef>,
    /// `default/web:http`, as kube-proxy names a Service port; empty where the rule belongs to none.
    pub service_port: String,
}

/// What a rule is for. It changes nothing about the walk, and nothing is printed of it: it is there to explain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// Bookkeeping: jumps between chains, returns.
    #[default]
    Plumbing,
    /// Knows a Service's cluster address.
    ClusterIp,
    /// Knows one of a Service's external addresses.
    ExternalIp,
    /// Knows a load balancer's address.
    LoadBalancerIp,
    /// Hands what is for the node itself to the node ports.
    NodePorts,
    /// Knows a node port.
    NodePort,
    /// Marks what comes from outside the Pods' range and goes to a cluster address.
    MarkOffCluster,
    /// Marks what comes from outside to a node port, external or load balancer address.
    MarkExternal,
    /// Marks what the node itself sends to its external addresses.
    MarkLocal,
    /// Marks a Pod that reached itself.
    MarkHairpin,
    /// Sets the mark.
    Mark,
    /// Pods' own traffic escapes the external traffic policy.
    PodShortcut,
    /// The node's own traffic escapes the external traffic policy.
    NodeShortcut,
    /// Goes on to the endpoints that the traffic policy allows.
    Policy,
    /// A source range that may use the load balancer's address.
    SourceRange,
    /// Drops what no source range allowed.
    NotInSourceRange,
    /// Goes back to the endpoint that this client used last.
    Affinity,
    /// Picks an endpoint.
    Pick,
    /// Picks one of those that the slices hint for this node or its zone.
    PickHinted,
    /// Picks one of those that terminate and still serve, because none is ready.
    PickTerminating,
    /// Rewrites the destination to the endpoint.
    Endpoint,
    /// Nobody is behind the Service.
    NoEndpoints,
    /// Nobody on this node is behind the Service, and the policy is Local.
    NoLocalEndpoints,
    /// Lets load balancers ask whether this node has endpoints.
    HealthCheck,
    /// Unmarked packets leave as they are.
    NotMarked,
    /// Takes the mark off again.
    Unmark,
    /// Rewrites the source to the node's.
    Masquerade,
    /// Refuses ports that a known cluster address does not have (nftables mode).
    NoSuchPort,
    /// Drops what goes to cluster addresses that no Service has (nftables mode).
    NoSuchClusterIp,
    /// Remembers the client for the endpoint (nftables mode).
    Remember,
    /// Keeps others away from 127.0.0.1.
    LocalnetGuard,
    /// Drops packets that belong to no connection.
    Invalid,
    /// Lets marked packets through.
    ForwardMarked,
    /// Lets packets of known connections through.
    ForwardEstablished,
}

impl Meaning {
    /// Whether such a rule picks an endpoint, for whatever reason that one.
    pub fn picks(self) -> bool {
        matches!(self, Meaning::Pick | Meaning::PickHinted | Meaning::PickTerminating)
    }
}

/// One condition of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Match {
    /// `-m comment --comment "…"`: always holds.
    Comment(String),
    /// `-p tcp`
    Protocol(Protocol),
    /// `-m tcp`: the protocol's own match module, always holds after `-p`.
    Module(Protocol),
    /// `-s 10.244.1.4`: one address, written without a prefix length.
    SourceAddress(Ipv4Addr),
    /// `-d 10.96.0.10`: one address, written without a prefix length.
    DestinationAddress(Ipv4Addr),
    /// `-s 10.244.0.0/16`, or `! -s …`.
    Source(Cidr, Sense),
    /// `-d 127.0.0.0/8`, or `! -d …`.
    Destination(Cidr, Sense),
    /// `--dport 80`
    DestinationPort(u16),
    /// `-m addrtype --src-type LOCAL`
    SourceIsLocal,
    /// `-m addrtype --dst-type LOCAL`, or `! --dst-type LOCAL`.
    DestinationIsLocal(Sense),
    /// `-m conntrack --ctstate …`
    ConntrackState(Vec<ConntrackState>),
    /// `-m conntrack ! --ctstate …`
    NotConntrackState(Vec<ConntrackState>),
    /// `-m mark --mark 0x4000/0x4000`, or `! --mark …`: value, mask.
    Mark(u32, u32, Sense),
    /// `-m statistic --mode random --probability 0.3333333333`: 1 in so many.
    OneIn(u32),
    /// `-m recent --name … --rcheck --seconds … --reap`
    RecentCheck {
        /// The list's name: the endpoint's chain.
        list: String,
        /// How long a client is remembered.
        seconds: u32,
    },
    /// `-m recent --name … --set`: remembers the client, always holds.
    RecentSet {
        /// The list's name.
        list: String,
    },
}

/// Whether a condition is asked plainly or turned around with `!`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// As it stands.
    Is,
    /// Negated.
    Not,
}

/// `ctstate` of a packet's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ConntrackState {
    New,
    Established,
    Related,
    Invalid,
    Dnat,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// `-j CHAIN`: see [`Table::chain_name`].
    Jump(u32),
    /// `-j ACCEPT`
    Accept,
    /// `-j DROP`
    Drop,
    /// `-j REJECT`: ICMP port unreachable.
    Reject,
    /// `-j RETURN`
    Return,
    /// `-j MARK --or-mark 0x4000`
    MarkOr(u32),
    /// `-j MARK --xor-mark 0x4000`
    MarkXor(u32),
    /// `-j DNAT --to-destination 10.244.1.4:80`
    Dnat(Ipv4Addr, u16),
    /// `-j MASQUERADE --random-fully`
    Masquerade,
}

/// An address range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    /// First address.
    pub base: Ipv4Addr,
    /// Prefix length, 0 to 32.
    pub bits: u8,
}

impl Cidr {
    /// Just one address.
    pub fn host(ip: Ipv4Addr) -> Cidr {
        Cidr { base: ip, bits: 32 }
    }

    /// Whether the address lies in the range.
    #[inline]
    pub fn contains(self, ip: Ipv4Addr) -> bool {
        let apart = u32::from_be(as_is(self.base) ^ as_is(ip));
        apart.checked_shr(32 - u32::from(self.bits.min(32))).unwrap_or(0) == 0
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

impl std::str::FromStr for Cidr {
    type Err = String;
    /// Reads `10.0.0.0/8`, or an address alone (`/32`).
    fn from_str(text: &str) -> Result<Cidr, String> {
        let (ip, bits) = text.split_once('/').unwrap_or((text, "32"));
        match (ip.parse(), bits.parse::<u8>()) {
            (Ok(base), Ok(bits)) if bits <= 32 => Ok(Cidr { base, bits }),
            _ => Err(format!("not an address range: {text}")),
        }
    }
}
