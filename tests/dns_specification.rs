//! The Kubernetes DNS specification, version 1.1.0 (`docs/specification.md` of kubernetes/dns), a row for each of its sentences.
//!
//! Where CoreDNS as kubeadm installs it goes another way than the sentence, the row says so: kubehop answers as CoreDNS does, and
//! `tests/dns.rs` holds it to CoreDNS's own code. Version 1.1.0 is 1.0.1 with IPv6 (AAAA, ip6.arpa), without section 2.6.
//!
//! Without a row, since no IPv6 ClusterIP is allocated (dual stack is not played): its AAAA record (2.3.1) and its PTR record below
//! ip6.arpa (2.3.3). What an Additional section may hold (2.3.2, 2.4.2) is not shown.

use kubehop::addons::coredns::Zone;
use kubehop::cluster::Cluster;
use kubehop::kubectl::{SourceFile, read};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use std::fs;
use std::sync::Arc;

struct Row {
    section: &'static str,
    sentence: &'static str,
    /// Where CoreDNS goes another way, or what it chooses.
    coredns: &'static str,
    query: &'static str,
    qtype: &'static str,
    /// Response code, then the records: without their name and TTL where these are the query's and 30.
    answer: &'static [&'static str],
}

const fn row(
    section: &'static str,
    sentence: &'static str,
    query: &'static str,
    qtype: &'static str,
    answer: &'static [&'static str],
) -> Row {
    Row { section, sentence, coredns: "", query, qtype, answer }
}

