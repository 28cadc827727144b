//! The calls that a request set off, as a list to read: who was called by whom, how it ended, and which step shows it.

use super::steps::{Step, decided};
use crate::trace::Trace;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<'a> {
    /// Which call of which call it is.
    pub path: Vec<usize>,
    /// Whom it is for, as the caller's manifest names it: `cart:7070`.
    pub target: &'a str,
    /// Who calls, where that is itself called: `checkout`.
    pub by: Option<&'a str>,
    /// What happened.
    pub trace: &'a Trace,
    /// The step to look at: its first, or where it failed.
    pub step: usize,
}

impl Call<'_> {
    /// Whether this call did not get there.
    pub fn failed(&self) -> bool {
        !self.trace.arrived()
    }
}

/// All calls inside a request, each before its own.
pub fn calls<'a>(trace: &'a Trace, steps: &[Step]) -> Vec<Call<'a>> {
    let mut found = Vec::new();
    gather(trace, trace, None, &mut Vec::new(), steps, &mut found);
    found
}

fn gather<'a>(
    whole: &Trace,
    trace: &'a Trace,
    by: Option<&'a str>,
    path: &mut Vec<usize>,
    steps: &[Step],
    found: &mut Vec<Call<'a>>,
) {
    for (index, inner) in trace.calls.iter().enumerate() {
        path.push(index);
        let target = inner.request.target.split_once("://").map_or(inner.request.target.as_str(), |(_, rest)| rest);
        let target = target.trim_end_matches('/');
        let first = || steps.iter().position(|step| step.call == *path);
        let step = if inner.arrived() { first() } else { decided(steps, whole, path) };
        found.push(Call { path: path.clone(), target, by, trace: inner, step: step.unwrap_or_default() });
        gather(whole, inner, Some(host(target)), path, steps, found);
        path.pop();
    }
}

/// The first part of a target's name: `cart` of `cart.shop:7070/items`.
pub fn host(target: &str) -> &str {
    target.split(['/', ':', '.']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::{called, cluster, refused};
    use crate::scene::steps::steps;
    use crate::trace::Reason;

    #[test]
    fn each_call_leads_to_its_first_step_and_a_failed_one_to_where_it_failed() {
        let view = cluster(3, 3);
        let called = |target, calls| called(&view, target, calls);
        let mut broken = refused().1;
        broken.request.target = "currency:7000".into();
        let whole =
            called("http://node-2:30080/", vec![called("http://cart.shop:7070/", vec![broken]), called("ads:9555", Vec::new())]);
        let list = steps(&whole);
        let found = calls(&whole, &list);
        let told: Vec<(&str, Option<&str>, bool)> = found.iter().map(|call| (call.target, call.by, call.failed())).collect();
        let expected = [("cart.shop:7070", None, false), ("currency:7000", Some("cart"), true), ("ads:9555", None, false)];
        assert_eq!(told, expected);
        for call in found.iter().filter(|call| !call.failed()) {
            assert_eq!(list.iter().position(|step| step.call == call.path), Some(call.step));
        }
        let failed = &list[found[1].step];
        assert_eq!((&failed.call, found[1].trace.hops[failed.hop].reason), (&vec![0, 0], Reason::Reject));
    }
}
