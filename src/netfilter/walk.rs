//! A packet walks a rule set, hook by hook, as Linux netfilter lets it.
//!
//! Follows the kernel's `ip_tables.c`, `xt_statistic.c`, `xt_recent.c`, `xt_addrtype.c` and `nf_nat_core.c`. Left out: byte
//! counters, every match and target that kube-proxy does not write. Long chains are entered through an index by destination
//! address and port; [`Program::linear`] walks without it, and a test holds both to the same answers.

use super::print::probability_in_ten_billionths;
use super::{ConntrackState, Match, RuleSet, Sense, Table, Target};
use crate::packet::{Packet, Socket};
use crate::random::Random;
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

/// Sees which rules a packet meets. Every walk goes through the same code, recorded or not.
pub trait Recorder {
    /// A rule that matched, or that only missed by chance or by a client not remembered (`matched` is false).
    fn rule(&mut self, table: u32, rule: u32, matched: bool);
    /// So many rules of a chain were looked at, one after another, until it was left.
    fn looked_at(&mut self, _rules: u32) {}
}

/// Records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Recorder for Silent {
    fn rule(&mut self, _: u32, _: u32, _: bool) {}
}

/// A rule set made ready to be walked.
#[derive(Clone, Debug)]
pub struct Program {
    rules: Arc<RuleSet>,
    /// By table and chain; `None` for chains that are walked rule by rule.
    index: Vec<Vec<Option<ChainIndex>>>,
    /// Table and chain of each hook.
    hooks: [Option<(u32, u32)>; Hook::ALL.len()],
}

/// Positions in a chain, by what a rule asks of the destination.
#[derive(Clone, Debug, Default)]
struct ChainIndex {
    /// By address as a number, which compares quicker.
    by_address: BTreeMap<u32, Vec<u32>>,
    by_port: BTreeMap<u16, Vec<u32>>,
    others: Vec<u32>,
}

/// Shorter chains are walked rule by rule.
const WORTH_AN_INDEX: usize = 8;
/// Chains call each other no deeper than this; kube-proxy's go to 5.
const DEEPEST: u32 = 16;

impl Program {
    /// Makes a rule set ready.
    pub fn new(rules: Arc<RuleSet>) -> Program {
        let index = rules.tables.iter().map(|table| table.chains.iter().map(|chain| index(table, &chain.rules)).collect());
        Program { index: index.collect(), ..Program::linear(rules) }
    }

    /// Makes a rule set ready without any index.
    pub fn linear(rules: Arc<RuleSet>) -> Program {
        let hooks = Hook::ALL.map(|hook| {
            let (table_name, chain_name) = hook.chain();
            let table = rules.tables.iter().position(|table| table.name == table_name)?;
            let chain = rules.tables.get(table)?.chains.iter().position(|chain| &*chain.name == chain_name)?;
            Some((table as u32, chain as u32))
        });
        Program { index: Vec::new(), hooks, rules }
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
        let at = Hook::ALL.iter().position(|other| *other == hook).and_then(|at| self.hooks.get(at).copied().flatten());
        let Some((table_number, chain)) = at else { return Decision::Accept };
        let Some(table) = self.rules.tables.get(table_number as usize) else { return Decision::Accept };
        let index = self.index.get(table_number as usize).map_or(&[][..], Vec::as_slice);
        let mut walk = Walk { table_number, table, index, situation, memory, random, recorder };
        walk.chain(chain, 0).unwrap_or(Decision::Accept)
    }
}

fn index(table: &Table, rules: &[u32]) -> Option<ChainIndex> {
    if rules.len() < WORTH_AN_INDEX {
        return None;
    }
    let mut index = ChainIndex::default();
    for (position, rule) in (0u32..).zip(rules) {
        let matches = table.rules.get(*rule as usize).map_or(&[][..], |rule| &rule.matches);
        // A rule may only be skipped by what it asks before it draws lots or takes notes.
        let pure = matches.iter().take_while(|condition| !has_effect(condition));
        let (mut address, mut port) = (None, None);
        for condition in pure {
            match condition {
                Match::DestinationAddress(ip) => address = Some(*ip),
                Match::DestinationPort(number) => port = Some(*number),
                _ => {}
            }
        }
        match (address, port) {
            (Some(ip), _) => index.by_address.entry(ip.into()).or_default().push(position),
            (None, Some(port)) => index.by_port.entry(port).or_default().push(position),
            (None, None) => index.others.push(position),
        }
    }
    // Where no rule asks for a destination, an index would list all rules.
    (index.others.len() < rules.len()).then_some(index)
}

