//! A rule's plain conditions in one comparison: most rules say no to most packets. In the kernel, `struct ipt_ip` stands before a
//! rule's matches for the same reason.

use super::walk::Situation;
use super::{Cidr, ConntrackState, Match, Sense};
use crate::packet::Protocol;

const SOURCE_IS_LOCAL: u32 = 1 << 9;
const DESTINATION_IS_LOCAL: u32 = 1 << 10;
const DESTINATION_IS_NOT_LOCAL: u32 = 1 << 11;

fn protocol_bit(protocol: Protocol) -> u32 {
    1 << protocol as u32
}

fn state_bit(state: ConntrackState) -> u32 {
    1 << (4 + state as u32)
}

/// What stays the same of a packet while one hook's rules see it.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    bits: u32,
    source: u32,
    destination: u32,
    port: u16,
}

impl Facts {
    pub fn of(situation: &Situation) -> Facts {
        let flow = situation.packet.flow;
        let mut bits = protocol_bit(situation.packet.protocol) | state_bit(situation.state);
        if situation.dnat {
            bits |= state_bit(ConntrackState::Dnat);
        }
        if situation.is_local(flow.src.ip) {
            bits |= SOURCE_IS_LOCAL;
        }
        bits |= if situation.is_local(flow.dst.ip) { DESTINATION_IS_LOCAL } else { DESTINATION_IS_NOT_LOCAL };
        Facts { bits, source: flow.src.ip.into(), destination: flow.dst.ip.into(), port: flow.dst.port }
    }
}

/// A range of addresses, asked plainly or turned around.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Range {
    base: u32,
    mask: u32,
    not: bool,
}

impl Range {
    const ALL: Range = Range { base: 0, mask: 0, not: false };

    fn of(range: Cidr, sense: Sense) -> Range {
        let mask = u32::MAX.checked_shl(32 - u32::from(range.bits.min(32))).unwrap_or(0);
        Range { base: u32::from(range.base), mask, not: sense == Sense::Not }
    }

    fn holds(self, address: u32) -> bool {
        ((address ^ self.base) & self.mask == 0) != self.not
    }
}

/// What a rule asks first, as far as no lots are drawn and no notes taken or read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sieve {
    /// All of these bits must be there,
    all: u32,
    /// and one of these.
    any: u32,
    source: Range,
    destination: Range,
    port: Option<u16>,
    /// How many of the rule's conditions it stands for, from the first.
    pub covers: usize,
}

impl Sieve {
    pub fn of(matches: &[Match]) -> Sieve {
        let mut sieve =
            Sieve { all: 0, any: u32::MAX, source: Range::ALL, destination: Range::ALL, port: None, covers: matches.len() };
        sieve.covers = matches.iter().position(|condition| !sieve.take(condition)).unwrap_or(matches.len());
        sieve
    }

    /// Takes a condition in, where it has room for it.
    fn take(&mut self, condition: &Match) -> bool {
        let (range, taken) = match condition {
            Match::Comment(_) | Match::Module(_) => return true,
            Match::Protocol(protocol) => return self.needs(protocol_bit(*protocol)),
            Match::SourceIsLocal => return self.needs(SOURCE_IS_LOCAL),
            Match::DestinationIsLocal(Sense::Is) => return self.needs(DESTINATION_IS_LOCAL),
            Match::DestinationIsLocal(Sense::Not) => return self.needs(DESTINATION_IS_NOT_LOCAL),
            Match::ConntrackState(states) if self.any == u32::MAX => {
                self.any = states.iter().fold(0, |bits, state| bits | state_bit(*state));
                return true;
            }
            Match::DestinationPort(port) if self.port.is_none() => {
                self.port = Some(*port);
                return true;
            }
            Match::SourceAddress(ip) => (&mut self.source, Range::of(Cidr::host(*ip), Sense::Is)),
            Match::DestinationAddress(ip) => (&mut self.destination, Range::of(Cidr::host(*ip), Sense::Is)),
            Match::Source(range, sense) => (&mut self.source, Range::of(*range, *sense)),
            Match::Destination(range, sense) => (&mut self.destination, Range::of(*range, *sense)),
            _ => return false,
        };
        let free = *range == Range::ALL;
        if free {
            *range = taken;
        }
        free
    }

    fn needs(&mut self, bit: u32) -> bool {
        self.all |= bit;
        true
    }

    /// Whether all the conditions that it stands for hold.
    pub fn lets_through(&self, facts: &Facts) -> bool {
        facts.bits & self.all == self.all
            && facts.bits & self.any != 0
            && self.destination.holds(facts.destination)
            && self.port.is_none_or(|port| port == facts.port)
            && self.source.holds(facts.source)
    }

    /// The one destination that it lets through: address, port.
    pub fn destination(&self) -> (Option<u32>, Option<u16>) {
        let one = self.destination.mask == u32::MAX && !self.destination.not;
        (one.then_some(self.destination.base), self.port)
    }
}
