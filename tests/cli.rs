//! The command line's contract, by running the program.
#![cfg(feature = "cli")]

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

struct Run {
    status: i32,
    out: String,
    err: String,
}

fn kubehop(words: &[&str]) -> Run {
    fed(words, "")
}

fn fed(words: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubehop"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads no input closes the pipe early.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn note(name: &str) -> String {
    format!("tests/fixtures/notes/{name}")
}

fn trace(target: &str, files: &[&str], more: &[&str]) -> (i32, Value) {
    let files: Vec<String> = files.iter().map(|name| note(name)).collect();
    let mut words = vec!["trace", target, "-o", "json"];
    for file in &files {
        words.extend(["-f", file]);
    }
    words.extend(more);
    let run = kubehop(&words);
    (run.status, serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {} {}", run.out, run.err)))
}

const COUNTER: [&str; 3] = ["counter-redis-svc.yml", "counter-app.yml", "counter-nodeport.yml"];

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
fn unreadable_calls_end_with_status_2_and_print_nothing() {
    for words in [
        vec!["trace"],
        vec!["trace", "x:80", "-f", "no/such/file.yaml"],
        vec!["trace", "x:80", "--from", "moon", "-f", "tests/fixtures/notes"],
        vec!["get", "moons", "-f", "tests/fixtures/notes"],
        vec!["get", "pods", "-o", "moon", "-f", "tests/fixtures/notes"],
        vec!["trace", "x:80", "--event", "moon rises", "-f", "tests/fixtures/notes"],
        vec!["--moon"],
    ] {
        let run = kubehop(&words);
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{words:?}: {}", run.err);
        assert!(!run.err.is_empty(), "{words:?}");
    }
}

#[test]
fn a_caller_that_is_not_there_is_rejected() {
    let (status, trace) = trace("http://10.96.0.1/", &["my-nodeport.yaml"], &["--from", "pod/default/nobody"]);
    assert_eq!((status, trace["verdict"].as_str()), (1, Some("rejected")), "{trace}");
}

#[test]
fn diagnostics_name_file_line_and_column() {
    let bad = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  prots:\n    - port: 80\n";
    let run = fed(&["check", "-f", "-"], bad);
    assert_eq!((run.status, run.out.as_str()), (1, ""));
    assert!(run.err.contains("-:6:3: error: unknown field \"spec.prots\""), "{}", run.err);
    let run = fed(&["check", "-o", "json", "-f", "-"], bad);
    let found: Value = serde_json::from_str(&run.out).unwrap();
    let finding = &found["diagnostics"][0];
    assert_eq!((finding["line"].as_u64(), finding["path"].as_str()), (Some(6), Some("spec.prots")), "{found}");
}

#[test]
fn get_prints_kubectls_columns() {
    let run = kubehop(&["get", "svc", "-f", &note("my-nodeport.yaml")]);
    let mut lines = run.out.lines();
    let words = |line: &str| line.split_whitespace().map(str::to_string).collect::<Vec<_>>();
    assert_eq!(words(lines.next().unwrap()), ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]);
    assert!(run.out.contains("80:30123/TCP"), "{}", run.out);
    assert!(run.out.contains("kubernetes") && run.out.contains("10.96.0.1 "), "{}", run.out);
}

#[test]
fn get_all_prints_the_kinds_that_kubectl_prints() {
    let files: Vec<String> = COUNTER.iter().map(|name| note(name)).collect();
    let run = kubehop(&["get", "all", "-f", &files[0], &files[1], &files[2]]);
    for part in ["pod/counter-", "service/counter-np", "deployment.apps/counter", "replicaset.apps/counter-"] {
        assert!(run.out.contains(part), "{part} in\n{}", run.out);
    }
}

