//! Services of type LoadBalancer that nobody serves: why their address stays `<pending>`.
//!
//! `loadBalancerClass` as in `k8s.io/cloud-provider/controllers/service` (`wantsLoadBalancer`): whoever serves the default leaves a
//! Service with a class to the controller of that class. Here only the AWS Load Balancer Controller has one.

use super::aws;
use crate::api::ObjectRef;
use crate::api::core::Service;
use crate::msg;
use crate::settings::{Provider, Settings};
use crate::trace::FieldRef;
use crate::words::Message;

/// Whether the cluster's provider makes load balancers for Services of this class.
pub fn is_served(settings: &Settings, class: Option<&str>) -> bool {
    class.is_none_or(|class| settings.load_balancer.provider == Provider::Aws && class == aws::NLB_CLASS)
}

/// Why a Service waits for its address in vain, what to try, and the field that decides; `None`: it has one, or wants none.
pub fn pending(settings: &Settings, service: &Service) -> Option<(Message, Message, FieldRef)> {
    let spec = &service.spec;
    if spec.type_ != "LoadBalancer" || !service.status.load_balancer.ingress.is_empty() {
        return None;
    }
    let name = &service.metadata.name;
    let class = spec.load_balancer_class.as_deref();
    let (why, next, path) = match settings.load_balancer.provider {
        _ if !is_served(settings, class) => {
            let class = class.unwrap_or_default();
            (
                msg!("pending.class", service = name, class = class),
                msg!("pending.class.next", class = class),
                "spec.loadBalancerClass",
            )
        }
        Provider::None => (msg!("pending.none", service = name), msg!("pending.none.next"), "spec.type"),
        _ => (msg!("pending.pool", service = name), msg!("pending.pool.next"), "spec.type"),
    };
    Some((why, next, FieldRef { object: ObjectRef::of(service), path: path.into() }))
}
