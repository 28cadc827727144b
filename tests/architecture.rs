//! The shape of the source: who may import whom, and that every word stands in every language.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lower ranks know nothing of higher ones; equal ranks of different modules know nothing of each other.
const RANKS: [(&str, u32); 20] = [
    ("api", 0),
    ("random", 1),
    ("words", 1),
    ("diagnostic", 2),
    ("packet", 2),
    ("trace", 3),
    ("netfilter", 4),
    ("settings", 5),
    ("kubectl", 6),
    ("cluster", 7),
    ("node", 8),
    ("addons", 8),
    ("control_plane", 9),
    ("data_plane", 9),
    ("scene", 10),
    ("explain", 11),
    ("lesson", 11),
    ("session", 12),
    ("app", 13),
    ("cli", 13),
];

/// `kubectl`'s printers and advice read a cluster: files that stand above their folder.
const PROMOTED: [(&str, u32); 3] = [("src/kubectl/printers", 10), ("src/kubectl/describe", 10), ("src/kubectl/advise", 10)];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    files.sort();
    let read = |path: PathBuf| (path.to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap());
    files.into_iter().map(read).collect()
}

fn rank(module: &str) -> Option<u32> {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

/// The code of a file without its tests, which may import anything.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
        let Some(mut own) = rank(module) else { continue };
        if let Some((_, promoted)) = PROMOTED.iter().find(|(prefix, _)| path.starts_with(prefix)) {
            own = *promoted;
        }
        for part in shipped(&text).split("crate::").skip(1) {
            let other: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let allowed = other == module || rank(&other).is_none_or(|rank| rank < own);
            if !allowed {
                wrong.push(format!("{path} imports crate::{other}"));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn language(name: &str) -> BTreeMap<String, String> {
    serde_json::from_str(&fs::read_to_string(format!("static/words/{name}.json")).unwrap()).unwrap()
}

fn placeholders(text: &str) -> BTreeSet<String> {
    let names = text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
    names.map(|name| name.split('|').next().unwrap_or_default().to_string()).collect()
}

#[test]
fn every_text_stands_in_both_languages_with_the_same_placeholders() {
    let (english, korean) = (language("en"), language("ko"));
    let ids = |words: &BTreeMap<String, String>| words.keys().cloned().collect::<BTreeSet<_>>();
    let differing: Vec<_> = ids(&english).symmetric_difference(&ids(&korean)).cloned().collect();
    assert!(differing.is_empty(), "in one language only: {differing:?}");
    for (id, text) in &english {
        assert_eq!(placeholders(text), placeholders(&korean[id]), "placeholders of {id}");
        assert!(!text.trim().is_empty() && !korean[id].trim().is_empty(), "{id} is empty");
    }
}

#[test]
fn every_message_in_the_code_has_its_text() {
    let english = language("en");
    let mut missing = BTreeSet::new();
    for (path, text) in sources() {
        if path == "src/words.rs" {
            continue;
        }
        for part in shipped(&text).split("msg!(").skip(1) {
            let Some(rest) = part.trim_start().strip_prefix('"') else { continue };
            let id = rest.split('"').next().unwrap_or_default();
            if !english.contains_key(id) {
                missing.insert(format!("{path}: {id}"));
            }
        }
    }
    assert!(missing.is_empty(), "without words:\n{}", missing.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_engine_keeps_no_clock_and_no_hash_order() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let page = path.starts_with("src/app/") || path.starts_with("src/cli/") || path.starts_with("src/bin/");
        for word in ["HashMap", "HashSet", "Instant::now", "SystemTime"] {
            if !page && shipped(&text).contains(word) {
                wrong.push(format!("{path}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Trunk refuses to serve while a folder that it is not to watch is missing, as in a fresh clone.
#[test]
fn make_serve_makes_every_folder_that_is_not_watched() {
    let trunk = fs::read_to_string("Trunk.toml").unwrap();
    let list = trunk.lines().find_map(|line| line.strip_prefix("ignore = [")).unwrap();
    let makefile = fs::read_to_string("Makefile").unwrap();
    let recipe = makefile.split_once("\nserve: tools\n").and_then(|(_, rest)| rest.split_once("\n\n")).unwrap().0;
    // The tests are committed, and the tools bring the npm packages.
    for folder in list.split('"').skip(1).step_by(2).filter(|folder| !["tests", "node_modules"].contains(folder)) {
        assert!(recipe.split_whitespace().any(|word| word == folder), "make serve does not make {folder}");
    }
}
