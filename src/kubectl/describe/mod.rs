//! `kubectl describe`: objects in words, with what belongs to them.
//!
//! Imitates `k8s.io/kubectl/pkg/describe` of 1.36: labels, order and alignment. Leaves out what kubehop does not play:
//! leases, quotas, and resources of whole Pods.

mod networking;
mod node;
mod pod;
mod policy;
mod volumes;
mod workload;

use crate::api::core::{ConfigMap, Event, Namespace, Secret};
use crate::api::meta::{Labels, ObjectMeta};
use crate::api::time::seconds_of;
use crate::api::{Kind, ObjectRef, Resource};
use crate::cluster::{Cluster, Stored};
use crate::kubectl::printers::yaml::yaml;
use crate::kubectl::printers::{Get, age};
use crate::kubectl::tabwriter::align;

/// Runs the words behind `describe`: `svc web -n shop`, `svc/web`, `svc` (all of them).
///
/// # Errors
/// kubectl's message for an unknown resource type, flag or object.
pub fn command(cluster: &Cluster, words: impl Iterator<Item = String>) -> Result<String, String> {
    let asked = Get::parse(words)?;
    let Some((first, names)) = asked.words.split_first() else {
        return Err("error: You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of supported resources.".into());
    };
    let (type_, name) = first.split_once('/').map_or((first.as_str(), None), |(type_, name)| (type_, Some(name)));
    let kind = Kind::named(type_).ok_or_else(|| format!("error: the server doesn't have a resource type \"{type_}\""))?;
    let namespace = asked.namespace.as_deref().unwrap_or("default");
    let names: Vec<&str> = name.into_iter().chain(names.iter().map(String::as_str)).collect();
    let in_view =
        |object: &ObjectRef| object.kind == kind && (asked.all_namespaces || !kind.namespaced() || object.namespace == namespace);
    let objects: Vec<ObjectRef> = if names.is_empty() {
        cluster.store.refs().into_iter().filter(in_view).collect()
    } else {
        names.iter().map(|name| ObjectRef::new(kind, namespace, name)).collect()
    };
    if objects.is_empty() {
        return Err(format!("No resources found in {namespace} namespace."));
    }
    let texts: Result<Vec<String>, String> =
        objects.iter().map(|object| run(cluster, object.kind, &object.namespace, &object.name)).collect();
    Ok(texts?.join("\n\n"))
}

/// Describes one object.
///
/// # Errors
/// kubectl's message when there is no such object: `Error from server (NotFound): services "web" not found`.
pub fn run(cluster: &Cluster, kind: Kind, namespace: &str, name: &str) -> Result<String, String> {
    let object = ObjectRef::new(kind, namespace, name);
    let mut page = Page { cluster, text: String::new(), out: String::new() };
    let found = match kind {
        Kind::Service => page.one(&object, networking::service),
        Kind::Ingress => page.one(&object, networking::ingress),
        Kind::IngressClass => page.one(&object, networking::ingress_class),
        Kind::EndpointSlice => page.one(&object, networking::endpoint_slice),
        Kind::Endpoints => page.one(&object, networking::endpoints),
        Kind::Pod => page.one(&object, pod::pod),
        Kind::Deployment => page.one(&object, workload::deployment),
        Kind::ReplicaSet => page.one(&object, workload::replica_set),
        Kind::ReplicationController => page.one(&object, workload::replication_controller),
        Kind::StatefulSet => page.one(&object, workload::stateful_set),
        Kind::DaemonSet => page.one(&object, workload::daemon_set),
        Kind::Node => page.one(&object, node::node),
        Kind::Namespace => page.one(&object, namespace_),
        Kind::ConfigMap => page.one(&object, config_map),
        Kind::Secret => page.one(&object, secret),
        Kind::NetworkPolicy => page.one(&object, policy::network_policy),
        Kind::Event => page.generic(&object),
    };
    found.ok_or_else(|| not_found(kind, name))?;
    page.flush();
    Ok(page.out)
}

/// kubectl's message for an object that is not there.
fn not_found(kind: Kind, name: &str) -> String {
    let group = match kind.api_version().split_once('/') {
        Some((group, _)) => format!(".{group}"),
        None => String::new(),
    };
    format!("Error from server (NotFound): {}{group} \"{name}\" not found", kind.plural())
}

/// The text so far. Lines are gathered and aligned together, until a table of its own begins.
struct Page<'a> {
    cluster: &'a Cluster,
    text: String,
    out: String,
}

