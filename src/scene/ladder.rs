//! What a request looks up among the objects, and the port ladder of a Service: nodePort, port, targetPort, containerPort, one lookup
//! a step. The trace says which of them were used: its hops cite the fields that they were decided by.

use super::objects::Mark;
use super::steps::{Step, hop};
use super::view::{ClusterView, PodView, ServiceView};
use crate::api::{Kind, ObjectRef};
use crate::msg;
use crate::trace::{FieldRef, Place, Reason, Trace};
use crate::words::Message;

/// What the shown request has looked up so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looked {
    fields: Vec<FieldRef>,
    service: Option<ObjectRef>,
    ingress: Option<ObjectRef>,
    /// Where it is sent in the end, from which step on (from 1), and to whom.
    address: Option<(String, usize)>,
    pod: Option<(String, String)>,
    /// Its destination now.
    pub to: String,
}

/// Reads a trace up to a step; a call inside it counts for itself.
pub fn looked(trace: &Trace, steps: &[Step], step: usize) -> Looked {
    let mut looked = Looked::default();
    let Some(current) = steps.get(step) else { return looked };
    for (index, step) in steps.iter().enumerate().take(step + 1).filter(|(_, step)| step.call == current.call) {
        let Some(hop) = hop(trace, step).filter(|hop| !hop.reply) else { continue };
        let find = |kind: Kind| hop.objects.iter().find(|object| object.kind == kind).cloned();
        looked.fields.extend(hop.because.iter().cloned());
        match hop.reason {
            Reason::NodePort | Reason::ClusterIP | Reason::LoadBalancerIP | Reason::ExternalIP => {
                looked.service = find(Kind::Service)
            }
            // The controller's own Service was only the way to it.
            Reason::IngressRule | Reason::IngressDefaultBackend | Reason::IngressNoEndpoints => {
                looked.ingress = find(Kind::Ingress);
                looked.service = find(Kind::Service);
                looked.address = None;
                looked.pod = None;
            }
            Reason::Dnat | Reason::IngressPick => {
                looked.address = hop.after.map(|after| (after.dst.ip.to_string(), index + 1));
                let port = looked.port_cited();
                if let (Some(service), Some(port)) = (&looked.service, port) {
                    // An Ingress names the Service's port, and the controller looks it up.
                    let keys: &[&str] = if hop.reason == Reason::IngressPick { &["port", "targetPort"] } else { &["targetPort"] };
                    for key in keys {
                        looked.fields.push(FieldRef { object: service.clone(), path: format!("spec.ports[{port}].{key}") });
                    }
                }
            }
            Reason::PodArrive | Reason::NothingListens => {
                if let Place::Pod(namespace, name) = &hop.at {
                    looked.pod = Some((namespace.clone(), name.clone()));
                }
            }
            _ => {}
        }
        if let Some(flow) = hop.after.or(hop.before) {
            looked.to = flow.dst.to_string();
        }
    }
    looked
}

impl Looked {
    /// Whether a field decided something.
    pub fn field(&self, object: &ObjectRef, path: &str) -> bool {
        self.fields.iter().any(|field| field.object == *object && field.path == path)
    }

    /// Whether a rule of an Ingress was taken.
    pub fn rule(&self, object: &ObjectRef, at: &str) -> bool {
        let inside = |path: &str| path.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.ingress.as_ref() == Some(object) && self.fields.iter().any(|field| field.object == *object && inside(&field.path))
    }

    /// Whether an address of a Service was taken.
    pub fn address(&self, service: &ObjectRef, ip: &str) -> bool {
        self.service.as_ref() == Some(service) && self.address.as_ref().is_some_and(|(taken, _)| taken == ip)
    }

    /// Whether it came to a Pod.
    pub fn reached(&self, namespace: &str, name: &str) -> bool {
        self.pod.as_ref().is_some_and(|pod| pod.0 == namespace && pod.1 == name)
    }

    /// The Service that it goes through.
    pub fn service(&self) -> Option<&ObjectRef> {
        self.service.as_ref()
    }

    /// The Ingress that it came by.
    pub fn ingress(&self) -> Option<&ObjectRef> {
        self.ingress.as_ref()
    }

    /// The step that set its last destination, from 1.
    pub fn sent_at(&self) -> Option<usize> {
        self.address.as_ref().map(|(_, step)| *step)
    }

    /// Which of its Service's ports it uses.
    fn port_cited(&self) -> Option<usize> {
        let service = self.service.as_ref()?;
        let of = self.fields.iter().rev().filter(|field| field.object == *service);
        of.filter_map(|field| field.path.strip_prefix("spec.ports[")?.split_once(']')?.0.parse().ok()).next()
    }
}

/// One step of the ladder.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Rung {
    pub name: &'static str,
    pub value: String,
    pub note: Message,
    pub field: Option<FieldRef>,
    pub mark: Mark,
    /// The request passes it by.
    pub skipped: Option<Message>,
}

