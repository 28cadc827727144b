//! Whole requests as text: manifests and a request in, the trace out. `UPDATE=1 cargo test --test routes` writes the texts anew.
//!
//! Each `tests/fixtures/routes/*.yaml` begins with comments that say what to do: `# from:`, `# target:`, and where wanted
//! `# via:`, `# method:`, `# header:`, `# seed:`, `# event:` (several, in order), `# settings:` (a YAML map), `# keep-alive: yes` (over
//! a connection that was opened before the events). The `.txt` beside it is what happens.

use kubehop::cluster::{Action, Cluster};
use kubehop::data_plane::DataPlane;
use kubehop::kubectl::{SourceFile, read};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::{Reason, Request, Trace};
use kubehop::words::Words;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A fixture, played up to its request.
struct Case {
    cluster: Cluster,
    plane: DataPlane,
    request: Request,
}

fn case(text: &str) -> Case {
    let said = |key: &str| {
        let prefix = format!("# {key}: ");
        text.lines()
            .take_while(|line| line.starts_with('#'))
            .filter_map(move |line| line.strip_prefix(&prefix).map(str::to_string))
    };
    let one = |key: &str| said(key).next();
    let settings: Settings = one("settings").map(|text| serde_yaml::from_str(&text).unwrap()).unwrap_or_default();
    let file = SourceFile { name: "case.yaml".into(), text: text.to_string() };
    let (manifests, problems) = read(&[file]);
    assert!(problems.is_empty(), "{problems:?}");
    let pod = |text: String| text.parse().unwrap();
    let header = |line: String| line.split_once(": ").map(|(key, value)| (key.to_string(), value.to_string())).unwrap();
    let mut cluster = Cluster::new(Arc::new(settings), Seed(1)).apply(Arc::new(manifests)).cluster;
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
    for event in said("event") {
        let action = Action::parse(&event).unwrap();
        cluster = cluster.act(&action).cluster;
        plane = plane.reprogram(&cluster);
    }
    Case { cluster, plane, request }
}

fn tell(trace: &Trace, words: &Words, indent: &str) -> String {
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

fn words() -> Words {
    Words::read(&fs::read_to_string("static/words/en.json").unwrap()).unwrap()
}

fn fixtures() -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new("tests/fixtures/routes")).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    found.sort();
    found
}

fn trace(case: &Case) -> Trace {
    case.plane.clone().send(&case.cluster, &case.request)
}

#[test]
fn every_route_is_as_written() {
    let words = words();
    let mut differing = Vec::new();
    for path in fixtures() {
        let actual = tell(&trace(&case(&fs::read_to_string(&path).unwrap())), &words, "");
        let text = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&text, &actual).unwrap();
        }
        let expected = fs::read_to_string(&text).unwrap_or_default();
        if expected != actual {
            differing.push(format!("{}:\n--- written\n{expected}--- now\n{actual}", path.display()));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(fixtures().len() >= 40, "only {} routes", fixtures().len());
}

#[test]
fn counting_verdicts_says_the_same_as_telling_the_story() {
    for path in fixtures() {
        let case = case(&fs::read_to_string(&path).unwrap());
        for seed in 0..20 {
            let request = Request { seed: Seed(seed), ..case.request.clone() };
            let trace = case.plane.clone().send(&case.cluster, &request);
            let counted = case.plane.clone().verdict(&case.cluster, &request);
            assert_eq!((trace.verdict, trace.status, trace.pod.clone()), counted, "{} seed {seed}", path.display());
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for path in fixtures() {
        let case = case(&fs::read_to_string(&path).unwrap());
        let bytes = || serde_json::to_string(&trace(&case)).unwrap();
        assert_eq!(bytes(), bytes(), "{}", path.display());
    }
}

#[test]
fn every_hop_begins_where_the_one_before_it_ended() {
    for path in fixtures() {
        let case = case(&fs::read_to_string(&path).unwrap());
        for seed in 0..10 {
            let request = Request { seed: Seed(seed), ..case.request.clone() };
            for trace in all(&case.plane.clone().send(&case.cluster, &request)) {
                follow(&trace, &path);
            }
        }
    }
}

fn all(trace: &Trace) -> Vec<Trace> {
    let mut found = vec![trace.clone()];
    found.extend(trace.calls.iter().flat_map(all));
    found
}

fn follow(trace: &Trace, path: &Path) {
    for pair in trace.hops.windows(2) {
        let [one, two] = pair else { continue };
        // The answer is a packet of its own; so is the controller's second connection, and what it answers the client.
        let other_packet = one.reply != two.reply || one.reason == Reason::Reply || two.reason == Reason::IngressBadGateway;
        if let (false, Some(after), Some(before)) = (other_packet, one.after, two.before) {
            assert_eq!(after, before, "{}: {:?} then {:?}", path.display(), one.reason, two.reason);
        }
    }
}

#[test]
fn every_word_of_every_hop_stands_in_both_languages() {
    let languages =
        ["en", "ko"].map(|name| Words::read(&fs::read_to_string(format!("static/words/{name}.json")).unwrap()).unwrap());
    for path in fixtures() {
        for trace in all(&trace(&case(&fs::read_to_string(&path).unwrap()))) {
            for hop in &trace.hops {
                let title = format!("hop.{:?}.title", hop.reason);
                for words in &languages {
                    assert!(words.text(&hop.text.id).is_some(), "{}", hop.text.id);
                    let text = words.text(&title).unwrap_or_else(|| panic!("no {title}"));
                    for place in text.split('{').skip(1).filter_map(|part| part.split(['}', '|']).next()) {
                        assert!(hop.text.args.contains_key(place), "{title} wants {place}: {:?} in {}", hop.text, path.display());
                    }
                }
            }
        }
    }
}
