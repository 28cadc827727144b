//! The Objects view: who refers to whom. Four columns (Ingress, Service, EndpointSlice, Pods), one band for each Service, and what
//! the shown request looked up on its way; on a narrow stage the columns stand beneath each other.

use super::cards::{ingress_card, pod_card, service_card, slice_card};
use super::geometry::{Point, Polyline, Rect, Size, at, short};
use super::ladder::Looked;
use super::view::{ClusterView, ServiceView};
use super::{ItemId, NARROW};
use crate::api::{Kind, ObjectRef};
use crate::trace::FieldRef;
use crate::words::Message;
use std::ops::Range;

/// Everything that is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Objects {
    pub size: Size,
    /// Headings of the columns; none on a narrow stage.
    pub columns: Vec<(Kind, Point)>,
    pub cards: Vec<Card>,
    pub links: Vec<Link>,
    /// The way of the packet itself, which passes by the objects, and where its label stands.
    pub packet: Option<(Polyline, Point)>,
}

/// An object.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Card {
    pub kind: Kind,
    /// What a click on it chooses.
    pub item: Option<ItemId>,
    /// Whose line a click shows where it chooses nothing.
    pub field: FieldRef,
    pub rect: Rect,
    pub name: String,
    /// Beside its name, and beneath it.
    pub aside: String,
    pub detail: String,
    pub rows: Vec<Row>,
    /// Its last line, and the field that says so.
    pub foot: Option<(Message, FieldRef)>,
    pub state: Mark,
}

/// A line of a card with something of its own to say.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Row {
    pub rect: Rect,
    /// Above it: a host.
    pub head: String,
    pub name: String,
    pub value: String,
    pub field: Option<FieldRef>,
    pub mark: Mark,
    /// An address: whether it is ready.
    pub ready: Option<bool>,
}

/// How a thing stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Not at all.
    #[default]
    Plain,
    /// The request looked it up.
    Used,
    /// It leads nowhere.
    Bad,
}

/// A line from one card to the next.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Link {
    pub path: String,
    pub mark: Mark,
}

/// Between bands; the packet's own way runs there.
const GAP: f64 = 30.0;
/// More addresses of a Service are counted, not listed.
const MOST: usize = 8;
/// And of each of several slices.
const MOST_OF_EACH: usize = 4;

/// Where the columns stand, and how wide they are.
pub(super) struct Grid {
    narrow: bool,
    pub(super) ingress: (f64, f64),
    pub(super) service: (f64, f64),
    pub(super) slice: (f64, f64),
    pub(super) pods: (f64, f64),
    width: f64,
}

impl Grid {
    fn new(width: f64, ingress: bool) -> Grid {
        if width < NARROW {
            let room = |left: f64| (left, width - left - 24.0);
            return Grid { narrow: true, ingress: room(22.0), service: room(22.0), slice: room(40.0), pods: room(58.0), width };
        }
        let parts: [f64; 4] = if ingress { [168.0, 172.0, 138.0, 122.0] } else { [0.0, 210.0, 150.0, 156.0] };
        let gaps = if ingress { 3.0 } else { 2.0 };
        let (left, right, gap) = (14.0, 30.0, if width < 700.0 { 26.0 } else { 36.0 });
        let scale = ((width - left - right - gap * gaps) / parts.iter().sum::<f64>()).min(1.5);
        let wide = parts.map(|part| (part * scale).floor());
        let gap = ((width - left - right - wide.iter().sum::<f64>()) / gaps).min(90.0);
        let mut x = left;
        let mut column = |wide: f64| {
            let here = (x, wide);
            x += if wide > 0.0 { wide + gap } else { 0.0 };
            here
        };
        let [ingress, service, slice, pods] = wide.map(&mut column);
        Grid { narrow: false, ingress, service, slice, pods, width }
    }
}

/// Lays the objects out.
pub fn objects(view: &ClusterView, looked: &Looked, width: f64) -> Objects {
    let grid = Grid::new(width, !view.ingresses.is_empty());
    let mut out = Objects::default();
    let top = if grid.narrow { 12.0 } else { 44.0 };
    if !grid.narrow {
        let heads = [
            (Kind::Ingress, grid.ingress),
            (Kind::Service, grid.service),
            (Kind::EndpointSlice, grid.slice),
            (Kind::Pod, grid.pods),
        ];
        out.columns = heads.into_iter().filter(|(_, (_, wide))| *wide > 0.0).map(|(kind, (x, _))| (kind, at(x, 8.0))).collect();
    }
    let mut y = top + GAP;
    for ingress in &view.ingresses {
        y = ingress_card(view, ingress, looked, &grid, y, &mut out) + GAP;
    }
    let lowest = y;
    if !grid.narrow {
        y = top + GAP;
    }
    for service in own(view) {
        y = band(view, service, looked, &grid, y, &mut out) + GAP;
    }
    refer(view, looked, &grid, &mut out);
    out.size = Size { width, height: lowest.max(y) };
    out
}

