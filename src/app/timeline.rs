//! The timeline: one bead for each hop, and the player's controls.
//!
//! The beads are one tab stop with a roving index; Left and Right step, with Shift from machine to machine, 1 to 9 go to a hop.
//! A drag over the beads moves time itself.

mod beads;

use super::hop_cards::use_narrow;
use super::i18n::{Speech, use_speech};
use super::icon::{Outcome, icon, outcome};
use super::stage_player::{Player, SPEEDS};
use super::stage_things::n;
use super::storage;
use crate::msg;
use crate::scene::steps::{Machine, hop, machine};
use crate::trace::{Hop, Place, Reason, Trace};
use crate::words::{Message, args};
use beads::Beads;
use std::rc::Rc;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

/// What the timeline shows.
#[derive(Clone, PartialEq, Properties)]
pub struct TimelineProps {
    /// The request that plays.
    #[prop_or_default]
    pub trace: Option<Rc<Trace>>,
    /// The clock: a `use_player` of the same trace.
    pub player: Player,
    /// What stands in the beads' place while no request is shown.
    #[prop_or_default]
    pub instead: Option<Html>,
    /// More buttons beside the player's.
    #[prop_or_default]
    pub children: Html,
}

/// Controls, beads and the outcome.
#[component]
pub fn Timeline(props: &TimelineProps) -> Html {
    let speech = use_speech();
    let player = &props.player;
    let steps = player.steps();
    let count = steps.len();
    let trace = props.trace.as_deref().filter(|_| count > 0);
    let hop = trace.and_then(|trace| hop(trace, steps.get(player.step)?));
    let end = trace.map(outcome);
    let narrow = use_narrow();
    html! {
        <section class="tl" aria-label={speech.t("timeline.label")} data-panel="timeline">
            <div class="tlhead">
                { button(&speech, "timeline.first", "i-first", count == 0 || player.step == 0, "", player, |player| player.show(0)) }
                { button(&speech, "timeline.previous", "i-prev", count == 0 || player.step == 0, "", player, |player| player.step_by(-1)) }
                { button(&speech, if player.playing { "timeline.pause" } else { "timeline.play" }, if player.playing { "i-pause" } else { "i-play" },
                    count == 0, "line", player, Player::toggle) }
                { button(&speech, "timeline.next", "i-next", count == 0 || player.finished(), "", player, |player| player.step_by(1)) }
                if let Some(hop) = hop {
                    <span class="where"><b>{ speech.say(&msg!("timeline.hop", hop = player.step + 1)) }</b>{ " " }
                        <span>{ speech.say(&msg!("timeline.where", count = count, place = place(&speech, hop))) }</span></span>
                }
                <span class="spacer"></span>
                { props.children.clone() }
                { speed(&speech, player) }
                if let Some(end) = end.filter(|_| player.finished() || !player.playing) { { chip(&speech, props.trace.as_deref(), end, narrow) } }
            </div>
            if let (Some(trace), Some(end)) = (&props.trace, end) {
                <Beads trace={trace.clone()} player={player.clone()} glyph={end.glyph} class={end.class}/>
            } else if let Some(instead) = &props.instead {
                { instead.clone() }
            } else {
                <div class="tlempty">if player.has_played() { <p class="quiet">{ speech.t("timeline.empty") }</p> }</div>
            }
        </section>
    }
}

fn button(
    speech: &Speech,
    label: &str,
    glyph: &'static str,
    off: bool,
    class: &'static str,
    player: &Player,
    act: fn(&Player),
) -> Html {
    let player = player.clone();
    let onclick = Callback::from(move |_: MouseEvent| act(&player));
    html! { <button type="button" class={classes!("btn", "sm", "icon", class)} aria-label={speech.t(label)} disabled={off} {onclick}>{ icon(glyph, 16) }</button> }
}

fn speed(speech: &Speech, player: &Player) -> Html {
    let set = player.clone();
    let onchange = Callback::from(move |event: Event| {
        let value = event.target_dyn_into::<HtmlSelectElement>().and_then(|select| select.value().parse().ok());
        let value = value.unwrap_or(1.0);
        set.set_speed(value);
        storage::keep_speed(value);
    });
    html! {
        <select class="speed" aria-label={speech.t("timeline.speed")} {onchange}>
            { for SPEEDS.iter().map(|speed| html! { <option value={n(*speed)} selected={*speed == player.speed}>{ format!("{}×", n(*speed)) }</option> }) }
        </select>
    }
}

