//! What the API server stores, deletes and refuses.

use super::*;
use crate::api::core::ConfigMap;
use crate::msg;

#[test]
fn a_removed_document_is_deleted_and_the_others_stay() {
    let cluster = with(WEB);
    let (deployment, _) = WEB.split_once("---").unwrap();
    let outcome = apply(&cluster, deployment);
    let told: Vec<_> = outcome.changes.iter().map(|change| &*change.message.id).collect();
    assert!(told.contains(&"change.rulesGone") && told.contains(&"change.recordsGone"), "{told:?}");
    let next = outcome.cluster;
    assert!(next.store.get::<Service>("default", "web").is_none());
    assert_eq!(next.store.pods, cluster.store.pods);
    assert!(next.store.endpoint_slices.keys().all(|(_, name)| !name.starts_with("web-")));
    assert!(!next.store.endpoints.contains_key(&("default".into(), "web".into())));
}

#[test]
fn the_same_text_again_changes_nothing() {
    let cluster = with(WEB);
    let again = apply(&cluster, WEB);
    assert_eq!(again.changes, []);
    assert_eq!(again.cluster.store, cluster.store);
}

#[test]
fn a_selector_cannot_change() {
    let cluster = with(WEB);
    let outcome = apply(&cluster, &WEB.replace("app: web", "app: wed"));
    let messages: Vec<_> = outcome.diagnostics.iter().map(|d| (d.path.as_str(), &d.message)).collect();
    let text = r#"Invalid value: {"matchLabels":{"app":"wed"}}: field is immutable"#;
    assert_eq!(messages, [("spec.selector", &Finding::Upstream(text.into()))]);
    assert_eq!(pods(&outcome.cluster).len(), 3);
    let replaced = act(&outcome.cluster, "deployment/default/web replace").cluster;
    assert!(pods(&replaced).iter().all(|pod| pod.metadata.labels.get("app").is_some_and(|app| app == "wed")));
    assert_eq!(addresses(&replaced, "web").0.len(), 3);
}

#[test]
fn allocation_is_refused_before_validation() {
    let text = WEB.replace("30080", "8080").replace("selector: {app: web}\n  ports", "selector: {app: Über}\n  ports");
    let outcome = apply(&fresh(), &text);
    let first = &outcome.diagnostics[0];
    assert_eq!(first.path, "spec.ports[0].nodePort");
    assert!(matches!(&first.message, Finding::Upstream(message) if message.contains("valid range")), "{first:?}");
}

#[test]
fn a_node_port_that_cannot_be_had_may_change_to_another_one() {
    let cluster = with(WEB);
    let help = |number: &str| apply(&cluster, &WEB.replace("30080", number)).diagnostics.remove(0).help;
    assert_eq!(help("80"), Some(msg!("help.nodePort.range", first = 30_000, last = 32_767)));
    let other =
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: z}\nspec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}\n";
    let taken = apply(&cluster, &format!("{WEB}{other}")).diagnostics.into_iter().find(|found| found.path.ends_with("nodePort"));
    assert_eq!(taken.and_then(|taken| taken.help), Some(msg!("help.nodePort.taken")));
}

#[test]
fn a_running_pod_keeps_its_spec_but_for_its_image() {
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: web}}\nspec: {containers: [{name: c, image: nginx}]}\n";
    let cluster = with(pod);
    let image = apply(&cluster, &pod.replace("nginx", "httpd"));
    assert_eq!((image.diagnostics.len(), pods(&image.cluster)[0].spec.containers[0].image.as_str()), (0, "httpd"));
    let refused = apply(&cluster, &pod.replace("image: nginx", "image: nginx, args: [x]"));
    assert!(matches!(&refused.diagnostics[0].message, Finding::Upstream(m) if m.starts_with("Forbidden: pod updates")));
    assert_eq!(refused.cluster.store.pods, cluster.store.pods);
}

