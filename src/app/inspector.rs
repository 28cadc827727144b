//! The inspector: who decided the shown hop, what changed, which rules were read, which YAML line made it so; or the chosen thing;
//! or how the cluster just changed.

use super::advice::AdviceView;
use super::calls::calls;
use super::changes::{Changes, shown, spoken};
use super::growth::growth;
use super::hop_cards::{HopCards, use_from_top, use_in_sight, use_narrow};
use super::i18n::{Speech, marked};
use super::icon::{decider_glyph, glyph, icon, outcome};
use super::object::ObjectView;
use super::results::Results;
use super::state::{Msg, Run, State, Tab};
use super::workbench::Moment;
use crate::diagnostic::Span;
use crate::kubectl::SourceFile;
use crate::msg;
use crate::scene::ItemId;
use crate::scene::steps::{self, Machine, Step};
use crate::trace::{DnsResult, FieldRef, Hop, Place, Reason, RuleRef};
use crate::words::Message;
use std::rc::Rc;
use yew::prelude::*;

/// The inspector's panel.
#[component]
pub fn Inspector(moment: &Moment) -> Html {
    let state = &moment.state;
    let speech = &state.speech;
    let narrow = use_narrow();
    let panel = use_node_ref();
    use_in_sight(&panel, state.selected.clone(), narrow);
    let list = use_node_ref();
    use_from_top(&list, state.selected.clone(), state.run.as_ref().map(Rc::as_ptr));
    let count = moment.player.steps().len();
    let (heading, body) = if let Some(item) = &state.selected {
        (speech.t("inspector.chosen"), chosen(moment, item))
    } else if let (Some(hop), Some(run)) = (moment.hop(), &state.run) {
        let heading = state.say(&msg!("hop.count", hop = moment.player.step + 1, count = count));
        let body = if narrow {
            html! { <HopCards ..moment.clone()/> }
        } else {
            html! { <HopView moment={moment.clone()} hop={hop.clone()} run={(**run).clone()} step={moment.player.step}/> }
        };
        (heading, body)
    } else if state.flow > 0 && !state.changes.is_empty() {
        (speech.t("changes.title"), html! { <Changes ..moment.clone()/> })
    } else {
        (speech.t("inspector.title"), html! { <section><p class="quiet">{ speech.t("inspector.empty") }</p></section> })
    };
    let close = moment.send.reform(|_: MouseEvent| Msg::Select(None));
    html! {
        <section class="panel insp" ref={panel} aria-label={speech.t("inspector.label")} data-panel="inspector">
            <div class="phead">
                <h2>{ heading }</h2><span class="spacer"></span>
                <button type="button" class="btn sm only-tablet" onclick={moment.send.reform(|_: MouseEvent| Msg::Tab(Tab::Kubectl))}>{ speech.t("tab.kubectl") }</button>
                if state.selected.is_some() {
                    <button class="btn sm icon" aria-label={speech.t("close")} onclick={close}>{ icon("i-x", 14) }</button>
                } else if count > 0 {
                    <kbd aria-hidden="true">{ "←" }</kbd><kbd aria-hidden="true">{ "→" }</kbd>
                }
            </div>
            <div class="ins" ref={list} tabindex="0" aria-label={speech.t("inspector.label")} role="group">
                { body }
                <Results ..moment.part()/>
            </div>
        </section>
    }
}

/// A thing of the stage, and the change that plays.
#[inline(never)]
fn chosen(moment: &Moment, item: &ItemId) -> Html {
    let state = &moment.state;
    let changed = state.run.is_none() && state.flow > 0 && !state.changes.is_empty();
    let flow = changed.then(|| html! { <Changes ..moment.clone()/> });
    html! { <><ObjectView part={moment.part()} view={shown(moment)} item={item.clone()}/><div key="flow">{ flow }</div></> }
}

/// A hop as one sentence: number, who decided, what changed; or the step of a change that plays.
pub fn sentence(moment: &Moment) -> String {
    let state = &moment.state;
    let Some(hop) = moment.hop() else { return spoken(moment) };
    let count = moment.player.steps().len();
    let place = state.say(&msg!("hop.count", hop = moment.player.step + 1, count = count));
    let change = match (hop.before, hop.after) {
        (Some(before), Some(after)) if before.dst != after.dst && hop.reason != Reason::Lookup => {
            state.say(&msg!("hop.nowTo", dst = after.dst))
        }
        _ => String::new(),
    };
    format!("{place}. {}. {}. {change}", decided_by(state, hop), title(&state.speech, hop))
}