#[rustfmt::skip]
const SPECIFICATION: &[Row] = &[
    row("2.1", "the hostname of an endpoint is the value of its hostname field",
        "my-pet.headless.default", "A", &["NOERROR", "A 10.3.0.100"]),
    Row { coredns: "takes the address, with dashes", ..row("2.1", "without one, a unique, system-assigned identifier",
        "10-3-0-102.headless.default", "A", &["NOERROR", "A 10.3.0.102"]) },
    row("2.1", "that identifier identifies the endpoint only where it has no hostname of its own",
        "10-3-0-100.headless.default", "A", &["NXDOMAIN"]),
    Row { coredns: "goes by the slice's condition; publishNotReadyAddresses, which sets it, took the annotation's place",
        ..row("2.1", "an endpoint that is not ready has no record",
        "not-ready.headless.default", "A", &["NXDOMAIN"]) },
    row("2.1", "all comparisons between query data and data in Kubernetes are case-insensitive",
        "WEB.Default", "A", &["NOERROR", "A 10.96.0.7"]),
    row("2.2", "a TXT record dns-version.<zone> contains the version of the schema",
        "dns-version.cluster.local.", "TXT", &["NOERROR", "28800 TXT \"1.1.0\""]),
    row("2.3.1", "a Service with an IPv4 ClusterIP has an A record",
        "web.default", "A", &["NOERROR", "A 10.96.0.7"]),
    row("2.3.1", "a Service without an IPv6 ClusterIP has no AAAA record, and the name exists",
        "web.default", "AAAA", &["NOERROR"]),
    row("2.3.1", "the example: kubernetes.default",
        "kubernetes.default", "A", &["NOERROR", "A 10.96.0.1"]),
    row("2.3.2", "each named port has an SRV record _<port>._<proto>",
        "_http._tcp.web.default", "SRV", &["NOERROR", "SRV 0 100 80 web.default.svc.cluster.local."]),
    row("2.3.2", "each named port: also the second",
        "_metrics._tcp.web.default", "SRV", &["NOERROR", "SRV 0 100 9090 web.default.svc.cluster.local."]),
    row("2.3.2", "the protocol is part of the name",
        "_http._udp.web.default", "SRV", &["NXDOMAIN"]),
    row("2.3.2", "the example: _https._tcp.kubernetes.default",
        "_https._tcp.kubernetes.default", "SRV", &["NOERROR", "SRV 0 100 443 kubernetes.default.svc.cluster.local."]),
    row("2.3.2", "unnamed ports do not have an SRV record",
        "_http._tcp.unnamed.default", "SRV", &["NXDOMAIN"]),
    Row { coredns: "answers SRV for the bare name, unnamed ports too: an extension (section 3)",
        ..row("2.3.2", "unnamed ports do not have an SRV record",
        "unnamed.default", "SRV", &["NOERROR", "SRV 0 100 80 unnamed.default.svc.cluster.local."]) },
    row("2.3.3", "a ClusterIP has a PTR record to its Service",
        "7.0.96.10.in-addr.arpa.", "PTR", &["NOERROR", "PTR web.default.svc.cluster.local."]),
    row("2.4.1", "a headless Service has an A record for each ready endpoint",
        "headless.default", "A", &["NOERROR", "A 10.3.0.100", "A 10.3.0.101", "A 10.3.0.102"]),
    row("2.4.1", "and an AAAA record for each ready endpoint with an IPv6 address",
        "headless.default", "AAAA", &["NOERROR", "AAAA fd00::7"]),
    row("2.4.1", "without ready endpoints the answer is NXDOMAIN",
        "nobody-ready.default", "A", &["NXDOMAIN"]),
    row("2.4.1", "without ready endpoints the answer is NXDOMAIN: for AAAA, too",
        "nobody-ready.default", "AAAA", &["NXDOMAIN"]),
    Row { coredns: "says that the name exists, where it has records of the other type",
        ..row("2.4.1", "without ready endpoints that have an IPv6 address the answer to AAAA is NXDOMAIN",
        "twins.default", "AAAA", &["NOERROR"]) },
    Row { coredns: "says that the name exists, where it has records of the other type",
        ..row("2.4.1", "without ready endpoints that have an IPv4 address the answer to A is NXDOMAIN",
        "six.default", "A", &["NOERROR"]) },
    row("2.4.1", "an AAAA record for each ready endpoint with an IPv6 address, and no other",
        "six.default", "AAAA", &["NOERROR", "AAAA 2001:db8::1", "AAAA 2001:db8::2"]),
    row("2.4.1", "a ready endpoint has an AAAA record under its hostname; several addresses of one hostname: a record for each",
        "my-pet.six.default", "AAAA", &["NOERROR", "AAAA 2001:db8::1", "AAAA 2001:db8::2"]),
    row("2.4.1", "an endpoint with an IPv6 address that is not ready has no AAAA record",
        "not-ready.six.default", "AAAA", &["NXDOMAIN"]),
    row("2.4.1", "each ready endpoint has a record under its hostname",
        "my-pet-2.headless.default", "A", &["NOERROR", "A 10.3.0.101"]),
    row("2.4.1", "several addresses of one hostname: a record for each",
        "twin.twins.default", "A", &["NOERROR", "A 10.3.1.1", "A 10.3.1.2"]),
    row("2.4.2", "an SRV record for each pair of ready endpoint and named port: 4 endpoints, here one port",
        "_sql._tcp.headless.default", "SRV", &["NOERROR",
        "SRV 0 25 5432 10-3-0-102.headless.default.svc.cluster.local.",
        "SRV 0 25 5432 fd00--7.headless.default.svc.cluster.local.",
        "SRV 0 25 5432 my-pet-2.headless.default.svc.cluster.local.",
        "SRV 0 25 5432 my-pet.headless.default.svc.cluster.local."]),
    row("2.4.2", "N endpoints and M named ports make N × M records: here the other port",
        "_admin._tcp.twins.default", "SRV", &["NOERROR", "SRV 0 50 8081 twin.twins.default.svc.cluster.local."]),
    row("2.4.2", "unnamed ports do not have an SRV record",
        "_http._tcp.nobody-ready.default", "SRV", &["NXDOMAIN"]),
    row("2.4.3", "a ready endpoint has a PTR record to its hostname",
        "100.0.3.10.in-addr.arpa.", "PTR", &["NOERROR", "PTR my-pet.headless.default.svc.cluster.local."]),
    row("2.4.2", "the target of an SRV record is the hostname, also with IPv6 addresses",
        "_sql._tcp.six.default", "SRV", &["NOERROR", "SRV 0 50 5432 my-pet.six.default.svc.cluster.local."]),
    row("2.4.3", "a ready endpoint has a PTR record to its hostname: an IPv6 address as nibbles in reverse order below ip6.arpa",
        "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", "PTR",
        &["NOERROR", "PTR my-pet.six.default.svc.cluster.local."]),
    row("2.5", "an ExternalName Service has a CNAME record to that name",
        "foo.default", "CNAME", &["NOERROR", "CNAME www.example.com."]),
    row("2.5", "a question for AAAA is answered with that CNAME record, too",
        "foo.default", "AAAA", &["NOERROR", "CNAME www.example.com."]),
    Row { coredns: "keeps what 1.1.0 dropped", ..row("2.6", "<a>-<b>-<c>-<d>.<ns>.pod.<zone> has an A record, whether such a Pod exists or not",
        "10-9-8-7.default.pod.cluster.local.", "A", &["NOERROR", "A 10.9.8.7"]) },
    Row { coredns: "asks that the namespace exists",
        ..row("2.6", "<a>-<b>-<c>-<d>.<ns>.pod.<zone> has an A record",
        "10-9-8-7.nowhere.pod.cluster.local.", "A", &["NXDOMAIN"]) },
    Row { coredns: "answers for port and protocol without underscores, too",
        ..row("3", "the records are a subset of those that an implementation produces",
        "http.tcp.web.default", "A", &["NOERROR", "A 10.96.0.7"]) },
];