#[test]
fn rules_print_what_iptables_restore_takes() {
    let run = kubehop(&["rules", "--node", "node-1", "-f", &note("my-nodeport.yaml")]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.out.starts_with("*filter\n") && run.out.trim_end().ends_with("COMMIT"), "{}", run.out);
    assert!(run.out.contains("has no endpoints"), "{}", run.out);
    assert_eq!(kubehop(&["rules", "--node", "moon", "-f", &note("my-nodeport.yaml")]).status, 1);
}

#[test]
fn dig_answers_as_coredns_does() {
    let run = kubehop(&["dig", "my-service.default.svc.cluster.local", "-o", "json", "-f", &note("my-service-clusterip.yaml")]);
    let answer: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(answer["rcode"], "NOERROR", "{answer}");
    assert_eq!((answer["answers"][0]["type"].as_str(), answer["answers"][0]["ttl"].as_u64()), (Some("A"), Some(30)));
}

#[test]
fn the_same_call_prints_the_same_bytes() {
    let words = ["trace", "http://node-2:31000/", "-o", "json", "--count", "5", "-f", "tests/fixtures/notes"];
    assert_eq!(kubehop(&words).out, kubehop(&words).out);
}

#[test]
fn korean_changes_words_and_nothing_else() {
    let words = ["trace", "http://node-2:30123/", "-o", "json", "-f", "tests/fixtures/notes/my-nodeport.yaml"];
    let english: Value = serde_json::from_str(&kubehop(&words).out).unwrap();
    let korean: Value = serde_json::from_str(&kubehop(&[&words[..], &["--lang", "ko"]].concat()).out).unwrap();
    assert_eq!(english["verdict"], korean["verdict"]);
    assert_eq!(english["hops"][0]["reason"], korean["hops"][0]["reason"]);
    assert_ne!(english["hops"][0]["text"], korean["hops"][0]["text"]);
}

#[test]
fn a_failed_node_times_out_and_the_load_balancer_notices() {
    let files = ["counter-redis-svc.yml", "counter-app.yml", "counter-nodeport.yml"];
    let (status, trace) = trace("http://node-2:31000/", &files, &["--event", "node/node-2 down"]);
    assert_eq!((status, trace["verdict"].as_str()), (1, Some("timeout")), "{trace}");
}

#[test]
fn lessons_hold_and_solutions_pass() {
    let run = kubehop(&["lessons", "check"]);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    let run = kubehop(&["grade", "2-nodeport-on-every-node", "lessons/2-nodeport-on-every-node/solution.yaml", "-o", "csv"]);
    assert_eq!(run.status, 0, "{}", run.out);
    let run = kubehop(&["grade", "2-nodeport-on-every-node", "lessons/2-nodeport-on-every-node/start.yaml", "-o", "junit"]);
    assert!(run.status == 1 && run.out.contains("<failure"), "{}", run.out);
}

#[test]
fn explain_ends_with_the_first_check_that_fails() {
    let run = kubehop(&["explain", "http://10.0.0.11:30123/", "-o", "json", "-f", &note("my-nodeport.yaml")]);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let checks: Vec<(&str, bool)> =
        json["checks"].as_array().unwrap().iter().map(|check| (check["check"].as_str().unwrap(), check["ok"] == true)).collect();
    assert_eq!((run.status, checks), (1, vec![("node-port", true), ("selector-matches-pods", false)]));
    assert_eq!(json["checks"][1]["lines"][0]["line"], 7);

    let files: Vec<String> = COUNTER.iter().map(|name| note(name)).collect();
    let run = kubehop(&["explain", "http://10.0.0.11:31000/", "-f", &files[0], &files[1], &files[2]]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.out.lines().all(|line| line.starts_with("ok ")), "{}", run.out);
}

/// Counter's manifests behind these words.
fn counter(words: &[&str]) -> Run {
    let files: Vec<String> = COUNTER.iter().map(|name| note(name)).collect();
    let mut all = words.to_vec();
    files.iter().for_each(|file| all.extend(["-f", file]));
    kubehop(&all)
}

