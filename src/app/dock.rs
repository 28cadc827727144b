//! kubectl's tables and a node's rules, under the timeline.

use super::i18n::{Speech, use_speech};
use super::icon::icon;
use super::state::{Dock, Msg, TABLES, Tab};
use super::workbench::Moment;
use crate::trace::Place;
use yew::prelude::*;

/// The dock.
#[component]
pub fn DockPanel(moment: &Moment) -> Html {
    let state = &moment.state;
    let speech = use_speech();
    let copied = use_state(|| false);
    let copy = {
        let (copied, table) = (copied.clone(), state.table.clone());
        Callback::from(move |_: MouseEvent| {
            // Where the clipboard is forbidden, nothing is copied and nothing is said.
            let _ = gloo::utils::window().navigator().clipboard().write_text(&table.0);
            copied.set(true);
            let copied = copied.clone();
            gloo::timers::callback::Timeout::new(1_500, move || copied.set(false)).forget();
        })
    };
    let tab = |dock: Dock, label: String| {
        let selected = state.dock == dock;
        let onclick = moment.send.reform(move |_: MouseEvent| Msg::Dock(dock.clone()));
        html! { <button type="button" role="tab" class="mono" aria-selected={selected.to_string()} aria-controls="dock-table" tabindex={if selected { "0" } else { "-1" }} {onclick}>{ label }</button> }
    };
    let rules = state.dock == Dock::Rules;
    let shows_end = if moment.flow < state.changes.len() { speech.t("dock.end") } else { String::new() };
    html! {
        <section class="dock" aria-label={speech.t("dock.label")} data-panel="kubectl">
            <div class="tabs">
                <button type="button" class="btn sm only-tablet" onclick={moment.send.reform(|_: MouseEvent| Msg::Tab(Tab::Stage))}>{ speech.t("inspector.label") }</button>
                <div class="tablist" role="tablist" aria-label={speech.t("dock.label")} onkeydown={arrows()}>
                    { for TABLES.iter().map(|line| tab(Dock::Kubectl(line), state.table_of(line))) }
                    { tab(Dock::Rules, "iptables-save".into()) }
                </div>
                { if rules { nodes(moment, &speech) } else if state.has_namespaces() { namespaces(moment, &speech) } else { Html::default() } }
                <span class="spacer muted" title={shows_end.clone()}>{ shows_end }</span>
                <span class="sr" role="status">{ if *copied { speech.t("copied") } else { String::new() } }</span>
                <button type="button" class="btn sm icon" aria-label={speech.t("copy")} onclick={copy}>{ icon(if *copied { "i-check" } else { "i-copy" }, 15) }</button>
            </div>
            <div class="docked" id="dock-table" role="tabpanel" tabindex="0" aria-label={match &state.dock { Dock::Kubectl(line) => format!("kubectl {}", state.table_of(line)), Dock::Rules => "iptables-save".into() }}>
                if state.table.0.is_empty() {
                    <p class="quiet">{ if state.ready { "…".into() } else { speech.t("dock.loading") } }</p>
                } else if state.table.1 {
                    <pre class="failed">{ state.table.0.clone() }</pre>
                } else if rules {
                    { saved_rules(moment) }
                } else {
                    { table(moment) }
                }
            </div>
        </section>
    }
}

/// Whose rules are shown.
#[inline(never)]
fn nodes(moment: &Moment, speech: &Speech) -> Html {
    let state = &moment.state;
    let choose =
        moment.send.reform(|event: Event| Msg::RulesOf(event.target_unchecked_into::<web_sys::HtmlSelectElement>().value()));
    let nodes = state.cluster.as_ref().map_or(&[][..], |cluster| &cluster.view.nodes);
    html! {
        <select aria-label={speech.t("dock.node")} onchange={choose}>
            { for nodes.iter().map(|node| html! { <option value={node.name.clone()} selected={node.name == state.rules_of}>{ node.name.clone() }</option> }) }
        </select>
    }
}

/// Of which namespace.
#[inline(never)]
fn namespaces(moment: &Moment, speech: &Speech) -> Html {
    let state = &moment.state;
    let choose =
        moment.send.reform(|event: Event| Msg::Namespace(event.target_unchecked_into::<web_sys::HtmlSelectElement>().value()));
    let names = state.namespaces();
    let all = !names.contains(&state.namespace);
    html! {
        <select aria-label={speech.t("dock.namespace")} onchange={choose}>
            <option value="" selected={all}>{ speech.t("dock.all") }</option>
            { for names.iter().map(|name| html! { <option value={name.clone()} selected={*name == state.namespace}>{ name.clone() }</option> }) }
        </select>
    }
}

