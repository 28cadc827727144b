//! Mends what was pasted: what people copy from documents, chats and terminals is seldom plain YAML.
//!
//! Every change is told in a note, so nothing happens behind the learner's back; the page's undo brings the raw text back.
//! Leaves alone what only its author can know: Helm templates are named, not rendered.

mod around;

use super::SourceFile;
use crate::diagnostic::{Diagnostic, Finding, Severity};
use crate::msg;
use crate::words::Message;
use around::{added, fences, helm_report, quoted, shell, tables};

/// The mended text and what was done to it.
pub fn paste(raw: &str, into: &[SourceFile]) -> (String, Vec<Diagnostic>) {
    let mut mended = Mended { text: raw.to_string(), notes: Vec::new() };
    mended.step(line_ends, || msg!("paste.lineEnds"));
    mended.step(blanks, || msg!("paste.blanks"));
    mended.step(quoted, || msg!("paste.quoted"));
    mended.step(added, || msg!("paste.diff"));
    mended.step(fences, || msg!("paste.fences"));
    mended.step(shell, || msg!("paste.shell"));
    mended.step(tables, || msg!("paste.tables"));
    mended.step(helm_report, || msg!("paste.helmReport"));
    mended.step(line_numbers, || msg!("paste.lineNumbers"));
    mended.step(file_names, || msg!("paste.fileNames"));
    mended.step(quotes, || msg!("paste.quotes"));
    mended.step(tabs, || msg!("paste.tabs"));
    mended.step(dedented, || msg!("paste.indent"));
    mended.step(separators, || msg!("paste.separators"));
    if mended.text.contains("{{") {
        mended.note(Severity::Warning, msg!("paste.helm"));
    }
    // Only what stands before it in its own file: another file is another document anyway.
    let before = into.first().map_or("", |file| &file.text);
    let first = mended.text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let parted = before.trim_end().lines().next_back().is_none_or(|line| line == "---");
    if !parted && first.is_some_and(starts_object) {
        mended.text.insert_str(0, if before.ends_with('\n') { "---\n" } else { "\n---\n" });
        mended.note(Severity::Info, msg!("paste.newDocument"));
    }
    (mended.text, mended.notes)
}

struct Mended {
    text: String,
    notes: Vec<Diagnostic>,
}

impl Mended {
    fn step(&mut self, mend: fn(&str) -> Option<String>, why: fn() -> Message) {
        if let Some(text) = mend(&self.text).filter(|text| *text != self.text) {
            self.text = text;
            self.note(Severity::Info, why());
        }
    }

    fn note(&mut self, severity: Severity, message: Message) {
        self.notes.push(Diagnostic {
            severity,
            span: None,
            object: None,
            path: String::new(),
            message: Finding::Ours(message),
            help: None,
            fixes: Vec::new(),
        });
    }
}

/// A line at the left margin that begins an object.
fn starts_object(line: &str) -> bool {
    line.starts_with("apiVersion:") || line.starts_with("kind:")
}

fn each_line(text: &str, change: impl FnMut(&str) -> String) -> String {
    text.split('\n').map(change).collect::<Vec<_>>().join("\n")
}

