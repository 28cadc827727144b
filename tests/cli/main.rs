//! The command line's contract, by running the program.
#![cfg(feature = "cli")]

mod get;
mod notes;
mod trace;

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
fn lessons_hold_and_solutions_pass() {
    let run = kubehop(&["lessons", "check"]);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    let run = kubehop(&["grade", "2-nodeport-on-every-node", "lessons/2-nodeport-on-every-node/solution.yaml", "-o", "csv"]);
    assert_eq!(run.status, 0, "{}", run.out);
    let run = kubehop(&["grade", "2-nodeport-on-every-node", "lessons/2-nodeport-on-every-node/start.yaml", "-o", "junit"]);
    assert!(run.status == 1 && run.out.contains("<failure"), "{}", run.out);
}

/// Counter's manifests behind these words.
fn counter(words: &[&str]) -> Run {
    let files: Vec<String> = COUNTER.iter().map(|name| note(name)).collect();
    let mut all = words.to_vec();
    files.iter().for_each(|file| all.extend(["-f", file]));
    kubehop(&all)
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

const ASKING: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: client, labels: {app: client}}\nspec: {nodeName: node-3, containers: \
                      [{name: c, image: busybox, command: [sleep, 1d]}]}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: \
                      {name: shut}\nspec: {podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{ports: \
                      [{port: 443}]}]}\n";

#[test]
fn a_lookup_that_a_network_policy_drops_has_no_answer() {
    let run = fed(&["dig", "kubernetes", "--from", "pod/client", "-f", "-"], ASKING);
    assert!(
        run.out.starts_with(";; status: no answer, ANSWER: 0\n;; asked: kubernetes.default.svc.cluster.local.\n"),
        "{}",
        run.out
    );
    assert!(run.status == 1 && run.out.contains("shut"), "{}", run.out);
    let open = ASKING.replace("443", "53, protocol: UDP");
    let run = fed(&["dig", "kubernetes", "--from", "pod/client", "-f", "-"], &open);
    assert!(run.status == 0 && run.out.contains("10.96.0.1\n"), "{}", run.out);
}

#[test]
fn a_lookup_meets_the_rules_of_its_own_node_and_the_nodes_of_coredns() {
    let open = ASKING.replace("443", "53, protocol: UDP");
    let asked = |events: &[&str], from: &[&str]| {
        let events = events.iter().flat_map(|event| ["--event", event]);
        fed(&["dig", "kubernetes", "-f", "-"].into_iter().chain(events).chain(from.iter().copied()).collect::<Vec<_>>(), &open)
    };
    let client = ["--from", "pod/client"];
    let names = asked(&[], &[]).out;
    assert!(names.contains("NOERROR"), "{names}");
    let pods = fed(&["get", "pods", "-n", "kube-system", "-o", "name", "-f", "-"], &open).out;
    let deleted: Vec<String> = pods.lines().map(|pod| format!("{} delete", pod.replace("pod/", "pod/kube-system/"))).collect();
    let mut events = vec!["kube-proxy/node-3 stop"];
    events.extend(deleted.iter().map(String::as_str));
    let stale = asked(&events, &client);
    assert!(stale.status == 1 && stale.out.contains("no Pod has any more"), "{}", stale.out);
    assert_eq!(asked(&events, &[]).status, 0, "node-1 has rules as they should be");
    let dead = asked(&["node/node-1 down", "node/node-2 down"], &client);
    assert!(dead.status == 1 && dead.out.contains("without power"), "{}", dead.out);
    let silent = asked(&["node/node-3 down"], &client);
    assert_eq!((silent.status, silent.out.as_str()), (1, ""), "a Pod without power asks nothing");
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
