//! What a dump does not show, or shows in another version's words, sinks nothing and is told.

use crate::facts::with;
use crate::{FRONT, explained, manifests, send};
use kubehop::cluster::Cluster;
use kubehop::diagnostic::Severity;
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::Verdict;
use std::fs;
use std::sync::Arc;

#[test]
fn a_field_that_another_version_of_kubernetes_writes_does_not_sink_its_object() {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let (old, new) = ("    sessionAffinity: None\n", "    sessionAffinity: None\n    tomorrow: {ways: [a]}\n");
    assert!(text.contains(old));
    let given = manifests(text.replace(old, new));
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(given));
    let unknown: Vec<_> = outcome.diagnostics.iter().filter(|found| found.path == "spec.tomorrow").collect();
    assert!(!unknown.is_empty() && unknown.iter().all(|found| found.severity == Severity::Warning), "{unknown:?}");
    assert!(format!("{:?}", unknown[0].message).contains("unknown field"), "{unknown:?}");
    assert_eq!(send(&outcome.cluster, FRONT, "http://catalog").verdict, Verdict::Delivered);
    // What somebody wrote by hand is refused, as it is by the API server.
    let typed = "apiVersion: v1\nkind: Service\nmetadata: {name: typed}\nspec: {ports: [{port: 80}], tomorrow: 1}\n";
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests(typed.into())));
    assert!(outcome.diagnostics.iter().any(|found| found.severity == Severity::Error), "{:?}", outcome.diagnostics);
}

const POLICY: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: teams, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000051}
spec:
  podSelector: {matchLabels: {app: catalog}}
  ingress: [{from: [{namespaceSelector: {matchLabels: {team: shop}}}]}]
";

#[test]
fn labels_of_namespaces_that_a_dump_does_not_show_are_assumed() {
    let apply = |text: &str| Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(with(text))).cluster;
    let cluster = apply(POLICY);
    let trace = send(&cluster, FRONT, "http://catalog");
    assert_eq!(trace.verdict, Verdict::Timeout);
    assert!(trace.assumptions.iter().any(|note| note.id == "assume.namespaceLabels"), "{:?}", trace.assumptions);
    let said = explained(&cluster, FRONT, "http://catalog");
    assert!(said.iter().any(|text| text.contains("asks for labels of namespaces")), "{said:?}");
    // Where the namespace is in the text, so are its labels.
    let shown = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, uid: 5d1b7c0e-0000-4000-8000-000000000052}\n";
    let trace = send(&apply(&format!("{POLICY}{shown}")), FRONT, "http://catalog");
    assert_eq!(trace.verdict, Verdict::Timeout);
    assert!(!trace.assumptions.iter().any(|note| note.id == "assume.namespaceLabels"), "{:?}", trace.assumptions);
}
