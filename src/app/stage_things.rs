//! The things of the stage: what does not move.

use super::i18n::{Speech, use_speech};
use super::stage::{Selected, Shown};
use super::stage_pods::{pod, waiting};
use super::stage_services::{names, rail};
use crate::msg;
use crate::scene::ItemId;
use crate::scene::geometry::{Polyline, Rect};
use crate::scene::name;
use crate::scene::picture::{Heading, Health, Label, NodeBox, OutsideCard, Picture, PortTag};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::prelude::*;

/// What is drawn.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct ThingsProps {
    pub scene: Shown,
    pub selected: Option<ItemId>,
    pub touched: Rc<Vec<ItemId>>,
    pub choose: Callback<Selected>,
}

/// Machines, Services and Pods.
#[component]
pub(super) fn Things(props: &ThingsProps) -> Html {
    let speech = use_speech();
    let ink = Ink { speech: &speech, props };
    let picture = &props.scene.0.picture;
    html! { <>
        { ground(picture) }
        { for picture.headings.iter().map(|heading| row_heading(&speech, heading)) }
        { for picture.outside.iter().map(|card| outside(&ink, card)) }
        { for picture.nodes.iter().map(|node| machine(&ink, node)) }
        { for picture.rails.iter().map(|item| rail(&ink, picture, item)) }
        if let Some(more) = &picture.more_services {
            { ink.button(&ItemId::MoreServices, speech.say(&msg!("stage.moreServices.expand", count = more.count)), "more", html! { <>
                { sheet("hit", more.rect, 6.0) }
                { write("k-svc b", more.rect.x + 14.0, more.rect.y + 16.0, speech.say(&msg!("stage.moreServices", count = more.count))) }
            </> }) }
        }
        { picture.names.as_ref().map_or_else(Html::default, |own| names(&ink, own)) }
        <path class="bus" d={picture.bus.path(&[])}/>
        { for picture.nodes.iter().map(network) }
        { for picture.pods.iter().map(|mark| pod(&ink, mark)) }
        { picture.waiting.as_ref().map_or_else(Html::default, |card| waiting(&ink, card)) }
        { for picture.nodes.iter().flat_map(|node| node.ports.iter().map(|tag| port(&ink, tag, node.dark))) }
    </> }
}

/// Words, state and the way to choose.
pub(super) struct Ink<'a> {
    pub speech: &'a Speech,
    pub props: &'a ThingsProps,
}

impl Ink<'_> {
    /// A thing that can be focused and chosen.
    pub fn button(&self, id: &ItemId, label: String, class: &'static str, inner: Html) -> Html {
        let (choose, item) = (self.props.choose.clone(), id.clone());
        let pick = move |target: Option<web_sys::EventTarget>| {
            let rect =
                target.and_then(|target| target.dyn_into::<Element>().ok()).map(|element| element.get_bounding_client_rect());
            let anchor = rect.map(|rect| Rect::new(rect.x(), rect.y(), rect.width(), rect.height())).unwrap_or_default();
            choose.emit(Selected { item: item.clone(), anchor });
        };
        let press = pick.clone();
        let onclick = Callback::from(move |event: MouseEvent| pick(event.current_target()));
        let onkeydown = Callback::from(move |event: KeyboardEvent| {
            if matches!(event.key().as_str(), "Enter" | " ") {
                event.prevent_default();
                press(event.current_target());
            }
        });
        let chosen = self.props.selected.as_ref() == Some(id);
        let touched = self.props.touched.contains(id);
        html! {
            <g class={classes!("thing", class, chosen.then_some("chosen"), touched.then_some("touched"))} role="button" tabindex="0"
                aria-pressed={chosen.then_some("true")} {onclick} {onkeydown}>{ inner }<title>{ label }</title></g>
        }
    }

    pub fn say(&self, label: &Label) -> String {
        match label {
            Label::Plain(text) => text.clone(),
            Label::Said(message) => self.speech.say(message),
        }
    }

    pub fn touches(&self, id: &ItemId) -> bool {
        self.props.touched.contains(id)
    }
}

/// A number as an attribute.
pub(super) fn n(number: f64) -> String {
    crate::scene::geometry::short(number)
}

