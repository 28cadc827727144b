//! From the arguments to a running cluster: files, settings, events.

use super::Outcome;
use super::args::{ClusterArgs, ModeArg};
use super::output::Out;
use crate::cluster::{Action, Cluster};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kubectl::{self, Manifests, SourceFile};
use crate::random::Seed;
use crate::settings::{Mode, Settings};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A cluster with everything applied, and what was found on the way.
pub struct Loaded {
    /// The cluster.
    pub cluster: Cluster,
    /// What reading, admission and advice found.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file, a folder's manifests, or standard input.
pub fn files(paths: &[PathBuf]) -> Result<Vec<SourceFile>, String> {
    let mut files = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map_err(|error| format!("standard input: {error}"))?;
            files.push(SourceFile { name: "-".into(), text: text(bytes, path)? });
        } else if path.is_dir() {
            files.extend(folder(path)?);
        } else {
            files.push(file(path)?);
        }
    }
    Ok(files)
}

fn folder(path: &Path) -> Result<Vec<SourceFile>, String> {
    let entries = std::fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|it| ending == *it)));
    paths.sort();
    if paths.is_empty() {
        return Err(format!("{}: no .yaml, .yml or .json files in this folder", path.display()));
    }
    paths.iter().map(|path| file(path)).collect()
}

fn file(path: &Path) -> Result<SourceFile, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(SourceFile { name: path.display().to_string(), text: text(bytes, path)? })
}

fn text(bytes: Vec<u8>, path: &Path) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| format!("{}: not UTF-8 text", path.display()))
}

/// Reads `--cluster`, with `--mode` on top.
pub fn settings(path: Option<&PathBuf>, mode: Option<ModeArg>) -> Result<Settings, String> {
    let mut settings = match path {
        Some(path) => {
            let file = file(path)?;
            let settings = kubectl::from_yaml::<Settings>(&file.text).map_err(|error| format!("{}: {error}", file.name))?;
            settings.check().map_err(|error| format!("{}: {error}", file.name))?;
            settings
        }
        None => Settings::default(),
    };
    match mode {
        Some(ModeArg::Iptables) => settings.mode = Mode::Iptables,
        Some(ModeArg::Nftables) => settings.mode = Mode::Nftables,
        None => {}
    }
    Ok(settings)
}

/// Builds the cluster and plays the events.
pub fn cluster(args: &ClusterArgs, mode: Option<ModeArg>) -> Result<Loaded, String> {
    watched(args, mode, &mut |_| ())
}

/// As [`cluster`]; shows it before the first event, and after each.
pub fn watched(args: &ClusterArgs, mode: Option<ModeArg>, watch: &mut dyn FnMut(&Cluster)) -> Result<Loaded, String> {
    let settings = settings(args.cluster.as_ref(), mode)?;
    let (manifests, mut diagnostics) = kubectl::read(&files(&args.files)?);
    let events: Vec<String> = settings.start.iter().chain(&args.events).cloned().collect();
    let outcome = Cluster::new(settings, Seed(0)).apply(Arc::new(manifests));
    diagnostics.extend(outcome.diagnostics);
    let mut cluster = outcome.cluster;
    watch(&cluster);
    for event in &events {
        let outcome = match event.strip_prefix("apply ") {
            Some(path) => cluster.apply_more(Arc::new(further(path, &mut diagnostics)?)),
            None => cluster.act(&Action::parse(event).map_err(|error| format!("--event {event:?}: {error}"))?),
        };
        diagnostics.extend(outcome.diagnostics);
        cluster = outcome.cluster;
        watch(&cluster);
    }
    diagnostics.extend(kubectl::advise::advise(&cluster));
    diagnostics.sort_by_key(|found| found.severity);
    Ok(Loaded { cluster, diagnostics })
}

fn further(path: &str, diagnostics: &mut Vec<Diagnostic>) -> Result<Manifests, String> {
    let (manifests, found) = kubectl::read(&files(&[PathBuf::from(path.trim())])?);
    diagnostics.extend(found);
    Ok(manifests)
}

impl Loaded {
    /// Writes errors and warnings to standard error. The outcome of the command so far.
    pub fn report(&self, out: &mut Out) -> Outcome {
        out.diagnostics(&self.diagnostics, Severity::Warning)
    }
}
