//! What moves on the stage: the trail, the packet with its label, where it was going before, the outcome; and the dots of a burst.

use super::i18n::use_speech;
use super::icon::{Outcome, outcome};
use super::stage::Shown;
use super::stage_player::{Player, Ticking, still};
use super::stage_services::diamond;
use super::stage_things::{n, sheet, write, write_by};
use crate::scene::ItemId;
use crate::scene::beats::{BURST, dots};
use crate::scene::frame::{Flag, Frame, Side, disc, frame};
use crate::scene::geometry::{Point, Polyline, Rect, at};
use crate::scene::lanes::Stop;
use crate::scene::picture::Picture;
use crate::scene::route::{Route, spread};
use crate::scene::steps::{Step, call};
use crate::session::BurstResult;
use crate::trace::{Trace, Verdict};
use gloo::render::request_animation_frame;
use std::f64::consts::TAU;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};
use yew::prelude::*;

/// What moves.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct PacketsProps {
    pub scene: Shown,
    pub trace: Rc<Trace>,
    pub player: Player,
    /// Dots of a burst are on their way: no label lies under them.
    pub crowd: bool,
}

/// Trail, packet and labels of one trace. Only this part is rendered on every frame.
#[component]
pub(super) fn Packets(props: &PacketsProps) -> Html {
    let speech = use_speech();
    let update = use_force_update();
    let ticking = use_mut_ref(|| None::<Ticking>);
    {
        let (player, ticking) = (props.player.clone(), ticking.clone());
        use_effect_with((), move |()| {
            *ticking.borrow_mut() = Some(player.on_tick(Callback::from(move |_| update.force_update())));
            move || *ticking.borrow_mut() = None
        });
    }
    let scene = &props.scene.0;
    let now = frame(scene, &props.player.beats(), props.player.at());
    if scene.route.stops.len() != props.player.steps().len() || now.walked.is_empty() {
        return Html::default();
    }
    let end = outcome(&props.trace);
    let failed = !matches!(end.class, "ok" | "call");
    let rejected = failed && now.step == scene.route.decided && now.arrived;
    let flag_words = match end.class {
        "refused" => Some("stage.flag.refused"),
        "timeout" => Some("stage.flag.timeout"),
        "unreach" => Some("stage.flag.unreachable"),
        _ => None,
    };
    let flag_words = flag_words.filter(|_| rejected).map(|id| speech.t(id));
    let refused = failed && end.class == "refused";
    let failing = match end.class {
        "timeout" => "bad timeout",
        "unreach" => "bad unreach",
        "refused" => "bad",
        _ => "",
    };
    let shown = shown(&scene.route, &props.player.steps(), now.step);
    let linked = linked(&scene.route, &props.trace, &props.player.steps(), now.step);
    let lit: Vec<bool> = shown.iter().enumerate().map(|(leg, shown)| *shown || linked.contains(&leg)).collect();
    let legs = || scene.route.legs.iter().zip(&now.walked).zip(&shown).filter(|(_, shown)| **shown).map(|(leg, _)| leg);
    html! {
        <g class="traffic" aria-hidden="true">
            { for linked.iter().filter(|leg| !shown[**leg]).map(|leg| link(&scene.route, *leg)) }
            { for legs().map(|(leg, _)| html! { <path class={classes!("ghost", leg.lookup.then_some("lookup"))} d={leg.line.path(&leg.sharp)}/> }) }
            { for legs().filter(|(_, walked)| **walked > 0.5).map(|(leg, walked)| html! {
                <path class={classes!("trail", leg.lookup.then_some("lookup"))} d={leg.line.first(*walked).path(&leg.sharp)}/>
            }) }
            if refused && now.step > scene.route.decided { { sent_back(&scene.route) } }
            { met(&scene.picture, &now, &scene.route, &lit) }
            { used_ports(&scene.picture) }
            { beads(&scene.route, &now, &shown) }
            { gates(&scene.picture, &scene.route, &now, &lit) }
            { for now.past.iter().filter(|_| !props.crowd).map(|past| flag(past, "past", &past.text, true)) }
            { for failed_calls(&scene.route, &props.trace, &props.player.steps(), &now).map(|(step, end)| mark(&scene.picture, &scene.route, step, end)) }
            if now.decided { { mark(&scene.picture, &scene.route, scene.route.decided, end) } }
            if !(now.in_gate || rejected && now.decided || props.crowd) {
                <circle class={classes!("dot", now.reply.then_some("reply"), (refused && now.reply).then_some("bad"))} cx={n(now.packet.x)} cy={n(now.packet.y)} r="6"/>
            }
            if let Some(label) = now.label.as_ref().filter(|_| !props.crowd) {
                { flag(label, if rejected { failing } else if now.reply && refused { "reply bad" } else if now.reply { "reply" } else { "" }, flag_words.as_ref().unwrap_or(&label.text), flag_words.is_none()) }
            }
        </g>
    }
}

