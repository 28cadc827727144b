//! Pods that a dump shows Terminating: they stay as shown until time passes, and then end, unless something holds them.

use crate::facts::with;
use crate::{FRONT, explained};
use kubehop::api::core::Pod;
use kubehop::cluster::{Action, Cluster, Outcome};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use std::sync::Arc;

/// The shared dump was taken at 2026-05-19T14:40:07Z.
const LEAVING: &str = "
apiVersion: v1
kind: Service
metadata: {name: old, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000021}
spec: {clusterIP: 10.96.77.9, clusterIPs: [10.96.77.9], selector: {app: old}, ports: [{port: 80, targetPort: 80}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: old
  namespace: shop
  labels: {app: old}
  uid: 5d1b7c0e-0000-4000-8000-000000000022
  deletionGracePeriodSeconds: 30
  deletionTimestamp: 'DEADLINE'
  finalizers: [FINALIZERS]
spec: {nodeName: shop-worker, containers: [{name: old, image: nginx}]}
status:
  phase: Running
  podIP: 10.244.1.77
  conditions: [{type: Ready, status: 'False'}]
  containerStatuses: [{name: old, image: nginx, ready: false, restartCount: 0, state: {running: {startedAt: '2026-05-19T14:00:00Z'}}}]
";

fn shown(deadline: &str, finalizers: &str) -> Outcome {
    let text = LEAVING.replace("DEADLINE", deadline).replace("FINALIZERS", finalizers);
    Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(with(&text)))
}

fn stands(cluster: &Cluster) -> bool {
    cluster.store.get::<Pod>("shop", "old").is_some()
}

/// What the text is told of the Pod when it is pasted, and why its Service does not answer.
fn told(outcome: &Outcome) -> (Option<String>, String) {
    let about = outcome.diagnostics.iter().find(|found| format!("{:?}", found.message).contains("explain.pod.terminating"));
    let last = explained(&outcome.cluster, FRONT, "http://old").pop().unwrap();
    (about.map(|found| found.path.clone()), last)
}

#[test]
fn a_pod_that_a_dump_shows_terminating_ends_within_its_grace_period() {
    for finalizer in ["", "batch.kubernetes.io/job-tracking"] {
        let shown = shown("2026-05-19T14:40:27Z", finalizer);
        assert!(stands(&shown.cluster) && shown.restless);
        assert_eq!(told(&shown).0, None);
        assert!(!stands(&shown.cluster.act(&Action::Wait(30)).cluster));
    }
}

#[test]
fn finalizers_hold_a_terminating_pod_and_are_named() {
    let shown = shown("2026-05-19T14:40:27Z", "example.com/drain, batch.kubernetes.io/job-tracking");
    let (path, last) = told(&shown);
    assert_eq!(path.as_deref(), Some("metadata.finalizers"));
    assert!(last.contains("its finalizers hold it: example.com/drain."), "{last}");
    assert!(stands(&shown.cluster.act(&Action::Wait(3600)).cluster));
}

#[test]
fn a_terminating_pod_long_past_its_deadline_is_one_that_its_kubelet_cannot_end() {
    let shown = shown("2026-05-19T14:20:07Z", "");
    let (path, last) = told(&shown);
    assert_eq!(path.as_deref(), Some("metadata.deletionTimestamp"));
    assert!(last.contains("was to be gone 1200 s before this dump was taken"), "{last}");
    assert!(stands(&shown.cluster.act(&Action::Wait(600)).cluster));
}
