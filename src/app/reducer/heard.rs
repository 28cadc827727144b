//! What the engine answered.

use super::super::stage_player::Start;
use super::super::state::{Ask, Dock, Effect, Msg, REMEMBERED, Run, State, View, Waiting};
use super::super::text;
use crate::api::{Kind, ObjectRef};
use crate::diagnostic::Severity;
use crate::scene::ItemId;
use crate::scene::view::{OfferGroup, PodView, ServiceView, TargetOffer};
use crate::session::{BurstResult, ClusterReply, Command, Reply};
use crate::trace::{Source, Trace};
use std::rc::Rc;

impl State {
    pub(super) fn hear(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Ready => {
                self.ready = true;
                Vec::new()
            }
            Msg::Replied(Ask::Cluster, Reply::Cluster(cluster)) => self.take_cluster(cluster),
            Msg::Replied(Ask::Send, Reply::Trace(reply)) => {
                self.sending = false;
                self.explained = None;
                self.remember(&reply.trace);
                let start = if self.touched { Start::Once } else { Start::Idle };
                self.run = Some(Rc::new(Run { trace: reply.trace, lines: reply.lines, files: self.files.clone(), start }));
                Vec::new()
            }
            Msg::Replied(Ask::Dock(dock), Reply::Text { text, failed }) => {
                if dock == self.dock {
                    self.table = Rc::new((text, failed));
                }
                Vec::new()
            }
            _ => self.hear_more(msg),
        }
    }

    /// What is not heard while the page opens.
    #[inline(never)]
    fn hear_more(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Fault(words) => {
                self.fault = Some(words);
                self.sending = false;
                self.send_after = None;
                Vec::new()
            }
            Msg::DismissFault => {
                self.fault = None;
                Vec::new()
            }
            Msg::DismissStray => {
                self.stray = None;
                Vec::new()
            }
            Msg::Restored(Reply::Cluster(mut cluster)) => {
                // How a restarted engine came back to the same cluster is no news.
                let news = Rc::make_mut(&mut cluster);
                news.changes.clear();
                news.past.clear();
                self.take_cluster(cluster)
            }
            Msg::Replied(Ask::Past, Reply::Cluster(cluster)) => {
                let effects = self.take_cluster(cluster);
                self.skipped = self.flow;
                effects
            }
            Msg::Replied(Ask::Burst, Reply::Burst(reply)) => {
                self.burst = Rc::new(reply.results);
                self.results = self.burst.clone();
                self.mixed = false;
                self.bursts += 1;
                Vec::new()
            }
            Msg::Replied(Ask::Lesson(id), Reply::Lesson { lesson, answer }) => self.begin_lesson(id, *lesson, answer),
            Msg::Replied(Ask::Grade, Reply::Graded { results }) => {
                if let Some(course) = &mut self.lesson {
                    Rc::make_mut(course).results = results;
                }
                Vec::new()
            }
            Msg::Replied(Ask::Explain, Reply::Explained(reply)) => {
                self.explained = Some(Rc::new(*reply));
                Vec::new()
            }
            Msg::Replied(Ask::Growth, Reply::Growth { request, rules, .. }) => match &mut self.growth {
                Some(growth) if growth.request == request => {
                    let growth = Rc::make_mut(growth);
                    growth.counted.push(rules);
                    growth.next()
                }
                _ => Vec::new(),
            },
            Msg::Replied(Ask::Card, Reply::Card(card)) => {
                self.card = Some(Rc::new(*card));
                Vec::new()
            }
            Msg::Replied(Ask::Lines, Reply::Lines(lines)) => {
                self.spots = Rc::new(lines.into_iter().collect());
                Vec::new()
            }
            Msg::Replied(Ask::Offers, Reply::Offers { from, targets }) => {
                self.offers = Some(Rc::new((from, targets)));
                Vec::new()
            }
            Msg::Replied(Ask::Paste(start, end), Reply::Pasted { text, notes }) => {
                self.notes = Rc::new(notes);
                self.mending = true;
                let text = text::parted_from(text, &text::between(self.text(), end, u32::MAX));
                vec![Effect::Splice { file: self.open, start, end, text }]
            }
            _ => {
                self.sending = false;
                Vec::new()
            }
        }
    }

    /// What was counted does not belong to what comes: another cluster, another way.
    pub(super) fn count_anew(&mut self) {
        self.results = Rc::default();
        self.burst = Rc::default();
        self.mixed = false;
    }

    pub(super) fn remember(&mut self, trace: &Trace) {
        let before = self.run.as_ref().map(|run| &run.trace.request);
        if before.is_some_and(|before| before.target != trace.request.target || before.from != trace.request.from) {
            // The dots of a hundred ran another way.
            self.burst = Rc::default();
            self.mixed = true;
        }
        let results = Rc::make_mut(&mut self.results);
        if results.len() >= REMEMBERED {
            results.remove(0);
        }
        results.push(BurstResult {
            verdict: trace.verdict,
            status: trace.status,
            pod: trace.pod.clone(),
            nuance: trace.nuance(),
        });
    }

    pub(super) fn take_cluster(&mut self, mut cluster: Rc<ClusterReply>) -> Vec<Effect> {
        if let Some(effects) = self.stays(&cluster) {
            return effects;
        }
        if cluster.revision == 0 {
            // An action changes no text.
            Rc::make_mut(&mut cluster).revision = self.cluster.as_ref().map_or(0, |before| before.revision);
        }
        // Some changes do not show on the stage: a load balancer's health check gives a node up.
        let same = cluster.changes.is_empty() && self.cluster.as_ref().is_some_and(|before| before.view == cluster.view);
        let waited = self.cluster.as_ref().map_or(0, |before| cluster.now.saturating_sub(before.now));
        self.calm = if same { self.calm + waited } else { 0 };
        if same {
            // What still plays ends: this reply has nothing to go back to.
            self.skipped = self.flow;
        } else {
            // A trace belongs to the cluster that it ran in.
            self.run = None;
            self.explained = None;
            self.growth = None;
            self.count_anew();
        }
        if !cluster.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            self.good = cluster.revision;
        }
        if let Some(before) = self.cluster.as_ref().filter(|_| !same) {
            self.began = cluster.changes.first().map_or(before.now, |change| before.now.min(change.at));
            self.changes = Rc::new(cluster.changes.clone());
            self.flow += 1;
        }
        self.offers = None;
        let caller = self.from.clone();
        self.follow(&cluster);
        self.replace_caller(&cluster, caller);
        if self.selected.as_ref().is_some_and(|item| !shows(&cluster, item)) {
            self.selected = None;
        }
        if !same {
            self.view = cluster.view.clone();
        }
        self.cluster = Some(cluster);
        let mut effects = self.ask_dock();
        effects.extend(self.ask_lines());
        effects.extend(self.ask_card());
        match self.send_after.take() {
            Some(Waiting::First(goal)) => {
                let offers = self.cluster.as_ref().map_or(&[][..], |cluster| &cluster.targets);
                if let Some(target) = goal.pick(offers) {
                    self.own_target = !offers.iter().any(|offer| offer.target == target);
                    self.target = target;
                    effects.extend(self.send());
                }
            }
            Some(Waiting::Next) => effects.extend(self.send()),
            Some(Waiting::Again) => effects.extend(self.send_with(self.next.saturating_sub(1).max(1))),
            None => {}
        }
        effects
    }

    /// A target that was offered and is gone with the edit makes way for its nearest kin; one that nobody chose, for the way in
    /// from outside, once there is one.
    pub(super) fn follow(&mut self, cluster: &ClusterReply) {
        let there = cluster.targets.iter().find(|offer| offer.target == self.target);
        if there.is_some() {
            self.own_target = false;
            if !self.followed {
                return;
            }
        }
        let Some(before) = &self.cluster else { return };
        // What is refused keeps its last good form, and a torn text deletes nothing: a target that is gone all the same went with its
        // object, one that is there is not left for the errors of an unfinished edit.
        let broken = cluster.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        let unfinished = broken && (there.is_some() || cluster.torn);
        if unfinished || before.revision == cluster.revision || self.own_target {
            return;
        }
        self.follow_kin(cluster, before.clone(), there);
    }

    #[inline(never)]
    fn follow_kin(&mut self, cluster: &ClusterReply, before: Rc<ClusterReply>, there: Option<&TargetOffer>) {
        let best = cluster.targets.iter().min_by_key(|offer| (offer.fails.is_some(), rank(offer)));
        let chosen = match there {
            Some(now) => {
                // What worked until this edit is what the edit is about.
                let worked = before.targets.iter().any(|offer| offer.target == now.target && offer.fails.is_none());
                let worth = |offer: &TargetOffer| (offer.fails.is_some(), !is_door(offer));
                let broke = worked && now.fails.is_some();
                Some(best.filter(|best| !broke && worth(best) < worth(now)).unwrap_or(now))
            }
            None => {
                let host = |target: &str| target.rsplit_once(':').map(|(host, _)| host.to_string());
                let works = || cluster.targets.iter().filter(|offer| offer.fails.is_none());
                let kin = works().find(|offer| host(&offer.target) == host(&self.target));
                let own = |offer: &&TargetOffer| !self.followed && caller(offer) == self.from;
                let kin = kin.or_else(|| works().filter(own).min_by_key(|offer| rank(offer)));
                self.followed |= kin.is_none_or(|kin| host(&kin.target) != host(&self.target));
                kin.or(best)
            }
        };
        if let Some(offer) = chosen {
            self.target = offer.target.clone();
            // Who was chosen to call goes on calling, if the target can be called by any of its kind.
            let stays = !self.followed
                && match &self.from {
                    Source::Pod(namespace, name) => {
                        let there = |pod: &PodView| pod.namespace == *namespace && pod.name == *name;
                        offer.from.as_ref().is_none_or(|from| from.starts_with("pod/")) && cluster.view.pods.iter().any(there)
                    }
                    _ => offer.from.is_none(),
                };
            if !stays {
                self.from = caller(offer);
            }
        }
    }

    /// A caller who was there and is gone makes way: for a sibling of the same workload, for whom the target is offered for, or for
    /// the client outside.
    fn replace_caller(&mut self, cluster: &ClusterReply, gone: Source) {
        let Some(before) = &self.cluster else { return };
        if !before.view.has_caller(&gone) || cluster.view.has_caller(&gone) {
            // What was said of an earlier caller is no news under another text.
            if before.revision != cluster.revision {
                self.relieved = None;
            }
            return;
        }
        if self.from == gone {
            let from = |pod: &&PodView| gone == Source::Pod(pod.namespace.clone(), pod.name.clone());
            let owner = before.view.pods.iter().find(from).and_then(|pod| pod.owner.as_ref());
            let sibling = cluster.view.pods.iter().find(|pod| owner.is_some() && pod.owner.as_ref() == owner);
            self.from = match sibling {
                Some(pod) => Source::Pod(pod.namespace.clone(), pod.name.clone()),
                None => cluster.targets.iter().find(|offer| offer.target == self.target).map(caller).unwrap_or_default(),
            };
        }
        self.relieved = Some(gone);
    }

    /// The lines that the Objects view shows, while it is open.
    pub(super) fn ask_lines(&self) -> Vec<Effect> {
        if self.shown != View::Objects {
            return Vec::new();
        }
        let fields = crate::scene::objects::fields(&self.view);
        vec![Effect::Ask(Ask::Lines, Command::Lines { fields })]
    }

    /// More about the chosen thing, where there is more.
    pub(super) fn ask_card(&self) -> Vec<Effect> {
        if self.selected.is_none() { Vec::new() } else { self.ask_card_of_chosen() }
    }

    #[inline(never)]
    fn ask_card_of_chosen(&self) -> Vec<Effect> {
        let of = |kind, namespace: &str, name: &str| Some(ObjectRef::new(kind, namespace, name));
        let object = match self.selected.as_ref() {
            Some(ItemId::Service(namespace, name) | ItemId::Gate(_, namespace, name)) => of(Kind::Service, namespace, name),
            Some(ItemId::Pod(namespace, name)) => of(Kind::Pod, namespace, name),
            Some(ItemId::Node(name) | ItemId::Rules(name)) => of(Kind::Node, "", name),
            Some(ItemId::NodePort(_, number)) => {
                let opens = |own: &&ServiceView| own.ports.iter().any(|port| port.node_port == *number);
                self.view.services.iter().find(opens).and_then(|own| of(Kind::Service, &own.namespace, &own.name))
            }
            _ => None,
        };
        object.map(|object| Effect::Ask(Ask::Card, Command::Card { object })).into_iter().collect()
    }

    pub(super) fn ask_dock(&mut self) -> Vec<Effect> {
        let command = match &self.dock {
            Dock::Kubectl(line) => Command::Kubectl { line: self.table_of(line) },
            Dock::Rules => Command::Rules { node: self.rules_of.clone() },
        };
        vec![Effect::Ask(Ask::Dock(self.dock.clone()), command)]
    }
}

