//! Services on the stage: those with rules as rails through the nodes, those that are only names as what CoreDNS answers for.

use super::stage_things::{Ink, n, sheet, sign, write};
use crate::msg;
use crate::scene::ItemId;
use crate::scene::geometry::{Point, Rect};
use crate::scene::name;
use crate::scene::picture::{Gate, Label, NameTag, Names, Picture, Rail, Trouble};
use yew::prelude::*;

fn said(ink: &Ink, trouble: Trouble) -> String {
    ink.speech.say(&match trouble {
        Trouble::NoPods => msg!("stage.rail.noPods"),
        Trouble::NoneReady => msg!("stage.rail.noneReady"),
        Trouble::Waiting(1) => msg!("stage.rail.waitingOne"),
        Trouble::Waiting(count) => msg!("stage.rail.waiting", count = count),
    })
}

pub(super) fn rail(ink: &Ink, picture: &Picture, rail: &Rail) -> Html {
    let r = rail.rect;
    let idle = !rail.lit || rail.trouble.is_some();
    let trouble = rail.trouble.map(|trouble| said(ink, trouble));
    let round = r.width.min(r.height) / 2.0;
    let label = ink.speech.say(&msg!(
        "stage.aria.service",
        name = rail.name,
        address = rail.address,
        state = trouble.clone().unwrap_or_default()
    ));
    let words = if rail.full { rail_words(picture, rail, trouble) } else { Html::default() };
    let inner = html! { <>
        { sheet(if idle { "rail idle" } else { "rail" }, r, round) }
        { words }
    </> };
    html! { <>
        { ink.button(&rail.id, label, "service", inner) }
        { for rail.gates.iter().map(|gate| gate_mark(ink, rail, gate)) }
    </> }
}

fn rail_words(picture: &Picture, rail: &Rail, trouble: Option<String>) -> Html {
    let (x, y) = (rail.name_at.x, rail.name_at.y);
    if picture.transposed {
        // Half an address tells nothing: it gives way to the name.
        let whole = picture.size.width - x - 14.0;
        let room = whole - rail.name.chars().count() as f64 * 8.0 - 7.0;
        let fits = name::width(&rail.address) <= room;
        let title = name::cut(&rail.name, if fits || rail.trouble.is_some() { whole } else { whole * 0.86 });
        return html! {
            <text x={n(x)} y={n(y)}>
                <tspan class="svcname">{ title }</tspan>
                if let Some(trouble) = trouble {
                    <tspan class="warn b" dx="7">{ trouble }</tspan>
                } else if fits {
                    <tspan class="m" dx="7">{ rail.address.clone() }</tspan>
                }
            </text>
        };
    }
    let room = rail.gates.first().map_or(100.0, |gate| gate.at.x - 20.0 - x).max(92.0);
    let title = name::cut(&rail.name, room * 0.86);
    if slim(rail) {
        let close = rail.rect.height < 15.0;
        let class = match (trouble.is_some(), close) {
            (true, false) => "svcname warn",
            (false, false) => "svcname",
            (true, true) => "svcname close warn",
            (false, true) => "svcname close",
        };
        return html! { <g class="slim">{ write(class, x, y + if close { 10.5 } else { 12.0 }, title) }</g> };
    }
    let beside = trouble.clone().filter(|words| (title.chars().count() + words.chars().count()) as f64 * 7.6 + 7.0 < room);
    let under = if beside.is_none() { trouble } else { None };
    // What nobody answers to stands at the far end, where the eye looks for Pods.
    let end = rail.gates.last().map_or(0.0, |gate| gate.at.x + 18.0);
    let fits = name::width(&rail.selector) + 16.0 <= rail.rect.right() - 12.0 - end;
    let tag = rail.trouble.is_some() && !rail.selector.is_empty() && fits;
    let wide = name::width(&rail.selector) + 14.0;
    html! { <>
        <text x={n(x)} y={n(y + 13.5)}>
            <tspan class="svcname">{ title }</tspan>
            if let Some(words) = beside { <tspan class="warn b" dx="7">{ words }</tspan> }
        </text>
        if let Some(words) = under {
            { write("warn b", x, y + 27.5, words) }
        } else {
            { write("m", x, y + 27.5, name::cut(&rail.address, room)) }
        }
        if tag {
            { sheet("selector", Rect::new(rail.rect.right() - 12.0 - wide, rail.rect.y + 7.0, wide, 20.0), 4.0) }
            { write("m warn", rail.rect.right() - 5.0 - wide, rail.rect.y + 21.0, rail.selector.clone()) }
        }
    </> }
}

