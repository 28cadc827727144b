//! The stage as a table: columns are machines; rows are outside, node and its open ports, one rail for each Service, Pod network, Pods.
//! A column never moves when Pods change.

mod rails;

pub(super) use rails::{rail, rails, serves};

use super::geometry::{Point, Polyline, Rect, Size, at};
use super::name;
use super::names;
use super::picture::{Gate, Heading, Health, Label, NodeBox, OutsideCard, Picture, PortTag, Waiting};
use super::pods;
use super::used::Used;
use super::view::{ClusterView, IngressView, NodeView, ServiceView};
use super::{ItemId, Options};
use crate::msg;
use crate::settings::Provider;
use crate::words::{Message, natural};

/// Left of the first column: row headings and the names of Services.
pub const GUTTER: f64 = 120.0;
/// Between columns.
pub const GAP: f64 = 14.0;
const EDGE: f64 = 14.0;
const COLUMN_MIN: f64 = 150.0;
/// Where more nodes are looked at than have room so, down to this, before the stage is scrolled.
const COLUMN_LEAST: f64 = 132.0;
const COLUMN_MAX: f64 = 320.0;
const STACK: f64 = 72.0;
/// Narrower columns drop glyphs and notes, and shorten names.
pub const TIGHT: f64 = 176.0;
/// Rails that are drawn in full; with more, unused ones become strips.
const FULL_RAILS: usize = 3;
/// The width of a capsule.
pub const RAIL: f64 = 34.0;
/// The card of Pods that no node takes, and what it keeps from the nodes above it.
pub const WAITING: f64 = 42.0;
pub const WAITING_GAP: f64 = 8.0;
/// A picture that is still so much higher than its room is scrolled, and then it may as well be roomy.
const FAR: f64 = 300.0;

/// Heights of the rows.
struct Rows {
    card: (f64, f64),
    wires: [f64; 3],
    boundary: f64,
    node: f64,
    plate: f64,
    rail: f64,
    capsule: f64,
    pitch: f64,
    bus: f64,
    pod: f64,
    tail: f64,
}

const ROOMY: Rows = Rows {
    card: (12.0, 52.0),
    wires: [74.0, 86.0, 90.0],
    boundary: 100.0,
    node: 120.0,
    plate: 36.0,
    rail: 30.0,
    capsule: RAIL,
    pitch: 44.0,
    bus: 30.0,
    pod: 24.0,
    tail: 14.0,
};
/// Where the height is short, above all in an embedded player.
const LOW: Rows = Rows {
    card: (6.0, 42.0),
    wires: [55.0, 62.0, 66.0],
    boundary: 74.0,
    node: 92.0,
    plate: 30.0,
    rail: 28.0,
    capsule: RAIL,
    pitch: 40.0,
    bus: 22.0,
    pod: 20.0,
    tail: 10.0,
};

/// Where even that is too high: strips close together, more than a few Services in one line each, and first among the Pods what the
/// trace meets.
const SLIM: Rows = Rows { capsule: 16.0, pitch: 18.0, ..LOW };
/// Of more rails than this, lines as close as their names allow.
const CROWD: usize = 6;
/// So low is an embedded player's stage.
const EMBEDDED: f64 = 400.0;

impl Rows {
    fn slim(&self) -> bool {
        self.capsule < RAIL
    }

    /// Height and pitch of that many rails in full.
    fn rails(&self, count: usize, height: f64) -> (f64, f64) {
        let rows = if count <= FULL_RAILS && height > EMBEDDED && self.slim() { &LOW } else { self };
        if self.slim() && count > CROWD { (13.0, 14.5) } else { (rows.capsule, rows.pitch) }
    }
}

/// How many nodes get a column, at least so many, and how wide one is. With more nodes than columns, a stack stands beside them.
pub fn columns(nodes: usize, least: usize, width: f64) -> (usize, f64) {
    let room = width - GUTTER - EDGE;
    let count = (((room + GAP) / (COLUMN_MIN + GAP)).floor() as usize).min(nodes).max(1);
    let wide = |count: usize, room: f64| ((room - GAP * (count as f64 - 1.0)) / count as f64 / 2.0).floor() * 2.0;
    if count.max(least) == nodes {
        return (nodes, wide(nodes, room).min(COLUMN_MAX));
    }
    let beside = room - STACK - GAP;
    let count = if wide(count, beside) < COLUMN_MIN && count > 1 { count - 1 } else { count }.max(least);
    (count, wide(count, beside).clamp(60.0, COLUMN_MAX))
}

