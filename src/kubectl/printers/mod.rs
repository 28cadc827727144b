//! `kubectl get`: which objects a line asks for, and the four forms in which they are printed.
//!
//! Imitates kubectl 1.36's resource names, flags, columns and alignment (`k8s.io/cli-runtime/pkg/printers`,
//! `k8s.io/kubernetes/pkg/printers/internalversion`). Leaves out: custom columns, jsonpath, sorting, watching.

mod columns;
mod selector;
mod status;
pub mod yaml;

pub(super) use columns::label_selector;
pub use status::{age, pod_status};

use crate::api::{Kind, ObjectRef};
use crate::cluster::{Cluster, Store};
use crate::control_plane::apiserver::complete;
use selector::Selector;
use serde_json::{Value, json};

/// How `get` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Form {
    #[default]
    Table,
    Wide,
    Yaml,
    Json,
    Name,
}

/// What `kubectl get` is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Get {
    /// `pods`, `svc,ep`, `deployment/web`, `all`, and names behind the first.
    pub words: Vec<String>,
    /// `-n`; `None` is `default`.
    pub namespace: Option<String>,
    /// `-A`
    pub all_namespaces: bool,
    /// `-l`, as typed.
    pub selector: String,
    /// `-o`
    pub form: Form,
    /// `--show-labels`
    pub show_labels: bool,
}

/// What `get` prints, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Printed {
    /// For standard output.
    pub out: String,
    /// For standard error: deprecation warnings, what was not found.
    pub err: String,
    /// Whether something asked for by name was missing, or the line was wrong.
    pub failed: bool,
}

const ALL: [Kind; 7] = [
    Kind::Pod,
    Kind::ReplicationController,
    Kind::Service,
    Kind::DaemonSet,
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
];

/// Runs a whole line as typed behind `kubectl`, for the page: `get pods -o wide`.
///
/// # Errors
/// kubectl's own message when the line asks for something that is not there.
pub fn run(cluster: &Cluster, line: &str) -> Result<String, String> {
    let mut words = line.split_whitespace().map(str::to_string);
    match words.next().as_deref() {
        Some("get") => {
            let printed = get(cluster, &Get::parse(words)?);
            if printed.failed { Err(printed.err) } else { Ok(printed.out + &printed.err) }
        }
        Some("describe") => crate::kubectl::describe::command(cluster, words),
        other => Err(format!("error: unknown command {:?} for \"kubectl\"", other.unwrap_or_default())),
    }
}

impl Get {
    /// Reads the words behind `get`.
    ///
    /// # Errors
    /// kubectl's message for an unknown flag or form.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Get, String> {
        let mut asked = Get::default();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) if word.starts_with('-') => (flag.to_string(), Some(value.to_string())),
                _ => (word.clone(), None),
            };
            let mut argument = || value.clone().or_else(|| words.next()).unwrap_or_default();
            match flag.as_str() {
                "-n" | "--namespace" => asked.namespace = Some(argument()),
                "-A" | "--all-namespaces" => asked.all_namespaces = true,
                "-l" | "--selector" => asked.selector = argument(),
                "-o" | "--output" => asked.form = Form::named(&argument()).map_err(|error| format!("error: {error}"))?,
                "-owide" => asked.form = Form::Wide,
                "-oyaml" => asked.form = Form::Yaml,
                "-ojson" => asked.form = Form::Json,
                "-oname" => asked.form = Form::Name,
                "--show-labels" => asked.show_labels = true,
                flag if flag.starts_with('-') => return Err(format!("error: unknown flag: {flag}")),
                _ => asked.words.push(word),
            }
        }
        Ok(asked)
    }

    /// Whether kubectl takes the line at all, whatever the cluster holds.
    ///
    /// # Errors
    /// kubectl's message, without its `error: `.
    pub fn check(&self) -> Result<(), String> {
        self.kinds_and_selector().map(|_| ())
    }

    fn kinds_and_selector(&self) -> Result<(Vec<Asked>, Selector), String> {
        let kinds = asked_kinds(&self.words)?;
        let text = self.selector.trim();
        let named = |asked: &&Asked| !asked.names.is_empty();
        if !text.is_empty() && kinds.iter().any(|asked| named(&asked)) {
            // Several kinds with a name stand for `kind/name` each.
            let pairs = kinds.len() > 1 || self.words.iter().any(|word| word.contains('/'));
            return Err(if pairs {
                "selectors and the all flag cannot be used when passing resource/name arguments".into()
            } else {
                "name cannot be provided when a selector is specified".into()
            });
        }
        if self.all_namespaces && kinds.iter().filter(named).any(|asked| asked.kind.namespaced()) {
            return Err("a resource cannot be retrieved by name across all namespaces".into());
        }
        Ok((kinds, Selector::parse(text)?))
    }
}

