use super::*;
use crate::api::apps::{Deployment, ReplicaSet};
use crate::api::core::{Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::networking::Ingress;
use crate::cluster::Store;
use crate::random::Seed;
use crate::settings::Settings;

const WEB: [&str; 6] = [
    "{kind: Deployment, metadata: {name: web, namespace: default, uid: d, creationTimestamp: '2026-01-01T00:00:00Z'}, \
      spec: {replicas: 4, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: \
      [{name: web, image: nginx, ports: [{containerPort: 80, protocol: TCP}]}]}}, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, maxSurge: 25%}}}, \
      status: {updatedReplicas: 4, replicas: 4, availableReplicas: 4}}",
    "{kind: ReplicaSet, metadata: {name: web-6d4cf56db6, namespace: default, uid: r, ownerReferences: [{kind: Deployment, name: web, uid: d, controller: true}]}, \
      spec: {replicas: 4, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web, pod-template-hash: 6d4cf56db6}}, spec: {containers: \
      [{name: web, image: nginx, ports: [{containerPort: 80, protocol: TCP}]}]}}}, status: {replicas: 4}}",
    "{kind: Service, metadata: {name: web, namespace: default}, spec: {type: NodePort, selector: {app: web}, clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9], \
      ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, sessionAffinity: None, externalTrafficPolicy: Cluster, internalTrafficPolicy: Cluster, \
      ports: [{name: http, port: 80, protocol: TCP, targetPort: 80, nodePort: 30080}]}}",
    "{kind: EndpointSlice, metadata: {name: web-x, namespace: default, labels: {kubernetes.io/service-name: web}}, addressType: IPv4, \
      ports: [{name: http, port: 80, protocol: TCP}], endpoints: [{addresses: [10.244.1.2], conditions: {ready: true}}, {addresses: [10.244.2.2], conditions: {ready: true}}, \
      {addresses: [10.244.3.2], conditions: {ready: true}}, {addresses: [10.244.3.3], conditions: {ready: true}}, {addresses: [10.244.3.4], conditions: {ready: false}}]}",
    "{kind: Ingress, metadata: {name: web, namespace: default}, spec: {ingressClassName: kubehop, rules: [{host: web.example.com, http: {paths: \
      [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}, {path: /old, pathType: Prefix, backend: {service: {name: old, port: {number: 80}}}}]}}]}}",
    "{kind: Pod, metadata: {name: web-6d4cf56db6-x7k2p, namespace: default, labels: {app: web}, ownerReferences: [{kind: ReplicaSet, name: web-6d4cf56db6, uid: r, controller: true}]}, \
      spec: {nodeName: node-1, containers: [{name: web, image: nginx, ports: [{containerPort: 80, protocol: TCP}], env: [{name: A, value: b}], \
      readinessProbe: {httpGet: {path: /, port: 80, scheme: HTTP}, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3}}]}, \
      status: {phase: Running, podIP: 10.244.1.2, podIPs: [{ip: 10.244.1.2}], hostIP: 10.0.0.11, startTime: '2026-01-01T00:00:00Z', conditions: [{type: Ready, status: 'True'}], \
      containerStatuses: [{name: web, ready: true, restartCount: 0, state: {running: {startedAt: '2026-01-01T00:00:02Z'}}}]}}",
];

fn cluster() -> Cluster {
    let mut store = Store::default();
    for text in WEB {
        let mut value: serde_json::Value = serde_yaml::from_str(text).unwrap();
        let kind = value.as_object_mut().and_then(|fields| fields.remove("kind")).unwrap();
        match kind.as_str().unwrap() {
            "Deployment" => store.put::<Deployment>(serde_json::from_value(value).unwrap()),
            "ReplicaSet" => store.put::<ReplicaSet>(serde_json::from_value(value).unwrap()),
            "Service" => store.put::<Service>(serde_json::from_value(value).unwrap()),
            "EndpointSlice" => store.put::<EndpointSlice>(serde_json::from_value(value).unwrap()),
            "Ingress" => store.put::<Ingress>(serde_json::from_value(value).unwrap()),
            _ => store.put::<Pod>(serde_json::from_value(value).unwrap()),
        }
    }
    Cluster {
        settings: std::sync::Arc::new(Settings::default()),
        seed: Seed(1),
        now: 90,
        store,
        manifests: Default::default(),
        applied: Default::default(),
        machines: Default::default(),
        unready: Default::default(),
        generations: Default::default(),
        ..Cluster::default()
    }
}

fn described(kind: Kind, name: &str) -> String {
    run(&cluster(), kind, "default", name).unwrap()
}

#[test]
fn a_service_is_described_with_three_endpoints_and_how_many_more() {
    assert_eq!(
        described(Kind::Service, "web"),
        "\
Name:                     web
Namespace:                default
Labels:                   <none>
Annotations:              <none>
Selector:                 app=web
Type:                     NodePort
IP Family Policy:         SingleStack
IP Families:              IPv4
IP:                       10.96.0.9
IPs:                      10.96.0.9
Port:                     http  80/TCP
TargetPort:               80/TCP
NodePort:                 http  30080/TCP
Endpoints:                10.244.1.2:80,10.244.2.2:80,10.244.3.2:80 + 1 more...
Session Affinity:         None
External Traffic Policy:  Cluster
Internal Traffic Policy:  Cluster
Events:                   <none>
"
    );
}

#[test]
fn an_ingress_names_its_backends_endpoints() {
    let text = described(Kind::Ingress, "web");
    assert!(text.contains("web:80 (10.244.1.2:80,10.244.2.2:80,10.244.3.2:80 + 1 more...)"), "{text}");
    assert!(text.contains("old:80 (<error: services \"old\" not found>)"), "{text}");
    assert!(
        text.contains("  Host             Path  Backends\n  ----             ----  --------\n  web.example.com  \n"),
        "{text}"
    );
}

#[test]
fn a_pod_is_described_with_its_containers() {
    let text = described(Kind::Pod, "web-6d4cf56db6-x7k2p");
    for line in [
        "Priority:         0",
        "Service Account:  default",
        "Node:             node-1/10.0.0.11",
        "Start Time:       Thu, 01 Jan 2026 00:00:00 +0000",
        "Controlled By:  ReplicaSet/web-6d4cf56db6",
        "    Port:           80/TCP",
        "    State:          Running",
        "      Started:      Thu, 01 Jan 2026 00:00:02 +0000",
        "    Readiness:      http-get http://:80/ delay=0s timeout=1s period=10s #success=1 #failure=3",
        "      A:  b",
        "  Ready   True ",
        "    TokenExpirationSeconds:  3607",
        "QoS Class:                   BestEffort",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn a_deployment_names_its_replica_sets() {
    let text = described(Kind::Deployment, "web");
    for line in [
        "Replicas:               4 desired | 4 updated | 4 total | 4 available | 0 unavailable",
        "RollingUpdateStrategy:  25% max unavailable, 25% max surge",
        "OldReplicaSets:    <none>",
        "NewReplicaSet:     web-6d4cf56db6 (4/4 replicas created)",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let error = |kind| run(&cluster(), kind, "default", "moon").unwrap_err();
    assert_eq!(error(Kind::Service), "Error from server (NotFound): services \"moon\" not found");
    assert_eq!(error(Kind::Deployment), "Error from server (NotFound): deployments.apps \"moon\" not found");
    assert_eq!(error(Kind::Ingress), "Error from server (NotFound): ingresses.networking.k8s.io \"moon\" not found");
}

#[test]
fn describe_takes_types_names_and_namespaces() {
    let cluster = cluster();
    let line = |line: &str| command(&cluster, line.split(' ').map(str::to_string));
    let service = run(&cluster, Kind::Service, "default", "web").unwrap();
    for words in ["svc web", "svc/web", "services", "service web -n default"] {
        assert_eq!(line(words).as_ref(), Ok(&service), "{words}");
    }
    assert_eq!(line("svc web -n shop").unwrap_err(), "Error from server (NotFound): services \"web\" not found");
    assert_eq!(line("moons").unwrap_err(), "error: the server doesn't have a resource type \"moons\"");
}

#[test]
fn topology_spread_constraints_stand_below_the_tolerations() {
    let text = "{metadata: {name: p, namespace: default}, spec: {topologySpreadConstraints: [{topologyKey: zone, maxSkew: 2, \
                whenUnsatisfiable: ScheduleAnyway}, {topologyKey: kubernetes.io/hostname, maxSkew: 1, whenUnsatisfiable: DoNotSchedule, \
                labelSelector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: In, values: [a, b]}]}}]}}";
    let mut store = Store::default();
    store.put::<Pod>(serde_yaml::from_str(text).unwrap());
    let cluster = Cluster { seed: Seed(1), store, ..Cluster::default() };
    let said = run(&cluster, Kind::Pod, "default", "p").unwrap();
    let lines: Vec<&str> = said.lines().skip_while(|line| !line.starts_with("Topology")).take(2).map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "Topology Spread Constraints:  kubernetes.io/hostname:DoNotSchedule when max skew 1 is exceeded for selector app=web,tier in (a,b)",
            "zone:ScheduleAnyway when max skew 2 is exceeded"
        ]
    );
}
