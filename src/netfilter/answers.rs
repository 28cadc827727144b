//! What hooks made of packets before. Rules are lists of questions, so two packets of which all answers are the same end the same way:
//! the second one takes the first one's answer, with every rule that it met. Lots are drawn each time anew, and an answer is found by
//! how they fell; what depends on clients that the kernel remembers is never kept. (Open vSwitch and the kernel's own flow tables keep
//! answers likewise, though not to the rule.)

use super::walk::{Decision, Hook, Recorder, RulePlace, Situation};
use crate::packet::as_is;
use crate::random::{Lots, Random};
use std::sync::Arc;

/// A rule that a packet met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Step {
    pub place: RulePlace,
    pub matched: bool,
}

/// What a hook made of a packet, and by which rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What becomes of the packet.
    pub decision: Decision,
    /// Its mark afterwards.
    pub mark: u32,
    /// The rules that it met, in order.
    pub steps: Vec<Step>,
    /// How many rules were looked at.
    pub looked_at: u32,
}

/// The answers that one node's rules gave.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// From [`Key::place`] on, at one of so many places ([`NEAR`]); where none is free, a newer one takes an older one's.
    kept: Vec<Option<(Key, Then)>>,
    /// The last one that was asked for anew.
    last: Option<Arc<Answer>>,
}

/// All that rules can ask about a packet, and how the lots fell so far.
#[derive(Clone, Copy, Debug)]
struct Key {
    /// Source and destination.
    addresses: u64,
    /// The mark, the destination's port, hook, protocol and state.
    asked: u64,
    /// Behind a first 1, side by side.
    lots: u64,
}

impl PartialEq for Key {
    /// In one comparison.
    #[inline(always)]
    fn eq(&self, other: &Key) -> bool {
        (self.addresses ^ other.addresses) | (self.asked ^ other.asked) | (self.lots ^ other.lots) == 0
    }
}

/// What follows after so many lots.
#[derive(Clone, Debug)]
enum Then {
    Draw(Lots),
    Done(Arc<Answer>),
}

/// How many answers a node keeps.
const KEPT: usize = 256;
/// At how many places an answer may stand: two that belong to one place must not drive each other out forever.
const NEAR: usize = 4;

impl Answers {
    /// What a hook makes of a packet: as it did before, or by a walk. The packet's mark follows.
    #[inline(always)]
    pub fn ask(
        &mut self,
        hook: Hook,
        situation: &mut Situation,
        random: &mut Random,
        walk: impl FnOnce(&mut Situation, &mut Random, &mut Noted) -> Decision,
    ) -> Option<&Arc<Answer>> {
        let key = Key::of(hook, situation);
        // Whoever wants all lots noted gets a walk.
        let known = if random.notes_lots() { None } else { self.known(key, random) };
        let Some(place) = known else {
            return self.walked(key, situation, random, walk);
        };
        let Some(Some((_, Then::Done(answer)))) = self.kept.get(place) else { return None };
        situation.packet.mark = answer.mark;
        Some(answer)
    }

    #[inline(never)]
    fn walked(
        &mut self,
        key: Key,
        situation: &mut Situation,
        random: &mut Random,
        walk: impl FnOnce(&mut Situation, &mut Random, &mut Noted) -> Decision,
    ) -> Option<&Arc<Answer>> {
        let mut noted = Noted::default();
        let decision = walk(situation, random, &mut noted);
        let Noted { steps, looked_at, lots, by_memory } = noted;
        let answer = Arc::new(Answer { decision, mark: situation.packet.mark, steps, looked_at });
        if by_memory {
            random.spoil_notes();
        } else {
            self.keep(key, &lots, &answer);
        }
        self.last = Some(answer);
        self.last.as_ref()
    }

    /// Where the answer stands. Lots are drawn only if it stands somewhere.
    #[inline(always)]
    fn known(&self, mut key: Key, random: &mut Random) -> Option<usize> {
        let mut drawn = random.ahead();
        loop {
            let place = self.find(key)?;
            match self.kept.get(place)? {
                Some((_, Then::Draw(lots))) => key = key.after(*lots, lots.fall(drawn.next_u64()))?,
                _ => {
                    random.go_on(&drawn);
                    return Some(place);
                }
            }
        }
    }

