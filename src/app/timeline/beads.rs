//! The beads: one for each hop, under brackets that name the machine.

use super::{brief, ending};
use crate::app::hop_cards::use_narrow;
use crate::app::i18n::{Speech, use_speech};
use crate::app::icon::outcome;
use crate::app::stage::{press, use_size};
use crate::app::stage_player::Player;
use crate::app::stage_things::n;
use crate::msg;
use crate::scene::beads::{Bead, Zone, beads, moment};
use crate::scene::name;
use crate::scene::steps::{Rewrite, call};
use crate::trace::Trace;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::prelude::*;

/// The request that plays, and how it ended.
#[derive(Clone, PartialEq, Properties)]
#[allow(missing_docs)]
pub struct BeadsProps {
    pub trace: Rc<Trace>,
    pub player: Player,
    pub glyph: &'static str,
    pub class: &'static str,
}

/// Where beads stand.
struct Strand {
    first: f64,
    pitch: f64,
    /// There is room for beads' names.
    named: bool,
    /// All of it; more than there is room for is scrolled.
    width: f64,
}

impl Strand {
    fn new(width: f64, count: usize, narrow: bool) -> Strand {
        let gaps = count.saturating_sub(1).max(1) as f64;
        let edge = if width < 560.0 { 24.0 } else { 38.0 };
        // On a phone the beads only tell where one is; the cards beneath them have the names.
        let (least, most) = (if narrow { 0.0 } else { 44.0 }, if count < 7 { 126.0 } else { 96.0 });
        let fits = (width - 2.0 * edge) / gaps;
        // What is scrolled anyway gets room for its names.
        let pitch = if fits < least { least.max(56.0) } else { fits.min(most) };
        let width = width.max(pitch * gaps + 2.0 * edge);
        Strand { first: (width - pitch * (count.saturating_sub(1) as f64)) / 2.0, pitch, named: pitch >= 44.0, width }
    }

    fn x(&self, index: usize) -> f64 {
        self.first + self.pitch * index as f64
    }

    /// A bead's. Where many share little room, smaller ones stay apart.
    fn radius(&self) -> f64 {
        (self.pitch / 2.0 - 2.0).clamp(2.0, 10.5)
    }
}

/// The string of beads.
#[component]
pub fn Beads(props: &BeadsProps) -> Html {
    let speech = use_speech();
    let frame = use_node_ref();
    let width = use_size(&frame).width;
    let dragging = use_mut_ref(|| false);
    let steps = props.player.steps();
    let (list, zones) = beads(&props.trace, &steps, props.player.step);
    let string = Strand::new(width, list.len(), use_narrow());
    let current = list.iter().position(|bead| bead.steps.contains(&props.player.step)).unwrap_or_default();
    let names = names(&speech, &string, props, &list, current);
    use_scroll(&frame, string.x(current), string.width > width, list.len());
    let focus = focuser(&frame);
    let keys = {
        let (player, focus, list) = (props.player.clone(), focus, list.clone());
        Callback::from(move |event: KeyboardEvent| {
            if let Some(bead) = event.key().parse::<usize>().ok().and_then(|number| list.get(number.checked_sub(1)?)) {
                player.show(bead.steps.start);
            } else if !press(&player, &event) {
                return;
            }
            event.prevent_default();
            event.stop_propagation();
            focus.emit(());
        })
    };
    let seek = {
        let (player, frame, list) = (props.player.clone(), frame.clone(), list.clone());
        let (first, pitch) = (string.first, string.pitch);
        move |event: &PointerEvent| {
            let Some(element) = frame.cast::<Element>() else { return };
            let left = element.get_bounding_client_rect().x() - f64::from(element.scroll_left());
            let place = (f64::from(event.client_x()) - left - first) / pitch;
            player.seek(moment(&list, &player.beats(), place));
        }
    };
    let (down, drag) = (dragging.clone(), dragging.clone());
    let onpointerdown = Callback::from(move |_: PointerEvent| *down.borrow_mut() = true);
    let onpointermove = Callback::from(move |event: PointerEvent| {
        // A pointer that went up elsewhere has no button any more.
        let held = *drag.borrow() && event.buttons() & 1 == 1;
        *drag.borrow_mut() = held;
        if held && event.movement_x() != 0 {
            seek(&event);
        }
    });
    let onpointerup = Callback::from(move |_: PointerEvent| *dragging.borrow_mut() = false);
    html! {
        <div class={classes!("tlbeads", (string.width > width).then_some("long"))} ref={frame} onkeydown={keys} {onpointerdown} {onpointermove} {onpointerup}>
            if width > 0.0 {
                <svg class="tlsvg" width={n(string.width)} height="88" viewBox={format!("0 0 {} 88", n(string.width))} role="group" aria-label={speech.t("timeline.hops")}>
                    { for zones.iter().map(|zone| bracket(&speech, &string, zone)) }
                    { for list.iter().enumerate().skip(1).map(|(index, bead)| link(&string, index, bead.wire, index <= current)) }
                    { for list.iter().enumerate().map(|(index, bead)| self::bead(&speech, &string, props, bead, index, current, &names)) }
                    if let Some(bead) = list.get(current).filter(|_| current + 1 < list.len()) { { raised(string.radius(), string.x(current), bead.steps.start + 1) } }
                </svg>
            }
        </div>
    }
}

