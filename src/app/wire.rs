//! How page and worker write their messages: a compact binary form of serde's data, for two ends of the same build.
//!
//! It describes nothing of itself: numbers are varints, structs are their fields in order, variants are their index. That costs a
//! fraction of the code that JSON would (field names and every order of them), and the page's weight counts. A field that is left out
//! by `skip_serializing_if` is marked as such. Left out: untagged enums and `flatten`, which need a form that describes itself.

mod reader;
mod writer;

use reader::Reader;
use serde::de::{self, DeserializeOwned};
use serde::ser::{self, Serialize};
use std::fmt;
use writer::Writer;

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
