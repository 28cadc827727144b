//! A packet walks a rule set, hook by hook, as Linux netfilter lets it.
//!
//! Follows the kernel's `ip_tables.c`, `xt_statistic.c`, `xt_recent.c`, `xt_addrtype.c` and `nf_nat_core.c`. Left out: byte
//! counters, every match and target that kube-proxy does not write. Long chains are entered through an index by destination
//! address and port, and a rule's plain conditions are asked all at once; [`Program::linear`] walks without either, and a test holds
//! both to the same answers.

use super::common::{Candidates, Common, Listed};
use super::print::probability_in_ten_billionths;
use super::sieve::{Facts, Sieve};
use super::{ConntrackState, Match, Rule, RuleSet, Sense, Table, Target};
use crate::packet::{Packet, Socket};
use crate::random::{Lots, Random};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Where in the kernel a packet is when rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Hook {
    NatPrerouting,
    NatOutput,
    FilterInput,
    FilterForward,
    FilterOutput,
    NatPostrouting,
}

impl Hook {
    const ALL: [Hook; 6] =
        [Hook::NatPrerouting, Hook::NatOutput, Hook::FilterInput, Hook::FilterForward, Hook::FilterOutput, Hook::NatPostrouting];

    /// Table and built-in chain.
    pub fn chain(self) -> (&'static str, &'static str) {
        match self {
            Hook::NatPrerouting => ("nat", "PREROUTING"),
            Hook::NatOutput => ("nat", "OUTPUT"),
            Hook::FilterInput => ("filter", "INPUT"),
            Hook::FilterForward => ("filter", "FORWARD"),
            Hook::FilterOutput => ("filter", "OUTPUT"),
            Hook::NatPostrouting => ("nat", "POSTROUTING"),
        }
    }
}

/// What a hook makes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on as it is.
    Accept,
    /// It vanishes.
    Drop,
    /// Its sender gets ICMP port unreachable.
    Reject,
    /// Its destination becomes this.
    Dnat(Socket),
    /// Its source becomes an address of the interface that it leaves by.
    Masquerade,
}

/// The packet and what the kernel knows of its connection and of itself.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// The packet; rules change its mark.
    pub packet: Packet,
    /// State of its connection: New, Established or Invalid.
    pub state: ConntrackState,
    /// Whether the connection's destination was rewritten here.
    pub dnat: bool,
    /// The kernel's own addresses, besides 127.0.0.0/8.
    pub local: [Ipv4Addr; 2],
    /// Virtual seconds.
    pub now: u64,
}

impl Situation {
    /// Whether the address belongs to this kernel.
    pub fn is_local(&self, ip: Ipv4Addr) -> bool {
        ip.is_loopback() || self.local.contains(&ip)
    }
}

/// What the kernel remembers between connections: the lists of `-m recent`, client to the second of its last connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    lists: BTreeMap<String, BTreeMap<Ipv4Addr, u64>>,
}

impl Memory {
    /// Entries that a list holds at most (`ip_list_tot`).
    const LIST_LENGTH: usize = 100;

    /// Whether the list saw the client in the last `seconds`.
    pub fn saw(&self, list: &str, client: Ipv4Addr, seconds: u32, now: u64) -> bool {
        let seen = self.lists.get(list).and_then(|list| list.get(&client));
        seen.is_some_and(|seen| now.saturating_sub(*seen) <= u64::from(seconds))
    }

    /// Notes the client. A full list forgets who was longest away.
    pub fn note(&mut self, list: &str, client: Ipv4Addr, now: u64) {
        if !self.lists.contains_key(list) {
            self.lists.insert(list.to_string(), BTreeMap::new());
        }
        let Some(list) = self.lists.get_mut(list) else { return };
        list.insert(client, now);
        if list.len() > Self::LIST_LENGTH {
            let oldest = list.iter().min_by_key(|(_, seen)| **seen).map(|(client, _)| *client);
            oldest.and_then(|oldest| list.remove(&oldest));
        }
    }
}

/// A rule's place in a rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RulePlace {
    pub table: u32,
    pub part: u32,
    /// Position in its part.
    pub rule: u32,
}

/// Sees which rules a packet meets. Every walk goes through the same code, recorded or not.
pub trait Recorder {
    /// A rule that matched, or that only missed by chance or by a client not remembered (`matched` is false).
    fn rule(&mut self, place: RulePlace, matched: bool);
    /// So many rules of a chain were looked at, one after another, until it was left.
    fn looked_at(&mut self, _rules: u32) {}
    /// Lots were drawn.
    fn lots(&mut self, _lots: Lots, _drawn: u32) {}
    /// The kernel's memory of clients was asked, or changed.
    fn memory(&mut self) {}
}

