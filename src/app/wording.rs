//! How the page comes by its words: they are asked for until they have come, and nothing is shown that has no words yet.
//!
//! - Until the first words are there, the page draws nothing, and `index.html`'s own picture stands in its place.
//! - What the engine answers in words that have not come waits for them.
//! - A language that does not come, or is long in coming, is asked for again; meanwhile the page stays in the language that it has, and
//!   the notice of `index.html` says what is the matter: it has its own words, in every language.

use super::engine::EngineEvent;
use super::i18n::{Language, fetch_words};
use crate::words::Words;
use gloo::timers::callback::Timeout;
use yew::Callback;

/// Milliseconds until words that are still not there are asked for again.
const SLOW: u32 = 10_000;
/// Milliseconds until words that could not be had are asked for again.
const AGAIN: u32 = 3_000;

/// Which words: of a language, and whether with those that only the engine says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The language.
    pub language: Language,
    /// With the engine's.
    pub engine: bool,
}

/// What became of a request for words.
pub enum Heard {
    /// They are there.
    Came(Wanted, Words),
    /// They could not be had.
    Missed(Wanted),
    /// It is time to ask again.
    Again,
}

/// What was asked for, and what waits for it.
pub struct Wording {
    /// What was asked for last.
    pub wanted: Wanted,
    /// Whether some words are there, and whether the engine's are among them.
    has: Option<bool>,
    held: Vec<EngineEvent>,
    clock: Option<Timeout>,
    heard: Callback<Heard>,
}

impl Wording {
    /// Asks for the first words.
    pub fn new(wanted: Wanted, heard: Callback<Heard>) -> Wording {
        let mut wording = Wording { wanted, has: None, held: Vec::new(), clock: None, heard };
        wording.ask(wanted);
        wording
    }

    /// Asks for words, in place of those that were asked for before.
    pub fn ask(&mut self, wanted: Wanted) {
        self.wanted = wanted;
        self.fetch(wanted);
        self.ask_after(SLOW);
    }

    fn fetch(&self, wanted: Wanted) {
        let heard = self.heard.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let words = fetch_words(wanted.language, wanted.engine).await;
            heard.emit(words.map_or_else(|_| Heard::Missed(wanted), |words| Heard::Came(wanted, words)));
        });
    }

    fn ask_after(&mut self, milliseconds: u32) {
        let heard = self.heard.clone();
        self.clock = Some(Timeout::new(milliseconds, move || heard.emit(Heard::Again)));
    }

    /// The words that the page is to take, if any.
    pub fn hear(&mut self, heard: Heard) -> Option<(Language, Words)> {
        match heard {
            // What was asked for later has more; but something is better than nothing.
            Heard::Came(came, words) if came == self.wanted || self.has.is_none() => {
                self.has = Some(came.engine);
                if came == self.wanted {
                    self.clock = None;
                    notice(false);
                }
                return Some((came.language, words));
            }
            Heard::Missed(missed) if missed == self.wanted => self.missed(),
            Heard::Again => {
                notice(true);
                self.ask(self.wanted);
            }
            Heard::Came(..) | Heard::Missed(_) => {}
        }
        None
    }

    #[inline(never)]
    fn missed(&mut self) {
        notice(true);
        self.ask_after(AGAIN);
        if self.has.is_none() && self.wanted.language != Language::En {
            self.fetch(Wanted { language: Language::En, ..self.wanted });
        }
    }

    /// Whether there are any words.
    pub fn speaks(&self) -> bool {
        self.has.is_some()
    }

    /// Whether all words are there; asks for them if nobody has.
    pub fn complete(&mut self) -> bool {
        if !self.wanted.engine {
            self.ask(Wanted { engine: true, ..self.wanted });
        }
        self.has == Some(true)
    }

    /// Keeps an event of the engine back while its words are not there.
    pub fn hold(&mut self, event: EngineEvent) -> Option<EngineEvent> {
        if self.wanted.engine && self.has != Some(true) {
            self.held.push(event);
            return None;
        }
        Some(event)
    }

    /// What was kept back, once it can be said.
    pub fn release(&mut self) -> Vec<EngineEvent> {
        if self.wanted.engine && self.has != Some(true) { Vec::new() } else { std::mem::take(&mut self.held) }
    }
}

/// Shows or hides the notice that words have not come.
fn notice(shown: bool) {
    if let Some(notice) = gloo::utils::document().get_element_by_id("wordless") {
        // Always allowed, so there is nothing to report.
        let _ = if shown { notice.remove_attribute("hidden") } else { notice.set_attribute("hidden", "") };
    }
}