/// A long string follows the current bead.
#[hook]
fn use_scroll(frame: &NodeRef, x: f64, long: bool, count: usize) {
    let frame = frame.clone();
    use_effect_with((x as i32, long, count), move |(x, long, _)| {
        if let (true, Some(frame)) = (*long, frame.cast::<Element>()) {
            let (left, room) = (frame.scroll_left(), frame.client_width());
            if *x < left + room / 6 || *x > left + room - room / 6 {
                frame.set_scroll_left(x - room / 2);
            }
        }
    });
}

/// The beads' names: the current one's and the last one's always, the others as far as they have room beside these and each other.
fn names(speech: &Speech, string: &Strand, props: &BeadsProps, list: &[Bead], current: usize) -> Vec<Option<String>> {
    let last = list.len().saturating_sub(1);
    let mut names: Vec<Option<String>> = list
        .iter()
        .enumerate()
        .map(|(index, bead)| {
            let end = outcome(&props.trace);
            let name = if index == last { ending(speech, Some(&props.trace), end) } else { speech.say(&bead.label) };
            // Neither into the name before it nor over the edge.
            let room = (string.pitch + 14.0).min(2.0 * (string.width - string.x(last)));
            let short = index == last && string.named && wide(&name) > room;
            let brief = short.then(|| brief(speech, Some(&props.trace), end)).flatten();
            Some(brief.unwrap_or(name))
        })
        .collect();
    for index in (0..names.len()).filter(|index| *index != current && (*index != last || !string.named)) {
        let mut room = if string.named { f64::INFINITY } else { 0.0 };
        // The next one gets as much as this one, and what stands already is not touched.
        let next = (index + 1, string.pitch - 3.0);
        for (other, least) in [(index.wrapping_sub(1), 0.0), next, (current, 0.0), (last, 0.0)] {
            if let Some(Some(there)) = names.get(other).filter(|_| other != index) {
                room = room.min((2.0 * (string.pitch * index.abs_diff(other) as f64 - 3.0) - wide(there)).max(least));
            }
        }
        names[index] = names[index].take().and_then(|name| shortened(name, room));
    }
    names
}

/// How wide a bead's name is.
fn wide(text: &str) -> f64 {
    text.chars().map(|c| if c >= '\u{1100}' { 11.0 } else { 6.5 }).sum()
}

/// A name for so much room: whole, or its start; nothing where a start would say nothing.
fn shortened(name: String, room: f64) -> Option<String> {
    if wide(&name) <= room {
        return Some(name);
    }
    let mut left = room - 7.0;
    let fits = |c: &char| {
        left -= if *c >= '\u{1100}' { 11.0 } else { 6.5 };
        left >= 0.0
    };
    let start: String = name.chars().take_while(fits).collect();
    (wide(&start) >= 16.0).then(|| start.trim_end().to_string() + "…")
}

/// Keyboard steps take the focus along to the current bead, once it is drawn.
fn focuser(frame: &NodeRef) -> Callback<()> {
    let frame = frame.clone();
    Callback::from(move |()| {
        let frame = frame.clone();
        gloo::timers::callback::Timeout::new(0, move || {
            let current = frame.cast::<Element>().and_then(|element| element.query_selector("[tabindex='0']").ok().flatten());
            if let Some(current) = current {
                // An SVG element takes the focus by the same method.
                let _ = current.unchecked_into::<web_sys::HtmlElement>().focus();
            }
        })
        .forget();
    })
}

fn bracket(speech: &Speech, string: &Strand, zone: &Zone) -> Html {
    let reach = (string.pitch / 2.0 - 6.0).min(20.0);
    let (from, to) = (string.x(zone.beads.start) - reach, string.x(zone.beads.end - 1) + reach);
    let words = speech.say(&zone.title);
    // A name may lean over its neighbours' gaps, not over their names.
    let room = to - from + string.pitch - 2.0 * reach - 4.0;
    let whole = words.clone();
    let short = format!("{}.short", zone.title.id);
    let words = match &zone.title.args.get("pod").or(zone.title.args.get("server")) {
        Some(pod) => name::bracket(pod, room),
        None if wide(&words) > room => match zone.title.args.get("node") {
            Some(node) => node.clone(),
            None if speech.has(&short) => speech.t(&short),
            None => words,
        },
        None => words,
    };
    let words = shortened(words, room + 6.0);
    // The first and the last name stay within the strip.
    let edge = words.as_deref().map_or(0.0, wide) * 0.5 + 3.0;
    html! { <g>
        <path class="zl" d={format!("M{} 20v-4H{}v4", n(from), n(to))}/>
        if let Some(words) = words { <text class="zone" x={n(((from + to) / 2.0).min(string.width - edge).max(edge))} y="11">{ words }</text> }
        <title>{ whole }</title>
    </g> }
}

