//! Glyphs of the page's sprite (`static/index.html`): `g-` kinds, `o-` outcomes, `i-` signs.

use crate::scene::steps::{Machine, machine};
use crate::trace::{Hop, Nuance, Place, Trace, Verdict};
use yew::prelude::*;

/// A sign or a kind's glyph, drawn in the text's colour.
pub fn icon(name: &'static str, size: u8) -> Html {
    glyph(name, size, "")
}

/// The same in a kind's colour: `k-svc`, `k-pod` and so on.
pub fn glyph(name: &'static str, size: u8, class: &'static str) -> Html {
    let size = size.to_string();
    html! { <svg class={classes!("ic", class)} width={size.clone()} height={size} aria-hidden="true"><use href={format!("#{name}")}/></svg> }
}

/// How an outcome looks: class of its colour, glyph, and the id of its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `ok`, `refused`, `timeout`, `nx`, `empty`, `e404`, `e503`, `unreach`, `tls`, `call`
    pub class: &'static str,
    /// Glyph of the sprite.
    pub glyph: &'static str,
    /// Words for its chip: `outcome.ok`.
    pub words: &'static str,
}

/// The outcome of a request. Who refused shows in its shape and words: a node and a Pod do it for other reasons.
pub fn outcome(trace: &Trace) -> Outcome {
    let known = ending(trace.verdict, trace.status, trace.nuance());
    let decided = trace.hops.iter().rev().find(|hop| !hop.reply).filter(|_| trace.verdict == Verdict::Refused);
    let (glyph, words) = match decided.map(|hop| &hop.at) {
        Some(Place::Pod(..) | Place::IngressController(..)) => ("o-refused-pod", "outcome.refused.pod"),
        Some(Place::Node(_) | Place::KubeProxy(_) | Place::Cni(_)) => ("o-refused-node", "outcome.refused.node"),
        _ => return known,
    };
    Outcome { glyph, words, ..known }
}

/// The outcome of a verdict and status.
pub fn ending(verdict: Verdict, status: Option<u16>, nuance: Nuance) -> Outcome {
    let (class, glyph, words) = match (verdict, status) {
        (Verdict::Delivered, _) => ("ok", "o-ok", "outcome.ok"),
        (Verdict::Answered, Some(503)) => ("e503", "o-e503", "outcome.e503"),
        (Verdict::Answered, Some(404)) => ("e404", "o-e404", "outcome.e404"),
        (Verdict::Answered, _) => ("e404", "o-status", "outcome.status"),
        (Verdict::Refused, _) => ("refused", "o-refused", "outcome.refused"),
        (Verdict::Timeout, _) => ("timeout", "o-timeout", "outcome.timeout"),
        (Verdict::Unreachable, _) => ("unreach", "o-unreach", "outcome.unreach"),
        (Verdict::NameNotFound, _) => ("nx", "o-nx", "outcome.nx"),
        (Verdict::Rejected, _) => ("timeout", "o-refused", "outcome.rejected"),
    };
    let known = Outcome { class, glyph, words };
    if nuance == Nuance::Plain { known } else { nuanced(known, verdict.arrived(status), nuance) }
}

/// An outcome that its verdict does not tell whole.
#[inline(never)]
fn nuanced(known: Outcome, arrived: bool, nuance: Nuance) -> Outcome {
    match nuance {
        Nuance::Plain => known,
        // A process took the connection, and nothing there answers the client's handshake.
        Nuance::WithoutTls => Outcome { class: "tls", glyph: "o-status", words: "outcome.tls" },
        Nuance::OtherName => Outcome { class: "tls", glyph: "o-status", words: "outcome.otherName" },
        Nuance::CallFailed => Outcome { class: "call", glyph: "o-status", words: "outcome.callFailed" },
        Nuance::NoAddress => Outcome { class: "empty", glyph: "o-empty", words: "outcome.empty" },
        // Whatever kept the answer away, refusal or silence: the name stays unknown, and nothing was sent.
        Nuance::NoDns => Outcome { words: "outcome.noDns", ..known },
        Nuance::KubeProxy if arrived => Outcome { class: "ok", glyph: "o-ok", words: "outcome.kubeProxy" },
        Nuance::KubeProxy => Outcome { words: "outcome.kubeProxy", ..known },
        Nuance::LoadBalancer => Outcome { words: "outcome.balancer", ..known },
    }
}

/// Glyph and colour of who decides a hop.
pub fn decider_glyph(hop: &Hop) -> (&'static str, &'static str) {
    match &hop.at {
        Place::Internet if matches!(machine(hop), Machine::Gateway | Machine::Edge) => ("g-gateway", "k-infra"),
        Place::Internet | Place::Outside(_) => ("g-client", "k-infra"),
        Place::PublicDns => ("g-dns", "k-infra"),
        Place::Coredns => ("g-dns", "k-dns"),
        Place::LoadBalancer(..) => ("g-lb", "k-infra"),
        Place::Node(_) | Place::Cni(_) => ("g-node", "k-infra"),
        Place::KubeProxy(_) => ("g-proxy", "k-svc"),
        Place::Pod(..) => ("g-pod", "k-pod"),
        Place::IngressController(..) => ("g-ing", "k-ing"),
    }
}