/// With more connections than this, only those of the call that plays are drawn, and of the calls around it.
const MANY: usize = 8;

/// Which connections are drawn while a step plays.
fn shown(route: &Route, steps: &[Step], now: usize) -> Vec<bool> {
    let mut shown = vec![route.legs.len() <= MANY; route.legs.len()];
    let playing = steps.get(now).map_or(&[][..], |step| &step.call);
    for (halt, _) in route.stops.iter().zip(steps).filter(|(_, step)| playing.starts_with(&step.call)) {
        if let Some(shown) = shown.get_mut(halt.leg) {
            *shown = true;
        }
    }
    shown
}

/// Once a request's calls are over: their connections, which stay lit as the links that the request used.
fn linked(route: &Route, trace: &Trace, steps: &[Step], now: usize) -> Vec<usize> {
    let over = steps.get(now).is_some_and(|step| step.call.is_empty() && !trace.calls.is_empty());
    if over { links(route, &steps[..now]) } else { Vec::new() }
}

#[inline(never)]
fn links(route: &Route, before: &[Step]) -> Vec<usize> {
    let mut legs: Vec<usize> =
        route.stops.iter().zip(before).filter(|(_, step)| !step.call.is_empty()).map(|(halt, _)| halt.leg).collect();
    legs.dedup();
    legs.retain(|leg| route.legs.get(*leg).is_some_and(|leg| !leg.lookup));
    legs
}

/// A connection of a call that is over; one that failed looks so.
#[inline(never)]
fn link(route: &Route, leg: usize) -> Html {
    let failed = route.failures.iter().any(|step| route.stops.get(*step).is_some_and(|halt| halt.leg == leg));
    let line = &route.legs[leg];
    html! { <path class={classes!("link", failed.then_some("bad"))} d={line.line.path(&line.sharp)}/> }
}

/// A refusal goes back beside the way of its request: dotted, to the client outside.
#[inline(never)]
fn sent_back(route: &Route) -> Html {
    let Some(halt) = route.stops.get(route.decided).filter(|_| matches!(route.stops[0].stop, Stop::Client)) else {
        return Html::default();
    };
    let Some(leg) = route.legs.get(halt.leg) else { return Html::default() };
    let way = leg.line.first(halt.to);
    let [start, ..] = way.points() else { return Html::default() };
    let beside = way.moved(11.0, -14.0);
    let mut line = Polyline::from(at(start.x + 11.0, start.y + 4.0));
    beside.points().iter().skip(1).for_each(|point| line.to(*point));
    let head = format!("M{} {}l4 -6 4 6", n(start.x + 7.0), n(start.y + 9.0));
    html! { <><path class="trail bad" d={line.path(&[])}/><path class="head bad" d={head}/></> }
}