/// Whether a packet goes to the node, or it stands chosen: such a node is drawn even where the stage grows wider than its room.
fn looked_at(used: &Used, options: &Options, node: &NodeView) -> bool {
    used.nodes.contains(&node.name) || options.node.as_ref() == Some(&node.name)
}

/// How many nodes are looked at.
pub(super) fn least(view: &ClusterView, used: &Used, options: &Options) -> usize {
    view.nodes.iter().filter(|node| looked_at(used, options, node)).count()
}

/// The width that so many columns take at their narrowest.
fn width_of(columns: usize, nodes: usize) -> f64 {
    let stack = if columns < nodes { STACK + GAP } else { 0.0 };
    GUTTER + columns as f64 * (COLUMN_LEAST + GAP) - GAP + stack + EDGE
}

/// Which nodes keep a column: those that are looked at, then those that fail, then by name. In natural order; the rest comes second.
pub(super) fn kept<'a>(
    view: &'a ClusterView,
    used: &Used,
    options: &Options,
    count: usize,
) -> (Vec<&'a NodeView>, Vec<&'a NodeView>) {
    let mut nodes: Vec<&NodeView> = view.nodes.iter().collect();
    nodes.sort_by(|a, b| natural(&a.name, &b.name));
    let mut wanted = nodes.clone();
    wanted.sort_by_key(|node| (!looked_at(used, options, node), node.up && node.ready));
    wanted.truncate(count);
    nodes.into_iter().partition(|node| wanted.iter().any(|other| other.name == node.name))
}

/// Roomy; where the height is short, closer together; where that does not do, with only the rails in full that the packet meets, and
/// these in one line each. So the Pods come into sight, which else would stand below many Services.
pub(super) fn lay_out(view: &ClusterView, used: &Used, size: Size, options: &Options) -> Picture {
    let width = size.width.max(width_of(least(view, used, options), view.nodes.len()));
    let size = Size { width, ..size };
    let mut picture = arrange(view, used, size, options, &ROOMY, false);
    let over = |picture: &Picture| picture.size.height - size.height;
    for (rows, fold) in [(&LOW, false), (&LOW, true), (&SLIM, true)] {
        let far = over(&picture) >= FAR;
        if over(&picture) > 0.0 && (rows.slim() || !far) && !(options.all_services && far) {
            let next = arrange(view, used, size, options, rows, fold);
            if over(&next) < FAR {
                picture = next;
            }
        }
    }
    picture
}

fn arrange(view: &ClusterView, used: &Used, size: Size, options: &Options, rows: &Rows, fold: bool) -> Picture {
    let (count, width) = columns(view.nodes.len(), least(view, used, options), size.width);
    let (own, rest) = kept(view, used, options, count);
    let stack = if rest.is_empty() { 0.0 } else { STACK + GAP };
    let across = own.len() as f64 * (width + GAP) - GAP + stack;
    // Columns that stay narrower than the room, because they may not grow, stand in its middle.
    let spare = if width < COLUMN_MAX { 0.0 } else { ((size.width - GUTTER - EDGE - across) / 2.0).floor() };
    let left = GUTTER + spare;
    let right = left + across;

    let rail_top = rows.node + rows.plate + rows.rail;
    let shown = rails(view, used, options, fold);
    let (mut rails, more_services, rails_end) = rails::place_rails(view, &shown, rows, rail_top, right, size);
    let plate_end = rails_end;
    let bus = plate_end + rows.bus;

    let mut nodes: Vec<NodeBox> = Vec::new();
    for (index, node) in own.iter().enumerate() {
        let x = left + index as f64 * (width + GAP);
        nodes.push(column(view, used, node, Rect::new(x, rows.node, width, 0.0), rows, plate_end));
    }
    if !rest.is_empty() {
        nodes.push(stacked(&rest, Rect::new(right - STACK, rows.node, STACK, 0.0), rows, plate_end));
    }
    for rail in &mut rails {
        let y = rail.rect.centre().y;
        let ItemId::Service(namespace, name) = rail.id.clone() else { continue };
        let gate = |node: &NodeBox| Gate {
            id: ItemId::Gate(node.name.clone(), namespace.clone(), name.clone()),
            node: node.name.clone(),
            at: at(node.axis, y),
            dark: node.dark,
        };
        rail.gates = nodes.iter().map(gate).collect();
    }

    let waits = pods::waits(view);
    let end = size.height - rows.tail - if waits.is_some() { WAITING + WAITING_GAP } else { 0.0 };
    let first_pod = bus + rows.pod;
    let placed =
        pods::place(view, used, &mut nodes, pods::Room { bus, first: first_pod, end: end - 10.0, met_first: rows.slim() });
    let headings = headings(view, used, rows, bus, first_pod);
    let beside = first_pod + headings.last().map_or(28.0, |last| if last.detail.is_some() { 70.0 } else { 28.0 }) + 24.0;
    let names = names::beside(view, used, options, (beside, end));
    let lowest = names.as_ref().map_or(0.0, |names| names.bottom);
    let bottom = end.max(placed.bottom + 10.0).max(lowest);
    for node in &mut nodes {
        node.rect.height = bottom - node.rect.y;
    }
    let waiting = Rect::new(GUTTER, bottom + WAITING_GAP, (size.width - GUTTER - EDGE).max(right - GUTTER), WAITING);
    let lowest = if waits.is_some() { waiting.bottom() } else { bottom };
    let mut line = Polyline::from(at(left + 14.0, bus));
    line.to(at(right - 14.0, bus));
    Picture {
        size: Size { width: size.width, height: lowest + rows.tail },
        transposed: false,
        boundary: rows.boundary,
        wires: rows.wires,
        headings,
        outside: outside(view, used, rows, (left, right), size.width),
        nodes,
        rails,
        more_services,
        names,
        bus: line,
        bus_at: bus,
        pods: placed.pods,
        waiting: waits.map(|card| Waiting { rect: waiting, ..card }),
    }
}

