//! The YAML editor: a text area over coloured lines, so that typing, selecting and screen readers are the browser's own.
//! Line numbers, the lines that caused the shown hop, and findings stand beside and below the text.

use super::icon::icon;
use super::lines::{self, Mark};
use super::popover::Menu;
use super::root::Part;
use super::state::{Msg, State, Step};
use super::workbench::Moment;
use super::{examples, findings, text};
use crate::diagnostic::Severity;
use crate::msg;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

/// The editor's panel.
#[component]
pub fn Editor(moment: &Moment) -> Html {
    let state = &moment.state;
    let part = moment.part();
    let over = use_state(|| false);
    let dropped = drop_files(&part);
    let shown = over.clone();
    let ondragover = Callback::from(move |event: DragEvent| {
        event.prevent_default();
        shown.set(true);
    });
    let shown = over.clone();
    let ondragleave = Callback::from(move |_: DragEvent| shown.set(false));
    let shown = over.clone();
    let ondrop = Callback::from(move |event: DragEvent| {
        event.prevent_default();
        shown.set(false);
        dropped.emit(event);
    });
    html! {
        <section class={classes!("panel", "edp", (*over).then_some("dropping"))} aria-label={state.speech.t("editor.panel")}
            data-panel="yaml" {ondragover} {ondragleave} {ondrop}>
            <Head ..part.clone()/>
            { for state.files.iter().enumerate().map(|(index, file)| html! {
                <Field key={file.name.clone()} part={part.clone()} {index} marks={marks(moment, index)}/>
            }) }
            <Findings ..part.clone()/>
            <Foot ..part/>
        </section>
    }
}

#[component]
fn Head(part: &Part) -> Html {
    let state = &part.state;
    let speech = &state.speech;
    let row = use_node_ref();
    {
        let row = row.clone();
        use_effect_with((state.open, state.files.len()), move |_| {
            let open = row.cast::<web_sys::Element>().and_then(|row| row.query_selector(".on").ok().flatten());
            if let Some(open) = open {
                let options = web_sys::ScrollIntoViewOptions::new();
                options.set_block(web_sys::ScrollLogicalPosition::Nearest);
                options.set_inline(web_sys::ScrollLogicalPosition::Nearest);
                open.scroll_into_view_with_scroll_into_view_options(&options);
            }
        });
    }
    let reset = part.send.reform(|_: MouseEvent| Msg::Reset);
    html! {
        <div class="phead">
            <h2 class="ftabs" ref={row}>
                if state.files.len() == 1 { { state.files[0].name.clone() } } else { { tabs(part) } }
            </h2>
            <span class="spacer"></span>
            <button class="btn sm" onclick={reset} title={speech.t("editor.reset.title")}>{ speech.t("editor.reset") }</button>
            <Menu class="btn sm" label={html! { <>{ icon("i-plus", 14) }{ speech.t("editor.add") }</> }}>
                { for examples::SNIPPETS.into_iter().map(|kind| {
                    let insert = part.send.reform(move |_: MouseEvent| Msg::Insert(examples::snippet(kind)));
                    html! { <button type="button" role="menuitem" class="mono" onclick={insert}>{ kind }</button> }
                }) }
                <button type="button" role="menuitem" class="sep" onclick={part.send.reform(|_: MouseEvent| Msg::AddFile)}>{ speech.t("editor.newFile") }</button>
            </Menu>
        </div>
    }
}

/// The tabs of several files.
#[inline(never)]
fn tabs(part: &Part) -> Html {
    let state = &part.state;
    let files = state.files.iter().enumerate().map(|(index, file)| {
        let open = part.send.reform(move |_: MouseEvent| Msg::OpenFile(index));
        let close = part.send.reform(move |_: MouseEvent| Msg::CloseFile(index));
        let selected = index == state.open;
        html! {
            <span class={classes!("ftab", selected.then_some("on"))} key={file.name.clone()}>
                <button type="button" aria-pressed={selected.to_string()} onclick={open}>{ file.name.clone() }</button>
                if state.files.len() > 1 && selected {
                    <button type="button" class="fx" aria-label={state.say(&msg!("editor.close", file = file.name))} onclick={close}>{ icon("i-x", 12) }</button>
                }
            </span>
        }
    });
    files.collect()
}

#[derive(Clone, PartialEq, Properties)]
struct FieldProps {
    part: Part,
    index: usize,
    marks: Vec<Mark>,
}

