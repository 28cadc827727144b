//! An address that two Services have: whether chance decides between them is a matter of the node, of who calls, and of the mode.

use super::super::explain;
use crate::cluster::Cluster;
use crate::data_plane::DataPlane;
use crate::kubectl::{SourceFile, read};
use crate::random::Seed;
use crate::settings::{Mode, Settings};
use crate::trace::Request;
use std::fs;
use std::sync::Arc;

/// How the Service of the address is told, and whether an assumption speaks of chance.
fn told(mode: Mode, from: &str, via: Option<&str>) -> (String, bool) {
    let text = fs::read_to_string("tests/fixtures/routes/external-ip-shared-local.yaml").unwrap();
    let (manifests, _) = read(&[SourceFile { name: "x.yaml".into(), text }]);
    let settings = Settings { mode, ..Settings::default() };
    let cluster = Cluster::new(settings, Seed(0)).apply(Arc::new(manifests)).cluster;
    let (from, target, via) = (from.parse().unwrap(), "http://192.0.2.77".into(), via.map(str::to_string));
    let request = Request { from, target, via, seed: Seed(1), ..Request::default() };
    let trace = DataPlane::program(&cluster).send(&cluster, &request);
    let explanation = explain(&cluster, &request, &trace);
    let check = explanation.checks.iter().find(|check| check.check == "service-exists").unwrap();
    let service = check.text.args.get("service").cloned().unwrap_or_default();
    let chance = trace.assumptions.iter().any(|note| note.id == "assume.sharedExternalIP");
    (format!("{} {service}", check.text.id), chance)
}

#[test]
fn a_service_of_policy_local_takes_nothing_from_outside_where_it_has_no_endpoint() {
    // Service a has its Pod on node-1, Service b has policy Cluster.
    let shared = ("explain.service.shared a".to_string(), true);
    assert_eq!(told(Mode::Iptables, "internet", Some("node-1")), shared);
    assert_eq!(told(Mode::Iptables, "internet", Some("node-2")), ("explain.service.ok b".to_string(), false));
    // Whoever calls from inside passes the policy by, on any node.
    assert_eq!(told(Mode::Iptables, "pod/b", None), shared);
    // The element that nftables writes last has the address, whether or not its Service has an endpoint here.
    assert_eq!(told(Mode::Nftables, "internet", Some("node-2")), ("explain.service.shared b".to_string(), true));
}
