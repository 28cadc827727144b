//! `status.qosClass`: which Pods a node sends away first when its memory runs short.
//!
//! Imitates `ComputePodQOS` of `pkg/apis/core/v1/helper/qos/qos.go`, without resources of whole Pods. A limit is never below its
//! request, so the sums that upstream compares are equal only where every container's amounts are.

use crate::api::quantity::Quantity;
use serde_json::Value;
use std::cmp::Ordering;

/// The class of a Pod, from its JSON.
pub(super) fn class(pod: &Value) -> &'static str {
    let (mut any, mut guaranteed) = (false, true);
    for list in ["containers", "initContainers"] {
        for container in pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array).into_iter().flatten() {
            for resource in ["cpu", "memory"] {
                let amount = |list: &str| {
                    let amount = Quantity::of(container.pointer(&format!("/resources/{list}/{resource}"))?)?;
                    (!amount.is_zero() && !amount.is_negative()).then_some(amount)
                };
                let (request, limit) = (amount("requests"), amount("limits"));
                any |= request.is_some() || limit.is_some();
                guaranteed &= match (&request, &limit) {
                    (Some(request), Some(limit)) => limit.compare(request) == Ordering::Equal,
                    _ => false,
                };
            }
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn requests_and_limits_decide_a_pods_class() {
        let of = |containers: &str| class(&serde_yaml::from_str(&format!("spec: {{containers: [{containers}]}}")).unwrap());
        let full = "{resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {cpu: '0.5', memory: 1024Mi}}}";
        assert_eq!(of("{name: a}"), "BestEffort");
        assert_eq!(of("{resources: {requests: {cpu: '0'}}}"), "BestEffort");
        assert_eq!(of("{resources: {requests: {cpu: 100m}}}"), "Burstable");
        assert_eq!(of(full), "Guaranteed");
        assert_eq!(of(&format!("{full}, {{name: b}}")), "Burstable");
        assert_eq!(of("{resources: {requests: {cpu: 1}, limits: {cpu: 1}}}"), "Burstable");
    }
}
