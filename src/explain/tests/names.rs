//! Names that a Pod calls, and what stands beside them.

use super::*;

const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: kube-public}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: nginx, ports: [{containerPort: 80}], readinessProbe: {tcpSocket: {port: 81}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 80}]}
---
";

const INGRESSES: [&str; 3] = [
    "",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {rules: [{host: shop.example.org, http: {paths: \
     [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}\n",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {defaultBackend: {service: {name: web, port: \
     {number: 80}}}}\n",
];

#[test]
fn an_ingress_changes_nothing_about_names_shaped_like_a_services() {
    for (target, expected) in [
        ("http://web.defualt", "!service-exists explain.name.namespace"),
        ("tcp://redis.cache:6379", "!service-exists explain.name.namespace"),
        ("http://a.default.svc.cluster.lcal", "!service-exists explain.name.missing"),
        ("http://web.default.svc.cluster.lcal", "!name-resolves explain.name.other"),
        ("tcp://db-9.db:80", "!service-exists explain.name.pod"),
        ("https://db.internal", "!service-exists explain.name.namespace"),
        ("https://api.mycompany.de", "name-resolves request-arrives explain.arrives.status"),
    ] {
        for ingress in INGRESSES {
            check(&cluster(&format!("{SERVICES}{ingress}")), POD, target, expected);
        }
    }
    for ingress in INGRESSES {
        // A Pod of a headless Service that is not ready has no name, Ingress or not.
        let explanation = explained(&cluster(&format!("{SERVICES}{ingress}")), POD, "http://db-0.db");
        assert!(said(&explanation).contains("!pod-ready"), "{}", said(&explanation));
    }
}

#[test]
fn a_private_address_that_nothing_has_is_no_fact() {
    let explanation = explained(&service("{selector: {app: web}, ports: [{port: 80}]}"), POD, "tcp://10.20.30.40:5432");
    assert_eq!(&*explanation.checks[0].text.id, "assume.privateAddress");
    assert_eq!(said(&explanation), "not-played !request-arrives hop.NoRoute.text.privateNetwork");
}
