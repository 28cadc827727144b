//! Against a real kernel: a cluster built from network namespaces, the rules that `kubehop rules` prints loaded into each
//! node, real connections, and their fate compared with what `kubehop trace` says.
//!
//! Needs root, `ip` and `iptables-restore` (`nft` for the nftables cases); says why when it must skip. It uses namespaces
//! that it made itself (their names begin with `kubehop-`) and removes them.
//!
//! The test program plays several roles, chosen by its first argument: the comparison itself, a server inside a Pod, a client
//! that connects and prints what came of it, one that keeps its connections, and the part of kube-proxy that forgets connections.

mod cases;
mod net;
mod roles;

use cases::{Case, cases};
use net::{Lab, missing_tool};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("serve") => roles::serve(&args[2..]),
        Some("connect") => roles::connect(&args[2..]),
        Some("hold") => roles::hold(&args[2..]),
        Some("forget") => roles::forget(),
        _ => compare(args.get(1).filter(|word| !word.starts_with('-')).map(String::as_str)),
    }
}

/// Whether `static/proof.txt` claims no more than was compared; `UPDATE=1` writes the number there.
fn is_noted(passed: usize) -> bool {
    const FILE: &str = "static/proof.txt";
    let text = std::fs::read_to_string(FILE).unwrap_or_default();
    let claimed = text.lines().find(|line| line.starts_with("kernel ")).unwrap_or("kernel 0");
    if std::env::var_os("UPDATE").is_some() {
        let _ = std::fs::write(FILE, text.replace(claimed, &format!("kernel {passed}")));
        return true;
    }
    claimed.trim_start_matches("kernel ").parse::<usize>().is_ok_and(|claimed| claimed <= passed)
}

fn compare(only: Option<&str>) -> ExitCode {
    if let Some(why) = missing_tool() {
        println!("skipped: the comparison with a real kernel needs {why}");
        println!("0 passed, 0 failed, 1 skipped");
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0usize, 0);
    for mode in ["iptables", "nftables"] {
        let chosen: Vec<Case> =
            cases().into_iter().filter(|case| case.runs_in(mode) && only.is_none_or(|only| case.name.contains(only))).collect();
        let mut labs: Vec<(&str, &[&str], Option<&str>)> = chosen.iter().map(Case::lab).collect();
        labs.sort_unstable();
        labs.dedup();
        for key in labs {
            let (manifest, events, held) = key;
            let mut lab = match Lab::build(manifest, if held.is_some() { &[] } else { events }, mode) {
                Ok(lab) => lab,
                Err(why) => {
                    println!("FAILED to build {manifest} ({mode}): {why}");
                    failed += 1;
                    continue;
                }
            };
            for case in chosen.iter().filter(|case| case.lab() == key) {
                match lab.compare(case) {
                    Ok(()) => passed += 1,
                    Err(difference) => {
                        failed += 1;
                        println!("FAILED {mode} {}: {difference}", case.name);
                    }
                }
            }
        }
    }
    println!("kernel: {passed} passed, {failed} failed");
    println!("{passed} passed, {failed} failed");
    if failed == 0 && only.is_none() && !is_noted(passed) {
        println!("static/proof.txt claims more connections: run UPDATE=1 cargo test --test kernel");
        failed += 1;
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
