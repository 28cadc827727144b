//! A field with a list under it: type to search, arrows to walk, Enter to take (the ARIA combobox pattern).

use super::icon::icon;
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// One choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// What it stands for.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// Beside it, quieter.
    pub note: String,
    /// Heading that it stands under.
    pub group: String,
    /// It will fail: `note` says why.
    pub fails: bool,
}

/// A field and its choices.
#[derive(Clone, PartialEq, Properties)]
pub struct ComboProps {
    /// Element id.
    pub id: &'static str,
    /// Accessible name.
    pub name: String,
    /// What stands in the field.
    pub value: String,
    /// All choices, grouped already.
    pub choices: Vec<Choice>,
    /// A choice was taken, by its position.
    pub on_take: Callback<usize>,
    /// Something was typed. Without it, only choices are taken.
    #[prop_or_default]
    pub on_type: Option<Callback<String>>,
    /// The list opens.
    #[prop_or_default]
    pub on_open: Callback<()>,
    /// What stands where nothing fits.
    pub empty: String,
    /// Names of code, in a fixed-width face.
    #[prop_or_default]
    pub mono: bool,
}

/// What of the list is open, searched and reached.
#[derive(Clone)]
struct List {
    open: UseStateHandle<bool>,
    search: UseStateHandle<Option<String>>,
    active: UseStateHandle<Option<usize>>,
}

impl List {
    fn close(&self) {
        self.open.set(false);
        self.search.set(None);
        self.active.set(None);
    }

    /// What is typed searches, and counts at once where anything may be typed.
    fn typed(&self, event: &InputEvent, on_type: Option<&Callback<String>>) {
        let text = event.target_unchecked_into::<HtmlInputElement>().value();
        self.open.set(true);
        self.active.set(None);
        self.search.set(Some(text.clone()));
        if let Some(on_type) = on_type {
            on_type.emit(text);
        }
    }
}

/// The choices that fit what is searched.
fn found(choices: &[Choice], search: Option<&String>) -> Vec<usize> {
    let needle = search.map(|search| search.to_lowercase()).unwrap_or_default();
    let fits = |choice: &Choice| {
        needle.is_empty() || [&choice.label, &choice.note, &choice.value].iter().any(|text| text.to_lowercase().contains(&needle))
    };
    (0..choices.len()).filter(|index| fits(&choices[*index])).collect()
}

/// The field.
#[component]
pub fn Combo(props: &ComboProps) -> Html {
    let open = use_state(|| false);
    {
        let on_open = props.on_open.clone();
        use_effect_with(*open, move |open| {
            if *open {
                on_open.emit(());
            }
        });
    }
    let search = use_state(|| None::<String>);
    let active = use_state(|| None::<usize>);
    let field = use_node_ref();
    let shown = found(&props.choices, search.as_ref());
    let list = List { open: open.clone(), search: search.clone(), active: active.clone() };
    let take = {
        let (list, on_take) = (list.clone(), props.on_take.clone());
        Callback::from(move |index: usize| {
            list.close();
            on_take.emit(index);
        })
    };
    let onclick = {
        let (open, field) = (open.clone(), field.clone());
        Callback::from(move |_: MouseEvent| {
            if !*open {
                open.set(true);
                if let Some(field) = field.cast::<HtmlInputElement>() {
                    field.select();
                }
            }
        })
    };
    let oninput = {
        let (list, on_type) = (list.clone(), props.on_type.clone());
        Callback::from(move |event: InputEvent| list.typed(&event, on_type.as_ref()))
    };
    let onblur = {
        let list = list.clone();
        Callback::from(move |_: FocusEvent| list.close())
    };
    let free = props.on_type.is_some();
    let onkeydown = keys(Keys { shown: shown.clone(), list, take: take.clone(), free });
    let value = if free { props.value.clone() } else { (*search).clone().unwrap_or_else(|| props.value.clone()) };
    let list = format!("{}-list", props.id);
    let option = |index: usize| format!("{}-{index}", props.id);
    html! {
        <div class={classes!("combo", props.mono.then_some("mono"))}>
            <input ref={field} id={props.id} role="combobox" aria-label={props.name.clone()} aria-expanded={open.to_string()} aria-autocomplete="list"
                aria-controls={list.clone()} aria-activedescendant={(*active).map(option)} autocomplete="off" autocapitalize="off" spellcheck="false"
                {value} {onclick} {oninput} {onblur} {onkeydown}/>
            { icon("i-down", 14) }
            <div class="pop list" id={list} role="listbox" aria-label={props.name.clone()} hidden={!*open}>
                if *open {
                    { options(props, &shown, *active, &take) }
                }
            </div>
        </div>
    }
}

