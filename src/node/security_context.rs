//! Whether a container may be made that is not to run as root.
//!
//! Imitates `DetermineEffectiveSecurityContext` of `pkg/securitycontext` and `verifyRunAsNonRoot` of `pkg/kubelet/kuberuntime`. As whom
//! an image runs is known of some (`images::user`); of all others it is assumed that it is a number that is not root's.

use super::images::{User, user};
use crate::api::core::{Container, Pod};
use crate::msg;
use crate::words::Message;
use serde_json::Value;

/// Why a container is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The kubelet's words.
    pub message: String,
    /// The field that decides; of the Pod's spec, or of the container's.
    pub field: &'static str,
    /// The field is the container's own.
    pub of_container: bool,
    /// It follows from what is known of the image, not from the manifest alone.
    pub by_image: bool,
}

/// A field of the effective security context, and whether it is the container's own.
pub(super) fn effective<'a>(pod: &'a Pod, container: &'a Container, field: &str) -> Option<(&'a Value, bool)> {
    let set = |context: &'a Value| context.get(field).filter(|value| !value.is_null());
    let own = set(&container.security_context).map(|value| (value, true));
    own.or_else(|| set(&pod.spec.security_context).map(|value| (value, false)))
}

/// Why a container that is not to run as root would do so.
pub fn breach(pod: &Pod, container: &Container) -> Option<Breach> {
    let (_, of_container) = effective(pod, container, "runAsNonRoot").filter(|(value, _)| **value == Value::Bool(true))?;
    let meta = &pod.metadata;
    let who = format!("(pod: \"{}_{}({})\", container: {})", meta.name, meta.namespace, meta.uid, container.name);
    let by_image = |message| Breach { message, field: "runAsNonRoot", of_container, by_image: true };
    if let Some((asked, own)) = effective(pod, container, "runAsUser") {
        let message = format!("container's runAsUser breaks non-root policy {who}");
        let breach = Breach { message, field: "runAsUser", of_container: own, by_image: false };
        return (asked.as_i64() == Some(0)).then_some(breach);
    }
    match user(&container.image) {
        User::Root => Some(by_image(format!("container has runAsNonRoot and image will run as root {who}"))),
        User::Named(name) => Some(by_image(format!(
            "container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root {who}"
        ))),
        User::Numbered | User::Unknown => None,
    }
}

/// A container that runs only because its image is assumed not to run as root.
pub fn assumed_user(pod: &Pod) -> Option<Message> {
    let containers = pod.spec.init_containers.iter().chain(&pod.spec.containers);
    let asks = |own: &&Container| {
        let wanted = effective(pod, own, "runAsNonRoot").is_some_and(|(value, _)| *value == Value::Bool(true));
        wanted && effective(pod, own, "runAsUser").is_none() && user(&own.image) == User::Unknown
    };
    let container = { containers }.find(asks)?;
    Some(msg!("assume.nonRoot", pod = pod.metadata.name, container = container.name, image = container.image))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(pod: &str, container: &str) -> Option<String> {
        let text = format!("{{metadata: {{name: p, namespace: n, uid: u}}, spec: {{{pod}}}}}");
        let container: Container = serde_yaml::from_str(&format!("{{name: c, {container}}}")).unwrap();
        breach(&serde_yaml::from_str(&text).unwrap(), &container).map(|breach| breach.message)
    }

    #[test]
    fn an_image_of_root_is_not_run_where_root_is_forbidden() {
        let (forbids, who) = ("securityContext: {runAsNonRoot: true}", "(pod: \"p_n(u)\", container: c)");
        let root = format!("container has runAsNonRoot and image will run as root {who}");
        assert_eq!(message(forbids, "image: nginx"), Some(root.clone()));
        assert_eq!(message("", &format!("image: nginx, {forbids}")), Some(root));
        let zero = format!("container's runAsUser breaks non-root policy {who}");
        assert_eq!(message(forbids, "image: my/app, securityContext: {runAsUser: 0}"), Some(zero));
        let named = "container has runAsNonRoot and image has non-numeric user (memcache), cannot verify user is non-root";
        assert_eq!(message(forbids, "image: memcached"), Some(format!("{named} {who}")));
    }

    #[test]
    fn the_containers_own_word_counts_before_its_pods() {
        let forbids = "securityContext: {runAsNonRoot: true, runAsUser: 0}";
        assert_eq!(message(forbids, "image: nginx, securityContext: {runAsUser: 101}"), None);
        assert_eq!(message(forbids, "image: nginx, securityContext: {runAsNonRoot: false}"), None);
        assert_eq!(message("", "image: nginx, securityContext: {runAsUser: 0}"), None);
        assert_eq!(message("securityContext: {runAsNonRoot: true}", "image: my/app"), None);
    }
}
