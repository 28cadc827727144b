//! What is drawn: the things of the stage with their boxes, names and states.

use super::ItemId;
use super::geometry::{Point, Polyline, Rect, Size};
use super::name;
use super::view::PodRole;
use crate::words::Message;

/// All things of the stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// As wide as asked for; higher where the things need it.
    pub size: Size,
    /// Nodes are rows, Service rails stand upright.
    pub transposed: bool,
    /// Above it is outside the cluster.
    pub boundary: f64,
    /// The heights at which wires run outside: client and load balancer, client and nodes, load balancer and nodes.
    /// On a transposed stage the second and third are columns at the left edge.
    pub wires: [f64; 3],
    /// Row headings.
    pub headings: Vec<Heading>,
    /// Machines outside the cluster.
    pub outside: Vec<OutsideCard>,
    /// Nodes in order; the last one may stand for several.
    pub nodes: Vec<NodeBox>,
    /// Services in order.
    pub rails: Vec<Rail>,
    /// The entry for folded Services.
    pub more_services: Option<MoreServices>,
    /// Services that are nothing but names.
    pub names: Option<Names>,
    /// The Pod network: its line, and where packets travel on it (y; on a transposed stage x).
    pub bus: Polyline,
    /// See `bus`.
    pub bus_at: f64,
    /// Pods.
    pub pods: Vec<PodMark>,
    /// Pods that no node takes.
    pub waiting: Option<Waiting>,
}

/// The card of the Pods that no node takes, below the nodes.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Waiting {
    /// The Pod, or all of them.
    pub id: ItemId,
    pub rect: Rect,
    pub count: usize,
    /// Of a single one, its name.
    pub name: String,
    /// What the scheduler says of the first.
    pub words: String,
}

/// A heading of a row, in the gutter.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Heading {
    pub at: Point,
    pub title: Message,
    /// Beneath it, a plain identifier or a sentence that wraps.
    pub detail: Option<Label>,
}

/// Words, or an identifier that is the same in every language.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Label {
    Plain(String),
    Said(Message),
}

/// A machine outside.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct OutsideCard {
    pub id: ItemId,
    pub rect: Rect,
    pub title: Label,
    pub detail: Label,
    /// Takes part in traffic as the cluster stands.
    pub active: bool,
    /// No room for its glyph.
    pub narrow: bool,
}

impl OutsideCard {
    /// The line of its title: higher in a low card, whose lower edge packets leave by.
    pub fn title_at(&self) -> f64 {
        self.rect.centre().y - if self.rect.height < 50.0 { 8.0 } else { 4.0 }
    }
}

/// A node, or the stack of those without a column.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct NodeBox {
    pub id: ItemId,
    /// Empty for the stack.
    pub name: String,
    pub ip: String,
    pub rect: Rect,
    /// Where its kernel's rules are shown.
    pub plate: Rect,
    pub health: Health,
    /// Its zone, whole and short, where the nodes are not all in one.
    pub zone: (String, String),
    /// Without power: nothing in it runs, no packet gets in or out.
    pub dark: bool,
    pub proxy_running: bool,
    pub pod_cidr: String,
    pub cidr_at: Option<Point>,
    pub ports: Vec<PortTag>,
    /// Lines from the Pod network to its Pods.
    pub wires: Vec<Polyline>,
    /// The x (transposed: y) of a packet that comes in.
    pub axis: f64,
    /// Too narrow for glyphs and notes.
    pub narrow: bool,
    /// How many nodes it stands for, and their names.
    pub stack: Vec<String>,
}

/// How a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It runs, and the API server knows it.
    #[default]
    Ready,
    /// Without power, but the API server has not noticed yet.
    Unnoticed,
    /// The API server believes it dead; it may be.
    NotReady,
}

/// An open node port.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct PortTag {
    pub id: ItemId,
    pub rect: Rect,
    pub text: String,
    pub used: bool,
    /// A Service's nodePort, or its address where this node answers for that; else a Pod's hostPort, or that of a process on the node.
    pub of_service: bool,
}

