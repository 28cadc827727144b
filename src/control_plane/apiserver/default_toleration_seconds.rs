//! The admission plugin DefaultTolerationSeconds: every Pod bears a node that is lost or not ready for five minutes, unless its own
//! tolerations speak of that (`plugin/pkg/admission/defaulttolerationseconds`; kubectl shows the two in every Pod).

use crate::api::core::Toleration;

/// Seconds, as kube-apiserver has them without flags.
const SECONDS: i64 = 300;

/// Adds what is missing. As upstream, a toleration of the same key and effect counts, whatever its operator and value.
pub(crate) fn admit(tolerations: &mut Vec<Toleration>) {
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let speaks =
            |own: &Toleration| (own.key.is_empty() || own.key == key) && (own.effect.is_empty() || own.effect == "NoExecute");
        if !tolerations.iter().any(speaks) {
            tolerations.push(Toleration {
                key: key.into(),
                operator: "Exists".into(),
                effect: "NoExecute".into(),
                toleration_seconds: Some(SECONDS),
                ..Toleration::default()
            });
        }
    }
}
