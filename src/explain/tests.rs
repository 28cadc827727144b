use super::*;
use crate::cluster::Cluster;
use crate::data_plane::DataPlane;
use crate::kubectl::{SourceFile, read};
use crate::random::Seed;
use crate::settings::Settings;
use crate::trace::Request;
use std::sync::Arc;

mod addresses;
mod names;
mod objects;

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx, ports: [{name: http, containerPort: 80}]}]}
---
";

fn cluster(rest: &str) -> Cluster {
    let (manifests, found) = read(&[SourceFile { name: "x.yaml".into(), text: format!("{WEB}{rest}") }]);
    assert!(found.is_empty(), "{found:?}");
    Cluster::new(Settings::default(), Seed(0)).apply(Arc::new(manifests)).cluster
}

fn service(spec: &str) -> Cluster {
    cluster(&format!("apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {spec}\n"))
}

fn explained(cluster: &Cluster, from: &str, target: &str) -> Explanation {
    let request = Request { from: from.parse().unwrap(), target: target.into(), seed: Seed(1), ..Request::default() };
    let trace = DataPlane::program(cluster).send(cluster, &request);
    explain(cluster, &request, &trace)
}

/// The checks as `name` or `!name` and the last message's id.
fn said(explanation: &Explanation) -> String {
    let names: Vec<String> =
        explanation.checks.iter().map(|check| format!("{}{}", if check.ok { "" } else { "!" }, check.check)).collect();
    format!("{} {}", names.join(" "), explanation.checks.last().map_or("", |check| &check.text.id))
}

fn check(cluster: &Cluster, from: &str, target: &str, expected: &str) {
    assert_eq!(said(&explained(cluster, from, target)), expected, "{target} from {from}");
}

const POD: &str = "deployment/web";

#[test]
fn a_request_that_arrives_passes_every_check() {
    let cluster = service("{selector: {app: web}, type: NodePort, ports: [{port: 80, nodePort: 30080}]}");
    let rest = "selector-matches-pods pods-ready endpoints-ready process-listens request-arrives explain.arrives.ok";
    check(&cluster, POD, "http://web/", &format!("name-resolves service-exists service-port {rest}"));
    check(&cluster, "internet", "http://10.0.0.11:30080/", &format!("node-port {rest}"));
}

#[test]
fn a_selector_that_matches_nothing_is_named_with_the_nearest_pod() {
    let cluster = service("{selector: {app: wbe}, ports: [{port: 80}]}");
    let explanation = explained(&cluster, POD, "http://web/");
    assert_eq!(said(&explanation), "name-resolves service-exists service-port !selector-matches-pods explain.selector.none");
    let last = explanation.checks.last().unwrap();
    assert_eq!(last.next.as_ref().map(|next| next.id.as_ref()), Some("explain.selector.near.next"));
    assert_eq!(last.because[0].to_owned(), field(&"Service/default/web".parse().unwrap(), "spec.selector"));
}

#[test]
fn a_wrong_target_port_is_named_with_what_listens() {
    let cluster = service("{selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}");
    let explanation = explained(&cluster, POD, "http://web/");
    let last = explanation.checks.last().unwrap();
    assert_eq!((last.check.as_str(), last.ok, last.text.id.as_ref()), ("process-listens", false, "explain.listens.none"));
    assert_eq!(last.next.as_ref().unwrap().args.get("ports").map(String::as_str), Some("80/TCP"));
    assert_eq!(explanation.idle.len(), 2);
}

#[test]
fn a_named_target_port_that_no_container_has_leaves_no_endpoint() {
    let cluster = service("{selector: {app: web}, ports: [{port: 80, targetPort: web}]}");
    let rest = "selector-matches-pods pods-ready !endpoints-ready explain.endpoints.portName";
    check(&cluster, POD, "http://web/", &format!("name-resolves service-exists service-port {rest}"));
}

#[test]
fn missing_names_say_what_was_probably_meant() {
    let cluster = service("{selector: {app: web}, ports: [{port: 80}]}");
    check(&cluster, POD, "http://wbe/", "!service-exists explain.name.missing");
    check(&cluster, POD, "http://web.shop/", "!service-exists explain.name.namespace");
    check(&cluster, POD, "http://kubernetes.kube-system/", "!service-exists explain.name.elsewhere");
    check(&cluster, "internet", "http://web/", "!name-resolves explain.name.outside");
    let near = explained(&cluster, POD, "http://wbe/").checks.last().unwrap().next.clone();
    assert_eq!(near.map(|next| next.id.to_string()), Some("explain.name.near.next".into()));
}

