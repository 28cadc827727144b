//! The timeline: one bead for each hop, and the player's controls.

use super::stage_player::Player;
use crate::trace::Trace;
use std::rc::Rc;
use yew::prelude::*;

/// What the timeline shows.
#[derive(Clone, PartialEq, Properties)]
pub struct TimelineProps {
    /// The request that plays.
    #[prop_or_default]
    pub trace: Option<Rc<Trace>>,
    /// The clock: a `use_player` of the same trace.
    pub player: Player,
}

/// Controls, beads and the outcome.
#[component]
pub fn Timeline(props: &TimelineProps) -> Html {
    let _ = props;
    html! { <section class="tl" aria-label="Timeline" /> }
}
