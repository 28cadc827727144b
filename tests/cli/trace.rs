//! `kubehop trace` and `explain`: verdicts, open connections, pings, the two modes.

use super::*;

#[test]
fn a_caller_that_is_not_there_is_rejected() {
    let (status, trace) = trace("http://10.96.0.1/", &["my-nodeport.yaml"], &["--from", "pod/default/nobody"]);
    assert_eq!((status, trace["verdict"].as_str()), (1, Some("rejected")), "{trace}");
}

#[test]
fn a_failed_node_times_out_and_the_load_balancer_notices() {
    let files = ["counter-redis-svc.yml", "counter-app.yml", "counter-nodeport.yml"];
    let (status, trace) = trace("http://node-2:31000/", &files, &["--event", "node/node-2 down"]);
    assert_eq!((status, trace["verdict"].as_str()), (1, Some("timeout")), "{trace}");
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
fn explain_is_asked_about_requests_and_what_gets_traffic() {
    for target in ["configmap/x", "node/node-1"] {
        let run = kubehop(&["explain", target, "-f", &note("my-nodeport.yaml")]);
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{}", run.err);
        assert!(run.err.contains(&format!("{target} is neither a request")), "{}", run.err);
    }
}

#[test]
fn explain_notes_what_is_not_played() {
    let run = kubehop(&["explain", "http://10.0.0.11:30080/", "-f", "tests/fixtures/routes/unplayed-dual-stack.yaml"]);
    assert!(run.status == 0 && run.out.starts_with("note  web asks for IPv6, too"), "{}", run.out);
    assert!(run.out.lines().skip(1).all(|line| line.starts_with("ok  ")), "{}", run.out);
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