    #[inline(always)]
    fn find(&self, key: Key) -> Option<usize> {
        let place = key.place();
        for place in place..place + NEAR {
            if self.kept.get(place)?.as_ref()?.0 == key {
                return Some(place);
            }
        }
        None
    }

    fn keep(&mut self, mut key: Key, lots: &[(Lots, u32)], answer: &Arc<Answer>) {
        self.kept.resize(KEPT + NEAR, None);
        for (lots, drawn) in lots {
            self.put(key, Then::Draw(*lots));
            let Some(next) = key.after(*lots, *drawn) else { return };
            key = next;
        }
        self.put(key, Then::Done(Arc::clone(answer)));
    }

    fn put(&mut self, key: Key, then: Then) {
        let place = key.place();
        let Some(near) = self.kept.get_mut(place..place + NEAR) else { return };
        let own = near.iter().position(|kept| kept.as_ref().is_none_or(|(known, _)| *known == key));
        // The newest stands in front.
        let own = own.unwrap_or_else(|| {
            near.rotate_right(1);
            0
        });
        if let Some(free) = near.get_mut(own) {
            *free = Some((key, then));
        }
    }
}

impl Key {
    #[inline(always)]
    fn of(hook: Hook, situation: &Situation) -> Key {
        let packet = &situation.packet;
        let side = |ip| u64::from(as_is(ip));
        let kind = (hook as u64) << 8 | (packet.protocol as u64) << 5 | (situation.state as u64) << 1 | u64::from(situation.dnat);
        Key {
            addresses: side(packet.flow.src.ip) << 32 | side(packet.flow.dst.ip),
            asked: u64::from(packet.mark) << 32 | u64::from(packet.flow.dst.port) << 16 | kind,
            lots: 1,
        }
    }

    /// After one more lot; `None`: there have been too many.
    fn after(self, lots: Lots, drawn: u32) -> Option<Key> {
        let bits = lots.bits();
        (self.lots >> (63 - bits) == 0).then(|| Key { lots: self.lots << bits | u64::from(drawn), ..self })
    }

    #[inline]
    fn place(self) -> usize {
        let mixed = self.addresses ^ self.asked.rotate_left(21) ^ self.lots.rotate_left(42);
        (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize % KEPT
    }
}

/// Notes all that a walk does.
#[derive(Debug, Default)]
pub struct Noted {
    steps: Vec<Step>,
    looked_at: u32,
    lots: Vec<(Lots, u32)>,
    by_memory: bool,
}

impl Recorder for Noted {
    fn rule(&mut self, place: RulePlace, matched: bool) {
        self.steps.push(Step { place, matched });
    }

    fn looked_at(&mut self, rules: u32) {
        self.looked_at = self.looked_at.saturating_add(rules);
    }

    fn lots(&mut self, lots: Lots, drawn: u32) {
        self.lots.push((lots, drawn));
    }

    fn memory(&mut self) {
        self.by_memory = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_belong_to_one_place_stand_beside_each_other() {
        let key = |addresses| Key { addresses, asked: 0, lots: 1 };
        let mut answers = Answers::default();
        let same: Vec<Key> = (0..).map(key).filter(|other| other.place() == key(0).place()).take(NEAR).collect();
        for (mark, key) in (0..).zip(&same) {
            let answer = Answer { decision: Decision::Accept, mark, steps: Vec::new(), looked_at: 0 };
            answers.keep(*key, &[], &Arc::new(answer));
        }
        let marks: Vec<Option<u32>> = same
            .iter()
            .map(|key| match answers.kept.get(answers.find(*key)?)? {
                Some((_, Then::Done(answer))) => Some(answer.mark),
                _ => None,
            })
            .collect();
        assert_eq!(marks, [Some(0), Some(1), Some(2), Some(3)]);
    }
}
