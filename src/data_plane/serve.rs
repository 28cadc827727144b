//! Who takes a packet at the end of its way: a Pod, a node's own network, the API server, a server outside; or nothing listens.

use super::Open;
use super::causes::{ended, endpoint_on_host};
use super::exchange::{Exchange, Outcome};
use super::process::nothing_listens;
use super::story::{Event, HopExt, hop};
use super::target::{Scheme, Target};
use super::travel::Spot;
use super::world::Guest;
use crate::addons::ingress_controller::real;
use crate::api::core::ServicePort;
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::node::images::{listens, speaks_http, speaks_tls};
use crate::packet::{Flow, Protocol, Socket};
use crate::settings::Mode;
use crate::trace::{Place, Reason, Request, Verdict};
use std::sync::Arc;

impl Exchange<'_> {
    /// Something at the end takes the packet, or nothing listens.
    pub(super) fn serve(&mut self, spot: Spot, seen: Flow, target: &Target, request: &Request) -> Outcome {
        match spot {
            _ if target.protocol == Protocol::Icmp => self.echo(spot, seen),
            Spot::Pod(pod) => self.serve_by_pod(pod, seen, target, request),
            Spot::Node(node) => self.serve_by_node(node, seen, target, request),
            Spot::ApiServer if self.is_api_server(seen.dst, target) => self.api_server(seen),
            Spot::Server => self.server_answers(seen, target, request),
            Spot::Alb(alb) => self.alb(alb, seen, target, request),
            _ => {
                let place = if spot == Spot::ApiServer { Place::Outside("kube-apiserver".into()) } else { Place::Internet };
                self.tell.hop(|| {
                    let text = match target.protocol {
                        Protocol::Udp => msg!("hop.NothingListens.text.udp.outside", to = seen.dst),
                        _ => msg!("hop.NothingListens.text.outside", to = seen.dst),
                    };
                    hop(place, Reason::NothingListens, text).ends(seen)
                });
                Outcome::refused(Reason::NothingListens)
            }
        }
    }

    fn is_api_server(&self, at: Socket, target: &Target) -> bool {
        target.protocol == Protocol::Tcp && self.world.api_servers.contains(&at)
    }

    fn api_server(&mut self, seen: Flow) -> Outcome {
        self.tell.hop(|| {
            let text = msg!("hop.ProcessAnswers.text.apiServer", from = seen.src.ip);
            hop(Place::Outside("kube-apiserver".into()), Reason::ProcessAnswers, text).flow(seen, seen)
        });
        Outcome { port: Some(seen.dst.port), pod_ip: None, ..Outcome::new(Verdict::Delivered, None) }
    }

    pub fn serve_by_node(&mut self, node: usize, seen: Flow, target: &Target, request: &Request) -> Outcome {
        let on_host = |guest: &Guest| guest.host_network && guest.node == node;
        let candidates: Vec<usize> =
            (0..self.world.pods.len()).filter(|index| self.world.pods.get(*index).is_some_and(on_host)).collect();
        let from_here = seen.dst.ip.is_loopback();
        for pod in candidates {
            if self.listens_at(pod, seen.dst.port, target.protocol, from_here) {
                return self.serve_by_pod(pod, seen, target, request);
            }
        }
        if self.is_api_server(seen.dst, target) {
            return self.api_server(seen);
        }
        let own = self.health_check(node, seen, target).or_else(|| self.kubelet_answers(node, seen, target));
        if let Some(outcome) = own {
            return outcome;
        }
        if let Some(outcome) = self.absent_answers(seen, target.protocol, target.is_http()) {
            return outcome;
        }
        // A Service, or the name of a headless one, led to a Pod that has the node's address.
        let asked = endpoint_on_host(&self.cluster.store, seen.dst.ip, (seen.dst.port, target.protocol));
        if let Some(pod) = asked.and_then(|pod| self.world.pod_named(&pod.metadata.namespace, &pod.metadata.name)) {
            return self.serve_by_pod(pod, seen, target, request);
        }
        let (name, primary) = self.world.nodes.get(node).map(|node| (node.name.clone(), node.ip)).unzip();
        let (name, primary) = (name.unwrap_or_default(), primary.unwrap_or(seen.dst.ip));
        let elsewhere = self.node_port_at(seen.dst.port, target.protocol).filter(|_| primary != seen.dst.ip);
        self.tell.hop(|| {
            let text = match target.protocol {
                _ if let Some(service) = elsewhere => {
                    msg!("hop.NothingListens.text.primary", node = name, service = service, to = seen.dst, ip = primary)
                }
                Protocol::Udp => msg!("hop.NothingListens.text.udp.node", node = name, port = seen.dst.port),
                _ => msg!("hop.NothingListens.text.node", node = name, port = seen.dst.port),
            };
            let object = ObjectRef::new(Kind::Node, "", &name);
            hop(Place::Node(name), Reason::NothingListens, text).ends(seen).about(vec![object])
        });
        Outcome::refused(Reason::NothingListens)
    }

    /// The Service with this node port, in nftables mode: kube-proxy serves it on each node's primary address alone
    /// (`nodePortAddresses: [primary]` is what that mode does by default), and not on 127.0.0.1 or a bridge's.
    fn node_port_at(&self, port: u16, protocol: Protocol) -> Option<String> {
        let cluster = self.cluster;
        let own = |own: &ServicePort| own.node_port == i32::from(port) && Protocol::of_api(&own.protocol) == Some(protocol);
        let mut services = cluster.store.services.values().filter(|_| cluster.settings.mode == Mode::Nftables);
        Some(services.find(|service| service.spec.ports.iter().any(own))?.metadata.name.clone())
    }

    /// What a Pod listens on, remembered.
    pub fn listeners(&mut self, pod: usize) -> Arc<[Open]> {
        if let Some(Some(found)) = self.caches.listeners.get(pod) {
            return Arc::clone(found);
        }
        let guest = self.world.pods.get(pod);
        let found: Arc<[Open]> = match guest {
            Some(guest) => {
                let listeners = listens(&guest.pod, &self.cluster.store);
                let open = |listener| Open {
                    http: speaks_http(&guest.pod, &listener),
                    tls: speaks_tls(&guest.pod, &listener),
                    listener,
                };
                let status = &guest.pod.status;
                let stopped = |name: &str| {
                    let mut all = status.container_statuses.iter().chain(&status.init_container_statuses);
                    all.any(|own| own.name == name && own.is_stopped())
                };
                listeners.into_iter().filter(|listener| !stopped(&listener.container)).map(open).collect()
            }
            None => Arc::from([]),
        };
        self.caches.listeners.resize(self.world.pods.len(), None);
        if let Some(place) = self.caches.listeners.get_mut(pod) {
            *place = Some(Arc::clone(&found));
        }
        found
    }

    pub fn listens_at(&mut self, pod: usize, port: u16, protocol: Protocol, from_here: bool) -> bool {
        self.listeners(pod).iter().any(|open| open.takes(port, protocol) && (from_here || !open.listener.loopback_only))
    }

    pub fn serve_by_pod(&mut self, pod: usize, seen: Flow, target: &Target, request: &Request) -> Outcome {
        let Some(guest) = self.world.pods.get(pod) else { return Outcome::refused(Reason::NothingListens) };
        self.tell.note(|| Event::PodArrive { pod, flow: seen });
        let open = self.listeners(pod);
        let found = open.iter().enumerate().find(|(_, found)| found.takes(seen.dst.port, target.protocol));
        let reachable = found.filter(|(_, found)| !found.listener.loopback_only || seen.dst.ip.is_loopback());
        let Some((listener, found)) = reachable else {
            let assumed = found.filter(|(_, found)| found.listener.basis.assumption().is_some());
            assumed.into_iter().for_each(|(listener, _)| self.tell.note(|| Event::Listener { pod, listener }));
            let (loopback, world, store) = (found.is_some(), self.world, &self.cluster.store);
            self.tell.hop(|| {
                let (place, objects) = world.place_of(Spot::Pod(pod));
                let refused = match ended(&guest.pod, &listens(&guest.pod, store), (seen.dst.port, target.protocol)) {
                    Some(found) => hop(place, Reason::NothingListens, found.why).ends(seen),
                    None => nothing_listens(&guest.pod, place, (seen, target.protocol), &open, loopback),
                };
                refused.about(objects)
            });
            return Outcome::refused(Reason::NothingListens);
        };
        if found.listener.basis.assumption().is_some() {
            self.tell.note(|| Event::Listener { pod, listener });
        }
        let outcome = Outcome {
            pod: Some(pod),
            pod_ip: Some(guest.ip),
            port: Some(seen.dst.port),
            node: Some(guest.node),
            source_seen: Some(seen.src.ip),
            ..Outcome::new(Verdict::Delivered, None)
        };
        // Whoever only opens a TCP connection sends no request: the controller takes the connection and waits.
        if guest.is_controller
            && target.protocol == Protocol::Tcp
            && target.scheme != Scheme::Tcp
            && real::takes_requests(&guest.pod.spec, seen.dst.port)
        {
            return self.ingress(pod, seen, target, request, outcome);
        }
        self.process_answers(pod, (listener, found), seen, target, outcome)
    }
}
