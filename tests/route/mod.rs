//! A route as text: what `tests/routes.rs` compares natively, and `tests/web.rs` in WebAssembly.

use kubehop::cluster::{Action, Cluster};
use kubehop::data_plane::DataPlane;
use kubehop::kubectl::{SourceFile, read};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::{Request, Trace};
use kubehop::words::Words;
use std::fmt::Write;
use std::sync::Arc;

/// A fixture, played up to its request.
pub struct Case {
    pub cluster: Cluster,
    pub plane: DataPlane,
    pub request: Request,
}

/// Plays a fixture up to its request.
pub fn case(text: &str) -> Case {
    let said = |key: &str| {
        let prefix = format!("# {key}: ");
        text.lines()
            .take_while(|line| line.starts_with('#'))
            .filter_map(move |line| line.strip_prefix(&prefix).map(str::to_string))
    };
    let one = |key: &str| said(key).next();
    let settings: Settings = one("settings").map(|text| serde_yaml::from_str(&text).unwrap()).unwrap_or_default();
    let manifests = |text: &str| {
        let file = SourceFile { name: "case.yaml".into(), text: text.to_string() };
        let (manifests, problems) = read(&[file]);
        assert!(problems.is_empty(), "{problems:?}");
        Arc::new(manifests)
    };
    let mut edits = text.split("\n# then the text becomes:\n").map(manifests);
    let pod = |text: String| text.parse().unwrap();
    let header = |line: String| line.split_once(": ").map(|(key, value)| (key.to_string(), value.to_string())).unwrap();
    let mut cluster = Cluster::new(Arc::new(settings), Seed(1)).apply(edits.next().unwrap()).cluster;
    let request = Request {
        from: one("from").map(pod).unwrap_or_default(),
        target: one("target").unwrap(),
        method: one("method").unwrap_or_default(),
        headers: said("header").map(header).collect(),
        via: one("via"),
        seed: Seed(one("seed").map_or(1, |seed| seed.parse().unwrap())),
        keep_alive: one("keep-alive").is_some(),
        ..Request::default()
    };
    let mut plane = DataPlane::program(&cluster);
    if request.keep_alive {
        plane.verdict(&cluster, &request);
    }
    for edited in edits {
        cluster = cluster.apply(edited).cluster;
        plane = plane.reprogram(&cluster);
    }
    for event in said("event") {
        let action = Action::parse(&event).unwrap();
        cluster = cluster.act(&action).cluster;
        plane = plane.reprogram(&cluster);
    }
    Case { cluster, plane, request }
}

/// What happened, hop by hop. Not every test that plays a case tells of it.
#[allow(dead_code)]
pub fn tell(trace: &Trace, words: &Words, indent: &str) -> String {
    let mut out = String::new();
    let status = trace.status.map(|status| format!(" {status}")).unwrap_or_default();
    let verdict = serde_json::to_value(trace.verdict).unwrap();
    let _ = writeln!(out, "{indent}{} -> {}", trace.request.from, trace.request.target);
    let _ = write!(out, "{indent}{}{status}", verdict.as_str().unwrap());
    if let (Some((namespace, name)), Some(ip), Some(port)) = (&trace.pod, trace.pod_ip, trace.port) {
        let _ = write!(out, " by {namespace}/{name} {ip}:{port} on {}", trace.node.as_deref().unwrap());
        let _ = write!(out, ", which sees {}", trace.source_seen_by_pod.unwrap());
    }
    out.push('\n');
    for (number, hop) in (1..).zip(&trace.hops) {
        let back = if hop.reply { "<- " } else { "" };
        let flow = match (hop.before, hop.after) {
            (Some(before), Some(after)) if before != after => {
                format!("  {} > {}  becomes  {} > {}", before.src, before.dst, after.src, after.dst)
            }
            (Some(before), _) => format!("  {} > {}", before.src, before.dst),
            _ => String::new(),
        };
        let _ = writeln!(out, "{indent}{number:>2} {back}{} [{:?}]{flow}", hop.at, hop.reason);
        let _ = writeln!(out, "{indent}   {}", words.say(&hop.text));
        if let Some(rule) = hop.rules.last() {
            let _ = writeln!(out, "{indent}     {}", rule.text);
        }
        if let Some(field) = hop.because.first() {
            let _ = writeln!(out, "{indent}     because of {} {}", field.object, field.path);
        }
        for (name, value) in &hop.headers {
            let _ = writeln!(out, "{indent}     {name}: {value}");
        }
    }
    if let Some(advice) = &trace.advice {
        if trace.hops.iter().all(|hop| hop.text != advice.why) {
            let _ = writeln!(out, "{indent}why: {}", words.say(&advice.why));
        }
        let _ = writeln!(out, "{indent}next: {}", words.say(&advice.next));
    }
    for assumption in &trace.assumptions {
        let _ = writeln!(out, "{indent}assuming: {}", words.say(assumption));
    }
    for call in &trace.calls {
        let _ = writeln!(out, "{indent}  in turn:");
        out += &tell(call, words, &format!("{indent}    "));
    }
    out
}
