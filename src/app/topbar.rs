//! The bar on top: examples, lessons, language, theme, settings, share; and the tabs of a narrow page.

use super::dialogs::{About, Keys, Open, Settings, Share};
use super::examples::{self, EXAMPLES, Example};
use super::i18n::Language;
use super::icon::icon;
use super::popover::Menu;
use super::root::Part;
use super::share::Saved;
use super::state::{Msg, Screen, Tab, Theme};
use super::storage;
use crate::diagnostic::Severity;
use crate::msg;
use yew::prelude::*;

/// The sign, with or without the name.
pub fn brand(named: bool) -> Html {
    html! {
        <a class="brand" href="./" aria-label="kubehop">
            <svg width="26" height="20" viewBox="0 0 26 20" aria-hidden="true"><path class="arc" d="M4.500 14.500C6 5.500 12.500 3.200 17.300 9.400"/><circle class="from" cx="4.5" cy="15" r="3"/><circle class="ring" cx="19.5" cy="13.5" r="4.7"/><circle class="to" cx="19.5" cy="13.5" r="1.9"/></svg>
            if named { <b>{ "kubehop" }</b> }
        </a>
    }
}

/// The bar.
#[component]
pub fn TopBar(part: &Part) -> Html {
    let state = &part.state;
    let speech = &state.speech;
    let show = |what: Open| part.send.reform(move |_: MouseEvent| Msg::Open(what));
    let playground = state.screen == Screen::Playground;
    let go = |screen: Screen| {
        part.send.reform(move |event: MouseEvent| {
            event.prevent_default();
            Msg::Show(screen.clone())
        })
    };
    let title = match &state.lesson {
        Some(course) => super::lessons::text(speech, &course.lesson.title),
        None if !state.edited && examples::find(&state.example).is_some() => {
            speech.t(&format!("example.{}.title", state.example))
        }
        None => speech.t("top.own"),
    };
    let sign = |sign: &'static str, id: &str, what: Open| {
        let name = speech.t(id);
        html! { <button type="button" class="btn icon" aria-label={name.clone()} title={name} onclick={show(what)}>{ icon(sign, 16) }</button> }
    };
    let item = |id: &str, onclick: Callback<MouseEvent>| html! { <button type="button" role="menuitem" {onclick}>{ speech.t(id) }</button> };
    html! { <>
        <header class="top">
            { brand(true) }
            <h1 class="sr">{ "kubehop" }</h1>
            <nav class="nav" aria-label={speech.t("top.nav")}>
                <a href="#" aria-current={playground.then_some("page")} onclick={go(Screen::Playground)}>{ speech.t("top.playground") }</a>
                <ExamplesMenu ..part.clone()/>
                <a href="#lessons" aria-current={(!playground).then_some("page")} onclick={go(Screen::Lessons)}>{ speech.t("top.lessons") }</a>
            </nav>
            <div class="crumb"><b>{ title }</b></div>
            <span class="spacer"></span>
            <div class="wide">
                <Languages ..part.clone()/>
                <ThemeButton ..part.clone()/>
                { sign("i-gear", "settings.title", Open::Settings) }
                { sign("i-keys", "keys.title", Open::Keys) }
                { sign("i-info", "about.title", Open::About) }
            </div>
            <button type="button" class="btn line share" aria-label={speech.t("top.share")} onclick={show(Open::Share)}>{ icon("i-share", 16) }<span>{ speech.t("top.share") }</span></button>
            <div class="narrow"><Menu class="btn icon" name={speech.t("top.menu")} label={icon("i-menu", 18)}>
                { item("top.playground", go(Screen::Playground)) }
                { item("top.lessons", go(Screen::Lessons)) }
                { item("settings.title", show(Open::Settings)) }
                { item("about.title", show(Open::About)) }
                <button type="button" role="menuitem" lang={if speech.language == Language::En { "ko" } else { "en" }} onclick={part.send.reform({ let other = if speech.language == Language::En { Language::Ko } else { Language::En }; move |_: MouseEvent| Msg::Language(other) })}>
                    { if speech.language == Language::En { "한국어" } else { "English" } }</button>
                { item("top.theme", part.send.reform({ let next = next_theme(state.theme); move |_: MouseEvent| Msg::Theme(next) })) }
                { for EXAMPLES.iter().map(|example| example_item(part, *example)) }
            </Menu></div>
        </header>
        { if state.dialog == Open::Nothing { Html::default() } else { dialog(part) } }
    </> }
}

