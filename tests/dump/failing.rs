//! Pods that a dump shows failing, and those that are made of the same template after them.

use crate::{FRONT, applied, cluster, explained, manifests, send};
use kubehop::api::core::Pod;
use kubehop::cluster::{Action, Cluster};
use kubehop::trace::Verdict;
use std::fs;

/// Readiness and state of the Pods of the Deployment mail.
fn mails(cluster: &Cluster) -> Vec<(String, bool, String)> {
    let pods = cluster.store.in_namespace::<Pod>("shop").filter(|pod| pod.metadata.name.starts_with("mail-"));
    let told = |pod: &Pod| {
        let status = &pod.status.container_statuses[0];
        let waiting = status.state.waiting.as_ref().map(|own| own.reason.clone());
        (pod.metadata.name.clone(), status.ready, waiting.unwrap_or_default())
    };
    pods.filter(|pod| pod.metadata.deletion_timestamp.is_none()).map(told).collect()
}

fn after_delete(before: &Cluster) -> Cluster {
    let name = mails(before)[0].0.clone();
    let after = before.act(&Action::parse(&format!("pod/shop/{name} delete")).unwrap()).cluster.act(&Action::Wait(60)).cluster;
    assert_ne!(mails(&after)[0].0, name);
    after
}

#[test]
fn the_successor_of_a_pod_in_a_crash_loop_crashes_too_and_it_is_an_assumption() {
    let after = after_delete(&cluster());
    let found = mails(&after);
    assert_eq!((found.len(), found[0].1, found[0].2.as_str()), (1, false, "CrashLoopBackOff"));
    let trace = send(&after, FRONT, "mail:5000");
    assert_eq!(trace.verdict, Verdict::Refused);
    assert!(trace.assumptions.iter().any(|own| own.id == "assume.alike"), "{:?}", trace.assumptions);
    let last = explained(&after, FRONT, "mail:5000").pop().unwrap();
    assert!(last.contains("as the Pods of the same template do in the dump (assumption)"), "{last}");
    assert!(last.contains("CrashLoopBackOff, 14 restarts there"), "{last}");
}

#[test]
fn the_successor_of_a_pod_whose_image_is_not_there_has_none_either() {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let after = after_delete(&applied(manifests(text.replace("reason: CrashLoopBackOff", "reason: ImagePullBackOff"))));
    assert_eq!((mails(&after)[0].1, mails(&after)[0].2.as_str()), (false, "ImagePullBackOff"));
}

#[test]
fn a_pod_of_another_template_starts_as_any_other() {
    // The first to name the image is the Deployment: it rolls out.
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let edited = text.replacen("shop/mail:0.4.0", "shop/mail:0.4.1", 1);
    assert_ne!(text, edited);
    let after = cluster().apply(std::sync::Arc::new(manifests(edited))).cluster.act(&Action::Wait(60)).cluster;
    assert!(mails(&after).iter().any(|(_, ready, _)| *ready), "{:?}", mails(&after));
}
