//! JSON values as the types of this module: `serde_json::from_value`, for structs whose every field has a default.
//!
//! serde's own way takes the fields in the order of the text, which costs each struct a second reader and a table of names. Here a
//! struct asks for its fields one by one, in its own order. An absent field, and one that
//! is null, is its default, as Go reads it. Unknown fields are passed over: strict decoding has named them before.

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Error, Map, Value, map};
use std::slice;

/// Reads a value as a type.
///
/// # Errors
/// When a value is of another type than its field, or out of its range.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    T::deserialize(Typed(value))
}

struct Typed<'de>(&'de Value);

macro_rules! as_it_is {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.0.$method(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Typed<'de> {
    type Error = Error;

    as_it_is! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = self.0.as_array().ok_or_else(|| Error::custom("not a list"))?;
        visitor.visit_seq(Items(items.iter()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let fields = self.0.as_object().ok_or_else(|| Error::custom("not a map"))?;
        visitor.visit_map(Entries { left: fields.iter(), value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let object = self.0.as_object().ok_or_else(|| Error::custom("not an object"))?;
        visitor.visit_seq(Fields { object, names: names.iter() })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }
}

struct Items<'de>(slice::Iter<'de, Value>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|item| seed.deserialize(Typed(item))).transpose()
    }
}

/// A struct's fields in its own order. serde takes the default of a missing element, and goes on with the next.
struct Fields<'de> {
    object: &'de Map<String, Value>,
    names: slice::Iter<'static, &'static str>,
}

impl<'de> SeqAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let value = self.names.next().and_then(|name| self.object.get(*name)).filter(|value| !value.is_null());
        value.map(|value| seed.deserialize(Typed(value))).transpose()
    }
}

struct Entries<'de> {
    left: map::Iter<'de>,
    value: Option<&'de Value>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.left.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(serde::de::value::StrDeserializer::<Error>::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Typed(self.value.take().unwrap_or(&Value::Null)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::apps::Deployment;
    use crate::api::core::{Node, Pod, Service};
    use crate::api::discovery::EndpointSlice;
    use crate::api::networking::Ingress;
    use serde::Serialize;
    use serde_json::json;

    fn same_as_serde_json<T: DeserializeOwned + Serialize>(value: &Value) {
        let ours = serde_json::to_value(from_value::<T>(value).unwrap()).unwrap();
        let theirs = serde_json::to_value(serde_json::from_value::<T>(value.clone()).unwrap()).unwrap();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn objects_are_read_as_serde_json_reads_them() {
        let meta = json!({"name": "web", "namespace": "shop", "labels": {"app": "web"}, "generation": 3});
        same_as_serde_json::<Service>(
            &json!({"metadata": meta, "unknown": 1, "spec": {"type": "NodePort", "selector": {"app": "web"},
            "ports": [{"port": 80, "targetPort": "http", "nodePort": 30080}, {"port": 81, "targetPort": 8081, "name": "b"}]}}),
        );
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"hostNetwork": true, "containers": [
            {"name": "c", "image": "nginx", "ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "b"}],
             "readinessProbe": {"httpGet": {"port": "http", "path": "/"}}}]}});
        same_as_serde_json::<Pod>(&template);
        same_as_serde_json::<Deployment>(&json!({"metadata": meta, "spec": {"replicas": 2, "template": template,
            "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}}}));
        same_as_serde_json::<Node>(&json!({"metadata": meta, "spec": {"podCIDR": "10.1.0.0/24"},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.11"}]}}));
        same_as_serde_json::<EndpointSlice>(&json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.0.2"],
            "conditions": {"ready": true, "serving": null}}], "ports": [{"port": 80, "name": "http"}]}));
        same_as_serde_json::<Ingress>(&json!({"metadata": meta, "spec": {"rules": [{"host": "a", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}));
    }

    #[test]
    fn null_is_the_default_and_a_wrong_type_is_refused() {
        assert_eq!(from_value::<Service>(&json!({"spec": null})).unwrap(), Service::default());
        assert!(from_value::<Service>(&json!({"spec": []})).is_err());
        assert!(from_value::<Service>(&json!({"spec": {"ports": [{"port": "80"}]}})).is_err());
    }
}
