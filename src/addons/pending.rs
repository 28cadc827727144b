//! Services of type LoadBalancer that nobody serves: why their address stays `<pending>`.
//!
//! `loadBalancerClass` as in `k8s.io/cloud-provider/controllers/service` (`wantsLoadBalancer`): whoever serves the default leaves a
//! Service with a class to the controller of that class. Here only the AWS Load Balancer Controller has one.

use super::{aws, metallb};
use crate::api::ObjectRef;
use crate::api::core::Service;
use crate::cluster::Cluster;
use crate::msg;
use crate::settings::{Provider, Settings};
use crate::trace::FieldRef;
use crate::words::Message;

/// Whether the cluster's provider makes load balancers for Services of this class.
pub fn is_served(settings: &Settings, class: Option<&str>) -> bool {
    class.is_none_or(|class| settings.load_balancer.provider == Provider::Aws && class == aws::NLB_CLASS)
}

/// Whether a dump shows the Service waiting for its load balancer. One that became a load balancer's by an edit of the dump has no
/// node ports in it.
pub fn is_shown(cluster: &Cluster, service: &Service) -> bool {
    let told = cluster.origin(&ObjectRef::of(service)).filter(|manifest| manifest.is_dumped());
    let Some(told) = told.map(|manifest| &manifest.value) else { return false };
    let spec = &told["spec"];
    let ported = spec["allocateLoadBalancerNodePorts"] == false
        || spec["ports"].as_array().is_some_and(|ports| ports.iter().any(|port| port.get("nodePort").is_some()));
    let waits = told["status"]["loadBalancer"]["ingress"].as_array().is_none_or(Vec::is_empty);
    spec["type"] == "LoadBalancer" && ported && told.get("status").is_some() && waits
}

/// Why a Service waits for its address in vain, what to try, and the field that decides; `None`: it has one, or wants none.
pub fn pending(cluster: &Cluster, service: &Service) -> Option<(Message, Message, FieldRef)> {
    let spec = &service.spec;
    if spec.type_ != "LoadBalancer" || !service.status.load_balancer.ingress.is_empty() {
        return None;
    }
    let (settings, name) = (&cluster.settings, &service.metadata.name);
    let class = spec.load_balancer_class.as_deref();
    let (why, next, path) = match settings.load_balancer.provider {
        _ if !is_served(settings, class) => {
            let class = class.unwrap_or_default();
            (
                msg!("pending.class", service = name, class = class),
                match class == aws::NLB_CLASS {
                    true => msg!("pending.awsClass.next", class = class),
                    false => msg!("pending.class.next", class = class),
                },
                "spec.loadBalancerClass",
            )
        }
        _ if is_shown(cluster, service) => (
            msg!("pending.dump", service = name),
            msg!("pending.dump.next", service = name, namespace = service.metadata.namespace),
            "spec.type",
        ),
        Provider::None => (msg!("pending.none", service = name), msg!("pending.none.next"), "spec.type"),
        Provider::Metallb => {
            let why = metallb::allocation::allocate(cluster, service, 0).err().unwrap_or_default();
            let path = metallb::allocation::asking_field(service);
            let next = msg!("pending.metallb.next", pool = settings.load_balancer.pool);
            let field = FieldRef { object: ObjectRef::of(service), path };
            return Some((msg!("pending.metallb", service = name, message = why), next, field));
        }
        Provider::Aws => {
            let (why, path) = aws::refuses_service(service)?;
            let field = FieldRef { object: ObjectRef::of(service), path };
            let next = match field.path.starts_with("spec.") {
                true => msg!("pending.aws.ports.next", service = name),
                false => msg!("pending.aws.scheme.next"),
            };
            return Some((msg!("pending.aws", service = name, message = why), next, field));
        }
        _ => (msg!("pending.pool", service = name), msg!("pending.pool.next"), "spec.type"),
    };
    Some((why, next, FieldRef { object: ObjectRef::of(service), path: path.into() }))
}
