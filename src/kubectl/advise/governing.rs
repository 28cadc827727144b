//! The Service that a StatefulSet names: by it the Pods have names of their own, headless or not (CoreDNS's kubernetes plugin,
//! `findServices`: a question with an endpoint's name looks into the slices of any Service).

use super::{Advice, missing};
use crate::api::ObjectRef;
use crate::api::apps::StatefulSet;
use crate::api::core::Service;
use crate::api::meta::selects;
use crate::diagnostic::Severity;
use crate::msg;

impl Advice<'_> {
    /// Names that the Pods of a StatefulSet do not get.
    pub(super) fn governing_service(&mut self, object: &ObjectRef) {
        let cluster = self.cluster;
        let store = &cluster.store;
        let Some(set) = store.get::<StatefulSet>(&object.namespace, &object.name) else { return };
        let (labels, name) = (&set.spec.template.metadata.labels, set.spec.service_name.clone());
        let chosen = |service: &&Service| !service.spec.selector.is_empty() && selects(&service.spec.selector, labels);
        let exposed = store.in_namespace::<Service>(&object.namespace).find(chosen).map(|own| own.metadata.name.clone());
        let ports = set.spec.template.spec.containers.iter().any(|container| !container.ports.is_empty());
        if name.is_empty() {
            if ports && exposed.is_none() {
                let message = msg!("advise.statefulUnexposed", name = object.name);
                self.tell(Severity::Info, object, "spec.template.spec.containers", message, None, Vec::new());
            }
            return;
        }
        let pod = format!("{}-{}.{name}", object.name, set.spec.ordinals.as_ref().map_or(0, |own| own.start));
        let (message, fix) = match store.get::<Service>(&object.namespace, &name) {
            None => {
                let fix = missing::governing(&name, &object.namespace, &set.spec, &mut self.offered);
                (msg!("advise.governing.missing", service = name, pod = pod), fix)
            }
            Some(service) if !chosen(&service) => (msg!("advise.governing.selector", service = name, pod = pod), None),
            Some(_) => return,
        };
        self.tell(Severity::Info, object, "spec.serviceName", message, None, fix.into_iter().collect());
    }
}

#[cfg(test)]
mod tests {
    use super::super::advise;
    use crate::cluster::Cluster;
    use crate::diagnostic::{Diagnostic, Finding};
    use crate::msg;
    use std::sync::Arc;

    const DB: &str = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  serviceName: db\n  selector: {matchLabels: {app: db}}\n  \
                      template:\n    metadata: {labels: {app: db}}\n    spec: {containers: [{name: c, image: postgres, env: [{name: POSTGRES_PASSWORD, value: x}], ports: [{containerPort: 5432}]}]}\n---\n";

    fn found(text: &str) -> Vec<Diagnostic> {
        let file = crate::kubectl::SourceFile { name: "d.yaml".into(), text: text.into() };
        let (manifests, _) = crate::kubectl::read(&[file]);
        let cluster = Cluster::new(crate::settings::Settings::default(), crate::random::Seed(1));
        advise(&cluster.apply(Arc::new(manifests)).cluster)
    }

    fn service(spec: &str) -> String {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: db}}\nspec: {{{spec}, ports: [{{port: 5432}}]}}\n")
    }

    #[test]
    fn a_stateful_sets_pods_have_names_by_the_service_that_it_names() {
        let none = found(DB);
        assert_eq!(none[0].message, Finding::Ours(msg!("advise.governing.missing", service = "db", pod = "db-0.db")));
        assert_eq!(found(&format!("{DB}{}", none[0].fixes[0].text)), []);
        assert_eq!(found(&format!("{DB}{}", service("selector: {app: db}"))), []);
        assert_eq!(found(&format!("{DB}{}", service("clusterIP: None, selector: {app: db}"))), []);
        let other = found(&format!("{DB}{}", service("clusterIP: None, selector: {app: web}")));
        assert_eq!(other[0].message, Finding::Ours(msg!("advise.governing.selector", service = "db", pod = "db-0.db")));
        let unnamed = found(&DB.replace("  serviceName: db\n", ""));
        assert_eq!(unnamed[0].message, Finding::Ours(msg!("advise.statefulUnexposed", name = "db")));
    }
}
