//! Settings, Share and About.

use super::examples::{self, Example, Goal};
use super::i18n::{Speech, marked, use_speech};
use super::icon::icon;
use super::popover::Dialog;
use super::root::Part;
use super::share;
use super::state::Msg;
use crate::msg;
use crate::settings::{Edge, Mode, Nodes, Provider, Settings as Cluster};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// Which dialog is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Open {
    #[default]
    Nothing,
    Settings,
    Share,
    About,
    Keys,
}

/// A dialog of the page.
#[derive(Clone, PartialEq, Properties)]
pub struct OpenProps {
    /// State and messages.
    pub part: Part,
    /// Asked to close.
    pub on_close: Callback<()>,
}

/// The cluster's settings; each change starts a fresh cluster with the same text.
#[component]
pub fn Settings(OpenProps { part, on_close }: &OpenProps) -> Html {
    let speech = use_speech();
    let settings = part.state.settings.clone();
    let set = |change: fn(&mut Cluster, String)| {
        let settings = settings.clone();
        part.send.reform(move |event: Event| {
            let mut settings = (*settings).clone();
            change(&mut settings, read(&event));
            Msg::Settings(Box::new(settings))
        })
    };
    let nodes = match &settings.nodes {
        Nodes::Count(count) => *count as usize,
        Nodes::List(list) => list.len(),
    };
    let t = |id: &str| speech.t(id);
    let option = |value: &'static str, selected: bool, label: String| html! { <option {value} {selected}>{ label }</option> };
    let provider = settings.load_balancer.provider;
    html! {
        <Dialog title={t("settings.title")} on_close={on_close.clone()}>
            <p class="quiet">{ t("settings.text") }</p>
            <div class="settings">
                <label for="set-nodes">{ t("settings.nodes") }</label>
                <input id="set-nodes" type="number" min="1" max="50" value={nodes.to_string()} onchange={set(|settings, value| settings.nodes = Nodes::Count(value.parse().unwrap_or(3).clamp(1, 50)))}/>
                <label for="set-mode">{ t("settings.mode") }</label>
                <select id="set-mode" onchange={set(|settings, value| settings.mode = if value == "nftables" { Mode::Nftables } else { Mode::Iptables })}>
                    { option("iptables", settings.mode == Mode::Iptables, "iptables".into()) }
                    { option("nftables", settings.mode == Mode::Nftables, "nftables".into()) }
                </select>
                <label for="set-provider">{ t("settings.provider") }</label>
                <select id="set-provider" onchange={set(|settings, value| settings.load_balancer.provider = match value.as_str() { "metallb" => Provider::Metallb, "aws" => Provider::Aws, "none" => Provider::None, _ => Provider::Cloud })}>
                    { option("cloud", provider == Provider::Cloud, t("settings.provider.cloud")) }
                    { option("metallb", provider == Provider::Metallb, t("settings.provider.metallb")) }
                    { option("aws", provider == Provider::Aws, t("settings.provider.aws")) }
                    { option("none", provider == Provider::None, t("settings.provider.none")) }
                </select>
                <label for="set-private">{ t("settings.private") }</label>
                <input id="set-private" type="checkbox" checked={settings.outside.private_nodes} onchange={set(|settings, value| settings.outside.private_nodes = value == "true")}/>
                <label for="set-edge">{ t("settings.edge") }</label>
                <select id="set-edge" onchange={set(|settings, value| settings.outside.edge = if value == "unreachable" { Edge::Unreachable } else { Edge::Blackhole })}>
                    { option("blackhole", settings.outside.edge == Edge::Blackhole, t("settings.edge.blackhole")) }
                    { option("unreachable", settings.outside.edge == Edge::Unreachable, t("settings.edge.unreachable")) }
                </select>
                <label for="set-controller">{ t("settings.controller") }</label>
                <input id="set-controller" type="checkbox" checked={settings.ingress.controller} onchange={set(|settings, value| settings.ingress.controller = value == "true")}/>
                <label for="set-redirect">{ t("settings.redirect") }</label>
                <input id="set-redirect" type="checkbox" checked={settings.ingress.https_redirect} onchange={set(|settings, value| settings.ingress.https_redirect = value == "true")}/>
            </div>
        </Dialog>
    }
}

/// What a control says now: a checkbox `true` or `false`.
fn read(event: &Event) -> String {
    if let Some(select) = event.target_dyn_into::<HtmlSelectElement>() {
        return select.value();
    }
    let Some(input) = event.target_dyn_into::<HtmlInputElement>() else { return String::new() };
    if input.type_() == "checkbox" { input.checked().to_string() } else { input.value() }
}

/// Longest fragment of a frame's address: what a page's editor takes without trouble.
const LONGEST_FRAME: usize = 30_000;

/// Whether this is an example as it opens, so that its name says everything.
fn plain(saved: &share::Saved) -> bool {
    let opens =
        |example: Example| saved.from == example.from && !matches!(example.target, Goal::Url(target) if target != saved.target);
    !saved.own
        && saved.events.is_empty()
        && !saved.keep_alive
        && matches!(saved.method.as_str(), "" | "GET")
        && saved.settings == Cluster::default()
        && examples::find(&saved.example).is_some_and(opens)
}

