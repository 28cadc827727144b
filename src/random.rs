//! Seeded randomness and stable hashes: the same seed gives the same bytes on every machine.

use serde::{Deserialize, Serialize};

/// Where a request's random choices start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// A small generator (SplitMix64: Steele, Lea, Flood 2014). Good enough to pick endpoints, not secrets.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts from a seed.
    pub fn new(seed: Seed) -> Random {
        Random { state: seed.0 }
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next 31 bits, as the kernel's `statistic` match draws them.
    #[inline(always)]
    pub fn next_u31(&mut self) -> u32 {
        (self.next_u64() >> 33) as u32
    }

    /// A number below `bound`; 0 when `bound` is 0.
    #[inline(always)]
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }
}

/// FNV-1a with 64 bits: a stable hash for identities (addresses, ports, name suffixes).
pub fn stable_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
