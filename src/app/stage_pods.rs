//! Pods on the stage: cards, lines, hexagons, or a row for each app.

use super::stage_things::{Ink, n, sheet, sign, wrap, write};
use crate::msg;
use crate::scene::geometry::Rect;
use crate::scene::name;
use crate::scene::picture::{Density, PodMark, PodState, Waiting};
use crate::scene::view::PodRole;
use yew::prelude::*;

/// A Pod's mark.
pub(super) fn pod(ink: &Ink, mark: &PodMark) -> Html {
    let state = ink.speech.t(match mark.state {
        PodState::Running => "stage.pod.running",
        PodState::Pending => "stage.pod.pending",
        PodState::NotReady => "stage.pod.notReady",
        PodState::Terminating => "stage.pod.terminating",
    });
    let state = if mark.status.is_empty() { state } else { mark.status.clone() };
    let address = if mark.detail.is_empty() { "–" } else { mark.detail.as_str() };
    let label = if mark.density == Density::Row {
        ink.speech.say(&msg!("stage.aria.pods", app = mark.full_name, count = mark.count, node = mark.node))
    } else if mark.dark {
        ink.speech.say(&msg!("stage.aria.podDark", name = mark.full_name, address = address, state = state, node = mark.node))
    } else if mark.guarded {
        ink.speech.say(&msg!("stage.aria.podGuarded", name = mark.full_name, address = address, state = state, node = mark.node))
    } else {
        ink.speech.say(&msg!("stage.aria.pod", name = mark.full_name, address = address, state = state, node = mark.node))
    };
    let inner = match mark.density {
        Density::Card | Density::Line => card(mark, state),
        Density::Hexagon => hexagon(mark),
        Density::Row => row(mark),
    };
    ink.button(&mark.id, label, if mark.dark { "pod dark" } else { "pod" }, inner)
}

/// The glyph says what a Pod is for and how it is.
fn glyph(mark: &PodMark) -> (&'static str, &'static str) {
    match (mark.state, mark.role) {
        (PodState::Pending, _) => ("g-pod-pending", "k-pod"),
        (PodState::Terminating, _) => ("g-pod-leaving", "k-pod"),
        (_, PodRole::Coredns) => ("g-dns", "k-dns"),
        (_, PodRole::Ingress) => ("g-ing", "k-ing"),
        (PodState::NotReady, PodRole::App) => ("g-pod-unready", "k-pod"),
        (PodState::Running, PodRole::App) => ("g-pod", "k-pod"),
    }
}

/// Under the name stands the address, and how the Pod is where that is not as it should be: one that starts or ends is called by nobody,
/// and a container that does not run says why. A single line has only the name and that.
fn card(mark: &PodMark, state: String) -> Html {
    let r = mark.rect;
    let high = r.height >= 40.0;
    let plain = mark.state == PodState::Running;
    let passing = matches!(mark.state, PodState::Pending | PodState::Terminating);
    let middle = r.centre().y;
    let (figure, class) = glyph(mark);
    let size = if high { 18.0 } else { 16.0 };
    let x = r.x + if mark.glyph { 36.0 } else { 10.0 };
    // Where it hangs on the Pod network, or on its node.
    let joined = if mark.host { r.right() } else { r.x };
    // In Kubernetes' own word, or in the page's.
    let own = !mark.status.is_empty();
    let under = match (high, own) {
        (true, false) => {
            if passing {
                "dim"
            } else {
                "warn"
            }
        }
        (true, true) => "m warn",
        (false, false) => {
            if passing {
                "dim fine"
            } else {
                "warn fine"
            }
        }
        (false, true) => "m warn fine",
    };
    let state = if own { name::cut(&state, (r.right() - x - 2.0) * if high { 1.0 } else { 1.08 }) } else { state };
    let lines: Vec<(&'static str, String)> = match (high, plain) {
        (false, true) => Vec::new(),
        (true, true) => vec![("m dim", mark.detail.clone())],
        (true, false) if !own && !passing => vec![("m dim", mark.detail.clone()), (under, state)],
        _ => vec![(under, state)],
    };
    let (first, pitch) = match (high, lines.len()) {
        (true, 2) => (middle - 9.0, 13.0),
        (true, _) => (middle - 4.0, 16.0),
        (false, 0) => (middle + 4.0, 0.0),
        (false, _) => (middle - 2.0, 11.0),
    };
    // What a Pod of the cluster's own is for is still shown while it is not ready: its glyph is struck out.
    let struck = (mark.state == PodState::NotReady && mark.role != PodRole::App)
        .then(|| format!("M{} {}l{size} -{size}", n(r.x + 10.0), n(middle + size / 2.0)));
    html! { <>
        { sheet(match mark.state { PodState::Pending => "card pending", PodState::Terminating => "card leaving", _ => "card" }, r, if high { 8.0 } else { 6.0 }) }
        if mark.glyph {
            { sign(figure, class, r.x + 10.0, middle - size / 2.0, size) }
            if let Some(d) = struck { <path class={classes!("g", class)} {d}/> }
        }
        { write("m name", x, first, mark.name.clone()) }
        { for lines.into_iter().enumerate().map(|(index, (class, words))| write(class, x, first + pitch * (index + 1) as f64, words)) }
        if mark.guarded { { sign("g-policy", "k-pod", r.right() - 19.0, first - 11.0, 14.0) } }
        if mark.endpoint && !mark.dark {
            <circle class="socket" cx={n(joined)} cy={n(middle)} r="4"/><circle class="socketdot" cx={n(joined)} cy={n(middle)} r="1.4"/>
        } else {
            <circle class="plug" cx={n(joined)} cy={n(middle)} r="2.5"/>
        }
    </> }
}