#[component]
fn Field(FieldProps { part, index, marks }: &FieldProps) -> Html {
    let state = &part.state;
    let (file, index) = (&state.files[*index], *index);
    let shown = index == state.open;
    let first = use_memo((), |()| file.text.clone());
    let oninput = part.send.reform(move |event: InputEvent| Msg::Typed { file: index, text: area(&event).value() });
    let onpaste = paste(part);
    let top = use_state_eq(|| 0);
    let count = file.text.split('\n').count();
    let onscroll = {
        let top = top.clone();
        Callback::from(move |event: Event| top.set(lines::at_top(&event, count)))
    };
    html! {
        <div class="ed" hidden={!shown} {onscroll}>
            <div class="edgrid">
                <div class="lines" id={format!("lines-{index}")} aria-hidden="true">{ lines::drawn(&file.text, marks, *top) }</div>
                <textarea id={format!("editor-{index}")} aria-label={shown.then(|| state.speech.t("editor.label"))} hidden={!shown}
                    aria-describedby="editor-help" spellcheck="false" autocapitalize="off" autocomplete="off" wrap="off"
                    defaultvalue={(*first).clone()} {oninput} {onpaste} onkeydown={keys()}/>
            </div>
            if shown { <p id="editor-help" class="sr">{ state.speech.t("editor.help") }</p> }
        </div>
    }
}

/// The lines that stand out in a file: what caused the shown hop, and findings.
fn marks(moment: &Moment, file: usize) -> Vec<Mark> {
    let state = &moment.state;
    let name = &state.files[file].name;
    let mut marks = Vec::new();
    if state.selected.is_none() {
        for (index, span) in state.causes(moment.because()).into_iter().enumerate().filter(|(_, span)| span.file == *name) {
            let tag = if index == 0 { state.say(&msg!("hop.tag", hop = moment.player.step + 1)) } else { String::new() };
            marks.push(Mark { line: span.line, class: if index == 0 { "now" } else { "ref" }, tag, wavy: None });
        }
    }
    for diagnostic in state.cluster.iter().flat_map(|cluster| &cluster.diagnostics) {
        let Some(span) = diagnostic.span.as_ref().filter(|span| span.file == *name) else { continue };
        let class = match diagnostic.severity {
            Severity::Error => "err",
            Severity::Warning => "warn",
            Severity::Info => continue,
        };
        let end = if span.end_line == span.line { span.end_column } else { u32::MAX };
        marks.push(Mark { line: span.line, class, tag: String::new(), wavy: Some((span.column, end)) });
    }
    marks
}

#[component]
fn Findings(part: &Part) -> Html {
    let state = &part.state;
    let diagnostics = state.cluster.as_ref().map_or(&[][..], |cluster| &cluster.diagnostics);
    let notes = !state.notes.is_empty();
    if diagnostics.is_empty() && !notes {
        return Html::default();
    }
    findings::list(part, diagnostics, notes)
}

#[inline(never)]
fn faults(state: &State, errors: usize, warnings: usize) -> Html {
    match (errors, warnings) {
        (0, _) => {
            html! { <span class="row warn">{ icon("i-warn", 13) }{ if warnings == 1 { state.speech.t("editor.warning") } else { state.say(&msg!("editor.warnings", count = warnings)) } }</span> }
        }
        _ => {
            html! { <span class="row err">{ icon("i-err", 13) }{ if errors == 1 { state.speech.t("editor.error") } else { state.say(&msg!("editor.errors", count = errors)) } }</span> }
        }
    }
}

#[component]
fn Foot(part: &Part) -> Html {
    let state = &part.state;
    let (errors, warnings) = (state.findings(Severity::Error).count(), state.findings(Severity::Warning).count());
    let count = match (errors, warnings) {
        (0, 0) => html! { <span class="row ok">{ icon("i-check", 13) }{ state.speech.t("editor.clean") }</span> },
        _ => faults(state, errors, warnings),
    };
    // What a person did is counted: the text that the page opens with is the first.
    let edits = state.steps.iter().take(state.at).filter(|step| matches!(step, Step::Text(_))).count();
    let applied = state.cluster.as_ref().map(|_| edits + 1);
    let objects = state.cluster.as_ref().map_or(0, |cluster| cluster.documents.len());
    html! {
        <div class="pfoot" role="status">
            { count }
            if let Some(applied) = applied {
                <span>{ if errors > 0 { kept(state) } else { state.say(&msg!("editor.applied", revision = applied)) } }</span>
            }
            <span class="edkeys" aria-hidden="true">{ state.speech.t("editor.keys") }</span>
            <span class="spacer"></span>
            <span>{ if objects == 1 { state.speech.t("editor.object") } else { state.say(&msg!("editor.objects", count = objects)) } }</span>
        </div>
    }
}

