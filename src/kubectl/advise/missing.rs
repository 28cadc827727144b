//! Objects that a click adds: the smallest ones that make what was written work.

use crate::api::apps::StatefulSetSpec;
use crate::api::core::Service;
use crate::api::meta::IntOrString;
use crate::api::{Kind, ObjectRef};
use crate::diagnostic::Fix;
use crate::msg;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A Deployment whose Pods a Service selects and that listens where the Service points. `None` when it was offered before.
pub fn workload(service: &Service, offered: &mut BTreeSet<ObjectRef>) -> Option<Fix> {
    let spec = &service.spec;
    let named = ["app", "app.kubernetes.io/name", "name"].iter().find_map(|key| spec.selector.get(*key));
    let name = named.cloned().unwrap_or_else(|| service.metadata.name.clone());
    if !offered.insert(ObjectRef::new(Kind::Deployment, &service.metadata.namespace, &name)) {
        return None;
    }
    let port = spec.ports.iter().find(|port| port.protocol != "UDP" && port.protocol != "SCTP");
    let (number, port_name) = match port.map(|port| (&port.target_port, port.port)) {
        Some((IntOrString::Int(0), port)) => (port, None),
        Some((IntOrString::Int(target), _)) => (*target, None),
        Some((IntOrString::String(name), _)) => (8080, Some(name.clone())),
        None => (8080, None),
    };
    let labels = |indent: &str| {
        spec.selector.iter().fold(String::new(), |mut text, (key, value)| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{indent}{key}: {}", scalar(value));
            text
        })
    };
    let port_name =
        port_name.map(|name| format!("            - name: {}\n              containerPort: {number}\n", scalar(&name)));
    let ports = port_name.unwrap_or_else(|| format!("            - containerPort: {number}\n"));
    let text = format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n{}spec:\n  replicas: 3\n  selector:\n    matchLabels:\n{}  \
         template:\n    metadata:\n      labels:\n{}    spec:\n      containers:\n        - name: app\n          image: hashicorp/http-echo:1.0\n          \
         args: [\"-listen=:{number}\", \"-text=hello\"]\n          ports:\n{ports}",
        namespace(&service.metadata.namespace),
        labels("      "),
        labels("        "),
    );
    Some(Fix { label: msg!("advise.fix.addWorkload", name = name), span: None, text })
}

/// A Service with a Deployment behind it, as an Ingress's backend asks for.
pub fn service(name: &str, of: &str, port: &str, number: i32, offered: &mut BTreeSet<ObjectRef>) -> Option<Fix> {
    if !offered.insert(ObjectRef::new(Kind::Service, of, name)) {
        return None;
    }
    let port_name = if port.is_empty() { String::new() } else { format!("name: {}\n      ", scalar(port)) };
    let mut wanted = Service::default();
    wanted.metadata.name = name.to_string();
    wanted.metadata.namespace = of.to_string();
    wanted.spec.selector.insert("app".into(), name.to_string());
    wanted.spec.ports.push(crate::api::core::ServicePort {
        port: number,
        target_port: IntOrString::Int(8080),
        ..Default::default()
    });
    let behind = workload(&wanted, offered).map(|fix| fix.text).unwrap_or_default();
    let text = format!(
        "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n{}spec:\n  selector:\n    app: {name}\n  ports:\n    - {port_name}port: {number}\n      targetPort: 8080\n{behind}",
        namespace(of)
    );
    Some(Fix { label: msg!("advise.fix.addService", name = name), span: None, text })
}

/// The headless Service that gives a StatefulSet's Pods their names.
pub fn governing(name: &str, of: &str, set: &StatefulSetSpec, offered: &mut BTreeSet<ObjectRef>) -> Option<Fix> {
    let labels = &set.selector.match_labels;
    if labels.is_empty() || !offered.insert(ObjectRef::new(Kind::Service, of, name)) {
        return None;
    }
    let mut text = format!(
        "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n{}spec:\n  clusterIP: None\n  selector:\n",
        namespace(of)
    );
    for (key, value) in labels {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {key}: {}", scalar(value));
    }
    let ports: Vec<i32> = set.template.spec.containers.iter().flat_map(|own| &own.ports).map(|own| own.container_port).collect();
    for (at, port) in ports.iter().enumerate() {
        let _ = write!(text, "{}    - name: port-{port}\n      port: {port}\n", if at == 0 { "  ports:\n" } else { "" });
    }
    Some(Fix { label: msg!("advise.fix.addHeadless", name = name), span: None, text })
}

/// An IngressClass that a controller serves.
pub fn ingress_class(name: &str, controller: &str, offered: &mut BTreeSet<ObjectRef>) -> Option<Fix> {
    offered.insert(ObjectRef::new(Kind::IngressClass, "", name)).then(|| Fix {
        label: msg!("advise.fix.addClass", class = name),
        span: None,
        text: format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n  name: {name}\nspec:\n  controller: {controller}\n"
        ),
    })
}

fn namespace(name: &str) -> String {
    if name == "default" || name.is_empty() { String::new() } else { format!("  namespace: {name}\n") }
}

/// A scalar that stays a string in YAML.
fn scalar(text: &str) -> String {
    let plain =
        text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)) && text.chars().any(|c| c.is_ascii_alphabetic());
    let word = matches!(text.to_ascii_lowercase().as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null");
    if plain && !word && text.starts_with(|c: char| c.is_ascii_alphabetic()) { text.to_string() } else { format!("{text:?}") }
}
