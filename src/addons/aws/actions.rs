//! Backends that name an annotation in a Service's place: redirects, fixed answers, several target groups; and the paths of an
//! Application Load Balancer.
//!
//! Follows `buildActionViaAnnotation` of `pkg/ingress/enhanced_backend_builder.go`, `Action.validate` of `config_types.go`,
//! `sortIngressPaths` and `buildPathPatterns` of `model_build_listener_rules.go`, and "Redirect actions" and "Path conditions" in the
//! Elastic Load Balancing documentation. Left out: conditions of annotations, weights (the first target group is taken, labelled).

use crate::api::meta::Labels;
use serde_json::Value;

/// The port name that says: an annotation has what is to be done.
pub const USE_ANNOTATION: &str = "use-annotation";

/// What an annotation asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The load balancer answers itself, with this status.
    Answer(u16),
    /// A redirect: its status, and the parts of the new URL with `#{…}` for those of the request.
    Redirect(u16, [String; 5]),
    /// To a Service: name and port; whether there are further target groups.
    Forward(String, String, bool),
    /// To a target group that somebody else made.
    Elsewhere(String),
}

/// The annotation of an action.
pub fn annotation(name: &str) -> String {
    format!("{}actions.{name}", super::ALB)
}

/// Whether the field of an annotation has an action with several target groups, of which the weights decide.
pub fn is_weighed(annotations: &Labels, path: &str) -> bool {
    let name = path.strip_prefix("metadata.annotations.").and_then(|key| key.strip_prefix(&annotation("")));
    matches!(name.and_then(|name| of(annotations, name)), Some(Ok(Action::Forward(_, _, true))))
}

/// The action of this name; `None`: there is none, and a fixed answer 503 is put in its place. The error is the controller's own.
pub fn of(annotations: &Labels, name: &str) -> Option<Result<Action, String>> {
    let key = annotation(name);
    let raw = annotations.get(&key)?;
    let Ok(value) = serde_json::from_str::<Value>(raw) else {
        return Some(Err(format!("failed to parse json annotation, {key}: {raw}")));
    };
    Some(action(&value))
}

/// A field as Go reads it: the letters' case is no matter.
fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let found = value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    get(value, name)?.as_str()
}

fn action(value: &Value) -> Result<Action, String> {
    match text(value, "type").unwrap_or_default() {
        "fixed-response" => {
            let config = get(value, "fixedResponseConfig").ok_or("missing FixedResponseConfig")?;
            let status = text(config, "statusCode").filter(|code| !code.is_empty());
            let status = status.ok_or("invalid FixedResponseConfig: statusCode is required")?;
            Ok(Action::Answer(status.parse().unwrap_or(503)))
        }
        "redirect" => {
            let config = get(value, "redirectConfig").ok_or("missing RedirectConfig")?;
            let status = text(config, "statusCode").filter(|code| !code.is_empty());
            let status = status.ok_or("invalid RedirectConfig: statusCode is required")?;
            let parts = [
                ("protocol", "#{protocol}"),
                ("host", "#{host}"),
                ("port", "#{port}"),
                ("path", "/#{path}"),
                ("query", "#{query}"),
            ];
            let parts = parts.map(|(name, kept)| text(config, name).unwrap_or(kept).to_string());
            Ok(Action::Redirect(if status == "HTTP_302" { 302 } else { 301 }, parts))
        }
        "forward" => forward(value),
        other => Err(format!("unknown action type: {other}")),
    }
}

