//! Documents whose Namespace comes further down. `kubectl apply` takes them in their order, and the API server refuses an object whose
//! namespace is not there yet (`NamespaceLifecycle`); here the text is taken as a whole, as if it were applied twice.

use super::Advice;
use crate::diagnostic::Severity;
use crate::msg;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Advice<'_> {
    /// Said at the first document of each such namespace.
    pub(super) fn namespaces_later(&mut self) {
        let manifests = Arc::clone(&self.cluster.manifests);
        let namespaces = manifests.documents.iter().filter(|document| document.kind == "Namespace");
        let stands: BTreeMap<&str, u32> = namespaces.map(|document| (document.name.as_str(), document.position)).collect();
        let mut met = BTreeSet::new();
        for document in manifests.documents.iter().filter(|_| !stands.is_empty()) {
            let Some(object) = document.object().filter(|object| object.kind.namespaced()) else { continue };
            let later = stands.get(document.namespace.as_str()).is_some_and(|at| *at > document.position);
            if met.insert(document.namespace.as_str()) && later && !document.is_dumped() {
                let message = msg!("advise.namespaceLater", namespace = object.namespace);
                let help = Some(msg!("advise.namespaceLater.help", namespace = object.namespace));
                self.tell(Severity::Warning, &object, "metadata.namespace", message, help, Vec::new());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::advise;
    use crate::cluster::Cluster;
    use crate::diagnostic::Finding;
    use crate::random::Seed;
    use crate::settings::Settings;
    use std::sync::Arc;

    #[test]
    fn a_namespace_further_down_is_named_once() {
        let map = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\n---\n");
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
        let told = |text: String| {
            let (manifests, _) = crate::kubectl::read(&[crate::kubectl::SourceFile { name: "d.yaml".into(), text }]);
            let cluster = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests)).cluster;
            let ids = advise(&cluster).into_iter().map(|found| match found.message {
                Finding::Ours(text) => (text.id.to_string(), found.span.map(|span| span.line)),
                other => panic!("{other:?}"),
            });
            ids.collect::<Vec<_>>()
        };
        let later = told(format!("{}{}{namespace}", map("a"), map("b")));
        assert_eq!(later, [("advise.namespaceLater".to_string(), Some(3))]);
        assert_eq!(told(format!("{namespace}{}", map("a"))), []);
    }
}
