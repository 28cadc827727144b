//! Names, quantities, IntOrStrings and label selectors against apimachinery's own answers: `tests/goldens/apimachinery`.

use super::strict;
use super::validation::{addresses, field, meta, names};
use crate::api::quantity::Quantity;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What is wrong with a text by the rule of this name; `None` where the line is no such rule.
fn named(rule: &str, text: &str) -> Option<Vec<String>> {
    Some(match rule {
        "label" => names::label(text),
        "subdomain" => names::subdomain(text),
        "wildcard-subdomain" => names::wildcard_subdomain(text),
        "qualified-name" => names::qualified(text),
        "label-value" => names::label_value(text),
        "port-name" => names::port_name(text),
        "percent" => names::percent(text),
        "variable" => names::environment_name(text),
        "config-key" => names::config_key(text),
        "ip" => addresses::ip(text),
        "cidr" => addresses::cidr(text),
        _ => return None,
    })
}

fn judged(rule: &str, argument: &Value) -> Value {
    if let Some(wrong) = argument.as_str().and_then(|text| named(rule, text)) {
        return json!(wrong);
    }
    match rule {
        "quantity" => {
            let text = argument.as_str().map_or_else(|| argument.to_string(), str::to_string);
            match Quantity::parse(&text) {
                Ok(quantity) => json!([quantity.to_string(), quantity.rounded_up().to_string()]),
                Err(error) => json!({ "error": error }),
            }
        }
        "int-or-string" => {
            let decoded = strict::decode("ServicePort", &json!({ "targetPort": argument }));
            let place = "struct field ServicePort.targetPort of type int32";
            match decoded.errors.first() {
                Some(error) => json!({ "error": error.message.replace(place, "value of type int32") }),
                None => decoded.value["targetPort"].clone(),
            }
        }
        "selector" => {
            let at = field::At::root(argument).child("selector");
            let mut errors = field::Errors::default();
            meta::label_selector(&at, &mut errors);
            if errors.0.is_empty() {
                return meta::selector_matches(&at, &field::At::root(&argument["labels"])).into();
            }
            errors.0.iter().map(|error| format!("{}: {}", error.path, error.message)).collect()
        }
        _ => Value::Null,
    }
}

/// The order of a map's keys is random upstream.
fn sorted(mut value: Value) -> Value {
    if let Some(items) = value.as_array_mut() {
        items.sort_by_key(Value::to_string);
    }
    value
}

#[test]
fn names_quantities_and_selectors_are_judged_as_by_apimachinery() {
    // `KUBEHOP_GOLDENS` names another folder with fresh cases.
    let goldens = std::env::var("KUBEHOP_GOLDENS").unwrap_or_else(|_| "tests/goldens".into());
    let (mut compared, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(PathBuf::from(goldens).join("apimachinery")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "out") {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let (question, answer) = line.rsplit_once('\t').unwrap();
            let (rule, argument) = question.split_once(' ').unwrap();
            let theirs: Value = serde_json::from_str(answer).unwrap();
            let ours = judged(rule, &serde_json::from_str(argument).unwrap());
            compared += 1;
            if sorted(ours.clone()) != sorted(theirs) {
                wrong.push(format!("{question}\n    theirs {answer}\n    ours   {ours}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} of {compared} differ", wrong.join("\n"), wrong.len());
    assert!(compared > 300, "only {compared} texts");
}
