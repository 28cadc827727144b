//! What a moment shows: where the packet is, what its label says, how far the trail is drawn. A pure function of time, so stepping,
//! scrubbing and going backwards need no state.

use super::Scene;
use super::beats::Beats;
use super::geometry::{Point, Rect, Size, at};
use super::lanes::Stop;
use super::name;
use super::picture::Picture;
use super::route::Halt;

/// One moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// The step that plays.
    pub step: usize,
    /// Where the packet is.
    pub packet: Point,
    /// It has arrived.
    pub arrived: bool,
    /// It stands in a diamond, which takes its colour.
    pub in_gate: bool,
    /// On the way back.
    pub reply: bool,
    /// How far each leg has been walked.
    pub walked: Vec<f64>,
    /// The packet's label.
    pub label: Option<Flag>,
    /// Where it was going before a rewrite.
    pub past: Vec<Flag>,
    /// How far the label has flipped to its new text, 0 to 1.
    pub flip: f64,
    /// The outcome is known by now.
    pub decided: bool,
}

/// A label at the packet.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// Its pill.
    pub rect: Rect,
    /// The side of the packet that it stands on.
    pub side: Side,
    /// An address.
    pub text: String,
    /// The hop's number.
    pub number: Option<usize>,
}

/// A side of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Side {
    Left,
    Right,
    Above,
    Below,
}

/// What a moment shows.
pub fn frame(scene: &Scene, beats: &Beats, now: f64) -> Frame {
    let route = &scene.route;
    let step = beats.step(now).min(route.stops.len().saturating_sub(1));
    let Some(halt) = route.stops.get(step) else { return Frame::default() };
    let (part, flip) = (beats.travelled(now), beats.flipped(now));
    let distance = halt.from + (halt.to - halt.from) * part;
    let Some(leg) = route.legs.get(halt.leg) else { return Frame::default() };
    let packet = leg.line.point(distance);
    let arrived = part >= 1.0;
    let label = label(scene, step, halt, packet, arrived);
    let mut past: Vec<Flag> = (0..=step).rev().filter_map(|older| was_going(scene, older, step, arrived)).collect();
    // Where two labels meet, the older one is dropped, and one over a name.
    let mut kept: Vec<Flag> = Vec::new();
    past.retain(|flag| {
        let free =
            !kept.iter().chain(&label).any(|other| other.rect.meets(&flag.rect)) && scene.picture.covered(&flag.rect) <= 0.0;
        if free {
            kept.push(flag.clone());
        }
        free
    });
    Frame {
        step,
        packet,
        arrived,
        in_gate: arrived && matches!(halt.stop, Stop::Rules(_, point) if point.distance(packet) < 1.0),
        reply: halt.reply,
        walked: (0..route.legs.len()).map(|leg| walked(scene, leg, step, distance)).collect(),
        label,
        past,
        flip,
        decided: step > route.decided || step == route.decided && arrived,
    }
}

/// A trail stays when the reply goes back over it.
fn walked(scene: &Scene, leg: usize, step: usize, now: f64) -> f64 {
    let stops = &scene.route.stops;
    let before = stops[..step].iter().filter(|halt| halt.leg == leg).map(|halt| halt.to).fold(0.0, f64::max);
    if stops[step].leg == leg { before.max(now) } else { before }
}

fn label(scene: &Scene, step: usize, halt: &Halt, packet: Point, arrived: bool) -> Option<Flag> {
    let text = if arrived { &halt.label.1 } else { &halt.label.0 };
    if text.is_empty() {
        return None;
    }
    let side = match halt.stop {
        Stop::Rules(..) if scene.picture.transposed => Side::Below,
        Stop::Rules(..) | Stop::Exit(_) | Stop::Balancer => Side::Left,
        Stop::Bus(..) => Side::Above,
        Stop::PodIn(..) | Stop::PublicDns | Stop::Asking => Side::Below,
        Stop::PodOut(..) => Side::Below,
        _ => Side::Right,
    };
    let number = Some(step + 1);
    // One place for the whole hop: the best where the packet comes to stand, and on its way.
    let line = &scene.route.legs.get(halt.leg)?.line;
    let way: Vec<Point> =
        (0..=WATCHED).map(|part| line.point(halt.from + (halt.to - halt.from) * f64::from(part) / f64::from(WATCHED))).collect();
    let wide = width(&halt.label.0, number).max(width(&halt.label.1, number));
    let to_pod = matches!(halt.stop, Stop::PodIn(..)) && !scene.picture.transposed;
    let top = if to_pod { scene.picture.bus_at - 26.0 } else { 4.0 };
    let place = place(&scene.picture, &way, (side, top), wide);
    let width = width(text, number);
    let rect = place.rect(packet, width, scene.picture.size);
    // Nobody reads a name behind a label that passes.
    let hides = !arrived && scene.picture.covered(&rect) > 1.0;
    (!hides).then(|| Flag { rect, side: place.side, text: text.clone(), number })
}

/// In so many parts of a hop's way its label is looked at.
const WATCHED: u32 = 6;

