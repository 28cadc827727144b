//! Event objects: what components report, in Kubernetes' own words.
//!
//! Imitates `client-go/tools/record`: an event that repeats counts up. Leaves out rate limits and series.

use super::names::suffix;
use super::world::World;
use crate::api::ObjectRef;
use crate::api::core::{Event, EventSource, ObjectReference};
use crate::api::time::seconds_of;
use std::sync::Arc;

/// Events are kept for an hour: `--event-ttl`.
const KEEP: i64 = 3600;

/// Records an event: who says it (component, host), its type and reason, its text.
pub(crate) fn record(world: &mut World, object: &ObjectRef, who: (&str, &str), what: (&str, &str), message: &str) {
    let now = world.timestamp();
    let namespace = if object.namespace.is_empty() { "default" } else { &object.namespace };
    let name = format!("{}.{}", object.name, suffix(&format!("{object}{}{}{message}", who.0, what.1)));
    let key = (namespace.to_string(), name.clone());
    if let Some(event) = world.cluster.store.events.get_mut(&key) {
        let event = Arc::make_mut(event);
        event.count += 1;
        event.last_timestamp = Some(now);
        return;
    }
    let uid = world.cluster.store.metadata(object).map(|meta| meta.uid.clone()).unwrap_or_default();
    let mut event = Event {
        involved_object: ObjectReference {
            api_version: object.kind.api_version().into(),
            kind: object.kind.name().into(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            uid,
            field_path: String::new(),
        },
        reason: what.1.into(),
        message: message.into(),
        type_: what.0.into(),
        count: 1,
        first_timestamp: Some(now.clone()),
        last_timestamp: Some(now),
        source: EventSource { component: who.0.into(), host: who.1.into() },
        ..Event::default()
    };
    event.metadata.name = name;
    event.metadata.namespace = namespace.to_string();
    world.put(event);
}

/// Drops events older than an hour.
pub(crate) fn expire(world: &mut World) {
    let now = i64::try_from(world.cluster.clock()).unwrap_or(i64::MAX);
    world.cluster.store.events.retain(|_, event| {
        let last = event.last_timestamp.as_deref().and_then(seconds_of);
        last.is_none_or(|last| now - last < KEEP)
    });
}
