//! The page: one root with one reducer ([`state`]), a panel a file, the engine behind [`engine`].

pub mod address;
mod advice;
mod calls;
mod card;
pub mod changes;
pub mod combo;
pub mod composer;
pub mod dialogs;
pub mod dock;
pub mod editor;
pub mod embed;
pub mod engine;
pub mod examples;
pub mod explain;
pub mod field;
mod findings;
pub mod growth;
pub mod history;
pub mod hop_cards;
pub mod i18n;
pub mod icon;
pub mod inspector;
pub mod keys;
pub mod leaving;
pub mod lessons;
mod lines;
pub mod message;
pub mod object;
pub mod objects;
mod packets;
pub mod popover;
pub mod queue;
pub mod recording;
pub mod reducer;
pub mod results;
pub mod root;
pub mod share;
pub mod stage;
pub mod stage_player;
mod stage_pods;
mod stage_services;
mod stage_things;
pub mod state;
pub mod storage;
pub mod text;
pub mod theater;
pub mod timeline;
pub mod topbar;
mod undo;
mod undone;
pub mod wire;
pub mod wording;
pub mod workbench;
pub mod worker;
pub mod yaml;

/// Puts the page into the document.
pub fn render() {
    let root = gloo::utils::document().get_element_by_id("app");
    match root {
        Some(root) => yew::Renderer::<root::App>::with_root(root).render(),
        None => yew::Renderer::<root::App>::new().render(),
    };
}
