//! What the engine adds to the card of a Service, Pod or node: rarer fields with what they do, where a Service's endpoints are, the
//! environment of a Pod's containers, a node's taints and labels.

use super::explain::at;
use super::i18n::marked;
use super::icon::icon;
use super::root::Part;
use super::state::Msg;
use crate::api::ObjectRef;
use crate::msg;
use crate::node::environment::{Value, Variable};
use crate::session::card::{Card, Environment, Named, Setting};
use yew::prelude::*;

/// More variables than this are folded away.
const SEEN: usize = 6;

/// What is known of this object beyond what the stage shows; nothing while it is on its way.
pub fn of<'a>(part: &'a Part, object: &ObjectRef) -> Option<&'a Card> {
    part.state.card.as_deref().filter(|card| card.object == *object)
}

/// The fields that are set, each with its line and what it does; what one opens can be called.
pub fn settings(part: &Part, card: Option<&Card>) -> Html {
    let Some(card) = card.filter(|card| !card.settings.is_empty()) else { return Html::default() };
    let row = |setting: &Setting| {
        html! { <li><div><code>{ setting.name.clone() }{ ": " }<b>{ setting.value.clone() }</b></code>
        { at(part, &card.lines, &setting.because) }</div><p>{ marked(&part.state.say(&setting.text)) }</p>
        if !setting.call.is_empty() { { call(part, &setting.call) } }</li> }
    };
    html! { <ul class="set" aria-label={part.state.speech.t("object.settings")}>{ for card.settings.iter().map(row) }</ul> }
}

/// Calls a target.
fn call(part: &Part, target: &str) -> Html {
    let (label, target, send) = (part.state.say(&msg!("object.call", target = target)), target.to_string(), part.send.clone());
    let onclick = Callback::from(move |_: MouseEvent| {
        send.emit(Msg::Offer(target.clone(), None));
        send.emit(Msg::Send);
    });
    html! { <button type="button" class="btn line sm" {onclick}>{ marked(&label) }</button> }
}

/// What DNS answers for a Service's names.
pub fn names(part: &Part, card: Option<&Card>) -> Html {
    let Some(card) = card.filter(|card| !card.names.is_empty()) else { return Html::default() };
    let row = |own: &Named| {
        let shown = own.answers.iter().take(SEEN).map(|answer| html! { <><wbr/><b>{ answer.clone() }</b>{ " " }</> });
        let more = own.answers.len().saturating_sub(SEEN);
        let none = own.answers.is_empty().then(|| part.state.speech.t("object.names.none"));
        html! { <li><div><code>{ own.name.clone() }{ " " }{ own.kind.clone() }{ " " }{ for shown }{ none }if more > 0 { { format!("+{more}") } }</code></div></li> }
    };
    let ports = card.names.iter().any(|own| own.kind == "SRV");
    html! { <>
        <div class="eyebrow">{ part.state.speech.t("object.names") }</div>
        <ul class="set">{ for card.names.iter().map(row) }</ul>
        if ports { <p class="small">{ marked(&part.state.speech.t("object.names.srv")) }</p> }
    </> }
}

/// Zone and hints of an endpoint; empty where it has none.
pub fn topology(part: &Part, card: Option<&Card>, ip: &str) -> String {
    let own = card.and_then(|card| card.topology.iter().find(|own| own.ip == ip));
    own.map_or_else(String::new, |own| match own.hints.as_slice() {
        [] => own.zone.clone(),
        hints => {
            part.state.say(&msg!("object.hints", zone = own.zone, hints = hints.join(", "))).trim_start_matches(" · ").into()
        }
    })
}

/// What each container of a Pod finds in its environment.
pub fn environment(part: &Part, card: Option<&Card>) -> Html {
    let Some(card) = card else { return Html::default() };
    let named = card.environment.len() > 1;
    html! { <>{ for card.environment.iter().map(|own| container(part, card, own, named)) }</> }
}

fn container(part: &Part, card: &Card, own: &Environment, named: bool) -> Html {
    let state = &part.state;
    let title = if named { msg!("object.envOf", container = own.container) } else { msg!("object.env") };
    let rows = || own.own.iter().map(|variable| row(part, card, own, variable));
    html! {
        <div class="env">
            <div class="eyebrow">{ state.say(&title) }</div>
            { for own.unfilled.iter().map(|(why, field)| html! {
                <p class="small warn">{ icon("i-warn", 14) }{ " " }{ marked(&state.say(why)) }{ at(part, &card.lines, std::slice::from_ref(field)) }</p>
            }) }
            { match own.own.len() {
                0 => html! { <p class="quiet">{ state.speech.t("object.envNone") }</p> },
                count if count > SEEN => html! { <details><summary>{ state.say(&msg!("object.envOwn", count = count)) }</summary><ul>{ for rows() }</ul></details> },
                _ => html! { <ul>{ for rows() }</ul> },
            } }
            if !own.services.is_empty() {
                <details><summary>{ state.say(&msg!("object.envServices", count = own.services.len())) }</summary>
                    <ul>{ for own.services.iter().map(|(name, value)| html! { <li><code>{ name.clone() }{ "=" }<wbr/>{ value.clone() }</code></li> }) }</ul></details>
            }
        </div>
    }
}

fn row(part: &Part, card: &Card, own: &Environment, variable: &Variable) -> Html {
    let t = |id: &str| part.state.speech.t(id);
    let (value, note, bad) = match &variable.value {
        Value::Plain(value) => (value.clone(), None, false),
        Value::Hidden => ("•••".into(), Some("object.envHidden"), false),
        Value::Missing(true) => (String::new(), Some("object.envOptional"), false),
        Value::Missing(false) => (String::new(), Some("object.envMissing"), true),
        Value::Elsewhere => (String::new(), Some("object.envElsewhere"), false),
        Value::Unknown => (String::new(), Some("object.envUnknown"), false),
    };
    let equals = if value.is_empty() && note.is_some() { "" } else { "=" };
    let called = own.calls.iter().filter(|(name, _)| *name == variable.name);
    html! {
        <li><code>{ variable.name.clone() }{ if variable.name.is_empty() { "" } else { equals } }<wbr/><b>{ value }</b></code>
            <small>
                { for called.map(|(_, target)| html! { <>{ " → " }<code>{ target.clone() }</code></> }) }
                if !variable.from.is_empty() { { " " }{ variable.from.clone() } }
                if let Some(note) = note { { " " }<span class={bad.then_some("warn")}>{ t(note) }</span> }
                { at(part, &card.lines, std::slice::from_ref(&variable.field)) }
            </small></li>
    }
}