#[test]
fn a_missing_port_names_those_that_are_there() {
    let cluster = service("{selector: {app: web}, ports: [{port: 80}]}");
    check(&cluster, POD, "http://web:8080/", "name-resolves service-exists !service-port explain.port.missing");
    let outside = explained(&cluster, "internet", "http://10.0.0.11:80/");
    assert_eq!(said(&outside), "!node-port explain.nodePort.missing");
    assert_eq!(outside.checks[0].next.as_ref().map(|next| next.id.as_ref()), Some("explain.nodePort.type.next"));
}

#[test]
fn an_ingress_of_a_class_that_nobody_serves_is_named() {
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec:\n  ingressClassName: nginx\n  rules:\n  \
                   - {host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}\n";
    let other = cluster(ingress);
    check(&other, "internet", "http://shop.example.com/", "name-listed !ingress-served explain.ingress.noClass");
    let own = cluster(&ingress.replace("  ingressClassName: nginx\n", ""));
    check(
        &own,
        "internet",
        "http://shop.example.com/",
        "name-resolves ingress-front ingress-rule !service-exists explain.name.missing",
    );
    check(&own, "internet", "http://other.example.com/", "name-resolves ingress-front !ingress-rule explain.ingress.noHost");
}

#[test]
fn an_external_name_that_leads_nowhere_is_no_headless_service() {
    let named = |name: &str| {
        cluster(&format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: api}}\nspec: {{type: ExternalName, externalName: {name}}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: client}}\nspec: {{containers: [{{name: c, image: busybox, command: [sleep, 1d]}}]}}\n"
        ))
    };
    check(&named("203.0.113.99"), "pod/client", "http://api/", "!service-exists explain.name.aliasAddress");
    check(&named("api.default.svc.cluster.local"), "pod/client", "http://api/", "!service-exists explain.name.aliasCircle");
    check(&named("web.nowhere.svc.cluster.local"), "pod/client", "http://api/", "!service-exists explain.name.alias");
    let outside = explained(&named("api.example.com"), "pod/client", "https://api/");
    assert_eq!(outside.checks.last().map(|check| check.text.id.to_string()), Some("assume.tlsName".into()));
}

#[test]
fn an_unready_pod_gets_no_traffic_and_the_others_do() {
    let cluster = service("{selector: {app: web}, ports: [{port: 80}]}");
    let name = cluster.store.in_namespace::<crate::api::core::Pod>("default").next().unwrap().metadata.name.clone();
    let cluster = cluster.act(&crate::cluster::Action::Unready(ObjectRef::new(crate::api::Kind::Pod, "default", &name))).cluster;
    let explanation = explained(&cluster, "deployment/web", "http://web/");
    assert!(explanation.ok(), "{}", said(&explanation));
    assert_eq!(explanation.idle.iter().map(|idle| idle.pod.name.as_str()).collect::<Vec<_>>(), [name.as_str()]);
    assert_eq!(said(&explain_pod(&cluster, "default", &name)), "pod-exists !pod-ready explain.pod.byHand");
}

#[test]
fn a_failed_readiness_probe_is_told_in_the_kubelets_words() {
    let text = WEB.replace("image: nginx,", "image: nginx, readinessProbe: {tcpSocket: {port: 81}},");
    let file = SourceFile {
        name: "x.yaml".into(),
        text: format!(
            "{text}{{apiVersion: v1, kind: Service, metadata: {{name: web}}, spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}}}\n"
        ),
    };
    let cluster = Cluster::new(Settings::default(), Seed(0)).apply(Arc::new(read(&[file]).0)).cluster;
    let explanation = explained(
        &cluster,
        "node/node-1",
        &format!("http://{}/", cluster.store.get::<crate::api::core::Service>("default", "web").unwrap().spec.cluster_ip),
    );
    let last = explanation.checks.last().unwrap();
    let next = last.next.as_ref().unwrap();
    assert_eq!((last.text.id.as_ref(), next.id.as_ref()), ("explain.pod.probe", "explain.pod.probe.next"));
    let message = last.text.args.get("message").unwrap();
    assert!(
        message.starts_with("Readiness probe failed: dial tcp 10.244.") && message.ends_with(":81: connect: connection refused"),
        "{message}"
    );
}