/// The learner's own Services.
fn own(view: &ClusterView) -> impl Iterator<Item = &ServiceView> {
    view.services.iter().filter(|service| !service.system)
}

pub(super) fn object(service: &ServiceView) -> ObjectRef {
    ObjectRef::new(Kind::Service, &service.namespace, &service.name)
}

pub(super) fn field(object: &ObjectRef, path: impl Into<String>) -> FieldRef {
    FieldRef { object: object.clone(), path: path.into() }
}

/// A Service with what stands behind it; gives its lower end.
fn band(view: &ClusterView, service: &ServiceView, looked: &Looked, grid: &Grid, y: f64, out: &mut Objects) -> f64 {
    let card = service_card(service, looked, grid, y);
    let (rect, target) = (card.rect, card.rows.iter().rev().find(|row| row.name == "targetPort").map(|row| row.rect));
    out.cards.push(card);
    if service.slices.is_empty() {
        return rect.bottom();
    }
    let (mut lowest, mut y) = (rect.bottom(), if grid.narrow { rect.bottom() + 12.0 } else { y });
    let mut first = 0;
    for (name, size) in service.slices.iter().zip(&service.slice_sizes) {
        let held = first..(first + size).min(service.endpoints.len());
        lowest = slice(view, service, (name, held), (rect, target), looked, grid, y, out).max(lowest);
        first += size;
        y = lowest + 12.0;
        if !grid.narrow {
            y = out.cards.iter().filter(|card| card.rect.x >= grid.slice.0).map(|card| card.rect.bottom()).fold(0.0, f64::max)
                + 12.0;
        }
    }
    lowest
}

/// One of a Service's slices, which holds these of its endpoints, and their Pods; gives the lower end.
#[allow(clippy::too_many_arguments)]
fn slice(
    view: &ClusterView,
    service: &ServiceView,
    (name, held): (&str, Range<usize>),
    (rect, target): (Rect, Option<Rect>),
    looked: &Looked,
    grid: &Grid,
    y: f64,
    out: &mut Objects,
) -> f64 {
    let shown = shown(service, held.clone(), looked);
    let slice = slice_card(service, (name, held.len()), &shown, looked, grid, y);
    let rows: Vec<(Rect, Mark)> = slice.rows.iter().map(|row| (row.rect, row.mark)).collect();
    let used = rows.iter().find(|(_, mark)| *mark == Mark::Used).map(|(rect, _)| *rect);
    let head = Rect { height: 28.0, ..slice.rect };
    let lowest = slice.rect.bottom();
    let pods_at = if grid.narrow { slice.rect.bottom() + 12.0 } else { y };
    out.cards.push(slice);
    let mark = if used.is_some() { Mark::Used } else { Mark::Plain };
    link(grid, target.unwrap_or(rect), used.unwrap_or(head), mark, out);
    let mut y = pods_at;
    for ((row, mark), index) in rows.into_iter().zip(shown) {
        let Some((namespace, name)) = &service.endpoints[index].pod else { continue };
        let Some(pod) = view.pods.iter().find(|pod| pod.namespace == *namespace && pod.name == *name) else { continue };
        let card = pod_card(pod, looked, grid, y);
        link(grid, row, card.rect, mark, out);
        if card.state == Mark::Used && out.packet.is_none() && looked.service() == Some(&object(service)) {
            out.packet = Some(packet(grid, looked, rect, card.rect, out));
        }
        let card_end = card.rect.bottom();
        out.cards.push(card);
        y = card_end + 8.0;
    }
    lowest.max(y - 8.0)
}

/// Which addresses are listed: the first ones, and always the one that the request got.
fn shown(service: &ServiceView, held: Range<usize>, looked: &Looked) -> Vec<usize> {
    let most = if service.slices.len() > 1 { MOST_OF_EACH } else { MOST };
    let mut shown: Vec<usize> = held.clone().take(most).collect();
    let address = |index: &usize| service.endpoints.get(*index).is_some_and(|own| looked.address(&object(service), &own.ip));
    if let (Some(used), Some(last)) = (held.clone().skip(most).find(address), shown.last_mut()) {
        *last = used;
    }
    shown
}

