//! The small player for an iframe (`#embed=nodeport`): stage, timeline, Send; nothing else.

use super::icon::{icon, outcome};
use super::inspector;
use super::results::words;
use super::stage::Stage;
use super::state::Msg;
use super::timeline::Timeline;
use super::topbar::brand;
use super::workbench::Moment;
use crate::msg;
use yew::prelude::*;

/// The player.
#[component]
pub fn Embed(moment: &Moment) -> Html {
    let state = &moment.state;
    let speech = &state.speech;
    let trace = state.run.as_ref().map(|run| run.trace.clone());
    let send = moment.send.reform(|_: MouseEvent| Msg::Send);
    let change = moment.hop().and_then(|hop| Some((hop.before?, hop.after?))).filter(|(before, after)| before.dst != after.dst);
    html! {
        <main class="kh">
            <header>{ brand(false) }<h1>{ speech.t(&format!("example.{}.title", state.example)) }</h1><span class="spacer"></span>
                <a class="lnk" href={format!("#example={}", state.example)} target="_blank" rel="noopener">{ icon("i-out", 14) }{ speech.t("embed.open") }</a>
                <button type="button" class="btn now" onclick={send}>{ speech.t("composer.send") }</button></header>
            <section class="st" aria-label={speech.t("stage.label")}>
                if state.cluster.is_some() { <Stage view={state.view.clone()} trace={trace.clone()} player={moment.player.clone()}/> }
            </section>
            <Timeline trace={trace.clone()} player={moment.player.clone()}/>
            <div class="nowbar">
                if let (Some(hop), Some(trace)) = (moment.hop(), trace) {
                    <div class="tx"><b>{ state.say(&msg!("embed.hop", hop = moment.player.step + 1, title = inspector::title(speech, hop))) }</b>
                        <span>{ inspector::text(speech, hop).replace('`', "") }</span></div>
                    if let Some((before, after)) = change {
                        <div class="df"><em>{ "dst" }</em><s>{ before.dst.to_string() }</s>{ icon("i-right", 14) }<b>{ after.dst.to_string() }</b></div>
                    } else {
                        <span class={classes!("chip", outcome(&trace).class)}><svg class={classes!("oc", format!("o-{}", outcome(&trace).class))} width="16" height="16" aria-hidden="true"><use href={format!("#{}", outcome(&trace).glyph)}/></svg>{ words(state, outcome(&trace), trace.status) }</span>
                    }
                }
            </div>
            <div class="sr" aria-live="polite">{ inspector::sentence(moment) }</div>
        </main>
    }
}