#[test]
fn a_missing_namespace_is_named_with_the_document_that_mends_it() {
    let outcome =
        apply(&fresh(), "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{port: 80}]}\n");
    assert_eq!(outcome.diagnostics[0].message, Finding::Upstream("namespaces \"shop\" not found".into()));
    assert!(outcome.diagnostics[0].fixes[0].text.contains("name: shop"));
    assert_eq!(outcome.diagnostics[0].span.as_ref().unwrap().line, 3);
}

#[test]
fn a_missing_namespace_is_named_before_all_else() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: NodePort, ports: [{port: 0, nodePort: 80}]}\n";
    let named = |outcome: &Outcome| match &outcome.diagnostics[0].message {
        Finding::Upstream(message) => message.clone(),
        Finding::Ours(message) => message.id.to_string(),
    };
    assert_eq!(named(&apply(&fresh(), text)), "namespaces \"shop\" not found");
    let with_it = format!("{text}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n");
    assert!(named(&apply(&fresh(), &with_it)).contains("valid range"));
    // What cannot be decoded never reaches admission.
    let unreadable = text.replace("port: 0", "port: x");
    assert_ne!(named(&apply(&fresh(), &unreadable)), "namespaces \"shop\" not found");
}

#[test]
fn more_than_five_thousand_pods_are_refused() {
    let outcome = apply(&fresh(), &WEB.replace("replicas: 3", "replicas: 5001"));
    assert!(matches!(&outcome.diagnostics[0].message, Finding::Ours(message) if message.id == "limit.pods"));
    assert_eq!(outcome.diagnostics[0].span.as_ref().unwrap().line, 6);
}

#[test]
fn a_pod_as_the_api_server_gives_it_can_be_applied() {
    let cluster = with(WEB);
    let all: Vec<Pod> = cluster.store.all::<Pod>().cloned().collect();
    let typed = |pod: &Pod| {
        let mut value = serde_json::to_value(pod).unwrap();
        value["apiVersion"] = "v1".into();
        value["kind"] = "Pod".into();
        value
    };
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": all.iter().map(typed).collect::<Vec<_>>()});
    let outcome = cluster.apply_more(manifests(&list.to_string()));
    assert_eq!((outcome.diagnostics, outcome.changes), (vec![], vec![]));
    assert_eq!(outcome.cluster.store.pods, cluster.store.pods);
}

#[test]
fn the_default_namespaces_may_not_be_deleted() {
    let cluster = with(WEB);
    for name in ["default", "kube-system", "kube-public"] {
        let outcome = cluster.act(&Action::parse(&format!("namespace/{name} delete")).unwrap());
        let text = format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted");
        assert_eq!(outcome.diagnostics[0].message, Finding::Upstream(text));
        assert_eq!(outcome.cluster.store, cluster.store);
    }
}

#[test]
fn the_api_server_makes_its_service_anew() {
    let cluster = fresh();
    let next = act(&cluster, "service/default/kubernetes delete").cluster;
    let service = |cluster: &Cluster| cluster.store.get::<Service>("default", "kubernetes").unwrap().clone();
    assert_eq!(service(&next).spec, service(&cluster).spec);
    assert_ne!(service(&next).metadata.uid, service(&cluster).metadata.uid);
    assert_eq!(addresses(&next, "kubernetes"), addresses(&cluster, "kubernetes"));
}