/// How a node is.
pub(super) fn health(node: &NodeView) -> Health {
    match (node.up, node.ready) {
        (true, true) => Health::Ready,
        (false, true) => Health::Unnoticed,
        (_, false) => Health::NotReady,
    }
}

/// A node's zone, whole and without what the names of all zones begin with; empty where all nodes are in one.
pub(super) fn zone(view: &ClusterView, node: &NodeView) -> (String, String) {
    let one = view.nodes.first().is_none_or(|first| view.nodes.iter().all(|other| other.zone == first.zone));
    if one { Default::default() } else { (node.zone.clone(), short_zone(view, &node.zone)) }
}

#[inline(never)]
fn short_zone(view: &ClusterView, zone: &str) -> String {
    let others = view.nodes.iter().map(|other| other.zone.as_str()).filter(|other| !other.is_empty());
    let same = |other: &str| zone.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let common = others.map(same).min().unwrap_or(0);
    let words = zone.get(..common).and_then(|common| common.rfind('-')).map_or(0, |dash| dash + 1);
    zone.get(words..).filter(|rest| !rest.is_empty()).unwrap_or(zone).to_string()
}

fn column(view: &ClusterView, used: &Used, node: &NodeView, rect: Rect, rows: &Rows, plate_end: f64) -> NodeBox {
    let top = rect.y + rows.plate;
    let axis = rect.centre().x;
    NodeBox {
        id: ItemId::Node(node.name.clone()),
        name: node.name.clone(),
        ip: node.ip.clone(),
        rect,
        plate: Rect::new(rect.x + 12.0, top, rect.width - 24.0, plate_end - top),
        health: health(node),
        zone: zone(view, node),
        dark: !node.up,
        proxy_running: node.proxy_running,
        pod_cidr: node.pod_cidr.clone(),
        cidr_at: (rect.width >= TIGHT - 40.0).then(|| at(rect.x + 26.0, plate_end + rows.bus + 14.0)),
        ports: ports(view, used, node, at(axis, rect.y), (rect.x + 4.0, rect.right() - 4.0)),
        wires: Vec::new(),
        axis,
        narrow: rect.width < TIGHT,
        stack: Vec::new(),
    }
}

fn stacked(nodes: &[&NodeView], rect: Rect, rows: &Rows, plate_end: f64) -> NodeBox {
    let top = rect.y + rows.plate;
    NodeBox {
        id: ItemId::MoreNodes,
        name: String::new(),
        ip: String::new(),
        rect,
        plate: Rect::new(rect.x + 8.0, top, rect.width - 16.0, plate_end - top),
        health: Health::Ready,
        zone: Default::default(),
        dark: false,
        proxy_running: true,
        pod_cidr: String::new(),
        cidr_at: None,
        ports: Vec::new(),
        wires: Vec::new(),
        axis: rect.centre().x,
        narrow: true,
        stack: nodes.iter().map(|node| node.name.clone()).collect(),
    }
}