/// Records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Recorder for Silent {
    fn rule(&mut self, _: RulePlace, _: bool) {}
}

/// A rule set made ready to be walked.
#[derive(Clone, Debug)]
pub struct Program {
    rules: Arc<RuleSet>,
    /// By table and number.
    common: Vec<Vec<Common>>,
    /// Where each hook begins: table, part, chain.
    hooks: [Option<(u32, u32, u32)>; Hook::ALL.len()],
    /// Every condition is asked by itself.
    plain: bool,
}

/// Chains call each other no deeper than this; kube-proxy's go to 5.
const DEEPEST: u32 = 16;

impl Program {
    /// Makes a rule set ready.
    pub fn new(rules: Arc<RuleSet>) -> Program {
        let mut program = Program::linear(rules);
        program.plain = false;
        for chain in program.common.iter_mut().flatten() {
            chain.enter_by_destination();
        }
        program
    }

    /// Makes a rule set ready to be walked rule by rule, condition by condition.
    pub fn linear(rules: Arc<RuleSet>) -> Program {
        let hooks = Hook::ALL.map(|hook| {
            let (table_name, chain_name) = hook.chain();
            let table = rules.tables.iter().position(|table| table.name == table_name)?;
            // The built-in chains stand in the last part.
            let parts = &rules.tables.get(table)?.parts;
            let last = parts.last()?;
            let chain = last.chains.iter().position(|chain| chain.name == chain_name)?;
            Some((table as u32, parts.len() as u32 - 1, last.number(chain)))
        });
        let common = rules.tables.iter().map(Common::of).collect();
        Program { common, hooks, rules, plain: true }
    }

    /// The rules.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// Lets the packet meet the rules of one hook.
    pub fn walk<R: Recorder>(
        &self,
        hook: Hook,
        situation: &mut Situation,
        memory: &mut Memory,
        random: &mut Random,
        recorder: &mut R,
    ) -> Decision {
        let Some((number, part, chain)) = self.hooks.get(hook as usize).copied().flatten() else { return Decision::Accept };
        let tables = (self.rules.tables.get(number as usize), self.common.get(number as usize));
        let (Some(table), Some(common)) = tables else { return Decision::Accept };
        let facts = Facts::of(situation);
        let mut walk = Walk { number, table, common, plain: self.plain, facts, situation, memory, random, recorder };
        walk.chain(part, chain, 0).unwrap_or(Decision::Accept)
    }
}

struct Walk<'a, R> {
    number: u32,
    table: &'a Table,
    common: &'a [Common],
    plain: bool,
    facts: Facts,
    situation: &'a mut Situation,
    memory: &'a mut Memory,
    random: &'a mut Random,
    recorder: &'a mut R,
}

/// How a rule answers.
#[derive(PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    /// Everything held but chance, or a client not remembered.
    NotThisTime,
}

impl<'a, R: Recorder> Walk<'a, R> {
    /// Walks one chain; `None`: its end was reached, or a rule returned.
    fn chain(&mut self, part: u32, chain: u32, depth: u32) -> Option<Decision> {
        if let Some(common) = self.common.get(chain as usize) {
            return self.common_chain(common, depth);
        }
        let here = self.table.parts.get(part as usize)?;
        let rules = &here.own_chain(chain)?.rules;
        for (read, position) in (1u32..).zip(rules) {
            let Some(rule) = here.rules.get(*position as usize).filter(|rule| self.may_be(&rule.sieve)) else { continue };
            if let Some(left) = self.rule(rule, part, *position, depth) {
                self.recorder.looked_at(read);
                return left;
            }
        }
        self.recorder.looked_at(rules.len() as u32);
        None
    }

    fn common_chain(&mut self, chain: &'a Common, depth: u32) -> Option<Decision> {
        let Some(index) = &chain.index else {
            for (read, listed) in (1u32..).zip(&chain.rules) {
                if let Some(left) = self.listed(listed, depth) {
                    self.recorder.looked_at(read);
                    return left;
                }
            }
            self.recorder.looked_at(chain.rules.len() as u32);
            return None;
        };
        // No rule of a chain changes the destination before the chain is left.
        let mut candidates = Candidates::of(index, self.situation.packet.flow.dst);
        while let Some(position) = candidates.next() {
            let Some(listed) = chain.rules.get(position as usize) else { break };
            if let Some(left) = self.listed(listed, depth) {
                self.recorder.looked_at(position + 1);
                return left;
            }
        }
        self.recorder.looked_at(chain.rules.len() as u32);
        None
    }

