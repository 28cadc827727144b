//! How the cluster got from one state to the next, as an ordered flow: API server, controllers, slices, kube-proxy, CoreDNS.

use super::history::history;
use super::i18n::marked;
use super::icon::{glyph, icon};
use super::keys::hand_on_focus;
use super::root::Part;
use super::stage_player::still;
use super::state::{Msg, State, Step};
use super::workbench::Moment;
use crate::api::Kind;
use crate::cluster::Change;
use crate::msg;
use crate::scene::ItemId;
use crate::session::ClusterReply;
use gloo::timers::callback::Timeout;
use std::rc::Rc;
use yew::prelude::*;

/// Milliseconds that a step of the flow is shown.
const STEP: u32 = 450;
/// A long flow takes no longer than this, in milliseconds.
const WHOLE: u32 = 8_000;

/// Which step of the flow plays; past the last one, all are done. Starts anew with each flow.
#[hook]
pub fn use_flow(state: &State) -> usize {
    let at = use_state(|| (0, usize::MAX));
    let count = state.changes.len();
    {
        let at = at.clone();
        use_effect_with(state.flow, move |flow| at.set((*flow, if still() { usize::MAX } else { 0 })));
    }
    {
        let at = at.clone();
        let wait = STEP.min(WHOLE / (count.max(1) as u32));
        use_effect_with((*at, count), move |((flow, step), count)| {
            let next = (*flow, step.saturating_add(1));
            let timer = (step < count).then(|| Timeout::new(wait, move || at.set(next)));
            move || drop(timer)
        });
    }
    if at.0 == state.flow { at.1 } else { 0 }
}

/// The things that a step of the flow touches.
pub fn touched(state: &State, step: usize) -> Rc<Vec<ItemId>> {
    let Some(change) = state.changes.get(step) else { return Rc::default() };
    let (namespace, name) = (change.object.namespace.clone(), change.object.name.clone());
    let mut items = match change.object.kind {
        Kind::Pod => vec![ItemId::Pod(namespace, name)],
        Kind::Node => vec![ItemId::Node(name)],
        Kind::Service | Kind::EndpointSlice | Kind::Endpoints => vec![ItemId::Service(namespace, name)],
        _ => Vec::new(),
    };
    match change.component.split_once('/') {
        Some(("kube-proxy", node)) => {
            items = vec![
                ItemId::Rules(node.into()),
                ItemId::Gate(node.into(), change.object.namespace.clone(), change.object.name.clone()),
            ];
        }
        Some(("kubelet", node)) => items.push(ItemId::Node(node.into())),
        _ => {}
    }
    Rc::new(items)
}

/// The flow as a list; what was done can be taken back.
#[component]
pub fn Changes(moment: &Moment) -> Html {
    let state = &moment.state;
    let at = moment.flow;
    let row = |(index, change): (usize, &Change)| {
        let class = match index.cmp(&at) {
            std::cmp::Ordering::Less => "done",
            std::cmp::Ordering::Equal => "cur",
            std::cmp::Ordering::Greater => "next",
        };
        let (name, kind) = component_glyph(&change.component);
        html! {
            <li {class} aria-current={(index == at).then_some("step")}>
                { glyph(name, 15, kind) }
                <div><b>{ change.component.clone() }</b><span>{ marked(&state.say(&change.message)) }</span></div>
                <time>{ clock(change.at) }</time>
            </li>
        }
    };
    html! {
        <section class="flow">
            <p class="quiet">{ state.speech.t("changes.text") }</p>
            <ol>{ for state.changes.iter().enumerate().map(row) }</ol>
        </section>
    }
}

/// Virtual time as minutes and seconds.
pub fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn component_glyph(component: &str) -> (&'static str, &'static str) {
    match component.split('/').next().unwrap_or_default() {
        "kube-proxy" => ("g-proxy", "k-svc"),
        "coredns" => ("g-dns", "k-dns"),
        "kubelet" => ("g-node", "k-infra"),
        "cloud-controller-manager" => ("g-lb", "k-infra"),
        "endpointslice-controller" | "endpoints-controller" => ("g-eps", "k-svc"),
        "kube-scheduler" | "node-lifecycle-controller" => ("g-node", "k-infra"),
        "kube-apiserver" => ("g-node", "k-infra"),
        _ => ("g-deploy", "k-pod"),
    }
}

/// Virtual time, and waits while a machine is down: each stage of the failure can be looked at.
#[component]
pub fn Clock(part: &Part) -> Html {
    let state = &part.state;
    let Some(cluster) = &state.cluster else { return Html::default() };
    let down = cluster.view.nodes.iter().any(|node| !node.up || !node.ready);
    if !down && state.steps.is_empty() { Html::default() } else { running(part, cluster, down) }
}

#[inline(never)]
fn running(part: &Part, cluster: &ClusterReply, down: bool) -> Html {
    let state = &part.state;
    let events = state.steps.iter().take(state.at).filter(|step| matches!(step, Step::Event(_))).count();
    let wait = |seconds: u64| {
        let label = state
            .say(&msg!("clock.wait", time = if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }));
        html! { <button type="button" class="btn sm line wait" onclick={part.send.reform(move |_: MouseEvent| Msg::Act(format!("wait {seconds}s")))}>{ label }</button> }
    };
    html! {
        <div class="clock">
            if down || events > 0 { <span class="num">{ state.say(&msg!("clock.now", time = clock(cluster.now))) }</span> }
            if down { { for [10, 60, 300].map(wait) } }
            if let Some(before) = state.at.checked_sub(1).filter(|before| matches!(state.steps.get(*before), Some(Step::Event(_)))) {
                <button type="button" class="btn sm back" onclick={part.send.reform(move |pressed: MouseEvent| { hand_on_focus(&pressed); Msg::Rewind(before) })}>{ icon("i-back", 14) }<span>{ state.speech.t("changes.back") }</span></button>
            }
            { history(part) }
        </div>
    }
}
