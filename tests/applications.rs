//! Whole applications: a dozen programs that call each other by their environment come up from their manifests alone, one request
//! at the front lights up the call graph, and a broken link is found and named.

use kubehop::api::apps::Deployment;
use kubehop::api::core::Service;
use kubehop::cluster::Cluster;
use kubehop::data_plane::DataPlane;
use kubehop::explain::{Explanation, explain};
use kubehop::kubectl::{SourceFile, read};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::{Request, Trace};
use kubehop::words::Words;
use std::fs;
use std::sync::Arc;

const SHOP: &str = "static/examples/shop.yaml";
const BOUTIQUE: &str = "tests/fixtures/applications/boutique.yaml";

fn cluster(text: &str) -> Cluster {
    let (manifests, problems) = read(&[SourceFile { name: "application.yaml".into(), text: text.into() }]);
    assert!(problems.is_empty(), "{problems:?}");
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests));
    let bad: Vec<_> = outcome.diagnostics.iter().filter(|found| found.severity == kubehop::diagnostic::Severity::Error).collect();
    assert!(bad.is_empty(), "{bad:?}");
    outcome.cluster
}

fn send(cluster: &Cluster, from: &str, target: &str) -> Trace {
    let request = Request { from: from.parse().unwrap(), target: target.into(), seed: Seed(1), ..Request::default() };
    DataPlane::program(cluster).send(cluster, &request)
}

fn explained(cluster: &Cluster, from: &str, target: &str) -> Explanation {
    let trace = send(cluster, from, target);
    explain(cluster, &trace.request.clone(), &trace)
}

/// Who calls whom, and how it ends.
fn graph(trace: &Trace, indent: &str, out: &mut String) {
    let verdict = serde_json::to_value(trace.verdict).unwrap();
    out.push_str(&format!("{indent}{} {}\n", trace.request.target, verdict.as_str().unwrap()));
    trace.calls.iter().for_each(|call| graph(call, &format!("{indent}  "), out));
}

fn all_available(cluster: &Cluster, count: usize) {
    let deployments: Vec<&Deployment> =
        cluster.store.all::<Deployment>().filter(|own| own.metadata.namespace == "default").collect();
    assert_eq!(deployments.len(), count);
    for deployment in deployments {
        assert_eq!(deployment.status.available_replicas, deployment.spec.replicas.unwrap(), "{}", deployment.metadata.name);
    }
}

#[test]
fn one_request_at_the_front_lights_up_the_whole_shop() {
    let cluster = cluster(&fs::read_to_string(SHOP).unwrap());
    all_available(&cluster, 12);
    let mut found = String::new();
    graph(&send(&cluster, "internet", "http://node-2:30080/"), "", &mut found);
    let expected = "\
http://node-2:30080/ delivered
  catalog:3550 delivered
    catalog-db:5432 delivered
  basket:7070 delivered
    basket-cache:6379 delivered
  advice:8081 delivered
    catalog:3550 delivered
      catalog-db:5432 delivered
  orders:5050 delivered
    basket:7070 delivered
      basket-cache:6379 delivered
    payment:50051 delivered
    shipping:50052 delivered
    rates:7000 delivered
    mail:5000 delivered
  ads:9555 delivered
";
    assert_eq!(found, expected);
    assert!(explained(&cluster, "internet", "http://node-2:30080/").ok());
}

#[test]
fn a_public_microservice_demo_comes_up_whole() {
    let cluster = cluster(&fs::read_to_string(BOUTIQUE).unwrap());
    all_available(&cluster, 12);
    let mut found = String::new();
    graph(&send(&cluster, "deployment/loadgenerator", "http://frontend:80"), "", &mut found);
    let expected = "\
http://frontend:80 delivered
  productcatalogservice:3550 delivered
  currencyservice:7000 delivered
  cartservice:7070 delivered
    redis-cart:6379 delivered
  recommendationservice:8080 delivered
    productcatalogservice:3550 delivered
  shippingservice:50051 delivered
  checkoutservice:5050 delivered
    productcatalogservice:3550 delivered
    shippingservice:50051 delivered
    paymentservice:50051 delivered
    emailservice:5000 delivered
    currencyservice:7000 delivered
    cartservice:7070 delivered
      redis-cart:6379 delivered
  adservice:9555 delivered
";
    assert_eq!(found, expected);
}