/// A link that brings the same cluster back, and a frame for a site that does the same.
#[component]
pub fn Share(OpenProps { part, on_close }: &OpenProps) -> Html {
    let speech = use_speech();
    let base = gloo::utils::window().location().href().unwrap_or_default();
    let base = base.split('#').next().unwrap_or_default().to_string();
    let saved = part.state.saved();
    let Some(fragment) = share::to_fragment(&saved) else {
        let (title, on_close) = (speech.t("share.title"), on_close.clone());
        return html! { <Dialog {title} {on_close}><p>{ speech.t("share.tooLong") }</p></Dialog> };
    };
    let link = format!("{base}#{fragment}");
    let shown = if part.state.lesson.is_none() && plain(&saved) { &saved.example } else { &fragment };
    let frame = (shown.len() <= LONGEST_FRAME).then(|| {
        format!("<iframe src=\"{base}#embed={shown}&amp;play=click\" width=\"760\" height=\"480\" title=\"kubehop\"></iframe>")
    });
    html! {
        <Dialog title={speech.t("share.title")} on_close={on_close.clone()}>
            <p class="quiet">{ speech.t("share.text") }</p>
            <Copied id="share-link" name={speech.t("share.link")} text={link.clone()}/>
            if link.len() > 8_000 { <p class="quiet">{ speech.t("share.long") }</p> }
            if let Some(frame) = frame {
                <p class="quiet">{ speech.t("share.embed") }</p>
                <Copied id="share-embed" name={speech.t("share.frame")} text={frame}/>
            } else {
                <p class="quiet">{ speech.t("share.embed.long") }</p>
            }
        </Dialog>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct CopiedProps {
    id: &'static str,
    name: String,
    text: String,
}

/// A text to copy.
#[component]
fn Copied(CopiedProps { id, name, text }: &CopiedProps) -> Html {
    let speech = use_speech();
    let done = use_state(|| false);
    let copy = {
        let (done, text) = (done.clone(), text.clone());
        Callback::from(move |_: MouseEvent| {
            // Where the clipboard is forbidden, the text can still be selected by hand.
            let _ = gloo::utils::window().navigator().clipboard().write_text(&text);
            done.set(true);
        })
    };
    html! {
        <div class="copied">
            <label for={*id}>{ name.clone() }</label>
            <div class="field"><input id={*id} readonly=true value={text.clone()}/></div>
            <button type="button" class="btn line" onclick={copy}>{ icon(if *done { "i-check" } else { "i-copy" }, 15) }<span aria-live="polite">{ speech.t(if *done { "copied" } else { "copy" }) }</span></button>
        </div>
    }
}

/// The figures of the comparisons, as the tests wrote them.
const PROOF: &str = include_str!("../../static/proof.txt");

fn figure(key: &str) -> &'static str {
    PROOF.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).unwrap_or("0")
}

/// How many cases agree, by what was compared.
fn proof(speech: &Speech) -> Html {
    let topics = ["iptables", "nftables", "slices", "dns", "admission", "updates", "apimachinery", "fields", "yaml", "describe"];
    let row = |topic: &&str| {
        let (goldens, fuzz) = (figure(&format!("goldens {topic}")), figure(&format!("fuzz {topic}")));
        let about = speech.t(&format!("about.proof.{topic}"));
        let row = match fuzz {
            "0" => msg!("about.proof.kept", what = about, goldens = goldens),
            _ => msg!("about.proof.row", what = about, goldens = goldens, fuzz = fuzz),
        };
        html! { <li>{ speech.say(&row) }</li> }
    };
    let (kubernetes, coredns) = (figure("kubernetes"), figure("coredns"));
    html! {
        <>
            <p>{ speech.say(&msg!("about.proof.text", kubernetes = kubernetes, coredns = coredns, kept = figure("kept"), kernel = figure("kernel"))) }</p>
            <ul>{ for topics.iter().map(row) }</ul>
        </>
    }
}

/// What is modelled, what is simplified, what is not.
#[component]
pub fn About(OpenProps { on_close, .. }: &OpenProps) -> Html {
    let speech = use_speech();
    let part = |id: &str| {
        let text = speech.t(id);
        let rows: Vec<Html> = text.split('\n').map(|row| html! { <li>{ marked(row) }</li> }).collect();
        html! { <ul>{ for rows }</ul> }
    };
    html! {
        <Dialog title={speech.t("about.title")} class="about" on_close={on_close.clone()}>
            <p>{ marked(&speech.t("about.text")) }</p>
            <h3>{ speech.t("about.modelled") }</h3>{ part("about.modelled.list") }
            <h3>{ speech.t("about.simplified") }</h3>{ part("about.simplified.list") }
            <h3>{ speech.t("about.not") }</h3>{ part("about.not.list") }
            <h3>{ speech.t("about.proof") }</h3>{ proof(&speech) }
        </Dialog>
    }
}

/// The keys, each with what it does.
const KEYS: [(&str, &str); 13] = [
    ("← →", "keys.step"),
    ("Shift ← →", "keys.machine"),
    ("Home End", "keys.ends"),
    ("P", "keys.play"),
    ("Space", "keys.space"),
    ("1 – 9", "keys.number"),
    ("V", "keys.view"),
    ("L", "keys.line"),
    ("?", "keys.help"),
    ("Ctrl Enter", "keys.send"),
    ("F6", "keys.panel"),
    ("Esc", "keys.escape"),
    ("Ctrl Z", "keys.undo"),
];

/// Every key of the page; those of a single letter can be turned off.
#[component]
pub fn Keys(OpenProps { part, on_close }: &OpenProps) -> Html {
    let speech = use_speech();
    let toggle = part.send.reform(|_: Event| Msg::Letters);
    html! {
        <Dialog title={speech.t("keys.title")} on_close={on_close.clone()}>
            <dl class="keys">{ for KEYS.iter().map(|(keys, does)| html! { <>
                <dt>{ for keys.split(' ').map(|key| if matches!(key, "–") { html! { { "–" } } } else { html! { <kbd>{ key }</kbd> } }) }</dt><dd>{ speech.t(does) }</dd>
            </> }) }</dl>
            <label class="check"><input type="checkbox" checked={part.state.letters} onchange={toggle}/>{ speech.t("keys.letters") }</label>
        </Dialog>
    }
}
