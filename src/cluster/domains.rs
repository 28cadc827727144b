//! Whose a name is, as far as a name tells: the cluster's, or somebody's in the world outside. All of it is an assumption, as no
//! list of names is at hand.

/// Top-level domains under which a name is taken to be somebody's server; few, as namespaces are called `dev`, `app` and `shop`
/// too, and `web.dev` is more often a mistake.
const WELL_KNOWN: [&str; 7] = ["com", "edu", "gov", "io", "kr", "net", "org"];

/// More of them, which count where two labels or more stand before them; countries' do so, too.
const KNOWN: [&str; 11] = ["app", "biz", "cloud", "dev", "info", "int", "mil", "online", "site", "tech", "xyz"];

/// Two letters that are no country's (ISO 3166-1 has given them to none), and that Services and namespaces like to be called.
const NO_COUNTRY: [&str; 4] = ["db", "fe", "ns", "ui"];

/// Labels below which a country's registry gives out names: `shop.example.co.kr` is of the domain `example.co.kr`.
const SECOND_LEVEL: [&str; 10] = ["ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"];

/// Whether a name in small letters, without the final dot, reads as one of the world outside, and not as a Service's name
/// (`web.defualt`, `db-0.db`, `web.shop.svc.cluster.lcal`).
pub fn reads_as_public(name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    let country = |top: &str| top.len() == 2 && !NO_COUNTRY.contains(&top);
    match labels.as_slice() {
        // `_http._tcp.web` asks for a Service's port: no host is called so (RFC 1123), and SRV's labels are (RFC 2782).
        [first, ..] if first.starts_with('_') => false,
        [_, top] => WELL_KNOWN.contains(top),
        [_, _, rest @ .., top] => (country(top) || WELL_KNOWN.contains(top) || KNOWN.contains(top)) && !rest.contains(&"svc"),
        _ => false,
    }
}

/// The last two labels of a host name, or three below a country's registry: whose it is.
pub fn domain(host: &str) -> &str {
    let mut labels = host.rsplit('.');
    let country = labels.next().is_some_and(|top| top.len() == 2) && labels.next().is_some_and(|at| SECOND_LEVEL.contains(&at));
    let dots = if country { 2 } else { 1 };
    host.rmatch_indices('.').nth(dots).map_or(host, |(at, _)| host.get(at + 1..).unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_shaped_like_services_are_not_public() {
        for name in [
            "web.defualt",
            "db-0.db",
            "db.internal",
            "x.dev",
            "a.default.svc.cluster.io",
            "web",
            "db-0.db.data",
            "_pg._tcp.db",
            "_x._tcp.web.io",
            "a.b.db",
        ] {
            assert!(!reads_as_public(name), "{name}");
        }
        for name in ["example.com", "api.mycompany.de", "hooks.example.co.kr", "api.example.dev", "svc.example.org"] {
            assert!(reads_as_public(name), "{name}");
        }
    }

    #[test]
    fn a_domain_is_what_a_registry_gives_out() {
        assert_eq!(domain("a.b.example.org"), "example.org");
        assert_eq!(domain("shop.example.co.kr"), "example.co.kr");
        assert_eq!(domain("example.co.kr"), "example.co.kr");
        assert_eq!((domain("shop"), domain("")), ("shop", ""));
    }
}
