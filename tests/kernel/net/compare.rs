//! One case, both ways: what kubehop's trace says, and what the kernel did.

use super::{EDGE, Lab, OUTSIDE, role, script, word};
use crate::cases::Case;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};

/// What came of one connection: verdict, Pod's address and port, source as the Pod saw it.
type Fate = (String, String, String);

impl Lab {
    fn target(&self, text: &str) -> Result<String, String> {
        let Some((before, rest)) = text.split_once('{') else { return Ok(text.to_string()) };
        let (name, after) = rest.split_once('}').ok_or("an open brace")?;
        let address = match name.strip_prefix("pod:") {
            Some(label) => self.pod(label)?.ip.clone(),
            None => self.services.get(name).cloned().ok_or_else(|| format!("no Service {name}"))?,
        };
        Ok(format!("{before}{address}{after}"))
    }

    /// Compares one case: what the kernel did with what the trace says.
    pub fn compare(&mut self, case: &Case) -> Result<(), String> {
        let target = self.target(case.target)?;
        let said = self.said(case, &target)?;
        let done = if case.held { self.done_over_held(case, &target)? } else { self.done(case, &target)? };
        let (said_set, done_set): (BTreeSet<&Fate>, BTreeSet<&Fate>) = (said.iter().collect(), done.iter().collect());
        let verdicts = |fates: &BTreeSet<&Fate>| fates.iter().map(|fate| fate.0.clone()).collect::<BTreeSet<_>>();
        let same = if case.sticky {
            verdicts(&said_set) == verdicts(&done_set) && said_set.len() == done_set.len()
        } else {
            said_set == done_set
        };
        if !same {
            return Err(format!("{target} from {}\n    kubehop: {said_set:?}\n    kernel:  {done_set:?}", case.from));
        }
        if case.spread {
            even(&said).map_err(|why| format!("kubehop: {why}"))?;
            even(&done).map_err(|why| format!("kernel: {why}"))?;
        }
        Ok(())
    }

    fn said(&self, case: &Case, target: &str) -> Result<Vec<Fate>, String> {
        let from = match case.from.strip_prefix("pod:") {
            Some(label) => format!("pod/default/{}", self.pod(label)?.name),
            None => case.from.to_string(),
        };
        let count = match case.count {
            1 => "4".to_string(),
            count => count.max(80).to_string(),
        };
        let mut words = vec!["trace", target, "--from", &from, "-o", "json", "--mode", &self.mode];
        if let Some(node) = case.via {
            words.extend(["--via", node]);
        }
        let mut lines = String::new();
        if case.held {
            // A connection each.
            for seed in 1..=case.count {
                let seed = seed.to_string();
                let one: Vec<&str> = words.iter().copied().chain(["--keep-alive", "--seed", &seed]).collect();
                lines += &self.kubehop(&one, case.events)?;
            }
        } else {
            words.extend(["--count", &count]);
            lines = self.kubehop(&words, &[])?;
        }
        lines.lines().map(|line| said_fate(line, target)).collect()
    }

    fn space_of(&self, case: &Case) -> Result<String, String> {
        Ok(match case.from.split_once([':', '/']) {
            Some(("pod", label)) => self.pod(label)?.space.clone(),
            Some((_, node)) => format!("kubehop-{node}"),
            None => OUTSIDE.to_string(),
        })
    }

    fn done(&self, case: &Case, target: &str) -> Result<Vec<Fate>, String> {
        let (protocol, address) = target.split_once("://").unwrap_or(("tcp", target));
        let ip = address.split(':').next().unwrap_or_default();
        if let Some(node) = case.via {
            let number: usize = node.trim_start_matches("node-").parse().map_err(|_| "not a node")?;
            script(&format!("ip -n {EDGE} route add {ip}/32 via 10.0.0.{}", 10 + number))?;
        }
        let patience = if case.patient { "long" } else { "short" };
        let mut client = role(&self.space_of(case)?, &["connect", protocol, address, &case.count.to_string(), patience])?;
        let mut output = String::new();
        let read = client.stdout.take().ok_or("no output")?.read_to_string(&mut output).map_err(|error| error.to_string());
        let ended = client.wait().map_err(|error| error.to_string());
        if case.via.is_some() {
            script(&format!("ip -n {EDGE} route del {ip}/32"))?;
        }
        read.and(ended)?;
        Ok(output.lines().map(done_fate).collect())
    }

    /// Opens connections, plays the events, and speaks over them again.
    fn done_over_held(&mut self, case: &Case, target: &str) -> Result<Vec<Fate>, String> {
        let (protocol, address) = target.split_once("://").unwrap_or(("tcp", target));
        let mut client = role(&self.space_of(case)?, &["hold", protocol, address, &case.count.to_string()])?;
        let mut output = BufReader::new(client.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        for _ in 0..case.count {
            line.clear();
            output.read_line(&mut line).map_err(|error| error.to_string())?;
            if !line.starts_with("delivered") {
                return Err(format!("a connection could not be opened: {line}"));
            }
        }
        self.play(case)?;
        client.stdin.take().ok_or("no input")?.write_all(b"go\n").map_err(|error| error.to_string())?;
        let mut again = String::new();
        output.read_to_string(&mut again).map_err(|error| error.to_string())?;
        client.wait().map_err(|error| error.to_string())?;
        Ok(again.lines().map(done_fate).collect())
    }
}

/// A line of `trace -o json`. Only a delivered request is seen by a Pod from the client's side of the wire; a ping is answered
/// without telling whom it came from.
fn said_fate(line: &str, target: &str) -> Result<Fate, String> {
    let trace: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
    let verdict = word(&trace["verdict"]);
    if verdict != "delivered" {
        return Ok((verdict, String::new(), String::new()));
    }
    if let Some(address) = target.strip_prefix("icmp://") {
        return Ok((verdict, address.to_string(), "-".to_string()));
    }
    let ip = |socket: &Value| socket.as_str().and_then(|text| text.split(':').next()).unwrap_or_default().to_string();
    let answers = trace["hops"].as_array().and_then(|hops| hops.iter().find(|hop| hop["reason"] == "ProcessAnswers"));
    match answers {
        // A server outside is no Pod.
        Some(hop) if trace["podIP"].is_null() => Ok((verdict, ip(&hop["before"]["dst"]), ip(&hop["before"]["src"]))),
        _ => Ok((verdict, word(&trace["podIP"]), word(&trace["sourceSeenByPod"]))),
    }
}

/// A line of the client: `delivered IP PORT SOURCE`, `refused` …
fn done_fate(line: &str) -> Fate {
    let mut words = line.split_whitespace().map(str::to_string);
    let (verdict, pod, _, source) = (words.next(), words.next(), words.next(), words.next());
    (verdict.unwrap_or_default(), pod.unwrap_or_default(), source.unwrap_or_default())
}

/// Whether the Pods take even shares: each within five standard deviations.
fn even(fates: &[Fate]) -> Result<(), String> {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    for fate in fates {
        *shares.entry(&fate.1).or_default() += 1.0;
    }
    let (all, pods) = (fates.len() as f64, shares.len() as f64);
    let (mean, deviation) = (all / pods, (all * (1.0 / pods) * (1.0 - 1.0 / pods)).sqrt());
    let off = shares.iter().find(|(_, share)| (**share - mean).abs() > 5.0 * deviation);
    off.map_or(Ok(()), |_| Err(format!("uneven: {shares:?}")))
}
