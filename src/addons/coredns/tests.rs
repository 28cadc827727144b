use super::resolver::{ResolvConf, resolve};
use super::*;

fn store() -> Store {
    let mut store = Store::default();
    for name in ["default", "kube-system", "shop"] {
        store.put::<Namespace>(serde_yaml::from_str(&format!("metadata: {{name: {name}}}")).unwrap());
    }
    let services = [
        "{metadata: {name: web, namespace: default}, spec: {type: ClusterIP, clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7], \
          ports: [{name: http, port: 80, protocol: TCP}, {name: metrics, port: 9090, protocol: TCP}]}}",
        "{metadata: {name: db, namespace: default}, spec: {type: ClusterIP, clusterIP: None, clusterIPs: [None], ports: [{name: sql, port: 5432, protocol: TCP}]}}",
        "{metadata: {name: empty, namespace: default}, spec: {clusterIP: None, clusterIPs: [None], ports: [{port: 80}]}}",
        "{metadata: {name: alias, namespace: default}, spec: {type: ExternalName, externalName: web.default.svc.cluster.local}}",
        "{metadata: {name: outside, namespace: default}, spec: {type: ExternalName, externalName: example.com}}",
        "{metadata: {name: loop, namespace: default}, spec: {type: ExternalName, externalName: pool.default.svc.cluster.local}}",
        "{metadata: {name: pool, namespace: default}, spec: {type: ExternalName, externalName: loop.default.svc.cluster.local}}",
        "{metadata: {name: kube-dns, namespace: kube-system}, spec: {type: ClusterIP, clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], \
          ports: [{name: dns, port: 53, protocol: UDP}]}}",
    ];
    for text in services {
        store.put::<Service>(serde_yaml::from_str(text).unwrap());
    }
    store.put::<EndpointSlice>(
        serde_yaml::from_str(
            "{metadata: {name: db-x, namespace: default, labels: {kubernetes.io/service-name: db}}, ports: [{name: sql, port: 5432, protocol: TCP}], \
             endpoints: [{addresses: [10.244.1.2], hostname: db-0, conditions: {ready: true}}, {addresses: [10.244.2.2], conditions: {ready: true}}, \
             {addresses: [10.244.3.2], hostname: db-2, conditions: {ready: false}}]}",
        )
        .unwrap(),
    );
    store
}

fn dig(name: &str, qtype: &str) -> String {
    let result = Zone::of(&store()).query(name, qtype, None);
    let mut out = vec![result.rcode.unwrap_or_default()];
    out.extend(result.answers.iter().map(|record| format!("{} {} {} {}", record.name, record.ttl, record.kind, record.data)));
    out.join("; ")
}

#[test]
fn a_service_answers_with_its_cluster_ip() {
    assert_eq!(dig("web.default.svc.cluster.local.", "A"), "NOERROR; web.default.svc.cluster.local. 30 A 10.96.0.7");
    assert_eq!(dig("WEB.default.svc.Cluster.local", "a"), "NOERROR; WEB.default.svc.Cluster.local. 30 A 10.96.0.7");
    assert_eq!(
        dig("_http._tcp.web.default.svc.cluster.local.", "A"),
        "NOERROR; _http._tcp.web.default.svc.cluster.local. 30 A 10.96.0.7"
    );
    assert_eq!(
        dig("http.tcp.web.default.svc.cluster.local.", "A"),
        "NOERROR; http.tcp.web.default.svc.cluster.local. 30 A 10.96.0.7"
    );
    for qtype in ["AAAA", "MX", "HTTPS", "TXT", "PTR", "CNAME"] {
        assert_eq!(dig("web.default.svc.cluster.local.", qtype), "NOERROR", "{qtype}");
    }
}

#[test]
fn missing_names_are_nxdomain_and_namespaces_are_empty() {
    for name in ["wev.default", "web.nowhere", "x.web.default", "_https._tcp.web.default", "a.b.c.web.default", "*.default"] {
        assert_eq!(dig(&format!("{name}.svc.cluster.local."), "A"), "NXDOMAIN", "{name}");
    }
    for name in ["default.svc.cluster.local.", "svc.cluster.local.", "cluster.local.", "pod.cluster.local."] {
        assert_eq!(dig(name, "A"), "NOERROR", "{name}");
    }
    assert_eq!(dig("default.svc.cluster.local.", "TXT"), "NXDOMAIN");
    assert_eq!(dig("web.default.cluster.local.", "A"), "NXDOMAIN");
    assert_eq!(dig("web.", "A"), "NXDOMAIN");
}

#[test]
fn headless_service_answers_with_pod_ips() {
    let name = "db.default.svc.cluster.local.";
    assert_eq!(dig(name, "A"), format!("NOERROR; {name} 30 A 10.244.1.2; {name} 30 A 10.244.2.2"));
    assert_eq!(dig("empty.default.svc.cluster.local.", "A"), "NXDOMAIN");
    assert_eq!(dig(&format!("db-0.{name}"), "A"), format!("NOERROR; db-0.{name} 30 A 10.244.1.2"));
    assert_eq!(dig(&format!("10-244-2-2.{name}"), "A"), format!("NOERROR; 10-244-2-2.{name} 30 A 10.244.2.2"));
    assert_eq!(dig(&format!("db-2.{name}"), "A"), "NXDOMAIN");
    assert_eq!(
        dig(name, "SRV"),
        format!("NOERROR; {name} 30 SRV 0 50 5432 db-0.{name}; {name} 30 SRV 0 50 5432 10-244-2-2.{name}")
    );
}

