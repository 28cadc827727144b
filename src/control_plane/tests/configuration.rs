//! What a container needs before it starts: its image, its ConfigMaps and Secrets; and the Pod as it is printed.

use super::*;
use crate::api::core::Event;

#[test]
fn a_missing_config_map_keeps_the_container_from_starting() {
    let text = WEB.replace("image: nginx,", "image: nginx, envFrom: [{configMapRef: {name: conf}}],");
    let cluster = with(&text);
    let waiting = pods(&cluster)[0].status.container_statuses[0].state.waiting.clone().unwrap();
    assert_eq!(
        (waiting.reason.as_str(), waiting.message.as_str()),
        ("CreateContainerConfigError", "configmap \"conf\" not found")
    );
    let mended = apply(&cluster, &format!("{text}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: conf}}\n")).cluster;
    assert_eq!(addresses(&mended, "web").0.len(), 3);
}

#[test]
fn a_secret_that_a_sealed_secret_or_a_role_lets_others_make_is_not_waited_for() {
    let secret = "name: K, valueFrom: {secretKeyRef: {name: made, key: k}}";
    let web = WEB.replace("image: nginx,", &format!("image: nginx, env: [{{{secret}}}],"));
    let sealed = "---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: made}\n";
    assert_eq!(addresses(&with(&format!("{web}{sealed}")), "web").0.len(), 3);
    // In the shape of Contour's certgen: a Job that names no Secret, and what its ServiceAccount may do.
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: certgen}\n\
        spec: {template: {spec: {serviceAccountName: certgen, restartPolicy: Never, containers: [{name: c, image: certgen}]}}}\n\
        ---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: certgen}\n\
        subjects: [{kind: ServiceAccount, name: certgen, namespace: default}]\nroleRef: {kind: Role, name: certgen}\n\
        ---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: certgen}\n";
    let may = |verb: &str| format!("{web}{job}rules: [{{apiGroups: [''], resources: [secrets], verbs: [{verb}]}}]\n");
    assert_eq!(addresses(&with(&may("create")), "web").0.len(), 3);
    assert_eq!(addresses(&with(&may("get")), "web").0.len(), 0);
    let told = crate::kubectl::advise::advise(&with(&may("create")));
    let message = crate::msg!("advise.madeElsewhere.allowed", kind = "Secret", name = "made", account = "certgen");
    assert!(told.iter().any(|found| found.message == crate::diagnostic::Finding::Ours(message.clone())), "{told:?}");
}

#[test]
fn a_job_or_a_role_that_only_reads_a_secret_does_not_make_it() {
    let web = WEB.replace("image: nginx,", "image: nginx, envFrom: [{secretRef: {name: made}}],");
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec: {template: {spec: {restartPolicy: Never, \
               containers: [{name: c, image: migrate, envFrom: [{secretRef: {name: made}}]}]}}}\n";
    let role = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader}\n\
                rules: [{apiGroups: [''], resources: [secrets], resourceNames: [made], verbs: [get]}]\n";
    assert_eq!(addresses(&with(&format!("{web}{job}{role}")), "web").0.len(), 0);
}

#[test]
fn what_names_an_application_called_like_its_config_map_does_not_make_it() {
    let web = WEB.replace("image: nginx,", "image: nginx, envFrom: [{configMapRef: {name: db}}],");
    let document = |version: &str, kind: &str, spec: &str| {
        format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{{spec}}}\n")
    };
    let budget = document("policy/v1", "PodDisruptionBudget", "selector: {matchLabels: {app: db}}");
    let monitor = document("monitoring.coreos.com/v1", "ServiceMonitor", "selector: {matchLabels: {app: db}}");
    let route = document("networking.istio.io/v1", "VirtualService", "hosts: [db]");
    assert_eq!(addresses(&with(&format!("{web}{budget}{monitor}{route}")), "web").0.len(), 0);
}

/// The first Pod as `kubectl get -o yaml` prints it.
fn printed(cluster: &Cluster) -> serde_json::Value {
    let object = crate::api::ObjectRef::of(pods(cluster)[0]);
    crate::control_plane::apiserver::complete(cluster, &object).unwrap()
}