impl Form {
    /// Reads `-o`'s value.
    ///
    /// # Errors
    /// kubectl's message for an unknown form, without its `error: `.
    pub fn named(word: &str) -> Result<Form, String> {
        match word {
            "wide" => Ok(Form::Wide),
            "yaml" => Ok(Form::Yaml),
            "json" => Ok(Form::Json),
            "name" => Ok(Form::Name),
            _ => Err(format!(
                "unable to match a printer suitable for the output format \"{word}\", allowed formats are: json,name,wide,yaml"
            )),
        }
    }
}

fn no_such_type(word: &str) -> String {
    format!("the server doesn't have a resource type \"{word}\"")
}

/// One kind of a line, and the names asked for; none: all.
struct Asked {
    kind: Kind,
    names: Vec<String>,
}

fn asked_kinds(words: &[String]) -> Result<Vec<Asked>, String> {
    let Some((first, rest)) = words.split_first() else {
        return Err("Required resource not specified.".to_string());
    };
    if first.contains('/') {
        let mut asked = Vec::new();
        for word in words {
            let (kind, name) = word.split_once('/').unwrap_or((word, ""));
            let kind = Kind::named(kind).ok_or_else(|| no_such_type(kind))?;
            asked.push(Asked { kind, names: vec![name.to_string()] });
        }
        return Ok(asked);
    }
    let mut asked = Vec::new();
    for word in first.split(',') {
        if word == "all" {
            asked.extend(ALL.map(|kind| Asked { kind, names: Vec::new() }));
        } else {
            let kind = Kind::named(word).ok_or_else(|| no_such_type(word))?;
            asked.push(Asked { kind, names: rest.to_vec() });
        }
    }
    Ok(asked)
}

/// Carries out `kubectl get`.
pub fn get(cluster: &Cluster, asked: &Get) -> Printed {
    let (kinds, selector) = match asked.kinds_and_selector() {
        Ok(read) => read,
        Err(error) => return Printed { err: format!("error: {error}\n"), failed: true, ..Printed::default() },
    };
    let mut printed = Printed::default();
    let mut groups: Vec<(Kind, Vec<ObjectRef>)> = Vec::new();
    for kind in &kinds {
        let found = find(&cluster.store, asked, kind, &selector, &mut printed);
        match groups.last_mut() {
            Some((last, objects)) if *last == kind.kind => objects.extend(found),
            _ => groups.push((kind.kind, found)),
        }
        if kind.kind == Kind::Endpoints {
            printed.err.push_str("Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n");
        }
    }
    let by_name = kinds.len() == 1 && kinds.iter().all(|kind| kind.names.len() == 1);
    match asked.form {
        Form::Table | Form::Wide => print_tables(cluster, asked, &groups, &mut printed),
        Form::Name => {
            for object in groups.iter().flat_map(|(_, objects)| objects) {
                printed.out.push_str(&format!("{}/{}\n", qualified(object.kind), object.name));
            }
        }
        Form::Json | Form::Yaml => print_objects(cluster, asked.form, &groups, by_name, &mut printed),
    }
    printed
}

/// `deployment.apps`, as `-o name` and tables of several kinds write it.
fn qualified(kind: Kind) -> String {
    let singular = kind.name().to_lowercase();
    match kind.api_version().split_once('/') {
        Some((group, _)) => format!("{singular}.{group}"),
        None => singular,
    }
}

fn find(store: &Store, asked: &Get, kind: &Asked, selector: &Selector, printed: &mut Printed) -> Vec<ObjectRef> {
    let namespace = asked.namespace.as_deref().unwrap_or("default");
    if !kind.names.is_empty() {
        let mut found = Vec::new();
        for name in &kind.names {
            let object = ObjectRef::new(kind.kind, namespace, name);
            if store.contains(&object) {
                found.push(object);
            } else {
                let group = kind.kind.api_version().split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
                let plural = kind.kind.plural();
                printed.err.push_str(&format!("Error from server (NotFound): {plural}{group} \"{name}\" not found\n"));
                printed.failed = true;
            }
        }
        return found;
    }
    let anywhere = asked.all_namespaces || !kind.kind.namespaced();
    let labels = |object: &ObjectRef| {
        let json = store.to_json(object).unwrap_or_default();
        json["metadata"]["labels"].as_object().cloned().unwrap_or_default()
    };
    store
        .refs()
        .into_iter()
        .filter(|object| object.kind == kind.kind && (anywhere || object.namespace == namespace))
        .filter(|object| selector.is_everything() || selector.matches(&labels(object)))
        .collect()
}