#[test]
fn a_number_that_cannot_be_allocated_is_shown_where_it_is_written() {
    let text =
        |spec: &str| format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n  - port: 80\n{spec}");
    let line = |spec: &str| {
        let outcome = apply(&fresh(), &text(spec));
        let error = outcome.diagnostics.iter().find(|found| found.severity == crate::diagnostic::Severity::Error).unwrap();
        (error.path.clone(), error.span.as_ref().map(|span| span.line))
    };
    assert_eq!(line("  clusterIP: 10.96.0.1\n"), ("spec.clusterIPs".into(), Some(8)));
    assert_eq!(line("  clusterIP: 10.96.0.300\n"), ("spec.clusterIPs[0]".into(), Some(8)));
    assert_eq!(line("    nodePort: 80\n  type: NodePort\n"), ("spec.ports[0].nodePort".into(), Some(8)));
    let checked = "    nodePort: 31000\n  type: LoadBalancer\n  externalTrafficPolicy: Local\n  healthCheckNodePort: 31000\n";
    assert_eq!(line(checked), (String::new(), Some(11)));
    let first = apply(&fresh(), &text("  clusterIP: 10.96.0.77\n")).cluster;
    let moved = apply(&first, &text("  clusterIP: 10.96.0.78\n"));
    assert_eq!(moved.diagnostics[0].span.as_ref().map(|span| span.line), Some(8), "{:?}", moved.diagnostics);
}

#[test]
fn a_pod_whose_image_changes_keeps_its_address_and_its_container_is_started_again() {
    let pod = |image: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{{name: c, image: '{image}'{more}}}, {{name: d, image: redis}}]}}\n"
        )
    };
    let delay = ", readinessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 20}";
    let before = with(&pod("nginx:1", delay));
    let after = apply(&before, &pod("nginx:2", delay)).cluster;
    let (old, new) = (pods(&before)[0], pods(&after)[0]);
    assert_eq!((old.status.pod_ip.clone(), &old.metadata.uid), (new.status.pod_ip.clone(), &new.metadata.uid));
    let restarts: Vec<i32> = new.status.container_statuses.iter().map(|status| status.restart_count).collect();
    assert_eq!(restarts, [1, 0]);
    let ended = new.status.container_statuses[0].last_state.terminated.as_ref().unwrap();
    let at = |seconds: u64| Some(crate::api::time::timestamp(after.epoch + seconds));
    assert_eq!((&ended.started_at, &ended.finished_at), (&at(0), &at(20)));
    // The new container waits for its probe's initial delay, too.
    assert_eq!((before.now, after.now, is_ready(new)), (20, 40, true));
    let killing = after.store.events.values().find(|event| event.reason == "Killing").unwrap();
    assert_eq!(
        (killing.message.as_str(), killing.type_.as_str()),
        ("Container c definition changed, will be restarted", "Normal")
    );
    // What is written again with the same image goes on.
    let again = apply(&after, &pod("nginx:2", delay).replace("{name: web}", "{name: web, labels: {a: b}}"));
    assert_eq!(pods(&again.cluster)[0].status.container_statuses[0].restart_count, 1);
}

#[test]
fn a_config_map_as_it_was_is_kept_while_a_container_runs_that_was_started_with_it() {
    let text = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: conf}}\ndata: {{BACK_URL: \"{value}\"}}\n---\napiVersion: v1\nkind: Pod\n\
             metadata: {{name: p}}\nspec: {{containers: [{{name: c, image: nginx, envFrom: [{{configMapRef: {{name: conf}}}}]}}]}}\n"
        )
    };
    let first = with(&text("http://one"));
    let mut cluster = first.clone();
    for value in ["http://two", "http://three"] {
        cluster = apply(&cluster, &text(value)).cluster;
    }
    let known = |cluster: &Cluster| {
        let pod = cluster.store.get::<Pod>("default", "p").unwrap();
        let known = cluster.known_to(pod, &pod.spec.containers[0]).into_owned();
        known.get::<ConfigMap>("default", "conf").unwrap().data["BACK_URL"].clone()
    };
    assert_eq!((first.past.len(), known(&cluster).as_str()), (0, "http://one"));
    // The form in between was seen by nobody.
    assert_eq!(cluster.past.values().map(Vec::len).sum::<usize>(), 1);
    let anew = cluster.act(&Action::parse("pod/p replace").unwrap()).cluster;
    assert_eq!((anew.past.len(), known(&anew).as_str()), (0, "http://three"));
}