#[test]
fn kubectl_takes_no_malformed_selector() {
    for selector in ["a=b=c", "app in web", "app=web,", "-app=web", "a>x"] {
        let run = counter(&["get", "pods", &format!("--selector={selector}")]);
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{selector}");
    }
    let run = counter(&["get", "pods", "-l", "app in web"]);
    assert_eq!(run.err, "error: unable to parse requirement: found 'web' expected: '('\n");
    assert_eq!(counter(&["get", "pods", "-l", "app in (counter)"]).status, 0);
}

#[test]
fn a_name_excludes_selectors_and_all_namespaces() {
    let said = |words: &[&str]| {
        let run = counter(words);
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{words:?}");
        run.err
    };
    assert_eq!(said(&["get", "svc", "redis", "-A"]), "error: a resource cannot be retrieved by name across all namespaces\n");
    assert_eq!(said(&["get", "svc", "redis", "-l", "a=b"]), "error: name cannot be provided when a selector is specified\n");
    let pair = "error: selectors and the all flag cannot be used when passing resource/name arguments\n";
    assert_eq!(said(&["get", "svc/redis", "-l", "a=b"]), pair);
    // A Node has no namespace.
    assert_eq!(counter(&["get", "node", "node-1", "-A"]).status, 0);
}

#[test]
fn an_error_says_error_once() {
    for words in [["get", "svc", "-o", "bogus"], ["get", "svc,moons", "-o", "wide"]] {
        let run = counter(&words);
        assert!(run.status == 2 && run.err.starts_with("error: ") && run.err.matches("error:").count() == 1, "{}", run.err);
    }
}

#[test]
fn ports_without_a_name_carry_none() {
    for words in [["get", "svc,pods,deploy,ep", "-A", "-o", "json"], ["get", "svc,pods,deploy,ep", "-A", "-o", "yaml"]] {
        let run = counter(&words);
        assert!(!run.out.contains("\"name\": \"\"") && !run.out.contains("name: ''"), "{}", run.out);
    }
    // EndpointSlices say the empty name.
    assert!(counter(&["get", "endpointslices", "-o", "json"]).out.contains("\"name\": \"\""));
}

#[test]
fn dig_asks_as_a_pod_for_a_type_of_record() {
    for words in [
        vec!["dig", "web", "BOGUS"],
        vec!["dig", ""],
        vec!["dig", "redis", "--from", "internet"],
        vec!["dig", "redis", "--from", "node/node-1"],
    ] {
        let run = counter(&words);
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{words:?}");
    }
    let run = counter(&["dig", "redis", "--from", "pod/nope"]);
    assert_eq!((run.status, run.err.as_str()), (1, "Error from server (NotFound): pods \"nope\" not found\n"));
}

#[test]
fn a_silent_coredns_leaves_the_names_that_were_asked() {
    let run = counter(&["dig", "redis", "-o", "json", "--event", "coredns down"]);
    let answer: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.status, answer["rcode"].is_null()), (1, true), "{answer}");
    assert_eq!(answer["searched"], serde_json::json!(["redis.default.svc.cluster.local."]));
}

#[test]
fn a_refused_manifest_is_bad_news_for_trace_too() {
    let sent = |port: i32| {
        let files: Vec<String> = COUNTER.iter().map(|name| note(name)).collect();
        let words = ["trace", "http://node-2:31000/", "-o", "json", "-f", &files[0], &files[1], &files[2], "-"];
        let text = format!("apiVersion: v1\nkind: Service\nmetadata: {{name: other}}\nspec: {{ports: [{{port: {port}}}]}}\n");
        let run = fed(&words, &text);
        let trace: Value = serde_json::from_str(&run.out).unwrap();
        (run.status, trace["verdict"].as_str().unwrap().to_string())
    };
    assert_eq!(sent(70), (0, "delivered".to_string()));
    assert_eq!(sent(70_000), (1, "delivered".to_string()));
}

