//! The page's panels: editor, composer, stage, timeline, dock, inspector.

use super::changes::use_flow;
use super::composer::Composer;
use super::dock::DockPanel;
use super::editor::Editor;
use super::embed::Embed;
use super::icon::icon;
use super::inspector::{Inspector, sentence};
use super::keys::use_letters;
use super::lessons::{LessonColumn, LessonList};
use super::root::{Part, Shared};
use super::stage_player::{Player, use_player};
use super::state::{Msg, Screen, Tab, View};
use super::storage;
use super::theater::Theater;
use super::topbar::{TabBar, TopBar};
use crate::scene::steps;
use crate::trace::{FieldRef, Hop};
use yew::prelude::*;

/// What a panel gets that shows the moment of a trace.
#[derive(Clone, PartialEq, Properties)]
pub struct Moment {
    /// The page's state.
    pub state: Shared,
    /// Takes messages.
    pub send: Callback<Msg>,
    /// The clock of the shown trace.
    pub player: Player,
    /// Which step of the last change plays.
    pub flow: usize,
}

impl Moment {
    /// Without the clock.
    pub fn part(&self) -> Part {
        Part { state: self.state.clone(), send: self.send.clone() }
    }

    /// The hop that is shown.
    pub fn hop(&self) -> Option<&Hop> {
        let run = self.state.run.as_ref()?;
        let steps = self.player.steps();
        steps::hop(&run.trace, steps.get(self.player.step)?)
    }

    /// The fields to blame for what is shown: the hop's own, and from where a request fails on, those of its advice.
    pub fn because(&self) -> &[FieldRef] {
        let Some((run, hop)) = self.state.run.as_ref().zip(self.hop()) else { return &[] };
        let steps = self.player.steps();
        let Some(step) = steps.get(self.player.step) else { return &[] };
        let over = steps::decided(&steps, &run.trace, &step.call).is_some_and(|decided| self.player.step >= decided);
        let advice = steps::call(&run.trace, step).and_then(|own| own.advice.as_ref());
        advice.filter(|_| over).map_or(&hop.because, |advice| &advice.because)
    }
}

/// All panels.
#[component]
pub fn Workbench(part: &Part) -> Html {
    let run = part.state.run.clone();
    let start = run.as_ref().map(|run| run.start).unwrap_or_default();
    let player = use_player(run.map(|run| run.trace.clone()), start);
    {
        // While a hundred run, the one packet rests: only one thing moves at a time.
        let player = player.clone();
        use_effect_with(part.state.bursts, move |bursts| {
            if *bursts > 0 {
                player.show(player.steps().len().saturating_sub(1));
            }
        });
    }
    {
        // The small player has no choice of speeds, so none that was made elsewhere counts there.
        let (player, embedded) = (player.clone(), part.state.screen == Screen::Embed);
        use_effect_with((), move |()| {
            if let Some(speed) = storage::speed().filter(|_| !embedded) {
                player.set_speed(speed);
            }
        });
    }
    let flow = use_flow(&part.state);
    let moment = Moment { state: part.state.clone(), send: part.send.clone(), player, flow };
    use_letters(&moment);
    if part.state.screen == Screen::Embed {
        return html! { <Embed ..moment/> };
    }
    if part.state.screen == Screen::Lessons && part.state.lesson.is_none() {
        return html! { <div class="app"><TopBar ..part.clone()/><Notice ..part.clone()/><LessonList ..part.clone()/></div> };
    }
    let lesson = part.state.lesson.clone();
    let locked = lesson.as_ref().is_some_and(|course| !course.confirmed);
    let tab = match part.state.tab {
        Tab::Stage => "on-stage",
        Tab::Yaml => "on-yaml",
        Tab::Kubectl => "on-kubectl",
        Tab::Results => "on-results",
    };
    html! {
        <div class={classes!("app", tab, (part.state.shown == View::Objects).then_some("objects"))}>
            <TopBar ..part.clone()/>
            <Notice ..part.clone()/>
            <main class={classes!("work", lesson.is_some().then_some("ls"))}>
                if lesson.is_some() { <LessonColumn ..part.clone()/> }
                <Editor ..moment.clone()/>
                <div class="mid">
                    <Composer ..part.clone()/>
                    <Theater ..moment.clone()/>
                    if lesson.is_none() { <DockPanel ..moment.clone()/> }
                    if lesson.is_some() && !locked { <Inspector ..moment.clone()/> }
                </div>
                if lesson.is_none() { <Inspector ..moment.clone()/> }
            </main>
            <TabBar ..part.clone()/>
            <div class="sr" aria-live="polite">{ sentence(&moment) }</div>
        </div>
    }
}

/// The engine fell: the text is kept. Or the page was opened by a link that leads nowhere.
#[component]
fn Notice(part: &Part) -> Html {
    if let Some(words) = part.state.stray {
        return stray(part, words);
    }
    part.state.fault.as_ref().map(|words| fault(part, words)).unwrap_or_default()
}

#[inline(never)]
fn stray(part: &Part, words: &str) -> Html {
    let speech = &part.state.speech;
    let close = part.send.reform(|_: MouseEvent| Msg::DismissStray);
    html! {
        <div class="notice" role="alert">{ icon("i-err", 16) }<div><b>{ speech.t(words) }</b><span>{ speech.t("link.instead") }</span></div>
            <button class="btn icon" aria-label={speech.t("close")} onclick={close}>{ icon("i-x", 16) }</button></div>
    }
}

#[inline(never)]
fn fault(part: &Part, words: &str) -> Html {
    let speech = &part.state.speech;
    let restart = part.send.reform(|_: MouseEvent| Msg::Reset);
    let close = part.send.reform(|_: MouseEvent| Msg::DismissFault);
    let hung = words == "timeout";
    html! {
        <div class="notice" role="alert">
            { icon("i-err", 16) }
            <div><b>{ speech.t("fault.title") }</b><span>{ speech.t(if hung { "fault.timeout" } else { "fault.panic" }) }</span><span>{ speech.t("fault.text") }</span>
                if !hung { <small>{ speech.t("fault.report") }{ " " }<code lang="en">{ words.to_string() }</code></small> }
            </div>
            <button class="btn fix" onclick={move |event| { restart.emit(event) }}>{ speech.t("fault.restart") }</button>
            <button class="btn icon" aria-label={speech.t("close")} onclick={close}>{ icon("i-x", 16) }</button>
        </div>
    }
}
