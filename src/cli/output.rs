//! Writing: standard output and error, words, diagnostics, progress.

use super::Outcome;
use super::args::Lang;
use crate::diagnostic::{Diagnostic, Finding, Severity, names_its_field};
use crate::words::{Message, Words};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};

/// The two streams, and the language.
pub struct Out {
    words: Words,
    language: &'static str,
}

impl Out {
    /// Writes in this language.
    pub fn new(lang: Lang) -> Out {
        let (language, text) = match lang {
            Lang::En => ("en", include_str!("../../static/words/en.json")),
            Lang::Ko => ("ko", include_str!("../../static/words/ko.json")),
        };
        Out { words: Words::read(text).unwrap_or_default(), language }
    }

    /// `en` or `ko`.
    pub fn language(&self) -> &'static str {
        self.language
    }

    /// A message in the chosen language.
    pub fn say(&self, message: &Message) -> String {
        escaped(&self.words.say(message))
    }

    /// A text by its id, without arguments.
    pub fn text(&self, id: &'static str) -> String {
        self.say(&Message { id: id.into(), ..Message::default() })
    }

    /// Writes to standard output. A closed pipe is the reader's choice and no error.
    pub fn print(&mut self, text: &str) {
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }

    /// Writes a line to standard error.
    pub fn error(&mut self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// Shows how far a long work is, on a terminal only.
    pub fn progress(&mut self, done: usize, all: usize) {
        let mut stderr = std::io::stderr().lock();
        if stderr.is_terminal() {
            let end = if done == all { "\n" } else { "" };
            let _ = write!(stderr, "\r{done}/{all}{end}");
        }
    }

    /// The finding's text.
    pub fn finding(&self, diagnostic: &Diagnostic) -> String {
        match &diagnostic.message {
            Finding::Upstream(text) => escaped(text),
            Finding::Ours(message) => self.say(message),
        }
    }

    /// Writes diagnostics to standard error: `FILE:LINE:COLUMN: severity: message`, help under it.
    pub fn diagnostics(&mut self, diagnostics: &[Diagnostic], least: Severity) -> Outcome {
        for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.severity <= least) {
            let place = match &diagnostic.span {
                Some(span) => format!("{}:{}:{}: ", escaped(&span.file), span.line, span.column),
                None => String::new(),
            };
            let path = if diagnostic.path.is_empty() { String::new() } else { format!("{}: ", escaped(&diagnostic.path)) };
            let text = self.finding(diagnostic);
            // Kubernetes' decoding errors name the field themselves.
            let path = if names_its_field(&text, &diagnostic.path) { String::new() } else { path };
            self.error(&format!("{place}{}: {path}{text}", severity(diagnostic.severity)));
            if let Some(help) = &diagnostic.help {
                let help = self.say(help);
                self.error(&format!("  {}: {help}", self.text("cli.help")));
            }
        }
        Outcome::of(diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error))
    }

    /// Diagnostics as `check -o json` prints them.
    pub fn diagnostics_json(&self, diagnostics: &[Diagnostic]) -> Value {
        let one = |diagnostic: &Diagnostic| {
            let span = diagnostic.span.as_ref();
            json!({
                "severity": severity(diagnostic.severity),
                "file": span.map(|span| &span.file),
                "line": span.map(|span| span.line),
                "column": span.map(|span| span.column),
                "endLine": span.map(|span| span.end_line),
                "endColumn": span.map(|span| span.end_column),
                "object": diagnostic.object.as_ref().map(ToString::to_string),
                "path": diagnostic.path,
                "message": self.finding(diagnostic),
                "help": diagnostic.help.as_ref().map(|help| self.say(help)),
            })
        };
        json!({"diagnostics": diagnostics.iter().map(one).collect::<Vec<_>>()})
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// Control characters of the input never reach a terminal as they are.
pub fn escaped(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { c.escape_default().to_string() } else { c.to_string() }).collect()
}