#[inline(never)]
fn dialog(part: &Part) -> Html {
    let close = part.send.reform(|()| Msg::Open(Open::Nothing));
    match part.state.dialog {
        Open::Nothing => Html::default(),
        Open::Settings => html! { <Settings part={part.clone()} on_close={close}/> },
        Open::Share => html! { <Share part={part.clone()} on_close={close}/> },
        Open::About => html! { <About part={part.clone()} on_close={close}/> },
        Open::Keys => html! { <Keys part={part.clone()} on_close={close}/> },
    }
}

fn example_item(part: &Part, example: Example) -> Html {
    let speech = &part.state.speech;
    html! {
        <button type="button" role="menuitem" onclick={part.send.reform(move |_: MouseEvent| Msg::Example(example))}>
            <b>{ speech.t(&format!("example.{}.title", example.id)) }</b><small>{ speech.t(&format!("example.{}.text", example.id)) }</small>
        </button>
    }
}

#[component]
fn ExamplesMenu(part: &Part) -> Html {
    let speech = &part.state.speech;
    let (works, fails): (Vec<Example>, Vec<Example>) = EXAMPLES.into_iter().partition(|example| !example.fails);
    let own = storage::own().filter(|own| part.state.example != own.example || own.example.is_empty());
    html! {
        <Menu class="navmenu" label={html! { <>{ speech.t("top.examples") }{ icon("i-down", 14) }</> }}>
            { for works.into_iter().map(|example| example_item(part, example)) }
            <div class="eyebrow" role="presentation">{ speech.t("top.examples.fail") }</div>
            { for fails.into_iter().map(|example| example_item(part, example)) }
            if let Some(own) = own {
                { own_item(part, own) }
            }
        </Menu>
    }
}

#[inline(never)]
fn own_item(part: &Part, own: Saved) -> Html {
    let speech = &part.state.speech;
    html! { <>
        <div class="eyebrow" role="presentation">{ speech.t("top.examples.own") }</div>
        <button type="button" role="menuitem" onclick={part.send.reform(move |_: MouseEvent| Msg::Load(Box::new(own.clone())))}><b>{ speech.t("top.own") }</b><small>{ speech.t("top.own.text") }</small></button>
    </> }
}

#[component]
fn Languages(part: &Part) -> Html {
    let speech = &part.state.speech;
    let button = |language: Language, name: &'static str| {
        let onclick = part.send.reform(move |_: MouseEvent| Msg::Language(language));
        html! { <button type="button" lang={language.code()} aria-pressed={(speech.language == language).to_string()} {onclick}>{ name }</button> }
    };
    html! { <div class="seg" role="group" aria-label={speech.t("top.language")}>{ button(Language::En, "EN") }{ button(Language::Ko, "한국어") }</div> }
}

fn next_theme(theme: Theme) -> Theme {
    match theme {
        Theme::Auto => Theme::Light,
        Theme::Light => Theme::Dark,
        Theme::Dark => Theme::Auto,
    }
}

#[component]
fn ThemeButton(part: &Part) -> Html {
    let theme = part.state.theme;
    let (sign, id) = match theme {
        Theme::Auto => ("i-auto", "theme.auto"),
        Theme::Light => ("i-sun", "theme.light"),
        Theme::Dark => ("i-moon", "theme.dark"),
    };
    let next = next_theme(theme);
    let name = part.state.say(&msg!("top.themeIs", theme = part.state.speech.t(id)));
    html! { <button type="button" class="btn icon" aria-label={name.clone()} title={name} onclick={part.send.reform(move |_: MouseEvent| Msg::Theme(next))}>{ icon(sign, 16) }</button> }
}

/// The tabs of a narrow page.
#[component]
pub fn TabBar(part: &Part) -> Html {
    let state = &part.state;
    let problems = state.findings(Severity::Error).count() + state.findings(Severity::Warning).count();
    let tab = |tab: Tab, sign: &'static str, id: &'static str, badge: usize| {
        let onclick = part.send.reform(move |_: MouseEvent| Msg::Tab(tab));
        html! {
            <button type="button" aria-pressed={(state.tab == tab).to_string()} {onclick}>
                { icon(sign, 20) }{ state.speech.t(id) }
                if badge > 0 { <span class="bd" aria-label={state.say(&msg!("editor.warnings", count = badge))}>{ badge }</span> }
            </button>
        }
    };
    html! {
        <nav class="tb" aria-label={state.speech.t("tab.label")}>
            { tab(Tab::Stage, "i-map", "tab.stage", 0) }{ tab(Tab::Yaml, "i-yaml", "tab.yaml", problems) }
            { tab(Tab::Kubectl, "i-term", "tab.kubectl", 0) }{ tab(Tab::Results, "i-bars", "tab.results", 0) }
        </nav>
    }
}
