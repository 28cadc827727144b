//! Kinds that are not played, by group and name: which requests each could change. Groups as the projects' own
//! CustomResourceDefinitions name them.

pub mod annotations;
pub mod mesh;

/// What a kind that is not played could change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Requests that come from outside.
    FromOutside,
    /// Requests that a Pod sends or gets.
    OfPods,
    /// It makes Pods, which Services may select.
    MakesPods,
    /// It changes or refuses the objects of others, Pods above all.
    Objects,
    /// No request by itself.
    None,
    /// Nobody here knows the kind.
    Unknown,
}

/// API groups and their kinds, in one text; `*` stands for every other kind of the group.
const KINDS: [(&str, &str, Reach); 74] = [
    ("", "ResourceQuota LimitRange", Reach::Objects),
    ("batch", "Job CronJob", Reach::MakesPods),
    ("autoscaling", "HorizontalPodAutoscaler", Reach::Objects),
    ("admissionregistration.k8s.io", ADMISSION, Reach::Objects),
    ("policy.networking.k8s.io", "*", Reach::OfPods),
    ("gateway.networking.k8s.io", "GatewayClass ReferenceGrant", Reach::None),
    ("gateway.networking.k8s.io", "*", Reach::FromOutside),
    ("gateway.networking.x-k8s.io", "*", Reach::FromOutside),
    ("multicluster.x-k8s.io", "ServiceImport", Reach::OfPods),
    ("multicluster.x-k8s.io", "*", Reach::None),
    ("projectcalico.org", "NetworkPolicy GlobalNetworkPolicy", Reach::OfPods),
    ("crd.projectcalico.org", "NetworkPolicy GlobalNetworkPolicy", Reach::OfPods),
    ("crd.antrea.io", "NetworkPolicy ClusterNetworkPolicy Egress", Reach::OfPods),
    ("cilium.io", CILIUM, Reach::OfPods),
    ("k8s.ovn.org", "EgressFirewall EgressIP EgressService", Reach::OfPods),
    ("networking.istio.io", "Gateway", Reach::FromOutside),
    ("networking.istio.io", "*", Reach::OfPods),
    ("security.istio.io", "*", Reach::OfPods),
    ("linkerd.io", "*", Reach::OfPods),
    ("policy.linkerd.io", "*", Reach::OfPods),
    ("split.smi-spec.io", "*", Reach::OfPods),
    ("consul.hashicorp.com", "*", Reach::OfPods),
    ("kuma.io", "*", Reach::OfPods),
    ("traefik.io", "IngressRoute IngressRouteTCP IngressRouteUDP", Reach::FromOutside),
    ("traefik.io", "*", Reach::None),
    ("traefik.containo.us", "IngressRoute IngressRouteTCP IngressRouteUDP", Reach::FromOutside),
    ("traefik.containo.us", "*", Reach::None),
    ("projectcontour.io", "HTTPProxy", Reach::FromOutside),
    ("projectcontour.io", "*", Reach::None),
    ("k8s.nginx.org", "*", Reach::FromOutside),
    ("configuration.konghq.com", "*", Reach::FromOutside),
    ("getambassador.io", "*", Reach::FromOutside),
    ("apisix.apache.org", "*", Reach::FromOutside),
    ("route.openshift.io", "Route", Reach::FromOutside),
    ("elbv2.k8s.aws", "TargetGroupBinding", Reach::FromOutside),
    ("elbv2.k8s.aws", "IngressClassParams", Reach::None),
    ("networking.gke.io", "*", Reach::FromOutside),
    ("cloud.google.com", "BackendConfig", Reach::FromOutside),
    ("metallb.io", "*", Reach::FromOutside),
    ("argoproj.io", "Rollout", Reach::MakesPods),
    ("argoproj.io", "Application ApplicationSet AppProject", Reach::None),
    ("apps.openshift.io", "DeploymentConfig", Reach::MakesPods),
    ("serving.knative.dev", "Service Configuration", Reach::MakesPods),
    ("monitoring.coreos.com", "PodMonitor PrometheusRule ServiceMonitor Probe ScrapeConfig AlertmanagerConfig", Reach::None),
    ("monitoring.coreos.com", "Prometheus PrometheusAgent Alertmanager ThanosRuler", Reach::MakesPods),
    ("kafka.strimzi.io", "Kafka KafkaConnect KafkaMirrorMaker2 KafkaBridge", Reach::MakesPods),
    ("kafka.strimzi.io", "*", Reach::None),
    ("postgresql.cnpg.io", "Cluster Pooler", Reach::MakesPods),
    ("acid.zalan.do", "postgresql", Reach::MakesPods),
    ("rabbitmq.com", "RabbitmqCluster", Reach::MakesPods),
    ("rabbitmq.com", "*", Reach::None),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch", Reach::MakesPods),
    ("kibana.k8s.elastic.co", "Kibana", Reach::MakesPods),
    ("opentelemetry.io", "OpenTelemetryCollector", Reach::MakesPods),
    ("jaegertracing.io", "Jaeger", Reach::MakesPods),
    ("mongodbcommunity.mongodb.com", "MongoDBCommunity", Reach::MakesPods),
    ("minio.min.io", "Tenant", Reach::MakesPods),
    ("ray.io", "RayCluster RayService", Reach::MakesPods),
    ("kubevirt.io", "VirtualMachine VirtualMachineInstance", Reach::MakesPods),
    ("helm.cattle.io", "HelmChart", Reach::MakesPods),
    ("telemetry.istio.io", "*", Reach::None),
    ("kyverno.io", "ClusterPolicy Policy", Reach::Objects),
    ("constraints.gatekeeper.sh", "*", Reach::Objects),
    ("karpenter.sh", "*", Reach::None),
    ("kustomize.toolkit.fluxcd.io", "*", Reach::MakesPods),
    ("helm.toolkit.fluxcd.io", "*", Reach::MakesPods),
    ("keda.sh", "ScaledObject", Reach::Objects),
    ("keda.sh", "*", Reach::None),
    ("autoscaling.k8s.io", "VerticalPodAutoscaler", Reach::Objects),
    ("cert-manager.io", "*", Reach::None),
    ("acme.cert-manager.io", "*", Reach::None),
    ("external-secrets.io", "*", Reach::None),
    ("bitnami.com", "SealedSecret", Reach::None),
    ("snapshot.storage.k8s.io", "*", Reach::None),
];

