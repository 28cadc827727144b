//! Why a request failed, what to try next, and the change of the text, the setting or the step back that mends it.

use super::explain;
use super::findings::with_aws;
use super::i18n::marked;
use super::icon::icon;
use super::inspector::{Cause, text};
use super::state::{Msg, State};
use super::undone::{taken_back, undone};
use super::workbench::Moment;
use crate::diagnostic::{Fix, Span};
use crate::kubectl::SourceFile;
use crate::session::Asked;
use crate::trace::{Advice, Hop};
use yew::prelude::*;

/// What is advised at a hop, and the class of its outcome.
#[derive(Clone, PartialEq, Properties)]
#[allow(missing_docs)]
pub struct AdviceProps {
    pub moment: Moment,
    pub hop: Hop,
    pub advice: Option<Advice>,
    pub class: &'static str,
}

/// Why it failed, what to try next, and the change that would mend it.
#[component]
pub fn AdviceView(AdviceProps { moment, hop, advice, class }: &AdviceProps) -> Html {
    let state = &moment.state;
    let Some(advice) = advice else { return Html::default() };
    let why = state.say(&advice.why);
    let fix = mending(state, advice);
    let own = state.run.as_ref().and_then(|run| undone(state, &run.trace, advice));
    html! {
        <section class={classes!("fix", *class)}>
            if why != text(&state.speech, hop) { <h4>{ marked(&why) }</h4> }
            <p>{ icon("i-hint", 15) }{ " " }{ marked(&state.say(&advice.next)) }</p>
            if let Some((index, back)) = own.filter(|_| fix.is_none()) {
                { taken_back(&moment.part(), index, back) }
            } else {
                <Cause moment={moment.clone()} because={advice.because.clone()}/>
            }
            { with_aws(&moment.part(), [Some(&advice.next), None], "btn fix") }
            if let Some(run) = &state.run { { explain::why(&moment.part(), "why.request", Asked::Request(Box::new(run.trace.request.clone()))) } }
            if let Some(fix) = fix {
                { diff(&state.files, &fix) }
                <div class="row">
                    <button type="button" class="btn fix" onclick={moment.send.reform({ let fix = fix.clone(); move |_: MouseEvent| Msg::FixAndSend(fix.clone()) })}>{ state.speech.t("fix.apply") }</button>
                    <span class="muted keyed">{ state.speech.t("fix.undo") }{ " " }<kbd>{ "Ctrl" }</kbd>{ " " }<kbd>{ "Z" }</kbd></span>
                    <span class="muted touch">{ state.speech.t("fix.undo.touch") }</span>
                </div>
            }
        </section>
    }
}

/// The first offered change at one of the lines that are to blame.
fn mending(state: &State, advice: &Advice) -> Option<Fix> {
    let lines = state.causes(&advice.because);
    let diagnostics = &state.cluster.as_ref()?.diagnostics;
    let here = |span: &Span| lines.iter().any(|line| line.file == span.file && line.line == span.line);
    let about =
        |object: &Option<crate::api::ObjectRef>| advice.because.iter().any(|field| Some(&field.object) == object.as_ref());
    let at_line =
        diagnostics.iter().find(|diagnostic| diagnostic.span.as_ref().is_some_and(here) && !diagnostic.fixes.is_empty());
    let found =
        at_line.or_else(|| diagnostics.iter().find(|diagnostic| about(&diagnostic.object) && !diagnostic.fixes.is_empty()))?;
    found.fixes.first().cloned()
}

/// A change as removed and added lines.
fn diff(files: &[SourceFile], fix: &Fix) -> Html {
    let (old, new) = match &fix.span {
        None => (Vec::new(), fix.text.lines().map(String::from).collect()),
        Some(span) => {
            let Some(file) = files.iter().find(|file| file.name == span.file) else { return Html::default() };
            let old: Vec<&str> = file
                .text
                .split('\n')
                .skip((span.line as usize).saturating_sub(1))
                .take((span.end_line - span.line + 1) as usize)
                .collect();
            let (Some(first), Some(last)) = (old.first(), old.last()) else { return Html::default() };
            let head: String = first.chars().take((span.column as usize).saturating_sub(1)).collect();
            let tail: String = last.chars().skip((span.end_column as usize).saturating_sub(1)).collect();
            let new = format!("{head}{}{tail}", fix.text).split('\n').map(String::from).collect::<Vec<_>>();
            (old.iter().map(|line| line.to_string()).collect::<Vec<_>>(), new)
        }
    };
    let (old, new): (Vec<_>, Vec<_>) = (
        old.iter().filter(|line| !new.contains(line)).cloned().collect(),
        new.iter().filter(|line| !old.contains(line)).cloned().collect(),
    );
    let row =
        |class: &'static str, sign: &'static str, line: &String| html! { <div {class}><i>{ sign }</i>{ line.clone() }</div> };
    html! {
        <div class="diff">
            { for old.iter().map(|line| row("del", "-", line)) }
            { for new.iter().take(12).map(|line| row("add", "+", line)) }
            if new.len() > 12 { <div class="add"><i>{ "+" }</i>{ "…" }</div> }
        </div>
    }
}
