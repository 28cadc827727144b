//! `kubehop trace`: requests sent, and what happened to them, as text or as one JSON object a line.

use super::Outcome;
use super::args::{Proto, TextOrJson, TraceArgs};
use super::load::{self, Loaded};
use super::output::{Out, escaped};
use crate::api::core::Pod;
use crate::cluster::Cluster;
use crate::data_plane::DataPlane;
use crate::data_plane::growth::{FURTHER, rules_looked_at};
use crate::packet::Flow;
use crate::random::Seed;
use crate::settings::Mode;
use crate::trace::{Hop, Request, Trace, Verdict};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// More connections than this show progress.
const LONG: u32 = 10_000;

pub fn trace(args: &TraceArgs, out: &mut Out) -> Result<Outcome, String> {
    let mut request = request(args)?;
    let (loaded, mut plane) = network(args, &request)?;
    let mut outcome = loaded.report(out);
    // A request that makes no sense looks at no rule: its trace says why.
    if args.modes && plane.verdict(&loaded.cluster, &request).0 != Verdict::Rejected {
        modes(args.call.output, &loaded.cluster, &request, out);
        return Ok(outcome);
    }
    let mut tally: BTreeMap<String, u32> = BTreeMap::new();
    for number in 0..args.count {
        request.seed = Seed(args.call.seed.wrapping_add(u64::from(number)));
        if args.call.output == TextOrJson::Text && args.count > 1 {
            let (verdict, status, pod) = plane.verdict(&loaded.cluster, &request);
            outcome = outcome.and(Outcome::of(verdict.arrived(status)));
            let pod = pod.map(|pod| (pod.metadata.namespace.clone(), pod.metadata.name.clone()));
            *tally.entry(ending(&loaded.cluster, verdict, status, pod)).or_default() += 1;
        } else {
            let trace = plane.send(&loaded.cluster, &request);
            outcome = outcome.and(Outcome::of(trace.arrived()));
            match args.call.output {
                TextOrJson::Json => {
                    let json = to_json(out, &loaded.cluster, &trace);
                    out.print(&format!("{json}\n"));
                }
                TextOrJson::Text => {
                    let text = to_text(out, &loaded.cluster, &trace, "");
                    out.print(&text);
                }
            }
        }
        if args.count > LONG && (number + 1) % 1000 == 0 {
            out.progress(number as usize + 1, args.count as usize);
        }
    }
    for (ending, count) in tally {
        out.print(&format!("{count:>7}  {ending}\n"));
    }
    Ok(outcome)
}

/// How many rules the request looks at in each mode as Services grow: a table, or one JSON object a line.
fn modes(output: TextOrJson, cluster: &Cluster, request: &Request, out: &mut Out) {
    if output == TextOrJson::Text {
        let heading = format!("{:>18}  {:>10}  {:>10}\n", out.text("modes.further"), "iptables", "nftables");
        out.print(&heading);
    }
    for further in FURTHER {
        let [iptables, nftables] = [Mode::Iptables, Mode::Nftables].map(|mode| rules_looked_at(cluster, request, mode, further));
        let line = match output {
            TextOrJson::Text => format!("{further:>18}  {iptables:>10}  {nftables:>10}\n"),
            TextOrJson::Json => {
                format!("{}\n", json!({"furtherServices": further, "iptables": iptables, "nftables": nftables}))
            }
        };
        out.print(&line);
    }
    if output == TextOrJson::Text {
        for id in ["modes.counted", "modes.why", "modes.random"] {
            let text = out.text(id).replace("**", "");
            out.print(&format!("{text}\n"));
        }
    }
}

/// The cluster with all events played, and its network; with `--keep-alive` a connection is open since before the events.
fn network(args: &TraceArgs, request: &Request) -> Result<(Loaded, DataPlane), String> {
    if !args.keep_alive {
        let loaded = load::cluster(&args.call.cluster, args.call.mode)?;
        let plane = DataPlane::program(&loaded.cluster);
        return Ok((loaded, plane));
    }
    let mut plane: Option<DataPlane> = None;
    let loaded = load::watched(&args.call.cluster, args.call.mode, &mut |cluster| {
        let next = match &plane {
            Some(plane) => plane.reprogram(cluster),
            None => {
                let mut first = DataPlane::program(cluster);
                first.verdict(cluster, request);
                first
            }
        };
        plane = Some(next);
    })?;
    let plane = plane.unwrap_or_else(|| DataPlane::program(&loaded.cluster));
    Ok((loaded, plane))
}

fn request(args: &TraceArgs) -> Result<Request, String> {
    let header = |line: &String| {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("-H {line:?}: not of the form 'Name: value'"))?;
        Ok((name.trim().to_string(), value.trim().to_string()))
    };
    Ok(Request {
        from: args.call.from.parse().map_err(|error| format!("--from: {error}"))?,
        target: args.target.clone(),
        method: args.method.clone(),
        headers: args.headers.iter().map(header).collect::<Result<_, String>>()?,
        protocol: Proto::of(args.call.proto),
        keep_alive: args.keep_alive,
        via: args.call.via.clone(),
        seed: Seed(args.call.seed),
    })
}

