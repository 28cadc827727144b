//! Files to manifests: documents, lists and limits.
//!
//! Documents are split as kubectl splits them (`k8s.io/apimachinery/pkg/util/yaml/decoder.go`): at lines that begin with
//! `---`; where a file begins with `{`, first between JSON objects that follow each other. Each is then read for itself, so a
//! broken one spoils no other.

mod blanks;
mod chunks;
mod reading;

use super::{Manifest, Manifests, SourceFile, yaml};
use crate::diagnostic::{Diagnostic, Finding, Severity, Span};
use crate::msg;
use crate::words::Message;
use chunks::{Chunk, split};
use reading::Reading;
use serde_json::Value;
use std::sync::Arc;

/// The most bytes of text that are read, over all files: a dump of some 500 Pods.
pub const MAX_BYTES: usize = 4 << 20;

/// The most objects that are read, over all files.
pub const MAX_OBJECTS: usize = 2_000;

/// Reads files into manifests. Never fails: what cannot be read becomes diagnostics, and the other documents go on.
pub fn read(files: &[SourceFile]) -> (Manifests, Vec<Diagnostic>) {
    Reader::default().read(files)
}

/// Reads texts one after another: a document whose text stays is not parsed again, and where its place stays, too, it is the same
/// [`Manifest`] by its `Arc`. The answers are those of [`read`].
#[derive(Clone, Debug, Default)]
pub struct Reader {
    known: Vec<Known>,
}

/// What a chunk of the last text gave.
#[derive(Clone, Debug)]
struct Known {
    file: String,
    text: String,
    json: bool,
    lines_before: u32,
    position: u32,
    documents: Vec<Arc<Manifest>>,
    diagnostics: Vec<Diagnostic>,
}

impl Reader {
    /// Reads files as [`read`] does.
    pub fn read(&mut self, files: &[SourceFile]) -> (Manifests, Vec<Diagnostic>) {
        let before = std::mem::take(&mut self.known);
        let size: usize = files.iter().map(|file| file.text.len()).sum();
        if size > MAX_BYTES {
            let found = limit(files, msg!("read.limit.bytes", limit = "4 MiB", size = size));
            return (Manifests::default(), vec![Diagnostic { help: shorter(files), ..found }]);
        }
        let (mut manifests, mut diagnostics) = (Manifests::default(), Vec::new());
        for file in files {
            // A document stands as many places from the file's beginning as before, or from its end.
            let there = before.iter().position(|known| known.file == file.name).unwrap_or(before.len());
            let there = before.get(there..).unwrap_or_default();
            let count = there.iter().take_while(|known| known.file == file.name).count();
            let (chunks, mut between) = split(file);
            for (at, chunk) in chunks.iter().enumerate() {
                diagnostics.extend(between.extract_if(.., |(before, _)| *before <= at).map(|(_, found)| found));
                let position = u32::try_from(manifests.documents.len()).unwrap_or(u32::MAX);
                let from_end = (at + count).checked_sub(chunks.len());
                let places = [Some(at), from_end].into_iter().flatten().filter(|at| *at < count);
                let same =
                    places.filter_map(|at| there.get(at)).find(|known| known.text == chunk.text && known.json == chunk.json);
                let known = same.and_then(|known| known.moved(chunk, position)).unwrap_or_else(|| read_chunk(chunk, position));
                manifests.documents.extend(known.documents.iter().cloned());
                diagnostics.extend(known.diagnostics.iter().cloned());
                self.known.push(known);
                if manifests.documents.len() > MAX_OBJECTS {
                    let why = msg!("read.limit.objects", limit = MAX_OBJECTS);
                    return (Manifests::default(), vec![limit(std::slice::from_ref(file), why)]);
                }
            }
            diagnostics.extend(between.into_iter().map(|(_, found)| found));
        }
        (manifests, diagnostics)
    }
}

impl Known {
    /// The same text in another place. What was said of it may name lines: then it is read again.
    fn moved(&self, chunk: &Chunk, position: u32) -> Option<Known> {
        if (self.lines_before, self.position) == (chunk.lines_before, position) {
            return Some(self.clone());
        }
        if !self.diagnostics.is_empty() {
            return None;
        }
        let shift = |line: &mut u32| *line = line.saturating_sub(self.lines_before).saturating_add(chunk.lines_before);
        let mut moved = Known { lines_before: chunk.lines_before, position, ..self.clone() };
        for document in &mut moved.documents {
            let document = Arc::make_mut(document);
            document.position = document.position.saturating_sub(self.position).saturating_add(position);
            for span in document.spans.values_mut().chain(document.keys.values_mut()) {
                shift(&mut span.line);
                shift(&mut span.end_line);
            }
        }
        Some(moved)
    }
}

