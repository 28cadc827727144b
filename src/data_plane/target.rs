//! Reads what a request is aimed at: `HOST:PORT`, or a URL; `icmp://HOST` is a ping.

use crate::msg;
use crate::packet::Protocol;
use crate::words::Message;

/// How the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Scheme {
    /// Nothing but `HOST:PORT` was given.
    Bare,
    Http,
    Https,
    Tcp,
    Udp,
    Sctp,
    /// A ping.
    Icmp,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Target {
    pub scheme: Scheme,
    pub host: String,
    pub port: u16,
    /// With the query.
    pub path: String,
    pub protocol: Protocol,
    /// What the host is only another name for, by an ExternalName Service; known once DNS was asked.
    pub alias: Option<String>,
}

impl Target {
    /// Reads a target; `protocol` counts where the target does not say. `None`: unreadable.
    pub fn read(text: &str, protocol: Protocol) -> Option<Target> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme_of(scheme)?, rest),
            None => (Scheme::Bare, text),
        };
        let protocol = match scheme {
            Scheme::Bare => protocol,
            Scheme::Udp => Protocol::Udp,
            Scheme::Sctp => Protocol::Sctp,
            Scheme::Icmp => Protocol::Icmp,
            _ => Protocol::Tcp,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.split_once(':') {
            Some(_) if protocol == Protocol::Icmp => return None,
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
            None => (authority, default_port(scheme, protocol)?),
        };
        let labels = host.strip_suffix('.').unwrap_or(host);
        let named = host.chars().all(|c| c.is_ascii_alphanumeric() || "-._*".contains(c));
        let readable = host.len() <= 253 && named && !is_number(host) && labels.split('.').all(|label| !label.is_empty());
        let host = with_octal(host)?;
        let path = match path.split('#').next().unwrap_or_default() {
            "" => "/".to_string(),
            query if query.starts_with('?') => format!("/{query}"),
            path => path.to_string(),
        };
        readable.then_some(Target { scheme, host, port, path, protocol, alias: None })
    }

    /// Why a text cannot be read as a target.
    pub fn flaw(text: &str) -> Message {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().unwrap_or(0) == 0 {
            return msg!("hop.Rejected.text.port", target = text, port = port);
        }
        if host.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) && !text.contains(char::is_whitespace) {
            return msg!("hop.Rejected.text.letters", target = text, host = host);
        }
        if is_number(host) {
            return msg!("hop.Rejected.text.number", target = text);
        }
        msg!("hop.Rejected.text.target", target = text)
    }

    /// Whether it is an HTTP request.
    pub fn is_http(&self) -> bool {
        matches!(self.scheme, Scheme::Http | Scheme::Https)
    }
}

/// Whether a host is nothing but a number: `inet_aton` reads an address in it, 0.0.0.80 in `80`, and no name.
fn is_number(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_digit()) && host.parse::<u32>().is_ok()
}

/// The host, or the address that `inet_aton` reads where a part of it has a leading zero: that part is octal. `None`: it is none.
fn with_octal(host: &str) -> Option<String> {
    let parts: Vec<&str> = host.split('.').collect();
    let is_octal = |part: &str| part.len() > 1 && part.starts_with('0');
    let numbers = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if parts.len() != 4 || !numbers || !parts.iter().any(|part| is_octal(part)) {
        return Some(host.to_string());
    }
    let octet = |part: &&str| u8::from_str_radix(part, if is_octal(part) { 8 } else { 10 }).ok();
    let octets: Vec<String> = parts.iter().filter_map(octet).map(|octet| octet.to_string()).collect();
    (octets.len() == 4).then(|| octets.join("."))
}

fn scheme_of(name: &str) -> Option<Scheme> {
    match name.to_ascii_lowercase().as_str() {
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        "tcp" => Some(Scheme::Tcp),
        "udp" => Some(Scheme::Udp),
        "sctp" => Some(Scheme::Sctp),
        "icmp" => Some(Scheme::Icmp),
        _ => None,
    }
}

fn default_port(scheme: Scheme, protocol: Protocol) -> Option<u16> {
    match (scheme, protocol) {
        // A ping has no port.
        (_, Protocol::Icmp) => Some(0),
        (Scheme::Http, _) | (Scheme::Bare, Protocol::Tcp) => Some(80),
        (Scheme::Https, _) => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, u16, String)> {
        Target::read(text, Protocol::Tcp).map(|target| (target.host, target.port, target.path))
    }

    #[test]
    fn what_keeps_a_target_from_being_read_is_named() {
        let flaw = |text: &str| Target::flaw(text).id.to_string();
        assert_eq!(flaw("http://node-2:99999/"), "hop.Rejected.text.port");
        assert_eq!(flaw("web:0"), "hop.Rejected.text.port");
        assert_eq!(flaw("http://사과.kr/"), "hop.Rejected.text.letters");
        assert_eq!(flaw("ping web"), "hop.Rejected.text.target");
        assert_eq!(flaw("icmp://web:80"), "hop.Rejected.text.target");
        assert_eq!(flaw("0"), "hop.Rejected.text.number");
        assert_eq!(flaw("http://30080/"), "hop.Rejected.text.number");
    }

    #[test]
    fn targets_are_read_as_curl_reads_them() {
        let target = |host: &str, port, path: &str| Some((host.to_string(), port, path.to_string()));
        assert_eq!(read("web:80"), target("web", 80, "/"));
        assert_eq!(read("http://10.0.0.12:30080"), target("10.0.0.12", 30080, "/"));
        assert_eq!(read("https://shop.example.com/cart?x=1#top"), target("shop.example.com", 443, "/cart?x=1"));
        assert_eq!(read("http://web?q"), target("web", 80, "/?q"));
        assert_eq!(read("tcp://redis"), None);
        assert_eq!(read("web:0"), None);
        assert_eq!(read("web:70000"), None);
        assert_eq!(read("ftp://web:21"), None);
        assert_eq!(read("sctp://web:3868"), target("web", 3868, "/"));
        assert_eq!(read("icmp://web"), target("web", 0, "/"));
        assert_eq!(read("icmp://web:80"), None, "a ping has no port");
        assert_eq!(read("we b:80"), None);
        assert_eq!(read(""), None);
        assert_eq!(read("0"), None, "an address to inet_aton, and no host");
        assert_eq!(read("http://010.0.0.011:80"), target("8.0.0.9", 80, "/"), "a leading zero makes it octal");
        assert_eq!(read("http://08.0.0.11"), None, "no octal number");
        assert_eq!(read("http://web.default.:80"), target("web.default.", 80, "/"));
        assert_eq!(read("http://web..default"), None, "an empty label");
    }
}