/// Pods that were reached, and the one that stands in the packet's header by now.
fn met(picture: &Picture, now: &Frame, route: &Route, shown: &[bool]) -> Html {
    let reached = |index: usize| match &route.stops[index].stop {
        _ if !shown[route.stops[index].leg] => None,
        Stop::PodIn(namespace, name) | Stop::PodOut(namespace, name) => picture.pod(namespace, name),
        _ => None,
    };
    let leg = route.stops[now.step].leg;
    let rewritten = now.arrived && route.stops[..=now.step].iter().any(|halt| halt.leg == leg && halt.label.0 != halt.label.1);
    let ahead = (now.step..route.stops.len()).filter(|index| rewritten && route.stops[*index].leg == leg).find_map(reached);
    (0..=now.step)
        .filter_map(reached)
        .chain(ahead)
        .map(|pod| {
            let r = pod.rect;
            sheet("target", r, if r.height > 30.0 { 8.0 } else { 6.0 })
        })
        .collect()
}

/// Open ports stand above the trail that passes them.
fn used_ports(picture: &Picture) -> Html {
    let tags = picture.nodes.iter().filter(|node| !node.dark).flat_map(|node| &node.ports).filter(|tag| tag.used);
    tags.map(|tag| {
        let r = tag.rect;
        html! { <>
            { sheet("port used", r, 9.0) }
            { write_by("m portname used", r.centre().x, r.centre().y + 4.0, "middle", tag.text.clone()) }
        </> }
    })
    .collect()
}

/// Numbers along the way; where two would meet, the first stays.
fn beads(route: &Route, now: &Frame, legs: &[bool]) -> Html {
    let mut taken: Vec<Rect> = Vec::new();
    let mut shown = Vec::new();
    for (index, halt) in route.stops.iter().enumerate() {
        let Some(point) = halt.bead.filter(|_| legs[halt.leg]) else { continue };
        let width = disc(index + 1);
        let round = Rect::around(point, width + 1.0, 17.0);
        if taken.iter().any(|other| other.meets(&round)) {
            continue;
        }
        taken.push(round);
        // Neither under the packet nor under its label.
        let covered = now.label.as_ref().is_some_and(|label| label.rect.meets(&round));
        if covered || point.distance(now.packet) < 4.0 + width / 2.0 {
            continue;
        }
        shown.push(html! {
            <g class={classes!("bead", (index > now.step || index == now.step && !now.arrived).then_some("next"))}>
                { pill("", point.x - width / 2.0, point.y, width) }<text x={n(point.x)} y={n(point.y + 3.7)}>{ index + 1 }</text>
            </g>
        });
    }
    shown.into_iter().collect()
}

/// The disc of a number, from its left end.
fn pill(class: &'static str, x: f64, middle: f64, width: f64) -> Html {
    let level = n(width - 16.0);
    html! { <path {class} d={format!("M{} {}h{level}a8 8 0 0 1 0 16h-{level}a8 8 0 0 1 0-16z", n(x + 8.0), n(middle - 8.0))}/> }
}

/// Diamonds that decided, and the one that decides now.
fn gates(picture: &Picture, route: &Route, now: &Frame, shown: &[bool]) -> Html {
    let mut points: Vec<Point> = Vec::new();
    for halt in route.stops[..=now.step].iter().filter(|halt| shown[halt.leg]) {
        match &halt.stop {
            Stop::Rules(_, point) if !points.contains(point) => points.push(*point),
            _ => {}
        }
    }
    let on = |point: &Point| now.in_gate && point.distance(now.packet) < 1.0;
    let reached =
        |point: &Point| on(point) || now.arrived || !matches!(&route.stops[now.step].stop, Stop::Rules(_, here) if here == point);
    points
        .iter()
        .filter(|point| reached(point))
        .map(|point| {
            let class = if on(point) { "on" } else { "past" };
            // Among many Services, no larger than its line.
            let rail = picture.rails.iter().find(|rail| rail.gates.iter().any(|gate| gate.at == *point));
            let least = if rail.is_some_and(|rail| rail.rect.width.min(rail.rect.height) < 15.0) { 7.0 } else { 11.0 };
            html! { <><path class={classes!("gate", class)} d={diamond(point.x, point.y, if on(point) { least + 1.0 } else { least })}/>
            <circle class={classes!("gatedot", class)} cx={n(point.x)} cy={n(point.y)} r="2.5"/></> }
        })
        .collect()
}