/// How it ended; on a phone in a word, because the beads share its line.
fn chip(speech: &Speech, trace: Option<&Trace>, end: Outcome, narrow: bool) -> Html {
    let full = ending(speech, trace, end);
    let words = if narrow && end.class != "ok" { brief(speech, trace, end) } else { None };
    let words = words.unwrap_or_else(|| full.clone());
    html! {
        <span class={classes!("chip", end.class)} title={full}>
            <svg class={classes!("oc", format!("o-{}", end.class))} width="16" height="16" aria-hidden="true"><use href={format!("#{}", end.glyph)}/></svg>
            { words }
        </span>
    }
}

/// How it ended, in a word: the status, where it is none of success.
fn brief(speech: &Speech, trace: Option<&Trace>, end: Outcome) -> Option<String> {
    let status = trace.and_then(|trace| trace.status).filter(|_| matches!(end.class, "e404" | "e503"));
    let id = format!("bead.end.{}", if end.words == "outcome.noDns" { "dns" } else { end.class });
    status.map(|status| status.to_string()).or_else(|| speech.has(&id).then(|| speech.t(&id)))
}

/// How it ended, in a word or two: with the status where HTTP was spoken.
fn ending(speech: &Speech, trace: Option<&Trace>, end: Outcome) -> String {
    match trace.and_then(Trace::failed_call).filter(|_| end.class == "call") {
        Some(call) => {
            let ok = Outcome { words: "outcome.ok", ..end };
            speech.say(&msg!("timeline.ok.callFailed", words = arrived(speech, trace, ok), target = call.request.target))
        }
        None => arrived(speech, trace, end),
    }
}

fn arrived(speech: &Speech, trace: Option<&Trace>, end: Outcome) -> String {
    let status = trace.and_then(|trace| trace.status);
    match (if end.words == "outcome.ok" { "ok" } else { "" }, status) {
        ("ok", Some(status)) => speech
            .say(&msg!("timeline.ok.status", status = status, words = if status == 200 { "OK" } else { "" }))
            .trim()
            .to_string(),
        ("ok", None) => speech.t("timeline.ok"),
        (_, status) => {
            let status = status.map(|status| status.to_string()).unwrap_or_default();
            speech.say(&Message { id: end.words.into(), args: args(&mut [("status", status)]) })
        }
    }
}

/// Where a hop happens: the chain that decided and its node, or the place.
fn place(speech: &Speech, hop: &Hop) -> String {
    let chain = hop.rules.last().map(|rule| rule.chain.as_str()).filter(|chain| !chain.is_empty());
    match (&hop.at, chain) {
        (Place::KubeProxy(node) | Place::Node(node), Some(chain)) => {
            // The hash of a chain's name says nothing here; the inspector has it.
            let mut parts = chain.splitn(3, '-');
            let short = match (parts.next(), parts.next(), parts.next()) {
                (Some("KUBE"), Some(kind @ ("SVC" | "SVL" | "SEP" | "EXT" | "FW")), Some(_)) => format!("KUBE-{kind}"),
                _ => chain.to_string(),
            };
            speech.say(&msg!("timeline.chain", chain = short, node = node))
        }
        (Place::Node(_), None) if hop.reason == Reason::NodeDown => speech.t("timeline.nobody"),
        (Place::KubeProxy(node) | Place::Node(node), None) => speech.say(&msg!("zone.kernel", node = node)),
        (Place::Cni(node), _) => speech.say(&msg!("timeline.network", node = node)),
        (Place::Pod(_, name) | Place::IngressController(_, name), _) => speech.say(&msg!("zone.pod", pod = name)),
        (Place::Outside(name), _) => speech.say(&msg!("zone.server", server = name)),
        (Place::Internet, _) => match machine(hop) {
            Machine::Gateway => speech.t("zone.gateway"),
            Machine::Edge => speech.t("zone.edge"),
            _ => speech.t("timeline.outside"),
        },
        (Place::PublicDns, _) => speech.t("stage.dns"),
        (Place::Coredns, _) => "CoreDNS".to_string(),
        (Place::LoadBalancer(..), _) => speech.t("stage.lb"),
    }
}
