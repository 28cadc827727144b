//! The cards of the Objects view: what an object shows of itself.

use super::ItemId;
use super::geometry::Rect;
use super::ladder::Looked;
use super::name;
use super::objects::{Card, Grid, Mark, Objects, Row, field, object};
use super::view::{ClusterView, IngressView, PodView, ServiceView};
use crate::api::{Kind, ObjectRef};
use crate::msg;

const ROW: f64 = 24.0;
const RULE: f64 = 40.0;
const POD: f64 = 42.0;

/// An Ingress and its rules; gives the card's lower end.
pub(super) fn ingress_card(
    view: &ClusterView,
    ingress: &IngressView,
    looked: &Looked,
    grid: &Grid,
    y: f64,
    out: &mut Objects,
) -> f64 {
    let (x, wide) = grid.ingress;
    let own = ObjectRef::new(Kind::Ingress, &ingress.namespace, &ingress.name);
    let mut rows = Vec::new();
    let mut at_y = y + 34.0;
    let mut host = None;
    for rule in &ingress.rules {
        let new_host = host != Some(&rule.host) && !rule.host.is_empty();
        if new_host {
            at_y += ROW - 4.0;
        }
        let there = view.services.iter().any(|service| service.namespace == ingress.namespace && service.name == rule.service);
        let mark = match () {
            () if looked.rule(&own, &rule.at) => Mark::Used,
            () if !there => Mark::Bad,
            () => Mark::Plain,
        };
        let path = if rule.path.is_empty() { "*" } else { &rule.path };
        rows.push(Row {
            rect: Rect::new(x + 6.0, at_y, wide - 12.0, RULE),
            head: if new_host { rule.host.clone() } else { String::new() },
            name: path.to_string(),
            value: format!("{}:{}", rule.service, rule.port),
            field: Some(field(&own, rule.at.clone())),
            mark,
            ready: None,
        });
        host = Some(&rule.host);
        at_y += RULE + 6.0;
    }
    let class = if ingress.class.is_empty() { "—" } else { &ingress.class };
    let foot = match ingress.served {
        true => msg!("objects.class", class = class),
        false => msg!("objects.unserved", class = class),
    };
    at_y += ROW + 4.0;
    out.cards.push(Card {
        kind: Kind::Ingress,
        item: None,
        field: field(&own, ""),
        rect: Rect::new(x, y, wide, at_y - y),
        name: ingress.name.clone(),
        aside: String::new(),
        detail: String::new(),
        rows,
        foot: Some((foot, field(&own, "spec.ingressClassName"))),
        state: if ingress.served { Mark::Plain } else { Mark::Bad },
    });
    at_y
}

/// A Service and its ports.
pub(super) fn service_card(service: &ServiceView, looked: &Looked, grid: &Grid, y: f64) -> Card {
    let own = object(service);
    let (x, wide) = grid.service;
    let mut rows = Vec::new();
    let mut at_y = y + 52.0;
    for (index, port) in service.ports.iter().enumerate() {
        let label = if port.name.is_empty() { "port".to_string() } else { format!("port {}", port.name) };
        let lines = [
            ("nodePort", "nodePort".to_string(), port.node_port.to_string(), port.node_port > 0),
            ("port", label, port.port.to_string(), true),
            ("targetPort", "targetPort".to_string(), port.target_port.clone(), true),
        ];
        for (key, name, value, _) in lines.into_iter().filter(|(.., shown)| *shown) {
            let path = format!("spec.ports[{index}].{key}");
            let mark = if looked.field(&own, &path) { Mark::Used } else { Mark::Plain };
            let rect = Rect::new(x + 10.0, at_y, wide - 20.0, ROW - 2.0);
            rows.push(Row { rect, head: String::new(), name, value, field: Some(field(&own, path)), mark, ready: None });
            at_y += ROW;
        }
        at_y += 6.0;
    }
    let nobody = service.endpoints.is_empty() && service.kind != "ExternalName";
    let (foot, path) = match () {
        () if service.kind == "ExternalName" => (msg!("objects.externalName", name = service.external_name), "spec.externalName"),
        () if service.selector.is_empty() => (msg!("objects.noSelector"), "spec"),
        () if nobody => (msg!("objects.selectsNone", selector = service.selector), "spec.selector"),
        () => (msg!("objects.selects", selector = service.selector), "spec.selector"),
    };
    let bottom = at_y + ROW + 2.0;
    let address = if service.headless { "None" } else { &service.cluster_ip };
    Card {
        kind: Kind::Service,
        item: Some(ItemId::Service(service.namespace.clone(), service.name.clone())),
        field: field(&own, ""),
        rect: Rect::new(x, y, wide, bottom - y),
        name: service.name.clone(),
        aside: service.kind.clone(),
        detail: address.to_string(),
        rows,
        foot: Some((foot, field(&own, path))),
        state: if nobody { Mark::Bad } else { Mark::Plain },
    }
}

/// A slice of the addresses behind a Service: its name, how many it holds, and which of the Service's are shown.
pub(super) fn slice_card(
    service: &ServiceView,
    (name, size): (&str, usize),
    shown: &[usize],
    looked: &Looked,
    grid: &Grid,
    y: f64,
) -> Card {
    let own = object(service);
    let (x, wide) = grid.slice;
    let mut rows = Vec::new();
    for (index, endpoint) in shown.iter().map(|index| &service.endpoints[*index]).enumerate() {
        rows.push(Row {
            rect: Rect::new(x + 6.0, y + 30.0 + ROW * index as f64, wide - 12.0, ROW - 2.0),
            head: String::new(),
            name: endpoint.ip.clone(),
            value: String::new(),
            field: None,
            mark: if looked.address(&own, &endpoint.ip) { Mark::Used } else { Mark::Plain },
            ready: Some(endpoint.ready),
        });
    }
    let foot = match (shown.first().and_then(|first| service.endpoints.get(*first)), size.saturating_sub(shown.len())) {
        (None, _) => msg!("objects.noAddress"),
        (Some(first), 0) => msg!("objects.ports", ports = first.ports),
        (_, more) => msg!("objects.more", count = more),
    };
    let height = 30.0 + ROW * rows.len() as f64 + ROW + 2.0;
    Card {
        kind: Kind::EndpointSlice,
        item: None,
        field: field(&own, ""),
        rect: Rect::new(x, y, wide, height),
        name: name.to_string(),
        aside: String::new(),
        detail: String::new(),
        rows,
        foot: Some((foot, field(&own, "spec.selector"))),
        state: if size == 0 { Mark::Bad } else { Mark::Plain },
    }
}

pub(super) fn pod_card(pod: &PodView, looked: &Looked, grid: &Grid, y: f64) -> Card {
    let (x, wide) = grid.pods;
    Card {
        kind: Kind::Pod,
        item: Some(ItemId::Pod(pod.namespace.clone(), pod.name.clone())),
        field: field(&ObjectRef::new(Kind::Pod, &pod.namespace, &pod.name), ""),
        rect: Rect::new(x, y, wide, POD),
        name: name::pod(&pod.name, wide - 44.0),
        aside: String::new(),
        detail: if pod.ready { pod.node.clone() } else { format!("{} · {}", pod.node, pod.status) },
        rows: Vec::new(),
        foot: None,
        state: if looked.reached(&pod.namespace, &pod.name) { Mark::Used } else { Mark::Plain },
    }
}
