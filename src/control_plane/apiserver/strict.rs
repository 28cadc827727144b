//! Strict decoding: a document against the table of fields, with the errors of Go's JSON decoder.
//!
//! Source: `sigs.k8s.io/json` (its fork of encoding/json) under `fieldValidation=Strict`. kubectl sends keys in sorted order, so
//! that is the order of the errors. The API server stops at the first wrong type and says nothing of unknown fields then; the
//! first error here is the same, and the others follow it.

use super::defaults::base64;
use super::times;
use crate::api::quantity::Quantity;
use crate::kubectl::schema::{self, Field, Type};
use serde_json::{Map, Value};

/// A document as the typed object's JSON, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// Unknown and wrong fields left out, null as the zero value, quantities as text.
    pub value: Value,
    /// Values of the wrong type, in Go's order.
    pub errors: Vec<TypeError>,
    /// Fields that the struct does not have.
    pub unknown: Vec<UnknownField>,
}

/// A value of the wrong type.
#[derive(Debug)]
pub(super) struct TypeError {
    /// With list indexes.
    pub path: String,
    /// In Go's words.
    pub message: String,
    /// What is wanted.
    pub wanted: Type,
    /// What is there.
    pub found: Value,
}

/// A field that the struct does not have.
#[derive(Debug)]
pub(super) struct UnknownField {
    /// With list indexes.
    pub path: String,
    /// Its name.
    pub name: String,
    /// The table's name of the struct.
    pub owner: &'static str,
    /// The fields that stand beside it.
    pub siblings: Vec<String>,
}

/// Decodes a document as a struct of the table.
pub(super) fn decode(name: &'static str, document: &Value) -> Decoded {
    let mut decoder = Decoder { decoded: Decoded::default(), path: String::new(), owner: name, stack: Vec::new() };
    let value = decoder.value(&Type::Struct(name), &Type::Struct(name).go(), document);
    decoder.decoded.value = value;
    let errors = &mut decoder.decoded.errors;
    // Go keeps a plain type error for later and goes on, but gives up at once where a type reads itself.
    let reads_itself =
        |error: &TypeError| matches!(error.wanted, Type::Quantity | Type::Time | Type::MicroTime | Type::IntOrString);
    if let Some(first) = errors.iter().position(reads_itself)
        && let Some(before) = errors.get_mut(..=first)
    {
        before.rotate_right(1);
    }
    decoder.decoded
}

struct Decoder {
    decoded: Decoded,
    path: String,
    /// The struct that holds the field, and the fields down to it, as Go's errors name them.
    owner: &'static str,
    stack: Vec<&'static str>,
}

impl Decoder {
    fn value(&mut self, kind: &Type, go: &str, value: &Value) -> Value {
        if value.is_null() {
            return zero(kind);
        }
        match (kind, value) {
            (Type::Any, _) => value.clone(),
            (Type::String, Value::String(_)) | (Type::Bool, Value::Bool(_)) => value.clone(),
            (Type::Time, Value::String(text)) => match times::bad(text) {
                None => times::stored(text).into(),
                Some(message) => self.error(kind, value, message),
            },
            (Type::MicroTime, Value::String(text)) => self.checked(kind, value, times::bad(text)),
            (Type::Bytes, Value::String(text)) => self.checked(kind, value, bad_base64(text)),
            (Type::Bytes, Value::Array(items)) => self.bytes(items),
            (Type::IntOrString, Value::String(_)) => value.clone(),
            (Type::Int32 | Type::IntOrString, Value::Number(number)) => {
                let fits = number.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
                if fits { value.clone() } else { self.mismatch(kind, go, value) }
            }
            (Type::Int64, Value::Number(number)) if number.is_i64() => value.clone(),
            (Type::Quantity, _) => self.quantity(value),
            (Type::Struct(name), Value::Object(fields)) => self.object(name, fields),
            (Type::List(item), Value::Array(items)) => self.list(item, go, items),
            (Type::Map(item), Value::Object(entries)) => self.map(item, go, entries),
            _ => self.mismatch(kind, go, value),
        }
    }

