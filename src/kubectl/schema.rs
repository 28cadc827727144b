//! Every field of every kind that is played: its type, whether it is required, and the keys of its list's elements.
//!
//! `fields.txt` is made from upstream's OpenAPI and Go types by `tests/schema/generate.py`. A line is a struct and its fields:
//!
//! ```text
//! ServicePort name=s port=!i protocol=s'Protocol targetPort=o
//! ServiceSpec ports=[ServicePort#port+protocol selector={s
//! ```
//!
//! `s` string, `b` boolean, `i` int32, `I` int64, `q` quantity, `o` IntOrString, `t` and `m` times, `y` bytes, `f` anything, or a
//! struct; `[` a list of, `{` a map of; `!` required; `#` list keys; `^` the embedded Go struct that carries the field; `'` the Go
//! type's name in package `v1`, where the type does not give it away. After an empty line: all kinds of Kubernetes 1.36.

use crate::api::Kind;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const TABLE: &str = include_str!("fields.txt");

/// A field of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its JSON name.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// Whether OpenAPI calls it required.
    pub required: bool,
    /// For a list of objects: the fields that tell its elements apart.
    pub keys: Vec<&'static str>,
    /// The embedded Go struct that carries it.
    pub embedded: Option<&'static str>,
    /// Its Go type, as decoding errors name it, where [`Type::go`] would say something else.
    pub go: Option<&'static str>,
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    String,
    Bool,
    Int32,
    Int64,
    Quantity,
    IntOrString,
    Time,
    MicroTime,
    Bytes,
    Any,
    /// A struct of the table.
    Struct(&'static str),
    List(Box<Type>),
    Map(Box<Type>),
}

impl Type {
    /// The type's name in Go.
    pub fn go(&self) -> String {
        match self {
            Type::String | Type::Time | Type::MicroTime => "string".into(),
            Type::Bool => "bool".into(),
            Type::Int32 | Type::IntOrString => "int32".into(),
            Type::Int64 => "int64".into(),
            Type::Quantity => "resource.Quantity".into(),
            Type::Bytes => "[]uint8".into(),
            Type::Any => "interface {}".into(),
            Type::Struct(name) => format!("v1.{}", struct_name(name)),
            Type::List(item) => format!("[]{}", item.go()),
            Type::Map(item) => format!("map[string]{}", item.go()),
        }
    }
}

impl Field {
    /// The Go type of the field, as decoding errors name it.
    pub fn go_type(&self) -> String {
        match self.go {
            None => self.kind.go(),
            Some(name) if name.contains('.') || name.starts_with('[') => name.into(),
            Some(name) => format!("v1.{name}"),
        }
    }

    /// The Go type of the elements of a list or map field.
    pub fn go_element(&self, element: &Type) -> String {
        match (self.go_type(), &self.kind) {
            (named, Type::List(_)) => named.strip_prefix("[]").map_or_else(|| element.go(), str::to_string),
            (named, Type::Map(_)) => named.split_once(']').map_or_else(|| element.go(), |(_, item)| item.to_string()),
            _ => element.go(),
        }
    }
}

/// A struct's Go name: the table's name without its group.
pub fn struct_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

struct Table {
    structs: BTreeMap<&'static str, Vec<Field>>,
    versions: BTreeMap<&'static str, Vec<&'static str>>,
}

static PARSED: LazyLock<Table> = LazyLock::new(|| {
    let (structs, versions) = TABLE.split_once("\n\n").unwrap_or((TABLE, ""));
    let lines = |text: &'static str| text.lines().filter_map(|line| line.split_once(' ').or(Some((line, ""))));
    Table {
        structs: lines(structs).map(|(name, rest)| (name, rest.split_whitespace().filter_map(field).collect())).collect(),
        versions: lines(versions).map(|(name, rest)| (name, rest.split(' ').collect())).collect(),
    }
});

fn field(text: &'static str) -> Option<Field> {
    let (name, rest) = text.split_once('=')?;
    let (rest, go) = halves(rest, '\'');
    let (rest, embedded) = halves(rest, '^');
    let (rest, keys) = halves(rest, '#');
    let kind = rest.trim_start_matches('!');
    let keys = keys.map_or_else(Vec::new, |keys| keys.split('+').collect());
    Some(Field { name, kind: type_of(kind), required: rest.starts_with('!'), keys, embedded, go })
}