fn has_effect(condition: &Match) -> bool {
    matches!(condition, Match::OneIn(_) | Match::RecentSet { .. })
}

/// The positions of a chain whose rules could match, in order.
struct Candidates<'a> {
    /// Of an indexed chain: what is left of each list.
    lists: [&'a [u32]; 3],
    /// Of any other chain: all from here to there.
    rest: std::ops::Range<u32>,
}

impl<'a> Candidates<'a> {
    fn of(index: Option<&'a ChainIndex>, rules: usize, destination: Socket) -> Candidates<'a> {
        let Some(index) = index else { return Candidates { lists: [&[]; 3], rest: 0..rules as u32 } };
        let listed = |positions: Option<&'a Vec<u32>>| positions.map_or(&[][..], Vec::as_slice);
        let by_address = listed(index.by_address.get(&destination.ip.into()));
        Candidates { lists: [by_address, listed(index.by_port.get(&destination.port)), &index.others], rest: 0..0 }
    }

    fn next(&mut self) -> Option<u32> {
        if !self.rest.is_empty() {
            return self.rest.next();
        }
        let first = self.lists.iter_mut().filter(|list| !list.is_empty()).min_by_key(|list| list.first().copied())?;
        let (position, others) = first.split_first()?;
        *first = others;
        Some(*position)
    }
}

struct Walk<'a, R> {
    table_number: u32,
    table: &'a Table,
    index: &'a [Option<ChainIndex>],
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

impl<R: Recorder> Walk<'_, R> {
    /// Walks one chain; `None`: its end was reached, or a rule returned.
    fn chain(&mut self, chain: u32, depth: u32) -> Option<Decision> {
        let table = self.table;
        let rules = &table.chains.get(chain as usize)?.rules;
        let index = self.index.get(chain as usize).and_then(Option::as_ref);
        // No rule of a chain changes the destination before the chain is left.
        let mut candidates = Candidates::of(index, rules.len(), self.situation.packet.flow.dst);
        let (mut read, mut decided) = (rules.len() as u32, None);
        while let Some(position) = candidates.next() {
            let Some(number) = rules.get(position as usize).copied() else { break };
            let Some(rule) = table.rules.get(number as usize) else { continue };
            let answer = self.answer(&rule.matches);
            if answer != Answer::No {
                self.recorder.rule(self.table_number, number, answer == Answer::Yes);
            }
            if answer != Answer::Yes {
                continue;
            }
            let decision = match &rule.target {
                None => continue,
                Some(Target::MarkOr(bits)) => {
                    self.situation.packet.mark |= bits;
                    continue;
                }
                Some(Target::MarkXor(bits)) => {
                    self.situation.packet.mark ^= bits;
                    continue;
                }
                Some(Target::Jump(to)) if depth < DEEPEST => match self.chain(*to, depth + 1) {
                    None => continue,
                    Some(decision) => decision,
                },
                Some(Target::Jump(_) | Target::Return) => {
                    read = position + 1;
                    break;
                }
                Some(Target::Accept) => Decision::Accept,
                Some(Target::Drop) => Decision::Drop,
                Some(Target::Reject) => Decision::Reject,
                Some(Target::Dnat(ip, port)) => Decision::Dnat(Socket::new(*ip, *port)),
                Some(Target::Masquerade) => Decision::Masquerade,
            };
            (read, decided) = (position + 1, Some(decision));
            break;
        }
        self.recorder.looked_at(read);
        decided
    }

    fn answer(&mut self, matches: &[Match]) -> Answer {
        for condition in matches {
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
            Match::OneIn(count) => self.random.next_u31() < threshold(*count),
            Match::RecentCheck { list, seconds } => self.memory.saw(list, flow.src.ip, *seconds, situation.now),
            Match::RecentSet { list } => {
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
