//! The course notes' own manifests, played as they stand.

use super::*;

/// A settings file for one test.
fn settings(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("kubehop-cli-{}-{name}.yaml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

const MY_APP: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: app, labels: {app: my-app}, annotations: {kubehop.dev/listen: '8080'}}\n\
                      spec: {containers: [{name: c, image: example.com/app}]}\n";

#[test]
fn counter_is_reached_by_every_node_and_calls_redis() {
    for node in ["node-1", "10.0.0.12", "node-3"] {
        let (status, trace) = trace(&format!("http://{node}:31000/"), &COUNTER, &[]);
        assert_eq!((status, trace["verdict"].as_str(), trace["port"].as_u64()), (0, Some("delivered"), Some(3000)), "{trace}");
        let call = &trace["calls"][0];
        assert_eq!((call["verdict"].as_str(), call["port"].as_u64()), (Some("delivered"), Some(6379)), "{call}");
        assert!(call["pod"].as_str().unwrap().starts_with("default/redis-"), "{call}");
    }
}

#[test]
fn web_and_logging_lead_to_two_containers_by_port_name() {
    for port in [80, 9090] {
        let target = format!("web-and-logging-service:{port}");
        let from = ["--from", "deployment/web-and-logging-deployment"];
        let (status, trace) = trace(&target, &["web-and-logging.yaml"], &from);
        assert_eq!((status, trace["port"].as_u64()), (0, Some(port)), "{trace}");
    }
}

#[test]
fn services_without_workloads_are_refused_by_the_node() {
    let service = |file: &str, name: &str| -> Value {
        let run = kubehop(&["get", "svc", name, "-o", "json", "-f", &note(file)]);
        serde_json::from_str(&run.out).unwrap()
    };
    let cluster_ip = service("my-service-clusterip.yaml", "my-service")["spec"]["clusterIP"].as_str().unwrap().to_string();
    let balancer = service("my-loadbalancer.yaml", "my-loadbalancer")["status"]["loadBalancer"]["ingress"][0]["ip"].clone();
    for (file, target, from) in [
        ("my-nodeport.yaml", "http://node-2:30123/".to_string(), "internet"),
        ("my-service-clusterip.yaml", format!("http://{cluster_ip}/"), "node/node-1"),
        ("my-loadbalancer.yaml", format!("http://{}/", balancer.as_str().unwrap()), "internet"),
    ] {
        let (status, trace) = trace(&target, &[file], &["--from", from]);
        assert_eq!((status, trace["verdict"].as_str()), (1, Some("refused")), "{file}: {trace}");
        let rejects =
            |hop: &Value| hop["reason"] == "Reject" && hop["rule"].as_str().is_some_and(|rule| rule.contains("-j REJECT"));
        assert!(trace["hops"].as_array().unwrap().iter().any(rejects), "{file}: {trace}");
    }
}

#[test]
fn my_headless_is_not_found_without_pods() {
    let (status, trace) = trace(
        "http://my-headless.default.svc.cluster.local/",
        &["my-headless.yaml"],
        &["--from", "deployment/kube-system/coredns"],
    );
    assert_eq!((status, trace["verdict"].as_str()), (1, Some("name-not-found")), "{trace}");
    assert_eq!(trace["dns"]["rcode"], "NXDOMAIN");
}

#[test]
fn nobody_serves_my_ingress() {
    let (status, trace) = trace("http://app1.example.com/", &["my-ingress.yaml"], &[]);
    assert_eq!(status, 1);
    assert_ne!(trace["verdict"], "delivered", "{trace}");
    let run = kubehop(&["check", "-f", &note("my-ingress.yaml")]);
    assert!(run.err.contains("alb-ingress-class"), "{}", run.err);
}

#[test]
fn every_fixture_is_admitted() {
    let run = kubehop(&["check", "-o", "json", "-f", "tests/fixtures/notes"]);
    let found: Value = serde_json::from_str(&run.out).unwrap();
    let errors: Vec<_> = found["diagnostics"].as_array().unwrap().iter().filter(|it| it["severity"] == "error").collect();
    assert!(errors.is_empty() && run.status == 0, "{errors:?}");
}

#[test]
fn aws_annotations_of_the_notes_send_straight_to_the_pod() {
    let cluster = settings("aws", "loadBalancer: {provider: aws}\n");
    let files = ["-f", "-", "-f", &note("my-loadbalancer.yaml"), "--cluster", &cluster];
    let run = fed(&[&["get", "svc", "my-loadbalancer", "-o", "json"], &files[..]].concat(), MY_APP);
    let service: Value = serde_json::from_str(&run.out).unwrap();
    let ingress = &service["status"]["loadBalancer"]["ingress"][0];
    let hostname = ingress["hostname"].as_str().unwrap();
    assert!(hostname.starts_with("k8s-default-myloadba-") && hostname.ends_with(".elb.eu-central-1.amazonaws.com"), "{hostname}");
    assert_eq!(ingress.get("ip"), None);
    let run = fed(&[&["trace", &format!("http://{hostname}/"), "-o", "json"], &files[..]].concat(), MY_APP);
    let trace: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.status, trace["verdict"].as_str(), trace["port"].as_u64()), (0, Some("delivered"), Some(8080)), "{trace}");
    let places: Vec<&str> = trace["hops"].as_array().unwrap().iter().filter_map(|hop| hop["at"].as_str()).collect();
    assert!(places.contains(&"load-balancer/default/my-loadbalancer"), "{places:?}");
    assert!(!places.iter().any(|place| place.starts_with("kube-proxy/")), "no rule of kube-proxy is met: {places:?}");
}

#[test]
fn metallb_gives_an_address_that_a_node_owns_and_none_leaves_it_pending() {
    let files =
        |cluster: &str| ["-f", "-", "-f", "tests/fixtures/notes/my-loadbalancer.yaml", "--cluster", cluster].map(String::from);
    let get = |cluster: &str| {
        let files = files(cluster);
        let words: Vec<&str> =
            ["get", "svc", "my-loadbalancer", "-o", "json"].into_iter().chain(files.iter().map(String::as_str)).collect();
        let service: Value = serde_json::from_str(&fed(&words, MY_APP).out).unwrap();
        service["status"]["loadBalancer"].clone()
    };
    let metallb = settings("metallb", "loadBalancer: {provider: metallb, pool: 198.51.100.10-198.51.100.10}\n");
    assert_eq!(get(&metallb)["ingress"][0], serde_json::json!({"ip": "198.51.100.10", "ipMode": "VIP"}));
    let files = files(&metallb);
    let words: Vec<&str> =
        ["trace", "http://198.51.100.10/", "-o", "json"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let trace: Value = serde_json::from_str(&fed(&words, MY_APP).out).unwrap();
    // The lowest SHA-256 of "node#address" among three nodes is node-1's.
    assert_eq!(trace["hops"][1]["at"], "node/node-1", "{trace}");
    let nobody = settings("none", "loadBalancer: {provider: none}\n");
    assert_eq!(get(&nobody), serde_json::json!({}));
}