fn halves(text: &'static str, at: char) -> (&'static str, Option<&'static str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn type_of(text: &'static str) -> Type {
    match text {
        "s" => Type::String,
        "b" => Type::Bool,
        "i" => Type::Int32,
        "I" => Type::Int64,
        "q" => Type::Quantity,
        "o" => Type::IntOrString,
        "t" => Type::Time,
        "m" => Type::MicroTime,
        "y" => Type::Bytes,
        "f" => Type::Any,
        _ => match text.split_at_checked(1) {
            Some(("[", item)) => Type::List(Box::new(type_of(item))),
            Some(("{", item)) => Type::Map(Box::new(type_of(item))),
            _ => Type::Struct(text),
        },
    }
}

/// The fields of a struct of the table, sorted by name; none for a name that is not there.
pub fn fields(name: &str) -> &'static [Field] {
    PARSED.structs.get(name).map_or(&[], Vec::as_slice)
}

/// One field of a struct.
pub fn find(name: &str, field: &str) -> Option<&'static Field> {
    let fields = fields(name);
    fields.binary_search_by(|other| other.name.cmp(field)).ok().and_then(|at| fields.get(at))
}

/// The kinds of an API version, known to Kubernetes 1.36; none for an unknown version.
pub fn kinds(api_version: &str) -> &'static [&'static str] {
    PARSED.versions.get(api_version).map_or(&[], Vec::as_slice)
}

/// The API versions that have this kind, sorted.
pub fn versions(kind: &str) -> Vec<&'static str> {
    PARSED.versions.iter().filter(|(_, kinds)| kinds.contains(&kind)).map(|(version, _)| *version).collect()
}

/// All kinds' names, sorted.
pub fn kind_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = PARSED.versions.values().flatten().copied().collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What stands at a path such as `spec.ports[0].port`: the field. `None` inside maps and at unknown places.
pub fn at(kind: Kind, path: &str) -> Option<&'static Field> {
    let mut name = kind.name();
    let mut found = None;
    for part in path.split('.') {
        let field = find(name, part.split('[').next()?)?;
        name = match (&field.kind, part.contains('[')) {
            (Type::Struct(inner), false) => inner,
            (Type::List(item), _) => match item.as_ref() {
                Type::Struct(inner) => inner,
                _ => "",
            },
            _ => "",
        };
        found = Some(field);
    }
    found
}

/// Where else in the kind a field of this name stands, the shallowest and first such place: `spec.template.spec.containers`.
pub fn elsewhere(kind: Kind, field: &str) -> Option<String> {
    let mut level = vec![(kind.name(), String::new())];
    for _ in 0..7 {
        let mut next = Vec::new();
        for (name, path) in &level {
            if find(name, field).is_some() {
                return Some(format!("{path}{field}"));
            }
            for inner in fields(name).iter().filter(|inner| !["status", "managedFields"].contains(&inner.name)) {
                match &inner.kind {
                    Type::Struct(target) => next.push((*target, format!("{path}{}.", inner.name))),
                    Type::List(item) => {
                        if let Type::Struct(target) = item.as_ref() {
                            next.push((target, format!("{path}{}[].", inner.name)));
                        }
                    }
                    _ => {}
                }
            }
        }
        level = next;
        if level.len() > 2_000 {
            break;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_in_the_table_and_every_struct_it_names() {
        for kind in Kind::ALL {
            assert!(!fields(kind.name()).is_empty(), "{kind}");
            assert!(kinds(kind.api_version()).contains(&kind.name()), "{kind}");
        }
        fn structs(kind: &Type) -> Option<&'static str> {
            match kind {
                Type::Struct(name) => Some(name),
                Type::List(item) | Type::Map(item) => structs(item),
                _ => None,
            }
        }
        for field in PARSED.structs.values().flatten() {
            if let Some(name) = structs(&field.kind) {
                assert!(PARSED.structs.contains_key(name), "{name}");
            }
        }
        for fields in PARSED.structs.values() {
            assert!(fields.is_sorted_by_key(|field| field.name));
        }
    }

    #[test]
    fn fields_know_their_place_and_type() {
        let port = at(Kind::Service, "spec.ports[0].port").unwrap();
        assert!(port.required && port.kind == Type::Int32);
        assert_eq!(at(Kind::Service, "spec.ports").unwrap().keys, ["port", "protocol"]);
        assert_eq!(find("ServiceSpec", "type").unwrap().go_type(), "v1.ServiceType");
        assert_eq!(find("PodSpec", "containers").unwrap().go_type(), "[]v1.Container");
        assert_eq!(find("Probe", "httpGet").unwrap().embedded, Some("ProbeHandler"));
        assert_eq!(elsewhere(Kind::Deployment, "containers").as_deref(), Some("spec.template.spec.containers"));
        assert_eq!(versions("Deployment"), ["apps/v1"]);
    }
}
