//! Points, boxes and lines of the stage, in CSS pixels from its top left corner.

use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Corner radius of a route.
const CORNER: f64 = 8.0;

/// A place on the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// A point from its coordinates.
pub const fn at(x: f64, y: f64) -> Point {
    Point { x, y }
}

impl Point {
    /// How far another point is.
    pub fn distance(self, other: Point) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    fn towards(self, other: Point, part: f64) -> Point {
        at(self.x + (other.x - self.x) * part, self.y + (other.y - self.y) * part)
    }
}

/// Width and height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Size {
    pub width: f64,
    pub height: f64,
}

/// A box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    /// A box from its left, top, width and height.
    pub const fn new(x: f64, y: f64, width: f64, height: f64) -> Rect {
        Rect { x, y, width, height }
    }

    /// A box around a centre.
    pub fn around(centre: Point, width: f64, height: f64) -> Rect {
        Rect::new(centre.x - width / 2.0, centre.y - height / 2.0, width, height)
    }

    /// Its right edge.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// Its bottom edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// Its centre.
    pub fn centre(&self) -> Point {
        at(self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// Whether the two share an area.
    pub fn meets(&self, other: &Rect) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }

    /// The area that the two share.
    pub fn shared(&self, other: &Rect) -> f64 {
        let across = self.right().min(other.right()) - self.x.max(other.x);
        let down = self.bottom().min(other.bottom()) - self.y.max(other.y);
        across.max(0.0) * down.max(0.0)
    }

    /// Whether a point lies in it, its edges included.
    pub fn holds(&self, point: Point) -> bool {
        (self.x..=self.right()).contains(&point.x) && (self.y..=self.bottom()).contains(&point.y)
    }
}

/// A line through points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Polyline {
    points: Vec<Point>,
}

impl Polyline {
    /// A line that begins at a point.
    pub fn from(start: Point) -> Polyline {
        Polyline { points: vec![start] }
    }

    /// Goes on to a point; standing still and going straight on add nothing.
    pub fn to(&mut self, point: Point) {
        let same = |a: f64, b: f64| (a - b).abs() < 0.01;
        if self.points.last().is_some_and(|last| last.distance(point) < 0.01) {
            return;
        }
        if let [.., before, last] = self.points[..] {
            let upright = same(before.x, last.x) && same(last.x, point.x) && (last.y > before.y) == (point.y > last.y);
            let level = same(before.y, last.y) && same(last.y, point.y) && (last.x > before.x) == (point.x > last.x);
            if upright || level {
                self.points.pop();
            }
        }
        self.points.push(point);
    }

    /// Its points.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Its length.
    pub fn length(&self) -> f64 {
        self.points.windows(2).map(|pair| pair[0].distance(pair[1])).sum()
    }

    /// The point that far from its start; before the start and past the end, these.
    pub fn point(&self, distance: f64) -> Point {
        let mut left = distance.max(0.0);
        for pair in self.points.windows(2) {
            let long = pair[0].distance(pair[1]);
            if left <= long {
                return if long == 0.0 { pair[0] } else { pair[0].towards(pair[1], left / long) };
            }
            left -= long;
        }
        self.points.last().copied().unwrap_or_default()
    }

    /// The line's first part, that long.
    pub fn first(&self, distance: f64) -> Polyline {
        let mut part = Polyline { points: self.points.first().copied().into_iter().collect() };
        let mut left = distance;
        for pair in self.points.windows(2) {
            let long = pair[0].distance(pair[1]);
            if left <= 0.0 {
                break;
            }
            part.points.push(if left < long { pair[0].towards(pair[1], left / long) } else { pair[1] });
            left -= long;
        }
        part
    }

    /// The same line, moved.
    pub fn moved(&self, x: f64, y: f64) -> Polyline {
        Polyline { points: self.points.iter().map(|point| at(point.x + x, point.y + y)).collect() }
    }

    /// As an SVG path, with rounded corners except at the `sharp` points (a packet turns on the spot in a diamond).
    pub fn path(&self, sharp: &[Point]) -> String {
        let mut d = String::new();
        let Some(first) = self.points.first() else { return d };
        let _ = write!(d, "M{} {}", short(first.x), short(first.y));
        for (index, point) in self.points.iter().enumerate().skip(1) {
            let before = self.points[index - 1];
            let next = self.points.get(index + 1);
            let turns_sharply = sharp.iter().any(|corner| corner.distance(*point) < 0.5);
            let radius = next
                .filter(|_| !turns_sharply)
                .map_or(0.0, |next| CORNER.min(before.distance(*point) / 2.0).min(point.distance(*next) / 2.0));
            match next {
                Some(next) if radius > 0.0 => {
                    let enter = point.towards(before, radius / before.distance(*point));
                    let leave = point.towards(*next, radius / point.distance(*next));
                    let numbers = [enter.x, enter.y, point.x, point.y, leave.x, leave.y].map(short);
                    let _ =
                        write!(d, "L{} {}Q{} {} {} {}", numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]);
                }
                _ => {
                    let _ = write!(d, "L{} {}", short(point.x), short(point.y));
                }
            }
        }
        d
    }
}

/// A number with at most two decimals. Not by the standard library's way, whose code and tables for every float the page need not load.
pub fn short(number: f64) -> String {
    let hundredths = (number * 100.0).round() as i64;
    let (whole, part) = (hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100);
    let sign = if hundredths < 0 { "-" } else { "" };
    match (part / 10, part % 10) {
        (0, 0) => format!("{sign}{whole}"),
        (tenths, 0) => format!("{sign}{whole}.{tenths}"),
        (tenths, rest) => format!("{sign}{whole}.{tenths}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_drawing_have_two_decimals_at_most() {
        for (number, text) in [
            (0.0, "0"),
            (-0.001, "0"),
            (7.0, "7"),
            (0.5, "0.5"),
            (12.25, "12.25"),
            (3.006, "3.01"),
            (1.005, "1"),
            (-2000.1, "-2000.1"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    fn corner() -> Polyline {
        let mut line = Polyline::from(at(0.0, 0.0));
        line.to(at(10.0, 0.0));
        line.to(at(30.0, 0.0));
        line.to(at(30.0, 40.0));
        line
    }

    #[test]
    fn a_point_on_a_line_is_found_by_its_distance() {
        assert_eq!(corner().length(), 70.0);
        assert_eq!(corner().point(-5.0), at(0.0, 0.0));
        assert_eq!(corner().point(50.0), at(30.0, 20.0));
        assert_eq!(corner().point(500.0), at(30.0, 40.0));
        assert_eq!(corner().first(50.0).length(), 50.0);
    }

    #[test]
    fn going_straight_on_adds_no_corner() {
        assert_eq!(corner().points().len(), 3);
    }

    #[test]
    fn corners_are_round_except_where_the_packet_turns_on_the_spot() {
        assert_eq!(corner().path(&[]), "M0 0L22 0Q30 0 30 8L30 40");
        assert_eq!(corner().path(&[at(30.0, 0.0)]), "M0 0L30 0L30 40");
    }
}
