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
        self.table.chains.push(Chain { name: name.to_string(), rules: Vec::new() });
        self.by_name.insert(name.to_string(), chain);
        chain
    }

    /// Appends a rule to a chain.
    pub fn rule(&mut self, chain: u32, matches: Vec<Match>, target: Option<Target>, origin: &Arc<Origin>) {
        let position = self.table.rules.len() as u32;
        if let Some(chain) = self.table.chains.get_mut(chain as usize) {
            chain.rules.push(position);
        }
        self.table.rules.push(Rule { chain, matches, target, origin: Arc::clone(origin) });
    }

    /// The finished table.
    pub fn finish(self) -> Table {
        self.table
    }
}
