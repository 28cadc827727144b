//! The thing that was chosen on the stage: what it is, and what can be done to it.

use super::i18n::marked;
use super::icon::{glyph, icon};
use super::keys::hand_on_focus;
use super::root::Part;
use super::state::{Dock, Msg, State};
use super::{card, explain};
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::scene::ItemId;
use crate::scene::view::{ClusterView, NodeView, PodRole, PodView, ServiceView, WorkloadView};
use crate::session::Asked;
use crate::settings::Provider;
use crate::trace::Source;
use std::rc::Rc;
use yew::prelude::*;

/// A chosen thing.
#[derive(Clone, PartialEq, Properties)]
pub struct ObjectProps {
    /// State and messages.
    pub part: Part,
    /// The cluster as the stage shows it.
    pub view: Rc<ClusterView>,
    /// Which thing.
    pub item: ItemId,
}

/// Facts and actions.
#[component]
pub fn ObjectView(ObjectProps { part, view, item }: &ObjectProps) -> Html {
    let state = &part.state;
    let service =
        |namespace: &str, name: &str| view.services.iter().find(|service| service.namespace == namespace && service.name == name);
    let node = |name: &str| view.nodes.iter().find(|node| node.name == name);
    match item {
        ItemId::Pod(namespace, name) => {
            view.pods.iter().find(|pod| pod.namespace == *namespace && pod.name == *name).map(|pod| pod_view(part, view, pod))
        }
        ItemId::Pods(place, app) => {
            // Without a node: all that none takes.
            let of = |pod: &&PodView| if place.is_empty() { pod.waits() } else { pod.node == *place && pod.app == *app };
            let pods: Vec<&PodView> = view.pods.iter().filter(of).collect();
            Some(pods_view(part, view, app, &pods))
        }
        ItemId::Node(name) | ItemId::Rules(name) => node(name).map(|node| node_view(part, node)),
        // Every node opens it, and a Service asked for it.
        ItemId::NodePort(name, number) => {
            let asked = |service: &&ServiceView| service.ports.iter().any(|port| port.node_port == *number);
            let owner = view.services.iter().find(asked).map(|service| service_view(part, view, service));
            owner.or_else(|| node(name).map(|node| node_view(part, node)))
        }
        ItemId::Service(namespace, name) | ItemId::Gate(_, namespace, name) => {
            service(namespace, name).map(|service| service_view(part, view, service))
        }
        ItemId::Client => Some(plain(state, "g-client", "item.client", &[("IP", "203.0.113.50".into())])),
        ItemId::PublicDns => Some(plain(state, "g-dns", "item.publicDns", &[])),
        ItemId::LoadBalancer => {
            let balancers = view.services.iter().filter(|service| service.kind == "LoadBalancer");
            let facts: Vec<(&str, String)> = balancers
                .map(|service| {
                    let address = if service.external.is_empty() { "<pending>".to_string() } else { service.external.join(", ") };
                    ("IP", format!("{address} {} → {}", service.announced, service.name))
                })
                .collect();
            let words = match view.provider {
                Provider::Cloud => "item.loadBalancer",
                Provider::Metallb => "item.metallb",
                Provider::Aws => "item.aws",
                Provider::None => "item.noBalancer",
            };
            Some(plain(state, "g-lb", words, &facts))
        }
        ItemId::Server(name) => Some(plain(state, "g-client", "item.server", &[("", name.clone())])),
        ItemId::MoreNodes => Some(list(
            part,
            "g-node",
            "item.moreNodes",
            view.nodes.iter().map(|node| (node.name.clone(), ItemId::Node(node.name.clone()))),
        )),
        ItemId::MoreServices => {
            let services = view
                .services
                .iter()
                .map(|service| (service.name.clone(), ItemId::Service(service.namespace.clone(), service.name.clone())));
            Some(list(part, "g-svc", "item.moreServices", services))
        }
    }
    .unwrap_or_default()
}

