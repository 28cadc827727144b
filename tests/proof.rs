//! The figures that the page shows of the comparisons, `static/proof.txt`: written by `UPDATE=1`, and never more than there is.
//!
//! `goldens` counts the files of `tests/goldens`, `fuzz` the fresh cases of the last `make oracle UPDATE=1`, `kernel` the
//! connections of the last `UPDATE=1 cargo test --test kernel`, `kept` the differences that `tests/oracle/README.md` lists.

use std::collections::BTreeMap;
use std::fs;

const FILE: &str = "static/proof.txt";

/// Key (one or two words) to figure.
fn noted() -> BTreeMap<String, String> {
    let text = fs::read_to_string(FILE).unwrap_or_default();
    let entry = |line: &str| line.rsplit_once(' ').map(|(key, figure)| (key.to_string(), figure.to_string()));
    text.lines().filter_map(entry).collect()
}

/// What can be counted here and now.
fn counted() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for topic in fs::read_dir("tests/goldens").unwrap().map(|entry| entry.unwrap().path()) {
        let outs =
            fs::read_dir(&topic).unwrap().filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "out"));
        found.insert(format!("goldens {}", topic.file_name().unwrap().to_string_lossy()), outs.count().to_string());
    }
    let module = fs::read_to_string("tests/oracle/go.mod").unwrap();
    for (key, name) in [("kubernetes", "k8s.io/kubernetes"), ("coredns", "github.com/coredns/coredns")] {
        let version = module.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix('v'));
        found.insert(key.into(), version.unwrap().split_whitespace().next().unwrap().to_string());
    }
    let readme = fs::read_to_string("tests/oracle/README.md").unwrap();
    let kept = readme.split("## Differences that are kept").nth(1).unwrap().split("Not validated:").next().unwrap();
    found.insert("kept".into(), kept.lines().filter(|line| line.starts_with("- ")).count().to_string());
    if let (Ok(topics), Ok(cases)) = (std::env::var("COMPARED"), std::env::var("CASES")) {
        found.extend(topics.split_whitespace().map(|topic| (format!("fuzz {topic}"), cases.clone())));
    }
    found
}

#[test]
fn the_page_claims_no_more_than_was_compared() {
    let counted = counted();
    if std::env::var_os("UPDATE").is_some() {
        let mut figures = noted();
        figures.extend(counted);
        let lines: Vec<String> = figures.iter().map(|(key, figure)| format!("{key} {figure}\n")).collect();
        return fs::write(FILE, lines.concat()).unwrap();
    }
    let noted = noted();
    for (key, figure) in counted.iter().filter(|(key, _)| !key.starts_with("fuzz")) {
        let claimed = noted.get(key).unwrap_or_else(|| panic!("{key} is missing: run UPDATE=1 cargo test --test proof"));
        match (claimed.parse::<u32>(), figure.parse::<u32>()) {
            (Ok(claimed), Ok(figure)) if key == "kept" => {
                assert_eq!(claimed, figure, "{key}: run UPDATE=1 cargo test --test proof")
            }
            (Ok(claimed), Ok(figure)) => assert!(claimed <= figure, "{key}: {claimed}, but there are {figure}"),
            _ => assert_eq!(claimed, figure, "{key}"),
        }
    }
}
