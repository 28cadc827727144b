//! Why a request fails, or a Pod gets no traffic: the checks one after another, each with the lines that it looked at.

use super::i18n::marked;
use super::icon::icon;
use super::root::Part;
use super::state::{Msg, State};
use crate::diagnostic::Span;
use crate::explain::{Check, IDLE_TOLD};
use crate::msg;
use crate::random::Seed;
use crate::scene::view::{OfferGroup, ServiceView, TargetOffer};
use crate::session::Asked;
use crate::trace::{FieldRef, Request};
use yew::prelude::*;

/// The button that asks, and beneath it the answer once it was asked.
pub fn why(part: &Part, label: &str, what: Asked) -> Html {
    let state = &part.state;
    let answer = state.explained.as_ref().filter(|explained| explained.what == what);
    let ask = part.send.reform(move |_: MouseEvent| Msg::Explain(what.clone()));
    html! {
        <div class="why">
            <button type="button" class="btn line sm" aria-expanded={answer.is_some().to_string()} onclick={ask}>{ icon("i-hint", 14) }{ state.speech.t(label) }</button>
            if let Some(answer) = answer {
                <ol class="checks" aria-label={state.speech.t("why.label")}>
                    { for answer.explanation.checks.iter().map(|item| check(part, &answer.lines, item)) }
                </ol>
                if !answer.explanation.idle.is_empty() {
                    <div class="eyebrow">{ state.speech.t("why.idle") }</div>
                    <ul class="checks">{ for answer.explanation.idle.iter().take(IDLE_TOLD).map(|idle| html! {
                        <li>{ icon("i-warn", 14) }<div><code>{ idle.pod.name.clone() }</code>{ " " }{ marked(&state.say(&idle.why)) }{ at(part, &answer.lines, &idle.because) }</div></li>
                    }) }</ul>
                    if let Some(more) = answer.explanation.idle.len().checked_sub(IDLE_TOLD).filter(|more| *more > 0) {
                        <p class="small">{ state.say(&msg!("explain.idle.more", count = more)) }</p>
                    }
                }
            }
        </div>
    }
}

fn check(part: &Part, lines: &[(FieldRef, Span)], check: &Check) -> Html {
    let state = &part.state;
    let (class, sign, word) = match check.ok {
        true if check.is_note() => ("note", "i-info", "why.note"),
        true => ("ok", "i-check", "why.ok"),
        false => ("err", "i-err", "why.fails"),
    };
    html! {
        <li {class}>{ icon(sign, 14) }<div><span class="sr">{ state.speech.t(word) }{ " " }</span>{ marked(&state.say(&check.text)) }
            { at(part, lines, &check.because) }
            if let Some(next) = &check.next { <p>{ marked(&state.say(next)) }</p> }
        </div></li>
    }
}

/// The first line that says so.
pub fn at(part: &Part, lines: &[(FieldRef, Span)], because: &[FieldRef]) -> Html {
    let found = because.iter().find_map(|field| lines.iter().find(|(known, _)| known == field));
    let Some((_, span)) = found else { return Html::default() };
    let (line, span) = (span.line, span.clone());
    html! { <>{ " " }<button type="button" class="lnk" onclick={part.send.reform(move |_: MouseEvent| Msg::Line(span.clone()))}>{ part.state.say(&msg!("line", line = line)) }</button></> }
}

/// The request to ask about for a Service: the first that the page offers for it, from inside the cluster where it can be.
pub fn request(state: &State, service: &ServiceView) -> Option<Request> {
    let offers = state.cluster.as_ref().map_or(&[][..], |cluster| &cluster.targets);
    let own = |group: OfferGroup| {
        let says = |offer: &TargetOffer, arg: &str, own: &String| offer.label.args.get(arg) == Some(own);
        let about = |offer: &&TargetOffer| says(offer, "service", &service.name) && says(offer, "namespace", &service.namespace);
        offers.iter().filter(about).find(|offer| offer.group == group && offer.from.is_some())
    };
    let offer = own(OfferGroup::Service).or_else(|| own(OfferGroup::Fails)).or_else(|| own(OfferGroup::LoadBalancer));
    if let Some(offer) = offer.filter(|offer| offer.from.as_deref() != Some("internet")) {
        let from = offer.from.as_ref()?.parse().ok()?;
        return Some(Request { from, target: offer.target.clone(), seed: Seed(1), ..Request::default() });
    }
    // Without a Pod that could call it, a node does, by its address.
    let node = state.view.nodes.first()?;
    let port = service.ports.first()?;
    let from = crate::trace::Source::Node(node.name.clone());
    let scheme = if port.protocol == "TCP" { String::new() } else { format!("{}://", port.protocol.to_lowercase()) };
    let target = format!("{scheme}{}:{}", service.cluster_ip, port.port);
    (!service.cluster_ip.is_empty()).then(|| Request { from, target, seed: Seed(1), ..Request::default() })
}
