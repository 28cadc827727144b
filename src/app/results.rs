//! The last hundred requests: how often each Pod answered, and how the others ended.

use super::composer::locked;
use super::hop_cards::use_narrow;
use super::icon::{Outcome, ending, glyph};
use super::lessons::set;
use super::root::Part;
use super::stage_things::n;
use super::state::{Msg, REMEMBERED, Run, State};
use crate::msg;
use crate::session::BurstResult;
use crate::trace::{Nuance, Reason, Trace, Verdict};
use crate::words::{Message, args};
use std::rc::Rc;
use yew::prelude::*;

/// The histogram.
#[component]
pub fn Results(part: &Part) -> Html {
    let state = &part.state;
    let results = &state.results;
    let narrow = use_narrow();
    let more = if narrow && results.len() < REMEMBERED { more(part) } else { Html::default() };
    if results.is_empty() {
        return html! {
            <section class="results"><div class="row between"><h3 class="small">{ state.speech.t("results.title") }</h3></div>
                <p class="muted">{ state.speech.t("results.none") }</p>{ more }{ keep_alive(part) }</section>
        };
    }
    let pods = by_pod(state);
    let most = pods.iter().map(|own| own.count).max().unwrap_or(1).max(1);
    let served: u32 = pods.iter().map(|own| own.count).sum();
    let chance = chance(state).filter(|count| (2..=*count).contains(&pods.len()));
    let share = chance.map(|count| f64::from(served) / count as f64);
    html! {
        <section class="results">
            <div class="row between"><h3 class="small">{ if results.len() < REMEMBERED { state.say(&msg!("results.some", count = results.len())) } else { state.speech.t("results.title") } }</h3>
                <span class="chips">{ for endings(state).into_iter().map(|(outcome, status, count)| html! {
                    <span class={classes!("chip", outcome.class)}>
                        <svg class={classes!("oc", format!("o-{}", outcome.class))} width="16" height="16" aria-hidden="true"><use href={format!("#{}", outcome.glyph)}/></svg>
                        { count }{ " × " }{ words(state, outcome, status) }
                    </span>
                }) }</span>
            </div>
            if !pods.is_empty() {
                <table class="hist">
                    <caption class="sr">{ state.speech.t("results.caption") }</caption>
                    { for pods.iter().map(|Answers { pod: (_, name), count, well }| html! {
                        <tr><th scope="row" title={name.clone()}>{ glyph("g-pod", 14, "k-pod") }{ short(name) }</th>
                            <td class="bar"><svg viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
                                <rect class="all" width="100" height="12"/>
                                <rect class="part" width={n(f64::from(*well) * 100.0 / f64::from(most))} height="12"/>
                                if well < count { <rect class="part call" x={n(f64::from(*well) * 100.0 / f64::from(most))} width={n(f64::from(count - well) * 100.0 / f64::from(most))} height="12"/> }
                                if let Some(share) = share { <rect class="tick" x={n(share * 100.0 / f64::from(most))} width="0.7" height="12"/> }
                            </svg></td>
                            <td class="val">{ *count }</td></tr>
                    }) }
                </table>
                if let Some(count) = chance { <p class="muted small">{ state.say(&tick(state, count)) }</p> }
                if served > 1 && pods.len() == 1 { { sticks(state) } }
            }
            { more }
            { keep_alive(part) }
        </section>
    }
}

/// On a phone the button that sends a hundred is on another tab.
#[inline(never)]
fn more(part: &Part) -> Html {
    let state = &part.state;
    let burst = part.send.reform(|_: MouseEvent| Msg::Burst);
    html! {
        <div class="more">
            <button type="button" class="btn line" disabled={locked(state)} onclick={burst}>{ state.speech.t("composer.burst") }</button>
            if !state.results.is_empty() { <p class="muted small">{ state.speech.t("results.none") }</p> }
        </div>
    }
}

/// What the tick marks.
fn tick(state: &State, count: usize) -> Message {
    let named = format!("results.tick.{count}");
    let id = if state.speech.has(&named) { named.into() } else { "results.tick".into() };
    Message { id, ..msg!("results.tick", count = count) }
}

/// How many endpoints the kernel draws from with equal chances, where all that is counted went that one way: to one target, each
/// with a connection of its own, and no Ingress controller picks.
fn chance(state: &State) -> Option<usize> {
    let trace = &state.run.as_ref().filter(|_| !state.mixed && !state.keep_alive)?.trace;
    if trace.hops.iter().any(|hop| hop.reason == Reason::IngressPick) {
        return None;
    }
    let drawn = |id: &str| matches!(id, "hop.PickEndpoint.text" | "hop.PickEndpoint.text.nftables");
    let pick = trace.hops.iter().rev().find(|hop| hop.reason == Reason::PickEndpoint)?;
    pick.text.args.get("count").filter(|_| drawn(&pick.text.id))?.parse().ok()
}