/// A node's open ports: the used one in the middle, the others beside it as far as there is room; the last one says how many more
/// there are. In the middle of a node that answers for a load balancer's address stands that address, unless a port is used there:
/// such packets cross no nodePort.
pub(super) fn ports(view: &ClusterView, used: &Used, node: &NodeView, centre: Point, room: (f64, f64)) -> Vec<PortTag> {
    let mut open: Vec<u16> = view.services.iter().flat_map(|service| &service.ports).map(|port| port.node_port).collect();
    open.retain(|port| *port != 0);
    open.dedup();
    let own = |ports: &[(String, u16)], port: u16| ports.contains(&(node.name.clone(), port));
    let others = used.opened.iter().filter(|(on, port)| *on == node.name && !open.contains(port)).map(|(_, port)| *port);
    let others: Vec<u16> = others.collect();
    open.extend(&others);
    open.sort_by_key(|port| !own(&used.ports, *port) && !others.contains(port));
    let crossed = open.iter().any(|port| own(&used.ports, *port) || others.contains(port));
    let mut tags: Vec<PortTag> = announced(view, used, node).filter(|_| !crossed).into_iter().collect();
    let wide = |text: &str| name::width(text) + 12.0;
    for tag in &mut tags {
        let width = wide(&tag.text);
        let middle = (centre.x - width / 2.0).min(room.1 - width);
        // Aside, where only so the first port has room beside it; packets still pass through the address.
        let aside = open.first().map_or(middle, |port| middle.min(room.1 - wide(&format!(":{port}")) - 4.0 - width));
        let x = if aside >= room.0 && aside + width >= centre.x + 10.0 { aside } else { middle };
        tag.rect = Rect::new(x, centre.y - 9.0, width, 18.0);
    }
    // A packet for a Pod's own address passes between the ports.
    let between = tags.is_empty() && used.past_ports.contains(&node.name);
    let free = if between { 8.0 } else { 0.0 };
    let (mut left, mut right) = tags.first().map_or((centre.x - free, centre.x + free), |tag| (tag.rect.x, tag.rect.right()));
    for (index, port) in open.iter().copied().enumerate() {
        let text = format!(":{port}");
        let width = wide(&text);
        let (x, fits) = if tags.is_empty() && !between {
            (centre.x - width / 2.0, true)
        } else if right + 4.0 + width <= room.1 {
            (right + 4.0, true)
        } else {
            (left - 4.0 - width, left - 4.0 - width >= room.0)
        };
        if !fits {
            let port = |last: &mut PortTag| !last.used && matches!(last.id, ItemId::NodePort(..));
            if let Some(last) = tags.pop_if(port) {
                let id = ItemId::Node(node.name.clone());
                tags.push(PortTag { id, text: format!("+{}", open.len() - index + 1), ..last });
            }
            break;
        }
        left = if tags.is_empty() { x } else { left.min(x) };
        right = right.max(x + width);
        let of_service = !others.contains(&port);
        let used = !of_service || own(&used.ports, port);
        let id = ItemId::NodePort(node.name.clone(), port);
        tags.push(PortTag { id, rect: Rect::new(x, centre.y - 9.0, width, 18.0), text, used, of_service });
    }
    tags
}

/// The address of a load balancer that is no machine, on the node that answers for it: that of the Service that the trace meets first.
fn announced(view: &ClusterView, used: &Used, node: &NodeView) -> Option<PortTag> {
    let mut own = view.services.iter().filter(|service| service.announced == node.name && !node.name.is_empty());
    let met = |service: &&ServiceView| used.services.iter().any(|(_, name)| *name == service.name);
    let service = own.clone().find(met).or_else(|| own.next())?;
    let text = service.external.first()?.clone();
    let id = ItemId::Service(service.namespace.clone(), service.name.clone());
    let entered = used.client && used.nodes.first() == Some(&node.name);
    Some(PortTag { id, rect: Rect::default(), text, used: entered, of_service: true })
}

fn headings(view: &ClusterView, used: &Used, rows: &Rows, bus: f64, pods: f64) -> Vec<Heading> {
    let heading = |y: f64, title: Message, detail: Option<Label>| Heading { at: at(16.0, y), title, detail };
    let mut headings = vec![
        heading(
            (rows.card.0 + 12.0).min(rows.boundary - 60.0),
            msg!("stage.row.outside"),
            assumption(view, used).map(Label::Said),
        ),
        heading(rows.node + 21.0, msg!("stage.row.nodes"), None),
        heading(bus - 3.0, msg!("stage.row.podNetwork"), Some(Label::Plain(view.pod_cidr.clone()))),
    ];
    // Those that no node takes have a card of their own.
    let waiting = view.pods.iter().filter(|pod| pod.node.is_empty() && !pod.waits()).count();
    let detail = (waiting > 0).then(|| Label::Said(msg!("stage.waiting", count = waiting)));
    headings.push(heading(pods + 28.0, msg!("stage.row.pods"), detail));
    headings
}

