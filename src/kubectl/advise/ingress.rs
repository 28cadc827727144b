//! Ingresses: a class that nobody serves, a backend that is not there.

use super::{Advice, missing};
use crate::addons::ingress_controller::Certificate;
use crate::addons::{aws, ingress_controller};
use crate::api::core::Service;
use crate::api::foreign::annotations::Reader;
use crate::api::networking::{Ingress, IngressBackend};
use crate::api::{Kind, ObjectRef};
use crate::diagnostic::{Fix, Severity, distance, is_slip};
use crate::msg;
use crate::settings::{INGRESS_CONTROLLER, Provider};

/// Controllers that tutorials name, so that the finding can say what is missing.
const KNOWN_CLASSES: [(&str, &str); 5] = [
    ("nginx", "ingress-nginx"),
    ("alb", "AWS Load Balancer Controller"),
    ("traefik", "Traefik"),
    ("gce", "GKE Ingress"),
    ("haproxy", "HAProxy Ingress"),
];

impl Advice<'_> {
    pub(super) fn ingress(&mut self, object: &ObjectRef) {
        let Some(ingress) = self.store().get::<Ingress>(&object.namespace, &object.name).cloned() else { return };
        let served = ingress_controller::is_served(self.store(), &ingress);
        self.read_elsewhere(object, &[Reader::Ingress]);
        if !served {
            self.unserved(object, &ingress);
        }
        let rules = ingress.spec.rules.iter().enumerate();
        let paths = rules
            .flat_map(|(r, rule)| rule.http.iter().flat_map(|http| &http.paths).enumerate().map(move |(p, path)| (r, p, path)));
        let paths: Vec<(String, IngressBackend)> =
            paths.map(|(r, p, path)| (format!("spec.rules[{r}].http.paths[{p}].backend"), path.backend.clone())).collect();
        for (path, backend) in &paths {
            self.backend(object, path, backend);
        }
        if let Some(backend) = &ingress.spec.default_backend {
            self.backend(object, "spec.defaultBackend", backend);
        }
        for (at, tls) in ingress.spec.tls.iter().enumerate().filter(|(_, tls)| served && !tls.secret_name.is_empty()) {
            let secret = ObjectRef::new(Kind::Secret, &object.namespace, &tls.secret_name);
            if ingress_controller::certificate(self.cluster, object, &secret) == Certificate::Missing {
                let message = msg!("advise.noTlsSecret", secret = secret.name, namespace = secret.namespace);
                let help = Some(msg!("advise.noTlsSecret.help", secret = secret.name, namespace = secret.namespace));
                self.tell(Severity::Warning, object, &format!("spec.tls[{at}].secretName"), message, help, Vec::new());
            }
        }
    }

    fn unserved(&mut self, object: &ObjectRef, ingress: &Ingress) {
        if !self.cluster.settings.ingress.controller {
            let message = msg!("advise.noController", ingress = object.name);
            self.tell(Severity::Warning, object, "spec.ingressClassName", message, None, Vec::new());
            return;
        }
        let annotated = ingress.metadata.annotations.get("kubernetes.io/ingress.class");
        let class = ingress.spec.ingress_class_name.as_ref().or(annotated).cloned().unwrap_or_default();
        if class.is_empty() {
            let message = msg!("advise.noDefaultClass", ingress = object.name);
            self.tell(Severity::Warning, object, "spec", message, None, Vec::new());
            return;
        }
        let path = &ingress_controller::class_field(ingress);
        // What would serve it here says nothing of a real cluster, where nobody does.
        let shown = ingress_controller::is_shown_unserved(self.cluster, ingress);
        if shown || self.cluster.settings.load_balancer.provider == Provider::Aws && class.contains(aws::ALB_CLASS) {
            self.told_unserved(object, ingress, &class, path);
            return;
        }
        let known = KNOWN_CLASSES.iter().find(|(word, _)| class.contains(word));
        let message = msg!("advise.classUnserved", class = class);
        let help = match known {
            Some((aws::ALB_CLASS, _)) => msg!("advise.classUnserved.aws", class = class),
            Some((_, controller)) => msg!("advise.classUnserved.known", class = class, controller = controller),
            None => msg!("advise.classUnserved.help", class = class),
        };
        let fixes = missing::ingress_class(&class, INGRESS_CONTROLLER, &mut self.offered).into_iter().collect();
        self.tell(Severity::Warning, object, path, message, Some(help), fixes);
    }

    /// In the words of a trace: with AWS's controller there, its IngressClass is missing, or it builds no load balancer and says why.
    fn told_unserved(&mut self, object: &ObjectRef, ingress: &Ingress, class: &str, path: &str) {
        let (why, next, because) = ingress_controller::unserved(self.cluster, ingress);
        let missing = !self.store().ingress_classes.contains_key(&(String::new(), class.to_string()));
        let fix = if missing && class.contains(aws::ALB_CLASS) {
            missing::ingress_class(class, aws::ALB_CONTROLLER, &mut self.offered)
        } else {
            None
        };
        let own = because.iter().find(|field| field.object == *object);
        let path = own.map_or(path, |field| field.path.as_str()).to_string();
        self.tell(Severity::Warning, object, &path, why, Some(next), fix.into_iter().collect());
    }

    fn backend(&mut self, object: &ObjectRef, path: &str, backend: &IngressBackend) {
        let Some(wanted) = &backend.service else { return };
        if wanted.port.name == aws::actions::USE_ANNOTATION && self.cluster.settings.load_balancer.provider == Provider::Aws {
            let annotations = self.store().metadata(object).map(|meta| &meta.annotations);
            if annotations.is_some_and(|own| aws::actions::of(own, &wanted.name).is_none()) {
                let message = msg!("explain.ingress.noAction", action = wanted.name);
                let help = Some(msg!("explain.ingress.noAction.next", action = wanted.name));
                self.tell(Severity::Warning, object, &format!("{path}.service.name"), message, help, Vec::new());
            }
            return;
        }
        let service = self.store().get::<Service>(&object.namespace, &wanted.name).cloned();
        let Some(service) = service else {
            let message = msg!("advise.noBackend", service = wanted.name, ingress = object.name);
            let number = if wanted.port.number == 0 { 80 } else { wanted.port.number };
            let path = format!("{path}.service.name");
            let named = ObjectRef::new(Kind::Service, &object.namespace, &wanted.name);
            if self.cluster.manifests.documents.iter().any(|document| document.names(&named)) {
                // There is one, and it was refused for a reason that is told elsewhere.
                self.tell(Severity::Warning, object, &path, message, None, Vec::new());
                return;
            }
            let (help, fixes) = match self.respelt(object, &path, &wanted.name) {
                Some((name, fix)) => (msg!("advise.noBackend.near", name = name), Some(fix)),
                None => {
                    let fix = missing::service(&wanted.name, &object.namespace, &wanted.port.name, number, &mut self.offered);
                    (msg!("advise.noBackend.help", service = wanted.name), fix)
                }
            };
            self.tell(Severity::Warning, object, &path, message, Some(help), fixes.into_iter().collect());
            return;
        };
        if service.spec.type_ == "ExternalName" {
            let message = msg!("advise.backend.externalName", service = wanted.name);
            let help = msg!("explain.ingress.externalName.next", service = wanted.name);
            self.tell(Severity::Warning, object, &format!("{path}.service.name"), message, Some(help), Vec::new());
            return;
        }
        let there = service.spec.ports.iter().any(|port| {
            if wanted.port.name.is_empty() { port.port == wanted.port.number } else { port.name == wanted.port.name }
        });
        if !there {
            let asked = if wanted.port.name.is_empty() { wanted.port.number.to_string() } else { wanted.port.name.clone() };
            let has: Vec<String> = service
                .spec
                .ports
                .iter()
                .map(|port| if port.name.is_empty() { port.port.to_string() } else { format!("{} ({})", port.port, port.name) })
                .collect();
            let message = msg!("advise.noBackendPort", service = wanted.name, port = asked);
            let help = msg!("advise.backendPorts", ports = has.join(", "));
            self.tell(Severity::Warning, object, &format!("{path}.service.port"), message, Some(help), Vec::new());
        }
    }

    /// The Service of that namespace whose name a misspelt one most likely means, and the change that names it.
    fn respelt(&self, object: &ObjectRef, path: &str, typed: &str) -> Option<(String, Fix)> {
        let names = self.store().in_namespace::<Service>(&object.namespace).map(|service| service.metadata.name.as_str());
        let near = names.map(|name| (distance(typed, name), name)).filter(|(away, name)| is_slip(*away, typed, name));
        let name = near.min()?.1.to_string();
        let label = msg!("advise.fix.value", from = typed, to = name);
        let span = self.written(object, path)?;
        Some((name.clone(), Fix { label, span: Some(span), text: name }))
    }
}
