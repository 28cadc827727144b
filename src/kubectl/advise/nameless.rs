//! Calls that will fail: variables and known programs that name a Service which is not there, references that nothing fills.

use super::Advice;
use crate::api::core::{Pod, PodTemplateSpec, Service};
use crate::api::{Kind, ObjectRef};
use crate::data_plane::causes::nearest;
use crate::diagnostic::Severity;
use crate::msg;
use crate::node::environment::{By, Nameless, ToItself, late, named_nobody, own_ports, to_itself, unfilled, untold_by};
use crate::words::Message;

impl Advice<'_> {
    /// Whether a program uses a variable cannot be told, so none of them is an error.
    pub(super) fn nameless(&mut self, object: &ObjectRef) {
        let cluster = self.cluster;
        let Some((pod, above)) = self.pod_of(object).filter(|(pod, _)| pod.metadata.owner_references.is_empty()) else { return };
        for own in named_nobody(&pod, cluster) {
            if own.is_address() || own.doubtful && self.meant(&object.namespace, &own.host).is_none() {
                let (name, variable, target) = (&object.name, &own.variable, &own.target);
                let text = match (own.doubtful, own.by == By::Argument) {
                    (true, true) => msg!("advise.noCall.doubtful.argument", name = name, argument = variable, target = target),
                    (true, _) => msg!("advise.noCall.doubtful", name = name, variable = variable, target = target),
                    (_, true) => msg!("advise.noCall.private.argument", name = name, argument = variable, target = target),
                    _ => msg!("advise.noCall.private", name = name, variable = variable, target = target),
                };
                self.tell(Severity::Info, object, &format!("{above}{}", own.field), text, None, Vec::new());
                continue;
            }
            let (message, help) = self.names_nobody(object, &own);
            self.tell(Severity::Warning, object, &format!("{above}{}", own.field), message, Some(help), Vec::new());
        }
        for ToItself { variable, target, field, service, .. } in to_itself(&pod, cluster) {
            let message = msg!("advise.localhost", name = object.name, variable = variable, target = target);
            let help = msg!("advise.localhost.help", service = service);
            self.tell(Severity::Warning, object, &format!("{above}{field}"), message, Some(help), Vec::new());
        }
        for own in own_ports(&pod, cluster) {
            let text =
                msg!("advise.ownPort", variable = own.variable, value = own.value, service = own.service, ports = own.ports);
            self.tell(Severity::Info, object, &format!("{above}{}", own.field), text, None, Vec::new());
        }
        // What a container was given when it started, its Pod tells and not the template.
        let started = cluster.pods_of(object).find(|pod| pod.metadata.deletion_timestamp.is_none()).unwrap_or(&pod);
        for (field, mut message) in unfilled(started, cluster) {
            let help = Message { id: format!("{}.next", message.id).into(), args: message.args.clone() };
            message.args.insert("pod".into(), object.name.clone());
            self.tell(Severity::Warning, object, &format!("{above}{field}"), message, Some(help), Vec::new());
        }
        for own in late(started, cluster) {
            let message = msg!("assume.lateService", pod = object.name, variable = own.variable, target = own.target);
            let help = Some(msg!("explain.calls.late.next"));
            self.tell(Severity::Warning, object, &format!("{above}{}", own.field), message, help, Vec::new());
        }
    }

    /// A Pod as the object makes it, and where its spec stands there.
    fn pod_of(&self, object: &ObjectRef) -> Option<(Pod, &'static str)> {
        let (store, namespace, name) = (&self.cluster.store, object.namespace.as_str(), object.name.as_str());
        let of_template = |template: &PodTemplateSpec| {
            let mut pod = Pod { metadata: template.metadata.clone(), spec: template.spec.clone(), ..Pod::default() };
            pod.metadata.namespace = namespace.to_string();
            (pod, "spec.template.")
        };
        match object.kind {
            Kind::Pod => store.get::<Pod>(namespace, name).map(|pod| (pod.clone(), "")),
            _ => store.workload(object).map(|own| of_template(own.template)),
        }
    }

    /// The variable that would name another to the program of one of the object's images.
    fn untold_by(&self, object: &ObjectRef, image: &str) -> Option<&'static str> {
        let (pod, _) = self.pod_of(object)?;
        let named = pod.spec.containers.iter().filter(|container| container.image.starts_with(image));
        { named }.find_map(|container| untold_by(&container.image))
    }

    /// The Service of the namespace that a name means but for a slip.
    fn meant(&self, namespace: &str, host: &str) -> Option<String> {
        let names = self.store().in_namespace::<Service>(namespace).map(|service| service.metadata.name.as_str());
        nearest(host, names).map(str::to_string)
    }

    /// A name that no Service has: where it is named, and what to do.
    fn names_nobody(&self, object: &ObjectRef, own: &Nameless) -> (Message, Message) {
        let (store, namespace, name) = (self.store(), object.namespace.as_str(), object.name.as_str());
        if own.by == By::Image {
            let image = &own.variable;
            let message = msg!("advise.noCall.image", name = name, image = image, target = own.target, host = own.host);
            let help = match self.untold_by(object, image) {
                Some(variable) => msg!("advise.noCall.untold.help", variable = variable, host = own.host),
                None => msg!("advise.noCall.image.help", host = own.host, namespace = namespace),
            };
            return (message, help);
        }
        let message = match own.by {
            By::Argument => {
                msg!("advise.noCall.argument", name = name, argument = own.variable, target = own.target, host = own.host)
            }
            _ => msg!("advise.noCall", name = name, variable = own.variable, target = own.target, host = own.host),
        };
        if let Some(near) = self.meant(namespace, &own.host) {
            return (message, msg!("explain.name.near.next", near = near));
        }
        let elsewhere = store.all::<Service>().find(|service| service.metadata.name == own.host);
        let help = elsewhere.map_or_else(
            || msg!("advise.noCall.help"),
            |other| msg!("advise.noCall.elsewhere.help", host = own.host, namespace = other.metadata.namespace),
        );
        (message, help)
    }
}

