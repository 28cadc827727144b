//! What an object says to controllers that are not played.

use super::Advice;
use crate::api::ObjectRef;
use crate::api::foreign::annotations::{Reader, unplayed};
use crate::diagnostic::Severity;
use crate::msg;

impl Advice<'_> {
    /// Annotations and labels that somebody reads who does not run here: one note for each reader.
    pub(super) fn read_elsewhere(&mut self, object: &ObjectRef, readers: &[Reader]) {
        let played = self.cluster.settings.played();
        let Some(meta) = self.store().metadata(object).cloned() else { return };
        for (who, keys) in readers.iter().flat_map(|reader| unplayed(*reader, &meta, played)) {
            let first = keys.split(',').next().unwrap_or_default();
            let part = if meta.annotations.contains_key(first) { "annotations" } else { "labels" };
            let message = msg!("advise.readElsewhere", keys = keys, who = who);
            self.tell(Severity::Info, object, &format!("metadata.{part}.{first}"), message, None, Vec::new());
        }
    }
}
