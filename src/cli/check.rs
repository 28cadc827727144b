//! The commands that look at the cluster: check, get, describe, rules, dig.

use super::Outcome;
use super::args::{CheckArgs, DescribeArgs, DigArgs, GetArgs, RulesArgs, TextOrJson};
use super::load;
use super::output::{Out, escaped};
use crate::addons::coredns::Zone;
use crate::addons::coredns::resolver::{self, ResolvConf};
use crate::api::Kind;
use crate::api::core::Pod;
use crate::api::discovery::EndpointSlice;
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
    let Some(asker) = asker(&loaded.cluster.store, from.as_ref()) else {
        out.error(&escaped(&not_there(from.as_ref())));
        return Ok(Outcome::BadNews);
    };
    let result = look_up(&loaded.cluster.store, &asker, &args.name, &kind);
    if args.output == TextOrJson::Json {
        out.print(&format!("{}\n", json!({"rcode": result.rcode, "answers": result.answers, "searched": result.searched})));
    } else {
        let text = dig_text(&result);
        out.print(&text);
    }
    let found = result.rcode.as_deref() == Some("NOERROR");
    Ok(outcome.and(Outcome::of(found)))
}

/// As the Pod's resolver does. While no CoreDNS Pod is ready, it hears nothing from the cluster's server and gives up.
fn look_up(store: &Store, pod: &Pod, name: &str, kind: &str) -> DnsResult {
    let zone = Zone::of(store);
    let server = zone.own_service().map(|(address, _)| address.to_string()).unwrap_or_default();
    let conf = ResolvConf::of(pod, &server);
    if conf.asks_cluster(&server) && !answers(store) {
        return resolver::search(&conf, name, |_| DnsResult::default());
    }
    resolver::resolve(&zone, pod, name, kind)
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
fn not_there(from: Option<&Source>) -> String {
    let (resource, name) = match from {
        Some(Source::Pod(_, name)) => ("pods".to_string(), name.as_str()),
        Some(Source::Workload(workload)) => {
            let group = workload.kind.api_version().split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
            (format!("{}{group}", workload.kind.plural()), workload.name.as_str())
        }
        _ => (String::new(), ""),
    };
    format!("Error from server (NotFound): {resource} \"{name}\" not found")
}

/// Who asks: the Pod that was named, or any Pod of the namespace `default`.
fn asker(store: &Store, from: Option<&Source>) -> Option<Pod> {
    match from {
        Some(Source::Pod(namespace, name)) => store.get::<Pod>(namespace, name).cloned(),
        Some(Source::Workload(workload)) => store
            .in_namespace::<Pod>(&workload.namespace)
            .find(|pod| pod.metadata.name.starts_with(&format!("{}-", workload.name)))
            .cloned(),
        _ => {
            let mut anybody = Pod::default();
            anybody.metadata.namespace = "default".into();
            Some(anybody)
        }
    }
}

/// Whether a ready CoreDNS Pod stands behind kube-dns.
fn answers(store: &Store) -> bool {
    let own =
        |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name").is_some_and(|name| name == "kube-dns");
    let mut slices = store.in_namespace::<EndpointSlice>("kube-system").filter(own);
    slices.any(|slice| slice.endpoints.iter().any(|endpoint| endpoint.conditions.ready.unwrap_or(true)))
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