fn read_chunk(chunk: &Chunk, position: u32) -> Known {
    let Reading { documents, diagnostics, .. } = Reading::of(chunk, position);
    let (file, text) = (chunk.file.into(), chunk.text.into());
    Known { file, text, json: chunk.json, lines_before: chunk.lines_before, position, documents, diagnostics }
}

/// A limit is a matter of the whole file: the largest, where there are several.
fn limit(files: &[SourceFile], message: Message) -> Diagnostic {
    let file = files.iter().rev().max_by_key(|file| file.text.len());
    let start = |file: &SourceFile| Span { file: file.name.clone(), line: 1, column: 1, end_line: 1, end_column: 1 };
    Diagnostic {
        severity: Severity::Error,
        span: file.map(start),
        object: None,
        path: String::new(),
        message: Finding::Ours(message),
        help: None,
        fixes: Vec::new(),
    }
}

/// What a text that is too long could do without. Most of what operators are installed by describes their own kinds, which nothing here
/// asks; of a dump, `managedFields` and the ReplicaSets of earlier revisions play no part.
fn shorter(files: &[SourceFile]) -> Option<Message> {
    let has = |part: &str| files.iter().any(|file| file.text.contains(part));
    if has("kind: CustomResourceDefinition") {
        return Some(msg!("read.limit.crds"));
    }
    (has("resourceVersion:") || has("\"resourceVersion\"")).then(|| msg!("read.limit.dump"))
}