const ADMISSION: &str = "MutatingWebhookConfiguration MutatingAdmissionPolicy MutatingAdmissionPolicyBinding \
                         ValidatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding";

const CILIUM: &str = "CiliumNetworkPolicy CiliumClusterwideNetworkPolicy CiliumEnvoyConfig CiliumClusterwideEnvoyConfig \
                      CiliumLocalRedirectPolicy CiliumEgressGatewayPolicy";

/// Groups of Kubernetes itself end so, and a custom resource's must have a dot.
const OWN: &str = ".k8s.io";

/// Whether a group is one that a CustomResourceDefinition may bring: of those under `k8s.io`, where others may settle only by
/// its leave, the ones that are known.
pub fn may_be_custom(api_version: &str) -> bool {
    let Some((group, _)) = api_version.split_once('/') else { return false };
    let known = || group == "metrics.k8s.io" || KINDS.iter().any(|(own, kinds, _)| *own == group && *kinds == "*");
    group.contains('.') && (!group.ends_with(OWN) || known())
}

/// What a kind could change, by its group and its name. Kubernetes' own kinds change nothing where nothing else is known of them.
pub fn reach(api_version: &str, kind: &str) -> Reach {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    for (own, kinds, reach) in &KINDS {
        if *own == group && (*kinds == "*" || kinds.split(' ').any(|name| name == kind)) {
            return *reach;
        }
    }
    if group.contains('.') && !group.ends_with(OWN) { Reach::Unknown } else { Reach::None }
}

/// Whether a route, or what stands before one, lists a host: by the fields of Gateway API, Istio, OpenShift, Contour and Traefik.
pub fn lists_host(document: &serde_json::Value, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let fits = |own: &str| {
        let wild = own
            .strip_prefix('*')
            .is_some_and(|rest| rest.starts_with('.') && host.to_lowercase().ends_with(&rest.to_lowercase()));
        wild || own.eq_ignore_ascii_case(host)
    };
    let at = |path: &str| document.pointer(path);
    let lists = ["/spec/hostnames", "/spec/hosts"].into_iter().filter_map(|path| at(path)?.as_array()).flatten();
    let ones = ["/spec/host", "/spec/virtualhost/fqdn"].into_iter().filter_map(at);
    let listeners = at("/spec/listeners").and_then(|list| list.as_array()).into_iter().flatten();
    let mut hosts = lists.chain(ones).chain(listeners.filter_map(|listener| listener.get("hostname")));
    // Traefik: ``Host(`a.example.org`) && PathPrefix(`/api`)``; what stands between backquotes and is no host fits none.
    let matches = at("/spec/routes").and_then(|list| list.as_array()).into_iter().flatten();
    let mut matches = matches.filter_map(|route| route.get("match")?.as_str());
    hosts.any(|own| own.as_str().is_some_and(fits)) || matches.any(|text| text.split('`').skip(1).step_by(2).any(fits))
}

/// Fields of a Pod's spec that decide where it runs or what its names mean, and are not played.
pub const POD_FIELDS: [&str; 4] = ["ephemeralContainers", "hostnameOverride", "runtimeClassName", "setHostnameAsFQDN"];

/// The annotation by which a Service asks for topology aware hints (`hintsEnabled` of `k8s.io/endpointslice/topologycache`).
pub fn topology_mode(annotations: &super::meta::Labels) -> Option<&'static str> {
    let keys = ["service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints"];
    keys.into_iter().find(|key| annotations.get(*key).is_some_and(|value| value == "Auto" || value == "auto"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_group() {
        assert_eq!(reach("projectcalico.org/v3", "NetworkPolicy"), Reach::OfPods);
        assert_eq!(reach("networking.k8s.io/v1", "NetworkPolicy"), Reach::None);
        assert_eq!(reach("networking.istio.io/v1", "Gateway"), Reach::FromOutside);
        assert_eq!(reach("gateway.networking.k8s.io/v1", "ReferenceGrant"), Reach::None);
        assert_eq!(reach("route.openshift.io/v1", "Route"), Reach::FromOutside);
        assert_eq!(reach("example.com/v1", "Route"), Reach::Unknown);
        assert_eq!(reach("rbac.authorization.k8s.io/v1", "Role"), Reach::None);
        assert_eq!(reach("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"), Reach::Objects);
    }

    #[test]
    fn a_group_of_kubernetes_itself_is_nobody_elses() {
        assert!(may_be_custom("policy.networking.k8s.io/v1alpha2") && may_be_custom("cluster.x-k8s.io/v1beta1"));
        assert!(!may_be_custom("networking.k8s.io/v1beta1") && !may_be_custom("extensions/v1beta1") && !may_be_custom("v1"));
    }
}
