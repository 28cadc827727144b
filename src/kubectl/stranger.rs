//! Texts that people take for manifests and that are none: what another program reads, or what kubectl printed for eyes.
//!
//! Told by what their makers' own files and outputs begin with: the Compose specification (`services`), Kustomize's
//! `kustomization.yaml` (whose apiVersion and kind may be left out), Helm's `Chart.yaml` and the `values.yaml` that `helm create`
//! writes, kubectl's table and describe printers, `git diff`, and HTML.

use crate::msg;
use crate::words::Message;
use serde_json::Value;

/// What a text is that cannot be read as YAML, and how to come by manifests.
pub(super) fn unreadable(text: &str) -> Option<Message> {
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#') && *line != "---");
    let first = lines.next()?;
    if first.starts_with("> ") {
        return Some(msg!("read.quoted.help"));
    }
    if first.starts_with("diff --git ") || first.starts_with("@@ ") || first.starts_with('+') {
        return Some(msg!("read.diff.help"));
    }
    printed(first)
}

/// What a document is that can be read and is no object of Kubernetes, and how to come by manifests.
pub fn stranger(value: &Value) -> Option<Message> {
    let Some(fields) = value.as_object() else { return value.as_str().and_then(printed) };
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let has = |key: &str| fields.contains_key(key);
    let list = |key: &str| fields.get(key).is_some_and(Value::is_array);
    if fields.keys().any(|key| key.starts_with("+apiVersion") || key.starts_with("+kind")) {
        return Some(msg!("read.diff.help"));
    }
    if text("apiVersion").is_some_and(|version| version.starts_with("kustomize.config.k8s.io/")) {
        return Some(msg!("read.kustomization.help"));
    }
    if has("kind") {
        return None;
    }
    if matches!(text("apiVersion"), Some("v1" | "v2")) && text("name").is_some() && has("version") {
        return Some(msg!("read.chart.help"));
    }
    if has("apiVersion") {
        return None;
    }
    let runs = |service: &Value| ["image", "build", "extends"].iter().any(|key| service.get(key).is_some());
    if fields.get("services").and_then(Value::as_object).is_some_and(|services| services.values().any(runs)) {
        return Some(msg!("read.compose.help"));
    }
    let generated = ["configMapGenerator", "secretGenerator", "patches", "patchesStrategicMerge", "bases", "components"];
    if list("resources") || generated.into_iter().any(list) {
        return Some(msg!("read.kustomization.help"));
    }
    let repository = fields.values().chain(Some(value)).any(|part| part.pointer("/image/repository").is_some());
    if has("replicaCount") || repository {
        return Some(msg!("read.values.help"));
    }
    (has("Name") && (has("Namespace") || has("Labels"))).then(|| msg!("read.describe.help"))
}

/// What kubectl printed for eyes, and web pages.
fn printed(first: &str) -> Option<Message> {
    let mut chars = first.trim_start().chars();
    if chars.next() == Some('<') && chars.next().is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '!' | '?')) {
        return Some(msg!("read.html.help"));
    }
    if is_table(first) {
        return Some(msg!("read.table.help"));
    }
    (first.starts_with("Name: ") && !first.contains('{')).then(|| msg!("read.describe.help"))
}

/// Whether a line is the heading of one of kubectl's tables: `NAME   READY   STATUS`.
pub(super) fn is_table(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let heading =
        |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '-' | '(' | ')' | '%'));
    matches!(words.next(), Some("NAME" | "NAMESPACE" | "LAST")) && words.next().is_some_and(heading)
}

#[cfg(test)]
mod tests {
    use crate::cluster::Cluster;
    use crate::kubectl::{SourceFile, read};
    use crate::random::Seed;
    use crate::settings::Settings;
    use std::sync::Arc;

    /// The helps of all that is found, as `kubehop check` gives them.
    fn helps(text: &str) -> Vec<String> {
        let (manifests, read) = read(&[SourceFile { name: "x.yaml".into(), text: text.into() }]);
        let step = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests));
        let found = read.into_iter().chain(step.diagnostics);
        found.filter_map(|found| found.help).map(|help| help.id.to_string()).collect()
    }

    fn check(text: &str, help: &str) {
        assert_eq!(helps(text), [format!("read.{help}.help")], "{text}");
    }

    #[test]
    fn what_other_programs_read_is_named() {
        check("version: '3'\nservices:\n  web: {image: nginx, ports: ['80:80']}\n", "compose");
        check("services:\n  web:\n    build: .\nvolumes: {data: {}}\n", "compose");
        check("resources:\n- deployment.yaml\nnamePrefix: dev-\n", "kustomization");
        check("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n", "kustomization");
        check("apiVersion: v2\nname: web\nversion: 0.1.0\ntype: application\n", "chart");
        check("replicaCount: 1\nimage: {repository: nginx}\n", "values");
        check("web:\n  image: {repository: nginx, tag: '1'}\n", "values");
    }

    #[test]
    fn what_kubectl_printed_for_eyes_is_named() {
        check("NAME    READY   STATUS    RESTARTS   AGE\nweb-1   1/1     Running   0          5m\n", "table");
        check(
            "NAMESPACE  NAME  TYPE  CLUSTER-IP  EXTERNAL-IP  PORT(S)\ndefault  a  ClusterIP  10.96.0.1  <none>  80: 1\n",
            "table",
        );
        check("Name:    web\nNamespace:  default\nLabels:  app=web\n", "describe");
        check("Name:    web\nNamespace:  default\nEvents:\n  Type  Reason: a\n  b: c: d\n", "describe");
    }

    #[test]
    fn web_pages_quotes_and_differences_are_named() {
        check("<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>x: y</title></head>\n</html>\n", "html");
        check("<html>\n<body>\n</body>\n</html>\n", "html");
        check("> apiVersion: v1\n> kind: Service\n", "quoted");
        check("+apiVersion: v1\n+kind: Service\n", "diff");
        check("diff --git a/x.yaml b/x.yaml\n@@ -1,2 +1,2 @@\n-kind: A\n+kind: B\n", "diff");
    }

    #[test]
    fn an_object_that_only_lacks_its_kind_is_no_stranger() {
        assert_eq!(helps("apiVersion: v1\nmetadata: {name: web}\n"), ["kind.notSet"]);
        assert_eq!(helps("metadata: {name: web}\nspec: {ports: [{port: 80}]}\n"), ["kind.notSet"]);
        assert_eq!(helps("apiVersion: v1\nname: web\n"), ["kind.notSet"]);
    }
}