/// Why one Pod answered all: its Service remembers its clients, as the rules that the shown request walked say.
#[inline(never)]
fn sticks(state: &State) -> Html {
    let Some(run) = state.run.as_ref().filter(|_| !state.mixed && !state.keep_alive) else { return Html::default() };
    let remembers = |text: &str| text.contains(" -m recent ") || text.contains("@affinity-");
    let sticky = run.trace.hops.iter().flat_map(|hop| &hop.rules).any(|rule| remembers(&rule.text));
    if sticky {
        html! { <p class="muted small">{ set(&state.speech.t("results.sticky")) }</p> }
    } else {
        Html::default()
    }
}

/// The switch for one connection that stays open, and what comes of it.
fn keep_alive(part: &Part) -> Html {
    let state = &part.state;
    let picks = |run: &Run| run.trace.hops.iter().any(|hop| hop.reason == Reason::IngressPick);
    let why = match &state.run {
        Some(run) if run.trace.request.keep_alive && picks(run) => "keepAlive.ingress",
        _ if by_pod(state).len() == 1 && state.results.len() > 1 => "keepAlive.one",
        _ => "keepAlive.on",
    };
    html! {
        <div class="keepalive">
            <label class="check"><input type="checkbox" checked={state.keep_alive} onchange={part.send.reform(|_: Event| Msg::KeepAlive)}/>{ state.speech.t("keepAlive.switch") }</label>
            if state.keep_alive { <p class="muted small" role="status">{ set(&state.speech.t(why)) }</p> }
        </div>
    }
}

/// An outcome in words: `200 OK`, `Connection refused`.
pub fn words(state: &State, outcome: Outcome, status: Option<u16>) -> String {
    let status = status.map(|status| status.to_string()).unwrap_or_default();
    let id = if outcome.words == "outcome.ok" && status.is_empty() { "outcome.delivered" } else { outcome.words };
    let message = Message { id: id.into(), args: args(&mut [("status", status)]) };
    state.say(&message).trim().to_string()
}

/// How many a Pod answered, and how many of these with nothing amiss.
struct Answers<'a> {
    pod: &'a (String, String),
    count: u32,
    well: u32,
}

/// What each Pod answered, by name.
fn by_pod(state: &State) -> Vec<Answers<'_>> {
    let mut pods: Vec<Answers> = Vec::new();
    for result in state.results.iter().filter(|result| result.verdict == Verdict::Delivered) {
        let Some(pod) = &result.pod else { continue };
        let well = u32::from(ended(state, result).class == "ok");
        match pods.binary_search_by(|known| known.pod.cmp(pod)) {
            Ok(at) => (pods[at].count, pods[at].well) = (pods[at].count + 1, pods[at].well + well),
            Err(at) => pods.insert(at, Answers { pod, count: 1, well }),
        }
    }
    pods
}

/// How one of the counted requests ended.
fn ended(state: &State, result: &BurstResult) -> Outcome {
    // Of all that went one way, one was traced: it tells more of an end than the others do.
    let traced = state.run.as_ref().filter(|_| !state.mixed && result.nuance == Nuance::Plain).map(|run| &run.trace);
    let same = |trace: &&Rc<Trace>| (trace.verdict, trace.status) == (result.verdict, result.status);
    let nuance = traced.filter(same).map_or(result.nuance, |trace| trace.nuance());
    ending(result.verdict, result.status, nuance)
}

/// How many ended how, most first.
fn endings(state: &State) -> Vec<(Outcome, Option<u16>, u32)> {
    let mut out: Vec<(Outcome, Option<u16>, u32)> = Vec::new();
    for result in state.results.iter() {
        let outcome = ended(state, result);
        match out.iter_mut().find(|(known, status, _)| *known == outcome && *status == result.status) {
            Some((_, _, count)) => *count += 1,
            None => out.push((outcome, result.status, 1)),
        }
    }
    out.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    out
}

/// A Pod's name without what it shares with its siblings.
fn short(name: &str) -> String {
    let parts: Vec<&str> = name.split('-').collect();
    match parts.as_slice() {
        [first, .., last] if parts.len() > 2 => format!("{first}-…-{last}"),
        _ => name.to_string(),
    }
}
