//! Whether only waiting shows more.

use super::*;

fn pod(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {spec}\n")
}

fn nginx(more: &str) -> String {
    pod(&format!("{{containers: [{{name: c, image: nginx, ports: [{{containerPort: 80}}]{more}}}]}}"))
}

#[test]
fn what_runs_or_waits_for_somebody_is_changed_by_no_waiting() {
    let sleeper = pod("{containers: [{name: c, image: busybox, command: [sleep, '3600']}]}");
    let unplaced = pod("{nodeSelector: {disk: ssd}, containers: [{name: c, image: nginx}]}");
    let wait = "{name: i, image: busybox, command: [sh, -c, 'until nslookup db; do sleep 2; done']}";
    let blocked = pod(&format!("{{initContainers: [{wait}], containers: [{{name: c, image: nginx}}]}}"));
    let unready = nginx(", readinessProbe: {httpGet: {port: 8080}}");
    for text in [WEB, &sleeper, &unplaced, &blocked, &unready] {
        let outcome = apply(&fresh(), text);
        assert!(!outcome.restless, "{text}");
        let later = act(&outcome.cluster, "wait 5m");
        assert_eq!(later.changes, Vec::new(), "{text}");
        assert_eq!(pods(&later.cluster), pods(&outcome.cluster), "{text}");
    }
}

#[test]
fn what_is_tried_again_or_given_up_is_changed_by_waiting() {
    let crashing = nginx(", livenessProbe: {httpGet: {port: 9999}}");
    let unmade = nginx(", envFrom: [{configMapRef: {name: missing}}]");
    let nameless = pod("{containers: [{name: c, image: 'NGINX:'}]}");
    let unsettled = WEB.replace("containerPort: 80}]", "containerPort: 80}], readinessProbe: {httpGet: {port: 8080}}");
    let failing = "{name: i, image: busybox, command: ['false']}";
    let unbegun = pod(&format!("{{initContainers: [{failing}], containers: [{{name: c, image: nginx}}]}}"));
    for text in [&crashing, &unbegun, &unmade, &nameless, &unsettled] {
        assert!(apply(&fresh(), text).restless, "{text}");
    }
    let running = with(WEB);
    assert!(act(&running, "node/node-1 down").restless);
    assert!(!act(&running, "kube-proxy/node-1 stop").restless);
    // A rollout that is given up is not waited for any more.
    let later = act(&with(&unsettled), "wait 11m");
    assert!(!later.restless, "{:?}", later.changes);
}
