//! `-o yaml` as kubectl writes it: a text that YAML 1.1 reads as something else (`yes`, `80`, nothing at all) stands in double
//! quotes, so that it is a text again when it is read (`sigs.k8s.io/yaml`; `stringv` of its `goyaml.v2/encode.go`).

use crate::kubectl::scalar;
use serde_json::Value;

/// Stands for a quote until the rest is written; no Kubernetes object has a use for this character.
const QUOTE: char = '\u{e000}';

/// The value as a YAML document.
pub fn yaml(value: &Value) -> String {
    let text = |value: &Value| serde_yaml::to_string(value).unwrap_or_default();
    let plain = text(value);
    if plain.contains(QUOTE) {
        return plain;
    }
    text(&quoted(value)).replace(QUOTE, "\"")
}

fn quoted(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(quoted_text(text)),
        Value::Array(items) => items.iter().map(quoted).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (quoted_text(key), quoted(value))).collect(),
        _ => value.clone(),
    }
}

fn quoted_text(text: &str) -> String {
    match scalar::resolve(text, true, None) {
        Ok(Value::String(_)) => text.to_string(),
        _ => format!("{QUOTE}{text}{QUOTE}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_that_would_be_read_as_something_else_is_quoted() {
        let labels = json!({"allowed": "yes", "on": "web", "port": "80", "empty": "", "name": "web", "count": 3, "ready": true});
        let written = "allowed: \"yes\"\n\"on\": web\nport: \"80\"\nempty: \"\"\nname: web\ncount: 3\nready: true\n";
        assert_eq!(yaml(&labels), written);
    }
}