fn line_ends(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Some(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// No-break and other odd blanks become plain ones; invisible characters go.
fn blanks(text: &str) -> Option<String> {
    Some(text.chars().filter_map(plain_blank).collect())
}

/// What stands for a letter in plain text: a plain blank for an odd one, nothing for an invisible one, else itself.
pub(super) fn plain_blank(c: char) -> Option<char> {
    match c {
        '\u{a0}' | '\u{202f}' | '\u{2007}' | '\u{3000}' | '\u{2002}' | '\u{2003}' | '\u{2009}' => Some(' '),
        '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' => None,
        c => Some(c),
    }
}

/// `12  kind: Service`, `12: kind: Service`, `12 | kind: Service` where every line counts on.
fn line_numbers(text: &str) -> Option<String> {
    let number = |line: &str| line.trim_start().chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().ok();
    let numbered: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let numbers: Vec<u64> = numbered.iter().map_while(|line| number(line)).collect();
    let counts_on = numbers.windows(2).all(|pair| matches!(pair, [a, b] if b > a));
    if numbers.len() < 3 || numbers.len() != numbered.len() || !counts_on {
        return None;
    }
    let strip = |line: &str| {
        let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = rest.strip_prefix([':', '|', '.']).unwrap_or(rest);
        let rest = rest.strip_prefix('\t').unwrap_or(rest);
        rest.to_string()
    };
    Some(each_line(text, strip))
}

/// A file's name alone on a line above its text becomes a comment, in a document of its own.
fn file_names(text: &str) -> Option<String> {
    let name = |line: &str| {
        let bare = line.trim().trim_matches(['*', '=', '#', '`', ':', '-', '>', ' ', '[', ']']);
        let yaml = bare.ends_with(".yaml") || bare.ends_with(".yml");
        (yaml && !bare.contains(' ') && !line.trim_start().starts_with("- ")).then(|| bare.to_string())
    };
    let mut filled = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        match name(line).filter(|_| !line.trim_start().starts_with('#') && !line.contains(": ")) {
            Some(name) => {
                if filled && lines.last().is_some_and(|last: &String| last.trim() != "---") {
                    lines.push("---".to_string());
                }
                lines.push(format!("# {name}"));
            }
            None => {
                filled |= !line.trim().is_empty();
                lines.push(line.to_string());
            }
        }
    }
    Some(lines.join("\n") + if text.ends_with('\n') { "\n" } else { "" })
}

/// Curly quotes become straight ones, outside comments.
fn quotes(text: &str) -> Option<String> {
    let straight = |c: char| match c {
        '“' | '”' | '„' | '‟' | '＂' => '"',
        '‘' | '’' | '‚' | '‛' => '\'',
        c => c,
    };
    let mend = |line: &str| {
        let comment = if line.trim_start().starts_with('#') { Some(0) } else { line.find(" #") };
        let (code, comment) = line.split_at(comment.unwrap_or(line.len()));
        code.chars().map(straight).collect::<String>() + comment
    };
    Some(each_line(text, mend))
}

/// Tabs that indent become blanks: YAML allows none there.
fn tabs(text: &str) -> Option<String> {
    text.contains('\t').then(|| super::tabs::untab(text))
}

/// What stands indented as a whole moves to the margin.
fn dedented(text: &str) -> Option<String> {
    let filled = || text.lines().filter(|line| !line.trim().is_empty());
    let margin = filled().map(|line| line.len() - line.trim_start_matches(' ').len()).min()?;
    let begins = filled().any(|line| starts_object(line.trim_start()));
    if margin == 0 || !begins {
        return None;
    }
    Some(each_line(text, |line| line.get(margin..).unwrap_or_default().to_string()))
}

/// A second `apiVersion:` or `kind:` in one document begins another: `---` is put before it.
fn separators(text: &str) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    let (mut has_version, mut has_kind) = (false, false);
    for line in text.split('\n') {
        if line.starts_with("---") || line.starts_with("...") {
            (has_version, has_kind) = (false, false);
        }
        let (version, kind) = (line.starts_with("apiVersion:"), line.starts_with("kind:"));
        if (version && has_version) || (kind && has_kind) {
            // The other key of the pair may stand right above, and belongs to the new object.
            lines.push("---".to_string());
            (has_version, has_kind) = (false, false);
        }
        has_version |= version;
        has_kind |= kind;
        lines.push(line.to_string());
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n";

    fn check(raw: &str, expected: &str, notes: &[&str]) {
        let (text, found) = paste(raw, &[]);
        assert_eq!(text, expected);
        let ids = found.iter().map(|note| match &note.message {
            Finding::Ours(message) => message.id.to_string(),
            Finding::Upstream(text) => text.clone(),
        });
        assert_eq!(ids.collect::<Vec<_>>(), notes, "{raw}");
    }

    #[test]
    fn plain_yaml_is_left_alone() {
        check(SERVICE, SERVICE, &[]);
    }

    #[test]
    fn what_stands_between_markdown_fences_is_kept() {
        check(
            &format!("# Guide\nFirst:\n```yaml\n{SERVICE}```\nThen:\n```\n{SERVICE}```\n"),
            &format!("{SERVICE}---\n{SERVICE}"),
            &["paste.fences"],
        );
    }

    #[test]
    fn a_here_document_gives_its_text_and_prompts_go() {
        check(&format!("$ cat <<EOF | kubectl apply -f -\n{SERVICE}EOF\n$ kubectl get svc\n"), SERVICE, &["paste.shell"]);
        check(&format!("kubectl apply -f - <<EOF\n{SERVICE}EOF\nservice/web created\n"), SERVICE, &["paste.shell"]);
    }

    #[test]
    fn quoted_text_loses_its_marks() {
        let quote = |mark: &str| SERVICE.lines().map(|line| format!("{mark}{line}\n")).collect::<String>();
        check(&quote("> "), SERVICE, &["paste.quoted"]);
        check(&quote(">> "), SERVICE, &["paste.quoted"]);
        check(&format!("Kim wrote:\n\n{}\nTry it.\n", quote("> ")), SERVICE, &["paste.quoted"]);
        let shell = format!("$ cat <<EOF | kubectl apply -f -\n{}> EOF\n", quote("> "));
        check(&shell, SERVICE, &["paste.quoted", "paste.shell"]);
        let folded = format!("{SERVICE}  annotations:\n    a: >\n      b\n");
        check(&folded, &folded, &[]);
    }

    #[test]
    fn of_a_difference_the_file_afterwards_is_kept() {
        let marked = |mark: &str| SERVICE.lines().map(|line| format!("{mark}{line}\n")).collect::<String>();
        check(&marked("+"), SERVICE, &["paste.diff"]);
        let new = format!(
            "diff --git a/x.yaml b/x.yaml\nnew file mode 100644\n--- /dev/null\n+++ b/x.yaml\n@@ -0,0 +1,4 @@\n{}",
            marked("+")
        );
        check(&new, SERVICE, &["paste.diff"]);
        check(&format!("{new}{new}"), &format!("{SERVICE}---\n{SERVICE}"), &["paste.diff"]);
        let changed = format!("--- a/x.yaml\n+++ b/x.yaml\n@@ -1,5 +1,4 @@\n-# old\n{}", marked(" "));
        check(&changed, SERVICE, &["paste.diff"]);
        // A part of a file is not the file.
        let part = "@@ -7,2 +7,2 @@ spec:\n-kind: A\n+kind: B\n";
        check(part, part, &[]);
    }

    #[test]
    fn kubectls_tables_beside_a_manifest_go() {
        let table = "NAME  TYPE       CLUSTER-IP\nweb   ClusterIP  10.96.0.7\n";
        check(&format!("$ kubectl get svc\n{table}\n{SERVICE}"), &format!("\n{SERVICE}"), &["paste.shell", "paste.tables"]);
        check(&format!("{SERVICE}{table}"), SERVICE, &["paste.tables"]);
        check(table, table, &[]);
    }

    #[test]
    fn of_helms_report_the_manifests_stay() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n";
        check(
            &format!(
                "NAME: web\nSTATUS: pending-install\nHOOKS:\n---\n# Source: web/test.yaml\n{pod}MANIFEST:\n---\n{SERVICE}\nNOTES:\n1. Open it: a b\n"
            ),
            &format!("# Source: web/test.yaml\n{pod}---\n{SERVICE}"),
            &["paste.helmReport"],
        );
        check(&format!("NAME: web\nHOOKS:\nMANIFEST:\n---\n{SERVICE}"), SERVICE, &["paste.helmReport"]);
    }

    #[test]
    fn a_paste_in_the_place_of_all_text_gets_no_line_of_its_own() {
        let text = |before: &str, other: &str| {
            let file = |name: &str, text: &str| SourceFile { name: name.into(), text: text.into() };
            paste(SERVICE, &[file("open.yaml", before), file("other.yaml", other)]).0
        };
        assert_eq!(text("", SERVICE), SERVICE);
        assert_eq!(text("a: 1\n---\n", ""), SERVICE);
        assert_eq!(text("a: 1\n", ""), format!("---\n{SERVICE}"));
        assert_eq!(text("a: 1", ""), format!("\n---\n{SERVICE}"));
    }

    #[test]
    fn tabs_odd_blanks_and_curly_quotes_are_replaced() {
        check("a:\n\tb: “x”\n", "a:\n  b: \"x\"\n", &["paste.quotes", "paste.tabs"]);
        check("a:\n\u{a0}\u{a0}b: 1\r\n", "a:\n  b: 1\n", &["paste.lineEnds", "paste.blanks"]);
    }

    #[test]
    fn line_numbers_go() {
        check(
            "1 apiVersion: v1\n2 kind: Pod\n3 metadata:\n4   name: x\n",
            " apiVersion: v1\n kind: Pod\n metadata:\n   name: x\n"
                .lines()
                .map(|l| l.get(1..).unwrap().to_string() + "\n")
                .collect::<String>()
                .as_str(),
            &["paste.lineNumbers", "paste.indent"],
        );
    }

    #[test]
    fn a_second_object_without_a_separator_gets_one() {
        check(&format!("{SERVICE}{SERVICE}"), &format!("{SERVICE}---\n{SERVICE}"), &["paste.separators"]);
    }

    #[test]
    fn a_file_name_above_its_text_becomes_a_comment() {
        check(
            &format!("a.yaml\n{SERVICE}b.yml:\n{SERVICE}"),
            &format!("# a.yaml\n{SERVICE}---\n# b.yml\n{SERVICE}"),
            &["paste.fileNames"],
        );
    }

    #[test]
    fn a_helm_template_is_named_and_left() {
        check("name: {{ .Release.Name }}\n", "name: {{ .Release.Name }}\n", &["paste.helm"]);
    }

    #[test]
    fn a_paste_beside_another_object_gets_its_own_document() {
        let there = SourceFile { name: "a.yaml".into(), text: SERVICE.into() };
        assert!(paste(SERVICE, &[there]).0.starts_with("---\napiVersion"));
    }
}
