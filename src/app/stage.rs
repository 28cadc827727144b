//! The cluster stage: machines, Services and Pods as an SVG whose parts can be focused and chosen; packets run above it.

use super::i18n::use_speech;
use super::packets::{Burst, Packets};
use super::stage_player::Player;
use super::stage_things::{Things, n};
use crate::msg;
use crate::scene::geometry::{Point, Rect, Size, at};
use crate::scene::view::ClusterView;
use crate::scene::{ItemId, Options, Scene, stage};
use crate::session::BurstResult;
use crate::trace::Trace;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement, KeyboardEvent, ResizeObserver};
use yew::prelude::*;

/// What the stage shows.
#[derive(Clone, PartialEq, Properties)]
pub struct StageProps {
    /// The cluster.
    pub view: Rc<ClusterView>,
    /// The request that plays.
    #[prop_or_default]
    pub trace: Option<Rc<Trace>>,
    /// The clock: a `use_player` of the same trace.
    pub player: Player,
    /// What stands chosen.
    #[prop_or_default]
    pub selected: Option<ItemId>,
    /// Somebody chose a thing.
    #[prop_or_default]
    pub on_select: Callback<Selected>,
    /// Many requests: their dots run once for each new list.
    #[prop_or_default]
    pub burst: Option<Rc<Vec<BurstResult>>>,
    /// Things that a change flow touches right now.
    #[prop_or_default]
    pub touched: Rc<Vec<ItemId>>,
}

/// A chosen thing, and where it stands in the browser's window.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// Which thing.
    pub item: ItemId,
    /// In CSS pixels from the window's top left corner.
    pub anchor: Rect,
}

/// A scene that is compared by identity: it is made anew only when what it shows has changed.
#[derive(Clone)]
pub(super) struct Shown(pub Rc<Scene>);