/// A sheet with round corners.
pub(super) fn sheet(class: &'static str, r: Rect, round: f64) -> Html {
    html! { <rect {class} x={n(r.x)} y={n(r.y)} width={n(r.width)} height={n(r.height)} rx={n(round)}/> }
}

/// One line of words.
pub(super) fn write(class: &'static str, x: f64, y: f64, words: String) -> Html {
    // A name is no word of the page's language: a Korean face would draw its ellipsis as dots in the middle of the line.
    let lang = (class == "m" || class.starts_with("m ")).then_some("en");
    html! { <text {class} {lang} x={n(x)} y={n(y)}>{ words }</text> }
}

/// One line of words around or before a place.
pub(super) fn write_by(class: &'static str, x: f64, y: f64, anchor: &'static str, words: String) -> Html {
    html! { <text {class} x={n(x)} y={n(y)} text-anchor={anchor}>{ words }</text> }
}

/// A glyph of the sprite.
pub(super) fn sign(name: &str, class: &'static str, x: f64, y: f64, size: f64) -> Html {
    html! { <svg class={classes!("g", class)} x={n(x)} y={n(y)} width={n(size)} height={n(size)}><use href={format!("#{name}")}/></svg> }
}

fn ground(picture: &Picture) -> Html {
    let (width, top) = (picture.size.width, picture.boundary);
    html! { <>
        <defs><pattern id="dots" width="16" height="16" patternUnits="userSpaceOnUse"><circle class="griddot" cx="1" cy="1" r=".9"/></pattern></defs>
        <rect x="-2000" y="-200" width="6000" height={n(top + 200.0)} fill="url(#dots)"/>
        <rect class="inside" x="-2000" y={n(top)} width="6000" height={n(picture.size.height - top + 4000.0)}/>
        <path class="edge" d={format!("M-2000 {}H{}", n(top + 0.5), n(width + 2000.0))}/>
    </> }
}

/// The gutter is 104 pixels wide; prose wraps, identifiers never do.
fn row_heading(speech: &Speech, heading: &Heading) -> Html {
    let (x, y) = (heading.at.x, heading.at.y);
    let detail = match &heading.detail {
        Some(Label::Plain(text)) => write("m dim", x, y + 15.0, text.clone()),
        Some(Label::Said(message)) => wrap(&speech.say(message), 98.0)
            .into_iter()
            .enumerate()
            .map(|(index, line)| write("dim", x, y + 16.0 + 13.0 * index as f64, line))
            .collect(),
        None => Html::default(),
    };
    html! { <g class="heading">{ write("band", x, y, speech.say(&heading.title)) }{ detail }</g> }
}

