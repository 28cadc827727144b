//! One packet's addresses, and what a node's kernel knows about it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;

/// Transport protocol of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
    Icmp,
}

impl Protocol {
    /// `TCP`, as in a manifest.
    pub fn api_name(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
            Protocol::Icmp => "ICMP",
        }
    }

    /// `tcp`, as in a rule.
    pub fn rule_name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
            Protocol::Icmp => "icmp",
        }
    }

    /// Reads a manifest's protocol; an empty one is TCP.
    pub fn of_api(name: &str) -> Option<Protocol> {
        match name {
            "" | "TCP" => Some(Protocol::Tcp),
            "UDP" => Some(Protocol::Udp),
            "SCTP" => Some(Protocol::Sctp),
            _ => None,
        }
    }
}

/// An address as a number in the machine's own order of bytes: to compare it and to find it, not to count with it.
#[inline(always)]
pub fn as_is(ip: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(ip.octets())
}

/// Address and port. Written `10.0.0.12:30080`; port 0 (ICMP) is left out.
#[derive(Clone, Copy, Debug, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[allow(missing_docs)]
pub struct Socket {
    pub ip: Ipv4Addr,
    pub port: u16,
}

impl PartialEq for Socket {
    /// In one comparison.
    #[inline(always)]
    fn eq(&self, other: &Socket) -> bool {
        (as_is(self.ip) ^ as_is(other.ip)) | u32::from(self.port ^ other.port) == 0
    }
}

impl Socket {
    /// An address and a port.
    pub fn new(ip: Ipv4Addr, port: u16) -> Socket {
        Socket { ip, port }
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == 0 { write!(f, "{}", self.ip) } else { write!(f, "{}:{}", self.ip, self.port) }
    }
}

impl From<Socket> for String {
    fn from(socket: Socket) -> String {
        socket.to_string()
    }
}

impl TryFrom<String> for Socket {
    type Error = String;
    fn try_from(text: String) -> Result<Socket, String> {
        let (ip, port) = text.split_once(':').unwrap_or((&text, "0"));
        match (ip.parse(), port.parse()) {
            (Ok(ip), Ok(port)) => Ok(Socket { ip, port }),
            _ => Err(format!("not an address: {text}")),
        }
    }
}

/// The addresses that stand in a packet's header.
#[derive(Clone, Copy, Debug, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Flow {
    pub src: Socket,
    pub dst: Socket,
}

impl PartialEq for Flow {
    #[inline(always)]
    fn eq(&self, other: &Flow) -> bool {
        self.src == other.src && self.dst == other.dst
    }
}

impl Flow {
    /// The addresses of the answer.
    #[inline(always)]
    pub fn reversed(self) -> Flow {
        Flow { src: self.dst, dst: self.src }
    }
}

/// A packet on its way through one kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// TCP, UDP, SCTP or ICMP.
    pub protocol: Protocol,
    /// Its addresses now.
    pub flow: Flow,
    /// The firewall mark (`0x4000`: masquerade later); lives only inside one kernel.
    pub mark: u32,
}
