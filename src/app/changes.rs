//! How the cluster got from one state to the next, as an ordered flow: API server, controllers, slices, kube-proxy, CoreDNS.

use super::history::history;
use super::i18n::marked;
use super::icon::{glyph, icon};
use super::keys::hand_on_focus;
use super::object::stands;
use super::state::{Msg, State, Step};
use super::workbench::Moment;
use crate::api::Kind;
use crate::cluster::{Change, MOST_FOLLOWED, Verb};
use crate::msg;
use crate::scene::view::ClusterView;
use crate::scene::{ItemId, past};
use crate::session::ClusterReply;
use gloo::timers::callback::Timeout;
use std::ops::Range;
use std::rc::Rc;
use yew::prelude::*;

/// Milliseconds that a step of the flow is shown.
const STEP: u32 = 700;
/// A long flow takes no longer than this, in milliseconds.
const WHOLE: u32 = 8_000;
/// Of more steps, those of one component that follow each other are shown together: so many beats, and one more where the next begins.
const SINGLE: usize = 80;
const BEATS: usize = 24;

/// Which step of the flow plays; past the last one, all are done. Starts anew with each flow, and ends when the reducer says so. Nothing
/// moves from step to step, so it is the same for people who ask for less motion.
#[hook]
pub fn use_flow(state: &State) -> usize {
    let at = use_state(|| (0, usize::MAX));
    {
        let at = at.clone();
        let plays = state.skipped != state.flow && !state.changes.is_empty() && state.changes.len() <= MOST_FOLLOWED;
        use_effect_with(state.flow, move |flow| {
            at.set((*flow, 0));
            if plays {
                show_stage();
            }
        });
    }
    {
        let (at, changes) = (at.clone(), state.changes.clone());
        use_effect_with((*at, state.skipped), move |((flow, step), skipped)| {
            let plays = *step < changes.len() && skipped != flow;
            let wait = STEP.min(WHOLE / (if changes.len() > SINGLE { BEATS } else { changes.len().max(1) }) as u32);
            let next = (*flow, beat(&changes, *step).end);
            let timer = plays.then(|| Timeout::new(wait, move || at.set(next)));
            move || drop(timer)
        });
    }
    match *at {
        _ if state.skipped == state.flow || state.changes.len() > MOST_FOLLOWED => usize::MAX,
        (flow, step) if flow == state.flow => step,
        _ => 0,
    }
}

/// On a phone, who pressed a button below the stage is to see what it does there.
#[inline(never)]
fn show_stage() {
    let narrow = gloo::utils::window().match_media("(max-width: 799px)").ok().flatten();
    let stage = gloo::utils::document().query_selector("[data-panel=stage]").ok().flatten();
    if let Some(stage) = stage.filter(|_| narrow.is_some_and(|query| query.matches())) {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Nearest);
        stage.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

/// The steps that play at once with this one: each node's kube-proxy writes its rules for itself. Of very many, more do.
fn beat(changes: &[Change], step: usize) -> Range<usize> {
    let writes = |change: &&Change| change.verb == Verb::WriteRules && change.component.starts_with("kube-proxy/");
    let more = changes.iter().skip(step).take_while(writes).count();
    let crowd = if changes.len() > SINGLE && more == 0 { of_one_kind(changes, step) } else { 0 };
    step..step.saturating_add(more.max(crowd).max(1))
}

/// Where each beat of a flow begins.
fn beats(changes: &[Change]) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(0), |step| Some(beat(changes, *step).end)).take_while(|step| *step < changes.len())
}

/// How many of the next steps the same component does, as far as one beat goes.
#[inline(never)]
fn of_one_kind(changes: &[Change], step: usize) -> usize {
    let Some(first) = changes.get(step) else { return 0 };
    let alike = |change: &&Change| kind(change) == kind(first) && change.at == first.at;
    changes.iter().skip(step).take_while(alike).take(changes.len().div_ceil(BEATS)).count()
}

/// `kubelet` for that of every node.
fn kind(change: &Change) -> &str {
    change.component.split('/').next().unwrap_or_default()
}

/// The cluster as the stage shows it: at its end, or as far as the flow has come.
pub fn shown(moment: &Moment) -> Rc<ClusterView> {
    let state = &moment.state;
    match &state.cluster {
        Some(cluster) if moment.flow < state.changes.len() => so_far(state, cluster, moment.flow),
        _ => state.view.clone(),
    }
}

#[inline(never)]
fn so_far(state: &State, cluster: &ClusterReply, step: usize) -> Rc<ClusterView> {
    Rc::new(past::after(beat(&state.changes, step).end, &cluster.past, &state.view))
}

