//! What was done to the cluster by hand and made a request fail, with the way back in one click.

use super::history;
use super::root::Part;
use super::state::{Msg, State, Step};
use crate::scene::view::ServiceView;
use crate::trace::{Advice, Place, Reason, Trace};
use yew::prelude::*;

/// How to take something back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Back {
    /// By doing the opposite.
    Act(String),
    /// By going back to before it: so many steps stay.
    Rewind(usize),
}

/// The last step that explains why this request failed: its index among the steps, and the way back. Of each thing, only what was done
/// to it last counts.
pub(super) fn undone(state: &State, trace: &Trace, advice: &Advice) -> Option<(usize, Back)> {
    let mut known: Vec<&str> = Vec::new();
    for (index, step) in state.steps.iter().enumerate().take(state.at).rev() {
        let Step::Event(event) = step else { continue };
        let Some((subject, does)) = event.split_once(' ') else { continue };
        if known.contains(&subject) {
            continue;
        }
        known.push(subject);
        if let Some(back) = back(state, trace, advice, index, subject, does) {
            return Some((index, back));
        }
    }
    None
}

fn back(state: &State, trace: &Trace, advice: &Advice, index: usize, subject: &str, does: &str) -> Option<Back> {
    let told = |name: &str| advice.next.args.get(name).map(String::as_str).unwrap_or_default();
    let name = subject.rsplit('/').next().unwrap_or_default();
    let of_kind =
        || subject.split('/').next().is_some_and(|kind| kind.eq_ignore_ascii_case(told("kind"))) && told("name") == name;
    let act = |opposite: &str| Some(Back::Act(format!("{subject} {opposite}")));
    match does {
        "scale 0" if advice.next.id == "advice.noReplicas.next" && of_kind() => Some(scaled(state, index, subject)),
        "delete" if advice.next.id == "advice.deleted.next" && of_kind() => Some(Back::Rewind(index)),
        "down" if subject == "coredns" && met(trace, &|_, reason| reason == Reason::DnsSilent) => act("up"),
        "down" if unplugged(trace, name) => act("up"),
        "stop" if advice.next.id.starts_with("advice.staleRules") && told("node") == name => act("start"),
        "unready" if unready(state, trace, subject) => act("ready"),
        _ => None,
    }
}

/// Clicks that scaled one after another are one step back together; where something else was done since, there is one replica again.
fn scaled(state: &State, index: usize, subject: &str) -> Back {
    let scales =
        |step: &Step| matches!(step, Step::Event(event) if event.split_once(" scale ").is_some_and(|(of, _)| of == subject));
    let last = index + 1 == state.at;
    let clicks = state.steps[..=index].iter().rev().take_while(|step| scales(step)).count();
    if last { Back::Rewind(index + 1 - clicks) } else { Back::Act(format!("{subject} scale 1")) }
}

/// Whether a hop of the request, or of a call inside it, is such a one.
fn met(trace: &Trace, is: &dyn Fn(&Place, Reason) -> bool) -> bool {
    trace.hops.iter().any(|hop| is(&hop.at, hop.reason)) || trace.calls.iter().any(|call| met(call, is))
}

/// A node without power was met, or is why a load balancer has nobody.
fn unplugged(trace: &Trace, node: &str) -> bool {
    met(trace, &|at, reason| match reason {
        Reason::NodeDown => matches!(at, Place::Node(own) if own == node),
        reason => reason == Reason::LoadBalancerNoBackend,
    })
}

