//! Annotations and labels that other projects' controllers read on Ingresses and Services, and that are not played.
//!
//! Names as their own documentation has them: ingress-nginx and NGINX ("Annotations", "Advanced configuration with annotations"),
//! Traefik, HAProxy, GKE ("Ingress configuration"), the AWS Load Balancer Controller, Cilium (`pkg/annotation/k8s.go`), Istio
//! ("Resource labels"), Linkerd. What tunes a proxy and changes no request's end (timeouts, sizes, logs) is left out; of what is
//! not known, it is said that the controller reads it.

use crate::api::ObjectMeta;

/// On what a key counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// What passes an Ingress: on the Ingress, and on the Services behind it.
    Ingress,
    /// Whatever calls a Service.
    Service,
    /// What comes through a Service's load balancer.
    Balancer,
}

/// What the cluster's settings play of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Played {
    /// The AWS Load Balancer Controller.
    pub aws: bool,
    /// Plain HTTP is sent to HTTPS.
    pub https_redirect: bool,
}

/// Who reads keys that begin so; parts of names behind the prefix that change no request's end; such that are played with AWS.
type Row = (&'static str, &'static str, &'static str, &'static str);

const INGRESS: [Row; 23] = [
    ("nginx.ingress.kubernetes.io/", "ingress-nginx", NGINX, ""),
    ("traefik.ingress.kubernetes.io/", "Traefik", "observability", ""),
    ("alb.ingress.kubernetes.io/", AWS, "tags certificate-arn ssl-policy subnets ip-address load-balancer-name", ALB),
    ("appgw.ingress.kubernetes.io/", "Azure Application Gateway", "timeout", ""),
    ("ingress.kubernetes.io/", "HAProxy Ingress", "backends forwarding-rule url-map target-proxy timeout", ""),
    ("ingress.gcp.kubernetes.io/", "GKE", "pre-shared-cert", ""),
    ("networking.gke.io/v1beta1.FrontendConfig", "GKE", "", ""),
    ("kubernetes.io/ingress.allow-http", "GKE", "", ""),
    ("cloud.google.com/backend-config", "GKE", "", ""),
    ("cloud.google.com/app-protocols", "GKE", "", ""),
    ("nginx.org/", "NGINX Ingress Controller", NGINX, ""),
    ("nginx.com/", "NGINX Ingress Controller", NGINX, ""),
    ("haproxy.org/", "HAProxy", "timeout -log", ""),
    ("haproxy-ingress.github.io/", "HAProxy Ingress", "timeout -log", ""),
    ("haproxy.router.openshift.io/", OPENSHIFT, "timeout", ""),
    ("route.openshift.io/", OPENSHIFT, "", ""),
    ("konghq.com/", "Kong", "timeout", ""),
    ("projectcontour.io/", "Contour", "timeout", ""),
    ("ingress.cilium.io/", "Cilium", "timeout", ""),
    ("k8s.apisix.apache.org/", "APISIX", "timeout", ""),
    ("getambassador.io/", "Ambassador", "", ""),
    ("higress.io/", "Higress", "timeout", ""),
    ("ingress.bluemix.net/", "IBM Cloud", "timeout", ""),
];

const AWS: &str = "AWS Load Balancer Controller";
const OPENSHIFT: &str = "OpenShift Router";
const ALB: &str = "scheme target-type ssl-redirect listen-ports actions.";
const NLB: &str = "scheme internal type target-group-attributes";
const NGINX: &str = "body-size timeout buffer -log temp-file opentracing opentelemetry influxdb proxy-cookie http-version keepalive \
                     cors- session-cookie ssl-ciphers ssl-prefer connection-proxy-header forwarded-prefix push-preload mirror- \
                     auth-realm auth-cache verify-depth tries proxy-redirect";

const SERVICE: [Row; 8] = [
    ("service.cilium.io/", "Cilium", "", ""),
    ("io.cilium/", "Cilium", "lb-ipam", ""),
    ("istio.io/use-waypoint", "Istio", "", ""),
    ("istio.io/global", "Istio", "", ""),
    ("networking.istio.io/", "Istio", "", ""),
    ("balancer.linkerd.io/", "Linkerd", "", ""),
    ("retry.linkerd.io/", "Linkerd", "", ""),
    ("timeout.linkerd.io/", "Linkerd", "", ""),
];

const BALANCER: [Row; 4] = [
    ("service.beta.kubernetes.io/aws-load-balancer-", AWS, CLOUD, NLB),
    ("service.beta.kubernetes.io/", "cloud-controller-manager", CLOUD, ""),
    ("networking.gke.io/", "GKE", CLOUD, ""),
    ("cloud.google.com/", "GKE", "neg backend-config app-protocols", ""),
];