/// Reads a demo, and tells the calls that one request at its front sets off.
fn lit(name: &str, from: &str, target: &str, deployments: usize) -> String {
    let cluster = cluster(&fs::read_to_string(format!("tests/fixtures/applications/{name}.yaml")).unwrap());
    let own = cluster.store.all::<Deployment>().filter(|own| own.metadata.namespace != "kube-system");
    let own: Vec<&Deployment> = own.filter(|own| own.metadata.namespace != "ingress-system").collect();
    assert_eq!(own.len(), deployments, "{name}");
    let available = |own: &&Deployment| Some(own.status.available_replicas) == own.spec.replicas;
    assert!(own.iter().all(available), "{name} does not come up whole");
    let front = cluster.store.all::<Service>().find(|service| service.spec.type_ == "LoadBalancer");
    let address = front.and_then(|service| service.status.load_balancer.ingress.first());
    let target = target.replace("FRONT", address.map_or("", |at| at.ip.as_str()));
    let mut found = String::new();
    send(&cluster, from, &target).calls.iter().for_each(|call| graph(call, "", &mut found));
    found
}

#[test]
fn demos_that_name_their_calls_in_variables_and_arguments_light_up() {
    assert_eq!(lit("voting", "internet", "http://FRONT/", 2), "azure-vote-back:6379 delivered\n");
    assert_eq!(lit("wordpress", "internet", "http://FRONT/", 2), "wordpress-mysql:3306 delivered\n");
    let podinfo = "http://backend:9898/echo delivered\ncache:6379 delivered\n";
    assert_eq!(lit("podinfo", "internet", "http://node-1:30898/", 3), podinfo);
    let emojivoto = "emoji-svc.emojivoto:8080 delivered\nvoting-svc.emojivoto:8080 delivered\n";
    assert_eq!(lit("emojivoto", "deployment/emojivoto/vote-bot", "http://web-svc.emojivoto/", 4), emojivoto);
}

#[test]
fn the_opentelemetry_demo_lights_up_whole() {
    let found = lit(
        "otel-demo",
        "deployment/otel-demo/opentelemetry-demo-loadgenerator",
        "http://opentelemetry-demo-frontendproxy:8080",
        22,
    );
    let found = found.replace("opentelemetry-demo-", "");
    let proxy: Vec<&str> = found.lines().filter(|line| !line.starts_with(' ')).collect();
    let expected = [
        "frontend:8080 delivered",
        "loadgenerator:8089 delivered",
        "grafana:80 delivered",
        "jaeger-query:16686 delivered",
        // Told by a host's name alone, of a Service whose first port takes datagrams.
        "otelcol:4317 delivered",
    ];
    assert_eq!(proxy, expected);
    let checkout = found.split("  checkoutservice:8080 delivered\n").nth(1).unwrap();
    let shipping =
        "    shippingservice:8080 delivered\n      http://quoteservice:8080 delivered\n        http://otelcol:4318 delivered\n";
    assert!(checkout.contains(shipping), "{found}");
    assert_eq!(found.lines().filter(|line| line.ends_with("delivered")).count(), found.lines().count(), "{found}");
    assert_eq!(found.lines().count(), 56, "{found}");
}

#[test]
fn calls_that_are_too_many_to_follow_are_named() {
    let service = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}, ports: [{{port: 80}}]}}\n---\n"
        )
    };
    let pod = |name: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\nspec: {{containers: [{{name: c, image: nginx{more}}}]}}\n---\n"
        )
    };
    let variables: Vec<String> = (1..=202).map(|at| format!("{{name: API_{at}, value: 'http://api/{at}'}}")).collect();
    let front = pod("front", &format!(", env: [{}]", variables.join(", ")));
    let cluster = cluster(&format!("{}{}{}{front}", service("front"), service("api"), pod("api", "")));
    let trace = send(&cluster, "pod/api", "http://front");
    assert_eq!(trace.calls.len(), 200);
    let cut = trace.assumptions.iter().find(|note| note.id == "assume.callsCut").unwrap();
    assert_eq!(cut.args["targets"], "http://api/201, http://api/202");
}