#[test]
fn a_container_that_waits_is_told_with_what_the_kubelet_warned_of() {
    let told = |spec: &str, wanted: &str, path: &str| {
        let cluster = cluster(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: lone}}\nspec: {{containers: [{{name: c, image: nginx, {spec}}}]}}\n"
        ));
        let explanation = explain_pod(&cluster, "default", "lone");
        let last = explanation.checks.last().unwrap();
        assert_eq!(last.text.id, "explain.pod.waiting.said");
        assert!(last.text.args["message"].contains(wanted), "{last:?}");
        assert_eq!(last.because[0].path, format!("spec.containers[0].{path}"));
    };
    let own = "envFrom: [{configMapRef: {name: may, optional: true}}, {configMapRef: {name: gone}}]";
    told(own, "configmap \"gone\" not found", "envFrom[1]");
    let keyed = "env: [{name: A, value: a}, {name: B, valueFrom: {secretKeyRef: {name: gone, key: b}}}]";
    told(keyed, "secret \"gone\" not found", "env[1].valueFrom");
    told("livenessProbe: {tcpSocket: {port: 81}}", "Liveness probe failed: dial tcp", "livenessProbe");
}

#[test]
fn a_pod_that_no_service_selects_gets_no_traffic() {
    let cluster = service("{selector: {app: api}, ports: [{port: 80}]}");
    let name = cluster.store.in_namespace::<crate::api::core::Pod>("default").next().unwrap().metadata.name.clone();
    assert_eq!(
        said(&explain_pod(&cluster, "default", &name)),
        "pod-exists pod-ready !service-selects-pod explain.pod.unselected"
    );
    assert_eq!(said(&explain_pod(&cluster, "default", "moon")), "!pod-exists explain.pod.missing");
}

#[test]
fn the_nearest_name_is_found_among_near_ones_only() {
    assert_eq!(nearest("wbe", ["web", "api"].into_iter()), Some("web"));
    assert_eq!(nearest("web", ["frontend"].into_iter()), None);
}

#[test]
fn a_workload_scaled_to_nothing_is_named() {
    let cluster = service("{selector: {app: web}, ports: [{port: 80}]}");
    let web = ObjectRef::new(crate::api::Kind::Deployment, "default", "web");
    let cluster = cluster.act(&crate::cluster::Action::Scale(web, 0)).cluster;
    let last = explained(&cluster, "node/node-1", "http://10.0.0.11:80/").checks.pop().unwrap();
    assert_eq!(last.check, "node-port");
    let address = cluster.store.get::<crate::api::core::Service>("default", "web").unwrap().spec.cluster_ip.clone();
    let last = explained(&cluster, "node/node-1", &format!("http://{address}/")).checks.pop().unwrap();
    assert_eq!(last.next.map(|next| next.id.to_string()), Some("advice.noReplicas.next".into()));
}

#[test]
fn a_headless_service_translates_no_port() {
    let cluster = service("{clusterIP: None, selector: {app: web}, ports: [{port: 8080, targetPort: 80}]}");
    check(&cluster, POD, "http://web:8080/", "name-resolves pod-address headless !process-listens hop.NothingListens.text");
    check(
        &cluster,
        POD,
        "http://web:80/",
        "name-resolves pod-address headless process-listens request-arrives explain.arrives.ok",
    );
}

#[test]
fn a_closed_readiness_gate_is_named() {
    let cluster = cluster(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: gated}\nspec:\n  readinessGates: [{conditionType: example.com/ready}]\n  \
         containers: [{name: c, image: nginx}]\n",
    );
    let explanation = explain_pod(&cluster, "default", "gated");
    let last = explanation.checks.last().unwrap();
    assert_eq!(last.text.id, "explain.pod.gate");
    assert_eq!(last.because[0].path, "spec.readinessGates[0].conditionType");
}

#[test]
fn a_service_that_takes_pods_as_they_are_does_not_hide_why_another_leaves_one_out() {
    let explanation = explain_pod(
        &cluster(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: gated, labels: {app: p}}\nspec:\n  readinessGates: [{conditionType: example.com/ready}]\n  \
             containers: [{name: c, image: nginx}]\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {name: takes-all}\nspec: {publishNotReadyAddresses: true, selector: {app: p}, ports: [{port: 81}]}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {name: asks}\nspec: {selector: {app: p}, ports: [{port: 80}]}\n",
        ),
        "default",
        "gated",
    );
    assert_eq!(explanation.checks.last().unwrap().text.id, "explain.pod.gate");
}

fn with_policy(policy: &str) -> Cluster {
    cluster(&format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: guard}}\nspec: {policy}\n"
    ))
}