fn act(part: &Part, event: String) -> Callback<MouseEvent> {
    let goes = event.ends_with(" delete");
    part.send.reform(move |pressed: MouseEvent| {
        if goes {
            hand_on_focus(&pressed);
        }
        Msg::Act(event.clone())
    })
}

fn facts(rows: Vec<(String, String)>) -> Html {
    html! { <dl class="facts">{ for rows.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| html! { <><dt>{ name }</dt><dd>{ value }</dd></> }) }</dl> }
}

fn head(icon: &'static str, class: &'static str, kind: &str, name: &str) -> Html {
    html! { <><div class="who">{ glyph(icon, 17, class) }<span>{ kind }</span></div><h3 class="code">{ name }</h3></> }
}

fn plain(state: &State, icon: &'static str, id: &str, rows: &[(&str, String)]) -> Html {
    html! {
        <section>
            <div class="who">{ glyph(icon, 17, "k-infra") }</div><h3>{ state.speech.t(&format!("{id}.title")) }</h3><p>{ state.speech.t(&format!("{id}.text")) }</p>
            { facts(rows.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()) }
        </section>
    }
}

fn list(part: &Part, icon: &'static str, title: &str, items: impl Iterator<Item = (String, ItemId)>) -> Html {
    html! {
        <section><div class="who">{ glyph(icon, 17, "k-infra") }</div><h3>{ part.state.speech.t(title) }</h3>
            <ul class="items">{ for items.map(|(name, item)| html! {
                <li><button type="button" onclick={part.send.reform(move |_: MouseEvent| Msg::Select(Some(item.clone())))}>{ name }</button></li>
            }) }</ul></section>
    }
}

/// A link to the document that an object comes from.
fn document(part: &Part, object: &ObjectRef) -> Html {
    let state = &part.state;
    let documents = state.cluster.as_ref().map_or(&[][..], |cluster| &cluster.documents);
    let Some((_, span)) = documents.iter().find(|(there, _)| there == object) else { return Html::default() };
    let (line, span) = (span.line, span.clone());
    html! {
        <button type="button" class="lnk row" onclick={part.send.reform(move |_: MouseEvent| Msg::Line(span.clone()))}>
            { icon("i-upleft", 14) }{ state.say(&msg!("object.line", kind = object.kind.name(), line = line)) }
        </button>
    }
}

fn pod_view(part: &Part, view: &ClusterView, pod: &PodView) -> Html {
    let state = &part.state;
    let t = |id: &str| state.speech.t(id);
    let who = format!("pod/{}/{}", pod.namespace, pod.name);
    let glyph = match pod.role {
        PodRole::App => ("g-pod", "k-pod"),
        PodRole::Coredns => ("g-dns", "k-dns"),
        PodRole::Ingress => ("g-ing", "k-ing"),
    };
    let mut listens = pod.listens.clone();
    listens.sort_unstable();
    listens.dedup();
    let listens: Vec<String> = listens.iter().map(|(port, protocol)| format!("{port}/{}", protocol.api_name())).collect();
    let ready = if pod.ready { t("object.yes") } else { t("object.no") };
    let caller = Source::Pod(pod.namespace.clone(), pod.name.clone());
    let own = ObjectRef::new(Kind::Pod, &pod.namespace, &pod.name);
    html! {
        <section>
            { head(glyph.0, glyph.1, "Pod", &pod.name) }
            { facts(vec![
                ("NAMESPACE".into(), pod.namespace.clone()), ("STATUS".into(), pod.status.clone()), ("READY".into(), ready),
                ("RESTARTS".into(), if pod.restarts > 0 { pod.restarts.to_string() } else { String::new() }), ("IP".into(), if pod.host_network { format!("{} ({})", pod.ip, t("object.hostNetwork")) } else { pod.ip.clone() }),
                ("NODE".into(), pod.node.clone()), ("LISTENS".into(), if listens.is_empty() { t("object.nothing") } else { listens.join(", ") }),
                ("NETWORKPOLICY".into(), pod.policies.join(", ")),
            ]) }
            { warning(pod.warning.clone()) }
            <div class="acts">
                <button type="button" class="btn line sm" onclick={act(part, format!("{who} delete"))}>{ t("act.deletePod") }</button>
                { readiness(part, view, pod, &who) }
                <button type="button" class="btn line sm" onclick={part.send.reform(move |_: MouseEvent| Msg::From(caller.clone()))}>{ t("act.sendFrom") }</button>
            </div>
            if let Some(note) = &pod.assumed {
                <section class="assume"><div class="eyebrow">{ t("assumptions") }</div><ul><li>{ marked(&state.say(note)) }</li></ul></section>
            }
            { unmovable(part, view, pod) }
            { card::settings(part, card::of(part, &own)) }
            { explain::why(part, "why.pod", Asked::Pod(pod.namespace.clone(), pod.name.clone())) }
            { card::environment(part, card::of(part, &own)) }
            { owner(part, view, pod.owner.as_ref()) }
            { document(part, pod.owner.as_ref().unwrap_or(&own)) }
        </section>
    }
}

