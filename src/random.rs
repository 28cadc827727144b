//! Seeded randomness and stable hashes: the same seed gives the same bytes on every machine.

use serde::{Deserialize, Serialize};

/// Where a request's random choices start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// How a number is drawn that decides something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lots {
    /// `-m statistic --mode random`: 1 when 31 random bits lie below this, else 0.
    Chance(u32),
    /// `numgen random mod`: 32 random bits, scaled to a number below this.
    Below(u32),
    /// One of so many, from 0; 0 when there is none.
    OneOf(u32),
}

impl Lots {
    /// How the lot falls with these random bits.
    #[inline(always)]
    pub fn fall(self, bits: u64) -> u32 {
        match self {
            Lots::Chance(threshold) => u32::from(((bits >> 33) as u32) < threshold),
            Lots::Below(modulus) => (((bits >> 32) * u64::from(modulus)) >> 32) as u32,
            Lots::OneOf(count) => bits.checked_rem(u64::from(count)).unwrap_or(0) as u32,
        }
    }

    /// How many bits hold what is drawn.
    pub fn bits(self) -> u32 {
        if matches!(self, Lots::Chance(_)) { 1 } else { 32 }
    }
}

/// A lot that fell, and where it was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallen {
    /// Where.
    pub place: DrawnAt,
    /// How it was drawn.
    pub lots: Lots,
    /// How it fell.
    pub fell: u32,
}

/// Where a draw stands among all that follow from a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawnAt {
    /// Where its generator was made, if it is a child of the seed's.
    child: Option<u64>,
    after: u64,
}

impl DrawnAt {
    /// The random bits that a seed gives there.
    #[inline]
    pub fn bits(self, seed: Seed) -> u64 {
        let start = self.child.map_or(seed.0, |made| mixed(seed.0.wrapping_add(made)));
        mixed(start.wrapping_add(self.after))
    }
}

/// All lots that fell since [`Random::note_lots`].
#[derive(Clone, Debug, Default)]
struct Notes {
    child: Option<u64>,
    lots: Vec<Fallen>,
    /// More than lots had a say.
    spoilt: bool,
}

/// A small generator (SplitMix64: Steele, Lea, Flood 2014). Good enough to pick endpoints, not secrets.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    start: u64,
    notes: Option<Box<Notes>>,
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The bits of a state.
#[inline(always)]
fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Random {
    /// Starts from a seed.
    pub fn new(seed: Seed) -> Random {
        Random { state: seed.0, start: seed.0, notes: None }
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let bits = mixed(self.state);
        self.state = self.state.wrapping_add(STEP);
        bits
    }

    /// A number below `bound`; 0 when `bound` is 0.
    #[inline(always)]
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }

    /// A lot that decides what happens next: it is noted, where lots are.
    pub fn decide(&mut self, lots: Lots) -> u32 {
        let after = self.state.wrapping_sub(self.start);
        let fell = lots.fall(self.next_u64());
        if let Some(notes) = &mut self.notes {
            notes.lots.push(Fallen { place: DrawnAt { child: notes.child, after }, lots, fell });
        }
        fell
    }

    /// One of so many, as a place in a list.
    pub fn one_of(&mut self, count: usize) -> usize {
        self.decide(Lots::OneOf(count as u32)) as usize
    }

    /// A generator of its own, which follows from this one. Where lots are noted, it notes them until [`Random::rejoin`].
    pub fn child(&mut self) -> Random {
        let made = self.state.wrapping_sub(self.start);
        let mut child = Random::new(Seed(self.next_u64()));
        child.notes = self.notes.take();
        if let Some(notes) = &mut child.notes {
            notes.spoilt |= notes.child.replace(made).is_some();
        }
        child
    }

    /// The child is done.
    pub fn rejoin(&mut self, child: Random) {
        self.notes = child.notes;
        if let Some(notes) = &mut self.notes {
            notes.child = None;
        }
    }

    /// As far as this one, and without notes.
    #[inline(always)]
    pub fn ahead(&self) -> Random {
        Random { state: self.state, start: self.start, notes: None }
    }

    /// Goes on where that one is.
    #[inline(always)]
    pub fn go_on(&mut self, ahead: &Random) {
        self.state = ahead.state;
    }

    /// Notes all lots from now on.
    pub fn note_lots(&mut self) {
        self.notes = Some(Box::default());
    }

    /// Whether lots are noted.
    #[inline(always)]
    pub fn notes_lots(&self) -> bool {
        self.notes.is_some()
    }

    /// Something besides lots had a say, such as what was remembered.
    pub fn spoil_notes(&mut self) {
        if let Some(notes) = &mut self.notes {
            notes.spoilt = true;
        }
    }

    /// The lots that fell, if they alone decided.
    pub fn noted_lots(&mut self) -> Option<Vec<Fallen>> {
        let notes = self.notes.take()?;
        (!notes.spoilt).then_some(notes.lots)
    }
}

/// FNV-1a with 64 bits: a stable hash for identities (addresses, ports, name suffixes).
pub fn stable_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