fn flag(flag: &Flag, class: &'static str, text: &str, arrow: bool) -> Html {
    let mut r = flag.rect;
    if !arrow {
        // Words in place of an address: the pill keeps the end that points at the packet.
        let width =
            24.0 + flag.number.map_or(0.0, disc) + text.chars().map(|c| if c >= '\u{1100}' { 11.5 } else { 6.8 }).sum::<f64>();
        r.x += if flag.side == Side::Left { r.width - width } else { 0.0 };
        r.width = width;
    }
    let middle = r.centre().y;
    let words = match (arrow, class.starts_with("reply")) {
        (false, _) => text.to_string(),
        (true, false) => format!("→ {text}"),
        (true, true) => format!("← {text}"),
    };
    let tip = match flag.side {
        Side::Left => format!("M{} {}l7 5-7 5z", n(r.right() - 1.0), n(middle - 5.0)),
        Side::Right => format!("M{} {}l-7 5 7 5z", n(r.x + 1.0), n(middle - 5.0)),
        Side::Above | Side::Below => String::new(),
    };
    let disc = flag.number.map_or(0.0, disc);
    html! {
        <g class={classes!("flag", class)}>
            if flag.number.is_some() && !tip.is_empty() { <path class="tip" d={tip}/> }
            { sheet("", r, 11.0) }
            if let Some(number) = flag.number {
                { pill("fn", r.x + 4.0, middle, disc) }
                { write_by("fnt", r.x + 4.0 + disc / 2.0, middle + 3.8, "middle", number.to_string()) }
            }
            { write("m", r.x + 9.0 + disc, middle + 3.8, words) }
        </g>
    }
}

/// The calls inside the request that failed by now: at which step, and how.
fn failed_calls<'a>(
    route: &'a Route,
    trace: &'a Trace,
    steps: &'a [Step],
    now: &'a Frame,
) -> impl Iterator<Item = (usize, Outcome)> + 'a {
    let past = |step: &&usize| now.step > **step || now.step == **step && now.arrived;
    route.failures.iter().filter(past).filter_map(|step| Some((*step, outcome(call(trace, steps.get(*step)?)?))))
}

/// The outcome's shape, where it was decided: on a Pod's or a card's corner, or in place of the diamond.
fn mark(picture: &Picture, route: &Route, step: usize, end: Outcome) -> Html {
    let Outcome { glyph, class, .. } = end;
    let Some(halt) = route.stops.get(step) else { return Html::default() };
    let Some(leg) = route.legs.get(halt.leg) else { return Html::default() };
    let here = leg.line.point(halt.to);
    // Whole, where a card stands close to the picture's edge.
    let corner = |rect: Rect| at(rect.right() - 4.0, rect.y.max(12.0));
    let point = match &halt.stop {
        Stop::PodIn(namespace, name) | Stop::PodOut(namespace, name) => {
            picture.pod(namespace, name).map_or(here, |pod| corner(pod.rect))
        }
        Stop::PublicDns => picture.card(&ItemId::PublicDns).map_or(here, |card| corner(card.rect)),
        Stop::Balancer => picture.card(&ItemId::LoadBalancer).map_or(here, |card| corner(card.rect)),
        Stop::Server(name) => picture.card(&ItemId::Server(name.clone())).map_or(here, |card| corner(card.rect)),
        _ => here,
    };
    let colour = match class {
        "ok" => "o-ok",
        "refused" => "o-refused",
        "timeout" => "o-timeout",
        "nx" | "empty" => "o-nx",
        "e404" => "o-e404",
        "e503" | "call" => "o-e503",
        _ => "o-unreach",
    };
    html! { <>
        <circle class="backing" cx={n(point.x)} cy={n(point.y)} r="11.5"/>
        <svg class={classes!("ending", colour)} x={n(point.x - 11.0)} y={n(point.y - 11.0)} width="22" height="22"><use href={format!("#{glyph}")}/></svg>
    </> }
}

