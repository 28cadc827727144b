//! One node's kernel: the rules that its kube-proxy wrote, and what it remembers of clients.

use crate::cluster::Store;
use crate::netfilter::answers::{Answer, Answers};
use crate::netfilter::nft::walk::ELEMENTS;
use crate::netfilter::nft::{NftTable, Statement};
use crate::netfilter::walk::{Decision, Hook, Memory, Program, RulePlace, Situation};
use crate::netfilter::{Meaning, Origin, Part, Rule, Target, print};
use crate::node::kube_proxy::{ChangeTracker, ProxyConfig, ServicePorts, iptables, nftables};
use crate::packet::Socket;
use crate::random::Random;
use crate::settings::Mode;
use crate::trace::RuleRef;
use std::sync::{Arc, OnceLock};

/// A node's kernel. Its rules are written when the first packet meets them.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    pub config: ProxyConfig,
    mode: Mode,
    /// What its kube-proxy last saw.
    view: Arc<Store>,
    sync: Arc<OnceLock<Synced>>,
    /// Of the same kube-proxy, for an earlier view.
    before: Option<Arc<OnceLock<Synced>>>,
    pub memory: Memory,
    /// What these rules answered before.
    answers: Answers,
}

/// What a kube-proxy wrote, and what it has to know to write only what changed.
#[derive(Clone, Debug)]
struct Synced {
    tracker: ChangeTracker,
    written: iptables::Written,
    rules: Rules,
}

/// The rules of one mode.
#[derive(Clone, Debug)]
pub(super) enum Rules {
    Iptables(Arc<Program>),
    Nftables(Arc<NftTable>),
}

/// A rule as it is told: why it stands there, how it is written, and what else it says.
pub(super) struct Cited {
    pub origin: Arc<Origin>,
    pub rule: RuleRef,
    /// Sets the mark by itself.
    pub marks: bool,
    /// Picks: which of how many endpoints, from 1, and its address.
    pub pick: Option<(usize, usize, String)>,
}

impl Kernel {
    pub fn new(config: ProxyConfig, mode: Mode, view: Arc<Store>) -> Kernel {
        Kernel { config, mode, view, sync: Arc::default(), before: None, memory: Memory::default(), answers: Answers::default() }
    }

    /// The kernel of the same machine before a change: it remembers clients, and its kube-proxy what it wrote.
    pub fn follows(&mut self, old: &Kernel) {
        self.memory = old.memory.clone();
        if (&self.config, self.mode) == (&old.config, old.mode) {
            self.before = if old.sync.get().is_some() { Some(Arc::clone(&old.sync)) } else { old.before.clone() };
        }
    }

    pub fn rules(&self) -> &Rules {
        &self.sync.get_or_init(|| self.sync()).rules
    }

    /// The Service ports that its kube-proxy knows, with their endpoints.
    pub fn service_ports(&self) -> ServicePorts {
        self.sync.get_or_init(|| self.sync()).tracker.ports()
    }

    fn sync(&self) -> Synced {
        let before = self.before.as_deref().and_then(OnceLock::get);
        let nothing = ChangeTracker::default();
        let tracker = before.map_or(&nothing, |before| &before.tracker).update(&self.view, &self.config.node_name);
        if let Some(same) = before.filter(|before| before.tracker.is_same(&tracker)) {
            return same.clone();
        }
        let ports = tracker.ports();
        match self.mode {
            Mode::Iptables => {
                let nothing = iptables::Written::default();
                let last = before.map_or(&nothing, |before| &before.written);
                let (written, rules) = last.update(&ports, &self.config);
                Synced { tracker, written, rules: Rules::Iptables(Arc::new(Program::new(Arc::new(rules)))) }
            }
            Mode::Nftables => {
                let rules = Rules::Nftables(Arc::new(nftables::table(&ports, &self.config)));
                Synced { tracker, written: iptables::Written::default(), rules }
            }
        }
    }

    /// The rules as text, whole by themselves.
    pub fn text(&self) -> String {
        match self.rules() {
            Rules::Iptables(program) => print::whole(program.rules()),
            Rules::Nftables(table) => table.print(),
        }
    }

