//! What is kept from before, held to fresh answers, over generated applications.

use super::*;

/// A Service and its Deployment; kind 0 leaves the Service out.
fn application(number: usize, kind: u8, replicas: u8) -> String {
    let deployment = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{number}}}\nspec: {{replicas: {replicas}, \
         selector: {{matchLabels: {{app: a{number}}}}}, template: {{metadata: {{labels: {{app: a{number}}}}}, \
         spec: {{containers: [{{name: c, image: nginx}}]}}}}}}\n---\n"
    );
    let spec = match kind {
        0 => return deployment,
        1 => "type: ClusterIP",
        2 => "type: NodePort, externalTrafficPolicy: Local",
        3 => "type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8]",
        _ => "type: NodePort, sessionAffinity: ClientIP",
    };
    let service = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: app-{number}}}\nspec: {{{spec}, selector: {{app: a{number}}}, \
         ports: [{{name: a, port: 80}}, {{name: b, port: 81, targetPort: 80}}]}}\n---\n"
    );
    deployment + &service
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn rules_written_after_changes_are_those_of_a_fresh_kube_proxy(
        edits in proptest::collection::vec([(0u8..5, 0u8..4), (0u8..5, 0u8..4), (0u8..5, 0u8..4)], 2..5),
        nftables: bool,
    ) {
        let mode = if nftables { crate::settings::Mode::Nftables } else { crate::settings::Mode::Iptables };
        let mut cluster = Cluster::new(Settings { mode, ..Settings::default() }, Seed(7));
        let mut plane = DataPlane::program(&cluster);
        for edit in edits {
            let text = (0..).zip(edit).map(|(number, (kind, replicas))| application(number, kind, replicas)).collect();
            let (manifests, _) = crate::kubectl::read(&[crate::kubectl::SourceFile { name: "a.yaml".into(), text }]);
            cluster = cluster.apply(Arc::new(manifests)).cluster;
            plane = plane.reprogram(&cluster);
            let fresh = DataPlane::program(&cluster);
            for node in ["node-1", "node-2", "node-3"] {
                proptest::prop_assert_eq!(plane.rules_text(node), fresh.rules_text(node));
            }
        }
    }

    #[test]
    fn kept_verdicts_are_those_of_walks(
        applications in proptest::collection::vec((1u8..6, 0u8..5), 1..4),
        nftables: bool,
        first: u16,
    ) {
        let mode = if nftables { crate::settings::Mode::Nftables } else { crate::settings::Mode::Iptables };
        let text: String = (0..).zip(&applications).map(|(number, (kind, replicas))| application(number, *kind, *replicas)).collect();
        let (manifests, _) = crate::kubectl::read(&[crate::kubectl::SourceFile { name: "a.yaml".into(), text }]);
        let cluster = Cluster::new(Settings { mode, ..Settings::default() }, Seed(7)).apply(Arc::new(manifests)).cluster;
        let mut plane = DataPlane::program(&cluster);
        let mut targets = Vec::new();
        for service in cluster.store.in_namespace::<Service>("default") {
            let (name, spec) = (&service.metadata.name, &service.spec);
            targets.extend([("deployment/app-0", format!("http://{name}/")), ("node/node-1", format!("{}:81", spec.cluster_ip))]);
            targets.extend(spec.ports.first().map(|port| ("internet", format!("http://10.0.0.12:{}", port.node_port))));
            targets.extend(service.status.load_balancer.ingress.iter().map(|at| ("internet", format!("http://{}", at.ip))));
        }
        for (from, target) in targets {
            for seed in 0..40 {
                let request = request(from, &target, u64::from(first) + seed);
                // The walk meets the memory of clients that the verdict met.
                let mut walking = plane.clone();
                walking.caches = Caches::default();
                let (verdict, status, pod) = plane.verdict(&cluster, &request);
                let outcome = walking.record(&cluster, &request).outcome;
                let walked = outcome.pod.and_then(|pod| walking.pod_name(pod)).map(|(_, name)| name);
                let ended = (verdict, status, pod.map(|pod| pod.metadata.name.clone()));
                proptest::prop_assert_eq!(ended, (outcome.verdict, outcome.status, walked), "{} to {}", from, target);
            }
        }
    }
}
