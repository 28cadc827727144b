//! The request to send: who calls, which method, where to; one, or a hundred.

use super::combo::{Choice, Combo};
use super::hop_cards::use_narrow;
use super::icon::{glyph, icon};
use super::root::Part;
use super::state::{Msg, State};
use crate::api::ObjectRef;
use crate::msg;
use crate::scene::view::{OfferGroup, PodRole, TargetOffer};
use crate::trace::Source;
use yew::prelude::*;

/// The row above the stage.
#[component]
pub fn Composer(part: &Part) -> Html {
    let state = &part.state;
    let speech = &state.speech;
    let locked = locked(state);
    let callers = use_memo((state.cluster.clone(), speech.clone()), |_| callers(state));
    let targets = use_memo((state.cluster.clone(), state.offers.clone(), state.from.clone(), speech.clone()), |_| targets(state));
    let taken = {
        let (callers, send) = (callers.clone(), part.send.clone());
        Callback::from(move |index: usize| {
            if let Some((source, _)) = callers.get(index) {
                send.emit(Msg::From(source.clone()));
            }
        })
    };
    let offered = {
        let (state, send) = (state.clone(), part.send.clone());
        Callback::from(move |index: usize| {
            if let Some(offer) = state.offers().get(index) {
                send.emit(Msg::Offer(offer.target.clone(), offer.from.clone()));
            }
        })
    };
    let onsubmit = part.send.reform(|event: SubmitEvent| {
        event.prevent_default();
        Msg::Send
    });
    // Beside the buttons where there is room, else on the one that draws it (page.css).
    let seed = state.say(&msg!("composer.seed", seed = state.next));
    let narrow = use_narrow();
    html! {
        <form class="composer" data-panel="request" {onsubmit}>
            <div class="field from">
                <label class="lab" for="send-from">{ speech.t("composer.from") }</label>
                { caller_glyph(&state.from) }
                <Combo id="send-from" name={speech.t("composer.sendFrom")} value={caller(state, &state.from)} empty={speech.t("composer.nobody")}
                    choices={callers.iter().map(|(_, choice)| choice.clone()).collect::<Vec<_>>()} on_take={taken}/>
            </div>
            <div class="field url">
                { how(part) }
                <span class="sep"></span>
                <Combo id="url" name="URL" mono=true value={state.target.clone()} choices={(*targets).clone()} on_take={offered} empty={speech.t("composer.nothing")}
                    on_type={part.send.reform(Msg::Target)} on_open={part.send.reform(|()| Msg::Offers)}/>
                if state.unaddressed { <p class="unsent" role="alert">{ speech.t("composer.noUrl") }</p> }
                { relieved(state) }
            </div>
            <span class="sender">
            <button class="btn now" type="submit" disabled={locked} aria-label={speech.t("composer.send")} aria-keyshortcuts="Control+Enter" title={seed.clone()}>
                { speech.t("composer.send") }<kbd aria-hidden="true">{ "↵" }</kbd>
            </button>
            <span class="seed muted num" title={speech.t("composer.seed.title")}>{ seed }</span>
            </span>
            if !narrow { { again(part) } }
        </form>
    }
}

/// A hundred of it, the last one once more, and what is kept open. On a phone they stand beside the player's buttons.
pub fn again(part: &Part) -> Html {
    let state = &part.state;
    let speech = &state.speech;
    let locked = locked(state);
    let burst = part.send.reform(|_: MouseEvent| Msg::Burst);
    let replay = part.send.reform(|_: MouseEvent| Msg::Replay);
    let title = state.say(&msg!("composer.replay.title", seed = state.next.saturating_sub(1)));
    html! { <>
        <button class="btn line" type="button" disabled={locked} aria-label={speech.t("composer.burst")} onclick={burst}>{ speech.t("composer.burst.short") }</button>
        <button class="btn sm icon" type="button" disabled={locked || state.next < 2} aria-label={speech.t("composer.replay")} {title} onclick={replay}>{ icon("i-loop", 16) }</button>
        if state.keep_alive {
            <button class="btn sm icon kept" type="button" aria-pressed="true" aria-label={speech.t("keepAlive.switch")} title={speech.t("keepAlive.switch")}
                onclick={part.send.reform(|_: MouseEvent| Msg::KeepAlive)}>{ icon("i-link", 16) }</button>
        }
    </> }
}

/// A lesson asks for a guess before anything is sent.
pub fn locked(state: &State) -> bool {
    state.lesson.as_ref().is_some_and(|course| !course.confirmed)
}