    /// Lets a packet meet the rules of one hook.
    #[inline(always)]
    pub fn walk(&mut self, hook: Hook, situation: &mut Situation, random: &mut Random) -> Option<&Arc<Answer>> {
        // The memory changes while the rules are read, so they are taken as fields of their own.
        if self.sync.get().is_none() {
            self.rules();
        }
        let Kernel { sync, memory, answers, .. } = self;
        let rules = &sync.get()?.rules;
        answers.ask(hook, situation, random, |situation, random, noted| match rules {
            Rules::Iptables(program) => program.walk(hook, situation, memory, random, noted),
            Rules::Nftables(table) => table.walk(hook, situation, memory, random, noted),
        })
    }
}

impl Rules {
    /// A rule that a recorder noted, and what the hook decided in the end.
    pub fn cite(&self, place: RulePlace, decision: Decision) -> Option<Cited> {
        match self {
            Rules::Iptables(program) => cite_iptables(program, place),
            Rules::Nftables(rules) if place.table == ELEMENTS => cite_element(rules, place.rule),
            Rules::Nftables(rules) => cite_nftables(rules, place.rule, decision),
        }
    }
}

fn cite_iptables(program: &Program, place: RulePlace) -> Option<Cited> {
    let table = program.rules().tables.get(place.table as usize)?;
    let part = table.parts.get(place.part as usize)?;
    let found = part.rules.get(place.rule as usize)?;
    let index = table.index(place.part, place.rule)?;
    let text = print::rule(table, part, found);
    let origin = Arc::clone(&found.origin);
    let pick = origin.meaning.picks().then(|| {
        let is_pick = |number: &&u32| part.rules.get(**number as usize).is_some_and(|rule| rule.origin.meaning.picks());
        let chain = part.own_chain(found.chain).map_or(&[][..], |chain| &chain.rules);
        let picks: Vec<u32> = chain.iter().filter(is_pick).copied().collect();
        let which = picks.iter().position(|number| *number == place.rule).unwrap_or_default() + 1;
        (which, picks.len(), endpoint_behind(part, found).unwrap_or_default())
    });
    let cited = RuleRef { table: table.name.into(), chain: table.chain_name(part, found.chain).into(), index, text };
    Some(Cited { marks: origin.meaning == Meaning::Mark, origin, rule: cited, pick })
}

/// The address behind the chain that a picking rule jumps to.
fn endpoint_behind(part: &Part, rule: &Rule) -> Option<String> {
    let Some(Target::Jump(chain)) = rule.target else { return None };
    part.own_chain(chain)?.rules.iter().find_map(|number| match part.rules.get(*number as usize)?.target? {
        Target::Dnat(ip, port) => Some(format!("{ip}:{port}")),
        _ => None,
    })
}

fn cite_element(table: &NftTable, number: u32) -> Option<Cited> {
    let element = table.elements.get(number as usize)?;
    let text = table.print_element(element).trim_end().to_string();
    let elements = &table.containers.get(element.container)?.elements;
    let index = elements.keys().position(|key| *key == element.key)? as u32;
    let rule = RuleRef { table: "ip kube-proxy".into(), chain: element.container.into(), index, text };
    Some(Cited { origin: Arc::clone(&element.origin), rule, marks: false, pick: None })
}

fn cite_nftables(table: &NftTable, number: u32, decision: Decision) -> Option<Cited> {
    let rule = table.rules.get(number as usize)?;
    let chain = table.chains.get(rule.chain as usize)?;
    let index = chain.rules.iter().position(|other| *other == number)? as u32;
    let text = table.print_rule(rule);
    let endpoints: Vec<Socket> = match &rule.statement {
        Statement::DnatToOneOf(all) => all.clone(),
        Statement::GotoOneOf(all) => all.iter().map(|(_, endpoint)| *endpoint).collect(),
        _ => Vec::new(),
    };
    let pick = match decision {
        Decision::Dnat(to) => {
            endpoints.iter().position(|endpoint| *endpoint == to).map(|at| (at + 1, endpoints.len(), to.to_string()))
        }
        _ => None,
    };
    let cited = RuleRef { table: "ip kube-proxy".into(), chain: chain.name.clone(), index, text };
    let marks = matches!(rule.statement, Statement::MarkOr(_));
    Some(Cited { origin: Arc::clone(&rule.origin), rule: cited, marks, pick })
}