impl PartialEq for Shown {
    fn eq(&self, other: &Shown) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// Compares by address.
struct Same<T>(Rc<T>);

impl<T> PartialEq for Same<T> {
    fn eq(&self, other: &Same<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// The cluster stage.
#[component]
pub fn Stage(props: &StageProps) -> Html {
    let speech = use_speech();
    let frame = use_node_ref();
    let size = use_size(&frame);
    let all_services = use_state(|| false);
    let scene = {
        let (view, trace) = (props.view.clone(), props.trace.clone());
        // Both are shared and never changed in place, so their addresses tell whether they are others, as long as they are kept.
        let node = props.selected.as_ref().and_then(|item| item.node(&view)).map(str::to_string);
        let (room, choice) = (*size, Options { all_services: *all_services, node });
        let identity = (Same(view.clone()), trace.clone().map(Same), room, choice.clone());
        let make = move || stage(&view, trace.as_deref(), room, choice);
        use_memo_by(identity, make)
    };
    // One callback for good, which asks for the newest handler: so a new handler draws nothing anew.
    let handler = use_mut_ref(|| props.on_select.clone());
    *handler.borrow_mut() = props.on_select.clone();
    let choose = use_callback(all_services.clone(), move |selected: Selected, all| match selected.item {
        ItemId::MoreServices => all.set(!**all),
        _ => {
            let handler = handler.borrow().clone();
            handler.emit(selected);
        }
    });
    let keys = keys(&props.player);
    let crowd = use_state(|| false);
    let on_crowd = use_callback((), {
        let crowd = crowd.setter();
        move |runs: bool, ()| crowd.set(runs)
    });
    let held = use_follow(&frame, &scene, props);
    use_chosen(&frame, &scene, props);
    let hold = Callback::from(move |()| *held.borrow_mut() = true);
    let shown = Shown(scene.clone());
    let (width, height) = (scene.picture.size.width, scene.picture.size.height);
    let name = match props.player.steps().len() {
        0 => speech.t("stage.picture"),
        count => speech.say(&msg!("stage.pictureHop", hop = props.player.step + 1, count = count)),
    };
    html! {
        <div class={classes!("stageview", scene.picture.transposed.then_some("upright"), (width > size.width).then_some("beyond"))} ref={frame} onkeydown={keys}
            onwheel={hold.reform(|_: WheelEvent| ())} ontouchmove={hold.reform(|_: TouchEvent| ())}>
            if size.width > 0.0 {
                <div class="stagesheet">
                    <svg class="stage" width={n(width)} height={n(height)} viewBox={format!("0 0 {} {}", n(width), n(height))}
                        role="group" aria-label={name}>
                        <Things scene={shown.clone()} selected={props.selected.clone()} touched={props.touched.clone()} {choose}/>
                        if let Some(trace) = &props.trace {
                            <Packets scene={shown.clone()} trace={trace.clone()} player={props.player.clone()} crowd={*crowd}/>
                        }
                    </svg>
                    if let (Some(burst), Some(trace)) = (&props.burst, &props.trace) {
                        <Burst scene={shown} trace={trace.clone()} results={burst.clone()} {on_crowd}/>
                    }
                </div>
            }
        </div>
    }
}

/// Where the stage is larger than its room, it follows the packet, until somebody scrolls by hand while this trace plays.
#[hook]
fn use_follow(frame: &NodeRef, scene: &Rc<Scene>, props: &StageProps) -> Rc<RefCell<bool>> {
    let held = use_mut_ref(|| false);
    {
        let held = held.clone();
        use_effect_with(props.trace.as_ref().map(Rc::as_ptr), move |_| *held.borrow_mut() = false);
    }
    let (frame, scene, let_go) = (frame.clone(), scene.clone(), held.clone());
    use_effect_with((props.player.clone(), Rc::as_ptr(&scene)), move |(player, _)| {
        let halt = scene.route.stops.get(player.step);
        let place = halt.and_then(|halt| Some(scene.route.legs.get(halt.leg)?.line.point(halt.to)));
        if let (Some(place), Some(frame), false) = (place, frame.cast::<HtmlElement>(), *let_go.borrow()) {
            bring_into_view(&frame, place);
        }
    });
    held
}

/// What is chosen elsewhere, in a list or in the other view, is brought into sight.
#[hook]
fn use_chosen(frame: &NodeRef, scene: &Rc<Scene>, props: &StageProps) {
    let (frame, scene) = (frame.clone(), scene.clone());
    use_effect_with(props.selected.clone(), move |item| {
        let place = item.as_ref().and_then(|item| scene.picture.rect(item));
        if let (Some(place), Some(frame)) = (place, frame.cast::<HtmlElement>()) {
            let (left, top) = (f64::from(frame.scroll_left()), f64::from(frame.scroll_top()));
            let sight = Rect::new(left, top, f64::from(frame.client_width()), f64::from(frame.client_height()));
            // A node may be higher than the stage's room; its name is what is looked for.
            let head = at(place.centre().x, place.centre().y.min(place.y + AROUND / 2.0));
            if !sight.holds(head) {
                bring_into_view(&frame, head);
            }
        }
    });
}

/// Room above and below the packet, for its label and the card that it comes to.
const AROUND: f64 = 72.0;

/// Scrolls as little as shows this place of the sheet; smoothly where the style says so.
fn bring_into_view(frame: &HtmlElement, place: Point) {
    let wanted = |at: f64, from: i32, room: i32, all: i32| {
        let (from, room) = (f64::from(from), f64::from(room));
        let wanted = from.max(at + AROUND - room).min(at - AROUND).clamp(0.0, (f64::from(all) - room).max(0.0));
        ((wanted - from).abs() >= 1.0).then_some(wanted as i32)
    };
    if let Some(top) = wanted(place.y, frame.scroll_top(), frame.client_height(), frame.scroll_height()) {
        frame.set_scroll_top(top);
    }
    if let Some(left) = wanted(place.x, frame.scroll_left(), frame.client_width(), frame.scroll_width()) {
        frame.set_scroll_left(left);
    }
}

/// Left and right step, with Shift from machine to machine; Home, End and Space.
fn keys(player: &Player) -> Callback<KeyboardEvent> {
    let player = player.clone();
    Callback::from(move |event: KeyboardEvent| {
        if press(&player, &event) {
            event.prevent_default();
        }
    })
}

/// Whether a key meant the player. Space belongs to the thing that has the focus where that is a button of its own.
pub(super) fn press(player: &Player, event: &KeyboardEvent) -> bool {
    if event.ctrl_key() || event.alt_key() || event.meta_key() {
        return false;
    }
    let on_button = event.target().and_then(|target| target.dyn_into::<Element>().ok()).is_some_and(|target| {
        target.tag_name().eq_ignore_ascii_case("button") || target.get_attribute("role").as_deref() == Some("button")
    });
    match (event.key().as_str(), event.shift_key()) {
        ("ArrowRight", false) => player.step_by(1),
        ("ArrowLeft", false) => player.step_by(-1),
        ("ArrowRight", true) => player.machine_by(1),
        ("ArrowLeft", true) => player.machine_by(-1),
        ("Home", _) => player.show(0),
        ("End", _) => player.show(usize::MAX),
        (" ", _) if !on_button => player.toggle(),
        _ => return false,
    }
    true
}

/// A value that is made anew when its key changes.
#[hook]
fn use_memo_by<K: PartialEq + 'static, T: 'static>(key: K, make: impl FnOnce() -> T) -> Rc<T> {
    let kept = use_mut_ref(|| None::<(K, Rc<T>)>);
    let mut kept = kept.borrow_mut();
    if let Some((_, value)) = kept.as_ref().filter(|(old, _)| *old == key) {
        return value.clone();
    }
    let value = Rc::new(make());
    *kept = Some((key, value.clone()));
    value
}

/// The room that an element has.
#[hook]
pub(super) fn use_size(frame: &NodeRef) -> UseStateHandle<Size> {
    let size = use_state(Size::default);
    let (frame, set) = (frame.clone(), size.clone());
    use_effect_with((), move |()| {
        let element = frame.cast::<HtmlElement>();
        let seen = std::cell::Cell::new(Size::default());
        let measure = {
            let element = element.clone();
            move || {
                let Some(element) = &element else { return };
                let now = Size { width: f64::from(element.client_width()), height: f64::from(element.client_height()) };
                if seen.replace(now) != now {
                    set.set(now);
                }
            }
        };
        measure();
        let heard = Closure::<dyn FnMut(JsValue)>::new(move |_: JsValue| measure());
        let observer = ResizeObserver::new(heard.as_ref().unchecked_ref()).ok();
        if let (Some(observer), Some(element)) = (&observer, &element) {
            observer.observe(element);
        }
        move || {
            if let Some(observer) = observer {
                observer.disconnect();
            }
            drop(heard);
        }
    });
    size
}
