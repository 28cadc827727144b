//! Kinds of other projects that route, or refuse, requests: known by name only, and not played.

/// Which requests a kind could change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those that come from outside.
    FromOutside,
    /// Those that a Pod sends or gets.
    OfPods,
    /// None by itself: it belongs to others.
    None,
}

const KINDS: [(&str, Reach); 19] = [
    ("Gateway", Reach::FromOutside),
    ("GatewayClass", Reach::None),
    ("HTTPRoute", Reach::FromOutside),
    ("GRPCRoute", Reach::FromOutside),
    ("TLSRoute", Reach::FromOutside),
    ("TCPRoute", Reach::FromOutside),
    ("UDPRoute", Reach::FromOutside),
    ("ReferenceGrant", Reach::None),
    ("VirtualService", Reach::OfPods),
    ("DestinationRule", Reach::OfPods),
    ("ServiceEntry", Reach::OfPods),
    ("PeerAuthentication", Reach::OfPods),
    ("AuthorizationPolicy", Reach::OfPods),
    ("IngressRoute", Reach::FromOutside),
    ("HTTPProxy", Reach::FromOutside),
    ("TransportServer", Reach::FromOutside),
    ("CiliumNetworkPolicy", Reach::OfPods),
    ("CiliumClusterwideNetworkPolicy", Reach::OfPods),
    ("TargetGroupBinding", Reach::FromOutside),
];

/// What a kind reaches; `None` for kinds that change no request.
pub fn reach(kind: &str) -> Option<Reach> {
    KINDS.iter().find(|(name, _)| *name == kind).map(|(_, reach)| *reach)
}

/// The service mesh that would add its proxy to a Pod, by what its namespace (if that is known) and the Pod itself say; both
/// meshes read labels, Linkerd annotations.
pub fn mesh(namespace: &super::ObjectMeta, pod: &super::ObjectMeta) -> Option<&'static str> {
    let says = |meta: &super::ObjectMeta, key: &str, value: &str| {
        [&meta.labels, &meta.annotations].iter().any(|map| map.get(key).is_some_and(|own| own == value))
    };
    let istio = says(namespace, "istio-injection", "enabled") || namespace.labels.contains_key("istio.io/rev");
    let own = "sidecar.istio.io/inject";
    if says(pod, own, "true") || (istio && !says(pod, own, "false")) {
        return Some("Istio");
    }
    let linkerd = "linkerd.io/inject";
    let off = says(pod, linkerd, "disabled");
    (says(pod, linkerd, "enabled") || (says(namespace, linkerd, "enabled") && !off)).then_some("Linkerd")
}
