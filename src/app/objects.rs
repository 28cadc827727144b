//! The Objects view: who refers to whom, what the shown request looked up, and the port ladder of one Service beneath.

use super::changes::shown;
use super::i18n::marked;
use super::stage::use_size;
use super::stage_things::{n, sign};
use super::state::{Msg, State};
use super::workbench::Moment;
use crate::api::{Kind, ObjectRef};
use crate::diagnostic::Span;
use crate::msg;
use crate::scene::ItemId;
use crate::scene::ladder::{Looked, Rung, ladder, looked, port_taken, subject};
use crate::scene::name;
use crate::scene::objects::{Card, Mark, Objects, Row, objects};
use crate::scene::view::{ClusterView, PortView};
use crate::trace::FieldRef;
use yew::prelude::*;

/// How much wider a bold letter is than one of an identifier.
const BOLD: f64 = 1.25;

/// Both, in the stage's place.
#[component]
pub fn ObjectsView(moment: &Moment) -> Html {
    let frame = use_node_ref();
    let width = use_size(&frame).width;
    let port = use_state(|| None);
    let state = &moment.state;
    let steps = moment.player.steps();
    let looked = state.run.as_ref().map(|run| looked(&run.trace, &steps, moment.player.step)).unwrap_or_default();
    let view = shown(moment);
    let picture = objects(&view, &looked, width);
    let (wide, high) = (picture.size.width, picture.size.height);
    use_sight(&frame, in_use(&picture), width > 0.0);
    html! { <>
        <div class="stageview objects" ref={frame}>
            if width > 0.0 {
                <svg class="stage" width={n(wide)} height={n(high)} viewBox={format!("0 0 {} {}", n(wide), n(high))} role="group" aria-label={state.speech.t("objects.picture")}>
                    { for picture.columns.iter().map(|(kind, at)| {
                        let (glyph, class) = kind_glyph(*kind);
                        let id = format!("objects.{}", kind.name());
                        html! { <>{ sign(glyph, class, at.x, at.y + 2.0, 16.0) }<text class="t" x={n(at.x + 24.0)} y={n(at.y + 9.0)}>{ kind.name() }</text>
                            <text class="dim" x={n(at.x + 24.0)} y={n(at.y + 23.0)}>{ state.speech.t(&id) }</text></> }
                    }) }
                    { for picture.links.iter().filter(|link| link.mark != Mark::Used).map(|link| html! { <path class="lk" d={link.path.clone()}/> }) }
                    { for picture.links.iter().filter(|link| link.mark == Mark::Used).map(|link| html! { <path class="lk on" d={link.path.clone()}/> }) }
                    { for picture.cards.iter().map(|card| draw(moment, card)) }
                    { way(&picture, &looked) }
                </svg>
            }
        </div>
        { steps_of(moment, &view, &looked, &port) }
    </> }
}

/// The Service that the shown request uses.
fn in_use(picture: &Objects) -> Option<&Card> {
    picture.cards.iter().find(|card| card.kind == Kind::Service && card.rows.iter().any(|row| row.mark == Mark::Used))
}

/// Brings a card into sight when the request comes to use it; who scrolls on is left alone.
#[hook]
fn use_sight(frame: &NodeRef, card: Option<&Card>, drawn: bool) {
    let (frame, rect) = (frame.clone(), card.map(|card| card.rect));
    use_effect_with((card.map(|card| card.name.clone()), drawn), move |_| {
        let (Some(rect), Some(frame)) = (rect, frame.cast::<web_sys::Element>()) else { return };
        let (top, room) = (f64::from(frame.scroll_top()), f64::from(frame.client_height()));
        if rect.y < top || rect.bottom() > top + room {
            frame.set_scroll_top((rect.y - 24.0).max(0.0) as i32);
        }
    });
}

fn kind_glyph(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Ingress => ("g-ing", "k-ing"),
        Kind::Service => ("g-svc", "k-svc"),
        Kind::EndpointSlice => ("g-eps", "k-svc"),
        _ => ("g-pod", "k-pod"),
    }
}

/// The line of a field, where the text says it.
fn spot<'a>(state: &'a State, field: &FieldRef) -> Option<&'a Span> {
    state.spots.get(field)
}

/// A part that leads somewhere: to a line of the YAML, or to the thing itself.
fn leads(moment: &Moment, msg: Option<Msg>, label: String, class: Classes, inner: Html) -> Html {
    let Some(msg) = msg else { return html! { <g {class}>{ inner }<title>{ label }</title></g> } };
    let again = msg.clone();
    let onclick = moment.send.reform(move |event: MouseEvent| {
        event.stop_propagation();
        msg.clone()
    });
    let send = moment.send.clone();
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        if matches!(event.key().as_str(), "Enter" | " ") {
            event.prevent_default();
            event.stop_propagation();
            send.emit(again.clone());
        }
    });
    html! { <g class={classes!("thing", class)} role="button" tabindex="0" {onclick} {onkeydown}>{ inner }<title>{ label }</title></g> }
}

