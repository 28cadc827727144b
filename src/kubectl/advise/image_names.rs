//! Names of images that no kubelet can read, and images that it may not pull.

use super::{Advice, pod_spec};
use crate::api::ObjectRef;
use crate::diagnostic::Severity;
use crate::kubectl::Manifest;
use crate::msg;
use crate::node::image_name;

impl Advice<'_> {
    /// The API server takes every name; the kubelet does not.
    pub(super) fn image_names(&mut self, object: &ObjectRef, document: &Manifest) {
        let Some((spec, path)) = pod_spec(object.kind, document) else { return };
        for list in ["initContainers", "containers"] {
            let containers = spec.get(list).and_then(|list| list.as_array()).into_iter().flatten();
            for (at, container) in containers.enumerate() {
                let text = |key: &str| container.get(key).and_then(|value| value.as_str()).unwrap_or_default();
                let image = text("image");
                if let Some(fault) = image_name::fault(image).filter(|_| !image.is_empty()) {
                    let message = msg!("advise.imageName", image = image, message = fault);
                    self.tell(Severity::Warning, object, &format!("{path}.{list}[{at}].image"), message, None, Vec::new());
                } else if text("imagePullPolicy") == "Never" {
                    let (path, message) =
                        (format!("{path}.{list}[{at}].imagePullPolicy"), msg!("advise.pullNever", image = image));
                    self.tell(Severity::Info, object, &path, message, None, Vec::new());
                }
            }
        }
    }
}
