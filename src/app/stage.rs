//! The cluster stage: machines, Services and Pods as an SVG whose parts can be focused and chosen; packets run above it.

use super::stage_player::Player;
use crate::scene::ItemId;
use crate::scene::geometry::Rect;
use crate::scene::view::ClusterView;
use crate::session::BurstResult;
use crate::trace::Trace;
use std::rc::Rc;
use yew::prelude::*;

/// What the stage shows.
#[derive(Clone, PartialEq, Properties)]
pub struct StageProps {
    /// The cluster.
    pub view: Rc<ClusterView>,
    /// The request that plays.
    #[prop_or_default]
    pub trace: Option<Rc<Trace>>,
    /// The clock: a `use_player` of the same trace.
    pub player: Player,
    /// What stands chosen.
    #[prop_or_default]
    pub selected: Option<ItemId>,
    /// Somebody chose a thing.
    #[prop_or_default]
    pub on_select: Callback<Selected>,
    /// Many requests: their dots run once for each new list.
    #[prop_or_default]
    pub burst: Option<Rc<Vec<BurstResult>>>,
    /// Things that a change flow touches right now.
    #[prop_or_default]
    pub touched: Rc<Vec<ItemId>>,
}

/// A chosen thing, and where it stands in the browser's window.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// Which thing.
    pub item: ItemId,
    /// In CSS pixels from the window's top left corner.
    pub anchor: Rect,
}

/// The cluster stage.
#[component]
pub fn Stage(props: &StageProps) -> Html {
    let _ = props;
    html! { <svg class="stage" role="group" /> }
}