fn mark_class(mark: Mark) -> Option<&'static str> {
    match mark {
        Mark::Plain => None,
        Mark::Used => Some("used"),
        Mark::Bad => Some("trouble"),
    }
}

fn draw(moment: &Moment, card: &Card) -> Html {
    let state = &moment.state;
    let r = card.rect;
    let line = spot(state, &card.field).cloned().map(Msg::Line);
    let msg = card.item.clone().map(|item| Msg::Select(Some(item))).or(line);
    let label = [card.kind.name(), &card.name, &card.aside, &card.detail].join(" ").trim().to_string();
    let class = match card.kind {
        Kind::Service => "rail",
        _ => "card",
    };
    let chosen = (card.item.is_some() && state.selected == card.item).then_some("chosen");
    let head = match card.kind {
        Kind::Pod => {
            let (glyph, class) = kind_glyph(Kind::Pod);
            html! { <>{ sign(glyph, class, r.x + 10.0, r.centre().y - 9.0, 18.0) }
            <text class="m name" x={n(r.x + 36.0)} y={n(r.y + 18.0)}>{ card.name.clone() }</text>
            <text class="m dim" x={n(r.x + 36.0)} y={n(r.y + 33.0)}>{ card.detail.clone() }</text></> }
        }
        Kind::Service => html! { <>
        <text class="svcname" x={n(r.x + 14.0)} y={n(r.y + 22.0)}>{ name::cut(&card.name, (r.width - name::width(&card.aside) - 36.0) / BOLD) }</text>
        <text class="dim" x={n(r.right() - 14.0)} y={n(r.y + 22.0)} text-anchor="end">{ card.aside.clone() }</text>
        <text class="m" x={n(r.x + 14.0)} y={n(r.y + 40.0)}>{ card.detail.clone() }</text></> },
        _ => {
            html! { <text class={if card.kind == Kind::Ingress { "t" } else { "m name" }} x={n(r.x + 12.0)} y={n(r.y + 20.0)}>{ name::cut(&card.name, r.width - 20.0) }</text> }
        }
    };
    let body = html! { <><rect class={classes!(class, mark_class(card.state))} x={n(r.x)} y={n(r.y)} width={n(r.width)} height={n(r.height)} rx="8"/>{ head }</> };
    let foot = card.foot.as_ref().map(|(message, field)| {
        let words = state.say(message);
        let y = r.bottom() - 10.0;
        let bad = (card.state == Mark::Bad).then_some("bad");
        let inner = html! { <><rect class="hit" x={n(r.x + 6.0)} y={n(y - 14.0)} width={n(r.width - 12.0)} height="20" rx="4"/>
        <text class={classes!("m", "foot", bad)} x={n(r.x + 12.0)} y={n(y)}>{ name::cut(&words, r.width - 20.0) }</text></> };
        leads(moment, spot(state, field).cloned().map(Msg::Line), words, classes!(), inner)
    });
    html! { <>
        { leads(moment, msg, label, classes!(chosen), body) }
        { for card.rows.iter().map(|row| draw_row(moment, card, row)) }
        { for foot }
    </> }
}

fn draw_row(moment: &Moment, card: &Card, row: &Row) -> Html {
    let state = &moment.state;
    let r = row.rect;
    let line = row.field.as_ref().and_then(|field| spot(state, field)).cloned();
    let label = match &line {
        Some(span) => state.say(&msg!("objects.row", name = row.name, value = row.value, line = span.line)),
        None => format!("{} {}", row.name, row.value).trim().to_string(),
    };
    let rule = card.kind == Kind::Ingress;
    let base = if rule { r.y + 17.0 } else { r.centre().y + 4.0 };
    let ready = row.ready.map(|ready| if ready { "ready" } else { "unready" });
    let text = r.x + if row.ready.is_some() { 20.0 } else { 8.0 };
    let inner = html! { <>
        <rect class={classes!("row", mark_class(row.mark), row.ready.is_some().then_some("bare"))} x={n(r.x)} y={n(r.y)} width={n(r.width)} height={n(r.height)} rx="4"/>
        if let Some(ready) = ready { <circle class={ready} cx={n(r.x + 10.0)} cy={n(r.centre().y)} r="3.5"/> }
        if !row.head.is_empty() { <text class="m dim" x={n(r.x + 6.0)} y={n(r.y - 6.0)}>{ name::cut(&row.head, r.width - 8.0) }</text> }
        <text class={classes!("m", rule.then_some("name"))} x={n(text)} y={n(base)}>{ name::cut(&row.name, r.right() - text - if rule || row.value.is_empty() { 2.0 } else { name::width(&row.value) + 14.0 }) }</text>
        if rule {
            <text class="m dim" x={n(text)} y={n(r.y + 32.0)}>{ name::cut(&format!("→ {}", row.value), r.width - 14.0) }</text>
        } else {
            <text class="m name" x={n(r.right() - 8.0)} y={n(base)} text-anchor="end">{ row.value.clone() }</text>
        }
    </> };
    leads(moment, line.map(Msg::Line), label, classes!(), inner)
}