/// What is said on the connection: a method of HTTP where the target asks for it; else only the protocol, as the command line has it.
fn how(part: &Part) -> Html {
    let state = &part.state;
    let scheme = state.target.split_once("://").map_or("tcp", |(scheme, _)| scheme).to_ascii_uppercase();
    if !matches!(&*scheme, "HTTP" | "HTTPS") && !state.target.trim().is_empty() {
        return html! { <abbr class="method" title={state.speech.t("composer.plain")}>{ scheme }</abbr> };
    }
    let method =
        part.send.reform(|event: Event| Msg::Method(event.target_unchecked_into::<web_sys::HtmlSelectElement>().value()));
    html! {
        <select class="method" aria-label={state.speech.t("composer.method")} onchange={method}>
            { for ["GET", "POST", "PUT", "DELETE", "HEAD"].into_iter().map(|name| html! {
                <option value={name} selected={state.method == name}>{ name }</option>
            }) }
        </select>
    }
}

/// A caller as the field shows it.
pub fn caller(state: &State, source: &Source) -> String {
    match source {
        Source::Internet => state.speech.t("composer.outside"),
        Source::Pod(namespace, name) => match &state.cluster {
            Some(cluster) => cluster.view.pod_name(namespace, name),
            None => name.clone(),
        },
        Source::Node(name) => name.clone(),
        Source::Workload(object) => format!("{} {}", object.kind.name(), object.name),
    }
}

/// A word on a caller that had to make way: it is gone, or from there the chosen target means nothing. Always one node: a child more or less
/// would make the field beside it anew, without the focus.
fn relieved(state: &State) -> Html {
    let Some(before) = &state.relieved else { return Html::default() };
    let there = state.cluster.as_ref().is_none_or(|cluster| cluster.view.has_caller(before));
    let (before, now) = (caller(state, before), caller(state, &state.from));
    let words = match there {
        true => msg!("composer.relieved", before = before, caller = now),
        false => msg!("composer.gone", before = before, caller = now),
    };
    html! { <p class="unsent told" role="status">{ state.say(&words) }</p> }
}

fn caller_glyph(source: &Source) -> Html {
    match source {
        Source::Internet => glyph("g-client", 15, "k-infra"),
        Source::Node(_) => glyph("g-node", 15, "k-infra"),
        Source::Pod(..) => glyph("g-pod", 15, "k-pod"),
        Source::Workload(_) => glyph("g-deploy", 15, "k-pod"),
    }
}

/// Everybody who can call.
fn callers(state: &State) -> Vec<(Source, Choice)> {
    let choice = |source: Source, group: &str, note: String| {
        let (value, label) = (source.to_string(), caller(state, &source));
        (source, Choice { value, label, note, group: state.speech.t(group), fails: false })
    };
    let mut out = vec![choice(Source::Internet, "composer.group.outside", "203.0.113.50".into())];
    let Some(cluster) = &state.cluster else { return out };
    let view = &cluster.view;
    for workload in view.workloads.iter().filter(|workload| !workload.system) {
        let ObjectRef { namespace, .. } = &workload.object;
        out.push(choice(
            Source::Workload(workload.object.clone()),
            "composer.group.workloads",
            state.say(&msg!("composer.firstReady", namespace = namespace)),
        ));
    }
    for app in [true, false] {
        for pod in view.pods.iter().filter(|pod| (pod.role == PodRole::App) == app) {
            let note = if pod.node.is_empty() { pod.status.clone() } else { format!("{} · {}", pod.ip, pod.node) };
            out.push(choice(
                Source::Pod(pod.namespace.clone(), pod.name.clone()),
                if app { "composer.group.pods" } else { "composer.group.system" },
                note,
            ));
        }
        if app {
            out.extend(
                view.nodes.iter().map(|node| choice(Source::Node(node.name.clone()), "composer.group.nodes", node.ip.clone())),
            );
        }
    }
    out
}

/// Everything that was pasted and can be called, and one that fails.
fn targets(state: &State) -> Vec<Choice> {
    let choice = |offer: &TargetOffer| {
        let group = match offer.group {
            _ if offer.fails.is_some() => "offer.group.fails",
            OfferGroup::NodePort => "offer.group.nodePort",
            OfferGroup::LoadBalancer => "offer.group.loadBalancer",
            OfferGroup::Ingress => "offer.group.ingress",
            OfferGroup::Service => "offer.group.service",
            OfferGroup::Pod => "offer.group.pod",
            OfferGroup::Fails => "offer.group.fails",
        };
        let note = state.say(offer.fails.as_ref().unwrap_or(&offer.label));
        let other = offer.from.as_ref().and_then(|from| from.parse().ok()).filter(|from| *from != state.from);
        let note = match &other {
            Some(other) => format!("{note} · {}", state.say(&msg!("offer.caller", caller = caller(state, other)))),
            None => note,
        };
        Choice {
            value: offer.target.clone(),
            label: offer.target.clone(),
            note,
            group: state.speech.t(group),
            fails: offer.fails.is_some(),
        }
    };
    state.offers().iter().map(choice).collect()
}
