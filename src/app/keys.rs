//! Keys of a single letter: they count where nothing is typed, with the focus on stage or timeline or nowhere, and can be turned
//! off. F6 goes from panel to panel.

use super::dialogs::Open;
use super::state::{Msg, View};
use super::workbench::Moment;
use gloo::events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent};
use yew::prelude::*;

/// Space and P play, V shows the cluster or its objects, L goes to the line that caused the shown hop, ? lists all keys.
#[hook]
pub fn use_letters(moment: &Moment) {
    let newest = use_mut_ref(|| moment.clone());
    *newest.borrow_mut() = moment.clone();
    use_effect_with((), move |()| {
        let options = EventListenerOptions::enable_prevent_default();
        let listener = EventListener::new_with_options(&gloo::utils::document(), "keydown", options, move |event| {
            let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
            let moment = newest.borrow().clone();
            let Some(target) = free(&moment, event) else { return };
            if plays(&moment, event, &target) {
                event.prevent_default();
                moment.player.toggle();
            } else if let Some(msg) = meant(&moment, event) {
                // The editor may get the focus: the letter must not be typed there.
                event.prevent_default();
                moment.send.emit(msg);
            }
        });
        move || drop(listener)
    });
}

/// Where a key went, unless something else has a right to it: a dialog, a field, another panel.
fn free(moment: &Moment, event: &KeyboardEvent) -> Option<Element> {
    if moment.state.dialog != Open::Nothing || event.ctrl_key() || event.alt_key() || event.meta_key() {
        return None;
    }
    let target = event.target()?.dyn_into::<Element>().ok()?;
    let here = target.tag_name() == "BODY" || target.closest("[data-panel=stage],[data-panel=timeline]").ok().flatten().is_some();
    (here && !matches!(target.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA")).then_some(target)
}

/// Space plays where nothing has the focus, for it presses a button that has it; P does everywhere.
fn plays(moment: &Moment, event: &KeyboardEvent, target: &Element) -> bool {
    let asked = match event.key().as_str() {
        " " => target.tag_name() == "BODY",
        "p" | "P" => moment.state.letters,
        _ => false,
    };
    asked && !moment.player.steps().is_empty()
}

fn meant(moment: &Moment, event: &KeyboardEvent) -> Option<Msg> {
    let state = &moment.state;
    if !state.letters {
        return None;
    }
    match event.key().as_str() {
        "v" | "V" => Some(Msg::View(if state.shown == View::Cluster { View::Objects } else { View::Cluster })),
        "l" | "L" => state.causes(moment.because()).into_iter().next().map(Msg::Line),
        "?" => Some(Msg::Open(Open::Keys)),
        _ => None,
    }
}

/// A button that goes away with what it acts on leaves the focus of whoever pressed it by a key to its panel, so that the next Tab
/// goes on from there. To the panel itself: of the things in it any may go away as well.
pub fn hand_on_focus(event: &MouseEvent) {
    let pressed = event.target_dyn_into::<Element>().filter(|_| event.detail() == 0);
    let panel = pressed.and_then(|button| button.closest("[data-panel]").ok().flatten());
    if let Some(panel) = panel.filter(|panel| panel.set_attribute("tabindex", "-1").is_ok()) {
        focus(&panel);
    }
}

/// What can take the focus takes it; an element of a picture can as well.
fn focus(element: &Element) {
    let _ = match element.dyn_ref::<HtmlElement>() {
        Some(element) => element.focus(),
        None => element.unchecked_ref::<web_sys::SvgElement>().focus(),
    };
}

/// F6: the first thing that takes the focus in the next panel.
pub fn next_panel(back: bool) {
    let document = gloo::utils::document();
    let shown = |list: web_sys::NodeList| {
        let all = (0..list.length()).filter_map(|index| list.get(index)?.dyn_into::<Element>().ok());
        all.filter(|element| element.get_bounding_client_rect().width() > 0.0).collect::<Vec<_>>()
    };
    let panels = document.query_selector_all("[data-panel]").map(shown).unwrap_or_default();
    let focused = document.active_element();
    let here = panels.iter().position(|panel| panel.contains(focused.as_deref()));
    let count = panels.len();
    let next = match (here, back) {
        (None, false) => 0,
        (None, true) => count.saturating_sub(1),
        (Some(here), false) => (here + 1) % count.max(1),
        (Some(here), true) => (here + count - 1) % count.max(1),
    };
    let inside = "textarea:not([hidden]), [tabindex='0'], button:not([disabled]):not([tabindex='-1']), input, select, a[href]";
    let found = panels.get(next).and_then(|panel| panel.query_selector_all(inside).ok()).map(shown).unwrap_or_default();
    found.first().into_iter().for_each(focus);
}
