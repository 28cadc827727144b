//! Variables that name a Service which is not there.

use super::Advice;
use crate::api::apps::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use crate::api::core::{Pod, PodTemplateSpec, Service};
use crate::api::{Kind, ObjectRef};
use crate::data_plane::causes::nearest;
use crate::diagnostic::Severity;
use crate::msg;
use crate::node::environment::named_nobody;

impl Advice<'_> {
    /// Whether a program uses a variable cannot be told, so none of them is an error.
    pub(super) fn nameless(&mut self, object: &ObjectRef) {
        let cluster = self.cluster;
        let (store, namespace, name) = (&cluster.store, object.namespace.as_str(), object.name.as_str());
        let of_template = |template: &PodTemplateSpec| {
            let mut pod = Pod { metadata: template.metadata.clone(), spec: template.spec.clone(), ..Pod::default() };
            pod.metadata.namespace = namespace.to_string();
            (pod, "spec.template.")
        };
        let found = match object.kind {
            Kind::Pod => store.get::<Pod>(namespace, name).map(|pod| (pod.clone(), "")),
            Kind::Deployment => store.get::<Deployment>(namespace, name).map(|own| of_template(&own.spec.template)),
            Kind::ReplicaSet => store.get::<ReplicaSet>(namespace, name).map(|own| of_template(&own.spec.template)),
            Kind::StatefulSet => store.get::<StatefulSet>(namespace, name).map(|own| of_template(&own.spec.template)),
            Kind::DaemonSet => store.get::<DaemonSet>(namespace, name).map(|own| of_template(&own.spec.template)),
            _ => None,
        };
        let Some((pod, above)) = found.filter(|(pod, _)| pod.metadata.owner_references.is_empty()) else { return };
        for own in named_nobody(&pod, cluster) {
            let path = format!("{above}{}", own.field);
            if own.is_address() {
                let text = msg!("advise.noCall.private", name = name, variable = own.variable, target = own.target);
                self.tell(Severity::Info, object, &path, text, None, Vec::new());
                continue;
            }
            let message = msg!("advise.noCall", name = name, variable = own.variable, target = own.target, host = own.host);
            let names = store.in_namespace::<Service>(namespace).map(|service| service.metadata.name.as_str());
            let near = nearest(&own.host, names);
            let help = near.map_or_else(|| msg!("advise.noCall.help"), |near| msg!("explain.name.near.next", near = near));
            self.tell(Severity::Warning, object, &path, message, Some(help), Vec::new());
        }
    }
}