#[test]
fn demos_that_hold_their_calls_in_code_light_up_as_far_as_they_are_known() {
    let guestbook = "redis-leader:6379 delivered\nredis-follower:6379 delivered\n  redis-leader:6379 delivered\n";
    assert_eq!(lit("guestbook", "internet", "http://FRONT/", 3), guestbook);
    let bookinfo = lit("bookinfo", "internet", "http://bookinfo.example.com/productpage", 6);
    assert!(bookinfo.starts_with("http://details:9080 delivered\nhttp://reviews:9080 delivered\n"), "{bookinfo}");
    let expected = "\
http://catalogue delivered
  catalogue-db:3306 delivered
http://carts delivered
  carts-db:27017 delivered
http://user delivered
  user-db:27017 delivered
http://orders delivered
  orders-db:27017 delivered
  http://user delivered
    user-db:27017 delivered
  http://carts delivered
    carts-db:27017 delivered
  http://payment delivered
  http://shipping delivered
    rabbitmq:5672 delivered
session-db:6379 delivered
";
    assert_eq!(lit("sock-shop", "internet", "http://node-1:30001/", 14), expected);
}

#[test]
fn demos_in_namespaces_of_their_own_light_up() {
    let podtato = "\
http://podtato-head-hat:9001 delivered
http://podtato-head-left-leg:9002 delivered
http://podtato-head-left-arm:9003 delivered
http://podtato-head-right-leg:9004 delivered
http://podtato-head-right-arm:9005 delivered
";
    assert_eq!(lit("podtato-head", "internet", "http://FRONT:9000/", 6), podtato);
    let orders = "orders-mysql:3306 delivered\n  rabbitmq.rabbitmq.svc:5672 delivered\n";
    let retail = format!(
        "\
http://assets.assets.svc:80 delivered
http://carts.carts.svc:80 delivered
  http://carts-dynamodb:8000 delivered
http://catalog.catalog.svc:80 delivered
  catalog-mysql:3306 delivered
http://checkout.checkout.svc:80 delivered
  http://orders.orders.svc:80 delivered
    {}  checkout-redis:6379 delivered
http://orders.orders.svc:80 delivered
  {orders}",
        orders.replace("\n  ", "\n    ")
    );
    assert_eq!(lit("retail-store", "internet", "http://FRONT/", 10), retail);
    let robots = lit("robot-shop", "internet", "http://FRONT:8080/", 12);
    assert!(
        robots.contains("http://shipping:8080 delivered\n  mysql:3306 delivered\n  http://cart:8080 delivered\n"),
        "{robots}"
    );
    assert!(robots.contains("http://payment:8080 delivered\n  rabbitmq:5672 delivered\n") && !robots.contains("not-found"));
}

#[test]
fn what_several_workloads_take_whole_is_a_call_that_may_be_none() {
    let all = lit("bank-of-anthos", "internet", "http://FRONT/", 7);
    let expected = "\
balancereader:8080 delivered
  ledger-db:5432 delivered
contacts:8080 delivered
  accounts-db:5432 delivered
transactionhistory:8080 delivered
  ledger-db:5432 delivered
ledgerwriter:8080 delivered
  balancereader:8080 delivered
    ledger-db:5432 delivered
  ledger-db:5432 delivered
userservice:8080 delivered
  accounts-db:5432 delivered
";
    assert_eq!(all, expected);
    let cluster = cluster(&fs::read_to_string("tests/fixtures/applications/bank-of-anthos.yaml").unwrap());
    let why = |from: &str, to: &str| {
        let trace = send(&cluster, "deployment/loadgenerator", &format!("http://{from}"));
        let call = trace.calls.iter().find(|call| call.request.target.starts_with(to)).unwrap();
        call.assumptions.iter().find(|own| own.id.starts_with("assume.call")).unwrap().id.to_string()
    };
    // The ConfigMap with the addresses stands in two programs, of which one is known to read a single one.
    assert_eq!(why("frontend", "contacts"), "assume.call.shared");
    assert_eq!(why("ledgerwriter:8080", "balancereader"), "assume.call");
    assert_eq!(why("contacts:8080", "accounts-db"), "assume.call.shared");
}

#[test]
fn a_demo_without_one_of_its_services_says_which() {
    let text = fs::read_to_string("tests/fixtures/applications/sock-shop.yaml").unwrap();
    let cluster = cluster(&text.replacen("metadata: {name: rabbitmq}", "metadata: {name: rabbit}", 1));
    let explanation = explained(&cluster, "internet", "http://node-1:30001/");
    let last = explanation.checks.last().unwrap();
    assert_eq!((last.check.as_str(), last.ok, &*last.text.id), ("service-exists", false, "explain.name.missing"));
    assert_eq!(last.text.args["service"], "rabbitmq");
}