#[cfg(test)]
mod tests {
    use super::super::advise;
    use crate::cluster::{Action, Cluster};
    use crate::diagnostic::Finding;
    use crate::kubectl::{SourceFile, read};
    use crate::random::Seed;
    use crate::settings::Settings;
    use std::sync::Arc;

    fn applied(cluster: &Cluster, text: &str) -> Cluster {
        let (manifests, _) = read(&[SourceFile { name: "x.yaml".into(), text: text.into() }]);
        cluster.apply(Arc::new(manifests)).cluster
    }

    fn said(cluster: &Cluster) -> Vec<String> {
        let said = advise(cluster).into_iter().filter_map(|found| match found.message {
            Finding::Ours(message) => Some(format!("{} at {}", message.id, found.path)),
            Finding::Upstream(_) => None,
        });
        said.filter(|said| !said.contains("noPods")).collect()
    }

    fn fresh(text: &str) -> Vec<String> {
        said(&applied(&Cluster::new(Settings::default(), Seed(1)), text))
    }

    fn caller(container: &str) -> String {
        let spec = format!(
            "{{selector: {{matchLabels: {{app: a}}}}, template: {{metadata: {{labels: {{app: a}}}}, spec: {{containers: [{container}]}}}}}}"
        );
        format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec: {spec}\n---\n")
    }