/// `delivered to default/web-x on node-3`, for tallies.
fn ending(cluster: &Cluster, ended: Verdict, status: Option<u16>, pod: Option<(String, String)>) -> String {
    let mut text = verdict(ended);
    if let Some(status) = status {
        text.push_str(&format!(" {status}"));
    }
    if let Some((namespace, name)) = pod {
        let node = cluster.store.get::<Pod>(&namespace, &name).map_or("", |pod| pod.spec.node_name.as_str());
        text.push_str(&format!("  {namespace}/{name}  {node}"));
    }
    text
}

fn verdict(verdict: Verdict) -> String {
    serde_json::to_value(verdict).ok().and_then(|value| value.as_str().map(str::to_string)).unwrap_or_default()
}

fn flow(flow: Option<Flow>) -> Value {
    flow.map_or(Value::Null, |flow| json!({"src": flow.src.to_string(), "dst": flow.dst.to_string()}))
}

fn lines(cluster: &Cluster, hop: &Hop) -> Vec<Value> {
    let mut lines: Vec<Value> = Vec::new();
    for span in hop.because.iter().filter_map(|field| cluster.locate(field)) {
        let line = json!({"file": span.file, "line": span.line});
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// One trace in the command line's contract.
pub fn to_json(out: &Out, cluster: &Cluster, trace: &Trace) -> Value {
    let hop = |hop: &Hop| {
        json!({
            "at": hop.at.to_string(),
            "reason": hop.reason,
            "text": out.say(&hop.text),
            "objects": hop.objects.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "lines": lines(cluster, hop),
            "rule": hop.rules.last().map(|rule| &rule.text),
            "before": flow(hop.before),
            "after": flow(hop.after),
        })
    };
    let request = &trace.request;
    let mut whole = Map::new();
    let mut put = |key: &str, value: Value| whole.insert(key.to_string(), value);
    put("request", json!({"from": request.from.to_string(), "target": request.target, "seed": request.seed}));
    put("verdict", json!(trace.verdict));
    put("status", json!(trace.status));
    put("pod", json!(trace.pod.as_ref().map(|(namespace, name)| format!("{namespace}/{name}"))));
    put("podIP", json!(trace.pod_ip));
    put("port", json!(trace.port));
    put("node", json!(trace.node));
    put("sourceSeenByPod", json!(trace.source_seen_by_pod));
    if let Some(dns) = &trace.dns {
        put("dns", json!({"rcode": dns.rcode, "answers": dns.answers}));
    }
    put("hops", trace.hops.iter().map(hop).collect());
    put("assumptions", trace.assumptions.iter().map(|message| json!(out.say(message))).collect());
    put("calls", trace.calls.iter().map(|call| to_json(out, cluster, call)).collect());
    Value::Object(whole)
}

/// One trace for people.
pub fn to_text(out: &Out, cluster: &Cluster, trace: &Trace, indent: &str) -> String {
    let request = &trace.request;
    let mut text = format!("{indent}{} <- {} (seed {})\n", escaped(&request.target), request.from, request.seed.0);
    for (number, hop) in trace.hops.iter().enumerate() {
        text.push_str(&hop_text(out, cluster, number + 1, hop, indent));
    }
    for call in &trace.calls {
        text.push_str(&to_text(out, cluster, call, &format!("{indent}    ")));
    }
    text.push_str(&format!("{indent}=> {}", ending(cluster, trace.verdict, trace.status, trace.pod.clone())));
    if let Some(source) = trace.source_seen_by_pod {
        text.push_str(&format!("  ({} {source})", out.text("cli.sourceSeen")));
    }
    text.push('\n');
    if let Some(advice) = &trace.advice {
        text.push_str(&format!("{indent}   {}\n{indent}   {}\n", out.say(&advice.why), out.say(&advice.next)));
    }
    for assumption in &trace.assumptions {
        text.push_str(&format!("{indent}   {}: {}\n", out.text("cli.assumption"), out.say(assumption)));
    }
    text
}

fn hop_text(out: &Out, cluster: &Cluster, number: usize, hop: &Hop, indent: &str) -> String {
    let at = hop.at.to_string();
    let addresses = match (hop.before, hop.after) {
        (Some(before), Some(after)) if before != after => {
            format!("{} -> {}  =>  {} -> {}", before.src, before.dst, after.src, after.dst)
        }
        (Some(flow), _) | (None, Some(flow)) => format!("{} -> {}", flow.src, flow.dst),
        (None, None) => String::new(),
    };
    let reason = serde_json::to_value(hop.reason).ok().and_then(|it| it.as_str().map(str::to_string)).unwrap_or_default();
    let mut text = format!("{indent}{number:>3}  {:<28} {reason:<22} {addresses}\n", escaped(&at));
    text.push_str(&format!("{indent}     {}\n", out.say(&hop.text)));
    if let Some(rule) = hop.rules.last().filter(|rule| !rule.text.is_empty()) {
        text.push_str(&format!("{indent}     {}\n", rule.text));
    }
    let mut places: Vec<String> = Vec::new();
    for span in hop.because.iter().filter_map(|field| cluster.locate(field)) {
        let place = format!("{}:{}", escaped(&span.file), span.line);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if !places.is_empty() {
        text.push_str(&format!("{indent}     {}: {}\n", out.text("cli.because"), places.join(", ")));
    }
    text
}
