//! Services as rails: which of them have one, which in full, and where each stands.

use super::{FULL_RAILS, GUTTER, Rows};
use crate::scene::geometry::{Rect, Size, at};
use crate::scene::picture::{MoreServices, Rail, Trouble};
use crate::scene::used::Used;
use crate::scene::view::{ClusterView, ServiceView};
use crate::scene::{ItemId, Options};

/// The width of a strip, and the room that one takes.
const STRIP: f64 = 8.0;
const STRIP_PITCH: f64 = 14.0;
/// Closer than this, strips are no lines of their own any more: the entry beside them counts the rest.
const STRIP_LEAST: f64 = 6.0;
/// What the Pods keep of a short stage: two of them in one line each.
const PODS: f64 = 66.0;

/// Whether the Ingress controller has anything to serve.
pub(in crate::scene) fn serves(view: &ClusterView) -> bool {
    view.ingresses.iter().any(|ingress| ingress.served)
}

/// The Services that have rules, in the order of the text; those of the cluster itself only when they take part.
pub(in crate::scene) fn rails<'a>(
    view: &'a ClusterView,
    used: &Used,
    options: &Options,
    fold: bool,
) -> Vec<(&'a ServiceView, bool, bool)> {
    let key = |service: &ServiceView| (service.namespace.clone(), service.name.clone());
    let by_ingress = serves(view);
    let shown: Vec<&ServiceView> = view
        .services
        .iter()
        .filter(|service| !service.cluster_ip.is_empty() && !service.is_name())
        .filter(|service| !service.system || used.services.contains(&key(service)) || by_ingress && service.kind != "ClusterIP")
        .collect();
    let whole = options.all_services || shown.len() <= FULL_RAILS && !fold;
    let none_used = !shown.iter().any(|service| used.services.contains(&key(service)));
    let rail = |(index, service): (usize, &'a ServiceView)| {
        let lit = used.services.contains(&key(service)) || !used.any;
        let full = whole || used.services.contains(&key(service)) || none_used && index < FULL_RAILS - 1;
        (service, full, lit)
    };
    shown.into_iter().enumerate().map(rail).collect()
}

pub(super) type Placed = (Vec<Rail>, Option<MoreServices>, f64);

pub(super) fn place_rails(
    view: &ClusterView,
    shown: &[(&ServiceView, bool, bool)],
    rows: &Rows,
    top: f64,
    right: f64,
    size: Size,
) -> Placed {
    let across = (right + 10.0).min(size.width - 6.0) - 8.0;
    let mut y = top;
    let mut rails = Vec::new();
    let strips = shown.iter().filter(|(_, full, _)| !full).count();
    let (capsule, pitch) = rows.rails(shown.len() - strips, size.height);
    // Full ones first, then the strips together, each part in the order of the text.
    for (service, _, lit) in shown.iter().filter(|(_, full, _)| *full) {
        rails.push(rail(view, service, *lit, true, Rect::new(8.0, y, across, capsule)));
        y += pitch;
    }
    let begin = y;
    let room = size.height - y - rows.bus - rows.pod - PODS - 2.0 * rows.tail;
    let (pitch, most) = match rows.slim() {
        true => ((room / strips as f64).clamp(STRIP_LEAST, STRIP_PITCH), (room / STRIP_LEAST).max(2.0) as usize),
        false => (STRIP_PITCH, strips),
    };
    for (service, _, lit) in shown.iter().filter(|(_, full, _)| !full).take(most) {
        rails.push(rail(view, service, *lit, false, Rect::new(GUTTER - 12.0, y, across - GUTTER + 20.0, STRIP.min(pitch - 2.0))));
        y += pitch;
    }
    let more = (strips > 0).then(|| MoreServices { rect: Rect::new(8.0, begin - 6.0, GUTTER - 24.0, 24.0), count: strips });
    if strips > 0 {
        y = y.max(begin + 20.0) + 4.0;
    }
    (rails, more, y.max(top + 14.0))
}

/// A Service as a rail in that box.
pub(in crate::scene) fn rail(view: &ClusterView, service: &ServiceView, lit: bool, full: bool, rect: Rect) -> Rail {
    let ready = service.endpoints.iter().any(|endpoint| endpoint.ready);
    let waiting = view.pods.iter().filter(|pod| pod.waits_for(service)).count();
    let trouble = match (service.endpoints.is_empty(), ready) {
        (true, _) if waiting > 0 => Some(Trouble::Waiting(waiting)),
        (true, _) => Some(Trouble::NoPods),
        (false, false) => Some(Trouble::NoneReady),
        (false, true) => None,
    };
    let port = service.ports.first().map_or(String::new(), |port| format!(":{}", port.port));
    Rail {
        id: ItemId::Service(service.namespace.clone(), service.name.clone()),
        name: service.name.clone(),
        address: format!("{}{port}", service.cluster_ip),
        rect,
        full,
        lit,
        trouble,
        selector: service.selector.clone(),
        gates: Vec::new(),
        name_at: at(rect.x + 14.0, rect.y),
    }
}