/// The button that makes a ready Pod fail its readiness probe, or takes that back; none where it would change nothing.
fn readiness(part: &Part, view: &ClusterView, pod: &PodView, who: &str) -> Html {
    let (verb, label) = match (pod.ready, pod.by_hand) {
        _ if !has_kubelet(view, pod) => return Html::default(),
        (_, true) => ("ready", "act.ready"),
        (true, false) => ("unready", "act.unready"),
        (false, false) => return Html::default(),
    };
    html! { <button type="button" class="btn line sm" onclick={act(part, format!("{who} {verb}"))}>{ part.state.speech.t(label) }</button> }
}

/// Whether the node of a Pod has power: only then somebody reports whether the Pod is ready.
fn has_kubelet(view: &ClusterView, pod: &PodView) -> bool {
    view.nodes.iter().any(|node| node.name == pod.node && node.up)
}

/// Why nobody can make a Pod ready, or unready, by hand.
fn unmovable(part: &Part, view: &ClusterView, pod: &PodView) -> Html {
    let why = match pod.node.as_str() {
        "" => msg!("object.unplaced"),
        node if !has_kubelet(view, pod) => msg!("object.noKubelet", node = node),
        _ if pod.ready || pod.by_hand || pod.terminating => return Html::default(),
        _ if pod.status == "Running" => msg!("object.unready.runs"),
        _ => msg!("object.unready", status = pod.status),
    };
    html! { <p class="small">{ part.state.say(&why) }</p> }
}

/// Kubernetes' own words about a Pod: the scheduler's, or an event's.
fn warning(words: String) -> Html {
    if words.is_empty() {
        Html::default()
    } else {
        html! { <p class="small" lang="en"><code>{ words }</code></p> }
    }
}

/// The workload that a Pod belongs to, with what can be done to it.
fn owner(part: &Part, view: &ClusterView, owner: Option<&ObjectRef>) -> Html {
    let state = &part.state;
    let Some(workload) = view.workloads.iter().find(|workload| Some(&workload.object) == owner) else { return Html::default() };
    let object = &workload.object;
    let who = format!("{}/{}/{}", object.kind.name().to_ascii_lowercase(), object.namespace, object.name);
    let scales = object.kind != Kind::DaemonSet;
    let count = workload.replicas;
    let ready = view.pods.iter().filter(|pod| pod.owner.as_ref() == owner && pod.ready && !pod.terminating).count();
    html! {
        <div class="owner">
            { stands(part, workload) }
            <div class="row between"><b>{ glyph("g-deploy", 15, "k-pod") }{ format!(" {} {}", object.kind.name(), object.name) }</b><span class="num">{ state.say(&msg!("object.readyOf", ready = ready, count = count)) }</span></div>
            <div class="acts">
                if scales {
                    <span class="stepper" role="group" aria-label={state.speech.t("act.scale")}>
                        <button type="button" class="btn line sm icon" disabled={count < 1} aria-label={state.speech.t("act.fewer")} onclick={act(part, format!("{who} scale {}", count - 1))}>{ icon("i-minus", 14) }</button>
                        <output>{ count }</output>
                        <button type="button" class="btn line sm icon" aria-label={state.speech.t("act.more")} onclick={act(part, format!("{who} scale {}", count + 1))}>{ icon("i-plus", 14) }</button>
                    </span>
                }
                <button type="button" class="btn line sm" onclick={act(part, format!("{who} delete"))}>{ state.say(&msg!("act.delete", kind = object.kind.name())) }</button>
            </div>
        </div>
    }
}

