//! How page and worker write their messages: a compact binary form of serde's data, for two ends of the same build.
//!
//! It describes nothing of itself: numbers are varints, structs are their fields in order, variants are their index. That costs a
//! fraction of the code that JSON would (field names and every order of them), and the page's weight counts. A field that is left out
//! by `skip_serializing_if` is marked as such. Left out: untagged enums and `flatten`, which need a form that describes itself.

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::ser::{self, Serialize};
use std::fmt;

/// Two ends of the same build never disagree, so there is nothing more to say than that they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unreadable message")
    }
}

impl std::error::Error for Unreadable {}

impl ser::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Unreadable {
        Unreadable
    }
}

impl de::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Unreadable {
        Unreadable
    }
}

/// Writes a value.
///
/// # Errors
/// When its type has something that this form cannot say.
pub fn write<T: Serialize>(value: &T) -> Result<Vec<u8>, Unreadable> {
    let mut writer = Writer(Vec::new());
    value.serialize(&mut writer)?;
    Ok(writer.0)
}

/// Reads a value.
///
/// # Errors
/// When the bytes are not those of such a value.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    let mut reader = Reader(bytes);
    let value = T::deserialize(&mut reader)?;
    if reader.0.is_empty() { Ok(value) } else { Err(Unreadable) }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }
}

macro_rules! write_numbers {
    ($($method:ident $type:ty as $wide:ty => $how:ident;)*) => {
        $(fn $method(self, value: $type) -> Result<(), Unreadable> {
            self.$how(value as $wide);
            Ok(())
        })*
    };
}