/// A Service: one capsule through every node.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Rail {
    pub id: ItemId,
    pub name: String,
    /// `10.96.120.7:80`
    pub address: String,
    pub rect: Rect,
    /// Drawn whole; else as a strip without a name.
    pub full: bool,
    /// The trace passes its rules, or there is no trace.
    pub lit: bool,
    pub trouble: Option<Trouble>,
    /// What it selects.
    pub selector: String,
    pub gates: Vec<Gate>,
    /// Where its name stands.
    pub name_at: Point,
}

/// Why a Service has nobody to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Trouble {
    NoPods,
    NoneReady,
    /// It selects so many, and none has a node.
    Waiting(usize),
}

/// Where a node's kernel decides for a Service.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Gate {
    pub id: ItemId,
    /// Empty for the stack.
    pub node: String,
    pub at: Point,
    /// Its node has no power.
    pub dark: bool,
}

/// The entry for Services that are drawn as strips.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct MoreServices {
    pub rect: Rect,
    pub count: usize,
}

/// The Services that no node has a rule for: CoreDNS knows them, and nobody else.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Names {
    /// Where the heading stands.
    pub at: Point,
    pub tags: Vec<NameTag>,
    /// How many have no room, and the box that says so.
    pub more: Option<(Rect, usize)>,
    pub bottom: f64,
}

/// A Service that is nothing but a name.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct NameTag {
    pub id: ItemId,
    pub name: String,
    /// That it is headless, or the name that it stands for.
    pub detail: Label,
    pub rect: Rect,
    /// The trace asks for it.
    pub asked: bool,
    /// The trace asks for it, or there is no trace.
    pub lit: bool,
    pub trouble: Option<Trouble>,
}

/// How Pods are drawn, from few to many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Density {
    /// Name and address.
    #[default]
    Card,
    /// Name.
    Line,
    /// A hexagon each.
    Hexagon,
    /// One row for each app.
    Row,
}

/// A Pod, or a row of them.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct PodMark {
    pub id: ItemId,
    pub node: String,
    pub rect: Rect,
    pub density: Density,
    pub role: PodRole,
    pub state: PodState,
    /// Its node has no power: nobody reaches it.
    pub dark: bool,
    /// Shortened to its box.
    pub name: String,
    pub full_name: String,
    pub detail: String,
    /// What `kubectl get pods` says of it where that is no plain state: `CrashLoopBackOff`.
    pub status: String,
    /// A Service sends to it.
    pub endpoint: bool,
    /// The trace meets it.
    pub met: bool,
    /// A network policy isolates it.
    pub guarded: bool,
    /// It stands in its node's own network, not on the Pod network.
    pub host: bool,
    pub glyph: bool,
    /// For a row: how many, and their share of the fullest row.
    pub count: usize,
    pub share: f64,
}

/// How a Pod is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PodState {
    #[default]
    Running,
    Pending,
    NotReady,
    Terminating,
}

impl Picture {
    /// A node's box; nodes without a column of their own are in the stack.
    pub fn node(&self, name: &str) -> Option<&NodeBox> {
        let own = self.nodes.iter().find(|node| node.name == name && node.stack.is_empty());
        own.or_else(|| self.nodes.iter().find(|node| node.stack.iter().any(|other| other == name)))
    }

