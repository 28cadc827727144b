//! One node's kernel: the rules that its kube-proxy wrote, and what it remembers of clients.

use super::story::Tell;
use crate::cluster::Store;
use crate::netfilter::walk::{Decision, Hook, Memory, Program, Situation};
use crate::netfilter::{Origin, RuleSet, print};
use crate::node::kube_proxy::{ProxyConfig, iptables, service_ports};
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
    program: OnceLock<Arc<Program>>,
    pub memory: Memory,
}

impl Kernel {
    pub fn new(config: ProxyConfig, mode: Mode, view: Arc<Store>) -> Kernel {
        Kernel { config, mode, view, program: OnceLock::new(), memory: Memory::default() }
    }

    pub fn program(&self) -> &Arc<Program> {
        self.program.get_or_init(|| {
            let ports = service_ports(&self.view, &self.config.node_name);
            Arc::new(Program::new(Arc::new(iptables::rules(&ports, &self.config))))
        })
    }

    /// The rules as text, whole by themselves.
    pub fn text(&self) -> String {
        match self.mode {
            Mode::Iptables | Mode::Nftables => print::whole(self.program().rules()),
        }
    }

    pub fn walk<T: Tell>(&mut self, hook: Hook, situation: &mut Situation, random: &mut Random, tell: &mut T) -> Decision {
        let program = Arc::clone(self.program());
        program.walk(hook, situation, &mut self.memory, random, tell)
    }
}

/// Why a rule stands there, and the rule as it is cited.
pub(super) fn cite(rules: &RuleSet, table: u32, rule: u32) -> Option<(Arc<Origin>, RuleRef)> {
    let table = rules.tables.get(table as usize)?;
    let found = table.rules.get(rule as usize)?;
    let chain = table.chains.get(found.chain as usize)?;
    let index = chain.rules.iter().position(|position| *position == rule)? as u32;
    let text = print::rule(table, found);
    Some((Arc::clone(&found.origin), RuleRef { table: table.name.into(), chain: chain.name.clone(), index, text }))
}