fn zone() -> Zone {
    let text = fs::read_to_string("tests/fixtures/conformance/dns.yaml").unwrap();
    let (manifests, problems) = read(&[SourceFile { name: "dns.yaml".into(), text }]);
    assert!(problems.is_empty(), "{problems:?}");
    let outcome = Cluster::new(Arc::new(Settings::default()), Seed(1)).apply(Arc::new(manifests));
    let errors = outcome.diagnostics.iter().filter(|found| found.severity == kubehop::diagnostic::Severity::Error);
    assert_eq!(errors.count(), 0, "{:?}", outcome.diagnostics);
    Zone::of(&outcome.cluster.store)
}

fn full(name: &str) -> String {
    if name.ends_with('.') { name.to_string() } else { format!("{name}.svc.cluster.local.") }
}

#[test]
fn dns_answers_as_the_specification_says() {
    let zone = zone();
    let mut differing = Vec::new();
    for row in SPECIFICATION {
        let name = full(row.query);
        let result = zone.query(&name, row.qtype, None);
        let record = |record: &kubehop::trace::DnsRecord| {
            let owner = if record.name == name { String::new() } else { format!("{} ", record.name) };
            let ttl = if record.ttl == 30 { String::new() } else { format!("{} ", record.ttl) };
            format!("{owner}{ttl}{} {}", record.kind, record.data)
        };
        let mut answer: Vec<String> = result.answers.iter().map(record).collect();
        answer.sort();
        answer.insert(0, result.rcode.unwrap_or_default());
        if answer != row.answer {
            let note = if row.coredns.is_empty() { String::new() } else { format!(" (CoreDNS {})", row.coredns) };
            differing.push(format!(
                "{} {}{note}\n  {name} {}\n  written: {:?}\n  answer:  {answer:?}",
                row.section, row.sentence, row.qtype, row.answer
            ));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn an_external_name_is_followed_to_its_address() {
    // 2.5: the example answers A with the CNAME and then what the name outside has.
    let result = zone().query("foo.default.svc.cluster.local.", "A", None);
    let kinds: Vec<&str> = result.answers.iter().map(|record| record.kind.as_str()).collect();
    assert_eq!(kinds, ["CNAME", "A"]);
    let names: Vec<&str> = result.answers.iter().map(|record| record.name.as_str()).collect();
    assert_eq!(names, ["foo.default.svc.cluster.local.", "www.example.com."]);
}
