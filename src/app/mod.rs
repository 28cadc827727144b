//! The page.

pub mod engine;
pub mod i18n;
pub mod icon;
mod packets;
pub mod queue;
pub mod stage;
pub mod stage_player;
mod stage_pods;
mod stage_things;
pub mod timeline;
pub mod worker;

use engine::{Engine, EngineEvent};
use yew::prelude::*;

/// Puts the page into the document.
pub fn render() {
    yew::Renderer::<Page>::new().render();
}

/// Says whether the engine answers.
#[component]
pub fn Page() -> Html {
    let heard = use_state(String::new);
    let engine = use_mut_ref(|| None);
    {
        let heard = heard.clone();
        use_effect_with((), move |()| {
            let started = Engine::start(Callback::from(move |event: EngineEvent| heard.set(format!("{event:?}"))));
            started.send(crate::session::Command::Kubectl { line: "get pods".into() });
            *engine.borrow_mut() = Some(started);
        });
    }
    html! { <main><h1>{ "kubehop" }</h1><output>{ (*heard).clone() }</output></main> }
}
