//! The examples of the page: a text each (`static/examples`), who calls, and where to.

use crate::scene::view::{OfferGroup, TargetOffer};

/// An example. Its words are `example.<id>.title` and `example.<id>.text`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// Also the name of its file and of its place in `#embed=`.
    pub id: &'static str,
    /// Who sends its first request.
    pub from: &'static str,
    /// Where its first request goes.
    pub target: Goal,
    /// Whether its first request fails; those stand in a group of their own.
    pub fails: bool,
}

/// Where an example's first request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// There.
    Url(&'static str),
    /// To the first offer of a group, as its address is not known beforehand.
    First(OfferGroup),
}

impl Goal {
    /// The target to type into the URL field.
    pub fn pick(self, offers: &[TargetOffer]) -> Option<String> {
        match self {
            Goal::Url(url) => Some(url.to_string()),
            Goal::First(group) => {
                let wanted = offers.iter().find(|offer| offer.group == group).or(offers.first());
                wanted.map(|offer| offer.target.clone())
            }
        }
    }
}

/// The example that the page opens on; its text is part of the page, so that nothing is fetched before traffic moves.
pub const FIRST: &str = include_str!("../../static/examples/nodeport.yaml");

/// All examples, in the menu's order.
pub const EXAMPLES: [Example; 12] = [
    works("clusterip", "pod/default/client", Goal::Url("http://web/")),
    works("nodeport", "internet", Goal::Url("http://node-2:30080/")),
    works("loadbalancer", "internet", Goal::First(OfferGroup::LoadBalancer)),
    works("ingress", "internet", Goal::Url("http://shop.example.com/api")),
    works("headless", "pod/default/client", Goal::Url("tcp://db-1.db:6379")),
    works("counter", "internet", Goal::Url("http://node-1:31000/")),
    works("shop", "internet", Goal::Url("http://node-2:30080/")),
    fails("no-endpoints", "internet", Goal::Url("http://node-2:30080/")),
    fails("wrong-port", "internet", Goal::Url("http://node-2:30080/")),
    fails("local-policy", "internet", Goal::Url("http://node-1:30080/")),
    fails("no-class", "internet", Goal::Url("http://shop.example.com/")),
    fails("bad-backend", "internet", Goal::Url("http://shop.example.com/api")),
];

const fn works(id: &'static str, from: &'static str, target: Goal) -> Example {
    Example { id, from, target, fails: false }
}

const fn fails(id: &'static str, from: &'static str, target: Goal) -> Example {
    Example { id, from, target, fails: true }
}

/// The example of an id.
pub fn find(id: &str) -> Option<Example> {
    EXAMPLES.into_iter().find(|example| example.id == id)
}

/// Objects that "Add object" inserts: kinds as written.
pub const SNIPPETS: [&str; 9] = [
    "Deployment",
    "Service",
    "Service, NodePort",
    "Service, LoadBalancer",
    "Service, headless",
    "Ingress",
    "StatefulSet",
    "DaemonSet",
    "Pod",
];

/// The text of one of them. Apart from their names, because the page opens without it.
#[inline(never)]
pub fn snippet(kind: &str) -> &'static str {
    match kind {
        "Service" => include_str!("../../static/examples/snippets/service.yaml"),
        "Service, NodePort" => include_str!("../../static/examples/snippets/service-nodeport.yaml"),
        "Service, LoadBalancer" => include_str!("../../static/examples/snippets/service-loadbalancer.yaml"),
        "Service, headless" => include_str!("../../static/examples/snippets/service-headless.yaml"),
        "Ingress" => include_str!("../../static/examples/snippets/ingress.yaml"),
        "StatefulSet" => include_str!("../../static/examples/snippets/statefulset.yaml"),
        "DaemonSet" => include_str!("../../static/examples/snippets/daemonset.yaml"),
        "Pod" => include_str!("../../static/examples/snippets/pod.yaml"),
        _ => include_str!("../../static/examples/snippets/deployment.yaml"),
    }
}
