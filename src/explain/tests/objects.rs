//! Objects that are asked about by their name.

use super::*;
use crate::msg;
use crate::words::Message;

fn asked(cluster: &Cluster, object: &str) -> Explanation {
    explain_object(cluster, &object.parse().unwrap(), &Request { seed: Seed(1), ..Request::default() }).unwrap()
}

const CLIENT: &str = "
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: nginx}]}
---
";

#[test]
fn a_service_is_called_at_each_port_until_one_does_not_answer() {
    let web = |ports: &str| {
        cluster(&format!(
            "{CLIENT}apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: web}}, ports: {ports}}}\n"
        ))
    };
    let each = "asked name-resolves service-exists service-port selector-matches-pods pods-ready endpoints-ready";
    let found = asked(&web("[{name: a, port: 80}, {name: b, port: 8080, targetPort: 8080}]"), "Service/default/web");
    assert_eq!(said(&found), format!("{each} process-listens request-arrives {each} !process-listens explain.listens.none"));
    let first = &found.checks[0];
    assert_eq!(first.text, msg!("why.asked", from = "pod/default/client", target = "web:80"));
    assert!(first.is_note());
    assert!(asked(&web("[{port: 80}]"), "Service/default/web").ok());
}

#[test]
fn a_service_without_pods_is_explained_though_only_a_node_can_call() {
    let cluster = service("{selector: {app: wbe}, ports: [{port: 80}]}");
    let cluster = cluster.act(&crate::cluster::Action::parse("deployment/default/web delete").unwrap()).cluster;
    let found = asked(&cluster, "Service/default/web");
    assert_eq!(said(&found), "asked service-exists service-port !selector-matches-pods explain.selector.none");
    let headless = service("{clusterIP: None, selector: {app: wbe}, ports: [{port: 80}]}");
    let headless = headless.act(&crate::cluster::Action::parse("deployment/default/web delete").unwrap()).cluster;
    assert_eq!(said(&asked(&headless, "Service/default/web")), "!selector-matches-pods explain.selector.none");
}

#[test]
fn a_service_that_waits_for_its_load_balancer_says_so_last() {
    let cluster = service("{type: LoadBalancer, loadBalancerClass: example.com/x, selector: {app: web}, ports: [{port: 80}]}");
    let found = asked(&cluster, "Service/default/web");
    assert!(said(&found).ends_with("request-arrives !load-balancer-address pending.class"), "{}", said(&found));
}

#[test]
fn a_workload_is_explained_by_its_first_pod_without_traffic() {
    let cluster = service("{selector: {app: web}, ports: [{port: 80}]}");
    let found = asked(&cluster, "Deployment/default/web");
    assert!(found.ok());
    assert!(said(&found).starts_with("workload-has-pods pod-exists pod-ready service-selects-pod"), "{}", said(&found));
    let second = cluster.store.all::<crate::api::core::Pod>().filter(|pod| pod.metadata.name.starts_with("web-")).nth(1).unwrap();
    let unready = format!("pod/default/{} unready", second.metadata.name);
    let cluster = cluster.act(&crate::cluster::Action::parse(&unready).unwrap()).cluster;
    let found = asked(&cluster, "Deployment/default/web");
    assert_eq!(said(&found), "workload-has-pods pod-exists !pod-ready explain.pod.byHand");
    assert_eq!(found.checks[0].text, msg!("explain.workload.pods", kind = "Deployment", name = "web", count = 2, ready = 1));
}

#[test]
fn a_workload_without_pods_and_a_mistyped_one_say_why() {
    let cluster = cluster("").act(&crate::cluster::Action::parse("deployment/default/web scale 0").unwrap()).cluster;
    let found = asked(&cluster, "Deployment/default/web");
    assert_eq!(said(&found), "!workload-has-pods explain.workload.none");
    assert_eq!(found.checks[0].next.as_ref().unwrap().id, "advice.noReplicas.next");
    let found = asked(&cluster, "Deployment/default/wbe");
    assert_eq!(said(&found), "!workload-exists explain.object.missing");
    assert_eq!(found.checks[0].next, Some(msg!("explain.name.near.next", near = "web")));
    assert_eq!(said(&asked(&cluster, "Service/default/wbe")), "!service-exists explain.name.missing");
}

fn acted(cluster: Cluster, event: &str) -> Cluster {
    cluster.act(&crate::cluster::Action::parse(event).unwrap()).cluster
}

fn advised(cluster: &Cluster, from: &str, target: &str) -> (Message, Message) {
    let last = explained(cluster, from, target).checks.pop().unwrap();
    (last.text, last.next.unwrap())
}

#[test]
fn an_endpoint_on_a_dead_node_is_advised_about_without_a_load_balancer() {
    let cluster = acted(service("{selector: {app: web}, ports: [{port: 80}]}"), "node/node-2 down");
    let call = |seed| {
        let from = "node/node-1".parse().unwrap();
        let ip = cluster.store.get::<crate::api::core::Service>("default", "web").unwrap().spec.cluster_ip.clone();
        DataPlane::program(&cluster).send(&cluster, &Request { from, target: format!("{ip}:80"), seed, ..Request::default() })
    };
    let lost = (1..20).map(|seed| call(Seed(seed))).find(|trace| !trace.arrived()).unwrap();
    assert_eq!(lost.advice.unwrap().next, msg!("advice.nodeDown.endpoint.next"));
}

