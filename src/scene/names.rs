//! Services that are nothing but names: of a headless one DNS knows its endpoints' addresses, of an ExternalName another name. No node
//! has a rule for them, so they are no rails; they stand as what CoreDNS answers for.

use super::geometry::{Point, Rect, at};
use super::layout::GUTTER;
use super::picture::{Label, NameTag, Names, Trouble};
use super::used::Used;
use super::view::{ClusterView, ServiceView};
use super::{ItemId, Options};
use crate::msg;

/// Height and pitch of a name with what it stands for in a second line, and of one in a single line.
const TWO: (f64, f64) = (31.0, 34.0);
const ONE: (f64, f64) = (18.0, 22.0);
/// From the heading's line of words to the first name.
const HEAD: f64 = 8.0;
/// So many are shown where the height gives no limit.
const MOST: usize = 6;

/// The Services without rules, those that the trace asks for first.
fn shown<'a>(view: &'a ClusterView, used: &Used) -> Vec<(&'a ServiceView, bool)> {
    let own = view.services.iter().filter(|service| !service.system && service.is_name());
    let asked = |service: &ServiceView| used.names.contains(&(service.namespace.clone(), service.name.clone()));
    let mut all: Vec<(&ServiceView, bool)> = own.map(|service| (service, asked(service))).collect();
    all.sort_by_key(|(_, asked)| !asked);
    all
}

fn tag((service, asked): (&ServiceView, bool), used: &Used, rect: Rect) -> NameTag {
    let alias = service.kind == "ExternalName";
    let trouble = match service.endpoints.iter().any(|endpoint| endpoint.ready) {
        _ if alias => None,
        true => None,
        false if service.endpoints.is_empty() => Some(Trouble::NoPods),
        false => Some(Trouble::NoneReady),
    };
    NameTag {
        id: ItemId::Service(service.namespace.clone(), service.name.clone()),
        name: service.name.clone(),
        detail: match alias {
            true => Label::Plain(format!("→ {}", service.external_name)),
            false => Label::Said(msg!("stage.names.headless")),
        },
        rect,
        asked,
        lit: asked || !used.any,
        trouble,
    }
}

/// In the gutter beside the Pods, below this line of words; one line each where there is no room for two.
pub(super) fn beside(view: &ClusterView, used: &Used, options: &Options, (top, bottom): (f64, f64)) -> Option<Names> {
    let all = shown(view, used);
    let first = top + HEAD;
    let fit = |(_, pitch): (f64, f64)| ((bottom - first) / pitch).max(0.0) as usize;
    let (high, pitch) = if fit(TWO) >= all.len() { TWO } else { ONE };
    // Two stand wherever the stage is shown.
    let room = fit(ONE).max(2);
    let most = if options.all_services || room >= all.len() { all.len() } else { room - 1 };
    let place = |index: usize| Rect::new(8.0, first + index as f64 * pitch, GUTTER - 16.0, high);
    names(all, used, at(16.0, top), most, place)
}

/// Below the nodes, two in a row.
pub(super) fn below(view: &ClusterView, used: &Used, options: &Options, area: Rect) -> Option<Names> {
    let wide = (area.width - 8.0) / 2.0;
    let place = |index: usize| {
        Rect::new(area.x + (index % 2) as f64 * (wide + 8.0), area.y + 22.0 + (index / 2) as f64 * TWO.1, wide, TWO.0)
    };
    names(shown(view, used), used, at(area.x, area.y + 12.0), if options.all_services { usize::MAX } else { MOST }, place)
}

fn names(
    all: Vec<(&ServiceView, bool)>,
    used: &Used,
    heading: Point,
    most: usize,
    place: impl Fn(usize) -> Rect,
) -> Option<Names> {
    let more = all.len().saturating_sub(most);
    let tags: Vec<NameTag> = all.into_iter().take(most).enumerate().map(|(index, own)| tag(own, used, place(index))).collect();
    let last = place(if more > 0 { tags.len() } else { tags.len().checked_sub(1)? });
    Some(Names { at: heading, more: (more > 0).then_some((last, more)), bottom: last.bottom(), tags })
}
