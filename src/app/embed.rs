//! The small player for an iframe (`#embed=nodeport`, or a whole link: `#embed=1.…`): stage, timeline, Send; nothing else.

use super::i18n::marked;
use super::icon::icon;
use super::inspector;
use super::share;
use super::stage::Stage;
use super::state::{Msg, State};
use super::storage;
use super::timeline::Timeline;
use super::topbar::brand;
use super::workbench::Moment;
use crate::msg;
use crate::scene::steps;
use crate::trace::{Advice, Hop};
use yew::prelude::*;

/// The player.
#[component]
pub fn Embed(moment: &Moment) -> Html {
    let state = &moment.state;
    let speech = &state.speech;
    let trace = state.run.as_ref().map(|run| run.trace.clone());
    let send = moment.send.reform(|_: MouseEvent| Msg::Send);
    let change = moment.hop().and_then(|hop| Some((hop.before?, hop.after?))).filter(|(before, after)| before.dst != after.dst);
    let asked = storage::asked("embed").unwrap_or_default();
    let own = share::is_link(&asked);
    let title = if own && state.edited { "kubehop".into() } else { speech.t(&format!("example.{}.title", state.example)) };
    let place = if own { format!("#{asked}") } else { format!("#example={}", state.example) };
    let steps = moment.player.steps();
    let advice = trace
        .as_ref()
        .filter(|trace| moment.player.step >= steps::deciding(&steps, trace))
        .and_then(|trace| trace.advice.as_ref());
    html! {
        <main class="kh">
            <header>{ brand(false) }<h1>{ title }</h1><span class="spacer"></span>
                <a class="lnk" href={place} target="_blank" rel="noopener">{ icon("i-out", 14) }{ speech.t("embed.open") }</a>
                <button type="button" class="btn now" onclick={send}>{ speech.t("composer.send") }</button></header>
            if let Some(stray) = state.stray { <p class="stray" role="alert">{ speech.t(stray) }</p> }
            <section class="st" aria-label={speech.t("stage.label")}>
                if state.cluster.is_some() { <Stage view={state.view.clone()} trace={trace.clone()} player={moment.player.clone()}/> }
            </section>
            <Timeline trace={trace.clone()} player={moment.player.clone()}/>
            <div class="nowbar">
                if let Some(hop) = moment.hop() {
                    <div class="tx"><b>{ state.say(&msg!("embed.hop", hop = moment.player.step + 1, title = inspector::title(speech, hop))) }</b>
                        <span>{ inspector::text(speech, hop).replace('`', "") }</span></div>
                    if let Some((before, after)) = change {
                        <div class="df"><em>{ "dst" }</em><s>{ before.dst.to_string() }</s>{ icon("i-right", 14) }<b>{ after.dst.to_string() }</b></div>
                    } else if let Some(advice) = advice {
                        <p class="hint">{ icon("i-hint", 15) }<span>{ marked(&hint(state, hop, advice)) }</span></p>
                    }
                }
            </div>
            <div class="sr" aria-live="polite">{ inspector::sentence(moment) }</div>
        </main>
    }
}

/// What is amiss, where the hop's own words do not say it, and what to try.
fn hint(state: &State, hop: &Hop, advice: &Advice) -> String {
    let next = state.say(&advice.next);
    if advice.why == hop.text { next } else { format!("{} {next}", sentence(state.say(&advice.why))) }
}

/// With a full stop.
pub fn sentence(mut text: String) -> String {
    if !text.ends_with(['.', '?', '!']) {
        text.push('.');
    }
    text
}