#[test]
fn a_node_port_is_told_with_its_protocol() {
    let cluster = service("{selector: {app: web}, type: NodePort, ports: [{port: 80, nodePort: 30080}]}");
    let (text, next) = advised(&cluster, "internet", "udp://10.0.0.11:30080");
    assert_eq!(text, msg!("explain.nodePort.missing", port = "30080/UDP", node = "node-1"));
    assert_eq!(next, msg!("explain.nodePort.next", ports = "30080/TCP (web)"));
    // To call the port that is open helps nobody while its Service has no selector and nobody has written a slice.
    let bare = service("{type: NodePort, ports: [{port: 80, nodePort: 30080}]}");
    let (_, next) = advised(&bare, "internet", "http://10.0.0.11:30081");
    assert_eq!(next, msg!("advice.noSelector.next", service = "web"));
}

#[test]
fn a_name_below_a_service_with_an_address_asks_for_a_pod_and_no_namespace() {
    let text = format!(
        "{CLIENT}apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}\n"
    );
    let cluster = cluster(&text);
    let (text, _) = advised(&cluster, "pod/client", "http://web-0.web");
    assert_eq!(text, msg!("explain.name.pod.plain", pod = "web-0", service = "web"));
}

#[test]
fn an_ingress_is_called_at_each_path_until_one_does_not_answer() {
    let text = |backend: &str| {
        let path = |path: &str, service: &str| {
            format!("{{path: {path}, pathType: Prefix, backend: {{service: {{name: {service}, port: {{number: 80}}}}}}}}")
        };
        let paths = format!("{}, {}", path("/", "web"), path("/api", backend));
        let rules = format!("[{{host: shop.example.com, http: {{paths: [{paths}]}}}}]");
        format!(
            "{CLIENT}apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: web, labels: {{app: web}}}}\nspec: {{containers: [{{name: c, image: nginx}}]}}\n---\n\
             apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: shop}}\nspec: {{rules: {rules}}}\n"
        )
    };
    let well = asked(&cluster(&text("web")), "Ingress/default/shop");
    let called = well.checks.iter().filter(|check| check.check == "asked").map(|check| check.text.args["target"].as_str());
    assert_eq!(called.collect::<Vec<_>>(), ["http://shop.example.com/", "http://shop.example.com/api"]);
    assert!(well.ok());
    let lost = asked(&cluster(&text("wbe")), "Ingress/default/shop").checks.pop().unwrap();
    assert_eq!((lost.ok, lost.next.unwrap()), (false, msg!("explain.name.near.next", near = "web")));
    let missing = asked(&cluster(&text("web")), "Ingress/default/shpo").checks.pop().unwrap();
    assert_eq!(
        (missing.check.as_str(), missing.next.unwrap()),
        ("ingress-exists", msg!("explain.name.near.next", near = "shop"))
    );
}

#[test]
fn every_call_that_fails_is_named() {
    let service = |name: &str| {
        let spec = format!("{{selector: {{app: {name}}}, ports: [{{port: 80}}]}}");
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {spec}\n---\n")
    };
    let env = "env: [{name: A_URL, value: 'http://one'}, {name: B_URL, value: 'http://two'}, {name: C_URL, value: 'http://web'}]";
    let web = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, labels: {{app: web}}}}\nspec: {{containers: [{{name: c, image: nginx, {env}}}]}}\n"
    );
    let cluster = cluster(&format!("{CLIENT}{}{}{}{web}", service("one"), service("two"), service("web")));
    let told = explained(&cluster, "pod/client", "http://web");
    let others: Vec<&Message> =
        told.checks.iter().map(|check| &check.text).filter(|text| text.id == "explain.calls.others").collect();
    assert_eq!(others, [&msg!("explain.calls.others", targets = "http://two")]);
    assert!(!told.ok());
}

#[test]
fn a_policy_that_drops_what_is_sent_to_one_of_several_pods_is_noted() {
    let policy = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: second, labels: {app: web, guarded: 'yes'}}\n\
                  spec: {containers: [{name: c, image: nginx}]}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
                  metadata: {name: guard}\nspec: {podSelector: {matchLabels: {guarded: 'yes'}}, policyTypes: [Ingress]}\n";
    let web = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    let cluster = cluster(&format!("{CLIENT}{web}{policy}"));
    let explanations = (0..9).map(|seed| {
        let request =
            Request { from: "pod/client".parse().unwrap(), target: "web:80".into(), seed: Seed(seed), ..Request::default() };
        explain(&cluster, &request, &DataPlane::program(&cluster).send(&cluster, &request))
    });
    let well: Vec<Explanation> = explanations.filter(Explanation::ok).collect();
    assert!(!well.is_empty());
    for own in well {
        let idle: Vec<&str> = own.idle.iter().map(|idle| &*idle.why.id).collect();
        assert_eq!(idle, ["explain.idle.policy"]);
    }
}