/// Many requests.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct BurstProps {
    pub scene: Shown,
    pub trace: Rc<Trace>,
    pub results: Rc<Vec<BurstResult>>,
    /// Told when the first dot leaves and when the last has arrived.
    pub on_crowd: Callback<bool>,
}

/// The dots of a burst, on a canvas: they run once.
#[component]
pub(super) fn Burst(props: &BurstProps) -> Html {
    let canvas = use_node_ref();
    let size = props.scene.0.picture.size;
    {
        let (canvas, scene, trace, results) = (canvas.clone(), props.scene.clone(), props.trace.clone(), props.results.clone());
        let on_crowd = props.on_crowd.clone();
        use_effect_with(Rc::as_ptr(&props.results), move |_| {
            let ways: Vec<(Polyline, bool)> = results
                .iter()
                .map(|result| {
                    (spread(&scene.0.picture, &scene.0.route, result.pod.as_ref()), result.verdict == Verdict::Delivered)
                })
                .collect();
            let running = Rc::new(std::cell::RefCell::new(None));
            let plays = !still() && trace.hops.len() > 1;
            if let Some(context) = context(&canvas).filter(|_| plays) {
                on_crowd.emit(true);
                run(context, Rc::new(ways), None, running.clone(), on_crowd.clone());
            }
            move || {
                *running.borrow_mut() = None;
                on_crowd.emit(false);
            }
        });
    }
    let ratio = gloo::utils::window().device_pixel_ratio().max(1.0);
    html! {
        <canvas class="dots" ref={canvas} width={n(size.width * ratio)} height={n(size.height * ratio)} aria-hidden="true"/>
    }
}

type Running = Rc<std::cell::RefCell<Option<gloo::render::AnimationFrame>>>;

fn context(canvas: &NodeRef) -> Option<CanvasRenderingContext2d> {
    canvas.cast::<HtmlCanvasElement>()?.get_context("2d").ok()??.dyn_into().ok()
}

/// One frame after the other, until the last dot has arrived. Colours come from the page's custom properties.
fn run(
    context: CanvasRenderingContext2d,
    ways: Rc<Vec<(Polyline, bool)>>,
    began: Option<f64>,
    running: Running,
    on_crowd: Callback<bool>,
) {
    let kept = running.clone();
    let frame = request_animation_frame(move |now| {
        let began = began.unwrap_or(now);
        draw(&context, &ways, now - began);
        if now - began <= BURST {
            run(context, ways, Some(began), running, on_crowd);
        } else {
            on_crowd.emit(false);
        }
    });
    *kept.borrow_mut() = Some(frame);
}

fn draw(context: &CanvasRenderingContext2d, ways: &[(Polyline, bool)], at: f64) {
    let Some(canvas) = context.canvas() else { return };
    let ratio = gloo::utils::window().device_pixel_ratio().max(1.0);
    let style = gloo::utils::window().get_computed_style(&canvas).ok().flatten();
    let colour = |name: &str| style.as_ref().and_then(|style| style.get_property_value(name).ok()).unwrap_or_default();
    let (good, bad) = (colour("--now"), colour("--refused"));
    context.clear_rect(0.0, 0.0, f64::from(canvas.width()), f64::from(canvas.height()));
    for (index, part) in dots(ways.len(), at) {
        let (way, delivered) = &ways[index];
        let point = way.point(way.length() * part);
        context.begin_path();
        let _ = context.arc(point.x * ratio, point.y * ratio, 4.0 * ratio, 0.0, TAU);
        context.set_fill_style_str(if *delivered { good.trim() } else { bad.trim() });
        context.fill();
    }
}
