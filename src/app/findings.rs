//! What was found in the text, below it: errors, warnings, notes, with the changes that mend them.

use super::i18n::marked;
use super::icon::icon;
use super::keys::hand_on_focus;
use super::root::Part;
use super::state::{Msg, State};
use crate::api::ObjectRef;
use crate::diagnostic::{Diagnostic, Finding, Fix, Severity, Span, names_its_field};
use crate::msg;
use crate::settings::Provider;
use crate::words::Message;
use yew::prelude::*;

/// The list; above it what a paste was mended by.
#[inline(never)]
pub fn list(part: &Part, diagnostics: &[Diagnostic], notes: bool) -> Html {
    let state = &part.state;
    // A warning only names what was left as it is.
    let mended = state.notes.iter().any(|note| note.severity == Severity::Info);
    let dismiss = part.send.reform(|_: MouseEvent| Msg::DismissNote);
    html! {
        <div class="findings">
            if notes {
                <div class="pasted" role="status">
                    <div>{ for state.notes.iter().map(|note| html! { <p>{ marked(&said(state, note)) }</p> }) }if mended { <p class="muted">{ state.speech.t("editor.pasted.undo") }</p> }</div>
                    <button class="btn sm icon" aria-label={state.speech.t("close")} onclick={dismiss}>{ icon("i-x", 14) }</button>
                </div>
            }
            <ul role="list" aria-label={state.speech.t("editor.findings")}>
                { for folded(diagnostics).into_iter().map(|(diagnostic, also)| html! { <li><FindingRow part={part.clone()} diagnostic={diagnostic.clone()} {also}/></li> }) }
            </ul>
        </div>
    }
}

/// Findings, and the other places of notes that say the same: a whole application's ServiceAccounts are one note.
fn folded(diagnostics: &[Diagnostic]) -> Vec<(&Diagnostic, Vec<Span>)> {
    let mut rows: Vec<(&Diagnostic, Vec<Span>)> = Vec::new();
    for found in diagnostics {
        let note = found.severity == Severity::Info && found.fixes.is_empty();
        let same = |row: &&mut (&Diagnostic, Vec<Span>)| note && row.0.message == found.message && row.0.help == found.help;
        match (rows.iter_mut().find(same), &found.span) {
            (Some((_, also)), Some(span)) => also.push(span.clone()),
            _ => rows.push((found, Vec::new())),
        }
    }
    rows
}

/// With more places than this, a note only counts the rest.
const PLACES: usize = 12;

#[derive(Clone, PartialEq, Properties)]
struct FindingProps {
    part: Part,
    diagnostic: Diagnostic,
    also: Vec<Span>,
}

#[component]
fn FindingRow(FindingProps { part, diagnostic, also }: &FindingProps) -> Html {
    let state = &part.state;
    let (class, sign) = match diagnostic.severity {
        Severity::Error => ("err", "i-err"),
        Severity::Warning => ("warn", "i-warn"),
        Severity::Info => ("info", "i-info"),
    };
    let go = |span: &Span| {
        let span = span.clone();
        part.send.reform(move |_: MouseEvent| Msg::Line(span.clone()))
    };
    // Kubernetes' own messages end in the middle of the line, without a full stop.
    let said = said(state, diagnostic);
    let gap = if said.ends_with(['.', '?', '!']) { " " } else { ". " };
    html! {
        <div class={classes!("diag", class)}>
            <svg class="ic" width="15" height="15" role="img" aria-label={state.speech.t(&format!("severity.{class}"))}><use href={format!("#{sign}")}/></svg>
            <div>
                if let (Some(object), Finding::Upstream(_)) = (&diagnostic.object, &diagnostic.message) {
                    <b class="obj">{ format!("{} {}: ", object.kind.name(), object.name) }</b>
                    if let Some(path) = field_of(diagnostic) { <code>{ path }</code>{ ": " } }
                }
                { marked(&said) }
                if let Some(help) = &diagnostic.help { { gap }{ marked(&state.say(help)) } }
                <span class="acts">
                    { for diagnostic.span.iter().chain(also).take(PLACES).map(|span| html! {
                        <button type="button" onclick={go(span)}>{ state.say(&msg!("line", line = span.line)) }</button>
                    }) }
                    if also.len() >= PLACES { <span class="muted">{ format!("+{}", also.len() + 1 - PLACES) }</span> }
                    if let Some(object) = diagnostic.replaceable() { { replace(part, object, "") } }
                    if let (Finding::Ours(message), help) = (&diagnostic.message, &diagnostic.help) { { with_aws(part, [Some(message), help.as_ref()], "") } }
                    { for diagnostic.fixes.iter().map(|fix| mend(part, fix, "")) }
                </span>
            </div>
        </div>
    }
}

