//! Tables in parts: what stands for all Services, and what each Service port adds. Rule sets that follow each other share the parts
//! that stay, so a change costs what it touches.

use super::sieve::Sieve;
use super::{Match, Origin, Target};
use std::sync::Arc;

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// `filter` or `nat`.
    pub name: &'static str,
    /// The chains that any part may write to, in printing order of their `:CHAIN` lines.
    pub common: &'static [&'static str],
    /// In printing order.
    pub parts: Vec<Arc<Part>>,
}

/// A stretch of a table. Its numbers of chains: first those that are common, then its own; nothing leads into another part's own chains.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Its own chains, in printing order of their `:CHAIN` lines.
    pub chains: Vec<Chain>,
    /// In printing order; within one chain they are walked in this order.
    pub rules: Vec<Rule>,
    /// Positions of the rules that stand in common chains.
    pub in_common: Vec<u32>,
    /// How many chains are common.
    common: u32,
}

/// A chain of one part.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// `KUBE-SVC-…`, or a built-in one such as `PREROUTING`.
    pub name: String,
    /// Positions of its rules in [`Part::rules`], in order.
    pub rules: Vec<u32>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Number of its chain; see [`Part`].
    pub chain: u32,
    /// All must hold; in printing order.
    pub matches: Vec<Match>,
    /// What then happens; `None` only matches (and counts).
    pub target: Option<Target>,
    /// Why it stands there.
    pub origin: Arc<Origin>,
    pub(super) sieve: Sieve,
}

impl Table {
    /// All rules in printing order, each with its part.
    pub fn rules(&self) -> impl Iterator<Item = (&Part, &Rule)> {
        self.parts.iter().flat_map(|part| part.rules.iter().map(|rule| (part.as_ref(), rule)))
    }

    /// The name of a chain by its number in a part.
    pub fn chain_name<'a>(&'a self, part: &'a Part, number: u32) -> &'a str {
        let common = self.common.get(number as usize).copied();
        common.or_else(|| Some(part.own_chain(number)?.name.as_str())).unwrap_or_default()
    }

    /// At which place in its chain a rule stands, from 0.
    pub fn index(&self, part: u32, rule: u32) -> Option<u32> {
        let here = self.parts.get(part as usize)?;
        let chain = here.rules.get(rule as usize)?.chain;
        if let Some(own) = here.own_chain(chain) {
            return own.rules.iter().position(|position| *position == rule).map(|index| index as u32);
        }
        let within = |part: &Part, end: u32| {
            let in_chain =
                |position: &&u32| **position < end && part.rules.get(**position as usize).is_some_and(|rule| rule.chain == chain);
            part.in_common.iter().filter(in_chain).count() as u32
        };
        let before: u32 = self.parts.iter().take(part as usize).map(|part| within(part, u32::MAX)).sum();
        Some(before + within(here, rule))
    }
}

impl Part {
    /// An empty part of a table with so many common chains.
    pub fn new(common: usize) -> Part {
        Part { common: common as u32, ..Part::default() }
    }

    /// Declares a chain of its own; answers its number.
    pub fn chain(&mut self, name: impl Into<String>) -> u32 {
        self.chains.push(Chain { name: name.into(), rules: Vec::new() });
        self.number(self.chains.len() - 1)
    }

    /// The number of one of its own chains.
    pub fn number(&self, own: usize) -> u32 {
        self.common + own as u32
    }

    /// The chain of this number, unless it is a common one.
    pub fn own_chain(&self, number: u32) -> Option<&Chain> {
        self.chains.get(number.checked_sub(self.common)? as usize)
    }

    /// Appends a rule to a chain.
    pub fn rule(&mut self, chain: u32, matches: Vec<Match>, target: Option<Target>, origin: &Arc<Origin>) {
        let position = self.rules.len() as u32;
        let own = chain.checked_sub(self.common).and_then(|own| self.chains.get_mut(own as usize));
        own.map_or(&mut self.in_common, |own| &mut own.rules).push(position);
        let sieve = Sieve::of(&matches);
        self.rules.push(Rule { chain, matches, target, origin: Arc::clone(origin), sieve });
    }
}