/// An arc where the packet went over a wire, else a flat line.
fn link(string: &Strand, index: usize, wire: bool, done: bool) -> Html {
    let (from, to) = (string.x(index - 1), string.x(index));
    let lean = (to - from) * 0.18;
    let d = if wire {
        format!("M{} 52C{} 22 {} 22 {} 52", n(from), n(from + lean), n(to - lean), n(to))
    } else {
        format!("M{} 52H{}", n(from), n(to))
    };
    html! { <path class={classes!("base", done.then_some("done"))} {d}/> }
}

fn bead(
    speech: &Speech,
    string: &Strand,
    props: &BeadsProps,
    bead: &Bead,
    index: usize,
    current: usize,
    names: &[Option<String>],
) -> Html {
    let x = string.x(index);
    let last = index + 1 == names.len();
    let steps = props.player.steps();
    let failed = bead.failed.and_then(|step| Some(outcome(call(&props.trace, steps.get(step)?)?)));
    let name = match failed {
        _ if last => ending(speech, Some(&props.trace), outcome(&props.trace)),
        Some(end) => format!("{}: {}", speech.say(&bead.label), ending(speech, None, end)),
        None => speech.say(&bead.label),
    };
    let number = bead.steps.start + 1;
    let state = match index.cmp(&current) {
        std::cmp::Ordering::Less => "done",
        std::cmp::Ordering::Equal => "cur",
        std::cmp::Ordering::Greater => "",
    };
    let (player, step) = (props.player.clone(), bead.steps.start);
    let onclick = Callback::from(move |_: MouseEvent| player.show(step));
    let (pick, target) = (props.player.clone(), bead.steps.start);
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        if matches!(event.key().as_str(), "Enter" | " ") {
            event.prevent_default();
            pick.show(target);
        }
    });
    let radius = string.radius();
    let label = speech.say(&msg!("timeline.bead", hop = number, name = name));
    let colour = format!("o-{}", props.class);
    html! {
        <g class={classes!("bead", state)} role="button" tabindex={if index == current { "0" } else { "-1" }}
            aria-current={(index == current).then_some("step")} {onclick} {onkeydown}>
            <rect class="reach" x={n(x - (string.pitch / 2.0).min(22.0))} y="24" width={n(string.pitch.min(44.0))} height="60"/>
            <circle class="halo" cx={n(x)} cy="52" r="15"/>
            if last {
                <circle class="backing" cx={n(x)} cy="52" r="10.5"/>
                <svg class={colour} x={n(x - 11.0)} y="41" width="22" height="22"><use href={format!("#{}", props.glyph)}/></svg>
            } else if let Some(end) = failed.filter(|_| radius > 6.5) {
                <circle class="backing" cx={n(x)} cy="52" r={n(radius)}/>
                <svg class={format!("o-{}", end.class)} x={n(x - radius)} y={n(52.0 - radius)} width={n(2.0 * radius)} height={n(2.0 * radius)}><use href={format!("#{}", end.glyph)}/></svg>
            } else {
                <circle class="b" cx={n(x)} cy="52" r={n(radius)}/>
                if let Some(size) = digits(number, radius) { <text class={classes!("bn", size)} x={n(x)} y="56">{ number }</text> }
            }
            if let Some(Some(name)) = names.get(index) { <text class="bl" x={n(x)} y="79">{ name.clone() }</text> }
            if let Some(rewrite) = bead.rewrite.filter(|_| string.pitch >= 34.0) { { tag(rewrite, x) } }
            <title>{ label }</title>
        </g>
    }
}

/// Where beads are too small for their numbers, the current one is drawn once more above its neighbours, with room for its own.
fn raised(radius: f64, x: f64, number: usize) -> Html {
    if digits(number, radius).is_some() {
        return Html::default();
    }
    let large = 10.5;
    html! {
        <g class="bead cur raised" aria-hidden="true">
            <circle class="b" cx={n(x)} cy="52" r={n(large)}/><text class={classes!("bn", digits(number, large))} x={n(x)} y="56">{ number }</text>
        </g>
    }
}

/// How large a bead's number is written; `None` where it has no room.
fn digits(number: usize, radius: f64) -> Option<&'static str> {
    let long = f64::from(number.max(1).ilog10() + 1);
    let room = 2.0 * radius - 2.5;
    if long * 6.6 <= room && radius > 6.5 { Some("") } else { (long * 5.4 <= room && radius > 6.5).then_some("small") }
}

/// What a bead's hop rewrote.
fn tag(rewrite: Rewrite, x: f64) -> Html {
    let words = match rewrite {
        Rewrite::Source => "src",
        Rewrite::Destination => "dst",
        Rewrite::Both => "both",
        Rewrite::New => "new",
    };
    let width = words.len() as f64 * 6.5 + 9.0;
    html! { <g class="rw"><rect x={n(x - width / 2.0)} y="23" width={n(width)} height="14" rx="3"/><text x={n(x)} y="33.5">{ words }</text></g> }
}