#[test]
fn a_network_policy_that_drops_a_request_is_the_check_that_fails() {
    let holds = "name-resolves service-exists service-port selector-matches-pods pods-ready endpoints-ready process-listens";
    let cluster = with_policy("{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}");
    let target = "http://web/";
    let explanation = (1..20)
        .map(|seed| {
            let request = Request { from: POD.parse().unwrap(), target: target.into(), seed: Seed(seed), ..Request::default() };
            let trace = DataPlane::program(&cluster).send(&cluster, &request);
            explain(&cluster, &request, &trace)
        })
        .find(|explanation| !explanation.ok())
        .expect("one seed leads to the other Pod");
    assert_eq!(said(&explanation), format!("{holds} !network-policy hop.Policy.text.nobody"));
    assert_eq!(
        explanation.checks.last().unwrap().because[0],
        field(&"NetworkPolicy/default/guard".parse().unwrap(), "spec.podSelector")
    );
}

#[test]
fn an_egress_policy_without_dns_fails_at_the_name() {
    let cluster = with_policy("{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]}");
    check(&cluster, POD, "http://web/", "!network-policy hop.Policy.text.egress.dns");
}

#[test]
fn a_pod_behind_default_deny_gets_no_traffic() {
    let cluster = with_policy("{podSelector: {}}");
    let name = cluster.store.in_namespace::<crate::api::core::Pod>("default").next().unwrap().metadata.name.clone();
    assert_eq!(said(&explain_pod(&cluster, "default", &name)), "pod-exists pod-ready !network-policy explain.policy.closed");
}

#[test]
fn a_pod_of_a_node_that_does_not_exist_is_not_blamed_on_a_probe() {
    let lost = "apiVersion: v1\nkind: Pod\nmetadata: {name: lost, labels: {app: lost}}\nspec: {nodeName: node-9, containers: [{name: \
                c, image: nginx}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: lost}\nspec: {selector: {app: lost}, \
                ports: [{port: 80}]}\n";
    let explanation = explained(&cluster(lost), POD, "http://lost");
    let failed = explanation.checks.last().unwrap();
    assert_eq!((failed.check.as_str(), &*failed.text.id), ("pods-ready", "explain.pod.noNode"));
    assert_eq!(failed.because[0].path, "spec.nodeName");
}

#[test]
fn the_name_of_a_headless_service_whose_pods_are_not_ready_fails_by_their_probe() {
    let headless = "apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: postgres, env: [{name: POSTGRES_PASSWORD, value: x}], readinessProbe: {tcpSocket: {port: 5433}}}]}
";
    let cluster = cluster(headless);
    let all = explained(&cluster, POD, "tcp://db:5432");
    assert_eq!(said(&all), "headless selector-matches-pods !pods-ready explain.pod.probe");
    let text = &all.checks.last().unwrap().text;
    assert!(text.args["message"].starts_with("Readiness probe failed: dial tcp 10.244."), "{text:?}");
    let one = explained(&cluster, POD, "tcp://db-0.db:5432");
    assert_eq!(said(&one), "headless !pod-ready explain.pod.probe");
    let nobody = self::cluster(&headless.replace("selector: {app: db}, ports", "selector: {app: dp}, ports"));
    check(&nobody, POD, "tcp://db:5432", "headless !selector-matches-pods explain.selector.none");
}

#[test]
fn a_pod_without_the_configmap_of_its_volume_is_told_by_the_volume() {
    let text = "apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  volumes: [{name: settings, configMap: {name: settings}}]
  containers: [{name: c, image: nginx, volumeMounts: [{name: settings, mountPath: /x}]}]
";
    let all = explain_pod(&cluster(text), "default", "shop");
    assert_eq!(said(&all), "pod-exists !pod-ready explain.pod.waiting.said");
    let last = all.checks.last().unwrap();
    let why = "MountVolume.SetUp failed for volume \"settings\" : configmap \"settings\" not found";
    assert_eq!(last.text.args["message"], why);
    assert_eq!(last.because[0].path, "spec.volumes[0]");
}

#[test]
fn a_load_balancer_class_that_nobody_serves_is_why_a_service_has_no_address() {
    let spec = "{selector: {app: web}, type: LoadBalancer, loadBalancerClass: example.com/mine, ports: [{port: 80}]}";
    check(&service(spec), "internet", "http://web/", "!load-balancer-address pending.class");
    let plain = "{selector: {app: web}, type: LoadBalancer, ports: [{port: 80}]}";
    check(&service(plain), "internet", "http://web/", "!name-resolves explain.name.outside");
}