/// From the Ingresses' rules to the Services' ports.
fn refer(view: &ClusterView, looked: &Looked, grid: &Grid, out: &mut Objects) {
    let mut lanes = 0;
    for ingress in &view.ingresses {
        let own = ObjectRef::new(Kind::Ingress, &ingress.namespace, &ingress.name);
        for rule in &ingress.rules {
            let item = ItemId::Service(ingress.namespace.clone(), rule.service.clone());
            let spot = Some(field(&own, rule.at.clone()));
            let from = out.cards.iter().flat_map(|card| &card.rows).find(|row| row.field == spot).map(|row| row.rect);
            let to = out.cards.iter().find(|card| card.item.as_ref() == Some(&item)).map(|card| {
                let wanted = |row: &&Row| {
                    row.name == format!("port {}", rule.port) || (row.name.starts_with("port") && row.value == rule.port)
                };
                card.rows.iter().find(wanted).map_or(card.rect, |row| row.rect)
            });
            let (Some(from), Some(to)) = (from, to) else { continue };
            let mark = if looked.rule(&own, &rule.at) { Mark::Used } else { Mark::Plain };
            if grid.narrow {
                // Each has a lane of its own at the left edge.
                let x = 16.0 - 4.0 * f64::from(lanes % 4);
                lanes += 1;
                let mut line = Polyline::from(at(from.x, from.centre().y));
                for point in [at(x, from.centre().y), at(x, to.centre().y), at(to.x, to.centre().y)] {
                    line.to(point);
                }
                out.links.push(Link { path: line.path(&[]), mark });
            } else {
                link(grid, from, to, mark, out);
            }
        }
    }
}

/// From the right side of one box to the left side of the next; on a narrow stage from beneath it.
fn link(grid: &Grid, from: Rect, to: Rect, mark: Mark, out: &mut Objects) {
    let path = if grid.narrow {
        let x = to.x - 10.0;
        let mut line = Polyline::from(at(x, from.bottom()));
        line.to(at(x, to.centre().y));
        line.to(at(to.x, to.centre().y));
        line.path(&[])
    } else {
        let (x, y, end, there) = (short(from.right()), short(from.centre().y), short(to.x), short(to.centre().y));
        let middle = short((from.right() + to.x) / 2.0);
        format!("M{x} {y}C{middle} {y} {middle} {there} {end} {there}")
    };
    out.links.push(Link { path, mark });
}

/// The packet's own way: from the door that it came in by, through the gap over the band, to the Pod. It passes by no object.
fn packet(grid: &Grid, looked: &Looked, service: Rect, pod: Rect, out: &Objects) -> (Polyline, Point) {
    let door = out.cards.iter().find(|card| looked.ingress() == Some(&card.field.object)).map_or(service, |card| card.rect);
    let right = grid.width - 12.0;
    let lane = service.y - GAP / 2.0;
    let start = match () {
        () if grid.narrow => at(door.right(), door.y + 20.0),
        () if lane < door.y => at(door.right() - 24.0, door.y),
        () if lane < door.bottom() - 8.0 => at(door.right(), lane),
        () => at(door.right() - 24.0, door.bottom()),
    };
    let mut line = Polyline::from(start);
    let level = if grid.narrow { start.y } else { lane };
    for point in [at(start.x, level), at(right, level), at(right, pod.centre().y), at(pod.right(), pod.centre().y)] {
        line.to(point);
    }
    let label = if grid.narrow { at(grid.width - 100.0, pod.y - 6.0) } else { at((service.right() + pod.x) / 2.0, lane) };
    (line, label)
}

/// The fields that the view and the port ladder show, to be found in the text.
#[inline(never)]
pub fn fields(view: &ClusterView) -> Vec<FieldRef> {
    let mut fields = Vec::new();
    for ingress in &view.ingresses {
        let own = ObjectRef::new(Kind::Ingress, &ingress.namespace, &ingress.name);
        fields.push(field(&own, ""));
        fields.push(field(&own, "spec.ingressClassName"));
        fields.extend(ingress.rules.iter().map(|rule| field(&own, rule.at.clone())));
    }
    for service in own(view) {
        let own = object(service);
        fields.extend(["", "spec.selector", "spec.externalName"].map(|path| field(&own, path)));
        for index in 0..service.ports.len() {
            fields.extend(["nodePort", "port", "targetPort"].map(|key| field(&own, format!("spec.ports[{index}].{key}"))));
        }
        let pods = service.endpoints.iter().take(MOST).filter_map(|endpoint| endpoint.pod.as_ref());
        for (namespace, name) in pods {
            let Some(pod) = view.pods.iter().find(|pod| pod.namespace == *namespace && pod.name == *name) else { continue };
            let own = ObjectRef::new(Kind::Pod, namespace, name);
            fields.extend(pod.ports.iter().map(|port| field(&own, port.at.clone())));
        }
    }
    fields
}
