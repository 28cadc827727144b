//! When each step of a trace plays: a packet travels, arrives, and rests so that it can be read. Times are milliseconds at speed 1.

use super::steps::Step;

/// One wire, as `--dur-hop`.
pub const HOP: f64 = 700.0;
/// One rule inside a kernel, as `--dur-rule`.
pub const RULE: f64 = 320.0;
/// The rest on a step, as `--dur-dwell`.
pub const DWELL: f64 = 900.0;
/// A label's change of text on arrival, as `--dur-2`.
pub const FLIP: f64 = 160.0;

/// How steps become time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Packets travel.
    #[default]
    Moving,
    /// Packets cut from step to step: for people who ask for less motion.
    Still,
}

/// One step in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beat {
    /// The packet leaves the place before.
    pub leaves: f64,
    /// It arrives.
    pub arrives: f64,
    /// The next beat begins.
    pub ends: f64,
}

/// The beats of a trace, one for each step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beats(Vec<Beat>);

/// The beats of these steps. The first packet is simply there.
pub fn beats(steps: &[Step], pace: Pace) -> Beats {
    let mut now = 0.0;
    let beat = |(index, step): (usize, &Step)| {
        let travel = match pace {
            Pace::Moving if index > 0 => {
                if step.wire {
                    HOP
                } else {
                    RULE
                }
            }
            _ => 0.0,
        };
        let beat = Beat { leaves: now, arrives: now + travel, ends: now + travel + DWELL };
        now = beat.ends;
        beat
    };
    Beats(steps.iter().enumerate().map(beat).collect())
}

impl Beats {
    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to play.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the last step has been read.
    pub fn end(&self) -> f64 {
        self.0.last().map_or(0.0, |beat| beat.ends)
    }

    /// The beat of a step; past the last one, the last.
    pub fn get(&self, step: usize) -> Option<Beat> {
        self.0.get(step.min(self.0.len().checked_sub(1)?)).copied()
    }

    /// Which step plays at a moment: bead and inspector change when its packet leaves.
    pub fn step(&self, at: f64) -> usize {
        self.0.partition_point(|beat| beat.leaves <= at).saturating_sub(1)
    }

    /// How far the packet of the playing step has come, 0 to 1, eased.
    pub fn travelled(&self, at: f64) -> f64 {
        let Some(beat) = self.get(self.step(at)) else { return 1.0 };
        if at >= beat.arrives { 1.0 } else { ease((at - beat.leaves) / (beat.arrives - beat.leaves)) }
    }

    /// How far the label has flipped to its new text, 0 to 1.
    pub fn flipped(&self, at: f64) -> f64 {
        self.get(self.step(at)).map_or(1.0, |beat| ((at - beat.arrives) / FLIP).clamp(0.0, 1.0))
    }
}

/// Slow, fast, slow: close to `--ease-in-out`.
fn ease(part: f64) -> f64 {
    if part < 0.5 { 4.0 * part.powi(3) } else { 1.0 - (2.0 - 2.0 * part).powi(3) / 2.0 }
}

/// How many dots of a burst may be alive at once.
pub const ALIVE: usize = 40;
/// The whole burst, as `--dur-burst`.
pub const BURST: f64 = 2400.0;

/// The dots of a burst of `count` requests that are on their way at a moment: which request, and how far it is, 0 to 1.
pub fn dots(count: usize, at: f64) -> Vec<(usize, f64)> {
    let (first, arrived) = (started(count, at - flight(count)), started(count, at));
    (first..arrived).map(|index| (index, ((at - start(count, index)) / flight(count)).clamp(0.0, 1.0))).collect()
}

/// How many requests of a burst have arrived at a moment.
pub fn arrived(count: usize, at: f64) -> usize {
    started(count, at - flight(count))
}

/// A dot's time of flight: so long that at most [`ALIVE`] are alive.
fn flight(count: usize) -> f64 {
    let share = ALIVE as f64 / (count as f64 + ALIVE as f64);
    BURST * share.min(0.4)
}

fn start(count: usize, index: usize) -> f64 {
    (BURST - flight(count)) * index as f64 / count as f64
}

fn started(count: usize, at: f64) -> usize {
    (0..count).filter(|index| start(count, *index) < at).count()
}

#[cfg(test)]
mod tests {
    use super::super::steps::Machine;
    use super::*;

    fn step(wire: bool) -> Step {
        Step { call: Vec::new(), hop: 0, machine: Machine::Outside, rewrite: None, wire }
    }

    #[test]
    fn a_wire_takes_longer_than_a_rule() {
        let beats = beats(&[step(false), step(true), step(false)], Pace::Moving);
        assert_eq!(beats.end(), DWELL + HOP + DWELL + RULE + DWELL);
        assert_eq!([beats.step(0.0), beats.step(DWELL - 1.0), beats.step(DWELL), beats.step(1e9)], [0, 0, 1, 2]);
        assert_eq!(beats.travelled(DWELL + HOP / 2.0), 0.5);
        assert_eq!((beats.flipped(DWELL + HOP), beats.flipped(DWELL + HOP + FLIP)), (0.0, 1.0));
    }

    #[test]
    fn with_reduced_motion_the_packet_is_there_at_once() {
        let beats = beats(&[step(false), step(true)], Pace::Still);
        assert_eq!((beats.travelled(DWELL), beats.end()), (1.0, 2.0 * DWELL));
    }

    #[test]
    fn a_burst_keeps_few_dots_alive_and_ends_in_time() {
        for count in [1, 10, 100, 1000] {
            let most = (0..=240).map(|tick| dots(count, f64::from(tick) * 10.0).len()).max();
            assert!(most <= Some(ALIVE + 1), "{count}: {most:?}");
            assert_eq!(arrived(count, BURST + 1.0), count);
        }
        assert!(dots(100, BURST + 1.0).is_empty());
        assert_eq!(dots(0, 5.0), []);
    }
}