#[test]
fn an_unreadable_listen_annotation_is_told_with_its_forms() {
    let told = |value: &str| {
        let template = format!("metadata: {{labels: {{app: x}}, annotations: {{kubehop.dev/listen: '{value}'}}}}");
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: x}}\nspec:\n  selector: {{matchLabels: {{app: x}}}}\n  \
             template:\n    {template}\n    spec: {{containers: [{{name: c, image: x}}]}}\n"
        );
        fed(&["check", "-f", "-"], &text).err
    };
    for value in ["garbage", "", "80, 70000", "53/quic"] {
        let err = told(value);
        assert!(
            err.starts_with("-:7:") && err.contains("kubehop.dev/listen") && err.contains("127.0.0.1:3000"),
            "{value}: {err}"
        );
    }
    for value in ["3000", "127.0.0.1:3000", "53/udp, 53/tcp", "none"] {
        assert_eq!(told(value), "", "{value}");
    }
}

#[test]
fn an_unreadable_call_cannot_send_control_characters_to_a_terminal() {
    for words in
        [["dig", "redis", "--from", "node/\u{1b}[2J"], ["get", "pods", "-o", "\u{1b}[2J"], ["get", "pods", "-l", "\u{1b}=b"]]
    {
        let run = counter(&words);
        assert!(run.status == 2 && !run.err.contains('\u{1b}'), "{words:?}: {:?}", run.err);
    }
}

#[test]
fn a_refused_deployment_is_not_asked_for_again() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 5001, selector: {matchLabels: {app: web}}, \
                template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: nginx}]}}}\n---\n\
                apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    let run = fed(&["check", "-f", "-"], text);
    assert_eq!(run.status, 1);
    assert!(run.err.contains("-:4:") && run.err.contains("5001"), "{}", run.err);
    assert!(run.err.contains("matches no Pod") && !run.err.contains("Add a Deployment"), "{}", run.err);
}

/// A settings file for one test.
fn settings(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("kubehop-cli-{}-{name}.yaml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

const MY_APP: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: app, labels: {app: my-app}, annotations: {kubehop.dev/listen: '8080'}}\n\
                      spec: {containers: [{name: c, image: example.com/app}]}\n";

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

#[test]
fn a_network_policy_that_drops_a_request_is_named_by_trace_and_explain() {
    let file = "tests/fixtures/routes/policy-default-deny.yaml";
    let run = kubehop(&["trace", "http://web:8080/", "--from", "pod/client", "-o", "json", "-f", file]);
    let trace: Value = serde_json::from_str(&run.out).unwrap();
    let last = trace["hops"].as_array().unwrap().last().unwrap();
    assert_eq!((run.status, trace["verdict"].as_str(), last["reason"].as_str()), (1, Some("timeout"), Some("Policy")), "{trace}");
    assert_eq!(last["objects"][0], "NetworkPolicy/default/default-deny");
    let run = kubehop(&["explain", "http://web:8080/", "--from", "pod/client", "-o", "json", "-f", file]);
    assert!(run.status == 1 && run.out.contains("\"network-policy\""), "{}", run.out);
}

#[test]
fn modes_counts_rules_as_services_grow() {
    let words = ["trace", "http://node-2:31000/", "--modes"];
    let run = counter(&words);
    assert_eq!(run.status, 0, "{}", run.err);
    let heading: Vec<&str> = run.out.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heading, ["Services", "more", "iptables", "nftables"]);
    let row = |line: &str| -> Vec<u32> { line.split_whitespace().map_while(|number| number.parse().ok()).collect() };
    let rows: Vec<Vec<u32>> = run.out.lines().skip(1).map(row).take_while(|row| row.len() == 3).collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), [0, 1, 10, 100, 1_000, 5_000, 10_000]);
    // A node port is asked for after all Services: a rule for each; a map is looked up once.
    assert!(rows.iter().all(|row| row[1] == rows[0][1] + row[0] && row[2] == rows[0][2]), "{}", run.out);
    assert!(run.out.lines().count() > 1 + rows.len(), "the numbers are explained: {}", run.out);

    let objects: Vec<Vec<u32>> = counter(&[&words[..], &["-o", "json"]].concat())
        .out
        .lines()
        .map(|line| {
            let object: Value = serde_json::from_str(line).unwrap();
            ["furtherServices", "iptables", "nftables"].map(|key| u32::try_from(object[key].as_u64().unwrap()).unwrap()).to_vec()
        })
        .collect();
    assert_eq!(objects, rows);
}