    fn checked(&mut self, kind: &Type, value: &Value, error: Option<String>) -> Value {
        match error {
            None => value.clone(),
            Some(message) => self.error(kind, value, message),
        }
    }

    fn quantity(&mut self, value: &Value) -> Value {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => go_number(number),
            other => other.to_string(),
        };
        match Quantity::parse(&text) {
            Ok(quantity) => Value::String(quantity.to_string()),
            Err(message) => self.error(&Type::Quantity, value, message.into()),
        }
    }

    /// Go takes a list of numbers for bytes, too.
    fn bytes(&mut self, items: &[Value]) -> Value {
        let mut bytes = Vec::with_capacity(items.len());
        for item in items {
            match item.as_u64().and_then(|number| u8::try_from(number).ok()) {
                Some(byte) => bytes.push(byte),
                None if item.is_null() => bytes.push(0),
                None => drop(self.mismatch(&Type::Int32, "uint8", item)),
            }
        }
        base64(&bytes).into()
    }

    fn object(&mut self, name: &'static str, fields: &Map<String, Value>) -> Value {
        let mut decoded = Map::new();
        for (key, value) in sorted(fields) {
            let length = self.enter(key);
            match schema::find(name, key) {
                Some(field) => {
                    if let Some(value) = self.field(name, field, value) {
                        decoded.insert(key.clone(), value);
                    }
                }
                None => self.decoded.unknown.push(UnknownField {
                    path: self.path.clone(),
                    name: key.clone(),
                    owner: name,
                    siblings: fields.keys().cloned().collect(),
                }),
            }
            self.path.truncate(length);
        }
        Value::Object(decoded)
    }

    /// `None` for null, which means absent, and for a value of the wrong type.
    fn field(&mut self, owner: &'static str, field: &'static Field, value: &Value) -> Option<Value> {
        if value.is_null() {
            return None;
        }
        let outer = std::mem::replace(&mut self.owner, owner);
        let depth = self.stack.len();
        self.stack.extend(field.embedded);
        self.stack.push(field.name);
        let value = self.value(&field.kind, &field.go_type(), value);
        self.stack.truncate(depth);
        self.owner = outer;
        Some(value).filter(|value| !value.is_null())
    }

    fn list(&mut self, item: &Type, go: &str, items: &[Value]) -> Value {
        let go = go.strip_prefix("[]").map_or_else(|| item.go(), str::to_string);
        let mut decoded = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            let length = self.path.len();
            self.path.push_str(&format!("[{index}]"));
            decoded.push(self.value(item, &go, value));
            self.path.truncate(length);
        }
        Value::Array(decoded)
    }

    fn map(&mut self, item: &Type, go: &str, entries: &Map<String, Value>) -> Value {
        let go = go.strip_prefix("map[string]").map_or_else(|| item.go(), str::to_string);
        let mut decoded = Map::new();
        for (key, value) in sorted(entries) {
            let length = self.enter(key);
            decoded.insert(key.clone(), self.value(item, &go, value));
            self.path.truncate(length);
        }
        Value::Object(decoded)
    }

    fn enter(&mut self, key: &str) -> usize {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        length
    }

    fn mismatch(&mut self, kind: &Type, go: &str, value: &Value) -> Value {
        let what = match value {
            Value::Object(_) => "object".to_string(),
            Value::Array(_) => "array".to_string(),
            Value::String(_) => "string".to_string(),
            Value::Bool(_) => "bool".to_string(),
            Value::Number(number) if matches!(kind, Type::Int32 | Type::Int64 | Type::IntOrString) => {
                format!("number {}", go_number(number))
            }
            _ => "number".to_string(),
        };
        let into = if self.stack.is_empty() {
            format!("value of type {go}")
        } else {
            format!("struct field {}.{} of type {go}", schema::struct_name(self.owner), self.stack.join("."))
        };
        self.error(kind, value, format!("json: cannot unmarshal {what} into Go {into}"))
    }

    fn error(&mut self, kind: &Type, value: &Value, message: String) -> Value {
        self.decoded.errors.push(TypeError { path: self.path.clone(), message, wanted: kind.clone(), found: value.clone() });
        zero(kind)
    }
}

fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(key, _)| *key);
    fields
}

/// What Go holds where nothing was written.
fn zero(kind: &Type) -> Value {
    match kind {
        Type::String | Type::Bytes => "".into(),
        Type::Bool => false.into(),
        Type::Int32 | Type::Int64 | Type::IntOrString => 0.into(),
        Type::Quantity => "0".into(),
        Type::Struct(_) | Type::Map(_) => Value::Object(Map::new()),
        Type::List(_) => Value::Array(Vec::new()),
        Type::Time | Type::MicroTime | Type::Any => Value::Null,
    }
}

/// A number as `encoding/json` writes it: a long way before an exponent.
fn go_number(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && (float == 0.0 || (1e-6..1e21).contains(&float.abs())) => float.to_string(),
        Some(float) if number.is_f64() => {
            let text = format!("{float:e}");
            if float.abs() < 1.0 { text } else { text.replace('e', "e+") }
        }
        _ => number.to_string(),
    }
}

/// Go's complaint about base64 (`decodeQuantum` in encoding/base64): a group of four that is not full is reported where it
/// begins, any other fault at its byte.
fn bad_base64(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut group = 0;
    let illegal = |at: usize| Some(format!("illegal base64 data at input byte {at}"));
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' | b'\n' => {}
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => group = (group + 1) % 4,
            b'=' if group >= 2 => return bad_padding(bytes, at, group).and_then(illegal),
            _ => return illegal(at),
        }
    }
    if group == 0 { None } else { illegal(bytes.len() - group) }
}

/// What is wrong from the first `=` on, after two or three letters of a group.
fn bad_padding(bytes: &[u8], first: usize, letters: usize) -> Option<usize> {
    let next = |from: usize| {
        let rest = bytes.iter().enumerate().skip(from);
        rest.filter(|(_, byte)| !b"\r\n".contains(byte)).map(|(at, byte)| (at, *byte)).next()
    };
    let mut end = first;
    if letters == 2 {
        match next(first + 1) {
            Some((at, b'=')) => end = at,
            Some((at, _)) => return Some(at - 1),
            None => return Some(bytes.len()),
        }
    }
    next(end + 1).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_error_is_that_of_sorted_keys_and_names_no_index() {
        let decoded = decode("Service", &json!({"spec": {"type": 1, "ports": [{"port": "80", "nodePort": 1.5}], "prots": []}}));
        let messages: Vec<&str> = decoded.errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "json: cannot unmarshal number 1.5 into Go struct field ServicePort.spec.ports.nodePort of type int32",
                "json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32",
                "json: cannot unmarshal number into Go struct field ServiceSpec.spec.type of type v1.ServiceType",
            ]
        );
        assert_eq!(decoded.errors[1].path, "spec.ports[0].port");
        assert_eq!(decoded.unknown[0].path, "spec.prots");
    }

    #[test]
    fn embedded_go_structs_show_in_the_path() {
        let decoded = decode("Ingress", &json!({"spec": {"rules": [{"http": []}]}}));
        assert_eq!(
            decoded.errors[0].message,
            "json: cannot unmarshal array into Go struct field IngressRule.spec.rules.IngressRuleValue.http of type v1.HTTPIngressRuleValue"
        );
    }

    #[test]
    fn null_is_the_zero_value() {
        let decoded =
            decode("Service", &json!({"metadata": {"labels": {"app": null}}, "spec": {"ports": null, "clusterIPs": [null]}}));
        assert_eq!(decoded.value, json!({"metadata": {"labels": {"app": ""}}, "spec": {"clusterIPs": [""]}}));
    }
}