/// One line high: among many Services.
fn slim(rail: &Rail) -> bool {
    rail.rect.height < 30.0
}

/// The diamond of a Service in a node's kernel: a dot where it sends somewhere, a bar where it does not.
fn gate_mark(ink: &Ink, rail: &Rail, gate: &Gate) -> Html {
    let Point { x, y } = gate.at;
    if !rail.full {
        return html! { <path class="gate strip" d={diamond(x, y, (rail.rect.height / 2.0 + 1.0).min(5.0))}/> };
    }
    if gate.dark {
        return html! { <path class="gate idle dark" d={diamond(x, y, 8.0)}/> };
    }
    let idle = (!rail.lit || rail.trouble.is_some()).then_some("idle");
    let touched = ink.touches(&gate.id).then_some("touched");
    html! { <>
        <path class={classes!("gate", idle, touched)} d={diamond(x, y, if rail.rect.height < 15.0 { 6.5 } else if idle.is_some() || slim(rail) { 8.0 } else { 11.0 })}/>
        if rail.trouble.is_some() {
            <path class="gatebar" d={format!("M{} {}h6", n(x - 3.0), n(y))}/>
        } else {
            <circle class="gatedot" cx={n(x)} cy={n(y)} r={if idle.is_some() { "2" } else { "2.5" }}/>
        }
    </> }
}

/// A diamond's path.
pub(super) fn diamond(x: f64, y: f64, r: f64) -> String {
    format!("M{} {}L{} {}L{} {}L{} {}Z", n(x), n(y - r), n(x + r), n(y), n(x), n(y + r), n(x - r), n(y))
}

/// What stands in DNS and nowhere else.
#[inline(never)]
pub(super) fn names(ink: &Ink, names: &Names) -> Html {
    html! { <>
        <g class="heading">{ write("band", names.at.x, names.at.y, ink.speech.t("stage.names")) }</g>
        { for names.tags.iter().map(|tag| name_tag(ink, tag)) }
        if let Some((r, count)) = names.more {
            { ink.button(&ItemId::MoreServices, ink.speech.say(&msg!("stage.moreServices.expand", count = count)), "more", html! { <>
                { sheet("hit", r, 6.0) }
                { write("k-dns b", r.x + 8.0, r.y + 13.0, ink.speech.say(&msg!("stage.moreServices", count = count))) }
            </> }) }
        }
    </> }
}

fn name_tag(ink: &Ink, tag: &NameTag) -> Html {
    let (r, detail) = (tag.rect, ink.say(&tag.detail));
    let trouble = tag.trouble.map(|trouble| said(ink, trouble));
    let (text, room) = (r.x + 23.0, r.width - 27.0);
    let two = r.height > 24.0;
    let base = if two { r.y + 13.5 } else { r.y + 13.0 };
    let label =
        ink.speech.say(&msg!("stage.aria.name", name = tag.name, detail = detail, state = trouble.clone().unwrap_or_default()));
    let second = match (&trouble, &tag.detail) {
        _ if !two => Html::default(),
        (Some(words), _) => write("warn b", text, r.y + 26.5, words.clone()),
        (None, Label::Plain(name)) => write("m dim", text, r.y + 26.5, name::cut(name, room)),
        (None, Label::Said(_)) => write("dim", text, r.y + 26.5, detail),
    };
    let class = match (tag.asked, tag.lit && tag.trouble.is_none()) {
        (true, _) => "record asked",
        (false, true) => "record",
        (false, false) => "record idle",
    };
    ink.button(&tag.id, label, "service", html! { <>
        { sheet(class, r, 6.0) }
        { sign("g-dns", "k-dns", r.x + 5.0, if two { r.y + 4.0 } else { r.y + 2.0 }, 14.0) }
        { write(if trouble.is_some() && !two { "recordname warn" } else { "recordname" }, text, base, name::cut(&tag.name, room * 0.9)) }
        { second }
    </> })
}