/// A hop's title: the one of its variant, where there is one.
pub fn title(speech: &Speech, hop: &Hop) -> String {
    let plain = format!("hop.{:?}.title", hop.reason);
    let variant = hop.text.id.replacen(".text", ".title", 1);
    let id = if speech.has(&variant) { variant } else { plain };
    speech.say(&Message { id: id.into(), args: hop.text.args.clone() })
}

/// A hop's text.
pub fn text(speech: &Speech, hop: &Hop) -> String {
    let plain = format!("hop.{:?}.text", hop.reason);
    let id = if hop.text.id.contains(".text") && speech.has(&hop.text.id) { hop.text.id.to_string() } else { plain };
    speech.say(&Message { id: id.into(), args: hop.text.args.clone() })
}

fn decided_by(state: &State, hop: &Hop) -> String {
    let table = hop.rules.last().map_or("", |rule| rule.table.as_str());
    state.say(&match &hop.at {
        Place::Internet if hop.reason == Reason::NoRoute => msg!("who.edge"),
        Place::Internet => match steps::machine(hop) {
            Machine::Gateway => msg!("who.gateway"),
            Machine::Edge => msg!("who.cloudEdge"),
            _ => msg!("who.client"),
        },
        Place::PublicDns => msg!("who.publicDns"),
        Place::Coredns => msg!("who.coredns"),
        Place::LoadBalancer(..) => msg!("who.loadBalancer"),
        Place::Node(node) if hop.reason == Reason::NodeDown => msg!("who.nobody", node = node),
        Place::Node(node) => msg!("who.node", node = node),
        Place::KubeProxy(node) if hop.reason == Reason::UndoNat || hop.reason == Reason::Conntrack => {
            msg!("who.conntrack", node = node)
        }
        Place::KubeProxy(node) if table.is_empty() => msg!("who.kernel", node = node),
        Place::KubeProxy(node) => msg!("who.table", node = node, table = table),
        // What rewrites addresses in a Pod network, or guards it, is the plugin's own; the rest are routes.
        Place::Cni(node) if matches!(hop.reason, Reason::Egress | Reason::Dnat | Reason::Masquerade | Reason::Policy) => {
            msg!("who.cni", node = node)
        }
        Place::Cni(node) => msg!("who.routes", node = node),
        Place::Pod(_, name) => msg!("who.pod", pod = name),
        Place::IngressController(_, name) => msg!("who.ingress", pod = name),
        Place::Outside(name) => msg!("who.server", server = name),
    })
}

/// A hop, and the trace that it belongs to.
#[derive(Clone, PartialEq, Properties)]
#[allow(missing_docs)]
pub struct HopProps {
    pub moment: Moment,
    pub hop: Hop,
    pub run: Run,
    pub step: usize,
}

/// Everything about a hop.
#[component]
pub fn HopView(HopProps { moment, hop, run, step }: &HopProps) -> Html {
    let state = &moment.state;
    let (name, class) = decider_glyph(hop);
    let steps = moment.player.steps();
    // A hop of a call inside the request belongs to that one: it has an end and advice of its own.
    let path = steps.get(*step).map_or(&[][..], |step| &step.call);
    let own = steps.get(*step).and_then(|step| steps::call(&run.trace, step)).unwrap_or(&run.trace);
    let over = steps::decided(&steps, &run.trace, path).is_some_and(|decided| *step >= decided);
    let advised = over && own.advice.is_some();
    let inner = steps.get(*step).is_some_and(|step: &Step| !step.call.is_empty());
    let (who, decided) = (decided_by(state, hop), state.speech.t("who.decided"));
    let (before, after) = decided.split_once("{who}").unwrap_or((&decided, ""));
    html! { <>
        <section class="lead">
            if inner { <div class="inner eyebrow">{ state.speech.t("hop.inner") }</div> }
            <div class="who">{ glyph(name, 17, class) }<span>{ before }<b>{ who }</b>{ after }</span></div>
            <h3>{ marked(&title(&state.speech, hop)) }</h3>
            <p>{ marked(&text(&state.speech, hop)) }</p>
            { dns(state, hop, run) }
        </section>
        { calls(moment, run, *step) }
        if advised { <AdviceView moment={moment.clone()} hop={hop.clone()} advice={own.advice.clone()} class={outcome(own).class}/> }
        { addresses(state, hop) }
        { rules(state, hop) }
        { growth(&moment.part(), hop, &run.trace.request) }
        if !advised { <Cause moment={moment.clone()} because={hop.because.clone()}/> }
        if !run.trace.assumptions.is_empty() {
            <section class="assume"><div class="eyebrow">{ state.speech.t("assumptions") }</div>
                <ul>{ for run.trace.assumptions.iter().map(|note| html! { <li>{ marked(&state.say(note)) }</li> }) }</ul></section>
        }
    </> }
}

