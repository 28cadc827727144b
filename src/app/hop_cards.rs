//! The hops of a request as cards in a row, for a phone: a swipe goes to the next one, and the player brings its hop into the middle.

use super::inspector::HopView;
use super::state::Run;
use super::workbench::Moment;
use crate::scene::{ItemId, steps};
use gloo::events::EventListener;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

/// Pixels between two cards.
const GAP: f64 = 12.0;

fn query() -> Option<web_sys::MediaQueryList> {
    gloo::utils::window().match_media("(max-width: 799px)").ok().flatten()
}

/// Whether the page is one column now.
pub fn is_narrow() -> bool {
    query().is_some_and(|query| query.matches())
}

/// Whether the page is one column.
#[hook]
pub fn use_narrow() -> bool {
    let query = use_memo((), |()| query());
    let narrow = use_state(|| query.as_ref().as_ref().is_some_and(web_sys::MediaQueryList::matches));
    {
        let narrow = narrow.clone();
        use_effect_with((), move |()| {
            let listener = query.as_ref().as_ref().map(|query| {
                let asked = query.clone();
                EventListener::new(query, "change", move |_| narrow.set(asked.matches()))
            });
            move || drop(listener)
        });
    }
    *narrow
}

/// Brings what was chosen on the stage into sight, where it stands below the stage.
#[hook]
pub fn use_in_sight(panel: &NodeRef, chosen: Option<ItemId>, narrow: bool) {
    let panel = panel.clone();
    use_effect_with((chosen, narrow), move |(chosen, narrow)| {
        if let (Some(_), true, Some(panel)) = (chosen, narrow, panel.cast::<HtmlElement>()) {
            let options = web_sys::ScrollIntoViewOptions::new();
            options.set_block(web_sys::ScrollLogicalPosition::Nearest);
            panel.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });
}

/// Another thing, or another request, is shown from its top on.
#[hook]
pub fn use_from_top(list: &NodeRef, chosen: Option<ItemId>, run: Option<*const Run>) {
    let list = list.clone();
    use_effect_with((chosen, run), move |_| {
        if let Some(list) = list.cast::<HtmlElement>() {
            list.set_scroll_top(0);
        }
    });
}

/// The cards: the shown one, its neighbours, and the titles of the others.
#[component]
pub fn HopCards(moment: &Moment) -> Html {
    let frame = use_node_ref();
    let held = use_mut_ref(|| false);
    let Moment { state, player, .. } = moment;
    let (list, step) = (player.steps(), player.step);
    {
        let (frame, held) = (frame.clone(), held.clone());
        use_effect_with((step, list.len()), move |(step, _)| {
            let Some(frame) = frame.cast::<HtmlElement>() else { return };
            if nearest(&frame) != Some(*step) {
                // Not by hand: the player went on.
                *held.borrow_mut() = false;
                frame.set_scroll_left((pitch(&frame).unwrap_or_default() * *step as f64) as i32);
            }
        });
    }
    let take = {
        let held = held.clone();
        move || *held.borrow_mut() = true
    };
    let again = take.clone();
    let onpointerdown = Callback::from(move |_: PointerEvent| take());
    let onwheel = Callback::from(move |_: WheelEvent| again());
    let onscroll = {
        let (frame, player) = (frame.clone(), player.clone());
        Callback::from(move |_: Event| {
            let Some(frame) = frame.cast::<HtmlElement>().filter(|_| *held.borrow()) else { return };
            if let Some(step) = nearest(&frame).filter(|there| *there != player.step) {
                player.show(step);
            }
        })
    };
    let Some(run) = &state.run else { return Html::default() };
    html! {
        <div class="hopcards" ref={frame} tabindex="0" role="group" aria-label={state.speech.t("timeline.hops")} {onpointerdown} {onwheel} {onscroll}>
            { for list.iter().enumerate().filter_map(|(index, there)| {
                let hop = steps::hop(&run.trace, there)?;
                let near = index.abs_diff(step) < 2;
                Some(html! {
                    <article key={index} class="hopcard" inert={index != step}>
                        if near { <HopView moment={moment.clone()} hop={hop.clone()} run={(**run).clone()} step={index}/> }
                        else { <h3>{ super::i18n::marked(&super::inspector::title(&state.speech, hop)) }</h3> }
                    </article>
                })
            }) }
        </div>
    }
}

/// From one card to the next.
fn pitch(frame: &HtmlElement) -> Option<f64> {
    let card = frame.query_selector(".hopcard").ok().flatten()?.dyn_into::<HtmlElement>().ok()?;
    Some(f64::from(card.offset_width()) + GAP)
}

/// The card in the middle.
fn nearest(frame: &HtmlElement) -> Option<usize> {
    let pitch = pitch(frame).filter(|pitch| *pitch > GAP)?;
    Some((f64::from(frame.scroll_left()) / pitch).round().max(0.0) as usize)
}