    fn service(name: &str, namespace: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{selector: {{app: {name}}}, ports: [{{port: 80}}]}}\n---\n"
        )
    }

    const BY_LINK: &str = "{name: c, image: nginx, env: [{name: DB_URL, value: 'http://$(DB_SERVICE_HOST):80'}]}";

    #[test]
    fn a_reference_that_nothing_fills_is_named_before_a_request_fails() {
        let at = "spec.template.spec.containers[0].env[0].value";
        assert_eq!(fresh(&caller(BY_LINK)), [format!("assume.unfilled.noService at {at}")]);
        let elsewhere = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: data}}\n---\n{}", service("db", "data"));
        assert_eq!(fresh(&(elsewhere + &caller(BY_LINK))), [format!("assume.unfilled.elsewhere at {at}")]);
        assert!(fresh(&(service("db", "default") + &caller(BY_LINK))).is_empty());
    }

    #[test]
    fn the_pods_own_service_at_a_port_that_it_has_not_is_named() {
        let told = |value: &str, service: &str| {
            let text = caller(&format!("{{name: c, image: nginx, env: [{{name: SELF_URL, value: '{value}'}}]}}"));
            fresh(&(service.to_string() + &text))
        };
        let own = service("a", "default");
        let at = "at spec.template.spec.containers[0].env[0].value";
        assert_eq!(told("http://a:8080/", &own), [format!("advise.ownPort {at}")]);
        assert_eq!(told("a.default.svc:81", &own), [format!("advise.ownPort {at}")]);
        for (value, service) in [
            ("http://a:80", &own),
            ("http://a/", &own),
            ("http://a:8080", &own.replace("{selector", "{clusterIP: None, selector")),
        ] {
            assert_eq!(told(value, service), Vec::<String>::new(), "{value}");
        }
    }

    #[test]
    fn a_service_that_comes_after_the_pods_is_named_until_they_start_anew() {
        let first = applied(&Cluster::new(Settings::default(), Seed(1)), &caller(BY_LINK));
        let late = applied(&first, &(caller(BY_LINK) + &service("db", "default")));
        assert_eq!(said(&late), ["assume.lateService at spec.template.spec.containers[0].env[0].value"]);
        let anew = late.store.pods.keys().find(|(_, name)| name.starts_with("a-")).map(|(_, name)| name.clone()).unwrap();
        let anew = late.act(&Action::parse(&format!("pod/default/{anew} delete")).unwrap()).cluster;
        assert!(said(&anew).is_empty(), "{:?}", said(&anew));
    }

    #[test]
    fn a_name_that_may_be_no_services_is_no_warning() {
        let told = |env: &str| fresh(&caller(&format!("{{name: c, image: nginx, env: [{env}]}}")));
        let at = "at spec.template.spec.containers[0].env[0].value";
        assert_eq!(told("{name: A_URL, value: 'http://mail.lan'}"), [format!("advise.noCall.doubtful {at}")]);
        assert_eq!(told("{name: A_URL, value: 'http://api.backend:8080'}"), [format!("advise.noCall {at}")]);
        assert!(told("{name: ROOT_URL, value: 'http://gitea.lan:3000/'}, {name: PYM, value: 'app.main:8000'}").is_empty());
    }

    #[test]
    fn localhost_is_the_pod_itself_and_not_the_database_beside_it() {
        let database = service("mongo", "default").replace("port: 80", "port: 27017");
        let told = |container: &str| fresh(&(database.clone() + &caller(container)));
        let at = "at spec.template.spec.containers[0].env[0].value";
        let env = |value: &str| format!("{{name: c, image: me/api, env: [{{name: MONGO_URL, value: '{value}'}}]}}");
        assert_eq!(told(&env("mongodb://localhost:27017/shop")), [format!("advise.localhost {at}")]);
        assert_eq!(told(&env("mongodb://127.0.0.1/shop")), [format!("advise.localhost {at}")]);
        assert!(told(&env("mongodb://mongo:27017/shop")).is_empty());
        assert!(told(&env("http://localhost:3000")).is_empty(), "its own address, as others see it");
        let proxied = format!("{}, {{name: proxy, image: me/proxy}}", env("mongodb://localhost:27017"));
        assert!(told(&proxied).is_empty(), "another container may listen there");
        let own = "{name: c, image: mongo, env: [{name: MONGO_URL, value: 'mongodb://localhost'}]}";
        assert!(told(own).is_empty());
    }

    #[test]
    fn a_known_programs_own_call_needs_the_service_of_that_name() {
        let vote = caller("{name: c, image: 'dockersamples/examplevotingapp_worker'}");
        let at = "at spec.template.spec.containers[0].image";
        assert_eq!(fresh(&vote), [format!("advise.noCall.image {at}"), format!("advise.noCall.image {at}")]);
        assert_eq!(fresh(&(service("redis", "default") + &vote)), [format!("advise.noCall.image {at}")]);
        assert!(fresh(&(service("redis", "default") + &service("db", "default") + &vote)).is_empty());
    }
}