fn dns(state: &State, hop: &Hop, run: &Run) -> Html {
    let asked = matches!(hop.reason, Reason::LookupAnswer | Reason::NoSuchName | Reason::NoAddress);
    run.trace.dns.as_ref().filter(|_| asked).map_or_else(Html::default, |result| answer(state, result))
}

#[inline(never)]
fn answer(state: &State, result: &DnsResult) -> Html {
    html! {
        <div class="dns">
            if result.searched.len() > 1 {
                <div class="eyebrow">{ state.speech.t("dns.searched") }</div>
                <ol class="searched">{ for result.searched.iter().map(|name| html! { <li>{ name.clone() }</li> }) }</ol>
            }
            <code class="rule">{ result.rcode.clone().unwrap_or_else(|| "—".into()) }{ "\n" }
                { for result.answers.iter().map(|record| format!("{} {} IN {} {}\n", record.name, record.ttl, record.kind, record.data)) }</code>
        </div>
    }
}

/// Addresses before and after; what changed stands out.
fn addresses(state: &State, hop: &Hop) -> Html {
    let Some(before) = hop.before else { return Html::default() };
    let mut rows = vec![("src", before.src.to_string(), hop.after.map(|after| after.src.to_string()))];
    rows.push(("dst", before.dst.to_string(), hop.after.map(|after| after.dst.to_string())));
    let mark = |mark: u32| if mark == 0 { "—".to_string() } else { format!("{mark:#x}") };
    if hop.mark != (0, 0) {
        rows.push(("mark", mark(hop.mark.0), hop.after.map(|_| mark(hop.mark.1))));
    }
    let (left, right) = match hop.reason {
        Reason::Reject | Reason::NothingListens => ("ba.arrived", "ba.sentBack"),
        Reason::IngressPick => ("ba.clientSide", "ba.podSide"),
        _ => ("ba.before", "ba.after"),
    };
    let bad = matches!(hop.reason, Reason::Reject | Reason::NothingListens);
    // A packet that ends here has no second column.
    let goes_on = hop.after.is_some() || !hop.headers.is_empty();
    let right = goes_on.then(|| html! { <th scope="col">{ state.speech.t(right) }</th> });
    html! {
        <section>
            <table class="ba">
                <thead><tr><td class="nil"></td><th scope="col">{ state.speech.t(left) }</th>{ right }</tr></thead>
                <tbody>
                    { for rows.into_iter().map(|(name, before, after)| {
                        let changed = after.as_ref().is_some_and(|after| *after != before);
                        html! { <tr><th scope="row">{ name }</th><td class={changed.then_some("old")}>{ before }</td>
                            if goes_on { <td class={changed.then_some(if bad { "bad" } else { "chg" })}>{ after.unwrap_or_else(|| "—".into()) }</td> }</tr> }
                    }) }
                    { for hop.headers.iter().map(header) }
                </tbody>
            </table>
        </section>
    }
}

#[inline(never)]
fn header((name, value): &(String, String)) -> Html {
    html! { <tr><th scope="row" title={name.clone()}>{ short_header(name) }</th><td>{ "—" }</td><td class="chg">{ value.clone() }</td></tr> }
}

fn short_header(name: &str) -> String {
    if name.eq_ignore_ascii_case("X-Forwarded-For") { "xff".into() } else { name.to_ascii_lowercase() }
}

