//! Prints rules as `iptables-restore` reads them, in kube-proxy's own spelling.
//!
//! Follows `pkg/proxy/iptables/proxier.go` of Kubernetes 1.36: comments are quoted where they contain a space, one address has
//! no prefix length, the mark has eight hexadecimal digits, the match module stands before `-p`.

use super::{Chain, ConntrackState, Match, Rule, RuleSet, Sense, Table, Target};
use std::fmt::Write;

/// The whole rule set: kube-proxy's restore text, and at the end of each table the jumps from the built-in chains, which
/// kube-proxy installs one by one. `iptables-restore --noflush` takes it.
pub fn whole(rules: &RuleSet) -> String {
    print(rules, |_| true)
}

/// kube-proxy's restore text alone, without the jumps from the built-in chains.
pub fn restore_text(rules: &RuleSet) -> String {
    print(rules, |chain| !is_built_in(chain))
}

fn print(rules: &RuleSet, wanted: fn(&Chain) -> bool) -> String {
    let mut out = String::new();
    for table in &rules.tables {
        let _ = writeln!(out, "*{}", table.name);
        for chain in table.chains.iter().filter(|chain| !is_built_in(chain)) {
            let _ = writeln!(out, ":{} - [0:0]", chain.name);
        }
        for rule in &table.rules {
            if table.chains.get(rule.chain as usize).is_some_and(wanted) {
                write_rule(&mut out, table, rule);
                out.push('\n');
            }
        }
        out.push_str("COMMIT\n");
    }
    out
}

/// One rule: `-A KUBE-SVC-… -j …`.
pub fn rule(table: &Table, rule: &Rule) -> String {
    let mut out = String::with_capacity(160);
    write_rule(&mut out, table, rule);
    out
}

/// Whether the kernel has this chain by itself (`PREROUTING`), so that it is never declared.
pub fn is_built_in(chain: &Chain) -> bool {
    matches!(&*chain.name, "PREROUTING" | "INPUT" | "FORWARD" | "OUTPUT" | "POSTROUTING")
}

fn chain_name(table: &Table, chain: u32) -> &str {
    table.chains.get(chain as usize).map_or("", |chain| &*chain.name)
}

fn write_rule(out: &mut String, table: &Table, rule: &Rule) {
    let _ = write!(out, "-A {}", chain_name(table, rule.chain));
    for condition in rule.matches.iter() {
        write_match(out, condition);
    }
    if let Some(target) = &rule.target {
        write_target(out, table, target);
    }
}

fn write_match(out: &mut String, condition: &Match) {
    let _ = match condition {
        Match::Comment(text) if text.contains(' ') => write!(out, " -m comment --comment \"{text}\""),
        Match::Comment(text) => write!(out, " -m comment --comment {text}"),
        Match::Protocol(protocol) => write!(out, " -p {}", protocol.rule_name()),
        Match::Module(protocol) => write!(out, " -m {}", protocol.rule_name()),
        Match::SourceAddress(ip) => write!(out, " -s {ip}"),
        Match::DestinationAddress(ip) => write!(out, " -d {ip}"),
        Match::Source(range, sense) => write!(out, "{} -s {range}", bang(*sense)),
        Match::Destination(range, sense) => write!(out, "{} -d {range}", bang(*sense)),
        Match::DestinationPort(port) => write!(out, " --dport {port}"),
        Match::SourceIsLocal => write!(out, " -m addrtype --src-type LOCAL"),
        Match::DestinationIsLocal(sense) => write!(out, " -m addrtype{} --dst-type LOCAL", bang(*sense)),
        Match::ConntrackState(states) => write!(out, " -m conntrack --ctstate {}", state_list(states)),
        Match::NotConntrackState(states) => write!(out, " -m conntrack ! --ctstate {}", state_list(states)),
        Match::Mark(value, mask, sense) => write!(out, " -m mark{} --mark {value:#010x}/{mask:#010x}", bang(*sense)),
        Match::OneIn(count) => write!(out, " -m statistic --mode random --probability {}", probability(*count)),
        Match::RecentCheck { list, seconds } => {
            write!(out, " -m recent --name {list} --rcheck --seconds {seconds} --reap")
        }
        Match::RecentSet { list } => write!(out, " -m recent --name {list} --set"),
    };
}

fn write_target(out: &mut String, table: &Table, target: &Target) {
    let _ = match target {
        Target::Jump(chain) => write!(out, " -j {}", chain_name(table, *chain)),
        Target::Accept => write!(out, " -j ACCEPT"),
        Target::Drop => write!(out, " -j DROP"),
        Target::Reject => write!(out, " -j REJECT"),
        Target::Return => write!(out, " -j RETURN"),
        Target::MarkOr(bits) => write!(out, " -j MARK --or-mark {bits:#010x}"),
        Target::MarkXor(bits) => write!(out, " -j MARK --xor-mark {bits:#010x}"),
        Target::Dnat(ip, port) => write!(out, " -j DNAT --to-destination {ip}:{port}"),
        Target::Masquerade => write!(out, " -j MASQUERADE --random-fully"),
    };
}

fn bang(sense: Sense) -> &'static str {
    match sense {
        Sense::Is => "",
        Sense::Not => " !",
    }
}

fn state_list(states: &[ConntrackState]) -> String {
    let names: Vec<&str> = states
        .iter()
        .map(|state| match state {
            ConntrackState::New => "NEW",
            ConntrackState::Established => "ESTABLISHED",
            ConntrackState::Related => "RELATED",
            ConntrackState::Invalid => "INVALID",
            ConntrackState::Dnat => "DNAT",
        })
        .collect();
    names.join(",")
}

/// `1/count` with ten digits, as `%0.10f` prints it: `0.3333333333`.
pub fn probability(count: u32) -> String {
    let parts = probability_in_ten_billionths(count);
    format!("{}.{:010}", parts / TEN_BILLION, parts % TEN_BILLION)
}

const TEN_BILLION: u64 = 10_000_000_000;

/// `1/count`, rounded to ten digits.
pub fn probability_in_ten_billionths(count: u32) -> u64 {
    let count = u64::from(count.max(1));
    (TEN_BILLION + count / 2) / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_have_ten_digits_as_in_upstream() {
        assert_eq!(probability(3), "0.3333333333");
        assert_eq!(probability(2), "0.5000000000");
        assert_eq!(probability(7), "0.1428571429");
        for count in 2..2000 {
            assert_eq!(probability(count), format!("{:.10}", 1.0 / f64::from(count)));
        }
    }
}