/// What `explain` says at the end, where one thing of the shop is changed.
fn broken(change: (&str, &str)) -> Vec<String> {
    let text = fs::read_to_string(SHOP).unwrap();
    assert!(text.contains(change.0), "{}", change.0);
    let cluster = cluster(&text.replacen(change.0, change.1, 1));
    let explanation = explained(&cluster, "internet", "http://node-2:30080/");
    assert!(!explanation.ok());
    let words = Words::read(&fs::read_to_string("static/words/en.json").unwrap()).unwrap();
    let from = explanation.checks.iter().position(|check| check.check == "calls-in-turn").unwrap();
    let said = explanation.checks[from..].iter();
    said.map(|check| format!("{}{}", if check.ok { "" } else { "FAIL " }, words.say(&check.text))).collect()
}

#[test]
fn a_broken_link_is_found_and_named() {
    let wrong_port = broken(("rates:7000", "rates:7001"));
    assert!(wrong_port[0].contains("calls orders:5050 because its variable ORDERS_ADDR names it"), "{wrong_port:?}");
    assert!(wrong_port[1].contains("calls rates:7001 because its variable RATES_ADDR names it"), "{wrong_port:?}");
    assert_eq!(wrong_port.last().unwrap(), "FAIL Service rates has no port 7001/TCP");

    let no_pods = broken(("    app: basket-cache\n  ports:", "    app: basket-store\n  ports:"));
    assert_eq!(
        no_pods.last().unwrap(),
        "FAIL Service basket-cache selects Pods with the labels app=basket-store, and no Pod in namespace default has them"
    );

    let mistyped = broken(("payment:50051", "paymnet:50051"));
    assert!(mistyped[1].contains("calls paymnet:50051 because its variable PAYMENT_ADDR names it"), "{mistyped:?}");
    assert_eq!(mistyped.last().unwrap(), "FAIL there is no Service paymnet in namespace default");
}

#[test]
fn a_request_whose_call_in_turn_fails_says_so() {
    let text = fs::read_to_string(SHOP).unwrap().replacen("rates:7000", "rates:7001", 1);
    let trace = send(&cluster(&text), "internet", "http://node-2:30080/");
    let why = trace.advice.unwrap().why;
    assert_eq!((&*why.id, why.args["target"].as_str()), ("advice.call", "rates:7001"));
    assert!(why.args["pod"].starts_with("orders-"), "{why:?}");
}