#[inline(never)]
fn rules(state: &State, hop: &Hop) -> Html {
    let Some(last) = hop.rules.last() else { return Html::default() };
    let node = match &hop.at {
        Place::KubeProxy(node) | Place::Node(node) | Place::Cni(node) => node.clone(),
        // A question to DNS: the rules of the Pod's node.
        Place::Pod(namespace, name) => {
            let pod = state.view.pods.iter().find(|pod| pod.namespace == *namespace && pod.name == *name);
            pod.map_or_else(|| name.clone(), |pod| pod.node.clone())
        }
        other => other.to_string(),
    };
    let stops = matches!(hop.reason, Reason::Reject | Reason::Drop);
    let count = hop.rules.len();
    html! {
        <section>
            <div class="eyebrow">{ state.say(&msg!("rules.read", node = node)) }</div>
            <ol class="walk">{ for hop.rules.iter().enumerate().map(|(index, rule)| {
                let class = if index + 1 < count { "done" } else if stops { "cur stop" } else { "cur" };
                html! { <li {class} title={rule.chain.clone()}><span class="chain">{ short_chain(&rule.chain) }</span><i>{ summary(rule) }</i></li> }
            }) }</ol>
            if !last.text.is_empty() { { parted(&last.text) } }
        </section>
    }
}

/// `KUBE-SVC-CDGGSHYL…`: enough of a hash to tell chains apart.
fn short_chain(chain: &str) -> String {
    if chain.chars().count() > 18 { format!("{}…", chain.chars().take(17).collect::<String>()) } else { chain.into() }
}

/// What a rule asks or does, in its own words.
fn summary(rule: &RuleRef) -> String {
    let words: Vec<&str> = rule.text.split(' ').collect();
    let after =
        |flag: &str| words.iter().position(|word| *word == flag).and_then(|at| words.get(at + 1)).map(|word| word.to_string());
    let target = after("-j").unwrap_or_default();
    if matches!(target.as_str(), "DNAT" | "REJECT" | "DROP" | "MASQUERADE" | "ACCEPT" | "RETURN") {
        return target;
    }
    if let Some(mark) = after("--or-mark").or_else(|| after("--xor-mark")) {
        return format!("mark {mark}");
    }
    if let Some(odds) = after("--probability") {
        return format!("p={}", odds.trim_end_matches('0'));
    }
    if let Some(port) = after("--dport") {
        return format!("dport {port}");
    }
    if rule.text.contains("--dst-type LOCAL") {
        return "dst LOCAL".into();
    }
    target
}

/// A rule's text, each of its parts on a line of its own. Where a line is too long, it breaks between words, not at their hyphens.
#[inline(never)]
fn parted(text: &str) -> Html {
    let (mut parts, mut words) = (Vec::new(), Vec::new());
    for word in text.split(' ') {
        if matches!(word, "-m" | "-j" | "--to-destination" | "--reject-with") {
            parts.push(html! { <span>{ std::mem::take(&mut words) }</span> });
        }
        words.push(html! { <><span>{ word.to_string() }</span>{ " " }</> });
    }
    html! { <code class="rule parts">{ parts }<span>{ words }</span></code> }
}

/// Fields that made something so.
#[derive(Clone, PartialEq, Properties)]
#[allow(missing_docs)]
pub struct CauseProps {
    pub moment: Moment,
    pub because: Vec<FieldRef>,
}

/// The lines that made it so; a click goes there.
#[component]
pub fn Cause(CauseProps { moment, because }: &CauseProps) -> Html {
    let state = &moment.state;
    let spans = state.causes(because);
    let Some(first) = spans.first() else {
        return html! { <section class="cause">{ glyph("i-upleft", 16, "k-now") }<div><span class="lnk">{ state.speech.t("cause.none") }</span></div></section> };
    };
    let go = |span: &Span| {
        let span = span.clone();
        moment.send.reform(move |_: MouseEvent| Msg::Line(span.clone()))
    };
    html! {
        <section class="cause">{ glyph("i-upleft", 16, "k-now") }<div>
            <button type="button" class="lnk" onclick={go(first)}>{ state.say(&msg!("cause.line", line = first.line)) }</button>
            { for spans.iter().take(4).map(|span| html! {
                <button type="button" class="src" onclick={go(span)}><em>{ span.line }</em>{ line_text(&state.files, span) }</button>
            }) }
        </div></section>
    }
}

/// A line of the text, trimmed.
pub fn line_text(files: &[SourceFile], span: &Span) -> String {
    let file = files.iter().find(|file| file.name == span.file);
    let line = file.and_then(|file| file.text.split('\n').nth((span.line as usize).saturating_sub(1)));
    line.unwrap_or_default().trim().to_string()
}