/// The things that a step of the flow touches.
pub fn touched(state: &State, step: usize) -> Rc<Vec<ItemId>> {
    if step < state.changes.len() { touched_by(&state.changes[beat(&state.changes, step)]) } else { Rc::default() }
}

#[inline(never)]
fn touched_by(changes: &[Change]) -> Rc<Vec<ItemId>> {
    let mut items = Vec::new();
    for change in changes {
        let (namespace, name) = (change.object.namespace.clone(), change.object.name.clone());
        match change.component.split_once('/') {
            Some(("kube-proxy", node)) => {
                items.push(ItemId::Rules(node.into()));
                items.push(ItemId::Gate(node.into(), namespace, name));
                continue;
            }
            Some(("kubelet", node)) => items.push(ItemId::Node(node.into())),
            None if change.component == "load-balancer" => items.push(ItemId::LoadBalancer),
            _ => {}
        }
        match change.object.kind {
            Kind::Pod => items.push(ItemId::Pod(namespace, name)),
            Kind::Node => items.push(ItemId::Node(name)),
            Kind::Service | Kind::Endpoints => items.push(ItemId::Service(namespace, name)),
            // A slice is drawn as its Service.
            Kind::EndpointSlice => {
                items.extend(change.message.args.get("service").map(|service| ItemId::Service(namespace, service.clone())));
            }
            _ => {}
        }
    }
    Rc::new(items)
}

/// Who does what in the step that plays, and when, if time passes; nothing once all is done.
#[inline(never)]
fn told(state: &State, step: usize) -> Option<(String, String, Option<String>)> {
    let beat = beat(&state.changes, step);
    // Of many steps the last one is told: with it, the stage stands as it is shown.
    let shown = state.changes.get(step)?;
    let crowd = kind(shown) != "kube-proxy" && beat.len() > 1;
    let change = if crowd { state.changes.get(beat.end - 1)? } else { shown };
    let mut message = change.message.clone();
    let mut who = change.component.as_str();
    if crowd {
        let more = state.say(&msg!("changes.andMore", count = beat.len() - 1));
        return Some((kind(change).to_string(), format!("{}. {more}", state.say(&message)), time(state, change)));
    }
    if beat.len() > 1 {
        message.args.insert("count".into(), beat.len().to_string());
        let (gone, more) = (message.id.contains("Gone"), message.args.contains_key("more"));
        message.id = match (gone, more) {
            (false, false) => "changes.rules",
            (false, true) => "changes.rulesMore",
            (true, false) => "changes.rulesGone",
            (true, true) => "changes.rulesGoneMore",
        }
        .into();
        who = "kube-proxy";
    }
    let (who, text) = (who.to_string(), state.say(&message));
    Some((who, text, time(state, change)))
}

/// The step that plays as one sentence.
pub fn spoken(moment: &Moment) -> String {
    let told = told(&moment.state, moment.flow);
    told.map(|(who, text, time)| format!("{who}: {text}. {}", time.unwrap_or_default())).unwrap_or_default()
}

/// The step that plays, under the stage, with the way to its end.
pub fn caption(moment: &Moment) -> Option<Html> {
    if moment.flow < moment.state.changes.len() { captioned(moment) } else { None }
}

#[inline(never)]
fn captioned(moment: &Moment) -> Option<Html> {
    let state = &moment.state;
    let (who, text, time) = told(state, moment.flow)?;
    let count = state.changes.len();
    let end = beat(&state.changes, moment.flow).end;
    let (name, kind) = component_glyph(&who);
    let skip = moment.send.reform(|pressed: MouseEvent| {
        hand_on_focus(&pressed);
        Msg::Skip
    });
    Some(html! {
        <div class="tlflow">
            { glyph(name, 20, kind) }
            <div><b>{ who }</b>if let Some(time) = time { <time>{ time }</time> }<p>{ marked(&text) }</p></div>
            <button type="button" class="btn sm line" onclick={skip}>{ state.speech.t("changes.skip") }</button>
            <progress aria-hidden="true" max={count.to_string()} value={end.to_string()}></progress>
        </div>
    })
}