/// A front that finds the cart by the variable that the kubelet makes for its Service.
const FRONT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: front}
spec:
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec: {containers: [{name: c, image: nginx, env: [{name: CART_ADDR, value: '$(CART_SERVICE_HOST):7070'}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec: {selector: {app: front}, ports: [{port: 80}]}
";

const CART: &str = "
---
apiVersion: v1
kind: Pod
metadata: {name: cart, labels: {app: cart}}
spec: {containers: [{name: c, image: example.com/cart, ports: [{containerPort: 7070}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{port: 7070}]}
";

#[test]
fn a_service_that_comes_later_is_in_no_variable_of_running_pods() {
    let manifests = |text: &str| Arc::new(read(&[SourceFile { name: "x.yaml".into(), text: text.into() }]).0);
    let both = format!("{FRONT}{CART}");
    let outcome = |cluster: &Cluster| {
        let trace = send(cluster, "pod/cart", "http://front");
        let late = trace.assumptions.iter().filter(|assumption| assumption.id == "assume.lateService").count();
        (trace.calls.len(), late)
    };
    let together = cluster(&both);
    assert_eq!(outcome(&together), (1, 0));
    let later = cluster(FRONT).apply(manifests(&both)).cluster;
    assert_eq!(outcome(&later), (0, 1));
    assert_eq!(explained(&later, "pod/cart", "http://front").checks.last().unwrap().text.id, "assume.lateService");
    let restarted = later.act(&"deployment/front scale 0".parse().unwrap()).cluster;
    let restarted = restarted.act(&"deployment/front scale 1".parse().unwrap()).cluster;
    assert_eq!(outcome(&restarted), (1, 0));
}

#[test]
fn what_a_helm_chart_renders_comes_up_whole() {
    let found = lit("helm", "deployment/shop-frontend", "http://shop-proxy:8080/", 8);
    let expected = "\
shop-frontend:8080 delivered
  shop-cart:8080 delivered
    shop-redis:6379 delivered
  shop-ad:8080 delivered
    shop-flagd:8013 delivered
  http://shop-collector:4317 delivered
shop-jaeger-query:16686 delivered
";
    assert_eq!(found, expected);
}

/// What `explain` warns of, and its last check.
fn warned(text: &str, from: &str, target: &str) -> (Vec<String>, String) {
    let words = Words::read(&fs::read_to_string("static/words/en.json").unwrap()).unwrap();
    let explanation = explained(&cluster(text), from, target);
    let warnings = explanation.checks.iter().filter(|check| check.is_warning()).map(|check| words.say(&check.text)).collect();
    (warnings, words.say(&explanation.checks.last().unwrap().text))
}

#[test]
fn a_variable_with_host_and_port_of_a_service_that_is_gone_is_named() {
    let text = fs::read_to_string("tests/fixtures/applications/emojivoto.yaml").unwrap();
    assert!(text.contains("{name: voting-svc, "), "no Service voting-svc");
    let text = text.replacen("{name: voting-svc, ", "{name: votes, ", 1);
    let (warnings, last) = warned(&text, "deployment/emojivoto/vote-bot", "http://web-svc.emojivoto/");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("variable VOTINGSVC_HOST names voting-svc.emojivoto:8080, but no Service here"), "{warnings:?}");
    assert!(last.ends_with("arrives: 1; named, and not made because no Service has the name: 1 (voting-svc.emojivoto:8080)"));
}

#[test]
fn a_variable_of_a_public_demo_without_its_service_is_named_and_breaks_nothing() {
    let text = fs::read_to_string(BOUTIQUE).unwrap();
    let (warnings, last) = warned(&text, "deployment/loadgenerator", "http://frontend:80");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("SHOPPING_ASSISTANT_SERVICE_ADDR names shoppingassistantservice:80"), "{warnings:?}");
    assert!(last.contains("arrives: 16; ") && last.ends_with("1 (shoppingassistantservice:80)"), "{last}");
    assert!(explained(&cluster(&text), "deployment/loadgenerator", "http://frontend:80").ok());
}

#[test]
fn a_variable_that_holds_a_services_address_elsewhere_is_certainly_called() {
    let text = fs::read_to_string(BOUTIQUE).unwrap();
    assert!(text.contains("\"cartservice:7070\""), "no variable with cartservice:7070");
    let text = text.replacen("\"cartservice:7070\"", "\"basket:7070\"", 1);
    let explanation = explained(&cluster(&text), "deployment/loadgenerator", "http://frontend:80");
    let last = explanation.checks.last().unwrap();
    assert_eq!((last.ok, &*last.text.id, last.text.args["service"].as_str()), (false, "explain.name.missing", "basket"));
}

/// The voting application, WordPress and the boutique, each with one link broken: the call stays, fails, and its advice says why.
#[test]
fn a_broken_link_is_called_and_fails() {
    let cases = [
        (
            "voting",
            "kind: Service\nmetadata: {name: azure-vote-back}",
            "kind: Service\nmetadata: {name: vote-back}",
            "azure-vote-back:6379",
        ),
        ("voting", "value: azure-vote-back", "value: azure-vote-bck", "azure-vote-bck:6379"),
        ("voting", "- {port: 6379}", "- {port: 6380, targetPort: 6379}", "azure-vote-back:6379"),
        ("wordpress", "value: wordpress-mysql", "value: wordpress-mysq", "wordpress-mysq:3306"),
    ];
    for (application, good, bad, called) in cases {
        let text = fs::read_to_string(format!("tests/fixtures/applications/{application}.yaml")).unwrap();
        assert!(text.contains(good), "{application}: {good}");
        let cluster = cluster(&text.replacen(good, bad, 1));
        let front = cluster.store.all::<Service>().find_map(|own| own.status.load_balancer.ingress.first()).unwrap();
        let trace = send(&cluster, "internet", &format!("http://{}/", front.ip));
        let failed = trace.failed_call().unwrap_or_else(|| panic!("{application}, {bad}: {trace:#?}"));
        assert_eq!((failed.request.target.as_str(), trace.advice.is_some()), (called, true), "{application}, {bad}");
    }
    let text = fs::read_to_string(BOUTIQUE).unwrap();
    let good = "kind: Service\nmetadata:\n  name: cartservice\n";
    assert!(text.contains(good));
    let cluster = cluster(&text.replacen(good, "kind: Service\nmetadata:\n  name: basket\n", 1));
    let trace = send(&cluster, "deployment/loadgenerator", "http://frontend/");
    assert_eq!(trace.failed_call().map(|call| call.request.target.as_str()), Some("cartservice:7070"));
}
