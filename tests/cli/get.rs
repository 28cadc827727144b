//! `kubehop get`: what kubectl prints, and what it refuses.

use super::*;

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