/// A change that mends a finding.
#[inline(never)]
pub fn mend(part: &Part, fix: &Fix, class: &'static str) -> Html {
    let (label, fix) = (part.state.say(&fix.label), fix.clone());
    html! { <button type="button" {class} onclick={part.send.reform(move |_: MouseEvent| Msg::Fix(fix.clone()))}>{ marked(&label) }</button> }
}

/// What says that AWS's load balancers would play it, a setting away.
const WITH_AWS: [&str; 5] = [
    "advise.readByAws",
    "advise.classUnserved.aws",
    "pending.awsClass.next",
    "explain.ingress.aws.next",
    "explain.ingress.noClass.aws.next",
];

/// Where one of these says that AWS's load balancers would play it: the setting, in one click. A lesson has settings of its own.
#[inline(never)]
pub fn with_aws(part: &Part, said: [Option<&Message>; 2], class: &'static str) -> Html {
    let state = &part.state;
    let says = said.into_iter().flatten().any(|message| WITH_AWS.contains(&&*message.id));
    if !says || state.lesson.is_some() {
        return Html::default();
    }
    let mut settings = (*state.settings).clone();
    settings.load_balancer.provider = Provider::Aws;
    let onclick = part.send.reform(move |pressed: MouseEvent| {
        hand_on_focus(&pressed);
        Msg::Settings(Box::new(settings.clone()))
    });
    html! { <button type="button" {class} title={state.speech.t("fix.aws.title")} {onclick}>{ state.speech.t("fix.aws") }</button> }
}

/// Deletes an object that stands in its own document's way, and applies the document anew.
#[inline(never)]
pub fn replace(part: &Part, object: &ObjectRef, class: &'static str) -> Html {
    let (event, state) = (format!("{object} replace"), &part.state);
    let (label, title) = (state.speech.t("fix.anew"), state.say(&msg!("fix.anew.title", object = object)));
    let onclick = part.send.reform(move |pressed: MouseEvent| {
        hand_on_focus(&pressed);
        Msg::Act(event.clone())
    });
    html! { <button type="button" {class} {title} {onclick}>{ label }</button> }
}

/// The field that a finding of Kubernetes is about. Its decoding errors name theirs themselves.
pub fn field_of(diagnostic: &Diagnostic) -> Option<&str> {
    let Finding::Upstream(text) = &diagnostic.message else { return None };
    Some(diagnostic.path.as_str()).filter(|path| !path.is_empty() && !names_its_field(text, path))
}

/// A finding in words; Kubernetes' own stay as they are.
pub fn said(state: &State, diagnostic: &Diagnostic) -> String {
    match &diagnostic.message {
        Finding::Upstream(text) if counts_within(diagnostic, text) => format!("{text} {}", state.speech.t("read.within")),
        Finding::Upstream(text) => text.clone(),
        Finding::Ours(message) => state.say(message),
    }
}

/// Whether a text names another line than the finding's own: YAML's reader is given one document after another.
fn counts_within(diagnostic: &Diagnostic, text: &str) -> bool {
    let line = text.split_once("yaml: line ").and_then(|(_, rest)| rest.split(':').next()?.parse::<u32>().ok());
    line.is_some_and(|line| diagnostic.span.as_ref().is_some_and(|span| span.line != line))
}