/// The packet's own way, with its destination.
fn way(picture: &Objects, looked: &Looked) -> Html {
    let Some((line, label)) = &picture.packet else { return Html::default() };
    let words = format!("→ {}", looked.to);
    let number = looked.sent_at().map(|step| step.to_string()).unwrap_or_default();
    let wide = name::width(&words) + 40.0;
    let (x, y) = ((label.x - wide / 2.0).min(picture.size.width - wide - 4.0), label.y - 12.0);
    let end = line.points().last().copied().unwrap_or_default();
    html! {
        <g class="traffic">
            <path class="trail" d={line.path(&[])}/>
            <path class="trail" d={format!("M{} {}l8 -5m-8 5l8 5", n(end.x), n(end.y))}/>
            <g class="flag"><rect x={n(x)} y={n(y)} width={n(wide)} height="24" rx="12"/><circle class="fn" cx={n(x + 14.0)} cy={n(y + 12.0)} r="8.5"/>
                <text class="fnt" x={n(x + 14.0)} y={n(y + 16.0)} text-anchor="middle">{ number }</text><text class="m" x={n(x + 28.0)} y={n(y + 16.0)}>{ words }</text></g>
        </g>
    }
}

/// The port that somebody asked for, of this Service, while a request takes this one of its ports (or none).
type Asked = Option<((String, String, Option<usize>), usize)>;

/// The port ladder.
fn steps_of(moment: &Moment, view: &ClusterView, looked: &Looked, port: &UseStateHandle<Asked>) -> Html {
    let state = &moment.state;
    let chosen = match &state.selected {
        Some(ItemId::Service(namespace, name)) => Some(ObjectRef::new(Kind::Service, namespace, name)),
        _ => None,
    };
    let Some(service) = subject(view, looked, chosen.as_ref()) else { return Html::default() };
    let taken = port_taken(looked, service);
    let about = (service.namespace.clone(), service.name.clone(), taken);
    let asked = port.as_ref().filter(|(subject, _)| *subject == about).map(|(_, index)| *index);
    let index = asked.or(taken).unwrap_or_default().min(service.ports.len().saturating_sub(1));
    let choice = |(at, there): (usize, &PortView)| {
        let (port, about) = (port.setter(), about.clone());
        let onclick = Callback::from(move |_: MouseEvent| port.set(Some((about.clone(), at))));
        let words = format!("{} {}", there.name, there.port);
        html! { <button type="button" aria-pressed={(at == index).to_string()} {onclick}>{ words.trim().to_string() }</button> }
    };
    html! {
        <section class="ladder" aria-label={state.speech.t("ladder.label")}>
            <h2>{ state.say(&msg!("ladder.title", service = service.name)) }
                if service.ports.len() > 1 {
                    <span class="seg" role="group" aria-label={state.speech.t("ladder.ports")}>{ for service.ports.iter().enumerate().map(choice) }</span>
                }
                <small>{ state.speech.t("ladder.text") }</small></h2>
            <ol>{ for ladder(view, looked, service, index).iter().map(|rung| step(moment, rung)) }</ol>
        </section>
    }
}

fn step(moment: &Moment, rung: &Rung) -> Html {
    let state = &moment.state;
    // What the text does not say itself is a default, or was given by the API server.
    let says = |span: &&Span| super::inspector::line_text(&state.files, span).contains(rung.name);
    let line = rung.field.as_ref().and_then(|field| spot(state, field)).filter(says).cloned();
    let class = classes!(
        "step",
        mark_class(rung.mark),
        (rung.skipped.is_some() || rung.field.is_none() && rung.mark == Mark::Plain).then_some("skip")
    );
    let inside = html! { <>
        <b>{ rung.value.clone() }</b><span>{ marked(&state.say(rung.skipped.as_ref().unwrap_or(&rung.note))) }</span>
    </> };
    html! {
        <li {class}>
            <div class="sh"><code>{ rung.name }</code>
                if let Some(span) = line {
                    <button type="button" class="lnk" aria-label={state.say(&msg!("ladder.line", name = rung.name, line = span.line))}
                        onclick={moment.send.reform(move |_: MouseEvent| Msg::Line(span.clone()))}>{ state.say(&msg!("line", line = line_of(state, rung))) }</button>
                } else if rung.field.is_some() { <small>{ state.speech.t("ladder.unwritten") }</small> }
            </div>
            { inside }
        </li>
    }
}

fn line_of(state: &State, rung: &Rung) -> u32 {
    rung.field.as_ref().and_then(|field| spot(state, field)).map_or(0, |span| span.line)
}