impl<'a> Page<'a> {
    fn one<R: Stored>(&mut self, object: &ObjectRef, describe: fn(&mut Page<'a>, &R)) -> Option<()> {
        let cluster = self.cluster;
        describe(self, cluster.store.get::<R>(&object.namespace, &object.name)?);
        Some(())
    }

    fn generic(&mut self, object: &ObjectRef) -> Option<()> {
        let json = self.cluster.store.to_json(object)?;
        self.text.push_str(&yaml(&json));
        Some(())
    }

    /// One line: a label, a tab, a value; more tabs make more columns.
    fn line(&mut self, text: impl AsRef<str>) {
        self.text.push_str(text.as_ref());
        self.text.push('\n');
    }

    fn flush(&mut self) {
        self.out.push_str(&align(&std::mem::take(&mut self.text), 2));
    }

    fn name_and_namespace(&mut self, meta: &ObjectMeta) {
        self.line(format!("Name:\t{}", meta.name));
        self.line(format!("Namespace:\t{}", meta.namespace));
    }

    fn labels_and_annotations(&mut self, meta: &ObjectMeta) {
        self.labels("Labels", &meta.labels);
        self.annotations("Annotations", &meta.annotations);
    }

    fn labels(&mut self, title: &str, labels: &Labels) {
        let values: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        self.list(title, &values);
    }

    /// A title and its values, one a line.
    fn list(&mut self, title: &str, values: &[String]) {
        match values.split_first() {
            None => self.line(format!("{title}:\t<none>")),
            Some((first, rest)) => {
                self.line(format!("{title}:\t{first}"));
                rest.iter().for_each(|value| self.line(format!("\t{value}")));
            }
        }
    }

    fn annotations(&mut self, title: &str, annotations: &Labels) {
        const LONGEST: usize = 140;
        let mut lines = Vec::new();
        for (key, value) in annotations.iter().filter(|(key, _)| *key != "kubectl.kubernetes.io/last-applied-configuration") {
            let value = value.strip_suffix('\n').unwrap_or(value);
            if value.len() + key.len() + 2 <= LONGEST && !value.contains('\n') {
                lines.push(format!("{key}: {value}"));
                continue;
            }
            lines.push(format!("{key}:"));
            lines.extend(value.split('\n').map(|part| format!("  {}", shorten(part, LONGEST - 2))));
        }
        self.list(title, &lines);
    }

    fn controlled_by(&mut self, meta: &ObjectMeta) {
        if let Some(owner) = meta.owner_references.iter().find(|owner| owner.controller == Some(true)) {
            self.line(format!("Controlled By:\t{}/{}", owner.kind, owner.name));
        }
    }

    fn events<R: Resource>(&mut self, object: &R) {
        let (kind, meta) = (R::KIND.name(), object.metadata());
        let about = |event: &&Event| {
            let involved = &event.involved_object;
            involved.kind == kind && involved.name == meta.name && involved.namespace == meta.namespace
        };
        let mut events: Vec<&Event> = self.cluster.store.all::<Event>().filter(about).collect();
        if events.is_empty() {
            return self.line("Events:\t<none>");
        }
        self.flush();
        // Those of one second stand in the order in which they were written.
        let written = |event: &Event| event.metadata.resource_version.parse::<u64>().unwrap_or_default();
        events.sort_by_key(|event| (event.last_timestamp.as_deref().and_then(seconds_of), written(event)));
        self.line("Events:");
        self.line("  Type\tReason\tAge\tFrom\tMessage");
        self.line("  ----\t------\t----\t----\t-------");
        for event in events {
            let now = self.cluster.clock();
            let first = age(event.first_timestamp.as_deref(), now);
            let often = || format!("{} (x{} over {first})", age(event.last_timestamp.as_deref(), now), event.count);
            let when = if event.count > 1 { often() } else { first.clone() };
            let field = &event.involved_object.field_path;
            let about = if field.is_empty() { String::new() } else { format!("{field}: ") };
            let message = event.message.trim();
            self.line(format!("  {}\t{}\t{when}\t{}\t{about}{message}", event.type_, event.reason, event.source.component));
        }
    }
}

fn shorten(text: &str, longest: usize) -> String {
    let mut end = longest;
    while !text.is_char_boundary(end.min(text.len())) {
        end -= 1;
    }
    text.get(..end).filter(|_| text.len() > longest).map_or_else(|| text.to_string(), |cut| format!("{cut}..."))
}

/// `app=web,tier=front`, or `<none>`: `labels.FormatLabels`.
fn pairs(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    or_none(pairs.join(","))
}

fn or_none(text: String) -> String {
    if text.is_empty() { "<none>".into() } else { text }
}

fn or_unset(text: &str) -> &str {
    if text.is_empty() { "<unset>" } else { text }
}

/// RFC 1123 with a numeric zone, as Go's `time.RFC1123Z`: `Thu, 01 Jan 2026 00:01:40 +0000`.
fn written_date(timestamp: Option<&str>) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let written = |text: &str| {
        // 2026-01-01, the first virtual day, was a Thursday.
        let weekday = DAYS.get(usize::try_from(seconds_of(text)?.div_euclid(86_400).rem_euclid(7)).ok()?)?;
        let month = MONTHS.get(text.get(5..7)?.parse::<usize>().ok()?.checked_sub(1)?)?;
        Some(format!("{weekday}, {} {month} {} {} +0000", text.get(8..10)?, text.get(..4)?, text.get(11..19)?))
    };
    timestamp.and_then(written).unwrap_or_else(|| "Mon, 01 Jan 0001 00:00:00 +0000".into())
}

fn namespace_(page: &mut Page, namespace: &Namespace) {
    page.line(format!("Name:\t{}", namespace.metadata.name));
    page.labels_and_annotations(&namespace.metadata);
    page.line("Status:\tActive");
    page.line("");
    page.line("No resource quota.");
    page.line("");
    page.line("No LimitRange resource.");
}

fn config_map(page: &mut Page, map: &ConfigMap) {
    page.name_and_namespace(&map.metadata);
    page.labels_and_annotations(&map.metadata);
    page.line("\nData\n====");
    for (key, value) in &map.data {
        page.line(format!("{key}:\n----\n{value}\n"));
    }
    page.line("\nBinaryData\n====\n");
    page.events(map);
}

fn secret(page: &mut Page, secret: &Secret) {
    page.name_and_namespace(&secret.metadata);
    page.labels_and_annotations(&secret.metadata);
    page.line(format!("\nType:\t{}", secret.type_));
    page.line("\nData\n====");
    for (key, value) in &secret.data {
        let digits = value.bytes().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count();
        page.line(format!("{key}:\t{} bytes", digits * 6 / 8));
    }
}

#[cfg(test)]
mod tests;
