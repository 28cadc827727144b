//! The text: typing, files, pastes, fixes.

use super::super::state::{Ask, Effect, Msg, State, Step, Tab, Waiting};
use super::super::text;
use crate::diagnostic::Fix;
use crate::kubectl::SourceFile;
use crate::session::Command;
use std::rc::Rc;

impl State {
    #[inline(never)]
    pub(super) fn edit(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Typed { file, text } => self.typed(file, text),
            Msg::EditNow => {
                if self.goes_on() {
                    self.at -= 1;
                }
                self.step(Step::Text(self.files.clone()));
                let mut effects =
                    vec![Effect::Ask(Ask::Cluster, Command::Edit { revision: self.revision, files: (*self.files).clone() })];
                effects.extend(self.grade());
                effects
            }
            Msg::OpenFile(file) => {
                self.open = file.min(self.files.len().saturating_sub(1));
                Vec::new()
            }
            Msg::AddFile => {
                self.add_files(vec![SourceFile { name: text::free_name(&self.files, "new.yaml"), text: String::new() }])
            }
            Msg::Dropped(files) => self.add_files(files),
            Msg::CloseFile(file) => self.close_file(file),
            Msg::Pasted { start, end, text } => self.pasted(start, end, text),
            Msg::Insert(snippet) => {
                let body = text::unused_name(snippet, &self.files);
                self.append(&body)
            }
            Msg::Fix(fix) => self.fix(fix),
            Msg::FixAndSend(fix) => {
                self.send_after = Some(Waiting::Again);
                self.fix(fix)
            }
            Msg::Line(span) => {
                if let Some(file) = self.files.iter().position(|file| file.name == span.file) {
                    self.open = file;
                }
                self.tab = Tab::Yaml;
                vec![Effect::ShowLine(span.line)]
            }
            Msg::DismissNote => {
                self.notes = Rc::default();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn typed(&mut self, file: usize, text: String) -> Vec<Effect> {
        let Some(there) = Rc::make_mut(&mut self.files).get_mut(file) else { return Vec::new() };
        if there.text == text {
            return Vec::new();
        }
        there.text = text;
        self.edited = true;
        self.revision += 1;
        if !std::mem::take(&mut self.mending) {
            self.notes = Rc::default();
        }
        vec![Effect::EditSoon, Effect::Save]
    }

    fn close_file(&mut self, file: usize) -> Vec<Effect> {
        if self.files.len() < 2 || file >= self.files.len() {
            return Vec::new();
        }
        Rc::make_mut(&mut self.files).remove(file);
        self.open = self.open.min(self.files.len() - 1);
        self.edited = true;
        self.revision += 1;
        vec![Effect::EditSoon, Effect::Save]
    }

    /// The engine sees what stands before the paste, and so knows whether a new document begins.
    fn pasted(&mut self, start: u32, end: u32, text: String) -> Vec<Effect> {
        let mut into = (*self.files).clone();
        into.truncate(self.open + 1);
        if let Some(here) = into.last_mut() {
            here.text = text::before(&here.text, start);
        }
        into.rotate_right(1);
        vec![Effect::Ask(Ask::Paste(start, end), Command::Paste { text, into })]
    }

    pub(super) fn add_files(&mut self, files: Vec<SourceFile>) -> Vec<Effect> {
        if files.is_empty() {
            return Vec::new();
        }
        let mine = Rc::make_mut(&mut self.files);
        for mut file in files {
            file.name = text::free_name(mine, &file.name);
            mine.push(file);
        }
        self.open = mine.len() - 1;
        self.edited = true;
        self.revision += 1;
        self.tab = Tab::Yaml;
        vec![Effect::EditSoon, Effect::Save]
    }

    pub(super) fn append(&mut self, body: &str) -> Vec<Effect> {
        let old = self.text();
        let end = text::utf16_len(old);
        vec![Effect::Splice { file: self.open, start: end, end, text: text::as_next_document(old, body) }]
    }

    pub(super) fn fix(&mut self, fix: Fix) -> Vec<Effect> {
        let Some(span) = fix.span else { return self.append(&fix.text) };
        let Some(file) = self.files.iter().position(|file| file.name == span.file) else { return Vec::new() };
        self.open = file;
        let text = &self.files[file].text;
        let (start, end) = (text::offset(text, span.line, span.column), text::offset(text, span.end_line, span.end_column));
        vec![Effect::Splice { file, start, end, text: fix.text }]
    }

    /// Whether the newest edit only goes on where the one before it was: then both are one.
    fn goes_on(&self) -> bool {
        let Some(Step::Text(last)) = self.at.checked_sub(1).and_then(|at| self.steps.get(at)) else { return false };
        let place = |old: &[SourceFile], new: &[SourceFile]| text::first_change(old, new).map(|(file, line, _)| (file, line));
        place(self.text_at(self.at - 1), last) == place(last, &self.files)
    }
}
