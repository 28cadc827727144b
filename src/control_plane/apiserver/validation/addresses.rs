//! IP addresses and CIDR blocks (`k8s.io/apimachinery/pkg/util/validation/ip.go`, and `ValidateEndpointIP` of
//! `pkg/apis/core/validation`), with the strict rules that are the default since 1.36.

use super::field::{At, Errors, quoted};
use std::net::{IpAddr, Ipv4Addr};

/// An address as Go's old parser reads it: octets may have leading zeros.
pub fn parse_sloppy(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    let octets: Option<Vec<u8>> = text.split('.').map(sloppy_octet).collect();
    match octets?.as_slice() {
        [a, b, c, d] => Some(IpAddr::V4(Ipv4Addr::new(*a, *b, *c, *d))),
        _ => None,
    }
}

fn sloppy_octet(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits {
        text.trim_start_matches('0').parse().ok().or_else(|| text.bytes().all(|byte| byte == b'0').then_some(0))
    } else {
        None
    }
}

/// `IsValidIPForLegacyField`: what is wrong with the text of an address.
pub fn ip(text: &str) -> Vec<String> {
    let Some(address) = parse_sloppy(text) else {
        return vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_string()];
    };
    let mut errors = Vec::new();
    if text.parse::<IpAddr>().is_err() {
        errors.push("must not have leading 0s".to_string());
    }
    if matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        errors.push("must not be an IPv4-mapped IPv6 address".to_string());
    }
    errors
}

/// `GetWarningsForIP`: an address that can be read but is not written as it should be.
pub fn ip_warning(at: &At) -> Option<String> {
    let (path, text) = (&at.path, at.text());
    let address = parse_sloppy(text)?;
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => None,
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
            let good = v6.to_string();
            let advice =
                || format!("{path}: IPv6 address {} should be in RFC 5952 canonical format ({})", quoted(text), quoted(&good));
            (good != text).then(advice)
        }
        _ => {
            let good = quoted(&address.to_canonical().to_string());
            Some(format!("{path}: non-standard IP address {} is invalid: use {good}", quoted(text)))
        }
    }
}

/// The same for a block, as far as validation lets it through (`GetWarningsForCIDR`).
pub fn cidr_warning(at: &At) -> Option<String> {
    let text = at.text();
    let (address, length) = parse_cidr(text)?;
    let good = format!("{address}/{length}");
    let advice =
        || format!("{}: IPv6 CIDR value {} should be in RFC 5952 canonical format ({})", at.path, quoted(text), quoted(&good));
    (address.is_ipv6() && good != text).then(advice)
}

/// `IsValidCIDRForLegacyField`.
pub fn cidr(text: &str) -> Vec<String> {
    let wrong = || vec!["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)".to_string()];
    let Some((address, length)) = parse_cidr(text) else { return wrong() };
    let mut errors = Vec::new();
    let (before, digits) = text.split_once('/').unwrap_or_default();
    if before.parse::<IpAddr>().is_err() || (digits.len() > 1 && digits.starts_with('0')) {
        errors.push("must not have leading 0s in IP or prefix length".to_string());
    }
    if matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        errors.push("must not have an IPv4-mapped IPv6 address".to_string());
    } else if masked(address, length) != address {
        errors.push("must not have bits set beyond the prefix length".to_string());
    }
    errors
}

/// The address and prefix length of a block, as Go's old parser reads it.
pub fn parse_cidr(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    let address = parse_sloppy(address)?;
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let length: u32 = length.parse().ok()?;
    (length <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, length))
}

/// The first address of the block.
pub fn masked(address: IpAddr, length: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(32 - length).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(128 - length).unwrap_or(0)).into()),
    }
}

/// `ValidateEndpointIP`: addresses that no endpoint may have. An error also for what is no address at all.
pub fn endpoint(at: &At, errors: &mut Errors) {
    let Some(address) = parse_sloppy(at.text()) else {
        errors.invalid_as(at, &quoted(at.text()), "must be a valid IP address");
        return;
    };
    if address.is_unspecified() {
        errors.invalid(at, format!("may not be unspecified ({})", at.text()));
    }
    if address.is_loopback() {
        errors.invalid(at, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    if link_local {
        errors.invalid(at, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    let link_local_multicast = match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [224, 0, 0, _]),
        IpAddr::V6(v6) => matches!(v6.octets(), [0xff, second, ..] if second & 0x0f == 2),
    };
    if link_local_multicast {
        errors.invalid(at, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}
