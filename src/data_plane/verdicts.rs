//! How requests end, without their story; and verdicts kept from before.
//!
//! Requests that differ in their seeds alone take the same ways, but for the lots that fall on them: a rule's chance, a load balancer's
//! choice. So a verdict is kept by how they fell, and a request whose lots fall as another's did ends as that one, without a walk. What
//! else is drawn, the ports of clients and of rewritten sources, decides nothing: [`decide`](crate::random::Random::decide) parts the
//! two. Where it could, and where a kernel's memory of clients has a say, nothing is kept. A test holds kept verdicts to walks. Who asks
//! for hops gets a walk.

use super::story::Story;
use super::{Caches, DataPlane};
use crate::api::core::Pod;
use crate::cluster::Cluster;
use crate::random::{DrawnAt, Fallen, Lots, Seed};
use crate::trace::{Request, Verdict};
use std::sync::Arc;

/// The verdicts of requests that differ in their seeds alone: a tree of lots.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdicts {
    /// The first one is the root.
    steps: Vec<Step>,
    /// Nothing more is kept.
    closed: bool,
}

/// What follows after so many lots.
#[derive(Clone, Debug)]
enum Step {
    /// Another lot, and the steps after it by how it falls.
    Draw(DrawnAt, Lots, Vec<(u32, usize)>),
    End(End),
}

/// Verdict, HTTP status, and the number of the Pod that took it.
type End = (Verdict, Option<u16>, Option<usize>);

/// How many steps are kept.
const MOST: usize = 1024;

impl Verdicts {
    fn find(&self, seed: Seed) -> Option<End> {
        let mut at = 0;
        loop {
            match self.steps.get(at)? {
                Step::End(end) => return Some(*end),
                Step::Draw(place, lots, next) => {
                    let fell = lots.fall(place.bits(seed));
                    // Steps only lead to later ones, so this ends.
                    at = next.iter().find(|(other, _)| *other == fell)?.1;
                }
            }
        }
    }

    fn keep(&mut self, fallen: &[Fallen], end: End) {
        if self.steps.len() + fallen.len() >= MOST {
            self.closed = true;
            return;
        }
        let mut before = None;
        for Fallen { place, lots, fell } in fallen {
            let at = self.follow(before, || Step::Draw(*place, *lots, Vec::new()));
            before = Some((at, *fell));
        }
        self.follow(before, || Step::End(end));
    }

    /// The step after a lot that fell, or a new one.
    fn follow(&mut self, before: Option<(usize, u32)>, new: impl FnOnce() -> Step) -> usize {
        let count = self.steps.len();
        let known = match before {
            None => (count > 0).then_some(0),
            Some((at, fell)) => match self.steps.get_mut(at) {
                Some(Step::Draw(_, _, next)) => {
                    let known = next.iter().find(|(other, _)| *other == fell).map(|(_, at)| *at);
                    if known.is_none() {
                        next.push((fell, count));
                    }
                    known
                }
                _ => None,
            },
        };
        known.unwrap_or_else(|| {
            self.steps.push(new());
            count
        })
    }
}

impl Caches {
    fn knows(&self, request: &Request) -> bool {
        self.aim.as_ref().is_some_and(|aim| aim.is_of(request))
    }
}

impl DataPlane {
    /// Sends a request and tells only how it ends: verdict, HTTP status, the Pod that took it.
    pub fn verdict(&mut self, cluster: &Cluster, request: &Request) -> (Verdict, Option<u16>, Option<Arc<Pod>>) {
        let alike = !request.keep_alive && request.headers.is_empty();
        let known = if alike && self.caches.knows(request) { self.caches.verdicts.find(request.seed) } else { None };
        let (verdict, status, pod) = known.unwrap_or_else(|| self.judge(cluster, request, alike));
        let pod = pod.and_then(|pod| self.world.pods.get(pod));
        (verdict, status, pod.map(|guest| Arc::clone(&guest.pod)))
    }

    /// Lets the request walk, and keeps its verdict.
    fn judge(&mut self, cluster: &Cluster, request: &Request, alike: bool) -> End {
        let keeps = alike && !self.caches.verdicts.closed;
        let mut silent = Story::default();
        let mut exchange = self.carrying(cluster, request.seed, &mut silent);
        if keeps {
            exchange.random.note_lots();
        }
        let outcome = exchange.send(request);
        let lots = exchange.random.noted_lots();
        let end = (outcome.verdict, outcome.status, outcome.pod);
        if keeps && self.caches.knows(request) {
            match lots {
                Some(lots) => self.caches.verdicts.keep(&lots, end),
                None => self.caches.verdicts.closed = true,
            }
        }
        end
    }
}