/// Breaks prose at spaces, by the usual widths of Latin and Hangul letters at 11 pixels.
pub(super) fn wrap(text: &str, room: f64) -> Vec<String> {
    let wide = |text: &str| text.chars().map(|c| if c >= '\u{1100}' { 10.5 } else { 5.6 }).sum::<f64>();
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if wide(line) + 5.6 + wide(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// How wide a card's title is, by the usual widths of its letters.
fn heavy(text: &str) -> f64 {
    text.chars().map(|c| if c >= '\u{1100}' { 12.0 } else { 7.1 }).sum()
}

fn outside(ink: &Ink, card: &OutsideCard) -> Html {
    let r = card.rect;
    let glyph = match &card.id {
        ItemId::PublicDns => "g-dns",
        ItemId::LoadBalancer => "g-lb",
        _ => "g-client",
    };
    let (title, detail) = (ink.say(&card.title), ink.say(&card.detail));
    let text = r.x + if card.narrow { 12.0 } else { 42.0_f64.min(r.width / 4.0 + 2.0) };
    let long = heavy(&title) > r.right() - text - 4.0;
    let short = match &card.id {
        ItemId::Client if long => ink.speech.t("composer.outside"),
        ItemId::LoadBalancer if long || card.narrow => ink.speech.t("stage.lb.short"),
        ItemId::PublicDns if (long || card.narrow) && !detail.is_empty() => "DNS".to_string(),
        _ => title.clone(),
    };
    let folded = detail.is_empty();
    let (middle, line) = (r.centre().y, card.title_at());
    let mono = matches!(card.detail, Label::Plain(_));
    let inner = html! { <>
        { sheet(if card.active { "card" } else { "card quiet" }, r, 8.0) }
        if !card.narrow { { sign(glyph, "k-infra", r.x + 11.0, middle - 10.0, 20.0) } }
        { write(if card.active { "t" } else { "t soft" }, text, if folded { middle + 4.0 } else { line }, short) }
        { write(if mono { "dim m" } else { "dim" }, text, line + 17.0, if mono || card.narrow { name::cut(&detail, r.right() - text - 2.0) } else { detail.clone() }) }
    </> };
    ink.button(&card.id, format!("{title} {detail}"), "outside", inner)
}

fn machine(ink: &Ink, node: &NodeBox) -> Html {
    let r = node.rect;
    if !node.stack.is_empty() {
        return stack(ink, node);
    }
    let state = match node.health {
        Health::Ready => None,
        Health::Unnoticed => Some(ink.speech.t("stage.node.noPower")),
        Health::NotReady => Some("NotReady".to_string()),
    };
    let upright = node.plate.width == 0.0;
    let zone = if node.zone.0.is_empty() { Html::default() } else { zone_mark(node, state.is_some(), upright) };
    let glyph = if node.narrow { 0.0 } else { 22.0 };
    let base = if upright { r.y + 29.0 } else { r.y + 21.0 };
    let room = r.width - 24.0 - glyph - if node.narrow || upright { 0.0 } else { name::width(&node.ip) + 8.0 };
    let second = if upright { (r.x + 11.0, base + 17.0, "start") } else { (r.right() - 12.0, base, "end") };
    let detail = state.clone().unwrap_or_else(|| node.ip.clone());
    let inner = html! { <>
        { sheet(if node.health == Health::Ready { "node" } else { "node dead" }, r, 10.0) }
        if !node.narrow { { sign("g-node", "k-infra", r.x + if upright { 10.0 } else { 12.0 }, base - 12.0, 16.0) } }
        { write("t", r.x + if upright { 29.0 } else { 12.0 + glyph }, base, name::cut(&node.name, room.max(46.0))) }
        if !node.narrow { { write_by(if state.is_some() { "bad" } else { "m" }, second.0, second.1, second.2, detail) } }
        { zone }
        if !upright { <g class="rules">{ plate(ink, node) }</g> }
    </> };
    let health = state.unwrap_or_else(|| "Ready".to_string());
    let class = if node.dark { "machine dark" } else { "machine" };
    let label = ink.speech.say(&msg!("stage.aria.node", name = node.name, ip = node.ip, state = health));
    let label = if node.zone.0.is_empty() { label } else { format!("{label}, {}", node.zone.0) };
    ink.button(&node.id, label, class, inner)
}

/// Behind the node's name as far as there is room, else short; where nodes are rows, under the address.
#[inline(never)]
fn zone_mark(node: &NodeBox, troubled: bool, upright: bool) -> Html {
    let (r, (whole, short)) = (node.rect, &node.zone);
    if upright {
        return write("m dim", r.x + 11.0, r.y + 60.0, name::cut(whole, 76.0));
    }
    let x = r.x + if node.narrow { 12.0 } else { 34.0 } + 8.2 * node.name.chars().count() as f64 + 6.0;
    // What stands at the other end: the address, or what is wrong, which is said in words.
    let end = match (node.narrow, troubled) {
        (true, _) => 6.0,
        (false, true) => 80.0,
        (false, false) => name::width(&node.ip) + 15.0,
    };
    let fits = |text: &&String| name::width(text) <= r.right() - end - x;
    [whole, short].into_iter().find(fits).map_or_else(Html::default, |text| write("m dim", x, r.y + 21.0, text.clone()))
}

fn plate(ink: &Ink, node: &NodeBox) -> Html {
    let r = node.plate;
    let touched = ink.touches(&ItemId::Rules(node.name.clone()));
    let note: Vec<String> = match (node.proxy_running, node.narrow) {
        _ if node.dark => vec![ink.speech.t("stage.plate.off")],
        (false, _) => wrap(&ink.speech.t("stage.plate.stopped"), 84.0),
        (true, true) => Vec::new(),
        (true, false) => wrap(&ink.speech.t("stage.plate.writer"), 66.0),
    };
    let class = if node.proxy_running || node.dark { "dim" } else { "dim warn" };
    html! { <>
        { sheet(if touched { "plate touched" } else { "plate" }, r, 6.0) }
        { write("", r.x + 8.0, r.y + 18.0, ink.speech.t("stage.plate")) }
        { for note.into_iter().take(2).enumerate().map(|(index, line)| {
            write_by(class, r.right() - 6.0, r.y + 11.5 + 12.5 * index as f64, "end", line)
        }) }
    </> }
}

#[inline(never)]
fn stack(ink: &Ink, node: &NodeBox) -> Html {
    let r = node.rect;
    let upright = node.plate.width == 0.0;
    let (x, y) = (r.centre().x, if upright { r.y + 18.0 } else { node.plate.bottom() + 50.0 });
    let words = ink.speech.t(if node.stack.len() == 1 { "stage.moreNodes.one" } else { "stage.moreNodes" });
    let count = format!("+{}", node.stack.len());
    // Which they are, as far as there is room; pressed, it shows their list.
    let names: Vec<String> = match upright {
        true => vec![name::cut(&node.stack.join(", "), r.width - 24.0)],
        false => {
            let lines = ((r.bottom() - y - 44.0) / 14.0).max(0.0) as usize;
            let shown = node.stack.iter().map(|own| name::cut(own, r.width - 8.0));
            let all = node.stack.len() <= lines;
            shown.take(if all { lines } else { lines.saturating_sub(1) }).chain((!all).then(|| "…".into())).collect()
        }
    };
    let inner = html! { <>
        { sheet("node", r, 10.0) }
        <path class="wire" d={format!("M{} {}H{}a10 10 0 0 1 10 10V{}", n(r.x + 12.0), n(r.y - 4.0), n(r.right() - 5.0), n(r.bottom() - 8.0))}/>
        { write_by("t", x, y, "middle", if upright { format!("{count} {words}") } else { count.clone() }) }
        if !upright { { write_by("", x, y + 15.0, "middle", words.clone()) } }
        { for names.into_iter().enumerate().map(|(index, line)| {
            html! { <text class="m" lang="en" x={n(x)} y={n(y + if upright { 17.0 } else { 34.0 } + 14.0 * index as f64)} text-anchor="middle">{ line }</text> }
        }) }
    </> };
    let label = ink.speech.say(&msg!("stage.aria.moreNodes", count = format!("{count} {words}"), names = node.stack.join(", ")));
    ink.button(&node.id, label, "machine", inner)
}

fn network(node: &NodeBox) -> Html {
    html! { <g class="net">
        { for node.wires.iter().map(|wire: &Polyline| html! { <path class={classes!("wire", node.dark.then_some("dark"))} d={wire.path(&[])}/> }) }
        if let Some(at) = node.cidr_at { { write("m dim", at.x, at.y, node.pod_cidr.clone()) } }
    </g> }
}

fn port(ink: &Ink, tag: &PortTag, dark: bool) -> Html {
    let r = tag.rect;
    let words = match &tag.id {
        ItemId::NodePort(node, number) if tag.of_service => msg!("stage.aria.port", port = number, node = node),
        ItemId::NodePort(node, number) => msg!("stage.aria.openPort", port = number, node = node),
        ItemId::Service(_, service) => msg!("stage.aria.announced", address = tag.text, service = service),
        ItemId::Node(node) => msg!("stage.aria.ports", count = tag.text.trim_start_matches('+'), node = node),
        _ => return Html::default(),
    };
    let label = ink.speech.say(&words);
    // An address that a node answers for is no rule: that is real network.
    let class = if matches!(tag.id, ItemId::Service(..)) { "card" } else { "port" };
    let inner = html! { <>
        { sheet(class, r, 9.0) }
        { write_by("m portname", r.centre().x, r.centre().y + 4.0, "middle", tag.text.clone()) }
    </> };
    ink.button(&tag.id, label, if dark { "nodeport dark" } else { "nodeport" }, inner)
}
