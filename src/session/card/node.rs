//! What a node's card says of how Pods choose it: its taints, one row each, and its labels.

use super::Setting;
use crate::api::ObjectRef;
use crate::api::core::{Node, Taint};
use crate::msg;
use crate::trace::FieldRef;

pub(super) fn settings(node: &Node) -> Vec<Setting> {
    let field = |path: String| vec![FieldRef { object: ObjectRef::of(node), path }];
    let taint = |(at, taint): (usize, &Taint)| {
        let key = if taint.value.is_empty() { taint.key.clone() } else { format!("{}={}", taint.key, taint.value) };
        let text = match taint.effect.as_str() {
            "NoExecute" => msg!("object.taint.noExecute"),
            "PreferNoSchedule" => msg!("object.taint.prefer"),
            _ => msg!("object.taint.noSchedule"),
        };
        let because = field(format!("spec.taints[{at}]"));
        Setting { name: "taint".into(), value: format!("{key}:{}", taint.effect), text, because, call: String::new() }
    };
    let mut rows: Vec<Setting> = node.spec.taints.iter().enumerate().map(taint).collect();
    if !node.metadata.labels.is_empty() {
        let value = node.metadata.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ");
        let text = msg!("object.nodeLabels");
        rows.push(Setting { name: "labels".into(), value, text, because: field("metadata.labels".into()), call: String::new() });
    }
    rows
}
