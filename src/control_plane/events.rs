//! Event objects: what components report, in Kubernetes' own words.
//!
//! Imitates `client-go/tools/record`: an event that repeats counts up. Leaves out series.

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

/// For how many seconds an event has been said; 0: not yet.
pub(crate) fn age(world: &World, object: &ObjectRef, who: (&str, &str), what: (&str, &str), message: &str) -> i64 {
    let name = format!("{}.{}", object.name, suffix(&format!("{object}{}{}{message}", who.0, what.1)));
    let namespace = if object.namespace.is_empty() { "default" } else { &object.namespace };
    let event = world.cluster.store.events.get(&(namespace.to_string(), name));
    let first = event.and_then(|event| seconds_of(event.first_timestamp.as_deref()?));
    let now = i64::try_from(world.cluster.clock()).unwrap_or(i64::MAX);
    first.map_or(0, |first| now.saturating_sub(first).max(0))
}

/// Records an event that has been said `total` times by now. As the recorder's spam filter
/// (`events_cache.go`), one source says 25 things of one object and then one every five minutes.
pub(crate) fn reach(world: &mut World, object: &ObjectRef, who: (&str, &str), what: (&str, &str), message: &str, total: i64) {
    let name = format!("{}.{}", object.name, suffix(&format!("{object}{}{}{message}", who.0, what.1)));
    let namespace = if object.namespace.is_empty() { "default" } else { &object.namespace };
    let key = (namespace.to_string(), name);
    if !world.cluster.store.events.contains_key(&key) {
        record(world, object, who, what, message);
    }
    let (now, clock) = (world.timestamp(), i64::try_from(world.cluster.clock()).unwrap_or(i64::MAX));
    let from = (key.0.clone(), format!("{}.", object.name));
    let (mut others, mut first) = (0i64, clock);
    for (at, event) in world.cluster.store.events.range(from.clone()..) {
        if at.0 != from.0 || !at.1.starts_with(&from.1) {
            break;
        }
        if event.source.component == who.0 && event.involved_object.kind == object.kind.name() {
            first = first.min(event.first_timestamp.as_deref().and_then(seconds_of).unwrap_or(clock));
            others += if *at == key { 0 } else { i64::from(event.count) };
        }
    }
    let most = (BURST + (clock - first) / REFILL - others).max(1);
    let Some(event) = world.cluster.store.events.get_mut(&key) else { return };
    let count = i32::try_from(total.min(most)).unwrap_or(i32::MAX);
    if count > event.count {
        let event = Arc::make_mut(event);
        event.count = count;
        event.last_timestamp = Some(now);
    }
}

/// How many events of one object a source sends at once, and after how many seconds one more.
const BURST: i64 = 25;
const REFILL: i64 = 300;

/// Drops events older than an hour.
pub(crate) fn expire(world: &mut World) {
    let now = i64::try_from(world.cluster.clock()).unwrap_or(i64::MAX);
    world.cluster.store.events.retain(|_, event| {
        let last = event.last_timestamp.as_deref().and_then(seconds_of);
        last.is_none_or(|last| now - last < KEEP)
    });
}
