//! The story of the modes: how many rules the shown request looks at as Services grow, counted by the engine, a number at a time.

use super::i18n::marked;
use super::icon::icon;
use super::message::{Ask, Effect, Msg};
use super::root::Part;
use super::stage_things::n;
use crate::data_plane::growth::FURTHER;
use crate::session::Command;
use crate::settings::Mode;
use crate::trace::{Hop, Request};
use yew::prelude::*;

/// The page counts up to a thousand Services: more may take a slow machine longer than one call of the engine may last. The
/// command line (`trace --modes`) goes on to ten thousand.
const SHOWN: usize = 5;

/// What was counted so far: for each number of Services iptables, then nftables.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Growth {
    pub request: Request,
    pub counted: Vec<u32>,
}

impl Growth {
    /// The next number to ask for; nothing when all are there.
    pub fn next(&self) -> Vec<Effect> {
        let at = self.counted.len();
        let Some(further) = FURTHER.iter().take(SHOWN).nth(at / 2).copied() else { return Vec::new() };
        let mode = if at.is_multiple_of(2) { Mode::Iptables } else { Mode::Nftables };
        vec![Effect::Ask(Ask::Growth, Command::Growth { request: self.request.clone(), mode, further })]
    }
}

/// The button that asks, at hops that rules decided; once it was asked, the table at every hop.
pub fn growth(part: &Part, hop: &Hop, request: &Request) -> Html {
    let state = &part.state;
    let counted = state.growth.as_ref().filter(|growth| growth.request == *request).map(|growth| growth.counted.clone());
    let Some(counted) = counted else {
        if hop.rules.is_empty() {
            return Html::default();
        }
        let request = request.clone();
        let ask = part.send.reform(move |_: MouseEvent| Msg::Growth(Box::new(request.clone())));
        return html! {
            <section class="growth"><h3 class="small">{ state.speech.t("modes.title") }</h3>
                <button type="button" class="btn line sm" onclick={ask}>{ icon("i-hint", 14) }{ state.speech.t("modes.count") }</button></section>
        };
    };
    table(part, &counted)
}

#[inline(never)]
fn table(part: &Part, counted: &[u32]) -> Html {
    let state = &part.state;
    let most = counted.iter().copied().max().unwrap_or(1).max(1);
    html! {
        <section class="growth" aria-live="polite">
            <h3 class="small">{ state.speech.t("modes.title") }</h3>
            <table>
                <caption class="sr">{ state.speech.t("modes.caption") }</caption>
                <thead><tr><th scope="col">{ state.speech.t("modes.further") }</th><th scope="col">{ "iptables" }</th><th scope="col">{ "nftables" }</th></tr></thead>
                <tbody>{ for FURTHER.iter().zip(counted.chunks(2)).map(|(further, pair)| html! {
                    <tr><th scope="row">{ "+" }{ grouped(*further) }</th>{ for pair.iter().map(|rules| cell(*rules, most)) }</tr>
                }) }</tbody>
            </table>
            { for ["modes.why", "modes.random", "modes.counted"].into_iter().map(|id| html! { <p class="muted small">{ marked(&state.speech.t(id)) }</p> }) }
        </section>
    }
}

fn cell(rules: u32, most: u32) -> Html {
    html! {
        <td><span>{ grouped(rules) }</span><svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
            <rect class="all" width="100" height="4"/><rect class="part" width={n(f64::from(rules) * 100.0 / f64::from(most))} height="4"/>
        </svg></td>
    }
}

/// `10,000`: both languages group by thousands with a comma.
fn grouped(number: u32) -> String {
    match number {
        0..=999 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    }
}