#[test]
fn endpoints_that_do_not_count_are_named_for_a_service_without_selector() {
    let of = |name: &str, rest: &str| {
        let text =
            format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}\n---\n{rest}");
        let found = explained(&cluster(&text), POD, &format!("http://{name}"));
        assert_eq!(found.checks.last().unwrap().check, "endpoints-ready");
        found.checks.last().unwrap().next.as_ref().unwrap().id.to_string()
    };
    let endpoints = |labels: &str, rest: &str| {
        format!("apiVersion: v1\nkind: Endpoints\nmetadata: {{name: db, labels: {{{labels}}}}}\nsubsets: [{rest}]\n")
    };
    let skipped =
        endpoints("endpointslice.kubernetes.io/skip-mirror: 'true'", "{addresses: [{ip: 192.0.2.1}], ports: [{port: 80}]}");
    assert_eq!(of("db", &skipped), "advice.skipMirror.next");
    let named = endpoints("a: b", "{addresses: [{ip: 192.0.2.1}], ports: [{name: x, port: 80}]}");
    assert_eq!(of("db", &named), "advice.slicePort.next");
    let unready = endpoints("a: b", "{notReadyAddresses: [{ip: 192.0.2.1}], ports: [{port: 80}]}");
    assert_eq!(of("db", &unready), "advice.sliceNotReady.next");
    let slice = |labels: &str| {
        format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: db, labels: {{{labels}}}}}\naddressType: \
             IPv4\nendpoints: [{{addresses: [192.0.2.1]}}]\nports: [{{port: 80}}]\n"
        )
    };
    assert_eq!(of("db", &slice("a: b")), "advice.sliceLabel.next");
    assert_eq!(of("database", &slice("kubernetes.io/service-name: databse")), "advice.sliceLabel.next");
    assert_eq!(of("other", &slice("kubernetes.io/service-name: db")), "advice.noSelector.next");
}

#[test]
fn a_host_of_a_route_to_a_gateway_is_no_service_name() {
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: shop}\n\
                 spec: {parentRefs: [{name: front}], hostnames: [web.example.com]}\n";
    let here = cluster(route);
    check(&here, "internet", "http://web.example.com", "not-played !name-resolves explain.name.route");
    // A Pod asks the world for it, where some server answers.
    check(&here, POD, "http://web.example.com", "not-played name-resolves request-arrives explain.arrives.status");
    let ingress = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: other}\n\
                   spec: {rules: [{host: other.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: \
                   web, port: {number: 80}}}}]}}]}\n";
    let here = cluster(&format!("{route}{ingress}"));
    check(&here, "internet", "http://web.example.com", "not-played name-resolves ingress-front !ingress-rule explain.name.route");
}

#[test]
fn a_variable_that_names_nobody_is_noted_before_the_checks() {
    let here = cluster(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: api, labels: {app: api}}\nspec: {containers: [{name: c, image: nginx, env: \
         [{name: STORE_URL, value: 'http://warehouse:80'}]}]}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: api}\nspec: {selector: {app: api}, ports: [{port: 80}]}\n",
    );
    let explanation = explained(&here, POD, "http://api");
    assert!(explanation.ok() && explanation.checks[0].is_note(), "{explanation:?}");
    assert_eq!((explanation.checks[0].check.as_str(), &*explanation.checks[0].text.id), ("call-left-out", "assume.noCall"));
    assert_eq!(explanation.checks[0].because[0].path, "spec.containers[0].env[0]");
    assert!(!explanation.checks[1].is_note());
}

#[test]
fn an_ingress_is_explained_from_its_controllers_own_front_door_on() {
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {rules: [{host: a.example.com, http: {paths: \
                   [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}\n";
    let shop = cluster(ingress);
    let told = |cluster: &Cluster| explained(cluster, "internet", "http://a.example.com/");
    let well = told(&shop);
    assert_eq!((&*well.checks[1].text.id, &*well.checks[1].check), ("explain.ingress.front", "ingress-front"));
    // Without a ready controller, its own Service has no endpoint: the rule is not what fails.
    let controller = shop.store.pods.keys().find(|(namespace, _)| namespace == "ingress-system").unwrap().1.clone();
    let event = format!("pod/ingress-system/{controller} unready");
    let lost = told(&shop.act(&crate::cluster::Action::parse(&event).unwrap()).cluster);
    assert!(
        said(&lost).starts_with("name-resolves service-exists service-port selector-matches-pods !pods-ready"),
        "{}",
        said(&lost)
    );
}