/// What the rollout of a workload waits for.
pub fn stands(part: &Part, workload: &WorkloadView) -> Html {
    let Some(waits) = &workload.waits else { return Html::default() };
    html! { <p class="stands">{ icon("i-warn", 14) }{ " " }{ marked(&part.state.say(waits)) }</p> }
}

fn pods_view(part: &Part, view: &ClusterView, app: &str, pods: &[&PodView]) -> Html {
    let items = pods.iter().map(|pod| (format!("{} {}", pod.name, pod.ip), ItemId::Pod(pod.namespace.clone(), pod.name.clone())));
    let (title, words) = match pods.first() {
        Some(first) if first.node.is_empty() => ("item.waiting", first.warning.clone()),
        _ => (app, String::new()),
    };
    html! { <>
        { list(part, "g-pod", title, items) }
        { warning(words) }
        <section>{ owner(part, view, pods.first().and_then(|pod| pod.owner.as_ref())) }</section>
    </> }
}

fn node_view(part: &Part, node: &NodeView) -> Html {
    let state = &part.state;
    let t = |id: &str| state.speech.t(id);
    let name = &node.name;
    let rules = {
        let name = name.clone();
        let send = part.send.clone();
        Callback::from(move |_: MouseEvent| {
            send.emit(Msg::RulesOf(name.clone()));
            send.emit(Msg::Dock(Dock::Rules));
        })
    };
    let (caller, own) = (Source::Node(name.clone()), ObjectRef::new(Kind::Node, "", name));
    let status = if node.ready { "Ready" } else { "NotReady" };
    html! {
        <section>
            { head("g-node", "k-infra", "Node", name) }
            { facts(vec![
                ("STATUS".into(), status.into()), ("POWER".into(), if node.up { t("object.on") } else { t("object.off") }), ("IP".into(), node.ip.clone()),
                ("POD CIDR".into(), node.pod_cidr.clone()), ("kube-proxy".into(), if node.proxy_running && node.up { t("object.running") } else { t("object.stopped") }), ("ZONE".into(), node.zone.clone()),
            ]) }
            if !node.up && node.ready { <p>{ state.say(&msg!("object.nodeSilent", node = name)) }</p> }
            if node.up && !node.proxy_running { <p>{ state.say(&msg!("object.proxyStopped", node = name)) }</p> }
            <div class="acts">
                if node.up { <button type="button" class="btn line sm" onclick={act(part, format!("node/{name} down"))}>{ t("act.nodeDown") }</button> }
                else { <button type="button" class="btn line sm" onclick={act(part, format!("node/{name} up"))}>{ t("act.nodeUp") }</button> }
                if node.up && node.proxy_running { <button type="button" class="btn line sm" onclick={act(part, format!("kube-proxy/{name} stop"))}>{ t("act.proxyStop") }</button> }
                if node.up && !node.proxy_running { <button type="button" class="btn line sm" onclick={act(part, format!("kube-proxy/{name} start"))}>{ t("act.proxyStart") }</button> }
                <button type="button" class="btn line sm" onclick={rules}>{ t("act.rules") }</button>
                <button type="button" class="btn line sm" onclick={part.send.reform(move |_: MouseEvent| Msg::From(caller.clone()))}>{ t("act.sendFrom") }</button>
            </div>
            { card::settings(part, card::of(part, &own)) }
            { document(part, &own) }
        </section>
    }
}