    /// A Pod's own mark.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&PodMark> {
        let id = ItemId::Pod(namespace.to_string(), name.to_string());
        self.pods.iter().find(|pod| pod.id == id)
    }

    /// A card outside.
    pub fn card(&self, id: &ItemId) -> Option<&OutsideCard> {
        self.outside.iter().find(|card| card.id == *id)
    }

    /// A Service's gate on a node.
    pub fn gate(&self, node: &str, service: &(String, String)) -> Option<Point> {
        let node = self.node(node)?;
        let id = ItemId::Service(service.0.clone(), service.1.clone());
        let rail = self.rails.iter().find(|rail| rail.id == id)?;
        rail.gates.iter().find(|gate| gate.node == node.name).map(|gate| gate.at)
    }

    /// How much it would hide of words that are the same in every picture: the rows' headings and the nodes' ranges.
    pub fn dimmed(&self, label: &Rect) -> f64 {
        let high = |heading: &Heading| match heading.detail {
            // A sentence wraps, to four lines of the narrow gutter.
            Some(Label::Said(_)) => 68.0,
            Some(Label::Plain(_)) => 29.0,
            None => 14.0,
        };
        let headings = self.headings.iter().map(|own| Rect::new(own.at.x, own.at.y - 10.0, 98.0, high(own)));
        let range = |node: &NodeBox| Some((node.cidr_at?, name::width(&node.pod_cidr)));
        let ranges = self.nodes.iter().filter_map(range).map(|(at, width)| Rect::new(at.x, at.y - 9.0, width, 11.0));
        headings.chain(ranges).map(|words| label.shared(&words)).sum()
    }

    /// How much of names and addresses a label in this box would hide.
    pub fn covered(&self, label: &Rect) -> f64 {
        let bold = |text: &str| text.chars().count() as f64 * 7.6;
        let mut all = 0.0;
        let mut hide = |x: f64, y: f64, width: f64, height: f64| all += label.shared(&Rect::new(x, y, width, height));
        for card in &self.outside {
            hide(card.rect.x + 10.0, card.title_at() - 10.0, card.rect.width - 20.0, 29.0);
        }
        for node in self.nodes.iter().filter(|node| node.stack.is_empty()) {
            let r = node.rect;
            if self.transposed {
                hide(r.x + 10.0, r.y + 17.0, 19.0 + bold(&node.name), 29.0);
            } else {
                hide(r.x + 12.0, r.y + 10.0, r.width - 24.0, 14.0);
            }
            for port in &node.ports {
                hide(port.rect.x, port.rect.y, port.rect.width, port.rect.height);
            }
        }
        if let Some(more) = &self.more_services {
            hide(more.rect.x + 10.0, more.rect.y + 6.0, more.rect.width - 10.0, 14.0);
        }
        for rail in self.rails.iter().filter(|rail| rail.full) {
            // "no Pods" stands behind the name.
            let title = bold(&rail.name) + if rail.trouble.is_some() { 62.0 } else { 0.0 };
            let address = name::width(&rail.address);
            if self.transposed {
                hide(rail.name_at.x, rail.name_at.y - 10.0, title + 7.0 + address, 13.0);
            } else {
                hide(rail.name_at.x, rail.name_at.y + 3.0, title.max(address), (rail.rect.height - 4.0).min(27.0));
            }
        }
        for tag in self.names.iter().flat_map(|names| &names.tags) {
            hide(tag.rect.x, tag.rect.y, tag.rect.width, tag.rect.height);
        }
        for pod in &self.pods {
            let (r, middle) = (pod.rect, pod.rect.centre().y);
            let start = if pod.glyph { 36.0 } else { 10.0 };
            let long = name::width(&pod.name);
            match pod.density {
                Density::Card => hide(r.x + 10.0, middle - 13.0, start - 10.0 + long.max(name::width(&pod.detail)), 27.0),
                // How it is stands below the name, where that is not as it should be.
                Density::Line if pod.state != PodState::Running => hide(r.x + 10.0, r.y + 2.0, r.width - 14.0, 24.0),
                Density::Line => hide(r.x + 10.0, middle - 5.0, start - 10.0 + long, 11.0),
                Density::Hexagon => {}
                Density::Row => hide(r.x, r.y, r.width, 16.0),
            }
        }
        all
    }

    /// The box of a thing.
    pub fn rect(&self, id: &ItemId) -> Option<Rect> {
        let gates = self.rails.iter().flat_map(|rail| &rail.gates);
        self.outside
            .iter()
            .map(|card| (&card.id, card.rect))
            .chain(self.nodes.iter().map(|node| (&node.id, node.rect)))
            .chain(self.rails.iter().map(|rail| (&rail.id, rail.rect)))
            .chain(self.names.iter().flat_map(|names| &names.tags).map(|tag| (&tag.id, tag.rect)))
            .chain(gates.map(|gate| (&gate.id, Rect::around(gate.at, 22.0, 22.0))))
            .chain(self.nodes.iter().flat_map(|node| &node.ports).map(|port| (&port.id, port.rect)))
            .chain(self.pods.iter().map(|pod| (&pod.id, pod.rect)))
            .chain(self.waiting.iter().map(|card| (&card.id, card.rect)))
            .find(|(other, _)| *other == id)
            .map(|(_, rect)| rect)
    }
}
