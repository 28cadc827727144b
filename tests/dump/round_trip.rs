//! What `get -o yaml` prints of a cluster is a dump of it, which is taken back without an error.

use crate::applied;
use kubehop::api::core::Pod;
use kubehop::cluster::Cluster;
use kubehop::diagnostic::{Diagnostic, Severity};
use kubehop::kubectl::printers::run;
use kubehop::kubectl::{SourceFile, read};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use std::fs;
use std::sync::Arc;

const ALL: &str = "get po,svc,ep,endpointslices,ing,no,deploy,rs,rc -A -o yaml";

/// What a cluster's dump is refused for.
fn round(text: &str, settings: &Settings, name: &str) -> Vec<String> {
    let one = |text: &str| {
        let (manifests, problems) = read(&[SourceFile { name: name.into(), text: text.into() }]);
        (Cluster::new(settings.clone(), Seed(1)).apply(Arc::new(manifests)), problems)
    };
    let printed = run(&one(text).0.cluster, ALL).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (outcome, problems) = one(&printed);
    // What the controller here wrote is what it would write.
    let refused =
        |found: &Diagnostic| found.severity == Severity::Error || format!("{:?}", found.message).contains("endpoints.told.");
    let bad = problems.into_iter().chain(outcome.diagnostics).filter(refused);
    bad.map(|found| format!("{name}: {:?} {:?}", found.object, found.message)).collect()
}

#[test]
fn what_get_prints_of_a_cluster_is_taken_back_as_a_dump() {
    let mut refused = Vec::new();
    let mut tried = 0;
    for entry in fs::read_dir("tests/fixtures/routes").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("\n# then the text becomes:\n").next().unwrap();
        let given = text.lines().find_map(|line| line.strip_prefix("# settings: "));
        let settings = given.map(|text| serde_yaml::from_str(text).unwrap()).unwrap_or_default();
        refused.extend(round(text, &settings, &path.display().to_string()));
        tried += 1;
    }
    assert!(tried > 200, "{tried}");
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn a_replication_controller_keeps_the_pods_that_its_dump_shows() {
    let text = "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: web}\nspec: {replicas: 3, template: {metadata: {labels: \
                {app: web}}, spec: {containers: [{name: c, image: nginx}]}}}\n";
    let one = |text: &str| applied(read(&[SourceFile { name: "rc.yaml".into(), text: text.into() }]).0);
    let names = |cluster: &Cluster| {
        let pods = cluster
            .store
            .in_namespace::<Pod>("default")
            .map(|pod| (pod.metadata.name.clone(), pod.metadata.owner_references[0].clone()));
        pods.collect::<Vec<_>>()
    };
    let before = one(text);
    let printed = run(&before, "get po,rc,no -A -o yaml").unwrap();
    assert!(printed.contains("kind: ReplicationController\n      name: web\n"), "{printed}");
    assert_eq!(names(&one(&printed)), names(&before));
}

#[test]
fn the_pods_of_a_stateful_set_carry_the_volumes_of_its_claims() {
    let set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  replicas: 2\n  serviceName: db\n  selector: \
               {matchLabels: {app: db}}\n  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {accessModes: \
               [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n  template:\n    metadata: {labels: {app: db}}\n    spec: \
               {containers: [{name: db, image: redis, volumeMounts: [{name: data, mountPath: /data}]}]}\n";
    let (manifests, _) = read(&[SourceFile { name: "set.yaml".into(), text: set.into() }]);
    let cluster = applied(manifests);
    let pod = cluster.store.get::<Pod>("default", "db-1").unwrap();
    assert_eq!(pod.status.phase, "Running");
    let claim = serde_json::json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}}]);
    assert_eq!(serde_json::to_value(&pod.spec.volumes).unwrap(), claim);
    assert_eq!(round(set, &Settings::default(), "set.yaml"), [""; 0]);
}