/// Who sends where a target is offered.
fn caller(offer: &TargetOffer) -> Source {
    offer.from.as_ref().and_then(|from| from.parse().ok()).unwrap_or_default()
}

/// Whether an offer is a way into the cluster from outside.
fn is_door(offer: &TargetOffer) -> bool {
    rank(offer) < 3
}

/// Which offer is called first where nobody chose: the outermost way in. A health check's port is none.
fn rank(offer: &TargetOffer) -> u8 {
    match offer.group {
        _ if offer.label.id == "offer.healthCheck" => 4,
        OfferGroup::Ingress => 0,
        OfferGroup::LoadBalancer => 1,
        OfferGroup::NodePort => 2,
        OfferGroup::Service | OfferGroup::Pod => 3,
        OfferGroup::Fails => 4,
    }
}

/// Whether a target is among those that are offered.
pub(super) fn offers(cluster: &ClusterReply, target: &str) -> bool {
    cluster.targets.iter().any(|offer| offer.target == target)
}

/// Whether the stage still shows a thing.
fn shows(cluster: &ClusterReply, item: &ItemId) -> bool {
    let view = &cluster.view;
    match item {
        ItemId::Pod(namespace, name) => view.pods.iter().any(|pod| pod.namespace == *namespace && pod.name == *name),
        ItemId::Node(name) | ItemId::Rules(name) | ItemId::Gate(name, ..) => view.nodes.iter().any(|node| node.name == *name),
        ItemId::Service(namespace, name) => {
            view.services.iter().any(|service| service.namespace == *namespace && service.name == *name)
        }
        _ => true,
    }
}
