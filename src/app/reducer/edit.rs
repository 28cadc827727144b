//! The text: typing, files, pastes, fixes.

use super::super::state::{Ask, Effect, Msg, State, Step, Tab, Waiting};
use super::super::text;
use crate::diagnostic::Fix;
use crate::kubectl::SourceFile;
use crate::session::{ClusterReply, Command};
use std::rc::Rc;

impl State {
    #[inline(never)]
    pub(super) fn edit(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Typed { file, text } => self.typed(file, text),
            Msg::EditNow if self.anew => self.begin_pasted(),
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
            // A paste that needed no mending.
            self.mending = false;
            return Vec::new();
        }
        let old = std::mem::replace(&mut there.text, text);
        let mending = std::mem::take(&mut self.mending);
        if !mending {
            self.notes = Rc::default();
        }
        self.swap(file, old, mending);
        self.edited = true;
        self.revision += 1;
        vec![Effect::EditSoon, Effect::Save]
    }

    /// Whether the change makes another text altogether of the whole: one that was pasted in place of an untouched example, or that
    /// example again. Neither means the other's objects, so it is not applied over them.
    #[inline(never)]
    fn swap(&mut self, file: usize, old: String, mending: bool) {
        let pasted = self.pasting.take().is_some_and(|pasted| self.files[file].text == pasted);
        let begun = |swapped: &Rc<[Vec<SourceFile>; 2]>| self.steps.is_empty() && *self.start == swapped[1];
        let mended = mending && (self.anew || self.swapped.as_ref().is_some_and(begun));
        if pasted {
            let mut before = (*self.files).clone();
            before[file].text = old;
            self.swapped = Some(Rc::new([before, (*self.files).clone()]));
        } else if mended && let Some(swapped) = &mut self.swapped {
            Rc::make_mut(swapped)[1] = (*self.files).clone();
        }
        let one_of_both = |swapped: &Rc<[Vec<SourceFile>; 2]>| {
            let [example, own] = &**swapped;
            *self.files == *example || (*self.files == *own && *self.start == *example && self.steps.is_empty())
        };
        self.anew = pasted || mended || self.swapped.as_ref().is_some_and(one_of_both);
    }

    /// A fresh cluster of the text that took an example's place, or of the example that came back.
    #[inline(never)]
    fn begin_pasted(&mut self) -> Vec<Effect> {
        let (notes, swapped) = (self.notes.clone(), self.swapped.take());
        self.edited = swapped.as_ref().is_none_or(|swapped| *self.files != swapped[0]);
        let effects = self.begin(Vec::new());
        (self.notes, self.swapped) = (notes, swapped);
        effects
    }

    /// A text that cannot be read to its end deletes nothing, in an untouched example's place neither: the example stays below it.
    pub(super) fn stays(&mut self, cluster: &ClusterReply) -> Option<Vec<Effect>> {
        let swapped = self.swapped.clone().filter(|_| cluster.torn && self.steps.is_empty())?;
        let [example, own] = &*swapped;
        if cluster.revision != self.revision || *self.files != *own || *self.start != *own {
            return None;
        }
        (self.start, self.exemplary, self.swapped) = (Rc::new(example.clone()), true, None);
        self.step(Step::Text(self.files.clone()));
        Some(self.rewind(self.at))
    }

    /// An example as it was opened, with nothing done to its cluster.
    fn untouched(&self) -> bool {
        let done = self.steps.iter().take(self.at).any(|step| matches!(step, Step::Event(_)));
        self.exemplary && !done && self.lesson.is_none() && self.files.len() == 1 && *self.files == *self.start
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
        self.pasting = (start == 0 && self.untouched()).then(|| text.clone());
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
