//! What was done since the cluster's start, as a list to go back to, and forward again.

use super::icon::icon;
use super::popover::Menu;
use super::root::Part;
use super::state::{Msg, State, Step};
use super::text;
use crate::msg;
use crate::words::Message;
use yew::prelude::*;

/// A button with the list; nothing before anything was done.
pub fn history(part: &Part) -> Html {
    let state = &part.state;
    if state.steps.is_empty() {
        return Html::default();
    }
    let entry = |at: usize, words: String| {
        let now = at == state.at;
        let go = part.send.reform(move |_: MouseEvent| Msg::Rewind(at));
        html! {
            <button type="button" role="menuitemradio" aria-checked={now.to_string()} class={(at > state.at).then_some("undone")} onclick={go}>
                <span class="num">{ at }</span><span>{ super::i18n::marked(&words) }</span>if now { { icon("i-check", 14) } }
            </button>
        }
    };
    let past = state.steps.iter().enumerate().map(|(index, step)| entry(index + 1, said(state, index, step)));
    html! {
        <Menu class="btn sm line" label={html! { <>{ icon("i-clock", 14) }{ state.say(&msg!("history.title", count = state.at)) }</> }}>
            <div class="eyebrow" role="presentation">{ state.speech.t("history.text") }</div>
            { entry(0, state.speech.t("history.start")) }
            { for past }
        </Menu>
    }
}

/// A step of the past in words.
pub(super) fn said(state: &State, index: usize, step: &Step) -> String {
    let event = match step {
        Step::Event(event) => event,
        Step::Text(files) => {
            let line = text::first_change(state.text_at(index), files).map_or("", |(.., line)| line.trim());
            let line: String = line.chars().filter(|c| *c != '`').take(36).collect();
            return state.say(&if line.is_empty() { msg!("history.cut") } else { msg!("history.edit", line = line) });
        }
    };
    let words: Vec<&str> = event.split(' ').collect();
    let (what, does) = (words.first().copied().unwrap_or_default(), words.get(1).copied().unwrap_or_default());
    let id = match (what, does) {
        ("wait", _) => "history.wait",
        (_, "down" | "up" | "ready" | "unready" | "delete" | "replace" | "scale" | "stop" | "start") => does,
        // An event without words of its own stands as it was asked for.
        _ => return format!("`{event}`"),
    };
    let id = match id {
        "start" => "history.start.event".to_string(),
        "history.wait" => id.to_string(),
        does => format!("history.{does}"),
    };
    let name = what.rsplit_once('/').map_or(what, |(_, name)| name);
    let kind = what.split('/').next().unwrap_or_default();
    let args = [("kind", kind), ("name", name), ("count", words.get(2).copied().unwrap_or_default()), ("time", does)];
    state.say(&Message { id: id.into(), args: args.into_iter().map(|(key, value)| (key.into(), value.to_string())).collect() })
}
