//! CoreDNS's answers against what its own code answers for the same Services and EndpointSlices (`tests/oracle`).

use kubehop::addons::coredns::Zone;
use kubehop::api::core::{Namespace, Service};
use kubehop::api::discovery::EndpointSlice;
use kubehop::cluster::Store;
use kubehop::trace::DnsRecord;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The objects of a golden's input, with the defaults that the API server gives; every namespace that is named exists.
fn read(text: &str) -> Store {
    let mut store = Store::default();
    let mut namespaces: BTreeSet<String> = ["default", "kube-system"].map(String::from).into();
    for document in text.split("\n---\n") {
        let value: Value = serde_yaml::from_str(document).unwrap();
        match value.get("kind").and_then(Value::as_str) {
            Some("Service") => {
                let mut service: Service = serde_json::from_value(value).unwrap();
                complete(&mut service);
                namespaces.insert(service.metadata.namespace.clone());
                store.put(service);
            }
            Some("EndpointSlice") => {
                let mut slice: EndpointSlice = serde_json::from_value(value).unwrap();
                or(&mut slice.metadata.namespace, "default");
                for port in &mut slice.ports {
                    port.name.get_or_insert_default();
                    port.protocol.get_or_insert("TCP".into());
                }
                store.put(slice);
            }
            Some("Namespace") => store.put::<Namespace>(serde_json::from_value(value).unwrap()),
            _ => {}
        }
    }
    for name in namespaces {
        let mut namespace = Namespace::default();
        namespace.metadata.name = name;
        store.put(namespace);
    }
    store
}

fn or(text: &mut String, default: &str) {
    if text.is_empty() {
        *text = default.into();
    }
}

fn complete(service: &mut Service) {
    or(&mut service.metadata.namespace, "default");
    or(&mut service.spec.type_, "ClusterIP");
    if service.spec.cluster_ips.is_empty() && !service.spec.cluster_ip.is_empty() {
        service.spec.cluster_ips = vec![service.spec.cluster_ip.clone()];
    }
    service.spec.ports.iter_mut().for_each(|port| or(&mut port.protocol, "TCP"));
}

/// The folder of the goldens; `KUBEHOP_GOLDENS` names another one with fresh cases.
fn folder(topic: &str) -> PathBuf {
    PathBuf::from(std::env::var("KUBEHOP_GOLDENS").unwrap_or_else(|_| "tests/goldens".into())).join(topic)
}

fn inputs() -> Vec<PathBuf> {
    let mut inputs: Vec<PathBuf> = fs::read_dir(folder("dns")).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    inputs.sort();
    inputs
}

fn text(answer: &Value, key: &str) -> String {
    answer.get(key).and_then(Value::as_str).unwrap_or_default().to_string()
}

/// Records as text; addresses sorted, because kubeadm's Corefile shuffles them.
fn records(records: impl Iterator<Item = DnsRecord>) -> Vec<String> {
    let mut lines: Vec<String> =
        records.map(|record| format!("{} {} {} {}", record.name, record.ttl, record.kind, record.data)).collect();
    lines.sort();
    lines
}

/// The server in the comparison has no address of its own, so it cannot name itself as the real one does.
const OWN_ADDRESS: [&str; 1] = ["ns.dns.cluster.local."];

#[test]
fn every_answer_is_coredns_own() {
    let inputs = inputs();
    assert!(inputs.len() > 40, "only {} goldens", inputs.len());
    let (mut asked, mut differing) = (0, Vec::new());
    for input in &inputs {
        let zone = Zone::of(&read(&fs::read_to_string(input).unwrap())).alone();
        let replies: Vec<Value> = serde_json::from_str(&fs::read_to_string(input.with_extension("out")).unwrap()).unwrap();
        for reply in &replies {
            let (query, kind) = (text(reply, "query"), text(reply, "type"));
            if OWN_ADDRESS.contains(&query.as_str()) {
                continue;
            }
            asked += 1;
            let answers = reply.get("answers").and_then(Value::as_array).into_iter().flatten();
            let expected = records(answers.map(|record| serde_json::from_value(record.clone()).unwrap()));
            let actual = zone.query(&query, &kind, None);
            let found = records(actual.answers.into_iter());
            if actual.rcode.as_deref() != Some(text(reply, "rcode").as_str()) || found != expected {
                let rcode = text(reply, "rcode");
                differing.push(format!(
                    "{}: {query} {kind}\n  upstream: {rcode} {expected:?}\n  kubehop:  {:?} {found:?}",
                    input.display(),
                    actual.rcode
                ));
            }
        }
    }
    assert!(differing.is_empty(), "{} of {asked} differ\n{}", differing.len(), differing.join("\n"));
}