fn service_view(part: &Part, view: &ClusterView, service: &ServiceView) -> Html {
    let state = &part.state;
    let t = |id: &str| state.speech.t(id);
    let ports = service.ports.iter().map(|port| {
        let node_port = if port.node_port > 0 { format!(" · nodePort {}", port.node_port) } else { String::new() };
        let protocol = if port.protocol == "TCP" { String::new() } else { format!("/{}", port.protocol) };
        format!("{} {}{protocol} → {}{node_port}", port.name, port.port, port.target_port).trim().to_string()
    });
    let object = ObjectRef::new(Kind::Service, &service.namespace, &service.name);
    let (more, who) = (card::of(part, &object), format!("service/{}/{}", service.namespace, service.name));
    let nature = match service.kind.as_str() {
        "ExternalName" => "object.alias",
        _ if service.headless => "object.headless",
        _ => "object.service",
    };
    let external = if service.pending { "<pending>".into() } else { service.external.join(", ") };
    html! {
        <section>
            { head("g-svc", "k-svc", "Service", &service.name) }
            <p>{ t(nature) }</p>
            { facts(vec![
                ("TYPE".into(), service.kind.clone()), ("NAMESPACE".into(), service.namespace.clone()), ("CLUSTER-IP".into(), if service.headless { "None".into() } else { service.cluster_ip.clone() }),
                ("EXTERNAL-IP".into(), if service.external_name.is_empty() { external } else { service.external_name.clone() }),
                ("PORTS".into(), ports.collect::<Vec<_>>().join("\n")), ("SELECTOR".into(), service.selector.clone()), ("SLICE".into(), service.slices.join(", ")),
            ]) }
            <div class="acts">
                <button type="button" class="btn line sm" onclick={act(part, format!("{who} delete"))}>{ state.say(&msg!("act.delete", kind = "Service")) }</button>
            </div>
            { card::settings(part, more) }
            { card::names(part, more) }
            <div class="eyebrow">{ state.say(&msg!("object.endpoints", count = service.endpoints.len())) }</div>
            <ul class="items">{ for service.endpoints.iter().map(|endpoint| {
                let label = format!("{} {}", endpoint.ip, endpoint.ports);
                let place = card::topology(part, more, &endpoint.ip);
                let pod = endpoint.pod.clone();
                // A Service may publish Pods that are not ready as if they were.
                let waits = |own: &&PodView| !own.ready && pod.as_ref().is_some_and(|(namespace, name)| own.namespace == *namespace && own.name == *name);
                let published = endpoint.ready && view.pods.iter().any(|own| waits(&own));
                let status = match endpoint.ready {
                    _ if published => t("object.published"),
                    true => t("object.ready"),
                    false => t("object.notReady"),
                };
                html! { <li>
                    if let Some((namespace, name)) = pod {
                        <button type="button" onclick={part.send.reform(move |_: MouseEvent| Msg::Select(Some(ItemId::Pod(namespace.clone(), name.clone()))))}>{ label }</button>
                    } else { <span>{ label }</span> }
                    if !place.is_empty() { <small>{ place }</small> }
                    <span class={if endpoint.ready && !published { "ok" } else { "warn" }}>{ status }</span>
                </li> }
            }) }</ul>
            if let Some(request) = explain::request(state, service) {
                <p class="small">{ state.say(&msg!("why.asked", from = request.from, target = request.target)) }</p>
                { explain::why(part, "why.service", Asked::Request(Box::new(request))) }
            }
            { document(part, &object) }
        </section>
    }
}