const CLOUD: &str = "tag name subnet resource-group health timeout pip eip access-log ip-address";

/// Keys that somebody reads who does not run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplayed {
    /// Who reads them.
    pub who: &'static str,
    /// One after another.
    pub keys: String,
    /// With AWS's load balancers they would be played: a setting away.
    pub with_aws: bool,
}

/// The keys of an object that somebody else reads and that are not played, by who reads them.
pub fn unplayed(reader: Reader, meta: &ObjectMeta, played: Played) -> Vec<Unplayed> {
    let rows: &[Row] = match reader {
        Reader::Ingress => &INGRESS,
        Reader::Service => &SERVICE,
        Reader::Balancer => &BALANCER,
    };
    let mut found: Vec<Unplayed> = Vec::new();
    for (key, value) in meta.annotations.iter().chain(&meta.labels) {
        let Some((prefix, who, idle, aws)) = rows.iter().find(|(prefix, ..)| key.starts_with(prefix)) else { continue };
        let name = &key[prefix.len()..];
        let among = |parts: &str| parts.split_whitespace().any(|part| name.contains(part));
        let with_aws = among(aws);
        if among(idle) || (played.aws && with_aws) || is_off(key, value, played) {
            continue;
        }
        match found.iter_mut().find(|known| (known.who, known.with_aws) == (*who, with_aws)) {
            Some(known) => {
                known.keys.push_str(", ");
                known.keys.push_str(key);
            }
            None => found.push(Unplayed { who, keys: key.clone(), with_aws }),
        }
    }
    found
}

/// What is switched off is as it is here; but for what is on by itself.
fn is_off(key: &str, value: &str, played: Played) -> bool {
    let on = key.ends_with("allow-http") || (played.https_redirect && key.ends_with("ssl-redirect"));
    (value == "false" || value == "none") && !on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: Reader, pairs: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        let mut meta = ObjectMeta::default();
        meta.annotations.extend(pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())));
        unplayed(reader, &meta, Played::default()).into_iter().map(|own| (own.who, own.keys)).collect()
    }

    #[test]
    fn an_ingress_annotation_is_known_by_its_prefix() {
        let ours = |key: &str| read(Reader::Ingress, &[(key, "x")]);
        let nginx = "nginx.ingress.kubernetes.io/";
        for name in ["whitelist-source-range", "auth-url", "canary-weight", "rewrite-target", "limit-rps", "not-known-yet"] {
            let key = format!("{nginx}{name}");
            assert_eq!(ours(&key), [("ingress-nginx", key.clone())]);
        }
        for name in ["proxy-body-size", "proxy-read-timeout", "enable-access-log", "cors-allow-origin", "proxy-buffer-size"] {
            assert_eq!(ours(&format!("{nginx}{name}")), []);
        }
        assert_eq!(ours("kubernetes.io/ingress.class"), []);
        assert_eq!(ours("cert-manager.io/issuer"), []);
        assert_eq!(ours("traefik.ingress.kubernetes.io/router.middlewares").len(), 1);
        assert_eq!(read(Reader::Ingress, &[("kubernetes.io/ingress.allow-http", "false")]).len(), 1);
        assert_eq!(read(Reader::Ingress, &[("nginx.ingress.kubernetes.io/ssl-redirect", "false")]), []);
    }

    #[test]
    fn a_global_service_of_cilium_has_endpoints_in_other_clusters() {
        let found = read(Reader::Service, &[("service.cilium.io/affinity", "local"), ("service.cilium.io/global", "true")]);
        assert_eq!(found, [("Cilium", "service.cilium.io/affinity, service.cilium.io/global".to_string())]);
        assert_eq!(read(Reader::Service, &[("service.cilium.io/global", "false")]), []);
    }

    #[test]
    fn aws_plays_some_of_what_its_annotations_ask_for() {
        let mut meta = ObjectMeta::default();
        meta.annotations.insert("alb.ingress.kubernetes.io/scheme".into(), "internal".into());
        meta.annotations.insert("alb.ingress.kubernetes.io/inbound-cidrs".into(), "10.0.0.0/8".into());
        let aws = Played { aws: true, ..Played::default() };
        let told =
            |played| unplayed(Reader::Ingress, &meta, played).into_iter().map(|own| (own.keys, own.with_aws)).collect::<Vec<_>>();
        let [cidrs, scheme] = ["inbound-cidrs", "scheme"].map(|name| format!("alb.ingress.kubernetes.io/{name}"));
        assert_eq!(told(aws), [(cidrs.clone(), false)]);
        assert_eq!(told(Played::default()), [(cidrs, false), (scheme, true)]);
    }
}