impl ser::Serializer for &mut Writer {
    type Ok = ();
    type Error = Unreadable;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    write_numbers! {
        serialize_bool bool as u64 => number;
        serialize_u8 u8 as u64 => number;
        serialize_u16 u16 as u64 => number;
        serialize_u32 u32 as u64 => number;
        serialize_u64 u64 as u64 => number;
        serialize_i8 i8 as i64 => signed;
        serialize_i16 i16 as i64 => signed;
        serialize_i32 i32 as i64 => signed;
        serialize_i64 i64 as i64 => signed;
        serialize_char char as u64 => number;
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unreadable> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unreadable> {
        self.0.extend(value.to_le_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Unreadable> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unreadable> {
        self.number(value.len() as u64);
        self.0.extend(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unreadable> {
        self.number(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unreadable> {
        self.number(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unreadable> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unreadable> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Unreadable> {
        self.number(u64::from(index));
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unreadable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unreadable> {
        self.number(u64::from(index));
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Unreadable> {
        self.number(length.ok_or(Unreadable)? as u64);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Unreadable> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unreadable> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, index: u32, _: &'static str, _: usize) -> Result<Self, Unreadable> {
        self.number(u64::from(index));
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, Unreadable> {
        self.serialize_seq(length)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unreadable> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, index: u32, _: &'static str, _: usize) -> Result<Self, Unreadable> {
        self.number(u64::from(index));
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! write_elements {
    ($($part:ident: $method:ident;)*) => {
        $(impl ser::$part for &mut Writer {
            type Ok = ();
            type Error = Unreadable;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unreadable> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Unreadable> {
                Ok(())
            }
        })*
    };
}

write_elements! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

impl ser::SerializeMap for &mut Writer {
    type Ok = ();
    type Error = Unreadable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unreadable> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unreadable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unreadable> {
        Ok(())
    }
}

macro_rules! write_fields {
    ($($part:ident)*) => {
        $(impl ser::$part for &mut Writer {
            type Ok = ();
            type Error = Unreadable;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Unreadable> {
                self.number(1);
                value.serialize(&mut **self)
            }

            fn skip_field(&mut self, _: &'static str) -> Result<(), Unreadable> {
                self.number(0);
                Ok(())
            }

            fn end(self) -> Result<(), Unreadable> {
                Ok(())
            }
        })*
    };
}

write_fields! { SerializeStruct SerializeStructVariant }

struct Reader<'de>(&'de [u8]);

impl<'de> Reader<'de> {
    fn take(&mut self, length: usize) -> Result<&'de [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?.first().copied().ok_or(Unreadable)?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Unreadable)
    }

    fn signed(&mut self) -> Result<i64, Unreadable> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn length(&mut self) -> Result<usize, Unreadable> {
        usize::try_from(self.number()?).map_err(|_| Unreadable)
    }

    fn text(&mut self) -> Result<&'de str, Unreadable> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Unreadable)
    }
}

macro_rules! read_numbers {
    ($($method:ident $how:ident => $visit:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            visitor.$visit(self.$how()?)
        })*
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Unreadable;

    // serde's own numbers narrow what they are shown, and refuse what does not fit.
    read_numbers! {
        deserialize_u8 number => visit_u64;
        deserialize_u16 number => visit_u64;
        deserialize_u32 number => visit_u64;
        deserialize_u64 number => visit_u64;
        deserialize_i8 signed => visit_i64;
        deserialize_i16 signed => visit_i64;
        deserialize_i32 signed => visit_i64;
        deserialize_i64 signed => visit_i64;
        deserialize_str text => visit_borrowed_str;
        deserialize_string text => visit_borrowed_str;
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unreadable> {
        Err(Unreadable)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unreadable> {
        Err(Unreadable)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unreadable> {
        Err(Unreadable)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_bool(self.number()? == 1)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let number = u32::try_from(self.number()?).map_err(|_| Unreadable)?;
        visitor.visit_char(char::from_u32(number).ok_or(Unreadable)?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let bytes = self.take(8)?.try_into().map_err(|_| Unreadable)?;
        visitor.visit_f64(f64::from_le_bytes(bytes))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let length = self.length()?;
        visitor.visit_borrowed_bytes(self.take(length)?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.number()? == 0 { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let left = self.length()?;
        visitor.visit_seq(Elements { reader: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_seq(Elements { reader: self, left })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, left: usize, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_seq(Elements { reader: self, left })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let left = self.length()?;
        visitor.visit_map(Elements { reader: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_seq(Fields(self))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_enum(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unreadable> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_, 'de> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unreadable> {
        seed.deserialize(&mut *self.reader)
    }
}

/// A struct's fields. serde takes the default of a field whose element is missing, and goes on with the next.
struct Fields<'a, 'de>(&'a mut Reader<'de>);

impl<'de> de::SeqAccess<'de> for Fields<'_, 'de> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unreadable> {
        if self.0.number()? == 0 { Ok(None) } else { seed.deserialize(&mut *self.0).map(Some) }
    }
}

impl<'de> de::EnumAccess<'de> for &mut Reader<'de> {
    type Error = Unreadable;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Unreadable> {
        let index = u32::try_from(self.number()?).map_err(|_| Unreadable)?;
        Ok((seed.deserialize(index.into_deserializer())?, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Reader<'de> {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unreadable> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_seq(Elements { reader: self, left })
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_seq(Fields(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    #[derive(Debug, Default, PartialEq, serde::Serialize, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Inner {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        left_out: Vec<u8>,
        text: String,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        map: BTreeMap<String, i64>,
    }

    #[derive(Debug, PartialEq, serde::Serialize, Deserialize)]
    enum Outer {
        Unit,
        New(Box<Inner>),
        Pair(u16, Option<f64>),
        Struct { ip: Ipv4Addr, flag: bool, letter: char, list: Vec<Inner>, far: u64, near: i32 },
    }

    fn comes_back(value: Outer) {
        let bytes = write(&value).unwrap();
        assert_eq!(read::<Outer>(&bytes).as_ref(), Ok(&value), "{bytes:?}");
        assert!(read::<Outer>(&bytes[..bytes.len() - 1]).is_err(), "cut short: {bytes:?}");
    }

    #[test]
    fn every_shape_comes_back() {
        let inner = |text: &str| Inner { text: text.into(), ..Inner::default() };
        comes_back(Outer::Unit);
        comes_back(Outer::New(Box::new(inner("파드"))));
        comes_back(Outer::New(Box::new(Inner { left_out: vec![0, 255], map: [("a".into(), i64::MIN)].into(), ..inner("") })));
        comes_back(Outer::Pair(u16::MAX, None));
        comes_back(Outer::Pair(0, Some(-0.5)));
        comes_back(Outer::Struct {
            ip: Ipv4Addr::new(10, 244, 1, 2),
            flag: true,
            letter: '한',
            list: vec![inner("one"), Inner::default()],
            far: u64::MAX,
            near: -1,
        });
    }

    #[test]
    fn settings_come_back_with_a_number_or_a_list_of_nodes() {
        use crate::settings::{Nodes, Settings};
        for nodes in [Nodes::Count(5), Nodes::List(vec![Default::default(), Default::default()])] {
            let settings = Settings { nodes, ..Settings::default() };
            assert_eq!(read::<Settings>(&write(&settings).unwrap()).as_ref(), Ok(&settings));
            let json = serde_json::to_value(&settings).unwrap();
            assert_eq!(serde_json::from_value::<Settings>(json).unwrap(), settings);
        }
    }

    #[test]
    fn a_lesson_comes_back_with_its_texts() {
        use crate::lesson::Lesson;
        let texts = |name: &str| std::fs::read_to_string(format!("lessons/2-nodeport-on-every-node/{name}.yaml")).unwrap();
        let lesson = Lesson::read(&texts("lesson"), &texts("start"), &texts("solution")).unwrap();
        assert_eq!(read::<Lesson>(&write(&lesson).unwrap()).as_ref(), Ok(&lesson));
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                // Must return, whatever it says.
                let _ = read::<Outer>(&[first, second, 1, 255, 255, 255, 255, 15]);
            }
        }
    }
}
