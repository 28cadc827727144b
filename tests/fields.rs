//! The table of fields against upstream's OpenAPI: `goldens/fields`, made by `tests/oracle`.

use kubehop::api::Kind;
use kubehop::kubectl::schema::{self, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Upstream's types: their fields, each with its type and whether it is required.
type Structs<'a> = BTreeMap<&'a str, BTreeMap<&'a str, (&'a str, bool)>>;

/// Compares a type of the table with one of upstream's, and notes the structs that both are made of.
fn compare<'a>(ours: &Type, theirs: &'a str, structs: &Structs, met: &mut Vec<(&'static str, &'a str)>) -> bool {
    let last = theirs.rsplit('.').next().unwrap_or(theirs);
    match ours {
        Type::List(item) => theirs.strip_prefix('[').is_some_and(|theirs| compare(item, theirs, structs, met)),
        Type::Map(item) => theirs.strip_prefix('{').is_some_and(|theirs| compare(item, theirs, structs, met)),
        Type::Struct(name) => {
            met.push((name, theirs));
            structs.contains_key(theirs) || schema::fields(name).is_empty()
        }
        Type::String => theirs == "string",
        Type::Bool => theirs == "boolean",
        Type::Int32 => theirs == "integer:int32",
        Type::Int64 => theirs == "integer:int64",
        Type::Bytes => theirs == "string:byte",
        Type::Quantity => last == "Quantity",
        Type::IntOrString => last == "IntOrString",
        Type::Time => last == "Time",
        Type::MicroTime => last == "MicroTime",
        Type::Any => !structs.contains_key(theirs),
    }
}

#[test]
fn every_field_of_upstream_is_in_the_table_and_no_other() {
    let golden = fs::read_to_string("tests/goldens/fields/kinds.out").unwrap();
    let mut roots: BTreeMap<&str, &str> = BTreeMap::new();
    let mut structs: Structs = BTreeMap::new();
    for line in golden.lines() {
        match line.split_once(" = ") {
            Some((kind, name)) => drop(roots.insert(kind, name)),
            None => {
                let words: Vec<&str> = line.split(' ').collect();
                structs.entry(words[0]).or_default().insert(words[1], (words[2], words.len() > 3));
            }
        }
    }
    assert_eq!(roots.len(), Kind::ALL.len());
    let mut queue: Vec<(&'static str, &str)> =
        Kind::ALL.iter().map(|kind| (kind.name(), roots[format!("{} {}", kind.api_version(), kind.name()).as_str()])).collect();
    let (mut seen, mut compared, mut wrong) = (BTreeSet::new(), 0, Vec::new());
    while let Some((ours, theirs)) = queue.pop() {
        if !seen.insert((ours, theirs)) {
            continue;
        }
        let (fields, upstream) = (schema::fields(ours), structs.get(theirs).cloned().unwrap_or_default());
        for field in fields.iter().filter(|field| !upstream.contains_key(field.name)) {
            wrong.push(format!("{ours}.{} is not upstream's", field.name));
        }
        for (name, (kind, required)) in upstream {
            compared += 1;
            match schema::find(ours, name) {
                None => wrong.push(format!("{ours}.{name} is missing")),
                Some(field) if field.required != required => wrong.push(format!("{ours}.{name}: required is {required}")),
                Some(field) if !compare(&field.kind, kind, &structs, &mut queue) => {
                    wrong.push(format!("{ours}.{name} is {kind}, not {:?}", field.kind));
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} differences", wrong.join("\n"), wrong.len());
    assert!(compared > 900, "only {compared} fields");
}
