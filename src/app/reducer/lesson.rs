//! The open lesson: its guess, its goals.

use super::super::state::{Ask, Course, Effect, Msg, Screen, State};
use crate::kubectl::SourceFile;
use crate::lesson::Lesson;
use crate::session::Command;
use crate::trace::Source;
use std::rc::Rc;

impl State {
    pub(super) fn learn(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::OpenLesson(id) => return vec![Effect::FetchLesson(id)],
            Msg::LessonText(id, files) => {
                let [lesson, start, solution] = *files;
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
        Vec::new()
    }

    pub(super) fn course(&mut self, change: impl FnOnce(&mut Course)) {
        if let Some(course) = &mut self.lesson {
            change(Rc::make_mut(course));
        }
    }

    /// The lesson's start in the editor; nothing is sent before the learner has guessed.
    pub(super) fn begin_lesson(&mut self, id: &'static str, lesson: Lesson, answer: Option<usize>) -> Vec<Effect> {
        if self.lesson.is_none() {
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
        self.own_target = true;
        self.method = "GET".into();
        self.next = 1;
        self.send_after = None;
        self.lesson = Some(Rc::new(Course { id, lesson, answer, guess: None, confirmed: false, results: Vec::new(), hints: 0 }));
        let mut effects = self.begin(Vec::new());
        effects.extend(self.grade());
        effects
    }

    pub(super) fn grade(&self) -> Option<Effect> {
        let course = self.lesson.as_ref()?;
        Some(Effect::Ask(Ask::Grade, Command::Grade { lesson: Box::new(course.lesson.clone()), files: (*self.files).clone() }))
    }
}
