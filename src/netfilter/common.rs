//! The chains that all Services write into, as a packet enters them: the rules of all parts in order, and, where there are many,
//! an index by what they ask of the destination.

use super::Table;
use super::sieve::Sieve;
use crate::packet::Socket;

/// A common chain, put together from all parts of its table.
#[derive(Clone, Debug, Default)]
pub(super) struct Common {
    pub(super) rules: Vec<Listed>,
    pub(super) index: Option<ChainIndex>,
}

/// A rule of a common chain; its sieve stands here again, so that a rule that says no is not even fetched.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) part: u32,
    pub(super) rule: u32,
    pub(super) sieve: Sieve,
}

/// Positions in a chain, by what a rule asks of the destination; sorted, so that the lists of one key stand together.
#[derive(Clone, Debug, Default)]
pub(super) struct ChainIndex {
    by_address: Vec<(u32, u32)>,
    by_port: Vec<(u32, u32)>,
    others: Vec<(u32, u32)>,
}

/// Shorter chains are walked rule by rule.
const WORTH_AN_INDEX: usize = 8;

impl Common {
    /// Those of a table.
    pub(super) fn of(table: &Table) -> Vec<Common> {
        let mut chains = vec![Common::default(); table.common.len()];
        for (number, part) in (0u32..).zip(&table.parts) {
            for position in &part.in_common {
                let Some(rule) = part.rules.get(*position as usize) else { continue };
                let Some(chain) = chains.get_mut(rule.chain as usize) else { continue };
                chain.rules.push(Listed { part: number, rule: *position, sieve: rule.sieve.clone() });
            }
        }
        chains
    }

    /// From now on only the rules are looked at that could match the destination.
    pub(super) fn enter_by_destination(&mut self) {
        self.index = index(&self.rules);
    }
}

fn index(rules: &[Listed]) -> Option<ChainIndex> {
    if rules.len() < WORTH_AN_INDEX {
        return None;
    }
    let mut index = ChainIndex::default();
    for (position, rule) in (0u32..).zip(rules) {
        match rule.sieve.destination() {
            (Some(ip), _) => index.by_address.push((ip, position)),
            (None, Some(port)) => index.by_port.push((port.into(), position)),
            (None, None) => index.others.push((0, position)),
        }
    }
    index.by_address.sort_unstable();
    index.by_port.sort_unstable();
    // Where no rule asks for a destination, an index would list all rules.
    (index.others.len() < rules.len()).then_some(index)
}

/// The positions of an indexed chain whose rules could match, in order: what is left of each list.
pub(super) struct Candidates<'a>([&'a [(u32, u32)]; 3]);

impl<'a> Candidates<'a> {
    pub(super) fn of(index: &'a ChainIndex, destination: Socket) -> Candidates<'a> {
        let by_address = of_key(&index.by_address, destination.ip.into());
        Candidates([by_address, of_key(&index.by_port, destination.port.into()), &index.others])
    }

    pub(super) fn next(&mut self) -> Option<u32> {
        let lists = self.0.iter_mut().filter(|list| !list.is_empty());
        let first = lists.min_by_key(|list| list.first().map(|first| first.1))?;
        let ((_, position), others) = first.split_first()?;
        *first = others;
        Some(*position)
    }
}

/// The entries of one key in a sorted list.
fn of_key(list: &[(u32, u32)], key: u32) -> &[(u32, u32)] {
    let start = list.partition_point(|entry| entry.0 < key);
    let from = list.get(start..).unwrap_or_default();
    let length = from.iter().take_while(|entry| entry.0 == key).count();
    from.get(..length).unwrap_or_default()
}
