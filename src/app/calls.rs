//! The calls that a request set off, to read at a glance: what failed on top and named, then who called whom. Each line shows its hop.

use super::hop_cards::is_narrow;
use super::i18n::marked;
use super::icon::{Outcome, outcome};
use super::results::words;
use super::state::Run;
use super::workbench::Moment;
use crate::msg;
use crate::scene::calls::{self, Call};
use yew::prelude::*;

/// So few calls are shown without being asked for.
const FEW: usize = 4;

/// The calls of a shown request, if it set any off; among the cards of a phone, the last one has them.
pub fn calls(moment: &Moment, run: &Run, step: usize) -> Html {
    if run.trace.calls.is_empty() { Html::default() } else { summary(moment, run, step) }
}

#[inline(never)]
fn summary(moment: &Moment, run: &Run, step: usize) -> Html {
    let state = &moment.state;
    let steps = moment.player.steps();
    let ends = step + 1 == steps.len();
    if is_narrow() && !ends {
        return Html::default();
    }
    let all = calls::calls(&run.trace, &steps);
    let playing = steps.get(step).map_or(&[][..], |step| &step.call);
    let failed: Vec<&Call> = all.iter().filter(|call| call.failed()).collect();
    let caller = run.trace.pod.as_ref().map_or("", |(_, name)| name.as_str());
    let made = msg!("calls.made", pod = caller, count = run.trace.calls.len());
    let (chip, told) = match failed.len() {
        0 => ("ok", msg!("calls.arrived", count = all.len())),
        count => ("refused", msg!("calls.failed", count = count, all = all.len())),
    };
    html! {
        <section class="calls">
            <div class="row between"><h3 class="small">{ marked(&state.say(&made)) }</h3><span class={classes!("chip", chip)}>{ state.say(&told) }</span></div>
            if !failed.is_empty() { <ul>{ for failed.iter().enumerate().map(|(index, call)| broken(moment, call, &failed[..index])) }</ul> }
            <details open={all.len() <= FEW || ends && failed.is_empty()}>
                <summary>{ state.say(&msg!("calls.all", count = all.len())) }</summary>
                <ul class="tree">{ for all.iter().map(|call| html! {
                    <li class={format!("d{}", call.path.len().min(4))}>{ line(moment, call, playing == call.path, call.target.to_string()) }</li>
                }) }</ul>
            </details>
        </section>
    }
}

/// A call that failed: whose, how, and why, unless the one before failed for the same reason.
fn broken(moment: &Moment, call: &Call, before: &[&Call]) -> Html {
    let name = call.by.map_or_else(|| call.target.to_string(), |by| format!("{by} → {}", call.target));
    let why = call.trace.advice.as_ref().map(|advice| &advice.why);
    let told = before.iter().any(|other| other.trace.advice.as_ref().map(|advice| &advice.why) == why);
    let why = why.filter(|_| !told).map(|why| marked(&moment.state.say(why)));
    html! { <li>{ line(moment, call, false, name) }if let Some(why) = why { <p>{ why }</p> }</li> }
}

/// One line: the outcome's shape, who is called, the outcome in words.
fn line(moment: &Moment, call: &Call, playing: bool, name: String) -> Html {
    let end = outcome(call.trace);
    let Outcome { glyph, class, .. } = end;
    let (player, step) = (moment.player.clone(), call.step);
    let onclick = Callback::from(move |_: MouseEvent| player.show(step));
    html! {
        <button type="button" aria-current={playing.then_some("step")} {onclick}>
            <svg class={classes!("oc", format!("o-{class}"))} width="16" height="16" aria-hidden="true"><use href={format!("#{glyph}")}/></svg>
            <code>{ name }</code><span>{ words(&moment.state, end, call.trace.status) }</span>
        </button>
    }
}