/// What is taken for granted about the client outside.
pub(super) fn assumption(view: &ClusterView, used: &Used) -> Option<Message> {
    if view.private_nodes {
        return Some(msg!("stage.privateNodes"));
    }
    (used.client || !used.any).then(|| msg!("stage.assumption"))
}

fn outside(view: &ClusterView, used: &Used, rows: &Rows, columns: (f64, f64), width: f64) -> Vec<OutsideCard> {
    // Over the columns where these leave room, else over the whole width.
    let (left, right) = if columns.1 - columns.0 >= 540.0 { columns } else { (GUTTER, width - EDGE) };
    let mut cards = cards(view, used);
    let count = cards.len() as f64;
    let wide = (((right - left - GAP * (count - 1.0)) / count / 2.0).floor() * 2.0).min(COLUMN_MAX);
    for (index, card) in cards.iter_mut().enumerate() {
        card.rect = Rect::new(left + index as f64 * (wide + GAP), rows.card.0, wide, rows.card.1);
        card.narrow = wide < 164.0;
    }
    cards
}

/// The machines outside, without boxes yet.
pub(super) fn cards(view: &ClusterView, used: &Used) -> Vec<OutsideCard> {
    let card = |id: ItemId, title: Label, detail: Label, active: bool| OutsideCard {
        id,
        rect: Rect::default(),
        title,
        detail,
        active,
        narrow: false,
    };
    let client = Label::Plain("203.0.113.50".to_string());
    let dns = match &used.dns_answer {
        Some(answer) => Label::Plain(answer.clone()),
        None if used.public_dns => Label::Said(msg!("stage.dns.noAnswer")),
        None => Label::Said(msg!("stage.dns.notAsked")),
    };
    let balanced: Vec<&ServiceView> = view.services.iter().filter(|service| service.kind == "LoadBalancer").collect();
    let asked = balanced.iter().find(|service| used.balancers.contains(&(service.namespace.clone(), service.name.clone())));
    let crossed = |at: &&IngressView| used.balancers.contains(&(at.namespace.clone(), at.name.clone()));
    // One that stands though nothing goes there: AWS's controller makes a load balancer for each Ingress.
    let stands = |at: &&IngressView| view.provider == Provider::Aws && balanced.is_empty() && !at.address.is_empty();
    let served = view.ingresses.iter().find(crossed).or_else(|| view.ingresses.iter().find(stands));
    let served = served.filter(|_| asked.is_none());
    let balancer = match (asked, &balanced[..]) {
        _ if let Some(ingress) = served => Label::Plain(ingress.address.clone()),
        (Some(one), _) | (None, [one]) => match one.external.first() {
            Some(address) if !one.announced.is_empty() => Label::Plain(format!("{address} → {}", one.announced)),
            Some(address) => Label::Plain(address.clone()),
            None => Label::Plain("<pending>".to_string()),
        },
        (None, []) => Label::Said(msg!("stage.lb.none")),
        (None, several) => match several.iter().filter_map(|service| service.external.first()).collect::<Vec<_>>()[..] {
            [] => Label::Plain("<pending>".to_string()),
            [only] => Label::Plain(only.clone()),
            ref all => Label::Said(msg!("stage.lb.several", count = all.len())),
        },
    };
    let nobody = view.provider == Provider::None && balanced.iter().all(|service| service.external.is_empty());
    let title = match view.provider {
        _ if nobody => msg!("stage.lb.nobody"),
        Provider::Cloud | Provider::None => msg!("stage.lb"),
        Provider::Metallb => msg!("stage.lb.metallb"),
        Provider::Aws => msg!("stage.lb.aws"),
    };
    // MetalLB is no machine out there: its card only says which node answers.
    let machine = view.provider != Provider::Metallb && !nobody && (!balanced.is_empty() || served.is_some());
    let mut cards = vec![
        card(ItemId::Client, Label::Said(msg!("stage.client")), client, used.client || !used.any),
        card(ItemId::PublicDns, Label::Said(msg!("stage.dns")), dns, used.public_dns),
        card(ItemId::LoadBalancer, Label::Said(title), balancer, machine),
    ];
    for server in &used.servers {
        let title = Label::Plain(server.clone());
        cards.push(card(ItemId::Server(server.clone()), title, Label::Said(msg!("stage.server")), true));
    }
    cards
}
