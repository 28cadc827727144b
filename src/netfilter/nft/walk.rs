//! A packet walks an nftables table. Follows the kernel's `nf_tables_core.c`, `nft_numgen.c` and `nft_dynset.c`.

use super::super::walk::{Decision, Hook, Memory, Recorder, RulePlace, Situation};
use super::{Condition, ElementVerdict, Key, NftTable, Statement};
use crate::netfilter::ConntrackState;
use crate::random::{Lots, Random};

/// Recorders see rules as those of table 0, elements of maps as those of table 1.
pub const RULES: u32 = 0;
/// See [`RULES`].
pub const ELEMENTS: u32 = 1;

/// Chains call each other no deeper than this (`NFT_JUMP_STACK_SIZE`).
const DEEPEST: u32 = 16;

fn place(table: u32, rule: u32) -> RulePlace {
    RulePlace { table, part: 0, rule }
}

/// The base chains of a hook, in the order of their priorities.
fn base_chains(hook: Hook) -> &'static [&'static str] {
    match hook {
        Hook::NatPrerouting => &["filter-prerouting-pre-dnat", "nat-prerouting"],
        Hook::NatOutput => &["filter-output-pre-dnat", "nat-output"],
        Hook::FilterInput => &["filter-input"],
        Hook::FilterForward => &["filter-forward"],
        Hook::FilterOutput => &["filter-output"],
        Hook::NatPostrouting => &["nat-postrouting"],
    }
}

impl NftTable {
    /// Lets the packet meet the rules of one hook.
    pub fn walk<R: Recorder>(
        &self,
        hook: Hook,
        situation: &mut Situation,
        memory: &mut Memory,
        random: &mut Random,
        recorder: &mut R,
    ) -> Decision {
        let mut walk = Walk { table: self, situation, memory, random, recorder };
        for name in base_chains(hook) {
            // Base chains are the first that are declared.
            let chain = self.chains.iter().take(8).position(|chain| chain.name == *name);
            let Some(decision) = chain.and_then(|chain| walk.chain(chain as u32, 0)) else { continue };
            if decision != Decision::Accept {
                return decision;
            }
        }
        Decision::Accept
    }
}

struct Walk<'a, R> {
    table: &'a NftTable,
    situation: &'a mut Situation,
    memory: &'a mut Memory,
    random: &'a mut Random,
    recorder: &'a mut R,
}

impl<R: Recorder> Walk<'_, R> {
    /// Walks one chain; `None`: its end was reached.
    fn chain(&mut self, chain: u32, depth: u32) -> Option<Decision> {
        let table = self.table;
        if depth >= DEEPEST {
            return None;
        }
        for number in &table.chains.get(chain as usize)?.rules {
            let Some(rule) = table.rules.get(*number as usize) else { continue };
            self.recorder.looked_at(1);
            if !rule.conditions.iter().all(|condition| self.holds(condition)) {
                let forgotten = matches!(rule.conditions.as_slice(), [Condition::SourceRemembered(..)]);
                if forgotten {
                    self.recorder.rule(place(RULES, *number), false);
                }
                continue;
            }
            match &rule.statement {
                Statement::LookUpService(map) => {
                    let flow = self.situation.packet.flow;
                    let key = Key::Service(flow.dst.ip, self.situation.packet.protocol, flow.dst.port);
                    if let Some(done) = self.look_up(*number, map, key, depth) {
                        return done;
                    }
                    continue;
                }
                Statement::LookUpPort(map) => {
                    let key = Key::Port(self.situation.packet.protocol, self.situation.packet.flow.dst.port);
                    if let Some(done) = self.look_up(*number, map, key, depth) {
                        return done;
                    }
                    continue;
                }
                _ => self.recorder.rule(place(RULES, *number), true),
            }
            if let Some(done) = self.carry_out(&rule.statement, depth) {
                return done;
            }
        }
        None
    }

    /// `Some`: the chain ends, with this decision or none.
    fn carry_out(&mut self, statement: &Statement, depth: u32) -> Option<Option<Decision>> {
        match statement {
            Statement::Jump(chain) => self.chain(*chain, depth + 1).map(Some),
            Statement::Goto(chain) => Some(self.chain(*chain, depth + 1)),
            Statement::Drop => Some(Some(Decision::Drop)),
            Statement::Reject => Some(Some(Decision::Reject)),
            Statement::MarkOr(bits) => {
                self.situation.packet.mark |= bits;
                None
            }
            Statement::UnmarkAndMasquerade(bits) => {
                self.situation.packet.mark ^= bits;
                Some(Some(Decision::Masquerade))
            }
            Statement::Masquerade => Some(Some(Decision::Masquerade)),
            Statement::DnatToOneOf(endpoints) => {
                let to = endpoints.get(self.numgen(endpoints.len()))?;
                Some(Some(Decision::Dnat(*to)))
            }
            Statement::GotoOneOf(chains) => {
                let (chain, _) = chains.get(self.numgen(chains.len()))?;
                Some(self.chain(*chain, depth + 1))
            }
            Statement::Remember(set) => {
                let client = self.situation.packet.flow.src.ip;
                self.recorder.memory();
                self.memory.note(set, client, self.situation.now);
                None
            }
            Statement::Dnat(to) => Some(Some(Decision::Dnat(*to))),
            Statement::LookUpService(_) | Statement::LookUpPort(_) => None,
        }
    }

    /// `numgen random mod N`
    fn numgen(&mut self, modulus: usize) -> usize {
        let lots = Lots::Below(modulus as u32);
        let drawn = self.random.decide(lots);
        self.recorder.lots(lots, drawn);
        drawn as usize
    }

    fn look_up(&mut self, rule: u32, map: &str, key: Key, depth: u32) -> Option<Option<Decision>> {
        let number = *self.table.containers.get(map)?.elements.get(&key)?;
        let element = self.table.elements.get(number as usize)?;
        self.recorder.rule(place(RULES, rule), true);
        self.recorder.rule(place(ELEMENTS, number), true);
        match element.verdict? {
            ElementVerdict::Goto(chain) => Some(self.chain(chain, depth + 1)),
            ElementVerdict::Drop => Some(Some(Decision::Drop)),
        }
    }

    fn holds(&mut self, condition: &Condition) -> bool {
        let situation = &*self.situation;
        let flow = situation.packet.flow;
        let contains =
            |set: &str, key: Key| self.table.containers.get(set).is_some_and(|container| container.elements.contains_key(&key));
        match condition {
            Condition::StateNew => situation.state == ConntrackState::New,
            Condition::StatusDnat => situation.dnat,
            Condition::DestinationIn(set) => contains(set, Key::Address(flow.dst.ip)),
            Condition::DestinationRange(range) => range.contains(flow.dst.ip),
            Condition::Source(range) => range.contains(flow.src.ip),
            Condition::SourceNot(range) => !range.contains(flow.src.ip),
            Condition::SourceNotIn(ranges, addresses) => {
                !ranges.iter().any(|range| range.contains(flow.src.ip)) && !addresses.contains(&flow.src.ip)
            }
            Condition::SourceIsLocal => situation.is_local(flow.src.ip),
            Condition::SourceRemembered(set, seconds) => {
                self.recorder.memory();
                self.memory.saw(set, flow.src.ip, *seconds, situation.now)
            }
            Condition::Protocol(protocol) => situation.packet.protocol == *protocol,
            Condition::Marked(bits) => situation.packet.mark & bits != 0,
            Condition::ConnectionIn(set) => {
                contains(set, Key::Connection(flow.src.ip, flow.dst.ip, situation.packet.protocol, flow.dst.port))
            }
        }
    }
}
