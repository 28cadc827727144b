//! Whole requests as text: manifests and a request in, the trace out. `UPDATE=1 cargo test --test routes` writes the texts anew.
//!
//! Each `tests/fixtures/routes/*.yaml` begins with comments that say what to do: `# from:`, `# target:`, and where wanted
//! `# via:`, `# method:`, `# header:`, `# seed:`, `# event:` (several, in order), `# settings:` (a YAML map), `# keep-alive: yes` (over
//! a connection that was opened before the events). A line `# then the text becomes:` parts the manifests from an edit of them. The
//! `.txt` beside it is what happens.

mod route;

use kubehop::random::Seed;
use kubehop::trace::{Reason, Request, Trace};
use kubehop::words::Words;
use route::{Case, case, tell};
use std::fs;
use std::path::{Path, PathBuf};

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
            let (verdict, status, pod) = case.plane.clone().verdict(&case.cluster, &request);
            let pod = pod.map(|pod| (pod.metadata.namespace.clone(), pod.metadata.name.clone()));
            assert_eq!(
                (trace.verdict, trace.status, trace.pod.clone()),
                (verdict, status, pod),
                "{} seed {seed}",
                path.display()
            );
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
