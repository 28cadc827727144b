//! What can happen to a cluster, as the command line writes it.

use crate::api::{Kind, ObjectRef};
use serde::{Deserialize, Serialize};

/// What can be done to a cluster: one `--event` of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Action {
    /// Seconds pass.
    Wait(u64),
    NodeDown(String),
    NodeUp(String),
    /// A Pod, or a workload, which means its first ready Pod.
    Unready(ObjectRef),
    Ready(ObjectRef),
    /// A Pod, or with a workload in its place the workload itself.
    Delete(ObjectRef),
    /// Deletes an object and applies its document anew: what immutable fields need.
    Replace(ObjectRef),
    Scale(ObjectRef, i32),
    ProxyStop(String),
    ProxyStart(String),
    CorednsDown,
    CorednsUp,
}

impl Action {
    /// Reads one event of the command line: `pod/default/web-x delete`, `node/node-2 down`, `wait 60s`.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence for the caller.
    pub fn parse(text: &str) -> Result<Action, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["wait", time] => duration(time).map(Action::Wait).ok_or_else(|| format!("not a time: {time}")),
            ["coredns", "down"] => Ok(Action::CorednsDown),
            ["coredns", "up"] => Ok(Action::CorednsUp),
            [subject, verb] => Action::of_subject(subject, verb, text),
            [subject, "scale", replicas] => match replicas.parse() {
                Ok(count) if count >= 0 => Ok(Action::Scale(subject_ref(subject)?, count)),
                _ => Err(format!("not a number of replicas: {replicas}")),
            },
            _ => Err(format!("not an event: {text}")),
        }
    }

    fn of_subject(subject: &str, verb: &str, text: &str) -> Result<Action, String> {
        if let Some(node) = subject.strip_prefix("kube-proxy/") {
            return match verb {
                "stop" => Ok(Action::ProxyStop(node.to_string())),
                "start" => Ok(Action::ProxyStart(node.to_string())),
                _ => Err(format!("not an event: {text}")),
            };
        }
        let object = subject_ref(subject)?;
        match verb {
            "down" if object.kind == Kind::Node => Ok(Action::NodeDown(object.name)),
            "up" if object.kind == Kind::Node => Ok(Action::NodeUp(object.name)),
            "unready" => Ok(Action::Unready(object)),
            "ready" => Ok(Action::Ready(object)),
            "delete" => Ok(Action::Delete(object)),
            "replace" => Ok(Action::Replace(object)),
            _ => Err(format!("not an event: {text}")),
        }
    }
}

impl std::str::FromStr for Action {
    type Err = String;
    fn from_str(text: &str) -> Result<Action, String> {
        Action::parse(text)
    }
}

/// `pod/default/web-x`, `node/node-2`, with kubectl's names for kinds; without a namespace it is `default`.
fn subject_ref(text: &str) -> Result<ObjectRef, String> {
    let mut parts = text.split('/');
    let kind = parts.next().unwrap_or_default();
    let kind = Kind::named(kind).ok_or_else(|| format!("not a kind: {kind}"))?;
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, _) if !name.is_empty() => Ok(ObjectRef::new(kind, "default", name)),
        (Some(namespace), Some(name), None) if !name.is_empty() => Ok(ObjectRef::new(kind, namespace, name)),
        _ => Err(format!("not an object: {text}")),
    }
}

/// `60s`, `5m`, `1h`, `1m30s`, or seconds.
fn duration(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let (mut total, mut number) = (0u64, None::<u64>);
    for c in text.chars() {
        match c {
            '0'..='9' => {
                let digit = u64::from(c.to_digit(10)?);
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            }
            _ => {
                let unit = match c {
                    's' => 1,
                    'm' => 60,
                    'h' => 3600,
                    _ => return None,
                };
                total = total.checked_add(number.take()?.checked_mul(unit)?)?;
            }
        }
    }
    number.is_none().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_the_command_line_writes_them() {
        let pod = ObjectRef::new(Kind::Pod, "default", "web-x");
        assert_eq!(Action::parse("pod/default/web-x delete"), Ok(Action::Delete(pod.clone())));
        assert_eq!(Action::parse("po/web-x unready"), Ok(Action::Unready(pod)));
        assert_eq!(Action::parse("node/node-2 down"), Ok(Action::NodeDown("node-2".into())));
        assert_eq!(Action::parse("wait 1m30s"), Ok(Action::Wait(90)));
        assert_eq!(Action::parse("kube-proxy/node-2 stop"), Ok(Action::ProxyStop("node-2".into())));
        assert_eq!(Action::parse("coredns up"), Ok(Action::CorednsUp));
        let web = ObjectRef::new(Kind::Deployment, "default", "web");
        assert_eq!(Action::parse("deployment/default/web scale 5"), Ok(Action::Scale(web, 5)));
        for wrong in ["", "wait", "wait x", "wait 5m3", "pod/web down", "thing/web delete", "deployment/web scale -1"] {
            assert!(Action::parse(wrong).is_err(), "{wrong}");
        }
    }
}
