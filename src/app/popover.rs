//! Things that float above the page: menus under a button, and dialogs.

use super::i18n::use_speech;
use super::icon::icon;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement};
use yew::prelude::*;

/// A menu's button and what it opens.
#[derive(Clone, PartialEq, Properties)]
pub struct MenuProps {
    /// In the button.
    pub label: Html,
    /// The button's class.
    #[prop_or_default]
    pub class: Classes,
    /// The button's name, where its label is a glyph alone.
    #[prop_or_default]
    pub name: Option<String>,
    /// Buttons with the role `menuitem`.
    pub children: Html,
}

/// A button that opens a menu. A choice, Escape, or a click elsewhere closes it; arrows walk through it.
#[component]
pub fn Menu(props: &MenuProps) -> Html {
    let open = use_state(|| false);
    let root = use_node_ref();
    let toggle = {
        let open = open.clone();
        Callback::from(move |_: MouseEvent| open.set(!*open))
    };
    let close = {
        let open = open.clone();
        Callback::from(move |_: MouseEvent| open.set(false))
    };
    let onfocusout = {
        let (open, root) = (open.clone(), root.clone());
        Callback::from(move |event: FocusEvent| {
            let next = event.related_target().and_then(|next| next.dyn_into::<web_sys::Node>().ok());
            let inside =
                root.cast::<HtmlElement>().is_some_and(|root| next.as_ref().is_some_and(|next| root.contains(Some(next))));
            if !inside {
                open.set(false);
            }
        })
    };
    let onkeydown = {
        let (open, root) = (open.clone(), root.clone());
        Callback::from(move |event: KeyboardEvent| {
            let Some(root) = root.cast::<HtmlElement>() else { return };
            match event.key().as_str() {
                "Escape" if *open => {
                    event.stop_propagation();
                    open.set(false);
                    focus(&root, 0);
                }
                "ArrowDown" | "ArrowUp" => {
                    event.prevent_default();
                    open.set(true);
                    walk(&root, event.key() == "ArrowDown");
                }
                _ => {}
            }
        })
    };
    html! {
        <div class="menu" ref={root} {onfocusout} {onkeydown}>
            <button type="button" class={props.class.clone()} aria-haspopup="menu" aria-expanded={open.to_string()} aria-label={props.name.clone()} onclick={toggle}>
                { props.label.clone() }
            </button>
            if *open { <div class="pop" role="menu" tabindex="-1" onclick={close}>{ props.children.clone() }</div> }
        </div>
    }
}

fn buttons(root: &HtmlElement) -> Vec<HtmlElement> {
    let Ok(list) = root.query_selector_all("button, [role=menuitem]") else { return Vec::new() };
    (0..list.length()).filter_map(|index| list.get(index)?.dyn_into().ok()).collect()
}

fn focus(root: &HtmlElement, index: usize) {
    if let Some(button) = buttons(root).get(index) {
        // A button that is shown takes the focus.
        let _ = button.focus();
    }
}

fn walk(root: &HtmlElement, down: bool) {
    let buttons = buttons(root);
    let focused = gloo::utils::document().active_element();
    let here = buttons.iter().position(|button| focused.as_ref() == Some(button.as_ref())).unwrap_or(0);
    let next = if down { here + 1 } else { here + buttons.len() - 1 };
    focus(root, next % buttons.len().max(1));
}

/// A dialog's title and body.
#[derive(Clone, PartialEq, Properties)]
pub struct DialogProps {
    /// Its name, as a heading.
    pub title: String,
    /// Asked to close.
    pub on_close: Callback<()>,
    /// Its class, for its width.
    #[prop_or_default]
    pub class: Classes,
    /// Its body.
    pub children: Html,
}

/// A modal dialog, while it is part of the page.
#[component]
pub fn Dialog(props: &DialogProps) -> Html {
    let speech = use_speech();
    let dialog = use_node_ref();
    {
        let dialog = dialog.clone();
        use_effect_with((), move |()| {
            if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
                // Only an open or detached dialog refuses.
                let _ = dialog.show_modal();
            }
        });
    }
    let closed = props.on_close.reform(|_: Event| ());
    // The browser's own way to close gives the focus back to where it was, and then tells of it.
    let close = {
        let dialog = dialog.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
                dialog.close();
            }
        })
    };
    let onclick = {
        let (dialog, close) = (dialog.clone(), close.clone());
        Callback::from(move |event: MouseEvent| {
            // The dialog itself is only hit beside its contents.
            if event.target().and_then(|target| target.dyn_into::<HtmlDialogElement>().ok()) == dialog.cast() {
                close.emit(event);
            }
        })
    };
    html! {
        <dialog ref={dialog} class={props.class.clone()} aria-labelledby="dialog-title" onclose={closed} {onclick}>
            <div class="dlg">
                <header><h2 id="dialog-title">{ props.title.clone() }</h2><button type="button" class="btn icon" aria-label={speech.t("close")} onclick={close}>{ icon("i-x", 16) }</button></header>
                { props.children.clone() }
            </div>
        </dialog>
    }
}
