//! Workloads whose Pods the API server refuses: kubectl says nothing of that.

use super::Advice;
use crate::api::ObjectRef;
use crate::api::core::PodSpec;
use crate::diagnostic::Severity;
use crate::kubectl::Manifest;
use crate::msg;

impl Advice<'_> {
    /// The template names a ServiceAccount or a class that is not there.
    pub(super) fn forbidden(&mut self, object: &ObjectRef, document: &Manifest) {
        let text = |field: &str| {
            let value = document.value.pointer(&format!("/spec/template/spec/{field}"));
            Some(value?.as_str()?.to_string()).filter(|own| !own.is_empty())
        };
        let spec = PodSpec {
            service_account_name: text("serviceAccountName").or_else(|| text("serviceAccount")).unwrap_or_default(),
            priority_class_name: text("priorityClassName").unwrap_or_default(),
            runtime_class_name: text("runtimeClassName"),
            ..PodSpec::default()
        };
        let there = self.store().contains(object) && !document.is_dumped();
        let Some(lack) = self.cluster.lacks(&object.namespace, &spec, None).filter(|_| there) else { return };
        let message = msg!("advise.forbidden", kind = object.kind, name = object.name, message = lack.text);
        let (help, fixes) = lack.mended(document);
        self.tell(Severity::Warning, object, &format!("spec.template.spec.{}", lack.field), message, Some(help), fixes);
    }
}