fn print_tables(cluster: &Cluster, asked: &Get, groups: &[(Kind, Vec<ObjectRef>)], printed: &mut Printed) {
    let filled: Vec<_> = groups.iter().filter(|(_, objects)| !objects.is_empty()).collect();
    if filled.is_empty() {
        if !printed.failed {
            let namespace = asked.namespace.as_deref().unwrap_or("default");
            let place = if asked.all_namespaces || groups.iter().all(|(kind, _)| !kind.namespaced()) {
                String::new()
            } else {
                format!(" in {namespace} namespace")
            };
            printed.err.push_str(&format!("No resources found{place}\n"));
        }
        return;
    }
    for (at, (kind, objects)) in filled.iter().enumerate() {
        if at > 0 {
            printed.out.push('\n');
        }
        let mut rows = vec![columns::header(*kind, asked.form == Form::Wide)];
        // The kind goes before the name: a column that Events only have in wide tables.
        let prefix = if groups.len() > 1 && *kind != Kind::Event { qualified(*kind) + "/" } else { String::new() };
        for object in objects {
            let mut row = columns::row(cluster, object, asked.form == Form::Wide);
            if let Some(name) = row.first_mut() {
                *name = format!("{prefix}{name}");
            }
            rows.push(row);
        }
        if asked.show_labels {
            add_labels(&cluster.store, objects, &mut rows);
        }
        if asked.all_namespaces && kind.namespaced() {
            let namespaces = std::iter::once("NAMESPACE").chain(objects.iter().map(|object| object.namespace.as_str()));
            for (row, namespace) in rows.iter_mut().zip(namespaces) {
                row.insert(0, namespace.to_string());
            }
        }
        printed.out.push_str(&aligned(&rows));
    }
}

fn add_labels(store: &Store, objects: &[ObjectRef], rows: &mut [Vec<String>]) {
    let labels = |object: &ObjectRef| {
        let json = store.to_json(object).unwrap_or_default();
        let pairs = json["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        let text = |(key, value): (&String, &Value)| format!("{key}={}", value.as_str().unwrap_or_default());
        let joined = pairs.iter().map(text).collect::<Vec<_>>().join(",");
        if joined.is_empty() { "<none>".to_string() } else { joined }
    };
    let cells = std::iter::once("LABELS".to_string()).chain(objects.iter().map(labels));
    for (row, cell) in rows.iter_mut().zip(cells) {
        row.push(cell);
    }
}

/// Columns three blanks apart, the last one unpadded, as kubectl's tab writer sets them.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < row.len() {
                let gap = widths.get(column).map_or(0, |width| width - cell.chars().count()) + 3;
                text.extend(std::iter::repeat_n(' ', gap));
            }
        }
        text.push('\n');
    }
    text
}

fn print_objects(cluster: &Cluster, form: Form, groups: &[(Kind, Vec<ObjectRef>)], by_name: bool, printed: &mut Printed) {
    let objects: Vec<Value> =
        groups.iter().flat_map(|(_, objects)| objects).filter_map(|object| complete(cluster, object)).map(told).collect();
    let whole = if by_name {
        match objects.into_iter().next() {
            Some(object) => object,
            None => return,
        }
    } else {
        json!({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}})
    };
    let text = match form {
        Form::Yaml => yaml::yaml(&whole),
        _ => yaml::json(&whole),
    };
    printed.out.push_str(&text);
}

/// A slice's lists are there though they are empty (`EndpointSlice` of `k8s.io/api/discovery/v1` omits neither).
fn told(mut object: Value) -> Value {
    if object["kind"] == "EndpointSlice" {
        for list in ["endpoints", "ports"] {
            let empty = object.get(list).and_then(Value::as_array).is_none_or(Vec::is_empty);
            if empty {
                object[list] = Value::Null;
            }
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stand_anywhere() {
        let asked = Get::parse("pods -o wide -n shop --show-labels".split(' ').map(str::to_string)).unwrap();
        assert_eq!((asked.form, asked.namespace.as_deref(), asked.show_labels), (Form::Wide, Some("shop"), true));
        assert!(Get::parse(["--moon".to_string()].into_iter()).is_err());
    }

    #[test]
    fn a_table_of_several_kinds_names_the_kind_before_names_and_events_have_no_such_column() {
        let fresh = Cluster::new(crate::settings::Settings::default(), crate::random::Seed(1));
        let cluster = fresh.act(&crate::cluster::Action::parse("deployment/kube-system/coredns scale 3").unwrap()).cluster;
        let asked = Get::parse("deploy,events -n kube-system".split(' ').map(str::to_string)).unwrap();
        let printed = get(&cluster, &asked).out;
        let (deployments, events) = printed.split_once("\n\n").unwrap();
        assert!(deployments.lines().skip(1).all(|line| line.starts_with("deployment.apps/")), "{printed}");
        assert!(events.starts_with("LAST SEEN ") && !events.contains("event/"), "{printed}");
    }

    #[test]
    fn columns_stand_three_blanks_apart() {
        let rows = vec![vec!["NAME".into(), "AGE".into()], vec!["web-long".into(), "5s".into()]];
        assert_eq!(aligned(&rows), "NAME       AGE\nweb-long   5s\n");
    }
}
