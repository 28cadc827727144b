//! `-l`: label selectors as typed, `app=web,tier in (front, back),!old`.
//!
//! Imitates grammar, matching and error texts of `k8s.io/apimachinery/pkg/labels/selector.go`.

use crate::control_plane::apiserver::validation::names;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Everything that must hold of an object's labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Greater,
    Less,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Kubernetes' message for a selector that is none.
    pub fn parse(text: &str) -> Result<Selector, String> {
        Parser { tokens: tokens(text), at: 0 }.requirements().map(Selector)
    }

    /// Whether it demands nothing.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether labels fulfil it.
    pub fn matches(&self, labels: &Map<String, Value>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels.get(&requirement.key).and_then(Value::as_str)))
    }
}

impl Requirement {
    fn matches(&self, value: Option<&str>) -> bool {
        let among = |value: &str| self.values.contains(value);
        let compared = || {
            let bound: i64 = self.values.first()?.parse().ok()?;
            Some(value?.parse::<i64>().ok()?.cmp(&bound))
        };
        match self.operator {
            Operator::In => value.is_some_and(among),
            Operator::NotIn => !value.is_some_and(among),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Greater => compared().is_some_and(std::cmp::Ordering::is_gt),
            Operator::Less => compared().is_some_and(std::cmp::Ordering::is_lt),
        }
    }

    /// What `NewRequirement` finds wrong with the values.
    fn check(self) -> Result<Requirement, String> {
        let numeric = matches!(self.operator, Operator::Greater | Operator::Less);
        let mut errors = Vec::new();
        for (at, value) in self.values.iter().enumerate() {
            if numeric && value.parse::<i64>().is_err() {
                let message = "for 'Gt', 'Lt' operators, the value must be an integer";
                errors.push(format!("values[{at}]: Invalid value: {value:?}: {message}"));
            }
        }
        for (at, value) in self.values.iter().enumerate() {
            let wrong = names::label_value(value);
            if !wrong.is_empty() {
                errors.push(format!("values[{at}][{}]: Invalid value: {value:?}: {}", self.key, wrong.join("; ")));
            }
        }
        match errors.as_slice() {
            [] => Ok(self),
            [one] => Err(one.clone()),
            several => Err(format!("[{}]", several.join(", "))),
        }
    }
}

fn is_symbol(c: char) -> bool {
    matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Symbols, of which only `==` and `!=` have two characters, and the words between them.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("==") || rest.starts_with("!=") {
            2
        } else if is_symbol(first) {
            1
        } else {
            rest.find(|c| is_symbol(c) || is_blank(c)).unwrap_or(rest.len())
        };
        let (token, behind) = rest.split_at(length);
        tokens.push(token);
        rest = behind.trim_start_matches(is_blank);
    }
    tokens
}

/// Whether a token is a key or a value: no symbol, and not the end, which is empty.
fn is_identifier(token: &str) -> bool {
    token.chars().next().is_some_and(|first| !is_symbol(first))
}

struct Parser<'a> {
    tokens: Vec<&'a str>,
    at: usize,
}