    fn listed(&mut self, listed: &Listed, depth: u32) -> Option<Option<Decision>> {
        if !self.may_be(&listed.sieve) {
            return None;
        }
        let rule = self.table.parts.get(listed.part as usize)?.rules.get(listed.rule as usize)?;
        self.rule(rule, listed.part, listed.rule, depth)
    }

    fn may_be(&self, sieve: &Sieve) -> bool {
        self.plain || sieve.lets_through(&self.facts)
    }

    /// Lets a rule see the packet that its sieve let through; `Some`: the chain is left, with this decision or none.
    fn rule(&mut self, rule: &'a Rule, part: u32, position: u32, depth: u32) -> Option<Option<Decision>> {
        let answer = self.answer(rule);
        if answer == Answer::No {
            return None;
        }
        self.recorder.rule(RulePlace { table: self.number, part, rule: position }, answer == Answer::Yes);
        if answer != Answer::Yes {
            return None;
        }
        Some(match rule.target? {
            Target::MarkOr(bits) => {
                self.situation.packet.mark |= bits;
                return None;
            }
            Target::MarkXor(bits) => {
                self.situation.packet.mark ^= bits;
                return None;
            }
            Target::Jump(to) if depth < DEEPEST => return self.chain(part, to, depth + 1).map(Some),
            Target::Jump(_) | Target::Return => None,
            Target::Accept => Some(Decision::Accept),
            Target::Drop => Some(Decision::Drop),
            Target::Reject => Some(Decision::Reject),
            Target::Dnat(ip, port) => Some(Decision::Dnat(Socket::new(ip, port))),
            Target::Masquerade => Some(Decision::Masquerade),
        })
    }

    fn answer(&mut self, rule: &Rule) -> Answer {
        let asked = if self.plain { 0 } else { rule.sieve.covers };
        for condition in rule.matches.get(asked..).unwrap_or_default() {
            if !self.holds(condition) {
                let by_chance = matches!(condition, Match::OneIn(_) | Match::RecentCheck { .. });
                return if by_chance { Answer::NotThisTime } else { Answer::No };
            }
        }
        Answer::Yes
    }

    fn holds(&mut self, condition: &Match) -> bool {
        let situation = &*self.situation;
        let flow = situation.packet.flow;
        let in_state = |states: &[ConntrackState]| {
            states.contains(&situation.state) || (situation.dnat && states.contains(&ConntrackState::Dnat))
        };
        match condition {
            Match::Comment(_) | Match::Module(_) => true,
            Match::Protocol(protocol) => situation.packet.protocol == *protocol,
            Match::SourceAddress(ip) => flow.src.ip == *ip,
            Match::DestinationAddress(ip) => flow.dst.ip == *ip,
            Match::Source(range, sense) => range.contains(flow.src.ip) == (*sense == Sense::Is),
            Match::Destination(range, sense) => range.contains(flow.dst.ip) == (*sense == Sense::Is),
            Match::DestinationPort(port) => flow.dst.port == *port,
            Match::SourceIsLocal => situation.is_local(flow.src.ip),
            Match::DestinationIsLocal(sense) => situation.is_local(flow.dst.ip) == (*sense == Sense::Is),
            Match::ConntrackState(states) => in_state(states),
            Match::NotConntrackState(states) => !in_state(states),
            Match::Mark(value, mask, sense) => (situation.packet.mark & mask == *value) == (*sense == Sense::Is),
            Match::OneIn(count) => {
                let lots = Lots::Chance(threshold(*count));
                let drawn = self.random.decide(lots);
                self.recorder.lots(lots, drawn);
                drawn == 1
            }
            Match::RecentCheck { list, seconds } => {
                self.recorder.memory();
                self.memory.saw(list, flow.src.ip, *seconds, situation.now)
            }
            Match::RecentSet { list } => {
                self.recorder.memory();
                self.memory.note(list, flow.src.ip, situation.now);
                true
            }
        }
    }
}

/// The kernel compares 31 random bits with the printed probability times 2^31, rounded.
fn threshold(count: u32) -> u32 {
    const ONE: u64 = 10_000_000_000;
    ((probability_in_ten_billionths(count) * (1 << 31) + ONE / 2) / ONE) as u32
}