/// Reads a settings or lesson file: one YAML document, scalars as in manifests.
///
/// # Errors
/// In plain words, with the line where it is known.
pub fn from_yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    if text.len() > MAX_BYTES {
        return Err("the file is larger than 4 MiB".into());
    }
    let value = match yaml::parse(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        Ok(document) => document.map_or_else(|| Value::Object(serde_json::Map::new()), |document| document.value),
        Err(failure) => {
            let what = match failure.finding {
                Finding::Upstream(text) => text,
                Finding::Ours(message) => message.args.get("what").cloned().unwrap_or_else(|| message.id.to_string()),
            };
            return Err(format!("line {}: {what}", failure.place.line));
        }
    };
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(text: &str) -> (Manifests, Vec<Diagnostic>) {
        read(&[SourceFile { name: "x.yaml".into(), text: text.into() }])
    }

    fn message(diagnostic: &Diagnostic) -> String {
        match &diagnostic.message {
            Finding::Upstream(text) => text.clone(),
            Finding::Ours(message) => message.id.to_string(),
        }
    }

    #[test]
    fn every_field_knows_its_line() {
        let (manifests, problems) = one("kind: Service\napiVersion: v1\nmetadata:\n  name: web\nspec:\n  ports:\n  - port: 80\n");
        assert!(problems.is_empty());
        let web = &manifests.documents[0];
        assert_eq!((web.name.as_str(), web.namespace.as_str()), ("web", "default"));
        let port = &web.spans["spec.ports[0].port"];
        assert_eq!((port.line, port.column, port.end_line, port.end_column), (7, 11, 7, 13));
        assert_eq!(web.spans["spec.ports"].line, 6);
        assert_eq!(web.spans["spec.ports[0]"].line, 7);
        assert_eq!(web.spans[""].line, 1);
    }

    #[test]
    fn a_broken_document_does_not_sink_the_others() {
        let (manifests, problems) = one("kind: A\n---\nkind: [B\n---\n# nothing\n---\nkind: C\n");
        let kinds: Vec<&str> = manifests.documents.iter().map(|manifest| manifest.kind.as_str()).collect();
        assert_eq!(kinds, ["A", "C"]);
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn the_last_of_two_equal_keys_counts_and_warns() {
        let (manifests, problems) = one("kind: Service\nspec:\n  ports: [1]\n  type: A\n  ports:\n  - 2\n");
        assert_eq!(manifests.documents[0].value["spec"]["ports"], json!([2]));
        assert_eq!(message(&problems[0]), "line 6: key \"ports\" already set in map");
        assert_eq!(problems[0].severity, Severity::Warning);
    }

    #[test]
    fn lists_and_json_streams_are_unrolled() {
        let (manifests, problems) =
            one("{\n\t\"kind\": \"List\",\n\t\"items\": [{\"kind\": \"A\"}, {\"kind\": \"B\"}]\n}\n{\"kind\": \"C\"}\n");
        assert!(problems.is_empty(), "{problems:?}");
        let kinds: Vec<&str> = manifests.documents.iter().map(|manifest| manifest.kind.as_str()).collect();
        assert_eq!(kinds, ["A", "B", "C"]);
        assert_eq!(manifests.documents[1].spans["kind"].line, 3);
        assert_eq!(manifests.documents[2].spans["kind"].line, 5);
    }

    #[test]
    fn anchors_merge_keys_and_alias_bombs() {
        let (manifests, _) = one("a: &a {x: 1, z: 2}\nb:\n  <<: *a\n  z: 3\nkind: K\n");
        assert_eq!(manifests.documents[0].value["b"], json!({"x": 1, "z": 3}));
        let mut bomb = String::from("a0: &a0 [lollollollollollollollollollol]\n");
        for level in 1..30 {
            let before = level - 1;
            bomb.push_str(&format!("a{level}: &a{level} [*a{before},*a{before},*a{before},*a{before},*a{before}]\n"));
        }
        let (manifests, problems) = one(&bomb);
        assert!(manifests.documents.is_empty());
        assert_eq!(message(&problems[0]), "error converting YAML to JSON: yaml: document contains excessive aliasing");
    }

    #[test]
    fn limits_are_named() {
        let crds = format!("kind: CustomResourceDefinition\n{}", "#".repeat(MAX_BYTES));
        assert_eq!(one(&crds).1[0].help, Some(msg!("read.limit.crds")));
        assert_eq!(message(&one(&"#".repeat(MAX_BYTES + 1)).1[0]), "read.limit.bytes");
        let dump = format!("kind: List\nitems: [{{metadata: {{resourceVersion: '1'}}}}]\n{}", "#".repeat(MAX_BYTES));
        assert_eq!(one(&dump).1[0].help, Some(msg!("read.limit.dump")));
        assert_eq!(message(&one(&"kind: A\n---\n".repeat(MAX_OBJECTS + 1)).1[0]), "read.limit.objects");
        assert_eq!(message(&one(&format!("a: {}{}", "[".repeat(70), "]".repeat(70))).1[0]), "read.limit.depth");
    }

    #[test]
    fn a_limit_is_found_at_the_beginning_of_the_file() {
        for text in ["#".repeat(MAX_BYTES + 1), "kind: A\n---\n".repeat(MAX_OBJECTS + 1)] {
            let span = one(&text).1[0].span.clone().unwrap();
            assert_eq!((span.file.as_str(), span.line, span.column), ("x.yaml", 1, 1));
        }
    }

    #[test]
    fn a_tab_is_named_as_kubectl_names_it() {
        let (_, problems) = one("kind: Service\nspec:\n  type: A\n\tports: []\n");
        assert_eq!(
            message(&problems[0]),
            "error converting YAML to JSON: yaml: line 4: found a tab character that violates indentation"
        );
        assert_eq!(problems[0].span.as_ref().map(|span| span.line), Some(4));
        assert_eq!(problems[0].fixes[0].text, "kind: Service\nspec:\n  type: A\n  ports: []");
    }

    #[test]
    fn a_no_break_blank_is_named_and_one_click_mends_it() {
        let plain = "kind: Service\nmetadata:\n  name: web\nspec:\n  type: NodePort";
        for (typed, line) in [("spec:\n  type:\u{a0}NodePort", 5), ("spec:\n\u{a0}\u{a0}type: NodePort", 5)] {
            let (manifests, problems) = one(&plain.replace("spec:\n  type: NodePort", typed));
            assert_eq!((manifests.documents.len(), problems.len()), (0, 1), "{problems:?}");
            let help = problems[0].help.as_ref().map(|help| (help.id.to_string(), help.args["line"].clone()));
            assert_eq!(help, Some(("read.blanks.help".into(), line.to_string())));
            assert_eq!(problems[0].fixes[0].text, plain);
        }
        // In a value, and in a text, it is what somebody wrote.
        assert!(one("kind: ConfigMap\ndata:\n  a: 1\u{a0}000\n  b: |\n    \u{a0}x\n").1.is_empty());
    }

    #[test]
    fn a_template_is_named() {
        let (_, problems) = one("kind: Service\nmetadata:\n  name: {{ .Values.name }}\n");
        assert_eq!(problems[0].help.as_ref().map(|help| help.id.to_string()).as_deref(), Some("read.template.help"));
    }
}