impl<'a> Parser<'a> {
    /// The next token; empty at the end.
    fn look(&self) -> &'a str {
        self.tokens.get(self.at).copied().unwrap_or_default()
    }

    fn take(&mut self) -> &'a str {
        let token = self.look();
        self.at += 1;
        token
    }

    fn requirements(mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        let first = self.look();
        if first.is_empty() {
            return Ok(requirements);
        }
        if !is_identifier(first) && first != "!" {
            return Err(format!("found '{first}', expected: !, identifier, or 'end of string'"));
        }
        loop {
            let requirement = self.requirement().map_err(|error| format!("unable to parse requirement: {error}"))?;
            requirements.push(requirement);
            match self.take() {
                "" => return Ok(requirements),
                "," => {
                    let next = self.look();
                    if !is_identifier(next) && next != "!" {
                        return Err(format!("found '{next}', expected: identifier after ','"));
                    }
                }
                other => return Err(format!("found '{other}', expected: ',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut key = self.take();
        let absent = key == "!";
        if absent {
            key = self.take();
        }
        if !is_identifier(key) {
            return Err(format!("found '{key}', expected: identifier"));
        }
        let wrong = names::qualified(key);
        if !wrong.is_empty() {
            // The API server has no path to name here, and says so.
            return Err(format!("<nil>: Invalid value: {key:?}: {}", wrong.join("; ")));
        }
        let key = key.to_string();
        if absent {
            return Ok(Requirement { key, operator: Operator::DoesNotExist, values: BTreeSet::new() });
        }
        if matches!(self.look(), "" | ",") {
            return Ok(Requirement { key, operator: Operator::Exists, values: BTreeSet::new() });
        }
        let (operator, values) = match self.take() {
            "in" => (Operator::In, self.values()?),
            "notin" => (Operator::NotIn, self.values()?),
            "=" | "==" => (Operator::In, self.exact_value()?),
            "!=" => (Operator::NotIn, self.exact_value()?),
            ">" => (Operator::Greater, self.exact_value()?),
            "<" => (Operator::Less, self.exact_value()?),
            other => return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        Requirement { key, operator, values }.check()
    }

    fn exact_value(&mut self) -> Result<BTreeSet<String>, String> {
        if matches!(self.look(), "" | ",") {
            return Ok(BTreeSet::from([String::new()]));
        }
        let value = self.take();
        if is_identifier(value) {
            Ok(BTreeSet::from([value.to_string()]))
        } else {
            Err(format!("found '{value}', expected: identifier"))
        }
    }

    /// `(front, back)`; an empty place counts as an empty value.
    fn values(&mut self) -> Result<BTreeSet<String>, String> {
        let open = self.take();
        if open != "(" {
            return Err(format!("found '{open}' expected: '('"));
        }
        let first = self.look();
        if !is_identifier(first) && !matches!(first, "," | ")") {
            return Err(format!("found '{first}', expected: ',', ')' or identifier"));
        }
        let mut values = BTreeSet::new();
        loop {
            if matches!(self.look(), "," | ")") {
                values.insert(String::new());
            } else {
                let value = self.take();
                if !is_identifier(value) {
                    return Err(format!("found '{value}', expected: ',', or identifier"));
                }
                values.insert(value.to_string());
            }
            match self.take() {
                ")" => return Ok(values),
                "," => {}
                other => return Err(format!("found '{other}', expected: ',' or ')'")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_label_selector_joins_its_requirements() {
        let labels = json!({"app": "web", "tier": "front", "rank": "7", "empty": ""});
        for (selector, holds) in [
            ("", true),
            ("app=web,tier=front", true),
            ("app in (web, api),!old", true),
            ("app in(web)", true),
            ("app!=web", false),
            ("zone!=web", true),
            ("tier notin (front)", false),
            ("zone", false),
            ("empty=", true),
            ("empty in (,x)", true),
            ("rank>6,rank<8", true),
            ("rank>7", false),
        ] {
            assert_eq!(Selector::parse(selector).unwrap().matches(labels.as_object().unwrap()), holds, "{selector}");
        }
    }

    #[test]
    fn a_malformed_selector_is_refused_with_kubernetes_words() {
        for (selector, message) in [
            ("a=b=c", "found '=', expected: ',' or 'end of string'"),
            ("=b", "found '=', expected: !, identifier, or 'end of string'"),
            ("a=b,", "found '', expected: identifier after ','"),
            ("app web", "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"),
            ("app in web", "unable to parse requirement: found 'web' expected: '('"),
            ("app in (web", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            (
                "a>x",
                "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
        ] {
            assert_eq!(Selector::parse(selector), Err(message.to_string()), "{selector}");
        }
        let key = Selector::parse("-a=b").unwrap_err();
        assert!(key.starts_with("unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of"), "{key}");
        let value = Selector::parse("a=-b").unwrap_err();
        assert!(
            value.starts_with("unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must"),
            "{value}"
        );
    }
}
