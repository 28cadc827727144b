//! Which addresses MetalLB gives, and what it says where it gives none.

use super::*;
use crate::api::core::Event;
use crate::settings::Provider;

fn metallb(text: &str) -> Cluster {
    let mut settings = Settings::default();
    settings.load_balancer.provider = Provider::Metallb;
    apply(&Cluster::new(settings, Seed(0)), text).cluster
}

fn service(name: &str, annotation: &str, more: &str, port: i32) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, annotations: {{{annotation}}}}}\n\
         spec: {{type: LoadBalancer, {more}selector: {{app: {name}}}, ports: [{{port: {port}}}]}}\n---\n"
    )
}

fn address(cluster: &Cluster, name: &str) -> String {
    let service = cluster.store.get::<Service>("default", name).unwrap();
    service.status.load_balancer.ingress.first().map(|at| at.ip.clone()).unwrap_or_default()
}

fn failed(cluster: &Cluster) -> Vec<String> {
    let own = |event: &&Event| event.reason == "AllocationFailed" && event.source.component == "metallb-controller";
    cluster.store.all::<Event>().filter(own).map(|event| event.message.clone()).collect()
}

#[test]
fn metallb_gives_the_address_that_an_annotation_or_the_spec_asks_for() {
    let text = [
        service("a", "metallb.io/loadBalancerIPs: 198.51.100.55", "", 80),
        service("b", "metallb.universe.tf/loadBalancerIPs: 198.51.100.56", "", 80),
        service("c", "", "loadBalancerIP: 198.51.100.57, ", 80),
    ];
    let cluster = metallb(&text.concat());
    assert_eq!(["a", "b", "c"].map(|name| address(&cluster, name)), ["198.51.100.55", "198.51.100.56", "198.51.100.57"]);
}

#[test]
fn an_address_outside_the_pool_stays_pending_and_an_event_says_so() {
    let cluster = metallb(&service("a", "", "loadBalancerIP: 203.0.113.9, ", 80));
    assert_eq!(address(&cluster, "a"), "");
    assert_eq!(failed(&cluster), ["Failed to allocate IP for \"default/a\": [\"203.0.113.9\"] is not allowed in config"]);
    let both = metallb(&service("a", "metallb.io/loadBalancerIPs: 198.51.100.55", "loadBalancerIP: 198.51.100.55, ", 80));
    let why = "service can not have both metallb.io/loadBalancerIPs and svc.Spec.LoadBalancerIP";
    assert_eq!(failed(&both), [format!("Failed to allocate IP for \"default/a\": {why}")]);
}

#[test]
fn services_of_one_sharing_key_share_an_address_by_their_ports() {
    let shared = "metallb.io/allow-shared-ip: k";
    let asked = format!("{shared}, metallb.io/loadBalancerIPs: 198.51.100.60");
    let text = [
        service("a", &asked, "", 80),
        service("b", shared, "", 81),
        service("c", &asked, "", 80),
        service("d", "metallb.io/loadBalancerIPs: 198.51.100.60", "", 82),
    ];
    let cluster = metallb(&text.concat());
    assert_eq!(["a", "b", "c", "d"].map(|name| address(&cluster, name)), ["198.51.100.60", "198.51.100.60", "", ""]);
    let mut said = failed(&cluster);
    said.sort();
    let in_use = "can't change sharing key for \"default/d\", address also in use by default/a,default/b";
    assert_eq!(
        said,
        [
            "Failed to allocate IP for \"default/c\": port TCP/80 is already in use on \"198.51.100.60\"".to_string(),
            format!("Failed to allocate IP for \"default/d\": {in_use}"),
        ]
    );
    let gone = cluster.act(&Action::parse("service/default/a delete").unwrap()).cluster;
    assert_eq!(address(&gone, "c"), "198.51.100.60");
}