/// The Pods that no node takes, and why, in the scheduler's own words.
#[inline(never)]
pub(super) fn waiting(ink: &Ink, card: &Waiting) -> Html {
    let r = card.rect;
    let count = ink.speech.say(&msg!("stage.waiting", count = card.count));
    let title = if card.name.is_empty() { count } else { ink.speech.say(&msg!("stage.waits", pod = card.name)) };
    let x = r.x + 36.0;
    let mut lines = wrap(&card.words, r.right() - x - 10.0);
    let most = ((r.height - 24.0) / 13.0) as usize;
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push_str(" …");
        }
    }
    let label = format!("{title}. {}", card.words);
    let inner = html! { <>
        { sheet("card pending", r, 8.0) }
        { sign("g-pod-pending", "k-pod", r.x + 10.0, r.y + 12.0, 18.0) }
        { write("warn b", x, r.y + 17.0, title) }
        { for lines.into_iter().enumerate().map(|(index, line)| write("dim", x, r.y + 32.0 + 13.0 * index as f64, line)) }
    </> };
    ink.button(&card.id, label, "pod waiting", inner)
}

#[inline(never)]
fn hexagon(mark: &PodMark) -> Html {
    let (x, y) = (mark.rect.centre().x, mark.rect.centre().y);
    let role = match mark.role {
        PodRole::Coredns => "dns",
        PodRole::Ingress => "ing",
        PodRole::App => "ready",
    };
    let state = match mark.state {
        PodState::Pending => Some("pending"),
        PodState::NotReady | PodState::Terminating => Some("unready"),
        PodState::Running => None,
    };
    let d = format!("M{} {}l5.6 3.2v6.5l-5.6 3.2-5.6-3.2v-6.5Z", n(x), n(y - 6.5));
    html! { <path class={classes!("hexagon", role, state)} {d}/> }
}

#[inline(never)]
fn row(mark: &PodMark) -> Html {
    let r = mark.rect;
    let (name, class) = glyph(mark);
    html! { <>
        { sheet("hit", Rect::new(r.x - 4.0, r.y - 3.0, r.width + 8.0, r.height + 5.0), 6.0) }
        { sign(name, class, r.x, r.y, 16.0) }
        { write("rowname", r.x + 22.0, r.y + 12.0, mark.name.clone()) }
        <text class="m" x={n(r.right())} y={n(r.y + 12.0)} text-anchor="end">{ mark.detail.clone() }</text>
        { sheet("trough", Rect::new(r.x, r.y + 19.0, r.width, 5.0), 2.0) }
        { sheet("level", Rect::new(r.x, r.y + 19.0, r.width * mark.share, 5.0), 2.0) }
    </> }
}