/// What can be chosen, under headings.
#[inline(never)]
fn options(props: &ComboProps, shown: &[usize], active: Option<usize>, take: &Callback<usize>) -> Html {
    let mut group = "";
    html! { <>
        { for shown.iter().map(|index| {
            let choice = &props.choices[*index];
            let heading = (choice.group != group).then_some(&choice.group);
            group = &choice.group;
            let (take, index) = (take.clone(), *index);
            // Pressing must not take the focus out of the field before the click counts.
            let onmousedown = Callback::from(|event: MouseEvent| event.prevent_default());
            html! { <>
                if let Some(heading) = heading { <div class="eyebrow" role="presentation">{ heading.clone() }</div> }
                <div class={classes!("opt", (Some(index) == active).then_some("active"), choice.fails.then_some("fails"))} role="option" id={format!("{}-{index}", props.id)}
                    aria-selected={(choice.label == props.value || choice.value == props.value).to_string()} {onmousedown} onclick={Callback::from(move |_: MouseEvent| take.emit(index))}>
                    <span class="ol">{ choice.label.clone() }</span>if !choice.note.is_empty() { <span class="on">{ choice.note.clone() }</span> }
                </div>
            </> }
        }) }
        if shown.is_empty() { <div class="none">{ props.empty.clone() }</div> }
    </> }
}

struct Keys {
    shown: Vec<usize>,
    list: List,
    take: Callback<usize>,
    /// What is typed counts as it stands: Enter sends it.
    free: bool,
}

fn keys(Keys { shown, list: List { open, search, active }, take, free }: Keys) -> Callback<KeyboardEvent> {
    Callback::from(move |event: KeyboardEvent| {
        let here = active.and_then(|active| shown.iter().position(|index| *index == active));
        let count = shown.len();
        match event.key().as_str() {
            "ArrowDown" | "ArrowUp" => {
                event.prevent_default();
                let next = match (here, event.key() == "ArrowDown") {
                    _ if !*open => here.unwrap_or(0),
                    (None, true) => 0,
                    (None, false) => count.saturating_sub(1),
                    (Some(here), true) => (here + 1) % count.max(1),
                    (Some(here), false) => (here + count - 1) % count.max(1),
                };
                open.set(true);
                active.set(shown.get(next).copied());
                if let Some(index) = shown.get(next) {
                    reveal(&event, *index);
                }
            }
            "Enter" if *open && !event.ctrl_key() => {
                let only = (!free && search.is_some() && count == 1).then_some(0);
                if let Some(index) = here.or(only).and_then(|here| shown.get(here)) {
                    event.prevent_default();
                    take.emit(*index);
                } else {
                    open.set(false);
                }
            }
            "Escape" if *open => {
                event.stop_propagation();
                open.set(false);
                search.set(None);
            }
            _ => {}
        }
    })
}

/// Scrolls the list to the option that the arrows reached.
fn reveal(event: &KeyboardEvent, index: usize) {
    let field: HtmlInputElement = event.target_unchecked_into();
    if let Some(option) = gloo::utils::document().get_element_by_id(&format!("{}-{index}", field.id())) {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Nearest);
        option.scroll_into_view_with_scroll_into_view_options(&options);
    }
}
