//! The open lesson: its guess, its goals.

use super::super::share::Begun;
use super::super::state::{Ask, Course, Effect, Msg, Screen, State, Waiting};
use crate::kubectl::SourceFile;
use crate::lesson::Lesson;
use crate::session::Command;
use crate::trace::Source;
use std::rc::Rc;

impl State {
    #[inline(never)]
    pub(super) fn learn(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::OpenLesson(id) => {
                let mut effects: Vec<Effect> = self.keep_lesson().into_iter().collect();
                effects.push(Effect::FetchLesson { id, anew: false });
                return effects;
            }
            Msg::LessonAnew(id) => return vec![Effect::FetchLesson { id, anew: true }],
            Msg::LessonText(id, files, begun) => {
                let [lesson, start, solution] = *files;
                self.begun = begun.map(Rc::from);
                return vec![Effect::Ask(Ask::Lesson(id), Command::Lesson { lesson, start, solution })];
            }
            Msg::Guess(option) => self.course(|course| course.guess = (!course.confirmed).then_some(option).or(course.guess)),
            Msg::Confirm => {
                self.course(|course| course.confirmed = true);
                return self.send();
            }
            Msg::Hint => self.course(|course| course.hints += 1),
            _ => {}
        }
        vec![Effect::Save]
    }

    /// How far the learner has come in the open lesson.
    pub fn begun(&self) -> Option<(&'static str, Begun)> {
        let course = self.lesson.as_ref()?;
        let Course { id, guess, confirmed, hints, .. } = **course;
        Some((id, Begun { work: self.saved(), guess, confirmed, hints }))
    }

    /// Another text is about to take the place of the lesson's: it is written down at once.
    pub(super) fn keep_lesson(&self) -> Option<Effect> {
        self.begun().map(|(id, begun)| Effect::KeepLesson(id, Box::new(begun)))
    }

    pub(super) fn course(&mut self, change: impl FnOnce(&mut Course)) {
        if let Some(course) = &mut self.lesson {
            change(Rc::make_mut(course));
        }
    }

    /// The lesson's start in the editor; nothing is sent before the learner has guessed.
    #[inline(never)]
    pub(super) fn begin_lesson(&mut self, id: &'static str, lesson: Lesson, answer: Option<usize>) -> Vec<Effect> {
        if self.lesson.is_none() && self.shelf.is_none() {
            self.shelf = Some(Rc::new(self.saved()));
        }
        self.screen = Screen::Lessons;
        self.files = Rc::new(vec![SourceFile { name: "cluster.yaml".into(), text: lesson.start.clone() }]);
        self.open = 0;
        self.edited = false;
        self.settings = Rc::new(lesson.cluster.clone());
        let call = &lesson.prediction.call;
        self.from = if call.from.is_empty() { Source::Internet } else { call.from.parse().unwrap_or_default() };
        self.target = call.target.clone();
        (self.own_target, self.followed) = (true, false);
        self.method = "GET".into();
        self.next = 1;
        self.keep_alive = false;
        self.send_after = None;
        let mut course = Course { id, lesson, answer, guess: None, confirmed: false, results: Vec::new(), hints: 0 };
        let mut events = Vec::new();
        if let Some(begun) = self.begun.take().map(Rc::unwrap_or_clone).filter(|begun| !begun.work.files.is_empty()) {
            // The lesson's cluster may have changed since; the learner's part of it has not.
            let settings = self.settings.clone();
            events = begun.work.events.clone();
            self.load(begun.work);
            self.settings = settings;
            course.guess = begun.guess.filter(|guess| *guess < course.lesson.prediction.options.len());
            course.confirmed = begun.confirmed && course.guess.is_some();
            course.hints = begun.hints;
            self.send_after = self.send_after.take().filter(|waiting| course.confirmed && *waiting == Waiting::Again);
        }
        self.lesson = Some(Rc::new(course));
        let mut effects = self.begin(events);
        effects.extend(self.grade());
        effects
    }

    pub(super) fn grade(&self) -> Option<Effect> {
        let course = self.lesson.as_ref()?;
        Some(Effect::Ask(Ask::Grade, Command::Grade { lesson: Box::new(course.lesson.clone()), files: (*self.files).clone() }))
    }
}
