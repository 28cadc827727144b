//! What the browser remembers: the draft, and what was chosen. Where it may not remember, the page works without.

use super::i18n::Language;
use super::share::{Begun, Saved};
use super::stage_player::SPEEDS;
use super::state::{Screen, State, Theme};
use gloo::utils::window;

fn store() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

fn get(key: &str) -> Option<String> {
    store()?.get_item(key).ok()?
}

fn set(key: &str, value: &str) {
    if let Some(store) = store() {
        // A full or forbidden store only means that nothing is remembered.
        let _ = store.set_item(key, value);
    }
}

/// The last text and what belongs to it.
pub fn draft() -> Option<Saved> {
    Saved::read(&get("kubehop.draft")?)
}

/// The learner's own text, from before an example took its place.
pub fn own() -> Option<Saved> {
    Saved::read(&get("kubehop.own")?)
}

/// Keeps the own text, as an example is about to take its place.
pub fn keep_own(saved: &Saved) {
    set("kubehop.own", &serde_json::to_string(saved).unwrap_or_default());
}

/// How far the learner has come in a lesson.
pub fn begun(lesson: &str) -> Option<Begun> {
    Begun::read(&get(&format!("kubehop.lesson.{lesson}"))?)
}

/// Keeps that.
pub fn keep_begun(lesson: &str, begun: &Begun) {
    set(&format!("kubehop.lesson.{lesson}"), &serde_json::to_string(begun).unwrap_or_default());
}

/// Keeps draft and lesson.
pub fn keep(state: &State) {
    if state.screen == Screen::Embed {
        return;
    }
    if state.screen == Screen::Playground && state.lesson.is_none() {
        set("kubehop.draft", &serde_json::to_string(&state.saved()).unwrap_or_default());
    }
    if let Some((lesson, begun)) = state.begun() {
        keep_begun(lesson, &begun);
    }
}

/// Keeps what was chosen: language, theme, letters.
pub fn choose(state: &State, language: Language) {
    set("kubehop.letters", if state.letters { "on" } else { "off" });
    set("kubehop.lang", language.code());
    set(
        "kubehop.theme",
        match state.theme {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        },
    );
}

/// Keeps how fast packets travel.
pub fn keep_speed(speed: f64) {
    set("kubehop.speed", &speed.to_string());
}

/// The kept speed, where it is still on offer.
pub fn speed() -> Option<f64> {
    let kept = get("kubehop.speed")?.parse().ok()?;
    SPEEDS.contains(&kept).then_some(kept)
}

/// What the address's fragment says for a key.
pub fn asked(key: &str) -> Option<String> {
    let hash = window().location().hash().unwrap_or_default();
    let mut pairs = hash.trim_start_matches('#').split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| *known == key).map(|(_, value)| value.to_string())
}

/// The chosen language, else the browser's.
pub fn language() -> Language {
    Language::of(&asked("lang").or_else(|| get("kubehop.lang")).or_else(|| window().navigator().language()).unwrap_or_default())
}

/// Whether keys of a single letter count.
pub fn letters() -> bool {
    get("kubehop.letters").as_deref() != Some("off")
}

/// The chosen theme.
pub fn theme() -> Theme {
    theme_of(&get("kubehop.theme").unwrap_or_default())
}

/// The theme of a name; as the system has it for all others.
pub fn theme_of(name: &str) -> Theme {
    match name {
        "light" => Theme::Light,
        "dark" => Theme::Dark,
        _ => Theme::Auto,
    }
}