#[test]
fn modes_counts_nothing_for_a_request_that_is_rejected() {
    for words in [["trace", "http://node-2:31000/", "--from", "pod/nobody"], ["trace", "icmp://node-2:80", "--from", "internet"]]
    {
        let run = counter(&[&words[..], &["--modes", "-o", "json"]].concat());
        let trace: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!((run.status, trace["verdict"].as_str()), (1, Some("rejected")), "{trace}");
    }
}

#[test]
fn a_connection_that_stays_open_outlives_its_service() {
    let gone = ["--event", "service/default/counter-np delete"];
    let (status, fresh) = trace("http://node-1:31000/", &COUNTER, &gone);
    assert_eq!((status, fresh["verdict"].as_str()), (1, Some("refused")), "{fresh}");

    let kept = counter(&[&["trace", "http://node-1:31000/", "-o", "json", "--keep-alive", "--count", "3"], &gone[..]].concat());
    let traces: Vec<Value> = kept.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((kept.status, traces.len()), (0, 3), "{}", kept.err);
    for trace in &traces {
        assert_eq!((trace["verdict"].as_str(), trace["status"].as_u64()), (Some("delivered"), Some(200)), "{trace}");
        assert_eq!(trace["pod"], traces[0]["pod"]);
        let hops = trace["hops"].as_array().unwrap();
        assert!(hops.iter().any(|hop| hop["at"] == "kube-proxy/node-1" && hop["reason"] == "Established"), "{trace}");
        assert!(!hops.iter().any(|hop| hop["reason"] == "NodePort"), "no rule is asked again: {trace}");
    }
}

#[test]
fn a_connection_that_stays_open_ends_with_its_pod() {
    let (status, trace) =
        trace("http://node-1:31000/", &COUNTER, &["--keep-alive", "--event", "deployment/default/counter delete"]);
    assert_eq!((status, trace["verdict"].as_str()), (1, Some("refused")), "{trace}");
    assert_eq!((trace["hops"][0]["reason"].as_str(), trace["hops"][1]["reason"].as_str()), (Some("Established"), Some("Send")));
}

#[test]
fn a_ping_reaches_a_node_and_no_service() {
    for words in [["trace", "icmp://node-2", "--proto", "tcp"], ["trace", "10.0.0.12", "--proto", "icmp"]] {
        let run = counter(&[&words[..], &["-o", "json"]].concat());
        let trace: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!((run.status, trace["verdict"].as_str()), (0, Some("delivered")), "{trace}");
        // Nobody but the node's kernel answers, and a ping has no port.
        assert_eq!((&trace["pod"], &trace["status"], &trace["port"]), (&Value::Null, &Value::Null, &Value::Null), "{trace}");
        assert_eq!(trace["hops"][0]["before"]["dst"], "10.0.0.12");
    }
    for (mode, verdict) in [("iptables", "timeout"), ("nftables", "refused")] {
        let (status, trace) = trace("icmp://redis.default", &COUNTER, &["--from", "deployment/default/counter", "--mode", mode]);
        assert_eq!((status, trace["verdict"].as_str()), (1, Some(verdict)), "{mode}: {trace}");
        assert_eq!(trace["dns"]["rcode"], "NOERROR");
    }
    let (status, trace) = trace("10.0.0.12:80", &COUNTER, &["--proto", "icmp"]);
    assert_eq!((status, trace["verdict"].as_str()), (1, Some("rejected")), "a ping has no port: {trace}");
}