/// The flow as a list; what was done can be taken back.
#[component]
pub fn Changes(moment: &Moment) -> Html {
    let state = &moment.state;
    let now = beat(&state.changes, moment.flow);
    let row = |index: usize, who: &str, text: &str, time: Option<String>| {
        let class = match index {
            _ if now.contains(&index) => "cur",
            _ if index < now.start => "done",
            _ => "next",
        };
        let (name, kind) = component_glyph(who);
        html! {
            <li {class} aria-current={now.contains(&index).then_some("step")}>
                { glyph(name, 15, kind) }
                <div><b>{ who.to_string() }</b><span>{ marked(text) }</span></div>
                if let Some(time) = time { <time>{ time }</time> }
            </li>
        }
    };
    let single =
        |(index, change): (usize, &Change)| row(index, &change.component, &state.say(&change.message), time(state, change));
    // Nobody reads thousands of rows: as they play, so they are listed.
    let crowd = beats(&state.changes).filter_map(|step| told(state, step).map(|(who, text, time)| row(step, &who, &text, time)));
    html! {
        <section class="flow">
            if moment.flow >= state.changes.len() { { for state.view.workloads.iter().map(|own| stands(&moment.part(), own)) } }
            <p class="quiet">{ state.speech.t("changes.text") }</p>
            <ol>{ if state.changes.len() > SINGLE { crowd.collect::<Html>() } else { state.changes.iter().enumerate().map(single).collect() } }</ol>
        </section>
    }
}

/// When a step came, where time passed until then.
fn time(state: &State, change: &Change) -> Option<String> {
    (change.at > state.began).then(|| clock(change.at))
}

/// Virtual time as minutes and seconds.
pub fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// So much time, in words of both languages.
fn span(seconds: u64) -> String {
    if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") }
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

/// Virtual time, and waits while it changes anything: each stage of a node's loss, each restart of a container can be looked at.
#[component]
pub fn Clock(moment: &Moment) -> Html {
    let state = &moment.state;
    let Some(cluster) = &state.cluster else { return Html::default() };
    let down = cluster.view.nodes.iter().any(|node| !node.up || !node.ready);
    // Who has just waited may go on waiting: the buttons do not vanish from under the pointer.
    let waited =
        matches!(state.at.checked_sub(1).map(|last| &state.steps[last]), Some(Step::Event(event)) if event.starts_with("wait "));
    let moves = down || cluster.restless || waited;
    if !moves && state.steps.is_empty() { Html::default() } else { running(moment, cluster, moves) }
}

#[inline(never)]
fn running(moment: &Moment, cluster: &ClusterReply, moves: bool) -> Html {
    let (state, part) = (&moment.state, &moment.part());
    let now = state.changes.get(moment.flow).map_or(cluster.now, |change| change.at);
    let wait = |seconds: u64| {
        let label = state.say(&msg!("clock.wait", time = span(seconds)));
        html! { <button type="button" class="btn sm line wait" onclick={part.send.reform(move |_: MouseEvent| Msg::Act(format!("wait {seconds}s")))}>{ label }</button> }
    };
    html! {
        <div class="clock">
            if moves || cluster.now > 0 { <span class="num">{ state.say(&msg!("clock.now", time = clock(now))) }</span> }
            if moves { { for [10, 60, 300].map(wait) } }
            if moves { <span class="calm" role="status">if state.calm > 0 { { state.say(&msg!("clock.calm", time = span(state.calm))) } }</span> }
            if let Some(before) = state.at.checked_sub(1).filter(|before| matches!(state.steps.get(*before), Some(Step::Event(_)))) {
                <button type="button" class="btn sm back" onclick={part.send.reform(move |pressed: MouseEvent| { hand_on_focus(&pressed); Msg::Rewind(before) })}>{ icon("i-back", 14) }<span>{ state.speech.t("changes.back") }</span></button>
            }
            { history(part) }
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ObjectRef;

    fn change(component: &str, verb: Verb) -> Change {
        let object = ObjectRef::new(Kind::Pod, "default", "web");
        Change { at: 0, component: component.into(), verb, object, message: msg!("change.ready", pod = "web") }
    }

    #[test]
    fn few_steps_play_one_by_one_and_thousands_in_a_few_beats() {
        let few: Vec<Change> = (0..SINGLE).map(|_| change("kubelet/node-1", Verb::Start)).collect();
        assert_eq!(beats(&few).count(), SINGLE);
        let mut many = vec![change("kube-apiserver", Verb::Create), change("deployment-controller", Verb::Create)];
        many.extend((0..340).map(|_| change("replicaset-controller", Verb::Create)));
        many.extend((0..340).map(|_| change("kube-scheduler", Verb::Schedule)));
        let kubelet =
            |index: usize| change(["kubelet/node-1", "kubelet/node-2"][index % 2], [Verb::Start, Verb::Ready][index % 2]);
        many.extend((0..680).map(kubelet));
        many.extend(["kube-proxy/node-1", "kube-proxy/node-2"].map(|node| change(node, Verb::WriteRules)));
        let starts: Vec<usize> = beats(&many).collect();
        assert!(starts.len() <= BEATS + 6, "{starts:?}");
        for begin in [0, 1, 2, 342, 682, 1362] {
            assert!(starts.contains(&begin), "a beat is one component's: {begin}, {starts:?}");
        }
        assert_eq!(beat(&many, 1362), 1362..1364);
    }
}