pub(super) const CONFIGURED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  volumes: [{name: settings, configMap: {name: settings}}]
  containers: [{name: web, image: nginx, volumeMounts: [{name: settings, mountPath: /etc/settings}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

#[test]
fn a_pod_waits_in_container_creating_for_the_configmap_of_a_volume() {
    let cluster = with(CONFIGURED);
    let pod = pods(&cluster)[0];
    assert_eq!((pod.status.phase.as_str(), pod.status.pod_ip.as_str()), ("Pending", ""));
    assert_eq!(crate::node::kubelet::waiting(pod), Some(("web", "ContainerCreating")));
    let ready = pod.status.conditions.iter().find(|own| own.type_ == "PodReadyToStartContainers").unwrap();
    assert_eq!(ready.status, "False");
    let events: Vec<&Event> = cluster.store.all::<Event>().filter(|event| event.reason == "FailedMount").collect();
    assert_eq!(events[0].message, "MountVolume.SetUp failed for volume \"settings\" : configmap \"settings\" not found");
    assert_eq!(addresses(&cluster, "web"), (vec![], 0));
    // It starts once the ConfigMap is there, and stays when it goes.
    let map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
    let made = cluster.apply_more(manifests(map)).cluster;
    assert_eq!(addresses(&made, "web").0.len(), 1);
    let gone = act(&made, "configmap/default/settings delete").cluster;
    assert_eq!(addresses(&gone, "web").0.len(), 1);
}

#[test]
fn an_optional_configmap_and_a_secret_that_a_certificate_makes_are_not_waited_for() {
    let optional = with(&CONFIGURED.replace("configMap: {name: settings}", "configMap: {name: settings, optional: true}"));
    assert_eq!(addresses(&optional, "web").0.len(), 1);
    let certificate = "---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web}
spec: {secretName: web-tls, issuerRef: {name: ca}, dnsNames: [web]}
";
    let secret = CONFIGURED.replace("configMap: {name: settings}", "secret: {secretName: web-tls}");
    assert_eq!(addresses(&with(&secret), "web").0.len(), 0);
    assert_eq!(addresses(&with(&format!("{secret}{certificate}")), "web").0.len(), 1);
}

#[test]
fn a_pod_is_printed_with_its_defaults_its_service_account_and_its_quality_of_service() {
    let text = WEB.replace("image: nginx", "resources: {requests: {cpu: 100m}}, image: nginx");
    assert_ne!(text, WEB);
    let pod = printed(&with(&text));
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["resources"]["requests"]["cpu"], "100m");
    assert_eq!(container["imagePullPolicy"], if container["image"] == "nginx" { "Always" } else { "IfNotPresent" });
    assert_eq!(container["volumeMounts"][0]["mountPath"], "/var/run/secrets/kubernetes.io/serviceaccount");
    assert_eq!(pod["spec"]["serviceAccountName"], "default");
    assert_eq!(pod["status"]["qosClass"], "Burstable");
}

#[test]
fn a_printed_pod_can_be_applied_without_a_change() {
    let cluster = with(CONFIGURED);
    let outcome = cluster.apply_more(manifests(&printed(&cluster).to_string()));
    assert_eq!((outcome.diagnostics, outcome.changes), (vec![], vec![]));
}

#[test]
fn an_image_with_the_tag_latest_is_pulled_at_every_start() {
    let said = |image: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
        );
        let events = with(&text).store.events;
        let mut told: Vec<&Event> =
            events.values().map(AsRef::as_ref).filter(|event| event.involved_object.name == "web").collect();
        told.sort_by_key(|event| event.metadata.resource_version.parse::<u64>().unwrap());
        told.iter().map(|event| event.message.clone()).collect::<Vec<_>>()
    };
    let pulled = said("nginx");
    assert_eq!(pulled[1], "Pulling image \"nginx\"");
    assert!(pulled[2].starts_with("Successfully pulled image \"nginx\" in ") && pulled[2].ends_with(" bytes."), "{pulled:?}");
    assert_eq!(said("nginx:1.27")[1], "Container image \"nginx:1.27\" already present on machine and can be accessed by the pod");
}

#[test]
fn an_image_whose_name_cannot_be_read_is_never_pulled() {
    let cluster = with(&WEB.replace("image: nginx", "image: 'Nginx:latest'"));
    let [first, ..] = pods(&cluster)[..] else { panic!("no Pods") };
    assert_eq!((first.status.phase.as_str(), is_ready(first)), ("Pending", false));
    let waiting = first.status.container_statuses[0].state.waiting.as_ref().unwrap();
    let told = "Failed to apply default image tag \"Nginx:latest\": couldn't parse image name \"Nginx:latest\": invalid reference \
                format: repository name (library/Nginx) must be lowercase";
    assert_eq!((waiting.reason.as_str(), waiting.message.as_str()), ("InvalidImageName", told));
    let events = cluster.store.all::<Event>().filter(|event| event.involved_object.name == first.metadata.name);
    let mut said: Vec<String> = events.map(|event| format!("{} {}", event.reason, event.message)).collect();
    said.retain(|text| !text.starts_with("Scheduled"));
    said.sort();
    assert_eq!(said, ["Failed Error: InvalidImageName".to_string(), format!("InspectFailed {told}")]);
    assert_eq!(addresses(&cluster, "web"), (Vec::new(), 3));
}
