//! Prints rules as `iptables-restore` reads them, in kube-proxy's own spelling.
//!
//! Follows `pkg/proxy/iptables/proxier.go` of Kubernetes 1.36: comments are quoted where they contain a space, one address has
//! no prefix length, the mark has eight hexadecimal digits, the match module stands before `-p`.

use super::{ConntrackState, Match, Part, Rule, RuleSet, Sense, Table, Target};
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

fn print(rules: &RuleSet, wanted: fn(&str) -> bool) -> String {
    let mut out = String::new();
    for table in &rules.tables {
        let _ = writeln!(out, "*{}", table.name);
        let own = table.parts.iter().flat_map(|part| &part.chains).map(|chain| chain.name.as_str());
        for chain in table.common.iter().copied().chain(own).filter(|chain| !is_built_in(chain)) {
            let _ = writeln!(out, ":{chain} - [0:0]");
        }
        for (part, rule) in table.rules() {
            if wanted(table.chain_name(part, rule.chain)) {
                write_rule(&mut out, table, part, rule);
                out.push('\n');
            }
        }
        out.push_str("COMMIT\n");
    }
    out
}

/// One rule: `-A KUBE-SVC-… -j …`.
pub fn rule(table: &Table, part: &Part, rule: &Rule) -> String {
    let mut out = String::with_capacity(160);
    write_rule(&mut out, table, part, rule);
    out
}

/// Whether the kernel has this chain by itself (`PREROUTING`), so that it is never declared.
pub fn is_built_in(chain: &str) -> bool {
    matches!(chain, "PREROUTING" | "INPUT" | "FORWARD" | "OUTPUT" | "POSTROUTING")
}

fn write_rule(out: &mut String, table: &Table, part: &Part, rule: &Rule) {
    let _ = write!(out, "-A {}", table.chain_name(part, rule.chain));
    for condition in &rule.matches {
        write_match(out, condition);
    }
    if let Some(target) = &rule.target {
        write_target(out, table, part, target);
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

fn write_target(out: &mut String, table: &Table, part: &Part, target: &Target) {
    let _ = match target {
        Target::Jump(chain) => write!(out, " -j {}", table.chain_name(part, *chain)),
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