/// The Service whose ladder is shown: the chosen one, else the one that the request goes through, else the first.
pub fn subject<'a>(view: &'a ClusterView, looked: &Looked, chosen: Option<&ObjectRef>) -> Option<&'a ServiceView> {
    let is = |service: &ServiceView, wanted: Option<&ObjectRef>| {
        wanted.is_some_and(|wanted| wanted.namespace == service.namespace && wanted.name == service.name)
    };
    let own = || view.services.iter().filter(|service| !service.system && !service.ports.is_empty());
    own()
        .find(|service| is(service, chosen))
        .or_else(|| own().find(|service| is(service, looked.service())))
        .or_else(|| own().next())
}

/// Which of a Service's ports the request takes; none when it goes through another Service.
pub fn port_taken(looked: &Looked, service: &ServiceView) -> Option<usize> {
    let own = ObjectRef::new(Kind::Service, &service.namespace, &service.name);
    (looked.service() == Some(&own)).then(|| looked.port_cited().unwrap_or_default())
}

/// The ladder of a Service: of the port that the request uses, else of the first.
pub fn ladder(view: &ClusterView, looked: &Looked, service: &ServiceView, index: usize) -> Vec<Rung> {
    let own = ObjectRef::new(Kind::Service, &service.namespace, &service.name);
    let through = port_taken(looked, service) == Some(index);
    let Some(port) = service.ports.get(index) else { return Vec::new() };
    let field = |key: &str| FieldRef { object: own.clone(), path: format!("spec.ports[{index}].{key}") };
    let mark = |key: &str| if through && looked.field(&own, &field(key).path) { Mark::Used } else { Mark::Plain };
    let by_ingress = through && looked.ingress().is_some();
    let by_node = mark("nodePort") == Mark::Used;
    let (node_port, node_note) = match port.node_port {
        0 => ("—".to_string(), msg!("ladder.nodePort.none", type = service.kind)),
        number => (number.to_string(), msg!("ladder.nodePort")),
    };
    let named = if port.name.is_empty() { String::new() } else { format!(" · {}", port.name) };
    let port_note =
        if service.headless { msg!("ladder.port.headless") } else { msg!("ladder.port", ip = service.cluster_ip, name = named) };
    let is_name = port.target_port.parse::<u16>().is_err();
    let target_note = if is_name { msg!("ladder.targetPort.name") } else { msg!("ladder.targetPort.number") };
    let skipped = |used: bool, why: Message| (through && !used).then_some(why);
    let entered = by_ingress || mark("port") == Mark::Used;
    vec![
        Rung {
            name: "nodePort",
            value: node_port,
            note: node_note,
            field: (port.node_port > 0).then(|| field("nodePort")),
            mark: mark("nodePort"),
            skipped: skipped(by_node, if by_ingress { msg!("ladder.skip.ingress") } else { msg!("ladder.skip.noNodePort") })
                .filter(|_| port.node_port > 0),
        },
        Rung {
            name: "port",
            value: port.port.to_string(),
            note: if by_ingress { msg!("ladder.port.ingress") } else { port_note },
            field: Some(field("port")),
            mark: if entered { Mark::Used } else { Mark::Plain },
            skipped: skipped(entered, msg!("ladder.skip.nodePort")),
        },
        Rung {
            name: "targetPort",
            value: port.target_port.clone(),
            note: target_note,
            field: Some(field("targetPort")),
            mark: mark("targetPort"),
            skipped: None,
        },
        container(view, looked, service, &port.target_port, mark("targetPort")),
    ]
}

/// The last step: the port of a Pod behind the Service, of the one that the request came to where there is one.
fn container(view: &ClusterView, looked: &Looked, service: &ServiceView, target: &str, mark: Mark) -> Rung {
    let behind = |pod: &&PodView| {
        let own = |pair: &(String, String)| pair.0 == pod.namespace && pair.1 == pod.name;
        service.endpoints.iter().filter_map(|endpoint| endpoint.pod.as_ref()).any(own)
    };
    let pods = || view.pods.iter().filter(behind);
    let pod = pods().find(|pod| looked.reached(&pod.namespace, &pod.name)).or_else(|| pods().next());
    let rung = |value: String, note: Message, field: Option<FieldRef>, mark: Mark| Rung {
        name: "containerPort",
        value,
        note,
        field,
        mark,
        skipped: None,
    };
    let Some(pod) = pod else { return rung("—".into(), msg!("ladder.noPod"), None, Mark::Bad) };
    let number = target.parse::<u16>().ok();
    let declared = pod.ports.iter().find(|port| number.map_or(port.name == target, |number| port.port == number));
    let own = ObjectRef::new(Kind::Pod, &pod.namespace, &pod.name);
    let field = declared.map(|port| FieldRef { object: own, path: port.at.clone() });
    let Some(number) = number.or(declared.map(|port| port.port)) else {
        return rung("—".into(), msg!("ladder.noName", name = target), None, Mark::Bad);
    };
    if !pod.listens.iter().any(|(port, _)| *port == number) {
        return rung(number.to_string(), msg!("ladder.nothingListens", port = number), field, Mark::Bad);
    }
    let note = match declared {
        Some(port) if !port.name.is_empty() => msg!("ladder.containerPort.named", name = port.name),
        Some(_) => msg!("ladder.containerPort"),
        None => msg!("ladder.containerPort.undeclared"),
    };
    rung(number.to_string(), note, field, mark)
}