/// A Service that had nobody ready would have this Pod, or one of this workload.
fn unready(state: &State, trace: &Trace, subject: &str) -> bool {
    let nobody = [Reason::Reject, Reason::Drop, Reason::IngressNoEndpoints, Reason::LoadBalancerNoBackend];
    let without = nobody.contains(&trace.hops.last().map_or(Reason::Send, |hop| hop.reason))
        || met(trace, &|_, reason| nobody.contains(&reason) || reason == Reason::NoAddress || reason == Reason::NoSuchName);
    let mut parts = subject.split('/');
    let (Some(_), Some(namespace), Some(name)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let own = |pod: &str| pod == name || pod.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
    let waits = |service: &ServiceView| {
        let one = |pod: &Option<(String, String)>| pod.as_ref().is_some_and(|pod| pod.0 == namespace && own(&pod.1));
        service.endpoints.iter().any(|endpoint| !endpoint.ready && one(&endpoint.pod))
    };
    without && state.view.services.iter().any(waits)
}

/// What was done, and a button that takes it back and sends again.
pub(super) fn taken_back(part: &Part, index: usize, back: Back) -> Html {
    let state = &part.state;
    let Some(step) = state.steps.get(index) else { return Html::default() };
    let send = part.send.clone();
    let press = Callback::from(move |_: MouseEvent| {
        send.emit(Msg::Again);
        send.emit(match &back {
            Back::Act(event) => Msg::Act(event.clone()),
            Back::Rewind(keep) => Msg::Rewind(*keep),
        });
    });
    html! { <>
        <p class="did">{ state.speech.t("undone.you") }{ " " }{ super::i18n::marked(&history::said(state, index, step)) }</p>
        <div class="row"><button type="button" class="btn fix" onclick={press}>{ state.speech.t("undone.back") }</button></div>
    </> }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;
    use crate::session::{Command, Reply, Session};
    use crate::trace::Request;
    use std::rc::Rc;

    /// What the page offers after these events, for a request to that target.
    fn offered(events: &[&str], target: &str) -> Option<(usize, Back)> {
        let mut state = State::new();
        let (mut session, files) = (Session::default(), (*state.files).clone());
        session.handle(Command::Reset { revision: 1, files, settings: Box::default(), seed: 1, events: Vec::new() });
        for event in events {
            state.update(Msg::Act(event.to_string()));
            let Reply::Cluster(reply) = session.handle(Command::Act { event: event.to_string() }) else { panic!("no cluster") };
            state.view = reply.view.clone();
        }
        let pod = state.view.pods.iter().find(|pod| pod.ready && pod.namespace == "default");
        let from = match pod {
            Some(pod) if !target.contains("node") => crate::trace::Source::Pod("default".into(), pod.name.clone()),
            _ => crate::trace::Source::Internet,
        };
        let request = Request { target: target.into(), from, seed: Seed(1), ..Request::default() };
        let Reply::Trace(sent) = session.handle(Command::Send { request }) else { panic!("no trace") };
        let trace = Rc::clone(&sent.trace);
        undone(&state, &trace, trace.advice.as_ref()?)
    }

    const DOOR: &str = "http://node-2:30080/";

    #[test]
    fn what_was_done_by_hand_and_made_a_request_fail_is_taken_back_in_one_click() {
        let act = |event: &str| Back::Act(event.into());
        let scale = |count: usize| format!("deployment/default/web scale {count}");
        let [two, one, none] = [2, 1, 0].map(scale);
        assert_eq!(offered(&[&two, &one, &none], DOOR), Some((2, Back::Rewind(0))));
        assert_eq!(offered(&[&none, "wait 10s"], DOOR), Some((0, act("deployment/default/web scale 1"))));
        assert_eq!(offered(&["deployment/default/web delete"], DOOR), Some((0, Back::Rewind(0))));
        assert_eq!(offered(&["node/node-2 down"], DOOR), Some((0, act("node/node-2 up"))));
        assert_eq!(offered(&["coredns down"], "http://web/"), Some((0, act("coredns up"))));
    }

    #[test]
    fn what_explains_nothing_is_not_blamed() {
        assert_eq!(offered(&["node/node-1 down"], "http://node-2:30099/"), None);
        assert_eq!(offered(&["node/node-2 down", "node/node-2 up"], DOOR), None);
        assert_eq!(offered(&["wait 10s"], "http://node-2:30099/"), None);
    }
}
