//! Stage and timeline, with what the page says about them: assumptions, loading, errors in the text, nothing to show yet.

use super::changes::{Clock, caption, shown, touched};
use super::composer::again;
use super::examples;
use super::hop_cards::use_narrow;
use super::icon::icon;
use super::objects::ObjectsView;
use super::stage::{Selected, Stage};
use super::state::{Msg, State, View};
use super::timeline::Timeline;
use super::workbench::Moment;
use crate::diagnostic::{Diagnostic, Severity};
use crate::msg;
use crate::trace::Source;
use yew::prelude::*;

/// The stage column's middle.
#[component]
pub fn Theater(moment: &Moment) -> Html {
    let state = &moment.state;
    let narrow = use_narrow();
    let speech = &state.speech;
    let trace = state.run.as_ref().map(|run| run.trace.clone());
    let touched = touched(state, moment.flow);
    let choose = moment.send.reform(|chosen: Selected| Msg::Select(Some(chosen.item)));
    let outside = state.from == Source::Internet;
    let objects = state.shown == View::Objects;
    let private = state.settings.outside.private_nodes;
    let note = if private { "stage.privateNodes" } else { "stage.assumption" };
    // While a deletion plays, there is something to see.
    let bare = nothing(state) && moment.flow >= state.changes.len();
    html! { <>
        <section class={classes!("stagebox", bare.then_some("bare"))} aria-label={speech.t("stage.label")} data-panel="stage">
            <div class="stagebar">
                { views(moment) }
                if outside { <span class={classes!("note", private.then_some("private"))}>{ speech.t(note) }</span> }
                <Clock ..moment.clone()/>
                <span class="spacer"></span>
                { key("M1 5H21", "packet", speech.t("stage.key.packet")) }
                if objects {
                    { key("M1 5H21", "lookup", speech.t("objects.key.lookup")) }
                    { key("M1 5H21", "real", speech.t("objects.key.refers")) }
                } else {
                    { key("M5 1H17a4 4 0 0 1 0 8H5a4 4 0 0 1 0-8Z", "virtual", speech.t("stage.key.rules")) }
                    { key("M1 5H21", "real", speech.t("stage.key.network")) }
                }
            </div>
            <Banner ..moment.clone()/>
            if state.cluster.is_some() && objects {
                <ObjectsView ..moment.clone()/>
            } else if state.cluster.is_some() {
                <Stage view={shown(moment)} trace={trace.clone()} player={moment.player.clone()} selected={state.selected.clone()} on_select={choose}
                    burst={(!state.burst.is_empty()).then(|| state.burst.clone())} {touched}/>
            } else {
                <div class="loading" role="status"><p>{ speech.t("stage.loading") }</p><p class="muted">{ speech.t("stage.loading.text") }</p></div>
            }
            if bare { <Empty ..moment.clone()/> }
        </section>
        <Timeline {trace} player={moment.player.clone()} instead={caption(moment)}>if narrow { { again(&moment.part()) } }</Timeline>
    </> }
}

/// The cluster, or its objects.
fn views(moment: &Moment) -> Html {
    let state = &moment.state;
    let button = |view: View, sign: &'static str, id: &str| {
        let onclick = moment.send.reform(move |_: MouseEvent| Msg::View(view));
        html! { <button type="button" aria-pressed={(state.shown == view).to_string()} aria-keyshortcuts={state.letters.then_some("V")} {onclick}>{ icon(sign, 14) }{ state.speech.t(id) }</button> }
    };
    html! {
        <div class="seg" role="group" aria-label={state.speech.t("objects.views")}>
            { button(View::Cluster, "g-node", "objects.cluster") }{ button(View::Objects, "g-svc", "objects.objects") }
        </div>
    }
}

fn key(path: &'static str, class: &'static str, words: String) -> Html {
    html! { <span class="key"><svg width="22" height="10" aria-hidden="true"><path class={class} d={path}/></svg>{ words }</span> }
}

fn nothing(state: &State) -> bool {
    state.cluster.as_ref().is_some_and(|cluster| {
        cluster.documents.is_empty() && !cluster.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    })
}

#[component]
fn Empty(moment: &Moment) -> Html {
    let speech = &moment.state.speech;
    let add = moment.send.reform(|_: MouseEvent| Msg::Insert(examples::FIRST));
    html! {
        <div class="vacant">
            <b>{ speech.t("empty.title") }</b><p>{ speech.t("empty.text") }</p>
            <button type="button" class="btn line" onclick={add}>{ icon("i-plus", 14) }{ speech.t("empty.add") }</button>
        </div>
    }
}

/// An error in the text: what of it runs all the same, and what stays as it was.
#[component]
fn Banner(moment: &Moment) -> Html {
    let state = &moment.state;
    state.findings(Severity::Error).next().map_or_else(Html::default, |first| banner(moment, first))
}

#[inline(never)]
fn banner(moment: &Moment, first: &Diagnostic) -> Html {
    let state = &moment.state;
    let field = super::findings::field_of(first).map(|path| format!("{path}: "));
    let words = super::embed::sentence(super::findings::said(state, first));
    let (standing, applied) = state.standing();
    let standing = state.say(&crate::words::Message { id: standing.into(), ..msg!("banner.torn", count = applied) });
    let head = first.span.as_ref().map(|span| state.say(&msg!("banner.line", line = span.line)));
    html! {
        <div class="banner" role="status">
            { icon("i-err", 15) }
            <span><b>{ head }</b>{ " " }{ field }{ words }{ " " }{ standing }</span>
            if let Some(object) = first.replaceable() { { super::findings::replace(&moment.part(), object, "btn sm line") } }
            if let Some(fix) = first.fixes.first() { { super::findings::mend(&moment.part(), fix, "btn sm line") } }
            if let Some(span) = first.span.clone() {
                <button type="button" class="btn sm line" onclick={moment.send.reform(move |_: MouseEvent| Msg::Line(span.clone()))}>{ state.say(&msg!("banner.go", line = first.span.as_ref().map_or(0, |span| span.line))) }</button>
            }
        </div>
    }
}
