//! `kubehop explain`: why a request fails, or why a Pod, a Service or a workload gets no traffic, as ordered checks.

use super::Outcome;
use super::args::{ExplainArgs, Proto, TextOrJson};
use super::load;
use super::output::{Out, escaped};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Cluster;
use crate::data_plane::DataPlane;
use crate::explain::{Explanation, IDLE_TOLD, explain as explain_request, explain_object};
use crate::packet::Protocol;
use crate::random::Seed;
use crate::trace::{FieldRef, Request};
use serde_json::{Value, json};

pub fn explain(args: &ExplainArgs, out: &mut Out) -> Result<Outcome, String> {
    let from = args.call.from.parse().map_err(|error| format!("--from: {error}"))?;
    let loaded = load::cluster(&args.call.cluster, args.call.mode)?;
    loaded.report(out);
    let protocol = match args.target.split_once("://") {
        Some(("udp", _)) => Protocol::Udp,
        Some(("sctp", _)) => Protocol::Sctp,
        _ => Proto::of(args.call.proto),
    };
    let seed = Seed(args.call.seed);
    let request = Request { from, target: args.target.clone(), protocol, via: args.call.via.clone(), seed, ..Request::default() };
    let explanation = match object_named(&args.target)? {
        Some(object) => explain_object(&loaded.cluster, &object, &request).unwrap_or_default(),
        None => {
            let trace = DataPlane::program(&loaded.cluster).send(&loaded.cluster, &request);
            explain_request(&loaded.cluster, &request, &trace)
        }
    };
    let text = match args.call.output {
        TextOrJson::Json => format!("{}\n", to_json(out, &loaded.cluster, &request, &explanation)),
        TextOrJson::Text => to_text(out, &loaded.cluster, &explanation),
    };
    out.print(&text);
    Ok(Outcome::of(explanation.ok()))
}

/// `pod/NAME`, `service/NS/NAME`, `deployment/NAME` ask about an object instead of a request; of other kinds nothing can be asked.
fn object_named(target: &str) -> Result<Option<ObjectRef>, String> {
    let Some((kind, rest)) = target.split_once('/').filter(|(kind, _)| !kind.contains([':', '.'])) else { return Ok(None) };
    let Some(kind) = Kind::named(kind) else { return Ok(None) };
    if !matches!(kind, Kind::Pod | Kind::Service | Kind::Ingress) && !kind.is_workload() {
        let known = "a Pod, a Service, an Ingress or a workload (pod/NAME, service/NAME, ingress/NAME, deployment/NAME)";
        return Err(format!("{target} is neither a request (http://web, db:5432) nor {known}"));
    }
    let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
    Ok(Some(ObjectRef::new(kind, namespace, name)))
}

fn lines(cluster: &Cluster, because: &[FieldRef]) -> Vec<(String, u32)> {
    let mut lines = Vec::new();
    for span in because.iter().filter_map(|field| cluster.locate(field)) {
        if !lines.contains(&(span.file.clone(), span.line)) {
            lines.push((span.file, span.line));
        }
    }
    lines
}

fn to_text(out: &Out, cluster: &Cluster, explanation: &Explanation) -> String {
    let places = |because: &[FieldRef]| -> String {
        lines(cluster, because).iter().map(|(file, line)| format!("      {}:{line}\n", escaped(file))).collect()
    };
    let mut text = String::new();
    for check in &explanation.checks {
        let mark = match check.ok {
            true if check.is_warning() => "warn",
            true if check.is_note() => "note",
            true => "ok  ",
            false => "FAIL",
        };
        text.push_str(&format!("{mark}  {}\n", out.say(&check.text)));
        if !check.ok || check.is_warning() {
            text.push_str(&places(&check.because));
        }
        if let Some(next) = &check.next {
            text.push_str(&format!("      {}: {}\n", out.text("cli.help"), out.say(next)));
        }
    }
    // The Pod of which the failed check tells needs no second word.
    let told = explanation.checks.last().filter(|check| !check.ok).map(|check| &check.text);
    let idle: Vec<_> = explanation.idle.iter().filter(|idle| Some(&idle.why) != told).collect();
    for idle in idle.iter().take(IDLE_TOLD) {
        let name = escaped(&idle.pod.to_string());
        text.push_str(&format!("note  {}\n", out.say(&crate::msg!("cli.explain.idle", pod = name))));
        text.push_str(&format!("      {}\n{}", out.say(&idle.why), places(&idle.because)));
    }
    let more = idle.len().saturating_sub(IDLE_TOLD);
    if more > 0 {
        text.push_str(&format!("note  {}\n", out.say(&crate::msg!("explain.idle.more", count = more))));
    }
    text
}

fn to_json(out: &Out, cluster: &Cluster, request: &Request, explanation: &Explanation) -> Value {
    let places = |because: &[FieldRef]| -> Vec<Value> {
        lines(cluster, because).into_iter().map(|(file, line)| json!({"file": file, "line": line})).collect()
    };
    let objects = |because: &[FieldRef]| {
        let mut objects: Vec<String> = because.iter().map(|field| field.object.to_string()).collect();
        objects.dedup();
        objects
    };
    let check = |check: &crate::explain::Check| {
        json!({
            "check": check.check,
            "ok": check.ok,
            "text": out.say(&check.text),
            "next": check.next.as_ref().map(|next| out.say(next)),
            "objects": objects(&check.because),
            "lines": places(&check.because),
        })
    };
    let idle = |idle: &crate::explain::Idle| {
        let name = format!("{}/{}", idle.pod.namespace, idle.pod.name);
        json!({"pod": name, "text": out.say(&idle.why), "lines": places(&idle.because)})
    };
    json!({
        "request": {"from": request.from.to_string(), "target": request.target},
        "ok": explanation.ok(),
        "checks": explanation.checks.iter().map(check).collect::<Vec<_>>(),
        "idle": explanation.idle.iter().map(idle).collect::<Vec<_>>(),
    })
}