#[test]
fn named_ports_have_srv_records() {
    let name = "web.default.svc.cluster.local.";
    assert_eq!(dig(&format!("_metrics._tcp.{name}"), "SRV"), format!("NOERROR; _metrics._tcp.{name} 30 SRV 0 100 9090 {name}"));
    assert_eq!(dig(name, "SRV"), format!("NOERROR; {name} 30 SRV 0 50 80 {name}; {name} 30 SRV 0 50 9090 {name}"));
}

#[test]
fn external_name_is_a_cname_that_is_followed() {
    let web = "web.default.svc.cluster.local.";
    let alias = "alias.default.svc.cluster.local.";
    assert_eq!(dig(alias, "A"), format!("NOERROR; {alias} 30 CNAME {web}; {web} 30 A 10.96.0.7"));
    assert_eq!(dig(alias, "CNAME"), format!("NOERROR; {alias} 30 CNAME {web}"));
    assert_eq!(dig(alias, "AAAA"), "NOERROR");
    let outside = "outside.default.svc.cluster.local.";
    assert_eq!(dig(outside, "A"), format!("NOERROR; {outside} 30 CNAME example.com.; example.com. 30 A 192.0.2.29"));
    assert_eq!(dig("loop.default.svc.cluster.local.", "A"), "NOERROR");
}

#[test]
fn pods_have_names_by_address_whether_they_are_there_or_not() {
    let name = "10-244-9-9.default.pod.cluster.local.";
    assert_eq!(dig(name, "A"), format!("NOERROR; {name} 30 A 10.244.9.9"));
    assert_eq!(dig("10-244-9-999.default.pod.cluster.local.", "A"), "NXDOMAIN");
    assert_eq!(dig("10-244-9-9.nowhere.pod.cluster.local.", "A"), "NXDOMAIN");
}

#[test]
fn reverse_names_lead_to_services_and_endpoints() {
    assert_eq!(dig("7.0.96.10.in-addr.arpa.", "PTR"), "NOERROR; 7.0.96.10.in-addr.arpa. 30 PTR web.default.svc.cluster.local.");
    assert_eq!(
        dig("2.1.244.10.in-addr.arpa.", "PTR"),
        "NOERROR; 2.1.244.10.in-addr.arpa. 30 PTR db-0.db.default.svc.cluster.local."
    );
    assert_eq!(dig("1.1.1.1.in-addr.arpa.", "PTR"), "NXDOMAIN");
}

#[test]
fn the_zone_speaks_of_itself() {
    assert_eq!(dig("dns-version.cluster.local.", "TXT"), "NOERROR; dns-version.cluster.local. 28800 TXT \"1.1.0\"");
    assert_eq!(dig("ns.dns.cluster.local.", "A"), "NOERROR; ns.dns.cluster.local. 30 A 10.96.0.10");
    assert_eq!(dig("cluster.local.", "NS"), "NOERROR; cluster.local. 30 NS kube-dns.kube-system.svc.cluster.local.");
}

fn pod(spec: &str) -> Pod {
    let mut pod = Pod { spec: serde_yaml::from_str(spec).unwrap(), ..Pod::default() };
    pod.metadata.namespace = "default".into();
    pod
}

#[test]
fn a_pod_searches_its_namespace_first() {
    let zone = Zone::of(&store());
    let found = resolve(&zone, &pod("{}"), "web", "A");
    assert_eq!(
        (found.answers[0].data.as_str(), found.searched.as_slice()),
        ("10.96.0.7", &["web.default.svc.cluster.local.".to_string()][..])
    );
    let missing = resolve(&zone, &pod("{}"), "web.shop", "A");
    let tried = ["web.shop.default.svc.cluster.local.", "web.shop.svc.cluster.local.", "web.shop.cluster.local.", "web.shop."];
    assert_eq!((missing.rcode.as_deref(), missing.searched), (Some("NXDOMAIN"), tried.map(String::from).to_vec()));
    assert_eq!(resolve(&zone, &pod("{}"), "web.default.svc.cluster.local.", "A").searched.len(), 1);
}

#[test]
fn a_pod_on_the_host_network_asks_outside() {
    let zone = Zone::of(&store());
    assert_eq!(resolve(&zone, &pod("hostNetwork: true"), "web", "A").rcode.as_deref(), Some("NXDOMAIN"));
    let with_policy = pod("{hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet}");
    assert_eq!(resolve(&zone, &with_policy, "web", "A").answers.len(), 1);
    assert_eq!(resolve(&zone, &pod("dnsPolicy: None"), "web", "A").rcode, None);
}

#[test]
fn dns_config_adds_to_the_policy() {
    let config = "dnsConfig: {searches: [shop.svc.cluster.local, cluster.local], options: [{name: ndots, value: '1'}]}";
    let conf = ResolvConf::of(&pod(config), "10.96.0.10");
    let search = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "shop.svc.cluster.local"];
    assert_eq!(
        (conf.nameservers.as_slice(), conf.search.as_slice()),
        (&["10.96.0.10".to_string()][..], &search.map(String::from)[..])
    );
    assert_eq!(conf.candidates("a.b").first().map(String::as_str), Some("a.b."));
    assert_eq!(conf.candidates("a").first().map(String::as_str), Some("a.default.svc.cluster.local."));
}

#[test]
fn a_resolv_conf_of_more_than_three_servers_is_cut_and_the_kubelet_says_so() {
    let cuts = |config: &str| ResolvConf::cuts(&pod(config), "10.96.0.10");
    assert_eq!(cuts("dnsConfig: {nameservers: [192.0.2.1, 192.0.2.2]}"), Vec::<String>::new());
    assert_eq!(
        cuts("dnsConfig: {nameservers: [192.0.2.1, 192.0.2.2, 192.0.2.3]}"),
        ["Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: \
          10.96.0.10 192.0.2.1 192.0.2.2"]
    );
}