/// Where a label stands from its packet.
#[derive(Clone, Copy)]
struct Spot {
    side: Side,
    /// Above and below: pixels between the two. Beside it: how much lower the label stands.
    gap: f64,
    /// Above and below: which part of the label is over the packet, from 0 at its start to 1 at its end.
    part: f64,
    /// Not higher than this.
    top: f64,
}

impl Spot {
    /// Where it would stand, were there room.
    fn free(self, packet: Point, width: f64) -> Rect {
        let lean = packet.x - 20.0 - (width - 30.0) * self.part;
        let (x, y) = match self.side {
            Side::Left => (packet.x - width - 14.0, packet.y - 11.0 + self.gap),
            Side::Right => (packet.x + 14.0, packet.y - 11.0 + self.gap),
            Side::Above => (lean, packet.y - 22.0 - self.gap),
            Side::Below => (lean, packet.y + self.gap),
        };
        Rect::new(x, y, width, 22.0)
    }

    /// The same on the stage.
    fn rect(self, packet: Point, width: f64, size: Size) -> Rect {
        let Rect { x, y, .. } = self.free(packet, width);
        Rect::new(x.clamp(4.0, (size.width - width - 4.0).max(4.0)), y.max(self.top), width, 22.0)
    }
}

/// Where the label hides least of names: on the side that is asked for, else on the first that serves.
fn place(picture: &Picture, way: &[Point], (first, top): (Side, f64), width: f64) -> Spot {
    let size = picture.size;
    let end = way.last().copied().unwrap_or_default();
    // Over the Pod network's line, however deep in its column the Pod stands.
    let over = (end.y - top - 22.0).max(14.0);
    let mut best = (f64::INFINITY, Spot { side: first, gap: 0.0, part: 0.0, top });
    for side in [first, Side::Below, Side::Above, Side::Right, Side::Left] {
        let above = [(14.0, 0.5), (14.0, 1.0), (14.0, 0.0), (6.0, 0.5), (6.0, 1.0), (6.0, 0.0), (over, 0.0), (over, 1.0)];
        let spots: &[(f64, f64)] = match side {
            Side::Left | Side::Right => &[(0.0, 0.0), (9.0, 0.0), (-9.0, 0.0)],
            Side::Above => {
                if top > 4.0 {
                    &above
                } else {
                    &above[..6]
                }
            }
            Side::Below => &[(26.0, 0.0), (26.0, 0.5), (26.0, 1.0), (17.0, 0.0), (17.0, 1.0), (6.0, 0.0), (6.0, 1.0)],
        };
        for (gap, part) in spots {
            let spot = Spot { side, gap: *gap, part: *part, top };
            // Pushed back onto the stage, it might lie over its packet.
            let free = spot.free(end, width);
            let out = (4.0 - free.x).max(free.right() - size.width + 4.0).max(4.0 - free.y).max(free.bottom() - size.height);
            let cost = |point: &Point| {
                let rect = spot.rect(*point, width, size);
                picture.covered(&rect) + picture.dimmed(&rect) / 4.0
            };
            let cost = cost(&end) + out.max(0.0) * 1000.0 + way.iter().map(cost).sum::<f64>() / 20.0;
            if cost < best.0 - 1.0 {
                best = (cost, spot);
            }
        }
        if best.0 <= 1.0 {
            break;
        }
    }
    best.1
}

/// A pill's width: an arrow, the text, and the number's disc.
fn width(text: &str, number: Option<usize>) -> f64 {
    name::width(text) + 2.0 * name::MONO + 18.0 + number.map_or(0.0, disc)
}

/// How wide the disc of a hop's number is: round with one digit, longer with each more.
pub fn disc(number: usize) -> f64 {
    16.0 + 6.5 * f64::from(number.max(1).ilog10())
}

/// The outlined label of a destination that a step rewrote, on the longest level stretch before it.
fn was_going(scene: &Scene, older: usize, step: usize, arrived: bool) -> Option<Flag> {
    let halt = &scene.route.stops[older];
    let rewritten = halt.label.0 != halt.label.1 && !halt.label.0.is_empty();
    if halt.reply || !rewritten || scene.route.stops[step].reply || older == step && !arrived {
        return None;
    }
    let line = scene.route.legs.get(halt.leg)?.line.first(halt.to);
    let since = scene.route.stops[..older].iter().rev().find(|other| other.leg == halt.leg && other.label.0 != other.label.1);
    let since = since.map_or(0.0, |other| other.to);
    let mut passed = 0.0;
    let mut best: Option<(f64, Point)> = None;
    for pair in line.points().windows(2) {
        let long = pair[0].distance(pair[1]);
        let outside = pair[0].y < scene.picture.boundary;
        if passed >= since - 0.01 && pair[0].y == pair[1].y && outside && best.is_none_or(|(other, _)| other < long) {
            best = Some((long, at((pair[0].x + pair[1].x) / 2.0, pair[0].y)));
        }
        passed += long;
    }
    let width = width(&halt.label.0, None);
    let (long, middle) = best?;
    (long > width + 24.0).then(|| Flag {
        rect: Rect::around(middle, width, 22.0),
        side: Side::Above,
        text: halt.label.0.clone(),
        number: None,
    })
}
