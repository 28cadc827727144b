//! The commands that look at the cluster: check, get, describe, rules, dig.

use super::Outcome;
use super::args::{CheckArgs, DescribeArgs, DigArgs, GetArgs, RulesArgs, TextOrJson};
use super::load;
use super::output::{Out, escaped};
use crate::api::{Kind, ObjectRef};
use crate::cluster::Store;
use crate::data_plane::DataPlane;
use crate::diagnostic::Severity;
use crate::kubectl::printers::{Form, Get};
use crate::kubectl::{describe, printers};
use crate::trace::{DnsResult, Source};
use serde_json::json;

pub fn check(args: &CheckArgs, out: &mut Out) -> Result<Outcome, String> {
    let loaded = load::cluster(&args.cluster, None)?;
    if args.output == TextOrJson::Json {
        let json = out.diagnostics_json(&loaded.diagnostics);
        out.print(&format!("{json}\n"));
        let fine = loaded.diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
        return Ok(Outcome::of(fine));
    }
    Ok(out.diagnostics(&loaded.diagnostics, Severity::Info))
}

pub fn get(args: &GetArgs, out: &mut Out) -> Result<Outcome, String> {
    let form = args.output.as_deref().map(Form::named).transpose()?.unwrap_or_default();
    let asked = Get {
        words: args.words.clone(),
        namespace: args.namespace.clone(),
        all_namespaces: args.all_namespaces,
        selector: args.selector.clone(),
        form,
        show_labels: args.show_labels,
    };
    asked.check()?;
    let loaded = load::cluster(&args.cluster, None)?;
    let outcome = loaded.report(out);
    let printed = printers::get(&loaded.cluster, &asked);
    out.print(&printed.out);
    if !printed.err.is_empty() {
        out.error(printed.err.trim_end());
    }
    Ok(outcome.and(Outcome::of(!printed.failed)))
}

pub fn describe(args: &DescribeArgs, out: &mut Out) -> Result<Outcome, String> {
    let kind = Kind::named(&args.resource)
        .ok_or_else(|| format!("the server doesn't have a resource type \"{}\"", escaped(&args.resource)))?;
    let loaded = load::cluster(&args.cluster, None)?;
    let outcome = loaded.report(out);
    match describe::run(&loaded.cluster, kind, &args.namespace, &args.name) {
        Ok(text) => out.print(&escaped(&text)),
        Err(text) => {
            out.error(text.trim_end());
            return Ok(Outcome::BadNews);
        }
    }
    Ok(outcome)
}

pub fn rules(args: &RulesArgs, out: &mut Out) -> Result<Outcome, String> {
    let loaded = load::cluster(&args.cluster, args.mode)?;
    let outcome = loaded.report(out);
    match DataPlane::program(&loaded.cluster).rules_text(&args.node) {
        Some(text) => {
            out.print(&text);
            Ok(outcome)
        }
        None => {
            out.error(&format!("Error from server (NotFound): nodes \"{}\" not found", escaped(&args.node)));
            Ok(Outcome::BadNews)
        }
    }
}

/// Record types that `dig` may be asked for: those that CoreDNS's plugins answer, and the usual ones that they answer emptily.
const RECORD_TYPES: [&str; 12] = ["A", "AAAA", "ANY", "CAA", "CNAME", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "TXT"];

pub fn dig(args: &DigArgs, out: &mut Out) -> Result<Outcome, String> {
    let from = asker_named(args.from.as_deref())?;
    let kind = args.kind.to_uppercase();
    if !RECORD_TYPES.contains(&kind.as_str()) {
        return Err(format!("{:?}: not a record type: {}", args.kind, RECORD_TYPES.join(", ")));
    }
    if args.name.is_empty() {
        return Err("no name to look up".into());
    }
    let loaded = load::cluster(&args.cluster, None)?;
    let outcome = loaded.report(out);
    if let Some(missing) = from.as_ref().and_then(|from| not_there(&loaded.cluster.store, from)) {
        out.error(&escaped(&missing));
        return Ok(Outcome::BadNews);
    }
    let answer = DataPlane::program(&loaded.cluster).dig(&loaded.cluster, from.as_ref(), &args.name, &kind);
    let (result, why) = match answer {
        Ok(answer) => answer,
        Err(why) => {
            let why = out.say(&why);
            out.error(&why);
            return Ok(Outcome::BadNews);
        }
    };
    if args.output == TextOrJson::Json {
        out.print(&format!("{}\n", json!({"rcode": result.rcode, "answers": result.answers, "searched": result.searched})));
    } else {
        let text = dig_text(&result);
        out.print(&text);
        if let Some(why) = why {
            let why = out.say(&why);
            out.print(&format!(";; {why}\n"));
        }
    }
    let found = result.rcode.as_deref() == Some("NOERROR");
    Ok(outcome.and(Outcome::of(found)))
}

/// Reads `--from`: cluster DNS is what Pods ask; nodes and the world outside have servers of their own.
fn asker_named(from: Option<&str>) -> Result<Option<Source>, String> {
    let Some(text) = from.filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse().map_err(|error| format!("--from: {error}"))? {
        Source::Internet | Source::Node(_) => Err(format!(
            "--from {text}: dig asks as a Pod does (pod/NS/NAME); the cluster's DNS serves neither nodes nor the world outside"
        )),
        source => Ok(Some(source)),
    }
}

/// kubectl's words for a Pod or workload that is not there.
fn not_there(store: &Store, from: &Source) -> Option<String> {
    let (object, resource) = match from {
        Source::Pod(namespace, name) => (ObjectRef::new(Kind::Pod, namespace, name), "pods".to_string()),
        Source::Workload(workload) => {
            let group = workload.kind.api_version().split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
            (workload.clone(), format!("{}{group}", workload.kind.plural()))
        }
        _ => return None,
    };
    let there = store.contains(&object);
    (!there).then(|| format!("Error from server (NotFound): {resource} \"{}\" not found", object.name))
}

/// As `dig` prints its answer section.
fn dig_text(result: &DnsResult) -> String {
    let rcode = result.rcode.as_deref().unwrap_or("no answer");
    let mut text = format!(";; status: {rcode}, ANSWER: {}\n", result.answers.len());
    for name in &result.searched {
        text.push_str(&format!(";; asked: {}\n", escaped(name)));
    }
    for record in &result.answers {
        text.push_str(
            &escaped(&format!("{}\t{}\tIN\t{}\t{}", record.name, record.ttl, record.kind, record.data)).replace("\\t", "\t"),
        );
        text.push('\n');
    }
    text
}