/// Arrows walk along the tabs.
fn arrows() -> Callback<KeyboardEvent> {
    Callback::from(|event: KeyboardEvent| {
        let Some(tab) = event.target_dyn_into::<web_sys::HtmlElement>() else { return };
        let next = match event.key().as_str() {
            "ArrowRight" => tab.next_element_sibling(),
            "ArrowLeft" => tab.previous_element_sibling(),
            _ => return,
        };
        if let Some(next) = next.and_then(|next| wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlElement>(next).ok()) {
            event.prevent_default();
            // A tab takes focus and click.
            let _ = next.focus();
            next.click();
        }
    })
}

/// kubectl's columns begin where their headings begin.
fn columns(head: &str) -> Vec<usize> {
    let mut starts = vec![0];
    let chars: Vec<char> = head.chars().collect();
    for at in 2..chars.len() {
        if chars[at] != ' ' && chars[at - 1] == ' ' && chars[at - 2] == ' ' {
            starts.push(at);
        }
    }
    starts
}

fn cells(line: &str, starts: &[usize]) -> Vec<String> {
    let chars: Vec<char> = line.chars().collect();
    let cell = |(index, start): (usize, &usize)| {
        let end = starts.get(index + 1).copied().unwrap_or(chars.len()).min(chars.len());
        chars.get((*start).min(end)..end).unwrap_or_default().iter().collect::<String>().trim().to_string()
    };
    starts.iter().enumerate().map(cell).collect()
}

fn table(moment: &Moment) -> Html {
    let state = &moment.state;
    let mut lines = state.table.0.lines();
    let Some(head) = lines.next() else { return Html::default() };
    let starts = columns(head);
    let here: Vec<String> = moment.hop().map(names).unwrap_or_default();
    let outcome = state.run.as_ref().map(|run| super::icon::outcome(&run.trace).class);
    let row = |line: &str| {
        let cells = cells(line, &starts);
        // With all namespaces, a name is the second cell.
        let now = cells.iter().take(if head.starts_with("NAMESPACE") { 2 } else { 1 }).any(|name| here.contains(name));
        let class = now.then_some(if outcome == Some("refused") { "bad" } else { "now" });
        html! { <tr {class}>{ for cells.into_iter().map(|cell| {
            let class = matches!(cell.as_str(), "<unset>" | "<pending>").then_some("e");
            html! { <td {class}>{ cell }</td> }
        }) }</tr> }
    };
    if starts.len() < 2 {
        return html! { <pre class="quiet">{ state.table.0.clone() }</pre> };
    }
    html! {
        <table class="kt">
            <thead><tr>{ for cells(head, &starts).into_iter().map(|cell| html! { <th scope="col">{ cell }</th> }) }</tr></thead>
            <tbody>{ for lines.map(row) }</tbody>
        </table>
    }
}

/// Names of the objects that the shown hop is about.
fn names(hop: &crate::trace::Hop) -> Vec<String> {
    let mut names: Vec<String> = hop.objects.iter().map(|object| object.name.clone()).collect();
    if let Place::Pod(_, name) | Place::IngressController(_, name) = &hop.at {
        names.push(name.clone());
    }
    names
}

/// The rules, with those that the shown hop read on this node marked.
#[inline(never)]
fn saved_rules(moment: &Moment) -> Html {
    let state = &moment.state;
    let here = moment.hop().filter(|hop| hop.at == Place::KubeProxy(state.rules_of.clone()));
    let read: Vec<&str> = here.map_or(Vec::new(), |hop| hop.rules.iter().map(|rule| rule.text.as_str()).collect());
    html! {
        <pre class="rules">{ for state.table.0.lines().map(|line| {
            let class = (!line.is_empty() && read.contains(&line)).then_some("read");
            html! { <span {class}>{ line }{ "\n" }</span> }
        }) }</pre>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_begin_where_their_headings_begin() {
        let head = "NAME         TYPE        CLUSTER-IP   NOMINATED NODE   READINESS GATES";
        let starts = columns(head);
        assert_eq!(cells(head, &starts), ["NAME", "TYPE", "CLUSTER-IP", "NOMINATED NODE", "READINESS GATES"]);
        assert_eq!(cells("kubernetes   ClusterIP", &starts)[..2], ["kubernetes", "ClusterIP"]);
    }
}
