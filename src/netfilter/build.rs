//! Puts a table together: chains by name, rules in printing order.

use super::{Chain, Match, Origin, Rule, Table, Target};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A table under construction.
#[derive(Debug)]
pub struct TableBuilder {
    table: Table,
    by_name: BTreeMap<String, u32>,
}

impl TableBuilder {
    /// An empty table: `filter` or `nat`.
    pub fn new(name: &'static str) -> TableBuilder {
        TableBuilder { table: Table { name, chains: Vec::new(), rules: Vec::new() }, by_name: BTreeMap::new() }
    }

    /// The chain of this name; declared now, if it was not yet.
    pub fn chain(&mut self, name: &str) -> u32 {
        if let Some(chain) = self.by_name.get(name) {
            return *chain;
        }
        let chain = self.table.chains.len() as u32;
        self.table.chains.push(Chain { name: name.into(), rules: Vec::new() });
        self.by_name.insert(name.to_string(), chain);
        chain
    }

    /// How many chains there are.
    pub fn chains(&self) -> u32 {
        self.table.chains.len() as u32
    }

    /// Appends a rule to a chain.
    pub fn rule(&mut self, chain: u32, matches: Vec<Match>, target: Option<Target>, origin: &Arc<Origin>) {
        let position = self.table.rules.len() as u32;
        if let Some(chain) = self.table.chains.get_mut(chain as usize) {
            chain.rules.push(position);
        }
        self.table.rules.push(Rule { chain, matches: matches.into(), target, origin: Arc::clone(origin) });
    }

    /// Appends another table whose first chains, so many, are those of this one; its other chains follow as new ones.
    pub fn append(&mut self, other: &Table, shared: u32) {
        let base = self.table.chains.len() as u32;
        let here = |chain: u32| if chain < shared { chain } else { chain - shared + base };
        let others = other.chains.iter().skip(shared as usize);
        self.table
            .chains
            .extend(others.map(|chain| Chain { name: Arc::clone(&chain.name), rules: Vec::with_capacity(chain.rules.len()) }));
        for rule in &other.rules {
            let position = self.table.rules.len() as u32;
            let mut rule = rule.clone();
            rule.chain = here(rule.chain);
            if let Some(Target::Jump(to)) = &mut rule.target {
                *to = here(*to);
            }
            if let Some(chain) = self.table.chains.get_mut(rule.chain as usize) {
                chain.rules.push(position);
            }
            self.table.rules.push(rule);
        }
    }

    /// The finished table.
    pub fn finish(self) -> Table {
        self.table
    }
}