fn forward(value: &Value) -> Result<Action, String> {
    let (arn, config) = (text(value, "targetGroupARN"), get(value, "forwardConfig"));
    if let (Some(arn), None) = (arn, config) {
        return Ok(Action::Elsewhere(arn.to_string()));
    }
    let Some(config) = config.filter(|_| arn.is_none()) else {
        return Err("precisely one of TargetGroupArn and ForwardConfig can be specified".into());
    };
    let groups = get(config, "targetGroups").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for group in groups {
        let named = text(group, "serviceName").is_some();
        let fault = if text(group, "targetGroupARN").is_some() == named {
            "precisely one of targetGroupARN and serviceName can be specified"
        } else if named && get(group, "servicePort").is_none() {
            "missing servicePort"
        } else {
            continue;
        };
        return Err(format!("invalid ForwardConfig: invalid TargetGroupTuple: {fault}"));
    }
    if groups.len() > 1 && groups.iter().any(|group| get(group, "weight").is_none()) {
        return Err("invalid ForwardConfig: weight must be set when route to multiple target groups".into());
    }
    let Some(first) = groups.first() else { return Ok(Action::Answer(503)) };
    match (text(first, "serviceName"), get(first, "servicePort")) {
        (Some(service), Some(port)) => {
            let port = port.as_str().map_or_else(|| port.to_string(), str::to_string);
            Ok(Action::Forward(service.to_string(), port, groups.len() > 1))
        }
        _ => Ok(Action::Elsewhere(text(first, "targetGroupARN").unwrap_or_default().to_string())),
    }
}

/// Where a redirect leads: the parts, with those of the request filled in.
pub fn location(parts: &[String; 5], https: bool, host: &str, path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (scheme, port) = if https { ("https", "443") } else { ("http", "80") };
    let fill = |part: &String| {
        let kept =
            [("protocol", scheme), ("host", host), ("port", port), ("path", path.trim_start_matches('/')), ("query", query)];
        kept.iter().fold(part.clone(), |text, (name, value)| text.replace(&format!("#{{{name}}}"), value))
    };
    let [protocol, host, port, path, query] = parts;
    let query = fill(query);
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}://{}:{}{}{mark}{query}", fill(protocol).to_ascii_lowercase(), fill(host), fill(port), fill(path))
}

/// Why a path makes the controller refuse the whole Ingress.
pub fn refuses_path(path: &str, path_type: &str) -> Option<String> {
    let wild = path.contains(['*', '?']);
    match path_type {
        "Exact" if wild => Some(format!("exact path shouldn't contain wildcards: {path}")),
        "Prefix" if wild => Some(format!("prefix path shouldn't contain wildcards: {path}")),
        _ => None,
    }
}

/// Whether a pattern of the load balancer takes a text: `*` stands for any letters, `?` for one.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut back) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = back else { return false };
                back = Some((star, from + 1));
                (p, t) = (star + 1, from + 1);
            }
        }
    }
    pattern.get(p..).is_none_or(|rest| rest.iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> Result<Action, String> {
        of(&Labels::from([(annotation("x"), json.to_string())]), "x").unwrap()
    }

    #[test]
    fn an_annotation_says_redirect_fixed_answer_or_forward() {
        let json = r#"{"Type":"redirect","RedirectConfig":{"Protocol":"HTTPS","Port":"443","StatusCode":"HTTP_301"}}"#;
        let Ok(Action::Redirect(301, parts)) = said(json) else { panic!("{:?}", said(json)) };
        assert_eq!(location(&parts, false, "a.io", "/cart?x=1"), "https://a.io:443/cart?x=1");
        assert_eq!(said(r#"{"type":"fixed-response","fixedResponseConfig":{"statusCode":"404"}}"#), Ok(Action::Answer(404)));
        let json = r#"{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"web","servicePort":80}]}}"#;
        assert_eq!(said(json), Ok(Action::Forward("web".into(), "80".into(), false)));
        assert_eq!(of(&Labels::new(), "x"), None);
    }

    #[test]
    fn an_action_that_lacks_something_is_refused_in_the_controllers_words() {
        assert_eq!(said(r#"{"type":"redirect"}"#), Err("missing RedirectConfig".into()));
        assert_eq!(said(r#"{"type":"moved"}"#), Err("unknown action type: moved".into()));
        assert!(said("{").unwrap_err().starts_with("failed to parse json annotation, alb.ingress.kubernetes.io/actions.x: {"));
        let two = r#"{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"a","servicePort":80},{"serviceName":"b","servicePort":80}]}}"#;
        assert_eq!(said(two), Err("invalid ForwardConfig: weight must be set when route to multiple target groups".into()));
    }

    #[test]
    fn patterns_take_any_letters_and_single_ones() {
        for (pattern, text, fits) in [
            ("/*", "/", true),
            ("/x*", "/xy/z", true),
            ("/x*", "/y", false),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
