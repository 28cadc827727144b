//! What `kubectl rollout status` says of a Deployment: `DeploymentStatusViewer` of `kubectl/pkg/polymorphichelpers/rollout_status.go`.

use crate::api::apps::Deployment;

/// Its line while the rollout is not done; `None`: `deployment "web" successfully rolled out`.
pub fn unfinished(deployment: &Deployment) -> Option<String> {
    let (name, status) = (&deployment.metadata.name, &deployment.status);
    let wanted = deployment.spec.replicas.unwrap_or(1);
    if deployment.metadata.generation > status.observed_generation {
        return Some("Waiting for deployment spec update to be observed...".into());
    }
    let timed_out = |reason: &str| reason == "ProgressDeadlineExceeded";
    if status.conditions.iter().any(|own| own.type_ == "Progressing" && timed_out(&own.reason)) {
        return Some(format!("error: deployment \"{name}\" exceeded its progress deadline"));
    }
    let (all, updated, available) = (status.replicas, status.updated_replicas, status.available_replicas);
    let what = match () {
        () if updated < wanted => format!("{updated} out of {wanted} new replicas have been updated"),
        () if all > updated => format!("{} old replicas are pending termination", all.wrapping_sub(updated)),
        () if available < updated => format!("{available} of {updated} updated replicas are available"),
        () => return None,
    };
    Some(format!("Waiting for deployment \"{name}\" rollout to finish: {what}..."))
}
