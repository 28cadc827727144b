//! The page's address: what its fragment asks for (a link, an example, a lesson, a small player), and what it is to say after that.

use super::examples;
use super::share;
use super::state::{LESSONS, Msg, Screen, State};
use super::storage;
use std::rc::Rc;

/// The lessons' list.
const LIST: &str = "#lessons";

/// What the page opens on: the address's fragment, the draft, or the first example; and whether the recording is of that.
pub fn arrival(state: &mut State) -> (Msg, bool) {
    let draft = storage::draft();
    if let Some(msg) = addressed(state) {
        if let Msg::Show(screen) = msg {
            state.screen = screen;
            return waiting(draft);
        }
        if matches!(msg, Msg::OpenLesson(_)) {
            // The playground waits as it was left.
            state.shelf = draft.map(Rc::new);
        } else if let Some(own) = draft.filter(|draft| draft.own) {
            storage::keep_own(&own);
        }
        let recorded = matches!(&msg, Msg::Load(saved) if **saved == State::opening());
        return (msg, recorded);
    }
    waiting(draft)
}

fn waiting(draft: Option<share::Saved>) -> (Msg, bool) {
    let recorded = draft.is_none();
    (Msg::Load(Box::new(draft.unwrap_or_else(State::opening))), recorded)
}

/// What the address's fragment asks for.
pub fn addressed(state: &mut State) -> Option<Msg> {
    state.stray = None;
    let hash = gloo::utils::window().location().hash().ok()?;
    let fragment = hash.strip_prefix('#').unwrap_or(&hash);
    if let Some(saved) = share::from_fragment(fragment) {
        return Some(Msg::Load(Box::new(saved)));
    }
    if hash == LIST {
        return Some(Msg::Show(Screen::Lessons));
    }
    if fragment.is_empty() && (state.screen == Screen::Lessons || state.lesson.is_some()) {
        // Back from the lessons.
        return Some(Msg::Show(Screen::Playground));
    }
    let opening = State::opening();
    state.stray = share::flaw(fragment);
    let mut found = None;
    for (key, value) in fragment.split('&').filter_map(|pair| pair.split_once('=')) {
        match key {
            "example" => {
                found = examples::find(value).map(Msg::Example);
                state.stray = found.is_none().then_some("link.noExample");
            }
            "embed" => {
                state.screen = Screen::Embed;
                if share::from_fragment(value).is_none() && examples::find(value).is_none() {
                    state.stray = share::flaw(value).or(Some("link.noExample"));
                }
                let other = examples::find(value).filter(|example| example.id != opening.example);
                let load = || Msg::Load(Box::new(share::from_fragment(value).unwrap_or_else(|| opening.clone())));
                found = Some(other.map_or_else(load, Msg::Example));
            }
            "lesson" => {
                found = LESSONS.into_iter().find(|id| *id == value).map(Msg::OpenLesson);
                state.stray = found.is_none().then_some("link.noLesson");
            }
            "theme" => state.theme = storage::theme_of(value),
            _ => {}
        }
    }
    found
}

/// Once something was changed, the address must not bring back on a reload what it opened: the draft is newer.
pub fn leave_link(state: &State) {
    let window = gloo::utils::window();
    let hash = window.location().hash().unwrap_or_default();
    let now = state.saved();
    let newer = match share::from_fragment(hash.trim_start_matches('#')) {
        Some(link) => link.files != now.files || link.events != now.events || link.settings != now.settings,
        None => hash.starts_with("#example=") && (state.edited || !now.events.is_empty()),
    };
    if !newer || state.screen != Screen::Playground || state.lesson.is_some() {
        return;
    }
    put("", Step::Same);
}

/// An open lesson stands in the address, and so does their list, so that a reload opens it again and the browser's Back leaves it;
/// what was left does not.
/// While a lesson is on its way (`comes`), the address stays.
pub fn follow_lessons(state: &State, comes: bool) {
    let hash = gloo::utils::window().location().hash().unwrap_or_default();
    let named = |id: &str| hash.trim_start_matches('#').split('&').any(|pair| pair.strip_prefix("lesson=") == Some(id));
    match &state.lesson {
        Some(course) if !named(course.id) => put(&format!("#lesson={}", course.id), Step::Next),
        None if comes => {}
        None if state.screen == Screen::Lessons && hash != LIST => put(LIST, Step::Next),
        None if state.screen == Screen::Lessons => {}
        None if hash == LIST || LESSONS.into_iter().any(named) => put("", Step::Same),
        _ => {}
    }
}

/// A step in the browser's history.
enum Step {
    /// The page stays where it is.
    Same,
    /// Back leads here again.
    Next,
}

/// Changes the address's fragment.
fn put(fragment: &str, step: Step) {
    let window = gloo::utils::window();
    if let Ok(history) = window.history() {
        let path = window.location().pathname().unwrap_or_default() + &window.location().search().unwrap_or_default() + fragment;
        let nothing = wasm_bindgen::JsValue::NULL;
        // Where the browser refuses, the address stays, and a reload opens what it names.
        let _ = match step {
            Step::Same => history.replace_state_with_url(&nothing, "", Some(&path)),
            Step::Next => history.push_state_with_url(&nothing, "", Some(&path)),
        };
    }
}
