//! What the engine answers to the page that opens on its first example: asked when the page is built, played until the engine is there.
//!
//! The engine is most of the page's weight, and the opening page asks the same of it each time. So the build asks it once
//! (`static/build/record.js`), the page fetches the answers (`opening.bin`), and the engine comes while the first packet travels. It is
//! then asked the same commands, so it stands where the recording stands. A page that opens on anything else waits for the engine.

use super::i18n::fetch_bytes;
use super::state::{Ask, Effect, Msg, State};
use super::wire;
use crate::session::{Command, Reply, Session};
use std::collections::VecDeque;

/// The first page's commands that are still to come, with their answers.
pub struct Recording {
    /// Walks ahead of the page: it makes the commands that a fresh page makes.
    page: State,
    asked: VecDeque<(Ask, Command)>,
    replies: std::vec::IntoIter<Reply>,
}

impl Recording {
    /// Fetches it. `None` when it cannot be had.
    pub async fn fetch() -> Option<Recording> {
        Some(Recording::new(wire::read(&fetch_bytes("opening.bin").await.ok()?).ok()?))
    }

    fn new(replies: Vec<Reply>) -> Recording {
        let mut page = State::new();
        let asked = asks(page.arrive()).into();
        Recording { page, asked, replies: replies.into_iter() }
    }

    /// The answer to the page's next command, if that is the recorded one.
    pub fn answer(&mut self, command: &Command) -> Option<Reply> {
        if self.asked.front().is_none_or(|(_, asked)| asked != command) {
            return None;
        }
        let (ask, _) = self.asked.pop_front()?;
        let reply = self.replies.next()?;
        self.asked.extend(asks(self.page.update(Msg::Replied(ask, reply.clone()))));
        Some(reply)
    }

    /// Whether everything is answered.
    pub fn done(&self) -> bool {
        self.replies.as_slice().is_empty()
    }
}

/// Records: plays the first page against an engine.
pub fn record() -> Vec<Reply> {
    let mut session = Session::default();
    let mut page = State::new();
    let mut asked: VecDeque<(Ask, Command)> = asks(page.arrive()).into();
    let mut replies = Vec::new();
    while let Some((ask, command)) = asked.pop_front() {
        let reply = session.handle(command);
        replies.push(reply.clone());
        asked.extend(asks(page.update(Msg::Replied(ask, reply))));
    }
    replies
}

fn asks(effects: Vec<Effect>) -> Vec<(Ask, Command)> {
    let ask = |effect| match effect {
        Effect::Ask(ask, command) => Some((ask, command)),
        _ => None,
    };
    effects.into_iter().filter_map(ask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::share::Saved;
    use crate::trace::Verdict;

    #[test]
    fn a_fresh_page_finds_every_answer_in_the_recording_and_the_last_is_the_first_trace() {
        let mut recording = Recording::new(record());
        let mut page = State::new();
        let mut asked: VecDeque<(Ask, Command)> = asks(page.arrive()).into();
        let mut last = None;
        while let Some((ask, command)) = asked.pop_front() {
            let reply = recording.answer(&command).expect("recorded");
            last = Some(reply.clone());
            asked.extend(asks(page.update(Msg::Replied(ask, reply))));
        }
        assert!(recording.done());
        assert!(page.run.is_some_and(|run| run.trace.verdict == Verdict::Delivered), "{last:?}");
    }

    #[test]
    fn another_seed_is_not_in_the_recording() {
        let mut recording = Recording::new(record());
        let first = |seed| {
            let mut page = State::new();
            let effects = page.update(Msg::Load(Box::new(Saved { seed, ..State::opening() })));
            asks(effects).remove(0).1
        };
        assert_eq!(recording.answer(&first(2)), None);
        assert!(recording.answer(&first(1)).is_some(), "a command that is not recorded uses nothing up");
    }
}