/// What of a text with errors is applied.
fn kept(state: &State) -> String {
    match state.standing() {
        ("banner.kept", _) => state.speech.t("editor.kept"),
        (_, count) => state.say(&msg!("editor.partly", count = count)),
    }
}

fn area(event: &InputEvent) -> HtmlTextAreaElement {
    event.target_unchecked_into()
}

/// Lets the browser paste, so that undo brings the raw paste back; then asks the engine to mend it.
fn paste(part: &Part) -> Callback<Event> {
    let send = part.send.clone();
    let read = |event: Event| {
        let event = event.dyn_into::<web_sys::ClipboardEvent>().ok()?;
        let pasted = event.clipboard_data()?.get_data("text/plain").ok()?.replace("\r\n", "\n").replace('\r', "\n");
        if !pasted.contains('\n') {
            return None;
        }
        let field: HtmlTextAreaElement = event.target()?.dyn_into().ok()?;
        let start = field.selection_start().ok().flatten()?;
        Some(Msg::Pasted { start, end: start + text::utf16_len(&pasted), text: pasted })
    };
    Callback::from(move |event: Event| {
        if let Some(msg) = read(event) {
            send.emit(msg);
        }
    })
}

/// Tab indents, Enter keeps the indent, Escape leaves the editor: to the request, or where that is not shown, with the next Tab.
fn keys() -> Callback<KeyboardEvent> {
    Callback::from(|event: KeyboardEvent| {
        let field: HtmlTextAreaElement = event.target_unchecked_into();
        if event.ctrl_key() || event.meta_key() || event.alt_key() || event.is_composing() {
            return;
        }
        let leaves = field.has_attribute("data-leaves");
        let _ = field.remove_attribute("data-leaves");
        match event.key().as_str() {
            "Tab" if !event.shift_key() && !leaves => {
                event.prevent_default();
                insert("  ");
            }
            "Enter" => {
                let (Ok(Some(at)), text) = (field.selection_start(), field.value()) else { return };
                let before: String = text::before(&text, at);
                let line = before.rsplit('\n').next().unwrap_or_default();
                let deeper = if line.trim_end().ends_with(':') { "  " } else { "" };
                let indent: String = line.chars().take_while(|c| *c == ' ').collect();
                if !indent.is_empty() || !deeper.is_empty() {
                    event.prevent_default();
                    insert(&format!("\n{indent}{deeper}"));
                }
            }
            "Escape" => {
                let next = gloo::utils::document().query_selector("#send-from").ok().flatten();
                if let Some(next) = next.and_then(|next| next.dyn_into::<web_sys::HtmlElement>().ok()) {
                    let _ = next.focus();
                }
                if gloo::utils::document().active_element().as_ref() == Some(field.as_ref()) {
                    let _ = field.set_attribute("data-leaves", "");
                }
            }
            _ => {}
        }
    })
}

/// Types for the learner, at the caret.
fn insert(text: &str) {
    if let Ok(document) = gloo::utils::document().dyn_into::<web_sys::HtmlDocument>() {
        let _ = document.exec_command_with_show_ui_and_value("insertText", false, text);
    }
}

/// Reads dropped files, each into a tab of its own.
fn drop_files(part: &Part) -> Callback<DragEvent> {
    let send = part.send.clone();
    Callback::from(move |event: DragEvent| {
        let Some(list) = event.data_transfer().and_then(|data| data.files()) else { return };
        let files: Vec<web_sys::File> = (0..list.length()).filter_map(|index| list.get(index)).collect();
        let send = send.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let mut read = Vec::new();
            for file in files {
                if let Ok(text) = JsFuture::from(file.text()).await {
                    read.push(crate::kubectl::SourceFile { name: file.name(), text: text.as_string().unwrap_or_default() });
                }
            }
            send.emit(Msg::Dropped(read));
        });
    })
}
